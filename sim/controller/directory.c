/* SPDX-License-Identifier: Apache-2.0 */
/* The directory is arithmetic over one small table of islands: node and device numbers are laid
 * out island by island, so a search over islands answers every question. */
#include "controller/directory.h"

#include <string.h>

#include "base/check.h"

gw_directory *gw_directory_new(const gw_island *islands, uint32_t island_count, uint32_t job_count)
{
    gw_check(island_count > 0);
    gw_directory *directory = g_new0(gw_directory, 1);
    directory->islands = g_new0(gw_island, island_count);
    directory->island_count = island_count;
    directory->job_count = job_count;
    for (uint32_t i = 0; i < island_count; i++) {
        gw_island *island = &directory->islands[i];
        *island = islands[i];
        island->first_host = directory->host_count;
        island->first_device = directory->device_count;
        island->device_count = island->host_count * island->devices_per_host;
        gw_check(island->device_count > 0);
        gw_check(island->shape[0] * island->shape[1] * island->shape[2] == island->device_count);
        directory->host_count += island->host_count;
        directory->device_count += island->device_count;
    }
    return directory;
}

void gw_directory_free(gw_directory *directory)
{
    if (directory == NULL)
        return;
    g_free(directory->islands);
    g_free(directory);
}

uint32_t gw_directory_node_count(const gw_directory *directory)
{
    return directory->host_count + directory->island_count + 1 + directory->job_count;
}

/* The last island that begins at that device, or at that host, or before. */
static uint32_t find_island(const gw_directory *directory, uint32_t index, bool is_host)
{
    uint32_t low = 0, high = directory->island_count;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        const gw_island *island = &directory->islands[middle];
        if ((is_host ? island->first_host : island->first_device) <= index)
            low = middle;
        else
            high = middle;
    }
    return low;
}

uint32_t gw_directory_island(const gw_directory *directory, gw_device_id device)
{
    gw_check(device.index < directory->device_count);
    return find_island(directory, device.index, false);
}

uint32_t gw_directory_island_of_host(const gw_directory *directory, gw_node_id host)
{
    gw_check(host.index < directory->host_count);
    return find_island(directory, host.index, true);
}

uint32_t gw_directory_devices_of_host(const gw_directory *directory, gw_node_id host,
                                      uint32_t *out_first)
{
    const gw_island *island = &directory->islands[gw_directory_island_of_host(directory, host)];
    *out_first =
        island->first_device + (host.index - island->first_host) * island->devices_per_host;
    return island->devices_per_host;
}

gw_node_id gw_directory_host(const gw_directory *directory, gw_device_id device)
{
    const gw_island *island = &directory->islands[gw_directory_island(directory, device)];
    return (gw_node_id){island->first_host +
                        (device.index - island->first_device) / island->devices_per_host};
}

gw_node_id gw_directory_scheduler(const gw_directory *directory, uint32_t island)
{
    gw_check(island < directory->island_count);
    return (gw_node_id){directory->host_count + island};
}

gw_node_id gw_directory_resources(const gw_directory *directory)
{
    return (gw_node_id){directory->host_count + directory->island_count};
}

gw_node_id gw_directory_client(const gw_directory *directory, uint32_t job)
{
    gw_check(job < directory->job_count);
    return (gw_node_id){directory->host_count + directory->island_count + 1 + job};
}

gw_role gw_directory_role(const gw_directory *directory, gw_node_id node, uint32_t *out_index)
{
    uint32_t index = node.index;
    gw_role role;
    gw_check(index < gw_directory_node_count(directory));
    if (index < directory->host_count) {
        role = GW_ROLE_EXECUTOR;
    } else if ((index -= directory->host_count) < directory->island_count) {
        role = GW_ROLE_SCHEDULER;
    } else if ((index -= directory->island_count) == 0) {
        role = GW_ROLE_RESOURCES;
    } else {
        index -= 1;
        role = GW_ROLE_CLIENT;
    }
    *out_index = index;
    return role;
}
