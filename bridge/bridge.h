/* SPDX-License-Identifier: Apache-2.0 */
/* bridge - all that the core knows of MQTT
 *
 * The core asks by requests and hears by events; both are plain structs whose views are valid until
 * the call returns. A session is named by its session_ref, never by a pointer, because an answer
 * may come after the session is gone.
 *
 * For each session: OPEN is answered by exactly one OPENED unless CLOSE or another OPEN comes
 * first. After OPENED with BRIDGE_OK the bridge keeps the connection up by itself: it tells a loss
 * by CLOSED and the return by another OPENED, until CLOSE. PUBLISH of QoS 1 and 2, SUBSCRIBE and
 * UNSUBSCRIBE are each answered by one event with their token, unless the session is closed or,
 * for SUBSCRIBE and UNSUBSCRIBE, its connection is lost. A publish survives a short loss: it is
 * sent again, or given back with BRIDGE_BUSY when the broker stays away, or answered BRIDGE_REFUSED
 * when it ends the connection on this publish again. MESSAGE may also come after CLOSE, or of the
 * connection before OPEN, for what was still received there and counts as taken.
 */
#ifndef BRIDGE_BRIDGE_H
#define BRIDGE_BRIDGE_H

#include "sn/cursor.h"

/* Slot 0 is the gateway itself: its own connection, which QoS -1 and the status topic use and
 * which the bridge opens and keeps without being asked. */
struct session_ref {
    uint32_t slot, generation;
};

#define GATEWAY_SELF ((struct session_ref){0, 0})

/* What came of a request, as far as the device needs to know (digest section 9). */
enum bridge_result {
    BRIDGE_OK,      /* 0x00 */
    BRIDGE_BUSY,    /* 0x01: broker away, quota, too much under way */
    BRIDGE_REFUSED, /* 0x03: the broker said no */
};

struct bridge_message {
    struct sn_bytes topic, payload;
    uint8_t qos;
    bool retain;
};

enum bridge_request_type {
    BRIDGE_OPEN,
    BRIDGE_CLOSE,
    BRIDGE_SET_WILL,
    BRIDGE_PUBLISH,
    BRIDGE_SUBSCRIBE,
    BRIDGE_UNSUBSCRIBE,
};

enum bridge_close {
    BRIDGE_POLITELY,  /* after what is under way is acknowledged; the broker drops the will */
    BRIDGE_WITH_WILL, /* the broker publishes the will now, or when it is back: if the will is
                         retained, or the broker has forgotten that it had a session */
};

struct bridge_request {
    enum bridge_request_type type;
    struct session_ref session;
    uint64_t token; /* given back in the answer; the bridge does not look at it */

    /* OPEN. An open connection of the session is closed politely first. `will.topic` empty: no
     * will. SET_WILL replaces the will that later reconnections use. */
    struct sn_bytes client_id;
    bool clean_start;  /* the broker's session is dropped when the connection opens */
    bool keep_session; /* the broker keeps the session after a polite close (Clean=0) */
    bool patient;      /* with the broker away the answer is CLOSED, and OPENED when it is back */
    struct bridge_message will;

    /* CLOSE. `keep_session` counts here too. */
    enum bridge_close how;

    /* PUBLISH; topic and qos also for SUBSCRIBE, topic for UNSUBSCRIBE. A `patient` SUBSCRIBE is of
     * what the client already has: over shared connections it is remembered until it is answered,
     * and brings retained messages only if the broker has forgotten, too. */
    struct bridge_message message;
    uint64_t kept_ms; /* PUBLISH: how long the gateway has kept it; 0 goes without a word of it */
};

enum bridge_event_type {
    BRIDGE_OPENED,
    BRIDGE_CLOSED, /* lost; the bridge is already trying again, unless result is BRIDGE_REFUSED:
                      then the broker ended it for good (taken over, kicked) */
    BRIDGE_PUBLISHED,
    BRIDGE_SUBSCRIBED,
    BRIDGE_UNSUBSCRIBED,
    BRIDGE_MESSAGE,
};

struct bridge_event {
    enum bridge_event_type type;
    struct session_ref session;
    uint64_t token;
    enum bridge_result result; /* OPENED, CLOSED, PUBLISHED, SUBSCRIBED */
    bool session_present;      /* OPENED: the broker still has the subscriptions */
    uint8_t granted_qos;       /* SUBSCRIBED with BRIDGE_OK */
    bool unheld; /* MESSAGE: came over a connection that bridge_hold does not reach any more */
    struct bridge_message message; /* MESSAGE; of PUBLISHED with BRIDGE_BUSY, the one given back */
};

#endif
