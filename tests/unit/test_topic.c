/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/topic.h"
#include "tests/support/run.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

/* A literal keeps its NULs: the length is counted, not searched. */
#define T(literal)                                                                                 \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

static const struct {
    struct sn_bytes text;
    bool ok;
} texts[] = {
    {T(""), true},
    {T("plain text ~"), true},
    {T("\xC2\xA0"), true},         /* U+00A0, the first behind the controls */
    {T("\xDF\xBF"), true},         /* U+07FF */
    {T("\xE0\xA0\x80"), true},     /* U+0800 */
    {T("\xED\x9F\xBF"), true},     /* U+D7FF */
    {T("\xEE\x80\x80"), true},     /* U+E000 */
    {T("\xEF\xB7\x8F"), true},     /* U+FDCF */
    {T("\xEF\xB7\xB0"), true},     /* U+FDF0 */
    {T("\xEF\xBF\xBD"), true},     /* U+FFFD */
    {T("\xF0\x90\x80\x80"), true}, /* U+10000 */
    {T("\xF4\x8F\xBF\xBD"), true}, /* U+10FFFD */
    {T("\xEF\xBB\xBF"), true},     /* a byte order mark is a character (MQTT 1.5.3) */
    {T("a\0b"), false},
    {T("\x01"), false},
    {T("tab\there"), false},
    {T("\x1F"), false},
    {T("\x7F"), false},
    {T("\xC2\x80"), false}, /* U+0080 */
    {T("\xC2\x9F"), false}, /* U+009F */
    {T("\x80"), false},     /* a continuation alone */
    {T("\xBF"), false},
    {T("\xC0\xAF"), false}, /* "/" in two octets */
    {T("\xC1\xBF"), false},
    {T("\xE0\x9F\xBF"), false},     /* overlong */
    {T("\xF0\x8F\xBF\xBD"), false}, /* overlong */
    {T("\xED\xA0\x80"), false},     /* U+D800 */
    {T("\xED\xBF\xBF"), false},     /* U+DFFF */
    {T("\xEF\xB7\x90"), false},     /* U+FDD0 */
    {T("\xEF\xB7\xAF"), false},     /* U+FDEF */
    {T("\xEF\xBF\xBE"), false},     /* U+FFFE */
    {T("\xEF\xBF\xBF"), false},     /* U+FFFF */
    {T("\xF0\x9F\xBF\xBE"), false}, /* U+1FFFE */
    {T("\xF4\x8F\xBF\xBF"), false}, /* U+10FFFF */
    {T("\xF4\x90\x80\x80"), false}, /* U+110000 */
    {T("\xF5\x80\x80\x80"), false},
    {T("\xFF"), false},
    {T("a\xC3"), false}, /* cut */
    {T("\xE2\x82"), false},
    {T("\xF0\x9F\x98"), false},
    {T("\xC3/"), false},
    {T("\xE2\x82/"), false},
    {T("\xE2/\xAC"), false},
};

START_TEST(checks_utf8)
{
    /* On the heap, so that reading behind a cut sequence is seen. */
    uint8_t *copy = malloc(texts[_i].text.len + 1);
    ck_assert_ptr_nonnull(copy);
    uint8_t *start = copy + 1;
    memcpy(start, texts[_i].text.data, texts[_i].text.len);
    ck_assert_int_eq(sn_utf8_ok(sn_bytes(start, texts[_i].text.len)), texts[_i].ok);
    free(copy);
}
END_TEST

static const struct {
    const char *text;
    bool name_ok, filter_ok;
} names[] = {
    {"a", true, true},
    {"a/temp", true, true},
    {"/", true, true},
    {"/a", true, true},
    {"a/", true, true},
    {"a//b", true, true},
    {"$SYS/broker", true, true},
    {"caf\xC3\xA9", true, true},
    {"", false, false},
    {"a\x01", false, false},
    {"#", false, true},
    {"+", false, true},
    {"a/#", false, true},
    {"+/#", false, true},
    {"/+", false, true},
    {"+/b/+", false, true},
    {"a/+/c", false, true},
    {"a#", false, false},
    {"a/#/b", false, false},
    {"#/", false, false},
    {"##", false, false},
    {"a+", false, false},
    {"+a/b", false, false},
    {"a/b+/c", false, false},
    {"++", false, false},
    {"$share", true, false},
    {"$share/", true, false},
    {"$share/g", true, false},
    {"$share/g/", true, false},
    {"$share//a", true, false},
    {"$share/g/a", true, true},
    {"$share/g//", true, true},
    {"$share/g/a/#", false, true},
    {"$share/g/#", false, true},
    {"$share/+/a", false, false},
    {"$share/#", false, false},
    {"$share/g#/a", false, false},
    {"$share/g/a#", false, false},
    {"$shared/+", false, true},
};

START_TEST(checks_name_and_filter)
{
    struct sn_bytes text = sn_text(names[_i].text);

    ck_assert_msg(sn_topic_name_ok(text) == names[_i].name_ok, "name %s", names[_i].text);
    ck_assert_msg(sn_topic_filter_ok(text) == names[_i].filter_ok, "filter %s", names[_i].text);
}
END_TEST

START_TEST(limits_levels_and_length)
{
    static uint8_t text[UINT16_MAX + 1];

    memset(text, '/', sizeof text);
    ck_assert(sn_topic_name_ok(sn_bytes(text, SN_TOPIC_LEVELS - 1)));
    ck_assert(!sn_topic_name_ok(sn_bytes(text, SN_TOPIC_LEVELS)));
    ck_assert(!sn_topic_filter_ok(sn_bytes(text, SN_TOPIC_LEVELS)));

    memset(text, 'a', sizeof text);
    ck_assert(sn_topic_name_ok(sn_bytes(text, UINT16_MAX)));
    ck_assert(!sn_topic_name_ok(sn_bytes(text, sizeof text)));
    ck_assert(!sn_topic_filter_ok(sn_bytes(text, sizeof text)));
}
END_TEST

START_TEST(finds_wildcards)
{
    ck_assert(sn_topic_has_wildcard(sn_text("a/#")));
    ck_assert(sn_topic_has_wildcard(sn_text("+/a")));
    ck_assert(!sn_topic_has_wildcard(sn_text("a/b")));
    ck_assert(!sn_topic_has_wildcard(sn_text("")));
}
END_TEST

/* The examples of MQTT 3.1.1, 4.7, and the corners beside them. */
static const struct {
    const char *filter, *name;
    bool match;
} matches[] = {
    {"a", "a", true},
    {"a", "A", false},
    {"a", "ab", false},
    {"ab", "a", false},
    {"a", "/a", false},
    {"a/b", "a/b", true},
    {"a/b", "a", false},
    {"a", "a/b", false},
    {"a", "a/", false},
    {"a/", "a/", true},
    {"a/", "a", false},
    {"#", "a", true},
    {"#", "a/b/c", true},
    {"#", "/", true},
    {"/#", "/", true},
    {"/#", "a", false},
    {"sport/tennis/player1/#", "sport/tennis/player1", true},
    {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
    {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
    {"sport/tennis/player1/#", "sport/tennis/player2", false},
    {"sport/#", "sport", true},
    {"sport/#", "sports", false},
    {"sport/tennis/+", "sport/tennis/player1", true},
    {"sport/tennis/+", "sport/tennis/player1/ranking", false},
    {"sport/+", "sport", false},
    {"sport/+", "sport/", true},
    {"+", "finance", true},
    {"+", "/finance", false},
    {"+/+", "/finance", true},
    {"/+", "/finance", true},
    {"+/b/+", "a/b/c", true},
    {"+/b/+", "a/c/c", false},
    {"a/+/#", "a/b", true},
    {"a/+/#", "a", false},
    {"#", "$SYS/x", false},
    {"+/x", "$SYS/x", false},
    {"$SYS/#", "$SYS/x", true},
    {"$SYS/+", "$SYS/x", true},
    {"a/+", "a/$x", true},
    {"$share/g/a/#", "a/b", true},
    {"$share/g/a", "a", true},
    {"$share/g/a", "b", false},
    {"$share/g/a", "$share/g/a", false},
    {"$share/g/#", "$SYS/x", false},
    {"$share/g/+/x", "$SYS/x", false},
    {"$share/g//a", "/a", true},
};

START_TEST(matches_filter)
{
    ck_assert_msg(sn_topic_matches(sn_text(matches[_i].filter), sn_text(matches[_i].name)) ==
                      matches[_i].match,
                  "%s on %s", matches[_i].filter, matches[_i].name);
}
END_TEST

START_TEST(turns_short_names_into_ids_and_back)
{
    uint8_t name[2];

    ck_assert_uint_eq(sn_short_id(sn_text("ab")), 0x6162);
    sn_short_name(0x6162, name);
    ck_assert_mem_eq(name, "ab", 2);
    ck_assert(sn_short_name_ok(0x6162));
    ck_assert(sn_short_name_ok(0xC3A9)); /* one character of two octets */
    ck_assert(!sn_short_name_ok('+' << 8 | 'a'));
    ck_assert(!sn_short_name_ok('a' << 8 | '#'));
    ck_assert(!sn_short_name_ok('a' << 8));
    ck_assert(!sn_short_name_ok(0x0061));
    ck_assert(!sn_short_name_ok(0x61C3));
    ck_assert(!sn_short_name_ok(0xFFFF));
}
END_TEST

static const struct {
    const char *pattern, *text;
    bool match;
} globs[] = {
    {"", "", true},
    {"", "a", false},
    {"*", "", true},
    {"*", "anything", true},
    {"**", "x", true},
    {"?", "", false},
    {"?", "a", true},
    {"?", "ab", false},
    {"sensor-*", "sensor-1", true},
    {"sensor-*", "sensor-", true},
    {"sensor-*", "sensor", false},
    {"*-1", "sensor-1", true},
    {"*-1", "sensor-1-1", true},
    {"*-1", "sensor-12", false},
    {"a*b*c", "a-b-b-c", true},
    {"a*b*c", "a-c-b", false},
    {"*ab", "aab", true},
    {"a?c*", "abcd", true},
    {"[a]", "a", false},
    {"[a]", "[a]", true},
    {"a", "A", false},
    {"*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
};

START_TEST(matches_glob)
{
    ck_assert_msg(sn_glob(globs[_i].pattern, sn_text(globs[_i].text)) == globs[_i].match,
                  "%s on %s", globs[_i].pattern, globs[_i].text);
}
END_TEST

START_TEST(a_pattern_does_not_end_in_the_nul_of_a_text)
{
    ck_assert(!sn_glob("a", sn_bytes("a\0b", 3)));
    ck_assert(sn_glob("a?b", sn_bytes("a\0b", 3)));
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("topic");

    tcase_add_loop_test(tc, checks_utf8, 0, COUNT(texts));
    tcase_add_loop_test(tc, checks_name_and_filter, 0, COUNT(names));
    tcase_add_test(tc, limits_levels_and_length);
    tcase_add_test(tc, finds_wildcards);
    tcase_add_loop_test(tc, matches_filter, 0, COUNT(matches));
    tcase_add_test(tc, turns_short_names_into_ids_and_back);
    tcase_add_loop_test(tc, matches_glob, 0, COUNT(globs));
    tcase_add_test(tc, a_pattern_does_not_end_in_the_nul_of_a_text);
    return run_case("topic", tc);
}
