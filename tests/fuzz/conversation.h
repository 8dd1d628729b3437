/* SPDX-License-Identifier: Apache-2.0 */
/* conversation - the stage of fuzz_conversation: a core with small limits, a broker that does as
 * the input says, and a sink that asserts what may leave the core
 */
#ifndef TESTS_FUZZ_CONVERSATION_H
#define TESTS_FUZZ_CONVERSATION_H

#include "gateway/core/internal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/ledger.h"

enum { PEERS = 8, PENDING = 32, SLOTS = 8 };

/* How the broker side meets the next requests. */
enum manners {
    ANSWER_LATER, /* the input says when, and what */
    ACCEPT_NOW,   /* within the request, as bridge.h allows */
    REFUSE_NOW,
    TAKE_NOTHING, /* request() is false */
    MANNERS
};

struct conversation {
    struct core *core;
    msec_t now;
    enum manners manners;
    uint8_t variant;                      /* of the configuration */
    struct bridge_event pending[PENDING]; /* answers that are to come, or have come already */
    unsigned pending_count, asked;
    struct bridge_connection {
        uint32_t generation;
        enum { NO_CONNECTION, OPENING_IT, IS_OPEN, IS_AWAY } state;
        bool patient;
    } connections[SLOTS + 1];
    struct sn_packet last[PEERS]; /* the latest packet to each peer, without its body */
};

extern struct conversation *conversation;

/* The same names for every input: peers 0..3 are devices, 4 and 5 nodes behind one forwarder, 6
 * the same node id behind another, 7 a device on a link of short datagrams. */
struct sn_peer peer_number(unsigned number);

void conversation_begin(uint8_t variant);
void conversation_end(void);
/* A link's port is gone, or back. */
void conversation_link_up(uint8_t link, bool up);

void conversation_configure(uint8_t variant);

/* The process ends here, and the next one takes up what was recorded: it must be what was there. */
void conversation_restart(void);

/* A broker event goes in, unless bridge.h rules it out now. */
void broker_event(struct bridge_event event);

#endif
