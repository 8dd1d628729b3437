/* SPDX-License-Identifier: Apache-2.0 */
/* Messages towards the device: MQTT-SN 1.2, 6.6, 6.10; sections 8.5, 8.8 and 8.12 of the digest.
 *
 * One REGISTER or PUBLISH waits for its answer at a time; everything else waits in the outbox, so
 * that order is kept and the smallest client can follow. */
#include "gateway/core/recording.h"
#include "gateway/v12/engine.h"
#include "sn/topic.h"

static uint16_t next_msg_id(struct session *s)
{
    if (++s->last_msg_id == 0)
        s->last_msg_id = 1;
    return s->last_msg_id;
}

static void await(struct core *core, struct session *s, msec_t now, struct inflight what)
{
    what.since = now;
    what.due = now + retry_interval(core, &s->peer);
    s->inflight = what;
    session_arm(core, s, now);
}

void deliver_stop(struct session *s)
{
    s->inflight = (struct inflight){0};
    s->stalled = false;
}

static void send_pubrel(struct core *core, const struct session *s, uint16_t msg_id)
{
    core_send(core, &s->peer, &(struct sn_packet){.type = SN_PUBREL, .msg_id = msg_id});
}

static bool send_register(struct core *core, const struct session *s, const struct topic *topic,
                          uint16_t msg_id)
{
    struct sn_packet p = {
        .type = SN_REGISTER,
        .topic_id = topic->id,
        .msg_id = msg_id,
        .body = sn_bytes(topic->name, topic->len),
    };

    return core_send(core, &s->peer, &p);
}

static bool send_publish(struct core *core, const struct session *s, const struct topic_name *name,
                         const struct bridge_message *m, uint16_t msg_id, bool dup)
{
    struct sn_packet p = {
        .type = SN_PUBLISH,
        .flags = (uint8_t)(sn_qos_flags(m->qos) | name->type | (m->retain ? SN_FLAG_RETAIN : 0) |
                           (dup ? SN_FLAG_DUP : 0)),
        .topic_id = name->id,
        .msg_id = msg_id,
        .body = m->payload,
    };

    return core_send(core, &s->peer, &p);
}

static struct bridge_message view(const struct message *m)
{
    return (struct bridge_message){message_topic(m), message_payload(m), m->qos, m->retain};
}

/* Tries to send the PUBLISH. False: it cannot be sent and has left the outbox. */
static bool publish(struct core *core, struct session *s, struct message *m,
                    const struct topic_name *name, msec_t now)
{
    struct bridge_message v = view(m);

    if (m->qos > 0 && m->msg_id == 0)
        m->msg_id = outbox_msg_id(&s->outbox, m);
    if (!send_publish(core, s, name, &v, m->msg_id, m->sent && m->qos > 0)) {
        session_drop(core, s, m);
        return false;
    }
    if (!m->sent) {
        count(core, COUNT_messages_out);
        s->drained++;
    }
    m->sent = true;
    if (m->qos == 0) {
        session_drop(core, s, m);
        return true;
    }
    await(core, s, now,
          (struct inflight){
              .waits = m->qos == 1 ? AWAIT_PUBACK : AWAIT_PUBREC,
              .msg_id = m->msg_id,
              .topic_id = name->id,
              .message = m,
          });
    return true;
}

static void announce(struct core *core, struct session *s, struct topic *topic, struct message *m,
                     msec_t now)
{
    uint16_t msg_id = next_msg_id(s);

    count(core, COUNT_registers_out);
    if (!send_register(core, s, topic, msg_id)) {
        topic->muted = true; /* its name does not fit the client's link, and never will (6.10) */
        return;
    }
    await(core, s, now,
          (struct inflight){
              .waits = AWAIT_REGACK, .msg_id = msg_id, .topic_id = topic->id, .message = m});
}

/* Takes the message one step further: after this it is under way, gone, or (false) must wait for
 * the end of a pause. */
static bool advance(struct core *core, struct session *s, struct message *m, msec_t now)
{
    if (m->released) {
        send_pubrel(core, s, m->msg_id);
        await(core, s, now,
              (struct inflight){.waits = AWAIT_PUBCOMP, .msg_id = m->msg_id, .message = m});
        return true;
    }
    struct topic_name name = topic_towards(core, s, message_topic(m));
    switch (name.way) {
    case TOPIC_READY: publish(core, s, m, &name, now); return true;
    case TOPIC_TO_REGISTER:
        if (s->register_pause > now)
            return false;
        announce(core, s, name.topic, m, now);
        return true;
    case TOPIC_MUTED: count(core, COUNT_muted); break;
    case TOPIC_NO_ID: count(core, COUNT_no_topic_id); break;
    }
    session_drop(core, s, m);
    return true;
}

static bool may_deliver(const struct core *core, const struct session *s, msec_t now)
{
    if (!in_reach(core, s) || s->publish_pause > now)
        return false;
    return s->state == ACTIVE ||
           (s->state == AWAKE && s->drained < core->config->sleep.max_per_wake);
}

void deliver_next(struct core *core, struct session *s, msec_t now)
{
    struct message *m = s->outbox.head;

    while (m && s->inflight.waits == IDLE && may_deliver(core, s, now)) {
        /* A step may remove the message, never one behind it; and one that must wait stays. */
        struct message *behind = m->next;
        bool was_head = m == s->outbox.head;
        if (advance(core, s, m, now))
            m = was_head ? s->outbox.head : behind;
        else
            m = behind;
    }
    if (s->state == AWAKE && s->inflight.waits == IDLE)
        fall_asleep(core, s, now);
    else
        session_arm(core, s, now);
}

/* Sends what waits for its answer once more. False: it cannot be sent any more, because the link's
 * limit or the topic's way has changed since, and nothing waits now. */
static bool repeat(struct core *core, struct session *s)
{
    struct inflight f = s->inflight;
    struct topic *topic = registry_by_id(&s->topics, f.topic_id);

    if (f.waits == AWAIT_PUBCOMP) {
        send_pubrel(core, s, f.msg_id);
        return true;
    }
    if (f.waits == AWAIT_REGACK) {
        if (topic && send_register(core, s, topic, f.msg_id))
            return true;
        if (topic)
            topic->muted = true; /* as in announce */
        deliver_stop(s);
        return false;
    }
    struct bridge_message v = view(f.message);
    struct topic_name name = topic_towards(core, s, v.topic);
    if (name.way == TOPIC_READY && send_publish(core, s, &name, &v, f.msg_id, true))
        return true;
    deliver_stop(s);
    if (name.way == TOPIC_READY)
        session_drop(core, s, f.message);
    return false;
}

void deliver_again(struct core *core, struct session *s, msec_t now)
{
    if (s->inflight.waits == IDLE)
        return;
    if (!repeat(core, s)) {
        deliver_next(core, s, now);
        return;
    }
    count(core, COUNT_retries);
    s->inflight.due = now + retry_interval(core, &s->peer);
    session_arm(core, s, now);
}

/* What is under way stays so, without repetitions. One that is awake has nobody to supervise it
 * then: as for the sleeping, its sleep timer decides. */
void deliver_suspend(struct core *core, struct session *s, msec_t now)
{
    if (s->state == AWAKE) {
        deliver_stop(s);
        session_enter(core, s, ASLEEP, now);
    }
}

void deliver_resume(struct core *core, struct session *s, msec_t now)
{
    s->stalled = false;
    s->inflight.tries = 0;
    if (s->inflight.waits != IDLE)
        deliver_again(core, s, now);
    else
        deliver_next(core, s, now);
}

/* Some clients have no REGISTER handler at all (A50). One that was given the id earlier may know
 * it; for any other the name is muted, so that the rest of its queue goes on. A client that was
 * silent all the while is rather out of reach: it gets another chance first. */
static bool register_gave_up(struct core *core, struct session *s, msec_t now)
{
    struct topic *topic = registry_by_id(&s->topics, s->inflight.topic_id);

    count(core, COUNT_registers_unanswered);
    if (!topic || (s->last_heard <= s->inflight.since && topic->unanswered++ == 0))
        return false;
    if (topic->given)
        topic->known = true;
    else
        topic->muted = true;
    deliver_stop(s);
    deliver_next(core, s, now);
    return true;
}

void deliver_overdue(struct core *core, struct session *s, msec_t now)
{
    if (s->inflight.resumed || s->inflight.tries++ < retry_count(core, &s->peer)) {
        s->inflight.resumed = false;
        deliver_again(core, s, now);
        return;
    }
    if (s->inflight.waits == AWAIT_REGACK && register_gave_up(core, s, now))
        return;
    count(core, COUNT_unanswered);
    if (s->state == AWAKE) { /* its radio is off again: the messages wait for the next wake */
        deliver_stop(s);
        s->last_heard = now;
        session_enter(core, s, ASLEEP, now);
        return;
    }
    s->stalled = true; /* the keep-alive decides whether it is lost */
    core_notice(core, NOTICE_UNREACHABLE, s, 0);
}

/* A QoS 0 message to a client that waits for nothing needs no queue. */
bool deliver_at_once(struct core *core, struct session *s, const struct bridge_message *m,
                     msec_t now)
{
    if (m->qos > 0 || s->state != ACTIVE || s->outbox.count > 0 || s->inflight.waits != IDLE ||
        !may_deliver(core, s, now))
        return false;
    struct topic_name name = topic_towards(core, s, m->topic);
    if (name.way != TOPIC_READY || !send_publish(core, s, &name, m, 0, false))
        return false;
    count(core, COUNT_messages_out);
    return true;
}

/* The message that carries this MsgId and has been sent; also one whose answer comes after its wake
 * has ended. */
static struct message *sent_message(const struct session *s, uint16_t msg_id)
{
    struct message *m = s->outbox.head;

    while (m && !(m->sent && m->qos > 0 && m->msg_id == msg_id))
        m = m->next;
    return m;
}

/* The message a PUBACK is about. A client that rejects with MsgId 0 names it by its topic (A22). */
static struct message *acknowledged(const struct session *s, const struct sn_packet *p)
{
    const struct inflight *f = &s->inflight;
    bool published = f->waits == AWAIT_PUBACK || f->waits == AWAIT_PUBREC;

    if (p->msg_id == 0 && p->return_code != SN_ACCEPTED && published && f->topic_id == p->topic_id)
        return f->message;
    return sent_message(s, p->msg_id);
}

static void finish(struct core *core, struct session *s, struct message *m, msec_t now)
{
    if (s->inflight.message == m)
        deliver_stop(s);
    session_drop(core, s, m);
    deliver_next(core, s, now);
}

static void reject_topic(struct core *core, struct session *s, struct topic *topic, uint8_t code)
{
    struct subscription *sub =
        subscription_find(&s->subscriptions, sn_bytes(topic->name, topic->len));
    uint32_t limit = core->config->gateway.max_topics;
    uint16_t old = topic->id;

    if (code == SN_INVALID_TOPIC_ID && !topic->renumbered &&
        registry_renumber(&s->topics, &core->key, topic, limit)) {
        topic->renumbered = true; /* tried once under another id (A15) */
        record_topic_used_up(core, s, old);
        record_topic(core, s, topic);
        return;
    }
    if (sub)
        unsubscribe(core, s, sub); /* the same as an UNSUBSCRIBE of that name (6.10) */
    topic->muted = true;
}

void on_regack(const struct turn *t)
{
    struct session *s = t->s;
    struct inflight *f = &s->inflight;
    struct topic *topic = registry_by_id(&s->topics, f->topic_id);

    if (f->waits != AWAIT_REGACK || f->msg_id != t->p->msg_id || !topic) {
        count(t->core, COUNT_unexpected_acks);
        return;
    }
    deliver_stop(s);
    if (t->p->return_code == SN_ACCEPTED) {
        topic_told(t->core, s, topic);
        topic->unanswered = 0;
    } else {
        count(t->core, COUNT_registers_rejected);
        if (t->p->return_code == SN_CONGESTION)
            s->register_pause = t->now + t->core->config->gateway.congestion_wait_ms;
        else
            reject_topic(t->core, s, topic, t->p->return_code);
    }
    deliver_next(t->core, s, t->now);
}

/* The client does not know a normal id that it was given: it is told again (A22). */
static bool forget_id(struct session *s, uint16_t topic_id)
{
    struct topic *topic = registry_by_id(&s->topics, topic_id);

    if (topic)
        topic->known = false;
    return topic != NULL;
}

static void refused(const struct turn *t, struct message *m)
{
    struct core *core = t->core;
    struct session *s = t->s;
    struct topic_name name = topic_towards(core, s, message_topic(m));

    if (t->p->return_code == SN_CONGESTION) {
        s->publish_pause = t->now + core->config->gateway.congestion_wait_ms;
        deliver_stop(s);
        deliver_next(core, s, t->now);
        return;
    }
    if (t->p->return_code == SN_INVALID_TOPIC_ID && name.type == SN_TOPIC_NORMAL && !m->repaired &&
        forget_id(s, name.id)) {
        m->repaired = true;
        deliver_stop(s);
        deliver_next(core, s, t->now);
        return;
    }
    count(core, COUNT_rejected_messages); /* final */
    finish(core, s, m, t->now);
}

void on_puback(const struct turn *t)
{
    struct core *core = t->core;
    struct session *s = t->s;
    const struct sn_packet *p = t->p;
    struct message *m = acknowledged(s, p);

    if (m && !m->released && p->return_code != SN_ACCEPTED) {
        refused(t, m);
    } else if (m && m->qos == 1) {
        count(core, COUNT_messages_acknowledged);
        finish(core, s, m, t->now);
    } else if (p->return_code == SN_INVALID_TOPIC_ID && forget_id(s, p->topic_id)) {
        /* It answers a QoS 0 PUBLISH, which is gone; the next one will be understood. */
        if (s->inflight.waits == IDLE && may_deliver(core, s, t->now))
            announce(core, s, registry_by_id(&s->topics, p->topic_id), NULL, t->now);
    } else {
        count(core, COUNT_unexpected_acks); /* also code 0x00 for QoS 2 (A23) */
    }
}

void on_pubrec(const struct turn *t)
{
    struct session *s = t->s;
    struct message *m = sent_message(s, t->p->msg_id);

    if (m && m->qos == 1) {
        count(t->core, COUNT_unexpected_acks); /* A23 */
        return;
    }
    send_pubrel(t->core, s, t->p->msg_id); /* also for an unknown one (A24) */
    if (!m) {
        count(t->core, COUNT_unexpected_acks);
        return;
    }
    m->released = true;
    record_message_released(t->core, s, m, t->now); /* a crash delivers it twice otherwise */
    if (s->inflight.message == m)
        await(t->core, s, t->now,
              (struct inflight){.waits = AWAIT_PUBCOMP, .msg_id = m->msg_id, .message = m});
}

void on_pubcomp(const struct turn *t)
{
    struct message *m = sent_message(t->s, t->p->msg_id);

    if (!m || !m->released) {
        count(t->core, COUNT_unexpected_acks);
        return;
    }
    count(t->core, COUNT_messages_acknowledged);
    finish(t->core, t->s, m, t->now);
}
