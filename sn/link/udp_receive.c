/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/link/udp_receive.h"

#include <errno.h>
#include <sys/mman.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size)   ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

#define ALIGNMENT 64 /* a cache line; the sanitizer needs 8 */

bool udp_receive_init(struct udp_receive *r, size_t max_packet)
{
    *r = (struct udp_receive){.max_packet = max_packet};
    r->stride = (max_packet + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *block = mmap(NULL, r->stride * UDP_BATCH, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block == MAP_FAILED)
        return false;
    r->block = block;
    for (size_t i = 0; i < UDP_BATCH; i++) {
        r->parts[i] = (struct iovec){r->block + i * r->stride, max_packet + 1};
        r->messages[i].msg_hdr = (struct msghdr){.msg_name = &r->from[i],
                                                 .msg_iov = &r->parts[i],
                                                 .msg_iovlen = 1,
                                                 .msg_control = r->control[i]};
    }
    return true;
}

void udp_receive_fini(struct udp_receive *r)
{
    if (r->block)
        munmap(r->block, r->stride * UDP_BATCH);
    r->block = NULL;
}

int udp_receive_batch(struct udp_receive *r, int fd)
{
    for (size_t i = 0; i < UDP_BATCH; i++) { /* the kernel has overwritten these */
        r->messages[i].msg_hdr.msg_namelen = sizeof r->from[i];
        r->messages[i].msg_hdr.msg_controllen = sizeof r->control[i];
        r->messages[i].msg_hdr.msg_flags = 0;
    }
    int count = recvmmsg(fd, r->messages, UDP_BATCH, MSG_DONTWAIT, NULL);
    return count < 0 ? -errno : count;
}

bool udp_receive_take(struct udp_receive *r, int index, struct sn_bytes *wire,
                      struct udp_arrival *arrival)
{
    struct mmsghdr *m = &r->messages[index];
    uint8_t *start = r->block + (size_t)index * r->stride;

    udp_read_control(arrival, &m->msg_hdr, &r->from[index]);
    *wire = sn_bytes(start, m->msg_len);
    ASAN_POISON_MEMORY_REGION(start + m->msg_len, r->stride - m->msg_len);
    return m->msg_len <= r->max_packet && !(m->msg_hdr.msg_flags & MSG_TRUNC);
}

void udp_receive_done(struct udp_receive *r, int index)
{
    ASAN_UNPOISON_MEMORY_REGION(r->block + (size_t)index * r->stride, r->stride);
}
