/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/hash.h"

#include "tests/support/run.h"

/* SipHash-1-3 of the octets 0, 1, 2 ... under the key 0 .. 15: the vectors that other
 * implementations are tested with. */
static const struct {
    size_t len;
    uint64_t hash;
} known[] = {
    {0, 0xabac0158050fc4dc},  {1, 0xc9f49bf37d57ca93},  {7, 0xd3927d989bb11140},
    {8, 0x369095118d299a8e},  {15, 0xd320d86d2a519956}, {16, 0xcc4fdd1a7d908b66},
    {63, 0x9d199062b7bbb3a8},
};

START_TEST(known_answers)
{
    const struct hash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    uint8_t octets[64];

    for (uint8_t i = 0; i < 64; i++)
        octets[i] = i;
    ck_assert_uint_eq(keyed_hash(&key, octets, known[_i].len), known[_i].hash);
}
END_TEST

/* What CPython, which hashes with SipHash-1-3 too, gives under PYTHONHASHSEED=0. */
START_TEST(as_another_program_hashes)
{
    const struct hash_key zero = {0, 0};

    ck_assert_uint_eq(keyed_hash(&zero, "a", 1), 0x407448d2b89b1813);
    ck_assert_uint_eq(keyed_hash(&zero, "mqtt-sn gateway", 15), 0xcca49b337adbe182);
}
END_TEST

START_TEST(spreads_similar_names)
{
    const struct hash_key key = {1, 2};
    unsigned buckets[64] = {0};

    for (uint32_t i = 0; i < 64000; i++)
        buckets[table_hash(&key, &i, sizeof i) % 64]++;
    for (int i = 0; i < 64; i++) {
        ck_assert_uint_gt(buckets[i], 800);
        ck_assert_uint_lt(buckets[i], 1200);
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("hash");

    tcase_add_loop_test(tc, known_answers, 0, sizeof known / sizeof *known);
    tcase_add_test(tc, as_another_program_hashes);
    tcase_add_test(tc, spreads_similar_names);
    return run_case("hash", tc);
}
