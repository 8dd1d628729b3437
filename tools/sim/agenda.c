/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sim/agenda.h"

#include <stdlib.h>

static void place(struct agenda *a, size_t at, struct agenda_entry entry)
{
    a->heap[at] = entry;
    entry.node->agenda_place = at;
}

static void rise(struct agenda *a, size_t at)
{
    struct agenda_entry entry = a->heap[at];

    while (at > 0 && a->heap[(at - 1) / 2].at > entry.at) {
        place(a, at, a->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(a, at, entry);
}

static void sink(struct agenda *a, size_t at)
{
    struct agenda_entry entry = a->heap[at];

    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= a->count)
            break;
        if (child + 1 < a->count && a->heap[child + 1].at < a->heap[child].at)
            child++;
        if (a->heap[child].at >= entry.at)
            break;
        place(a, at, a->heap[child]);
        at = child;
    }
    place(a, at, entry);
}

bool agenda_init(struct agenda *agenda, struct node *nodes, size_t count)
{
    *agenda = (struct agenda){.heap = calloc(count, sizeof *agenda->heap), .count = count};
    if (!agenda->heap)
        return false;
    for (size_t i = 0; i < count; i++)
        place(agenda, i, (struct agenda_entry){.at = NODE_NEVER, .node = &nodes[i]});
    return true;
}

void agenda_fini(struct agenda *agenda)
{
    free(agenda->heap);
    *agenda = (struct agenda){0};
}

void agenda_update(struct agenda *agenda, const struct node *node)
{
    usec_t at = node_deadline(node), before = agenda->heap[node->agenda_place].at;

    agenda->heap[node->agenda_place].at = at;
    if (at < before)
        rise(agenda, node->agenda_place);
    else if (at > before)
        sink(agenda, node->agenda_place);
}

usec_t agenda_next(const struct agenda *agenda)
{
    return agenda->count > 0 ? agenda->heap[0].at : NODE_NEVER;
}

struct node *agenda_due(const struct agenda *agenda, usec_t now)
{
    return agenda_next(agenda) <= now ? agenda->heap[0].node : NULL;
}
