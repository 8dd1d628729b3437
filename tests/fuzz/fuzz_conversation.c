/* SPDX-License-Identifier: Apache-2.0 */
/* The first octet chooses a configuration; then each step is an octet that says what happens and a
 * few more that say how. Most steps are whole packets of few different names, numbers and peers,
 * so that devices, broker and clock really meet; raw octets come in between. After each step every
 * table of the core is audited. */
#include <stdlib.h>

#include "sn/topic.h"
#include "tests/fuzz/conversation.h"

static struct sn_reader input;

static uint8_t octet(void)
{
    return sn_read_u8(&input);
}

#define ONE_OF(table) ((table)[octet() % (sizeof(table) / sizeof *(table))])

static struct sn_bytes some_client_id(void)
{
    static const char *const ids[] = {
        "a", "bb", "ccc", "dddd", "eeeee", "b-6", "", "\xFF", "longer than the limit of ids"};

    return sn_text(ONE_OF(ids));
}

static struct sn_bytes some_topic(void)
{
    static const char *const topics[] = {
        "a/temp",  "a/hum",   "xy",
        "pre/one", "pre/two", "a/#",
        "#",       "a/+/c",   "+",
        "a/b/c",   "zz",      "c",
        "d",       "",        "broken#",
        "\xC0",    "$SYS/x",  "a topic name that is longer than the limits of this test say"};

    return sn_text(ONE_OF(topics));
}

static struct sn_bytes some_data(void)
{
    static const uint8_t zeros[400];
    static const size_t lengths[] = {0, 1, 4, 20, 33, 60, 100, 290, 400};

    return sn_bytes(zeros, ONE_OF(lengths));
}

static uint16_t some_id(void)
{
    static const uint16_t ids[] = {
        0, 1, 2, 3, 4, 7, 42, 12, 0xFFFF, 'x' << 8 | 'y', '+' << 8 | 'a'};

    return ONE_OF(ids);
}

static uint16_t some_duration(void)
{
    static const uint16_t durations[] = {0, 1, 60, 61, 300, 65535};

    return ONE_OF(durations);
}

static void hand_over(unsigned number, struct sn_bytes wire)
{
    struct sn_peer peer = peer_number(number % PEERS);
    uint8_t *copy = malloc(wire.len + SN_ENVELOPE_MAX + 1);
    struct sn_bytes b = wire;

    assert(copy);
    if (peer.node_len > 0) {
        b = sn_wrap(sn_peer_node_id(&peer), 0, wire, copy, wire.len + SN_ENVELOPE_MAX);
        memset(peer.key + peer.address_len, 0, peer.node_len);
        peer.node_len = 0;
    } else if (wire.len > 0) {
        memcpy(copy, wire.data, wire.len);
    }
    uint8_t *exact = realloc(copy, b.len + (b.len == 0)); /* a read past its end is seen */
    assert(exact);
    peer.broadcast = number >= 0xF8;
    core_datagram(conversation->core, conversation->now, &peer, sn_bytes(exact, b.len));
    free(exact);
}

static void raw_octets(void)
{
    unsigned peer = octet();
    size_t len = octet() % 48;

    if (len > input.left)
        len = input.left;
    hand_over(peer, sn_read(&input, len));
}

static void says(unsigned peer, const struct sn_packet *p)
{
    static uint8_t wire[1000];

    hand_over(peer, sn_encode(p, wire, sizeof wire));
}

static void any_packet(void)
{
    unsigned peer = octet();
    struct sn_packet p = {.type = octet() % 0x20, .flags = octet(), .protocol_id = SN_PROTOCOL_ID};

    switch (p.type) {
    case SN_CONNECT:
        p.duration = some_duration();
        p.body = some_client_id();
        break;
    case SN_WILLTOPIC:
    case SN_WILLTOPICUPD: p.body = some_topic(); break;
    case SN_WILLMSG:
    case SN_WILLMSGUPD: p.body = some_data(); break;
    case SN_REGISTER:
        p.msg_id = octet() % 4;
        p.body = some_topic();
        break;
    case SN_PUBLISH:
        p.topic_id = some_id();
        p.msg_id = octet() % 20;
        p.body = some_data();
        break;
    case SN_SUBSCRIBE:
    case SN_UNSUBSCRIBE:
        p.topic_id = some_id();
        p.msg_id = octet() % 4;
        p.body = some_topic();
        break;
    case SN_PINGREQ:
        if (p.flags & 1)
            p.body = some_client_id();
        break;
    case SN_DISCONNECT: p.duration = some_duration(); break;
    default:
        p.topic_id = some_id();
        p.msg_id = octet() % 20;
        p.return_code = octet() % 5;
        break;
    }
    says(peer, &p);
}

/* What a device would answer to the latest packet it was sent. */
static void fitting_answer(void)
{
    unsigned number = octet() % PEERS;
    struct sn_packet p = conversation->last[number];
    uint8_t how = octet();

    p.return_code = how < 200 ? SN_ACCEPTED : how % 5;
    switch (p.type) {
    case SN_REGISTER: p.type = SN_REGACK; break;
    case SN_PUBLISH:
        p.type = sn_qos(p.flags) == 2 && p.return_code == SN_ACCEPTED ? SN_PUBREC : SN_PUBACK;
        break;
    case SN_PUBREC: p.type = SN_PUBREL; break;
    case SN_PUBREL: p.type = SN_PUBCOMP; break;
    case SN_WILLTOPICREQ:
        p.type = SN_WILLTOPIC;
        p.flags = how & SN_FLAG_QOS;
        p.body = some_topic();
        break;
    case SN_WILLMSGREQ:
        p.type = SN_WILLMSG;
        p.body = some_data();
        break;
    default: return;
    }
    says(number, &p);
}

static void time_passes(void)
{
    static const msec_t gaps[] = {1, 900, 10000, 10001, 20000, 61000, 90001, 331000, 86400000};
    struct conversation *c = conversation;
    msec_t until = c->now + ONE_OF(gaps);

    if (octet() & 1) /* the loop was held up: everything is late */
        c->now = until;
    for (msec_t due; (due = core_deadline(c->core)) <= until;) {
        if (c->now < due)
            c->now = due;
        core_expire(c->core, c->now);
        assert(core_deadline(c->core) > c->now);
        core_audit(c->core);
    }
    c->now = until;
}

/* An answer that waits, or one that was given before. */
static void broker_answers(void)
{
    uint8_t which = octet(), how = octet();

    if (conversation->pending_count == 0)
        return;
    struct bridge_event e = conversation->pending[which % conversation->pending_count];
    e.result = (enum bridge_result)(how % 3);
    e.session_present = how & 4;
    e.granted_qos = (uint8_t)((how >> 3) % 3);
    if (how & 32 && e.type == BRIDGE_PUBLISHED && e.result == BRIDGE_BUSY)
        e.message = (struct bridge_message){sn_text("a/temp"), some_data(), 1, how & 64};
    broker_event(e);
}

static struct session_ref some_session(void)
{
    uint32_t slot = octet() % (SLOTS + 1);

    return (struct session_ref){slot, conversation->connections[slot].generation};
}

static void broker_link(void)
{
    uint8_t how = octet();

    broker_event((struct bridge_event){
        .type = how & 1 ? BRIDGE_OPENED : BRIDGE_CLOSED,
        .session = some_session(),
        .result = how & 8 ? BRIDGE_REFUSED : BRIDGE_OK,
        .session_present = how & 4,
    });
}

static void broker_message(void)
{
    uint8_t how = octet();
    struct session_ref session = some_session();
    struct sn_bytes topic = some_topic();

    if (session.slot == 0 || !sn_topic_name_ok(topic))
        return;
    broker_event((struct bridge_event){
        .type = BRIDGE_MESSAGE,
        .session = session,
        .message = {topic, some_data(), how % 3, how & 8},
    });
}

static void stray_answer(void)
{
    static const enum bridge_event_type types[] = {BRIDGE_PUBLISHED, BRIDGE_SUBSCRIBED,
                                                   BRIDGE_UNSUBSCRIBED};
    struct bridge_event e = {.type = ONE_OF(types), .result = (enum bridge_result)(octet() % 3)};

    e.session = (struct session_ref){octet() % (SLOTS + 2), octet() % 8};
    uint64_t epoch = octet() % 4, kind = octet() % 7, id = octet() % 8, msg_id = octet() % 20;
    e.token = epoch << 48 | kind << 32 | id << 16 | msg_id; /* as the engine packs them */
    broker_event(e);
}

/* A reload, a restart, or a port that is pulled out and plugged in again. */
static void world_changes(void)
{
    uint8_t how = octet();

    if (how & 0x80)
        conversation_link_up(how & 1, how & 2);
    else if ((how & 0x60) == 0x60)
        conversation_restart();
    else
        conversation_configure(how);
}

static void step(void)
{
    switch (octet() % 16) {
    case 0: raw_octets(); break;
    case 1: time_passes(); break;
    case 2:
    case 3: broker_answers(); break;
    case 4: broker_link(); break;
    case 5:
    case 6: broker_message(); break;
    case 7: stray_answer(); break;
    case 8: conversation->manners = (enum manners)(octet() % MANNERS); break;
    case 9: world_changes(); break;
    case 10:
    case 11: fitting_answer(); break;
    default: any_packet(); break;
    }
    core_audit(conversation->core);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = sn_reader(sn_bytes(data, size));
    conversation_begin(octet());
    while (!input.failed && input.left > 0)
        step();
    conversation_end();
    return 0;
}
