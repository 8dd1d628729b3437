/* SPDX-License-Identifier: Apache-2.0 */
/* link_private - what the files of broker.h share: broker.c (all links), link.c (one link's
 * life), link_connect.c (getting connected), link_io.c (reading, writing, callbacks),
 * link_publish.c (its requests), link_limits.c (in a form that the broker bears), link_return.c
 * (what it gives back), link_close.c (its end), link_purge.c (sessions of the broker that should
 * not be there) */
#ifndef BRIDGE_LINK_PRIVATE_H
#define BRIDGE_LINK_PRIVATE_H

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <sys/queue.h>

#include "bridge/broker.h"
#include "bridge/pending.h"
#include "bridge/seen.h"
#include "bridge/write_behind.h"

typedef uint64_t msec_t;
#define NEVER UINT64_MAX

enum link_state {
    LINK_DOWN,       /* `deadline`: when to try again */
    LINK_HELD,       /* a closing link has the same client id */
    LINK_WAITING,    /* in broker->waiting */
    LINK_CONNECTING, /* with the worker, or CONNACK awaited until `deadline` */
    LINK_OPEN,
    LINK_DRAINING, /* closing: acknowledgements awaited until `deadline` */
    LINK_LEAVING,  /* DISCONNECT is on its way until `deadline` */
    LINK_DEAD,     /* to be freed at the top of the loop */
};

struct link_will {
    uint32_t payload_len;
    uint16_t topic_len;
    uint8_t qos;
    bool retain;
    char octets[]; /* topic, NUL, payload */
};

/* An unanswered SUBSCRIBE or UNSUBSCRIBE. */
struct link_ask {
    TAILQ_ENTRY(link_ask) entries;
    uint64_t token;
    msec_t sent_at;
    uint32_t stamp; /* as in struct pending */
    int mid;
    uint32_t identifier; /* of the subscription; 0: none */
    uint8_t qos;
    bool unsubscribe, retained;
};

/* One per connection, freed by its close callback: the descriptor may be reused at once. */
struct link_watch {
    uv_poll_t poll;
    struct broker_link *link; /* NULL: let go */
    int fd;
    bool writable; /* asked for POLLOUT too */
    struct write_rest rest;
};

/* What the worker pool has: the struct mosquitto belongs to the worker until its end. */
struct link_job {
    uv_work_t work;
    struct broker *broker;
    struct broker_link *link; /* NULL: given up meanwhile */
    struct mosquitto *mosq;
    uint32_t expiry;
    bool ipv4_only;
    bool again; /* a struct that was connected before */
    struct failure failure;
    char detail[160];
};

TAILQ_HEAD(link_list, broker_link);

struct broker_link {
    struct broker *broker;
    struct mosquitto *mosq; /* NULL: none, or the worker has it */
    struct link_watch *watch;
    struct link_job *job;
    struct broker_link *holder, *successor; /* of the same client id; see LINK_HELD */
    TAILQ_ENTRY(broker_link) all, queue, leaving, dirty, attention, paced;
    struct session_ref ref;
    msec_t deadline;
    msec_t opened_at;
    msec_t heard_at;        /* anything, while it was open */
    msec_t lost_at;         /* for link_blame */
    uint64_t publish_at_us; /* when the next publish is due at max_publish_rate */
    char *client_id;
    struct link_will *will;
    struct seen *seen;
    struct pending_table pending;
    TAILQ_HEAD(, link_ask) asks;
    struct failure failure;
    uint32_t behind;                      /* octets of QoS 0 queued behind a blocked socket */
    uint32_t expiry;                      /* session expiry of the last CONNECT */
    uint32_t mids;                        /* packet identifiers used */
    const mosquitto_property *properties; /* of the message being told */
    uint16_t receive_maximum;
    uint32_t asked;
    uint8_t state, attempts;
    uint8_t cut_short;         /* how often in a row it was lost soon after it was opened */
    uint8_t disconnect_reason; /* of the broker's DISCONNECT, and of its CONNACK */
    uint8_t connack_reason;
    bool clean_start : 1, keep_session : 1, urgent : 1, was_open : 1;
    bool held : 1;     /* writes nothing, whatever is queued */
    bool withheld : 1; /* publishes nothing of QoS 1 and 2 */
    bool is_dirty : 1, has_attention : 1, failed : 1, closing : 1, writing : 1, blocked : 1;
    bool is_paced : 1;      /* publishes wait for their turn */
    bool holds : 1;         /* mosq has publishes of ours in flight */
    bool resumed : 1;       /* mosq is an older one connected again */
    bool renew : 1;         /* the broker forgot the session: start over with a new struct */
    bool forgotten : 1;     /* ... and the fresh session it made of it is no old one */
    bool discard : 1;       /* mosq must not be used again */
    bool opened_due : 1;    /* CONNACK was seen, OPENED not yet told */
    bool present : 1;       /* session present */
    bool listens : 1;       /* it has subscriptions, so messages may come at any time */
    bool cut : 1;           /* close without DISCONNECT */
    bool will_due : 1;      /* closed while down: connects once more for its will */
    bool purging : 1;       /* connects with the clean flag, only to drop the broker's session */
    bool purged : 1;        /* ... for the last time */
    bool ended : 1;         /* MQTT 5: an old session was there and got its goodbye */
    bool stubborn : 1;      /* ... and was there again */
    bool connect_later : 1; /* when the worker is done */
    bool ack_owed : 1;      /* read since the last write; see quick_ack */
    bool logging : 1;       /* the TLS library's complaints are listened to */
    bool suspicious : 1;    /* the broker ended the connection with publishes under way */
    bool careful : 1;       /* one at a time, to see which one it does not bear */
    bool shared : 1;
    bool no_identifiers : 1; /* of subscriptions; the broker has said so */
    uint8_t close_how, close_keep;
    uint8_t will_tries;
};

struct broker {
    uv_loop_t *loop;
    const struct broker_config *config;
    struct broker_owner owner;
    struct bridge_counters counters;
    struct link_list all, dirty, attention, waiting, closing, paced;
    size_t links;
    uint32_t connecting;
    bool paused, freed, away;
    bool keeps_clean;       /* MQTT 3.1.1: clean sessions are persistent ones of the broker */
    bool ipv4_only;         /* what the next connections are confined to */
    msec_t witnessed_since; /* the urgent link is open, NEVER: is not */
    uint64_t random;
    char detail[160]; /* what the TLS library said last */
    unsigned holds;   /* handles and jobs that still point here */
    uv_timer_t tick;
    uv_timer_t pace;   /* runs while a link is paced */
    uv_timer_t urgent; /* the urgent link's pause, which must not wait for the tick */
    uv_idle_t idle;    /* runs while a link needs attention */
    struct broker_link *urgent_link;
    char text[65536]; /* a topic with its NUL, for the length of a call */
};

static inline bool broker_mqtt5(const struct broker *broker)
{
    return broker->config->mqtt_version == MQTT_VERSION_5;
}

/* broker.c */
msec_t broker_now(const struct broker *broker);
uint64_t broker_random(struct broker *broker);
void broker_release(struct broker *broker); /* one hold less */
void broker_wake(struct broker *broker);    /* something for the top of the loop */
void broker_pump(struct broker *broker);    /* starts waiting links while there is a place */

/* link.c */
void link_set_state(struct broker_link *link, enum link_state state);
void link_emit(struct broker_link *link, struct bridge_event event);
void link_need_attention(struct broker_link *link);
void link_need_flush(struct broker_link *link);
/* The connection or the attempt is over; the rest happens at the top of the loop. */
void link_fail(struct broker_link *link, struct failure failure);
void link_attend(struct broker_link *link);
void link_tick(struct broker_link *link, msec_t now);
void link_free(struct broker_link *link);

/* link_close.c */
/* True: another link of its client id is still closing, and link_let_successor_go goes on. */
bool link_waits_for_another(struct broker_link *link);
void link_let_successor_go(struct broker_link *link);
void link_say_goodbye(struct broker_link *link);
/* False: a closing link that failed has no reason to connect again. */
bool link_waits_for_will(struct broker_link *link);
void link_publish_will(struct broker_link *link);

/* link_purge.c */
bool link_is_persistent(const struct broker_link *link);
/* What CONNECT says of an old session. */
bool link_clean_flag(const struct broker_link *link);
/* At the CONNACK. True: this connection goes no further. */
bool link_purges(struct broker_link *link);
/* A closing link: the broker's session shall not outlive it. */
bool link_owes_purge(const struct broker_link *link);
void link_begin_purge(struct broker_link *link);
void link_purge_first(struct broker_link *link); /* of one that is down */
/* False: a closing link that failed has no reason to connect again. */
bool link_waits_for_purge(struct broker_link *link);
void link_leave_purge(struct broker_link *link, struct broker_link *successor);

/* link_publish.c */
/* What is pending goes out once more: anew, or the library sees to it. */
void link_replay(struct broker_link *link);
/* Hands over what waits and may go. */
void link_proceed(struct broker_link *link);
void link_resume(struct broker_link *link);
void link_age_pending(struct broker_link *link, msec_t sent_before);
void link_blame(struct broker_link *link);
void link_forget_asks(struct broker_link *link);
void link_answered(struct broker_link *link, struct pending *p, enum bridge_result result);

/* link_limits.c */
struct bridge_message link_bearable(const struct broker_link *link,
                                    const struct bridge_message *message);
/* False: not now; link_wait_for_turn, and link_proceed follows. */
bool link_may_publish(struct broker_link *link);
void link_wait_for_turn(struct broker_link *link);

/* link_return.c */
/* False: this one is not given back. */
bool link_return(struct broker_link *link, struct pending *p);
void link_return_all(struct broker_link *link);
void link_drop_returned(struct broker_link *link);
/* True: the message was given back before and is under way or acknowledged. */
bool link_claim(struct broker_link *link, uint64_t token, const struct bridge_message *message);

/* link_connect.c */
void link_start(struct broker_link *link);
void link_drop_mosq(struct broker_link *link);
void link_orphan_job(struct broker_link *link);

/* link_io.c */
void link_set_callbacks(struct mosquitto *mosq);
bool link_watch_socket(struct broker_link *link);
void link_unwatch(struct broker_link *link);
void link_write(struct broker_link *link);
/* False: it has failed. `rc` and `err`: of the library call just made. */
bool link_check(struct broker_link *link, int rc, int err);

#endif
