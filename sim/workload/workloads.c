/* SPDX-License-Identifier: Apache-2.0 */
/* The list of workloads: a new one is a file and a line here. */
#include <string.h>

#include "workload/workload.h"

const gw_workload_ops *const gw_workloads[] = {
    &gw_workload_chain,
    &gw_workload_graph,
    &gw_workload_mixture,
    &gw_workload_mlp,
    &gw_workload_pipeline,
    &gw_workload_products,
    &gw_workload_transformer,
    NULL,
};

const gw_workload_ops *gw_workload_find(const char *name)
{
    for (size_t i = 0; gw_workloads[i] != NULL; i++) {
        if (strcmp(gw_workloads[i]->name, name) == 0) {
            return gw_workloads[i];
        }
    }
    return NULL;
}
