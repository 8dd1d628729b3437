/* SPDX-License-Identifier: Apache-2.0 */
/* broker - connections to the broker, driven by the loop
 *
 * A link is one MQTT connection: one struct mosquitto, its unacknowledged publishes, and how to get
 * it back. A broker is what all links share: the loop, the options, one timer, the list of links
 * with something to write, the queue of links that wait to connect. Which session uses which link
 * is the business of the mode above (transparent.c, aggregating.c).
 *
 * Name lookup, certificate files and connect() block, so they run on libuv's worker pool. Nothing
 * is written before broker_flush. libmosquitto's callbacks only record or report; a failed link is
 * dealt with at the top of the next loop turn, never inside a callback.
 *
 * A link reports to its owner by struct bridge_event with the link's own session_ref: OPENED when
 * an attempt to connect ended (with any result but BRIDGE_OK the link is down and stays so until
 * asked), CLOSED when an open connection was lost (likewise), and PUBLISHED, SUBSCRIBED,
 * UNSUBSCRIBED, MESSAGE. Events come from inside libmosquitto, so the owner may make any call here
 * from them: what would be dangerous there is only noted.
 */
#ifndef BRIDGE_BROKER_H
#define BRIDGE_BROKER_H

#include <uv.h>

#include "bridge/report.h"
#include "bridge/result.h"

struct broker;
struct broker_link;

struct broker_owner {
    void *self;
    void (*event)(void *self, struct broker_link *link, const struct bridge_event *event);
    void (*emptied)(void *self); /* the last link is gone */
    /* PUBLISHED with BRIDGE_REFUSED follows: the broker ends the connection on this message.
     * The topic holds no control characters: the library has looked. */
    void (*unbearable)(void *self, struct broker_link *link, uint64_t token, const char *topic);
    /* It was lost soon after it was opened, several times in a row. */
    void (*cut_short)(void *self, struct broker_link *link);
};

/* NULL only when memory is short. Queued links do not start before broker_pause(broker, false). */
struct broker *broker_new(uv_loop_t *loop, const struct config *config, struct broker_owner owner);

/* Drops every link without a word. The memory goes when the loop has closed the handles and ended
 * the workers, so run the loop to its end before freeing the configuration. */
void broker_free(struct broker *broker);

void broker_flush(struct broker *broker);
/* While paused only urgent links connect. The end of a pause also ends every back-off. */
void broker_pause(struct broker *broker, bool paused);
/* While it is away, links that are down give back what they hold, if [broker] offline is store.
 * They do so too when an attempt to connect failed, and after ack_timeout. */
void broker_away(struct broker *broker, bool away);
/* Gives up the closed links that only wait to have their will published. */
void broker_give_up_wills(struct broker *broker);
size_t broker_link_count(const struct broker *broker);
struct bridge_counters *broker_counters(struct broker *broker);

struct broker_session {
    struct sn_bytes client_id;
    bool clean_start, keep_session;
    struct bridge_message will; /* empty topic: none */
    bool urgent;                /* connects ahead of the queue and during a pause */
    bool shared;                /* of many clients: see link_blame */
    uint16_t receive_maximum;   /* MQTT 5; 0 is the library's, 20 */
};

/* NULL when memory is short. Freed by broker_link_close. */
struct broker_link *broker_link_new(struct broker *broker, struct session_ref ref,
                                    const struct broker_session *session);

/* Connects as soon as there is a place, or after a pause that grows with each failure. A link whose
 * client id another, closing link still holds waits for that one's end. */
void broker_link_connect(struct broker_link *link);
void broker_link_retry(struct broker_link *link);

bool broker_link_is_open(const struct broker_link *link);
/* Does the broker forget its session as soon as the connection is lost? */
bool broker_link_is_forgotten(const struct broker_link *link);
const char *broker_link_client_id(const struct broker_link *link);
/* Why it is down: valid while OPENED or CLOSED is told. */
const struct failure *broker_link_failure(const struct broker_link *link);
void broker_link_failure_text(const struct broker_link *link, char *into, size_t size);

/* As door.h says of bridge_hold. Closing ends it. */
void broker_link_hold(struct broker_link *link, bool on);

/* Publishes of QoS 1 and 2 wait, those included that are to be sent again after a loss. What the
 * library itself resumes does not: then the broker has the session. Closing ends it. */
void broker_link_withhold(struct broker_link *link, bool on);

/* Does it hold what was given back, for its owner to publish it again here? Dropping ends that; not
 * while it is connecting. */
bool broker_link_has_returned(const struct broker_link *link);
void broker_link_drop_returned(struct broker_link *link);

/* As bridge.h says of the requests. `quiet`: no PUBLISHED follows. */
bool broker_link_publish(struct broker_link *link, uint64_t token,
                         const struct bridge_message *message, bool quiet);
/* As the requests of bridge.h: with the user property received-at unless `kept_ms` is 0. */
bool broker_link_publish_kept(struct broker_link *link, uint64_t token,
                              const struct bridge_message *message, uint64_t kept_ms);
bool broker_link_subscribe(struct broker_link *link, uint64_t token, struct sn_bytes filter,
                           uint8_t qos);
/* With MQTT 5 `identifier`, if not 0, comes back with each message of the subscription, unless the
 * broker has said that it knows no identifiers; and `retained` says whether the broker shall send
 * the retained messages. With 3.1.1 there are no identifiers and it always does. */
bool broker_link_subscribe_as(struct broker_link *link, uint64_t token, struct sn_bytes filter,
                              uint8_t qos, uint32_t identifier, bool retained);
bool broker_link_knows_identifiers(const struct broker_link *link);
/* Of the subscriptions that the message came for, at most `size` of them: while MESSAGE is told. */
size_t broker_link_identifiers(const struct broker_link *link, uint32_t *into, size_t size);
bool broker_link_unsubscribe(struct broker_link *link, uint64_t token, struct sn_bytes filter);
bool broker_link_set_will(struct broker_link *link, const struct bridge_message *will);

/* What the broker does with its session when the link goes. */
enum broker_keep {
    BROKER_DROP_SESSION,
    BROKER_KEEP_SESSION,
    BROKER_LEAVE_SESSION, /* as agreed when it connected */
};

/* No event follows but MESSAGE, for what the broker sends until the goodbye; the link frees itself
 * when that has been said. With a will, a link that is down connects once more to have it
 * published.
 */
void broker_link_close(struct broker_link *link, enum bridge_close how, enum broker_keep keep);

#endif
