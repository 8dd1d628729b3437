/* SPDX-License-Identifier: Apache-2.0 */
/* log - lines on stderr: event words first, then key=value
 *
 *   log_info("connected client=%s peer=%s", id, peer);
 *
 * Under systemd a line begins with its <N> priority, otherwise with the time. The level is tested
 * before the arguments are evaluated. One call site writes at most LOG_LINES_PER_SECOND lines of
 * error, warning and info; its next line then tells how many were suppressed. Payloads are never
 * logged, secrets neither: who logs an option that holds one says only that it is set.
 */
#ifndef GATEWAY_LOG_H
#define GATEWAY_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "sn/cursor.h"

#define LOG_LINES_PER_SECOND 50
#define LOG_LINE_MAX         1024

/* One call site, zero at first. It must live as long as the process. */
struct log_site {
    uint64_t second;
    uint32_t lines, suppressed;
    struct log_site *next; /* of those that have something suppressed to tell */
    char event[40];        /* the beginning of the first line that was suppressed */
};

extern uint32_t log_level; /* LEVEL_...; log_set_level sets it */

static inline bool log_on(uint32_t level)
{
    return level <= log_level;
}

/* Looks whether stderr is the journal. Before it is called lines carry the time. */
void log_init(void);
void log_set_level(uint32_t level);

/* Tells what every site has suppressed and not yet told. */
void log_tell_suppressed(void);

/* `site` NULL: without limit. */
void log_write(struct log_site *site, uint32_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* `text` with what is not printable ASCII as \xNN, cut to `size`; returns `out`. */
char *log_text(struct sn_bytes text, char *out, size_t size);

#define LOG_LIMITED(level, ...)                                                                    \
    do {                                                                                           \
        static struct log_site log_site_here;                                                      \
        if (log_on(level))                                                                         \
            log_write(&log_site_here, level, __VA_ARGS__);                                         \
    } while (0)

#define LOG_UNLIMITED(level, ...)                                                                  \
    do {                                                                                           \
        if (log_on(level))                                                                         \
            log_write(NULL, level, __VA_ARGS__);                                                   \
    } while (0)

#define log_error(...)   LOG_LIMITED(LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) LOG_LIMITED(LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    LOG_LIMITED(LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   LOG_UNLIMITED(LEVEL_DEBUG, __VA_ARGS__)
#define log_trace(...)   LOG_UNLIMITED(LEVEL_TRACE, __VA_ARGS__)

#endif
