/* SPDX-License-Identifier: Apache-2.0 */
#include "sn/link/serial_find.h"

#include <dirent.h>
#include <libserialport.h>
#include <stdlib.h>
#include <string.h>

/* Product names and serial numbers come from the device: they may hold anything. */
static void copy_text(char *out, size_t size, const char *text)
{
    size_t len = 0;

    for (; text && *text && len + 1 < size; text++)
        out[len++] = *text >= ' ' && *text <= '~' ? *text : '?';
    out[len] = '\0';
}

/* The first link of the folder that leads to `path`. */
static void find_by_id(const char *folder, const char *path, char *out, size_t size)
{
    DIR *links = *folder ? opendir(folder) : NULL;
    const struct dirent *entry;

    *out = '\0';
    if (!links)
        return;
    while (*out == '\0' && (entry = readdir(links))) {
        char name[SERIAL_PATH_MAX];

        if (entry->d_name[0] == '.' ||
            (size_t)snprintf(name, sizeof name, "%s/%s", folder, entry->d_name) >= sizeof name)
            continue;
        char *target = realpath(name, NULL);
        if (target && strcmp(target, path) == 0)
            copy_text(out, size, name);
        free(target);
    }
    closedir(links);
}

static void describe(struct sp_port *port, const char *by_id, struct serial_found *out)
{
    int vid, pid;

    *out = (struct serial_found){0};
    copy_text(out->path, sizeof out->path, sp_get_port_name(port));
    find_by_id(by_id, out->path, out->by_id, sizeof out->by_id);
    if (sp_get_port_transport(port) != SP_TRANSPORT_USB ||
        sp_get_port_usb_vid_pid(port, &vid, &pid) != SP_OK)
        return;
    out->usb = true;
    out->vid = (uint16_t)vid;
    out->pid = (uint16_t)pid;
    copy_text(out->serial, sizeof out->serial, sp_get_port_usb_serial(port));
    copy_text(out->product, sizeof out->product, sp_get_port_usb_product(port));
}

size_t serial_find_all(const char *by_id, struct serial_found *out, size_t max)
{
    struct sp_port **ports;
    size_t count = 0;

    if (sp_list_ports(&ports) != SP_OK)
        return 0;
    for (size_t i = 0; ports[i] && count < max; i++)
        describe(ports[i], by_id, &out[count++]);
    sp_free_port_list(ports);
    return count;
}

bool serial_find_match(const struct serial_config *config, const struct serial_found *port)
{
    char *target;
    bool same;

    if (config->usb.wanted)
        return port->usb && config->usb.vid == port->vid && config->usb.pid == port->pid &&
               (*config->usb.serial == '\0' || strcmp(config->usb.serial, port->serial) == 0);
    target = realpath(config->port, NULL);
    same = strcmp(target ? target : config->port, port->path) == 0;
    free(target);
    return same;
}

static void print_port(const struct serial_found *port, FILE *to)
{
    fprintf(to, "%s\n", port->path);
    if (*port->product)
        fprintf(to, "    product  %s\n", port->product);
    if (*port->by_id)
        fprintf(to, "    port = %s\n", port->by_id);
    if (port->usb && *port->serial)
        fprintf(to, "    port = usb:%04x:%04x:%s\n", port->vid, port->pid, port->serial);
    if (port->usb)
        fprintf(to, "    port = usb:%04x:%04x\n", port->vid, port->pid);
    fprintf(to, "    port = %s%s\n", port->path,
            port->usb ? "    (may change when it is plugged in again)" : "");
}

void serial_find_print(const struct serial_found *ports, size_t count,
                       const struct serial_config *configs, size_t config_count, FILE *to)
{
    if (count == 0)
        fputs("no serial ports found\n", to);
    for (size_t i = 0; i < count; i++) {
        print_port(&ports[i], to);
        for (size_t j = 0; j < config_count; j++)
            if (serial_find_match(&configs[j], &ports[i]))
                fprintf(to, "    is [serial%s%s] of the configuration\n",
                        *configs[j].name ? " " : "", configs[j].name);
    }
}
