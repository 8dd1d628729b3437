/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/fake_broker.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>

enum { CONNECT = 0x10, PUBLISH = 0x30, TYPE = 0xF0, BUFFER = 4096 };

struct fake_client {
    uv_tcp_t stream;
    struct fake_broker *fake;
    struct fake_client *next;
    bool own;
    size_t have;
    uint8_t buffer[BUFFER];
};

static void on_closed(uv_handle_t *handle)
{
    struct fake_client *client = handle->data, **at = &client->fake->clients;

    while (*at && *at != client)
        at = &(*at)->next;
    if (*at)
        *at = client->next;
    free(client);
}

void fake_hang_up(struct fake_client *client)
{
    if (!uv_is_closing((uv_handle_t *)&client->stream))
        uv_close((uv_handle_t *)&client->stream, on_closed);
}

void fake_hang_up_on_all(struct fake_broker *fake)
{
    for (struct fake_client *client = fake->clients; client; client = client->next)
        fake_hang_up(client);
}

void fake_own_away(struct fake_broker *fake)
{
    fake->own_away = true;
    for (struct fake_client *client = fake->clients; client; client = client->next)
        if (client->own)
            fake_hang_up(client);
}

void fake_send(struct fake_client *client, const void *octets, size_t len)
{
    uv_buf_t buf = uv_buf_init(NULL, 0);
    uint8_t copy[BUFFER];

    ck_assert_uint_le(len, sizeof copy);
    memcpy(copy, octets, len);
    buf.base = (char *)copy;
    buf.len = len;
    ck_assert_int_eq(uv_try_write((uv_stream_t *)&client->stream, &buf, 1), (int)len);
}

void fake_send_to_all(struct fake_broker *fake, const void *octets, size_t len)
{
    for (struct fake_client *client = fake->clients; client; client = client->next)
        fake_send(client, octets, len);
}

uint16_t fake_publish_mid(struct sn_bytes body)
{
    struct sn_reader r = sn_reader(body);

    sn_read(&r, sn_read_u16(&r));
    return sn_read_u16(&r);
}

void fake_connack(struct fake_client *client, struct sn_bytes connect, bool present)
{
    bool mqtt5 = connect.len > 6 && connect.data[6] == 5;

    fake_send(client, (uint8_t[]){0x20, mqtt5 ? 3 : 2, present, 0, 0}, mqtt5 ? 5 : 4);
}

void fake_ack(struct fake_client *client, uint8_t first, uint16_t mid)
{
    fake_send(client, (uint8_t[]){first, 2, (uint8_t)(mid >> 8), (uint8_t)mid}, 4);
}

void fake_suback(struct fake_client *client, struct sn_bytes subscribe, uint8_t code)
{
    const uint8_t *mid = subscribe.data;

    fake_send(client, (uint8_t[]){0x90, 4, mid[0], mid[1], 0, code}, 6);
}

void fake_unsuback(struct fake_client *client, struct sn_bytes unsubscribe)
{
    const uint8_t *mid = unsubscribe.data;

    fake_send(client, (uint8_t[]){0xB0, 4, mid[0], mid[1], 0, 0}, 6);
}

static bool is_own(struct sn_bytes body)
{
    return body.len > 5 && memmem(body.data, body.len, "\0\3own", 5);
}

static void take(struct fake_client *client, uint8_t first, struct sn_bytes body)
{
    uint16_t mid = fake_publish_mid(body);

    if ((first & TYPE) == CONNECT && is_own(body))
        client->own = true;
    if (!client->own)
        client->fake->packet(client->fake->self, client, first, body);
    else if (client->fake->own_away)
        fake_hang_up(client);
    else if ((first & TYPE) == CONNECT)
        fake_connack(client, body, false);
    else if ((first & TYPE) == PUBLISH && (first & 6) == 2)
        fake_send(client, (uint8_t[]){0x40, 2, (uint8_t)(mid >> 8), (uint8_t)mid}, 4);
}

/* True when a whole packet was there. */
static bool take_one(struct fake_client *client)
{
    size_t len = 0, at = 1;

    for (unsigned shift = 0;; shift += 7, at++) {
        if (at >= client->have)
            return false;
        len |= (size_t)(client->buffer[at] & 0x7F) << shift;
        if (!(client->buffer[at] & 0x80))
            break;
    }
    at++;
    if (client->have < at + len)
        return false;
    take(client, client->buffer[0], sn_bytes(client->buffer + at, len));
    client->have -= at + len;
    memmove(client->buffer, client->buffer + at + len, client->have);
    return true;
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    struct fake_client *client = handle->data;

    (void)wanted;
    buf->base = (char *)client->buffer + client->have;
    buf->len = BUFFER - client->have;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct fake_client *client = stream->data;

    (void)buf;
    if (n < 0) {
        fake_hang_up(client);
        return;
    }
    client->have += (size_t)n;
    while (!uv_is_closing((uv_handle_t *)stream) && take_one(client))
        continue;
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct fake_broker *fake = listener->data;
    struct fake_client *client = calloc(1, sizeof *client);

    ck_assert_int_eq(status, 0);
    ck_assert_ptr_nonnull(client);
    client->fake = fake;
    client->stream.data = client;
    client->next = fake->clients;
    fake->clients = client;
    uv_tcp_init(listener->loop, &client->stream);
    ck_assert_int_eq(uv_accept(listener, (uv_stream_t *)&client->stream), 0);
    uv_read_start((uv_stream_t *)&client->stream, on_room, on_read);
}

void fake_broker_start(struct fake_broker *fake, uv_loop_t *loop)
{
    struct sockaddr_in a;
    int len = sizeof a;

    uv_ip4_addr("127.0.0.1", 0, &a);
    uv_tcp_init(loop, &fake->listener);
    fake->listener.data = fake;
    ck_assert_int_eq(uv_tcp_bind(&fake->listener, (struct sockaddr *)&a, 0), 0);
    ck_assert_int_eq(uv_listen((uv_stream_t *)&fake->listener, 16, on_connection), 0);
    uv_tcp_getsockname(&fake->listener, (struct sockaddr *)&a, &len);
    fake->port = ntohs(a.sin_port);
}

void fake_broker_stop(struct fake_broker *fake)
{
    fake_hang_up_on_all(fake);
    uv_close((uv_handle_t *)&fake->listener, NULL);
}
