/* SPDX-License-Identifier: Apache-2.0 */
/* [udp] and [udp NAME]: the addresses of the listeners. */
#include "config/draft.h"
#include "config/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* False, with an error that says how to write it, when the text is no address. */
static bool take_address(struct draft *draft, const struct entry *entry, size_t option,
                         const char *text, struct endpoint *out)
{
    size_t size = strlen(text) + 1;
    char *into = memory_new(draft->config->memory, size);
    struct endpoint address = {.kind = ENDPOINT_UDP};

    if (!into)
        return false;
    if (endpoint_parse(text, 0, &address, into, size)) {
        *out = address;
        return true;
    }

    const char *port = strrchr(text, ':');
    uint64_t number;
    if (port && (text[0] == '*' || port == text))
        draft_error(draft, entry, option, "\"%.40s\" is not ADDRESS:PORT; for all write [::]%.8s",
                    text, port);
    else if (strncmp(text, "udp://", 6) == 0)
        draft_error(draft, entry, option, "write ADDRESS:PORT without udp://");
    else if (text_number(text, UINT16_MAX, &number))
        draft_error(draft, entry, option, "write [::]:%s for port %s of all addresses", text, text);
    else if (!port)
        draft_error(draft, entry, option, "\"%.60s\" has no port, write %.60s:1883", text, text);
    else
        draft_error(draft, entry, option,
                    "\"%.60s\" is not ADDRESS:PORT; an IPv6 address stands in [ ]", text);
    return false;
}

static bool is_group(const char *host)
{
    struct in6_addr v6;
    struct in_addr v4;
    char plain[INET6_ADDRSTRLEN] = "";
    size_t len = strcspn(host, "%");

    if (len < sizeof(plain))
        memcpy(plain, host, len);
    if (inet_pton(AF_INET, plain, &v4) == 1)
        return IN_MULTICAST(ntohl(v4.s_addr));
    return inet_pton(AF_INET6, plain, &v6) == 1 && IN6_IS_ADDR_MULTICAST(&v6);
}

/* [::1] and [0:0::1] are the same address. */
static bool same_host(const char *one, const char *other)
{
    struct in6_addr a, b;

    if (inet_pton(AF_INET6, one, &a) == 1 && inet_pton(AF_INET6, other, &b) == 1)
        return memcmp(&a, &b, sizeof(a)) == 0;
    return strcmp(one, other) == 0;
}

/* Port 0 is any free port, so two of them do not collide. */
static bool same_address(const struct endpoint *one, const struct endpoint *other)
{
    return one->kind != ENDPOINT_NONE && other->kind != ENDPOINT_NONE && one->port != 0 &&
           one->port == other->port && same_host(one->host, other->host);
}

static void check_listener(struct draft *draft, size_t number)
{
    struct udp_config *udp = &draft->config->udp[number];
    const struct entry *entries = draft_entries(draft, section_find("udp"));
    const struct entry *entry = &entries[number];

    take_address(draft, entry, AT_udp_listen, udp->listen, &udp->address);
    if (*udp->multicast &&
        take_address(draft, entry, AT_udp_multicast, udp->multicast, &udp->group) &&
        (!is_group(udp->group.host) || udp->group.port == 0))
        draft_error(draft, entry, AT_udp_multicast,
                    "\"%.60s\" is not a multicast address and port, as 225.1.1.1:1883 or "
                    "[ff02::1]:1883",
                    udp->multicast);
    if (*udp->interface && !*udp->multicast)
        draft_error(draft, entry, AT_udp_interface,
                    "is the interface of the multicast group: set multicast too");
    for (size_t i = 0; i < number; i++)
        if (same_address(&draft->config->udp[i].address, &udp->address))
            draft_error(draft, entry, AT_udp_listen, "%.60s is taken by the listener of line %d",
                        udp->listen, entries[i].heading);
}

void check_listeners(struct draft *draft)
{
    for (size_t i = 0; i < draft->config->udp_count; i++)
        check_listener(draft, i);
}
