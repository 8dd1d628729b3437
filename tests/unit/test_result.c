/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/result.h"

#include <errno.h>
#include <mosquitto.h>
#include <netdb.h>

#include "tests/support/run.h"

static const struct {
    int code;
    enum bridge_result result;
} connacks[] = {
    {0, BRIDGE_OK},         {1, BRIDGE_REFUSED},    {2, BRIDGE_REFUSED},    {3, BRIDGE_BUSY},
    {4, BRIDGE_REFUSED},    {5, BRIDGE_REFUSED},    {0x80, BRIDGE_REFUSED}, {0x84, BRIDGE_REFUSED},
    {0x85, BRIDGE_REFUSED}, {0x86, BRIDGE_REFUSED}, {0x87, BRIDGE_REFUSED}, {0x88, BRIDGE_BUSY},
    {0x89, BRIDGE_BUSY},    {0x8A, BRIDGE_REFUSED}, {0x97, BRIDGE_BUSY},    {0x9F, BRIDGE_BUSY},
};

START_TEST(maps_connack)
{
    ck_assert_int_eq(result_of_connack(connacks[_i].code), connacks[_i].result);
}
END_TEST

static const struct {
    int code;
    enum bridge_result result;
} reasons[] = {
    {0, BRIDGE_OK},         {2, BRIDGE_OK},         {0x10, BRIDGE_OK},   {0x80, BRIDGE_REFUSED},
    {0x87, BRIDGE_REFUSED}, {0x90, BRIDGE_REFUSED}, {0x97, BRIDGE_BUSY}, {0x9E, BRIDGE_REFUSED},
};

START_TEST(maps_reasons)
{
    ck_assert_int_eq(result_of_reason(reasons[_i].code), reasons[_i].result);
}
END_TEST

static const struct {
    int code;
    enum bridge_result result;
} disconnects[] = {
    {0x80, BRIDGE_BUSY}, {0x87, BRIDGE_REFUSED}, {0x8B, BRIDGE_BUSY},
    {0x8D, BRIDGE_BUSY}, {0x8E, BRIDGE_REFUSED}, {0x98, BRIDGE_BUSY},
};

START_TEST(maps_disconnect)
{
    ck_assert_int_eq(result_of_disconnect(disconnects[_i].code), disconnects[_i].result);
}
END_TEST

/* Every text names the cause and what to do about it. */
static const struct {
    struct failure failure;
    enum bridge_result result;
    const char *cause, *remedy;
} failures[] = {
    {{FAILURE_LIBRARY, MOSQ_ERR_ERRNO, ECONNREFUSED}, BRIDGE_BUSY, "refused", "[broker] url"},
    {{FAILURE_LIBRARY, MOSQ_ERR_ERRNO, EMFILE}, BRIDGE_BUSY, "open files", "raise the limit"},
    {{FAILURE_LIBRARY, MOSQ_ERR_ERRNO, 0}, BRIDGE_BUSY, "closed the connection", "log"},
    {{FAILURE_LIBRARY, MOSQ_ERR_EAI, EAI_NONAME}, BRIDGE_BUSY, "not known", "[broker] url"},
    {{FAILURE_LIBRARY, MOSQ_ERR_TLS, 0}, BRIDGE_BUSY, "verify failed", "ca_file"},
    {{FAILURE_LIBRARY, MOSQ_ERR_CONN_LOST, 0}, BRIDGE_BUSY, "closed the connection", "TLS"},
    {{FAILURE_LIBRARY, MOSQ_ERR_PROTOCOL, 0}, BRIDGE_BUSY, "protocol", "log"},
    {{FAILURE_REFUSED, 0x87, 0}, BRIDGE_REFUSED, "refused", "username and password_file"},
    {{FAILURE_REFUSED, 5, 0}, BRIDGE_REFUSED, "refused", "username and password_file"},
    {{FAILURE_REFUSED, 0x84, 0}, BRIDGE_REFUSED, "MQTT version", "mqtt_version to 3.1.1"},
    {{FAILURE_REFUSED, 2, 0}, BRIDGE_REFUSED, "refused", "client_id"},
    {{FAILURE_REFUSED, 0x89, 0}, BRIDGE_BUSY, "refused", "by itself"},
    {{FAILURE_DISCONNECTED, 0x8E, 0}, BRIDGE_REFUSED, "another client", "[gateway] id"},
    {{FAILURE_DISCONNECTED, 0x8B, 0}, BRIDGE_BUSY, "shutting down", "log"},
    {{FAILURE_TIMEOUT, 0, 0}, BRIDGE_BUSY, "does not answer", "firewall"},
    {{FAILURE_ACKS, 0, 0}, BRIDGE_BUSY, "does not acknowledge", "overloaded"},
    {{FAILURE_CA_FILE, 0, ENOENT}, BRIDGE_BUSY, "/ca.pem: No such file", "[broker] ca_file"},
    {{FAILURE_CERT_FILE, 0, EACCES}, BRIDGE_BUSY, "/cert.pem: Permission", "[broker] cert_file"},
    {{FAILURE_KEY_FILE, 0, EACCES}, BRIDGE_BUSY, "/key.pem: Permission", "[broker] key_file"},
    {{FAILURE_PARAMETERS, 0, 0}, BRIDGE_REFUSED, "client id or will", "correct"},
};

START_TEST(explains_failures)
{
    const struct broker_config config = {.address.kind = ENDPOINT_TLS,
                                         .ca_file = "/ca.pem",
                                         .cert_file = "/cert.pem",
                                         .key_file = "/key.pem"};
    char text[400], tiny[8];

    failure_text(&failures[_i].failure, &config, "certificate verify failed", text, sizeof text);
    ck_assert_msg(strstr(text, failures[_i].cause), "%s", text);
    ck_assert_msg(strstr(text, failures[_i].remedy), "%s", text);
    ck_assert_int_eq(failure_result(&failures[_i].failure), failures[_i].result);
    failure_text(&failures[_i].failure, &config, "", tiny, sizeof tiny);
    ck_assert_uint_eq(strlen(tiny), sizeof tiny - 1);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("result");

    tcase_add_loop_test(tc, maps_connack, 0, sizeof connacks / sizeof connacks[0]);
    tcase_add_loop_test(tc, maps_reasons, 0, sizeof reasons / sizeof reasons[0]);
    tcase_add_loop_test(tc, maps_disconnect, 0, sizeof disconnects / sizeof disconnects[0]);
    tcase_add_loop_test(tc, explains_failures, 0, sizeof failures / sizeof failures[0]);
    return run_case("result", tc);
}
