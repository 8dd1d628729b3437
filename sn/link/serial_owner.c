/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/link/serial_owner.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* stat of what is no device may wait: of a file on a network share that is gone, say. */
static bool leads_to(const char *entry, dev_t device)
{
    char target[64];
    struct stat about;
    ssize_t len = readlink(entry, target, sizeof target);

    return len > 5 && memcmp(target, "/dev/", 5) == 0 && stat(entry, &about) == 0 &&
           S_ISCHR(about.st_mode) && about.st_rdev == device;
}

static bool has_open(long pid, dev_t device)
{
    char path[64], entry[64 + 256];
    const struct dirent *fd;
    bool found = false;

    snprintf(path, sizeof path, "/proc/%ld/fd", pid);
    DIR *folder = opendir(path);
    if (!folder)
        return false;
    while (!found && (fd = readdir(folder))) {
        snprintf(entry, sizeof entry, "%s/%s", path, fd->d_name);
        found = leads_to(entry, device);
    }
    closedir(folder);
    return found;
}

static long find_open(dev_t device)
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    long found = 0;

    if (!proc)
        return 0;
    while (found == 0 && (entry = readdir(proc))) {
        long pid = isdigit((unsigned char)*entry->d_name) ? strtol(entry->d_name, NULL, 10) : 0;
        if (pid > 0 && pid != getpid() && has_open(pid, device))
            found = pid;
    }
    closedir(proc);
    return found;
}

/* Others' descriptors are hidden from most users; the list of locks is not. A line of it:
 * "4: FLOCK  ADVISORY  WRITE 4711 00:05:88 0 EOF" */
static long find_lock(const struct stat *about)
{
    FILE *locks = fopen("/proc/locks", "re");
    char line[160];
    long found = 0;

    if (!locks)
        return 0;
    while (found == 0 && fgets(line, sizeof line, locks)) {
        long pid;
        unsigned major, minor;
        unsigned long inode;

        if (sscanf(line, "%*s FLOCK %*s %*s %ld %x:%x:%lu", &pid, &major, &minor, &inode) == 4 &&
            makedev(major, minor) == about->st_dev && inode == about->st_ino)
            found = pid;
    }
    fclose(locks);
    return found;
}

bool serial_owner(const char *path, char *out, size_t size)
{
    char name[64], comm[32] = "";
    struct stat about;

    if (stat(path, &about) != 0)
        return false;
    long pid = find_open(about.st_rdev);
    if (pid == 0)
        pid = find_lock(&about);
    if (pid <= 0)
        return false;
    snprintf(name, sizeof name, "/proc/%ld/comm", pid);
    FILE *file = fopen(name, "re");
    if (file) {
        if (fgets(comm, sizeof comm, file))
            comm[strcspn(comm, "\n")] = '\0';
        fclose(file);
    }
    snprintf(out, size, "%s (pid %ld)", *comm ? comm : "a program", pid);
    return true;
}
