/* SPDX-License-Identifier: Apache-2.0 */
/* text - what may stand in a configuration value */
#ifndef CONFIG_TEXT_H
#define CONFIG_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is wrong with the text, as the end of a sentence; NULL when it is UTF-8 without control
 * characters and non-characters, as MQTT asks of its strings (MQTT 5, 1.5.4). */
const char *text_fault(const char *text, size_t len);

/* The same and that it may be published to: not empty, no wildcard. */
const char *topic_name_fault(const char *name);

/* Decimal digits only and not above `most`. */
bool text_number(const char *text, uint64_t most, uint64_t *out);

/* Cuts white space off both ends, in place. */
char *text_trim(char *text);

#endif
