/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/socketpair.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Thread_local bool refused;

void socketpair_refuse(bool refuse)
{
    refused = refuse;
}

/* Exported by the executable, so libmosquitto's call binds to it before libc's. */
__attribute__((visibility("default"))) int socketpair(int domain, int type, int protocol,
                                                      int fds[2])
{
    if (refused) {
        errno = EMFILE;
        return -1;
    }
    return (int)syscall(SYS_socketpair, domain, type, protocol, fds);
}
