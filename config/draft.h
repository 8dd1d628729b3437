/* SPDX-License-Identifier: Apache-2.0 */
/* draft - a configuration while it is being read and checked
 *
 * Beside the values it knows where each came from, so that a check of several options together
 * can name the line to change.
 */
#ifndef CONFIG_DRAFT_H
#define CONFIG_DRAFT_H

#include "config/memory.h"
#include "config/options.h"

/* One section of the file. */
struct entry {
    const struct section *section;
    const char *name;              /* of [section NAME], else "" */
    int heading;                   /* its line, 0 when it is not in the file */
    int line[OPTIONS_MAX];         /* of each option, 0 when it has its default */
    bool preset[OPTIONS_MAX];      /* [broker] preset set it */
    const char *flag[OPTIONS_MAX]; /* the command line's option that set it instead, else NULL */
};

struct draft_topic {
    uint64_t id;
    const char *name;
    int line;
};

struct draft_topics {
    const char *pattern; /* "" is all clients */
    int heading;
    struct draft_topic *rows;
    size_t count;
};

struct draft {
    struct config *config;
    struct config_errors *errors;
    struct config_memory scratch; /* what is needed only while reading */
    struct entry
        entries[SECTIONS_COUNT];        /* in the order of config_sections, those that stand once */
    struct entry *many[SECTIONS_COUNT]; /* of each with names, one for each of its array */
    struct draft_topics *topics;
    size_t topics_count;
};

/* Adds "[section NAME] key: ..." at the option's line, or "-b: ..." when the command line set it.
 */
void draft_error(struct draft *draft, const struct entry *entry, size_t option, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

struct entry *draft_entry(struct draft *draft, const char *section);

/* The entries of a section with names, section_count of them. */
struct entry *draft_entries(struct draft *draft, const struct section *section);

/* One more of a section with names, with all defaults; NULL when memory is short. */
struct entry *draft_add(struct draft *draft, const struct section *section, const char *name,
                        int heading);

/* [topics]: one row of the file, and the finished sets. */
void topics_take(struct draft *draft, struct draft_topics *set, const char *id, const char *name,
                 int line);
void topics_finish(struct draft *draft);

/* Gives every option of the [broker] preset its value, unless the file or the command line did. */
void preset_apply(struct draft *draft);
const char *preset_word(const struct draft *draft);

/* What options mean together. Fill in the fields of struct config that are derived. */
void check_gateway(struct draft *draft);
void check_broker(struct draft *draft);
void check_listeners(struct draft *draft);
void check_ports(struct draft *draft);

#endif
