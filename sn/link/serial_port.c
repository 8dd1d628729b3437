/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/link/serial_port.h"

#include <asm/termbits.h> /* struct termios2; excludes <termios.h> */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/serial.h>
#include <linux/tty_flags.h>
#include <pwd.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sn/link/serial_owner.h"

#define RAW_IFLAGS                                                                                 \
    (IGNBRK | BRKINT | IGNPAR | PARMRK | INPCK | ISTRIP | INLCR | IGNCR | ICRNL | IUCLC | IXON |   \
     IXANY | IXOFF | IMAXBEL | IUTF8)
#define RAW_LFLAGS (ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHONL | NOFLSH | TOSTOP | IEXTEN)
#define RAW_CFLAGS (CSIZE | CSTOPB | CREAD | PARENB | PARODD | HUPCL | CLOCAL | CRTSCTS)

static const char *group_name(gid_t gid, char *number, size_t size)
{
    const struct group *group = getgrgid(gid);

    if (group)
        return group->gr_name;
    snprintf(number, size, "%u", (unsigned)gid);
    return number;
}

static void say_forbidden(const char *path, char *text, size_t size)
{
    char number[16];
    struct stat about;
    const struct passwd *user = getpwuid(geteuid());
    const char *name = user ? user->pw_name : "of the gateway";

    if (stat(path, &about) != 0)
        snprintf(text, size, "permission denied on the way to it; user %s needs access", name);
    else if ((about.st_mode & (S_IRGRP | S_IWGRP)) != (S_IRGRP | S_IWGRP))
        snprintf(text, size,
                 "permission denied, also to its group %s; install the udev rule "
                 "60-mqtt-sn-gateway.rules",
                 group_name(about.st_gid, number, sizeof number));
    else
        snprintf(text, size,
                 "permission denied; add user %s to group %s, as with usermod -aG %s %s", name,
                 group_name(about.st_gid, number, sizeof number),
                 group_name(about.st_gid, number, sizeof number), name);
}

static void say_busy(const char *path, char *text, size_t size)
{
    char owner[64];

    if (serial_owner(path, owner, sizeof owner))
        snprintf(text, size, "in use by %s; stop it", owner);
    else
        snprintf(text, size, "in use by another program; stop it, fuser -v %s names it", path);
}

static enum serial_trouble say_errno(const char *path, int error, char *text, size_t size)
{
    switch (error) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case ENOTDIR: snprintf(text, size, "not there; waiting for it"); return SERIAL_MISSING;
    case EBUSY: say_busy(path, text, size); return SERIAL_BUSY;
    case EACCES: say_forbidden(path, text, size); return SERIAL_FORBIDDEN;
    case EPERM:
        snprintf(text, size, "forbidden by the service manager; allow it with DeviceAllow=");
        return SERIAL_FORBIDDEN;
    case EISDIR: snprintf(text, size, "a directory; name a port"); return SERIAL_NOT_A_TTY;
    default: snprintf(text, size, "%s; trying again", strerror(error)); return SERIAL_OTHER_TROUBLE;
    }
}

static struct termios2 wanted_mode(struct termios2 t, const struct serial_config *config)
{
    t.c_iflag &= ~(tcflag_t)RAW_IFLAGS;
    t.c_oflag &= ~(tcflag_t)OPOST;
    t.c_lflag &= ~(tcflag_t)RAW_LFLAGS;
    t.c_cflag &= ~(tcflag_t)(RAW_CFLAGS | CBAUD | (CBAUD << IBSHIFT));
    t.c_cflag |= CS8 | CREAD | CLOCAL | BOTHER | (BOTHER << IBSHIFT);
    if (config->flow == SERIAL_FLOW_RTSCTS)
        t.c_cflag |= CRTSCTS;
    t.c_ispeed = t.c_ospeed = config->baud;
    t.c_cc[VMIN] = 1; /* so that a read of no octets means: hung up */
    t.c_cc[VTIME] = 0;
    return t;
}

/* Dividers are coarse: three in a hundred off still work. */
static bool near_enough(unsigned wanted, unsigned is)
{
    unsigned off = is > wanted ? is - wanted : wanted - is;

    return off <= wanted / 33;
}

/* A bit that another program set or a driver insists on would mangle octets silently. */
static bool same_mode(const struct termios2 *wanted, const struct termios2 *is)
{
    return (wanted->c_iflag & RAW_IFLAGS) == (is->c_iflag & RAW_IFLAGS) &&
           (wanted->c_oflag & OPOST) == (is->c_oflag & OPOST) &&
           (wanted->c_lflag & RAW_LFLAGS) == (is->c_lflag & RAW_LFLAGS) &&
           (wanted->c_cflag & RAW_CFLAGS) == (is->c_cflag & RAW_CFLAGS) && is->c_cc[VMIN] == 1 &&
           is->c_cc[VTIME] == 0;
}

static enum serial_trouble set_mode(int fd, const char *path, const struct serial_config *config,
                                    char *text, size_t size)
{
    struct termios2 was, wanted, is;

    if (ioctl(fd, TCGETS2, &was) != 0)
        return say_errno(path, errno, text, size);
    wanted = wanted_mode(was, config);
    if (ioctl(fd, TCSETS2, &wanted) != 0 && errno != EINVAL)
        return say_errno(path, errno, text, size);
    if (ioctl(fd, TCGETS2, &is) != 0)
        return say_errno(path, errno, text, size);
    if (!near_enough(config->baud, is.c_ospeed)) {
        snprintf(text, size,
                 "its driver refuses %u baud and offers %u; set another baud =", config->baud,
                 is.c_ospeed);
        return SERIAL_BAUD_REFUSED;
    }
    if (!same_mode(&wanted, &is)) {
        snprintf(text, size, "its driver refuses raw mode%s",
                 config->flow == SERIAL_FLOW_RTSCTS ? " with flow = rtscts; try flow = none" : "");
        return SERIAL_MODE_REFUSED;
    }
    return SERIAL_NO_TROUBLE;
}

/* Otherwise FTDI adapters and some UARTs collect octets for 16 ms. Not every driver can. */
static void set_low_latency(int fd)
{
    struct serial_struct about;

    if (ioctl(fd, TIOCGSERIAL, &about) == 0 && !(about.flags & (int)ASYNC_LOW_LATENCY)) {
        about.flags |= (int)ASYNC_LOW_LATENCY;
        ioctl(fd, TIOCSSERIAL, &about);
    }
}

/* Root ignores TIOCEXCL, and not every program looks at locks: both are set. */
static enum serial_trouble take(int fd, const char *path, char *text, size_t size)
{
    struct stat about;

    if (fstat(fd, &about) != 0 || !S_ISCHR(about.st_mode) || !isatty(fd)) {
        snprintf(text, size, "not a serial port; --list-ports shows those there are");
        return SERIAL_NOT_A_TTY;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return say_errno(path, errno == EWOULDBLOCK ? EBUSY : errno, text, size);
    ioctl(fd, TIOCEXCL);
    return SERIAL_NO_TROUBLE;
}

/* TIOCEXCL would outlive the descriptor where another one is open, as getty's. */
void serial_port_close(int fd, bool discard)
{
    ioctl(fd, TIOCNXCL);
    if (discard)
        ioctl(fd, TCFLSH, TCOFLUSH);
    close(fd);
}

int serial_port_open(const char *path, const struct serial_config *config,
                     enum serial_trouble *trouble, char *text, size_t size)
{
    struct stat about;

    /* Opening a FIFO, or a tape that rewinds, would have effects. */
    if (stat(path, &about) == 0 && !S_ISCHR(about.st_mode)) {
        snprintf(text, size, "not a serial port; --list-ports shows those there are");
        *trouble = SERIAL_NOT_A_TTY;
        return -1;
    }
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        *trouble = say_errno(path, errno, text, size);
        return -1;
    }
    *trouble = take(fd, path, text, size);
    if (*trouble != SERIAL_NO_TROUBLE) {
        close(fd);
        return -1;
    }
    *trouble = set_mode(fd, path, config, text, size);
    if (*trouble != SERIAL_NO_TROUBLE) {
        serial_port_close(fd, true);
        return -1;
    }
    set_low_latency(fd);
    ioctl(fd, TCFLSH, TCIFLUSH); /* what came at another rate, or before raw mode */
    return fd;
}

static void set_line(int fd, int line, bool on)
{
    ioctl(fd, on ? TIOCMBIS : TIOCMBIC, &line);
}

void serial_port_lines(int fd, const struct serial_config *config, bool pulse)
{
    if (config->rts != SERIAL_RTS_KEEP)
        set_line(fd, TIOCM_RTS, config->rts == SERIAL_RTS_SET);
    if (pulse || config->dtr == SERIAL_DTR_PULSE)
        set_line(fd, TIOCM_DTR, false);
    else if (config->dtr != SERIAL_DTR_KEEP)
        set_line(fd, TIOCM_DTR, config->dtr == SERIAL_DTR_SET);
}

void serial_port_set_dtr(int fd, bool on)
{
    set_line(fd, TIOCM_DTR, on);
}

uint64_t serial_port_overruns(int fd)
{
    struct serial_icounter_struct counts;

    if (ioctl(fd, TIOCGICOUNT, &counts) != 0)
        return 0;
    return (uint64_t)(unsigned)counts.overrun + (unsigned)counts.buf_overrun;
}
