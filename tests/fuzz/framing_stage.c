/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing breaks; a packet that comes out is whole and of allowed length; what is encoded for its
 * sender comes out of a twin as it was; every ticket is told of once. */
#include "tests/fuzz/framing_stage.h"

#include "sn/framing/message.h"

#define MAX_PACKET 80

struct stage {
    struct framing *framing, *twin;
    enum framing_kind kind;
    uint64_t now;
    uint32_t sent, told;
    uint8_t packet[MAX_PACKET];
    size_t len;
    unsigned came_back;
};

static void on_echo(void *self, const struct framing_origin *origin, struct sn_bytes packet)
{
    struct stage *s = self;

    (void)origin;
    assert(sn_bytes_equal(packet, sn_bytes(s->packet, s->len)));
    s->came_back++;
}

/* What goes to a module or an Aquila dongle has another form than what comes from it. */
static bool is_symmetric(enum framing_kind kind)
{
    return kind != FRAMING_XBEE && kind != FRAMING_AQUILA;
}

static void on_packet(void *self, const struct framing_origin *origin, struct sn_bytes packet)
{
    struct stage *s = self;

    assert(packet.len >= MESSAGE_MIN && packet.len <= MAX_PACKET && message_is_whole(packet));
    memcpy(s->packet, packet.data, packet.len);
    s->len = packet.len;
    bool ready = framing_ready(s->framing), fits = packet.len <= framing_room(s->framing);
    struct sn_bytes wire =
        framing_encode(s->framing, s->now, s->sent + 1, &origin->from, 1, packet);
    assert((wire.len > 0) == (ready && fits));
    s->sent += wire.len > 0;
    if (!is_symmetric(s->kind))
        return;
    unsigned before = s->came_back;
    framing_receive(s->twin, 0, wire);
    assert(s->came_back == before + 1);
}

static void on_sent(void *self, uint32_t ticket, enum framing_sent result)
{
    struct stage *s = self;

    assert(ticket > 0 && ticket <= s->sent + 1 && result <= FRAMING_OVERDUE);
    s->told += result == FRAMING_OVERDUE ? 0 : 1; /* not the last word */
}

static void on_room(void *self, size_t max_packet)
{
    struct stage *s = self;

    assert(max_packet <= MAX_PACKET && max_packet == framing_room(s->framing));
}

static void pass(struct stage *s, uint64_t ms)
{
    for (uint64_t due; (due = framing_deadline(s->framing)) <= s->now + ms;) {
        uint64_t moved = due > s->now ? due - s->now : 0;
        ms -= moved;
        s->now += moved;
        framing_expire(s->framing, s->now);
        assert(framing_deadline(s->framing) > s->now);
    }
    s->now += ms;
}

static void play(struct stage *s, struct sn_reader r)
{
    static const uint16_t times_ms[] = {0, 10, 60, 6000};

    while (r.left > 0) {
        uint8_t step = sn_read_u8(&r);
        size_t len = (step & 63) + 1u;
        pass(s, times_ms[step >> 6]);
        framing_receive(s->framing, s->now, sn_read(&r, len < r.left ? len : r.left));
    }
    pass(s, 60000);
}

int framing_stage_run(enum framing_kind kind, const uint8_t *data, size_t size)
{
    uint8_t choice = size > 0 ? data[0] : 0;
    const struct framing_options options = {
        .kind = kind,
        .crc = (enum framing_crc)(choice % 3),
        .api = (enum framing_api)(choice / 3 % 3),
        .max_packet = MAX_PACKET,
        .in_flight = 3,
    };
    struct stage s = {.kind = kind};
    const struct framing_sink sink = {.self = &s, on_packet, NULL, on_sent, NULL, on_room};
    const struct framing_sink twin_sink = {.self = &s, .packet = on_echo};

    s.framing = framing_new(&options, &sink);
    s.twin = framing_new(&options, &twin_sink);
    assert(s.framing && s.twin);
    framing_start(s.framing, s.now);
    framing_start(s.twin, 0);
    if (size > 1)
        play(&s, sn_reader(sn_bytes(data + 1, size - 1)));
    assert(s.told == s.sent);
    framing_free(s.framing);
    framing_free(s.twin);
    return 0;
}
