/* SPDX-License-Identifier: Apache-2.0 */
/* How each type of option is read from text and written back. */
#include "config/options.h"
#include "config/text.h"

#include <inttypes.h>
#include <string.h>

enum { SHOWN = 40 }; /* of a wrong value, in octets */

static bool refuse(char *reason, const char *text, const char *what)
{
    const char *hint = strchr(text, '#') ? "; a comment behind a value begins with ;" : "";

    if (*text == '\0')
        snprintf(reason, OPTION_REASON_MAX, "has no value, give %s", what);
    else
        snprintf(reason, OPTION_REASON_MAX, "\"%.*s\" is not %s%s", SHOWN, text, what, hint);
    return false;
}

static bool read_number(const struct option *option, const char *text, uint32_t *field,
                        char *reason)
{
    char what[80];
    uint64_t number;

    snprintf(what, sizeof(what), "a whole number from %" PRIu32 " to %" PRIu32, option->least,
             option->most);
    if (!text_number(text, option->most, &number) || number < option->least)
        return refuse(reason, text, what);
    *field = (uint32_t)number;
    return true;
}

/* Milliseconds as seconds, without needless zeros. `into` holds any uint32_t. */
static const char *seconds_text(uint32_t ms, char into[16])
{
    int len = snprintf(into, 16, "%" PRIu32 ".%03" PRIu32, ms / 1000, ms % 1000);

    while (into[len - 1] == '0')
        into[--len] = '\0';
    if (into[len - 1] == '.')
        into[len - 1] = '\0';
    return into;
}

static bool take_seconds(const char *text, uint64_t *ms)
{
    char whole[16], fraction[4] = "000";
    size_t len = strcspn(text, ".");
    uint64_t seconds, thousandths = 0;

    if (len >= sizeof(whole))
        return false;
    memcpy(whole, text, len);
    whole[len] = '\0';
    if (!text_number(whole, UINT32_MAX, &seconds))
        return false;
    if (text[len] == '.') {
        size_t digits = strlen(text + len + 1);

        if (digits == 0 || digits > 3)
            return false;
        memcpy(fraction, text + len + 1, digits);
        if (!text_number(fraction, 999, &thousandths))
            return false;
    }
    *ms = seconds * 1000 + thousandths;
    return true;
}

static bool read_seconds(const struct option *option, const char *text, uint32_t *field,
                         char *reason)
{
    char what[100], least[16], most[16];
    uint64_t ms;

    snprintf(what, sizeof(what), "a number of seconds from %s to %s (as 10 or 0.25)",
             seconds_text(option->least, least), seconds_text(option->most, most));
    if (!take_seconds(text, &ms) || ms < option->least || ms > option->most)
        return refuse(reason, text, what);
    *field = (uint32_t)ms;
    return true;
}

static bool read_flag(const char *text, bool *field, char *reason)
{
    *field = strcmp(text, "yes") == 0;
    return *field || strcmp(text, "no") == 0 || refuse(reason, text, "yes or no");
}

/* The words of a choice stand in its help, before the colon: "one | two: what for". */
static const char *choice_word(const char *help, uint32_t place, size_t *len)
{
    const char *end = strchr(help, ':');

    for (; place > 0; place--) {
        help = strchr(help, '|');
        if (!help || help > end)
            return NULL;
        help += strspn(help, "| ");
    }
    *len = strcspn(help, " |:");
    return help;
}

static bool read_choice(const struct option *option, const char *text, uint32_t *field,
                        char *reason)
{
    char what[100];
    const char *word;
    size_t len;

    for (uint32_t i = 0; (word = choice_word(option->help, i, &len)); i++) {
        if (strlen(text) == len && memcmp(text, word, len) == 0) {
            *field = i;
            return true;
        }
    }
    snprintf(what, sizeof(what), "one of %.*s", (int)strcspn(option->help, ":"), option->help);
    return refuse(reason, text, what);
}

static bool read_text(const struct option *option, const char *text, const char **field,
                      struct config_memory *memory, char *reason)
{
    size_t len = strlen(text);
    const char *fault = text_fault(text, len);

    if (len < option->least)
        fault = "must not be empty";
    if (len > 1 && strchr("\"'", text[0]) && text[len - 1] == text[0])
        fault = "stands in quotes, which would become a part of it: take them away";
    if (*text == ' ' || (len > 0 && text[len - 1] == ' ') || strstr(text, " ;"))
        fault = "begins or ends with a blank or holds \" ;\", which a file cannot say";
    if (strstr(text, " #"))
        fault = "holds \" #\": a comment behind a value begins with ;";
    if (fault || len > option->most) {
        if (fault)
            snprintf(reason, OPTION_REASON_MAX, "%s", fault);
        else
            snprintf(reason, OPTION_REASON_MAX, "is longer than %" PRIu32 " octets", option->most);
        return false;
    }
    *field = memory_text(memory, text, len);
    return true;
}

bool option_read(const struct option *option, const char *text, void *base,
                 struct config_memory *memory, char reason[OPTION_REASON_MAX])
{
    void *field = (char *)base + option->offset;

    switch (option->type) {
    case OPTION_NUMBER: return read_number(option, text, field, reason);
    case OPTION_SECONDS: return read_seconds(option, text, field, reason);
    case OPTION_FLAG: return read_flag(text, field, reason);
    case OPTION_TEXT: return read_text(option, text, field, memory, reason);
    case OPTION_CHOICE: return read_choice(option, text, field, reason);
    }
    return false;
}

static void write_choice(const struct option *option, uint32_t place, FILE *to)
{
    size_t len = 0;
    const char *word = choice_word(option->help, place, &len);

    fprintf(to, "%.*s", (int)len, word ? word : "");
}

void option_write(const struct option *option, const void *base, FILE *to)
{
    const void *field = (const char *)base + option->offset;
    char seconds[16];

    switch (option->type) {
    case OPTION_NUMBER: fprintf(to, "%" PRIu32, *(const uint32_t *)field); break;
    case OPTION_SECONDS: fputs(seconds_text(*(const uint32_t *)field, seconds), to); break;
    case OPTION_FLAG: fputs(*(const bool *)field ? "yes" : "no", to); break;
    case OPTION_TEXT: fputs(*(const char *const *)field, to); break;
    case OPTION_CHOICE: write_choice(option, *(const uint32_t *)field, to); break;
    }
}

void option_write_range(const struct option *option, FILE *to)
{
    char least[16], most[16];

    switch (option->type) {
    case OPTION_NUMBER: fprintf(to, "%" PRIu32 " to %" PRIu32, option->least, option->most); break;
    case OPTION_SECONDS:
        fprintf(to, "%s to %s seconds", seconds_text(option->least, least),
                seconds_text(option->most, most));
        break;
    case OPTION_FLAG: fputs("yes | no", to); break;
    case OPTION_TEXT:
    case OPTION_CHOICE: break;
    }
}
