/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration file, perhaps a wrong one. What loads must print as a file that loads to the
 * same; what does not must say why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/load.h"
#include "tests/fuzz/fuzz.h"

static struct config *load(const void *text, size_t len)
{
    static struct config_errors errors; /* large */
    /* Of nothing there is no stream; it is the same as no file. */
    FILE *file = len > 0 ? fmemopen((void *)(uintptr_t)text, len, "r") : NULL;
    struct config *config = config_load_stream(file, NULL, &errors);

    if (file)
        fclose(file);
    assert((config == NULL) == (errors.count > 0));
    for (size_t i = 0; i < errors.count && i < 32; i++)
        assert(errors.list[i].text[0] != '\0' && errors.list[i].line >= 0);
    return config;
}

static char *print(const struct config *config, size_t *len)
{
    char *text = NULL;
    FILE *to = open_memstream(&text, len);

    assert(to);
    config_print(config, to);
    fclose(to);
    assert(text);
    return text;
}

static void check_values(const struct config *config)
{
    assert(config->udp_count + config->serial_count > 0);
    assert(config->broker.address.kind != ENDPOINT_NONE);
    assert(config->broker.reconnect_min_ms <= config->broker.reconnect_max_ms);
    for (size_t i = 0; i < config->topics_count; i++) {
        const struct topic_set *set = &config->topics[i];

        assert(set->pattern || i + 1 == config->topics_count);
        for (size_t j = 0; j < set->count; j++) {
            assert(set->rows[j].id >= 1 && set->rows[j].id <= 65534);
            assert(*set->rows[j].name && !strpbrk(set->rows[j].name, "+#"));
            assert(j == 0 || set->rows[j - 1].id < set->rows[j].id);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *config = load(data, size);

    if (!config)
        return 0;
    check_values(config);

    size_t len, again_len;
    char *text = print(config, &len);
    struct config *again = load(text, len);
    assert(again);
    char *again_text = print(again, &again_len);
    /* A password is not printed, so that it is lost on the way. */
    assert(*config->broker.password || (len == again_len && memcmp(text, again_text, len) == 0));
    free(again_text);
    config_free(again);
    free(text);
    config_free(config);
    return 0;
}
