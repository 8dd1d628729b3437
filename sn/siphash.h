/* SPDX-License-Identifier: Apache-2.0 */
/* siphash - SipHash-1-3, the keyed hash for every table whose keys strangers choose
 *
 * With a secret key nobody can prepare names that all fall into one bucket.
 */
#ifndef SN_SIPHASH_H
#define SN_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t sn_siphash(const uint64_t key[2], const void *data, size_t len);

#endif
