/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/forwarder.h"

#include <assert.h>

#define LONG_FORM    1 /* the escape octet of 5.2.1, which an envelope may not use */
#define HEADER_SIZE  3
#define RADIUS_LAST  3
#define SMALLEST_MSG 2

bool sn_is_forwarded(struct sn_bytes datagram)
{
    struct sn_reader r = sn_reader(datagram);

    if (sn_read_u8(&r) == LONG_FORM)
        sn_read_u16(&r);
    return sn_read_u8(&r) == SN_FORWARDED;
}

/* The envelope is checked whole before anything is told to the caller. */
static enum sn_error read_envelope(struct sn_bytes datagram, struct sn_bytes *node_id,
                                   struct sn_bytes *inner)
{
    struct sn_reader r = sn_reader(datagram);
    size_t len = sn_read_u8(&r);

    if (!sn_is_forwarded(datagram) || len == LONG_FORM)
        return SN_E_FORWARDER;
    sn_read_u8(&r); /* the type, just looked at */
    sn_read_u8(&r); /* Ctrl means nothing on the way to a gateway */
    if (r.failed || len < HEADER_SIZE || len > datagram.len)
        return SN_E_LENGTH;
    *node_id = sn_read(&r, len - HEADER_SIZE);
    if (node_id->len == 0 || node_id->len > SN_NODE_ID_MAX)
        return SN_E_NODE_ID;
    *inner = sn_read_rest(&r);
    return inner->len < SMALLEST_MSG || sn_is_forwarded(*inner) ? SN_E_FORWARDER : SN_OK;
}

enum sn_error sn_unwrap(struct sn_bytes datagram, struct sn_peer *peer, struct sn_bytes *inner)
{
    struct sn_bytes node_id, message;
    enum sn_error error = read_envelope(datagram, &node_id, &message);

    if (error != SN_OK)
        return error;
    assert(peer->address_len <= SN_ADDRESS_MAX && peer->node_len == 0);
    struct sn_writer key = sn_writer(peer->key + peer->address_len, SN_NODE_ID_MAX);
    sn_write(&key, node_id);
    peer->node_len = (uint8_t)node_id.len;
    *inner = message;
    return SN_OK;
}

struct sn_bytes sn_wrap(struct sn_bytes node_id, uint8_t radius, struct sn_bytes inner,
                        uint8_t *into, size_t cap)
{
    struct sn_writer w = sn_writer(into, cap);

    if (node_id.len == 0 || node_id.len > SN_NODE_ID_MAX)
        return (struct sn_bytes){0};
    sn_write_u8(&w, (uint8_t)(HEADER_SIZE + node_id.len));
    sn_write_u8(&w, SN_FORWARDED);
    sn_write_u8(&w, radius < RADIUS_LAST ? radius : RADIUS_LAST);
    sn_write(&w, node_id);
    sn_write(&w, inner);
    return sn_written(&w);
}
