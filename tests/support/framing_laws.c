/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/framing_laws.h"

#include <check.h>
#include <stdlib.h>

#define SILENCE_MS 1000

static uint32_t random_next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void begin(struct framing_bench *b, const struct framing_law *law)
{
    framing_bench_open(b, &law->options);
    framing_bench_pass(b, 60 * 1000); /* whatever it does first is over */
    framing_bench_forget(b);
}

/* Before the end of `said` there may be a frame whose end was all that was missing. */
static void hears_last(struct framing_bench *b, const char *said)
{
    const char *all = framing_bench_said(b);
    size_t len = strlen(all), said_len = strlen(said);

    ck_assert_msg(len >= said_len && strcmp(all + len - said_len, said) == 0, "%s, not %s", all,
                  said);
    framing_bench_forget(b);
}

static void ping_is_heard(struct framing_bench *b, const struct framing_law *law)
{
    framing_bench_pass(b, SILENCE_MS);
    framing_bench_forget(b);
    framing_bench_hear_hex(b, law->ping.wire);
    hears_last(b, law->ping.said);
}

static void check_both_ways(const struct framing_law *law, const struct framing_example *e)
{
    struct framing_bench b;

    begin(&b, law);
    framing_bench_hear_hex(&b, e->wire);
    framing_bench_expect(&b, e->said);
    framing_bench_encodes(&b, 7, NULL, e->said + strlen("packet"), e->wire);
    framing_bench_expect(&b, "sent 7 delivered\n");
    framing_bench_close(&b);
}

void law_both_ways(const struct framing_law *law)
{
    for (int i = 0; i < law->count; i++)
        check_both_ways(law, &law->examples[i]);
}

void odd_frame_is_counted(const struct framing_law *law, const struct framing_odd *odd)
{
    const size_t frames_in = offsetof(struct framing_counters, frames_in) / sizeof(uint64_t);
    const size_t valid = offsetof(struct framing_counters, valid) / sizeof(uint64_t);
    const size_t skipped = offsetof(struct framing_counters, skipped_octets) / sizeof(uint64_t);
    struct framing_bench b;

    begin(&b, law);
    struct framing_counters before = *framing_counters(b.framing);
    framing_bench_hear_hex(&b, odd->wire);
    framing_bench_expect(&b, odd->said);
    const uint64_t *was = (const uint64_t *)&before;
    const uint64_t *is = (const uint64_t *)framing_counters(b.framing);
    for (size_t i = 0; i < sizeof before / sizeof *is; i++)
        if (i == odd->counter / sizeof *is && i != frames_in)
            ck_assert_uint_gt(is[i], was[i]);
        else if (i != frames_in && i != valid && i != skipped)
            ck_assert_uint_eq(is[i], was[i]);
    ping_is_heard(&b, law);
    framing_bench_close(&b);
}

void law_prefix_then_silence(const struct framing_law *law)
{
    for (int i = 0; i < law->count; i++) {
        uint8_t *octets;
        struct sn_bytes wire = hex_octets(law->examples[i].wire, &octets);
        for (size_t len = 0; len < wire.len; len++) {
            struct framing_bench b;
            begin(&b, law);
            framing_bench_hear(&b, sn_bytes(octets, len));
            ping_is_heard(&b, law);
            framing_bench_hear(&b, sn_bytes(octets, len));
            b.now += SILENCE_MS; /* a caller that was busy and expired nothing */
            framing_bench_forget(&b);
            framing_bench_hear_hex(&b, law->ping.wire);
            hears_last(&b, law->ping.said);
            framing_bench_close(&b);
        }
        free(octets);
    }
}

/* All examples, one behind the other, and what is said to them. */
static struct sn_bytes all_examples(const struct framing_law *law, char **said)
{
    size_t size = 1, said_size = 1, len = 0;
    uint8_t *all;

    for (int i = 0; i < law->count; i++) {
        size += strlen(law->examples[i].wire);
        said_size += strlen(law->examples[i].said);
    }
    all = malloc(size);
    *said = calloc(1, said_size);
    ck_assert(all && *said);
    for (int i = 0; i < law->count; i++) {
        uint8_t *octets;
        struct sn_bytes wire = hex_octets(law->examples[i].wire, &octets);
        memcpy(all + len, wire.data, wire.len);
        len += wire.len;
        strcat(*said, law->examples[i].said);
        free(octets);
    }
    return sn_bytes(all, len);
}

void law_any_pieces(const struct framing_law *law)
{
    char *said;
    struct sn_bytes all = all_examples(law, &said);
    struct framing_bench b, whole;
    struct framing_counters counters;

    begin(&whole, law);
    framing_bench_hear(&whole, all);
    ck_assert_str_eq(framing_bench_said(&whole), said);
    counters = *framing_counters(whole.framing);
    for (size_t step = 1; step < 12; step++) {
        begin(&b, law);
        framing_bench_hear_slowly(&b, all, step);
        framing_bench_expect(&b, said);
        ck_assert_mem_eq(framing_counters(b.framing), &counters, sizeof counters);
        framing_bench_close(&b);
    }
    framing_bench_close(&whole);
    free((void *)(uintptr_t)all.data);
    free(said);
}

/* Every line that was said must be one that some example may say. */
static void only_true_packets(struct framing_bench *b, const struct framing_law *law)
{
    char *all = strdup(framing_bench_said(b)), *next;

    ck_assert_ptr_nonnull(all);
    for (char *line = all; *line; line = next) {
        char *end = strchr(line, '\n');
        bool known = strncmp(line, "packet", 6) != 0;
        ck_assert_ptr_nonnull(end);
        *end = '\0';
        next = end + 1;
        for (int i = 0; i < law->count && !known; i++)
            known = strstr(law->examples[i].said, line) != NULL;
        ck_assert_msg(known, "nobody sent: %s", line);
    }
    free(all);
}

void law_flipped_bit(const struct framing_law *law)
{
    for (int i = 0; i < law->count; i++) {
        uint8_t *octets;
        struct sn_bytes wire = hex_octets(law->examples[i].wire, &octets);
        for (size_t bit = 0; bit < 8 * wire.len; bit++) {
            struct framing_bench b;
            begin(&b, law);
            octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
            framing_bench_hear(&b, wire);
            octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
            framing_bench_pass(&b, SILENCE_MS);
            if (!law->weak)
                only_true_packets(&b, law);
            ping_is_heard(&b, law);
            framing_bench_close(&b);
        }
        free(octets);
    }
}

/* Gives what became of one octet on a bad line: 0, 1 or 2 octets. */
static size_t spoil(uint32_t *seed, uint8_t octet, uint8_t into[2])
{
    uint32_t dice = random_next(seed);

    into[0] = into[1] = octet;
    if (dice % 1000 != 0)
        return 1;
    into[1] ^= (uint8_t)(1 + (dice >> 24) % 255);
    switch (dice >> 16 & 3) {
    case 0: return 0;
    case 1: return 2;
    default: into[0] = into[1]; return 1;
    }
}

static unsigned packets_in(const char *said)
{
    unsigned count = 0;

    while ((said = strstr(said, "packet"))) {
        count++;
        said++;
    }
    return count;
}

void law_noise(const struct framing_law *law)
{
    enum { ROUNDS = 200 };
    uint32_t seed = 20240229;
    char *said;
    struct sn_bytes all = all_examples(law, &said);
    struct framing_bench b;
    unsigned heard = 0;

    begin(&b, law);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < all.len; i++) {
            uint8_t octets[2];
            framing_bench_hear(&b, sn_bytes(octets, spoil(&seed, all.data[i], octets)));
        }
        if (!law->weak)
            only_true_packets(&b, law);
        heard += b.packets;
        framing_bench_forget(&b);
    }
    ck_assert_uint_gt(heard, packets_in(said) * ROUNDS * 8 / 10);
    ping_is_heard(&b, law);
    framing_bench_close(&b);
    free((void *)(uintptr_t)all.data);
    free(said);
}

void law_random_octets(const struct framing_law *law)
{
    const char *megabytes = getenv("FRAMING_RANDOM_MB");
    size_t chunks = (megabytes ? strtoul(megabytes, NULL, 10) : 4) << 10;
    uint32_t seed = 1883, octets[256];
    struct framing_bench b;

    begin(&b, law);
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        for (size_t i = 0; i < 256; i++)
            octets[i] = random_next(&seed);
        framing_bench_hear(&b, sn_bytes(octets, sizeof octets));
        if (chunk % 1024 == 0)
            framing_bench_forget(&b);
    }
    ping_is_heard(&b, law);
    framing_bench_close(&b);
}
