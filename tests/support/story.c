/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/story.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "sn/print.h"

struct story *story;

static struct sn_bytes keep(uint8_t **text, struct sn_bytes from)
{
    uint8_t *at = *text;

    if (from.len > 0)
        memcpy(at, from.data, from.len);
    *text += from.len;
    return sn_bytes(at, from.len);
}

static void on_send(struct sent what, struct sn_bytes wire)
{
    ck_assert_uint_lt(story->out_count, STORY_OUT);
    what.wire = malloc(wire.len + 1);
    ck_assert_ptr_nonnull(what.wire);
    memcpy(what.wire, wire.data, wire.len);
    what.len = wire.len;
    story->out[story->out_count++] = what;
}

static void sink_send(void *self, const struct sn_peer *to, struct sn_bytes wire)
{
    (void)self;
    on_send((struct sent){.to = *to}, wire);
}

static void sink_broadcast(void *self, uint8_t link, uint8_t radius, struct sn_bytes wire)
{
    (void)self;
    on_send((struct sent){.to = {.link = link}, .broadcast = true, .radius = radius}, wire);
}

static bool sink_request(void *self, const struct bridge_request *r)
{
    (void)self;
    if (story->broker.away && r->type != BRIDGE_CLOSE && r->type != BRIDGE_SET_WILL && !r->patient)
        return false;
    if (r->type == BRIDGE_PUBLISH && r->session.slot >= 1 &&
        r->session.slot <= story->broker.deaf_up_to)
        return false;
    ck_assert_uint_lt(story->request_count, STORY_REQUESTS);
    struct asked *a = &story->requests[story->request_count++];
    uint8_t *text = malloc(r->client_id.len + r->will.topic.len + r->will.payload.len +
                           r->message.topic.len + r->message.payload.len + 1);
    ck_assert_ptr_nonnull(text);
    *a = (struct asked){*r, text};
    a->request.client_id = keep(&text, r->client_id);
    a->request.will.topic = keep(&text, r->will.topic);
    a->request.will.payload = keep(&text, r->will.payload);
    a->request.message.topic = keep(&text, r->message.topic);
    a->request.message.payload = keep(&text, r->message.payload);
    return true;
}

static void sink_record(void *self, const struct record *r)
{
    (void)self;
    ledger_apply(&story->ledger, r);
}

static void sink_notice(void *self, const struct notice *n)
{
    (void)self;
    story->notices[n->type]++;
}

static struct config *config_of(const char *lines)
{
    static struct config_errors errors;
    char path[] = "/tmp/storyXXXXXX";

    if (!lines)
        return config_load(NULL, NULL, &errors);
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, lines, strlen(lines)), (ssize_t)strlen(lines));
    close(fd);
    struct config *config = config_load(path, NULL, &errors);
    unlink(path);
    ck_assert_msg(config != NULL, "%s", errors.list[0].text);
    return config;
}

void story_start(const char seed[17])
{
    const struct core_sink sink = {
        .send = sink_send,
        .broadcast = sink_broadcast,
        .request = sink_request,
        .record = sink_record,
        .notice = sink_notice,
    };

    story->core = core_new(story->config, &sink, (const uint8_t *)seed);
    ck_assert_ptr_nonnull(story->core);
}

struct story *story_begin(const char *lines)
{
    story = calloc(1, sizeof *story);
    ck_assert_ptr_nonnull(story);
    story->config = config_of(lines);
    ck_assert_ptr_nonnull(story->config);
    story->now = 1000000;
    story_start("a fixed seed ...");
    story_broker_comes_up();
    return story;
}

static void show(const struct sent *s)
{
    struct sn_packet p;
    char line[SN_PRINT_MAX];

    if (sn_decode(&p, sn_bytes(s->wire, s->len), NULL) == SN_OK)
        ck_abort_msg("the gateway also says %s", sn_print(line, sizeof line, &p, true));
    ck_abort_msg("the gateway also sends %zu octets", s->len);
}

void story_end(void)
{
    gateway_is_silent();
    core_audit(story->core);
    core_free(story->core);
    config_free(story->config);
    ledger_clear(&story->ledger);
    for (size_t i = 0; i < story->out_count; i++)
        free(story->out[i].wire);
    for (size_t i = 0; i < story->request_count; i++)
        free(story->requests[i].text);
    free(story);
    story = NULL;
}

struct sn_peer device(uint8_t number)
{
    return (struct sn_peer){.link = 0, .address_len = 2, .key = {0x10, number}};
}

struct sn_peer behind(uint8_t number, const void *node_id, size_t len)
{
    struct sn_peer peer = device(number);

    peer.node_len = (uint8_t)len;
    memcpy(peer.key + peer.address_len, node_id, len);
    return peer;
}

void client_sends_from(struct sn_peer from, const void *octets, size_t len)
{
    /* A copy of its own size: a read past its end is seen by the sanitizer. */
    uint8_t *copy = malloc(len + (len == 0));

    memcpy(copy, octets, len);
    core_datagram(story->core, story->now, &from, sn_bytes(copy, len));
    free(copy);
    story_oblige();
    core_audit(story->core);
}

void client_says_from(struct sn_peer from, struct sn_packet p)
{
    static uint8_t wire[SN_PACKET_MAX], wrapped[SN_PACKET_MAX];
    struct sn_bytes b = sn_encode(&p, wire, sizeof wire);

    ck_assert_uint_gt(b.len, 0);
    if (from.node_len > 0) {
        b = sn_bytes(wire, b.len);
        uint8_t head[3] = {(uint8_t)(3 + from.node_len), 0xFE, 0};
        memcpy(wrapped, head, 3);
        memcpy(wrapped + 3, from.key + from.address_len, from.node_len);
        memcpy(wrapped + 3 + from.node_len, b.data, b.len);
        b = sn_bytes(wrapped, b.len + 3 + from.node_len);
        memset(from.key + from.address_len, 0, from.node_len);
        from.node_len = 0;
    }
    client_sends_from(from, b.data, b.len);
}

void client_says(struct sn_packet p)
{
    client_says_from(device(1), p);
}

static size_t from_hex(const char *hex, uint8_t *octets, size_t cap)
{
    size_t len = 0;

    for (char *end; *hex != '\0'; hex = end) {
        ck_assert_uint_lt(len, cap);
        octets[len++] = (uint8_t)strtoul(hex, &end, 16);
        ck_assert_ptr_ne(end, hex);
    }
    return len;
}

void client_sends(const char *hex)
{
    uint8_t octets[256];

    client_sends_from(device(1), octets, from_hex(hex, octets, sizeof octets));
}

static const struct sent *take(void)
{
    ck_assert_msg(story->out_first < story->out_count, "the gateway says nothing");
    return &story->out[story->out_first++];
}

/* The datagram without its envelope, which must name the peer's node id. */
static struct sn_bytes unwrapped(const struct sent *s, struct sn_peer to)
{
    if (to.node_len == 0)
        return sn_bytes(s->wire, s->len);
    ck_assert_uint_gt(s->len, 3u + to.node_len);
    ck_assert_uint_eq(s->wire[0], 3u + to.node_len);
    ck_assert_uint_eq(s->wire[1], 0xFE);
    ck_assert_mem_eq(s->wire + 3, to.key + to.address_len, to.node_len);
    return sn_bytes(s->wire + 3 + to.node_len, s->len - 3 - to.node_len);
}

static void compare(struct sn_bytes wire, struct sn_packet expected)
{
    static uint8_t octets[SN_PACKET_MAX];
    struct sn_bytes want = sn_encode(&expected, octets, sizeof octets);
    struct sn_packet p;
    char said[SN_PRINT_MAX], wanted[SN_PRINT_MAX];

    if (sn_bytes_equal(wire, want))
        return;
    ck_assert_int_eq(sn_decode(&p, wire, NULL), SN_OK);
    ck_abort_msg("the gateway says %s instead of %s", sn_print(said, sizeof said, &p, true),
                 sn_print(wanted, sizeof wanted, &expected, true));
}

void gateway_says_to(struct sn_peer to, struct sn_packet p)
{
    const struct sent *s = take();

    compare(unwrapped(s, to), p);
    ck_assert_msg(!s->broadcast && sn_peer_equal(&s->to, &to), "said to somebody else");
}

void gateway_says(struct sn_packet p)
{
    gateway_says_to(device(1), p);
}

void gateway_sends(const char *hex)
{
    uint8_t octets[256];
    size_t len = from_hex(hex, octets, sizeof octets);
    const struct sent *s = take();

    ck_assert_uint_eq(s->len, len);
    ck_assert_mem_eq(s->wire, octets, len);
}

void gateway_broadcasts(struct sn_packet p)
{
    const struct sent *s = take();

    compare(sn_bytes(s->wire, s->len), p);
    ck_assert(s->broadcast);
}

void gateway_is_silent(void)
{
    if (story->out_first < story->out_count)
        show(&story->out[story->out_first]);
}

struct sn_packet gateway_said(void)
{
    const struct sent *s = take();
    struct sn_packet p;

    ck_assert_int_eq(sn_decode(&p, sn_bytes(s->wire, s->len), NULL), SN_OK);
    return p;
}

bool broker_saw(enum bridge_request_type type)
{
    for (size_t i = story->request_first; i < story->request_count; i++)
        if (story->requests[i].request.type == type)
            return true;
    return false;
}

struct bridge_request broker_sees(enum bridge_request_type type)
{
    while (story->request_first < story->request_count) {
        const struct bridge_request *r = &story->requests[story->request_first++].request;
        if (r->type == type)
            return *r;
    }
    ck_abort_msg("the broker sees nothing of the kind");
    return (struct bridge_request){0};
}

void broker_looks_away(void)
{
    story->request_first = story->request_count;
}

void broker_gets(const char *topic, const char *payload, uint8_t qos)
{
    struct bridge_message m = broker_sees(BRIDGE_PUBLISH).message;

    ck_assert_msg(sn_bytes_equal(m.topic, sn_text(topic)), "published on %.*s instead of %s",
                  (int)m.topic.len, (const char *)m.topic.data, topic);
    ck_assert(sn_bytes_equal(m.payload, sn_text(payload)));
    ck_assert_uint_eq(m.qos, qos);
}

void broker_says(struct bridge_event event)
{
    core_bridge_event(story->core, story->now, &event);
    story_oblige();
    core_audit(story->core);
}

static void answer(const struct bridge_request *r)
{
    struct bridge_event e = {.session = r->session, .token = r->token};

    if (r->session.slot == GATEWAY_SELF.slot)
        return;
    switch (r->type) {
    case BRIDGE_OPEN:
        e.type = story->broker.away ? BRIDGE_CLOSED : BRIDGE_OPENED;
        e.result = story->broker.away ? BRIDGE_OK : story->broker.opening;
        e.session_present = story->broker.session_present;
        break;
    case BRIDGE_PUBLISH:
        if (r->message.qos == 0)
            return;
        e.type = BRIDGE_PUBLISHED;
        e.result = story->broker.publishing;
        break;
    case BRIDGE_SUBSCRIBE:
        e.type = BRIDGE_SUBSCRIBED;
        e.result = story->broker.subscribing;
        e.granted_qos = r->message.qos;
        break;
    case BRIDGE_UNSUBSCRIBE: e.type = BRIDGE_UNSUBSCRIBED; break;
    case BRIDGE_CLOSE:
    case BRIDGE_SET_WILL: return;
    }
    core_bridge_event(story->core, story->now, &e);
}

void story_oblige(void)
{
    while (story->to_answer < story->request_count && !story->broker.silent)
        answer(&story->requests[story->to_answer++].request);
    if (story->broker.silent)
        story->to_answer = story->request_count;
}

struct found {
    struct sn_bytes client_id;
    struct session_view view;
    bool there;
};

static void find(void *self, const struct session_view *v)
{
    struct found *f = self;

    if (!sn_bytes_equal(v->client_id, f->client_id))
        return;
    f->view = *v;
    f->there = true;
}

static struct found client(const char *client_id)
{
    struct found f = {.client_id = sn_text(client_id)};

    core_each_session(story->core, find, &f);
    return f;
}

const char *state_of(const char *client_id)
{
    struct found f = client(client_id);

    return f.there ? f.view.state : "absent";
}

unsigned queued_for(const char *client_id)
{
    return client(client_id).view.queued;
}

struct session_ref ref_of(const char *client_id)
{
    for (size_t i = story->request_count; i-- > 0;) {
        const struct bridge_request *r = &story->requests[i].request;
        if (r->type == BRIDGE_OPEN && sn_bytes_equal(r->client_id, sn_text(client_id)))
            return r->session;
    }
    ck_abort_msg("%s never connected", client_id);
    return GATEWAY_SELF;
}

void broker_delivers(const char *client_id, const char *topic, const char *payload, uint8_t qos)
{
    broker_says((struct bridge_event){
        .type = BRIDGE_MESSAGE,
        .session = ref_of(client_id),
        .message = {sn_text(topic), sn_text(payload), qos, false},
    });
}

void broker_goes_away(const char *client_id)
{
    broker_says((struct bridge_event){
        .type = BRIDGE_CLOSED, .session = ref_of(client_id), .result = BRIDGE_BUSY});
}

void pass(msec_t ms)
{
    msec_t until = story->now + ms;

    for (msec_t due; (due = core_deadline(story->core)) <= until;) {
        story->now = due > story->now ? due : story->now;
        core_expire(story->core, story->now);
        story_oblige();
        core_audit(story->core);
    }
    story->now = until;
}

msec_t seconds(unsigned n)
{
    return (msec_t)n * 1000;
}

uint64_t counted(enum counter which)
{
    return core_counters(story->core)[which];
}

void connected(const char *client_id, uint8_t flags)
{
    client_says(sn_connect(client_id, flags, 60));
    gateway_says(sn_connack(SN_ACCEPTED));
}
