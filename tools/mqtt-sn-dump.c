/* SPDX-License-Identifier: Apache-2.0 */
/* mqtt-sn-dump: MQTT-SN packets as lines of text, from hex, from a capture or live. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>

#include "sn/packet.h"
#include "tools/dump/capture.h"
#include "tools/dump/layers.h"
#include "tools/dump/listen.h"
#include "tools/dump/show.h"
#include "tools/dump/stream.h"

static const char help[] =
    "Usage: mqtt-sn-dump [-p PORT] [FILE...]\n"
    "       mqtt-sn-dump -l PORT\n"
    "       mqtt-sn-dump --framing NAME [--crc NAME] [--api N] [FILE...]\n"
    "Prints MQTT-SN 1.2 packets, one line each. FILE (or standard input, also \"-\") holds lines "
    "of\n"
    "hex octets, one datagram per line, or is a pcap capture.\n"
    "\n"
    "  -l, --listen PORT  show the datagrams that arrive on this UDP port, IPv4 and IPv6\n"
    "  -p, --port PORT    of a capture, show all datagrams from and to this UDP port, broken ones\n"
    "                     too; without it, those of any port that are MQTT-SN\n"
    "  -f, --framing NAME the files are what came over a serial line, as octets or as hex text:\n"
    "                     raw, slip, hdlc, cobs, xbee or aquila. Of xbee and aquila only what a\n"
    "                     dongle says is shown. A last line on standard error tells what was lost\n"
    "  -c, --crc NAME     none, xmodem or x25 behind each message; hdlc has x25 anyhow\n"
    "  -a, --api N        how an XBee module escapes: 1, 2 or auto, which knows 2 by the answer "
    "to\n"
    "                     AT AP\n"
    "  -h, --help         show this text\n"
    "  -V, --version      show the version\n";

static struct {
    long port, listen; /* -1: not given */
    bool serial;       /* the files hold a stream in this framing: */
    struct framing_options framing;
} options = {.port = -1, .listen = -1};

/* What is wrong is told and gone over; but in a file that is no text every line would be wrong. */
static int dump_hex(FILE *file, const char *name)
{
    static uint8_t octets[SN_PACKET_MAX];
    char *line = NULL;
    size_t size = 0, len;
    int status = EX_OK;

    for (unsigned number = 1;; number++) {
        ssize_t line_len = getline(&line, &size, file);
        if (line_len < 0)
            break;
        if (memchr(line, '\0', (size_t)line_len)) {
            fprintf(stderr,
                    "mqtt-sn-dump: %s: neither text nor pcap (a pcapng file is turned "
                    "into one by: editcap -F pcap)\n",
                    name);
            status = EX_DATAERR;
            break;
        }
        if (!octets_of_hex(line, octets, sizeof octets, &len)) {
            fprintf(stderr, "mqtt-sn-dump: %s:%u: not octets in hex\n", name, number);
            status = EX_DATAERR;
        } else if (len > 0) {
            show_datagram(sn_bytes(octets, len));
        }
    }
    free(line);
    return status;
}

static void print_address(const void *address, size_t len, uint16_t port)
{
    char text[INET6_ADDRSTRLEN] = "";

    inet_ntop(len == 4 ? AF_INET : AF_INET6, address, text, sizeof text);
    printf(len == 4 ? "%s:%u" : "[%s]:%u", text, port);
}

static void print_time(time_t seconds, long nanoseconds)
{
    char text[32] = "";
    struct tm utc;

    if (gmtime_r(&seconds, &utc))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    printf("%s.%06ldZ ", text, nanoseconds / 1000);
}

static void print_captured(const struct frame *frame, const struct udp_datagram *udp)
{
    print_time((time_t)frame->seconds, (long)frame->nanoseconds);
    print_address(udp->from, udp->address_len, udp->from_port);
    printf(" > ");
    print_address(udp->to, udp->address_len, udp->to_port);
    putchar(' ');
    show_datagram(udp->payload);
}

static bool wanted(const struct udp_datagram *udp)
{
    if (options.port >= 0)
        return udp->from_port == options.port || udp->to_port == options.port;
    return show_is_mqtt_sn(udp->payload);
}

static int dump_capture(FILE *file, const char *name)
{
    static struct capture capture;
    enum capture_result result = capture_open(&capture, file);
    struct udp_datagram udp;
    struct frame frame;

    if (result == CAPTURE_OK && !link_type_known(capture.link_type)) {
        fprintf(stderr, "mqtt-sn-dump: %s: link type %u is not known\n", name,
                (unsigned)capture.link_type);
        return EX_DATAERR;
    }
    while (result == CAPTURE_OK && (result = capture_next(&capture, &frame)) == CAPTURE_OK)
        if (find_udp(capture.link_type, frame.octets, &udp) && wanted(&udp))
            print_captured(&frame, &udp);
    if (result == CAPTURE_END)
        return EX_OK;
    fprintf(stderr, "mqtt-sn-dump: %s: %s\n", name,
            result == CAPTURE_FOREIGN ? "not a pcap capture" : "the capture is cut or broken");
    return EX_DATAERR;
}

static int dump_any(FILE *file, const char *name)
{
    int first = getc(file);

    ungetc(first, file);
    return capture_begins_with(first) ? dump_capture(file, name) : dump_hex(file, name);
}

static int dump_file(const char *name)
{
    bool is_stdin = strcmp(name, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(name, "rb");

    if (!file) {
        fprintf(stderr, "mqtt-sn-dump: %s: %s\n", name, strerror(errno));
        return EX_NOINPUT;
    }
    int status = options.serial ? dump_stream(file, name, &options.framing) : dump_any(file, name);
    if (ferror(file)) {
        fprintf(stderr, "mqtt-sn-dump: %s: cannot read: %s\n", name, strerror(errno));
        status = EX_IOERR;
    }
    if (!is_stdin)
        fclose(file);
    return status;
}

static void print_arrival(const struct sockaddr *from, struct sn_bytes datagram)
{
    const struct sockaddr_in6 *v6 = (const void *)from;
    const struct sockaddr_in *v4 = (const void *)from;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    print_time(now.tv_sec, now.tv_nsec);
    if (from->sa_family == AF_INET)
        print_address(&v4->sin_addr, 4, ntohs(v4->sin_port));
    else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        print_address(v6->sin6_addr.s6_addr + 12, 4, ntohs(v6->sin6_port));
    else
        print_address(&v6->sin6_addr, 16, ntohs(v6->sin6_port));
    putchar(' ');
    show_datagram(datagram);
    fflush(stdout);
}

static int listen_live(void)
{
    int result = dump_listen((uint16_t)options.listen, print_arrival);

    if (result == 0)
        return EX_OK;
    fprintf(stderr, "mqtt-sn-dump: cannot listen on UDP port %ld: %s\n", options.listen,
            strerror(-result));
    return EX_IOERR;
}

static long port_or_exit(const char *text)
{
    char *end;
    long port = strtol(text, &end, 10);

    if (*text && !*end && port >= 0 && port <= UINT16_MAX)
        return port;
    fprintf(stderr, "mqtt-sn-dump: %s is not a port\n", text);
    exit(EX_USAGE);
}

static unsigned word_or_exit(const char *text, const char *what, const char *const words[])
{
    for (unsigned i = 0; words[i]; i++)
        if (strcmp(text, words[i]) == 0)
            return i;
    fprintf(stderr, "mqtt-sn-dump: %s is no %s; there are", text, what);
    for (unsigned i = 0; words[i]; i++)
        fprintf(stderr, " %s", words[i]);
    fputc('\n', stderr);
    exit(EX_USAGE);
}

/* In the order of the enums of framing.h. */
static const char *const framings[] = {"raw", "slip", "hdlc", "cobs", "xbee", "aquila", NULL};
static const char *const crcs[] = {"none", "xmodem", "x25", NULL};
static const char *const apis[] = {"auto", "1", "2", NULL};

static void parse_framing(int option, const char *text)
{
    struct framing_options *f = &options.framing;

    switch (option) {
    case 'f':
        options.serial = true;
        f->kind = (enum framing_kind)word_or_exit(text, "framing", framings);
        break;
    case 'c': f->crc = (enum framing_crc)word_or_exit(text, "CRC", crcs); break;
    default: f->api = (enum framing_api)word_or_exit(text, "API mode", apis); break;
    }
}

static void parse_options(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"listen", required_argument, NULL, 'l'},  {"port", required_argument, NULL, 'p'},
        {"framing", required_argument, NULL, 'f'}, {"crc", required_argument, NULL, 'c'},
        {"api", required_argument, NULL, 'a'},     {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},       {NULL, 0, NULL, 0},
    };

    for (int c; (c = getopt_long(argc, argv, "l:p:f:c:a:hV", long_options, NULL)) >= 0;) {
        switch (c) {
        case 'l': options.listen = port_or_exit(optarg); break;
        case 'p': options.port = port_or_exit(optarg); break;
        case 'f':
        case 'c':
        case 'a': parse_framing(c, optarg); break;
        case 'h': fputs(help, stdout); exit(EX_OK);
        case 'V': puts("mqtt-sn-dump " VERSION); exit(EX_OK);
        default: fputs(help, stderr); exit(EX_USAGE);
        }
    }
}

int main(int argc, char **argv)
{
    int status = EX_OK;

    parse_options(argc, argv);
    if (options.listen >= 0 && (optind < argc || options.port >= 0 || options.serial)) {
        fputs("mqtt-sn-dump: --listen takes neither files nor --port nor --framing\n", stderr);
        return EX_USAGE;
    }
    if (options.serial && options.port >= 0) {
        fputs("mqtt-sn-dump: a serial line has no UDP --port\n", stderr);
        return EX_USAGE;
    }
    if (options.listen >= 0)
        status = listen_live();
    else if (optind == argc)
        status = dump_file("-");
    for (int i = optind; i < argc; i++) {
        int result = dump_file(argv[i]);
        status = result ? result : status;
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "mqtt-sn-dump: cannot write: %s\n", strerror(errno));
        return EX_IOERR;
    }
    return status;
}
