/* SPDX-License-Identifier: Apache-2.0 */
/* serial_private - what serial.c (the port comes and goes), serial_io.c (octets flow)
 * and serial_view.c (what is seen of it) share */
#ifndef SN_LINK_SERIAL_PRIVATE_H
#define SN_LINK_SERIAL_PRIVATE_H

#include "sn/link/serial.h"
#include "sn/link/serial_port.h"
#include "sn/link/serial_queue.h"

/* A descriptor in the loop. It outlives its use until the loop has let go of the handle. */
struct serial_poll {
    uv_poll_t handle;
    struct serial *serial;
};

struct serial {
    struct link link; /* first: struct link * is struct serial * */
    const struct serial_config *config;
    const struct serial_host *host;
    struct link_events events;
    struct framing *framing;
    struct serial_queue queue;
    struct serial_counters counters;
    uv_loop_t *loop;
    uv_timer_t timer; /* for whatever is due first */

    int fd; /* -1: away */
    struct serial_poll *poll;
    int watch_fd; /* -1: not watching */
    struct serial_poll *watch;
    bool up;      /* open and settled */
    bool closing; /* for good */
    bool heard;   /* something valid since it was opened */
    enum serial_trouble trouble;
    char said[320];                   /* the last trouble that was told */
    uint64_t armed;                   /* what `timer` is set to */
    uint64_t overruns, overruns_seen; /* octets lost / as the driver last told */

    uint64_t opened_at, settled_at, dtr_at; /* dtr_at: end of the pulse; NEVER_DUE when none */
    uint64_t reopen_at, pause;              /* the next attempt, and the back-off */
    uint64_t valid_at, valid_count;         /* when the framing last got something valid */
    uint64_t forbidden_at;                  /* a node that had just appeared; NEVER_DUE: none */
    unsigned silences;                      /* in a row */
    uint64_t gap_until;                     /* no frame before */
    uint64_t budget_us;                     /* nor before this, in microseconds */
    uint64_t blocked_at;                    /* the port takes no octets since; 0 when it does */
    bool blocked_told, watching_write;
    bool fresh;         /* something is queued that no flush has allowed to leave */
    const char *failed; /* why writing did; the port is closed in a turn of its own */

    uint8_t *out; /* octets on their way: the rest of a frame, the framing's own */
    size_t out_len, out_sent, out_cap;
};

#define NEVER_DUE UINT64_MAX

static inline uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* serial.c */
void serial_lost(struct serial *s, const char *why);
void serial_arm(struct serial *s);
void serial_watch_writable(struct serial *s, bool on);

/* serial_view.c */
void serial_notice(struct serial *s, enum link_severity severity, const char *text);
void serial_tell_trouble(struct serial *s, enum serial_trouble trouble, const char *path,
                         const char *text);
void serial_tell_opened(struct serial *s, const char *path);
char *serial_peer_text(const struct link *link, const struct sn_peer *peer, char *out, size_t size);
void serial_count(struct link *link, void *self,
                  void (*each)(void *self, const char *counter, uint64_t value));
void serial_note_overruns(struct serial *s); /* the port is open */

/* serial_io.c */
bool serial_io_init(struct serial *s);
void serial_io_fini(struct serial *s);
void serial_io_start(struct serial *s); /* the port is open */
void serial_io_stop(struct serial *s);  /* it is away: nothing is under way any more */
void serial_io_read(struct serial *s);
void serial_io_write(struct serial *s); /* as much as may go now */
void serial_io_expire(struct serial *s);
uint64_t serial_io_due(const struct serial *s);
bool serial_io_pending(const struct serial *s); /* something could still be written */
void serial_io_send(struct serial *s, const struct framing_address *to, uint8_t radius,
                    struct sn_bytes wire);

#endif
