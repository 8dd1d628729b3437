/* SPDX-License-Identifier: Apache-2.0 */
/* predefined - topic ids that were agreed on beforehand (MQTT-SN 1.2, 6.5)
 *
 * A client's ids are those of every set whose pattern matches its client id, in the order of the
 * file, then those of all clients. An empty client id asks for the latter alone (QoS -1).
 */
#ifndef GATEWAY_CORE_PREDEFINED_H
#define GATEWAY_CORE_PREDEFINED_H

#include "config/config.h"
#include "sn/cursor.h"

/* The topic name of an id; empty when there is none. */
struct sn_bytes predefined_name(const struct config *config, struct sn_bytes client_id,
                                uint16_t id);

/* The id that this client knows for a topic name; 0 when there is none. */
uint16_t predefined_id(const struct config *config, struct sn_bytes client_id,
                       struct sn_bytes name);

#endif
