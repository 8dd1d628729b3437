/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/framing/crc.h"
#include "tests/support/run.h"

static const struct {
    const char *over;
    uint16_t xmodem, x25;
} sums[] = {
    {"", 0x0000, 0x0000},
    {"123456789", 0x31C3, 0x906E},
    {"\x02\x16", 0x1495, 0x4940},
};

START_TEST(gives_the_known_sums)
{
    ck_assert_uint_eq(crc_xmodem(sn_text(sums[_i].over)), sums[_i].xmodem);
    ck_assert_uint_eq(crc_x25(sn_text(sums[_i].over)), sums[_i].x25);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("framing_crc");

    tcase_add_loop_test(tc, gives_the_known_sums, 0, (int)(sizeof sums / sizeof sums[0]));
    return run_case("framing_crc", tc);
}
