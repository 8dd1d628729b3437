/* SPDX-License-Identifier: Apache-2.0 */
/* A serial link on a pty: what comes and goes, packets and the port itself. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/run.h"
#include "tests/support/serial_bench.h"

static const uint8_t pingreq[] = {0xC0, 0x02, 0x16, 0xC0};
static const uint8_t pingresp[] = {0xC0, 0x02, 0x17, 0xC0};

static void opened(struct serial_bench *b, const char *lines)
{
    serial_bench_open(b, lines);
    serial_bench_plug(b);
    ck_assert(serial_bench_wait_up(b, true));
}

/* A ping and its answer: the port works both ways. */
static void works(struct serial_bench *b)
{
    uint8_t heard[sizeof pingresp];
    unsigned before = b->packets;

    dongle_says(b, pingreq, sizeof pingreq);
    ck_assert(serial_bench_wait(b, &b->packets, before + 1, 5000));
    ck_assert_uint_eq(b->last_len, 2);
    link_send(b->link, &b->peer, sn_bytes("\x02\x17", 2));
    ck_assert_uint_eq(dongle_hears(b, heard, sizeof heard, 5000), sizeof heard);
    ck_assert_mem_eq(heard, pingresp, sizeof heard);
}

static unsigned descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

START_TEST(carries_packets_both_ways)
{
    struct serial_bench b;
    char text[LINK_PEER_TEXT_MAX];

    opened(&b, "");
    works(&b);
    ck_assert_uint_eq(b.peer.link, 3);
    ck_assert_uint_eq(b.peer.address_len, 0);
    ck_assert_str_eq(link_peer_text(b.link, &b.peer, text, sizeof text), "serial");
    ck_assert_uint_eq(b.link->counters.datagrams_in, 1);
    ck_assert_uint_eq(b.link->counters.octets_in, 4);
    ck_assert_uint_eq(b.link->counters.datagrams_out, 1);
    ck_assert_uint_eq(b.link->counters.octets_out, 4);
    serial_bench_close(&b);
}
END_TEST

/* The barrier: whatever was queued behind it may not be safe yet, even when the port has something
 * to say meanwhile. */
START_TEST(nothing_queued_leaves_before_a_flush)
{
    struct serial_bench b;
    struct sn_peer peer = {.link = 3};
    uint8_t heard[8];

    opened(&b, "");
    link_send(b.link, &peer, sn_bytes("\x02\x17", 2));
    dongle_says(&b, pingreq, sizeof pingreq);
    for (int i = 0; i < 50 && b.packets == 0; i++)
        uv_run(&b.loop, UV_RUN_ONCE);
    ck_assert_uint_eq(b.packets, 1);
    ck_assert_uint_eq(b.link->counters.datagrams_out, 0);
    link_flush(b.link);
    ck_assert_uint_eq(b.link->counters.datagrams_out, 1);
    ck_assert_uint_eq(dongle_hears(&b, heard, 4, 5000), 4);
    serial_bench_close(&b);
}
END_TEST

START_TEST(takes_one_octet_at_a_time)
{
    struct serial_bench b;

    opened(&b, "");
    for (size_t i = 0; i < sizeof pingreq; i++) {
        dongle_says(&b, pingreq + i, 1);
        serial_bench_turn(&b, 2);
    }
    ck_assert(serial_bench_wait(&b, &b.packets, 1, 5000));
    ck_assert_mem_eq(b.last, "\x02\x16", 2);
    serial_bench_close(&b);
}
END_TEST

START_TEST(a_broadcast_is_a_frame)
{
    struct serial_bench b;
    uint8_t heard[7];

    opened(&b, "");
    link_broadcast(b.link, 0, sn_bytes("\x05\x00\x01\x03\x84", 5));
    ck_assert_uint_eq(dongle_hears(&b, heard, sizeof heard, 5000), sizeof heard);
    ck_assert_mem_eq(heard, "\xC0\x05\x00\x01\x03\x84\xC0", sizeof heard);
    serial_bench_close(&b);
}
END_TEST

/* A port that is not there is said once, and no reason to be busy. */
START_TEST(waits_quietly_for_a_port)
{
    struct serial_bench b;
    struct rusage before, after;

    serial_bench_open(&b, "");
    ck_assert(serial_bench_wait(&b, &b.notices, 1, 5000));
    ck_assert_msg(strstr(b.notice, "not there"), "%s", b.notice);
    getrusage(RUSAGE_SELF, &before);
    serial_bench_turn(&b, 3000);
    getrusage(RUSAGE_SELF, &after);
    ck_assert_uint_eq(b.notices, 1);
    ck_assert_int_lt((after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 +
                         after.ru_utime.tv_usec - before.ru_utime.tv_usec,
                     60000); /* 2 % of the time, under sanitizers too */
    ck_assert_uint_eq(b.ups, 0);
    serial_bench_plug(&b);
    ck_assert(serial_bench_wait_up(&b, true));
    works(&b);
    serial_bench_close(&b);
}
END_TEST

/* The directory tells: no back-off is waited for, though many attempts have failed. */
START_TEST(opens_as_soon_as_the_port_appears)
{
    struct serial_bench b;

    serial_bench_open(&b, "");
    serial_bench_turn(&b, 2000); /* the next attempt by itself is seconds away */
    uint64_t plugged = uv_hrtime();
    serial_bench_plug(&b);
    ck_assert(serial_bench_wait_up(&b, true));
    ck_assert_uint_lt((uv_hrtime() - plugged) / 1000000, 1000);
    serial_bench_close(&b);
}
END_TEST

START_TEST(unplugging_closes_at_once)
{
    struct serial_bench b;

    opened(&b, "");
    works(&b);
    unsigned open = descriptors();
    uint64_t pulled = uv_hrtime();
    serial_bench_unplug(&b);
    ck_assert(serial_bench_wait_up(&b, false));
    ck_assert_uint_lt((uv_hrtime() - pulled) / 1000000, 500);
    unsigned told = b.notices;
    serial_bench_turn(&b, 1100); /* a further attempt tells nothing new */
    ck_assert_uint_eq(b.notices, told);
    ck_assert_msg(strstr(b.notice, "unplugged"), "%s", b.notice);
    /* The port and the dongle's end are closed; the directories are watched instead. */
    ck_assert_uint_eq(descriptors(), open - 1);
    ck_assert_uint_eq(serial_bench_counter(&b, "lost"), 1);
    link_send(b.link, &b.peer, sn_bytes("\x02\x17", 2));
    ck_assert_uint_eq(serial_bench_counter(&b, "away"), 1);
    serial_bench_close(&b);
}
END_TEST

/* In the middle of a frame, with the rest of it coming from the next dongle: nothing is made of
 * the two. */
START_TEST(half_a_frame_does_not_survive)
{
    struct serial_bench b;

    opened(&b, "");
    dongle_says(&b, "\xC0\x05\x00\x01", 4);
    serial_bench_turn(&b, 20);
    serial_bench_unplug(&b);
    ck_assert(serial_bench_wait_up(&b, false));
    serial_bench_plug(&b);
    ck_assert(serial_bench_wait_up(&b, true));
    dongle_says(&b, "\x03\x84\xC0", 3);
    works(&b);
    ck_assert_uint_eq(b.packets, 1);
    serial_bench_close(&b);
}
END_TEST

START_TEST(two_hundred_replugs)
{
    struct serial_bench b;
    unsigned open = 0;

    opened(&b, "");
    works(&b);
    open = descriptors();
    for (unsigned i = 0; i < 200; i++) {
        serial_bench_unplug(&b);
        ck_assert(serial_bench_wait_up(&b, false));
        serial_bench_plug(&b);
        ck_assert(serial_bench_wait_up(&b, true));
        works(&b);
    }
    ck_assert_uint_eq(descriptors(), open);
    ck_assert_uint_eq(b.packets, 201);
    ck_assert_uint_eq(serial_bench_counter(&b, "opened"), 201);
    serial_bench_close(&b);
}
END_TEST

/* Two names of one dongle at the same time, as when the old node lingers. */
START_TEST(comes_back_under_another_name)
{
    struct serial_bench b;

    opened(&b, "");
    int old = b.dongle;
    b.dongle = -1;
    serial_bench_plug(&b); /* the link leads to another pty now */
    serial_bench_turn(&b, 50);
    ck_assert_uint_eq(b.ups, 1); /* the open one still works */
    close(old);
    ck_assert(serial_bench_wait(&b, &b.ups, 2, 5000));
    works(&b);
    serial_bench_close(&b);
}
END_TEST

/* A host whose only USB port is that of the bench, under whatever name it has now. */
static const struct serial_bench *usb_bench;

static size_t find_usb(struct serial_found *out, size_t max)
{
    static const struct serial_found other = {.path = "/dev/null", .usb = true, .vid = 1, .pid = 2};

    ck_assert_uint_ge(max, 2);
    out[0] = other;
    out[1] = (struct serial_found){.usb = true, .vid = 0x0403, .pid = 0x6015, .serial = "DN01"};
    ssize_t len = readlink(usb_bench->path, out[1].path, sizeof out[1].path - 1);
    return len > 0 ? 2 : 1;
}

START_TEST(usb_ids_find_the_port_again)
{
    struct serial_bench b;
    struct serial_host host = {.find_all = find_usb, .devices = b.folder};

    usb_bench = &b;
    serial_bench_open_on(&b, &host, "port=usb:0403:6015:DN01\n");
    ck_assert(serial_bench_wait(&b, &b.notices, 1, 5000));
    ck_assert_msg(strstr(b.notice, "usb:0403:6015:DN01: not there"), "%s", b.notice);
    serial_bench_turn(&b, 2000);
    for (int i = 0; i < 3; i++) {
        uint64_t plugged = uv_hrtime();
        serial_bench_plug(&b);
        ck_assert(serial_bench_wait_up(&b, true));
        ck_assert_uint_lt((uv_hrtime() - plugged) / 1000000, 1000);
        works(&b);
        serial_bench_unplug(&b);
        ck_assert(serial_bench_wait_up(&b, false));
        serial_bench_turn(&b, 600);
    }
    serial_bench_close(&b);
}
END_TEST

/* As udev does with the first dongle: the folders come with it. */
START_TEST(the_folder_may_come_later)
{
    struct serial_bench b;
    char by_id[160], parent[100], name[64];

    serial_bench_open(&b, "");
    snprintf(parent, sizeof parent, "%s/serial", b.folder);
    snprintf(by_id, sizeof by_id, "%s/by-id", parent);
    char port[200], lines[240];
    snprintf(port, sizeof port, "%s/usb-x", by_id);
    snprintf(lines, sizeof lines, "port=%s\n", port);

    struct serial_bench late;
    serial_bench_open(&late, lines);
    serial_bench_turn(&late, 2000);
    int dongle = pty_open(name, sizeof name);
    ck_assert_int_eq(mkdir(parent, 0755), 0);
    serial_bench_turn(&late, 100);
    ck_assert_int_eq(mkdir(by_id, 0755), 0);
    serial_bench_turn(&late, 100);
    uint64_t plugged = uv_hrtime();
    ck_assert_int_eq(symlink(name, port), 0);
    ck_assert(serial_bench_wait_up(&late, true));
    ck_assert_uint_lt((uv_hrtime() - plugged) / 1000000, 1000);
    serial_bench_close(&late);
    close(dongle);
    unlink(port);
    rmdir(by_id);
    rmdir(parent);
    serial_bench_close(&b);
}
END_TEST

START_TEST(the_queue_is_bounded)
{
    struct serial_bench b;
    struct sn_peer peer = {.link = 3};
    uint8_t packet[200] = {200, 0x0C};

    opened(&b, "");
    for (int i = 0; i < 1000; i++)
        link_send(b.link, &peer, sn_bytes(packet, sizeof packet));
    ck_assert_uint_eq(b.link->counters.queue_full, 1000 - 256);
    packet[0] = 0xFF;
    link_send(b.link, &peer, (struct sn_bytes){packet, 256});
    ck_assert_uint_eq(b.link->counters.oversize_out, 1);
    serial_bench_close(&b);
}
END_TEST

/* A dongle that does not read blocks nobody; what it missed comes when it does. */
START_TEST(a_blocked_port_goes_on_later)
{
    struct serial_bench b;
    struct sn_peer peer = {.link = 3};
    uint8_t packet[200] = {200, 0x0C};
    static uint8_t heard[256 * 202];

    opened(&b, "");
    for (int i = 0; i < 256; i++)
        link_send(b.link, &peer, sn_bytes(packet, sizeof packet));
    serial_bench_turn(&b, 2500);
    ck_assert_msg(strstr(b.notice, "two seconds"), "%s", b.notice);
    ck_assert(b.up);
    dongle_says(&b, pingreq, sizeof pingreq);
    ck_assert(serial_bench_wait(&b, &b.packets, 1, 5000));
    ck_assert_uint_eq(dongle_hears(&b, heard, sizeof heard, 10000), sizeof heard);
    for (size_t i = 0; i < sizeof heard; i += 202)
        ck_assert_mem_eq(heard + i, "\xC0\xC8\x0C", 3);
    serial_bench_close(&b);
}
END_TEST

START_TEST(settles_before_it_speaks)
{
    struct serial_bench b;
    uint8_t heard[7];

    serial_bench_open(&b, "settle=0.5\n");
    serial_bench_plug(&b);
    uint64_t start = uv_hrtime();
    ck_assert(serial_bench_wait(&b, &b.notices, 1, 5000));
    ck_assert_msg(strstr(b.notice, "opened") || strstr(b.notice, "not there"), "%s", b.notice);
    dongle_says(&b, pingreq, sizeof pingreq);
    ck_assert(serial_bench_wait(&b, &b.packets, 1, 5000));
    ck_assert(serial_bench_wait_up(&b, true));
    ck_assert_uint_ge((uv_hrtime() - start) / 1000000, 490);
    link_broadcast(b.link, 0, sn_bytes("\x05\x00\x01\x03\x84", 5));
    ck_assert_uint_eq(dongle_hears(&b, heard, sizeof heard, 5000), sizeof heard);
    serial_bench_close(&b);
}
END_TEST

/* Noise is no sign of life. */
START_TEST(silence_opens_again)
{
    struct serial_bench b;

    opened(&b, "silence=0.4\n");
    works(&b);
    for (int i = 0; i < 3; i++) {
        serial_bench_turn(&b, 100);
        dongle_says(&b, "noise", 5);
    }
    ck_assert_uint_eq(b.downs, 0);
    ck_assert(serial_bench_wait(&b, &b.ups, 2, 5000));
    ck_assert_uint_eq(serial_bench_counter(&b, "silences"), 1);
    ck_assert_uint_eq(serial_bench_counter(&b, "dtr_pulses"), 0);
    ck_assert(serial_bench_wait(&b, &b.ups, 3, 5000));
    ck_assert_uint_eq(serial_bench_counter(&b, "dtr_pulses"), 1);
    works(&b);
    ck_assert(serial_bench_wait(&b, &b.ups, 4, 5000)); /* from the beginning again */
    ck_assert_uint_eq(serial_bench_counter(&b, "dtr_pulses"), 1);
    serial_bench_close(&b);
}
END_TEST

static const uint8_t enveloped[] = {0xC0, 0x05, 0xFE, 0x00, 0x01, 0x02, 0x02, 0x16, 0xC0};

START_TEST(envelopes_may_be_forbidden)
{
    struct serial_bench b;

    opened(&b, _i == 0 ? "forwarder=yes\n" : "forwarder=no\n");
    dongle_says(&b, enveloped, sizeof enveloped);
    dongle_says(&b, pingreq, sizeof pingreq);
    ck_assert(serial_bench_wait(&b, &b.packets, _i == 0 ? 2 : 1, 5000));
    ck_assert_uint_eq(serial_bench_counter(&b, "envelopes"), (uint64_t)_i);
    serial_bench_close(&b);
}
END_TEST

/* Whoever has the port is named, once; when he leaves the port is taken. */
START_TEST(a_busy_port_is_taken_when_it_is_free)
{
    struct serial_bench b, other;
    char pid[32];

    opened(&other, "");
    serial_bench_open(&b, "");
    char target[64] = "";
    ck_assert_int_gt(readlink(other.path, target, sizeof target - 1), 0);
    ck_assert_int_eq(symlink(target, b.path), 0);
    ck_assert(serial_bench_wait(&b, &b.notices, 1, 5000));
    ck_assert_msg(strstr(b.notice, "in use by "), "%s", b.notice);
    snprintf(pid, sizeof pid, "pid %d", (int)getpid());
    ck_assert_msg(strstr(b.notice, pid) || strstr(b.notice, "another program"), "%s", b.notice);
    serial_bench_turn(&b, 1200);
    ck_assert_uint_eq(b.notices, 1);

    b.dongle = other.dongle;
    other.dongle = -1;
    serial_bench_close(&other);
    ck_assert(serial_bench_wait_up(&b, true));
    works(&b);
    serial_bench_close(&b);
}
END_TEST

START_TEST(the_wrong_file_is_told_and_the_right_one_opened)
{
    struct serial_bench b;

    serial_bench_open(&b, "");
    ck_assert_int_eq(symlink("/dev/null", b.path), 0);
    ck_assert(serial_bench_wait(&b, &b.notices, 1, 5000));
    ck_assert_msg(strstr(b.notice, "not a serial port"), "%s", b.notice);
    serial_bench_plug(&b);
    ck_assert(serial_bench_wait_up(&b, true));
    serial_bench_close(&b);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("serial");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, carries_packets_both_ways);
    tcase_add_test(tcase, nothing_queued_leaves_before_a_flush);
    tcase_add_test(tcase, takes_one_octet_at_a_time);
    tcase_add_test(tcase, a_broadcast_is_a_frame);
    tcase_add_test(tcase, waits_quietly_for_a_port);
    tcase_add_test(tcase, opens_as_soon_as_the_port_appears);
    tcase_add_test(tcase, unplugging_closes_at_once);
    tcase_add_test(tcase, half_a_frame_does_not_survive);
    tcase_add_test(tcase, two_hundred_replugs);
    tcase_add_test(tcase, comes_back_under_another_name);
    tcase_add_test(tcase, usb_ids_find_the_port_again);
    tcase_add_test(tcase, the_folder_may_come_later);
    tcase_add_test(tcase, the_queue_is_bounded);
    tcase_add_test(tcase, a_blocked_port_goes_on_later);
    tcase_add_test(tcase, settles_before_it_speaks);
    tcase_add_test(tcase, silence_opens_again);
    tcase_add_loop_test(tcase, envelopes_may_be_forbidden, 0, 2);
    tcase_add_test(tcase, a_busy_port_is_taken_when_it_is_free);
    tcase_add_test(tcase, the_wrong_file_is_told_and_the_right_one_opened);
    return run_case("serial", tcase);
}
