/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/run.h"
#include "tools/dump/capture.h"

/* Two frames, "abc" and "de", of link type 113; the second field of the time is 500. */
#define LITTLE(magic)                                                                              \
    magic "\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x71\0\0\0"                                       \
          "\x0A\0\0\0\xF4\x01\0\0\x03\0\0\0\x03\0\0\0abc"                                          \
          "\x0B\0\0\0\xF4\x01\0\0\x02\0\0\0\x09\0\0\0de"
#define BIG(magic)                                                                                 \
    magic "\0\x02\0\x04\0\0\0\0\0\0\0\0\0\x04\0\0\0\0\0\x71"                                       \
          "\0\0\0\x0A\0\0\x01\xF4\0\0\0\x03\0\0\0\x03"                                             \
          "abc"                                                                                    \
          "\0\0\0\x0B\0\0\x01\xF4\0\0\0\x02\0\0\0\x09"                                             \
          "de"

#define SIZE         (sizeof LITTLE("1234") - 1)
#define FIRST_FRAME  24
#define SECOND_FRAME (FIRST_FRAME + 16 + 3)

static const struct {
    char octets[SIZE + 1];
    uint32_t nanoseconds;
} captures[] = {
    {LITTLE("\xD4\xC3\xB2\xA1"), 500000},
    {LITTLE("\x4D\x3C\xB2\xA1"), 500},
    {BIG("\xA1\xB2\xC3\xD4"), 500000},
    {BIG("\xA1\xB2\x3C\x4D"), 500},
};

static struct capture capture;

static FILE *file_of(const char *octets, size_t size)
{
    FILE *file = tmpfile();

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(octets, 1, size, file), size);
    rewind(file);
    return file;
}

START_TEST(reads_both_orders_and_resolutions)
{
    FILE *file = file_of(captures[_i].octets, SIZE);
    struct frame frame;

    ck_assert(capture_begins_with((uint8_t)captures[_i].octets[0]));
    ck_assert_int_eq(capture_open(&capture, file), CAPTURE_OK);
    ck_assert_uint_eq(capture.link_type, 113);
    ck_assert_int_eq(capture_next(&capture, &frame), CAPTURE_OK);
    ck_assert(sn_bytes_equal(frame.octets, sn_text("abc")));
    ck_assert_uint_eq(frame.seconds, 10);
    ck_assert_uint_eq(frame.nanoseconds, captures[_i].nanoseconds);
    ck_assert_int_eq(capture_next(&capture, &frame), CAPTURE_OK);
    ck_assert(sn_bytes_equal(frame.octets, sn_text("de")));
    ck_assert_uint_eq(frame.seconds, 11);
    ck_assert_int_eq(capture_next(&capture, &frame), CAPTURE_END);
    fclose(file);
}
END_TEST

static enum capture_result read_to_the_end(FILE *file)
{
    struct frame frame;
    enum capture_result result = capture_open(&capture, file);

    while (result == CAPTURE_OK)
        result = capture_next(&capture, &frame);
    return result;
}

START_TEST(notices_every_cut)
{
    for (size_t size = 0; size < SIZE; size++) {
        FILE *file = file_of(captures[_i].octets, size);
        bool between = size == FIRST_FRAME || size == SECOND_FRAME;
        ck_assert_int_eq(read_to_the_end(file), size < FIRST_FRAME ? CAPTURE_FOREIGN
                                                : between          ? CAPTURE_END
                                                                   : CAPTURE_BROKEN);
        fclose(file);
    }
}
END_TEST

START_TEST(refuses_what_is_none)
{
    static const char text[] = LITTLE("\xD4\xC3\xB2\xA2");
    static const char huge[] = "\xD4\xC3\xB2\xA1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x71\0\0\0"
                               "\x0A\0\0\0\0\0\0\0\x01\0\x04\0\x01\0\x04\0";
    FILE *foreign = file_of(text, SIZE), *long_frame = file_of(huge, sizeof huge - 1);

    ck_assert_int_eq(read_to_the_end(foreign), CAPTURE_FOREIGN);
    ck_assert_int_eq(read_to_the_end(long_frame), CAPTURE_BROKEN);
    ck_assert(!capture_begins_with('0') && !capture_begins_with('f') && !capture_begins_with(EOF));
    fclose(foreign);
    fclose(long_frame);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("dump_capture");

    tcase_add_loop_test(tc, reads_both_orders_and_resolutions, 0, 4);
    tcase_add_loop_test(tc, notices_every_cut, 0, 4);
    tcase_add_test(tc, refuses_what_is_none);
    return run_case("dump_capture", tc);
}
