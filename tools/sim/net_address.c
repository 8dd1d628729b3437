/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sim/net_address.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_PORT "1883"

/* "[::1]:1883", "host:1883", "::1" and "host" are all understood. */
static bool split(const char *text, char host[256], char port[16])
{
    const char *close = text[0] == '[' ? strchr(text, ']') : NULL;
    const char *colon = close ? strchr(close, ':') : strrchr(text, ':');
    const char *begin = close ? text + 1 : text;
    const char *end = close ? close : colon;

    if (!close && colon && strchr(text, ':') != colon)
        end = colon = NULL; /* a bare IPv6 address */
    size_t len = end ? (size_t)(end - begin) : strlen(begin);
    if (len == 0 || len >= 256)
        return false;
    memcpy(host, begin, len);
    host[len] = '\0';
    int n = snprintf(port, 16, "%s", colon ? colon + 1 : DEFAULT_PORT);
    return n > 0 && n < 16;
}

bool net_resolve(const char *text, int type, struct sockaddr_storage *address, socklen_t *len,
                 char *error, size_t error_size)
{
    char host[256], port[16];
    struct addrinfo hints = {.ai_socktype = type}, *found;

    if (!split(text, host, port)) {
        snprintf(error, error_size, "'%s' is not HOST:PORT", text);
        return false;
    }
    int rc = getaddrinfo(host, port, &hints, &found);
    if (rc != 0) {
        snprintf(error, error_size, "cannot look up '%s': %s", text, gai_strerror(rc));
        return false;
    }
    /* IPv4 first: a gateway on localhost that listens on IPv4 only is the common surprise. */
    const struct addrinfo *best = found;
    for (const struct addrinfo *a = found; a; a = a->ai_next)
        if (a->ai_family == AF_INET && best->ai_family != AF_INET)
            best = a;
    memcpy(address, best->ai_addr, best->ai_addrlen);
    *len = best->ai_addrlen;
    freeaddrinfo(found);
    return true;
}
