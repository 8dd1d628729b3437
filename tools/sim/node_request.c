/* SPDX-License-Identifier: Apache-2.0 */
/* What a node asks of the gateway in each state. Requests are rebuilt from the plan each time they
 * are sent, so that a node need not keep the octets. */
#include <stdio.h>

#include "tools/sim/node_parts.h"

struct sn_bytes node_id(const struct node *n, char out[NODE_ID_TEXT])
{
    int len = snprintf(out, NODE_ID_TEXT, "%s%u", n->plan->id_prefix, n->number);
    return sn_bytes(out, len < NODE_ID_TEXT ? (size_t)len : NODE_ID_TEXT - 1);
}

/* %c becomes the client id. A name that does not fit is cut: the options refuse such lengths. */
static struct sn_bytes expand(const struct node *n, const char *pattern, char out[NODE_TOPIC_TEXT])
{
    char id[NODE_ID_TEXT];
    struct sn_writer w = sn_writer((uint8_t *)out, NODE_TOPIC_TEXT);

    for (const char *c = pattern; *c != '\0'; c++) {
        if (c[0] == '%' && c[1] == 'c') {
            sn_write(&w, node_id(n, id));
            c++;
        } else {
            sn_write_u8(&w, (uint8_t)*c);
        }
    }
    return sn_bytes(w.start, w.len);
}

struct sn_bytes node_topic_name(const struct node *n, const struct topic_plan *topic,
                                char out[NODE_TOPIC_TEXT])
{
    if (topic->type == SN_TOPIC_NORMAL)
        return expand(n, topic->name, out);
    if (topic->type == SN_TOPIC_SHORT) {
        out[0] = (char)(topic->id >> 8);
        out[1] = (char)topic->id;
        return sn_bytes(out, 2);
    }
    return sn_bytes(out, (size_t)snprintf(out, NODE_TOPIC_TEXT, "predefined:%u", topic->id));
}

static void ask_connect(struct node *n)
{
    char id[NODE_ID_TEXT];
    const struct plan *plan = n->plan;
    struct sn_packet p = {.type = SN_CONNECT, .protocol_id = SN_PROTOCOL_ID};

    /* Coming back from sleep keeps the session, whatever the first CONNECT said (6.14). */
    if (plan->clean && !n->resuming)
        p.flags |= SN_FLAG_CLEAN;
    if (plan->will_topic && !n->resuming)
        p.flags |= SN_FLAG_WILL;
    p.duration = plan->keep_alive_s;
    p.body = node_id(n, id);
    node_send(n, &p);
}

static void ask_will_topic(struct node *n)
{
    char name[NODE_TOPIC_TEXT];
    struct sn_packet p = {.type = SN_WILLTOPIC, .flags = sn_qos_flags(n->plan->will_qos)};

    if (n->plan->will_retain)
        p.flags |= SN_FLAG_RETAIN;
    p.body = expand(n, n->plan->will_topic, name);
    node_send(n, &p);
}

static void ask_will_message(struct node *n)
{
    char text[NODE_TOPIC_TEXT];

    node_send(
        n, &(struct sn_packet){.type = SN_WILLMSG, .body = expand(n, n->plan->will_message, text)});
}

static void ask_subscribe(struct node *n)
{
    char name[NODE_TOPIC_TEXT];
    const struct topic_plan *filter = &n->plan->filters[n->filters_done];
    struct sn_packet p = {.type = SN_SUBSCRIBE, .msg_id = n->request_msg_id};

    p.flags = (uint8_t)(sn_qos_flags(n->plan->sub_qos) | filter->type);
    if (n->request_tries > 0)
        p.flags |= SN_FLAG_DUP;
    if (filter->type == SN_TOPIC_NORMAL)
        p.body = expand(n, filter->name, name);
    else
        p.topic_id = filter->id;
    node_send(n, &p);
}

const struct topic_plan *node_registers(const struct node *n)
{
    const struct plan *plan = n->plan;

    if (n->names_done < plan->name_count)
        return &plan->names[n->names_done];
    return plan->topic.given && plan->topic.type == SN_TOPIC_NORMAL && n->topic_id == 0
               ? &plan->topic
               : NULL;
}

static void ask_register(struct node *n)
{
    const struct topic_plan *topic = node_registers(n);
    char name[NODE_TOPIC_TEXT];

    if (!topic)
        return;

    node_send(n, &(struct sn_packet){.type = SN_REGISTER,
                                     .msg_id = n->request_msg_id,
                                     .body = expand(n, topic->name, name)});
}

static void ask_sleep(struct node *n)
{
    usec_t seconds = (n->plan->sleep + 999999) / 1000000;

    node_send(n, &(struct sn_packet){.type = SN_DISCONNECT, .duration = (uint16_t)seconds});
}

static void ask_wake(struct node *n)
{
    char id[NODE_ID_TEXT];

    node_send(n, &(struct sn_packet){.type = SN_PINGREQ, .body = node_id(n, id)});
}

static void ask_leave(struct node *n)
{
    node_send(n, &(struct sn_packet){.type = SN_DISCONNECT});
}

static void (*const requests[NODE_STATES])(struct node *) = {
    [NODE_CONNECTING] = ask_connect,
    [NODE_WILL_TOPIC] = ask_will_topic,
    [NODE_WILL_MESSAGE] = ask_will_message,
    [NODE_SUBSCRIBING] = ask_subscribe,
    [NODE_REGISTERING] = ask_register,
    [NODE_FALLING_ASLEEP] = ask_sleep,
    [NODE_WAKING] = ask_wake,
    [NODE_LEAVING] = ask_leave,
};

bool node_has_request(enum node_state state)
{
    return requests[state] != NULL;
}

void node_request(struct node *n)
{
    if (requests[n->state])
        requests[n->state](n);
}
