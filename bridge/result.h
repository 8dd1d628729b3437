/* SPDX-License-Identifier: Apache-2.0 */
/* result - what MQTT's codes mean to a device, and what a failure means to the operator
 *
 * The mapping of codes is digest section 9. A struct failure says why a connection could not be
 * made or was lost; failure_text makes one line of it that names the cause and the remedy.
 */
#ifndef BRIDGE_RESULT_H
#define BRIDGE_RESULT_H

#include "bridge/bridge.h"
#include "config/config.h"

/* CONNACK of MQTT 5 (from 0x80) and of 3.1.1 (1..5). */
enum bridge_result result_of_connack(int code);
/* PUBACK, PUBREC, SUBACK. */
enum bridge_result result_of_reason(int code);
/* DISCONNECT by the broker: BRIDGE_REFUSED means that coming back would be wrong. */
enum bridge_result result_of_disconnect(int code);

enum failure_kind {
    FAILURE_NONE,
    FAILURE_LIBRARY,      /* code: enum mosq_err_t, err: errno or EAI_ code */
    FAILURE_REFUSED,      /* code: CONNACK */
    FAILURE_DISCONNECTED, /* code: the broker's DISCONNECT */
    FAILURE_TIMEOUT,      /* no CONNACK in connect_timeout */
    FAILURE_ACKS,         /* no acknowledgement in ack_timeout */
    FAILURE_CA_FILE,      /* err: errno; these three cannot be read */
    FAILURE_CERT_FILE,
    FAILURE_KEY_FILE,
    FAILURE_PARAMETERS, /* client id or will that MQTT does not allow */
};

struct failure {
    enum failure_kind kind;
    int code, err;
};

enum bridge_result failure_result(const struct failure *failure);

/* "CAUSE; REMEDY". `detail`: what the TLS library said, "" is nothing. */
void failure_text(const struct failure *failure, const struct broker_config *config,
                  const char *detail, char *into, size_t size);

#endif
