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
#define ROW_store(...)   ROW(store, __VA_ARGS__)
#define ROW_spool(...)   ROW(spool, __VA_ARGS__)
#define ROW_log(...)     ROW(log, __VA_ARGS__)

#define ROW_serial(...) ROW(serial, __VA_ARGS__)

#define ROWS(key, options)                                                                         \
    static const struct option key##_rows[] = {options(ROW_##key)};                                \
    static_assert(sizeof(key##_rows) / sizeof(key##_rows[0]) <= OPTIONS_MAX, "OPTIONS_MAX");
CONFIG_SECTIONS(ROWS, ROWS)

#define COUNT_OF(rows) (sizeof(rows) / sizeof((rows)[0]))
#define ONE(key, options)                                                                          \
    {#key, key##_rows, COUNT_OF(key##_rows), offsetof(struct config, key), 0, 0, false},
#define MANY(key, options)                                                                         \
    {#key,                                                                                         \
     key##_rows,                                                                                   \
     COUNT_OF(key##_rows),                                                                         \
     offsetof(struct config, key),                                                                 \
     offsetof(struct config, key##_count),                                                         \
     sizeof(struct key##_config),                                                                  \
     true},
const struct section config_sections[SECTIONS_COUNT] = {CONFIG_SECTIONS(ONE, MANY)};

static_assert(offsetof(struct udp_config, name) == 0, "MANY");
static_assert(offsetof(struct serial_config, name) == 0, "MANY");

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

static void *at(const struct config *config, size_t offset)
{
    return (char *)(uintptr_t)config + offset;
}

size_t section_count(const struct config *config, const struct section *section)
{
    return section->named ? *(size_t *)at(config, section->count_offset) : 1;
}

/* The arrays have pointers of different types, which may not be read as void *. */
static char *array(const struct config *config, const struct section *section)
{
    char *start;

    memcpy(&start, at(config, section->offset), sizeof(start));
    return start;
}

void *section_base(const struct config *config, const struct section *section, size_t index)
{
    if (section->named)
        return array(config, section) + index * section->size;
    return at(config, section->offset);
}

const char *section_name(const struct config *config, const struct section *section, size_t index)
{
    return section->named ? *(const char **)section_base(config, section, index) : "";
}

void *section_add(struct config *config, const struct section *section, const char *name)
{
    size_t *count = at(config, section->count_offset);
    void *grown = memory_grow(config->memory, array(config, section), *count, section->size);

    if (!grown)
        return NULL;
    memcpy(at(config, section->offset), &grown, sizeof(grown));
    void *base = section_base(config, section, (*count)++);
    *(const char **)base = memory_text(config->memory, name, strlen(name));
    return base;
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
