/* SPDX-License-Identifier: Apache-2.0 */
/* [topics] and [topics PATTERN]: predefined topic ids. */
#include "config/draft.h"
#include "config/errors.h"
#include "config/text.h"

#include <stdlib.h>
#include <string.h>

static const char *heading_text(const struct draft_topics *set, char *into, size_t size)
{
    snprintf(into, size, "[topics%s%.60s]", *set->pattern ? " " : "", set->pattern);
    return into;
}

void topics_take(struct draft *draft, struct draft_topics *set, const char *id, const char *name,
                 int line)
{
    struct draft_topic row = {.line = line};
    const char *fault = topic_name_fault(name);
    char in[80];

    heading_text(set, in, sizeof(in));
    if (!text_number(id, 65534, &row.id) || row.id == 0) {
        errors_add(draft->errors, line,
                   "%s \"%.40s\" is not a topic id: give a whole number from 1 to 65534", in, id);
        return;
    }
    if (fault) {
        errors_add(draft->errors, line, "%s %.40s: the topic name %s", in, id, fault);
        return;
    }

    struct draft_topic *rows = memory_grow(&draft->scratch, set->rows, set->count, sizeof(row));
    if (!rows)
        return;
    row.name = memory_text(draft->config->memory, name, strlen(name));
    set->rows = rows;
    set->rows[set->count++] = row;
}

static int by_id(const void *a, const void *b)
{
    const struct draft_topic *one = a, *other = b;

    if (one->id != other->id)
        return one->id < other->id ? -1 : 1;
    return one->line - other->line;
}

static int by_name(const void *a, const void *b)
{
    const struct draft_topic *one = a, *other = b;
    int order = strcmp(one->name, other->name);

    return order ? order : one->line - other->line;
}

static void find_doubles(struct draft *draft, struct draft_topics *set)
{
    struct draft_topic *rows = set->rows;
    char in[80];

    heading_text(set, in, sizeof(in));
    qsort(rows, set->count, sizeof(*rows), by_name);
    for (size_t i = 1; i < set->count; i++)
        if (strcmp(rows[i].name, rows[i - 1].name) == 0)
            errors_add(draft->errors, rows[i].line,
                       "%s %.60s: has an id already, in line %d; remove one of them", in,
                       rows[i].name, rows[i - 1].line);
    qsort(rows, set->count, sizeof(*rows), by_id);
    for (size_t i = 1; i < set->count; i++)
        if (rows[i].id == rows[i - 1].id)
            errors_add(draft->errors, rows[i].line,
                       "%s %u: the id is taken by line %d; remove one of them or use another id",
                       in, (unsigned)rows[i].id, rows[i - 1].line);
}

static void copy_rows(struct draft *draft, const struct draft_topics *set, struct topic_set *out)
{
    struct config_memory *memory = draft->config->memory;

    if (*set->pattern)
        out->pattern = set->pattern;
    if (set->count == 0)
        return;
    out->rows = memory_new(memory, set->count * sizeof(*out->rows));
    if (!out->rows)
        return;
    for (size_t i = 0; i < set->count; i++)
        out->rows[i] = (struct topic_row){(uint16_t)set->rows[i].id, set->rows[i].name};
    out->count = set->count;
}

void topics_finish(struct draft *draft)
{
    struct config *config = draft->config;
    size_t count = draft->topics_count, to = 0;

    if (count == 0)
        return;
    config->topics = memory_new(config->memory, count * sizeof(*config->topics));
    if (!config->topics)
        return;
    for (size_t i = 0; i < count; i++) {
        struct draft_topics *set = &draft->topics[i];

        if (set->count > 0)
            find_doubles(draft, set);
        /* Of all clients there is at most one set; it goes to the end. */
        copy_rows(draft, set, &config->topics[*set->pattern ? to++ : count - 1]);
    }
    config->topics_count = count;
}
