/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/clock.h"

static const struct level {
    const char *name;
    int priority; /* of syslog, as journald reads it */
} levels[] = {
    [LEVEL_ERROR] = {"error", 3}, [LEVEL_WARNING] = {"warning", 4}, [LEVEL_INFO] = {"info", 6},
    [LEVEL_DEBUG] = {"debug", 7}, [LEVEL_TRACE] = {"trace", 7},
};

uint32_t log_level = LEVEL_INFO;
static bool journal;
static struct log_site *untold;

/* systemd names the stream it has put on stderr; after a redirection the variable is stale. */
void log_init(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat status;

    journal = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
              fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device &&
              status.st_ino == inode;
}

void log_set_level(uint32_t level)
{
    log_level = level < LEVEL_TRACE ? level : LEVEL_TRACE;
}

static size_t put_prefix(char *line, size_t size, uint32_t level)
{
    struct timespec now;
    struct tm utc;
    int used;

    if (journal) {
        used = snprintf(line, size, "<%d>", levels[level].priority);
        return (size_t)used;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t date = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &utc);
    used = snprintf(line + date, size - date, ".%03ldZ %s: ", now.tv_nsec / 1000000,
                    levels[level].name);
    return date + (size_t)used;
}

/* One write per line, so that lines of several processes do not mix. */
static void put_line(char *line, size_t len)
{
    line[len] = '\n';
    ssize_t written = write(STDERR_FILENO, line, len + 1);
    (void)written; /* there is nobody left to tell */
}

static size_t put_words(char *line, size_t used, const char *format, va_list args)
{
    int words = vsnprintf(line + used, LOG_LINE_MAX - used, format, args);
    size_t len = words < 0 ? used : used + (size_t)words;

    return len < LOG_LINE_MAX ? len : LOG_LINE_MAX - 1;
}

static void forget(struct log_site *site)
{
    for (struct log_site **at = &untold; *at; at = &(*at)->next) {
        if (*at == site) {
            *at = site->next;
            break;
        }
    }
    site->suppressed = 0;
}

/* False when the site has used up its second. */
static bool allowed(struct log_site *site, const char *format, va_list args)
{
    uint64_t second = clock_now() / 1000 + 1; /* a zeroed site has not written yet */

    if (site->second != second) {
        site->second = second;
        site->lines = 0;
    }
    if (site->lines < LOG_LINES_PER_SECOND) {
        site->lines++;
        return true;
    }
    if (site->suppressed++ == 0) {
        vsnprintf(site->event, sizeof site->event, format, args);
        site->next = untold;
        untold = site;
    }
    return false;
}

void log_write(struct log_site *site, uint32_t level, const char *format, ...)
{
    char line[LOG_LINE_MAX + 1];
    va_list args;

    va_start(args, format);
    bool hidden = site && !allowed(site, format, args);
    va_end(args);
    if (hidden)
        return;
    va_start(args, format);
    size_t len = put_words(line, put_prefix(line, LOG_LINE_MAX, level), format, args);
    va_end(args);
    if (site && site->suppressed > 0) {
        int told =
            snprintf(line + len, LOG_LINE_MAX - len, " suppressed=%u", (unsigned)site->suppressed);
        len = len + (size_t)told < LOG_LINE_MAX ? len + (size_t)told : LOG_LINE_MAX - 1;
        forget(site);
    }
    put_line(line, len);
}

void log_tell_suppressed(void)
{
    while (untold) {
        struct log_site *site = untold;
        log_write(NULL, LEVEL_INFO, "lines suppressed=%u like=\"%s...\"",
                  (unsigned)site->suppressed, site->event);
        forget(site);
    }
}

char *log_text(struct sn_bytes text, char *out, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < text.len && used + 5 <= size; i++) {
        uint8_t c = text.data[i];
        if (c > ' ' && c < 0x7F && c != '\\')
            out[used++] = (char)c;
        else
            used += (size_t)snprintf(out + used, size - used, "\\x%02x", c);
    }
    out[used] = '\0';
    return out;
}
