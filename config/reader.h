/* SPDX-License-Identifier: Apache-2.0 */
/* reader - hands the lines of the file to inih, one by one and guarded
 *
 * inih as Debian 12 ships it (r55) cuts a line at 199 octets and takes the rest for a new one,
 * cuts section names at 49, ignores what stands behind a ']', appends an indented line to the
 * value above it, skips what it does not understand, and does not tell its handler the line. So
 * only sound lines of the form "key = value" reach it, without their indentation; headings are
 * read here, and everything else is an error with its line number.
 */
#ifndef CONFIG_READER_H
#define CONFIG_READER_H

#include "config/config.h"

struct reader {
    FILE *file;
    struct config_errors *errors;
    void (*on_heading)(void *self, char *heading); /* what stands between [ and ] */
    void *self;
    int line;       /* of the text handed out last */
    int error;      /* errno of a failed read, else 0 */
    size_t octets;  /* read so far */
    bool unclaimed; /* a line was handed out and the handler has not cleared this: not understood */
};

/* An ini_reader; `stream` is a struct reader. */
char *reader_next(char *into, int size, void *stream);

/* After the last line: complains about it and about read errors. */
void reader_finish(struct reader *reader);

#endif
