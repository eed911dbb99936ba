/* SPDX-License-Identifier: Apache-2.0 */
/* The list of systems. */
#include "controller/system.h"

const gw_system_ops *const gw_systems[] = {
    &gw_system_pathways, &gw_system_multi_controller, &gw_system_tf1, &gw_system_ray, NULL,
};

const gw_system_ops *gw_system_of(const gw_control *control)
{
    return control->system != NULL ? control->system : gw_systems[0];
}
