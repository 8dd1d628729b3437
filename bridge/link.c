/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "bridge/link_private.h"

enum {
    SETTLED_MS = 10000, /* open for this long, a link has earned a fresh back-off */
    ATTEMPTS_MAX = 16,  /* doublings of the pause */
    CUT_SHORT_TOLD = 3, /* in a row are no accident */
};

/* broker->connecting follows the state, so that no way out of CONNECTING can forget it. */
void link_set_state(struct broker_link *link, enum link_state state)
{
    struct broker *broker = link->broker;

    if (link->state == LINK_WAITING)
        TAILQ_REMOVE(&broker->waiting, link, queue);
    if (link->state == LINK_CONNECTING) {
        broker->connecting--;
        broker_wake(broker);
    }
    link->state = (uint8_t)state;
    if (state == LINK_CONNECTING)
        broker->connecting++;
    if (state == LINK_WAITING)
        TAILQ_INSERT_TAIL(&broker->waiting, link, queue);
}

void link_emit(struct broker_link *link, struct bridge_event event)
{
    struct broker_owner *owner = &link->broker->owner;

    /* What the broker was told is taken must not be lost with the link. */
    if (link->closing && event.type != BRIDGE_MESSAGE)
        return;
    event.session = link->ref;
    owner->event(owner->self, link, &event);
}

void link_need_attention(struct broker_link *link)
{
    if (!link->has_attention) {
        link->has_attention = true;
        TAILQ_INSERT_TAIL(&link->broker->attention, link, attention);
    }
    broker_wake(link->broker);
}

void link_need_flush(struct broker_link *link)
{
    if (!link->is_dirty) {
        link->is_dirty = true;
        TAILQ_INSERT_TAIL(&link->broker->dirty, link, dirty);
    }
}

void broker_link_hold(struct broker_link *link, bool on)
{
    link->held = on;
    if (!on)
        link_need_flush(link);
}

static char *copy_client_id(struct sn_bytes id)
{
    if (id.len > UINT16_MAX || (id.len > 0 && memchr(id.data, 0, id.len)))
        return NULL;
    return strndup(id.len > 0 ? (const char *)id.data : "", id.len);
}

bool broker_link_set_will(struct broker_link *link, const struct bridge_message *message)
{
    size_t topic_len = message->topic.len, payload_len = message->payload.len;
    const struct bridge_message bearable = link_bearable(link, message);
    struct link_will *will = NULL;

    if (topic_len > 0) {
        if (topic_len > UINT16_MAX || payload_len > UINT16_MAX ||
            memchr(message->topic.data, 0, topic_len) ||
            !(will = calloc(1, sizeof *will + topic_len + 1 + payload_len)))
            return false;
        will->topic_len = (uint16_t)topic_len;
        will->payload_len = (uint32_t)payload_len;
        will->qos = bearable.qos;
        will->retain = bearable.retain;
        memcpy(will->octets, message->topic.data, topic_len);
        if (payload_len > 0)
            memcpy(will->octets + topic_len + 1, message->payload.data, payload_len);
    }
    free(link->will);
    link->will = will;
    return true;
}

struct broker_link *broker_link_new(struct broker *broker, struct session_ref ref,
                                    const struct broker_session *session)
{
    struct broker_link *link = calloc(1, sizeof *link);

    if (!link)
        return NULL;
    link->broker = broker;
    link->ref = ref;
    link->deadline = NEVER;
    link->clean_start = session->clean_start;
    link->keep_session = session->keep_session;
    link->urgent = session->urgent;
    link->shared = session->shared;
    link->receive_maximum = session->receive_maximum;
    pending_init(&link->pending);
    TAILQ_INIT(&link->asks);
    TAILQ_INSERT_TAIL(&broker->all, link, all);
    broker->links++;
    link->client_id = copy_client_id(session->client_id);
    /* What MQTT cannot carry is told by the attempt to connect, like any refusal. */
    if (!link->client_id || !broker_link_set_will(link, &session->will))
        link->failure.kind = FAILURE_PARAMETERS;
    return link;
}

void link_free(struct broker_link *link)
{
    struct broker *broker = link->broker;

    link_unwatch(link);
    link_orphan_job(link);
    link_drop_mosq(link);
    link_set_state(link, LINK_DEAD);
    if (link->is_dirty)
        TAILQ_REMOVE(&broker->dirty, link, dirty);
    if (link->has_attention)
        TAILQ_REMOVE(&broker->attention, link, attention);
    if (link->is_paced)
        TAILQ_REMOVE(&broker->paced, link, paced);
    if (link->closing)
        TAILQ_REMOVE(&broker->closing, link, leaving);
    if (!broker->freed)
        link_let_successor_go(link);
    TAILQ_REMOVE(&broker->all, link, all);
    link_forget_asks(link);
    pending_fini(&link->pending);
    seen_free(link->seen);
    free(link->will);
    free(link->client_id);
    free(link);
    if (--broker->links == 0 && !broker->freed)
        broker->owner.emptied(broker->owner.self);
}

void broker_link_connect(struct broker_link *link)
{
    link->deadline = NEVER;
    if ((link->closing && !link->will_due && !link->purging) ||
        (link->state != LINK_DOWN && link->state != LINK_HELD))
        return;
    if (link->job) {
        link->connect_later = true;
        return;
    }
    if (link_waits_for_another(link))
        return;
    link_set_state(link, LINK_WAITING);
    if (link->urgent)
        link_start(link);
    else
        broker_wake(link->broker);
}

static void on_urgent(uv_timer_t *timer)
{
    struct broker *broker = timer->data;

    if (broker->urgent_link)
        broker_link_connect(broker->urgent_link);
}

/* Not every broker says that another client took the id; then the two fight for it. */
static void note_length(struct broker_link *link, bool settled)
{
    const struct broker_owner *owner = &link->broker->owner;

    if (settled)
        link->cut_short = 0;
    else if (link->opened_at > 0 && ++link->cut_short == CUT_SHORT_TOLD)
        owner->cut_short(owner->self, link);
}

/* Doubles from reconnect_min to reconnect_max; the upper half is random, so that ten thousand links
 * do not return in step. */
static msec_t next_pause(struct broker_link *link)
{
    const struct broker_config *config = link->broker->config;
    msec_t pause = (msec_t)config->reconnect_min_ms << link->attempts;

    if (pause > config->reconnect_max_ms)
        pause = config->reconnect_max_ms;
    if (link->attempts < ATTEMPTS_MAX)
        link->attempts++;
    return pause / 2 + broker_random(link->broker) % (pause / 2 + 1);
}

void broker_link_retry(struct broker_link *link)
{
    struct broker *broker = link->broker;
    msec_t now = broker_now(broker);
    bool settled = link->opened_at > 0 && now - link->opened_at >= SETTLED_MS;

    note_length(link, settled);
    if (settled)
        link->attempts = 0;
    link->opened_at = 0;
    link->deadline = now + next_pause(link);
    /* The scout goes and looks; after overdue acknowledgements the broker has had its time. */
    if ((link->urgent && settled) || link->failure.kind == FAILURE_ACKS) {
        broker_link_connect(link);
    } else if (link->urgent) {
        broker->urgent_link = link;
        uv_timer_start(&broker->urgent, on_urgent, link->deadline - now, 0);
    }
}

bool broker_link_is_open(const struct broker_link *link)
{
    return link->state == LINK_OPEN && !link->failed;
}

const char *broker_link_client_id(const struct broker_link *link)
{
    return link->client_id ? link->client_id : "";
}

const struct failure *broker_link_failure(const struct broker_link *link)
{
    return &link->failure;
}

void broker_link_failure_text(const struct broker_link *link, char *into, size_t size)
{
    failure_text(&link->failure, link->broker->config, link->broker->detail, into, size);
}

void link_fail(struct broker_link *link, struct failure failure)
{
    if (link->failed)
        return;
    link->failed = true;
    link->opened_due = false;
    link->failure = failure;
    link_unwatch(link);
    if (link->state == LINK_CONNECTING && link->job && !link->job->again)
        link_orphan_job(link);
    link_need_attention(link);
}

/* With a QoS 2 publish under way the struct is kept, because only the library knows how far its
 * handshake went; it resumes it when the broker still has the session. Otherwise a new struct is
 * safer: its packet identifiers and its inbound QoS 2 state start clean. */
static void settle_mosq(struct broker_link *link)
{
    if (!link->holds || link->pending.qos2 == 0 || link->discard)
        link_drop_mosq(link);
}

/* libmosquitto does not wait for a connection before it settles for an address, so of a host with
 * IPv6 and IPv4 it never gets to the second when the first is silent. After such a failure the next
 * attempt is confined to IPv4, the one after it is not, and so on. */
static void try_other_family(struct broker_link *link)
{
    const struct failure *f = &link->failure;

    if (f->kind == FAILURE_TIMEOUT || (f->kind == FAILURE_LIBRARY && f->code == MOSQ_ERR_ERRNO))
        link->broker->ipv4_only = !link->broker->ipv4_only;
}

/* For link_blame, before the next attempt. What had not left yet bears no blame. */
static void remember_loss(struct broker_link *link)
{
    enum failure_kind kind = link->failure.kind;
    const struct pending *oldest = pending_oldest(&link->pending);

    link->lost_at = broker_now(link->broker);
    link->suspicious = !link->urgent && oldest && oldest->mid != 0 &&
                       (kind == FAILURE_DISCONNECTED ||
                        (kind == FAILURE_LIBRARY && link->failure.code != MOSQ_ERR_KEEPALIVE));
    if (link->urgent)
        link->broker->witnessed_since = NEVER;
}

static void close_lost(struct broker_link *link)
{
    bool was_open = link->state == LINK_OPEN || link->state == LINK_DRAINING;
    struct bridge_event event = {.type = was_open ? BRIDGE_CLOSED : BRIDGE_OPENED,
                                 .result = failure_result(&link->failure)};

    if (link->urgent && !was_open)
        try_other_family(link);
    settle_mosq(link);
    link_forget_asks(link);
    link->behind = 0;
    link->blocked = false;
    link_set_state(link, LINK_DOWN);
    link->deadline = NEVER;
    if (was_open) {
        link->broker->counters.losses++;
        remember_loss(link);
    } else {
        link->broker->counters.connect_failures++;
    }
    link_emit(link, event);
    if (!was_open || link->broker->away)
        link_return_all(link);
}

/* A closing link whose connection or attempt is over. */
static bool is_at_its_end(struct broker_link *link)
{
    if (link->renew || link_waits_for_will(link))
        return false;
    if (!link_owes_purge(link))
        return !link_waits_for_purge(link);
    link_begin_purge(link);
    link->renew = true;
    return false;
}

void link_attend(struct broker_link *link)
{
    bool failed = link->failed;

    link->failed = false;
    if (link->state == LINK_DEAD || (failed && link->closing && is_at_its_end(link))) {
        link_free(link);
    } else if (failed && link->renew) {
        link->renew = false;
        link_drop_mosq(link);
        link_set_state(link, LINK_DOWN);
        broker_link_connect(link);
    } else if (failed) {
        close_lost(link);
        if (link->closing)
            broker_link_retry(link);
    } else if (link->state == LINK_OPEN && link->will_due) {
        link_publish_will(link);
    } else if (link->state == LINK_DRAINING && link->pending.count == 0) {
        link_say_goodbye(link);
    }
}

/* What stays unacknowledged on a live connection is never repeated there by the library, so the
 * connection is renewed. A publish that is overdue for the second time is given up. */
static void renew_overdue(struct broker_link *link, msec_t now)
{
    const msec_t timeout = link->broker->config->ack_timeout_ms;
    struct pending *p, *next;

    link->broker->counters.ack_timeouts++;
    for (p = pending_oldest(&link->pending); p; p = next) {
        next = TAILQ_NEXT(p, entries);
        if (p->mid == 0 || now - p->sent_at < timeout)
            break; /* the others are younger, or wait for their turn */
        p->sent_at = now;
        if (p->repeats++ > 0 && !p->returned && !link_return(link, p)) {
            link->discard = true; /* or the library would send it again */
            link_answered(link, p, BRIDGE_BUSY);
        }
    }
    link_fail(link, (struct failure){FAILURE_ACKS, 0, 0});
}

static void tick_open(struct broker_link *link, msec_t now)
{
    const msec_t timeout = link->broker->config->ack_timeout_ms;
    const struct pending *publish = pending_oldest(&link->pending);
    const struct link_ask *ask = TAILQ_FIRST(&link->asks);

    int rc = mosquitto_loop_misc(link->mosq);
    if (!link_check(link, rc, 0))
        return;
    if (mosquitto_want_write(link->mosq))
        link_need_flush(link);
    if (link->state == LINK_OPEN &&
        ((publish && publish->mid != 0 && now - publish->sent_at >= timeout) ||
         (ask && now - ask->sent_at >= timeout)))
        renew_overdue(link, now);
}

void link_tick(struct broker_link *link, msec_t now)
{
    const msec_t timeout = link->broker->config->ack_timeout_ms;

    if (link->failed)
        return;
    if (link->state <= LINK_CONNECTING && link->pending.count > 0 && now > timeout)
        link_age_pending(link, now - timeout);
    switch ((enum link_state)link->state) {
    case LINK_DOWN:
        if (now >= link->deadline && !link->urgent)
            broker_link_connect(link);
        break;
    case LINK_CONNECTING:
        if (now >= link->deadline)
            link_fail(link, (struct failure){FAILURE_TIMEOUT, 0, 0});
        break;
    case LINK_OPEN: tick_open(link, now); break;
    case LINK_DRAINING:
        if (now >= link->deadline)
            link_say_goodbye(link);
        else
            tick_open(link, now);
        break;
    case LINK_LEAVING:
        if (now >= link->deadline)
            link_fail(link, (struct failure){FAILURE_TIMEOUT, 0, 0});
        break;
    case LINK_HELD:
    case LINK_WAITING:
    case LINK_DEAD: break;
    }
}
