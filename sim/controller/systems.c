/* SPDX-License-Identifier: Apache-2.0 */
/* The list of systems. */
#include <string.h>

#include "controller/system.h"

extern const gw_system_ops gw_system_pathways;         /* system_pathways.c */
extern const gw_system_ops gw_system_multi_controller; /* system_multi.c */
extern const gw_system_ops gw_system_tf1;              /* system_tf1.c */
extern const gw_system_ops gw_system_ray;              /* system_ray.c */

const gw_system_ops *const gw_systems[] = {
    &gw_system_pathways, &gw_system_multi_controller, &gw_system_tf1, &gw_system_ray, NULL,
};

const gw_system_ops *gw_system_find(const char *name)
{
    for (uint32_t i = 0; gw_systems[i] != NULL; i++)
        if (strcmp(gw_systems[i]->name, name) == 0)
            return gw_systems[i];
    return NULL;
}

const gw_system_ops *gw_system_of(const gw_control *control)
{
    return control->system != NULL ? control->system : gw_systems[0];
}
