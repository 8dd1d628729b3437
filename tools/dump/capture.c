/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/dump/capture.h"

#define FILE_HEADER  24
#define FRAME_HEADER 16

/* The magic number as it stands in the file, octet by octet. */
static const struct magic {
    uint8_t octets[4];
    bool little_endian, in_nanoseconds;
} magics[] = {
    {{0xD4, 0xC3, 0xB2, 0xA1}, true, false},
    {{0xA1, 0xB2, 0xC3, 0xD4}, false, false},
    {{0x4D, 0x3C, 0xB2, 0xA1}, true, true},
    {{0xA1, 0xB2, 0x3C, 0x4D}, false, true},
};

#define MAGICS (sizeof magics / sizeof magics[0])

bool capture_begins_with(int octet)
{
    for (size_t i = 0; i < MAGICS; i++)
        if (magics[i].octets[0] == octet)
            return true;
    return false;
}

static uint32_t read_u32(const struct capture *c, struct sn_reader *r)
{
    struct sn_bytes b = sn_read(r, 4);
    uint32_t value = 0;

    for (size_t i = 0; i < b.len; i++)
        value = value << 8 | b.data[c->little_endian ? b.len - 1 - i : i];
    return value;
}

enum capture_result capture_open(struct capture *c, FILE *file)
{
    uint8_t header[FILE_HEADER];
    const struct magic *magic = magics;

    if (fread(header, 1, sizeof header, file) != sizeof header)
        return CAPTURE_FOREIGN;
    while (magic < magics + MAGICS && memcmp(header, magic->octets, sizeof magic->octets) != 0)
        magic++;
    if (magic == magics + MAGICS)
        return CAPTURE_FOREIGN;

    c->file = file;
    c->little_endian = magic->little_endian;
    c->in_nanoseconds = magic->in_nanoseconds;
    struct sn_reader r = sn_reader(sn_bytes(header, sizeof header));
    sn_read(&r, FILE_HEADER - 4);            /* version, time zone, snapshot length */
    c->link_type = read_u32(c, &r) & 0xFFFF; /* above it: the length of a checksum */
    return CAPTURE_OK;
}

enum capture_result capture_next(struct capture *c, struct frame *out)
{
    uint8_t header[FRAME_HEADER];
    size_t got = fread(header, 1, sizeof header, c->file);

    if (got == 0)
        return CAPTURE_END;
    if (got != sizeof header)
        return CAPTURE_BROKEN;
    struct sn_reader r = sn_reader(sn_bytes(header, sizeof header));
    out->seconds = read_u32(c, &r);
    uint32_t fraction = read_u32(c, &r);
    out->nanoseconds = c->in_nanoseconds ? fraction : fraction * 1000;
    size_t len = read_u32(c, &r);
    if (len > sizeof c->octets || fread(c->octets, 1, len, c->file) != len)
        return CAPTURE_BROKEN;
    out->octets = sn_bytes(c->octets, len);
    return CAPTURE_OK;
}
