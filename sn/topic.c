/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/topic.h"

/* Reads one UTF-8 sequence. The value of an ill-formed one is meaningless and r->failed is set. */
static uint32_t read_code_point(struct sn_reader *r)
{
    static const uint32_t smallest[] = {0x80, 0x800, 0x10000}; /* below: an overlong form */
    uint32_t first = sn_read_u8(r);

    if (first < 0x80)
        return first;
    size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    if (first < 0xC0 || first > 0xF4)
        r->failed = true;

    uint32_t code = first & (0x3Fu >> more);
    for (size_t i = 0; i < more; i++) {
        uint32_t next = sn_read_u8(r);
        if ((next & 0xC0) != 0x80)
            r->failed = true;
        code = code << 6 | (next & 0x3F);
    }
    if (code < smallest[more - 1] || code > 0x10FFFF)
        r->failed = true;
    return code;
}

static bool code_point_ok(uint32_t code)
{
    bool control = code < 0x20 || (code >= 0x7F && code <= 0x9F);
    bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    bool non_character = (code >= 0xFDD0 && code <= 0xFDEF) || (code & 0xFFFE) == 0xFFFE;
    return !control && !surrogate && !non_character;
}

bool sn_utf8_ok(struct sn_bytes text)
{
    struct sn_reader r = sn_reader(text);

    while (r.left > 0)
        if (!code_point_ok(read_code_point(&r)) || r.failed)
            return false;
    return true;
}

/* Walks a name or filter level by level; "a/" has two levels, the second empty. */
struct levels {
    struct sn_reader rest;
    bool over;
};

static struct levels levels_of(struct sn_bytes text)
{
    return (struct levels){.rest = sn_reader(text)};
}

static bool next_level(struct levels *l, struct sn_bytes *level)
{
    if (l->over)
        return false;
    const uint8_t *slash = l->rest.left > 0 ? memchr(l->rest.at, '/', l->rest.left) : NULL;
    *level = slash ? sn_read(&l->rest, (size_t)(slash - l->rest.at)) : sn_read_rest(&l->rest);
    if (slash)
        sn_read_u8(&l->rest);
    else
        l->over = true;
    return true;
}

static bool is(struct sn_bytes level, char wildcard)
{
    return level.len == 1 && level.data[0] == wildcard;
}

bool sn_topic_has_wildcard(struct sn_bytes filter)
{
    return filter.len > 0 &&
           (memchr(filter.data, '+', filter.len) || memchr(filter.data, '#', filter.len));
}

/* What names and filters have in common. */
static bool text_ok(struct sn_bytes text)
{
    struct levels l = levels_of(text);
    struct sn_bytes level;
    size_t count = 0;

    if (text.len == 0 || text.len > UINT16_MAX || !sn_utf8_ok(text))
        return false;
    while (next_level(&l, &level))
        count++;
    return count <= SN_TOPIC_LEVELS;
}

bool sn_topic_name_ok(struct sn_bytes name)
{
    return text_ok(name) && !sn_topic_has_wildcard(name);
}

/* Of "$share/group/filter" only the filter, of every other filter all of it. A shared one that is
 * not complete gives an empty view. */
static struct sn_bytes without_share(struct sn_bytes filter)
{
    struct levels l = levels_of(filter);
    struct sn_bytes level;

    if (!next_level(&l, &level) || !sn_bytes_equal(level, sn_text("$share")))
        return filter;
    if (!next_level(&l, &level) || level.len == 0 || sn_topic_has_wildcard(level))
        return (struct sn_bytes){0};
    return sn_read_rest(&l.rest);
}

static bool wildcards_ok(struct sn_bytes filter)
{
    struct levels l = levels_of(filter);
    struct sn_bytes level;

    while (next_level(&l, &level)) {
        if (is(level, '#'))
            return l.over;
        if (!is(level, '+') && sn_topic_has_wildcard(level))
            return false;
    }
    return true;
}

bool sn_topic_filter_ok(struct sn_bytes filter)
{
    if (!text_ok(filter))
        return false;
    struct sn_bytes inner = without_share(filter);
    return inner.len > 0 && wildcards_ok(inner);
}

bool sn_topic_matches(struct sn_bytes filter, struct sn_bytes name)
{
    struct sn_bytes inner = without_share(filter);
    struct levels wanted = levels_of(inner), given = levels_of(name);
    struct sn_bytes want, have;

    if (inner.len == 0 || name.len == 0)
        return false;
    if (name.data[0] == '$' && (inner.data[0] == '+' || inner.data[0] == '#'))
        return false;
    while (next_level(&wanted, &want)) {
        if (is(want, '#')) /* before the name is asked: "a/#" matches "a" (MQTT 4.7.1.2) */
            return true;
        if (!next_level(&given, &have))
            return false;
        if (!is(want, '+') && !sn_bytes_equal(want, have))
            return false;
    }
    return given.over;
}

void sn_short_name(uint16_t topic_id, uint8_t out[2])
{
    out[0] = (uint8_t)(topic_id >> 8);
    out[1] = (uint8_t)topic_id;
}

uint16_t sn_short_id(struct sn_bytes name)
{
    struct sn_reader r = sn_reader(name);
    return sn_read_u16(&r);
}

bool sn_short_name_ok(uint16_t topic_id)
{
    uint8_t name[2];

    sn_short_name(topic_id, name);
    return sn_topic_name_ok(sn_bytes(name, sizeof name));
}

bool sn_glob(const char *pattern, struct sn_bytes text)
{
    const char *after_star = NULL; /* where to try again, and with which octet of the text */
    size_t at = 0, again = 0;

    while (at < text.len) {
        if (*pattern == '*') {
            after_star = ++pattern;
            again = at;
        } else if (*pattern && (*pattern == '?' || (uint8_t)*pattern == text.data[at])) {
            pattern++;
            at++;
        } else if (after_star) {
            pattern = after_star;
            at = ++again;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}
