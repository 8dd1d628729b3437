/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/conversation.h"

#include <stdlib.h>

#include "sn/topic.h"
#include "tests/fuzz/fingerprint.h"

static struct ledger ledger;
static bool down[2]; /* by link */

enum { SHORT_LINK = 1, SHORT_PACKET = 40, LONG_PACKET = 300 };

static struct conversation stage;
struct conversation *conversation = &stage;

static const struct config *config_variant(uint8_t bits)
{
    static struct topic_row everybody[] = {{1, "pre/one"}, {2, "pre/two"}, {42, "xy"}};
    static struct topic_row some[] = {{2, "pre/other"}, {7, "a/temp"}};
    static struct topic_set sets[] = {{"b*", some, 2}, {NULL, everybody, 3}};
    static struct config *base;
    static struct config variants[256];
    static struct config_errors errors;

    if (!base)
        base = config_load(NULL, NULL, &errors);
    assert(base);
    struct config *c = &variants[bits];
    *c = *base;
    c->topics = sets;
    c->topics_count = 2;
    c->gateway.max_clients = 4;
    c->gateway.max_client_id = 20;
    c->gateway.max_topic_length = 60;
    c->gateway.max_topics = bits & 0x80 ? 3 : 12;
    c->gateway.max_subscriptions = 3;
    c->gateway.max_unknown_senders = 16;
    c->gateway.retry_count = 1;
    c->gateway.max_silence_ms = bits & 0x80 ? 600000 : 0;
    c->gateway.allow_empty_client_id = bits & 1;
    c->gateway.allow_zero_keep_alive = !(bits & 2);
    c->gateway.qos_minus_one = bits & 4 ? QOS_MINUS_ONE_LONG_TOPICS : QOS_MINUS_ONE_YES;
    c->gateway.take_over = bits & 8 ? TAKE_OVER_NOT_ACTIVE : TAKE_OVER_ALWAYS;
    c->broker.qos2_subscriptions = bits & 16 ? QOS2_NATIVE : QOS2_SAFE;
    c->sleep.max_messages = 4;
    c->sleep.max_octets = 200;
    c->sleep.max_per_wake = 3;
    c->sleep.when_full = (bits >> 5 & 3) % 3;
    c->sleep.keep_qos0 = !(bits & 1);
    c->sleep.strict = bits & 2;
    c->broker.offline = bits & 32 ? OFFLINE_REJECT : OFFLINE_STORE;
    c->store.path = bits & 16 ? "kept" : "";
    c->store.keep_qos0 = bits & 64;
    c->spool.keep_qos0 = bits & 4;
    c->spool.received_at = bits & 4;
    c->spool.max_messages = 6;
    c->spool.max_octets = 300;
    c->spool.max_age_ms = bits & 128 ? 60000 : 0;
    c->spool.drain_rate = bits & 1 ? 1 : 1000;
    return c;
}

struct sn_peer peer_number(unsigned number)
{
    struct sn_peer peer = {.address_len = 2, .key = {0x10, (uint8_t)number}};

    if (number == 7)
        peer.link = SHORT_LINK;
    if (number >= 4 && number <= 6) {
        peer.key[1] = number == 6 ? 0xF6 : 0xF4; /* the forwarder */
        peer.key[2] = 0xAB;
        peer.key[3] = number == 5 ? 5 : 4;
        peer.node_len = 2;
    }
    return peer;
}

static unsigned number_of(const struct sn_peer *peer)
{
    unsigned n = 0;

    while (n < PEERS && !sn_peer_equal(peer, &(struct sn_peer[]){peer_number(n)}[0]))
        n++;
    return n;
}

/* What a gateway may send, and in which form (digest, section 3 and 4). */
static void check_packet(const struct sn_packet *p)
{
    switch ((enum sn_type)p->type) {
    case SN_PUBLISH:
        assert(sn_qos(p->flags) != SN_QOS_MINUS_ONE);
        assert(sn_topic_type(p->flags) != SN_TOPIC_RESERVED);
        assert(sn_topic_type(p->flags) == SN_TOPIC_SHORT || p->topic_id != SN_TOPIC_ID_NONE);
        assert((p->msg_id == 0) == (sn_qos(p->flags) == 0));
        assert(sn_qos(p->flags) > 0 || !(p->flags & SN_FLAG_DUP));
        break;
    case SN_REGISTER:
        assert(p->topic_id >= 1 && p->topic_id <= SN_TOPIC_ID_LAST && p->msg_id != 0);
        assert(sn_topic_name_ok(p->body));
        break;
    case SN_REGACK:
        assert(p->return_code <= SN_NOT_SUPPORTED);
        assert((p->topic_id == SN_TOPIC_ID_NONE) == (p->return_code != SN_ACCEPTED));
        break;
    case SN_SUBACK: assert((p->flags & ~SN_FLAG_QOS) == 0 && sn_qos(p->flags) < 3); break;
    case SN_DISCONNECT: assert(p->duration == 0); break;
    case SN_CONNACK:
    case SN_PUBACK:
    case SN_WILLTOPICRESP:
    case SN_WILLMSGRESP:
    case SN_WILLTOPICREQ:
    case SN_WILLMSGREQ:
    case SN_PUBCOMP:
    case SN_PUBREC:
    case SN_PUBREL:
    case SN_UNSUBACK:
    case SN_PINGRESP: break;
    case SN_GWINFO: assert(p->body.len == 0); break;
    case SN_ADVERTISE:
    case SN_SEARCHGW:
    case SN_CONNECT:
    case SN_WILLTOPIC:
    case SN_WILLMSG:
    case SN_SUBSCRIBE:
    case SN_UNSUBSCRIBE:
    case SN_PINGREQ:
    case SN_WILLTOPICUPD:
    case SN_WILLMSGUPD: abort(); /* not of a gateway, or not by unicast */
    }
    assert(p->return_code <= SN_NOT_SUPPORTED);
}

static void on_send(void *self, const struct sn_peer *to, struct sn_bytes wire)
{
    struct sn_peer peer = *to;
    struct sn_packet p;
    struct sn_bytes inner = wire;
    size_t trailing;
    unsigned number = number_of(to);

    (void)self;
    assert(!down[to->link]);
    assert(wire.len <= (to->link == SHORT_LINK ? SHORT_PACKET : LONG_PACKET));
    if (to->node_len > 0) {
        memset(peer.key + peer.address_len, 0, peer.node_len);
        peer.node_len = 0;
        assert(sn_unwrap(wire, &peer, &inner) == SN_OK && sn_peer_equal(&peer, to));
    }
    assert(sn_decode(&p, inner, &trailing) == SN_OK && trailing == 0);
    check_packet(&p);
    const struct session *s = session_at(&stage.core->sessions, to);
    bool delivery = p.type == SN_REGISTER || p.type == SN_PUBLISH;
    assert(!delivery || (s && s->state != ASLEEP)); /* section 7: buffer everything */
    p.body = (struct sn_bytes){0};
    if (number < PEERS) /* a raw envelope may name any node */
        stage.last[number] = p;
}

static void on_broadcast(void *self, uint8_t link, uint8_t radius, struct sn_bytes wire)
{
    struct sn_packet p;

    (void)self;
    (void)radius;
    assert(sn_decode(&p, wire, NULL) == SN_OK);
    assert(p.type == SN_ADVERTISE ? link == ALL_LINKS : p.type == SN_GWINFO);
}

static void on_record(void *self, const struct record *r)
{
    (void)self;
    ledger_apply(&ledger, r);
}

static void on_notice(void *self, const struct notice *n)
{
    (void)self;
    assert(n->client_id.len > 0);
}

static void check_request(const struct bridge_request *r)
{
    const struct bridge_message *m = &r->message;

    switch (r->type) {
    case BRIDGE_OPEN:
        assert(r->client_id.len > 0 && sn_utf8_ok(r->client_id));
        /* A restored clean session has neither; both, one whose Clean=1 the broker has not heard.
         */
        assert(!(r->clean_start && r->keep_session) ||
               session_of(&stage.core->sessions, r->session)->fresh);
        m = &r->will;
        assert(m->topic.len == 0 || sn_topic_name_ok(m->topic));
        break;
    case BRIDGE_SET_WILL:
        m = &r->will;
        assert(m->topic.len == 0 || sn_topic_name_ok(m->topic));
        break;
    case BRIDGE_PUBLISH: assert(sn_topic_name_ok(m->topic)); break;
    case BRIDGE_SUBSCRIBE:
    case BRIDGE_UNSUBSCRIBE: assert(sn_topic_filter_ok(m->topic)); break;
    case BRIDGE_CLOSE: break;
    }
    assert(m->qos <= 2);
    assert(r->type == BRIDGE_PUBLISH || r->session.slot > 0);
    assert(r->session.slot == 0 || session_of(&stage.core->sessions, r->session));
}

/* Keeps the book of the connections as a bridge would. False: there is none for this request. */
static bool book(const struct bridge_request *r)
{
    if (r->session.slot == 0)
        return true;
    assert(r->session.slot <= SLOTS);
    struct bridge_connection *c = &stage.connections[r->session.slot];
    if (r->type == BRIDGE_OPEN) {
        *c = (struct bridge_connection){r->session.generation, OPENING_IT, r->patient};
        return true;
    }
    bool ours = c->generation == r->session.generation && c->state != NO_CONNECTION;
    if (r->type == BRIDGE_CLOSE && ours)
        c->state = NO_CONNECTION;
    return ours;
}

static bool answer_of(const struct bridge_request *r, struct bridge_event *e)
{
    *e = (struct bridge_event){.session = r->session, .token = r->token};
    e->granted_qos = r->message.qos;
    switch (r->type) {
    case BRIDGE_OPEN: e->type = BRIDGE_OPENED; return true;
    case BRIDGE_PUBLISH: e->type = BRIDGE_PUBLISHED; return r->message.qos > 0;
    case BRIDGE_SUBSCRIBE: e->type = BRIDGE_SUBSCRIBED; return true;
    case BRIDGE_UNSUBSCRIBE: e->type = BRIDGE_UNSUBSCRIBED; return true;
    case BRIDGE_CLOSE:
    case BRIDGE_SET_WILL: return false;
    }
    return false;
}

static bool on_request(void *self, const struct bridge_request *r)
{
    struct bridge_event answer;

    (void)self;
    check_request(r);
    assert(r->type == BRIDGE_CLOSE || r->type == BRIDGE_SET_WILL || r->session.slot == 0 ||
           r->type == BRIDGE_OPEN || stage.connections[r->session.slot].state != NO_CONNECTION);
    if (stage.manners == TAKE_NOTHING && r->type != BRIDGE_CLOSE)
        return false;
    if (!book(r) || !answer_of(r, &answer))
        return true;
    if (stage.manners == ACCEPT_NOW || stage.manners == REFUSE_NOW) {
        answer.result = stage.manners == ACCEPT_NOW ? BRIDGE_OK : BRIDGE_REFUSED;
        broker_event(answer);
        return true;
    }
    stage.pending[stage.asked++ % PENDING] = answer;
    if (stage.pending_count < PENDING)
        stage.pending_count++;
    return true;
}

/* What bridge.h says may happen to a connection. False: this may not. */
static bool allowed(struct bridge_connection *c, struct bridge_event *e)
{
    bool opened = e->type == BRIDGE_OPENED;

    if (c->generation != e->session.generation || c->state == NO_CONNECTION)
        return false;
    if (c->state == OPENING_IT && opened && c->patient && e->result == BRIDGE_BUSY)
        return false;
    if (c->state == OPENING_IT && !opened && !(c->patient && e->result == BRIDGE_OK))
        return false;
    if (c->state != OPENING_IT && opened && (c->state == IS_OPEN || e->result != BRIDGE_OK))
        return false;
    if (opened)
        c->state = e->result == BRIDGE_OK ? IS_OPEN : NO_CONNECTION;
    else
        c->state = e->result == BRIDGE_REFUSED ? NO_CONNECTION : IS_AWAY;
    return true;
}

void broker_event(struct bridge_event e)
{
    bool of_session = e.session.slot > 0 && e.session.slot <= SLOTS;
    struct bridge_connection *c = of_session ? &stage.connections[e.session.slot] : NULL;

    if (c && (e.type == BRIDGE_OPENED || e.type == BRIDGE_CLOSED) && !allowed(c, &e))
        return;
    if (c && e.type == BRIDGE_MESSAGE &&
        (c->generation != e.session.generation || c->state != IS_OPEN))
        return;
    core_bridge_event(stage.core, stage.now, &e);
}

static void new_core(uint8_t variant, const char seed[17])
{
    const struct core_sink sink = {
        .send = on_send,
        .broadcast = on_broadcast,
        .request = on_request,
        .record = on_record,
        .notice = on_notice,
    };

    stage.core = core_new(config_variant(variant), &sink, (const uint8_t *)seed);
    assert(stage.core);
    for (unsigned link = 0; link < 256; link++)
        core_link(stage.core, (uint8_t)link,
                  &(struct core_link){
                      .max_packet = link == SHORT_LINK ? SHORT_PACKET : LONG_PACKET,
                      .retry_count = -1,
                  });
}

void conversation_begin(uint8_t variant)
{
    down[0] = down[1] = false;
    ledger_clear(&ledger);
    stage = (struct conversation){.now = 1000000, .manners = ACCEPT_NOW, .variant = variant};
    new_core(variant, "a fixed seed ...");
    broker_event((struct bridge_event){.type = BRIDGE_OPENED, .session = GATEWAY_SELF});
}

void conversation_link_up(uint8_t link, bool up)
{
    down[link] = !up;
    core_link_up(stage.core, stage.now, link, up);
}

void conversation_configure(uint8_t variant)
{
    stage.variant = variant;
    core_configure(stage.core, config_variant(variant));
}

static void restore(void *self, const struct record *r)
{
    (void)self;
    assert(core_restore(stage.core, stage.now, r));
}

void conversation_restart(void)
{
    uint64_t before = fingerprint(stage.core);

    core_free(stage.core);
    memset(stage.connections, 0, sizeof stage.connections);
    stage.pending_count = 0;
    down[0] = down[1] = false;
    new_core(stage.variant, "another seed ...");
    ledger_each(&ledger, restore, NULL);
    core_audit(stage.core);
    assert(fingerprint(stage.core) == before);
    core_restored(stage.core, stage.now);
}

void conversation_end(void)
{
    core_stop(stage.core);
    core_audit(stage.core);
    core_free(stage.core);
    ledger_clear(&ledger);
}
