/* SPDX-License-Identifier: Apache-2.0 */
/* topic - rules for topic names, filters, short names and client ids
 *
 * Stricter than MQTT where brokers are: a string that would make a broker close the connection must
 * never reach one. So control characters, surrogates and non-characters are refused like broken
 * UTF-8 (mosquitto validates the same way), as are names of more than SN_TOPIC_LEVELS levels.
 */
#ifndef SN_TOPIC_H
#define SN_TOPIC_H

#include "sn/cursor.h"

#define SN_TOPIC_LEVELS 200

/* Well-formed UTF-8 (RFC 3629) without NUL, control characters and non-characters. Empty is ok. */
bool sn_utf8_ok(struct sn_bytes text);

/* 1..65535 octets of UTF-8 without wildcards. */
bool sn_topic_name_ok(struct sn_bytes name);

/* As a name, but + may be a whole level and # the last one. A $share filter must be complete. */
bool sn_topic_filter_ok(struct sn_bytes filter);

bool sn_topic_has_wildcard(struct sn_bytes filter);

/* MQTT 4.7: a leading wildcard does not match a name that begins with $. `filter` must be ok;
 * of "$share/group/filter" only the filter counts. */
bool sn_topic_matches(struct sn_bytes filter, struct sn_bytes name);

/* A short name is its two octets (5.3.11). False for + # NUL and what is not a topic name. */
bool sn_short_name_ok(uint16_t topic_id);
void sn_short_name(uint16_t topic_id, uint8_t out[2]);
uint16_t sn_short_id(struct sn_bytes name); /* name.len must be 2 */

/* Shell-like match of a client id: * any run, ? one octet, everything else itself. */
bool sn_glob(const char *pattern, struct sn_bytes text);

#endif
