/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator sees of a serial link: its notices, the names of its peers and its counters. */
#include <stdio.h>

#include "sn/link/serial_private.h"

void serial_notice(struct serial *s, enum link_severity severity, const char *text)
{
    s->events.notice(s->events.self, &s->link, severity, text);
}

/* Each trouble is told when it begins, not at each attempt. */
void serial_tell_trouble(struct serial *s, enum serial_trouble trouble, const char *path,
                         const char *text)
{
    char line[sizeof s->said];

    if (strcmp(path, s->config->port) == 0)
        snprintf(line, sizeof line, "%.120s: %s", path, text);
    else
        snprintf(line, sizeof line, "%.80s (%.80s): %s", s->config->port, path, text);
    bool known = trouble == SERIAL_MISSING && s->trouble == SERIAL_MISSING;
    s->trouble = trouble;
    if (known || strcmp(line, s->said) == 0)
        return;
    memcpy(s->said, line, sizeof line);
    serial_notice(s, LINK_WARNING, line);
}

void serial_tell_opened(struct serial *s, const char *path)
{
    char text[200];

    s->trouble = SERIAL_NO_TROUBLE;
    *s->said = '\0';
    snprintf(text, sizeof text, "opened %.120s at %u baud", path, s->config->baud);
    serial_notice(s, LINK_INFO, text);
}

void serial_note_overruns(struct serial *s)
{
    uint64_t now = serial_port_overruns(s->fd);

    if (now > s->overruns_seen)
        s->overruns += now - s->overruns_seen;
    s->overruns_seen = now;
}

static size_t put_octets(char *out, size_t size, size_t used, char before, struct sn_bytes octets)
{
    for (size_t i = 0; i < octets.len && used + 1 < size; i++) {
        if (i == 0)
            snprintf(out + used, size - used, "%c%02x", before, octets.data[i]);
        else
            snprintf(out + used, size - used, "%02x", octets.data[i]);
        used += strlen(out + used);
    }
    return used;
}

/* "dongle", "dongle:0013a20040522baa", "dongle/0102": the section, the radio, the node behind a
 * forwarder. */
char *serial_peer_text(const struct link *link, const struct sn_peer *peer, char *out, size_t size)
{
    const char *name = ((const struct serial *)link)->config->name;
    size_t used;

    snprintf(out, size, "%.40s", *name ? name : "serial");
    used = put_octets(out, size, strlen(out), ':', sn_bytes(peer->key, peer->address_len));
    put_octets(out, size, used, '/', sn_peer_node_id(peer));
    return out;
}

void serial_count(struct link *link, void *self,
                  void (*each)(void *self, const char *counter, uint64_t value))
{
    struct serial *s = (struct serial *)link;
    const struct framing_counters *framing = framing_counters(s->framing);

#define X(name, help) each(self, #name, s->counters.name);
    SERIAL_COUNTERS(X)
#undef X
#define X(name, help) each(self, #name, framing->name);
    FRAMING_COUNTERS(X)
#undef X
    if (s->fd >= 0)
        serial_note_overruns(s);
    each(self, "line_overruns", s->overruns);
    each(self, "queued", s->queue.held);
    each(self, "up", s->up ? 1 : 0);
    each(self, "since_valid_ms", s->up ? uv_now(s->loop) - s->valid_at : 0);
}
