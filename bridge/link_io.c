/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "bridge/link_private.h"
#include "bridge/read_ahead.h"

enum {
    PACKETS_PER_TURN = 64, /* so that one busy link leaves room for the others */
    SEEN_LEAST = 32,       /* brokers rarely have more than 20 under way to one client */
};

/* --- libmosquitto's callbacks: errno must survive them, loop_read looks at it -------------------
 */

/* OPENED is told when the library is done with the CONNACK, or before the next thing it has to
 * tell: then what it resends by itself stands in its queue before anything new. */
static void settle(struct broker_link *link)
{
    if (!link->opened_due)
        return;
    link->opened_due = false;
    link->failure = (struct failure){FAILURE_NONE, 0, 0};
    link->was_open = link->holds = true;
    link->opened_at = broker_now(link->broker);
    link->deadline = NEVER;
    if (link->urgent)
        link->broker->witnessed_since = link->opened_at;
    link->listens = link->present;
    link->broker->counters.connects++;
    link_set_state(link, LINK_OPEN);
    if (link->seen && link->present)
        seen_resume(link->seen, broker_now(link->broker), link->heard_at);
    else if (link->seen)
        seen_forget(link->seen);
    if (link->resumed)
        link_resume(link);
    else
        link_replay(link);
    link->resumed = link->forgotten = false;
    if (link->will_due)
        link_need_attention(link);
    link_emit(link, (struct bridge_event){.type = BRIDGE_OPENED, .session_present = link->present});
}

static void on_connect(struct mosquitto *mosq, void *self, int code, int flags,
                       const mosquitto_property *properties)
{
    struct broker_link *link = self;
    int saved = errno;

    if ((link->closing && !link->will_due && !link->purging) || link->failed ||
        link->state != LINK_CONNECTING)
        return;
    uint8_t available = 1;
    mosquitto_property_read_byte(properties, MQTT_PROP_SUBSCRIPTION_ID_AVAILABLE, &available,
                                 false);
    link->no_identifiers = available == 0;
    link->connack_reason = (uint8_t)code;
    /* A second CONNECT finds what the first one made: new, all the same. */
    link->present = (flags & 1) && !link->forgotten;
    if (code == 0 && link->resumed && !link->present) {
        /* The broker forgot the session: the library would now finish QoS 2 handshakes the broker
         * knows nothing of, and the messages were lost. Leave before it does (the DISCONNECT
         * stands first in its queue and keeps the will from firing) and publish them anew. */
        link->renew = link->forgotten = true;
        mosquitto_disconnect_v5(mosq, 0, NULL);
    } else if (code == 0 && !link_purges(link)) {
        link->opened_due = true;
    }
    errno = saved;
}

static void on_disconnect(struct mosquitto *mosq, void *self, int code,
                          const mosquitto_property *properties)
{
    struct broker_link *link = self;

    (void)mosq, (void)properties;
    if (code >= 0x80 && code <= 0xFF)
        link->disconnect_reason = (uint8_t)code;
}

static void on_publish(struct mosquitto *mosq, void *self, int mid, int code,
                       const mosquitto_property *properties)
{
    struct broker_link *link = self;
    struct pending *p;
    int saved = errno;

    (void)mosq, (void)properties;
    if (link->writing)
        return; /* QoS 0 has left; its id may equal that of an older QoS 1 publish */
    settle(link);
    if ((link->state == LINK_OPEN || link->state == LINK_DRAINING) &&
        (p = pending_find(&link->pending, mid))) {
        link_answered(link, p, result_of_reason(code));
        if (link->state == LINK_DRAINING && link->pending.count == 0)
            link_need_attention(link);
    }
    errno = saved;
}

static bool is_repetition(struct broker_link *link, const struct mosquitto_message *m,
                          struct sn_bytes topic, struct sn_bytes payload)
{
    const uint32_t ours = link->broker->config->max_inflight, theirs = link->receive_maximum;
    const uint32_t window = theirs > ours ? theirs : ours;

    if (m->qos == 0)
        return false;
    if (!link->seen)
        link->seen = seen_new(window > SEEN_LEAST ? window : SEEN_LEAST);
    return link->seen &&
           seen_again(link->seen, broker_now(link->broker), (uint16_t)m->mid, topic, payload);
}

static void on_message(struct mosquitto *mosq, void *self, const struct mosquitto_message *m,
                       const mosquitto_property *properties)
{
    struct broker_link *link = self;
    struct sn_bytes topic = sn_text(m->topic),
                    payload = sn_bytes(m->payload, (size_t)m->payloadlen);
    int saved = errno;

    (void)mosq;
    settle(link);
    if (link->state < LINK_OPEN || link->state == LINK_DEAD) {
        link->broker->counters.messages_too_late++;
    } else if (is_repetition(link, m, topic, payload)) {
        link->broker->counters.redeliveries++;
    } else {
        link->broker->counters.messages++;
        link->properties = properties;
        link_emit(link,
                  (struct bridge_event){.type = BRIDGE_MESSAGE,
                                        .message = {topic, payload, (uint8_t)m->qos, m->retain}});
        link->properties = NULL;
    }
    errno = saved;
}

bool broker_link_knows_identifiers(const struct broker_link *link)
{
    return broker_mqtt5(link->broker) && !link->no_identifiers;
}

size_t broker_link_identifiers(const struct broker_link *link, uint32_t *into, size_t size)
{
    const mosquitto_property *p = link->properties;
    size_t count = 0;

    while (count < size && (p = mosquitto_property_read_varint(p, MQTT_PROP_SUBSCRIPTION_IDENTIFIER,
                                                               into + count, count > 0)))
        count++;
    return count;
}

static void answer_ask(struct broker_link *link, int mid, int granted)
{
    bool safe = link->broker->config->qos2_subscriptions == QOS2_SAFE;
    struct link_ask *ask;
    int saved = errno;

    settle(link);
    TAILQ_FOREACH(ask, &link->asks, entries)
    if (ask->mid == mid)
        break;
    if (ask && link->state == LINK_OPEN) {
        struct bridge_event event = {
            .type = ask->unsubscribe ? BRIDGE_UNSUBSCRIBED : BRIDGE_SUBSCRIBED,
            .token = ask->token,
            .result = ask->unsubscribe ? BRIDGE_OK : result_of_reason(granted)};
        /* Safe: the second half of QoS 2 is done between gateway and device. */
        if (event.result == BRIDGE_OK && !ask->unsubscribe)
            event.granted_qos = safe && ask->qos == 2 && granted == 1 ? 2 : (uint8_t)granted;
        if (event.result != BRIDGE_OK)
            link->broker->counters.refused++;
        TAILQ_REMOVE(&link->asks, ask, entries);
        link->asked--;
        free(ask);
        link_emit(link, event);
    }
    errno = saved;
}

static void on_subscribe(struct mosquitto *mosq, void *self, int mid, int count, const int *granted,
                         const mosquitto_property *properties)
{
    (void)mosq, (void)properties;
    answer_ask(self, mid, count > 0 ? granted[0] : 0x80);
}

static void on_unsubscribe(struct mosquitto *mosq, void *self, int mid,
                           const mosquitto_property *properties)
{
    (void)mosq, (void)properties;
    answer_ask(self, mid, 0);
}

/* Only the _v5 callbacks: they serve 3.1.1 as well, and the others miss refused PUBRECs. */
void link_set_callbacks(struct mosquitto *mosq)
{
    mosquitto_connect_v5_callback_set(mosq, on_connect);
    mosquitto_disconnect_v5_callback_set(mosq, on_disconnect);
    mosquitto_publish_v5_callback_set(mosq, on_publish);
    mosquitto_message_v5_callback_set(mosq, on_message);
    mosquitto_subscribe_v5_callback_set(mosq, on_subscribe);
    mosquitto_unsubscribe_v5_callback_set(mosq, on_unsubscribe);
}

/* --- the socket ------------------------------------------------------------------------------- */

static struct failure why(const struct broker_link *link, int rc, int err)
{
    if (link->connack_reason)
        return (struct failure){FAILURE_REFUSED, link->connack_reason, 0};
    if (link->disconnect_reason)
        return (struct failure){FAILURE_DISCONNECTED, link->disconnect_reason, 0};
    return (struct failure){FAILURE_LIBRARY, rc ? rc : MOSQ_ERR_CONN_LOST, err};
}

/* A failed TLS handshake closes the socket without any callback, a reset one stays open after an
 * error: so return codes and the descriptor decide, after every call. */
bool link_check(struct broker_link *link, int rc, int err)
{
    if (link->failed)
        return false;
    if (rc == MOSQ_ERR_SUCCESS && link->watch && mosquitto_socket(link->mosq) == link->watch->fd)
        return true;
    link_fail(link, why(link, rc, err));
    return false;
}

/* The kernel acknowledges what was read at once, or the broker's Nagle and our delayed ACK wait 40
 * ms for each other. It costs a segment each way and the kernel forgets the option, so it is asked
 * only where more may come and nothing was written that carries the acknowledgement anyway. */
static void quick_ack(struct broker_link *link)
{
    int on = 1;

    link->ack_owed = false;
    if (link->broker->config->address.kind != ENDPOINT_UNIX)
        setsockopt(link->watch->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

/* One packet. False: there is no more to read, or nobody to read it. */
static bool read_packet(struct broker_link *link)
{
    errno = 0;
    int rc = mosquitto_loop_read(link->mosq, 1);
    int err = errno;

    if (link->opened_due && rc == MOSQ_ERR_SUCCESS)
        settle(link);
    return link_check(link, rc, err) && err != EAGAIN && link->state != LINK_LEAVING;
}

/* Each loop_read goes on while the TLS library holds decrypted octets, so when the bound ends this
 * early, what is left is in the socket and the watch reports it again. */
static void read_packets(struct broker_link *link)
{
    bool plain = link->broker->config->address.kind != ENDPOINT_TLS;

    if (plain)
        read_ahead_begin(link->watch->fd);
    for (int n = 1; read_packet(link); n++) {
        if (n >= PACKETS_PER_TURN)
            read_ahead_last();
        if (n >= PACKETS_PER_TURN && !read_ahead_left())
            break;
    }
    read_ahead_end();
    if (link->failed)
        return;
    if (link->state == LINK_OPEN)
        link->heard_at = broker_now(link->broker);
    if (link->logging && link->state == LINK_OPEN) {
        mosquitto_log_callback_set(link->mosq, NULL); /* it would cost a line per packet */
        link->logging = false;
    }
    if (link->listens || link->pending.count > 0 || link->asked > 0)
        link->ack_owed = true;
    if (link->ack_owed || mosquitto_want_write(link->mosq))
        link_need_flush(link);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct link_watch *watch = poll->data;
    struct broker_link *link = watch->link;

    if (!link || link->failed)
        return;
    /* While leaving nothing is read any more: its acknowledgement would come too late. */
    if ((status < 0 || (events & UV_READABLE)) && link->state != LINK_LEAVING)
        read_packets(link);
    /* libuv has stopped a descriptor with an error; the read above should have named it. */
    if (status < 0)
        link_check(link, MOSQ_ERR_CONN_LOST, 0);
    else if (events & UV_WRITABLE)
        link_need_flush(link);
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void link_unwatch(struct broker_link *link)
{
    if (!link->watch)
        return;
    link->watch->link = NULL;
    write_rest_drop(&link->watch->rest);
    uv_close((uv_handle_t *)&link->watch->poll, on_watch_closed);
    link->watch = NULL;
}

static void set_events(struct broker_link *link, bool writable)
{
    int events = link->state == LINK_LEAVING ? 0 : UV_READABLE;

    link->watch->writable = writable;
    uv_poll_start(&link->watch->poll, events | (writable ? UV_WRITABLE : 0), on_poll);
}

bool link_watch_socket(struct broker_link *link)
{
    struct link_watch *watch = calloc(1, sizeof *watch);
    int rc = MOSQ_ERR_NOMEM;

    if (watch) {
        watch->fd = mosquitto_socket(link->mosq);
        rc = uv_poll_init(link->broker->loop, &watch->poll, watch->fd);
    }
    if (rc != 0) {
        free(watch);
        link_fail(link, (struct failure){FAILURE_LIBRARY, MOSQ_ERR_ERRNO, -rc});
        return false;
    }
    watch->poll.data = watch;
    watch->link = link;
    link->watch = watch;
    set_events(link, false);
    return true;
}

static void fail_writing(struct broker_link *link, int error)
{
    bool lost = error == ECONNRESET || error == EPIPE;

    link_check(link, lost ? MOSQ_ERR_CONN_LOST : MOSQ_ERR_ERRNO, error);
}

/* What the library has queued. False: the link has failed. */
static bool write_packets(struct broker_link *link)
{
    bool collects = link->broker->config->address.kind != ENDPOINT_TLS &&
                    (link->state == LINK_OPEN || link->state == LINK_DRAINING);
    int error = 0;

    errno = 0;
    link->writing = true;
    if (collects)
        write_behind_begin(link->watch->fd);
    int rc = mosquitto_loop_write(link->mosq, 1), err = errno;
    if (collects)
        error = write_behind_end(&link->watch->rest);
    link->writing = false;
    if (link_check(link, rc, err) && error != 0)
        fail_writing(link, error);
    return !link->failed;
}

/* False: the socket takes no more, or the link has failed. */
static bool write_rest(struct broker_link *link)
{
    struct write_rest *rest = &link->watch->rest;
    int error = rest->octets ? write_rest_flush(rest, link->watch->fd) : 0;

    if (error != 0)
        fail_writing(link, error);
    return !link->failed && !rest->octets;
}

void link_write(struct broker_link *link)
{
    if (!link->mosq || !link->watch || link->failed)
        return;
    if (!write_rest(link)) {
        if (!link->failed && link->state == LINK_LEAVING)
            set_events(link, true); /* nothing is read any more */
        return;
    }
    if (!mosquitto_want_write(link->mosq)) {
        if (link->ack_owed)
            quick_ack(link);
        if (link->state != LINK_LEAVING && !link->cut && !link->watch->writable)
            return;
    }
    link->ack_owed = false;
    if (!write_packets(link))
        return;
    link->blocked = mosquitto_want_write(link->mosq) || link->watch->rest.octets;
    if (!link->blocked)
        link->behind = 0;
    if (!link->blocked && link->cut)
        link_fail(link, (struct failure){FAILURE_NONE, 0, 0});
    else if (link->blocked != link->watch->writable || link->state == LINK_LEAVING)
        set_events(link, link->blocked);
}
