/* SPDX-License-Identifier: Apache-2.0 */
#include "config/reader.h"
#include "config/errors.h"
#include "config/text.h"

#include <errno.h>
#include <string.h>

/* A file of 65534 topics for each of some patterns is a few MiB; /dev/zero has no end. */
#define OCTETS_MAX ((size_t)64 << 20)

enum raw { RAW_LINE, RAW_LONG, RAW_NUL, RAW_END };

static enum raw read_raw(struct reader *reader, char *into, size_t size)
{
    enum raw found = RAW_LINE;
    size_t len = 0;
    int octet = getc(reader->file);

    if (octet == EOF) {
        reader->error = ferror(reader->file) ? errno : 0;
        return RAW_END;
    }
    reader->octets++;
    for (; octet != EOF && octet != '\n'; octet = getc(reader->file)) {
        if (++reader->octets > OCTETS_MAX)
            break;
        if (octet == '\0')
            found = RAW_NUL;
        if (len + 1 < size)
            into[len++] = (char)octet;
        else if (found == RAW_LINE)
            found = RAW_LONG;
    }
    into[len] = '\0';
    reader->line++;
    return found;
}

/* Only what stands before the separator: the value may be secret. */
static int key_len(const char *text)
{
    size_t len = strcspn(text, "=:");

    while (len > 0 && strchr(" \t", text[len - 1]))
        len--;
    return len < 60 ? (int)len : 60;
}

static void complain(struct reader *reader, const char *text, const char *what)
{
    if (strpbrk(text, "=:"))
        errors_add(reader->errors, reader->line, "%.*s: %s", key_len(text), text, what);
    else
        errors_add(reader->errors, reader->line, "%s", what);
}

static void check_claimed(struct reader *reader)
{
    if (reader->unclaimed)
        errors_add(reader->errors, reader->line,
                   "neither a [section] nor \"key = value\"; a comment begins with # or ;");
    reader->unclaimed = false;
}

static void take_heading(struct reader *reader, char *text)
{
    char *end = strchr(text, ']');
    const char *behind;

    if (!end) {
        errors_add(reader->errors, reader->line, "%.60s: the ']' of the section is missing", text);
        reader->on_heading(reader->self, NULL);
        return;
    }
    *end = '\0';
    behind = text_trim(end + 1);
    if (*behind != '\0' && *behind != ';' && *behind != '#')
        errors_add(reader->errors, reader->line, "%.60s]: \"%.40s\" behind the section's ']'", text,
                   behind);
    reader->on_heading(reader->self, text_trim(text + 1));
}

/* Tabs may align keys, values and comments; within a value they are found later. */
static const char *line_fault(const char *text)
{
    const char *fault = NULL;

    while (*text && !fault) {
        size_t len = strcspn(text, "\t");

        fault = text_fault(text, len);
        text += len + strspn(text + len, "\t");
    }
    return fault;
}

/* Turns the line into what inih may see of it: the whole line or nothing. */
static void guard(struct reader *reader, char *line, enum raw found, int size)
{
    char limit[60], *text = line;

    if (reader->line == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    text = text_trim(text);
    if (*text == ';' || *text == '#' || (*text == '\0' && found == RAW_LINE)) {
        *line = '\0';
        return;
    }

    const char *fault = NULL;
    if (found == RAW_LONG) {
        snprintf(limit, sizeof(limit), "the line is longer than %d octets", size - 1);
        fault = limit;
    } else {
        fault = found == RAW_NUL ? "the line holds a NUL octet" : line_fault(text);
    }
    if (fault)
        complain(reader, text, fault);
    else if (*text == '[')
        take_heading(reader, text);
    else
        reader->unclaimed = true;
    if (reader->unclaimed)
        memmove(line, text, strlen(text) + 1);
    else
        *line = '\0';
}

char *reader_next(char *into, int size, void *stream)
{
    struct reader *reader = stream;

    check_claimed(reader);

    enum raw found = read_raw(reader, into, (size_t)size);
    if (found == RAW_END || reader->octets > OCTETS_MAX)
        return NULL;
    guard(reader, into, found, size);
    return into;
}

void reader_finish(struct reader *reader)
{
    check_claimed(reader);
    if (reader->error)
        errors_add(reader->errors, 0, "cannot be read: %s", strerror(reader->error));
    if (reader->octets > OCTETS_MAX)
        errors_add(reader->errors, reader->line, "more than %zu MiB: this is no configuration",
                   OCTETS_MAX >> 20);
}
