/* SPDX-License-Identifier: Apache-2.0 */
/* udp_send - hands a queue of datagrams to a socket, in batches of one system call */
#ifndef SN_LINK_UDP_SEND_H
#define SN_LINK_UDP_SEND_H

#include "sn/link/link.h"
#include "sn/link/udp_queue.h"

/* Sends until the queue is empty (true) or the socket takes no more (false: call again when it is
 * writable). What the system refuses is dropped and counted; no refusal is fatal. */
bool udp_send_queue(struct udp_queue *q, int fd, int family, struct link_counters *counters);

#endif
