/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store.h"

#include <limits.h>
#include <time.h>
#include <unistd.h>

#include "gateway/clock.h"
#include "tests/support/run.h"
#include "tests/support/store_bench.h"

#define OCTETS(literal) sn_bytes(literal, sizeof(literal) - 1)

static struct sn_peer peer_on(uint8_t link)
{
    struct sn_peer peer = {.link = link, .address_len = 6, .node_len = 2};

    for (uint8_t i = 0; i < 8; i++)
        peer.key[i] = (uint8_t)(0xA0 + i);
    for (uint8_t i = 0; i < SN_ROUTE_MAX; i++)
        peer.route[i] = i;
    return peer;
}

/* Every kind, and in each every field with a value of its own. */
static size_t some_of_all(struct record out[16])
{
    size_t n = 0;

    out[n++] = SESSION(1, .client_id = sn_text("tank"), .state = RECORD_ASLEEP, .clean = true,
                       .reachable = true, .peer = peer_on(1), .keep_alive = 65535,
                       .sleep_duration = 3600, .silent_until = 7000,
                       .will_topic = sn_text("tank/gone"), .will_payload = OCTETS("\0\1\xFF"),
                       .will_qos = 2, .will_retain = true, .will_updated = true);
    out[n++] = SESSION(2, .client_id = OCTETS("b\xC3("), .state = RECORD_ACTIVE, .fresh = true,
                       .silent_until = UINT64_MAX);
    out[n++] = SESSION(4000000000u, .client_id = sn_text("c"), .state = RECORD_LOST);
    out[n++] = SESSION(4000000001u, .client_id = sn_text("d"), .state = RECORD_DISCONNECTED);
    out[n++] = TOPIC(1, .topic_id = 7, .name = sn_text("tank/level"), .known = true);
    out[n++] = TOPIC(1, .topic_id = 65534, .given = true);
    out[n++] = SUBSCRIPTION(1, .filter = sn_text("tank/#"), .type = 1, .topic_id = 9,
                            .qos_asked = 2, .qos_granted = 1, .leaving = true);
    out[n++] = MESSAGE(1, .sequence = 10, .topic = sn_text("tank/set"), .payload = OCTETS("\0\t"),
                       .qos = 2, .retain = true, .received = 4000);
    out[n++] =
        MESSAGE(1, .sequence = INT64_MAX, .topic = sn_text("x"), .qos = 1, .received = -50000);
    out[n++] = RECEIVED(1, .msg_id = 65535, .topic_id = 3, .digest = UINT32_MAX);
    out[n++] = (struct record){.type = RECORD_ID_KEY, .id_key = {1, UINT64_MAX}};
    out[n++] = SPOOLED(1, .sequence = 3, .topic = sn_text("up"), .payload = OCTETS("\1"), .qos = 1,
                       .retain = true, .received = 3000);
    out[n++] = SPOOLED(0, .sequence = 4, .topic = sn_text("minus"), .received = 2000);
    out[n++] = SPOOLED(1, .sequence = 5, .topic = sn_text("up"), .received = 2000);
    return n;
}

static char *text_of(const struct record *records, size_t count)
{
    static char text[BENCH_TEXT];

    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        bench_write(text + strlen(text), &records[i]);
    return text;
}

START_TEST(every_kind_of_record_comes_back_as_it_was)
{
    struct record all[16];
    size_t count = some_of_all(all);

    all[count++] = PLACE(UINT32_MAX, "site/+/#");
    all[count++] = PLACE(1, "tank/#");
    bench_open();
    for (size_t i = 0; i < count; i++)
        record(all[i]);
    ck_assert(commit());
    ck_assert_str_eq(bench_reopened(), text_of(all, count));
}
END_TEST

START_TEST(twice_is_as_good_as_once)
{
    struct record all[16];
    size_t count = some_of_all(all);

    bench_open();
    for (size_t i = 0; i < 2 * count; i++)
        record(all[i % count]);
    ck_assert(commit());
    ck_assert_str_eq(bench_reopened(), text_of(all, count));
}
END_TEST

START_TEST(a_new_record_replaces_the_row)
{
    struct record was = SESSION(1, .client_id = sn_text("a"), .state = RECORD_ACTIVE);
    struct record is = SESSION(1, .client_id = sn_text("a"), .state = RECORD_ASLEEP,
                               .sleep_duration = 60, .will_topic = sn_text("w"));

    bench_open();
    record(was);
    ck_assert(commit());
    record(is);
    ck_assert(commit());
    ck_assert_str_eq(bench_reopened(), text_of(&is, 1));
}
END_TEST

START_TEST(nobody_inherits_what_has_no_session)
{
    struct record kept[] = {SESSION(1, .client_id = sn_text("a")),
                            TOPIC(1, .topic_id = 1, .name = sn_text("a")),
                            MESSAGE(1, .sequence = 1, .topic = sn_text("t"), .qos = 1),
                            SPOOLED(7, .sequence = 5, .topic = sn_text("up"), .qos = 1)};

    bench_open();
    for (size_t i = 0; i < 4; i++)
        record(kept[i]);
    record(TOPIC(7, .topic_id = 1, .name = sn_text("a")));
    record(SUBSCRIPTION(7, .filter = sn_text("a")));
    record(message(7, 2));
    record(RECEIVED(7, .msg_id = 2));
    ck_assert(commit());
    store_adopt_orphans(store);
    kept[3].session = 0;
    ck_assert_str_eq(bench_reopened(), text_of(kept, 4));
}
END_TEST

/* Of one kind, and only the one that is named. */
START_TEST(what_is_gone_is_gone)
{
    const struct record stay[] = {
        SESSION(1, .client_id = sn_text("a")),
        SUBSCRIPTION(1, .filter = sn_text("stay")),
        MESSAGE(1, .sequence = 2, .topic = sn_text("t")),
        RECEIVED(1, .msg_id = 2),
        SPOOLED(1, .sequence = 4, .topic = sn_text("t")),
        PLACE(1, "stay"),
    };
    const struct record come_and_go[] = {
        SUBSCRIPTION(1, .filter = sn_text("go")),
        MESSAGE(1, .sequence = 1, .topic = sn_text("t")),
        RECEIVED(1, .msg_id = 1),
        SPOOLED(1, .sequence = 3, .topic = sn_text("t")),
        PLACE(2, "go"),
    };

    bench_open();
    for (size_t i = 0; i < sizeof stay / sizeof *stay; i++)
        record(stay[i]);
    for (size_t i = 0; i < sizeof come_and_go / sizeof *come_and_go; i++)
        record(come_and_go[i]);
    ck_assert(commit());
    for (size_t i = 0; i < sizeof come_and_go / sizeof *come_and_go; i++) {
        struct record gone = come_and_go[i];
        gone.type++; /* each _GONE stands behind its own */
        record(gone);
    }
    ck_assert(commit());
    ck_assert_str_eq(bench_reopened(), text_of(stay, sizeof stay / sizeof *stay));
}
END_TEST

START_TEST(a_new_connection_makes_its_topics_unknown)
{
    struct record known[] = {TOPIC(1, .topic_id = 1, .name = sn_text("a"), .known = true),
                             TOPIC(2, .topic_id = 1, .name = sn_text("a"), .known = true)};

    bench_open();
    record(known[0]);
    record(known[1]);
    record(GONE(TOPICS_UNKNOWN, 1));
    ck_assert(commit());
    known[0].topic.known = false;
    ck_assert_str_eq(bench_reopened(), text_of(known, 2));
}
END_TEST

START_TEST(a_session_that_is_gone_leaves_nothing)
{
    struct record all[16];
    size_t count = some_of_all(all);
    struct record other[] = {SESSION(9, .client_id = sn_text("other")), message(9, 99),
                             all[10]}; /* what is the gateway's own */

    bench_open();
    for (size_t i = 0; i < count; i++) {
        all[i].session = 1;
        record(all[i]);
    }
    record(other[0]);
    record(other[1]);
    record(GONE(SESSION_GONE, 1));
    ck_assert(commit());
    ck_assert_str_eq(bench_reopened(), text_of(other, 3));
}
END_TEST

START_TEST(a_wiped_session_stays_with_what_it_has_for_the_broker)
{
    struct record all[16];
    size_t count = some_of_all(all);

    bench_open();
    for (size_t i = 0; i < count; i++)
        record(all[i]);
    record(GONE(SESSION_WIPED, 1));
    ck_assert(commit());
    const struct record left[] = {all[0],  all[1],  all[2],  all[3],
                                  all[10], all[11], all[12], all[13]};
    ck_assert_str_eq(bench_reopened(), text_of(left, sizeof left / sizeof *left));
}
END_TEST

START_TEST(an_address_follows_its_section)
{
    struct udp_config first_gone[] = {store_config.udp[1], {.name = "new"}};
    struct record r = SESSION(1, .client_id = sn_text("a"), .reachable = true, .peer = peer_on(1));

    bench_open();
    record(r);
    bench_close();
    store_config.udp = first_gone; /* what was listener 1 is now listener 0 */
    bench_open();
    r.client.peer.link = 0;
    ck_assert_str_eq(bench_restored(), text_of(&r, 1));
}
END_TEST

START_TEST(an_address_goes_with_its_section)
{
    struct record r = SESSION(1, .client_id = sn_text("a"), .reachable = true, .peer = peer_on(2));

    bench_open();
    record(r);
    bench_close();
    store_config.serial_count = 0;
    bench_open();
    r.client.reachable = false;
    ck_assert_str_eq(bench_restored(), text_of(&r, 1));
}
END_TEST

/* So that an operator can read them, and the machine may start again in between. */
START_TEST(times_in_the_file_are_wall_time)
{
    long long wall = (long long)time(NULL) * 1000;

    bench_open();
    record(SESSION(1, .client_id = sn_text("a"), .silent_until = clock_now() + 60000));
    record(MESSAGE(1, .sequence = 1, .received = (int64_t)clock_now() - 5000));
    ck_assert(commit());
    ck_assert_int_le(llabs(bench_query("SELECT silent_until FROM session") - wall - 60000), 2000);
    ck_assert_int_le(llabs(bench_query("SELECT received FROM message") - wall + 5000), 2000);
}
END_TEST

START_TEST(the_file_can_be_read_while_the_gateway_runs)
{
    bench_open();
    record(SESSION(1, .client_id = sn_text("tank"), .state = RECORD_ASLEEP));
    ck_assert(commit());
    ck_assert_int_eq(bench_query("SELECT count(*) FROM session WHERE client_id = 'tank' "
                                 "AND state = 'asleep'"),
                     1);
}
END_TEST

START_TEST(nothing_is_written_where_nothing_was_recorded)
{
    bench_open();
    record(message(1, 1));
    ck_assert(commit());
    for (int i = 0; i < 10; i++)
        ck_assert(commit());
    ck_assert_uint_eq(store_counters(store)->commits, 1);
    ck_assert_uint_eq(store_counters(store)->records, 1);
}
END_TEST

START_TEST(closing_commits)
{
    struct record r = message(1, 1);

    bench_open();
    record(r);
    ck_assert_str_eq(bench_reopened(), text_of(&r, 1));
}
END_TEST

/* More than a turn usually has: written in parts, and nothing is left out. */
START_TEST(a_flood_in_one_turn_is_written)
{
    static uint8_t payload[60000];

    bench_open();
    for (uint64_t i = 0; i < 1000; i++)
        record(MESSAGE(1, .sequence = i, .payload = sn_bytes(payload, sizeof payload)));
    ck_assert(commit());
    ck_assert_int_eq(bench_query("SELECT count(*) FROM message"), 1000);
    ck_assert_int_eq(bench_query("SELECT sum(length(payload)) FROM message"), 60000000);
}
END_TEST

static void in_memory_only(void)
{
    bench_open();
    record(message(1, 1));
    ck_assert(commit());
    ck_assert_str_eq(bench_restored(), "");
    ck_assert(!store_failing(store));
    bench_close();
    ck_assert_int_ne(access(store_path, F_OK), 0);
}

START_TEST(off_needs_no_file)
{
    store_config.store.sync = SYNC_OFF;
    in_memory_only();
}
END_TEST

START_TEST(without_a_path_there_is_no_file)
{
    store_config.store.path = "";
    in_memory_only();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("store");

    tcase_add_checked_fixture(tc, bench_up, bench_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, every_kind_of_record_comes_back_as_it_was);
    tcase_add_test(tc, twice_is_as_good_as_once);
    tcase_add_test(tc, a_new_record_replaces_the_row);
    tcase_add_test(tc, nobody_inherits_what_has_no_session);
    tcase_add_test(tc, what_is_gone_is_gone);
    tcase_add_test(tc, a_new_connection_makes_its_topics_unknown);
    tcase_add_test(tc, a_session_that_is_gone_leaves_nothing);
    tcase_add_test(tc, a_wiped_session_stays_with_what_it_has_for_the_broker);
    tcase_add_test(tc, an_address_follows_its_section);
    tcase_add_test(tc, an_address_goes_with_its_section);
    tcase_add_test(tc, times_in_the_file_are_wall_time);
    tcase_add_test(tc, the_file_can_be_read_while_the_gateway_runs);
    tcase_add_test(tc, nothing_is_written_where_nothing_was_recorded);
    tcase_add_test(tc, closing_commits);
    tcase_add_test(tc, a_flood_in_one_turn_is_written);
    tcase_add_test(tc, off_needs_no_file);
    tcase_add_test(tc, without_a_path_there_is_no_file);
    return run_case("store", tc);
}
