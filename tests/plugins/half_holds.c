/* SPDX-License-Identifier: Apache-2.0 */
/* Is told that a slice is full, and could not be told that it is not any more. */
#include "queue.h"

static void hold(gw_policy *policy, uint32_t slice)
{
    (void)policy;
    (void)slice;
}

const gw_policy_ops gw_policy_plugin = {QUEUE_HEAD("half_holds"), QUEUE_MEMBERS, .hold = hold};
