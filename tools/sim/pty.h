/* SPDX-License-Identifier: Apache-2.0 */
/* pty - a serial port that appears and vanishes as a dongle's does
 *
 * The port is the far end of a pseudo-terminal, found through a symbolic link that stays where it
 * is while the terminal behind it gets another name each time it is plugged in.
 */
#ifndef TOOLS_SIM_PTY_H
#define TOOLS_SIM_PTY_H

#include <stdbool.h>
#include <stddef.h>

struct pty {
    const char *link;
    int master;    /* -1: vanished */
    char name[64]; /* of the terminal, now or last */
};

/* False with errno set; a link that is there is replaced, anything else in its place is not. */
bool pty_plug(struct pty *pty);
void pty_unplug(struct pty *pty);

#endif
