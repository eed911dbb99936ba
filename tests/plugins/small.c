/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of placement and of dispatch whose headers were changed without a count. */
#include "controller/dispatch_policy.h"
#include "controller/placement.h"

const gw_placement_ops gw_placement_plugin = {.abi = GW_PLACEMENT_ABI, .size_bytes = 40};
const gw_dispatch_policy_ops gw_dispatch_plugin = {.abi = GW_DISPATCH_ABI, .size_bytes = 41};
