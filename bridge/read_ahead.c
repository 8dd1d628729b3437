/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/read_ahead.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Thread_local struct {
    int fd;
    bool active;
    bool drained; /* the socket had no more than this */
    size_t at, len;
    uint8_t octets[16384];
} ahead;

void read_ahead_begin(int fd)
{
    ahead.fd = fd;
    ahead.active = true;
    ahead.drained = false;
    ahead.at = ahead.len = 0;
}

bool read_ahead_left(void)
{
    return ahead.active && ahead.at < ahead.len;
}

void read_ahead_last(void)
{
    ahead.drained = true;
}

void read_ahead_end(void)
{
    ahead.active = false;
}

/* A short answer means that the socket is empty: the next call need not ask. */
static ssize_t ask(void *into, size_t size)
{
    ssize_t n = syscall(SYS_read, ahead.fd, into, size);

    ahead.drained = n > 0 && (size_t)n < size;
    return n;
}

static ssize_t deal(void *into, size_t size)
{
    if (!read_ahead_left()) {
        if (ahead.drained) {
            errno = EAGAIN;
            return -1;
        }
        if (size >= sizeof ahead.octets)
            return ask(into, size);
        ssize_t n = ask(ahead.octets, sizeof ahead.octets);
        if (n <= 0)
            return n;
        ahead.at = 0;
        ahead.len = (size_t)n;
    }
    size_t part = ahead.len - ahead.at < size ? ahead.len - ahead.at : size;
    memcpy(into, ahead.octets + ahead.at, part);
    ahead.at += part;
    return (ssize_t)part;
}

/* Exported by the executable, so libmosquitto's call binds to it before libc's. */
__attribute__((visibility("default"))) ssize_t read(int fd, void *into, size_t size)
{
    if (ahead.active && fd == ahead.fd)
        return deal(into, size);
    return syscall(SYS_read, fd, into, size);
}
