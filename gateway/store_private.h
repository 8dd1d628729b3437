/* SPDX-License-Identifier: Apache-2.0 */
/* store_private - what the parts of the store share */
#ifndef GATEWAY_STORE_PRIVATE_H
#define GATEWAY_STORE_PRIVATE_H

#include <sqlite3.h>

#include "gateway/store.h"
#include "gateway/store_waiting.h"
#include "gateway/store_young.h"

#define STORE_PATH_MAX 4096

/* Of a new file. */
#define STORE_PAGE        1024
#define STORE_PAGE_PRAGMA "PRAGMA page_size = 1024"

/* "MQSN": tells our files from those of other programs. */
#define STORE_APPLICATION_ID 0x4D51534E

/* session.clean */
enum { CLEAN = 1, FRESH = 2 };

/* Kept prepared for as long as the file is open. */
enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    PUT_SESSION,
    PUT_TOPIC,
    PUT_SUBSCRIPTION,
    PUT_MESSAGE,
    PUT_RECEIVED,
    PUT_SPOOLED,
    PUT_ID_KEY,
    DROP_SUBSCRIPTION,
    DROP_MESSAGE,
    DROP_RECEIVED,
    DROP_SPOOLED,
    PUT_PLACE,
    DROP_PLACE,
    FORGET_TOPICS,
    CLEAR_TOPICS,
    CLEAR_SUBSCRIPTIONS,
    CLEAR_MESSAGES,
    CLEAR_RECEIVED,
    CLEAR_SPOOLED,
    CLEAR_SESSION,
    STATEMENTS
};

struct store {
    const struct config *config;
    sqlite3 *db; /* NULL: nothing is kept */
    sqlite3_stmt *statements[STATEMENTS];
    char path[STORE_PATH_MAX];
    int lock; /* descriptor */
    struct waiting waiting;
    struct young young;
    bool failing, lost;
    uint64_t failing_since, retry_at, told_at; /* while failing */
    struct store_counters counters;
};

/* store_file.c: the file and its lock. */
int store_file_open(struct store *store, char *error, size_t size);
void store_file_close(struct store *store);
/* Closes the file and gives it another name, which `aside` then holds. */
bool store_file_set_aside(struct store *store, char *aside, size_t size);

/* store_schema.c: tables. A step brings the schema from version `i` to `i + 1`. */
struct schema {
    const char *const *steps;
    int count;
};
extern const struct schema store_schema;
enum schema_state { SCHEMA_OURS, SCHEMA_EMPTY, SCHEMA_FOREIGN, SCHEMA_NEWER };

/* These return a SQLite result code. */
int schema_state(sqlite3 *db, const struct schema *schema, enum schema_state *state);
int schema_migrate(sqlite3 *db, const struct schema *schema);

/* store_rows.c: records to rows. */
int rows_prepare(struct store *store);
void rows_finalize(struct store *store);
int rows_run(struct store *store, enum statement which);
/* `offset`: wall time minus monotonic, in milliseconds. */
int rows_apply(struct store *store, const struct record *record, int64_t offset);
int64_t rows_clock_offset(void);

/* store_names.c: how the file names what records number. */
const char *name_of_state(enum record_state state);
enum record_state state_of_name(const char *name);
/* "udp", "udp NAME", "serial NAME"; "" when there is no such link. Returns `out`. */
char *name_of_link(const struct config *config, uint8_t link, char *out, size_t size);
/* -1: no such section any more. */
int link_of_name(const struct config *config, const char *name);

#endif
