/* SPDX-License-Identifier: Apache-2.0 */
/* create() refuses and does not say why: always, or (with "later") the second time. */
#include "queue.h"

static gw_policy *create(gw_params *params, GError **error)
{
    static guint made_count;
    const char *name;
    bool is_later = false;
    if (params != NULL && !(gw_params_string(params, "name", true, &name, error) &&
                            gw_params_bool(params, "later", false, &is_later, error)))
        return NULL;
    made_count++;
    return is_later && made_count == 1 ? queue_create(NULL, error) : NULL;
}

const gw_policy_ops gw_policy_plugin = {QUEUE_HEAD("silent"),     .create = create,
                                        .destroy = queue_destroy, .offer = queue_offer,
                                        .pick = queue_pick,       .take = queue_take};
