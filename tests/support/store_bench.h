/* SPDX-License-Identifier: Apache-2.0 */
/* store_bench - a store in a directory of its own, and records that a test can compare */
#ifndef TESTS_SUPPORT_STORE_BENCH_H
#define TESTS_SUPPORT_STORE_BENCH_H

#include "config/config.h"
#include "gateway/store.h"

#define BENCH_TEXT 65536

extern struct store *store;
extern struct config store_config;
extern char store_folder[64], store_path[128], store_error[512];

/* An empty directory, and a configuration with two [udp] sections, one of them named "field", and
 * [serial roof]. Nothing is open yet. */
void bench_up(void);
void bench_down(void);

/* Both fail the test when it does not work. */
void bench_open(void);
void bench_close(void);
/* The exit code of an attempt that must fail; store_error tells why. */
int bench_refused(void);

void record(struct record record);
bool commit(void);

/* One line for each record, in `out` of BENCH_TEXT: for comparing. */
void bench_write(char *out, const struct record *record);
/* All that store_restore hands out. */
const char *bench_restored(void);
/* The same after closing and opening again. */
const char *bench_reopened(void);

/* Runs `story` in a process of its own, which must end with exit code 0. */
void bench_in_another_process(void (*story)(void));

/* One number out of the file, through a connection of its own. */
long long bench_query(const char *sql);

#define SESSION(number, ...)                                                                       \
    ((struct record){.type = RECORD_SESSION, .session = (number), .client = {__VA_ARGS__}})
#define TOPIC(number, ...)                                                                         \
    ((struct record){.type = RECORD_TOPIC, .session = (number), .topic = {__VA_ARGS__}})
#define SUBSCRIPTION(number, ...)                                                                  \
    ((struct record){                                                                              \
        .type = RECORD_SUBSCRIPTION, .session = (number), .subscription = {__VA_ARGS__}})
#define MESSAGE(number, ...)                                                                       \
    ((struct record){.type = RECORD_MESSAGE, .session = (number), .message = {__VA_ARGS__}})
#define SPOOLED(number, ...)                                                                       \
    ((struct record){.type = RECORD_SPOOLED, .session = (number), .message = {__VA_ARGS__}})
#define RECEIVED(number, ...)                                                                      \
    ((struct record){.type = RECORD_RECEIVED, .session = (number), .received = {__VA_ARGS__}})
#define PLACE(number, text)                                                                        \
    ((struct record){.type = RECORD_PLACE, .place = {sn_text(text), (number)}})
#define GONE(what, number) ((struct record){.type = RECORD_##what, .session = (number)})

/* A small message, which its sequence tells apart. */
struct record message(uint32_t session, uint64_t sequence);

#endif
