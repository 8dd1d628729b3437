/* SPDX-License-Identifier: Apache-2.0 */
/* The file: opened, looked at, and set aside when it is damaged. */
#include "gateway/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "gateway/clock.h"
#include "gateway/command.h"
#include "gateway/log.h"
#include "gateway/store_lock.h"

/* A start must not take minutes because the file is large; what is damaged further behind is found
 * when it is read. */
#define CHECK_MS 2000
/* How long somebody's sqlite3 may hold the file up before it counts as trouble. */
#define BUSY_MS 250

enum verdict { USABLE, DAMAGED, REFUSED };

static void say_damaged(struct store *store, int rc, char *error, size_t size)
{
    snprintf(error, size, "%s is damaged: %s", store->path, sqlite3_errstr(rc));
}

/* SQLite would make the file readable for all that the umask allows, and its siblings after it;
 * payloads are nobody else's business. It would also open a file for reading only. */
static bool touch(const char *path, char *error, size_t size)
{
    char folder[STORE_PATH_MAX];
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), at;

    if (file < 0) {
        snprintf(error, size,
                 "%s cannot be opened for writing: %s; it must belong to the gateway's user, on a "
                 "file system that can be written to",
                 path, strerror(errno));
        return false;
    }
    close(file);
    snprintf(folder, sizeof folder, "%s", path);
    at = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at >= 0) {
        fsync(at); /* or a power cut takes the name away */
        close(at);
    }
    return true;
}

static int stop_check(void *until)
{
    return clock_now() > *(const uint64_t *)until;
}

/* SQLITE_CORRUPT when the file contradicts itself, as far as was seen in time. */
static int check(struct store *store)
{
    uint64_t until = clock_now() + CHECK_MS;
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(store->db, "PRAGMA quick_check(1)", -1, &stmt, NULL);

    sqlite3_progress_handler(store->db, 10000, stop_check, &until);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        const char *said = (const char *)sqlite3_column_text(stmt, 0);
        rc = said && strcmp(said, "ok") == 0 ? SQLITE_OK : SQLITE_CORRUPT;
    }
    sqlite3_finalize(stmt);
    sqlite3_progress_handler(store->db, 0, NULL, NULL);
    return rc == SQLITE_INTERRUPT ? SQLITE_OK : rc;
}

/* Whether the answer to a PRAGMA is what was asked for. */
static int pragma_gives(struct store *store, const char *sql, const char *wanted)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        const char *said = (const char *)sqlite3_column_text(stmt, 0);
        rc = said && strcmp(said, wanted) == 0 ? SQLITE_OK : SQLITE_CANTOPEN;
    }
    sqlite3_finalize(stmt);
    return rc;
}

/* In a write-ahead log a commit is one append. With FULL each is followed by an fsync. With NORMAL
 * only a checkpoint is: what was appended then lies with the kernel, which outlives the process,
 * but not a power cut; the file stays consistent, and merely loses its last commits.
 *
 * Rows are small, and a page is written whole: so pages are small, too. A checkpoint each 4000
 * pages, 4 MB, writes each changed page back once; many commits change the same few pages. After a
 * flood the log is cut to 8 MB. What is sorted at a restart is small and need not go to the disk.
 */
static int settle(struct store *store)
{
    int rc = sqlite3_exec(store->db, STORE_PAGE_PRAGMA, NULL, NULL, NULL);

    if (rc == SQLITE_OK)
        rc = pragma_gives(store, "PRAGMA journal_mode = WAL", "wal");

    if (rc == SQLITE_OK)
        rc = sqlite3_exec(store->db,
                          store->config->store.sync == SYNC_FULL ? "PRAGMA synchronous = FULL"
                                                                 : "PRAGMA synchronous = NORMAL",
                          NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(store->db,
                          "PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 8388608;"
                          "PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY",
                          NULL, NULL, NULL);
    return rc;
}

static bool is_damage(int rc)
{
    return (rc & 0xFF) == SQLITE_CORRUPT || (rc & 0xFF) == SQLITE_NOTADB;
}

static enum verdict judge(struct store *store, int rc, int *code, char *error, size_t size)
{
    if (rc == SQLITE_OK)
        return USABLE;
    *code = EXIT_IO;
    if (is_damage(rc)) {
        say_damaged(store, rc, error, size);
        return DAMAGED;
    }
    snprintf(error, size, "%s cannot be used: %s%s%s", store->path, sqlite3_errmsg(store->db),
             sqlite3_system_errno(store->db) ? ": " : "",
             sqlite3_system_errno(store->db) ? strerror(sqlite3_system_errno(store->db)) : "");
    return REFUSED;
}

static enum verdict refuse(int *code, char *error, size_t size, const char *path, const char *why)
{
    *code = EXIT_CONFIG;
    snprintf(error, size, "%s %s", path, why);
    return REFUSED;
}

static enum verdict look(struct store *store, int *code, char *error, size_t size)
{
    enum schema_state state = SCHEMA_FOREIGN;
    int rc = schema_state(store->db, &store_schema, &state);

    if (rc == SQLITE_OK && state == SCHEMA_FOREIGN)
        return refuse(code, error, size, store->path,
                      "belongs to another program; [store] path = must name a file of its own");
    if (rc == SQLITE_OK && state == SCHEMA_NEWER)
        return refuse(code, error, size, store->path,
                      "was written by a newer mqtt-sn-gateway; start that, or move the file away");
    if (rc == SQLITE_OK && state == SCHEMA_OURS)
        rc = check(store);
    if (rc == SQLITE_OK)
        rc = settle(store);
    if (rc == SQLITE_OK)
        rc = schema_migrate(store->db, &store_schema);
    if (rc == SQLITE_OK)
        rc = rows_prepare(store);
    return judge(store, rc, code, error, size);
}

static enum verdict open_db(struct store *store, int *code, char *error, size_t size)
{
    int rc =
        sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

    if (!store->db) {
        *code = EXIT_IO;
        snprintf(error, size, "%s cannot be opened: out of memory", store->path);
        return REFUSED;
    }
    if (rc != SQLITE_OK)
        return judge(store, rc, code, error, size);
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, BUSY_MS);
    return look(store, code, error, size);
}

static void close_db(struct store *store)
{
    rows_finalize(store);
    sqlite3_close(store->db);
    store->db = NULL;
}

/* The log belongs to its file by name: both get the new one. */
static bool rename_all(const char *from, const char *to)
{
    static const char *const parts[] = {"-wal", "-shm", ""};
    char old[STORE_PATH_MAX + 8], fresh[STORE_PATH_MAX + 64];

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(old, sizeof old, "%s%s", from, parts[i]);
        snprintf(fresh, sizeof fresh, "%s%s", to, parts[i]);
        if (rename(old, fresh) != 0 && (errno != ENOENT || !*parts[i]))
            return false;
    }
    return true;
}

/* Closing the last connection would delete the log, and with it what may still be read from it. */
static void close_damaged(struct store *store)
{
    if (store->db)
        sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    close_db(store);
}

bool store_file_set_aside(struct store *store, char *aside, size_t size)
{
    time_t now = time(NULL);
    struct tm day;
    char when[32];

    close_damaged(store);
    gmtime_r(&now, &day);
    strftime(when, sizeof when, "%Y%m%d-%H%M%S", &day);
    snprintf(aside, size, "%s.corrupt-%s", store->path, when);
    for (int i = 2; access(aside, F_OK) == 0 && i < 1000; i++)
        snprintf(aside, size, "%s.corrupt-%s.%d", store->path, when, i);
    return rename_all(store->path, aside);
}

static enum verdict begin_anew(struct store *store, int *code, char *error, size_t size)
{
    char aside[STORE_PATH_MAX + 48];

    *code = EXIT_IO;
    if (!store_file_set_aside(store, aside, sizeof aside)) {
        snprintf(error, size, "%s is damaged and cannot be renamed: %s", store->path,
                 strerror(errno));
        return REFUSED;
    }
    log_error("%s; it is kept as %s; ALL SESSIONS AND WAITING MESSAGES IN IT ARE LOST to the "
              "gateway, which begins anew; sleeping devices must connect again",
              error, aside);
    return touch(store->path, error, size) ? open_db(store, code, error, size) : REFUSED;
}

/* A damaged file is only moved when it was ours: a path that names something else by mistake is
 * for the operator to mend. */
static enum verdict open_or_begin(struct store *store, bool was_ours, int *code, char *error,
                                  size_t size)
{
    enum verdict verdict = open_db(store, code, error, size);

    if (verdict != DAMAGED)
        return verdict;
    if (was_ours)
        return begin_anew(store, code, error, size);
    return refuse(code, error, size, store->path,
                  "is no store of a gateway; [store] path = must name a file of its own");
}

int store_file_open(struct store *store, char *error, size_t size)
{
    int code = EXIT_IO;
    bool was_ours = false;

    store->lock = store_lock(store->path, &was_ours, &code, error, size);
    if (store->lock < 0)
        return code;
    if (touch(store->path, error, size) &&
        open_or_begin(store, was_ours, &code, error, size) == USABLE) {
        store_lock_mark(store->lock);
        return 0;
    }
    close_damaged(store);
    store_unlock(store->lock);
    return code;
}

void store_file_close(struct store *store)
{
    close_db(store);
    store_unlock(store->lock);
}
