/* SPDX-License-Identifier: Apache-2.0 */
/* The first octet says where the rest is cut in two: a filter or pattern, and a name. */
#include <stdlib.h>

#include "sn/topic.h"
#include "tests/fuzz/fuzz.h"

static bool is_shared(struct sn_bytes filter)
{
    return filter.len >= 6 && memcmp(filter.data, "$share", 6) == 0;
}

static void check_name(struct sn_bytes name)
{
    if (!sn_topic_name_ok(name))
        return;
    assert(sn_utf8_ok(name) && !sn_topic_has_wildcard(name));
    assert(!memchr(name.data, '\0', name.len));
    assert(sn_topic_matches(sn_text("#"), name) == (name.data[0] != '$'));
    assert(is_shared(name) || (sn_topic_filter_ok(name) && sn_topic_matches(name, name)));
}

static void check_filter(struct sn_bytes filter, struct sn_bytes name)
{
    if (!sn_topic_filter_ok(filter))
        return;
    assert(sn_utf8_ok(filter));
    bool match = sn_topic_matches(filter, name);
    if (match && !sn_topic_has_wildcard(filter) && !is_shared(filter))
        assert(sn_bytes_equal(filter, name));
}

static void check_glob(struct sn_bytes pattern, struct sn_bytes text)
{
    char *terminated = malloc(pattern.len + 1);

    assert(terminated);
    if (pattern.len > 0)
        memcpy(terminated, pattern.data, pattern.len);
    terminated[pattern.len] = '\0';
    if (sn_glob(terminated, text) && !strpbrk(terminated, "*?"))
        assert(sn_bytes_equal(sn_text(terminated), text));
    free(terminated);
    assert(sn_glob("*", text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sn_reader r = sn_reader(sn_bytes(data, size));
    size_t cut = sn_read_u8(&r);
    struct sn_bytes filter = sn_read(&r, cut < r.left ? cut : r.left);
    struct sn_bytes name = sn_read_rest(&r);

    check_name(filter);
    check_name(name);
    check_filter(filter, name);
    check_glob(filter, name);
    if (name.len == 2) {
        uint8_t back[2];
        sn_short_name(sn_short_id(name), back);
        assert(sn_bytes_equal(sn_bytes(back, 2), name));
        assert(sn_short_name_ok(sn_short_id(name)) == sn_topic_name_ok(name));
    }
    return 0;
}
