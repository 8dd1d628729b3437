/* SPDX-License-Identifier: Apache-2.0 */
/* mqtt-sn-dump: MQTT-SN packets as lines of text, from hex, from a capture or live. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>

#include "sn/forwarder.h"
#include "sn/print.h"
#include "tools/dump/capture.h"
#include "tools/dump/layers.h"
#include "tools/dump/listen.h"

static const char help[] =
    "Usage: mqtt-sn-dump [-p PORT] [FILE...]\n"
    "       mqtt-sn-dump -l PORT\n"
    "Prints MQTT-SN 1.2 packets, one line each. FILE (or standard input, also \"-\") holds lines "
    "of\n"
    "hex octets, one datagram per line, or is a pcap capture.\n"
    "\n"
    "  -l, --listen PORT  show the datagrams that arrive on this UDP port, IPv4 and IPv6\n"
    "  -p, --port PORT    of a capture, show all datagrams from and to this UDP port, broken ones\n"
    "                     too; without it, those of any port that are MQTT-SN\n"
    "  -h, --help         show this text\n"
    "  -V, --version      show the version\n";

static struct {
    long port, listen; /* -1: not given */
} options = {-1, -1};

static void print_octets(struct sn_bytes octets)
{
    const size_t shown = 32;

    for (size_t i = 0; i < octets.len && i < shown; i++)
        printf(" %02X", octets.data[i]);
    if (octets.len > shown)
        printf(" ... (%zu octets)", octets.len);
}

static enum sn_error open_envelope(struct sn_bytes *datagram, struct sn_peer *peer)
{
    return sn_is_forwarded(*datagram) ? sn_unwrap(*datagram, peer, datagram) : SN_OK;
}

static void print_node_id(struct sn_bytes node_id)
{
    if (node_id.len == 0)
        return;
    printf("[node ");
    for (size_t i = 0; i < node_id.len; i++)
        printf("%02X", node_id.data[i]);
    printf("] ");
}

/* The rest of a line, behind what tells time and sender. */
static void print_datagram(struct sn_bytes datagram)
{
    struct sn_bytes message = datagram;
    struct sn_peer peer = {0};
    struct sn_packet packet;
    size_t trailing = 0;
    char line[SN_PRINT_MAX];
    enum sn_error error = open_envelope(&message, &peer);

    print_node_id(sn_peer_node_id(&peer));
    if (error == SN_OK)
        error = sn_decode(&packet, message, &trailing);
    if (error == SN_OK) {
        printf("%s", sn_print(line, sizeof line, &packet, true));
        if (trailing > 0)
            printf(" trailing=%zu", trailing);
    } else {
        printf("? %s:", sn_error_text(error));
        print_octets(message);
    }
    putchar('\n');
}

static bool is_mqtt_sn(struct sn_bytes datagram)
{
    struct sn_peer peer = {0};
    struct sn_packet packet;

    return open_envelope(&datagram, &peer) == SN_OK && sn_decode(&packet, datagram, NULL) == SN_OK;
}

/* False when the line is not made of whole octets. */
static bool parse_hex(const char *line, uint8_t *into, size_t cap, size_t *len)
{
    *len = 0;
    while (*line && *line != '#') {
        if (isspace((unsigned char)*line) || strchr(",:-", *line)) {
            line++;
            continue;
        }
        if (line[0] == '0' && (line[1] == 'x' || line[1] == 'X'))
            line += 2;
        if (!isxdigit((unsigned char)line[0]) || !isxdigit((unsigned char)line[1]) || *len == cap)
            return false;
        const char octet[] = {line[0], line[1], '\0'};
        into[(*len)++] = (uint8_t)strtoul(octet, NULL, 16);
        line += 2;
    }
    return true;
}

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
        if (!parse_hex(line, octets, sizeof octets, &len)) {
            fprintf(stderr, "mqtt-sn-dump: %s:%u: not octets in hex\n", name, number);
            status = EX_DATAERR;
        } else if (len > 0) {
            print_datagram(sn_bytes(octets, len));
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
    print_datagram(udp->payload);
}

static bool wanted(const struct udp_datagram *udp)
{
    if (options.port >= 0)
        return udp->from_port == options.port || udp->to_port == options.port;
    return is_mqtt_sn(udp->payload);
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

static int dump_file(const char *name)
{
    bool is_stdin = strcmp(name, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(name, "rb");

    if (!file) {
        fprintf(stderr, "mqtt-sn-dump: %s: %s\n", name, strerror(errno));
        return EX_NOINPUT;
    }
    int first = getc(file);
    ungetc(first, file);
    int status = capture_begins_with(first) ? dump_capture(file, name) : dump_hex(file, name);
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
    print_datagram(datagram);
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

static void parse_options(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"listen", required_argument, NULL, 'l'},
        {"port", required_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };

    for (int c; (c = getopt_long(argc, argv, "l:p:hV", long_options, NULL)) >= 0;) {
        switch (c) {
        case 'l': options.listen = port_or_exit(optarg); break;
        case 'p': options.port = port_or_exit(optarg); break;
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
    if (options.listen >= 0 && (optind < argc || options.port >= 0)) {
        fputs("mqtt-sn-dump: --listen takes neither files nor --port\n", stderr);
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
