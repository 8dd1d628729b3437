/* SPDX-License-Identifier: Apache-2.0 */
/* A script of subscriptions and messages: each step is an octet that says what to do and for whom,
 * a length, and so many octets of a filter or topic. */
#include "bridge/filters.h"
#include "sn/topic.h"
#include "tests/fuzz/fuzz.h"

enum { SUBSCRIBE, GRANT, UNSUBSCRIBE, MESSAGE, STEPS };

static void check_message(struct filters *t, struct sn_bytes topic)
{
    const uint32_t *numbers;
    const struct filters_hit *hits;
    size_t found = filters_match(t, topic, &numbers), expected = 0;

    for (uint32_t number = 1; number <= filters_last(t); number++)
        expected += filters_has(t, number) && sn_topic_matches(filters_text(t, number), topic);
    assert(found == expected);
    for (size_t i = 0; i < found; i++)
        assert(filters_matches(t, numbers[i], topic));
    size_t n = filters_collect(t, topic, numbers, found, &hits);
    for (size_t i = 0; i < n; i++)
        assert(filters_of_slot(t, hits[i].slot) > 0 && hits[i].qos <= 2);
}

static void step(struct filters *t, unsigned what, uint32_t slot, struct sn_bytes text)
{
    uint8_t qos = (uint8_t)(slot % 3);
    uint32_t number = filters_find(t, text);

    if (what == MESSAGE) {
        if (sn_topic_name_ok(text))
            check_message(t, text);
    } else if (what == SUBSCRIBE && sn_topic_filter_ok(text)) {
        number = filters_take(t, text);
        assert(number > 0 && filters_add(t, number, slot, qos));
    } else if (what == GRANT && number > 0) {
        filters_grant(t, number, slot, qos);
    } else if (what == UNSUBSCRIBE && number > 0) {
        filters_remove(t, number, slot);
        if (filters_subscribers(t, number) == 0)
            filters_drop(t, number);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[16];
    struct sn_reader r = sn_reader(sn_bytes(data, size));
    struct filters *t = filters_new(seed);

    assert(t);
    while (r.left > 1) {
        unsigned what = sn_read_u8(&r);
        size_t len = sn_read_u8(&r);
        step(t, what % STEPS, what / STEPS % 8, sn_read(&r, len < r.left ? len : r.left));
    }
    filters_audit(t);
    filters_free(t);
    return 0;
}
