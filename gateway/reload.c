/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/reload.h"

#include <string.h>

#define SAME_NUMBER(key)  (a->key == b->key)
#define SAME_SECONDS(key) (a->key##_ms == b->key##_ms)
#define SAME_FLAG(key)    (a->key == b->key)
#define SAME_CHOICE(key)  (a->key == b->key)
#define SAME_TEXT(key)    (strcmp(a->key, b->key) == 0)

typedef void changed_fn(void *self, const char *option);

static void compare_broker(const struct broker_config *a, const struct broker_config *b,
                           changed_fn *changed, void *self)
{
#define X(type, key, value, least, most, help)                                                     \
    if (!SAME_##type(key))                                                                         \
        changed(self, "[broker] " #key);
    BROKER_OPTIONS(X)
#undef X
    /* The files may hold something else under the same name. */
    if (strcmp(a->secret, b->secret) != 0 && SAME_TEXT(password) && SAME_TEXT(password_file))
        changed(self, "[broker] password_file, what it holds");
    if (strcmp(a->psk, b->psk) != 0 && SAME_TEXT(psk_file))
        changed(self, "[broker] psk_file, what it holds");
}

static void compare_store(const struct store_config *a, const struct store_config *b,
                          changed_fn *changed, void *self)
{
#define X(type, key, value, least, most, help)                                                     \
    if (!SAME_##type(key))                                                                         \
        changed(self, "[store] " #key);
    STORE_OPTIONS(X)
#undef X
}

static void compare_udp(const struct udp_config *a, const struct udp_config *b, changed_fn *changed,
                        void *self)
{
#define X(type, key, value, least, most, help)                                                     \
    if (!SAME_##type(key))                                                                         \
        changed(self, "[udp] " #key);
    UDP_OPTIONS(X)
#undef X
}

static void compare_serial(const struct serial_config *a, const struct serial_config *b,
                           changed_fn *changed, void *self)
{
#define X(type, key, value, least, most, help)                                                     \
    if (!SAME_##type(key))                                                                         \
        changed(self, "[serial] " #key);
    SERIAL_OPTIONS(X)
#undef X
}

static void compare_links(const struct config *a, const struct config *b, changed_fn *changed,
                          void *self)
{
    if (a->udp_count != b->udp_count)
        changed(self, "[udp], the number of listeners");
    for (size_t i = 0; i < b->udp_count && a->udp_count == b->udp_count; i++)
        compare_udp(&a->udp[i], &b->udp[i], changed, self);
    if (a->serial_count != b->serial_count)
        changed(self, "[serial], the number of ports");
    for (size_t i = 0; i < b->serial_count && a->serial_count == b->serial_count; i++)
        compare_serial(&a->serial[i], &b->serial[i], changed, self);
}

void reload_compare(const struct config *started, const struct config *now,
                    void (*changed)(void *self, const char *option), void *self)
{
    if (started->gateway.id != now->gateway.id)
        changed(self, "[gateway] id, for the broker side");
    if (strcmp(started->gateway.topic_prefix, now->gateway.topic_prefix) != 0)
        changed(self, "[gateway] topic_prefix");
    compare_broker(&started->broker, &now->broker, changed, self);
    compare_store(&started->store, &now->store, changed, self);
    compare_links(started, now, changed, self);
}
