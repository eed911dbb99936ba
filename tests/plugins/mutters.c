/* SPDX-License-Identifier: Apache-2.0 */
/* create() gives an error with the words that it is told, and with "makes" a policy, too. */
#include "base/error.h"
#include "queue.h"

static gw_policy *create(gw_params *params, GError **error)
{
    const char *name, *words = "";
    bool makes = false;
    if (params != NULL && !(gw_params_string(params, "name", true, &name, error) &&
                            gw_params_string(params, "words", false, &words, error) &&
                            gw_params_bool(params, "makes", false, &makes, error)))
        return NULL;
    g_set_error_literal(error, GW_ERROR, GW_ERROR_SYSTEM, words);
    return makes ? queue_create(NULL, NULL) : NULL;
}

const gw_policy_ops gw_policy_plugin = {QUEUE_HEAD("mutters"),    .create = create,
                                        .destroy = queue_destroy, .offer = queue_offer,
                                        .pick = queue_pick,       .take = queue_take};
