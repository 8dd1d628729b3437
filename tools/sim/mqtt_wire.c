/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sim/mqtt_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/sim/net_address.h"

#define KEEP_ALIVE   600
#define HEADER_MAX   5
#define SOCKET_LOCAL "unix:"

bool mqtt_has_room(const struct mqtt *m, size_t octets)
{
    return MQTT_OUT - m->out_len >= octets + HEADER_MAX;
}

static struct sn_writer begin(struct mqtt *m, uint8_t first, size_t length)
{
    struct sn_writer w = sn_writer(m->out + m->out_len, MQTT_OUT - m->out_len);

    sn_write_u8(&w, first);
    do {
        sn_write_u8(&w, (uint8_t)(length % 128 | (length > 127 ? 128 : 0)));
        length /= 128;
    } while (length > 0);
    return w;
}

static void end(struct mqtt *m, const struct sn_writer *w)
{
    m->out_len += sn_written(w).len;
}

static void write_text(struct sn_writer *w, struct sn_bytes text)
{
    sn_write_u16(w, (uint16_t)text.len);
    sn_write(w, text);
}

void mqtt_publish(struct mqtt *m, struct sn_bytes topic, unsigned qos, uint16_t msg_id,
                  struct sn_bytes payload)
{
    size_t length = 2 + topic.len + (qos > 0 ? 2 : 0) + payload.len;
    struct sn_writer w = begin(m, (uint8_t)(MQTT_PUBLISH | qos << 1), length);

    write_text(&w, topic);
    if (qos > 0)
        sn_write_u16(&w, msg_id);
    sn_write(&w, payload);
    end(m, &w);
}

void mqtt_short(struct mqtt *m, enum mqtt_type type, uint16_t msg_id)
{
    struct sn_writer w = begin(m, (uint8_t)type, msg_id ? 2 : 0);

    if (msg_id)
        sn_write_u16(&w, msg_id);
    end(m, &w);
}

static void connect_packet(struct mqtt *m, struct sn_bytes client_id)
{
    const uint8_t version = 4, clean = 2;
    struct sn_writer w = begin(m, 0x10, 2 + 4 + 1 + 1 + 2 + 2 + client_id.len);

    write_text(&w, sn_text("MQTT"));
    sn_write_u8(&w, version);
    sn_write_u8(&w, clean);
    sn_write_u16(&w, KEEP_ALIVE);
    write_text(&w, client_id);
    end(m, &w);
}

static bool open_socket(struct mqtt *m, const char *broker, char *error, size_t error_size)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_un *local = (struct sockaddr_un *)&address;
    socklen_t len = sizeof *local;
    int on = 1;

    if (strncmp(broker, SOCKET_LOCAL, strlen(SOCKET_LOCAL)) == 0) {
        local->sun_family = AF_UNIX;
        snprintf(local->sun_path, sizeof local->sun_path, "%s", broker + strlen(SOCKET_LOCAL));
    } else if (!net_resolve(broker, SOCK_STREAM, &address, &len, error, error_size)) {
        return false;
    }
    m->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (m->fd < 0 || connect(m->fd, (const struct sockaddr *)&address, len) != 0) {
        snprintf(error, error_size, "cannot connect to %s: %s", broker, strerror(errno));
        return false;
    }
    if (address.ss_family != AF_UNIX)
        setsockopt(m->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return true;
}

bool mqtt_open(struct mqtt *m, const char *broker, const char *client_id, char *error,
               size_t error_size)
{
    uint8_t answer[4];

    m->fd = -1;
    m->out_at = m->out_len = m->in_len = 0;
    if (!open_socket(m, broker, error, error_size))
        return false;
    connect_packet(m, sn_text(client_id));
    if (!mqtt_flush(m) || recv(m->fd, answer, sizeof answer, MSG_WAITALL) != sizeof answer ||
        answer[0] != MQTT_CONNACK || answer[3] != 0) {
        snprintf(error, error_size, "%s did not accept the connection", broker);
        return false;
    }
    return fcntl(m->fd, F_SETFL, O_NONBLOCK) == 0;
}

void mqtt_close(struct mqtt *m)
{
    if (m->fd >= 0)
        close(m->fd);
    m->fd = -1;
}

bool mqtt_flush(struct mqtt *m)
{
    while (m->out_at < m->out_len) {
        ssize_t n = send(m->fd, m->out + m->out_at, m->out_len - m->out_at, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        m->out_at += (size_t)n;
    }
    m->out_at = m->out_len = 0;
    return true;
}

/* One packet from the buffer; false when it is not complete yet. */
static bool next_packet(struct sn_reader *r, uint8_t *type, uint16_t *msg_id)
{
    size_t length = 0, factor = 1;
    uint8_t octet;

    *type = sn_read_u8(r);
    do {
        octet = sn_read_u8(r);
        length += (octet & 127U) * factor;
        factor *= 128;
    } while (octet & 128 && !r->failed);
    struct sn_reader body = sn_reader(sn_read(r, length));
    *msg_id = sn_read_u16(&body);
    return !r->failed;
}

bool mqtt_read(struct mqtt *m, void (*packet)(void *self, uint8_t type, uint16_t msg_id),
               void *self)
{
    int on = 1;
    ssize_t n = recv(m->fd, m->in + m->in_len, MQTT_IN - m->in_len, 0);
    uint8_t type;
    uint16_t msg_id;

    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    /* The broker may run Nagle's algorithm; a delayed TCP ACK would then hold its answers back. */
    setsockopt(m->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    m->in_len += (size_t)n;
    struct sn_reader r = sn_reader(sn_bytes(m->in, m->in_len)), before = r;
    while (next_packet(&r, &type, &msg_id)) {
        before = r;
        packet(self, type, msg_id);
    }
    memmove(m->in, before.at, before.left);
    m->in_len = before.left;
    return true;
}
