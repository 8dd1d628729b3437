/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sim/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "sn/packet.h"

static const struct {
    const char *name, *words;
} words[] = {
#define TALLY(name, words) {#name, words},
#include "tools/sim/tally.def"
#undef TALLY
};

#define TALLIES (sizeof words / sizeof *words)

static void values(const struct tally *t, uint64_t out[TALLIES])
{
    size_t i = 0;
#define TALLY(name, words) out[i++] = t->name;
#include "tools/sim/tally.def"
#undef TALLY
}

static double ms(uint64_t us)
{
    return (double)us / 1000;
}

static double rate(uint64_t count, usec_t us)
{
    return us > 0 ? (double)count * 1e6 / (double)us : 0;
}

/* Messages that passed through the gateway, upwards and downwards. */
static uint64_t messages(const struct outcome *o)
{
    return o->tally.sent + o->tally.received;
}

static double cpu_us_per_message(const struct outcome *o)
{
    return messages(o) > 0 ? (double)o->watched_cpu_ns / 1000 / (double)messages(o) : 0;
}

/* Of what the line can carry; a byte of 8N1 is ten bits long. */
static double line_percent(const struct sim_options *options, const struct outcome *o,
                           uint64_t octets)
{
    double most = options->net.serial.baud / 10.0 * (double)o->flow_us / 1e6;

    return most > 0 ? 100 * (double)octets / most : 0;
}

static void print_line(const struct sim_options *options, const struct outcome *o)
{
    if (!options->net.serial.link || o->flow_us == 0)
        return;
    printf("line       %" PRIu64 " octets to the gateway (%.1f %%), %" PRIu64
           " octets from it (%.1f %%)\n",
           o->octets.up, line_percent(options, o, o->octets.up), o->octets.down,
           line_percent(options, o, o->octets.down));
}

static void print_latency(const char *what, const struct latency *l)
{
    if (l->count > 0)
        printf("%-10s p50 %.3f ms, p90 %.3f ms, p99 %.3f ms, max %.3f ms\n", what,
               ms(latency_percentile(l, 50)), ms(latency_percentile(l, 90)),
               ms(latency_percentile(l, 99)), ms(l->greatest));
}

void report_text(const struct sim_options *options, const struct outcome *o)
{
    uint64_t counts[TALLIES];

    values(&o->tally, counts);
    for (size_t i = 0; i < TALLIES; i++)
        if (counts[i] > 0)
            printf("%10" PRIu64 "  %s\n", counts[i], words[i].words);
    if (o->flows.duplicates > 0)
        printf("%10" PRIu64 "  messages received twice\n", o->flows.duplicates);
    if (o->flows.disordered > 0)
        printf("%10" PRIu64 "  messages received out of order\n", o->flows.disordered);
    if (flows_missing(&o->flows) > 0)
        printf("%10" PRIu64 "  messages missing\n", flows_missing(&o->flows));
    printf("connected  in %.3f s\n", (double)o->connect_us / 1e6);
    if (messages(o) > 0)
        printf("flow       %.3f s, %.0f messages/s\n", (double)o->flow_us / 1e6,
               rate(messages(o), o->flow_us));
    print_line(options, o);
    if (options->expect > o->flows.distinct + o->unstamped)
        printf("expected   %" PRIu64 " messages, %" PRIu64 " arrived\n", options->expect,
               o->flows.distinct + o->unstamped);
    print_latency("answered", &o->tally.answer);
    print_latency("arrived", &o->arrival);
    if (options->pid != 0 && messages(o) > 0)
        printf("process    %u: %.3f s CPU, %.2f us per message\n", options->pid,
               (double)o->watched_cpu_ns / 1e9, cpu_us_per_message(o));
}

static void json_latency(const char *name, const struct latency *l)
{
    printf("  \"%s\": {\"count\": %" PRIu64
           ", \"p50_ms\": %.4f, \"p90_ms\": %.4f, \"p99_ms\": %.4f, \"max_ms\": %.4f},\n",
           name, l->count, ms(latency_percentile(l, 50)), ms(latency_percentile(l, 90)),
           ms(latency_percentile(l, 99)), ms(l->greatest));
}

void report_json(const struct sim_options *options, const struct outcome *o)
{
    uint64_t counts[TALLIES];

    values(&o->tally, counts);
    printf("{\n");
    for (size_t i = 0; i < TALLIES; i++)
        printf("  \"%s\": %" PRIu64 ",\n", words[i].name, counts[i]);
    printf("  \"distinct\": %" PRIu64 ",\n  \"duplicates\": %" PRIu64
           ",\n  \"disordered\": %" PRIu64 ",\n  \"missing\": %" PRIu64
           ",\n  \"unstamped\": %" PRIu64 ",\n",
           o->flows.distinct, o->flows.duplicates, o->flows.disordered, flows_missing(&o->flows),
           o->unstamped);
    json_latency("answer", &o->tally.answer);
    json_latency("arrival", &o->arrival);
    printf("  \"connect_s\": %.6f,\n  \"flow_s\": %.6f,\n  \"per_second\": %.1f,\n",
           (double)o->connect_us / 1e6, (double)o->flow_us / 1e6, rate(messages(o), o->flow_us));
    printf("  \"octets_up\": %" PRIu64 ",\n  \"octets_down\": %" PRIu64
           ",\n  \"line_up_percent\": %.2f,\n  \"line_down_percent\": %.2f,\n",
           o->octets.up, o->octets.down, line_percent(options, o, o->octets.up),
           line_percent(options, o, o->octets.down));
    printf("  \"cpu_s\": %.6f,\n  \"cpu_us_per_message\": %.3f,\n", (double)o->watched_cpu_ns / 1e9,
           cpu_us_per_message(o));
    printf("  \"ok\": %s\n}\n", report_ok(options, o) ? "true" : "false");
}

bool report_ok(const struct sim_options *options, const struct outcome *o)
{
    const struct plan *plan = &options->plan;
    const struct tally *t = &o->tally;
    bool acknowledged = plan->qos == 1 || plan->qos == 2;
    bool checked = plan->sub_qos > 0 && (acknowledged || !plan->topic.given);

    if (plan->qos != SN_QOS_MINUS_ONE && t->connected < options->net.clients)
        return false;
    if (acknowledged && t->acknowledged < t->sent)
        return false;
    if (checked && flows_missing(&o->flows) > 0)
        return false;
    if (options->expect > 0 && o->flows.distinct + o->unstamped < options->expect)
        return false;
    return t->gave_up == 0 && t->refused == 0;
}
