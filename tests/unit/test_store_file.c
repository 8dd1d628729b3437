/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/store_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/command.h"
#include "tests/support/run.h"
#include "tests/support/store_bench.h"

static void execute(const char *path, const char *sql)
{
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void overwrite(long at, const char *octets, size_t len)
{
    int file = open(store_path, O_WRONLY | O_CREAT, 0600);

    ck_assert_int_eq(pwrite(file, octets, len, at), (ssize_t)len);
    close(file);
}

static int aside_count(void)
{
    DIR *folder = opendir(store_folder);
    int count = 0;

    for (struct dirent *entry; (entry = readdir(folder));) {
        const char *end = strrchr(entry->d_name, '-');
        count += strncmp(entry->d_name, "state.db.corrupt-", 17) == 0 && strcmp(end, "-wal") != 0 &&
                 strcmp(end, "-shm") != 0;
    }
    closedir(folder);
    return count;
}

static void a_store_with_messages(void)
{
    bench_open();
    for (uint64_t i = 0; i < 500; i++)
        record(message(1, i));
    ck_assert(commit());
    bench_close();
}

START_TEST(the_second_gateway_is_refused)
{
    struct store *first;

    bench_open();
    first = store;
    ck_assert_int_eq(bench_refused(), EXIT_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(store_error, store_path));
    ck_assert_ptr_nonnull(strstr(store_error, "in use by another gateway"));
    store = first;
}
END_TEST

START_TEST(after_the_first_has_gone_the_second_may)
{
    bench_open();
    bench_close();
    bench_open();
}
END_TEST

START_TEST(only_the_owner_can_read_it)
{
    static const char *const parts[] = {"", "-wal", "-shm", ".lock"};
    struct stat about;
    char name[160];

    umask(0);
    bench_open();
    record(message(1, 1));
    ck_assert(commit());
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(name, sizeof name, "%s%s", store_path, parts[i]);
        ck_assert_msg(stat(name, &about) == 0, "%s", name);
        ck_assert_msg((about.st_mode & 077) == 0, "%s has %o", name, about.st_mode);
    }
}
END_TEST

START_TEST(a_damaged_file_is_set_aside)
{
    char junk[8192];

    a_store_with_messages();
    memset(junk, 0xA5, sizeof junk);
    overwrite(4096, junk, sizeof junk);
    bench_open();
    ck_assert_str_eq(bench_restored(), "");
    ck_assert_int_eq(aside_count(), 1);
    record(message(1, 1));
    ck_assert(commit());
}
END_TEST

/* As ext4 leaves it when the power goes before the data is written. */
START_TEST(a_file_of_zeros_is_set_aside)
{
    static const char zeros[4096];

    a_store_with_messages();
    overwrite(0, zeros, sizeof zeros);
    bench_open();
    ck_assert_int_eq(aside_count(), 1);
}
END_TEST

START_TEST(each_damaged_file_is_kept)
{
    for (int i = 0; i < 3; i++) {
        a_store_with_messages();
        overwrite(0, "damaged damaged", 16);
    }
    bench_open();
    ck_assert_int_eq(aside_count(), 3);
}
END_TEST

static void refused_untouched(const char *why)
{
    ck_assert_int_eq(bench_refused(), EXIT_CONFIG);
    ck_assert_msg(strstr(store_error, why) != NULL, "%s", store_error);
    ck_assert_ptr_nonnull(strstr(store_error, store_path));
    ck_assert_int_eq(aside_count(), 0);
}

START_TEST(the_database_of_another_program_is_refused)
{
    execute(store_path, "CREATE TABLE photos (name TEXT); INSERT INTO photos VALUES ('sea')");
    refused_untouched("belongs to another program");
    ck_assert_int_eq(bench_query("SELECT count(*) FROM photos"), 1);
}
END_TEST

/* [store] path = /etc/hosts, by mistake. */
START_TEST(a_file_that_was_never_a_store_is_refused)
{
    char text[64] = "";
    int file;

    overwrite(0, "127.0.0.1 localhost and more, long enough", 41);
    refused_untouched("is no store");
    file = open(store_path, O_RDONLY);
    ck_assert_int_eq(read(file, text, sizeof text - 1), 41);
    close(file);
    ck_assert_str_eq(text, "127.0.0.1 localhost and more, long enough");
}
END_TEST

START_TEST(a_newer_schema_is_refused)
{
    a_store_with_messages();
    execute(store_path, "PRAGMA user_version = 1000");
    refused_untouched("newer mqtt-sn-gateway");
    ck_assert_int_eq(bench_query("SELECT count(*) FROM message"), 500);
}
END_TEST

START_TEST(a_missing_directory_is_named)
{
    store_config.store.path = "/nowhere/at/all/state.db";
    ck_assert_int_eq(bench_refused(), EXIT_IO);
    ck_assert_ptr_nonnull(strstr(store_error, "/nowhere/at/all/state.db"));
    ck_assert_ptr_nonnull(strstr(store_error, "No such file or directory"));
}
END_TEST

static void as_nobody(void)
{
    if (geteuid() == 0)
        ck_assert_int_eq(seteuid(65534), 0);
    ck_assert_int_eq(bench_refused(), EXIT_IO);
    ck_assert_ptr_nonnull(strstr(store_error, "Permission denied"));
}

START_TEST(a_directory_without_permission_is_named)
{
    chmod(store_folder, 0500);
    bench_in_another_process(as_nobody);
    chmod(store_folder, 0700);
}
END_TEST

static void as_nobody_with_a_file(void)
{
    if (geteuid() == 0)
        ck_assert_int_eq(seteuid(65534), 0);
    ck_assert_int_eq(bench_refused(), EXIT_IO);
    ck_assert_msg(strstr(store_error, "state.db cannot be opened for writing: Permission denied") !=
                      NULL,
                  "%s", store_error);
}

START_TEST(a_read_only_file_is_named)
{
    char lock[160];

    a_store_with_messages();
    snprintf(lock, sizeof lock, "%s.lock", store_path);
    chmod(lock, 0666);
    chmod(store_folder, 0777);
    chmod(store_path, 0444);
    bench_in_another_process(as_nobody_with_a_file);
}
END_TEST

/* The mechanism is shown with a schema of the test's own. */
static const char *const growing[] = {
    "CREATE TABLE a (x); INSERT INTO a VALUES (1)",
    "ALTER TABLE a ADD COLUMN y; UPDATE a SET y = x + 1",
    "CREATE TABLE b (z); INSERT INTO b SELECT x + y FROM a",
};

static sqlite3 *opened(void)
{
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(store_path, &db), SQLITE_OK);
    return db;
}

START_TEST(an_older_file_takes_the_steps_it_lacks)
{
    const struct schema old = {growing, 1}, current = {growing, 3};
    enum schema_state state;
    sqlite3 *db = opened();

    ck_assert_int_eq(schema_state(db, &old, &state), SQLITE_OK);
    ck_assert_int_eq(state, SCHEMA_EMPTY);
    ck_assert_int_eq(schema_migrate(db, &old), SQLITE_OK);
    ck_assert_int_eq(schema_migrate(db, &current), SQLITE_OK);
    ck_assert_int_eq(schema_state(db, &current, &state), SQLITE_OK);
    ck_assert_int_eq(state, SCHEMA_OURS);
    ck_assert_int_eq(schema_state(db, &old, &state), SQLITE_OK);
    ck_assert_int_eq(state, SCHEMA_NEWER);
    sqlite3_close(db);
    ck_assert_int_eq(bench_query("SELECT z FROM b"), 3);
    ck_assert_int_eq(bench_query("PRAGMA user_version"), 3);
}
END_TEST

START_TEST(a_file_of_the_first_version_takes_what_came_later)
{
    const struct schema first = {store_schema.steps, 1};
    sqlite3 *db = opened();

    ck_assert_int_eq(schema_migrate(db, &first), SQLITE_OK);
    ck_assert_int_eq(
        sqlite3_exec(db, "INSERT INTO topic VALUES (1, 7, 'a', 1, 0)", NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    bench_open();
    record(PLACE(5, "a/#"));
    ck_assert(commit());
    ck_assert_int_eq(bench_query("SELECT connection FROM place"), 5);
    ck_assert_int_eq(bench_query("SELECT topic_id FROM topic"), 7);
}
END_TEST

START_TEST(a_step_that_fails_leaves_the_file_as_it_was)
{
    static const char *const broken[] = {
        "CREATE TABLE a (x); INSERT INTO a VALUES (1)",
        "UPDATE a SET x = 7; UPDATE nothing SET x = 1",
    };
    const struct schema old = {broken, 1}, current = {broken, 2};
    sqlite3 *db = opened();

    ck_assert_int_eq(schema_migrate(db, &old), SQLITE_OK);
    ck_assert_int_ne(schema_migrate(db, &current), SQLITE_OK);
    sqlite3_close(db);
    ck_assert_int_eq(bench_query("SELECT x FROM a"), 1);
    ck_assert_int_eq(bench_query("PRAGMA user_version"), 1);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("store_file");

    tcase_add_checked_fixture(tc, bench_up, bench_down);
    tcase_add_test(tc, the_second_gateway_is_refused);
    tcase_add_test(tc, after_the_first_has_gone_the_second_may);
    tcase_add_test(tc, only_the_owner_can_read_it);
    tcase_add_test(tc, a_damaged_file_is_set_aside);
    tcase_add_test(tc, a_file_of_zeros_is_set_aside);
    tcase_add_test(tc, each_damaged_file_is_kept);
    tcase_add_test(tc, the_database_of_another_program_is_refused);
    tcase_add_test(tc, a_file_that_was_never_a_store_is_refused);
    tcase_add_test(tc, a_newer_schema_is_refused);
    tcase_add_test(tc, a_missing_directory_is_named);
    tcase_add_test(tc, a_directory_without_permission_is_named);
    tcase_add_test(tc, a_read_only_file_is_named);
    tcase_add_test(tc, an_older_file_takes_the_steps_it_lacks);
    tcase_add_test(tc, a_file_of_the_first_version_takes_what_came_later);
    tcase_add_test(tc, a_step_that_fails_leaves_the_file_as_it_was);
    return run_case("store_file", tc);
}
