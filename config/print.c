/* SPDX-License-Identifier: Apache-2.0 */
#include "config/options.h"

#include <string.h>

static bool is_secret(const struct option *option)
{
    return strcmp(option->key, "password") == 0;
}

static void print_section(const struct section *section, const char *name, const void *base,
                          FILE *to)
{
    fprintf(to, "[%s%s%s]\n", section->key, *name ? " " : "", name);
    for (size_t i = 0; i < section->count; i++) {
        const struct option *option = &section->options[i];

        if (is_secret(option)) {
            const char *value = *(const char *const *)((const char *)base + option->offset);

            fprintf(to, "# %s is %s\n", option->key, *value ? "set" : "not set");
            continue;
        }
        /* Without blanks: a line of the file as long as may be must not become longer. */
        fprintf(to, "%s=", option->key);
        option_write(option, base, to);
        fputc('\n', to);
    }
    fputc('\n', to);
}

static void print_topics(const struct topic_set *set, FILE *to)
{
    const char *pattern = set->pattern ? set->pattern : "";

    fprintf(to, "[topics%s%s]\n", *pattern ? " " : "", pattern);
    for (size_t i = 0; i < set->count; i++)
        fprintf(to, "%u=%s\n", (unsigned)set->rows[i].id, set->rows[i].name);
    fputc('\n', to);
}

void config_print(const struct config *config, FILE *to)
{
    for (size_t i = 0; i < SECTIONS_COUNT; i++) {
        const struct section *section = &config_sections[i];
        size_t count = section_count(config, section);

        for (size_t j = 0; j < count; j++)
            print_section(section, section_name(config, section, j),
                          section_base(config, section, j), to);
    }
    for (size_t i = 0; i < config->topics_count; i++)
        print_topics(&config->topics[i], to);
}

static void print_sample_option(const struct option *option, FILE *to)
{
    fprintf(to, "# %s", option->help);
    if (option->type != OPTION_TEXT && option->type != OPTION_CHOICE) {
        fputs(" (", to);
        option_write_range(option, to);
        fputc(')', to);
    }
    fprintf(to, "\n#%s =%s%s\n", option->key, *option->value ? " " : "", option->value);
}

static void print_sample_heading(const struct section *section, FILE *to)
{
    if (strcmp(section->key, "udp") == 0)
        fputs("# Further listeners stand in sections of their own: [udp NAME].\n[udp]\n", to);
    else if (strcmp(section->key, "serial") == 0)
        fputs("# A radio dongle, and further ones: [serial NAME]. A file with a [serial] and "
              "without\n"
              "# a [udp] section opens no UDP listener.\n#[serial dongle]\n",
              to);
    else
        fprintf(to, "[%s]\n", section->key);
}

void config_print_sample(FILE *to)
{
    fputs("# SPDX-License-Identifier: Apache-2.0\n"
          "# The configuration of mqtt-sn-gateway, with every option at its default.\n"
          "# Take the # away in front of an option to change it. A comment begins with # at the\n"
          "# beginning of a line, or with a blank and ; behind a value. No quotes.\n"
          "# Try a changed file with: mqtt-sn-gateway --check -c FILE\n\n",
          to);
    for (size_t i = 0; i < SECTIONS_COUNT; i++) {
        const struct section *section = &config_sections[i];

        print_sample_heading(section, to);
        for (size_t j = 0; j < section->count; j++)
            print_sample_option(&section->options[j], to);
        fputc('\n', to);
    }
    fputs("# Predefined topic ids, 1 to 65534, that clients use without registering them.\n"
          "# [topics PATTERN] holds those of the clients whose id matches, as [topics pump-*].\n"
          "[topics]\n"
          "#1 = sensors/temperature\n",
          to);
}
