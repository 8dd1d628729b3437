/* SPDX-License-Identifier: Apache-2.0 */
/* store - the SQLite file of what must survive
 *
 * It implements the door of core/record.h. What is recorded in a turn of the loop is kept in memory
 * and written in one transaction by store_commit, which the loop calls at its barrier, before
 * anything leaves that promises it. Where nothing was recorded it costs nothing and writes nothing.
 *
 * When the disk does not take it, store_commit says so and keeps everything for another attempt, a
 * second later; nothing may leave the process until one succeeds. The operator is told what to do.
 *
 * Without a path, or with sync = off, there is no file, and every call does nothing. The store
 * takes no part in the protocol: it writes rows and reads rows. Times are monotonic outside and
 * wall time, in milliseconds since 1970, in the file.
 */
#ifndef GATEWAY_STORE_H
#define GATEWAY_STORE_H

#include "config/config.h"
#include "gateway/core/record.h"

/* X(name, help) */
#define STORE_COUNTERS(X)                                                                          \
    X(commits, "transactions written")                                                             \
    X(records, "changes written")                                                                  \
    X(octets, "octets written to the write-ahead log; a checkpoint copies each page once more")    \
    X(last_commit_ms, "how long the last transaction took")                                        \
    X(slowest_commit_ms, "how long the slowest took")                                              \
    X(spared, "messages acknowledged before they were written")                                    \
    X(failures, "attempts to write that the disk refused")

struct store_counters {
#define X(name, help) uint64_t name;
    STORE_COUNTERS(X)
#undef X
};

/* Changes kept in memory while the disk refuses them. Beyond that the gateway gives up. */
#define STORE_WAITING_MAX (16u << 20)

struct store;

/* Opens or creates the file, and brings an older one up to date. A damaged one is set aside under
 * another name and a new one begun. 0, or an exit code with one line in `error`; *store is NULL
 * then. The config must outlive the store. */
int store_open(struct store **store, const struct config *config, char *error, size_t size);

/* Before store_restore: rows whose session somebody deleted by hand must not fall to the next one
 * with its number. What was kept for the broker still goes there, as the gateway's own. */
void store_adopt_orphans(struct store *store);

/* Hands out all that is there: the sessions, then their topics, subscriptions, messages and
 * received ids, each kind ordered by session and key, then what is the gateway's own, then the
 * spooled messages in the order of their sequence. 0, or an exit code with one line in `error`. */
int store_restore(struct store *store, void (*each)(void *self, const struct record *record),
                  void *self, char *error, size_t size);

/* Likewise the places, which are not the sessions' and wanted later. */
int store_restore_places(struct store *store, void (*each)(void *self, const struct record *record),
                         void *self, char *error, size_t size);

/* Is there a file? */
bool store_keeps(const struct store *store);

/* Before anything is recorded: lets messages that may soon be acknowledged wait for
 * [store] commit_window. `hold` is told, by session number, whose broker connection must write
 * nothing meanwhile. Without this call every message is written in its turn. */
void store_may_wait(struct store *store, void (*hold)(void *self, uint32_t session, bool on),
                    void *self);

/* This session's messages wait no longer: its connection is about to be closed or replaced, or none
 * that can be held back. Session 0: all. */
void store_hurry(struct store *store, uint32_t session);

void store_record(struct store *store, const struct record *record);

/* True: all that was recorded is safe. `now` is monotonic. */
bool store_commit(struct store *store, uint64_t now);

/* The last commit failed: what comes in cannot be answered. */
bool store_failing(const struct store *store);
/* When store_commit has something to do without anything being recorded: another attempt, or a
 * message that has waited long enough. UINT64_MAX: never. */
uint64_t store_due(const struct store *store);
/* No attempt will succeed any more: leave, acknowledging nothing. */
bool store_lost(const struct store *store);

const struct store_counters *store_counters(const struct store *store);

/* Commits first. False when something was left unwritten. NULL is fine. */
bool store_close(struct store *store);

#endif
