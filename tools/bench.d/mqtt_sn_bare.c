/* SPDX-License-Identifier: Apache-2.0 */
/* mqtt-sn-bare - the least a gateway on libmosquitto can do, for tools/bench to compare with
 *
 * It moves messages between well-behaved nodes on loopback and a broker: datagrams in, one call of
 * the library, one write, and the acknowledgement out when the broker's has come. Nothing is
 * checked, kept, repeated, bounded or recovered. What it costs on a machine is what sockets and
 * library cost there; what the gateway costs more than that is ours.
 *
 * A node is known by its UDP port. With --links N all share N broker connections, otherwise each
 * has one of its own.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sn/packet.h"

#define BATCH      64
#define PACKET_MAX 256
#define NAME_MAX_  64
#define TOPICS_MAX 20000
#define LINKS_MAX  20000
#define READS_MAX  64

/* What a publish towards the broker owes its node. */
struct debt {
    uint16_t port, topic_id, msg_id;
};

struct link {
    struct mosquitto *mosq;
    int fd;
    uint16_t port; /* whose own connection this is; 0 when shared */
    bool dirty;
    struct debt *debts; /* by mid, modulo the window */
    unsigned window;
};

struct topic {
    char name[NAME_MAX_];
    uint16_t subscriber; /* port */
};

struct outgoing {
    struct mmsghdr headers[BATCH];
    struct iovec parts[BATCH];
    struct sockaddr_in peers[BATCH];
    uint8_t octets[BATCH][PACKET_MAX];
    unsigned count;
};

static struct {
    int epoll, udp;
    const char *broker;
    int broker_port;
    unsigned shared;
    struct link links[LINKS_MAX];
    struct link *dirty[LINKS_MAX];
    unsigned link_count, dirty_count;
    struct link *by_port[UINT16_MAX + 1];
    struct topic topics[TOPICS_MAX];
    uint16_t last_msg_id;
    struct outgoing out;
} bare;

/* The library's wake-up pipe serves threads, which there are none; the gateway spares it, too. */
__attribute__((visibility("default"))) int socketpair(int domain, int type, int protocol,
                                                      int fds[2])
{
    (void)domain, (void)type, (void)protocol, (void)fds;
    errno = EMFILE;
    return -1;
}

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "mqtt-sn-bare: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void send_all(void)
{
    struct outgoing *out = &bare.out;

    for (unsigned sent = 0; sent < out->count;) {
        int n = sendmmsg(bare.udp, out->headers + sent, out->count - sent, 0);

        if (n < 0)
            give_up("sendmmsg");
        sent += (unsigned)n;
    }
    out->count = 0;
}

static void answer(uint16_t port, const struct sn_packet *packet)
{
    struct outgoing *out = &bare.out;
    unsigned i;

    if (out->count == BATCH)
        send_all();
    i = out->count++;
    out->peers[i] = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    out->parts[i] =
        (struct iovec){out->octets[i], sn_encode(packet, out->octets[i], PACKET_MAX).len};
    out->headers[i].msg_hdr = (struct msghdr){.msg_name = &out->peers[i],
                                              .msg_namelen = sizeof out->peers[i],
                                              .msg_iov = &out->parts[i],
                                              .msg_iovlen = 1};
}

/* The id of a name is its place in an open hash table. */
static uint16_t topic_id_of(const char *name, size_t len)
{
    uint32_t hash = 2166136261;
    struct topic *topic;

    if (len >= NAME_MAX_)
        give_up("a topic name is too long");
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint8_t)name[i]) * 16777619;
    for (hash %= TOPICS_MAX; (topic = &bare.topics[hash])->name[0] != '\0';
         hash = (hash + 1) % TOPICS_MAX)
        if (strncmp(topic->name, name, len) == 0 && topic->name[len] == '\0')
            return (uint16_t)(hash + 1);
    memcpy(topic->name, name, len);
    return (uint16_t)(hash + 1);
}

static struct debt *debt_of(struct link *link, int mid)
{
    return &link->debts[(unsigned)mid % link->window];
}

static void mark_dirty(struct link *link)
{
    if (!link->dirty)
        bare.dirty[bare.dirty_count++] = link;
    link->dirty = true;
}

/* Callbacks of the library. */
static void on_connect(struct mosquitto *mosq, void *obj, int rc, int flags,
                       const mosquitto_property *properties)
{
    struct link *link = obj;

    (void)mosq, (void)flags, (void)properties;
    if (rc != 0)
        give_up("the broker refuses");
    if (link->port != 0)
        answer(link->port, &(struct sn_packet){.type = SN_CONNACK});
}

static void on_publish(struct mosquitto *mosq, void *obj, int mid, int rc,
                       const mosquitto_property *properties)
{
    const struct debt *debt = debt_of(obj, mid);

    (void)mosq, (void)rc, (void)properties;
    if (debt->msg_id != 0)
        answer(debt->port, &(struct sn_packet){.type = SN_PUBACK,
                                               .topic_id = debt->topic_id,
                                               .msg_id = debt->msg_id});
}

static void on_subscribe(struct mosquitto *mosq, void *obj, int mid, int count, const int *granted,
                         const mosquitto_property *properties)
{
    const struct debt *debt = debt_of(obj, mid);

    (void)mosq, (void)count, (void)properties;
    answer(debt->port, &(struct sn_packet){.type = SN_SUBACK,
                                           .flags = sn_qos_flags((unsigned)granted[0]),
                                           .topic_id = debt->topic_id,
                                           .msg_id = debt->msg_id});
}

static void on_message(struct mosquitto *mosq, void *obj, const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    uint16_t topic_id = topic_id_of(message->topic, strlen(message->topic));

    (void)mosq, (void)obj, (void)properties;
    if (++bare.last_msg_id == 0)
        bare.last_msg_id = 1;
    answer(bare.topics[topic_id - 1].subscriber,
           &(struct sn_packet){.type = SN_PUBLISH,
                               .flags = sn_qos_flags((unsigned)message->qos),
                               .topic_id = topic_id,
                               .msg_id = message->qos > 0 ? bare.last_msg_id : 0,
                               .body = sn_bytes(message->payload, (size_t)message->payloadlen)});
}

/* Links. */
static void watch(struct link *link, int operation)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};

    if (mosquitto_want_write(link->mosq))
        event.events |= EPOLLOUT;
    if (epoll_ctl(bare.epoll, operation, link->fd, &event) != 0)
        give_up("epoll_ctl");
}

static struct link *link_open(uint16_t port)
{
    struct link *link = &bare.links[bare.link_count++];
    char id[32];

    if (bare.link_count == LINKS_MAX)
        give_up("too many nodes");
    snprintf(id, sizeof id, "bare-%u-%u", bare.link_count, port);
    link->port = port;
    link->window = port != 0 ? 1 : UINT16_MAX + 1;
    link->debts = calloc(link->window, sizeof *link->debts);
    link->mosq = mosquitto_new(id, true, link);
    if (link->mosq == NULL || link->debts == NULL)
        give_up("no memory");
    mosquitto_threaded_set(link->mosq, true);
    mosquitto_int_option(link->mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_int_option(link->mosq, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_connect_v5_callback_set(link->mosq, on_connect);
    mosquitto_publish_v5_callback_set(link->mosq, on_publish);
    mosquitto_subscribe_v5_callback_set(link->mosq, on_subscribe);
    mosquitto_message_v5_callback_set(link->mosq, on_message);
    while (mosquitto_connect_async(link->mosq, bare.broker, bare.broker_port, 600) != 0) {
        if (errno != EAGAIN) /* mosquitto lets ten wait at a unix socket */
            give_up("the broker does not answer");
        usleep(200);
    }
    link->fd = mosquitto_socket(link->mosq);
    watch(link, EPOLL_CTL_ADD);
    return link;
}

static struct link *link_of(uint16_t port)
{
    return bare.shared > 0 ? &bare.links[port % bare.shared] : bare.by_port[port];
}

static void link_event(struct link *link, uint32_t events)
{
    static const int on = 1;

    if (events & EPOLLOUT) {
        mosquitto_loop_write(link->mosq, 1);
        watch(link, EPOLL_CTL_MOD);
    }
    if (events & EPOLLIN) {
        int reads = READS_MAX;

        do {
            errno = 0;
            if (mosquitto_loop_read(link->mosq, 1) != 0)
                give_up("the broker has gone");
        } while (errno != EAGAIN && --reads > 0);
        setsockopt(link->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    }
    if (mosquitto_want_write(link->mosq))
        mark_dirty(link);
}

static void write_dirty(void)
{
    for (unsigned i = 0; i < bare.dirty_count; i++) {
        struct link *link = bare.dirty[i];

        link->dirty = false;
        mosquitto_loop_write(link->mosq, 1);
        if (mosquitto_want_write(link->mosq))
            watch(link, EPOLL_CTL_MOD);
    }
    bare.dirty_count = 0;
}

/* Nodes. */
static void take_connect(uint16_t port)
{
    if (bare.shared > 0)
        answer(port, &(struct sn_packet){.type = SN_CONNACK});
    else if (bare.by_port[port] == NULL)
        bare.by_port[port] = link_open(port);
}

static void take_publish(uint16_t port, const struct sn_packet *p)
{
    struct link *link = link_of(port);
    int mid;

    if (mosquitto_publish_v5(link->mosq, &mid, bare.topics[p->topic_id - 1].name, (int)p->body.len,
                             p->body.data, sn_qos(p->flags), false, NULL) != 0)
        give_up("mosquitto_publish");
    *debt_of(link, mid) = (struct debt){port, p->topic_id, p->msg_id};
    mark_dirty(link);
}

static void take_subscribe(uint16_t port, const struct sn_packet *p)
{
    uint16_t topic_id = topic_id_of((const char *)p->body.data, p->body.len);
    struct link *link = link_of(port);
    int mid;

    bare.topics[topic_id - 1].subscriber = port;
    if (mosquitto_subscribe_v5(link->mosq, &mid, bare.topics[topic_id - 1].name, sn_qos(p->flags),
                               0, NULL) != 0)
        give_up("mosquitto_subscribe");
    *debt_of(link, mid) = (struct debt){port, topic_id, p->msg_id};
    mark_dirty(link);
}

static void take(uint16_t port, struct sn_bytes datagram)
{
    struct sn_packet p;

    if (sn_decode(&p, datagram, NULL) != SN_OK)
        return;
    switch (p.type) {
    case SN_SEARCHGW: answer(port, &(struct sn_packet){.type = SN_GWINFO, .gw_id = 1}); break;
    case SN_CONNECT: take_connect(port); break;
    case SN_REGISTER:
        answer(port,
               &(struct sn_packet){.type = SN_REGACK,
                                   .topic_id = topic_id_of((const char *)p.body.data, p.body.len),
                                   .msg_id = p.msg_id});
        break;
    case SN_PUBLISH: take_publish(port, &p); break;
    case SN_SUBSCRIBE: take_subscribe(port, &p); break;
    case SN_PINGREQ: answer(port, &(struct sn_packet){.type = SN_PINGRESP}); break;
    case SN_DISCONNECT: answer(port, &(struct sn_packet){.type = SN_DISCONNECT}); break;
    default: /* PUBACK: nobody waits for it */ break;
    }
}

static void receive(void)
{
    static uint8_t octets[BATCH][PACKET_MAX];
    static struct sockaddr_in peers[BATCH];
    static struct iovec parts[BATCH];
    static struct mmsghdr headers[BATCH];
    int n;

    for (unsigned i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){octets[i], PACKET_MAX};
        headers[i].msg_hdr = (struct msghdr){.msg_name = &peers[i],
                                             .msg_namelen = sizeof peers[i],
                                             .msg_iov = &parts[i],
                                             .msg_iovlen = 1};
    }
    n = recvmmsg(bare.udp, headers, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++)
        take(ntohs(peers[i].sin_port), sn_bytes(octets[i], headers[i].msg_len));
}

static void open_udp(int port)
{
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN};
    int room = 8 << 20;

    bare.epoll = epoll_create1(0);
    bare.udp = socket(AF_INET, SOCK_DGRAM, 0);
    setsockopt(bare.udp, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    setsockopt(bare.udp, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    if (bind(bare.udp, (struct sockaddr *)&here, sizeof here) != 0 ||
        epoll_ctl(bare.epoll, EPOLL_CTL_ADD, bare.udp, &event) != 0)
        give_up("the UDP port");
}

static void run(void)
{
    struct epoll_event events[BATCH];

    for (;;) {
        int n = epoll_wait(bare.epoll, events, BATCH, -1);

        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                receive();
            else
                link_event(events[i].data.ptr, events[i].events);
        }
        write_dirty();
        send_all();
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"listen", required_argument, NULL, 'l'},
                                            {"broker", required_argument, NULL, 'b'},
                                            {"links", required_argument, NULL, 'n'},
                                            {0}};
    int port = 0, option;
    char *colon;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'l')
            port = atoi(optarg);
        else if (option == 'b')
            bare.broker = optarg;
        else if (option == 'n')
            bare.shared = (unsigned)atoi(optarg);
        else
            return 64;
    }
    if (port == 0 || bare.broker == NULL) {
        fprintf(stderr, "usage: mqtt-sn-bare --listen PORT --broker HOST:PORT|PATH [--links N]\n");
        return 64;
    }
    colon = strrchr(bare.broker, ':');
    if (colon != NULL) { /* otherwise a unix socket, which the library knows by port 0 */
        *colon = '\0';
        bare.broker_port = atoi(colon + 1);
    }
    mosquitto_lib_init();
    open_udp(port);
    for (unsigned i = 0; i < bare.shared; i++)
        link_open(0);
    run();
}
