/* SPDX-License-Identifier: Apache-2.0 */
/* mqtt-sn-gateway - wiring: command line, configuration, signals, teardown */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gateway/command.h"
#include "gateway/log.h"
#include "gateway/loop.h"
#include "gateway/reload.h"
#include "gateway/report.h"

#define DESCRIPTORS_BESIDE_CLIENTS 100

struct daemon {
    struct command command;
    struct config *started; /* sockets and broker connections hold on to it */
    struct config *current; /* the core's; may be the same */
    struct gateway gateway;
    uv_signal_t terminate, interrupt, hangup, user;
};

static const char *config_name(const struct command *command)
{
    return command->config_path ? command->config_path : "mqtt-sn-gateway";
}

static void error_text(const struct command *command, const struct config_error *error, char *out,
                       size_t size)
{
    if (error->line > 0)
        snprintf(out, size, "%s:%d: %s", config_name(command), error->line, error->text);
    else
        snprintf(out, size, "%s: %s", config_name(command), error->text);
}

static size_t listed(const struct config_errors *errors)
{
    size_t room = sizeof errors->list / sizeof *errors->list;

    return errors->count < room ? errors->count : room;
}

static void print_errors(const struct command *command, const struct config_errors *errors)
{
    char text[1024];

    for (size_t i = 0; i < listed(errors); i++) {
        error_text(command, &errors->list[i], text, sizeof text);
        fprintf(stderr, "%s\n", text);
    }
    if (errors->count > listed(errors))
        fprintf(stderr, "%s: %zu more errors\n", config_name(command),
                errors->count - listed(errors));
}

static void log_config_errors(const struct command *command, const struct config_errors *errors)
{
    char text[1024];

    for (size_t i = 0; i < listed(errors); i++) {
        error_text(command, &errors->list[i], text, sizeof text);
        log_write(NULL, LEVEL_ERROR, "configuration error: %s", text);
    }
    log_error("configuration not changed errors=%zu", errors->count);
}

static void apply_level(const struct daemon *d)
{
    log_set_level(d->current->log.level + d->command.verbosity);
}

struct connections {
    uint32_t most;
    const char *option; /* which limits them */
};

static struct connections connections_of(const struct config *config)
{
    const struct broker_config *broker = &config->broker;

    if (config->gateway.mode != MODE_AGGREGATING)
        return (struct connections){config->gateway.max_clients, "max_clients"};
    if (broker->max_filters > 0 && broker->max_connections > broker->connections)
        return (struct connections){broker->max_connections, "max_connections"};
    return (struct connections){broker->connections, "connections"};
}

static void raise_descriptor_limit(const struct config *config)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    struct connections connections = connections_of(config);
    rlim_t wanted = (rlim_t)connections.most + DESCRIPTORS_BESIDE_CLIENTS;
    if (limit.rlim_cur < wanted)
        log_warning("too few descriptors limit=%lu wanted=%lu; raise LimitNOFILE= or lower %s",
                    (unsigned long)limit.rlim_cur, (unsigned long)wanted, connections.option);
}

static void log_changed(void *self, const char *option)
{
    (void)self;
    log_write(NULL, LEVEL_WARNING, "changed, but needs a restart: %s", option);
}

static void on_hangup(uv_signal_t *handle, int signal)
{
    struct daemon *d = handle->data;
    struct config_errors errors = {0};
    struct config *fresh;

    (void)signal;
    if (d->gateway.stopping)
        return;
    fresh = config_load(d->command.config_path, &d->command.overrides, &errors);
    if (!fresh) {
        log_config_errors(&d->command, &errors);
        return;
    }
    reload_compare(d->started, fresh, log_changed, NULL);
    core_configure(d->gateway.core, fresh);
    if (d->current != d->started)
        config_free(d->current);
    d->current = fresh;
    apply_level(d);
    log_info("configuration read again");
}

static void on_stop(uv_signal_t *handle, int signal)
{
    struct daemon *d = handle->data;

    if (d->gateway.stopping)
        _exit(EXIT_FAILURE); /* asked twice: without good-byes */
    log_info("stopping signal=%d", signal);
    loop_stop(&d->gateway);
}

static void on_report(uv_signal_t *handle, int signal)
{
    struct daemon *d = handle->data;

    (void)signal;
    if (!d->gateway.stopping)
        report_all(&d->gateway);
}

static void watch(struct daemon *d, uv_signal_t *handle, uv_signal_cb callback, int signal)
{
    uv_signal_init(&d->gateway.uv, handle);
    handle->data = d;
    uv_signal_start(handle, callback, signal);
}

static void watch_signals(struct daemon *d)
{
    signal(SIGPIPE, SIG_IGN);
    watch(d, &d->terminate, on_stop, SIGTERM);
    watch(d, &d->interrupt, on_stop, SIGINT);
    watch(d, &d->hangup, on_hangup, SIGHUP);
    watch(d, &d->user, on_report, SIGUSR1);
}

static void unwatch_signals(struct daemon *d)
{
    uv_close((uv_handle_t *)&d->terminate, NULL);
    uv_close((uv_handle_t *)&d->interrupt, NULL);
    uv_close((uv_handle_t *)&d->hangup, NULL);
    uv_close((uv_handle_t *)&d->user, NULL);
}

static int run(struct daemon *d)
{
    char error[512];
    int code;

    log_init();
    apply_level(d);
    raise_descriptor_limit(d->started);
    int refused = loop_open(&d->gateway, d->started, error, sizeof error);
    watch_signals(d);
    if (refused == 0) {
        log_info("started version=%s gateway_id=%u", VERSION, d->started->gateway.id);
        loop_run(&d->gateway);
        log_info("stopped");
    } else {
        log_write(NULL, LEVEL_ERROR, "%s", error);
    }
    unwatch_signals(d);
    code = loop_close(&d->gateway);
    log_tell_suppressed();
    return refused ? refused : code;
}

int main(int argc, char **argv)
{
    static struct daemon d;
    struct config_errors errors = {0};
    int code;

    if (!command_parse(&d.command, argc, argv))
        return EXIT_USAGE;
    if (!command_needs_config(&d.command))
        return command_show(&d.command, NULL);
    d.started = d.current = config_load(d.command.config_path, &d.command.overrides, &errors);
    if (!d.started) {
        print_errors(&d.command, &errors);
        return EXIT_CONFIG;
    }
    code = d.command.action == RUN ? run(&d) : command_show(&d.command, d.started);
    if (d.current != d.started)
        config_free(d.current);
    config_free(d.started);
    return code;
}
