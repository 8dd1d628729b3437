/* SPDX-License-Identifier: Apache-2.0 */
/* aquila: the USB dongles of the Aquila gateway and of rfm-mqtt-sn-bridge. SLIP, and in it
 *
 *   from the dongle:  LQI RSSI | len FE ctrl idL idH | packet | CRC-16/XMODEM, low octet first
 *                      00   00 | len command ..               | CRC
 *   to the dongle:               05 FE  01  idL idH | packet | CRC
 *                                len command ..               | CRC
 *
 * The fixed envelope names the node and is taken off; firmware disagrees on whether its len counts
 * the packet, so nobody looks at it. The dongle answers every frame with ACK or NACK, and takes the
 * next one only then. An answer names no frame, so one that comes after the next frame went would
 * be taken for the next one's: waiting ends early only where no known firmware could still be at
 * work, and that is when its own wait for a node's acknowledgement, a second, is over. A frame that
 * was damaged on the line is answered by nothing at all. The dongle does not begin before it has
 * got its CONFIG, and opening the port resets an Arduino, which needs two seconds to come back. */
#include "sn/framing/framing_private.h"

#include "sn/forwarder.h"
#include "sn/framing/patience.h"

#define RADIO            2 /* LQI and RSSI */
#define ENVELOPE         5
#define COMMAND_AT       (RADIO + 1)
#define PACKET_MIN       2
#define CRC_LEN          2
#define CONFIG_AFTER_MS  2100
#define CONFIG_STATUS_MS 1000 /* not all firmware acknowledges it */
#define STATUS_MS        5000
#define STATUS_FLOOR_MS  1500
#define PAN              1

enum command { NACK, ACK, CONFIG };

struct aquila {
    struct framing base;
    bool configured;
    uint64_t config_at; /* when CONFIG is due; NEVER: not */
    bool under_way;     /* a frame that waits for ACK or NACK */
    uint32_t ticket;    /* of it; 0 is CONFIG */
    uint64_t sent_at, give_up;
    struct patience patience;
};

static struct aquila *aquila_of(struct framing *f)
{
    return (struct aquila *)f;
}

static void start(struct framing *f, uint64_t now_ms)
{
    struct aquila *a = aquila_of(f);
    uint32_t status_ms = f->options.status_ms ? f->options.status_ms : STATUS_MS;

    patience_init(&a->patience, status_ms, STATUS_FLOOR_MS, status_ms);
    a->configured = a->under_way = false;
    a->config_at = now_ms + CONFIG_AFTER_MS;
}

static void send_off(struct aquila *a, uint32_t ticket, uint64_t now_ms, uint32_t wait_ms)
{
    a->under_way = true;
    a->ticket = ticket;
    a->sent_at = now_ms;
    a->give_up = now_ms + wait_ms;
}

static void configure(struct aquila *a, uint64_t now_ms)
{
    struct framing *f = &a->base;
    struct sn_writer closed = sn_writer(f->closed.octets, f->closed.cap);
    struct sn_writer out = sn_writer(f->out.octets, f->out.cap);
    static const uint8_t config[19] = {sizeof config, CONFIG, PAN, /* and no key: */
                                       0xFF,          0xFF,   0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                       0xFF,          0xFF,   0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

    sn_write(&closed, sn_bytes(config, sizeof config));
    framing_add_crc(f, &closed);
    slip_stuff(sn_written(&closed), &out);
    a->configured = true;
    a->config_at = NEVER;
    send_off(a, 0, now_ms, CONFIG_STATUS_MS);
    framing_write(f, sn_written(&out));
}

static void end_transfer(struct aquila *a, enum framing_sent result)
{
    uint32_t ticket = a->under_way ? a->ticket : 0;

    a->under_way = false;
    if (ticket != 0)
        framing_tell_sent(&a->base, ticket, result);
}

static void on_acknowledged(struct aquila *a, uint64_t now_ms, bool well)
{
    a->base.counters.statuses++;
    if (!a->under_way)
        return;
    if (a->ticket != 0)
        patience_came(&a->patience, now_ms - a->sent_at);
    if (!well && a->ticket != 0)
        a->base.counters.delivery_failures++;
    end_transfer(a, well ? FRAMING_DELIVERED : FRAMING_TRY_AGAIN);
}

/* A dongle asks when it has begun anew. What was under way is lost with its memory. */
static void on_config_wanted(struct aquila *a, uint64_t now_ms)
{
    bool again = a->configured;

    a->configured = false; /* whoever is told does not send yet */
    end_transfer(a, FRAMING_TRY_AGAIN);
    configure(a, now_ms);
    if (again)
        framing_tell_reset(&a->base);
}

static uint64_t *on_command(struct aquila *a, uint64_t now_ms, uint8_t command)
{
    a->base.counters.valid += command <= CONFIG ? 1 : 0;
    switch (command) {
    case NACK:
    case ACK: on_acknowledged(a, now_ms, command == ACK); return NULL;
    case CONFIG: on_config_wanted(a, now_ms); return NULL;
    default: return &a->base.counters.unknown_frames; /* PAIR is for the dongle's own gateway */
    }
}

static uint64_t *on_packet(struct aquila *a, struct sn_bytes frame)
{
    struct sn_reader r = sn_reader(frame);
    struct framing_origin from = {.has_lqi = true, .has_rssi = true, .from.len = 2};

    from.lqi = sn_read_u8(&r);
    from.rssi = sn_read_u8(&r);
    sn_read(&r, ENVELOPE - 2);
    from.from.octets[1] = sn_read_u8(&r);
    from.from.octets[0] = sn_read_u8(&r);
    if (r.failed || r.left < PACKET_MIN)
        return &a->base.counters.too_short;
    return framing_deliver(&a->base, &from, sn_read_rest(&r));
}

static uint64_t *on_frame(struct framing *f, uint64_t now_ms, struct sn_bytes frame)
{
    struct aquila *a = aquila_of(f);

    if (frame.len < COMMAND_AT + 1 + CRC_LEN)
        return &f->counters.too_short;
    if (!framing_check_crc(f, &frame))
        return &f->counters.bad_crc;
    uint8_t what = frame.data[COMMAND_AT];
    if (what == SN_FORWARDED)
        return on_packet(a, frame);
    if (frame.data[0] != 0 || frame.data[1] != 0)
        return &f->counters.unknown_frames;
    return on_command(a, now_ms, what);
}

static bool ready(const struct framing *f)
{
    const struct aquila *a = (const struct aquila *)f;

    return a->configured && !a->under_way;
}

static bool encode(struct framing *f, const struct framing_frame *frame, struct sn_writer *out)
{
    const struct framing_address *to = frame->to;
    const uint8_t id_low = to->broadcast ? 0xFF : to->octets[1];
    const uint8_t id_high = to->broadcast ? 0xFF : to->octets[0];
    const uint8_t envelope[ENVELOPE] = {ENVELOPE, SN_FORWARDED, 1, id_low, id_high};
    struct sn_writer closed = sn_writer(f->closed.octets, f->closed.cap);
    struct aquila *a = aquila_of(f);

    if (!to->broadcast && to->len != 2)
        return false;
    sn_write(&closed, sn_bytes(envelope, sizeof envelope));
    sn_write(&closed, frame->packet);
    framing_add_crc(f, &closed);
    slip_stuff(sn_written(&closed), out);
    send_off(a, frame->ticket, frame->now_ms, patience_ms(&a->patience));
    return true;
}

static uint64_t deadline(const struct framing *f)
{
    const struct aquila *a = (const struct aquila *)f;

    return earlier(a->config_at, a->under_way ? a->give_up : NEVER);
}

static void expire(struct framing *f, uint64_t now_ms)
{
    struct aquila *a = aquila_of(f);

    if (a->under_way && a->give_up <= now_ms) {
        if (a->ticket != 0) {
            f->counters.status_timeouts++;
            patience_missed(&a->patience);
        }
        end_transfer(a, FRAMING_UNKNOWN);
    }
    if (a->config_at <= now_ms)
        configure(a, now_ms);
}

const struct framing_ops aquila_ops = {
    .size = sizeof(struct aquila),
    .overhead = 32, /* the envelope, or the whole of CONFIG */
    .own_crc = FRAMING_CRC_XMODEM,
    .receive = delimited_receive,
    .silence = delimited_silence,
    .deadline = deadline,
    .delimiter = 0xC0,
    .unstuff = slip_unstuff,
    .stuff = slip_stuff,
    .frame = on_frame,
    .encode = encode,
    .start = start,
    .ready = ready,
    .expire = expire,
};
