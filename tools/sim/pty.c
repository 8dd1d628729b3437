/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sim/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/* Nothing may be echoed before the host has set the port up. It is opened and closed once because a
 * terminal that nobody has opened yet does not tell from one that is open. */
static bool prepare(int master, const char *name)
{
    struct termios raw;
    int port = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    bool ok = port >= 0 && tcgetattr(port, &raw) == 0;

    if (ok) {
        cfmakeraw(&raw);
        ok = tcsetattr(port, TCSANOW, &raw) == 0;
    }
    if (port >= 0)
        close(port);
    return ok && fcntl(master, F_SETFL, O_NONBLOCK) == 0;
}

static bool set_link(const char *link, const char *name)
{
    struct stat is;

    if (lstat(link, &is) == 0 && (!S_ISLNK(is.st_mode) || unlink(link) != 0)) {
        errno = EEXIST;
        return false;
    }
    return symlink(name, link) == 0;
}

static int open_terminal(char *name, size_t size)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (master < 0)
        return -1;
    if (grantpt(master) == 0 && unlockpt(master) == 0 && ptsname_r(master, name, size) == 0)
        return master;
    close(master);
    return -1;
}

/* The system gives the lowest free number: the last one is taken while a second is asked for. */
static int open_another(struct pty *pty)
{
    char name[sizeof pty->name];
    int master = open_terminal(name, sizeof name);

    if (master >= 0 && strcmp(name, pty->name) == 0) {
        int other = open_terminal(name, sizeof name);
        close(master);
        master = other;
    }
    if (master >= 0)
        memcpy(pty->name, name, sizeof name);
    return master;
}

bool pty_plug(struct pty *pty)
{
    int master = open_another(pty);

    if (master < 0)
        return false;
    if (!prepare(master, pty->name) || !set_link(pty->link, pty->name)) {
        int why = errno;
        close(master);
        errno = why;
        return false;
    }
    pty->master = master;
    return true;
}

void pty_unplug(struct pty *pty)
{
    if (pty->master < 0)
        return;
    unlink(pty->link);
    close(pty->master);
    pty->master = -1;
}
