/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "gateway/command.h"

static void tell_owner(int lock, const char *path, char *error, size_t size)
{
    char text[24] = "";

    if (pread(lock, text, sizeof text - 1, 0) <= 0)
        text[0] = '\0';
    snprintf(error, size,
             "%s is in use by another gateway (process %ld); give each its own [store] path = ",
             path, strtol(text, NULL, 10));
}

int store_lock(const char *path, bool *marked, int *code, char *error, size_t size)
{
    char name[4096 + 8];
    int lock;

    snprintf(name, sizeof name, "%s.lock", path);
    lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) {
        *code = EXIT_IO;
        snprintf(error, size,
                 "%s cannot be opened: %s; [store] path = wants a directory that exists and that "
                 "the gateway may write to",
                 name, strerror(errno));
        return -1;
    }
    if (flock(lock, LOCK_EX | LOCK_NB) == 0) {
        *marked = lseek(lock, 0, SEEK_END) > 0;
        return lock;
    }
    *code = EXIT_UNAVAILABLE;
    if (errno == EWOULDBLOCK)
        tell_owner(lock, path, error, size);
    else
        snprintf(error, size, "%s cannot be locked: %s", name, strerror(errno));
    close(lock);
    return -1;
}

/* Written once and not on every start where it stands already; a full disk is no reason to stop
 * here, it will be told where it matters. */
void store_lock_mark(int lock)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%10ld\n", (long)getpid());

    if (pwrite(lock, text, (size_t)len, 0) != len)
        return;
}

void store_unlock(int lock)
{
    close(lock);
}
