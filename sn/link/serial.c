/* SPDX-License-Identifier: Apache-2.0 */
/* The port comes and goes: opening, settling, losing and finding it again. */
#include "sn/link/serial.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sn/link/serial_private.h"
#include "sn/link/serial_watch.h"

#define PAUSE_MIN_MS   500
#define PAUSE_MAX_MS   30000
#define ATTEMPT_MS     50   /* at least between two attempts, whatever the directories tell */
#define GROUP_MS       2000 /* udev gives a new node to its group within this */
#define GROUP_RETRY_MS 200
#define STABLE_MS      5000 /* a port that stays so long is there again */
#define DTR_PULSE_MS   250
#define SILENCE_PULSE  2 /* the second silence in a row: opening alone did not help */

static struct serial *of(struct link *link)
{
    return (struct serial *)link;
}

static void set_up(struct serial *s, bool up)
{
    if (s->up == up)
        return;
    s->up = up;
    s->events.up(s->events.self, &s->link, up);
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* The descriptor may be closed right after this. */
static void poll_end(struct serial_poll **poll)
{
    if (!*poll)
        return;
    uv_poll_stop(&(*poll)->handle);
    uv_close((uv_handle_t *)&(*poll)->handle, on_poll_closed);
    *poll = NULL;
}

static struct serial_poll *poll_begin(struct serial *s, int fd, uv_poll_cb callback, int events)
{
    struct serial_poll *poll = calloc(1, sizeof *poll);

    if (!poll)
        return NULL;
    poll->serial = s;
    if (uv_poll_init(s->loop, &poll->handle, fd) != 0) {
        free(poll);
        return NULL;
    }
    poll->handle.data = poll;
    uv_poll_start(&poll->handle, events, callback);
    return poll;
}

static void stop_watching(struct serial *s)
{
    poll_end(&s->watch);
    if (s->watch_fd >= 0)
        close(s->watch_fd);
    s->watch_fd = -1;
}

static void on_appearance(uv_poll_t *handle, int status, int events)
{
    struct serial *s = ((struct serial_poll *)handle->data)->serial;
    uint64_t soon = s->opened_at + ATTEMPT_MS, now = uv_now(s->loop);

    (void)status, (void)events;
    serial_watch_drain(s->watch_fd);
    s->pause = PAUSE_MIN_MS;
    if (soon < now)
        soon = now;
    if (soon < s->reopen_at)
        s->reopen_at = soon;
    serial_arm(s);
}

/* Folders may have come and gone: watched is what is there now. */
static void watch_again(struct serial *s)
{
    stop_watching(s);
    s->watch_fd = serial_watch_open(s->config->usb.wanted ? s->host->devices : s->config->port,
                                    s->host->devices);
    if (s->watch_fd >= 0)
        s->watch = poll_begin(s, s->watch_fd, on_appearance, UV_READABLE);
}

static void try_later(struct serial *s)
{
    uint64_t now = uv_now(s->loop);

    s->reopen_at = now + s->pause;
    s->pause = s->pause * 2 < PAUSE_MAX_MS ? s->pause * 2 : PAUSE_MAX_MS;
}

static void let_go(struct serial *s)
{
    serial_note_overruns(s);
    poll_end(&s->poll);
    serial_port_close(s->fd, true);
    s->fd = -1;
    s->dtr_at = s->settled_at = NEVER_DUE;
    s->failed = NULL;
    serial_io_stop(s);
    set_up(s, false);
}

void serial_lost(struct serial *s, const char *why)
{
    char text[200];

    if (s->fd < 0)
        return;
    s->counters.lost++;
    if (s->heard || uv_now(s->loop) >= s->opened_at + STABLE_MS)
        s->pause = PAUSE_MIN_MS;
    let_go(s);
    snprintf(text, sizeof text, "%s; opened again as soon as it is back", why);
    serial_tell_trouble(s, SERIAL_MISSING, s->config->port, text);
    try_later(s);
    watch_again(s);
    serial_arm(s);
}

static void on_port(uv_poll_t *handle, int status, int events)
{
    struct serial *s = ((struct serial_poll *)handle->data)->serial;

    if (events & UV_READABLE) /* the last octets before it went are still good */
        serial_io_read(s);
    if (s->fd >= 0 && (status < 0 || (events & UV_DISCONNECT) || s->failed)) {
        serial_lost(s, s->failed ? s->failed : "unplugged");
        return;
    }
    if (s->fd >= 0)
        serial_io_write(s);
}

void serial_watch_writable(struct serial *s, bool on)
{
    if (s->watching_write == on)
        return;
    s->watching_write = on;
    uv_poll_start(&s->poll->handle, UV_READABLE | UV_DISCONNECT | (on ? UV_WRITABLE : 0), on_port);
}

/* The path behind a usb: port, found anew each time: its number may have changed. */
static bool find_path(struct serial *s, char *path, size_t size)
{
    struct serial_found *found;
    bool matched = false;

    if (!s->config->usb.wanted) {
        snprintf(path, size, "%s", s->config->port);
        return true;
    }
    found = calloc(SERIAL_PORTS_MAX, sizeof *found);
    size_t count = found ? s->host->find_all(found, SERIAL_PORTS_MAX) : 0;
    for (size_t i = 0; i < count && !matched; i++) {
        matched = serial_find_match(s->config, &found[i]);
        if (matched)
            snprintf(path, size, "%s", found[i].path);
    }
    free(found);
    return matched;
}

static void settle(struct serial *s)
{
    s->settled_at = NEVER_DUE;
    if (uv_now(s->loop) > s->opened_at)
        serial_io_start(s); /* what was asked of a dongle that was starting went unheard */
    set_up(s, true);
    serial_io_write(s);
}

static void opened(struct serial *s, int fd, const char *path, bool pulse)
{
    uint64_t now = uv_now(s->loop);

    s->fd = fd;
    s->poll = poll_begin(s, fd, on_port, UV_READABLE | UV_DISCONNECT);
    if (!s->poll) {
        serial_port_close(fd, true);
        s->fd = -1;
        serial_tell_trouble(s, SERIAL_OTHER_TROUBLE, path,
                            "the event loop takes no more descriptors");
        try_later(s);
        return;
    }
    stop_watching(s);
    s->counters.opened++;
    s->overruns_seen = serial_port_overruns(fd);
    s->watching_write = s->heard = false;
    s->reopen_at = s->forbidden_at = NEVER_DUE;
    s->valid_at = now;
    serial_port_lines(fd, s->config, pulse);
    pulse = pulse || s->config->dtr == SERIAL_DTR_PULSE;
    s->dtr_at = pulse ? now + DTR_PULSE_MS : NEVER_DUE;
    s->settled_at = now + s->config->settle_ms + (pulse ? DTR_PULSE_MS : 0);
    serial_tell_opened(s, path);
    serial_io_start(s);
    if (s->settled_at <= now)
        settle(s);
}

/* A node that has just appeared may be forbidden for a moment, which is not worth a word. */
static bool may_get_its_group(struct serial *s, enum serial_trouble trouble)
{
    uint64_t now = uv_now(s->loop);

    if (trouble != SERIAL_FORBIDDEN || s->trouble != SERIAL_MISSING) {
        s->forbidden_at = NEVER_DUE;
        return false;
    }
    s->forbidden_at = sooner(s->forbidden_at, now);
    if (now >= s->forbidden_at + GROUP_MS)
        return false;
    s->reopen_at = now + GROUP_RETRY_MS;
    return true;
}

static void attempt(struct serial *s, bool pulse)
{
    enum serial_trouble trouble = SERIAL_MISSING;
    char path[SERIAL_PATH_MAX], text[240];

    s->opened_at = uv_now(s->loop);
    if (s->watch_fd < 0)
        watch_again(s); /* before looking, so that nothing appears unseen */
    if (!find_path(s, path, sizeof path)) {
        serial_tell_trouble(s, trouble, s->config->port, "not there; waiting for it");
        try_later(s);
        return;
    }
    int fd = serial_port_open(path, s->config, &trouble, text, sizeof text);
    if (fd >= 0) {
        opened(s, fd, path, pulse);
        return;
    }
    if (may_get_its_group(s, trouble))
        return;
    if (s->trouble == SERIAL_MISSING && trouble != SERIAL_MISSING)
        s->pause = PAUSE_MIN_MS; /* it was long for another reason */
    serial_tell_trouble(s, trouble, path, text);
    try_later(s);
}

/* The dongle is there and says nothing: its firmware hangs, or the adapter does. */
static void break_silence(struct serial *s)
{
    char text[120];
    bool pulse = ++s->silences >= SILENCE_PULSE;

    s->counters.silences++;
    s->counters.dtr_pulses += pulse ? 1 : 0;
    snprintf(text, sizeof text, "nothing valid received for %u s; opening it again%s",
             (unsigned)((uv_now(s->loop) - s->valid_at) / 1000),
             pulse ? " with a pulse of DTR" : "");
    serial_notice(s, LINK_WARNING, text);
    let_go(s);
    attempt(s, pulse);
}

static uint64_t silent_at(const struct serial *s)
{
    if (s->config->silence_ms == 0 || s->fd < 0)
        return NEVER_DUE;
    return s->valid_at + s->config->silence_ms;
}

static void on_timer(uv_timer_t *timer)
{
    struct serial *s = timer->data;
    uint64_t now = uv_now(s->loop);

    s->armed = NEVER_DUE;
    if (s->fd < 0) {
        if (now >= s->reopen_at) {
            watch_again(s);
            attempt(s, false);
        }
    } else if (s->failed) {
        serial_lost(s, s->failed);
    } else {
        if (now >= s->dtr_at) {
            s->dtr_at = NEVER_DUE;
            serial_port_set_dtr(s->fd, true);
        }
        if (now >= s->settled_at)
            settle(s);
        if (s->fd >= 0)
            serial_io_expire(s);
        if (now >= silent_at(s))
            break_silence(s);
    }
    serial_arm(s);
}

/* One timer for all that may be due. */
void serial_arm(struct serial *s)
{
    uint64_t now = uv_now(s->loop), due = s->reopen_at;

    if (s->closing)
        return;
    if (s->fd >= 0)
        due = sooner(sooner(s->dtr_at, s->settled_at), sooner(silent_at(s), serial_io_due(s)));
    if (s->failed)
        due = now;
    if (due == s->armed)
        return;
    s->armed = due;
    if (due == NEVER_DUE)
        uv_timer_stop(&s->timer);
    else
        uv_timer_start(&s->timer, on_timer, due > now ? due - now : 0, 0);
}

static void send_to(struct link *link, const struct sn_peer *to, struct sn_bytes wire)
{
    struct framing_address address = {.len = to->address_len};

    memcpy(address.octets, to->key, to->address_len);
    memcpy(address.hint, to->route, sizeof address.hint);
    of(link)->fresh = true;
    serial_io_send(of(link), &address, 0, wire);
}

static void broadcast(struct link *link, uint8_t radius, struct sn_bytes wire)
{
    static const struct framing_address everybody = {.broadcast = true};

    of(link)->fresh = true;
    serial_io_send(of(link), &everybody, radius, wire);
}

static void flush(struct link *link)
{
    of(link)->fresh = false;
    if (of(link)->up)
        serial_io_write(of(link));
}

static void on_closed(uv_handle_t *handle)
{
    struct serial *s = handle->data;

    serial_io_fini(s);
    free(s);
}

static bool pending(const struct link *link)
{
    const struct serial *s = (const struct serial *)link;

    return s->up && !s->failed && serial_io_pending(s);
}

static void close_link(struct link *link)
{
    struct serial *s = of(link);

    if (s->closing)
        return;
    s->closing = true;
    stop_watching(s);
    poll_end(&s->poll);
    if (s->fd >= 0)
        serial_port_close(s->fd, pending(link));
    s->fd = -1;
    s->up = false;
    uv_close((uv_handle_t *)&s->timer, on_closed);
}

static const struct link_ops serial_ops = {
    .send = send_to,
    .broadcast = broadcast,
    .flush = flush,
    .close = close_link,
    .pending = pending,
    .peer_text = serial_peer_text,
    .count = serial_count,
};

static size_t find_all_linux(struct serial_found *out, size_t max)
{
    return serial_find_all("", out, max);
}

const struct serial_host serial_host_linux = {"/dev", find_all_linux};

struct link *serial_open(uv_loop_t *loop, uint8_t number, const struct serial_config *config,
                         const struct serial_host *host, struct link_receiver receiver,
                         struct link_events events, char *error, size_t error_size)
{
    struct serial *s = calloc(1, sizeof *s);

    if (s) {
        s->link = (struct link){.ops = &serial_ops,
                                .receiver = receiver,
                                .number = number,
                                .max_packet = config->max_packet};
        snprintf(s->link.name, sizeof s->link.name, "serial %.56s",
                 *config->name ? config->name : config->port);
        s->config = config;
        s->host = host;
        s->events = events;
        s->loop = loop;
        s->fd = s->watch_fd = -1;
        s->armed = s->dtr_at = s->settled_at = s->reopen_at = s->forbidden_at = NEVER_DUE;
        s->pause = PAUSE_MIN_MS;
    }
    if (!s || !serial_io_init(s)) {
        snprintf(error, error_size, "serial %s: out of memory", config->port);
        if (s)
            serial_io_fini(s);
        free(s);
        return NULL;
    }
    uv_timer_init(loop, &s->timer);
    s->timer.data = s;
    s->reopen_at = uv_now(loop); /* in the loop's first turn, when the caller is ready */
    serial_arm(s);
    return &s->link;
}
