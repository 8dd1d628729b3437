/* SPDX-License-Identifier: Apache-2.0 */
/* filters_bench [COUNT] - what a match among COUNT filters costs, and the memory that they take
 *
 * One session for each filter, as devices have them: half "site/N/cmd", half "site/N/+/set"; and
 * one filter that everybody has. Prints "name value" lines. Run by tools/bench. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bridge/filters.h"

enum { COUNT = 100000, ROUNDS = 1000000, FAN = 10000 };

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void subscribe(struct filters *t, const char *filter, uint32_t slot)
{
    uint32_t number = filters_take(t, sn_text(filter));

    if (number == 0 || !filters_add(t, number, slot, 1))
        exit(EXIT_FAILURE);
    filters_grant(t, number, slot, 1);
}

static void match(struct filters *t, const char *name, const char *pattern, uint32_t count)
{
    const struct filters_hit *hits;
    const uint32_t *numbers;
    char topic[64];
    size_t delivered = 0;
    double text = now();

    for (uint32_t i = 0; i < ROUNDS; i++)
        snprintf(topic, sizeof topic, pattern, i * 7919u % count);
    text = now() - text; /* making the topics is not what is measured */
    double start = now();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        snprintf(topic, sizeof topic, pattern, i * 7919u % count);
        size_t found = filters_match(t, sn_text(topic), &numbers);
        delivered += filters_collect(t, sn_text(topic), numbers, found, &hits);
    }
    printf("%s_us %.3f\n", name, (now() - start - text) * 1e6 / ROUNDS);
    if (delivered == 0)
        exit(EXIT_FAILURE);
}

static size_t heap(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

int main(int argc, char **argv)
{
    static const uint8_t seed[16] = {1};
    uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : COUNT;
    const struct filters_hit *hits;
    const uint32_t *numbers;
    size_t before = heap();
    struct filters *t = filters_new(seed);
    char filter[64];

    if (!t || count == 0)
        return EXIT_FAILURE;
    double start = now();
    for (uint32_t i = 0; i < count; i++) {
        snprintf(filter, sizeof filter, i % 2 ? "site/%u/+/set" : "site/%u/cmd", i);
        subscribe(t, filter, i + 1);
    }
    printf("subscribe_us %.3f\n", (now() - start) * 1e6 / count);
    printf("octets_per_filter %zu\n", (heap() - before) / count);
    match(t, "match_plain", "site/%u/cmd", count);
    match(t, "match_wildcard", "site/%u/lamp/set", count);
    subscribe(t, "site/+/#", count + 1);
    subscribe(t, "+/+/+/set", count + 2);
    subscribe(t, "#", count + 3);
    match(t, "match_overlapping", "site/%u/lamp/set", count);
    for (uint32_t i = 1; i <= FAN; i++)
        subscribe(t, "to/all", i);
    start = now();
    size_t found = filters_match(t, sn_text("to/all"), &numbers);
    size_t hit = filters_collect(t, sn_text("to/all"), numbers, found, &hits);
    printf("collect_%zu_us %.0f\n", hit, (now() - start) * 1e6);
    filters_free(t);
    return EXIT_SUCCESS;
}
