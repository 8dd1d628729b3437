/* SPDX-License-Identifier: Apache-2.0 */
#include "config/errors.h"

#include <limits.h>
#include <stdarg.h>

enum { LIST_SIZE = sizeof(((struct config_errors *)0)->list) / sizeof(struct config_error) };

void errors_add(struct config_errors *errors, int line, const char *format, ...)
{
    if (errors->count < LIST_SIZE) {
        struct config_error *error = &errors->list[errors->count];
        va_list arguments;

        error->line = line;
        va_start(arguments, format);
        vsnprintf(error->text, sizeof(error->text), format, arguments);
        va_end(arguments);
    }
    errors->count++;
}

static int place(const struct config_error *error)
{
    return error->line == 0 ? INT_MAX : error->line;
}

/* An insertion sort: the list is short, and errors of one line stay in the order they were found.
 */
void errors_sort(struct config_errors *errors)
{
    size_t listed = errors->count < LIST_SIZE ? errors->count : LIST_SIZE;

    for (size_t i = 1; i < listed; i++) {
        struct config_error moving = errors->list[i];
        size_t to = i;

        for (; to > 0 && place(&errors->list[to - 1]) > place(&moving); to--)
            errors->list[to] = errors->list[to - 1];
        errors->list[to] = moving;
    }
}
