/* SPDX-License-Identifier: Apache-2.0 */
/* [broker] preset: the blocks of presets.def, put where the file says nothing. */
#include "config/draft.h"

#include <assert.h>

enum { SETTINGS_MAX = 16 };

static const struct preset {
    const char *word;
    struct setting {
        const char *section, *key, *value;
    } settings[SETTINGS_MAX]; /* a NULL ends them */
} presets[] = {
#define PRESET(word, ...) {word, {__VA_ARGS__}},
#include "config/presets.def"
#undef PRESET
};

static void take(struct draft *draft, const struct setting *setting)
{
    const struct section *section = section_find(setting->section);
    const struct option *option = section ? option_find(section, setting->key) : NULL;
    char reason[OPTION_REASON_MAX];

    assert(option && !section->named);
    struct entry *entry = draft_entry(draft, setting->section);
    size_t place = (size_t)(option - section->options);
    if (entry->line[place] || entry->flag[place])
        return;
    bool valid = option_read(option, setting->value, section_base(draft->config, section, 0),
                             draft->config->memory, reason);
    assert(valid);
    (void)valid;
    entry->preset[place] = true;
}

void preset_apply(struct draft *draft)
{
    assert(draft->config->broker.preset < sizeof(presets) / sizeof(presets[0]));
    const struct preset *preset = &presets[draft->config->broker.preset];

    for (size_t i = 0; i < SETTINGS_MAX && preset->settings[i].key; i++)
        take(draft, &preset->settings[i]);
}

const char *preset_word(const struct draft *draft)
{
    return presets[draft->config->broker.preset].word;
}
