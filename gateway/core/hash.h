/* SPDX-License-Identifier: Apache-2.0 */
/* hash - the keyed hash of the core's tables, whose keys strangers choose
 *
 * uthash is used with hash values of our own: with a secret key nobody can prepare client ids or
 * addresses that fall into one bucket. Its out-of-memory exit is replaced: an element that could
 * not be added has hh.tbl NULL afterwards.
 */
#ifndef GATEWAY_CORE_HASH_H
#define GATEWAY_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_NONFATAL_OOM        1
#define uthash_nonfatal_oom(obj) ((void)0)
#include <uthash.h>

#include "sn/siphash.h"

struct hash_key {
    uint64_t k0, k1;
};

static inline uint64_t keyed_hash(const struct hash_key *key, const void *data, size_t len)
{
    return sn_siphash((const uint64_t[2]){key->k0, key->k1}, data, len);
}

static inline unsigned table_hash(const struct hash_key *key, const void *data, size_t len)
{
    return (unsigned)keyed_hash(key, data, len);
}

#endif
