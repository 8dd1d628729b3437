/* SPDX-License-Identifier: Apache-2.0 */
/* xbee_examples - frames of the modules' documentation and of real networks, in both API modes */
#ifndef TESTS_UNIT_XBEE_EXAMPLES_H
#define TESTS_UNIT_XBEE_EXAMPLES_H

#include "tests/support/framing_laws.h"

#define FROM_NODE "packet 0013A20040522BAA "

/* Received; what is said is the same in both modes. */
static const struct {
    const char *api1, *api2, *said; /* api2 NULL: the same */
} xbee_received[] = {
    {"7E 00 19 90 00 13 A2 00 40 52 2B AA 7D 84 01 0D 04 04 01 00 3C 73 65 6E 73 6F 72 31 34",
     "7E 00 19 90 00 7D 33 A2 00 40 52 2B AA 7D 5D 84 01 0D 04 04 01 00 3C 73 65 6E 73 6F 72 31 34",
     FROM_NODE "0D 04 04 01 00 3C 73 65 6E 73 6F 72 31\n"},
    {"7E 00 15 90 00 13 A2 00 40 52 2B AA 7D 84 01 09 0C 21 00 11 00 13 7E 7D FC",
     "7E 00 15 90 00 7D 33 A2 00 40 52 2B AA 7D 5D 84 01 09 0C 21 00 7D 31 00 7D 33 7D 5E 7D 5D FC",
     FROM_NODE "09 0C 21 00 11 00 13 7E 7D\n"},
    {"7E 00 0F 90 00 13 A2 00 40 52 2B AA 7D 84 02 03 01 01 4B",
     "7E 00 0F 90 00 7D 33 A2 00 40 52 2B AA 7D 5D 84 02 03 01 01 4B",
     "packet 0013A20040522BAA broadcast 03 01 01\n"},
    {"7E 00 14 91 00 13 A2 00 40 52 2B AA 7D 84 E8 E8 00 11 C1 05 01 02 16 91",
     "7E 00 14 91 00 7D 33 A2 00 40 52 2B AA 7D 5D 84 E8 E8 00 7D 31 C1 05 01 02 16 91",
     FROM_NODE "02 16\n"},
    {"7E 00 07 81 12 34 28 00 02 16 F8", NULL, "packet 1234 rssi=-40 02 16\n"},
    {"7E 00 0D 80 00 13 A2 00 40 52 2B AA 28 00 02 16 23",
     "7E 00 0D 80 00 7D 33 A2 00 40 52 2B AA 28 00 02 16 23",
     "packet 0013A20040522BAA rssi=-40 02 16\n"},
    {"7E 00 0D 80 00 13 A2 00 40 52 2B AA 28 02 02 16 21",
     "7E 00 0D 80 00 7D 33 A2 00 40 52 2B AA 28 02 02 16 21",
     "packet 0013A20040522BAA broadcast rssi=-40 02 16\n"},
    {"7E 00 0F 90 00 13 A2 00 40 A6 92 B1 8B 00 01 03 09 30 C9",
     "7E 00 0F 90 00 7D 33 A2 00 40 A6 92 B1 8B 00 01 03 09 30 C9",
     "packet 0013A20040A692B1 03 09 30\n"},
    {"7E 00 07 8B 01 7D 84 00 00 00 72", "7E 00 07 8B 01 7D 5D 84 00 00 00 72", ""},
    {"7E 00 07 8B 02 FF FE 00 24 00 51", NULL, ""},
    {"7E 00 07 8B 01 8B 00 00 00 00 E8", NULL, ""},
    {"7E 00 07 8B 01 7D 84 00 00 01 71", "7E 00 07 8B 01 7D 5D 84 00 00 01 71", ""},
    {"7E 00 02 8A 02 73", NULL, ""},
    {"7E 00 02 8A 06 6F", NULL, ""},
    {"7E 00 03 89 2A 74 D8", NULL, ""},
};

static const struct framing_address xbee_node = {
    .len = 8,
    .octets = {0x00, 0x13, 0xA2, 0x00, 0x40, 0x52, 0x2B, 0xAA},
    .hint = {0x7D, 0x84, 0x90}};
static const struct framing_address xbee_node_unhinted = {
    .len = 8, .octets = {0x00, 0x13, 0xA2, 0x00, 0x40, 0x52, 0x2B, 0xAA}};
static const struct framing_address xbee_node_explicit = {
    .len = 8,
    .octets = {0x00, 0x13, 0xA2, 0x00, 0x40, 0x52, 0x2B, 0xAA},
    .hint = {0x7D, 0x84, 0x91, 0xE8, 0xE8, 0x00, 0x11, 0xC1, 0x05}};
static const struct framing_address xbee_node_802154 = {
    .len = 8,
    .octets = {0x00, 0x13, 0xA2, 0x00, 0x40, 0x52, 0x2B, 0xAA},
    .hint = {0xFF, 0xFE, 0x80}};
static const struct framing_address xbee_node_short = {.len = 2, .octets = {0x12, 0x34}};
static const struct framing_address xbee_node_paho = {
    .len = 8, .octets = {0x00, 0x13, 0xA2, 0x00, 0x40, 0xA6, 0x92, 0xB1}, .hint = {0x8B, 0, 0x90}};
static const struct framing_address xbee_everybody = {.broadcast = true};

/* Sent, with the frame id it has to have. */
static const struct {
    unsigned frame_id;
    const struct framing_address *to;
    const char *packet, *api1, *api2;
} xbee_sent_frames[] = {
    {1, &xbee_node_unhinted, "03 05 00",
     "7E 00 11 10 01 00 13 A2 00 40 52 2B AA FF FE 00 00 03 05 00 CD",
     "7E 00 7D 31 10 01 00 7D 33 A2 00 40 52 2B AA FF FE 00 00 03 05 00 CD"},
    {2, &xbee_node, "07 0D 00 11 00 13 00",
     "7E 00 15 10 02 00 13 A2 00 40 52 2B AA 7D 84 00 00 07 0D 00 11 00 13 00 98",
     "7E 00 15 10 02 00 7D 33 A2 00 40 52 2B AA 7D 5D 84 00 00 07 0D 00 7D 31 00 7D 33 00 98"},
    {2, &xbee_node_unhinted, "07 0D 00 11 00 31 00",
     "7E 00 15 10 02 00 13 A2 00 40 52 2B AA FF FE 00 00 07 0D 00 11 00 31 00 7E",
     "7E 00 15 10 02 00 7D 33 A2 00 40 52 2B AA FF FE 00 00 07 0D 00 7D 31 00 31 00 7D 5E"},
    {1, &xbee_everybody, "05 00 01 03 84",
     "7E 00 13 10 00 00 00 00 00 00 00 FF FF FF FE 00 00 05 00 01 03 84 67",
     "7E 00 7D 33 10 00 00 00 00 00 00 00 FF FF FF FE 00 00 05 00 01 03 84 67"},
    {3, &xbee_node_explicit, "02 17",
     "7E 00 16 11 03 00 13 A2 00 40 52 2B AA 7D 84 E8 E8 00 11 C1 05 00 00 02 17 0E",
     "7E 00 16 7D 31 03 00 7D 33 A2 00 40 52 2B AA 7D 5D 84 E8 E8 00 7D 31 C1 05 00 00 02 17 0E"},
    {4, &xbee_node_short, "02 17", "7E 00 07 01 04 12 34 00 02 17 9B", NULL},
    {1, &xbee_node_802154, "02 17", "7E 00 0D 00 01 00 13 A2 00 40 52 2B AA 00 02 17 C9",
     "7E 00 0D 00 01 00 7D 33 A2 00 40 52 2B AA 00 02 17 C9"},
    {1, &xbee_node_paho, "02 18", "7E 00 10 10 01 00 13 A2 00 40 A6 92 B1 8B 00 00 00 02 18 6B",
     "7E 00 10 10 01 00 7D 33 A2 00 40 A6 92 B1 8B 00 00 00 02 18 6B"},
};

/* Right frames whose data is no MQTT-SN message. */
static const char *const xbee_foreign[] = {
    "7E 00 12 90 00 13 A2 00 40 52 2B AA 7D 84 01 52 78 44 61 74 61 0D",
    "7E 00 10 90 00 13 A2 00 40 F3 3B 44 FF FE C1 54 45 53 54 0A",
    "7E 00 18 91 00 13 A2 00 40 52 2B AA 7D 84 E0 E0 22 11 C1 05 02 52 78 44 61 74 61 52",
};

#endif
