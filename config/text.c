/* SPDX-License-Identifier: Apache-2.0 */
#include "config/text.h"

#include <string.h>

/* One character of UTF-8 (RFC 3629, 3), or 0 octets taken when it is none. */
static size_t take_character(const unsigned char *at, size_t left, uint32_t *character)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least; /* a shorter form must be used below this */
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

    for (size_t tail = 0; tail < sizeof(forms) / sizeof(forms[0]); tail++) {
        if ((at[0] & forms[tail].mask) != forms[tail].lead)
            continue;
        if (left <= tail)
            return 0;
        *character = at[0] & (unsigned char)~forms[tail].mask;
        for (size_t i = 1; i <= tail; i++) {
            if ((at[i] & 0xc0) != 0x80)
                return 0;
            *character = *character << 6 | (at[i] & 0x3f);
        }
        bool surrogate = *character >= 0xd800 && *character <= 0xdfff;
        bool valid = *character >= forms[tail].least && *character <= 0x10ffff && !surrogate;
        return valid ? tail + 1 : 0;
    }
    return 0;
}

const char *text_fault(const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        uint32_t character = 0;
        size_t taken = take_character((const unsigned char *)text + at, len - at, &character);

        if (taken == 0)
            return "is not valid UTF-8";
        if (character < 0x20 || (character >= 0x7f && character <= 0x9f))
            return "holds a control character";
        if ((character & 0xfffe) == 0xfffe || (character >= 0xfdd0 && character <= 0xfdef))
            return "holds a character that Unicode reserves";
        at += taken;
    }
    return NULL;
}

const char *topic_name_fault(const char *name)
{
    if (*name == '\0')
        return "is empty";
    if (strpbrk(name, "+#"))
        return "holds a wildcard (+ or #), which a topic name must not";
    return text_fault(name, strlen(name));
}

bool text_number(const char *text, uint64_t most, uint64_t *out)
{
    uint64_t number = 0;

    if (*text == '\0')
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        number = number * 10 + (uint64_t)(*text - '0');
        if (number > most)
            return false;
    }
    *out = number;
    return true;
}

char *text_trim(char *text)
{
    text += strspn(text, " \t\r");

    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r", text[len - 1]))
        len--;
    text[len] = '\0';
    return text;
}
