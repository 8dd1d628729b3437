/* SPDX-License-Identifier: Apache-2.0 */
/* cursor - the only code that touches raw octets
 *
 * A reader or writer checks every access against its bounds. The first access that does not fit
 * makes it fail, and it stays failed: reads give zeros, writes do nothing. So a caller performs a
 * whole sequence and looks at `failed` once. Nothing here allocates; nothing can run past the end.
 */
#ifndef SN_CURSOR_H
#define SN_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A borrowed view: valid until the call it was handed to returns. Keeping it means copying it.
 * `data` may be NULL only when `len` is 0. */
struct sn_bytes {
    const uint8_t *data;
    size_t len;
};

struct sn_reader {
    const uint8_t *at;
    size_t left;
    bool failed;
};

struct sn_writer {
    uint8_t *start;
    size_t len, cap; /* octets written / room */
    bool failed;
};

static inline struct sn_bytes sn_bytes(const void *data, size_t len)
{
    return (struct sn_bytes){.data = data, .len = len};
}

static inline struct sn_bytes sn_text(const char *text)
{
    return sn_bytes(text, strlen(text));
}

static inline bool sn_bytes_equal(struct sn_bytes a, struct sn_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline struct sn_reader sn_reader(struct sn_bytes from)
{
    return (struct sn_reader){.at = from.data, .left = from.len};
}

/* The next `len` octets, or an empty view and a failed reader. */
static inline struct sn_bytes sn_read(struct sn_reader *r, size_t len)
{
    if (r->failed || len > r->left) {
        r->failed = true;
        return (struct sn_bytes){0};
    }
    struct sn_bytes taken = sn_bytes(r->at, len);
    if (len > 0)
        r->at += len;
    r->left -= len;
    return taken;
}

static inline uint8_t sn_read_u8(struct sn_reader *r)
{
    struct sn_bytes b = sn_read(r, 1);
    return b.len == 1 ? b.data[0] : 0;
}

static inline uint16_t sn_read_u16(struct sn_reader *r)
{
    struct sn_bytes b = sn_read(r, 2);
    return (uint16_t)(b.len == 2 ? b.data[0] << 8 | b.data[1] : 0);
}

static inline struct sn_bytes sn_read_rest(struct sn_reader *r)
{
    return sn_read(r, r->left);
}

static inline struct sn_writer sn_writer(uint8_t *into, size_t cap)
{
    return (struct sn_writer){.start = into, .cap = cap};
}

static inline void sn_write(struct sn_writer *w, struct sn_bytes b)
{
    if (w->failed || b.len > w->cap - w->len) {
        w->failed = true;
        return;
    }
    if (b.len > 0)
        memcpy(w->start + w->len, b.data, b.len);
    w->len += b.len;
}

static inline void sn_write_u8(struct sn_writer *w, uint8_t value)
{
    sn_write(w, sn_bytes(&value, 1));
}

static inline void sn_write_u16(struct sn_writer *w, uint16_t value)
{
    const uint8_t octets[2] = {(uint8_t)(value >> 8), (uint8_t)value};
    sn_write(w, sn_bytes(octets, sizeof octets));
}

/* What was written, or an empty view when something did not fit. */
static inline struct sn_bytes sn_written(const struct sn_writer *w)
{
    return w->failed ? (struct sn_bytes){0} : sn_bytes(w->start, w->len);
}

#endif
