/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"
#include "config/text.h"

#include <arpa/inet.h>
#include <string.h>

/* "fe80::1%eth0": the part behind the percent sign names an interface of this host. */
static bool is_v6(const char *host)
{
    char digits[INET6_ADDRSTRLEN];
    struct in6_addr address;
    size_t len = strcspn(host, "%");

    if (len >= sizeof(digits) || (host[len] == '%' && host[len + 1] == '\0'))
        return false;
    memcpy(digits, host, len);
    digits[len] = '\0';
    return inet_pton(AF_INET6, digits, &address) == 1;
}

static bool is_name_or_v4(const char *host)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
    static const char digits[] = "0123456789.";
    size_t len = strlen(host);
    struct in_addr address;

    if (len == 0 || len > 253 || host[0] == '.' || host[0] == '-')
        return false;
    if (strspn(host, digits) == len)
        return inet_pton(AF_INET, host, &address) == 1;
    while (*host && (strchr(letters, *host) || strchr(digits, *host)))
        host++;
    return *host == '\0' && !strstr(host - len, "..");
}

bool endpoint_parse(const char *text, uint16_t default_port, struct endpoint *out, char *into,
                    size_t size)
{
    size_t len = strlen(text);
    char *host = into, *end;
    uint64_t port = default_port;

    if (len >= size)
        return false;
    memcpy(into, text, len + 1);
    if (into[0] == '[') {
        host = into + 1;
        end = strchr(host, ']');
        if (!end)
            return false;
        *end++ = '\0';
    } else {
        end = into + strcspn(into, ":");
    }
    if (*end == ':') {
        *end++ = '\0';
        if (!text_number(end, UINT16_MAX, &port))
            return false;
    } else if (*end != '\0' || default_port == 0) {
        return false;
    }
    if (into[0] == '[' ? !is_v6(host) : !is_name_or_v4(host))
        return false;
    out->host = host;
    out->port = (uint16_t)port;
    return true;
}
