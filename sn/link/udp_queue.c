/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/link/udp_queue.h"

#include <assert.h>
#include <sys/mman.h>

static void *map(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);

    return at == MAP_FAILED ? NULL : at;
}

bool udp_queue_init(struct udp_queue *q, size_t max_datagrams, size_t max_octets)
{
    *q = (struct udp_queue){.max_datagrams = max_datagrams, .max_octets = max_octets};
    q->slots = map(max_datagrams * sizeof *q->slots);
    q->arena = map(max_octets);
    if (q->slots && q->arena)
        return true;
    udp_queue_fini(q);
    return false;
}

void udp_queue_fini(struct udp_queue *q)
{
    if (q->slots)
        munmap(q->slots, q->max_datagrams * sizeof *q->slots);
    if (q->arena)
        munmap(q->arena, q->max_octets);
    *q = (struct udp_queue){0};
}

/* Finds `len` octets in one piece. What lies between the end of the last datagram and the arena's
 * end stays unused for one round when the next one does not fit there. */
static bool arena_take(struct udp_queue *q, size_t len, size_t *offset)
{
    if (q->write >= q->read && q->max_octets - q->write >= len)
        *offset = q->write;
    else if (q->write >= q->read && q->read > len)
        *offset = 0;
    else if (q->write < q->read && q->read - q->write > len)
        *offset = q->write;
    else
        return false;
    q->write = *offset + len;
    return true;
}

bool udp_queue_push(struct udp_queue *q, const uint8_t key[UDP_KEY_LEN],
                    const uint8_t route[SN_ROUTE_MAX], struct sn_bytes wire)
{
    size_t offset;

    if (q->count == q->max_datagrams || !arena_take(q, wire.len, &offset))
        return false;
    struct udp_datagram *d = &q->slots[(q->first + q->count) % q->max_datagrams];
    memcpy(d->key, key, sizeof d->key);
    memcpy(d->route, route, sizeof d->route);
    d->offset = offset;
    d->len = wire.len;
    if (wire.len > 0)
        memcpy(q->arena + offset, wire.data, wire.len);
    q->count++;
    return true;
}

struct udp_datagram *udp_queue_at(const struct udp_queue *q, size_t index)
{
    assert(index < q->count);
    return &q->slots[(q->first + index) % q->max_datagrams];
}

struct sn_bytes udp_queue_wire(const struct udp_queue *q, const struct udp_datagram *d)
{
    return sn_bytes(q->arena + d->offset, d->len);
}

void udp_queue_pop(struct udp_queue *q, size_t count)
{
    assert(count <= q->count);
    q->first = (q->first + count) % q->max_datagrams;
    q->count -= count;
    if (q->count == 0)
        q->first = q->read = q->write = 0;
    else
        q->read = q->slots[q->first].offset;
}
