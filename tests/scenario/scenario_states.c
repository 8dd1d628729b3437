/* SPDX-License-Identifier: Apache-2.0 */
/* Every packet type in every state of its sender, against a copy of the table in section 7 of the
 * digest: what kind of answer it gets, and which state follows. */
#include "tests/support/run.h"
#include "tests/support/story.h"

#define NO_ANSWER 0xFE /* no type that is sent alone */

enum who { UNKNOWN, GONE, MISSING, AWAKE_NOW, ASLEEP_NOW, ACTIVE_NOW, WHOS };

static const char *const state_names[WHOS] = {"absent", "disconnected", "lost",
                                              "awake",  "asleep",       "active"};

/* A packet of each type with which nothing is wrong but perhaps the time. */
static const struct row {
    const char *hex;
    uint8_t stranger; /* disconnected, lost: what answers */
    uint8_t client;   /* active, asleep; and awake, while a PUBLISH is out */
} rows[] = {
    {"05 00 07 03 84", NO_ANSWER, NO_ANSWER},                              /* ADVERTISE */
    {"03 01 01", SN_GWINFO, SN_GWINFO},                                    /* SEARCHGW */
    {"03 02 07", NO_ANSWER, NO_ANSWER},                                    /* GWINFO */
    {"02 03", NO_ANSWER, NO_ANSWER},                                       /* reserved */
    {"0E 04 00 01 00 3C 73 65 6E 73 6F 72 2D 31", SN_CONNACK, SN_CONNACK}, /* CONNECT */
    {"03 05 00", NO_ANSWER, NO_ANSWER},                                    /* CONNACK */
    {"02 06", NO_ANSWER, NO_ANSWER},                                       /* WILLTOPICREQ */
    {"04 07 00 77", SN_DISCONNECT, NO_ANSWER},                             /* WILLTOPIC */
    {"02 08", NO_ANSWER, NO_ANSWER},                                       /* WILLMSGREQ */
    {"03 09 78", SN_DISCONNECT, NO_ANSWER},                                /* WILLMSG */
    {"07 0A 00 00 12 34 61", SN_DISCONNECT, SN_REGACK},                    /* REGISTER */
    {"07 0B 00 01 12 34 00", SN_DISCONNECT, NO_ANSWER},                    /* REGACK */
    {"08 0C 22 61 62 00 04 32", SN_DISCONNECT, SN_PUBACK},                 /* QoS 1 */
    {"08 0C 42 61 62 00 04 32", SN_DISCONNECT, SN_PUBREC},                 /* QoS 2 */
    {"08 0C 02 61 62 00 00 32", SN_DISCONNECT, NO_ANSWER},                 /* QoS 0 */
    {"08 0C 62 61 62 00 00 32", NO_ANSWER, NO_ANSWER},                     /* QoS -1 */
    {"07 0D 00 01 12 34 00", SN_DISCONNECT, NO_ANSWER},                    /* PUBACK */
    {"04 0E 12 34", SN_DISCONNECT, NO_ANSWER},                             /* PUBCOMP */
    {"04 0F 12 34", SN_DISCONNECT, SN_PUBREL},                             /* PUBREC */
    {"04 10 12 34", SN_DISCONNECT, SN_PUBCOMP},                            /* PUBREL */
    {"02 11", NO_ANSWER, NO_ANSWER},                                       /* reserved */
    {"06 12 20 00 05 61", SN_DISCONNECT, SN_SUBACK},                       /* SUBSCRIBE */
    {"08 13 20 00 01 00 05 00", NO_ANSWER, NO_ANSWER},                     /* SUBACK */
    {"06 14 00 00 09 61", SN_DISCONNECT, SN_UNSUBACK},                     /* UNSUBSCRIBE */
    {"04 15 00 09", NO_ANSWER, NO_ANSWER},                                 /* UNSUBACK */
    {"02 16", SN_DISCONNECT, SN_PINGRESP},                                 /* PINGREQ */
    {"0A 16 73 65 6E 73 6F 72 2D 31", SN_DISCONNECT, SN_PINGRESP},         /* with id */
    {"02 17", SN_DISCONNECT, NO_ANSWER},                                   /* PINGRESP */
    {"02 18", SN_DISCONNECT, SN_DISCONNECT},                               /* DISCONNECT */
    {"04 18 01 2C", SN_DISCONNECT, SN_DISCONNECT},                         /* asleep */
    {"02 19", NO_ANSWER, NO_ANSWER},                                       /* reserved */
    {"04 1A 00 77", SN_DISCONNECT, SN_WILLTOPICRESP},                      /* WILLTOPICUPD */
    {"03 1B 00", NO_ANSWER, NO_ANSWER},                                    /* WILLTOPICRESP */
    {"03 1C 78", SN_DISCONNECT, SN_WILLMSGRESP},                           /* WILLMSGUPD */
    {"03 1D 00", NO_ANSWER, NO_ANSWER},                                    /* WILLMSGRESP */
    {"02 1E", NO_ANSWER, NO_ANSWER},                                       /* reserved */
    {"02 FF", NO_ANSWER, NO_ANSWER},                                       /* reserved */
};

enum { ROWS = sizeof rows / sizeof *rows };

static void enter(enum who who)
{
    story_begin(NULL);
    if (who == UNKNOWN)
        return;
    connected("sensor-1", 0);
    client_says(sn_subscribe(QOS(1), 1, "b"));
    gateway_says(sn_suback(1, 1, 1, SN_ACCEPTED));
    if (who == GONE) {
        client_says(sn_disconnect(0));
        gateway_says(sn_disconnect(0));
    } else if (who == MISSING) {
        pass(seconds(91));
    } else if (who != ACTIVE_NOW) {
        client_says(sn_disconnect(300));
        gateway_says(sn_disconnect(0));
    }
    if (who == AWAKE_NOW) {
        broker_delivers("sensor-1", "b", "x", 1);
        client_says(sn_text_of(SN_PINGREQ, "sensor-1"));
        gateway_says(sn_publish(QOS(1), 1, 1, "x"));
    }
    ck_assert_str_eq(state_of("sensor-1"), state_names[who]);
}

static uint8_t expected_answer(enum who who, const struct row *row, uint8_t type)
{
    if (who == UNKNOWN || who == GONE || who == MISSING)
        return row->stranger;
    if (who == AWAKE_NOW && type == SN_PINGREQ)
        return SN_PUBLISH; /* keeps draining, sends again what is outstanding */
    return row->client;
}

static const char *expected_state(enum who who, const char *hex, uint8_t type)
{
    bool is_client = who == AWAKE_NOW || who == ASLEEP_NOW || who == ACTIVE_NOW;

    if (type == SN_CONNECT)
        return "active";
    if (is_client && type == SN_DISCONNECT)
        return strlen(hex) > 5 ? "asleep" : "disconnected";
    return state_names[who];
}

START_TEST(every_cell)
{
    enum who who = (enum who)(_i / ROWS);
    const struct row *row = &rows[_i % ROWS];
    uint8_t type = (uint8_t)strtoul(row->hex + 3, NULL, 16);
    uint8_t answer = expected_answer(who, row, type);

    enter(who);
    client_sends(row->hex);
    if (answer != NO_ANSWER)
        ck_assert_msg(gateway_said().type == answer, "%s in %s", row->hex, state_names[who]);
    if (who == AWAKE_NOW && type == SN_CONNECT) /* what is queued follows */
        gateway_says(sn_publish(QOS(1) | SN_FLAG_DUP, 1, 1, "x"));
    gateway_is_silent();
    ck_assert_str_eq(state_of("sensor-1"), expected_state(who, row->hex, type));
    story_end();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("states");

    tcase_add_loop_test(tc, every_cell, 0, WHOS * ROWS);
    return run_case("states", tc);
}
