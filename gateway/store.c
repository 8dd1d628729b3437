/* SPDX-License-Identifier: Apache-2.0 */
/* Records wait in memory until the barrier and are then applied in one transaction. So a turn that
 * the disk refuses is still whole, whatever SQLite has rolled back, and is simply tried again. */
#include "gateway/store_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/clock.h"
#include "gateway/command.h"
#include "gateway/store_tell.h"

#define RETRY_MS 1000
/* A turn with more than this is written in parts: what is safe early does no harm. */
#define TURN_MAX (1u << 20)
/* Before each page, the log has a frame header. */
#define WAL_FRAME_HEADER 24

int store_open(struct store **out, const struct config *config, char *error, size_t size)
{
    struct store *store = calloc(1, sizeof *store);
    int code = 0;

    *out = NULL;
    if (!store) {
        snprintf(error, size, "out of memory for the store");
        return EXIT_UNAVAILABLE;
    }
    store->config = config;
    store->lock = -1;
    if (*config->store.path && config->store.sync != SYNC_OFF) {
        snprintf(store->path, sizeof store->path, "%s", config->store.path);
        code = store_file_open(store, error, size);
    }
    if (code == 0)
        *out = store;
    else
        free(store);
    return code;
}

static uint64_t pages_written(sqlite3 *db)
{
    int pages = 0, highest = 0;

    sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_WRITE, &pages, &highest, 1);
    return (uint64_t)pages;
}

static int apply_all(struct store *store)
{
    int64_t offset = rows_clock_offset();
    struct record record;
    size_t at = 0;
    int rc = rows_run(store, BEGIN);

    while (rc == SQLITE_OK && waiting_next(&store->waiting, &at, &record))
        rc = rows_apply(store, &record, offset);
    if (rc == SQLITE_OK)
        rc = rows_run(store, COMMIT);
    if (rc != SQLITE_OK && !sqlite3_get_autocommit(store->db))
        rows_run(store, ROLLBACK);
    return rc;
}

static void succeeded(struct store *store, uint64_t took)
{
    struct store_counters *c = &store->counters;

    c->commits++;
    c->records += store->waiting.count;
    c->octets += pages_written(store->db) * (STORE_PAGE + WAL_FRAME_HEADER);
    c->last_commit_ms = took;
    if (took > c->slowest_commit_ms)
        c->slowest_commit_ms = took;
    waiting_clear(&store->waiting);
    store_tell_slow(store, took);
    if (store->failing)
        store_tell_over(store);
    store->failing = false;
}

/* The file has told that it is damaged: no attempt will mend it. The next start begins anew. */
static void give_up_file(struct store *store)
{
    char aside[STORE_PATH_MAX + 48];

    store->lost = true;
    if (store_file_set_aside(store, aside, sizeof aside))
        store_tell_damaged(store, aside);
    else
        store_tell_damaged(store, store->path);
}

static void failed(struct store *store, int rc, uint64_t now)
{
    store->counters.failures++;
    if (!store->failing) {
        store->failing_since = now;
        store->told_at = 0;
    }
    store->failing = true;
    store->retry_at = now + RETRY_MS;
    if ((rc & 0xFF) == SQLITE_CORRUPT || (rc & 0xFF) == SQLITE_NOTADB)
        give_up_file(store);
    else
        store_tell_failed(store, rc, now);
}

static bool attempt(struct store *store, uint64_t now)
{
    uint64_t began = clock_now();
    int rc = apply_all(store);

    if (rc == SQLITE_OK)
        succeeded(store, clock_now() - began);
    else
        failed(store, rc, now);
    return rc == SQLITE_OK;
}

static bool put_waiting(void *self, const struct record *record)
{
    struct store *store = self;

    return waiting_add(&store->waiting, record);
}

bool store_commit(struct store *store, uint64_t now)
{
    if (store->lost)
        return false;
    if (!young_grow(&store->young, now, put_waiting, store))
        return false; /* memory is short; the connections are held still */
    if (store->waiting.count == 0)
        return true;
    if (store->failing && now < store->retry_at)
        return false;
    return attempt(store, now);
}

bool store_keeps(const struct store *store)
{
    return store->db != NULL;
}

void store_may_wait(struct store *store, void (*hold)(void *self, uint32_t session, bool on),
                    void *self)
{
    store->young.holder = (struct young_holder){self, hold};
}

void store_hurry(struct store *store, uint32_t session)
{
    if (!young_grow_session(&store->young, session, put_waiting, store)) {
        store->lost = true;
        store_tell_too_much(store, "out of memory");
    }
}

/* True: it need not be written, now or ever. */
static bool is_young(struct store *store, const struct record *record)
{
    uint32_t window = store->config->store.commit_window_ms;

    switch (record->type) {
    case RECORD_MESSAGE:
        return record->message.soon && window > 0 && store->young.holder.hold &&
               young_add(&store->young, record, clock_now() + window);
    case RECORD_MESSAGE_GONE:
        if (!young_cancel(&store->young, record->message.sequence))
            return false;
        store->counters.spared++;
        return true;
    case RECORD_SESSION_WIPED:
    case RECORD_SESSION_GONE: young_cancel_session(&store->young, record->session); return false;
    case RECORD_SESSION:
    case RECORD_TOPIC:
    case RECORD_TOPICS_UNKNOWN:
    case RECORD_SUBSCRIPTION:
    case RECORD_SUBSCRIPTION_GONE:
    case RECORD_RECEIVED:
    case RECORD_RECEIVED_GONE:
    case RECORD_SPOOLED:
    case RECORD_SPOOLED_GONE:
    case RECORD_ID_KEY:
    case RECORD_PLACE:
    case RECORD_PLACE_GONE: break;
    }
    return false;
}

void store_record(struct store *store, const struct record *record)
{
    if (!store->db || store->lost || is_young(store, record))
        return;
    if (!waiting_add(&store->waiting, record)) {
        store->lost = true;
        store_tell_too_much(store, "out of memory");
    } else if (!store->failing && store->waiting.len > TURN_MAX) {
        attempt(store, clock_now());
    } else if (store->waiting.len > STORE_WAITING_MAX) {
        store->lost = true;
        store_tell_too_much(store, "too much is waiting for the disk");
    }
}

bool store_failing(const struct store *store)
{
    return store->failing || store->lost;
}

uint64_t store_due(const struct store *store)
{
    if (store->lost)
        return UINT64_MAX;
    return store->failing ? store->retry_at : young_due(&store->young);
}

bool store_lost(const struct store *store)
{
    return store->lost;
}

const struct store_counters *store_counters(const struct store *store)
{
    return &store->counters;
}

bool store_close(struct store *store)
{
    bool whole = true;

    if (!store)
        return true;
    if (store->failing)
        store->retry_at = 0; /* a last attempt */
    if (store->lock >= 0) {
        store_hurry(store, 0);
        whole = store_commit(store, clock_now());
        if (!whole && !store->lost)
            store_tell_unwritten(store);
        store_file_close(store);
    }
    young_fini(&store->young);
    waiting_fini(&store->waiting);
    free(store);
    return whole;
}
