/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/tell.h"

#include <stdio.h>

#include "gateway/log.h"
#include "sn/forwarder.h"
#include "sn/print.h"

#define CLIENT_ID_SHOWN 160

static const char *const notice_words[] = {
#define X(name, words) [NOTICE_##name] = words,
    NOTICES(X)
#undef X
};

static struct link *const *named_links;
static size_t named_count;

void tell_links(struct link *const *links, size_t count)
{
    named_links = links;
    named_count = count;
}

char *tell_peer(const struct sn_peer *peer, char *out, size_t size)
{
    if (peer->link < named_count)
        return link_peer_text(named_links[peer->link], peer, out, size);
    snprintf(out, size, "?");
    return out;
}

void tell_link(const struct link *link, enum link_severity severity, const char *text)
{
    if (severity == LINK_WARNING)
        log_warning("%s: %s", link->name, text);
    else
        log_info("%s: %s", link->name, text);
}

static char *detail_text(const struct notice *notice, char *out, size_t size)
{
    *out = '\0';
    if (notice->type == NOTICE_REFUSED)
        snprintf(out, size, " return_code=%u", notice->detail);
    else if (notice->type == NOTICE_ASLEEP)
        snprintf(out, size, " for=%us", notice->detail);
    else if (notice->type == NOTICE_CONNECTED)
        snprintf(out, size, " keep_alive=%us", notice->detail);
    return out;
}

/* Each kind has its own limit: a thousand clients that connect must not hide one that is lost. */
void tell_notice(const struct notice *notice)
{
    static struct log_site sites[sizeof notice_words / sizeof *notice_words];
    char id[CLIENT_ID_SHOWN], peer[LINK_PEER_TEXT_MAX + 8] = "", detail[48];

    if (!log_on(LEVEL_INFO))
        return;
    if (notice->peer) {
        memcpy(peer, " peer=", 7);
        tell_peer(notice->peer, peer + 6, sizeof peer - 6);
    }
    log_write(&sites[notice->type], LEVEL_INFO, "%s client=%s%s%s", notice_words[notice->type],
              log_text(notice->client_id, id, sizeof id), peer,
              detail_text(notice, detail, sizeof detail));
}

void tell_bridge(enum bridge_severity severity, const char *text)
{
    switch (severity) {
    case BRIDGE_ERROR: log_error("%s", text); break;
    case BRIDGE_WARNING: log_warning("%s", text); break;
    case BRIDGE_INFO: log_info("%s", text); break;
    case BRIDGE_DEBUG: log_debug("%s", text); break;
    }
}

static void packet_text(struct sn_bytes wire, char *out, size_t size)
{
    struct sn_packet packet;
    enum sn_error error = sn_decode(&packet, wire, NULL);

    if (error == SN_OK)
        sn_print(out, size, &packet, false);
    else
        snprintf(out, size, "%zu octets: %s", wire.len, sn_error_text(error));
}

void tell_packet(const char *direction, const struct sn_peer *peer, struct sn_bytes wire)
{
    char from[LINK_PEER_TEXT_MAX], text[SN_PRINT_MAX];
    struct sn_peer node;

    if (!log_on(LEVEL_TRACE))
        return;
    if (!peer) {
        packet_text(wire, text, sizeof text);
        log_trace("%s %s", direction, text);
        return;
    }
    node = *peer;
    struct sn_bytes inner = wire;
    if (node.node_len == 0 && sn_is_forwarded(wire) && sn_unwrap(wire, &node, &inner) != SN_OK)
        inner = wire;
    packet_text(inner, text, sizeof text);
    log_trace("%s peer=%s%s %s", direction, tell_peer(&node, from, sizeof from),
              peer->broadcast ? " broadcast" : "", text);
}
