/* SPDX-License-Identifier: Apache-2.0 */
/* What was unwrapped and is wrapped again is the same envelope; what is refused leaves no trace. */
#include "sn/forwarder.h"
#include "tests/fuzz/fuzz.h"

#define CTRL_AT 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t into[SN_ENVELOPE_MAX + SN_PACKET_MAX];
    const struct sn_peer forwarder = {.link = 1, .address_len = 18, .key = {0xFE, 0x80}};
    struct sn_bytes datagram = sn_bytes(data, size), inner;
    struct sn_peer peer = forwarder;
    struct sn_packet packet;

    if (sn_unwrap(datagram, &peer, &inner) != SN_OK) {
        assert(sn_peer_equal(&peer, &forwarder));
        assert(!sn_is_forwarded(datagram) || sn_decode(&packet, datagram, NULL) != SN_OK);
        return 0;
    }
    struct sn_bytes node_id = sn_peer_node_id(&peer);
    assert(sn_is_forwarded(datagram) && !sn_is_forwarded(inner));
    assert(node_id.len > 0 && 3 + node_id.len + inner.len == size);
    assert(!sn_peer_equal(&peer, &forwarder));

    struct sn_bytes wrapped = sn_wrap(node_id, data[CTRL_AT], inner, into, sizeof into);
    assert(wrapped.len == size || size > sizeof into);
    for (size_t i = 0; i < wrapped.len; i++)
        assert(i == CTRL_AT || wrapped.data[i] == data[i]);
    return 0;
}
