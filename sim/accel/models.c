/* SPDX-License-Identifier: Apache-2.0 */
/* The list of models: a new one is a file, a table, and a line here. */
#include <string.h>

#include "accel/model.h"

const gw_accel_ops *const gw_accel_models[] = {&gw_model_roofline, NULL};

const gw_accel_ops *gw_accel_model_find(const char *name)
{
    for (uint32_t i = 0; gw_accel_models[i] != NULL; i++) {
        if (strcmp(gw_accel_models[i]->name, name) == 0) {
            return gw_accel_models[i];
        }
    }
    return NULL;
}

gw_accel_model gw_accel_model_of(const gw_accel_ops *ops, const gw_cluster *cluster)
{
    return (gw_accel_model){.ops = ops, .cluster = cluster};
}
