/* SPDX-License-Identifier: Apache-2.0 */
/* filters - who subscribed to what, when many sessions share a connection
 *
 * Every topic filter has a number and its subscribers, named by slot. Filters without a wildcard
 * are found by their text, the others through a trie with one node for each level (filter_trie.h).
 * Pure: it knows nothing of brokers. Its owner tells the broker what the changes mean, names the
 * filters to it by their numbers, and keeps a filter that nobody subscribes to any more until the
 * broker has been told.
 *
 * Costs about 24 octets for each subscriber and 48 and the text for each filter; 20 and the level
 * for each node of the trie more with wildcards. Strangers choose the names, so the hash is keyed.
 */
#ifndef BRIDGE_FILTERS_H
#define BRIDGE_FILTERS_H

#include "sn/cursor.h"

#define FILTERS_MAX   0x1FFFFFu /* numbers are 1..FILTERS_MAX */
#define FILTER_ROUNDS 7         /* rounds are 1..FILTER_ROUNDS */

struct filters;

/* NULL when memory is short. `seed` keys the hash; tests pass a fixed one. */
struct filters *filters_new(const uint8_t seed[16]);
void filters_free(struct filters *t);

/* --- filters ---------------------------------------------------------------------------------- */

/* The number of a filter, 0: there is none. */
uint32_t filters_find(const struct filters *t, struct sn_bytes text);

/* The number of a filter, made when it is new; the text must be sn_topic_filter_ok. 0: memory is
 * short, or there are FILTERS_MAX. */
uint32_t filters_take(struct filters *t, struct sn_bytes text);

/* Gives the number of a filter without subscribers back. */
void filters_drop(struct filters *t, uint32_t number);

bool filters_has(const struct filters *t, uint32_t number);
uint32_t filters_last(const struct filters *t); /* no number is higher */
uint32_t filters_count(const struct filters *t);
struct sn_bytes filters_text(const struct filters *t, uint32_t number); /* a NUL follows it */
uint32_t filters_subscribers(const struct filters *t, uint32_t number);
uint8_t filters_qos(const struct filters *t, uint32_t number); /* highest of its subscribers */

/* --- subscribers ------------------------------------------------------------------------------ */

/* A new subscriber, with the QoS asked for, is on trial until filters_grant: it gets messages, but
 * does not keep any from coming by another filter. For one that is there already nothing changes.
 * False: memory is short. */
bool filters_add(struct filters *t, uint32_t number, uint32_t slot, uint8_t qos);
void filters_grant(struct filters *t, uint32_t number, uint32_t slot, uint8_t qos);
bool filters_is_granted(const struct filters *t, uint32_t number, uint32_t slot);
/* False: it was none. */
bool filters_remove(struct filters *t, uint32_t number, uint32_t slot);
/* A filter of the slot, 0: it has none. To walk through all, remove each. */
uint32_t filters_of_slot(const struct filters *t, uint32_t slot);

/* The subscriber waits for the retained messages that the broker sends in answer to this round. */
void filters_await(struct filters *t, uint32_t number, uint32_t slot, uint8_t round);
void filters_await_all(struct filters *t, uint32_t number, uint8_t round);
/* Nobody waits for this round any more; `round` 0: for any. */
void filters_end_round(struct filters *t, uint32_t number, uint8_t round);

/* --- messages --------------------------------------------------------------------------------- */

bool filters_matches(const struct filters *t, uint32_t number, struct sn_bytes topic);

/* The numbers of all filters that match, in no order. The list lives until the next call. */
size_t filters_match(struct filters *t, struct sn_bytes topic, const uint32_t **numbers);

/* Nothing comes for this filter now, so it does not keep anything from coming by another. A new
 * filter is not absent. */
void filters_set_absent(struct filters *t, uint32_t number, bool absent);

struct filters_hit {
    uint32_t slot;
    uint8_t qos; /* granted */
};

/* Who gets the message that came for these filters. With overlapping filters a session gets the
 * copy that came for the one with the highest QoS, of equal ones for the oldest, and no other; all
 * the filters that are not absent are taken to bring a copy of their own. Of the sessions in a
 * $share group one gets it, each in its turn. The list lives until the next call of a function that
 * makes one. */
size_t filters_collect(struct filters *t, struct sn_bytes topic, const uint32_t *numbers,
                       size_t count, const struct filters_hit **hits);

/* Those who wait for this round; `round` 0: for any. */
size_t filters_collect_waiting(struct filters *t, uint32_t number, uint8_t round,
                               const struct filters_hit **hits);

/* For tests: the counts and chains against each other, by assertion. */
void filters_audit(const struct filters *t);

#endif
