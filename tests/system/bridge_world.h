/* SPDX-License-Identifier: Apache-2.0 */
/* bridge_world - a bridge, a loop with its barrier, and a real broker in a directory of its own
 *
 * Everything a test waits for is awaited: `await` turns the loop until a condition holds and fails
 * the test when it does not within AWAIT_MS. Events are kept in the order in which they came.
 */
#ifndef TESTS_SYSTEM_BRIDGE_WORLD_H
#define TESTS_SYSTEM_BRIDGE_WORLD_H

#include <check.h>
#include <sys/types.h>

#include "bridge/door.h"

enum { AWAIT_MS = 20000, EVENTS_MAX = 4096, PLACES_MAX = 1024 };

struct seen_event {
    struct bridge_event event; /* views point into `text` */
    char text[320];
    bool taken;
};

struct place {
    char filter[60];
    uint32_t connection;
};

struct world {
    uv_loop_t loop;
    uv_prepare_t barrier;
    struct config config;
    char folder[64], url[128], unix_path[96];
    uint16_t port;
    pid_t broker;
    struct bridge *bridge;
    struct seen_event events[EVENTS_MAX];
    size_t count;
    char notices[8192];
    struct place places[PLACES_MAX]; /* of filters, kept for the next bridge_start */
    size_t place_count;
    bool stopped;
    unsigned turns;
    void (*also)(struct world *w, const struct bridge_event *event); /* within the event */
    bool held; /* no flush: as if the barrier never came */
};

/* `extra`: further lines of the broker's configuration. */
void world_init(struct world *w, const char *extra);
void world_fini(struct world *w);
void world_broker_start(struct world *w);
void world_broker_stop(struct world *w, int signal);
void world_write(const struct world *w, const char *name, const char *text);
void world_bridge_start(struct world *w);

/* The next event of this type, session and token that was not taken yet. */
const struct bridge_event *expect(struct world *w, enum bridge_event_type type, uint32_t slot,
                                  uint64_t token);
size_t count_events(const struct world *w, enum bridge_event_type type, uint32_t slot);
void turn(struct world *w);
uint64_t since(const struct world *w, uint64_t start);

#define await(w, condition)                                                                        \
    do {                                                                                           \
        uint64_t await_start = uv_hrtime();                                                        \
        while (!(condition)) {                                                                     \
            turn(w);                                                                               \
            ck_assert_msg(since(w, await_start) < AWAIT_MS, "waited in vain for %s\n%s",           \
                          #condition, (w)->notices);                                               \
        }                                                                                          \
    } while (0)

/* Requests in a line. Sessions are {slot, 1}. */
struct session_ref ref(uint32_t slot);
bool open_as(struct world *w, uint32_t slot, const char *id, bool clean);
bool open_with_will(struct world *w, uint32_t slot, const char *id, const char *topic);
void close_it(struct world *w, uint32_t slot, enum bridge_close how, bool keep);
bool publish(struct world *w, uint32_t slot, uint64_t token, const char *topic, const char *payload,
             uint8_t qos);
bool subscribe(struct world *w, uint32_t slot, uint64_t token, const char *filter, uint8_t qos);
/* Opens and waits for BRIDGE_OK. */
void opened_as(struct world *w, uint32_t slot, const char *id, bool clean);
void subscribed(struct world *w, uint32_t slot, const char *filter, uint8_t qos);
const struct bridge_event *expect_message(struct world *w, uint32_t slot, const char *payload);

#endif
