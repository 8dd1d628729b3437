/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/dump/show.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "sn/forwarder.h"
#include "sn/print.h"

static void show_octets(struct sn_bytes octets)
{
    const size_t shown = 32;

    for (size_t i = 0; i < octets.len && i < shown; i++)
        printf(" %02X", octets.data[i]);
    if (octets.len > shown)
        printf(" ... (%zu octets)", octets.len);
}

static enum sn_error open_envelope(struct sn_bytes *datagram, struct sn_peer *peer)
{
    return sn_is_forwarded(*datagram) ? sn_unwrap(*datagram, peer, datagram) : SN_OK;
}

static void show_node_id(struct sn_bytes node_id)
{
    if (node_id.len == 0)
        return;
    printf("[node ");
    for (size_t i = 0; i < node_id.len; i++)
        printf("%02X", node_id.data[i]);
    printf("] ");
}

void show_datagram(struct sn_bytes datagram)
{
    struct sn_bytes message = datagram;
    struct sn_peer peer = {0};
    struct sn_packet packet;
    size_t trailing = 0;
    char line[SN_PRINT_MAX];
    enum sn_error error = open_envelope(&message, &peer);

    show_node_id(sn_peer_node_id(&peer));
    if (error == SN_OK)
        error = sn_decode(&packet, message, &trailing);
    if (error == SN_OK) {
        printf("%s", sn_print(line, sizeof line, &packet, true));
        if (trailing > 0)
            printf(" trailing=%zu", trailing);
    } else {
        printf("? %s:", sn_error_text(error));
        show_octets(message);
    }
    putchar('\n');
}

bool show_is_mqtt_sn(struct sn_bytes datagram)
{
    struct sn_peer peer = {0};
    struct sn_packet packet;

    return open_envelope(&datagram, &peer) == SN_OK && sn_decode(&packet, datagram, NULL) == SN_OK;
}

bool octets_of_hex(const char *line, uint8_t *into, size_t cap, size_t *len)
{
    *len = 0;
    while (*line && *line != '#') {
        if (isspace((unsigned char)*line) || strchr(",:-", *line)) {
            line++;
            continue;
        }
        if (line[0] == '0' && (line[1] == 'x' || line[1] == 'X'))
            line += 2;
        if (!isxdigit((unsigned char)line[0]) || !isxdigit((unsigned char)line[1]) || *len == cap)
            return false;
        const char octet[] = {line[0], line[1], '\0'};
        into[(*len)++] = (uint8_t)strtoul(octet, NULL, 16);
        line += 2;
    }
    return true;
}
