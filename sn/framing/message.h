/* SPDX-License-Identifier: Apache-2.0 */
/* message - where an MQTT-SN message ends, as far as its own header tells
 *
 * A message may stand behind a forwarder envelope (5.5), whose length does not cover it; the two
 * are one unit here. Private to this folder.
 */
#ifndef SN_FRAMING_MESSAGE_H
#define SN_FRAMING_MESSAGE_H

#include "sn/cursor.h"

#define MESSAGE_MIN 2

enum message_start {
    MESSAGE_OPEN,  /* more octets are needed to tell */
    MESSAGE_BAD,   /* no message begins so */
    MESSAGE_KNOWN, /* one may begin here, and this is how long it would be */
};

/* For a stream without any other mark: only known types, in sizes that the type can have. */
enum message_start message_begin(struct sn_bytes octets, size_t *len);

/* For a frame whose bounds are known: does the length field agree with them? The type is left to
 * whoever decodes the message. */
bool message_is_whole(struct sn_bytes frame);

#endif
