/* SPDX-License-Identifier: Apache-2.0 */
/* reload - which changes of the configuration wait for a restart
 *
 * Sockets and broker connections were opened with the configuration of the start and keep it. All
 * else holds as soon as it is read.
 */
#ifndef GATEWAY_RELOAD_H
#define GATEWAY_RELOAD_H

#include "config/config.h"

/* Calls `changed` with "[section] option" for every option whose value differs and has to wait. */
void reload_compare(const struct config *started, const struct config *now,
                    void (*changed)(void *self, const char *option), void *self);

#endif
