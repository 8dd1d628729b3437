/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/session.h"

#include <stdio.h>

#include "tests/support/run.h"

static const struct hash_key key = {1, 2};
static struct sessions t;

static void begin(void)
{
    t = (struct sessions){.key = &key};
}

static struct sn_peer peer(uint8_t number)
{
    return (struct sn_peer){.address_len = 1, .key = {number}};
}

START_TEST(found_by_id_address_and_reference)
{
    begin();
    struct sn_peer here = peer(1), there = peer(2);
    struct session *s = session_new(&t, sn_text("a"));

    ck_assert_ptr_eq(session_find(&t, sn_text("a")), s);
    ck_assert_ptr_null(session_find(&t, sn_text("aa")));
    ck_assert_ptr_null(session_find(&t, sn_text("")));
    ck_assert_ptr_eq(session_of(&t, session_ref(s)), s);
    ck_assert_ptr_null(session_at(&t, &here));
    ck_assert(session_bind(&t, s, &here));
    ck_assert_ptr_eq(session_at(&t, &here), s);
    ck_assert(session_bind(&t, s, &there)); /* it moves */
    ck_assert_ptr_null(session_at(&t, &here));
    ck_assert_ptr_eq(session_at(&t, &there), s);
    there.broadcast = true; /* how a datagram came is no part of the address */
    ck_assert_ptr_eq(session_at(&t, &there), s);
    session_unbind(&t, s);
    session_unbind(&t, s);
    ck_assert_ptr_null(session_at(&t, &there));
    ck_assert(!s->reachable);
    sessions_fini(&t);
}
END_TEST

START_TEST(a_reused_slot_has_another_generation)
{
    begin();
    struct session *s = session_new(&t, sn_text("a"));
    struct session_ref old = session_ref(s);
    struct sn_peer here = peer(1);

    session_bind(&t, s, &here);
    session_free(&t, s);
    ck_assert_ptr_null(session_of(&t, old));
    ck_assert_ptr_null(session_find(&t, sn_text("a")));
    ck_assert_ptr_null(session_at(&t, &here));
    struct session *next = session_new(&t, sn_text("b"));
    ck_assert_uint_eq(next->slot, old.slot);
    ck_assert_ptr_null(session_of(&t, old));
    ck_assert_ptr_eq(session_of(&t, session_ref(next)), next);
    ck_assert_ptr_null(session_of(&t, GATEWAY_SELF));
    ck_assert_ptr_null(session_of(&t, (struct session_ref){99, 1}));
    sessions_fini(&t);
}
END_TEST

START_TEST(absent_longest_first)
{
    struct session *s[3];
    char id[2] = "a";

    begin();
    for (int i = 0; i < 3; i++, id[0]++)
        s[i] = session_new(&t, sn_text(id));
    ck_assert_ptr_eq(t.absent, s[0]);
    session_set_absent(&t, s[0], false);
    ck_assert_ptr_eq(t.absent, s[1]);
    session_set_absent(&t, s[0], true);
    ck_assert_ptr_eq(t.absent->next, s[2]);
    ck_assert_ptr_eq(t.absent->next->next, s[0]);
    session_free(&t, s[2]);
    ck_assert_ptr_eq(t.absent->next, s[0]);
    ck_assert_uint_eq(t.live, 2);
    sessions_fini(&t);
}
END_TEST

START_TEST(thousands_come_and_go)
{
    char id[16];

    begin();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3000; i++) {
            snprintf(id, sizeof id, "client-%d", i);
            ck_assert_ptr_nonnull(session_new(&t, sn_text(id)));
        }
        ck_assert_uint_eq(t.live, 3000);
        ck_assert_uint_eq(t.count, 3000); /* slots are reused, not added */
        for (int i = 0; i < 3000; i++) {
            snprintf(id, sizeof id, "client-%d", i);
            struct session *s = session_find(&t, sn_text(id));
            ck_assert_uint_eq(s->generation, (unsigned)round + 1);
            session_free(&t, s);
        }
        ck_assert_uint_eq(t.live, 0);
    }
    sessions_fini(&t);
}
END_TEST

START_TEST(a_will_is_copied_and_may_be_made_of_itself)
{
    struct will w = {0}, same = {0};
    char topic[] = "topic";

    ck_assert(will_set(&w, sn_text(topic), sn_text("text"), 1, true));
    topic[0] = 'X';
    ck_assert(sn_bytes_equal(w.topic, sn_text("topic")));
    ck_assert(will_set(&w, w.topic, sn_text("new"), w.qos, w.retain));
    ck_assert(will_set(&w, sn_text("other"), w.payload, 2, false));
    ck_assert(sn_bytes_equal(w.topic, sn_text("other")));
    ck_assert(sn_bytes_equal(w.payload, sn_text("new")));
    ck_assert(will_set(&same, sn_text("other"), sn_text("new"), 2, false));
    ck_assert(will_equal(&w, &same));
    same.retain = true;
    ck_assert(!will_equal(&w, &same));
    will_clear(&w);
    will_clear(&w);
    ck_assert_uint_eq(w.topic.len, 0);
    will_clear(&same);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("session");

    tcase_add_test(tc, found_by_id_address_and_reference);
    tcase_add_test(tc, a_reused_slot_has_another_generation);
    tcase_add_test(tc, absent_longest_first);
    tcase_add_test(tc, thousands_come_and_go);
    tcase_add_test(tc, a_will_is_copied_and_may_be_made_of_itself);
    return run_case("session", tc);
}
