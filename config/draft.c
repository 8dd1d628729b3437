/* SPDX-License-Identifier: Apache-2.0 */
#include "config/draft.h"
#include "config/errors.h"

#include <stdarg.h>
#include <string.h>

void draft_error(struct draft *draft, const struct entry *entry, size_t option, const char *format,
                 ...)
{
    const char *flag = entry->flag[option];
    char what[200];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    if (flag)
        errors_add(draft->errors, 0, "%s: %s", flag, what);
    else
        errors_add(draft->errors, entry->line[option] ? entry->line[option] : entry->heading,
                   "[%s%s%.40s] %s: %s", entry->section->key, *entry->name ? " " : "", entry->name,
                   entry->section->options[option].key, what);
}

struct entry *draft_entry(struct draft *draft, const char *section)
{
    return &draft->entries[section_find(section) - config_sections];
}

struct entry *draft_add_listener(struct draft *draft, const char *name, int heading)
{
    struct config *config = draft->config;
    size_t count = config->udp_count;
    struct udp_config *udp = memory_grow(config->memory, config->udp, count, sizeof(*udp));
    struct entry *listeners =
        memory_grow(&draft->scratch, draft->listeners, count, sizeof(*listeners));

    if (!udp || !listeners)
        return NULL;
    config->udp = udp;
    draft->listeners = listeners;
    config->udp_count++;

    listeners[count] = (struct entry){.section = section_find("udp"), .heading = heading};
    listeners[count].name = memory_text(config->memory, name, strlen(name));
    udp[count] = (struct udp_config){.name = listeners[count].name};
    option_defaults(listeners[count].section, &udp[count], config->memory);
    return &listeners[count];
}
