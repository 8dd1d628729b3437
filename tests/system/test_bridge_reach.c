/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge on its way to a broker: addresses, silence, certificates. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/run.h"
#include "tests/system/bridge_world.h"

static struct world *w;

static void begin(const char *extra)
{
    w = calloc(1, sizeof *w);
    ck_assert_ptr_nonnull(w);
    world_init(w, extra);
}

static void end(void)
{
    world_fini(w);
    free(w);
}

static void opened_when_up(uint32_t slot, const char *id)
{
    await(w, bridge_broker_up(w->bridge));
    opened_as(w, slot, id, true);
}

START_TEST(nobody_there)
{
    begin("");
    world_bridge_start(w);
    ck_assert(open_as(w, 1, "early", true));
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 0, 0)->result, BRIDGE_BUSY);
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 1, 0)->result, BRIDGE_BUSY);
    ck_assert(!open_as(w, 1, "late", true));
    ck_assert_ptr_nonnull(strstr(w->notices, "check [broker] url"));
    world_broker_start(w);
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 0, 0)->result, BRIDGE_OK);
    opened_as(w, 1, "early", true);
    end();
}
END_TEST

/* A name with addresses of both families, of which the broker serves one; attempts while it is
 * away must not lead past it. */
START_TEST(name_with_several_addresses)
{
    begin("");
    w->config.broker.address.host = "localhost";
    world_bridge_start(w);
    await(w, bridge_counters(w->bridge)->connect_failures >= 3);
    world_broker_start(w);
    opened_when_up(1, "sensor");
    await(w, bridge_counters(w->bridge)->connects == 2);
    end();
}
END_TEST

START_TEST(unknown_host)
{
    begin("");
    w->config.broker.url = "mqtt://broker.invalid";
    w->config.broker.address = (struct endpoint){ENDPOINT_TCP, "broker.invalid", 1883};
    w->config.broker.connect_timeout_ms = 15000;
    world_bridge_start(w);
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 0, 0)->result, BRIDGE_BUSY);
    ck_assert_ptr_nonnull(strstr(w->notices, "cannot find the host"));
    end();
}
END_TEST

/* The broker's process is stopped: the kernel accepts, nobody answers. */
START_TEST(somebody_there_who_never_answers)
{
    begin("");
    w->config.broker.connect_timeout_ms = 1000;
    world_broker_start(w);
    kill(w->broker, SIGSTOP);
    uint64_t start = uv_hrtime();
    world_bridge_start(w);
    ck_assert(open_as(w, 1, "early", true));
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 1, 0)->result, BRIDGE_BUSY);
    ck_assert_uint_lt(since(w, start), 4000);
    ck_assert_ptr_nonnull(strstr(w->notices, "does not answer"));
    kill(w->broker, SIGCONT);
    await(w, bridge_broker_up(w->bridge));
    end();
}
END_TEST

START_TEST(unreadable_certificate)
{
    begin("");
    world_broker_start(w);
    w->config.broker.address.kind = ENDPOINT_TLS;
    w->config.broker.ca_file = "/nonexistent/ca.pem";
    world_bridge_start(w);
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 0, 0)->result, BRIDGE_BUSY);
    ck_assert_ptr_nonnull(strstr(w->notices, "/nonexistent/ca.pem: No such file"));
    end();
}
END_TEST

START_TEST(broker_that_does_not_speak_tls)
{
    begin("");
    world_broker_start(w);
    w->config.broker.address.kind = ENDPOINT_TLS;
    world_bridge_start(w);
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 0, 0)->result, BRIDGE_BUSY);
    ck_assert_ptr_nonnull(strstr(w->notices, "speaks TLS"));
    end();
}
END_TEST

/* The certificate names 127.0.0.1, as the client checks it. */
static void begin_tls(void)
{
    char text[1024];

    begin("");
    snprintf(text, sizeof text,
             "cd %s && %s req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1"
             " -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem 2>/dev/null",
             w->folder, OPENSSL);
    ck_assert_int_eq(system(text), 0);
    snprintf(text, sizeof text,
             "user root\nlistener %u 127.0.0.1\nallow_anonymous true\ncertfile %s/cert.pem\n"
             "keyfile %s/key.pem\n",
             w->port, w->folder, w->folder);
    world_write(w, "broker.conf", text);
    w->config.broker.address.kind = ENDPOINT_TLS;
    world_broker_start(w);
}

START_TEST(speaks_tls)
{
    char ca[128];

    begin_tls();
    snprintf(ca, sizeof ca, "%s/cert.pem", w->folder);
    w->config.broker.ca_file = ca;
    world_bridge_start(w);
    opened_as(w, 1, "sensor", true);
    subscribed(w, 1, "t/#", 1);
    for (uint64_t i = 1; i <= 20; i++)
        ck_assert(publish(w, 1, i, "t/1", "one", 1));
    for (uint64_t i = 1; i <= 20; i++)
        expect_message(w, 1, "one");
    end();
}
END_TEST

START_TEST(certificate_nobody_vouches_for)
{
    begin_tls();
    w->config.broker.connect_timeout_ms = AWAIT_MS; /* the refusal, however busy the machine */
    world_bridge_start(w);
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 0, 0)->result, BRIDGE_BUSY);
    ck_assert_msg(strstr(w->notices, "certificate verify failed"), "%s", w->notices);
    ck_assert_ptr_nonnull(strstr(w->notices, "check [broker] ca_file"));
    end();
}
END_TEST

/* Waiting for a handshake must not turn the loop without end. */
START_TEST(stalled_handshake_is_awaited_in_peace)
{
    begin_tls();
    kill(w->broker, SIGSTOP);
    world_bridge_start(w);
    ck_assert_int_eq(expect(w, BRIDGE_OPENED, 0, 0)->result, BRIDGE_BUSY);
    ck_assert_ptr_nonnull(strstr(w->notices, "does not answer"));
    ck_assert_uint_lt(w->turns, 500);
    end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("reach");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, nobody_there);
    tcase_add_test(tc, name_with_several_addresses);
    tcase_add_test(tc, unknown_host);
    tcase_add_test(tc, somebody_there_who_never_answers);
    tcase_add_test(tc, unreadable_certificate);
    tcase_add_test(tc, broker_that_does_not_speak_tls);
    if (access(OPENSSL, X_OK) == 0) {
        tcase_add_test(tc, speaks_tls);
        tcase_add_test(tc, certificate_nobody_vouches_for);
        tcase_add_test(tc, stalled_handshake_is_awaited_in_peace);
    }
    return run_case("bridge_reach", tc);
}
