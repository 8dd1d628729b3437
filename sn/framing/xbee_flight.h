/* SPDX-License-Identifier: Apache-2.0 */
/* xbee_flight - frames whose transmit status is awaited, by frame id
 *
 * So many may be in the window, to spare the radio's buffers. One whose status is overdue leaves
 * the window, as the status is lost most likely, but not the flight: it may yet come, and tell of a
 * failure. When all places are taken the oldest of these has to go.
 *
 * Also remembers for which nodes a 16-bit address turned out to be wrong, until they are heard with
 * it again: the caller knows no better and would go on to name it. Private to this folder.
 */
#ifndef SN_FRAMING_XBEE_FLIGHT_H
#define SN_FRAMING_XBEE_FLIGHT_H

#include "sn/framing/framing.h"

#define WINDOW_MAX 32
#define FLIGHT_MAX 64
#define STALE_MAX  16

struct flight_slot {
    uint8_t frame_id; /* 0: free */
    bool overdue;
    uint32_t ticket;
    uint64_t sent_at, deadline;
    size_t len; /* of the packet */
    struct framing_address to;
};

struct flight {
    uint8_t limit, window, last_id;
    struct flight_slot slots[FLIGHT_MAX];
    struct framing_address stale[STALE_MAX];
    uint8_t stale_next;
};

void flight_init(struct flight *f, unsigned limit);
bool flight_is_full(const struct flight *f);
uint8_t flight_next_id(const struct flight *f); /* 1..255, never one that is under way */

/* `slot` gets the next frame id. The window must have room, and flight_evict have been asked. */
void flight_add(struct flight *f, struct flight_slot slot);
/* When there is no place for another: takes out the one that is overdue for longest. */
bool flight_evict(struct flight *f, struct flight_slot *out);
/* One whose status is overdue after `wait_ms`, but not due; it leaves the window and stays. */
bool flight_take_overdue(struct flight *f, uint64_t now_ms, uint32_t wait_ms,
                         struct flight_slot *out);
/* Takes the frame out. False when no such one is under way. */
bool flight_take(struct flight *f, uint8_t frame_id, struct flight_slot *out);
/* Takes out one whose time has come. */
bool flight_take_due(struct flight *f, uint64_t now_ms, struct flight_slot *out);
uint64_t flight_deadline(const struct flight *f, uint32_t wait_ms);

void flight_mark_stale(struct flight *f, const struct framing_address *address);
void flight_mark_fresh(struct flight *f, const struct framing_address *address);
bool flight_is_stale(const struct flight *f, const struct framing_address *address);

#endif
