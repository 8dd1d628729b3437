/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sim/dongle.h"

#include <stdlib.h>

#include "sn/forwarder.h"
#include "tools/sim/dongle_xbee.h"
#include "tools/sim/envelope.h"

/* Aquila's frames, beside the packet; see sn/framing/aquila.c for the other side. */
#define AQUILA_HEAD 5
#define RADIO_HEAD  2 /* LQI and RSSI */
#define LQI         0xB4
#define RSSI        0xC5

enum aquila_command { AQUILA_ACK = 0x01, AQUILA_CONFIG = 0x02 };

struct dongle {
    struct dongle_options options;
    struct dongle_sink sink;
    uint64_t now_ms;
    struct framing *framing; /* not of xbee */
    struct xbee_module module;
    uint8_t *scratch;
    size_t scratch_size;
};

static bool is_aquila(const struct dongle *d)
{
    return d->options.framing.kind == FRAMING_AQUILA;
}

static bool frame(struct dongle *d, struct sn_bytes content)
{
    struct sn_bytes octets = framing_encode(d->framing, d->now_ms, 1, NULL, 0, content);

    if (octets.len > 0)
        d->sink.host(d->sink.self, octets);
    return octets.len > 0;
}

static void aquila_command(struct dongle *d, enum aquila_command command)
{
    const uint8_t content[] = {0, 0, 2, (uint8_t)command};

    frame(d, sn_bytes(content, sizeof content));
}

/* Each frame is acknowledged, CONFIG too; FFFF is everybody, whom no simulated node listens for. */
static void aquila_hear(struct dongle *d, struct sn_bytes content)
{
    aquila_command(d, AQUILA_ACK);
    if (content.len <= AQUILA_HEAD || content.data[1] != SN_FORWARDED)
        return;
    uint32_t number = (uint32_t)content.data[4] << 8 | content.data[3];
    if (number >= 1 && number <= d->options.nodes)
        d->sink.node(d->sink.self, number,
                     sn_bytes(content.data + AQUILA_HEAD, content.len - AQUILA_HEAD));
}

static void on_packet(void *self, const struct framing_origin *origin, struct sn_bytes packet)
{
    struct dongle *d = self;
    uint32_t number = 1;

    (void)origin;
    if (is_aquila(d)) {
        aquila_hear(d, packet);
        return;
    }
    if (d->options.node_id_size > 0)
        number = envelope_open(&packet, d->options.node_id_size, d->options.nodes);
    if (number > 0)
        d->sink.node(d->sink.self, number, packet);
}

/* To the host an Aquila dongle is SLIP with a CRC-16/XMODEM, and so it is from there. */
static struct framing_options own_framing(const struct dongle_options *options)
{
    struct framing_options own = options->framing;

    if (own.kind == FRAMING_AQUILA) {
        own.kind = FRAMING_SLIP;
        own.crc = FRAMING_CRC_XMODEM;
    }
    own.max_packet += SN_ENVELOPE_MAX;
    return own;
}

struct dongle *dongle_new(const struct dongle_options *options, const struct dongle_sink *sink)
{
    struct dongle *d = calloc(1, sizeof *d);
    const struct framing_options own = own_framing(options);
    const struct framing_sink framing_sink = {.self = d, .packet = on_packet};

    if (!d)
        return NULL;
    d->options = *options;
    d->sink = *sink;
    d->scratch_size = own.max_packet;
    d->scratch = malloc(d->scratch_size);
    d->module = (struct xbee_module){
        .api2 = options->framing.api == FRAMING_API_2, .nodes = options->nodes, .sink = *sink};
    if (own.kind != FRAMING_XBEE)
        d->framing = framing_new(&own, &framing_sink);
    if (!d->scratch || (!d->framing && own.kind != FRAMING_XBEE)) {
        dongle_free(d);
        return NULL;
    }
    return d;
}

void dongle_free(struct dongle *d)
{
    if (!d)
        return;
    framing_free(d->framing);
    free(d->scratch);
    free(d);
}

void dongle_start(struct dongle *d, uint64_t now_ms)
{
    d->now_ms = now_ms;
    if (!d->framing) {
        xbee_module_start(&d->module);
        return;
    }
    framing_start(d->framing, now_ms);
    if (is_aquila(d))
        aquila_command(d, AQUILA_CONFIG);
}

void dongle_hear(struct dongle *d, uint64_t now_ms, struct sn_bytes octets)
{
    d->now_ms = now_ms;
    if (d->framing)
        framing_receive(d->framing, now_ms, octets);
    else
        xbee_module_hear(&d->module, octets);
}

static struct sn_bytes addressed(struct dongle *d, uint32_t number, struct sn_bytes packet)
{
    const uint8_t head[RADIO_HEAD + AQUILA_HEAD] = {
        LQI, RSSI, AQUILA_HEAD, SN_FORWARDED, 1, (uint8_t)number, (uint8_t)(number >> 8)};
    struct sn_writer w = sn_writer(d->scratch, d->scratch_size);

    if (is_aquila(d)) {
        sn_write(&w, sn_bytes(head, sizeof head));
        sn_write(&w, packet);
        return w.failed ? (struct sn_bytes){0} : sn_written(&w);
    }
    if (d->options.node_id_size == 0)
        return packet;
    return envelope_wrap(number, d->options.node_id_size, packet, d->scratch, d->scratch_size);
}

bool dongle_send(struct dongle *d, uint64_t now_ms, uint32_t number, struct sn_bytes packet)
{
    d->now_ms = now_ms;
    if (packet.len > d->options.framing.max_packet)
        return false;
    if (!d->framing)
        return xbee_module_send(&d->module, number, packet);
    struct sn_bytes content = addressed(d, number, packet);
    return content.len > 0 && frame(d, content);
}
