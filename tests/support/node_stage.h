/* SPDX-License-Identifier: Apache-2.0 */
/* node_stage - a simulated node told as stories: what the gateway says, what the node says
 *
 * One node, number 7, on a clock of its own. A story may change `plan` before the node starts.
 */
#ifndef TESTS_SUPPORT_NODE_STAGE_H
#define TESTS_SUPPORT_NODE_STAGE_H

#include "tools/sim/node_parts.h"

#define SECOND UINT64_C(1000000)

extern struct plan plan;
extern struct tally tally;
extern struct node node;
extern usec_t now;
extern char last_message[64]; /* topic=payload */

void node_stage_set(void); /* two QoS 1 messages to a/%c, a second apart */
void node_stage_clear(void);

void starts(void);
void gets_ready(void); /* connects and has topic id 5 */
/* The next thing the node said begins like this. */
void says(const char *line);
void is_silent(void);
void hears(struct sn_packet p);
void hears_accept(uint8_t type, uint16_t topic_id, uint16_t msg_id);
void passes(usec_t time);

#endif
