/* SPDX-License-Identifier: Apache-2.0 */
#include "config/load.h"
#include "config/draft.h"
#include "config/errors.h"
#include "config/reader.h"
#include "config/suggest.h"
#include "config/text.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Where the lines go that are being read. */
struct loader {
    struct draft *draft;
    struct reader reader;
    struct entry *entry;         /* NULL: no section with options is open */
    void *base;                  /* its struct */
    struct draft_topics *topics; /* NULL: no [topics] is open */
    bool skip;                   /* the heading was an error, which says enough */
};

static void unknown_section(struct loader *loader, const char *key)
{
    const char *nearest = "topics";
    size_t least = name_distance(key, nearest);

    for (size_t i = 0; i < SECTIONS_COUNT; i++) {
        size_t distance = name_distance(key, config_sections[i].key);

        if (distance < least) {
            nearest = config_sections[i].key;
            least = distance;
        }
    }
    if (name_is_near(key, least))
        errors_add(loader->draft->errors, loader->reader.line,
                   "[%.60s] is not a section; did you mean [%s]?", key, nearest);
    else
        errors_add(loader->draft->errors, loader->reader.line,
                   "[%.60s] is not a section; there are gateway, broker, udp, serial, "
                   "sleep, store, spool, log, topics",
                   key);
}

static void open_topics(struct loader *loader, const char *pattern)
{
    struct draft *draft = loader->draft;
    struct draft_topics *sets;

    for (size_t i = 0; i < draft->topics_count; i++) {
        if (strcmp(draft->topics[i].pattern, pattern) != 0)
            continue;
        errors_add(draft->errors, loader->reader.line,
                   "[topics%s%.60s] stands in line %d already: put all its topics there",
                   *pattern ? " " : "", pattern, draft->topics[i].heading);
        loader->topics = &draft->topics[i];
        return;
    }
    sets = memory_grow(&draft->scratch, draft->topics, draft->topics_count, sizeof(*sets));
    if (!sets)
        return;
    draft->topics = sets;
    loader->topics = &sets[draft->topics_count++];
    loader->topics->pattern = memory_text(draft->config->memory, pattern, strlen(pattern));
    loader->topics->heading = loader->reader.line;
}

static void open_named(struct loader *loader, const struct section *section, const char *name)
{
    struct draft *draft = loader->draft;
    const struct entry *entries = draft_entries(draft, section);
    size_t count = section_count(draft->config, section);

    for (size_t i = 0; i < count; i++)
        if (strcmp(entries[i].name, name) == 0)
            errors_add(draft->errors, loader->reader.line,
                       "[%s%s%.60s] stands in line %d already: give this %s another name, "
                       "as [%s second]",
                       section->key, *name ? " " : "", name, entries[i].heading,
                       strcmp(section->key, "udp") == 0 ? "listener" : "port", section->key);
    loader->entry = draft_add(draft, section, name, loader->reader.line);
    if (loader->entry)
        loader->base = section_base(draft->config, section, count);
}

static void open_single(struct loader *loader, const struct section *section, const char *name)
{
    struct draft *draft = loader->draft;
    struct entry *entry = &draft->entries[section - config_sections];

    if (*name)
        errors_add(draft->errors, loader->reader.line, "[%s %.60s]: write [%s], it takes no name",
                   section->key, name, section->key);
    else if (entry->heading)
        errors_add(draft->errors, loader->reader.line,
                   "[%s] stands in line %d already: put all its options there", section->key,
                   entry->heading);
    if (entry->heading == 0)
        entry->heading = loader->reader.line;
    loader->entry = entry;
    loader->base = section_base(draft->config, section, 0);
}

/* `heading` is "section" or "section NAME"; NULL when it could not be read. */
static void on_heading(void *self, char *heading)
{
    struct loader *loader = self;
    const struct section *section;
    char *name;

    loader->entry = NULL;
    loader->topics = NULL;
    loader->skip = false;
    if (!heading) {
        loader->skip = true;
        return;
    }
    name = heading + strcspn(heading, " \t");
    if (*name)
        *name++ = '\0';
    name = text_trim(name);
    section = section_find(heading);
    if (strcmp(heading, "topics") == 0)
        open_topics(loader, name);
    else if (section && section->named)
        open_named(loader, section, name);
    else if (section)
        open_single(loader, section, name);
    else
        unknown_section(loader, heading);
    loader->skip = !loader->entry && !loader->topics;
}

/* Says in which section the key would be right, or else which key was meant. */
static void unknown_key(struct loader *loader, const char *key)
{
    const struct section *here = loader->entry ? loader->entry->section : NULL;
    struct config_errors *errors = loader->draft->errors;
    int line = loader->reader.line;
    const char *nearest = NULL;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < SECTIONS_COUNT; i++) {
        if (!option_find(&config_sections[i], key))
            continue;
        errors_add(errors, line, "%s: belongs in section [%s]", key, config_sections[i].key);
        return;
    }
    for (size_t i = 0; here && i < here->count; i++) {
        size_t distance = name_distance(key, here->options[i].key);

        if (distance < least) {
            nearest = here->options[i].key;
            least = distance;
        }
    }
    if (!here)
        errors_add(errors, line, "%.60s: stands before the first [section]", key);
    else if (name_is_near(key, least))
        errors_add(errors, line, "[%s] has no option %.60s; did you mean %s?", here->key, key,
                   nearest);
    else
        errors_add(errors, line, "[%s] has no option %.60s; --print-sample shows all", here->key,
                   key);
}

static void take_option(struct loader *loader, const struct option *option, const char *value)
{
    struct entry *entry = loader->entry;
    size_t place = (size_t)(option - entry->section->options);
    char reason[OPTION_REASON_MAX];

    if (entry->line[place]) {
        errors_add(loader->draft->errors, loader->reader.line,
                   "%s: stands in line %d already; remove one of them", option->key,
                   entry->line[place]);
        return;
    }
    entry->line[place] = loader->reader.line;
    if (!option_read(option, value, loader->base, loader->draft->config->memory, reason))
        draft_error(loader->draft, entry, place, "%s", reason);
}

/* inih's handler. The section it names is always empty: headings never reach it. */
static int on_pair(void *user, const char *section, const char *key, const char *value)
{
    struct loader *loader = user;
    const struct option *option;

    (void)section;
    loader->reader.unclaimed = !value;
    if (!value || loader->skip)
        return 1;
    if (loader->topics) {
        topics_take(loader->draft, loader->topics, key, value, loader->reader.line);
        return 1;
    }
    option = loader->entry ? option_find(loader->entry->section, key) : NULL;
    if (option)
        take_option(loader, option, value);
    else
        unknown_key(loader, key);
    return 1;
}

static void read_file(struct draft *draft, FILE *file)
{
    struct loader loader = {.draft = draft};

    loader.reader = (struct reader){
        .file = file, .errors = draft->errors, .on_heading = on_heading, .self = &loader};
    ini_parse_stream(reader_next, &loader.reader, on_pair, &loader);
    reader_finish(&loader.reader);
}

static void override(struct draft *draft, struct entry *entry, void *base, size_t option,
                     const char *flag, const char *value)
{
    char reason[OPTION_REASON_MAX];

    entry->flag[option] = flag;
    if (!option_read(&entry->section->options[option], value, base, draft->config->memory, reason))
        draft_error(draft, entry, option, "%s", reason);
}

static void apply_overrides(struct draft *draft, const struct config_overrides *overrides)
{
    struct config *config = draft->config;
    const struct section *udp = section_find("udp");
    bool replace = overrides && overrides->udp_listen;

    if (overrides && overrides->broker_url)
        override(draft, draft_entry(draft, "broker"), &config->broker, AT_broker_url, "-b",
                 overrides->broker_url);
    if (overrides && overrides->state_path)
        override(draft, draft_entry(draft, "store"), &config->store, AT_store_path, "-s",
                 overrides->state_path);
    if (replace)
        config->udp_count = 0;
    if (config->udp_count > 0 || (config->serial_count > 0 && !replace))
        return; /* who names a radio only does not ask for a network port */
    struct entry *entry = draft_add(draft, udp, "", 0);
    if (entry && replace)
        override(draft, entry, config->udp, AT_udp_listen, "-u", overrides->udp_listen);
}

static void start(struct draft *draft)
{
    for (size_t i = 0; i < SECTIONS_COUNT; i++) {
        const struct section *section = &config_sections[i];

        draft->entries[i] = (struct entry){.section = section, .name = ""};
        if (!section->named)
            option_defaults(section, section_base(draft->config, section, 0),
                            draft->config->memory);
    }
}

static struct config *new_config(void)
{
    struct config_memory *memory = calloc(1, sizeof(*memory));
    struct config *config = memory ? memory_new(memory, sizeof(*config)) : NULL;

    if (!config) {
        free(memory);
        return NULL;
    }
    config->memory = memory;
    return config;
}

struct config *config_load_stream(FILE *file, const struct config_overrides *overrides,
                                  struct config_errors *errors)
{
    struct draft draft = {.config = new_config(), .errors = errors};
    bool short_of_memory = !draft.config;

    errors->count = 0;
    if (draft.config) {
        start(&draft);
        if (file)
            read_file(&draft, file);
        apply_overrides(&draft, overrides);
        preset_apply(&draft);
        topics_finish(&draft);
        check_gateway(&draft);
        check_broker(&draft);
        check_listeners(&draft);
        check_ports(&draft);
        short_of_memory = draft.config->memory->failed || draft.scratch.failed;
    }
    if (short_of_memory) {
        errors->count = 0; /* the others may come of it */
        errors_add(errors, 0, "out of memory while reading the configuration");
    }
    errors_sort(errors);
    memory_free(&draft.scratch);
    if (errors->count == 0)
        return draft.config;
    config_free(draft.config);
    return NULL;
}

/* A directory can be opened, but not read; better to say so with its name. */
static FILE *open_configuration(const char *path)
{
    struct stat about;
    FILE *file = fopen(path, "re");

    if (file && fstat(fileno(file), &about) == 0 && S_ISDIR(about.st_mode)) {
        fclose(file);
        errno = EISDIR;
        return NULL;
    }
    return file;
}

struct config *config_load(const char *path, const struct config_overrides *overrides,
                           struct config_errors *errors)
{
    struct config *config;
    FILE *file = NULL;

    if (path) {
        file = open_configuration(path);
        if (!file) {
            errors->count = 0;
            errors_add(errors, 0, "cannot be read: %s", strerror(errno));
            return NULL;
        }
    }
    config = config_load_stream(file, overrides, errors);
    if (file)
        fclose(file);
    return config;
}

void config_free(struct config *config)
{
    if (!config)
        return;

    struct config_memory *memory = config->memory;
    memory_free(memory);
    free(memory);
}
