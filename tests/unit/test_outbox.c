/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/outbox.h"

#include "tests/support/run.h"

static struct message *push(struct outbox *q, const char *topic, const char *payload)
{
    struct bridge_message m = {sn_text(topic), sn_text(payload), 2, true};

    return outbox_push(q, &m, 1);
}

START_TEST(keeps_copies_in_order)
{
    struct outbox q = {0};
    char payload[] = "first";

    struct message *first = push(&q, "a", payload);
    payload[0] = 'X';
    struct message *second = push(&q, "bc", "");
    ck_assert_ptr_eq(q.head, first);
    ck_assert_ptr_eq(first->next, second);
    ck_assert_ptr_eq(q.tail, second);
    ck_assert(sn_bytes_equal(message_topic(first), sn_text("a")));
    ck_assert(sn_bytes_equal(message_payload(first), sn_text("first")));
    ck_assert(sn_bytes_equal(message_payload(second), sn_text("")));
    ck_assert(first->qos == 1 && first->retain && !first->sent && first->msg_id == 0);
    ck_assert_uint_eq(q.count, 2);
    ck_assert_uint_eq(q.octets, 8);
    outbox_clear(&q);
    ck_assert(!q.head && !q.tail && q.count == 0 && q.octets == 0);
}
END_TEST

/* The first, the one between, the last of three. */
START_TEST(takes_one_out)
{
    struct outbox q = {0};
    struct message *m[3] = {push(&q, "a", "1"), push(&q, "b", "22"), push(&q, "c", "333")};

    outbox_remove(&q, m[_i]);
    ck_assert_uint_eq(q.count, 2);
    ck_assert_uint_eq(q.octets, 9 - (size_t)_i - 2);
    ck_assert_ptr_eq(q.head, m[_i == 0]);
    ck_assert_ptr_eq(q.head->next, m[_i == 2 ? 1 : 2]);
    ck_assert_ptr_eq(q.tail, m[_i == 2 ? 1 : 2]);
    ck_assert_ptr_null(q.tail->next);
    struct message *last = push(&q, "d", "");
    ck_assert_ptr_eq(q.tail, last);
    outbox_clear(&q);
}
END_TEST

/* So they are the same after a restart; but never two of a queue. */
START_TEST(message_ids_follow_from_the_sequence)
{
    struct outbox q = {0};
    struct message *m[4];

    for (int i = 0; i < 4; i++)
        m[i] = push(&q, "a", "");
    m[1]->sequence = 7; /* m[0] is of QoS 0 and not recorded */
    m[2]->sequence = 7 + MSG_IDS;
    m[3]->sequence = MSG_IDS;
    m[1]->msg_id = outbox_msg_id(&q, m[1]);
    ck_assert_uint_eq(m[1]->msg_id, 7);
    ck_assert_uint_eq(outbox_msg_id(&q, m[2]), 8);
    ck_assert_uint_eq(outbox_msg_id(&q, m[3]), MSG_IDS);
    m[1]->msg_id = 0; /* m[1] has not been sent */
    ck_assert_uint_eq(outbox_msg_id(&q, m[2]), 7);
    m[3]->sequence = MSG_IDS + 1;
    ck_assert_uint_eq(outbox_msg_id(&q, m[3]), 1);
    outbox_clear(&q);
}
END_TEST

START_TEST(finds_what_may_be_given_up)
{
    struct outbox q = {0};
    struct message *m[3] = {push(&q, "a", "1"), push(&q, "b", "2"), push(&q, "a", "3")};

    ck_assert_ptr_eq(outbox_oldest_unsent(&q), m[0]);
    m[0]->sent = true;
    ck_assert_ptr_eq(outbox_oldest_unsent(&q), m[1]);
    ck_assert_ptr_eq(outbox_unsent_on(&q, sn_text("a")), m[2]);
    ck_assert_ptr_null(outbox_unsent_on(&q, sn_text("c")));
    m[1]->sent = m[2]->sent = true;
    ck_assert_ptr_null(outbox_oldest_unsent(&q));
    outbox_clear(&q);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("outbox");

    tcase_add_test(tc, keeps_copies_in_order);
    tcase_add_loop_test(tc, takes_one_out, 0, 3);
    tcase_add_test(tc, message_ids_follow_from_the_sequence);
    tcase_add_test(tc, finds_what_may_be_given_up);
    return run_case("outbox", tc);
}
