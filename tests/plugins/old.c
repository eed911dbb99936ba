/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of placement and of dispatch for the headers of another time. */
#include "controller/dispatch_policy.h"
#include "controller/placement.h"

const gw_placement_ops gw_placement_plugin = {.abi = 4711};
const gw_dispatch_policy_ops gw_dispatch_plugin = {.abi = 4712};
