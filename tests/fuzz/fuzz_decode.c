/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is accepted can be printed and written, and what was written means the same. */
#include "sn/packet.h"
#include "sn/print.h"
#include "tests/fuzz/fuzz.h"

static uint8_t first[SN_PACKET_MAX], second[SN_PACKET_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sn_packet p, again;
    char line[SN_PRINT_MAX];
    size_t trailing;

    if (sn_decode(&p, sn_bytes(data, size), &trailing) != SN_OK)
        return 0;
    assert(trailing < size);
    assert(p.body.len <= size - trailing);
    assert(p.body.len == 0 || (p.body.data > data && p.body.data + p.body.len <= data + size));

    sn_print(line, sizeof line, &p, true);
    assert(strlen(line) >= strlen(sn_type_name(p.type)));
    sn_print(line, data[size - 1], &p, data[0] & 1);

    struct sn_bytes wire = sn_encode(&p, first, sizeof first);
    assert(wire.len >= 2 && wire.len <= size - trailing);
    assert(sn_decode(&again, wire, &trailing) == SN_OK && trailing == 0);
    assert(again.type == p.type && again.msg_id == p.msg_id && again.topic_id == p.topic_id);
    assert(again.duration == p.duration && sn_bytes_equal(again.body, p.body));
    assert(sn_bytes_equal(sn_encode(&again, second, sizeof second), wire));
    return 0;
}
