/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/link/udp_socket.h"

#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29 /* since Linux 4.20; older headers lack it */
#endif

/* One opening: what was asked, and where to say why it failed. */
struct opening {
    const struct udp_config *config;
    union udp_sockaddr listen, group;
    unsigned interface; /* 0: the system's choice */
    char *error;
    size_t error_size;
};

__attribute__((format(printf, 2, 3))) static bool fail(const struct opening *o, const char *format,
                                                       ...)
{
    va_list args;
    int used = snprintf(o->error, o->error_size, "udp %s: ", o->config->listen);

    va_start(args, format);
    if (used >= 0 && (size_t)used < o->error_size)
        vsnprintf(o->error + used, o->error_size - (size_t)used, format, args);
    va_end(args);
    return false;
}

static bool fail_bind(const struct opening *o, const char *option, int error)
{
    switch (error) {
    case EADDRINUSE:
        return fail(o,
                    "address already in use; stop the other program or choose another port with "
                    "%s = ADDRESS:PORT",
                    option);
    case EADDRNOTAVAIL:
        return fail(o,
                    "this host has no such address; choose one of 'ip address' with %s = ", option);
    case EACCES:
        return fail(
            o, "not allowed; ports below 1024 need privileges, choose another with %s = ", option);
    case EAFNOSUPPORT:
        return fail(o, "this host has no IPv6; choose an IPv4 address with %s = ", option);
    default: return fail(o, "%s: %s", option, strerror(error));
    }
}

static int set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

static socklen_t length(const union udp_sockaddr *address)
{
    return address->any.sa_family == AF_INET ? sizeof address->v4 : sizeof address->v6;
}

static bool read_endpoint(const struct endpoint *from, union udp_sockaddr *out)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_DGRAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *found;
    char port[8];

    snprintf(port, sizeof port, "%u", from->port);
    if (getaddrinfo(from->host, port, &hints, &found) != 0)
        return false;
    memset(out, 0, sizeof *out);
    memcpy(out, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

static bool is_wildcard(const union udp_sockaddr *a)
{
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_addr.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
}

static bool is_loopback(const union udp_sockaddr *a)
{
    if (a->any.sa_family == AF_INET)
        return ntohl(a->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

static bool is_multicast(const union udp_sockaddr *a)
{
    if (a->any.sa_family == AF_INET)
        return IN_MULTICAST(ntohl(a->v4.sin_addr.s_addr));
    return IN6_IS_ADDR_MULTICAST(&a->v6.sin6_addr);
}

static bool find_interface(struct opening *o)
{
    const char *name = o->config->interface;

    /* A listener on the loopback address reaches nobody elsewhere, its group neither. */
    if (*name == '\0' && is_loopback(&o->listen))
        name = "lo";
    if (*name == '\0')
        return true;
    o->interface = if_nametoindex(name);
    if (o->interface == 0)
        return fail(o, "no network interface %s; choose one of 'ip link' with interface = ", name);
    return true;
}

static bool read_addresses(struct opening *o)
{
    if (!read_endpoint(&o->config->address, &o->listen))
        return fail(o, "not an IP address; name one with listen = ADDRESS:PORT");
    if (o->config->group.kind == ENDPOINT_NONE)
        return true;
    if (!read_endpoint(&o->config->group, &o->group) || !is_multicast(&o->group))
        return fail(o, "multicast = %s is no multicast group; 225.1.1.1:1883 is one",
                    o->config->multicast);
    return find_interface(o);
}

/* Options that only make figures or comfort better; an old kernel may refuse them. */
static void set_receive_options(int fd, int family, uint32_t receive_buffer)
{
    int size = (int)receive_buffer;

    set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
    if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, size) != 0)
        set(fd, SOL_SOCKET, SO_RCVBUF, size);
    /* Without this a wildcard socket hears every group that anybody on the host has joined. */
    set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
    set(fd, IPPROTO_IP, IP_PKTINFO, 1); /* also on IPv6 sockets, for what comes over IPv4 */
    if (family == AF_INET6) {
        set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
        set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    }
}

static int open_bound(const union udp_sockaddr *address, bool shared, uint32_t receive_buffer)
{
    int family = address->any.sa_family;
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (family == AF_INET6)
        set(fd, IPPROTO_IPV6, IPV6_V6ONLY, is_wildcard(address) ? 0 : 1);
    if (shared)
        set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set_receive_options(fd, family, receive_buffer);
    if (bind(fd, &address->any, length(address)) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static bool open_listener(struct udp_sockets *s, struct opening *o)
{
    int fd = open_bound(&o->listen, false, o->config->receive_buffer);

    /* [::] is the default and means "everywhere": on a host without IPv6 that is 0.0.0.0. */
    if ((fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) && o->listen.any.sa_family == AF_INET6 &&
        is_wildcard(&o->listen)) {
        in_port_t port = o->listen.v6.sin6_port;
        o->listen = (union udp_sockaddr){.v4 = {.sin_family = AF_INET, .sin_port = port}};
        fd = open_bound(&o->listen, false, o->config->receive_buffer);
    }
    if (fd < 0)
        return fail_bind(o, "listen", -fd);
    s->listener = fd;
    s->family = o->listen.any.sa_family;
    socklen_t len = sizeof s->bound;
    if (getsockname(fd, &s->bound.any, &len) != 0)
        return fail(o, "%s", strerror(errno));
    return true;
}

static int join_v4(struct udp_sockets *s, const struct opening *o)
{
    const struct ip_mreqn group = {.imr_multiaddr = o->group.v4.sin_addr,
                                   .imr_ifindex = (int)o->interface};

    if (setsockopt(s->group, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) != 0 ||
        set(s->listener, IPPROTO_IP, IP_MULTICAST_TTL, (int)o->config->hops) != 0)
        return errno;
    if (o->interface != 0 &&
        setsockopt(s->listener, IPPROTO_IP, IP_MULTICAST_IF, &group, sizeof group) != 0)
        return errno;
    return 0;
}

static int join_v6(struct udp_sockets *s, const struct opening *o)
{
    const struct ipv6_mreq group = {.ipv6mr_multiaddr = o->group.v6.sin6_addr,
                                    .ipv6mr_interface = o->interface};

    if (setsockopt(s->group, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group, sizeof group) != 0 ||
        set(s->listener, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, (int)o->config->hops) != 0)
        return errno;
    if (o->interface != 0 &&
        set(s->listener, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)o->interface) != 0)
        return errno;
    return 0;
}

static bool families_agree(const struct udp_sockets *s, const struct opening *o)
{
    bool v4_group = o->group.any.sa_family == AF_INET;

    if (s->family == AF_INET)
        return v4_group;
    return !v4_group || is_wildcard(&o->listen);
}

static bool open_group(struct udp_sockets *s, struct opening *o)
{
    if (!families_agree(s, o))
        return fail(o, "cannot send to the group %s of the other IP version; choose both alike",
                    o->config->multicast);
    if (o->group.any.sa_family == AF_INET6 && o->group.v6.sin6_scope_id == 0)
        o->group.v6.sin6_scope_id = o->interface;

    /* A wildcard listener on the group's port stands in the way of the group's sockets, ours and
     * those of devices on this host, unless all of them share. It was bound without sharing, so
     * that a second gateway is noticed. */
    set(s->listener, SOL_SOCKET, SO_REUSEADDR, 1);
    s->group = open_bound(&o->group, true, o->config->receive_buffer);
    if (s->group < 0)
        return fail_bind(o, "multicast", -s->group);

    int error = o->group.any.sa_family == AF_INET ? join_v4(s, o) : join_v6(s, o);
    if (error == ENODEV)
        return fail(o, "no way to the group %s; name a network interface with interface = ",
                    o->config->multicast);
    if (error != 0)
        return fail(o, "cannot join the group %s: %s", o->config->multicast, strerror(error));
    udp_key(s->group_key, &o->group);
    return true;
}

bool udp_sockets_open(struct udp_sockets *s, const struct udp_config *config, char *error,
                      size_t error_size)
{
    struct opening o = {.config = config, .error = error, .error_size = error_size};

    *s = (struct udp_sockets){.listener = -1, .group = -1};
    if (read_addresses(&o) && open_listener(s, &o) &&
        (config->group.kind == ENDPOINT_NONE || open_group(s, &o)))
        return true;
    udp_sockets_close(s);
    return false;
}

void udp_sockets_close(struct udp_sockets *s)
{
    if (s->listener >= 0)
        close(s->listener);
    if (s->group >= 0)
        close(s->group);
    s->listener = s->group = -1;
}
