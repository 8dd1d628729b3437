/* SPDX-License-Identifier: Apache-2.0 */
/* [serial] and [serial NAME]: the radio dongles. */
#include "config/draft.h"
#include "config/text.h"

#include <string.h>

static bool take_hex16(const char **at, uint16_t *out)
{
    size_t digits = strspn(*at, "0123456789abcdefABCDEF");
    uint16_t value = 0;

    if (digits == 0 || digits > 4)
        return false;
    for (size_t i = 0; i < digits; i++) {
        char c = (*at)[i];

        value = (uint16_t)(value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10));
    }
    *out = value;
    *at += digits;
    return true;
}

/* "usb:0403:6015" or "usb:0403:6015:FT123", of which the last part may hold anything. */
static bool take_usb(const char *text, struct serial_usb *out)
{
    out->serial = "";
    if (!take_hex16(&text, &out->vid) || *text++ != ':' || !take_hex16(&text, &out->pid))
        return false;
    out->wanted = true;
    if (*text == '\0')
        return true;
    out->serial = text + 1;
    return *text == ':' && text[1] != '\0';
}

static void check_port_name(struct draft *draft, const struct entry *entry,
                            struct serial_config *serial)
{
    const char *port = serial->port;

    if (*port == '\0')
        draft_error(draft, entry, AT_serial_port,
                    "must be given, as port = /dev/serial/by-id/NAME; --list-ports shows what is "
                    "there");
    else if (strncmp(port, "usb:", 4) == 0 && !take_usb(port + 4, &serial->usb))
        draft_error(draft, entry, AT_serial_port,
                    "\"%.60s\" is not usb:VID:PID or usb:VID:PID:SERIAL with VID and PID in "
                    "hexadecimal, as usb:0403:6015",
                    port);
    else if (strncmp(port, "usb:", 4) != 0 && *port != '/')
        draft_error(draft, entry, AT_serial_port, "write the full path: /dev/%.60s", port);
}

static bool same_port(const struct serial_config *a, const struct serial_config *b)
{
    if (a->usb.wanted && b->usb.wanted)
        return a->usb.vid == b->usb.vid && a->usb.pid == b->usb.pid &&
               strcmp(a->usb.serial, b->usb.serial) == 0;
    return *a->port != '\0' && strcmp(a->port, b->port) == 0;
}

/* What is set and would have no effect is a misunderstanding. */
static void check_framing(struct draft *draft, const struct entry *entry,
                          const struct serial_config *serial)
{
    bool has_own = serial->framing == SERIAL_XBEE || serial->framing == SERIAL_AQUILA;

    if (serial->crc != SERIAL_CRC_NONE && has_own)
        draft_error(draft, entry, AT_serial_crc,
                    "this framing has a checksum of its own: leave crc out");
    if (serial->api != SERIAL_API_AUTO && serial->framing != SERIAL_XBEE)
        draft_error(draft, entry, AT_serial_api, "is of framing = xbee only: leave it out");
    if (serial->byte_gap_ms > 0 && serial->framing != SERIAL_RAW && serial->framing != SERIAL_XBEE)
        draft_error(draft, entry, AT_serial_byte_gap,
                    "is of framing = raw and xbee only: leave it out");
    if (serial->rts != SERIAL_RTS_KEEP && serial->flow == SERIAL_FLOW_RTSCTS)
        draft_error(draft, entry, AT_serial_rts, "is driven by flow = rtscts: leave it out");
}

void check_ports(struct draft *draft)
{
    const struct entry *entries = draft_entries(draft, section_find("serial"));
    struct serial_config *serial = draft->config->serial;

    for (size_t i = 0; i < draft->config->serial_count; i++) {
        check_port_name(draft, &entries[i], &serial[i]);
        check_framing(draft, &entries[i], &serial[i]);
        for (size_t j = 0; j < i; j++)
            if (same_port(&serial[j], &serial[i]))
                draft_error(draft, &entries[i], AT_serial_port,
                            "%.60s is taken by the section of line %d", serial[i].port,
                            entries[j].heading);
    }
}
