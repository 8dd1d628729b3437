/* SPDX-License-Identifier: Apache-2.0 */
#include "config/draft.h"
#include "config/errors.h"

#include <stdarg.h>
#include <string.h>

void draft_error(struct draft *draft, const struct entry *entry, size_t option, const char *format,
                 ...)
{
    const char *flag = entry->flag[option], *of = entry->preset[option] ? " of preset " : "";
    char what[200];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    if (flag)
        errors_add(draft->errors, 0, "%s: %s", flag, what);
    else
        errors_add(draft->errors, entry->line[option] ? entry->line[option] : entry->heading,
                   "[%s%s%.40s] %s%s%s: %s", entry->section->key, *entry->name ? " " : "",
                   entry->name, entry->section->options[option].key, of,
                   *of ? preset_word(draft) : "", what);
}

struct entry *draft_entry(struct draft *draft, const char *section)
{
    return &draft->entries[section_find(section) - config_sections];
}

struct entry *draft_entries(struct draft *draft, const struct section *section)
{
    return draft->many[section - config_sections];
}

struct entry *draft_add(struct draft *draft, const struct section *section, const char *name,
                        int heading)
{
    struct config *config = draft->config;
    struct entry **entries = &draft->many[section - config_sections];
    size_t count = section_count(config, section);
    struct entry *grown = memory_grow(&draft->scratch, *entries, count, sizeof(*grown));
    void *base = grown ? section_add(config, section, name) : NULL;

    if (!base)
        return NULL;
    *entries = grown;
    grown[count] = (struct entry){.section = section, .heading = heading};
    grown[count].name = section_name(config, section, count);
    option_defaults(section, base, config->memory);
    return &grown[count];
}
