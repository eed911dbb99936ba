/* SPDX-License-Identifier: Apache-2.0 */
/* The list of scheduling policies. */
#include <string.h>

#include "controller/policy.h"

extern const gw_policy_ops gw_policy_fifo; /* policy_fifo.c */

const gw_policy_ops *const gw_policies[] = {&gw_policy_fifo, NULL};

const gw_policy_ops *gw_policy_find(const char *name)
{
    for (uint32_t i = 0; gw_policies[i] != NULL; i++)
        if (strcmp(gw_policies[i]->name, name) == 0)
            return gw_policies[i];
    return NULL;
}
