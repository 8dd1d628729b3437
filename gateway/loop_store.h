/* SPDX-License-Identifier: Apache-2.0 */
/* loop_store - what the loop does with its store at the start */
#ifndef GATEWAY_LOOP_STORE_H
#define GATEWAY_LOOP_STORE_H

#include "gateway/loop.h"

/* Opens the store and gives the core what is in it; core_restored is left to the loop. 0, or an
 * exit code with one line in `error`. */
int loop_store_open(struct gateway *g, char *error, size_t size);

/* Gives the bridge what it had placed, before it is asked for anything. Likewise. */
int loop_store_places(struct gateway *g, char *error, size_t size);

#endif
