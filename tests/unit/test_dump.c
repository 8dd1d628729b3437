/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the program as its user would. DUMP is its path. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "tests/support/run.h"

#define CAPTURE                                                                                    \
    "\\324\\303\\262\\241\\002\\0\\004\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\004\\0\\145\\0\\0\\0"     \
    "\\0\\361\\123\\145\\014\\0\\0\\0\\036\\0\\0\\0\\036\\0\\0\\0"                                 \
    "\\105\\0\\0\\036\\0\\0\\0\\0\\100\\021\\0\\0\\177\\0\\0\\001\\177\\0\\0\\002"                 \
    "\\003\\350\\007\\134\\0\\012\\0\\0"

static const struct {
    const char *command, *output;
    int status;
} runs[] = {
    {"echo '0B 0C A0 00 01 00 02 32 31 2E 35' | " DUMP,
     "PUBLISH qos=1 dup topic_id=1 msg_id=2 data=4 \"21.5\"\n", EX_OK},
    {"echo '0e:04:0c:01:00:3c:73:65:6e:73:6f:72:2d:31 # comment' | " DUMP " -",
     "CONNECT will clean protocol_id=1 duration=60 client_id=\"sensor-1\"\n", EX_OK},
    {"printf '02 16\\n\\n# nothing\\n0x02,0x17\\n021803' | " DUMP,
     "PINGREQ\nPINGRESP\nDISCONNECT trailing=1\n", EX_OK},
    {"echo '05 FE 00 0A 0B 0B 0C 20 00 01 00 02 32 31 2E 35' | " DUMP,
     "[node 0A0B] PUBLISH qos=1 topic_id=1 msg_id=2 data=4 \"21.5\"\n", EX_OK},
    {"printf '02 03\\n03 18 00\\n04 FE 00 05 02 03\\n03 FE 00 02 16\\n' | " DUMP,
     "? unknown or reserved type: 02 03\n"
     "? too short for its type: 03 18 00\n"
     "[node 05] ? unknown or reserved type: 02 03\n"
     "? empty or oversized wireless node id: 03 FE 00 02 16\n",
     EX_OK},
    {"printf '02 16\\n0G\\n02 17\\n' | " DUMP " 2>&1 >/dev/null",
     "mqtt-sn-dump: -:2: not octets in hex\n", EX_DATAERR},
    {"printf '\\n\\r\\r\\n\\034\\0\\0\\0\\nx\\ny' | " DUMP " 2>&1",
     "mqtt-sn-dump: -: neither text nor pcap (a pcapng file is turned into one by: "
     "editcap -F pcap)\n",
     EX_DATAERR},
    {"echo 021 | " DUMP " 2>/dev/null", "", EX_DATAERR},
    {DUMP " </dev/null", "", EX_OK},
    {"printf '" CAPTURE "\\002\\026' | " DUMP,
     "2023-11-14T22:13:20.000012Z 127.0.0.1:1000 > 127.0.0.2:1884 PINGREQ\n", EX_OK},
    {"printf '" CAPTURE "\\002\\003' | " DUMP, "", EX_OK},
    {"printf '" CAPTURE "\\002\\003' | " DUMP " -p 1884",
     "2023-11-14T22:13:20.000012Z 127.0.0.1:1000 > 127.0.0.2:1884 "
     "? unknown or reserved type: 02 03\n",
     EX_OK},
    {"printf '" CAPTURE "\\002\\026' | " DUMP " -p 1885", "", EX_OK},
    {"printf '" CAPTURE "\\002' | " DUMP " 2>/dev/null", "", EX_DATAERR},
    {DUMP " --version | grep -c '^mqtt-sn-dump [0-9.]*$'", "1\n", EX_OK},
    {DUMP " --help | head -1", "Usage: mqtt-sn-dump [-p PORT] [FILE...]\n", EX_OK},
    {DUMP " --no-such-option 2>/dev/null", "", EX_USAGE},
    {DUMP " -p 65536 2>/dev/null", "", EX_USAGE},
    {DUMP " -l x 2>/dev/null", "", EX_USAGE},
    {DUMP " -l 0 file 2>/dev/null", "", EX_USAGE},
    {"echo '02 16 02 17' | " DUMP " -f raw", "PINGREQ\nPINGRESP\n", EX_OK},
    {"printf '\\002\\026\\002\\027' | " DUMP " --framing raw", "PINGREQ\nPINGRESP\n", EX_OK},
    {"printf '\\002' | " DUMP " -f raw 2>&1", "mqtt-sn-dump: skipped_octets=1 cut_short=1\n",
     EX_OK},
    {"printf 'C0 05 FE 00 01 02 02 \\n16 C0 # a comment\\nC0 03 16 C0\\n' | " DUMP " -f slip 2>&1",
     "[node 0102] PINGREQ\nmqtt-sn-dump: frames_in=1 valid=1 bad_length=1\n", EX_OK},
    {"printf '\\300\\002\\026\\100\\111\\300' | " DUMP " -f slip --crc x25", "PINGREQ\n", EX_OK},
    {"echo '7E 02 16 40 49 7E' | " DUMP " -f hdlc", "PINGREQ\n", EX_OK},
    {"echo '05 02 16 40 49 00' | " DUMP " -f cobs -c x25", "PINGREQ\n", EX_OK},
    {"echo '7E000D80007D33A20040522BAA2802021621' | " DUMP " -f xbee --api 2",
     "0013A20040522BAA rssi=-40 broadcast PINGREQ\n", EX_OK},
    {"echo '7E 00 06 88 01 41 50 00 02 E3 7E 00 14 91 00 7D 33 A2 00 40 52 2B AA 7D 5D 84 E8 E8 00 "
     "'"
     "'7D 31 C1 05 01 02 16 91' | " DUMP " -f xbee",
     "0013A20040522BAA PINGREQ\n", EX_OK},
    {"echo 'C0 B4 C5 05 FE 01 02 01 03 01 01 44 2B C0' | " DUMP " -f aquila",
     "0102 rssi=197 lqi=180 SEARCHGW radius=1\n", EX_OK},
    {"printf '02 16\\n0G\\n02 17\\n' | " DUMP " -f raw 2>/dev/null", "PINGREQ\nPINGRESP\n",
     EX_DATAERR},
    {DUMP " -f raw </dev/null 2>&1", "", EX_OK},
    {DUMP " -f raw / 2>/dev/null", "", EX_IOERR},
    {DUMP " -f modbus 2>&1",
     "mqtt-sn-dump: modbus is no framing; there are raw slip hdlc cobs xbee aquila\n", EX_USAGE},
    {DUMP " -f raw -c 32 2>/dev/null", "", EX_USAGE},
    {DUMP " -f xbee -a 3 2>/dev/null", "", EX_USAGE},
    {DUMP " -f raw -p 1883 2>/dev/null", "", EX_USAGE},
    {DUMP " -f raw -l 0 2>/dev/null", "", EX_USAGE},
    {DUMP " /no/such/file 2>/dev/null", "", EX_NOINPUT},
    {DUMP " / 2>/dev/null", "", EX_IOERR},
    {"echo 0216 | " DUMP " 2>&1 >/dev/full",
     "mqtt-sn-dump: cannot write: No space left on device\n", EX_IOERR},
};

START_TEST(runs_as_told)
{
    char output[1024];
    FILE *pipe = popen(runs[_i].command, "r");

    ck_assert_ptr_nonnull(pipe);
    output[fread(output, 1, sizeof output - 1, pipe)] = '\0';
    int status = pclose(pipe);
    ck_assert_str_eq(output, runs[_i].output);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), runs[_i].status);
}
END_TEST

static void send_ping(const char *address, unsigned port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(inet_pton(AF_INET, address, &v4.sin_addr), 1);
    ck_assert_int_eq(sendto(fd, "\x02\x16", 2, 0, (struct sockaddr *)&v4, sizeof v4), 2);
    close(fd);
}

START_TEST(listens)
{
    FILE *pipe = popen("echo $$; exec " DUMP " -l 0 2>&1", "r");
    char line[256];
    unsigned port;
    int pid;

    ck_assert_ptr_nonnull(pipe);
    ck_assert(fgets(line, sizeof line, pipe) && sscanf(line, "%d", &pid) == 1);
    ck_assert(fgets(line, sizeof line, pipe));
    ck_assert_int_eq(sscanf(line, "listening on UDP port %u", &port), 1);
    send_ping("127.0.0.1", port);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, pipe));
    ck_assert_ptr_nonnull(strstr(line, "Z 127.0.0.1:"));
    ck_assert_ptr_nonnull(strstr(line, " PINGREQ\n"));
    ck_assert_int_eq(kill(pid, SIGTERM), 0);
    ck_assert_ptr_null(fgets(line, sizeof line, pipe));
    ck_assert_int_eq(pclose(pipe), EX_OK);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("dump");

    tcase_set_timeout(tc, 20);
    tcase_add_loop_test(tc, runs_as_told, 0, (int)(sizeof runs / sizeof runs[0]));
    tcase_add_test(tc, listens);
    return run_case("dump", tc);
}
