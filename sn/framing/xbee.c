/* SPDX-License-Identifier: Apache-2.0 */
/* xbee: Digi's modules in API mode 1 or 2, ZigBee, DigiMesh or 802.15.4 firmware.
 *
 * Which mode it is tells the module itself: AT AP is the same in both, and so is its answer. Until
 * then nothing is sent, and what comes may be in either. AT NP tells the most a packet may hold;
 * firmware that does not know NP tells it by refusing a frame.
 *
 * Every frame to one node bears a frame id, and its transmit status closes it. Broadcasts bear 0
 * and get no status. A status that is lost on the line must not hold a place in the window until
 * the last hope for it is gone: see xbee_flight.h. */
#include "sn/framing/framing_private.h"
#include "sn/framing/patience.h"
#include "sn/framing/xbee_flight.h"
#include "sn/framing/xbee_frames.h"

#define FIELDS_SPARE      128 /* node reports, AT answers: longer than the header of a packet */
#define ASK_MS            1000
#define ASK_TIMES         3
#define DEFAULT_STATUS_MS 5000
#define STATUS_FIRST_MS   1000
#define STATUS_FLOOR_MS   200 /* a busy host alone may be so late */

enum question { ASKS_NOTHING, ASKS_AP, ASKS_NP }; /* also the frame id of the question */

struct xbee {
    struct framing base;
    bool escaped; /* API 2 */
    enum question asks;
    unsigned times_asked;
    uint64_t ask_again;
    struct xbee_route last; /* of the last packet: a module uses one form for all */
    struct flight flight;
    struct patience patience;
};

static struct xbee *xbee_of(struct framing *f)
{
    return (struct xbee *)f;
}

static const struct xbee *const_xbee_of(const struct framing *f)
{
    return (const struct xbee *)f;
}

static void ask(struct xbee *x, uint64_t now_ms, enum question question)
{
    const char *command = question == ASKS_AP ? "AP" : "NP";
    const uint8_t fields[] = {XBEE_AT, (uint8_t)question, (uint8_t)command[0], (uint8_t)command[1]};
    struct sn_writer out = sn_writer(x->base.out.octets, x->base.out.cap);

    x->times_asked = question == x->asks ? x->times_asked + 1 : 1;
    x->asks = question;
    x->ask_again = now_ms + ASK_MS;
    xbee_put(sn_bytes(fields, sizeof fields), x->escaped, &out);
    framing_write(&x->base, sn_written(&out));
}

static void ask_first(struct xbee *x, uint64_t now_ms)
{
    x->asks = ASKS_NOTHING;
    ask(x, now_ms, x->base.options.api == FRAMING_API_AUTO ? ASKS_AP : ASKS_NP);
}

static uint32_t status_ms(const struct xbee *x)
{
    return x->base.options.status_ms ? x->base.options.status_ms : DEFAULT_STATUS_MS;
}

static void start(struct framing *f, uint64_t now_ms)
{
    struct xbee *x = xbee_of(f);

    flight_init(&x->flight, f->options.in_flight);
    patience_init(&x->patience, STATUS_FIRST_MS, STATUS_FLOOR_MS, status_ms(x));
    x->last = (struct xbee_route){0};
    x->escaped = f->options.api == FRAMING_API_2;
    ask_first(x, now_ms);
}

/* 88: frame id, the command's two letters, status (0 is OK), value */
static void on_answer(struct xbee *x, uint64_t now_ms, struct sn_reader r)
{
    uint8_t question = sn_read_u8(&r);
    struct sn_bytes command = sn_read(&r, 2);
    bool ok = sn_read_u8(&r) == 0;
    uint32_t value = 0;

    ok = ok && r.left > 0;
    while (r.left > 0)
        value = value << 8 | sn_read_u8(&r);
    if (x->asks == ASKS_NOTHING || question != x->asks)
        return;
    if (question == ASKS_AP && memcmp(command.data, "AP", 2) == 0) {
        x->escaped = ok && value == 2;
        ask(x, now_ms, ASKS_NP);
    } else if (question == ASKS_NP && memcmp(command.data, "NP", 2) == 0) {
        x->asks = ASKS_NOTHING;
        if (ok && value > 1)
            framing_set_room(&x->base, value);
    }
}

static void on_status(struct xbee *x, uint64_t now_ms, uint8_t frame_id, uint8_t status)
{
    enum framing_sent result = xbee_sent(status);
    struct flight_slot slot;

    x->base.counters.statuses++;
    if (!flight_take(&x->flight, frame_id, &slot))
        return;
    patience_came(&x->patience, now_ms - slot.sent_at);
    if (result != FRAMING_DELIVERED)
        x->base.counters.delivery_failures++;
    if (status == XBEE_NO_ADDRESS || status == XBEE_NO_ROUTE)
        flight_mark_stale(&x->flight, &slot.to);
    if (result == FRAMING_TOO_LONG && slot.len <= x->base.room)
        framing_set_room(&x->base, slot.len - 1);
    framing_tell_sent(&x->base, slot.ticket, result);
}

static void on_modem(struct xbee *x, uint64_t now_ms, uint8_t status)
{
    const uint8_t watchdog_reset = 1; /* and 0, the hardware's */
    struct flight lost = x->flight;   /* whoever is told may send anew at once */
    struct flight_slot slot;

    if (status > watchdog_reset)
        return;
    flight_init(&x->flight, x->base.options.in_flight);
    x->flight.last_id = lost.last_id; /* a late status must not meet another frame */
    ask_first(x, now_ms);
    while (flight_take_due(&lost, NEVER, &slot))
        framing_tell_sent(&x->base, slot.ticket,
                          slot.overdue ? FRAMING_UNKNOWN : FRAMING_TRY_AGAIN);
    framing_tell_reset(&x->base);
}

static uint64_t *on_packet(struct xbee *x, struct sn_bytes fields)
{
    struct framing_origin from;
    struct sn_bytes packet;

    if (!xbee_read_packet(fields, &from, &packet))
        return &x->base.counters.too_short;
    x->last.form = from.from.hint[HINT_FORM];
    memcpy(x->last.explicit, from.from.hint + HINT_EXPLICIT, XBEE_EXPLICIT);
    flight_mark_fresh(&x->flight, &from.from);
    return framing_deliver(&x->base, &from, packet);
}

static size_t least_len(uint8_t type)
{
    switch (type) {
    case XBEE_STATUS: return 7;
    case XBEE_STATUS_802154: return 3;
    case XBEE_MODEM: return 2;
    case XBEE_AT_ANSWER: return 5;
    default: return 1;
    }
}

static bool is_own_word(uint8_t type)
{
    return type == XBEE_STATUS || type == XBEE_STATUS_802154 || type == XBEE_MODEM ||
           type == XBEE_AT_ANSWER;
}

/* What is wrong with a whole frame, or NULL. */
static uint64_t *on_frame(struct xbee *x, uint64_t now_ms, struct sn_bytes fields)
{
    const uint8_t *field = fields.data;

    if (fields.len < least_len(field[0]))
        return &x->base.counters.too_short;
    if (is_own_word(field[0]))
        x->base.counters.valid++;
    switch (field[0]) {
    case XBEE_RX:
    case XBEE_RX_EXPLICIT:
    case XBEE_RX64:
    case XBEE_RX16: return on_packet(x, fields);
    case XBEE_STATUS: on_status(x, now_ms, field[1], field[5]); return NULL;
    case XBEE_STATUS_802154: on_status(x, now_ms, field[1], field[2]); return NULL;
    case XBEE_MODEM: on_modem(x, now_ms, field[1]); return NULL;
    case XBEE_AT_ANSWER:
        on_answer(x, now_ms, sn_reader(sn_bytes(field + 1, fields.len - 1)));
        return NULL;
    default: return &x->base.counters.unknown_frames;
    }
}

static enum xbee_look look_as(struct xbee *x, bool escaped, struct sn_bytes window,
                              struct xbee_seen *seen)
{
    size_t max = x->base.options.max_packet + FIELDS_SPARE;

    if (escaped)
        return xbee_look2(window, max, x->base.opened.octets, seen);
    return xbee_look1(window, max, seen);
}

/* Nodes do not wait until the module has told its mode: meanwhile a frame may be of either. */
static enum xbee_look look(struct xbee *x, struct sn_bytes window, struct xbee_seen *seen)
{
    enum xbee_look result = look_as(x, x->escaped, window, seen);
    struct xbee_seen other_seen = {0};

    if (x->asks != ASKS_AP || result == XBEE_WHOLE)
        return result;
    enum xbee_look other = look_as(x, !x->escaped, window, &other_seen);
    if (other != XBEE_WHOLE && (other != XBEE_OPEN || result == XBEE_OPEN))
        return result;
    *seen = other_seen;
    return other;
}

static size_t take(struct framing *f, uint64_t now_ms, struct sn_bytes window)
{
    const uint8_t *begin = memchr(window.data, XBEE_START, window.len);
    uint64_t *const wrong_with[] = {
        [XBEE_BAD_CHECKSUM] = &f->counters.bad_crc,
        [XBEE_TOO_LONG] = &f->counters.too_long,
        [XBEE_TOO_SHORT] = &f->counters.too_short,
        [XBEE_CUT_SHORT] = &f->counters.cut_short,
    };
    struct xbee_seen seen = {0};

    if (begin != window.data) {
        seen.len = begin ? (size_t)(begin - window.data) : window.len;
        f->counters.skipped_octets += seen.len;
        return seen.len;
    }
    enum xbee_look result = look(xbee_of(f), window, &seen);
    if (result == XBEE_OPEN)
        return 0;
    uint64_t *wrong = wrong_with[result];
    if (result == XBEE_WHOLE)
        wrong = on_frame(xbee_of(f), now_ms, seen.fields);
    else
        f->counters.skipped_octets += seen.len;
    if (wrong)
        ++*wrong;
    return seen.len;
}

static bool ready(const struct framing *f)
{
    const struct xbee *x = const_xbee_of(f);

    return x->asks != ASKS_AP && !flight_is_full(&x->flight);
}

static void give_up(struct xbee *x, const struct flight_slot *slot)
{
    x->base.counters.status_timeouts++;
    framing_tell_sent(&x->base, slot->ticket, FRAMING_UNKNOWN);
}

static void add_to_flight(struct xbee *x, const struct framing_frame *frame)
{
    uint64_t now_ms = frame->now_ms, deadline = now_ms + status_ms(x);
    struct flight_slot evicted;

    bool has_evicted = flight_evict(&x->flight, &evicted);

    flight_add(&x->flight, (struct flight_slot){.ticket = frame->ticket,
                                                .sent_at = now_ms,
                                                .deadline = deadline,
                                                .len = frame->packet.len,
                                                .to = *frame->to});
    if (has_evicted)
        give_up(x, &evicted);
}

static bool encode(struct framing *f, const struct framing_frame *frame, struct sn_writer *out)
{
    struct xbee *x = xbee_of(f);
    struct framing_address to = *frame->to;
    struct sn_writer fields = sn_writer(f->closed.octets, f->closed.cap);
    uint8_t frame_id = to.broadcast ? 0 : flight_next_id(&x->flight);

    if (flight_is_stale(&x->flight, &to))
        memcpy(to.hint + HINT_ADDRESS16, xbee_unknown16, sizeof xbee_unknown16);
    if (!xbee_write_header(&to, &x->last, frame_id, frame->radius, &fields))
        return false;
    sn_write(&fields, frame->packet);
    xbee_put(sn_written(&fields), x->escaped, out);
    if (to.broadcast)
        framing_tell_sent(f, frame->ticket, FRAMING_DELIVERED);
    else
        add_to_flight(x, frame);
    return true;
}

static uint64_t deadline(const struct framing *f)
{
    const struct xbee *x = const_xbee_of(f);
    uint64_t due =
        earlier(window_deadline(f), flight_deadline(&x->flight, patience_ms(&x->patience)));

    return x->asks == ASKS_NOTHING ? due : earlier(due, x->ask_again);
}

/* Who does not answer is in mode 1, or in no API mode at all. */
static void ask_on(struct xbee *x, uint64_t now_ms)
{
    if (x->times_asked < ASK_TIMES)
        ask(x, now_ms, x->asks);
    else if (x->asks == ASKS_AP)
        ask(x, now_ms, ASKS_NP);
    else
        x->asks = ASKS_NOTHING;
}

/* The patience of now counts, not that of when a frame went: statuses of later ones, which have
 * come, tell that one of an earlier one is lost. */
static void expire_window(struct xbee *x, uint64_t now_ms)
{
    uint32_t wait_ms = patience_ms(&x->patience);
    uint64_t before = x->base.counters.statuses_overdue;
    struct flight_slot slot;

    while (flight_take_overdue(&x->flight, now_ms, wait_ms, &slot)) {
        x->base.counters.statuses_overdue++;
        framing_tell_sent(&x->base, slot.ticket, FRAMING_OVERDUE);
    }
    if (x->base.counters.statuses_overdue > before)
        patience_missed(&x->patience);
}

static void expire(struct framing *f, uint64_t now_ms)
{
    struct xbee *x = xbee_of(f);
    struct flight_slot slot;

    if (x->asks != ASKS_NOTHING && x->ask_again <= now_ms)
        ask_on(x, now_ms);
    expire_window(x, now_ms);
    while (flight_take_due(&x->flight, now_ms, &slot))
        give_up(x, &slot);
}

const struct framing_ops xbee_ops = {
    .size = sizeof(struct xbee),
    .overhead = FIELDS_SPARE + XBEE_FRAME,
    .receive = window_receive,
    .silence = window_silence,
    .take = take,
    .encode = encode,
    .start = start,
    .ready = ready,
    .deadline = deadline,
    .expire = expire,
};
