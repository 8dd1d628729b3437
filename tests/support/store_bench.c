/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/store_bench.h"

#include <check.h>
#include <ftw.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/clock.h"
#include "gateway/log.h"

struct store *store;
struct config store_config;
char store_folder[64], store_path[128], store_error[512];

static struct udp_config listeners[] = {{.name = ""}, {.name = "field"}};
static struct serial_config ports[] = {{.name = "roof"}};

void bench_up(void)
{
    strcpy(store_folder, "/tmp/store-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(store_folder));
    snprintf(store_path, sizeof store_path, "%s/state.db", store_folder);
    store_config = (struct config){.store = {.path = store_path, .sync = SYNC_NORMAL},
                                   .udp = listeners,
                                   .udp_count = 2,
                                   .serial = ports,
                                   .serial_count = 1};
    store = NULL;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

void bench_down(void)
{
    store_close(store);
    store = NULL;
    nftw(store_folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void bench_open(void)
{
    int code = store_open(&store, &store_config, store_error, sizeof store_error);

    ck_assert_msg(code == 0, "%s", store_error);
    ck_assert_ptr_nonnull(store);
}

void bench_close(void)
{
    ck_assert(store_close(store));
    store = NULL;
}

int bench_refused(void)
{
    int code = store_open(&store, &store_config, store_error, sizeof store_error);

    ck_assert_int_ne(code, 0);
    ck_assert_ptr_null(store);
    return code;
}

void record(struct record record)
{
    store_record(store, &record);
}

bool commit(void)
{
    return store_commit(store, clock_now());
}

struct record message(uint32_t session, uint64_t sequence)
{
    static char payload[32];

    snprintf(payload, sizeof payload, "payload %" PRIu64, sequence);
    return MESSAGE(session, .sequence = sequence, .topic = sn_text("t"), .qos = 1,
                   .payload = sn_text(payload), .received = 5000);
}

/* Seconds: a restart costs a millisecond of rounding. */
static long long seconds(int64_t ms)
{
    return (ms + 500) / 1000;
}

static void octets(char **at, const char *name, struct sn_bytes b)
{
    *at += sprintf(*at, " %s=%zu:", name, b.len);
    for (size_t i = 0; i < b.len; i++)
        *at += sprintf(*at, "%02x", b.data[i]);
}

static void write_session(char **at, const struct record_session *s)
{
    octets(at, "id", s->client_id);
    *at += sprintf(*at, " state=%d clean=%d fresh=%d keep_alive=%u sleep=%u", s->state, s->clean,
                   s->fresh, s->keep_alive, s->sleep_duration);
    *at += sprintf(*at, " silent=%lld",
                   s->silent_until == UINT64_MAX ? -1 : seconds((int64_t)s->silent_until));
    if (s->reachable) {
        octets(at, "peer", sn_bytes(&s->peer, SN_PEER_IDENTITY));
        octets(at, "route", sn_bytes(s->peer.route, SN_ROUTE_MAX));
    }
    octets(at, "will", s->will_topic);
    octets(at, "says", s->will_payload);
    *at +=
        sprintf(*at, " qos=%u retain=%d updated=%d", s->will_qos, s->will_retain, s->will_updated);
}

static void write_message(char **at, const struct record_message *m)
{
    *at += sprintf(*at, " sequence=%" PRIu64 " qos=%u retain=%d received=%lld", m->sequence, m->qos,
                   m->retain, seconds(m->received));
    octets(at, "topic", m->topic);
    octets(at, "payload", m->payload);
}

void bench_write(char *out, const struct record *r)
{
    char *at = out + sprintf(out, "%d session=%u", r->type, r->session);

    if (r->type == RECORD_SESSION)
        write_session(&at, &r->client);
    if (r->type == RECORD_MESSAGE || r->type == RECORD_SPOOLED)
        write_message(&at, &r->message);
    if (r->type == RECORD_TOPIC) {
        at += sprintf(at, " topic_id=%u known=%d given=%d", r->topic.topic_id, r->topic.known,
                      r->topic.given);
        octets(&at, "name", r->topic.name);
    }
    if (r->type == RECORD_SUBSCRIPTION) {
        at += sprintf(at, " type=%u topic_id=%u asked=%u granted=%u leaving=%d",
                      r->subscription.type, r->subscription.topic_id, r->subscription.qos_asked,
                      r->subscription.qos_granted, r->subscription.leaving);
        octets(&at, "filter", r->subscription.filter);
    }
    if (r->type == RECORD_RECEIVED)
        at += sprintf(at, " msg_id=%u topic_id=%u digest=%" PRIu32, r->received.msg_id,
                      r->received.topic_id, r->received.digest);
    if (r->type == RECORD_ID_KEY)
        at += sprintf(at, " %" PRIx64 " %" PRIx64, r->id_key.k0, r->id_key.k1);
    if (r->type == RECORD_PLACE) {
        at += sprintf(at, " connection=%u", r->place.connection);
        octets(&at, "filter", r->place.filter);
    }
    strcpy(at, "\n");
}

static char restored[BENCH_TEXT];

static void keep_line(void *self, const struct record *r)
{
    size_t *len = self;

    ck_assert_uint_lt(*len + 2000, sizeof restored);
    bench_write(restored + *len, r);
    *len += strlen(restored + *len);
}

const char *bench_restored(void)
{
    size_t len = 0;
    int code;

    restored[0] = '\0';
    code = store_restore(store, keep_line, &len, store_error, sizeof store_error);
    if (code == 0)
        code = store_restore_places(store, keep_line, &len, store_error, sizeof store_error);
    ck_assert_msg(code == 0, "%s", store_error);
    return restored;
}

const char *bench_reopened(void)
{
    bench_close();
    bench_open();
    return bench_restored();
}

void bench_in_another_process(void (*story)(void))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        story();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
}

long long bench_query(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;

    ck_assert_int_eq(sqlite3_open_v2(store_path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
    long long value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return value;
}
