/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sim/envelope.h"

#include "sn/forwarder.h"

struct sn_bytes envelope_wrap(uint32_t number, size_t id_size, struct sn_bytes packet,
                              uint8_t *into, size_t size)
{
    uint8_t id[SN_NODE_ID_MAX] = {0};

    for (size_t i = 0; i < id_size && i < 4; i++)
        id[id_size - 1 - i] = (uint8_t)(number >> (8 * i));
    return sn_wrap(sn_bytes(id, id_size), 0, packet, into, size);
}

uint32_t envelope_open(struct sn_bytes *wire, size_t id_size, uint32_t nodes)
{
    struct sn_peer peer = {0};
    uint32_t number = 0;

    if (!sn_is_forwarded(*wire) || sn_unwrap(*wire, &peer, wire) != SN_OK ||
        peer.node_len != id_size)
        return 0;
    for (size_t i = 0; i < peer.node_len; i++)
        number = number << 8 | peer.key[i];
    return number <= nodes ? number : 0;
}
