/* SPDX-License-Identifier: Apache-2.0 */
/* create() has a reason of its own, in an error of another domain, without a place. */
#include "queue.h"

static gw_policy *create(gw_params *params, GError **error)
{
    (void)params;
    g_set_error_literal(error, g_quark_from_static_string("tests"), 1, "the moon is not full");
    return NULL;
}

const gw_policy_ops gw_policy_plugin = {QUEUE_HEAD("refuses"),    .create = create,
                                        .destroy = queue_destroy, .offer = queue_offer,
                                        .pick = queue_pick,       .take = queue_take};
