/* SPDX-License-Identifier: Apache-2.0 */
/* serial_watch - tells when something appears where a port should be
 *
 * inotify on the port's folder and on that of the devices; of a folder that is missing, on the
 * nearest one above it. Writing to devices, which happens all the time, is not among what is asked.
 */
#ifndef SN_LINK_SERIAL_WATCH_H
#define SN_LINK_SERIAL_WATCH_H

#include <stdbool.h>

/* A new inotify descriptor, or -1. */
int serial_watch_open(const char *path, const char *devices);

/* Forgets what has happened since. */
void serial_watch_drain(int fd);

#endif
