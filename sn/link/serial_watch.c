/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/link/serial_watch.h"

#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "sn/link/serial_find.h"

/* udev makes a node first and gives it to its group later: that is an attribute. */
#define APPEARANCES (IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

static void watch_nearest(int fd, const char *path)
{
    char folder[SERIAL_PATH_MAX];

    snprintf(folder, sizeof folder, "%s", path);
    while (inotify_add_watch(fd, *folder ? folder : "/", APPEARANCES | IN_ONLYDIR) < 0 && *folder) {
        char *slash = strrchr(folder, '/');
        *(slash ? slash : folder) = '\0';
    }
}

int serial_watch_open(const char *path, const char *devices)
{
    char folder[SERIAL_PATH_MAX];
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    if (fd < 0)
        return -1;
    watch_nearest(fd, devices);
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash) {
        *slash = '\0';
        watch_nearest(fd, folder);
    }
    return fd;
}

void serial_watch_drain(int fd)
{
    char events[4096] __attribute__((aligned(8)));

    while (read(fd, events, sizeof events) > 0)
        continue;
}
