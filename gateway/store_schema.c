/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store_private.h"

#include <stdio.h>

/* PRAGMA user_version counts the steps a file has seen. A step that was ever released is never
 * changed; what comes later is a further line.
 *
 * All rows of a client lie side by side, because they come and go together. Times are wall time in
 * milliseconds since 1970: select datetime(received / 1000, 'unixepoch') from message. */
static const char *const steps[] = {
    "CREATE TABLE session ("
    "  session INTEGER PRIMARY KEY,"
    "  client_id TEXT NOT NULL,"
    "  state TEXT NOT NULL,"             /* disconnected, active, asleep, lost */
    "  clean INTEGER NOT NULL,"          /* 1 yes; 2 more: the broker has not heard of it */
    "  keep_alive INTEGER NOT NULL,"     /* seconds */
    "  sleep_duration INTEGER NOT NULL," /* seconds */
    "  silent_until INTEGER,"            /* when it counts as lost; NULL never */
    "  link TEXT,"                       /* the section of its link; NULL: it has no address now */
    "  address BLOB, node_id BLOB,"      /* node_id: behind a forwarder */
    "  route BLOB,"                      /* for the link alone */
    "  will_topic TEXT NOT NULL,"        /* empty: no will */
    "  will_payload BLOB NOT NULL,"
    "  will_qos INTEGER NOT NULL,"
    "  will_retain INTEGER NOT NULL,"
    "  will_updated INTEGER NOT NULL);" /* the broker holds an older one */
    "CREATE TABLE topic ("
    "  session INTEGER, topic_id INTEGER,"
    "  name TEXT NOT NULL," /* empty: used up */
    "  known INTEGER NOT NULL,"
    "  given INTEGER NOT NULL,"
    "  PRIMARY KEY (session, topic_id)) WITHOUT ROWID;"
    "CREATE TABLE subscription ("
    "  session INTEGER, filter TEXT,"
    "  type INTEGER NOT NULL," /* TopicIdType */
    "  topic_id INTEGER NOT NULL,"
    "  qos_asked INTEGER NOT NULL,"
    "  qos_granted INTEGER NOT NULL,"
    "  leaving INTEGER NOT NULL," /* unsubscribed; the broker has not confirmed */
    "  PRIMARY KEY (session, filter)) WITHOUT ROWID;"
    "CREATE TABLE message (" /* for the client */
    "  session INTEGER, sequence INTEGER,"
    "  topic TEXT NOT NULL,"
    "  payload BLOB NOT NULL,"
    "  qos INTEGER NOT NULL,"
    "  retain INTEGER NOT NULL,"
    "  received INTEGER NOT NULL,"
    "  PRIMARY KEY (session, sequence)) WITHOUT ROWID;"
    "CREATE TABLE received (" /* QoS 2, until PUBREL */
    "  session INTEGER, msg_id INTEGER,"
    "  topic_id INTEGER NOT NULL,"
    "  digest INTEGER NOT NULL,"
    "  PRIMARY KEY (session, msg_id)) WITHOUT ROWID;"
    "CREATE TABLE spooled (" /* for the broker; session 0 is the gateway itself */
    "  session INTEGER, sequence INTEGER,"
    "  topic TEXT NOT NULL,"
    "  payload BLOB NOT NULL,"
    "  qos INTEGER NOT NULL,"
    "  retain INTEGER NOT NULL,"
    "  received INTEGER NOT NULL,"
    "  PRIMARY KEY (session, sequence)) WITHOUT ROWID;",
    "CREATE TABLE gateway (" /* what is the gateway's own */
    "  name TEXT PRIMARY KEY,"
    "  value BLOB NOT NULL) WITHOUT ROWID;",

    /* What the broker may hold for connections that clients share. */
    "CREATE TABLE place ("
    "  filter TEXT PRIMARY KEY,"
    "  connection INTEGER NOT NULL) WITHOUT ROWID;",
};

const struct schema store_schema = {steps, sizeof steps / sizeof *steps};

static int number(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

    *out = 0;
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
        *out = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    }
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

int schema_state(sqlite3 *db, const struct schema *schema, enum schema_state *state)
{
    int64_t application = 0, version = 0, tables = 0;
    int rc = number(db, "PRAGMA application_id", &application);

    if (rc == SQLITE_OK)
        rc = number(db, "PRAGMA user_version", &version);
    if (rc == SQLITE_OK)
        rc = number(db, "SELECT count(*) FROM sqlite_schema", &tables);
    if (application == STORE_APPLICATION_ID)
        *state = version > schema->count ? SCHEMA_NEWER : SCHEMA_OURS;
    else
        *state = tables == 0 && application == 0 ? SCHEMA_EMPTY : SCHEMA_FOREIGN;
    return rc;
}

static int execute(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* A step and its number change together, or neither does. */
static int take_step(sqlite3 *db, const struct schema *schema, int64_t version)
{
    char numbers[120];
    int rc = execute(db, "BEGIN IMMEDIATE");

    snprintf(numbers, sizeof numbers, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             STORE_APPLICATION_ID, (int)version + 1);
    if (rc == SQLITE_OK)
        rc = execute(db, schema->steps[version]);
    if (rc == SQLITE_OK)
        rc = execute(db, numbers);
    if (rc == SQLITE_OK)
        rc = execute(db, "COMMIT");
    if (rc != SQLITE_OK && !sqlite3_get_autocommit(db))
        execute(db, "ROLLBACK");
    return rc;
}

int schema_migrate(sqlite3 *db, const struct schema *schema)
{
    int64_t version;
    int rc = number(db, "PRAGMA user_version", &version);

    for (; rc == SQLITE_OK && version < schema->count; version++)
        rc = take_step(db, schema, version);
    return rc;
}
