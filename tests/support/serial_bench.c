/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/serial_bench.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void on_datagram(void *self, const struct sn_peer *from, struct sn_bytes wire)
{
    struct serial_bench *b = self;

    b->packets++;
    b->peer = *from;
    ck_assert_uint_le(wire.len, sizeof b->last);
    memcpy(b->last, wire.data, wire.len);
    b->last_len = wire.len;
}

static void on_notice(void *self, const struct link *link, enum link_severity severity,
                      const char *text)
{
    struct serial_bench *b = self;

    (void)link, (void)severity;
    b->notices++;
    snprintf(b->notice, sizeof b->notice, "%s", text);
}

static void on_up(void *self, const struct link *link, bool up)
{
    struct serial_bench *b = self;

    (void)link;
    b->up = up;
    b->ups += up ? 1 : 0;
    b->downs += up ? 0 : 1;
}

static void on_room(void *self, const struct link *link)
{
    struct serial_bench *b = self;

    (void)link;
    b->rooms++;
}

int pty_open(char *name, size_t size)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(grantpt(fd), 0);
    ck_assert_int_eq(unlockpt(fd), 0);
    ck_assert_int_eq(ptsname_r(fd, name, size), 0);
    return fd;
}

static struct config *load(const char *path, const char *lines)
{
    char file[] = "/tmp/serial_bench.XXXXXX", text[1024];
    struct config_errors errors = {0};
    int fd = mkstemp(file);
    int len = snprintf(text, sizeof text, "[serial]\n%s%s\n%s\n%s",
                       strstr(lines, "port=") ? "" : "port=", strstr(lines, "port=") ? "" : path,
                       strstr(lines, "framing") ? "" : "framing=slip", lines);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, (size_t)len), len);
    close(fd);
    struct config *config = config_load(file, NULL, &errors);
    unlink(file);
    ck_assert_msg(config, "%s", errors.list[0].text);
    return config;
}

void serial_bench_open(struct serial_bench *b, const char *lines)
{
    serial_bench_open_on(b, &serial_host_linux, lines);
}

void serial_bench_open_on(struct serial_bench *b, const struct serial_host *host, const char *lines)
{
    char error[200];

    *b = (struct serial_bench){.dongle = -1};
    snprintf(b->folder, sizeof b->folder, "/tmp/serial_bench.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(b->folder));
    snprintf(b->path, sizeof b->path, "%s/dongle", b->folder);
    b->config = load(b->path, lines);
    uv_loop_init(&b->loop);
    uv_timer_init(&b->loop, &b->limit);
    b->limit.data = b;
    b->link = serial_open(&b->loop, 3, b->config->serial, host,
                          (struct link_receiver){.self = b, .datagram = on_datagram},
                          (struct link_events){b, on_notice, on_up, on_room}, error, sizeof error);
    ck_assert_msg(b->link, "%s", error);
}

void serial_bench_close(struct serial_bench *b)
{
    link_close(b->link);
    uv_close((uv_handle_t *)&b->limit, NULL);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&b->loop), 0);
    serial_bench_unplug(b);
    ck_assert_int_eq(rmdir(b->folder), 0);
    config_free(b->config);
}

void serial_bench_plug(struct serial_bench *b)
{
    char name[64], new[120];

    ck_assert_int_lt(b->dongle, 0);
    b->dongle = pty_open(name, sizeof name);
    snprintf(new, sizeof new, "%s.new", b->path);
    ck_assert_int_eq(symlink(name, new), 0);
    ck_assert_int_eq(rename(new, b->path), 0);
}

void serial_bench_unplug(struct serial_bench *b)
{
    unlink(b->path);
    if (b->dongle >= 0)
        close(b->dongle);
    b->dongle = -1;
}

static void on_limit(uv_timer_t *timer)
{
    ((struct serial_bench *)timer->data)->late = true;
}

static void turn(struct serial_bench *b)
{
    link_flush(b->link);
    uv_run(&b->loop, UV_RUN_ONCE);
}

static void begin(struct serial_bench *b, unsigned ms)
{
    b->late = false;
    uv_update_time(&b->loop);
    uv_timer_start(&b->limit, on_limit, ms, 0);
}

bool serial_bench_wait(struct serial_bench *b, const unsigned *what, unsigned value, unsigned ms)
{
    begin(b, ms);
    while (*what < value && !b->late)
        turn(b);
    uv_timer_stop(&b->limit);
    return *what >= value;
}

bool serial_bench_wait_up(struct serial_bench *b, bool up)
{
    begin(b, 5000);
    while (b->up != up && !b->late)
        turn(b);
    uv_timer_stop(&b->limit);
    return b->up == up;
}

void serial_bench_turn(struct serial_bench *b, unsigned ms)
{
    begin(b, ms);
    while (!b->late)
        turn(b);
}

void dongle_says(struct serial_bench *b, const void *octets, size_t len)
{
    ck_assert_int_eq(write(b->dongle, octets, len), (ssize_t)len);
}

struct hearing {
    struct serial_bench *b;
    uint8_t *into;
    size_t len;
    unsigned done, ended;
    size_t got;
};

static void on_dongle(uv_poll_t *poll, int status, int events)
{
    struct hearing *h = poll->data;
    ssize_t len = read(h->b->dongle, h->into + h->got, h->len - h->got);

    (void)status, (void)events;
    h->got += len > 0 ? (size_t)len : 0;
    h->done = h->got == h->len;
}

static void on_ended(uv_handle_t *handle)
{
    ((struct hearing *)handle->data)->ended = 1;
}

size_t dongle_hears(struct serial_bench *b, void *octets, size_t len, unsigned ms)
{
    struct hearing h = {.b = b, .into = octets, .len = len};
    uv_poll_t poll;

    uv_poll_init(&b->loop, &poll, b->dongle);
    poll.data = &h;
    uv_poll_start(&poll, UV_READABLE, on_dongle);
    serial_bench_wait(b, &h.done, 1, ms);
    uv_close((uv_handle_t *)&poll, on_ended);
    while (!h.ended)
        uv_run(&b->loop, UV_RUN_NOWAIT);
    return h.got;
}

struct looking {
    const char *name;
    uint64_t value;
    bool found;
};

static void look(void *self, const char *counter, uint64_t value)
{
    struct looking *l = self;

    if (strcmp(counter, l->name) != 0)
        return;
    l->value = value;
    l->found = true;
}

uint64_t serial_bench_counter(struct serial_bench *b, const char *name)
{
    struct looking l = {.name = name};

    b->link->ops->count(b->link, &l, look);
    ck_assert_msg(l.found, "%s", name);
    return l.value;
}
