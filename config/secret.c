/* SPDX-License-Identifier: Apache-2.0 */
#include "config/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A pipe or device could wait for ever or give something else on the next SIGHUP: files only. */
static int open_file(const char *path, char reason[SECRET_REASON_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat about;

    if (fd < 0) {
        snprintf(reason, SECRET_REASON_MAX, "cannot be read: %s", strerror(errno));
        return -1;
    }
    if (fstat(fd, &about) < 0 || !S_ISREG(about.st_mode)) {
        snprintf(reason, SECRET_REASON_MAX, "is not a file");
        close(fd);
        return -1;
    }
    return fd;
}

bool file_is_readable(const char *path, char reason[SECRET_REASON_MAX])
{
    int fd = open_file(path, reason);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

const char *secret_read(const char *path, struct config_memory *memory,
                        char reason[SECRET_REASON_MAX])
{
    char line[SECRET_MAX + 2]; /* and "\r\n" */
    int fd = open_file(path, reason);

    if (fd < 0)
        return NULL;

    ssize_t got = read(fd, line, sizeof(line));
    int error = errno;
    close(fd);
    if (got < 0) {
        snprintf(reason, SECRET_REASON_MAX, "cannot be read: %s", strerror(error));
        return NULL;
    }

    const char *end = memchr(line, '\n', (size_t)got), *secret = NULL;
    size_t len = end ? (size_t)(end - line) : (size_t)got;
    if (len > 0 && line[len - 1] == '\r')
        len--;
    if (len == 0)
        snprintf(reason, SECRET_REASON_MAX, "has nothing in its first line");
    else if (len > SECRET_MAX)
        snprintf(reason, SECRET_REASON_MAX, "has more than %d octets in its first line",
                 SECRET_MAX);
    else if (memchr(line, '\0', len))
        snprintf(reason, SECRET_REASON_MAX, "holds a NUL octet");
    else
        secret = memory_text(memory, line, len);
    explicit_bzero(line, sizeof(line));
    return secret;
}
