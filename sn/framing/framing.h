/* SPDX-License-Identifier: Apache-2.0 */
/* framing - how a radio dongle packs MQTT-SN messages into a serial octet stream
 *
 * Pure and incremental: octets go in as they come, in pieces of any size, and whole packets come
 * out through the sink; nothing here reads a port, waits or knows the time but as an argument. A
 * damaged or oversized frame is dropped and counted under its own name, nothing else is thrown
 * away, and the next good frame is delivered.
 *
 * Towards the radio, framing_encode gives the octets of one frame. A framing that gets transmit
 * statuses (xbee, aquila) limits how many frames are under way: while framing_ready says false the
 * caller keeps its packets, and sink.sent tells what became of each.
 *
 * The sink may call framing_encode and the questions from within, not framing_start, _receive,
 * _expire or _free. Its functions may be NULL, but for `packet`.
 */
#ifndef SN_FRAMING_FRAMING_H
#define SN_FRAMING_FRAMING_H

#include "sn/cursor.h"

enum framing_kind {
    FRAMING_RAW,
    FRAMING_SLIP,
    FRAMING_HDLC,
    FRAMING_COBS,
    FRAMING_XBEE,
    FRAMING_AQUILA,
};

enum framing_crc { FRAMING_CRC_NONE, FRAMING_CRC_XMODEM, FRAMING_CRC_X25 };
enum framing_api { FRAMING_API_AUTO, FRAMING_API_1, FRAMING_API_2 }; /* XBee's escaping */

struct framing_options {
    enum framing_kind kind;
    enum framing_crc crc; /* raw, slip, hdlc, cobs; hdlc and aquila have one of their own */
    enum framing_api api;
    size_t max_packet;    /* longest MQTT-SN message, envelope included */
    uint32_t byte_gap_ms; /* raw, xbee: a frame with a longer silence inside is given up; 0: 50 */
    uint32_t status_ms;   /* nobody waits longer for a transmit status; 0: 5000 */
    uint8_t in_flight;    /* frames under way to a dongle that answers with a status; 0: 1 */
};

/* A radio address, as far as the framing has one (xbee: 8 octets, or 2 for 802.15.4 short ones;
 * aquila: 2). No address: the port is the address. */
#define FRAMING_ADDRESS_MAX 8
#define FRAMING_HINT_MAX    9

struct framing_address {
    uint8_t len;
    uint8_t octets[FRAMING_ADDRESS_MAX];
    /* How the sender is reached best, for the way back (xbee). It may change from packet to packet,
     * belongs to no identity, and all zero is no hint: the 16-bit network address (FF FE is
     * unknown), the frame type it came in, and of explicit frames endpoints, cluster, profile. */
    uint8_t hint[FRAMING_HINT_MAX];
    bool broadcast; /* received: it came by broadcast. To send: to everybody */
};

struct framing_origin {
    struct framing_address from;
    bool has_rssi, has_lqi;
    int16_t rssi; /* dBm where the radio says so, else its raw value */
    uint8_t lqi;
};

enum framing_sent {
    FRAMING_DELIVERED,
    FRAMING_TRY_AGAIN,   /* no route, no acknowledgement, busy: worth repeating later */
    FRAMING_UNREACHABLE, /* given up by the radio for good */
    FRAMING_TOO_LONG,    /* for the radio; framing_room has the limit now */
    FRAMING_UNKNOWN,     /* its status stayed out: it may well have been delivered */
    FRAMING_OVERDUE,     /* not the last word: later than usual, others may go meanwhile */
};

struct framing_sink {
    void *self;
    /* A whole packet; `packet` is valid until the call returns. */
    void (*packet)(void *self, const struct framing_origin *origin, struct sn_bytes packet);
    /* Octets of the framing's own making for the port: probes, settings. */
    void (*write)(void *self, struct sn_bytes octets);
    /* What became of the frame that framing_encode gave this ticket to. */
    void (*sent)(void *self, uint32_t ticket, enum framing_sent result);
    /* The dongle has restarted and forgot everything (frames under way were told as TRY_AGAIN), or
     * told how much it can carry. */
    void (*dongle_reset)(void *self);
    void (*room_changed)(void *self, size_t max_packet);
};

/* One counter per way to lose something. X(name, help) */
#define FRAMING_COUNTERS(X)                                                                        \
    X(frames_in, "frames received")                                                                \
    X(valid, "frames understood, packets and the dongle's own words")                              \
    X(frames_out, "frames sent")                                                                   \
    X(skipped_octets, "octets between frames, skipped")                                            \
    X(bad_crc, "frames dropped: checksum or CRC wrong")                                            \
    X(bad_escape, "frames dropped: escape sequence wrong")                                         \
    X(bad_length, "frames dropped: length field disagrees with the frame")                         \
    X(too_long, "frames dropped: longer than max_packet")                                          \
    X(too_short, "frames dropped: shorter than their type")                                        \
    X(cut_short, "frames dropped: the next one began, or silence, before their end")               \
    X(unknown_frames, "frames of a type that is not understood, ignored")                          \
    X(statuses, "transmit statuses received")                                                      \
    X(statuses_overdue, "transmit statuses later than usual, come or not")                         \
    X(status_timeouts, "transmit statuses that stayed out")                                        \
    X(delivery_failures, "transmit statuses that told of a failure")                               \
    X(dongle_resets, "restarts of the dongle")

struct framing_counters {
#define X(name, help) uint64_t name;
    FRAMING_COUNTERS(X)
#undef X
};

struct framing;

/* NULL when memory is short. All memory it will ever use is allocated here. */
struct framing *framing_new(const struct framing_options *options, const struct framing_sink *sink);
void framing_free(struct framing *f);

/* The port has been opened (again): forgets everything half done, and begins what the dongle needs
 * to hear first, through sink.write. Frames under way get no further word. */
void framing_start(struct framing *f, uint64_t now_ms);

void framing_receive(struct framing *f, uint64_t now_ms, struct sn_bytes octets);

/* May a frame be sent now? */
bool framing_ready(const struct framing *f);

/* The octets of one frame, valid until the next call; empty when the packet does not fit, when
 * nothing can be sent now, or when the radio has no such address. A framing without statuses calls
 * sink.sent(FRAMING_DELIVERED) before it returns, and so does a broadcast. `ticket` is not 0; `to`
 * may be NULL where the port is the address. */
struct sn_bytes framing_encode(struct framing *f, uint64_t now_ms, uint32_t ticket,
                               const struct framing_address *to, uint8_t radius,
                               struct sn_bytes packet);

uint64_t framing_deadline(const struct framing *f); /* UINT64_MAX: nothing is pending */
void framing_expire(struct framing *f, uint64_t now_ms);

/* The longest packet that can be sent now. */
size_t framing_room(const struct framing *f);
const struct framing_counters *framing_counters(const struct framing *f);

#endif
