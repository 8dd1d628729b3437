/* SPDX-License-Identifier: Apache-2.0 */
#include "config/options.h"

#include <assert.h>
#include <string.h>

#define FIELD_NUMBER(key)  key
#define FIELD_SECONDS(key) key##_ms
#define FIELD_FLAG(key)    key
#define FIELD_TEXT(key)    key
#define FIELD_CHOICE(key)  key

#define ROW(section, type, key, value, least, most, help)                                          \
    {#key,                                                                                         \
     value,                                                                                        \
     help,                                                                                         \
     OPTION_##type,                                                                                \
     least,                                                                                        \
     most,                                                                                         \
     offsetof(struct section##_config, FIELD_##type(key))},
#define ROW_gateway(...) ROW(gateway, __VA_ARGS__)
#define ROW_broker(...)  ROW(broker, __VA_ARGS__)
#define ROW_udp(...)     ROW(udp, __VA_ARGS__)
#define ROW_sleep(...)   ROW(sleep, __VA_ARGS__)
#define ROW_log(...)     ROW(log, __VA_ARGS__)

#define ROWS(key, options, named)                                                                  \
    static const struct option key##_rows[] = {options(ROW_##key)};                                \
    static_assert(sizeof(key##_rows) / sizeof(key##_rows[0]) <= OPTIONS_MAX, "OPTIONS_MAX");
CONFIG_SECTIONS(ROWS)

#define SECTION(key, options, named)                                                               \
    {#key, key##_rows, sizeof(key##_rows) / sizeof(key##_rows[0]), offsetof(struct config, key),   \
     named},
const struct section config_sections[SECTIONS_COUNT] = {CONFIG_SECTIONS(SECTION)};

const struct section *section_find(const char *key)
{
    for (size_t i = 0; i < SECTIONS_COUNT; i++)
        if (strcmp(config_sections[i].key, key) == 0)
            return &config_sections[i];
    return NULL;
}

const struct option *option_find(const struct section *section, const char *key)
{
    for (size_t i = 0; i < section->count; i++)
        if (strcmp(section->options[i].key, key) == 0)
            return &section->options[i];
    return NULL;
}

void *section_base(const struct config *config, const struct section *section, size_t index)
{
    if (section->named)
        return &config->udp[index];
    return (char *)(uintptr_t)config + section->offset;
}

void option_defaults(const struct section *section, void *base, struct config_memory *memory)
{
    char reason[OPTION_REASON_MAX];

    for (size_t i = 0; i < section->count; i++) {
        const struct option *option = &section->options[i];
        bool valid = option_read(option, option->value, base, memory, reason);

        assert(valid);
        (void)valid;
    }
}
