/* SPDX-License-Identifier: Apache-2.0 */
/* Which port is meant, and what --list-ports says. */
#include <check.h>
#include <libserialport.h>
#include <stdlib.h>
#include <string.h>

#include "sn/link/serial_find.h"
#include "tests/support/run.h"

enum sp_return __real_sp_list_ports(struct sp_port ***list);
enum sp_return __wrap_sp_list_ports(struct sp_port ***list);

static bool sysfs_is_gone;

enum sp_return __wrap_sp_list_ports(struct sp_port ***list)
{
    return sysfs_is_gone ? SP_ERR_FAIL : __real_sp_list_ports(list);
}

static const struct serial_found ftdi = {
    .path = "/dev/ttyUSB0",
    .by_id = "/dev/serial/by-id/usb-FTDI_FT231X_DN01-if00-port0",
    .usb = true,
    .vid = 0x0403,
    .pid = 0x6015,
    .serial = "DN01",
    .product = "FT231X USB UART",
};
static const struct serial_found ch340 = {
    .path = "/dev/ttyUSB1", .usb = true, .vid = 0x1A86, .pid = 0x7523};
static const struct serial_found uart = {.path = "/dev/ttyAMA0"};

static const struct {
    struct serial_config config;
    bool ftdi, ch340, uart;
} meant[] = {
    {{.usb = {true, 0x0403, 0x6015, ""}}, true, false, false},
    {{.usb = {true, 0x0403, 0x6015, "DN01"}}, true, false, false},
    {{.usb = {true, 0x0403, 0x6015, "DN02"}}, false, false, false},
    {{.usb = {true, 0x0403, 0x6001, ""}}, false, false, false},
    {{.usb = {true, 0x1A86, 0x7523, ""}}, false, true, false},
    {{.usb = {true, 0x1A86, 0x7523, "x"}}, false, false, false},
    {{.usb = {true, 0, 0, ""}}, false, false, false},
    {{.port = "/dev/ttyAMA0"}, false, false, true},
    {{.port = "/dev/ttyUSB1"}, false, true, false},
};

START_TEST(finds_the_port_that_is_meant)
{
    const struct serial_config *config = &meant[_i].config;

    ck_assert_int_eq(serial_find_match(config, &ftdi), meant[_i].ftdi);
    ck_assert_int_eq(serial_find_match(config, &ch340), meant[_i].ch340);
    ck_assert_int_eq(serial_find_match(config, &uart), meant[_i].uart);
}
END_TEST

START_TEST(prints_what_to_write)
{
    const struct serial_found ports[] = {ftdi, ch340, uart};
    const struct serial_config configs[] = {
        {.name = "garden", .usb = {true, 0x1A86, 0x7523, ""}},
        {.name = "", .port = "/dev/ttyAMA0"},
    };
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    serial_find_print(ports, 3, configs, 2, to);
    fclose(to);
    ck_assert_str_eq(text, "/dev/ttyUSB0\n"
                           "    product  FT231X USB UART\n"
                           "    port = /dev/serial/by-id/usb-FTDI_FT231X_DN01-if00-port0\n"
                           "    port = usb:0403:6015:DN01\n"
                           "    port = usb:0403:6015\n"
                           "    port = /dev/ttyUSB0    (may change when it is plugged in again)\n"
                           "/dev/ttyUSB1\n"
                           "    port = usb:1a86:7523\n"
                           "    port = /dev/ttyUSB1    (may change when it is plugged in again)\n"
                           "    is [serial garden] of the configuration\n"
                           "/dev/ttyAMA0\n"
                           "    port = /dev/ttyAMA0\n"
                           "    is [serial] of the configuration\n");
    free(text);
}
END_TEST

START_TEST(says_when_there_is_none)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    serial_find_print(NULL, 0, NULL, 0, to);
    fclose(to);
    ck_assert_str_eq(text, "no serial ports found\n");
    free(text);
}
END_TEST

/* Whatever this host has: the list is bounded and its entries are sound. */
START_TEST(lists_this_host)
{
    static struct serial_found ports[SERIAL_PORTS_MAX];
    size_t count = serial_find_all("/dev/serial/by-id", ports, SERIAL_PORTS_MAX);

    ck_assert_uint_le(count, SERIAL_PORTS_MAX);
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(strncmp(ports[i].path, "/dev/", 5), 0);
    ck_assert_uint_eq(serial_find_all("/none", ports, 0), 0);
    sysfs_is_gone = true;
    ck_assert_uint_eq(serial_find_all("", ports, SERIAL_PORTS_MAX), 0);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("serial_find");

    tcase_add_loop_test(tcase, finds_the_port_that_is_meant, 0,
                        (int)(sizeof meant / sizeof *meant));
    tcase_add_test(tcase, prints_what_to_write);
    tcase_add_test(tcase, says_when_there_is_none);
    tcase_add_test(tcase, lists_this_host);
    return run_case("serial_find", tcase);
}
