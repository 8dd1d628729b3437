/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sim/options_serial.h"

#include <stdio.h>
#include <stdlib.h>

#define AQUILA_NODES 0xFFFE /* FFFF is everybody */

static const char *const framings[] = {
    [FRAMING_RAW] = "raw",   [FRAMING_SLIP] = "slip", [FRAMING_HDLC] = "hdlc",
    [FRAMING_COBS] = "cobs", [FRAMING_XBEE] = "xbee", [FRAMING_AQUILA] = "aquila"};

static const char *const crcs[] = {
    [FRAMING_CRC_NONE] = "none", [FRAMING_CRC_XMODEM] = "xmodem", [FRAMING_CRC_X25] = "x25"};

static bool complain(const char *name, const char *value, const char *why)
{
    fprintf(stderr, "mqtt-sn-sim: --%s %s: %s\n", name, value, why);
    return false;
}

static int find(const char *const *words, int count, const char *word)
{
    for (int i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

/* "1/1000" or "0.001" */
static bool take_share(const char *text, double *out)
{
    char *end;
    double over = 1;

    *out = strtod(text, &end);
    if (end == text)
        return false;
    if (*end == '/') {
        const char *below = end + 1;
        over = strtod(below, &end);
        if (end == below)
            return false;
    }
    if (*end != '\0' || !(over > 0))
        return false;
    *out /= over;
    return *out >= 0 && *out <= 1;
}

static bool is_addressed(enum framing_kind kind)
{
    return kind == FRAMING_XBEE || kind == FRAMING_AQUILA;
}

/* Nodes that the framing cannot tell apart get envelopes. */
static bool name_nodes(struct net_options *net)
{
    if (net->serial.framing == FRAMING_AQUILA && net->clients > AQUILA_NODES) {
        fprintf(stderr, "mqtt-sn-sim: an Aquila dongle knows %d nodes at most\n", AQUILA_NODES);
        return false;
    }
    if (is_addressed(net->serial.framing) && net->node_id_size > 0) {
        fprintf(stderr,
                "mqtt-sn-sim: with --framing %s the radio names the nodes, not --forwarder\n",
                framings[net->serial.framing]);
        return false;
    }
    if (!is_addressed(net->serial.framing) && net->clients > 1 && net->node_id_size == 0)
        net->node_id_size = net->clients > 0xFFFF ? 4 : 2;
    return true;
}

bool options_serial(struct net_options *net, const struct serial_words *words)
{
    struct net_serial_options *serial = &net->serial;
    int framing = find(framings, (int)(sizeof framings / sizeof *framings),
                       words->framing ? words->framing : "hdlc");
    int crc = find(crcs, (int)(sizeof crcs / sizeof *crcs), words->crc ? words->crc : "none");

    if (!serial->link) {
        if (!words->framing && !words->crc && !words->noise && words->replug_s <= 0)
            return true;
        fprintf(stderr, "mqtt-sn-sim: framing, crc, noise and replug are of --serial\n");
        return false;
    }
    if (framing < 0)
        return complain("framing", words->framing, "raw, slip, hdlc, cobs, xbee or aquila");
    if (crc < 0)
        return complain("crc", words->crc, "none, xmodem or x25");
    if (crc != FRAMING_CRC_NONE && is_addressed((enum framing_kind)framing))
        return complain("crc", words->crc, "this framing has a checksum of its own");
    if (words->noise && !take_share(words->noise, &serial->noise))
        return complain("noise", words->noise, "not a share like 1/1000");
    serial->framing = (enum framing_kind)framing;
    serial->crc = (enum framing_crc)crc;
    serial->api = words->api == 2 ? FRAMING_API_2 : FRAMING_API_1;
    serial->replug = (usec_t)(words->replug_s * 1e6);
    return name_nodes(net);
}
