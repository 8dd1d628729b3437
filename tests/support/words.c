/* SPDX-License-Identifier: Apache-2.0 */
/* The packets of a story, each from the few words that matter in it. */
#include "tests/support/story.h"

struct sn_packet sn_connect(const char *client_id, uint8_t flags, uint16_t keep_alive)
{
    return (struct sn_packet){.type = SN_CONNECT,
                              .flags = flags,
                              .protocol_id = SN_PROTOCOL_ID,
                              .duration = keep_alive,
                              .body = sn_text(client_id)};
}

struct sn_packet sn_connack(uint8_t return_code)
{
    return (struct sn_packet){.type = SN_CONNACK, .return_code = return_code};
}

struct sn_packet sn_simple(uint8_t type)
{
    return (struct sn_packet){.type = type};
}

struct sn_packet sn_text_of(uint8_t type, const char *text)
{
    return (struct sn_packet){.type = type, .body = sn_text(text)};
}

struct sn_packet sn_willtopic(uint8_t type, uint8_t flags, const char *topic)
{
    return (struct sn_packet){.type = type, .flags = flags, .body = sn_text(topic)};
}

struct sn_packet sn_register(uint16_t topic_id, uint16_t msg_id, const char *name)
{
    return (struct sn_packet){
        .type = SN_REGISTER, .topic_id = topic_id, .msg_id = msg_id, .body = sn_text(name)};
}

struct sn_packet sn_ack(uint8_t type, uint16_t topic_id, uint16_t msg_id, uint8_t return_code)
{
    return (struct sn_packet){
        .type = type, .topic_id = topic_id, .msg_id = msg_id, .return_code = return_code};
}

struct sn_packet sn_msg(uint8_t type, uint16_t msg_id)
{
    return (struct sn_packet){.type = type, .msg_id = msg_id};
}

struct sn_packet sn_publish(uint8_t flags, uint16_t topic_id, uint16_t msg_id, const char *data)
{
    return (struct sn_packet){.type = SN_PUBLISH,
                              .flags = flags,
                              .topic_id = topic_id,
                              .msg_id = msg_id,
                              .body = sn_text(data)};
}

struct sn_packet sn_subscribe(uint8_t flags, uint16_t msg_id, const char *filter)
{
    return (struct sn_packet){
        .type = SN_SUBSCRIBE, .flags = flags, .msg_id = msg_id, .body = sn_text(filter)};
}

struct sn_packet sn_subscribe_id(uint8_t flags, uint16_t msg_id, uint16_t topic_id)
{
    return (struct sn_packet){
        .type = SN_SUBSCRIBE, .flags = flags, .msg_id = msg_id, .topic_id = topic_id};
}

struct sn_packet sn_suback(uint8_t qos, uint16_t topic_id, uint16_t msg_id, uint8_t return_code)
{
    return (struct sn_packet){.type = SN_SUBACK,
                              .flags = QOS(qos),
                              .topic_id = topic_id,
                              .msg_id = msg_id,
                              .return_code = return_code};
}

struct sn_packet sn_disconnect(uint16_t duration)
{
    return (struct sn_packet){.type = SN_DISCONNECT, .duration = duration};
}

void fell_asleep(void)
{
    connected("sensor-1", 0);
    client_says(sn_register(0, 1, "up"));
    gateway_says(sn_ack(SN_REGACK, 1, 1, SN_ACCEPTED));
    client_says(sn_subscribe(QOS(1), 2, "down"));
    gateway_says(sn_suback(1, 2, 2, SN_ACCEPTED));
    client_says(sn_disconnect(300));
    gateway_says(sn_disconnect(0));
}

void begin_publishing(const char *lines)
{
    story_begin(lines);
    story->broker.session_present = true;
    connected("sensor-1", 0);
    client_says(sn_register(0, 1, "t"));
    gateway_says(sn_ack(SN_REGACK, 1, 1, SN_ACCEPTED));
    broker_looks_away();
}

void publishes(uint8_t qos, uint16_t msg_id, const char *data)
{
    client_says(sn_publish(QOS(qos), 1, msg_id, data));
    if (qos == 1)
        gateway_says(sn_ack(SN_PUBACK, 1, msg_id, SN_ACCEPTED));
    if (qos == 2)
        gateway_says(sn_msg(SN_PUBREC, msg_id));
}
