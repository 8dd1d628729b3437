/* SPDX-License-Identifier: Apache-2.0 */
#include "config/suggest.h"

#include <ctype.h>
#include <string.h>

enum { NAME_MAX_COMPARED = 40 };

static char plain(char letter)
{
    if (letter == '-' || letter == ' ')
        return '_';
    return (char)tolower((unsigned char)letter);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t name_distance(const char *one, const char *other)
{
    /* Three rows of the table of distances of all beginnings: before last, last, this. */
    size_t rows[3][NAME_MAX_COMPARED + 1];
    size_t one_len = strlen(one), other_len = strlen(other);

    if (one_len > NAME_MAX_COMPARED || other_len > NAME_MAX_COMPARED)
        return one_len + other_len;
    for (size_t j = 0; j <= other_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= one_len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= other_len; j++) {
            char a = plain(one[i - 1]), b = plain(other[j - 1]);

            row[j] = least(above[j - 1] + (a != b), 1 + least(above[j], row[j - 1]));
            if (i > 1 && j > 1 && a == plain(other[j - 2]) && b == plain(one[i - 2]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return rows[one_len % 3][other_len];
}

int name_is_near(const char *name, size_t distance)
{
    return distance <= 1 + strlen(name) / 3;
}
