/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing over shared links. A link takes max_inflight publishes at a time. When they are under
 * way, each session queues a few in a lane of its own, and the lanes take turns: a greedy session
 * fills its own lane and no other. */
#include <stdlib.h>

#include "bridge/aggregating.h"

bool shared_init(struct aggregating *a, struct shared_link *l)
{
    uint32_t count = a->bridge->config->broker.max_inflight;

    TAILQ_INIT(&l->lanes);
    l->uploads = calloc(count + 1, sizeof *l->uploads); /* 0 ends the list of free ones */
    if (!l->uploads)
        return false;
    for (uint32_t i = 1; i < count; i++)
        l->uploads[i].next = i + 1;
    l->uploads_free = 1;
    return true;
}

static void free_empty_lane(struct aggregating *a, struct shared_link *l, struct lane *lane)
{
    struct session *s = lane->detached ? NULL : aggregated_session(a, lane->session);

    if (lane->waiting.count > 0 || lane->served)
        return;
    if (s)
        s->lane = NULL;
    TAILQ_REMOVE(&l->lanes, lane, turns);
    pending_fini(&lane->waiting);
    free(lane);
}

void shared_fini(struct shared_link *l)
{
    struct lane *lane;

    while (l->uploads && (lane = TAILQ_FIRST(&l->lanes))) {
        TAILQ_REMOVE(&l->lanes, lane, turns);
        pending_fini(&lane->waiting);
        free(lane);
    }
    free(l->uploads);
    l->uploads = NULL;
}

/* --- under way -------------------------------------------------------------------------------- */

static void free_upload(struct shared_link *l, uint32_t i)
{
    l->uploads[i].session = GATEWAY_SELF;
    l->uploads[i].next = l->uploads_free;
    l->uploads_free = i;
    l->uploads_used--;
}

/* The answer may come before this returns. False: there is no place, or it is not the time. */
static bool send_off(const struct aggregating *a, struct shared_link *l, struct upload upload,
                     const struct bridge_message *message, uint64_t kept_ms)
{
    uint32_t i = l->uploads_free;

    if (i == 0 || !l->open || (a->restoring && message->qos > 0))
        return false;
    l->uploads_free = l->uploads[i].next;
    l->uploads_used++;
    l->uploads[i] = upload;
    bool taken = broker_link_publish_kept(l->link, i, message, kept_ms);
    if (!taken)
        free_upload(l, i);
    /* The library has no word for the end of a QoS 0 publish; nobody waits for it. */
    else if (message->qos == 0)
        free_upload(l, i);
    return taken;
}

static void tell_published(struct aggregating *a, const struct upload *u,
                           const struct bridge_event *e)
{
    const struct session *s = aggregated_session(a, u->session);
    struct bridge_event event = *e;

    if (!s || s->serial != u->serial || s->state == SESSION_CLOSED)
        return;
    event.session = u->session;
    event.token = u->token;
    bridge_tell(a->bridge, &event);
}

/* --- waiting ---------------------------------------------------------------------------------- */

static struct lane *new_lane(struct shared_link *l, struct session_ref session, uint8_t serial)
{
    struct lane *lane = calloc(1, sizeof *lane);

    if (!lane)
        return NULL;
    lane->session = session;
    lane->serial = serial;
    pending_init(&lane->waiting);
    TAILQ_INSERT_TAIL(&l->lanes, lane, turns);
    return lane;
}

/* Its session is closed and may have been opened again, with another lane. */
static struct lane *new_lane_of_nobody(struct shared_link *l, struct session_ref session,
                                       uint8_t serial)
{
    struct lane *lane = new_lane(l, session, serial);

    if (lane)
        lane->detached = true;
    return lane;
}

static bool wait_in_lane(struct aggregating *a, struct shared_link *l, struct session *s,
                         struct session_ref ref, const struct bridge_request *r)
{
    const uint32_t limit = a->bridge->config->broker.max_queued_per_client;

    if (l->given_up || (s->lane ? s->lane->waiting.count : 0) >= limit) {
        counters_of(a)->queue_full++;
        return false;
    }
    if (!s->lane)
        s->lane = new_lane(l, ref, s->serial);
    struct pending *p = s->lane ? pending_add(&s->lane->waiting, r->token, &r->message) : NULL;
    if (!p) {
        if (s->lane)
            free_empty_lane(a, l, s->lane);
        return false;
    }
    if (r->kept_ms > 0)
        p->sent_at = uv_now(a->bridge->loop) - r->kept_ms;
    counters_of(a)->queued++;
    return true;
}

bool shared_publish(struct aggregating *a, struct session *s, const struct bridge_request *r)
{
    struct shared_link *l = detour_of(a, s, r->session.slot);
    const struct upload upload = {.session = r->session, .token = r->token, .serial = s->serial};

    if (r->message.qos == 0) {
        if (a->qos0 && broker_link_is_open(a->qos0))
            return broker_link_publish_kept(a->qos0, 0, &r->message, r->kept_ms);
        return send_off(a, l, upload, &r->message, r->kept_ms) || bridge_turn_away(a->bridge, r);
    }
    /* Nobody passes those who wait. */
    if (TAILQ_EMPTY(&l->lanes) && send_off(a, l, upload, &r->message, r->kept_ms))
        return true;
    return wait_in_lane(a, l, s, r->session, r);
}

/* A client that is lost again and again while the broker is away leaves one each time. */
static void wait_as_will(struct aggregating *a, struct shared_link *l, struct lane *lane,
                         const struct bridge_message *message)
{
    bool full = l->wills >= a->bridge->config->gateway.max_clients;
    struct pending *p = lane && !full ? pending_add(&lane->waiting, 0, message) : NULL;

    if (p) {
        p->quiet = true;
        l->wills++;
    } else {
        counters_of(a)->wills_lost++;
    }
    if (lane)
        free_empty_lane(a, l, lane);
}

void shared_publish_will(struct aggregating *a, struct session *s, uint32_t slot)
{
    struct shared_link *l = detour_of(a, s, slot);
    const struct session_will *w = s->will;
    const struct session_ref ref = {slot, s->generation};

    if (!w)
        return;
    const struct bridge_message message = {sn_bytes(w->octets, w->topic_len),
                                           sn_bytes(w->octets + w->topic_len, w->payload_len),
                                           w->qos, w->retain};
    counters_of(a)->wills_published++;
    /* Behind what the session published before, whatever its QoS. */
    if (TAILQ_EMPTY(&l->lanes) &&
        send_off(a, l, (struct upload){.session = ref, .serial = s->serial, .is_will = true},
                 &message, 0))
        return;
    if (!s->lane)
        s->lane = new_lane(l, ref, s->serial);
    wait_as_will(a, l, s->lane, &message);
}

void shared_detach(struct session *s)
{
    if (s->lane)
        s->lane->detached = true;
    s->lane = NULL;
    s->serial++;
}

/* One message of the first lane. False: there is none, or no place. */
static bool serve_one(struct aggregating *a, struct shared_link *l)
{
    struct lane *lane = TAILQ_FIRST(&l->lanes);
    struct pending *p = lane ? pending_oldest(&lane->waiting) : NULL;

    if (!p || !l->open)
        return false;
    const struct bridge_message message = pending_message(p);
    uint64_t kept_ms = p->sent_at > 0 ? uv_now(a->bridge->loop) - p->sent_at : 0;
    const struct upload upload = {
        .session = lane->session, .token = p->token, .serial = lane->serial, .is_will = p->quiet};
    /* Out of the lane first: its answer may come at once, and bring a request. */
    pending_detach(&lane->waiting, p);
    lane->served = true;
    if (!send_off(a, l, upload, &message, kept_ms)) {
        pending_put_back(&lane->waiting, p);
        lane->served = false;
        return false;
    }
    l->wills -= p->quiet;
    pending_free(p);
    TAILQ_REMOVE(&l->lanes, lane, turns);
    TAILQ_INSERT_TAIL(&l->lanes, lane, turns);
    lane->served = false;
    free_empty_lane(a, l, lane);
    return true;
}

void shared_pump(struct aggregating *a, struct shared_link *l)
{
    if (l->pumping)
        return; /* an answer that came at once */
    l->pumping = true;
    while (serve_one(a, l))
        ;
    l->pumping = false;
}

/* --- given back ------------------------------------------------------------------------------- */

/* All but the wills, which nobody would repeat. */
static void give_back(struct aggregating *a, struct shared_link *l, struct lane *lane)
{
    struct pending *p, *next;

    lane->served = true;
    for (p = pending_oldest(&lane->waiting); p; p = next) {
        next = TAILQ_NEXT(p, entries);
        if (p->quiet)
            continue;
        const struct upload u = {lane->session, p->token, .serial = lane->serial};
        pending_detach(&lane->waiting, p);
        counters_of(a)->away++;
        if (!lane->detached)
            tell_published(a, &u,
                           &(struct bridge_event){.type = BRIDGE_PUBLISHED,
                                                  .result = BRIDGE_BUSY,
                                                  .message = pending_message(p)});
        pending_free(p);
    }
    lane->served = false;
    free_empty_lane(a, l, lane);
}

/* Behind what was under way, which is older. */
static void give_back_lanes(struct aggregating *a, struct shared_link *l)
{
    struct lane *lane, *next;

    if (!l->given_up || l->uploads_used > 0 || l->pumping)
        return;
    for (lane = TAILQ_FIRST(&l->lanes); lane; lane = next) {
        next = TAILQ_NEXT(lane, turns);
        give_back(a, l, lane);
    }
}

void shared_give_up(struct aggregating *a, struct shared_link *l)
{
    l->given_up = true;
    give_back_lanes(a, l);
}

void shared_answered(struct aggregating *a, struct shared_link *l, const struct bridge_event *e)
{
    const struct upload u = l->uploads[e->token];

    free_upload(l, (uint32_t)e->token);
    if (!u.is_will)
        tell_published(a, &u, e);
    else if (e->result == BRIDGE_BUSY)
        wait_as_will(a, l, new_lane_of_nobody(l, u.session, u.serial), &e->message);
    else if (e->result == BRIDGE_REFUSED)
        counters_of(a)->wills_lost++;
    shared_pump(a, l);
    give_back_lanes(a, l);
}
