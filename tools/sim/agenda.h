/* SPDX-License-Identifier: Apache-2.0 */
/* agenda - the nodes in the order of their deadlines
 *
 * A binary heap in which every node knows its place, so that a changed deadline costs a few swaps.
 * All nodes are in it from the beginning; those without a deadline sink to the bottom.
 */
#ifndef TOOLS_SIM_AGENDA_H
#define TOOLS_SIM_AGENDA_H

#include "tools/sim/node.h"

struct agenda_entry {
    usec_t at;
    struct node *node;
};

struct agenda {
    struct agenda_entry *heap;
    size_t count;
};

/* Takes `count` nodes, initialised. False when memory is short. */
bool agenda_init(struct agenda *agenda, struct node *nodes, size_t count);
void agenda_fini(struct agenda *agenda);

/* To be called after anything happened to the node. */
void agenda_update(struct agenda *agenda, const struct node *node);

/* The node with the earliest deadline, if that is not later than `now`; else NULL. */
struct node *agenda_due(const struct agenda *agenda, usec_t now);
usec_t agenda_next(const struct agenda *agenda);

#endif
