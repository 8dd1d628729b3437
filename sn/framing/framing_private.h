/* SPDX-License-Identifier: Apache-2.0 */
/* framing_private - what the framings share behind framing.h
 *
 * There are two ways to find frames in a stream. `delimited`: an octet that stands nowhere else
 * parts them (slip, hdlc, cobs, aquila); octets are collected up to it and unstuffed at once.
 * `window`: the frame's own header tells its length (raw, xbee); when it turns out to be none, one
 * octet is given up and the search goes on behind it, so that nothing is lost with a false start.
 *
 * Private to this folder. The sink may call framing_encode from within any of its functions.
 */
#ifndef SN_FRAMING_FRAMING_PRIVATE_H
#define SN_FRAMING_FRAMING_PRIVATE_H

#include "sn/framing/framing.h"

#define NEVER UINT64_MAX

struct framing_frame { /* what framing_encode was called with */
    uint64_t now_ms;
    uint32_t ticket;
    uint8_t radius;
    const struct framing_address *to; /* never NULL */
    struct sn_bytes packet;
};

struct framing_ops {
    size_t size;     /* of the framing's own struct, which begins with a struct framing */
    size_t overhead; /* octets that a frame holds beside the packet and its CRC, unstuffed */
    enum framing_crc own_crc;
    void (*receive)(struct framing *f, uint64_t now_ms, struct sn_bytes octets);
    void (*silence)(struct framing *f, uint64_t now_ms); /* a gap, after octets of a frame */
    bool (*encode)(struct framing *f, const struct framing_frame *frame, struct sn_writer *out);
    uint64_t (*deadline)(const struct framing *f);

    /* These may be NULL. */
    void (*start)(struct framing *f, uint64_t now_ms);
    void (*expire)(struct framing *f, uint64_t now_ms);
    bool (*ready)(const struct framing *f);

    /* window: how many octets were taken from the front, be it a frame or what is none; 0 when more
     * are needed to tell. */
    size_t (*take)(struct framing *f, uint64_t now_ms, struct sn_bytes window);

    /* delimited: `frame` gives the counter of what is wrong with a frame, NULL when it is good.
     * `unstuff` is false for an escape that means nothing; `stuff` writes the delimiters too. */
    uint8_t delimiter;
    bool only_behind; /* no delimiter before a frame */
    bool (*unstuff)(struct sn_bytes stuffed, struct sn_writer *out);
    void (*stuff)(struct sn_bytes plain, struct sn_writer *out);
    uint64_t *(*frame)(struct framing *f, uint64_t now_ms, struct sn_bytes plain);
};

struct buffer {
    uint8_t *octets;
    size_t len, cap;
};

struct framing {
    const struct framing_ops *ops;
    struct framing_options options;
    struct framing_sink sink;
    struct framing_counters counters;
    size_t room;
    uint64_t last_ms; /* when octets last came */

    struct buffer in;     /* as received, from the beginning of what may be a frame */
    struct buffer opened; /* a received frame, unstuffed */
    struct buffer closed; /* a frame to send, before it is stuffed */
    struct buffer out;
    size_t mark;     /* delimited: where in `in` octets came after a gap; 0 is nowhere */
    bool discarding; /* delimited: the frame is too long; up to the next delimiter */
};

extern const struct framing_ops raw_ops, slip_ops, hdlc_ops, cobs_ops, xbee_ops, aquila_ops;

void window_receive(struct framing *f, uint64_t now_ms, struct sn_bytes octets);
void window_silence(struct framing *f, uint64_t now_ms);
uint64_t window_deadline(const struct framing *f);

void delimited_receive(struct framing *f, uint64_t now_ms, struct sn_bytes octets);
void delimited_silence(struct framing *f, uint64_t now_ms);
uint64_t delimited_deadline(const struct framing *f);

/* frame and encode of a framing that carries the packet and a CRC, and nothing else. */
uint64_t *plain_frame(struct framing *f, uint64_t now_ms, struct sn_bytes plain);
bool plain_encode(struct framing *f, const struct framing_frame *frame, struct sn_writer *out);

bool slip_unstuff(struct sn_bytes stuffed, struct sn_writer *out);
void slip_stuff(struct sn_bytes plain, struct sn_writer *out);

/* Hands a packet to the sink, or gives the counter of what is wrong with it. */
uint64_t *framing_deliver(struct framing *f, const struct framing_origin *from,
                          struct sn_bytes packet);
void framing_tell_sent(struct framing *f, uint32_t ticket, enum framing_sent result);
void framing_write(struct framing *f, struct sn_bytes octets);
void framing_set_room(struct framing *f, size_t room);
void framing_tell_reset(struct framing *f);

size_t framing_crc_len(const struct framing *f);
void framing_add_crc(const struct framing *f, struct sn_writer *w);
/* Takes the CRC off the end of `frame`; false when it is wrong or does not fit in. */
bool framing_check_crc(const struct framing *f, struct sn_bytes *frame);

static inline uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

#endif
