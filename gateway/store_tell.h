/* SPDX-License-Identifier: Apache-2.0 */
/* store_tell - trouble with the disk, in the operator's words */
#ifndef GATEWAY_STORE_TELL_H
#define GATEWAY_STORE_TELL_H

#include "gateway/store_private.h"

/* Once, then at most each minute. */
void store_tell_failed(struct store *store, int rc, uint64_t now);
void store_tell_over(const struct store *store);
/* A commit took so long that clients may have waited for it. */
void store_tell_slow(const struct store *store, uint64_t took);
void store_tell_damaged(const struct store *store, const char *aside);
/* It is closed, and the last attempt has failed. */
void store_tell_unwritten(const struct store *store);
void store_tell_too_much(const struct store *store, const char *why);

#endif
