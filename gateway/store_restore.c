/* SPDX-License-Identifier: Apache-2.0 */
/* Rows to records. */
#include "gateway/store_private.h"

#include <stdio.h>

#include "gateway/command.h"
#include "gateway/log.h"

struct reading {
    struct store *store;
    int64_t offset;
    void (*each)(void *self, const struct record *record);
    void *self;
    bool odd; /* the row at hand has a number that nobody here has written */
    size_t left_out;
};

/* Beyond this no time, and no sum of two, is one. */
#define TIME_MAX (INT64_MAX / 4)

static struct sn_bytes octets(sqlite3_stmt *row, int column)
{
    const void *data = sqlite3_column_blob(row, column);

    return sn_bytes(data, data ? (size_t)sqlite3_column_bytes(row, column) : 0);
}

static int64_t within(struct reading *reading, sqlite3_stmt *row, int column, int64_t least,
                      int64_t most)
{
    int64_t number = sqlite3_column_int64(row, column);

    if (number >= least && number <= most)
        return number;
    reading->odd = true;
    return least;
}

static uint16_t number(struct reading *reading, sqlite3_stmt *row, int column)
{
    return (uint16_t)within(reading, row, column, 0, UINT16_MAX);
}

static uint8_t qos(struct reading *reading, sqlite3_stmt *row, int column)
{
    return (uint8_t)within(reading, row, column, 0, 2);
}

/* In monotonic time. */
static int64_t moment(struct reading *reading, sqlite3_stmt *row, int column)
{
    return within(reading, row, column, -TIME_MAX, TIME_MAX) - reading->offset;
}

static bool flag(sqlite3_stmt *row, int column)
{
    return sqlite3_column_int(row, column) != 0;
}

/* An address that is too long was written by nobody; one whose link is gone leads nowhere. */
static bool read_peer(struct reading *reading, sqlite3_stmt *row, int column, struct sn_peer *peer)
{
    const char *name = (const char *)sqlite3_column_text(row, column);
    int link = link_of_name(reading->store->config, name);
    struct sn_bytes address = octets(row, column + 1), node = octets(row, column + 2),
                    route = octets(row, column + 3);

    if (link < 0 || address.len > SN_ADDRESS_MAX || node.len > SN_NODE_ID_MAX)
        return false;
    peer->link = (uint8_t)link;
    peer->address_len = (uint8_t)address.len;
    peer->node_len = (uint8_t)node.len;
    if (address.len > 0)
        memcpy(peer->key, address.data, address.len);
    if (node.len > 0)
        memcpy(peer->key + address.len, node.data, node.len);
    if (route.len == SN_ROUTE_MAX)
        memcpy(peer->route, route.data, SN_ROUTE_MAX);
    return true;
}

/* What lies before the machine started has no monotonic time. */
static uint64_t silent_until(struct reading *reading, sqlite3_stmt *row, int column)
{
    int64_t monotonic = moment(reading, row, column);

    if (sqlite3_column_type(row, column) == SQLITE_NULL)
        return UINT64_MAX;
    return monotonic > 0 ? (uint64_t)monotonic : 0;
}

static void read_session(struct reading *reading, sqlite3_stmt *row, struct record *out)
{
    struct record_session *s = &out->client;

    out->type = RECORD_SESSION;
    s->client_id = octets(row, 1);
    s->state = state_of_name((const char *)sqlite3_column_text(row, 2));
    s->clean = within(reading, row, 3, 0, CLEAN | FRESH) & CLEAN;
    s->fresh = within(reading, row, 3, 0, CLEAN | FRESH) & FRESH;
    s->keep_alive = number(reading, row, 4);
    s->sleep_duration = number(reading, row, 5);
    s->silent_until = silent_until(reading, row, 6);
    s->reachable = read_peer(reading, row, 7, &s->peer);
    s->will_topic = octets(row, 11);
    s->will_payload = octets(row, 12);
    s->will_qos = qos(reading, row, 13);
    s->will_retain = flag(row, 14);
    s->will_updated = flag(row, 15);
}

static void read_topic(struct reading *reading, sqlite3_stmt *row, struct record *out)
{
    out->type = RECORD_TOPIC;
    out->topic.topic_id = number(reading, row, 1);
    out->topic.name = octets(row, 2);
    out->topic.known = flag(row, 3);
    out->topic.given = flag(row, 4);
}

static void read_subscription(struct reading *reading, sqlite3_stmt *row, struct record *out)
{
    out->type = RECORD_SUBSCRIPTION;
    out->subscription.filter = octets(row, 1);
    out->subscription.type = (uint8_t)within(reading, row, 2, 0, UINT8_MAX);
    out->subscription.topic_id = number(reading, row, 3);
    out->subscription.qos_asked = qos(reading, row, 4);
    out->subscription.qos_granted = qos(reading, row, 5);
    out->subscription.leaving = flag(row, 6);
}

static void read_message(struct reading *reading, sqlite3_stmt *row, struct record *out)
{
    out->type = RECORD_MESSAGE;
    out->message.sequence = (uint64_t)within(reading, row, 1, 1, INT64_MAX);
    out->message.topic = octets(row, 2);
    out->message.payload = octets(row, 3);
    out->message.qos = qos(reading, row, 4);
    out->message.retain = flag(row, 5);
    out->message.received = moment(reading, row, 6);
}

static void read_received(struct reading *reading, sqlite3_stmt *row, struct record *out)
{
    out->type = RECORD_RECEIVED;
    out->received.msg_id = number(reading, row, 1);
    out->received.topic_id = number(reading, row, 2);
    out->received.digest = (uint32_t)within(reading, row, 3, 0, UINT32_MAX);
}

static void read_spooled(struct reading *reading, sqlite3_stmt *row, struct record *out)
{
    read_message(reading, row, out);
    out->type = RECORD_SPOOLED;
}

static void read_id_key(struct reading *reading, sqlite3_stmt *row, struct record *out)
{
    struct sn_bytes key = octets(row, 1);

    out->type = RECORD_ID_KEY;
    if (key.len == sizeof out->id_key)
        memcpy(&out->id_key, key.data, key.len);
    else
        reading->odd = true;
}

static void read_place(struct reading *reading, sqlite3_stmt *row, struct record *out)
{
    out->type = RECORD_PLACE;
    out->place.filter = octets(row, 1);
    out->place.connection = (uint32_t)within(reading, row, 2, 1, UINT32_MAX);
}

typedef void reader(struct reading *reading, sqlite3_stmt *row, struct record *out);

/* The next client with this number must not inherit anything. */
static void leave_out(struct reading *reading, const struct record *record)
{
    reading->left_out++;
    if (record->type == RECORD_SESSION && record->session > 0)
        store_record(reading->store,
                     &(struct record){.type = RECORD_SESSION_GONE, .session = record->session});
}

static void hand_out(struct reading *reading, sqlite3_stmt *row, reader *read)
{
    struct record record = {0};

    reading->odd = false;
    record.session = (uint32_t)within(reading, row, 0, 0, UINT32_MAX);
    read(reading, row, &record);
    if (reading->odd)
        leave_out(reading, &record);
    else
        reading->each(reading->self, &record);
}

static int read_all(struct reading *reading, const char *sql, reader *read)
{
    sqlite3_stmt *rows = NULL;
    int rc = sqlite3_prepare_v2(reading->store->db, sql, -1, &rows, NULL);

    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(rows);
        if (rc == SQLITE_ROW)
            hand_out(reading, rows, read);
    }
    sqlite3_finalize(rows);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The spool of all clients together is in the order of its sequence, which is not that of the file.
 * Only the keys are sorted: the messages may be more than fits into memory twice. */
static int read_spool(struct reading *reading)
{
    sqlite3 *db = reading->store->db;
    sqlite3_stmt *keys = NULL, *one = NULL;
    int rc = sqlite3_prepare_v2(db, "SELECT session, sequence FROM spooled ORDER BY sequence", -1,
                                &keys, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(db,
                                "SELECT session, sequence, topic, payload, qos, retain, received "
                                "FROM spooled WHERE session = ? AND sequence = ?",
                                -1, &one, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(keys)) == SQLITE_ROW) {
        sqlite3_bind_value(one, 1, sqlite3_column_value(keys, 0));
        sqlite3_bind_value(one, 2, sqlite3_column_value(keys, 1));
        if (sqlite3_step(one) == SQLITE_ROW)
            hand_out(reading, one, read_spooled);
        rc = sqlite3_reset(one);
    }
    sqlite3_finalize(keys);
    sqlite3_finalize(one);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static const struct {
    const char *sql;
    reader *read;
} tables[] = {
    {"SELECT session, client_id, state, clean, keep_alive, sleep_duration, silent_until, link, "
     "address, node_id, route, will_topic, will_payload, will_qos, will_retain, will_updated "
     "FROM session ORDER BY session",
     read_session},
    {"SELECT session, topic_id, name, known, given FROM topic ORDER BY session, topic_id",
     read_topic},
    {"SELECT session, filter, type, topic_id, qos_asked, qos_granted, leaving FROM subscription "
     "ORDER BY session, filter",
     read_subscription},
    {"SELECT session, sequence, topic, payload, qos, retain, received FROM message "
     "ORDER BY session, sequence",
     read_message},
    {"SELECT session, msg_id, topic_id, digest FROM received ORDER BY session, msg_id",
     read_received},
    {"SELECT 0, value FROM gateway WHERE name = 'client id key'", read_id_key},
};

void store_adopt_orphans(struct store *store)
{
    if (!store->db)
        return;
    sqlite3_exec(store->db,
                 "DELETE FROM topic WHERE session NOT IN (SELECT session FROM session);"
                 "DELETE FROM subscription WHERE session NOT IN (SELECT session FROM session);"
                 "DELETE FROM message WHERE session NOT IN (SELECT session FROM session);"
                 "DELETE FROM received WHERE session NOT IN (SELECT session FROM session);"
                 "UPDATE OR REPLACE spooled SET session = 0 "
                 "WHERE session <> 0 AND session NOT IN (SELECT session FROM session)",
                 NULL, NULL, NULL); /* what fails now is done at another start */
}

static int finish(const struct reading *reading, int rc, char *error, size_t size)
{
    struct store *store = reading->store;
    char aside[STORE_PATH_MAX + 48];

    if (reading->left_out > 0)
        log_warning("left out of %s rows=%zu; their numbers make no sense", store->path,
                    reading->left_out);
    if (rc == SQLITE_OK)
        return 0;
    if ((rc & 0xFF) == SQLITE_CORRUPT && store_file_set_aside(store, aside, sizeof aside))
        snprintf(error, size, "%s is damaged and was set aside as %s; start again without it",
                 store->path, aside);
    else
        snprintf(error, size, "%s cannot be read: %s", store->path, sqlite3_errstr(rc));
    return EXIT_IO;
}

int store_restore(struct store *store, void (*each)(void *self, const struct record *record),
                  void *self, char *error, size_t size)
{
    struct reading reading = {
        .store = store, .offset = rows_clock_offset(), .each = each, .self = self};
    int rc = SQLITE_OK;

    if (!store->db)
        return 0;
    for (size_t i = 0; i < sizeof tables / sizeof *tables && rc == SQLITE_OK; i++)
        rc = read_all(&reading, tables[i].sql, tables[i].read);
    if (rc == SQLITE_OK)
        rc = read_spool(&reading);
    return finish(&reading, rc, error, size);
}

int store_restore_places(struct store *store, void (*each)(void *self, const struct record *record),
                         void *self, char *error, size_t size)
{
    struct reading reading = {.store = store, .each = each, .self = self};

    if (!store->db)
        return 0;
    return finish(
        &reading,
        read_all(&reading, "SELECT 0, filter, connection FROM place ORDER BY filter", read_place),
        error, size);
}
