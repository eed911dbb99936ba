/* SPDX-License-Identifier: Apache-2.0 */
/* Placement works on a copy of the loads, so a request that fails half-way leaves nothing. */
#include "controller/resources.h"

#include <string.h>

#include "base/check.h"
#include "controller/placement.h"

typedef struct {
    uint32_t *devices;    /* All meshes', one after the other; NULL: not granted. */
    uint64_t *peak_bytes; /* By mesh. */
} grant;

struct gw_resources {
    const gw_directory *directory;
    const gw_placement_ops *placement;
    uint64_t seed;
    const gw_job *jobs;
    gw_port *port;
    uint32_t *load;       /* By device. */
    uint64_t *free_bytes; /* By device: not spoken for. */
    grant *grants;        /* By job. */
    GArray *waiting;      /* uint32_t: jobs, in the order in which they came. */
};

static void fill_empty(const gw_directory *directory, uint32_t *load, uint64_t *free_bytes)
{
    memset(load, 0, directory->device_count * sizeof *load);
    for (uint32_t i = 0; i < directory->island_count; i++) {
        const gw_island *island = &directory->islands[i];
        for (uint32_t d = 0; d < island->device_count; d++)
            free_bytes[island->first_device + d] = island->hbm_bytes;
    }
}

gw_resources *gw_resources_new(const gw_directory *directory, const gw_control *control,
                               const gw_job *jobs, gw_port *port)
{
    gw_resources *resources = g_new0(gw_resources, 1);
    resources->directory = directory;
    resources->placement = control->placement != NULL ? control->placement : &gw_placement_spread;
    resources->seed = control->placement_seed;
    resources->jobs = jobs;
    resources->port = port;
    resources->load = g_new0(uint32_t, directory->device_count);
    resources->free_bytes = g_new0(uint64_t, directory->device_count);
    fill_empty(directory, resources->load, resources->free_bytes);
    resources->grants = g_new0(grant, directory->job_count);
    resources->waiting = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    return resources;
}

void gw_resources_free(gw_resources *resources)
{
    if (resources == NULL)
        return;
    for (uint32_t j = 0; j < resources->directory->job_count; j++) {
        g_free(resources->grants[j].devices);
        g_free(resources->grants[j].peak_bytes);
    }
    g_free(resources->grants);
    g_free(resources->load);
    g_free(resources->free_bytes);
    g_array_unref(resources->waiting);
    g_free(resources);
}

/* A job's meshes on a cluster whose loads and free memory are changed as they find their place. */
typedef struct {
    const gw_resources *resources;
    uint32_t job_index;
    const gw_job *job;
    const uint64_t *peak_bytes; /* By mesh. */
    uint32_t *load;
    uint64_t *free_bytes;
} job_placement;

static uint32_t value_of_mesh(const uint32_t *by_mesh, uint32_t mesh)
{
    return by_mesh != NULL ? by_mesh[mesh] : GW_INDEX_NONE;
}

static bool place_mesh(const job_placement *placing, uint32_t mesh, uint32_t *out_devices)
{
    const gw_job *job = placing->job;
    const gw_mesh *wanted = gw_program_mesh(job->program, mesh);
    const uint32_t *pinned = job->devices != NULL ? job->devices[mesh] : NULL;
    uint64_t size_bytes = placing->peak_bytes[mesh];
    if (pinned == NULL) {
        const gw_placement_view view = {placing->resources->directory, placing->load,
                                        placing->free_bytes, placing->resources->seed};
        const gw_placement_request request = {
            .mesh = wanted,
            .job = placing->job_index,
            .mesh_index = mesh,
            .island = value_of_mesh(job->islands, mesh),
            .accelerator = value_of_mesh(job->accelerators, mesh),
            .size_bytes = size_bytes,
        };
        return placing->resources->placement->place(&view, &request, out_devices);
    }
    for (uint32_t d = 0; d < gw_mesh_device_count(wanted); d++) {
        if (placing->free_bytes[pinned[d]] < size_bytes)
            return false;
        out_devices[d] = pinned[d];
    }
    return true;
}

/* Whether mesh `a` is harder to place than mesh `b`. */
static bool needs_more(const job_placement *placing, uint32_t a, uint32_t b)
{
    const gw_job *job = placing->job;
    bool is_pinned_a = job->devices != NULL && job->devices[a] != NULL;
    bool is_pinned_b = job->devices != NULL && job->devices[b] != NULL;
    if (is_pinned_a != is_pinned_b)
        return is_pinned_a;
    bool is_bound_a = value_of_mesh(job->islands, a) != GW_INDEX_NONE;
    bool is_bound_b = value_of_mesh(job->islands, b) != GW_INDEX_NONE;
    if (is_bound_a != is_bound_b)
        return is_bound_a;
    if (placing->peak_bytes[a] != placing->peak_bytes[b])
        return placing->peak_bytes[a] > placing->peak_bytes[b];
    uint32_t count_a = gw_mesh_device_count(gw_program_mesh(job->program, a));
    uint32_t count_b = gw_mesh_device_count(gw_program_mesh(job->program, b));
    return count_a != count_b ? count_a > count_b : a < b;
}

/* By insertion: a program of the generators has at most some thousand meshes. */
static void sort_by_need(const job_placement *placing, uint32_t *meshes, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint32_t mesh = meshes[i], k = i;
        for (; k > 0 && needs_more(placing, mesh, meshes[k - 1]); k--)
            meshes[k] = meshes[k - 1];
        meshes[k] = mesh;
    }
}

/* Devices of every mesh, those of mesh m from first[m] on.  False: one finds none. */
static bool place_meshes(const job_placement *placing, const uint32_t *meshes,
                         const uint32_t *first, uint32_t *out_devices)
{
    for (uint32_t i = 0; i < placing->job->program->meshes->len; i++) {
        uint32_t mesh = meshes[i];
        if (!place_mesh(placing, mesh, out_devices + first[mesh]))
            return false;
        for (uint32_t d = first[mesh]; d < first[mesh + 1]; d++) {
            placing->load[out_devices[d]]++;
            placing->free_bytes[out_devices[d]] -= placing->peak_bytes[mesh];
        }
    }
    return true;
}

/* Devices for every mesh, on a cluster whose devices carry `load` and have `free_bytes`, both of
 * which are changed; NULL: one mesh finds none. */
static uint32_t *place_job(const gw_resources *resources, uint32_t job_index,
                           const uint64_t *peak_bytes, uint32_t *load, uint64_t *free_bytes)
{
    const gw_job *job = &resources->jobs[job_index];
    uint32_t mesh_count = job->program->meshes->len;
    uint32_t device_count = resources->directory->device_count;
    g_autofree uint32_t *meshes = g_new(uint32_t, mesh_count);
    g_autofree uint32_t *first = g_new0(uint32_t, mesh_count + 1);
    for (uint32_t m = 0; m < mesh_count; m++) {
        meshes[m] = m;
        first[m + 1] = first[m] + gw_mesh_device_count(gw_program_mesh(job->program, m));
    }
    g_autofree uint32_t *devices = g_new(uint32_t, first[mesh_count]);
    g_autofree uint32_t *old_load = g_memdup2(load, device_count * sizeof *load);
    g_autofree uint64_t *old_free = g_memdup2(free_bytes, device_count * sizeof *free_bytes);
    const job_placement placing = {resources, job_index, job, peak_bytes, load, free_bytes};
    if (place_meshes(&placing, meshes, first, devices))
        return g_steal_pointer(&devices);
    if (mesh_count == 1)
        return NULL;
    memcpy(load, old_load, device_count * sizeof *load);
    memcpy(free_bytes, old_free, device_count * sizeof *free_bytes);
    sort_by_need(&placing, meshes, mesh_count);
    return place_meshes(&placing, meshes, first, devices) ? g_steal_pointer(&devices) : NULL;
}

static void send_grant(gw_resources *resources, uint32_t job_index)
{
    const gw_job *job = &resources->jobs[job_index];
    uint32_t mesh_count = job->program->meshes->len, total = 0;
    for (uint32_t m = 0; m < mesh_count; m++)
        total += gw_mesh_device_count(gw_program_mesh(job->program, m));
    uint32_t size_bytes =
        (uint32_t)(sizeof(gw_assignment_message) + (mesh_count + 1 + total) * sizeof(uint32_t));
    g_autofree gw_assignment_message *message = (gw_assignment_message *)g_malloc0(size_bytes);
    message->header = (gw_message){GW_MESSAGE_SLICE_GRANT, size_bytes};
    message->instance = message->job = job_index;
    message->mesh_count = mesh_count;
    message->device_count = total;
    for (uint32_t m = 0; m < mesh_count; m++)
        message->data[m + 1] =
            message->data[m] + gw_mesh_device_count(gw_program_mesh(job->program, m));
    memcpy(message->data + mesh_count + 1, resources->grants[job_index].devices,
           total * sizeof(uint32_t));
    resources->port->ops->spend(resources->port, GW_COST_LOWER, total);
    resources->port->ops->send(
        resources->port, gw_directory_client(resources->directory, job_index), &message->header);
}

static bool try_grant(gw_resources *resources, uint32_t job)
{
    uint32_t count = resources->directory->device_count;
    g_autofree uint32_t *load = g_new(uint32_t, count);
    g_autofree uint64_t *free_bytes = g_new(uint64_t, count);
    memcpy(load, resources->load, count * sizeof *load);
    memcpy(free_bytes, resources->free_bytes, count * sizeof *free_bytes);
    grant *granted = &resources->grants[job];
    granted->devices = place_job(resources, job, granted->peak_bytes, load, free_bytes);
    if (granted->devices == NULL)
        return false;
    memcpy(resources->load, load, count * sizeof *load);
    memcpy(resources->free_bytes, free_bytes, count * sizeof *free_bytes);
    send_grant(resources, job);
    return true;
}

/* Whether an empty cluster could carry the job; if not, why. */
static bool can_ever_grant(const gw_resources *resources, uint32_t job, gw_refusal *out_reason)
{
    uint32_t count = resources->directory->device_count;
    uint32_t mesh_count = resources->jobs[job].program->meshes->len;
    g_autofree uint32_t *load = g_new(uint32_t, count);
    g_autofree uint64_t *free_bytes = g_new(uint64_t, count);
    fill_empty(resources->directory, load, free_bytes);
    g_autofree uint32_t *devices =
        place_job(resources, job, resources->grants[job].peak_bytes, load, free_bytes);
    if (devices != NULL)
        return true;
    g_autofree uint64_t *nothing = g_new0(uint64_t, mesh_count);
    fill_empty(resources->directory, load, free_bytes);
    g_autofree uint32_t *anywhere = place_job(resources, job, nothing, load, free_bytes);
    *out_reason = anywhere == NULL ? GW_REFUSAL_SHAPE : GW_REFUSAL_MEMORY;
    return false;
}

void gw_resources_request(gw_resources *resources, gw_node_id source,
                          const gw_slice_request *message)
{
    uint32_t job = message->job;
    const gw_plan *plan = resources->jobs[job].plan;
    grant *granted = &resources->grants[job];
    gw_check(granted->peak_bytes == NULL);
    granted->peak_bytes = g_new0(uint64_t, plan->program->meshes->len);
    gw_plan_peak_bytes(plan, granted->peak_bytes);
    gw_refusal reason;
    if (resources->waiting->len == 0 && try_grant(resources, job))
        return;
    if (can_ever_grant(resources, job, &reason)) {
        g_array_append_val(resources->waiting, job);
        return;
    }
    gw_slice_refused refused = {{GW_MESSAGE_SLICE_REFUSED, sizeof refused}, reason};
    resources->port->ops->send(resources->port, source, &refused.header);
}

static void take_back(gw_resources *resources, uint32_t job)
{
    grant *granted = &resources->grants[job];
    uint32_t first = 0;
    for (uint32_t m = 0; m < resources->jobs[job].program->meshes->len; m++) {
        uint32_t count = gw_mesh_device_count(gw_program_mesh(resources->jobs[job].program, m));
        for (uint32_t d = first; d < first + count; d++) {
            resources->load[granted->devices[d]]--;
            resources->free_bytes[granted->devices[d]] += granted->peak_bytes[m];
        }
        first += count;
    }
    g_clear_pointer(&granted->devices, g_free);
}

static void forget_waiting(gw_resources *resources, uint32_t job)
{
    for (uint32_t i = 0; i < resources->waiting->len; i++)
        if (g_array_index(resources->waiting, uint32_t, i) == job) {
            g_array_remove_index(resources->waiting, i);
            return;
        }
}

void gw_resources_release(gw_resources *resources, const gw_instance_message *message)
{
    uint32_t job = message->instance;
    gw_check(job < resources->directory->job_count);
    gw_check(resources->grants[job].peak_bytes != NULL); /* It has asked. */
    if (resources->grants[job].devices != NULL)
        take_back(resources, job);
    else
        forget_waiting(resources, job);
    while (resources->waiting->len > 0 &&
           try_grant(resources, g_array_index(resources->waiting, uint32_t, 0)))
        g_array_remove_index(resources->waiting, 0);
}

void gw_resources_explain(const gw_resources *resources, GString *out)
{
    for (uint32_t i = 0; i < resources->waiting->len; i++)
        g_string_append_printf(
            out, "resource manager: job %s waits for devices with free memory\n",
            resources->jobs[g_array_index(resources->waiting, uint32_t, i)].name);
}
