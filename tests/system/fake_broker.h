/* SPDX-License-Identifier: Apache-2.0 */
/* fake_broker - a listener on the test's own loop that answers MQTT packets as the test says
 *
 * For what a real broker cannot be brought to do on demand. CONNECT of the gateway itself ("own")
 * is accepted and its publishes are acknowledged; every other packet goes to the test's function.
 */
#ifndef TESTS_SYSTEM_FAKE_BROKER_H
#define TESTS_SYSTEM_FAKE_BROKER_H

#include <uv.h>

#include "sn/cursor.h"

struct fake_client;

struct fake_broker {
    uv_tcp_t listener;
    uint16_t port;
    void *self;
    /* `first`: the fixed header's first octet; `body`: what follows the remaining length. */
    void (*packet)(void *self, struct fake_client *client, uint8_t first, struct sn_bytes body);
    struct fake_client *clients;
    bool own_away; /* the gateway's own connection cannot be opened */
};

void fake_broker_start(struct fake_broker *fake, uv_loop_t *loop);
void fake_broker_stop(struct fake_broker *fake);
void fake_send(struct fake_client *client, const void *octets, size_t len);
void fake_send_to_all(struct fake_broker *fake, const void *octets, size_t len);
/* Accepts, in the version of the `connect` body. */
void fake_connack(struct fake_client *client, struct sn_bytes connect, bool present);
/* PUBACK, PUBREC, PUBCOMP without a reason; `first` is the fixed header's first octet. */
void fake_ack(struct fake_client *client, uint8_t first, uint16_t mid);
/* MQTT 5, to the SUBSCRIBE or UNSUBSCRIBE with this body, of one filter. */
void fake_suback(struct fake_client *client, struct sn_bytes subscribe, uint8_t code);
void fake_unsuback(struct fake_client *client, struct sn_bytes unsubscribe);
void fake_hang_up(struct fake_client *client);
void fake_hang_up_on_all(struct fake_broker *fake);
/* Ends the gateway's own connection, for good. */
void fake_own_away(struct fake_broker *fake);

/* Where a PUBLISH of QoS 1 or 2 has its packet identifier. */
uint16_t fake_publish_mid(struct sn_bytes body);

#endif
