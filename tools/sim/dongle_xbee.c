/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sim/dongle_xbee.h"

#define START           0x7E
#define ESCAPE          0x7D
#define HEAD            3 /* 7E and the length */
#define TRANSMIT_HEAD   14
#define PAYLOAD_MAX     255 /* what AT NP tells */
#define DELIVERED       0x00
#define NO_ADDRESS      0x24
#define HARDWARE_RESET  0x00
#define INVALID_COMMAND 0x02

enum type {
    AT = 0x08,
    TRANSMIT = 0x10,
    ANSWER = 0x88,
    MODEM = 0x8A,
    STATUS = 0x8B,
    RECEIVE = 0x90
};

/* Digi's prefix; the other four octets are the node's number. */
static const uint8_t vendor[4] = {0x00, 0x13, 0xA2, 0x00};

static void put(const struct xbee_module *m, struct sn_writer *w, uint8_t octet)
{
    if (m->api2 && (octet == START || octet == ESCAPE || octet == 0x11 || octet == 0x13)) {
        sn_write_u8(w, ESCAPE);
        octet ^= 0x20;
    }
    sn_write_u8(w, octet);
}

static void tell_host(const struct xbee_module *m, struct sn_bytes fields)
{
    uint8_t octets[2 * (XBEE_MODULE_FRAME + HEAD + 1)], sum = 0xFF;
    struct sn_writer w = sn_writer(octets, sizeof octets);

    sn_write_u8(&w, START);
    put(m, &w, (uint8_t)(fields.len >> 8));
    put(m, &w, (uint8_t)fields.len);
    for (size_t i = 0; i < fields.len; i++) {
        put(m, &w, fields.data[i]);
        sum = (uint8_t)(sum - fields.data[i]);
    }
    put(m, &w, sum);
    m->sink.host(m->sink.self, sn_written(&w));
}

void xbee_module_start(struct xbee_module *m)
{
    static const uint8_t reset[] = {MODEM, HARDWARE_RESET};

    m->in_len = 0;
    tell_host(m, sn_bytes(reset, sizeof reset));
}

bool xbee_module_send(struct xbee_module *m, uint32_t number, struct sn_bytes packet)
{
    uint8_t fields[XBEE_MODULE_FRAME];
    struct sn_writer w = sn_writer(fields, sizeof fields);

    if (packet.len > PAYLOAD_MAX)
        return false;
    sn_write_u8(&w, RECEIVE);
    sn_write(&w, sn_bytes(vendor, sizeof vendor));
    sn_write_u16(&w, (uint16_t)(number >> 16));
    sn_write_u16(&w, (uint16_t)number);
    sn_write_u16(&w, (uint16_t)number); /* the 16-bit address, which the host sends back */
    sn_write_u8(&w, 0x01);              /* acknowledged */
    sn_write(&w, packet);
    tell_host(m, sn_written(&w));
    return true;
}

static void answer(struct xbee_module *m, struct sn_reader r)
{
    uint8_t id = sn_read_u8(&r);
    struct sn_bytes command = sn_read(&r, 2);
    uint8_t fields[8];
    struct sn_writer w = sn_writer(fields, sizeof fields);
    bool ap, np;

    if (r.failed || id == 0)
        return;
    ap = memcmp(command.data, "AP", 2) == 0;
    np = memcmp(command.data, "NP", 2) == 0;
    sn_write_u8(&w, ANSWER);
    sn_write_u8(&w, id);
    sn_write(&w, command);
    sn_write_u8(&w, ap || np ? 0 : INVALID_COMMAND);
    if (ap)
        sn_write_u8(&w, m->api2 ? 2 : 1);
    if (np)
        sn_write_u16(&w, PAYLOAD_MAX);
    tell_host(m, sn_written(&w));
}

static void transmit(struct xbee_module *m, struct sn_bytes fields)
{
    static const uint8_t everybody[8] = {0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    struct sn_reader r = sn_reader(fields);

    sn_read_u8(&r);
    uint8_t id = sn_read_u8(&r);
    struct sn_bytes to = sn_read(&r, sizeof everybody);
    struct sn_bytes to16 = sn_read(&r, 4);
    if (r.failed)
        return;
    bool ours = memcmp(to.data, vendor, sizeof vendor) == 0;
    uint32_t number = (uint32_t)to.data[4] << 24 | (uint32_t)to.data[5] << 16 |
                      (uint32_t)to.data[6] << 8 | to.data[7];
    ours = ours && number >= 1 && number <= m->nodes;
    bool known = ours || memcmp(to.data, everybody, sizeof everybody) == 0;
    const uint8_t status[] = {
        STATUS, id, to16.data[0], to16.data[1], 0, known ? DELIVERED : NO_ADDRESS, 0};
    if (id != 0)
        tell_host(m, sn_bytes(status, sizeof status));
    if (ours)
        m->sink.node(m->sink.self, number, sn_read_rest(&r));
}

/* What a module does not know it answers to nothing. */
static void on_frame(struct xbee_module *m, struct sn_bytes fields)
{
    uint8_t sum = fields.data[fields.len]; /* the checksum stands behind */

    for (size_t i = 0; i < fields.len; i++)
        sum = (uint8_t)(sum + fields.data[i]);
    if (sum != 0xFF)
        return;
    if (fields.data[0] == AT)
        answer(m, sn_reader(sn_bytes(fields.data + 1, fields.len - 1)));
    else if (fields.data[0] == TRANSMIT && fields.len > TRANSMIT_HEAD)
        transmit(m, fields);
}

/* True when the frame is at its end, good or not. */
static bool is_over(const struct xbee_module *m)
{
    if (m->in_len < HEAD)
        return false;
    size_t len = (size_t)m->in[1] << 8 | m->in[2];
    return len == 0 || len > XBEE_MODULE_FRAME || m->in_len == HEAD + len + 1;
}

static void hear_one(struct xbee_module *m, uint8_t octet)
{
    bool begins = octet == START && (m->api2 || m->in_len == 0);

    if (begins) {
        m->in_len = 0;
        m->flip = false;
    } else if (m->in_len == 0) {
        return;
    } else if (m->api2 && octet == ESCAPE) {
        m->flip = true;
        return;
    }
    m->in[m->in_len++] = m->flip ? octet ^ 0x20 : octet;
    m->flip = false;
    if (!is_over(m))
        return;
    size_t len = m->in_len;
    m->in_len = 0;
    if (len > HEAD)
        on_frame(m, sn_bytes(m->in + HEAD, len - HEAD - 1));
}

void xbee_module_hear(struct xbee_module *m, struct sn_bytes octets)
{
    for (size_t i = 0; i < octets.len; i++)
        hear_one(m, octets.data[i]);
}
