/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker sees of a client's topics, and the client of the broker's. */
#include "gateway/prefix.h"

#include <string.h>

#include "tests/support/run.h"

static const struct session_ref ONE = {1, 7}, FAR = {1000, 3};

static struct bridge_request asked; /* the last that went on to the bridge, with its topic below */
static struct bridge_event told;    /* the last that went on to the core */
static char asked_topic[70000], told_topic[70000];
static int requests, events;
static bool accepted;

static void keep(char *into, struct sn_bytes topic)
{
    memcpy(into, topic.len > 0 ? topic.data : (const uint8_t *)"", topic.len);
    into[topic.len] = '\0';
}

static bool on_request(void *self, const struct bridge_request *request)
{
    bool is_will = request->type == BRIDGE_OPEN || request->type == BRIDGE_SET_WILL;

    (void)self;
    asked = *request;
    keep(asked_topic, is_will ? request->will.topic : request->message.topic);
    requests++;
    return accepted;
}

static void on_event(void *self, const struct bridge_event *event)
{
    (void)self;
    told = *event;
    keep(told_topic, event->message.topic);
    events++;
}

static struct gateway_config config;

static struct prefix *make(const char *pattern)
{
    struct prefix *prefix;

    config.id = 7;
    config.topic_prefix = pattern;
    requests = events = 0;
    accepted = true;
    prefix = prefix_new(&config, (struct prefix_doors){NULL, on_request, on_event});
    ck_assert_ptr_nonnull(prefix);
    return prefix;
}

static bool open_as(struct prefix *prefix, struct session_ref ref, struct sn_bytes id,
                    const char *will)
{
    return prefix_request(prefix, &(struct bridge_request){.type = BRIDGE_OPEN,
                                                           .session = ref,
                                                           .client_id = id,
                                                           .will.topic = sn_text(will)});
}

static struct prefix *make_with(const char *pattern, const char *id)
{
    struct prefix *prefix = make(pattern);

    ck_assert(open_as(prefix, ONE, sn_text(id), ""));
    return prefix;
}

static bool ask(struct prefix *prefix, enum bridge_request_type type, struct session_ref ref,
                const char *topic)
{
    const struct bridge_message message = {.topic = sn_text(topic), .qos = 1};

    return prefix_request(prefix, &(struct bridge_request){.type = type,
                                                           .session = ref,
                                                           .token = 99,
                                                           .client_id = sn_text("x"),
                                                           .will = message,
                                                           .message = message});
}

static void tell(struct prefix *prefix, enum bridge_event_type type, struct session_ref ref,
                 const char *topic)
{
    prefix_event(prefix, &(struct bridge_event){.type = type,
                                                .session = ref,
                                                .token = 99,
                                                .result = BRIDGE_BUSY,
                                                .message.topic = sn_text(topic)});
}

static const struct going {
    enum bridge_request_type type;
    const char *topic, *at_broker;
} goings[] = {
    {BRIDGE_PUBLISH, "a/b", "site/7/x/a/b"},
    {BRIDGE_PUBLISH, "/a", "site/7/x//a"},
    {BRIDGE_SUBSCRIBE, "#", "site/7/x/#"},
    {BRIDGE_SUBSCRIBE, "+/b", "site/7/x/+/b"},
    {BRIDGE_UNSUBSCRIBE, "+", "site/7/x/+"},
    {BRIDGE_SET_WILL, "gone", "site/7/x/gone"},
    {BRIDGE_SET_WILL, "", ""}, /* the will is deleted */
    /* shared subscriptions */
    {BRIDGE_SUBSCRIBE, "$share/g/#", "$share/g/site/7/x/#"},
    {BRIDGE_UNSUBSCRIBE, "$share/g/a/+", "$share/g/site/7/x/a/+"},
    {BRIDGE_SUBSCRIBE, "$share/g//a", "$share/g/site/7/x//a"},
    {BRIDGE_SUBSCRIBE, "$share/g/$SYS/#", "$share/g/$SYS/#"},
    {BRIDGE_SUBSCRIBE, "$share/g/", "$share/g/"}, /* no filter: the broker says so */
    {BRIDGE_SUBSCRIBE, "$share/g", "$share/g"},
    {BRIDGE_SUBSCRIBE, "$shared/g/a", "$shared/g/a"},
    {BRIDGE_PUBLISH, "$share/g/a", "$share/g/a"}, /* a name, no filter */
    /* the broker's own */
    {BRIDGE_SUBSCRIBE, "$SYS/broker/#", "$SYS/broker/#"},
    {BRIDGE_PUBLISH, "$aws/things/x/shadow/get", "$aws/things/x/shadow/get"},
};

START_TEST(requests_get_the_prefix)
{
    struct prefix *prefix = make_with("site/${gateway}/${client}/", "x");

    ck_assert(ask(prefix, goings[_i].type, ONE, goings[_i].topic));
    ck_assert_str_eq(asked_topic, goings[_i].at_broker);
    ck_assert_int_eq(asked.type, goings[_i].type);
    ck_assert_uint_eq(asked.token, 99);
    accepted = false;
    ck_assert(!ask(prefix, goings[_i].type, ONE, goings[_i].topic));
    prefix_free(prefix);
}
END_TEST

static const struct coming {
    const char *at_broker, *topic; /* NULL: it is not told */
} comings[] = {
    {"site/7/x/a/b", "a/b"},
    {"site/7/x//a", "/a"},
    {"$SYS/broker/uptime", "$SYS/broker/uptime"},
    {"site/7/x/", NULL},
    {"site/7/x", NULL}, /* site/7/x/# matches it */
    {"site/7/y/a", NULL},
    {"site/7/x/$SYS/a", NULL},
};

START_TEST(messages_lose_it)
{
    struct prefix *prefix = make_with("site/${gateway}/${client}/", "x");

    tell(prefix, BRIDGE_MESSAGE, ONE, comings[_i].at_broker);
    ck_assert_int_eq(events, comings[_i].topic ? 1 : 0);
    ck_assert_uint_eq(prefix_counters(prefix)->outside, comings[_i].topic ? 0 : 1);
    if (comings[_i].topic)
        ck_assert_str_eq(told_topic, comings[_i].topic);
    prefix_free(prefix);
}
END_TEST

START_TEST(what_is_given_back_loses_it_too)
{
    struct prefix *prefix = make_with("${client}/", "x");

    tell(prefix, BRIDGE_PUBLISHED, ONE, "x/a");
    ck_assert_str_eq(told_topic, "a");
    ck_assert_uint_eq(told.token, 99);
    tell(prefix, BRIDGE_PUBLISHED, ONE, "$queue/a");
    ck_assert_str_eq(told_topic, "$queue/a");
    tell(prefix, BRIDGE_PUBLISHED, ONE, ""); /* most have nothing to give back */
    ck_assert_str_eq(told_topic, "");
    ck_assert_int_eq(events, 3);
    prefix_free(prefix);
}
END_TEST

static const struct naming {
    const char *id;
    size_t len; /* 0: to the NUL */
    const char *at_broker;
} namings[] = {
    {"sensor-1", 0, "sensor-1/t"},
    {"\xc3\xa9t\xc3\xa9", 0, "\xc3\xa9t\xc3\xa9/t"},
    {"a/b", 0, "a%2Fb/t"},
    {"+", 0, "%2B/t"},
    {"#", 0, "%23/t"},
    {"$SYS", 0, "%24SYS/t"},
    {"a%2Fb", 0, "a%252Fb/t"},
    {"a\x01\x7f", 0, "a%01%7F/t"},
    {"a\0b", 3, "a%00b/t"},
    {"\xff\xc3", 0, "%FF%C3/t"},
    {"gateway", 0, "%67ateway/t"},
    {"gateways", 0, "gateways/t"},
    {"%67ateway", 0, "%2567ateway/t"},
};

START_TEST(client_ids_stay_on_one_level)
{
    const struct naming *row = &namings[_i];
    struct prefix *prefix = make("${client}/");

    ck_assert(open_as(prefix, ONE, sn_bytes(row->id, row->len ? row->len : strlen(row->id)), ""));
    ck_assert(ask(prefix, BRIDGE_PUBLISH, ONE, "t"));
    ck_assert_str_eq(asked_topic, row->at_broker);
    for (int other = 0; other < (int)(sizeof namings / sizeof *namings); other++)
        ck_assert(other == _i || strcmp(namings[other].at_broker, row->at_broker) != 0);
    prefix_free(prefix);
}
END_TEST

START_TEST(what_has_no_client_is_the_gateways)
{
    struct prefix *prefix = make("a/${client}/");

    ck_assert(ask(prefix, BRIDGE_PUBLISH, GATEWAY_SELF, "t"));
    ck_assert_str_eq(asked_topic, "a/gateway/t");
    prefix_free(prefix);
}
END_TEST

START_TEST(a_prefix_without_client_holds_for_all)
{
    struct prefix *prefix = make("a/${gateway}/");

    ck_assert(ask(prefix, BRIDGE_PUBLISH, GATEWAY_SELF, "t"));
    ck_assert_str_eq(asked_topic, "a/7/t");
    ck_assert(open_as(prefix, FAR, sn_text("x"), "will"));
    ck_assert_str_eq(asked_topic, "a/7/will");
    ck_assert(ask(prefix, BRIDGE_PUBLISH, FAR, "t"));
    ck_assert_str_eq(asked_topic, "a/7/t");
    prefix_free(prefix);
}
END_TEST

START_TEST(each_session_has_its_own)
{
    struct prefix *prefix = make_with("${client}/", "x");

    ck_assert(open_as(prefix, FAR, sn_text("y"), "will"));
    ck_assert_str_eq(asked_topic, "y/will");
    ck_assert(ask(prefix, BRIDGE_PUBLISH, ONE, "t"));
    ck_assert_str_eq(asked_topic, "x/t");
    ck_assert(ask(prefix, BRIDGE_PUBLISH, FAR, "t"));
    ck_assert_str_eq(asked_topic, "y/t");
    ck_assert(!ask(prefix, BRIDGE_PUBLISH, (struct session_ref){2, 1}, "t")); /* never opened */
    prefix_free(prefix);
}
END_TEST

START_TEST(a_late_message_of_a_closed_session_is_still_its_own)
{
    struct prefix *prefix = make_with("${client}/", "x");

    ck_assert(
        prefix_request(prefix, &(struct bridge_request){.type = BRIDGE_CLOSE, .session = ONE}));
    ck_assert_int_eq(asked.type, BRIDGE_CLOSE);
    tell(prefix, BRIDGE_MESSAGE, ONE, "x/t");
    ck_assert_str_eq(told_topic, "t");
    prefix_free(prefix);
}
END_TEST

/* The core knows that it is late; the new client's prefix must not be taken off. */
START_TEST(a_slot_that_has_another_client_now_forgets_the_first)
{
    struct prefix *prefix = make_with("${client}/", "x");
    const struct session_ref second = {ONE.slot, ONE.generation + 1};

    ck_assert(open_as(prefix, second, sn_text("y"), ""));
    ck_assert(!ask(prefix, BRIDGE_PUBLISH, ONE, "t"));
    tell(prefix, BRIDGE_MESSAGE, ONE, "y/t");
    ck_assert_str_eq(told_topic, "y/t");
    tell(prefix, BRIDGE_MESSAGE, second, "y/t");
    ck_assert_str_eq(told_topic, "t");
    prefix_free(prefix);
}
END_TEST

/* As long as may be behind "x/", or one octet more. */
static const char *long_topic(size_t more)
{
    static char topic[65536];
    size_t len = 65533 + more;

    memset(topic, 't', len);
    topic[len] = '\0';
    return topic;
}

static const char *deep_topic(size_t levels)
{
    static char topic[1000];

    memset(topic, '/', levels - 1);
    topic[levels - 1] = '\0';
    return topic;
}

static const struct refusal {
    enum bridge_request_type type;
    enum bridge_event_type answer;
} refusals[] = {{BRIDGE_OPEN, BRIDGE_OPENED},
                {BRIDGE_PUBLISH, BRIDGE_PUBLISHED},
                {BRIDGE_SUBSCRIBE, BRIDGE_SUBSCRIBED},
                {BRIDGE_UNSUBSCRIBE, BRIDGE_UNSUBSCRIBED}};

START_TEST(what_becomes_too_long_is_refused)
{
    struct prefix *prefix = make_with("${client}/", "x");
    const struct refusal *row = &refusals[_i];

    ck_assert(ask(prefix, row->type, ONE, long_topic(0)));
    ck_assert_int_eq(requests, 2);
    ck_assert_int_eq(events, 0);
    ck_assert(ask(prefix, row->type, ONE, long_topic(1)));
    ck_assert_int_eq(requests, 2);
    ck_assert_int_eq(events, 1);
    ck_assert_int_eq(told.type, row->answer);
    ck_assert_int_eq(told.result, BRIDGE_REFUSED);
    ck_assert_uint_eq(told.token, 99);
    ck_assert_uint_eq(told.session.generation, ONE.generation);
    ck_assert_uint_eq(prefix_counters(prefix)->too_long, 1);
    prefix_free(prefix);
}
END_TEST

START_TEST(what_becomes_too_deep_is_refused)
{
    struct prefix *prefix = make_with("a/${client}/", "x");

    ck_assert(ask(prefix, BRIDGE_PUBLISH, ONE, deep_topic(198)));
    ck_assert_int_eq(events, 0);
    ck_assert_int_eq(requests, 2);
    ck_assert(ask(prefix, BRIDGE_PUBLISH, ONE, deep_topic(199)));
    ck_assert_int_eq(requests, 2);
    ck_assert_int_eq(told.type, BRIDGE_PUBLISHED);
    ck_assert_int_eq(told.result, BRIDGE_REFUSED);
    prefix_free(prefix);
}
END_TEST

/* Nobody waits for an answer to these two. */
START_TEST(refused_without_an_event)
{
    struct prefix *prefix = make_with("${client}/", "x");

    ck_assert(!ask(prefix, BRIDGE_SET_WILL, ONE, long_topic(1)));
    ck_assert(prefix_request(
        prefix, &(struct bridge_request){.type = BRIDGE_PUBLISH,
                                         .session = ONE,
                                         .message = {.topic = sn_text(long_topic(1)), .qos = 0}}));
    ck_assert_int_eq(events, 0);
    ck_assert_int_eq(requests, 1);
    ck_assert_uint_eq(prefix_counters(prefix)->too_long, 2);
    prefix_free(prefix);
}
END_TEST

START_TEST(a_client_id_too_long_for_any_topic_is_refused)
{
    static char id[30000];
    struct prefix *prefix = make("${client}/");

    memset(id, '/', sizeof id); /* three octets each */
    ck_assert(open_as(prefix, ONE, sn_bytes(id, sizeof id), ""));
    ck_assert_int_eq(requests, 0);
    ck_assert_int_eq(told.type, BRIDGE_OPENED);
    ck_assert_int_eq(told.result, BRIDGE_REFUSED);
    prefix_free(prefix);
}
END_TEST

#define COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

int main(void)
{
    TCase *tcase = tcase_create("prefix");

    tcase_add_loop_test(tcase, requests_get_the_prefix, 0, COUNT(goings));
    tcase_add_loop_test(tcase, messages_lose_it, 0, COUNT(comings));
    tcase_add_test(tcase, what_is_given_back_loses_it_too);
    tcase_add_loop_test(tcase, client_ids_stay_on_one_level, 0, COUNT(namings));
    tcase_add_test(tcase, what_has_no_client_is_the_gateways);
    tcase_add_test(tcase, a_prefix_without_client_holds_for_all);
    tcase_add_test(tcase, each_session_has_its_own);
    tcase_add_test(tcase, a_late_message_of_a_closed_session_is_still_its_own);
    tcase_add_test(tcase, a_slot_that_has_another_client_now_forgets_the_first);
    tcase_add_loop_test(tcase, what_becomes_too_long_is_refused, 0, COUNT(refusals));
    tcase_add_test(tcase, what_becomes_too_deep_is_refused);
    tcase_add_test(tcase, refused_without_an_event);
    tcase_add_test(tcase, a_client_id_too_long_for_any_topic_is_refused);
    return run_case("prefix", tcase);
}
