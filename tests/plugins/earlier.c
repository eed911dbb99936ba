/* SPDX-License-Identifier: Apache-2.0 */
/* A table that says that it ends before `hold`, as one does that was built before there was any:
 * what stands there then is no function. */
#include "queue.h"

static void fail(gw_policy *policy, uint32_t number)
{
    (void)policy;
    (void)number;
    gw_check_failed(__FILE__, __LINE__, __func__, "called past the table's end");
}

const gw_policy_ops gw_policy_plugin = {.abi = GW_POLICY_ABI,
                                        .size_bytes = GW_POLICY_OPS_FIRST_BYTES,
                                        .name = "earlier",
                                        .summary = "of the tests",
                                        QUEUE_MEMBERS,
                                        .hold = fail,
                                        .release = fail,
                                        .withdraw = fail};
