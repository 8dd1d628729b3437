/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bridge/link_private.h"
#include "bridge/socketpair.h"

/* Where the system's CAs are when there is a client certificate but no ca_file: mosquitto_tls_set
 * insists on one or the other. */
#define SYSTEM_CA_DIR "/etc/ssl/certs"

static bool speaks_tls(const struct broker *broker)
{
    return broker->config->address.kind == ENDPOINT_TLS;
}

/* --- on a worker ------------------------------------------------------------------------------ */

static void on_worker_log(struct mosquitto *mosq, void *self, int level, const char *text)
{
    struct link_job *job = self;

    (void)mosq;
    if (level == MOSQ_LOG_ERR)
        snprintf(job->detail, sizeof job->detail, "%s", text);
}

/* Without this, OpenSSL would ask the terminal for the passphrase of an encrypted key. */
static int no_passphrase(char *into, int size, int writing, void *self)
{
    (void)into, (void)size, (void)writing, (void)self;
    return 0;
}

static bool readable(struct link_job *job, const char *path, enum failure_kind otherwise)
{
    int fd = *path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (*path && fd < 0) {
        job->failure = (struct failure){otherwise, 0, errno};
        return false;
    }
    if (fd >= 0)
        close(fd);
    return true;
}

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

static int set_tls(struct link_job *job)
{
    const struct broker_config *config = job->broker->config;
    int rc = MOSQ_ERR_SUCCESS;

    if (*config->psk) {
        rc = mosquitto_tls_psk_set(job->mosq, config->psk, config->psk_identity, NULL);
    } else {
        if (*config->ca_file || *config->cert_file)
            rc = mosquitto_tls_set(
                job->mosq, or_null(config->ca_file), *config->ca_file ? NULL : SYSTEM_CA_DIR,
                or_null(config->cert_file), or_null(config->key_file), no_passphrase);
        if (rc == MOSQ_ERR_SUCCESS && !*config->ca_file)
            rc = mosquitto_int_option(job->mosq, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
        if (rc == MOSQ_ERR_SUCCESS)
            rc = mosquitto_tls_insecure_set(job->mosq, config->tls_insecure);
    }
    if (rc == MOSQ_ERR_SUCCESS && *config->alpn)
        rc = mosquitto_string_option(job->mosq, MOSQ_OPT_TLS_ALPN, config->alpn);
    return rc;
}

/* CONNECT properties can only be handed to the blocking call. On a socket path that does not exist
 * it fails at once and keeps them for every later connect. */
static int set_expiry(struct link_job *job)
{
    mosquitto_property *properties = NULL;
    int rc =
        mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, job->expiry);

    if (rc == MOSQ_ERR_SUCCESS)
        mosquitto_connect_bind_v5(job->mosq, "/nonexistent", 0, (int)job->broker->config->keepalive,
                                  NULL, properties);
    mosquitto_property_free_all(&properties);
    return rc;
}

static int connect_once(struct link_job *job)
{
    const struct endpoint *to = &job->broker->config->address;
    const char *from = job->ipv4_only && to->kind != ENDPOINT_UNIX ? "0.0.0.0" : NULL;

    errno = 0;
    return job->again ? mosquitto_reconnect_async(job->mosq)
                      : mosquitto_connect_bind_async(job->mosq, to->host, to->port,
                                                     (int)job->broker->config->keepalive, from);
}

/* A full backlog of a unix socket (ten for mosquitto) is EAGAIN instead of a wait. */
static int connect_patiently(struct link_job *job)
{
    enum { TRIES = 100, PAUSE_NS = 5000000 };
    int rc = connect_once(job);

    for (int i = 0; i < TRIES && rc == MOSQ_ERR_ERRNO && errno == EAGAIN; i++) {
        nanosleep(&(struct timespec){0, PAUSE_NS}, NULL);
        rc = connect_once(job);
    }
    return rc;
}

static void prepare(struct link_job *job)
{
    const struct broker_config *config = job->broker->config;
    int rc = MOSQ_ERR_SUCCESS;

    if (speaks_tls(job->broker)) {
        if (!readable(job, config->ca_file, FAILURE_CA_FILE) ||
            !readable(job, config->cert_file, FAILURE_CERT_FILE) ||
            !readable(job, config->key_file, FAILURE_KEY_FILE))
            return;
        rc = set_tls(job);
    }
    if (rc == MOSQ_ERR_SUCCESS && broker_mqtt5(job->broker) && job->expiry > 0)
        rc = set_expiry(job);
    if (rc != MOSQ_ERR_SUCCESS)
        job->failure = (struct failure){FAILURE_LIBRARY, rc, 0};
}

static void on_work(uv_work_t *work)
{
    struct link_job *job = work->data;

    socketpair_refuse(true);
    if (!job->again)
        prepare(job);
    if (job->failure.kind == FAILURE_NONE) {
        int rc = connect_patiently(job);
        if (rc != MOSQ_ERR_SUCCESS)
            job->failure = (struct failure){FAILURE_LIBRARY, rc, errno};
    }
    socketpair_refuse(false);
}

/* --- on the loop ------------------------------------------------------------------------------ */

static void on_loop_log(struct mosquitto *mosq, void *self, int level, const char *text)
{
    struct broker_link *link = self;

    (void)mosq;
    if (level == MOSQ_LOG_ERR)
        snprintf(link->broker->detail, sizeof link->broker->detail, "%s", text);
}

void link_drop_mosq(struct broker_link *link)
{
    if (link->job) {
        link->discard = true; /* the worker has it */
        return;
    }
    if (link->mosq)
        mosquitto_destroy(link->mosq);
    link->mosq = NULL;
    link->holds = link->discard = link->logging = false;
}

void link_orphan_job(struct broker_link *link)
{
    if (!link->job)
        return;
    link->job->link = NULL;
    uv_cancel((uv_req_t *)&link->job->work);
    link->job = NULL;
}

static void take_back(struct broker_link *link, struct link_job *job)
{
    link->job = NULL;
    link->mosq = job->mosq;
    mosquitto_user_data_set(link->mosq, link);
    if (speaks_tls(link->broker)) {
        mosquitto_log_callback_set(link->mosq, on_loop_log);
        link->logging = true;
        snprintf(link->broker->detail, sizeof link->broker->detail, "%s", job->detail);
    }
    if (link->discard)
        link_drop_mosq(link);
}

static void start_over(struct broker_link *link)
{
    link->connect_later = false;
    link_set_state(link, LINK_DOWN);
    broker_link_connect(link);
}

static void on_done(uv_work_t *work, int status)
{
    struct link_job *job = work->data;
    struct broker *broker = job->broker;
    struct broker_link *link = job->link;

    (void)status;
    if (!link) {
        mosquitto_destroy(job->mosq);
    } else {
        struct failure failure = job->failure;
        take_back(link, job);
        if (link->failed || link->state != LINK_CONNECTING) {
            if (link->connect_later)
                start_over(link);
        } else if (failure.kind != FAILURE_NONE) {
            link_fail(link, failure);
        } else if (!link->mosq) {
            start_over(link);
        } else if (link_watch_socket(link)) {
            link_need_flush(link);
        }
    }
    free(job);
    broker_release(broker);
}

static int set_options(struct mosquitto *mosq, const struct broker_link *link)
{
    const struct broker_config *config = link->broker->config;
    const struct link_will *will = link->will;

    mosquitto_threaded_set(mosq, true);
    mosquitto_int_option(mosq, MOSQ_OPT_PROTOCOL_VERSION,
                         broker_mqtt5(link->broker) ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
    mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, config->address.kind != ENDPOINT_UNIX);
    mosquitto_int_option(mosq, MOSQ_OPT_SEND_MAXIMUM, (int)config->max_inflight);
    if (link->receive_maximum > 0)
        mosquitto_int_option(mosq, MOSQ_OPT_RECEIVE_MAXIMUM, link->receive_maximum);
    link_set_callbacks(mosq);
    int rc = mosquitto_username_pw_set(mosq, or_null(config->username), or_null(config->secret));
    if (rc == MOSQ_ERR_SUCCESS && will)
        rc = mosquitto_will_set(mosq, will->octets, (int)will->payload_len,
                                will->octets + will->topic_len + 1, will->qos, will->retain);
    return rc;
}

/* False: `failure` says why. */
static bool make_mosq(struct broker_link *link, struct failure *failure)
{
    socketpair_refuse(true);
    link->mosq =
        mosquitto_new(*link->client_id ? link->client_id : NULL, link_clean_flag(link), link);
    socketpair_refuse(false);
    if (!link->mosq) {
        *failure = errno == ENOMEM ? (struct failure){FAILURE_LIBRARY, MOSQ_ERR_NOMEM, 0}
                                   : (struct failure){FAILURE_PARAMETERS, 0, 0};
        return false;
    }
    link->expiry = link->keep_session ? link->broker->config->session_expiry
                                      : link->broker->config->session_grace;
    if (set_options(link->mosq, link) != MOSQ_ERR_SUCCESS) {
        *failure = (struct failure){FAILURE_PARAMETERS, 0, 0};
        return false;
    }
    return true;
}

static void queue_job(struct broker_link *link, struct link_job *job)
{
    struct broker *broker = link->broker;

    *job = (struct link_job){.work.data = job,
                             .broker = broker,
                             .link = link,
                             .mosq = link->mosq,
                             .expiry = link->expiry,
                             .ipv4_only = broker->ipv4_only,
                             .again = link->holds};
    mosquitto_user_data_set(job->mosq, job);
    /* A struct that is connected again still has the loop's, which expects a link. */
    if (speaks_tls(broker))
        mosquitto_log_callback_set(job->mosq, on_worker_log);
    link->resumed = link->holds;
    link->mosq = NULL;
    link->job = job;
    broker->holds++;
    uv_queue_work(broker->loop, &job->work, on_work, on_done);
}

void link_start(struct broker_link *link)
{
    struct failure failure = {FAILURE_LIBRARY, MOSQ_ERR_NOMEM, 0};
    struct link_job *job = NULL;

    link_set_state(link, LINK_CONNECTING);
    link->deadline = broker_now(link->broker) + link->broker->config->connect_timeout_ms;
    link->connack_reason = link->disconnect_reason = 0;
    link->present = false;
    link_blame(link);
    if (link->failure.kind == FAILURE_PARAMETERS)
        link_fail(link, link->failure);
    else if ((!link->mosq && !make_mosq(link, &failure)) || !(job = calloc(1, sizeof *job)))
        link_fail(link, failure);
    else
        queue_job(link, job);
}
