/* SPDX-License-Identifier: Apache-2.0 */
/* options - the rows of options.def as data
 *
 * Everything that is done to each option alike - default, parsing, range, printing - walks these
 * rows and reaches the field by its offset.
 */
#ifndef CONFIG_OPTIONS_H
#define CONFIG_OPTIONS_H

#include "config/config.h"
#include "config/memory.h"

enum option_type { OPTION_NUMBER, OPTION_SECONDS, OPTION_FLAG, OPTION_TEXT, OPTION_CHOICE };

struct option {
    const char *key;
    const char *value; /* the default, as the file would say it */
    const char *help;
    enum option_type type;
    uint32_t least, most;
    size_t offset; /* in the section's struct */
};

enum { OPTIONS_MAX = 40, SECTIONS_COUNT = 8, OPTION_REASON_MAX = 160 };

struct section {
    const char *key;
    const struct option *options;
    size_t count;
    size_t offset;       /* in struct config: the struct, or of a section with names the array */
    size_t count_offset; /* of a section with names: how many the array has */
    size_t size;         /* of one */
    bool named;
};

extern const struct section config_sections[SECTIONS_COUNT];

/* The places of options in their section, for checks that look at several. */
#define OPTION_AT_GATEWAY(type, key, value, least, most, help) AT_gateway_##key,
#define OPTION_AT_BROKER(type, key, value, least, most, help)  AT_broker_##key,
#define OPTION_AT_UDP(type, key, value, least, most, help)     AT_udp_##key,
#define OPTION_AT_SERIAL(type, key, value, least, most, help)  AT_serial_##key,
#define OPTION_AT_STORE(type, key, value, least, most, help)   AT_store_##key,
enum { GATEWAY_OPTIONS(OPTION_AT_GATEWAY) };
enum { BROKER_OPTIONS(OPTION_AT_BROKER) };
enum { UDP_OPTIONS(OPTION_AT_UDP) };
enum { SERIAL_OPTIONS(OPTION_AT_SERIAL) };
enum { STORE_OPTIONS(OPTION_AT_STORE) };

const struct section *section_find(const char *key);
const struct option *option_find(const struct section *section, const char *key);

/* How often the section stands in the configuration; 1 for one without names. */
size_t section_count(const struct config *config, const struct section *section);

/* Where the options of the section are, and its name; `index` < section_count. */
void *section_base(const struct config *config, const struct section *section, size_t index);
const char *section_name(const struct config *config, const struct section *section, size_t index);

/* One more of a section with names, zeroed but for its name; NULL when memory is short. */
void *section_add(struct config *config, const struct section *section, const char *name);

/* Reads a value into the field of `base`. False with `reason`, the end of a sentence that begins
 * with the option's name, when it is not one. The reason never quotes free text: it may be
 * secret. */
bool option_read(const struct option *option, const char *text, void *base,
                 struct config_memory *memory, char reason[OPTION_REASON_MAX]);

void option_defaults(const struct section *section, void *base, struct config_memory *memory);

/* Prints the value of the field as the file would say it. */
void option_write(const struct option *option, const void *base, FILE *to);

/* Prints what may be said, for the sample file: "0 to 255". Nothing for free text. */
void option_write_range(const struct option *option, FILE *to);

#endif
