/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store_private.h"

#include <time.h>

#include "gateway/clock.h"

#define LINK_NAME_MAX 256

static const char *const sql[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [PUT_SESSION] = "REPLACE INTO session (session, client_id, state, clean, keep_alive, "
                    "sleep_duration, silent_until, link, address, node_id, route, will_topic, "
                    "will_payload, will_qos, will_retain, will_updated) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [PUT_TOPIC] = "REPLACE INTO topic (session, topic_id, name, known, given) "
                  "VALUES (?, ?, ?, ?, ?)",
    [PUT_SUBSCRIPTION] = "REPLACE INTO subscription (session, filter, type, topic_id, qos_asked, "
                         "qos_granted, leaving) VALUES (?, ?, ?, ?, ?, ?, ?)",
    [PUT_MESSAGE] = "REPLACE INTO message (session, sequence, topic, payload, qos, retain, "
                    "received) VALUES (?, ?, ?, ?, ?, ?, ?)",
    [PUT_RECEIVED] = "REPLACE INTO received (session, msg_id, topic_id, digest) "
                     "VALUES (?, ?, ?, ?)",
    [PUT_SPOOLED] = "REPLACE INTO spooled (session, sequence, topic, payload, qos, retain, "
                    "received) VALUES (?, ?, ?, ?, ?, ?, ?)",
    [PUT_ID_KEY] = "REPLACE INTO gateway (name, value) VALUES ('client id key', ?)",
    [DROP_SUBSCRIPTION] = "DELETE FROM subscription WHERE session = ? AND filter = ?",
    [DROP_MESSAGE] = "DELETE FROM message WHERE session = ? AND sequence = ?",
    [DROP_RECEIVED] = "DELETE FROM received WHERE session = ? AND msg_id = ?",
    [DROP_SPOOLED] = "DELETE FROM spooled WHERE session = ? AND sequence = ?",
    [PUT_PLACE] = "REPLACE INTO place (filter, connection) VALUES (?, ?)",
    [DROP_PLACE] = "DELETE FROM place WHERE filter = ?",
    [FORGET_TOPICS] = "UPDATE topic SET known = 0 WHERE session = ? AND known",
    [CLEAR_TOPICS] = "DELETE FROM topic WHERE session = ?",
    [CLEAR_SUBSCRIPTIONS] = "DELETE FROM subscription WHERE session = ?",
    [CLEAR_MESSAGES] = "DELETE FROM message WHERE session = ?",
    [CLEAR_RECEIVED] = "DELETE FROM received WHERE session = ?",
    [CLEAR_SPOOLED] = "DELETE FROM spooled WHERE session = ?",
    [CLEAR_SESSION] = "DELETE FROM session WHERE session = ?",
};

int rows_prepare(struct store *store)
{
    int rc = SQLITE_OK;

    for (size_t i = 0; i < STATEMENTS && rc == SQLITE_OK; i++)
        rc = sqlite3_prepare_v3(store->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                &store->statements[i], NULL);
    return rc;
}

void rows_finalize(struct store *store)
{
    for (size_t i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(store->statements[i]);
        store->statements[i] = NULL;
    }
}

int rows_run(struct store *store, enum statement which)
{
    sqlite3_step(store->statements[which]);
    return sqlite3_reset(store->statements[which]); /* tells what came of the step */
}

/* The gateway runs for years, and on machines whose clock is set long after they have started: so
 * it is asked anew each time. */
int64_t rows_clock_offset(void)
{
    struct timespec wall;

    clock_gettime(CLOCK_REALTIME, &wall);
    return (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000 - (int64_t)clock_now();
}

/* Fills in the parameters of a statement from left to right. Views need not be copied: the
 * statement runs before they go. */
struct binder {
    struct store *store;
    enum statement which;
    int at;
};

static sqlite3_stmt *next(struct binder *b, int *at)
{
    *at = ++b->at;
    return b->store->statements[b->which];
}

static void put_null(struct binder *b)
{
    int at;
    sqlite3_stmt *stmt = next(b, &at);

    sqlite3_bind_null(stmt, at);
}

static void put(struct binder *b, int64_t value)
{
    int at;
    sqlite3_stmt *stmt = next(b, &at);

    sqlite3_bind_int64(stmt, at, value);
}

/* A NULL pointer would bind NULL, which is not the same as empty. */
static void put_text(struct binder *b, struct sn_bytes text)
{
    int at;
    sqlite3_stmt *stmt = next(b, &at);
    const void *data = text.len > 0 ? (const void *)text.data : "";

    sqlite3_bind_text64(stmt, at, data, text.len, SQLITE_STATIC, SQLITE_UTF8);
}

static void put_octets(struct binder *b, struct sn_bytes octets)
{
    int at;
    sqlite3_stmt *stmt = next(b, &at);
    const void *data = octets.len > 0 ? (const void *)octets.data : "";

    sqlite3_bind_blob64(stmt, at, data, octets.len, SQLITE_STATIC);
}

static struct binder bind(struct store *store, enum statement which, uint32_t session)
{
    struct binder b = {store, which, 0};

    put(&b, session);
    return b;
}

static int clear_one(struct store *store, enum statement which, uint32_t session)
{
    bind(store, which, session);
    return rows_run(store, which);
}

static int drop(struct store *store, enum statement which, uint32_t session, int64_t key)
{
    struct binder b = bind(store, which, session);

    put(&b, key);
    return rows_run(store, which);
}

static void put_peer(struct binder *b, const struct record_session *s, const char *link)
{
    if (!s->reachable || !*link) {
        for (int i = 0; i < 4; i++)
            put_null(b);
        return;
    }
    put_text(b, sn_text(link));
    put_octets(b, sn_bytes(s->peer.key, s->peer.address_len));
    put_octets(b, sn_peer_node_id(&s->peer));
    put_octets(b, sn_bytes(s->peer.route, sizeof s->peer.route));
}

static int put_session(struct store *store, const struct record *record, int64_t offset)
{
    const struct record_session *s = &record->client;
    struct binder b = bind(store, PUT_SESSION, record->session);
    char link[LINK_NAME_MAX];

    put_text(&b, s->client_id);
    put_text(&b, sn_text(name_of_state(s->state)));
    put(&b, (s->clean ? CLEAN : 0) | (s->fresh ? FRESH : 0));
    put(&b, s->keep_alive);
    put(&b, s->sleep_duration);
    if (s->silent_until == UINT64_MAX)
        put_null(&b);
    else
        put(&b, (int64_t)s->silent_until + offset);
    put_peer(&b, s, name_of_link(store->config, s->peer.link, link, sizeof link));
    put_text(&b, s->will_topic);
    put_octets(&b, s->will_payload);
    put(&b, s->will_qos);
    put(&b, s->will_retain);
    put(&b, s->will_updated);
    return rows_run(store, PUT_SESSION);
}

static int put_topic(struct store *store, const struct record *record)
{
    struct binder b = bind(store, PUT_TOPIC, record->session);

    put(&b, record->topic.topic_id);
    put_text(&b, record->topic.name);
    put(&b, record->topic.known);
    put(&b, record->topic.given);
    return rows_run(store, PUT_TOPIC);
}

static int put_subscription(struct store *store, const struct record *record)
{
    struct binder b = bind(store, PUT_SUBSCRIPTION, record->session);

    put_text(&b, record->subscription.filter);
    put(&b, record->subscription.type);
    put(&b, record->subscription.topic_id);
    put(&b, record->subscription.qos_asked);
    put(&b, record->subscription.qos_granted);
    put(&b, record->subscription.leaving);
    return rows_run(store, PUT_SUBSCRIPTION);
}

static int drop_subscription(struct store *store, const struct record *record)
{
    struct binder b = bind(store, DROP_SUBSCRIPTION, record->session);

    put_text(&b, record->subscription.filter);
    return rows_run(store, DROP_SUBSCRIPTION);
}

static int put_message(struct store *store, enum statement which, const struct record *record,
                       int64_t offset)
{
    struct binder b = bind(store, which, record->session);

    put(&b, (int64_t)record->message.sequence);
    put_text(&b, record->message.topic);
    put_octets(&b, record->message.payload);
    put(&b, record->message.qos);
    put(&b, record->message.retain);
    put(&b, record->message.received + offset);
    return rows_run(store, which);
}

static int put_received(struct store *store, const struct record *record)
{
    struct binder b = bind(store, PUT_RECEIVED, record->session);

    put(&b, record->received.msg_id);
    put(&b, record->received.topic_id);
    put(&b, record->received.digest);
    return rows_run(store, PUT_RECEIVED);
}

static int put_id_key(struct store *store, const struct record *record)
{
    struct binder b = {store, PUT_ID_KEY, 0};

    put_octets(&b, sn_bytes((const uint8_t *)&record->id_key, sizeof record->id_key));
    return rows_run(store, PUT_ID_KEY);
}

static int put_place(struct store *store, const struct record *record)
{
    struct binder b = {store, PUT_PLACE, 0};

    put_text(&b, record->place.filter);
    put(&b, record->place.connection);
    return rows_run(store, PUT_PLACE);
}

static int drop_place(struct store *store, const struct record *record)
{
    struct binder b = {store, DROP_PLACE, 0};

    put_text(&b, record->place.filter);
    return rows_run(store, DROP_PLACE);
}

static int clear(struct store *store, const struct record *record)
{
    enum statement last = record->type == RECORD_SESSION_GONE ? CLEAR_SESSION : CLEAR_RECEIVED;
    int rc = SQLITE_OK;

    for (enum statement i = CLEAR_TOPICS; i <= last && rc == SQLITE_OK; i++)
        rc = clear_one(store, i, record->session);
    return rc;
}

int rows_apply(struct store *store, const struct record *r, int64_t offset)
{
    switch (r->type) {
    case RECORD_SESSION: return put_session(store, r, offset);
    case RECORD_SESSION_WIPED:
    case RECORD_SESSION_GONE: return clear(store, r);
    case RECORD_TOPIC: return put_topic(store, r);
    case RECORD_TOPICS_UNKNOWN: return clear_one(store, FORGET_TOPICS, r->session);
    case RECORD_SUBSCRIPTION: return put_subscription(store, r);
    case RECORD_SUBSCRIPTION_GONE: return drop_subscription(store, r);
    case RECORD_MESSAGE: return put_message(store, PUT_MESSAGE, r, offset);
    case RECORD_MESSAGE_GONE:
        return drop(store, DROP_MESSAGE, r->session, (int64_t)r->message.sequence);
    case RECORD_RECEIVED: return put_received(store, r);
    case RECORD_RECEIVED_GONE: return drop(store, DROP_RECEIVED, r->session, r->received.msg_id);
    case RECORD_SPOOLED: return put_message(store, PUT_SPOOLED, r, offset);
    case RECORD_SPOOLED_GONE:
        return drop(store, DROP_SPOOLED, r->session, (int64_t)r->message.sequence);
    case RECORD_ID_KEY: return put_id_key(store, r);
    case RECORD_PLACE: return put_place(store, r);
    case RECORD_PLACE_GONE: return drop_place(store, r);
    }
    return SQLITE_MISUSE;
}
