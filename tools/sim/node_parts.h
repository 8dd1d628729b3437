/* SPDX-License-Identifier: Apache-2.0 */
/* node_parts - what the files of node.h share: node.c (connection and sleep), node_publish.c (from
 * the node), node_receive.c (to the node), node_request.c (what each state asks and repeats)
 */
#ifndef TOOLS_SIM_NODE_PARTS_H
#define TOOLS_SIM_NODE_PARTS_H

#include "tools/sim/node.h"

void node_send(struct node *n, const struct sn_packet *packet);
void node_enter(struct node *n, enum node_state state, usec_t now);
void node_reconnect(struct node *n, usec_t now);
void node_proceed(struct node *n, usec_t now); /* does what is due now */
uint16_t node_next_msg_id(struct node *n);

/* node_request.c: sends the packet that the state stands for, if it has one. */
void node_request(struct node *n);
bool node_has_request(enum node_state state);
/* What is to be registered next; NULL: nothing. */
const struct topic_plan *node_registers(const struct node *n);
struct sn_bytes node_topic_name(const struct node *n, const struct topic_plan *topic,
                                char out[NODE_TOPIC_TEXT]);

/* node_publish.c */
bool node_may_publish(const struct node *n);
void node_publish_due(struct node *n, usec_t now);
void node_repeat_flights(struct node *n, usec_t now);
void node_resume_flights(struct node *n, usec_t now);
void node_note_finished(struct node *n);
void node_on_puback(struct node *n, usec_t now, const struct sn_packet *p);
void node_on_pubrec(struct node *n, usec_t now, const struct sn_packet *p);
void node_on_pubcomp(struct node *n, usec_t now, const struct sn_packet *p);

/* node_receive.c */
void node_on_register(struct node *n, usec_t now, const struct sn_packet *p);
void node_on_publish(struct node *n, usec_t now, const struct sn_packet *p);
void node_on_pubrel(struct node *n, usec_t now, const struct sn_packet *p);
void node_learn(struct node *n, uint16_t id, struct sn_bytes name);
void node_forget_topics(struct node *n);

#endif
