/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store_tell.h"

#include <errno.h>
#include <inttypes.h>

#include "gateway/clock.h"
#include "gateway/log.h"

#define AGAIN_MS 60000
#define SLOW_MS  1000

static const char *what_to_do(int rc, int system)
{
    if ((rc & 0xFF) == SQLITE_FULL || system == ENOSPC || system == EDQUOT)
        return "make room on its file system";
    if ((rc & 0xFF) == SQLITE_BUSY || (rc & 0xFF) == SQLITE_LOCKED)
        return "another program, as sqlite3, holds it: end that";
    if ((rc & 0xFF) == SQLITE_READONLY || (rc & 0xFF) == SQLITE_PERM || system == EROFS ||
        system == EACCES)
        return "look whether it belongs to the gateway's user and its file system is mounted "
               "read-only, as Linux does after an error of the disk";
    return "look at the kernel's log, the disk may be failing";
}

void store_tell_failed(struct store *store, int rc, uint64_t now)
{
    int system = sqlite3_system_errno(store->db);

    if (store->told_at > 0 && now < store->told_at + AGAIN_MS)
        return;
    store->told_at = now;
    log_error("store cannot be written file=%s error=\"%s%s%s\"; %s; nothing is acknowledged until "
              "it can, tried each second changes_waiting=%zu since=%" PRIu64 "s",
              store->path, sqlite3_errstr(rc), system ? ": " : "", system ? strerror(system) : "",
              what_to_do(rc, system), store->waiting.count, (now - store->failing_since) / 1000);
}

void store_tell_over(const struct store *store)
{
    log_warning("store is written again file=%s after=%" PRIu64 "s", store->path,
                (clock_now() - store->failing_since) / 1000);
}

void store_tell_slow(const struct store *store, uint64_t took)
{
    if (took > SLOW_MS)
        log_warning("store is slow file=%s commit=%" PRIu64 "ms; everything waited that long, the "
                    "disk may be failing",
                    store->path, took);
}

void store_tell_damaged(const struct store *store, const char *aside)
{
    log_error("store is damaged file=%s kept_as=%s; the gateway leaves and begins anew when it is "
              "started again; ALL SESSIONS AND WAITING MESSAGES IN IT ARE LOST to it",
              store->path, aside);
}

void store_tell_unwritten(const struct store *store)
{
    log_error("store closed without its last changes file=%s changes_lost=%zu, none of them "
              "acknowledged",
              store->path, store->waiting.count);
}

void store_tell_too_much(const struct store *store, const char *why)
{
    log_error("store gives up file=%s: %s; the gateway leaves changes_lost=%zu, none of them "
              "acknowledged",
              store->path, why, store->waiting.count);
}
