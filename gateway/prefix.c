/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/prefix.h"

#include <stdio.h>
#include <stdlib.h>

#include "sn/topic.h"

#define TOPIC_MAX    UINT16_MAX
#define OF_NO_CLIENT "gateway"

enum { FIRST_SLOTS = 64 };

/* Kept until the slot has another client: messages may come after CLOSE. */
struct slot {
    char *text; /* NULL: never opened */
    uint32_t generation;
    uint16_t len;
};

struct prefix {
    const char *pattern;
    char gateway_id[12];
    bool per_client; /* else all have that of slot 0, which is the gateway's own */
    struct prefix_doors doors;
    struct prefix_counters counters;
    struct slot *slots;
    size_t count;
};

/* --- the text of a prefix --------------------------------------------------------------------- */

static bool must_be_encoded(uint8_t octet, bool well_formed)
{
    return octet < 0x20 || octet == 0x7f || (octet >= 0x80 && !well_formed) ||
           strchr("/+#$%", octet);
}

static void put_encoded(struct sn_writer *w, uint8_t octet)
{
    static const char digits[] = "0123456789ABCDEF";
    const uint8_t text[3] = {'%', (uint8_t)digits[octet >> 4], (uint8_t)digits[octet & 15]};

    sn_write(w, sn_bytes(text, sizeof text));
}

static void put_client(struct sn_writer *w, struct sn_bytes id)
{
    bool well_formed = sn_utf8_ok(id), reserved = sn_bytes_equal(id, sn_text(OF_NO_CLIENT));

    for (size_t i = 0; i < id.len; i++) {
        if (must_be_encoded(id.data[i], well_formed) || (reserved && i == 0))
            put_encoded(w, id.data[i]);
        else
            sn_write_u8(w, id.data[i]);
    }
}

/* `client` NULL: of what has none. */
static void fill_in(struct sn_writer *w, const struct prefix *prefix, const struct sn_bytes *client)
{
    static const char gateway_word[] = "${gateway}", client_word[] = "${client}";

    for (const char *at = prefix->pattern; *at;) {
        if (strncmp(at, gateway_word, strlen(gateway_word)) == 0) {
            sn_write(w, sn_text(prefix->gateway_id));
            at += strlen(gateway_word);
        } else if (strncmp(at, client_word, strlen(client_word)) == 0) {
            if (client)
                put_client(w, *client);
            else
                sn_write(w, sn_text(OF_NO_CLIENT));
            at += strlen(client_word);
        } else {
            sn_write_u8(w, (uint8_t)*at++);
        }
    }
}

/* --- one for each session --------------------------------------------------------------------- */

/* NULL when memory is short. The core's slots are dense and it bounds them. */
static struct slot *take_slot(struct prefix *prefix, uint32_t slot)
{
    size_t count = prefix->count > 0 ? prefix->count : FIRST_SLOTS;

    while (count <= slot)
        count *= 2;
    if (count > prefix->count) {
        struct slot *grown = realloc(prefix->slots, count * sizeof *grown);
        if (!grown)
            return NULL;
        memset(grown + prefix->count, 0, (count - prefix->count) * sizeof *grown);
        prefix->slots = grown;
        prefix->count = count;
    }
    return &prefix->slots[slot];
}

enum outcome { DONE, TOO_LONG, NO_MEMORY };

static enum outcome remember(struct prefix *prefix, struct session_ref ref,
                             const struct sn_bytes *client)
{
    uint8_t text[TOPIC_MAX];
    struct sn_writer w = {.start = text, .cap = sizeof text};
    struct slot *slot = take_slot(prefix, ref.slot);

    if (!slot)
        return NO_MEMORY;
    fill_in(&w, prefix, client);
    if (w.failed)
        return TOO_LONG;
    char *copy = malloc(w.len);
    if (!copy)
        return NO_MEMORY;
    memcpy(copy, text, w.len);
    free(slot->text);
    *slot = (struct slot){copy, ref.generation, (uint16_t)w.len};
    return DONE;
}

/* Empty: a session that is gone. */
static struct sn_bytes find(const struct prefix *prefix, struct session_ref ref)
{
    uint32_t place = prefix->per_client ? ref.slot : GATEWAY_SELF.slot;
    const struct slot *slot = place < prefix->count ? &prefix->slots[place] : NULL;

    if (!slot || !slot->text || (prefix->per_client && slot->generation != ref.generation))
        return (struct sn_bytes){0};
    return sn_bytes(slot->text, slot->len);
}

/* --- putting it on ---------------------------------------------------------------------------- */

/* Where the prefix goes in; false: it does not. */
static bool place_in(struct sn_bytes topic, bool is_filter, size_t *place)
{
    static const char share[] = "$share/";
    const size_t len = sizeof share - 1;
    const uint8_t *slash;

    *place = 0;
    if (topic.len == 0 || topic.data[0] != '$')
        return topic.len > 0;
    if (!is_filter || topic.len <= len || memcmp(topic.data, share, len) != 0)
        return false;
    slash = memchr(topic.data + len, '/', topic.len - len);
    if (slash)
        *place = (size_t)(slash - topic.data) + 1;
    return slash && *place < topic.len && topic.data[*place] != '$';
}

static bool is_too_deep(const uint8_t *topic, size_t len)
{
    size_t levels = 1;

    for (size_t i = 0; i < len && len >= SN_TOPIC_LEVELS; i++)
        levels += topic[i] == '/';
    return levels > SN_TOPIC_LEVELS;
}

/* False: no topic of MQTT. `topic` then or afterwards may point into `room`. */
static bool put_on(struct sn_bytes text, struct sn_bytes *topic, bool is_filter,
                   uint8_t room[TOPIC_MAX])
{
    size_t place;

    if (!place_in(*topic, is_filter, &place))
        return true;
    if (topic->len + text.len > TOPIC_MAX)
        return false;
    memcpy(room, topic->data, place);
    memcpy(room + place, text.data, text.len);
    memcpy(room + place + text.len, topic->data + place, topic->len - place);
    *topic = sn_bytes(room, topic->len + text.len);
    return !is_too_deep(room, topic->len);
}

static bool refuse(struct prefix *prefix, const struct bridge_request *request)
{
    static const enum bridge_event_type answers[] = {[BRIDGE_OPEN] = BRIDGE_OPENED,
                                                     [BRIDGE_PUBLISH] = BRIDGE_PUBLISHED,
                                                     [BRIDGE_SUBSCRIBE] = BRIDGE_SUBSCRIBED,
                                                     [BRIDGE_UNSUBSCRIBE] = BRIDGE_UNSUBSCRIBED};
    struct bridge_event event = {.type = answers[request->type],
                                 .session = request->session,
                                 .token = request->token,
                                 .result = BRIDGE_REFUSED};

    prefix->counters.too_long++;
    if (request->type == BRIDGE_SET_WILL)
        return false; /* it has no answer but this */
    if (request->type != BRIDGE_PUBLISH || request->message.qos > 0)
        prefix->doors.event(prefix->doors.self, &event);
    return true;
}

static bool pass_on(struct prefix *prefix, const struct bridge_request *request)
{
    struct sn_bytes text = find(prefix, request->session);
    struct bridge_request changed = *request;
    uint8_t room[TOPIC_MAX]; /* on the stack, because an answer may bring the next request */
    bool is_will = request->type == BRIDGE_OPEN || request->type == BRIDGE_SET_WILL;
    bool is_filter = request->type == BRIDGE_SUBSCRIBE || request->type == BRIDGE_UNSUBSCRIBE;

    if (text.len == 0)
        return false;
    if (!put_on(text, is_will ? &changed.will.topic : &changed.message.topic, is_filter, room))
        return refuse(prefix, request);
    return prefix->doors.request(prefix->doors.self, &changed);
}

bool prefix_request(struct prefix *prefix, const struct bridge_request *request)
{
    enum outcome outcome = DONE;

    if (request->type == BRIDGE_CLOSE)
        return prefix->doors.request(prefix->doors.self, request);
    if (request->type == BRIDGE_OPEN && prefix->per_client)
        outcome = remember(prefix, request->session, &request->client_id);
    switch (outcome) {
    case DONE: return pass_on(prefix, request);
    case TOO_LONG: return refuse(prefix, request);
    case NO_MEMORY: break;
    }
    return false;
}

/* --- taking it off ---------------------------------------------------------------------------- */

/* False: nothing of this client's. A name with $ behind the prefix would pass for one of the
 * broker's own. */
static bool take_off(struct sn_bytes text, struct sn_bytes *topic)
{
    bool inside = topic->len > text.len && memcmp(topic->data, text.data, text.len) == 0;

    if (inside)
        *topic = sn_bytes(topic->data + text.len, topic->len - text.len);
    return inside == (topic->data[0] != '$');
}

void prefix_event(struct prefix *prefix, const struct bridge_event *event)
{
    struct sn_bytes text = find(prefix, event->session);
    struct bridge_event changed = *event;
    bool has_topic = event->message.topic.len > 0 && text.len > 0;

    if (has_topic && !take_off(text, &changed.message.topic) && event->type == BRIDGE_MESSAGE) {
        prefix->counters.outside++;
        return;
    }
    prefix->doors.event(prefix->doors.self, &changed);
}

/* --- life ------------------------------------------------------------------------------------- */

struct prefix *prefix_new(const struct gateway_config *config, struct prefix_doors doors)
{
    struct prefix *prefix = calloc(1, sizeof *prefix);

    if (!prefix)
        return NULL;
    prefix->pattern = config->topic_prefix;
    prefix->per_client = strstr(config->topic_prefix, "${client}") != NULL;
    prefix->doors = doors;
    snprintf(prefix->gateway_id, sizeof prefix->gateway_id, "%u", (unsigned)config->id);
    if (remember(prefix, GATEWAY_SELF, NULL) == DONE)
        return prefix;
    prefix_free(prefix);
    return NULL;
}

void prefix_free(struct prefix *prefix)
{
    for (size_t i = 0; i < prefix->count; i++)
        free(prefix->slots[i].text);
    free(prefix->slots);
    free(prefix);
}

const struct prefix_counters *prefix_counters(const struct prefix *prefix)
{
    return &prefix->counters;
}
