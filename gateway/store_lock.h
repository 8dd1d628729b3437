/* SPDX-License-Identifier: Apache-2.0 */
/* store_lock - one gateway for one file
 *
 * FILE.lock is locked as long as a gateway has FILE open, and holds its process id; SQLite's own
 * locks stay free, so that the sqlite3 tool can read meanwhile. The lock file stays behind: that it
 * holds something proves that FILE has once been opened as a store.
 */
#ifndef GATEWAY_STORE_LOCK_H
#define GATEWAY_STORE_LOCK_H

#include <stdbool.h>
#include <stddef.h>

/* A descriptor, or -1 with one line in `error` and an exit code in `*code`. `*marked`: FILE was
 * once a store. */
int store_lock(const char *path, bool *marked, int *code, char *error, size_t size);
void store_lock_mark(int lock);
void store_unlock(int lock);

#endif
