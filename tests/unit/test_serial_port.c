/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a tty: that it is really raw, and what is said when it cannot be opened. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "sn/link/serial_owner.h"
#include "sn/link/serial_port.h"
#include "tests/support/run.h"
#include "tests/support/serial_bench.h"

static const struct serial_config defaults = {.baud = 115200};

/* Any user but root; there is always one of this number as far as the kernel is concerned. */
#define NOBODY 65534

static void await(int fd, size_t len, uint8_t *into)
{
    for (size_t got = 0; got < len;) {
        ssize_t part = read(fd, into + got, len - got);
        ck_assert_msg(part > 0 || errno == EAGAIN, "%s", strerror(errno));
        got += part > 0 ? (size_t)part : 0;
    }
}

START_TEST(every_octet_passes_unchanged)
{
    char name[64], text[240];
    uint8_t all[256], heard[256];
    enum serial_trouble trouble;
    int dongle = pty_open(name, sizeof name);
    int fd = serial_port_open(name, &defaults, &trouble, text, sizeof text);

    ck_assert_msg(fd >= 0, "%s", text);
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (uint8_t)i;
    ck_assert_int_eq(write(dongle, all, sizeof all), sizeof all);
    await(fd, sizeof heard, heard);
    ck_assert_mem_eq(heard, all, sizeof all);
    ck_assert_int_eq(write(fd, all, sizeof all), sizeof all);
    await(dongle, sizeof heard, heard);
    ck_assert_mem_eq(heard, all, sizeof all);
    close(fd);
    close(dongle);
}
END_TEST

/* What earlier users left behind does not matter. */
START_TEST(nothing_of_the_old_mode_stays)
{
    char name[64], text[240];
    enum serial_trouble trouble;
    struct termios mode;
    struct serial_config config = {.baud = 57600, .flow = SERIAL_FLOW_RTSCTS};
    int dongle = pty_open(name, sizeof name);
    int other = open(name, O_RDWR | O_NOCTTY);

    tcgetattr(other, &mode);
    mode.c_iflag |= ICRNL | IXON | IXOFF | ISTRIP | INLCR | PARMRK;
    mode.c_lflag |= ICANON | ECHO | ISIG;
    mode.c_oflag |= OPOST | ONLCR;
    mode.c_cflag |= HUPCL;
    mode.c_cflag &= ~(tcflag_t)CLOCAL;
    ck_assert_int_eq(tcsetattr(other, TCSANOW, &mode), 0);

    int fd = serial_port_open(name, &config, &trouble, text, sizeof text);
    ck_assert_msg(fd >= 0, "%s", text);
    ck_assert_int_eq(tcgetattr(fd, &mode), 0);
    ck_assert_uint_eq(mode.c_iflag & (ICRNL | IXON | IXOFF | ISTRIP | INLCR | PARMRK | IGNCR), 0);
    ck_assert_uint_eq(mode.c_lflag & (ICANON | ECHO | ISIG | IEXTEN), 0);
    ck_assert_uint_eq(mode.c_oflag & OPOST, 0);
    ck_assert_uint_eq(mode.c_cflag & (HUPCL | CSTOPB | PARENB), 0);
    ck_assert_uint_eq(mode.c_cflag & (CLOCAL | CREAD | CSIZE | CRTSCTS),
                      CLOCAL | CREAD | CS8 | CRTSCTS);
    ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    close(fd);
    close(other);
    close(dongle);
}
END_TEST

static const unsigned rates[] = {1200, 9600, 31250, 74880, 115200, 250000, 921600};

START_TEST(takes_any_rate)
{
    char name[64], text[240];
    enum serial_trouble trouble;
    struct serial_config config = {.baud = rates[_i]};
    int dongle = pty_open(name, sizeof name);
    int fd = serial_port_open(name, &config, &trouble, text, sizeof text);

    ck_assert_msg(fd >= 0, "%s", text);
    serial_port_lines(fd, &config, true); /* a pty has no such lines */
    ck_assert_uint_eq(serial_port_overruns(fd), 0);
    close(fd);
    close(dongle);
}
END_TEST

static void refused(const char *path, enum serial_trouble expected, const char *word)
{
    char text[240];
    enum serial_trouble trouble;

    ck_assert_int_eq(serial_port_open(path, &defaults, &trouble, text, sizeof text), -1);
    ck_assert_msg(strstr(text, word), "%s", text);
    ck_assert_int_eq(trouble, expected);
}

static const struct {
    const char *path, *word;
    enum serial_trouble trouble;
} wrong[] = {
    {"/dev/none", "not there", SERIAL_MISSING},
    {"/dev/null/x", "not there", SERIAL_MISSING},
    {"/dev/null", "not a serial port", SERIAL_NOT_A_TTY},
    {"/etc/passwd", "not a serial port", SERIAL_NOT_A_TTY},
    {"/tmp", "not a serial port", SERIAL_NOT_A_TTY},
};

START_TEST(says_what_is_wrong)
{
    refused(wrong[_i].path, wrong[_i].trouble, wrong[_i].word);
}
END_TEST

START_TEST(names_who_has_it)
{
    char name[64], text[240], pid[32], owner[64];
    enum serial_trouble trouble;
    int dongle = pty_open(name, sizeof name), ready[2], done[2];
    char octet;

    ck_assert_int_eq(pipe(ready), 0);
    ck_assert_int_eq(pipe(done), 0);
    pid_t other = fork();
    if (other == 0) {
        serial_port_open(name, &defaults, &trouble, text, sizeof text);
        close(done[1]);
        (void)!write(ready[1], "x", 1);
        (void)!read(done[0], &octet, 1);
        _exit(0);
    }
    ck_assert_int_eq(read(ready[0], &octet, 1), 1);
    snprintf(pid, sizeof pid, "(pid %d)", (int)other);
    refused(name, SERIAL_BUSY, pid);
    ck_assert(serial_owner(name, owner, sizeof owner));
    close(done[1]);
    ck_assert_int_eq(waitpid(other, NULL, 0), other);
    ck_assert(!serial_owner(name, owner, sizeof owner));

    int fd = serial_port_open(name, &defaults, &trouble, text, sizeof text);
    ck_assert_msg(fd >= 0, "%s", text);
    close(fd);
    close(dongle);
}
END_TEST

/* Each of the two locks alone is enough: other programs know only one of them. */
START_TEST(takes_both_locks)
{
    char name[64], text[240];
    enum serial_trouble trouble;
    int dongle = pty_open(name, sizeof name);
    int other = open(name, O_RDWR | O_NOCTTY);

    int fd = serial_port_open(name, &defaults, &trouble, text, sizeof text);
    ck_assert_msg(fd >= 0, "%s", text);
    ck_assert_int_eq(flock(other, LOCK_EX | LOCK_NB), -1);
    ck_assert_int_eq(errno, EWOULDBLOCK);
    if (geteuid() == 0)
        ck_assert_int_eq(seteuid(NOBODY), 0);
    int third = open(name, O_RDWR | O_NOCTTY);
    ck_assert(third < 0);
    if (getuid() == 0)
        ck_assert_int_eq(seteuid(0), 0);
    int exclusive = 0;
    ck_assert_int_eq(ioctl(other, TIOCGEXCL, &exclusive), 0);
    ck_assert_int_eq(exclusive, 1);
    serial_port_close(fd, false);
    ck_assert_int_eq(ioctl(other, TIOCGEXCL, &exclusive), 0);
    ck_assert_int_eq(exclusive, 0);
    close(other);
    close(dongle);
}
END_TEST

START_TEST(names_the_group_to_join)
{
    char name[64];
    int dongle = pty_open(name, sizeof name);

    if (getuid() != 0)
        return; /* who is not root cannot give the port to others */
    ck_assert_int_eq(chown(name, 0, 0), 0);
    ck_assert_int_eq(chmod(name, 0660), 0);
    ck_assert_int_eq(setegid(NOBODY), 0);
    ck_assert_int_eq(seteuid(NOBODY), 0);
    refused(name, SERIAL_FORBIDDEN, "to group root");
    ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_eq(chmod(name, 0600), 0);
    ck_assert_int_eq(seteuid(NOBODY), 0);
    refused(name, SERIAL_FORBIDDEN, "60-mqtt-sn-gateway.rules");
    ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_eq(setegid(0), 0);
    close(dongle);
}
END_TEST

START_TEST(a_pulled_dongle_is_no_more)
{
    char name[64], text[240];
    uint8_t octet;
    enum serial_trouble trouble;
    int dongle = pty_open(name, sizeof name);
    int fd = serial_port_open(name, &defaults, &trouble, text, sizeof text);

    ck_assert_int_eq(read(fd, &octet, 1), -1);
    ck_assert_int_eq(errno, EAGAIN); /* silence is not the end */
    close(dongle);
    ssize_t len = read(fd, &octet, 1);
    ck_assert(len == 0 || (len < 0 && errno == EIO));
    close(fd);
    refused(name, SERIAL_MISSING, "not there");
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("serial_port");

    tcase_add_test(tcase, every_octet_passes_unchanged);
    tcase_add_test(tcase, nothing_of_the_old_mode_stays);
    tcase_add_loop_test(tcase, takes_any_rate, 0, (int)(sizeof rates / sizeof *rates));
    tcase_add_loop_test(tcase, says_what_is_wrong, 0, (int)(sizeof wrong / sizeof *wrong));
    tcase_add_test(tcase, names_who_has_it);
    tcase_add_test(tcase, takes_both_locks);
    tcase_add_test(tcase, names_the_group_to_join);
    tcase_add_test(tcase, a_pulled_dongle_is_no_more);
    return run_case("serial_port", tcase);
}
