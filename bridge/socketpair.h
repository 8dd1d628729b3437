/* SPDX-License-Identifier: Apache-2.0 */
/* socketpair - keeps libmosquitto from opening two descriptors per connection that nobody reads
 *
 * mosquitto_new opens a socket pair to wake a thread of its own. Driven by our loop there is no
 * such thread, and the pair costs two descriptors and up to 217 KB of kernel memory per connection.
 * The library copes without. So the executable defines socketpair(): it fails while this thread
 * says so and is the system's otherwise. It needs libmosquitto as a shared library.
 */
#ifndef BRIDGE_SOCKETPAIR_H
#define BRIDGE_SOCKETPAIR_H

#include <stdbool.h>

/* For the calling thread only. */
void socketpair_refuse(bool refuse);

#endif
