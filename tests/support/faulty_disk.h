/* SPDX-License-Identifier: Apache-2.0 */
/* faulty_disk - a SQLite VFS that does what disks do when they fail
 *
 * It stands before the system's own, and is told what to do by a struct. It keeps what each file
 * held when it was last synced, so that faulty_disk_cut_power can put back exactly that.
 *
 * What a power cut here shows: nothing depends on octets that were written and not synced. What it
 * cannot show: sectors torn in the middle, writes that reach the disk in another order and survive
 * in part, and disks that call a sync done which is not.
 */
#ifndef TESTS_SUPPORT_FAULTY_DISK_H
#define TESTS_SUPPORT_FAULTY_DISK_H

#include <stdbool.h>

struct faulty_disk {
    int write_error;        /* a SQLite result code that every write gives; 0 is none */
    int sync_error;         /* the same for syncs */
    unsigned sync_ms;       /* how long a sync takes */
    int writes_to_live;     /* the process ends in this write; 0 is never */
    bool power_goes;        /* ... and the power with it */
    unsigned writes, syncs; /* how many there were */
};

extern struct faulty_disk faulty_disk;

/* Every file that SQLite opens from now on is on it. */
void faulty_disk_install(void);

/* Call in a process that ends right after: SQLite does not know. */
void faulty_disk_cut_power(void);

#endif
