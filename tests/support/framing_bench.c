/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/framing_bench.h"

#include <check.h>
#include <ctype.h>
#include <stdlib.h>

static void say_octets(FILE *stream, struct sn_bytes octets)
{
    for (size_t i = 0; i < octets.len; i++)
        fprintf(stream, " %02X", octets.data[i]);
    fputc('\n', stream);
}

static void on_packet(void *self, const struct framing_origin *origin, struct sn_bytes packet)
{
    struct framing_bench *b = self;

    fputs("packet", b->stream);
    for (size_t i = 0; i < origin->from.len; i++)
        fprintf(b->stream, "%s%02X", i == 0 ? " " : "", origin->from.octets[i]);
    if (origin->from.broadcast)
        fputs(" broadcast", b->stream);
    if (origin->has_lqi)
        fprintf(b->stream, " lqi=%u", origin->lqi);
    if (origin->has_rssi)
        fprintf(b->stream, " rssi=%d", origin->rssi);
    say_octets(b->stream, packet);
    b->from = origin->from;
    b->packets++;
}

static void on_write(void *self, struct sn_bytes octets)
{
    struct framing_bench *b = self;

    fputs("write", b->stream);
    say_octets(b->stream, octets);
}

static void on_sent(void *self, uint32_t ticket, enum framing_sent result)
{
    static const char *const results[] = {
        [FRAMING_DELIVERED] = "delivered",     [FRAMING_TRY_AGAIN] = "try again",
        [FRAMING_UNREACHABLE] = "unreachable", [FRAMING_TOO_LONG] = "too long",
        [FRAMING_UNKNOWN] = "unknown",         [FRAMING_OVERDUE] = "overdue",
    };
    struct framing_bench *b = self;

    fprintf(b->stream, "sent %u %s\n", ticket, results[result]);
}

static void on_reset(void *self)
{
    struct framing_bench *b = self;

    fputs("reset\n", b->stream);
}

static void on_room(void *self, size_t max_packet)
{
    struct framing_bench *b = self;

    fprintf(b->stream, "room %zu\n", max_packet);
    ck_assert_uint_eq(framing_room(b->framing), max_packet);
}

void framing_bench_open(struct framing_bench *b, const struct framing_options *options)
{
    const struct framing_sink sink = {b, on_packet, on_write, on_sent, on_reset, on_room};

    *b = (struct framing_bench){.now = 1000};
    b->stream = open_memstream(&b->said, &b->said_len);
    b->framing = framing_new(options, &sink);
    ck_assert(b->stream && b->framing);
    framing_start(b->framing, b->now);
}

void framing_bench_close(struct framing_bench *b)
{
    framing_free(b->framing);
    fclose(b->stream);
    free(b->said);
}

void framing_bench_forget(struct framing_bench *b)
{
    fclose(b->stream);
    free(b->said);
    b->stream = open_memstream(&b->said, &b->said_len);
    b->packets = 0;
    ck_assert_ptr_nonnull(b->stream);
}

const char *framing_bench_said(struct framing_bench *b)
{
    fflush(b->stream);
    return b->said;
}

void framing_bench_expect(struct framing_bench *b, const char *said)
{
    ck_assert_str_eq(framing_bench_said(b), said);
    framing_bench_forget(b);
}

void framing_bench_hear(struct framing_bench *b, struct sn_bytes octets)
{
    framing_receive(b->framing, b->now, octets);
}

void framing_bench_hear_hex(struct framing_bench *b, const char *hex)
{
    uint8_t *octets;
    struct sn_bytes heard = hex_octets(hex, &octets);

    framing_bench_hear(b, heard);
    free(octets);
}

void framing_bench_hear_slowly(struct framing_bench *b, struct sn_bytes octets, size_t step)
{
    for (size_t at = 0; at < octets.len; at += step) {
        size_t left = octets.len - at, len = left < step ? left : step;
        uint8_t *exact = malloc(len); /* so that the address sanitizer sees its end */
        ck_assert_ptr_nonnull(exact);
        memcpy(exact, octets.data + at, len);
        framing_bench_hear(b, sn_bytes(exact, len));
        free(exact);
    }
}

void framing_bench_pass(struct framing_bench *b, uint64_t ms)
{
    uint64_t until = b->now + ms;

    for (uint64_t due; (due = framing_deadline(b->framing)) <= until;) {
        b->now = due > b->now ? due : b->now;
        framing_expire(b->framing, b->now);
        ck_assert_uint_gt(framing_deadline(b->framing), b->now); /* or a caller would spin */
    }
    b->now = until;
}

void framing_bench_encodes(struct framing_bench *b, uint32_t ticket,
                           const struct framing_address *to, const char *packet, const char *wire)
{
    uint8_t *octets, *expected;
    struct sn_bytes message = hex_octets(packet, &octets);
    struct sn_bytes want = hex_octets(wire, &expected);
    struct sn_bytes got = framing_encode(b->framing, b->now, ticket, to, 0, message);
    char *text = hex_text(got), *want_text = hex_text(want);

    ck_assert_str_eq(text, want_text);
    free(text);
    free(want_text);
    free(octets);
    free(expected);
}

char *hex_text(struct sn_bytes octets)
{
    char *text = calloc(octets.len + 1, 3);

    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < octets.len; i++)
        snprintf(text + 3 * i, 4, "%02X ", octets.data[i]);
    return text;
}

struct sn_bytes hex_octets(const char *hex, uint8_t **into)
{
    size_t len = 0;

    *into = malloc(strlen(hex) / 2 + 1);
    ck_assert_ptr_nonnull(*into);
    for (; *hex; hex++) {
        if (isspace((unsigned char)*hex))
            continue;
        ck_assert(isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)hex[1]));
        const char octet[] = {hex[0], hex[1], '\0'};
        (*into)[len++] = (uint8_t)strtoul(octet, NULL, 16);
        hex++;
    }
    return sn_bytes(*into, len);
}
