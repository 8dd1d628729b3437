/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/dump/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "sn/packet.h"

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

/* The signals are let in only while poll waits, so that none is missed between test and wait. */
static void catch_signals(sigset_t *while_waiting)
{
    struct sigaction action = {.sa_handler = stop};
    sigset_t blocked;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, while_waiting);
    sigdelset(while_waiting, SIGINT);
    sigdelset(while_waiting, SIGTERM);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static int bound(int family, const void *address, socklen_t len)
{
    const int off = 0;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if ((family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0) ||
        bind(fd, address, len) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

/* One socket for both families; on a host without IPv6 one for IPv4. */
static int open_port(uint16_t port)
{
    struct sockaddr_in6 any6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_ANY_INIT};
    struct sockaddr_in any4 = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_ANY)};
    int fd = bound(AF_INET6, &any6, sizeof any6);

    if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL)
        fd = bound(AF_INET, &any4, sizeof any4);
    return fd;
}

static void tell_port(int fd)
{
    struct sockaddr_in6 own = {0}; /* the port stands at the same place in both families */
    socklen_t len = sizeof own;

    if (getsockname(fd, (struct sockaddr *)&own, &len) == 0)
        fprintf(stderr, "listening on UDP port %u\n", ntohs(own.sin6_port));
}

static int receive(int fd, arrival *arrived)
{
    static uint8_t datagram[SN_PACKET_MAX];
    struct sockaddr_storage from = {0};
    socklen_t from_len = sizeof from;
    ssize_t len =
        recvfrom(fd, datagram, sizeof datagram, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);

    if (len < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    arrived((const struct sockaddr *)&from, sn_bytes(datagram, (size_t)len));
    return 0;
}

int dump_listen(uint16_t port, arrival *arrived)
{
    sigset_t while_waiting;
    int result = 0, fd = open_port(port);

    if (fd < 0)
        return fd;
    catch_signals(&while_waiting);
    tell_port(fd);
    while (!stopped && result == 0) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        if (ppoll(&readable, 1, NULL, &while_waiting) > 0)
            result = receive(fd, arrived);
        else if (!stopped && errno != EINTR)
            result = -errno;
    }
    close(fd);
    return result;
}
