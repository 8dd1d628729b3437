/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/dump/stream.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "tools/dump/show.h"

#define MAX_PACKET     2048 /* no radio carries more; a higher bound only makes false starts long */
#define LONG_MS        60000
#define ENOUGH_TO_TELL 4

static void on_packet(void *self, const struct framing_origin *origin, struct sn_bytes packet)
{
    (void)self;
    for (size_t i = 0; i < origin->from.len; i++)
        printf("%02X", origin->from.octets[i]);
    printf("%s", origin->from.len > 0 ? " " : "");
    if (origin->has_rssi)
        printf("rssi=%d ", origin->rssi);
    if (origin->has_lqi)
        printf("lqi=%u ", origin->lqi);
    if (origin->from.broadcast)
        printf("broadcast ");
    show_datagram(packet);
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Every message has a type octet near its front that is no character of such a text. */
static bool looks_like_hex(struct sn_bytes octets)
{
    for (size_t i = 0; i < octets.len; i++)
        if (octets.data[i] == '#')
            return true;
        else if (!isxdigit(octets.data[i]) && !isspace(octets.data[i]) &&
                 !memchr("xX,:-", octets.data[i], 5))
            return false;
    return octets.len > 0;
}

static int feed_hex(struct framing *f, FILE *text, const char *name)
{
    static uint8_t octets[65536];
    char *line = NULL;
    size_t size = 0, len;
    int status = EX_OK;

    for (unsigned number = 1; getline(&line, &size, text) >= 0; number++)
        if (octets_of_hex(line, octets, sizeof octets, &len)) {
            framing_receive(f, now_ms(), sn_bytes(octets, len));
            fflush(stdout);
        } else {
            fprintf(stderr, "mqtt-sn-dump: %s:%u: not octets in hex\n", name, number);
            status = EX_DATAERR;
        }
    free(line);
    return status;
}

/* read, not fread: a pipe or a port gives what it has, and that is shown. */
static int feed_octets(struct framing *f, int fd, const char *name)
{
    uint8_t octets[4096];
    ssize_t got;

    while ((got = read(fd, octets, sizeof octets)) > 0 || (got < 0 && errno == EINTR)) {
        framing_receive(f, now_ms(), sn_bytes(octets, got > 0 ? (size_t)got : 0));
        fflush(stdout);
    }
    if (got == 0)
        return EX_OK;
    fprintf(stderr, "mqtt-sn-dump: %s: cannot read: %s\n", name, strerror(errno));
    return EX_IOERR;
}

static void tell_losses(const struct framing_counters *c)
{
    const uint64_t lost = c->skipped_octets + c->bad_crc + c->bad_escape + c->bad_length +
                          c->too_long + c->too_short + c->cut_short + c->unknown_frames;

    if (lost == 0)
        return;
    fprintf(stderr, "mqtt-sn-dump:");
#define X(name, help)                                                                              \
    if (c->name > 0)                                                                               \
        fprintf(stderr, " " #name "=%" PRIu64, c->name);
    FRAMING_COUNTERS(X)
#undef X
    fputc('\n', stderr);
}

/* The beginning is read without buffering, so that what was not asked for stays in the pipe. */
static int feed(struct framing *f, FILE *file, const char *name)
{
    uint8_t begin[ENOUGH_TO_TELL];
    size_t len = 0;

    setvbuf(file, NULL, _IONBF, 0);
    len = fread(begin, 1, sizeof begin, file);
    if (ferror(file))
        return EX_IOERR;
    if (!looks_like_hex(sn_bytes(begin, len))) {
        framing_receive(f, now_ms(), sn_bytes(begin, len));
        return feed_octets(f, fileno(file), name);
    }
    while (len > 0) /* glibc and musl take back more than the one octet that C promises */
        ungetc(begin[--len], file);
    return feed_hex(f, file, name);
}

int dump_stream(FILE *file, const char *name, const struct framing_options *options)
{
    const struct framing_sink sink = {.packet = on_packet};
    struct framing_options own = *options;

    own.max_packet = MAX_PACKET;
    struct framing *f = framing_new(&own, &sink);
    if (!f) {
        fputs("mqtt-sn-dump: out of memory\n", stderr);
        return EX_OSERR;
    }
    framing_start(f, now_ms());
    int status = feed(f, file, name);
    framing_expire(f, now_ms() + LONG_MS); /* what waits for its end gets none */
    fflush(stdout);
    tell_losses(framing_counters(f));
    framing_free(f);
    return status;
}
