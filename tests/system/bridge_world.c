/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/bridge_world.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static uint16_t free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, len), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static void on_barrier(uv_prepare_t *prepare)
{
    struct world *w = prepare->data;

    w->turns++;
    if (w->bridge && !w->held)
        bridge_flush(w->bridge);
}

static void copy_message(struct seen_event *to, const struct bridge_message *from)
{
    struct bridge_message *m = &to->event.message;

    ck_assert_uint_le(from->topic.len + from->payload.len, sizeof to->text);
    if (from->topic.len > 0)
        memcpy(to->text, from->topic.data, from->topic.len);
    if (from->payload.len > 0)
        memcpy(to->text + from->topic.len, from->payload.data, from->payload.len);
    m->topic = sn_bytes(to->text, from->topic.len);
    m->payload = sn_bytes(to->text + from->topic.len, from->payload.len);
}

static void on_event(void *self, const struct bridge_event *event)
{
    struct world *w = self;

    ck_assert_uint_lt(w->count, EVENTS_MAX);
    struct seen_event *seen = &w->events[w->count++];
    seen->event = *event;
    seen->taken = false;
    copy_message(seen, &event->message);
    if (w->also)
        w->also(w, event);
}

static void on_notice(void *self, enum bridge_severity severity, const char *text)
{
    struct world *w = self;
    size_t len = strlen(w->notices);

    snprintf(w->notices + len, sizeof w->notices - len, "%d %s\n", severity, text);
}

static struct broker_config quick_config(void)
{
    return (struct broker_config){
        .mqtt_version = MQTT_VERSION_5,
        .username = "",
        .secret = "",
        .ca_file = "",
        .cert_file = "",
        .key_file = "",
        .alpn = "",
        .psk = "",
        .psk_identity = "",
        .keepalive = 60,
        .connect_timeout_ms = 2000,
        .ack_timeout_ms = 5000,
        .reconnect_min_ms = 100,
        .reconnect_max_ms = 1000,
        .max_connecting = 100,
        .max_inflight = 20,
        .max_qos = 2,
        .session_grace = 3600,
        .session_expiry = UINT32_MAX,
        .own_id = "own",
        .status = "gw/1",
    };
}

void world_write(const struct world *w, const char *name, const char *text)
{
    char path[160];

    snprintf(path, sizeof path, "%s/%s", w->folder, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

void world_init(struct world *w, const char *extra)
{
    char text[2048];

    memset(w, 0, sizeof *w);
    strcpy(w->folder, "/tmp/test_bridge.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(w->folder));
    w->port = free_port();
    snprintf(w->unix_path, sizeof w->unix_path, "%s/socket", w->folder);
    snprintf(w->url, sizeof w->url, "mqtt://127.0.0.1:%u", w->port);
    snprintf(text, sizeof text,
             "user root\nlistener %u 127.0.0.1\nlistener 0 %s\nallow_anonymous true\n"
             "persistence true\npersistence_location %s/\n%s\n",
             w->port, w->unix_path, w->folder, extra);
    world_write(w, "broker.conf", text);
    w->config.gateway.max_clients = 1000;
    w->config.broker = quick_config();
    w->config.store.path = "";
    w->config.broker.url = w->url;
    w->config.broker.address = (struct endpoint){ENDPOINT_TCP, "127.0.0.1", w->port};
    uv_loop_init(&w->loop);
    uv_prepare_init(&w->loop, &w->barrier);
    w->barrier.data = w;
    uv_prepare_start(&w->barrier, on_barrier);
}

/* As a store does it. */
static void on_placed(void *self, struct sn_bytes filter, uint32_t connection)
{
    struct world *w = self;
    size_t i = 0;

    while (i < w->place_count && !sn_bytes_equal(sn_text(w->places[i].filter), filter))
        i++;
    ck_assert_uint_lt(i, PLACES_MAX);
    if (connection == 0) {
        ck_assert_uint_lt(i, w->place_count);
        w->places[i] = w->places[--w->place_count];
        return;
    }
    if (i == w->place_count)
        w->place_count++;
    snprintf(w->places[i].filter, sizeof w->places[i].filter, "%.*s", (int)filter.len,
             (const char *)filter.data);
    w->places[i].connection = connection;
}

void world_bridge_start(struct world *w)
{
    const struct place *p;

    w->bridge =
        bridge_new(&w->loop, &w->config, (struct bridge_sink){w, on_event, on_notice, on_placed});
    ck_assert_ptr_nonnull(w->bridge);
    for (p = w->places; p < w->places + w->place_count; p++)
        bridge_restore(w->bridge, sn_text(p->filter), p->connection);
    ck_assert(bridge_open(w->bridge));
}

static bool answers(uint16_t port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool ok = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;

    close(fd);
    return ok;
}

void world_broker_start(struct world *w)
{
    char path[160];
    uint64_t start = uv_hrtime();

    snprintf(path, sizeof path, "%s/broker.conf", w->folder);
    w->broker = fork();
    ck_assert_int_ge(w->broker, 0);
    if (w->broker == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* A socket that lived on here would go on to report its end to the loop that closed it. */
        for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
            close(fd);
        if (!freopen("/dev/null", "w", stderr))
            _exit(126);
        execl(MOSQUITTO_BROKER, "mosquitto", "-c", path, (char *)NULL);
        _exit(127);
    }
    while (!answers(w->port)) {
        ck_assert_int_eq(waitpid(w->broker, NULL, WNOHANG), 0);
        ck_assert_uint_lt(since(w, start), AWAIT_MS);
        usleep(2000); /* a listening socket announces itself in no other way */
    }
}

void world_broker_stop(struct world *w, int signal)
{
    if (w->broker <= 0)
        return;
    kill(w->broker, signal);
    kill(w->broker, SIGCONT);
    waitpid(w->broker, NULL, 0);
    w->broker = 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void on_closed_none(uv_handle_t *handle)
{
    (void)handle;
}

void world_fini(struct world *w)
{
    uv_close((uv_handle_t *)&w->barrier, on_closed_none);
    if (w->bridge)
        bridge_free(w->bridge);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&w->loop), 0);
    world_broker_stop(w, SIGKILL);
    nftw(w->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

uint64_t since(const struct world *w, uint64_t start)
{
    (void)w;
    return (uv_hrtime() - start) / 1000000;
}

static void on_nothing(uv_timer_t *timer)
{
    (void)timer;
}

/* One turn of the loop, at most 50 ms, so that `await` can look at its clock. */
void turn(struct world *w)
{
    uv_timer_t limit;

    uv_timer_init(&w->loop, &limit);
    uv_timer_start(&limit, on_nothing, 50, 0);
    uv_run(&w->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&limit, on_closed_none);
    uv_run(&w->loop, UV_RUN_NOWAIT);
}

static struct seen_event *find_event(struct world *w, enum bridge_event_type type, uint32_t slot,
                                     uint64_t token)
{
    for (size_t i = 0; i < w->count; i++) {
        struct seen_event *seen = &w->events[i];
        if (!seen->taken && seen->event.type == type && seen->event.session.slot == slot &&
            seen->event.token == token)
            return seen;
    }
    return NULL;
}

const struct bridge_event *expect(struct world *w, enum bridge_event_type type, uint32_t slot,
                                  uint64_t token)
{
    struct seen_event *seen;

    await(w, (seen = find_event(w, type, slot, token)) != NULL);
    seen->taken = true;
    return &seen->event;
}

size_t count_events(const struct world *w, enum bridge_event_type type, uint32_t slot)
{
    size_t n = 0;

    for (size_t i = 0; i < w->count; i++)
        n += w->events[i].event.type == type && w->events[i].event.session.slot == slot;
    return n;
}

struct session_ref ref(uint32_t slot)
{
    return (struct session_ref){slot, slot ? 1 : 0};
}

bool open_as(struct world *w, uint32_t slot, const char *id, bool clean)
{
    return bridge_request(w->bridge, &(struct bridge_request){.type = BRIDGE_OPEN,
                                                              .session = ref(slot),
                                                              .client_id = sn_text(id),
                                                              .clean_start = clean,
                                                              .keep_session = !clean});
}

bool open_with_will(struct world *w, uint32_t slot, const char *id, const char *topic)
{
    return bridge_request(
        w->bridge, &(struct bridge_request){.type = BRIDGE_OPEN,
                                            .session = ref(slot),
                                            .client_id = sn_text(id),
                                            .clean_start = true,
                                            .will = {sn_text(topic), sn_text("lost"), 1, false}});
}

void close_it(struct world *w, uint32_t slot, enum bridge_close how, bool keep)
{
    ck_assert(bridge_request(w->bridge, &(struct bridge_request){.type = BRIDGE_CLOSE,
                                                                 .session = ref(slot),
                                                                 .how = how,
                                                                 .keep_session = keep}));
}

bool publish(struct world *w, uint32_t slot, uint64_t token, const char *topic, const char *payload,
             uint8_t qos)
{
    return bridge_request(
        w->bridge, &(struct bridge_request){.type = BRIDGE_PUBLISH,
                                            .session = ref(slot),
                                            .token = token,
                                            .message = {sn_text(topic), sn_text(payload), qos, 0}});
}

bool subscribe(struct world *w, uint32_t slot, uint64_t token, const char *filter, uint8_t qos)
{
    return bridge_request(
        w->bridge, &(struct bridge_request){.type = BRIDGE_SUBSCRIBE,
                                            .session = ref(slot),
                                            .token = token,
                                            .message = {.topic = sn_text(filter), .qos = qos}});
}

void opened_as(struct world *w, uint32_t slot, const char *id, bool clean)
{
    ck_assert(open_as(w, slot, id, clean));
    const struct bridge_event *e = expect(w, BRIDGE_OPENED, slot, 0);
    ck_assert_msg(e->result == BRIDGE_OK, "%s: %s", id, w->notices);
}

void subscribed(struct world *w, uint32_t slot, const char *filter, uint8_t qos)
{
    ck_assert(subscribe(w, slot, 900, filter, qos));
    const struct bridge_event *e = expect(w, BRIDGE_SUBSCRIBED, slot, 900);
    ck_assert_int_eq(e->result, BRIDGE_OK);
    ck_assert_uint_eq(e->granted_qos, qos);
}

const struct bridge_event *expect_message(struct world *w, uint32_t slot, const char *payload)
{
    const struct bridge_event *e = expect(w, BRIDGE_MESSAGE, slot, 0);

    ck_assert_msg(sn_bytes_equal(e->message.payload, sn_text(payload)), "got \"%.*s\", not \"%s\"",
                  (int)e->message.payload.len, (const char *)e->message.payload.data, payload);
    return e;
}
