/* SPDX-License-Identifier: Apache-2.0 */
/* Discovery: MQTT-SN 1.2, 6.1; section 8.1 of the digest. */
#include "gateway/v12/engine.h"

static void broadcast(struct core *core, uint8_t link, uint8_t radius, const struct sn_packet *p)
{
    struct sn_bytes wire = sn_encode(p, core->wire, sizeof core->wire);

    core->sink.broadcast(core->sink.self, link, radius, wire);
}

/* At once, the way it was asked: to the group, to the one who asked, or through its forwarder. */
void on_searchgw(const struct turn *t)
{
    struct sn_packet p = {.type = SN_GWINFO, .gw_id = (uint8_t)t->core->config->gateway.id};

    count(t->core, COUNT_searches);
    if (t->from->broadcast && t->from->node_len == 0)
        broadcast(t->core, t->from->link, t->p->radius, &p);
    else
        core_send_radius(t->core, t->from, t->p->radius, &p);
}

void discover_advertise(struct core *core, msec_t now)
{
    uint32_t period = core->config->gateway.advertise_interval_ms;
    struct sn_packet p = {
        .type = SN_ADVERTISE,
        .gw_id = (uint8_t)core->config->gateway.id,
        .duration = (uint16_t)((period + 999) / 1000),
    };

    if (!core->broker_up || period == 0)
        return;
    count(core, COUNT_advertised);
    broadcast(core, ALL_LINKS, 0, &p);
    deadline_set(&core->deadlines, &core->advertise, now + period);
}

/* A gateway advertises itself only while it can serve (6.1). */
void discover_broker(struct core *core, msec_t now, bool up)
{
    if (core->broker_up == up)
        return;
    core->broker_up = up;
    if (up)
        discover_advertise(core, now);
    else
        deadline_clear(&core->deadlines, &core->advertise);
}
