/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/command.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "sn/link/serial_find.h"

static const char help[] =
    "Usage: mqtt-sn-gateway [-c FILE] [-b BROKER-URL] [-u UDP-ADDRESS] [-s FILE] [-v...]\n"
    "\n"
    "Stands between MQTT-SN 1.2 devices and an MQTT broker. Without a file: broker\n"
    "mqtt://localhost:1883, devices over UDP on [::]:1883, state kept in memory.\n"
    "\n"
    "  -c, --config FILE      read the configuration from FILE\n"
    "  -b, --broker URL       mqtt://HOST[:PORT], mqtts://HOST[:PORT] or unix:PATH\n"
    "  -u, --udp ADDRESS      listen on ADDRESS:PORT instead of the [udp] sections\n"
    "  -s, --state FILE       keep sessions and waiting messages in FILE, for the next start\n"
    "  -v, --verbose          one log level more each time: debug, trace\n"
    "      --check            read and check the configuration, start nothing\n"
    "      --print-config     print the configuration as it is understood\n"
    "      --print-sample     print a configuration file with every option and its default\n"
    "      --list-ports       print the serial ports, and how a [serial] section may name them\n"
    "      --version          print the version\n"
    "      --help             print this\n"
    "\n"
    "Signals: TERM and INT stop, HUP reads the configuration again, USR1 logs all counters and\n"
    "sessions. Exit codes: 0, 64 usage, 69 a socket or the state file is not available,\n"
    "74 input or output, 78 configuration.\n";

enum {
    OPTION_CHECK = 256,
    OPTION_PRINT_CONFIG,
    OPTION_PRINT_SAMPLE,
    OPTION_VERSION,
    OPTION_HELP,
    OPTION_LIST_PORTS
};

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"broker", required_argument, NULL, 'b'},
    {"udp", required_argument, NULL, 'u'},
    {"state", required_argument, NULL, 's'},
    {"verbose", no_argument, NULL, 'v'},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"print-config", no_argument, NULL, OPTION_PRINT_CONFIG},
    {"print-sample", no_argument, NULL, OPTION_PRINT_SAMPLE},
    {"list-ports", no_argument, NULL, OPTION_LIST_PORTS},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

static bool take_option(struct command *command, int option)
{
    switch (option) {
    case 'c': command->config_path = optarg; return true;
    case 'b': command->overrides.broker_url = optarg; return true;
    case 'u': command->overrides.udp_listen = optarg; return true;
    case 's': command->overrides.state_path = optarg; return true;
    case 'v': command->verbosity++; return true;
    case OPTION_CHECK: command->action = CHECK; return true;
    case OPTION_PRINT_CONFIG: command->action = PRINT_CONFIG; return true;
    case OPTION_PRINT_SAMPLE: command->action = PRINT_SAMPLE; return true;
    case OPTION_LIST_PORTS: command->action = LIST_PORTS; return true;
    case OPTION_VERSION: command->action = SHOW_VERSION; return true;
    case OPTION_HELP: command->action = SHOW_HELP; return true;
    default: return false; /* getopt_long has said why */
    }
}

bool command_parse(struct command *command, int argc, char **argv)
{
    int option;

    *command = (struct command){.action = RUN};
    while ((option = getopt_long(argc, argv, "c:b:u:s:v", options, NULL)) != -1) {
        if (!take_option(command, option)) {
            fputs("Try mqtt-sn-gateway --help\n", stderr);
            return false;
        }
    }
    if (optind == argc)
        return true;
    fprintf(stderr, "mqtt-sn-gateway: unexpected argument '%s'; a file is named with -c\n",
            argv[optind]);
    return false;
}

static void list_ports(const struct config *config)
{
    static struct serial_found ports[SERIAL_PORTS_MAX];
    size_t count = serial_find_all("/dev/serial/by-id", ports, SERIAL_PORTS_MAX);

    serial_find_print(ports, count, config ? config->serial : NULL,
                      config ? config->serial_count : 0, stdout);
}

static void show_check(const struct config *config)
{
    const struct endpoint *broker = &config->broker.address;

    for (size_t i = 0; i < config->udp_count; i++) {
        const struct udp_config *udp = &config->udp[i];
        printf("udp %s%s%s%s%s\n", udp->listen, *udp->multicast ? " group " : "", udp->multicast,
               *udp->interface ? " on " : "", udp->interface);
    }
    for (size_t i = 0; i < config->serial_count; i++) {
        const struct serial_config *serial = &config->serial[i];
        printf("serial %s at %u baud\n", serial->port, serial->baud);
    }
    if (broker->kind == ENDPOINT_UNIX)
        printf("broker unix:%s\n", broker->host);
    else
        printf("broker %s %s port %u\n", broker->kind == ENDPOINT_TLS ? "mqtts" : "mqtt",
               broker->host, broker->port);
    if (*config->store.path && config->store.sync != SYNC_OFF)
        printf("state %s\n", config->store.path);
    else
        printf("state in memory\n");
    printf("configuration ok\n");
}

int command_show(const struct command *command, const struct config *config)
{
    switch (command->action) {
    case RUN: break;
    case CHECK: show_check(config); break;
    case PRINT_CONFIG: config_print(config, stdout); break;
    case PRINT_SAMPLE: config_print_sample(stdout); break;
    case SHOW_VERSION: puts("mqtt-sn-gateway " VERSION); break;
    case LIST_PORTS: list_ports(config); break;
    case SHOW_HELP: fputs(help, stdout); break;
    }
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    perror("mqtt-sn-gateway: standard output");
    return EXIT_IO;
}
