/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/mesh_hosts.h"

gw_mesh_hosts *gw_mesh_hosts_new(const gw_directory *directory, const gw_plan *plan,
                                 const gw_assignment_message *message)
{
    gw_mesh_hosts *made = g_new0(gw_mesh_hosts, 1);
    const uint32_t *first = message->data;
    const uint32_t *devices = message->data + message->mesh_count + 1;
    g_autofree uint32_t *seen_by = g_new0(uint32_t, directory->host_count); /* Mesh, plus 1. */
    made->plan = plan;
    made->first = g_new0(uint32_t, message->mesh_count + 1);
    made->hosts = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    for (uint32_t m = 0; m < message->mesh_count; m++) {
        for (uint32_t d = first[m]; d < first[m + 1]; d++) {
            uint32_t host = gw_directory_host(directory, (gw_device_id){devices[d]}).index;
            if (seen_by[host] != m + 1)
                g_array_append_val(made->hosts, host);
            seen_by[host] = m + 1;
        }
        made->first[m + 1] = made->hosts->len;
    }
    return made;
}

void gw_mesh_hosts_free(gw_mesh_hosts *mesh_hosts)
{
    if (mesh_hosts == NULL)
        return;
    g_free(mesh_hosts->first);
    g_array_unref(mesh_hosts->hosts);
    g_free(mesh_hosts);
}
