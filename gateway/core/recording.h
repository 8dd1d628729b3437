/* SPDX-License-Identifier: Apache-2.0 */
/* recording - the core's changes as records
 *
 * Each call says one row as it is now, or that it is gone; the sink writes it before anything of
 * this turn leaves the gateway. A change is told where it is made, so that what is promised and
 * what is recorded cannot drift apart.
 */
#ifndef GATEWAY_CORE_RECORDING_H
#define GATEWAY_CORE_RECORDING_H

#include "gateway/core/internal.h"

void record_session(struct core *core, const struct session *s);
void record_session_wiped(struct core *core, const struct session *s);
void record_session_gone(struct core *core, const struct session *s);

void record_topic(struct core *core, const struct session *s, const struct topic *topic);
void record_topic_used_up(struct core *core, const struct session *s, uint16_t topic_id);
void record_topics_unknown(struct core *core, const struct session *s);

void record_subscription(struct core *core, const struct session *s,
                         const struct subscription *sub);
void record_subscription_gone(struct core *core, const struct session *s,
                              const struct subscription *sub);

/* Gives the message its sequence. QoS 0 messages are recorded only if the store is to keep them. */
void record_message(struct core *core, const struct session *s, struct message *m, msec_t now);
/* The client has answered PUBREC: no more than its PUBREL is owed, but that also after a crash. */
void record_message_released(struct core *core, const struct session *s, const struct message *m,
                             msec_t now);
/* Of one that was recorded; any other is left alone. Its sequence ends. */
void record_message_gone(struct core *core, const struct session *s, struct message *m);

void record_received(struct core *core, const struct session *s, const struct received *r);
void record_received_gone(struct core *core, const struct session *s, uint16_t msg_id);

/* `s` NULL: the gateway's own. */
void record_spooled(struct core *core, const struct session *s, const struct spooled *m);
void record_spooled_gone(struct core *core, const struct session *s, const struct spooled *m);

void record_id_key(struct core *core);

#endif
