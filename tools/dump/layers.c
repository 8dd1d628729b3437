/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/dump/layers.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86DD
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_QINQ 0x88A8

enum next_header {
    NEXT_HOP_BY_HOP = 0,
    NEXT_UDP = 17,
    NEXT_ROUTING = 43,
    NEXT_FRAGMENT = 44,
    NEXT_DESTINATION = 60,
};

static bool read_udp(struct sn_reader *r, struct udp_datagram *out)
{
    out->from_port = sn_read_u16(r);
    out->to_port = sn_read_u16(r);
    size_t len = sn_read_u16(r), header = 8;
    sn_read_u16(r); /* checksum: often left to the network card, so wrong in a capture */
    if (r->failed || len < header)
        return false;
    len -= header;
    /* A capture may have cut the frame; what is left is shown as what it is, a broken message. */
    out->payload = sn_read(r, len < r->left ? len : r->left);
    return true;
}

static void read_address(struct sn_reader *r, uint8_t into[16], size_t len)
{
    struct sn_bytes address = sn_read(r, len);
    if (address.len > 0)
        memcpy(into, address.data, address.len);
}

static bool read_ipv4(struct sn_reader *r, struct udp_datagram *out)
{
    const size_t fixed = 20;
    size_t header = (size_t)(sn_read_u8(r) & 15) * 4;

    sn_read(r, 1);
    size_t total = sn_read_u16(r);
    sn_read(r, 2);
    uint16_t fragment = sn_read_u16(r);
    sn_read(r, 1);
    uint8_t protocol = sn_read_u8(r);
    sn_read(r, 2);
    read_address(r, out->from, 4);
    read_address(r, out->to, 4);
    out->address_len = 4;
    if (r->failed || header < fixed || total < header || protocol != NEXT_UDP)
        return false;
    if (fragment & 0x3FFF) /* more fragments, or an offset */
        return false;
    sn_read(r, header - fixed);
    return read_udp(r, out);
}

/* Steps over extension headers up to the one that is none. */
static uint8_t skip_extensions(struct sn_reader *r, uint8_t next)
{
    while (!r->failed && (next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING ||
                          next == NEXT_DESTINATION || next == NEXT_FRAGMENT)) {
        bool fragment = next == NEXT_FRAGMENT;
        next = sn_read_u8(r);
        size_t len = sn_read_u8(r);
        if (!fragment) {
            sn_read(r, len * 8 + 6);
        } else if (sn_read_u16(r) & 0xFFF9) { /* an offset, or more fragments */
            r->failed = true;
        } else {
            sn_read(r, 4);
        }
    }
    return next;
}

static bool read_ipv6(struct sn_reader *r, struct udp_datagram *out)
{
    sn_read(r, 6);
    uint8_t next = sn_read_u8(r);
    sn_read(r, 1);
    read_address(r, out->from, 16);
    read_address(r, out->to, 16);
    out->address_len = 16;
    next = skip_extensions(r, next);
    return !r->failed && next == NEXT_UDP && read_udp(r, out);
}

/* Where the link does not say what it carries, the version in the first octet does. */
static bool read_ip(struct sn_reader *r, struct udp_datagram *out)
{
    if (r->failed || r->left == 0)
        return false;
    switch (*r->at >> 4) {
    case 4: return read_ipv4(r, out);
    case 6: return read_ipv6(r, out);
    default: return false;
    }
}

static bool read_ethertype(struct sn_reader *r, struct udp_datagram *out)
{
    uint16_t type = sn_read_u16(r);

    while (type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ) {
        sn_read(r, 2);
        type = sn_read_u16(r);
    }
    return (type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6) && read_ip(r, out);
}

bool link_type_known(uint32_t link_type)
{
    switch (link_type) {
    case LINK_NULL:
    case LINK_ETHERNET:
    case LINK_RAW_BSD:
    case LINK_RAW_OPENBSD:
    case LINK_RAW:
    case LINK_LOOP:
    case LINK_SLL:
    case LINK_IPV4:
    case LINK_IPV6:
    case LINK_SLL2: return true;
    default: return false;
    }
}

bool find_udp(uint32_t link_type, struct sn_bytes frame, struct udp_datagram *out)
{
    struct sn_reader r = sn_reader(frame);
    uint16_t carried;

    *out = (struct udp_datagram){0};
    switch (link_type) {
    case LINK_ETHERNET: sn_read(&r, 12); return read_ethertype(&r, out);
    case LINK_SLL: sn_read(&r, 14); return read_ethertype(&r, out);
    case LINK_SLL2: /* here the type is in front */
        carried = sn_read_u16(&r);
        sn_read(&r, 18);
        return (carried == ETHERTYPE_IPV4 || carried == ETHERTYPE_IPV6) && read_ip(&r, out);
    case LINK_NULL:
    case LINK_LOOP: /* the family's number differs between systems; the IP version does not */
        sn_read(&r, 4);
        return read_ip(&r, out);
    default: return link_type_known(link_type) && read_ip(&r, out);
    }
}
