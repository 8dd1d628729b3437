/* SPDX-License-Identifier: Apache-2.0 */
/* story - the core on a stage: devices, a broker and a clock that the test plays
 *
 * client_says() hands a packet to the core; gateway_says() takes the next datagram the core sent
 * and compares it; nothing may be left over at the end of a story. Time moves only by pass().
 *
 * The broker is obliging by default: it accepts every connection, grants what is asked and
 * acknowledges what is published, right after the core's call has returned. story.broker changes
 * that; broker_says() tells the core anything at all.
 */
#ifndef TESTS_SUPPORT_STORY_H
#define TESTS_SUPPORT_STORY_H

#include "config/config.h"
#include "gateway/core/core.h"
#include "sn/packet.h"
#include "tests/support/ledger.h"

enum { STORY_OUT = 4096, STORY_REQUESTS = 4096 };

struct sent {
    struct sn_peer to;
    bool broadcast;
    uint8_t radius;
    uint8_t *wire;
    size_t len;
};

struct asked {
    struct bridge_request request; /* its views point into `text` */
    uint8_t *text;
};

struct story {
    struct config *config;
    struct core *core;
    msec_t now;
    struct sent out[STORY_OUT];
    size_t out_first, out_count;
    struct asked requests[STORY_REQUESTS]; /* all but those that were taken by broker_sees */
    size_t request_first, request_count;
    size_t to_answer; /* the first request the obliging broker has not answered */
    unsigned notices[64];
    struct ledger ledger; /* what a store would hold */
    struct broker_manners {
        bool away;                  /* refuses every request but CLOSE and patient OPENs */
        bool silent;                /* takes requests and never answers */
        uint32_t deaf_up_to;        /* takes no PUBLISH of sessions that are numbered 1 to this */
        enum bridge_result opening; /* what OPEN, PUBLISH, SUBSCRIBE get */
        enum bridge_result publishing;
        enum bridge_result subscribing;
        bool session_present;
    } broker;
};

/* A fresh stage with the default configuration; `lines` is a configuration file's text or NULL.
 * One story at a time; the calls below speak to the latest. */
struct story *story_begin(const char *lines);
void story_end(void); /* audits, fails when something the core sent was not looked at */
extern struct story *story;

/* The gateway's process ends, the next one takes up what was recorded `ms` later. The broker is up
 * again at once unless its manners say otherwise. */
void gateway_restarts(msec_t ms);
size_t recorded(enum record_type type); /* rows of this kind */

/* Peers: device(1), device(2), ... are addresses; behind() puts a node id on one. */
struct sn_peer device(uint8_t number);
struct sn_peer behind(uint8_t number, const void *node_id, size_t len);

void client_says_from(struct sn_peer from, struct sn_packet p);
void client_says(struct sn_packet p); /* from device(1) */
void client_sends_from(struct sn_peer from, const void *octets, size_t len);
void gateway_says_to(struct sn_peer to, struct sn_packet p);
void gateway_says(struct sn_packet p); /* to device(1) */
void gateway_broadcasts(struct sn_packet p);
void gateway_is_silent(void);
/* The same as octets, "02 16" (device 1). */
void client_sends(const char *hex);
void gateway_sends(const char *hex);

/* Takes the next packet to device(1) whatever it is, decoded; fails when there is none. */
struct sn_packet gateway_said(void);

/* Takes the next request of this type, skipping others; fails when there is none. Its views live
 * until story_end. */
struct bridge_request broker_sees(enum bridge_request_type type);
bool broker_saw(enum bridge_request_type type); /* is there one; takes nothing */
void broker_says(struct bridge_event event);

/* The next PUBLISH request must be this one. */
void broker_gets(const char *topic, const char *payload, uint8_t qos);
void broker_looks_away(void); /* what was asked so far is of no interest */

/* The broker's message for the client of this id. */
void broker_delivers(const char *client_id, const char *topic, const char *payload, uint8_t qos);
void broker_goes_away(const char *client_id); /* its connection is lost */
void broker_is_gone(void); /* for all: every connection is lost and none can be made */
void broker_is_back(bool session_present);
struct session_ref ref_of(const char *client_id);

void pass(msec_t ms); /* time passes; what falls due happens at its time */
msec_t seconds(unsigned n);

uint64_t counted(enum counter which);
const char *state_of(const char *client_id); /* "absent" when the core does not know it */
unsigned queued_for(const char *client_id);

/* Packets as a story tells them. */
struct sn_packet sn_connect(const char *client_id, uint8_t flags, uint16_t keep_alive);
struct sn_packet sn_connack(uint8_t return_code);
struct sn_packet sn_simple(uint8_t type);                    /* no fields */
struct sn_packet sn_text_of(uint8_t type, const char *text); /* WILLMSG, PINGREQ, WILLMSGUPD */
struct sn_packet sn_willtopic(uint8_t type, uint8_t flags, const char *topic);
struct sn_packet sn_register(uint16_t topic_id, uint16_t msg_id, const char *name);
struct sn_packet sn_ack(uint8_t type, uint16_t topic_id, uint16_t msg_id, uint8_t return_code);
struct sn_packet sn_msg(uint8_t type, uint16_t msg_id); /* PUBREC, PUBREL, PUBCOMP, UNSUBACK */
struct sn_packet sn_publish(uint8_t flags, uint16_t topic_id, uint16_t msg_id, const char *data);
struct sn_packet sn_subscribe(uint8_t flags, uint16_t msg_id, const char *filter);
struct sn_packet sn_subscribe_id(uint8_t flags, uint16_t msg_id, uint16_t topic_id);
struct sn_packet sn_suback(uint8_t qos, uint16_t topic_id, uint16_t msg_id, uint8_t return_code);
struct sn_packet sn_disconnect(uint16_t duration);

/* device(1) connects as `client_id` and is accepted. */
void connected(const char *client_id, uint8_t flags);
/* sensor-1 has topic id 1 for "up" and 2 for "down", which it has subscribed to, and sleeps. */
void fell_asleep(void);
/* A new story: sensor-1 has topic id 1 for "t", and the broker keeps its session. */
void begin_publishing(const char *lines);
void publishes(uint8_t qos, uint16_t msg_id, const char *data); /* it does, and is answered */

/* For the parts of the stage itself. */
void story_start(const char seed[17]); /* a new core */
void story_oblige(void);               /* the broker answers what it was asked */
void story_broker_comes_up(void);

#define QOS(n) ((uint8_t)((n) << 5))

#endif
