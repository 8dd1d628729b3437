/* SPDX-License-Identifier: Apache-2.0 */
/* [gateway]: what an option means beyond its row. */
#include "config/draft.h"
#include "config/text.h"

#include <string.h>

/* The first ${...} that nothing is filled in for; NULL when there is none. */
static const char *unknown_word(const char *text)
{
    static const char *const words[] = {"${gateway}", "${client}"};
    const size_t count = sizeof(words) / sizeof(words[0]);

    for (const char *at = text; (at = strstr(at, "${")); at++) {
        size_t known = 0;

        while (known < count && strncmp(at, words[known], strlen(words[known])) != 0)
            known++;
        if (known == count)
            return at;
    }
    return NULL;
}

void check_gateway(struct draft *draft)
{
    const struct entry *entry = draft_entry(draft, "gateway");
    const char *prefix = draft->config->gateway.topic_prefix, *unknown = unknown_word(prefix);

    if (*prefix == '\0')
        return;
    if (topic_name_fault(prefix))
        draft_error(draft, entry, AT_gateway_topic_prefix, "%s", topic_name_fault(prefix));
    else if (unknown)
        draft_error(draft, entry, AT_gateway_topic_prefix,
                    "\"%.*s\" is not filled in; there are ${gateway} and ${client}",
                    (int)(strcspn(unknown, "}") + (strchr(unknown, '}') != NULL)), unknown);
    else if (strncmp(prefix, "$share/", 7) == 0)
        draft_error(draft, entry, AT_gateway_topic_prefix,
                    "begins with $share/, which is no topic that can be published to");
    else if (prefix[strlen(prefix) - 1] != '/')
        draft_error(draft, entry, AT_gateway_topic_prefix,
                    "must end with /, or the name of one client could go on into another's");
}
