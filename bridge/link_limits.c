/* SPDX-License-Identifier: Apache-2.0 */
/* What [broker] max_qos, retain and max_publish_rate allow, because the broker would end the
 * connection on more, and what the owner allows. */
#include "bridge/link_private.h"

enum {
    BURST_US = 100000, /* of the rate, sent at once after a pause */
    TURN_MS = 10,
};

struct bridge_message link_bearable(const struct broker_link *link,
                                    const struct bridge_message *message)
{
    const struct broker_config *config = link->broker->config;
    struct bridge_message m = *message;

    if (m.qos > config->max_qos)
        m.qos = (uint8_t)config->max_qos;
    m.retain = m.retain && config->retain == RETAIN_KEEP;
    return m;
}

bool link_may_publish(struct broker_link *link)
{
    uint64_t rate = link->broker->config->max_publish_rate, now = broker_now(link->broker) * 1000;

    if (rate == 0)
        return true;
    if (link->publish_at_us < now)
        link->publish_at_us = now;
    if (link->publish_at_us - now > BURST_US)
        return false;
    link->publish_at_us += (1000000 + rate - 1) / rate;
    return true;
}

void broker_link_withhold(struct broker_link *link, bool on)
{
    bool ended = link->withheld && !on;

    link->withheld = on;
    if (ended && link->state == LINK_OPEN && !link->failed)
        link_proceed(link);
}

static void on_pace(uv_timer_t *timer)
{
    struct broker *broker = timer->data;
    struct link_list turn = TAILQ_HEAD_INITIALIZER(turn);
    struct broker_link *link;

    TAILQ_CONCAT(&turn, &broker->paced, paced);
    while ((link = TAILQ_FIRST(&turn))) {
        TAILQ_REMOVE(&turn, link, paced);
        link->is_paced = false;
        if ((link->state == LINK_OPEN || link->state == LINK_DRAINING) && !link->failed)
            link_proceed(link);
    }
}

void link_wait_for_turn(struct broker_link *link)
{
    struct broker *broker = link->broker;

    if (!link->is_paced)
        TAILQ_INSERT_TAIL(&broker->paced, link, paced);
    link->is_paced = true;
    if (!uv_is_active((uv_handle_t *)&broker->pace))
        uv_timer_start(&broker->pace, on_pace, TURN_MS, 0);
}
