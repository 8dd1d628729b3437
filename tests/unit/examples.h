/* SPDX-License-Identifier: Apache-2.0 */
/* examples - the messages of examples.def as a table, and hex text as octets */
#ifndef TESTS_UNIT_EXAMPLES_H
#define TESTS_UNIT_EXAMPLES_H

#include "sn/packet.h"

struct example {
    const char *hex;
    struct sn_packet packet;
};

#define BODY(text) .body = {(const uint8_t *)(text), sizeof(text) - 1}
static const struct example examples[] = {
#define EXAMPLE(hex, ...) {hex, {__VA_ARGS__}},
#include "tests/unit/examples.def"
#undef EXAMPLE
};
#undef BODY

#define EXAMPLES ((int)(sizeof examples / sizeof examples[0]))

/* Reads "0B 0C .."; what is no upper-case hex digit is skipped. */
static inline struct sn_bytes from_hex(const char *hex, uint8_t *into, size_t cap)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t digit_count = 0;

    for (; *hex && digit_count / 2 < cap; hex++) {
        const char *digit = strchr(digits, *hex);
        if (!digit)
            continue;
        unsigned value = (unsigned)(digit - digits);
        uint8_t *octet = &into[digit_count / 2];
        *octet = (uint8_t)(digit_count % 2 ? *octet * 16u + value : value);
        digit_count++;
    }
    return sn_bytes(into, digit_count / 2);
}

static inline bool same_packet(const struct sn_packet *a, const struct sn_packet *b)
{
    return a->type == b->type && a->flags == b->flags && a->protocol_id == b->protocol_id &&
           a->gw_id == b->gw_id && a->radius == b->radius && a->return_code == b->return_code &&
           a->duration == b->duration && a->topic_id == b->topic_id && a->msg_id == b->msg_id &&
           sn_bytes_equal(a->body, b->body);
}

#endif
