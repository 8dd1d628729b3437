/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/predefined.h"

#include "sn/topic.h"

static bool applies(const struct topic_set *set, struct sn_bytes client_id)
{
    return !set->pattern || (client_id.len > 0 && sn_glob(set->pattern, client_id));
}

static const struct topic_row *row_of(const struct topic_set *set, uint16_t id)
{
    size_t low = 0, high = set->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (set->rows[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->count && set->rows[low].id == id ? &set->rows[low] : NULL;
}

struct sn_bytes predefined_name(const struct config *config, struct sn_bytes client_id, uint16_t id)
{
    for (size_t i = 0; i < config->topics_count; i++) {
        const struct topic_row *row = row_of(&config->topics[i], id);
        if (row && applies(&config->topics[i], client_id))
            return sn_text(row->name);
    }
    return (struct sn_bytes){0};
}

uint16_t predefined_id(const struct config *config, struct sn_bytes client_id, struct sn_bytes name)
{
    for (size_t i = 0; i < config->topics_count; i++) {
        const struct topic_set *set = &config->topics[i];
        if (!applies(set, client_id))
            continue;
        for (size_t j = 0; j < set->count; j++) {
            uint16_t id = set->rows[j].id;
            /* An earlier set may give the same id to another topic of this client. */
            if (sn_bytes_equal(sn_text(set->rows[j].name), name) &&
                sn_bytes_equal(predefined_name(config, client_id, id), name))
                return id;
        }
    }
    return 0;
}
