/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/layout.h"

const struct sn_layout sn_layouts[256] = {
#define PACKET(code, name, from, ...) [code] = {#name, from, {__VA_ARGS__}},
#include "sn/packets.def"
#undef PACKET
};

/* Names of the types that have none, so that a log line can say what a peer sent. */
#define HEX_ROW(high)                                                                              \
    "0x" high "0", "0x" high "1", "0x" high "2", "0x" high "3", "0x" high "4", "0x" high "5",      \
        "0x" high "6", "0x" high "7", "0x" high "8", "0x" high "9", "0x" high "A", "0x" high "B",  \
        "0x" high "C", "0x" high "D", "0x" high "E", "0x" high "F"

static const char hex_names[256][5] = {
    HEX_ROW("0"), HEX_ROW("1"), HEX_ROW("2"), HEX_ROW("3"), HEX_ROW("4"), HEX_ROW("5"),
    HEX_ROW("6"), HEX_ROW("7"), HEX_ROW("8"), HEX_ROW("9"), HEX_ROW("A"), HEX_ROW("B"),
    HEX_ROW("C"), HEX_ROW("D"), HEX_ROW("E"), HEX_ROW("F"),
};

const char *sn_type_name(uint8_t type)
{
    return sn_layouts[type].name ? sn_layouts[type].name : hex_names[type];
}

bool sn_from_client(uint8_t type)
{
    return sn_layouts[type].from == FROM_CLIENT || sn_layouts[type].from == FROM_ANY;
}

const char *sn_error_text(enum sn_error error)
{
    static const char *const texts[] = {
#define X(name, text) [name] = text,
        SN_ERRORS(X)
#undef X
    };
    return (size_t)error < sizeof texts / sizeof texts[0] ? texts[error] : "unknown error";
}
