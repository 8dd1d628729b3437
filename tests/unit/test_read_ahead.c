/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/read_ahead.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/run.h"

static int ends[2];

static void setup(void)
{
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
}

static void teardown(void)
{
    read_ahead_end();
    close(ends[0]);
    close(ends[1]);
}

static void put(const char *text, size_t len)
{
    ck_assert_int_eq(write(ends[1], text, len), (ssize_t)len);
}

START_TEST(one_read_of_the_socket_serves_many)
{
    char part[8];

    put("abcdef", 6);
    read_ahead_begin(ends[0]);
    ck_assert_int_eq(read(ends[0], part, 2), 2);
    ck_assert_mem_eq(part, "ab", 2);
    ck_assert(read_ahead_left());
    put("later", 5);
    ck_assert_int_eq(read(ends[0], part, 8), 4);
    ck_assert_mem_eq(part, "cdef", 4);
    ck_assert(!read_ahead_left());
    /* It had less than there was room for, so it is not asked again in this turn. */
    ck_assert_int_eq(read(ends[0], part, 8), -1);
    ck_assert_int_eq(errno, EAGAIN);
    read_ahead_begin(ends[0]);
    ck_assert_int_eq(read(ends[0], part, 8), 5);
    ck_assert_mem_eq(part, "later", 5);
}
END_TEST

START_TEST(other_descriptors_and_times_are_the_systems)
{
    int other[2];
    char part[8];

    ck_assert_int_eq(pipe(other), 0);
    ck_assert_int_eq(write(other[1], "x", 1), 1);
    put("ab", 2);
    read_ahead_begin(ends[0]);
    ck_assert_int_eq(read(other[0], part, 8), 1);
    read_ahead_end();
    ck_assert_int_eq(read(ends[0], part, 1), 1);
    ck_assert(!read_ahead_left());
    ck_assert_int_eq(read(ends[0], part, 8), 1);
    close(other[0]);
    close(other[1]);
}
END_TEST

START_TEST(more_than_the_buffer_arrives_whole)
{
    enum { SIZE = 40000 };
    static char sent[SIZE], got[SIZE];
    size_t total = 0;
    ssize_t n;

    for (size_t i = 0; i < SIZE; i++)
        sent[i] = (char)(i * 7);
    put(sent, SIZE);
    read_ahead_begin(ends[0]);
    while ((n = read(ends[0], got + total, total < 100 ? 1 : 30000)) > 0)
        total += (size_t)n;
    ck_assert_uint_eq(total, SIZE);
    ck_assert_mem_eq(got, sent, SIZE);
}
END_TEST

START_TEST(the_last_read_leaves_the_rest_in_the_socket)
{
    static char much[20000];
    char part[100];
    size_t total = 0;
    ssize_t n;

    put(much, sizeof much);
    read_ahead_begin(ends[0]);
    ck_assert_int_eq(read(ends[0], part, 1), 1);
    read_ahead_last();
    for (total = 1; (n = read(ends[0], part, sizeof part)) > 0;)
        total += (size_t)n;
    ck_assert_uint_lt(total, sizeof much);
    ck_assert(!read_ahead_left());
    read_ahead_end();
    while ((n = read(ends[0], part, sizeof part)) > 0)
        total += (size_t)n;
    ck_assert_uint_eq(total, sizeof much);
}
END_TEST

START_TEST(the_end_of_the_stream_is_told)
{
    char part[8];

    put("a", 1);
    close(ends[1]);
    read_ahead_begin(ends[0]);
    ck_assert_int_eq(read(ends[0], part, 8), 1);
    read_ahead_begin(ends[0]);
    ck_assert_int_eq(read(ends[0], part, 8), 0);
    ends[1] = open("/dev/null", O_RDONLY);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("read_ahead");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, one_read_of_the_socket_serves_many);
    tcase_add_test(tc, other_descriptors_and_times_are_the_systems);
    tcase_add_test(tc, more_than_the_buffer_arrives_whole);
    tcase_add_test(tc, the_last_read_leaves_the_rest_in_the_socket);
    tcase_add_test(tc, the_end_of_the_stream_is_told);
    return run_case("read_ahead", tc);
}
