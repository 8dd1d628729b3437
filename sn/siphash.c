/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/siphash.h"

#include <string.h>

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

struct state {
    uint64_t a, b, c, d;
};

static void sip_round(struct state *v)
{
    v->a += v->b;
    v->b = rotate(v->b, 13) ^ v->a;
    v->a = rotate(v->a, 32);
    v->c += v->d;
    v->d = rotate(v->d, 16) ^ v->c;
    v->a += v->d;
    v->d = rotate(v->d, 21) ^ v->a;
    v->c += v->b;
    v->b = rotate(v->b, 17) ^ v->c;
    v->c = rotate(v->c, 32);
}

static void absorb(struct state *v, uint64_t word)
{
    v->d ^= word;
    sip_round(v);
    v->a ^= word;
}

uint64_t sn_siphash(const uint64_t key[2], const void *data, size_t len)
{
    const uint8_t *at = data;
    struct state v = {
        .a = key[0] ^ 0x736f6d6570736575U, /* the algorithm's initial constants */
        .b = key[1] ^ 0x646f72616e646f6dU,
        .c = key[0] ^ 0x6c7967656e657261U,
        .d = key[1] ^ 0x7465646279746573U,
    };
    uint64_t word;

    for (size_t whole = len / 8; whole > 0; whole--, at += 8) {
        memcpy(&word, at, 8);
        absorb(&v, word);
    }
    word = 0;
    if (len % 8 > 0)
        memcpy(&word, at, len % 8);
    absorb(&v, word | (uint64_t)len << 56);
    v.c ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(&v);
    return v.a ^ v.b ^ v.c ^ v.d;
}
