/* SPDX-License-Identifier: Apache-2.0 */
/* Printing, and that what is shipped beside the code says the same as the table of options. */
#include <stdlib.h>
#include <string.h>

#include "config/load.h"
#include "config/options.h"
#include "tests/support/run.h"

/* What `print` prints, or the content of a file; free it. */
static char *printed(const struct config *config)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    if (config)
        config_print(config, to);
    else
        config_print_sample(to);
    fclose(to);
    return text;
}

static char *content(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;

    ck_assert_msg(file, "%s", path);
    ck_assert_int_gt(getdelim(&text, &size, '\0', file), 0);
    fclose(file);
    return text;
}

static struct config *load(const char *text)
{
    struct config_errors errors;
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    struct config *config = config_load_stream(file, NULL, &errors);

    fclose(file);
    ck_assert_msg(config, "line %d: %s", errors.list[0].line, errors.list[0].text);
    return config;
}

static void same_field(const struct option *option, const void *one, const void *other)
{
    const void *a = (const char *)one + option->offset, *b = (const char *)other + option->offset;

    switch (option->type) {
    case OPTION_NUMBER:
    case OPTION_SECONDS:
    case OPTION_CHOICE: ck_assert_uint_eq(*(const uint32_t *)a, *(const uint32_t *)b); break;
    case OPTION_FLAG: ck_assert_int_eq(*(const bool *)a, *(const bool *)b); break;
    case OPTION_TEXT: ck_assert_str_eq(*(const char *const *)a, *(const char *const *)b); break;
    }
}

static void same_config(const struct config *one, const struct config *other)
{
    for (size_t i = 0; i < SECTIONS_COUNT; i++) {
        const struct section *section = &config_sections[i];

        ck_assert_uint_eq(section_count(one, section), section_count(other, section));
        for (size_t j = 0; j < section_count(one, section); j++) {
            ck_assert_str_eq(section_name(one, section, j), section_name(other, section, j));
            for (size_t k = 0; k < section->count; k++)
                same_field(&section->options[k], section_base(one, section, j),
                           section_base(other, section, j));
        }
    }
    ck_assert_uint_eq(one->topics_count, other->topics_count);
    for (size_t i = 0; i < one->topics_count; i++) {
        const struct topic_set *a = &one->topics[i], *b = &other->topics[i];

        ck_assert_pstr_eq(a->pattern, b->pattern);
        ck_assert_uint_eq(a->count, b->count);
        for (size_t j = 0; j < a->count; j++) {
            ck_assert_uint_eq(a->rows[j].id, b->rows[j].id);
            ck_assert_str_eq(a->rows[j].name, b->rows[j].name);
        }
    }
}

/* Every option away from its default, in every type. */
static const char *const files[] = {
    "[gateway]\n",
    "[broker]\nurl = mqtts://h\npreset = aws-iot\nmax_publish_rate = 0\n",
    "[broker]\npreset = azure-event-grid\nretain = keep\nmax_qos = 2\n",
    "[gateway]\nid = 9\nretry_interval = 0.125\nmax_silence = 12.5\nallow_zero_keep_alive = no\n"
    "qos_minus_one = long-topics\nadvertise_interval = 0\n"
    "[broker]\nurl = mqtts://[::1]:9\nusername = \xc3\xa4 b;c\nsession_expiry = 0\n"
    "mqtt_version = 3.1.1\nstatus_topic = x/${id}\nalpn = mqtt\ntls_insecure = yes\n"
    "[sleep]\nwhen_full = latest-per-topic\nstrict = yes\n"
    "[udp]\nlisten = 127.0.0.1:0\nmulticast = 225.1.1.1:4\n"
    "[udp b]\ninterface = lo\nmulticast = [ff02::1]:4\nlisten = [::1]:7\n"
    "[topics]\n9 = a\n8 = b = c\n[topics p q*]\n1 = a\n[topics r]\n"
    "[log]\nlevel = trace\n",
    "[serial a]\nport = usb:1:2:x\nbaud = 57600\nframing = cobs\ncrc = xmodem\nforwarder = no\n"
    "retry_count = 0\nsilence = 60\ndtr = clear\nsettle = 2.1\n[serial]\nport = /dev/a\n"
    "framing = raw\nbyte_gap = 0.2\nflow = rtscts\n",
};

START_TEST(loads_what_it_printed)
{
    struct config *config = load(files[_i]);
    char *text = printed(config);
    struct config *again = load(text);

    same_config(config, again);
    free(text);
    config_free(again);
    config_free(config);
}
END_TEST

/* As long as a line may be, so that one blank more would be too long. */
START_TEST(loads_the_longest_line_it_printed)
{
    char file[300] = "[topics]\n1=";
    size_t start = strlen("[topics]\n");

    memset(file + strlen(file), 't', 199 - strlen("1="));
    struct config *config = load(file);
    ck_assert_uint_eq(strlen(file) - start, 199);
    char *text = printed(config);
    struct config *again = load(text);
    same_config(config, again);
    free(text);
    config_free(again);
    config_free(config);
}
END_TEST

START_TEST(shows_no_password)
{
    struct config *config = load("[broker]\npassword = s3cret\n");
    char *text = printed(config);

    ck_assert_ptr_null(strstr(text, "s3cret"));
    ck_assert_ptr_nonnull(strstr(text, "\n# password is set\n"));
    free(text);
    config_free(config);

    config = load("[broker]\n");
    text = printed(config);
    ck_assert_ptr_nonnull(strstr(text, "\n# password is not set\n"));
    free(text);
    config_free(config);
}
END_TEST

START_TEST(sample_is_the_defaults)
{
    char *sample = printed(NULL);
    struct config *config = load(sample), *defaults = load("\n");

    /* [topics] stands there for the reader, with nothing in it. */
    ck_assert_uint_eq(config->topics_count, 1);
    ck_assert_uint_eq(config->topics[0].count, 0);
    config->topics_count = 0;
    same_config(config, defaults);
    config_free(defaults);
    config_free(config);
    free(sample);
}
END_TEST

/* Taking all the marks away gives a file that loads and is still the defaults. */
START_TEST(sample_says_the_defaults)
{
    char *sample = printed(NULL);

    for (char *line = sample; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, "#port =\n", 8) == 0)
            memcpy(line, "port=/x\n", 8); /* the one option that must be given */
        if (line[0] == '#' && line[1] != ' ')
            line[0] = ' ';
    }
    struct config *config = load(sample);
    struct config *defaults = load("[udp]\n[serial dongle]\nport=/x\n");
    ck_assert_uint_eq(config->topics[0].count, 1);
    config->topics_count = 0;
    same_config(config, defaults);
    config_free(defaults);
    config_free(config);
    free(sample);
}
END_TEST

START_TEST(shipped_sample_is_up_to_date)
{
    char *shipped = content(CONFIG_DIR "/mqtt-sn-gateway.ini"), *sample = printed(NULL);

    size_t same = 0;

    while (shipped[same] && shipped[same] == sample[same])
        same++;
    ck_assert_msg(shipped[same] == sample[same],
                  "write --print-sample to config/mqtt-sn-gateway.ini; it differs at \"%.60s\"",
                  sample + same);
    free(shipped);
    free(sample);
}
END_TEST

struct setting {
    const char *section, *key, *value;
};

static const struct preset {
    const char *word;
    struct setting settings[16];
} presets[] = {
#define PRESET(word, ...) {word, {__VA_ARGS__}},
#include "config/presets.def"
#undef PRESET
};

enum { PRESETS = sizeof(presets) / sizeof(presets[0]) };

static void expect(const char *text, const struct setting *setting, const char *value)
{
    char heading[60], line[120];

    snprintf(heading, sizeof(heading), "[%s]\n", setting->section);
    snprintf(line, sizeof(line), "\n%s=%s\n", setting->key, value);
    const char *section = strstr(text, heading), *found = section ? strstr(section, line) : NULL;
    ck_assert_msg(found && found < strstr(section, "\n\n"), "%s%s", heading, line);
}

/* The values of a preset hold, and are told. */
START_TEST(presets_set_what_they_say)
{
    char file[120];

    snprintf(file, sizeof(file), "[broker]\nurl = mqtts://h\npreset = %s\n", presets[_i].word);
    struct config *config = load(file);
    char *text = printed(config);
    expect(text, &(struct setting){.section = "broker", .key = "preset"}, presets[_i].word);
    for (const struct setting *s = presets[_i].settings; s->key; s++)
        expect(text, s, s->value);
    free(text);
    config_free(config);
}
END_TEST

/* What the file says holds, wherever it stands, and also when it says the default. */
START_TEST(the_file_wins_over_a_preset)
{
    struct config *config = load("[broker]\nmax_qos = 2\nurl = mqtts://h\npreset = aws-iot\n"
                                 "alpn =\nreconnect_min = 1\n"
                                 "[gateway]\nmax_subscriptions = 77\n");

    ck_assert_uint_eq(config->broker.max_qos, 2);
    ck_assert_uint_eq(config->broker.reconnect_min_ms, 1000);
    ck_assert_str_eq(config->broker.alpn, "");
    ck_assert_uint_eq(config->gateway.max_subscriptions, 77);
    ck_assert_uint_eq(config->broker.max_publish_rate, 90);
    config_free(config);
}
END_TEST

static void escape_hyphens(const char *text, char *out)
{
    for (; *text; text++) {
        if (*text == '-')
            *out++ = '\\';
        *out++ = *text;
    }
    *out = '\0';
}

START_TEST(manual_knows_every_preset)
{
    char *manual = content(CONFIG_DIR "/mqtt-sn-gateway.8"), plain[120], escaped[240];

    for (char *line = strchr(manual, '\n'); line; line = strchr(line + 1, '\n'))
        *line = ' ';
    snprintf(plain, sizeof(plain), ".B %s: ", presets[_i].word);
    escape_hyphens(plain, escaped);
    char *block = strstr(manual, escaped);
    ck_assert_msg(block, "%s", escaped);
    char *end = block + 1 + strcspn(block + 1, ".");
    *end = '\0';
    for (const struct setting *s = presets[_i].settings; s->key; s++) {
        snprintf(plain, sizeof(plain), "%s = %s", s->key, s->value);
        escape_hyphens(plain, escaped);
        ck_assert_msg(strstr(block, escaped), "%s: %s", presets[_i].word, escaped);
    }
    free(manual);
}
END_TEST

START_TEST(manual_knows_every_option)
{
    char *manual = content(CONFIG_DIR "/mqtt-sn-gateway.8");

    for (size_t i = 0; i < SECTIONS_COUNT; i++) {
        char heading[40];

        snprintf(heading, sizeof(heading), "\n.SS [%s]", config_sections[i].key);
        ck_assert_msg(strstr(manual, heading), "%s", heading);
        for (size_t j = 0; j < config_sections[i].count; j++) {
            char entry[60];

            snprintf(entry, sizeof(entry), "\n.BR %s \" ", config_sections[i].options[j].key);
            ck_assert_msg(strstr(strstr(manual, heading), entry), "%s%s", heading, entry);
        }
    }
    free(manual);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("config_print");

    tcase_add_loop_test(tcase, loads_what_it_printed, 0, sizeof(files) / sizeof(files[0]));
    tcase_add_test(tcase, loads_the_longest_line_it_printed);
    tcase_add_test(tcase, shows_no_password);
    tcase_add_test(tcase, sample_is_the_defaults);
    tcase_add_test(tcase, sample_says_the_defaults);
    tcase_add_test(tcase, shipped_sample_is_up_to_date);
    tcase_add_test(tcase, manual_knows_every_option);
    tcase_add_loop_test(tcase, presets_set_what_they_say, 0, PRESETS);
    tcase_add_test(tcase, the_file_wins_over_a_preset);
    tcase_add_loop_test(tcase, manual_knows_every_preset, 0, PRESETS);
    return run_case("config_print", tcase);
}
