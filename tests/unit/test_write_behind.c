/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/write_behind.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/run.h"

enum { LARGE = 300000 };

static int ends[2];
static struct write_rest rest;

static void setup(void)
{
    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    rest = (struct write_rest){0};
}

static void teardown(void)
{
    write_rest_drop(&rest);
    close(ends[0]);
    close(ends[1]);
}

static void expect_octets(const char *text)
{
    char got[64];

    ck_assert_int_eq(recv(ends[1], got, sizeof got, 0), (ssize_t)strlen(text));
    ck_assert_mem_eq(got, text, strlen(text));
}

static void expect_nothing(void)
{
    char got;

    ck_assert_int_eq(recv(ends[1], &got, 1, 0), -1);
    ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(many_writes_become_one)
{
    write_behind_begin(ends[0]);
    ck_assert_int_eq(write(ends[0], "abc", 3), 3);
    ck_assert_int_eq(write(ends[0], "de", 2), 2);
    expect_nothing();
    ck_assert_int_eq(write_behind_end(&rest), 0);
    ck_assert_ptr_null(rest.octets);
    expect_octets("abcde");
}
END_TEST

START_TEST(other_descriptors_and_times_are_the_systems)
{
    int other[2];
    char got[4];

    ck_assert_int_eq(pipe(other), 0);
    write_behind_begin(ends[0]);
    ck_assert_int_eq(write(other[1], "x", 1), 1);
    ck_assert_int_eq(read(other[0], got, sizeof got), 1);
    ck_assert_int_eq(write_behind_end(&rest), 0);
    ck_assert_int_eq(write(ends[0], "y", 1), 1);
    expect_octets("y");
    close(other[0]);
    close(other[1]);
}
END_TEST

/* What is written next, so that a lost, doubled or misplaced octet is seen. */
static unsigned char octet_at(size_t at)
{
    return (unsigned char)(at * 2654435761u >> 24);
}

static void fill(unsigned char *octets, size_t at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        octets[i] = octet_at(at + i);
}

static size_t write_pieces(size_t at, size_t piece)
{
    unsigned char octets[100000];

    ck_assert_uint_le(piece, sizeof octets);
    for (;;) {
        fill(octets, at, piece);
        ssize_t n = write(ends[0], octets, piece);
        if (n < 0)
            break;
        at += (size_t)n;
        ck_assert_uint_lt(at, 64 << 20);
    }
    ck_assert_int_eq(errno, EAGAIN);
    return at;
}

static size_t read_some(size_t at, size_t most)
{
    static unsigned char got[LARGE], expected[LARGE];
    ssize_t n = recv(ends[1], got, most < sizeof got ? most : sizeof got, 0);

    if (n <= 0)
        return at;
    fill(expected, at, (size_t)n);
    ck_assert(memcmp(got, expected, (size_t)n) == 0);
    return at + (size_t)n;
}

/* _i: the size of one write, below and above what is collected */
static const size_t pieces[] = {130, 65536, 65537, 100000};

START_TEST(nothing_is_lost_when_the_socket_is_full)
{
    size_t written = 0, read = 0, stalls = 0;

    for (int round = 0; round < 20; round++) {
        write_behind_begin(ends[0]);
        written = write_pieces(written, pieces[_i]);
        ck_assert_int_eq(write_behind_end(&rest), 0);
        while (rest.octets) {
            read = read_some(read, 50000);
            ck_assert_int_eq(write_rest_flush(&rest, ends[0]), 0);
            stalls++;
        }
    }
    for (size_t before = SIZE_MAX; read != before;) {
        before = read;
        read = read_some(read, LARGE);
    }
    ck_assert_uint_eq(read, written);
    if (_i == 0)
        ck_assert_uint_gt(stalls, 0);
}
END_TEST

START_TEST(a_broken_connection_is_told)
{
    close(ends[1]);
    write_behind_begin(ends[0]);
    ck_assert_int_eq(write(ends[0], "abc", 3), 3);
    ck_assert_int_eq(write_behind_end(&rest), EPIPE);
    ck_assert_ptr_null(rest.octets);
    ends[1] = dup(ends[0]);
}
END_TEST

START_TEST(a_connection_that_breaks_with_a_rest_is_told)
{
    write_behind_begin(ends[0]);
    write_pieces(0, 130);
    ck_assert_int_eq(write_behind_end(&rest), 0);
    ck_assert_ptr_nonnull(rest.octets);
    close(ends[1]);
    ck_assert_int_ne(write_rest_flush(&rest, ends[0]), 0);
    ends[1] = dup(ends[0]);
}
END_TEST

/* As libmosquitto, which closes the socket on an error: nothing goes there any more. */
START_TEST(nothing_is_written_after_an_error)
{
    unsigned char octets[40000] = {0};

    close(ends[1]);
    write_behind_begin(ends[0]);
    ck_assert_int_eq(write(ends[0], octets, sizeof octets), sizeof octets);
    ck_assert_int_eq(write(ends[0], octets, sizeof octets), -1);
    ck_assert_int_eq(errno, EPIPE);
    ck_assert_int_eq(write(ends[0], octets, 1), -1);
    close(ends[0]);
    ck_assert_int_eq(write_behind_end(&rest), EPIPE);
    ck_assert_ptr_null(rest.octets);
    ends[0] = dup(STDERR_FILENO);
    ends[1] = dup(STDERR_FILENO);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("write_behind");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, many_writes_become_one);
    tcase_add_test(tc, other_descriptors_and_times_are_the_systems);
    tcase_add_loop_test(tc, nothing_is_lost_when_the_socket_is_full, 0, 4);
    tcase_add_test(tc, a_broken_connection_is_told);
    tcase_add_test(tc, a_connection_that_breaks_with_a_rest_is_told);
    tcase_add_test(tc, nothing_is_written_after_an_error);
    return run_case("write_behind", tc);
}
