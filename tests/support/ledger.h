/* SPDX-License-Identifier: Apache-2.0 */
/* ledger - records kept in memory as a store keeps them: one row each, by its key
 *
 * What a core has told its sink until now, ready to be told to the next core.
 */
#ifndef TESTS_SUPPORT_LEDGER_H
#define TESTS_SUPPORT_LEDGER_H

#include <stddef.h>

#include "gateway/core/record.h"

struct ledger_row {
    struct record record; /* its views point into `text` */
    uint8_t *text;
};

/* Zero-initialised is empty. */
struct ledger {
    struct ledger_row *rows;
    size_t count, cap;
    uint64_t writes; /* records applied, with those that found nothing to delete */
};

void ledger_apply(struct ledger *ledger, const struct record *record);
void ledger_clear(struct ledger *ledger);

/* Rows of this type, of all clients. */
size_t ledger_count(const struct ledger *ledger, enum record_type type);

/* In the order core_restore wants. */
void ledger_each(const struct ledger *ledger, void (*each)(void *self, const struct record *),
                 void *self);

#endif
