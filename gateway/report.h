/* SPDX-License-Identifier: Apache-2.0 */
/* report - every counter and every session as lines of the log, whatever its level */
#ifndef GATEWAY_REPORT_H
#define GATEWAY_REPORT_H

#include "gateway/loop.h"

void report_all(struct gateway *g);

#endif
