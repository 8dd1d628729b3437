/* SPDX-License-Identifier: Apache-2.0 */
/* serial_owner - which process has a port open
 *
 * For a log line that tells the operator whom to stop. Looks through /proc, so it is for the rare
 * case only.
 */
#ifndef SN_LINK_SERIAL_OWNER_H
#define SN_LINK_SERIAL_OWNER_H

#include <stdbool.h>
#include <stddef.h>

/* "screen (pid 4711)". False when no process that may be looked into has it open. */
bool serial_owner(const char *path, char *out, size_t size);

#endif
