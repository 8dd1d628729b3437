/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/faulty_disk.h"

#include <check.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define IMAGES_MAX 8

struct faulty_disk faulty_disk;

/* What a file holds for sure. */
struct image {
    char name[512];
    uint8_t *octets;
    size_t len;
};

static struct image images[IMAGES_MAX];
static sqlite3_vfs *system_vfs;

/* The system's file follows in the same block. */
struct file {
    sqlite3_file base;
    sqlite3_file *real;
    struct image *image; /* NULL: a temporary file */
};

static struct image *image_of(const char *name)
{
    for (size_t i = 0; i < IMAGES_MAX; i++) {
        if (images[i].name[0] == '\0')
            strncpy(images[i].name, name, sizeof images[i].name - 1);
        if (strcmp(images[i].name, name) == 0)
            return &images[i];
    }
    ck_abort_msg("more files than images");
    return NULL;
}

static void take_image(struct file *f)
{
    sqlite3_int64 len = 0;

    if (!f->image || f->real->pMethods->xFileSize(f->real, &len) != SQLITE_OK)
        return;
    f->image->octets = realloc(f->image->octets, (size_t)len + 1);
    f->image->len = (size_t)len;
    if (len > 0)
        f->real->pMethods->xRead(f->real, f->image->octets, (int)len, 0);
}

static struct file *of(sqlite3_file *base)
{
    return (struct file *)base;
}

#define REAL(method, ...) of(base)->real->pMethods->method(of(base)->real, ##__VA_ARGS__)

static int on_close(sqlite3_file *base)
{
    return REAL(xClose);
}

static int on_read(sqlite3_file *base, void *into, int len, sqlite3_int64 at)
{
    return REAL(xRead, into, len, at);
}

static int on_write(sqlite3_file *base, const void *from, int len, sqlite3_int64 at)
{
    if (faulty_disk.write_error)
        return faulty_disk.write_error;
    faulty_disk.writes++;
    if (faulty_disk.writes_to_live > 0 && --faulty_disk.writes_to_live == 0) {
        if (faulty_disk.power_goes)
            faulty_disk_cut_power();
        _exit(0);
    }
    return REAL(xWrite, from, len, at);
}

static int on_truncate(sqlite3_file *base, sqlite3_int64 len)
{
    return REAL(xTruncate, len);
}

static int on_sync(sqlite3_file *base, int flags)
{
    struct timespec pause = {faulty_disk.sync_ms / 1000, faulty_disk.sync_ms % 1000 * 1000000L};

    (void)flags; /* the image stands for the disk: there is no need to bother a real one */
    if (faulty_disk.sync_error)
        return faulty_disk.sync_error;
    faulty_disk.syncs++;
    nanosleep(&pause, NULL);
    take_image(of(base));
    return SQLITE_OK;
}

static int on_file_size(sqlite3_file *base, sqlite3_int64 *len)
{
    return REAL(xFileSize, len);
}

static int on_lock(sqlite3_file *base, int level)
{
    return REAL(xLock, level);
}

static int on_unlock(sqlite3_file *base, int level)
{
    return REAL(xUnlock, level);
}

static int on_check_lock(sqlite3_file *base, int *held)
{
    return REAL(xCheckReservedLock, held);
}

static int on_control(sqlite3_file *base, int what, void *argument)
{
    return REAL(xFileControl, what, argument);
}

static int on_sector_size(sqlite3_file *base)
{
    return REAL(xSectorSize);
}

static int on_characteristics(sqlite3_file *base)
{
    return REAL(xDeviceCharacteristics);
}

static int on_shm_map(sqlite3_file *base, int page, int size, int extend, void volatile **out)
{
    return REAL(xShmMap, page, size, extend, out);
}

static int on_shm_lock(sqlite3_file *base, int offset, int count, int flags)
{
    return REAL(xShmLock, offset, count, flags);
}

static void on_shm_barrier(sqlite3_file *base)
{
    REAL(xShmBarrier);
}

static int on_shm_unmap(sqlite3_file *base, int remove)
{
    return REAL(xShmUnmap, remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_file_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_check_lock,
    .xFileControl = on_control,
    .xSectorSize = on_sector_size,
    .xDeviceCharacteristics = on_characteristics,
    .xShmMap = on_shm_map,
    .xShmLock = on_shm_lock,
    .xShmBarrier = on_shm_barrier,
    .xShmUnmap = on_shm_unmap,
};

/* What stands in a file when it is opened counts as being on the disk. */
static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *given)
{
    struct file *f = of(base);
    int rc;

    (void)vfs;
    f->real = (sqlite3_file *)(f + 1);
    rc = system_vfs->xOpen(system_vfs, name, f->real, flags, given);
    f->base.pMethods = f->real->pMethods ? &methods : NULL;
    f->image = name ? image_of(name) : NULL;
    if (rc == SQLITE_OK)
        take_image(f);
    return rc;
}

void faulty_disk_install(void)
{
    static sqlite3_vfs vfs;

    sqlite3_initialize();
    system_vfs = sqlite3_vfs_find(NULL);
    vfs = *system_vfs;
    vfs.zName = "faulty";
    vfs.szOsFile += (int)sizeof(struct file);
    vfs.xOpen = on_open;
    faulty_disk = (struct faulty_disk){0};
    sqlite3_vfs_register(&vfs, 1);
}

/* The index beside the log is never synced, and is made anew from the log. */
static void put_back(const struct image *image)
{
    char index[600];
    int file = open(image->name, O_WRONLY | O_TRUNC);

    if (file < 0)
        return;
    ck_assert(write(file, image->octets, image->len) == (ssize_t)image->len);
    close(file);
    snprintf(index, sizeof index, "%s-shm", image->name);
    unlink(index);
}

void faulty_disk_cut_power(void)
{
    for (size_t i = 0; i < IMAGES_MAX; i++)
        if (images[i].name[0])
            put_back(&images[i]);
}
