/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/link/udp_address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>

#include "sn/link/udp.h"

#define PORT_AT  16
#define SCOPE_AT 18

static const uint8_t v4_prefix[12] = {[10] = 0xFF, [11] = 0xFF};

struct route {
    uint8_t source[16]; /* as in a key; zeros: the system chooses */
    uint32_t interface; /* 0: the system chooses */
};

_Static_assert(sizeof(struct route) == SN_ROUTE_MAX, "a route fills its field");
_Static_assert(UDP_KEY_LEN <= SN_ADDRESS_MAX, "a UDP address fits a peer");

static bool is_v4(const uint8_t address[16])
{
    return memcmp(address, v4_prefix, sizeof v4_prefix) == 0;
}

static bool is_link_local(const uint8_t address[16])
{
    if (is_v4(address))
        return address[12] == 169 && address[13] == 254;
    return address[0] == 0xFE && (address[1] & 0xC0) == 0x80;
}

static void map_v4(uint8_t out[16], const struct in_addr *address)
{
    memcpy(out, v4_prefix, sizeof v4_prefix);
    memcpy(out + 12, address, 4);
}

void udp_key(uint8_t key[UDP_KEY_LEN], const union udp_sockaddr *from)
{
    memset(key, 0, UDP_KEY_LEN);
    if (from->any.sa_family == AF_INET) {
        map_v4(key, &from->v4.sin_addr);
        memcpy(key + PORT_AT, &from->v4.sin_port, 2);
        return;
    }
    memcpy(key, &from->v6.sin6_addr, 16);
    memcpy(key + PORT_AT, &from->v6.sin6_port, 2);
    if (IN6_IS_ADDR_LINKLOCAL(&from->v6.sin6_addr))
        memcpy(key + SCOPE_AT, &from->v6.sin6_scope_id, 4);
}

socklen_t udp_sockaddr(union udp_sockaddr *out, const uint8_t key[UDP_KEY_LEN], int family)
{
    memset(out, 0, sizeof *out);
    if (family == AF_INET) {
        if (!is_v4(key))
            return 0;
        out->v4.sin_family = AF_INET;
        memcpy(&out->v4.sin_addr, key + 12, 4);
        memcpy(&out->v4.sin_port, key + PORT_AT, 2);
        return sizeof out->v4;
    }
    out->v6.sin6_family = AF_INET6;
    memcpy(&out->v6.sin6_addr, key, 16);
    memcpy(&out->v6.sin6_port, key + PORT_AT, 2);
    memcpy(&out->v6.sin6_scope_id, key + SCOPE_AT, 4);
    return sizeof out->v6;
}

/* The kernel names the address in the header and the local address that an answer would use. Only
 * for a datagram sent to this host alone are they the same. */
static void read_v4_info(struct udp_arrival *out, struct route *route, const struct cmsghdr *c)
{
    struct in_pktinfo info;

    memcpy(&info, CMSG_DATA(c), sizeof info);
    memset(route->source, 0, sizeof route->source);
    out->broadcast = info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr;
    if (!out->broadcast)
        map_v4(route->source, &info.ipi_addr);
    route->interface = (uint32_t)info.ipi_ifindex;
}

static void read_v6_info(struct udp_arrival *out, struct route *route, const struct cmsghdr *c)
{
    struct in6_pktinfo info;

    memcpy(&info, CMSG_DATA(c), sizeof info);
    if (IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr))
        return; /* IP_PKTINFO stands beside it and tells more */
    out->broadcast = IN6_IS_ADDR_MULTICAST(&info.ipi6_addr);
    if (!out->broadcast)
        memcpy(route->source, &info.ipi6_addr, 16);
    route->interface = info.ipi6_ifindex;
}

void udp_read_control(struct udp_arrival *out, struct msghdr *message,
                      const union udp_sockaddr *from)
{
    struct route route = {0};
    uint8_t key[UDP_KEY_LEN];

    memset(out, 0, sizeof *out);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
            read_v4_info(out, &route, c);
        else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
            read_v6_info(out, &route, c);
        else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&out->overruns, CMSG_DATA(c), sizeof out->overruns);
            out->overruns_known = true;
        }
    }
    /* Elsewhere the routing table knows better than the way the question happened to take. */
    udp_key(key, from);
    if (!is_link_local(key) && !is_link_local(route.source))
        route.interface = 0;
    memcpy(out->route, &route, sizeof route);
}

static size_t put_control(void *control, int level, int type, const void *info, size_t len)
{
    struct cmsghdr *c = control;

    memset(control, 0, CMSG_SPACE(len));
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(c), info, len);
    return CMSG_SPACE(len);
}

size_t udp_write_control(void *control, const uint8_t octets[SN_ROUTE_MAX], int family)
{
    static const struct route none;
    struct route route;

    memcpy(&route, octets, sizeof route);
    if (memcmp(&route, &none, sizeof route) == 0)
        return 0;
    if (family == AF_INET) {
        struct in_pktinfo info = {.ipi_ifindex = (int)route.interface};
        memcpy(&info.ipi_spec_dst, route.source + 12, 4);
        return put_control(control, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    }
    struct in6_pktinfo info = {.ipi6_ifindex = route.interface};
    memcpy(&info.ipi6_addr, route.source, 16);
    return put_control(control, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
}

static char *key_text(const uint8_t key[UDP_KEY_LEN], char *out, size_t size)
{
    char host[INET6_ADDRSTRLEN], zone[IF_NAMESIZE + 1] = "", name[IF_NAMESIZE];
    uint32_t scope;
    unsigned port = (unsigned)(key[PORT_AT] << 8 | key[PORT_AT + 1]);

    if (is_v4(key)) {
        inet_ntop(AF_INET, key + 12, host, sizeof host);
        snprintf(out, size, "%s:%u", host, port);
        return out;
    }
    inet_ntop(AF_INET6, key, host, sizeof host);
    memcpy(&scope, key + SCOPE_AT, sizeof scope);
    if (scope != 0 && if_indextoname(scope, name))
        snprintf(zone, sizeof zone, "%%%s", name);
    else if (scope != 0)
        snprintf(zone, sizeof zone, "%%%u", scope);
    snprintf(out, size, "[%s%s]:%u", host, zone, port);
    return out;
}

char *udp_sockaddr_text(const union udp_sockaddr *address, char *out, size_t size)
{
    uint8_t key[UDP_KEY_LEN];

    udp_key(key, address);
    return key_text(key, out, size);
}

char *udp_peer_text(const struct sn_peer *peer, char *out, size_t size)
{
    struct sn_bytes node = sn_peer_node_id(peer);
    size_t used;

    key_text(peer->key, out, size);
    used = strlen(out);
    for (size_t i = 0; i < node.len && used + 1 < size; i++) {
        snprintf(out + used, size - used, "%s%02x", i == 0 ? "/" : "", node.data[i]);
        used += strlen(out + used);
    }
    return out;
}
