/* SPDX-License-Identifier: Apache-2.0 */
/* Topic names and what stands for them: MQTT-SN 1.2, 6.5 to 6.7. */
#include "gateway/core/predefined.h"
#include "gateway/core/recording.h"
#include "gateway/v12/engine.h"
#include "sn/topic.h"

struct sn_bytes topic_named(const struct core *core, const struct session *from,
                            enum sn_topic_type type, uint16_t id, uint8_t scratch[2])
{
    struct sn_bytes client_id = from ? from->client_id : (struct sn_bytes){0};

    switch (type) {
    case SN_TOPIC_NORMAL: {
        const struct topic *t = from ? registry_by_id(&from->topics, id) : NULL;
        return t ? sn_bytes(t->name, t->len) : (struct sn_bytes){0};
    }
    case SN_TOPIC_PREDEFINED: return predefined_name(core->config, client_id, id);
    case SN_TOPIC_SHORT:
        sn_short_name(id, scratch);
        return sn_short_name_ok(id) ? sn_bytes(scratch, 2) : (struct sn_bytes){0};
    case SN_TOPIC_RESERVED: break;
    }
    return (struct sn_bytes){0};
}

struct topic *topic_make(struct core *core, struct session *s, struct sn_bytes name)
{
    uint32_t before = s->topics.count;
    struct topic *t = registry_add(&s->topics, &core->key, name, core->config->gateway.max_topics);

    if (t && s->topics.count > before)
        record_topic(core, s, t);
    return t;
}

void topic_told(struct core *core, struct session *s, struct topic *topic)
{
    bool news = !topic->known || !topic->given;

    topic->known = topic->given = true;
    if (news)
        record_topic(core, s, topic);
}

static struct topic_name normal(struct core *core, struct session *s, struct sn_bytes name)
{
    struct topic *t = topic_make(core, s, name);
    struct topic_name found = {.way = TOPIC_NO_ID, .type = SN_TOPIC_NORMAL, .topic = t};

    if (!t)
        return found;
    found.id = t->id;
    found.way = t->muted ? TOPIC_MUTED : t->known ? TOPIC_READY : TOPIC_TO_REGISTER;
    return found;
}

struct topic_name topic_towards(struct core *core, struct session *s, struct sn_bytes name)
{
    const struct subscription *sub = subscription_find(&s->subscriptions, name);
    uint16_t id;

    if (sub && sub->type != SN_TOPIC_NORMAL) /* in the words of the subscriber (A45) */
        return (struct topic_name){.way = TOPIC_READY, .type = sub->type, .id = sub->topic_id};
    if (sub)
        return normal(core, s, name);
    id = predefined_id(core->config, s->client_id, name);
    if (id)
        return (struct topic_name){.way = TOPIC_READY, .type = SN_TOPIC_PREDEFINED, .id = id};
    if (name.len == 2 && sn_short_name_ok(sn_short_id(name)))
        return (struct topic_name){
            .way = TOPIC_READY, .type = SN_TOPIC_SHORT, .id = sn_short_id(name)};
    return normal(core, s, name);
}
