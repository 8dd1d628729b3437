/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/result.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <netdb.h>
#include <stdio.h>

enum { V3_VERSION = 1, V3_CLIENT_ID, V3_UNAVAILABLE, V3_LOGIN, V3_NOT_AUTHORIZED };

enum bridge_result result_of_connack(int code)
{
    switch (code) {
    case MQTT_RC_SUCCESS: return BRIDGE_OK;
    case V3_UNAVAILABLE:
    case MQTT_RC_SERVER_UNAVAILABLE:
    case MQTT_RC_SERVER_BUSY:
    case MQTT_RC_QUOTA_EXCEEDED:
    case MQTT_RC_CONNECTION_RATE_EXCEEDED: return BRIDGE_BUSY;
    default: return BRIDGE_REFUSED;
    }
}

enum bridge_result result_of_reason(int code)
{
    if (code < 0x80)
        return BRIDGE_OK;
    return code == MQTT_RC_QUOTA_EXCEEDED ? BRIDGE_BUSY : BRIDGE_REFUSED;
}

enum bridge_result result_of_disconnect(int code)
{
    return code == MQTT_RC_SESSION_TAKEN_OVER || code == MQTT_RC_NOT_AUTHORIZED ? BRIDGE_REFUSED
                                                                                : BRIDGE_BUSY;
}

enum bridge_result failure_result(const struct failure *failure)
{
    switch (failure->kind) {
    case FAILURE_NONE: return BRIDGE_OK;
    case FAILURE_REFUSED: return result_of_connack(failure->code);
    case FAILURE_DISCONNECTED: return result_of_disconnect(failure->code);
    case FAILURE_PARAMETERS: return BRIDGE_REFUSED;
    case FAILURE_LIBRARY:
    case FAILURE_TIMEOUT:
    case FAILURE_ACKS:
    case FAILURE_CA_FILE:
    case FAILURE_CERT_FILE:
    case FAILURE_KEY_FILE: break;
    }
    return BRIDGE_BUSY;
}

static void refusal_text(int code, char *into, size_t size)
{
    const char *said = code < 0x80 ? mosquitto_connack_string(code) : mosquitto_reason_string(code);
    const char *remedy = "see the broker's log";

    switch (code) {
    case V3_VERSION:
    case MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION:
        said = "it does not speak this MQTT version";
        remedy = "set [broker] mqtt_version to 3.1.1";
        break;
    case V3_CLIENT_ID:
    case MQTT_RC_CLIENTID_NOT_VALID: remedy = "change [broker] client_id"; break;
    case V3_LOGIN:
    case V3_NOT_AUTHORIZED:
    case MQTT_RC_BAD_USERNAME_OR_PASSWORD:
    case MQTT_RC_NOT_AUTHORIZED: remedy = "check [broker] username and password_file"; break;
    case V3_UNAVAILABLE:
    case MQTT_RC_SERVER_UNAVAILABLE:
    case MQTT_RC_SERVER_BUSY:
    case MQTT_RC_CONNECTION_RATE_EXCEEDED: remedy = "it may recover by itself"; break;
    case MQTT_RC_RETAIN_NOT_SUPPORTED: remedy = "set [broker] retain = strip"; break;
    case MQTT_RC_QOS_NOT_SUPPORTED: remedy = "set [broker] max_qos = 1"; break;
    default: break;
    }
    snprintf(into, size, "refused the connection: %s; %s", said, remedy);
}

static void library_text(const struct failure *f, const struct broker_config *config,
                         const char *detail, char *into, size_t size)
{
    bool tls = config->address.kind == ENDPOINT_TLS;

    switch (f->code) {
    case MOSQ_ERR_EAI:
    case MOSQ_ERR_LOOKUP:
        snprintf(into, size, "cannot find the host: %s; check [broker] url and the name service",
                 f->code == MOSQ_ERR_EAI && f->err < 0 ? gai_strerror(f->err) : "lookup failed");
        return;
    case MOSQ_ERR_TLS:
    case MOSQ_ERR_TLS_HANDSHAKE:
        snprintf(into, size,
                 "TLS failed%s%s; check [broker] ca_file, cert_file, key_file and that the port "
                 "speaks TLS",
                 *detail ? ": " : "", detail);
        return;
    case MOSQ_ERR_ERRNO:
        if (f->err == 0)
            break;
        snprintf(into, size, "%s; %s", strerror(f->err),
                 f->err == EMFILE || f->err == ENFILE ? "raise the limit of open files"
                                                      : "check [broker] url and that it runs");
        return;
    case MOSQ_ERR_CONN_LOST: break;
    default: snprintf(into, size, "%s; see the broker's log", mosquitto_strerror(f->code)); return;
    }
    snprintf(into, size, "closed the connection; %s",
             tls ? "see its log, and check that the port speaks TLS" : "see its log");
}

static void file_text(const char *option, const char *path, int err, char *into, size_t size)
{
    snprintf(into, size, "cannot read %s %s: %s; correct [broker] %s or the file's permissions",
             option, path, strerror(err), option);
}

void failure_text(const struct failure *f, const struct broker_config *config, const char *detail,
                  char *into, size_t size)
{
    switch (f->kind) {
    case FAILURE_NONE: snprintf(into, size, "nothing wrong"); break;
    case FAILURE_LIBRARY: library_text(f, config, detail, into, size); break;
    case FAILURE_REFUSED: refusal_text(f->code, into, size); break;
    case FAILURE_DISCONNECTED:
        snprintf(into, size, "ended the connection: %s; %s",
                 f->code == MQTT_RC_SESSION_TAKEN_OVER ? "another client uses the same client id"
                                                       : mosquitto_reason_string(f->code),
                 f->code == MQTT_RC_SESSION_TAKEN_OVER
                     ? "give every gateway its own [gateway] id and [broker] client_id"
                     : "see the broker's log");
        break;
    case FAILURE_TIMEOUT:
        snprintf(into, size, "does not answer; check [broker] url, the network and any firewall");
        break;
    case FAILURE_ACKS:
        snprintf(into, size, "does not acknowledge messages; see whether it is overloaded");
        break;
    case FAILURE_CA_FILE: file_text("ca_file", config->ca_file, f->err, into, size); break;
    case FAILURE_CERT_FILE: file_text("cert_file", config->cert_file, f->err, into, size); break;
    case FAILURE_KEY_FILE: file_text("key_file", config->key_file, f->err, into, size); break;
    case FAILURE_PARAMETERS:
        snprintf(into, size, "cannot be given this client id or will; correct them");
        break;
    }
}
