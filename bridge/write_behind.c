/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/write_behind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Thread_local struct {
    int fd;
    bool active;
    bool full; /* the socket takes no more */
    int error;
    size_t at, len;
    unsigned char octets[65536];
} behind;

static ssize_t to_system(int fd, const void *octets, size_t size)
{
    return syscall(SYS_write, fd, octets, size);
}

/* 0: all written, or as much as the socket takes: `*at` tells. */
static int write_some(int fd, const unsigned char *octets, size_t len, size_t *at)
{
    while (*at < len) {
        ssize_t n = to_system(fd, octets + *at, len - *at);
        if (n > 0)
            *at += (size_t)n;
        else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return 0;
        else if (n == 0 || errno != EINTR)
            return n == 0 ? EPIPE : errno;
    }
    return 0;
}

static void flush(void)
{
    behind.error = write_some(behind.fd, behind.octets, behind.len, &behind.at);
    behind.full = behind.at < behind.len;
    if (!behind.full)
        behind.at = behind.len = 0;
}

void write_behind_begin(int fd)
{
    behind.fd = fd;
    behind.active = true;
    behind.full = false;
    behind.error = 0;
    behind.at = behind.len = 0;
}

int write_behind_end(struct write_rest *rest)
{
    behind.active = false;
    if (!behind.full)
        flush();
    if (behind.error != 0 || !behind.full)
        return behind.error;
    size_t left = behind.len - behind.at;
    rest->octets = malloc(left);
    if (!rest->octets)
        return ENOMEM;
    memcpy(rest->octets, behind.octets + behind.at, left);
    rest->at = 0;
    rest->len = left;
    return 0;
}

int write_rest_flush(struct write_rest *rest, int fd)
{
    int error = write_some(fd, rest->octets, rest->len, &rest->at);

    if (error == 0 && rest->at == rest->len)
        write_rest_drop(rest);
    return error;
}

void write_rest_drop(struct write_rest *rest)
{
    free(rest->octets);
    *rest = (struct write_rest){0};
}

static ssize_t refuse(int error)
{
    errno = error;
    return -1;
}

static ssize_t collect(const void *octets, size_t size)
{
    if (!behind.full && size > sizeof behind.octets - behind.len)
        flush();
    if (behind.full)
        return refuse(behind.error ? behind.error : EAGAIN);
    if (size > sizeof behind.octets)
        return to_system(behind.fd, octets, size);
    memcpy(behind.octets + behind.len, octets, size);
    behind.len += size;
    return (ssize_t)size;
}

/* Exported by the executable, so libmosquitto's call binds to it before libc's. */
__attribute__((visibility("default"))) ssize_t write(int fd, const void *octets, size_t size)
{
    if (behind.active && fd == behind.fd)
        return collect(octets, size);
    return to_system(fd, octets, size);
}
