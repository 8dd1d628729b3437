/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sim/stamp.h"

static size_t put_number(uint8_t *into, uint64_t value, char behind)
{
    uint8_t digits[20];
    size_t n = 0;

    do {
        digits[n++] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < n; i++)
        into[i] = digits[n - 1 - i];
    into[n] = (uint8_t)behind;
    return n + 1;
}

size_t stamp_write(const struct stamp *stamp, uint8_t *into, size_t size, size_t cap)
{
    uint8_t text[STAMP_MAX] = {'#'};
    size_t len = 1;

    len += put_number(text + len, stamp->run, ' ');
    len += put_number(text + len, stamp->client, ' ');
    len += put_number(text + len, stamp->sequence, ' ');
    len += put_number(text + len, stamp->time_us, ' ');
    text[len++] = '#';

    if (size == 0)
        size = len;
    if (size > cap)
        size = cap;
    memcpy(into, text, len < size ? len : size);
    if (size > len)
        memset(into + len, '.', size - len);
    return size;
}

static uint64_t take_number(struct sn_reader *r)
{
    uint64_t value = 0;
    uint8_t c = sn_read_u8(r);

    if (c < '0' || c > '9')
        r->failed = true;
    while (!r->failed && c >= '0' && c <= '9') {
        value = value * 10 + (uint64_t)(c - '0');
        c = sn_read_u8(r);
    }
    if (c != ' ')
        r->failed = true;
    return value;
}

bool stamp_read(struct stamp *out, struct sn_bytes payload)
{
    struct sn_reader r = sn_reader(payload);

    if (sn_read_u8(&r) != '#')
        return false;
    out->run = (uint32_t)take_number(&r);
    out->client = (uint32_t)take_number(&r);
    out->sequence = take_number(&r);
    out->time_us = take_number(&r);
    return sn_read_u8(&r) == '#' && !r.failed;
}
