/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of placement and of dispatch that lack what they are for. */
#include "base/check.h"
#include "controller/dispatch_policy.h"
#include "controller/placement.h"

static gw_placement *create_placement(gw_params *params, GError **error)
{
    (void)params;
    (void)error;
    gw_check(!"asked for");
    return NULL;
}

static void destroy_placement(gw_placement *placement)
{
    (void)placement;
}

static gw_dispatch_policy *create_dispatch(gw_params *params, GError **error)
{
    (void)params;
    (void)error;
    gw_check(!"asked for");
    return NULL;
}

static void destroy_dispatch(gw_dispatch_policy *policy)
{
    (void)policy;
}

const gw_placement_ops gw_placement_plugin = {.abi = GW_PLACEMENT_ABI,
                                              .size_bytes = sizeof(gw_placement_ops),
                                              .name = "hollow",
                                              .summary = "of the tests",
                                              .create = create_placement,
                                              .destroy = destroy_placement};
const gw_dispatch_policy_ops gw_dispatch_plugin = {.abi = GW_DISPATCH_ABI,
                                                   .size_bytes = sizeof(gw_dispatch_policy_ops),
                                                   .name = "hollow",
                                                   .summary = "of the tests",
                                                   .create = create_dispatch,
                                                   .destroy = destroy_dispatch};
