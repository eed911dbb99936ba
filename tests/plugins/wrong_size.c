/* SPDX-License-Identifier: Apache-2.0 */
/* The right ABI, and a table that ends early. */
#include "queue.h"

const gw_policy_ops gw_policy_plugin = {.abi = GW_POLICY_ABI,
                                        .size_bytes = sizeof(gw_policy_ops) - sizeof(void *),
                                        .name = "wrong_size",
                                        .summary = "of the tests",
                                        QUEUE_MEMBERS};
