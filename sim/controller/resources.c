/* SPDX-License-Identifier: Apache-2.0 */
/* Placement works on a copy of the loads, so a request that fails half-way leaves nothing. */
#include "controller/resources.h"

#include <string.h>

#include "base/check.h"
#include "controller/placer.h"

typedef struct {
    uint32_t *devices;    /* All meshes', one after the other; NULL: not granted. */
    uint64_t *peak_bytes; /* By mesh; NULL: it has not asked. */
    uint32_t instance;    /* The latest. */
    bool had_devices;
    bool is_recalled; /* It was told to leave its devices, or stays on them. */
    uint64_t arrival; /* Its first request's place among all. */
} grant;

struct gw_resources {
    const gw_directory *directory;
    const gw_control *control;
    gw_placer *placer;
    const gw_job *jobs;
    gw_port *port;
    uint32_t *load;       /* By device. */
    uint64_t *free_bytes; /* By device: not spoken for. */
    bool *is_removed;     /* By device. */
    uint32_t next_change; /* Those before it are made. */
    grant *grants;        /* By job. */
    GArray *moved;        /* uint32_t: jobs, by the number of a later instance. */
    uint64_t arrival_count;
    GArray *waiting; /* uint32_t: jobs, in the order in which they came. */
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

static void mark_hosts(const gw_directory *directory, const gw_change *change, bool mark,
                       bool *is_marked)
{
    const gw_island *island = &directory->islands[change->island];
    for (uint32_t h = 0; h < change->host_count; h++) {
        uint32_t first = island->first_device + change->hosts[h] * island->devices_per_host;
        gw_check(change->hosts[h] < island->host_count);
        for (uint32_t d = 0; d < island->devices_per_host; d++)
            is_marked[first + d] = mark;
    }
}

gw_resources *gw_resources_new(const gw_directory *directory, const gw_control *control,
                               const gw_job *jobs, gw_port *port, GError **error)
{
    gw_placer *placer =
        gw_placer_new(directory, control, jobs, gw_directory_resources(directory), port, error);
    if (placer == NULL)
        return NULL;
    gw_resources *resources = g_new0(gw_resources, 1);
    resources->directory = directory;
    resources->placer = placer;
    resources->control = control;
    resources->jobs = jobs;
    resources->port = port;
    resources->load = g_new0(uint32_t, directory->device_count);
    resources->free_bytes = g_new0(uint64_t, directory->device_count);
    fill_empty(directory, resources->load, resources->free_bytes);
    resources->is_removed = g_new0(bool, directory->device_count);
    resources->grants = g_new0(grant, directory->job_count);
    resources->moved = g_array_new(FALSE, FALSE, sizeof(uint32_t));
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
    gw_placer_free(resources->placer);
    g_free(resources->grants);
    g_free(resources->load);
    g_free(resources->free_bytes);
    g_free(resources->is_removed);
    g_array_unref(resources->moved);
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
    const bool *is_removed; /* NULL: no device is. */
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
        const gw_placement_view view = {
            .directory = placing->resources->directory,
            .load = placing->load,
            .free_bytes = placing->free_bytes,
            .is_removed = placing->is_removed,
            .seed = placing->resources->control->placement_seed,
        };
        gw_placement_request request = {
            .dims = wanted->dims,
            .job = placing->job_index,
            .mesh_index = mesh,
            .island = value_of_mesh(job->islands, mesh),
            .accelerator = value_of_mesh(job->accelerators, mesh),
            .size_bytes = size_bytes,
        };
        memcpy(request.shape, wanted->shape, sizeof request.shape);
        return gw_placer_place(placing->resources->placer, &view, &request, out_devices);
    }
    for (uint32_t d = 0; d < gw_mesh_device_count(wanted); d++) {
        bool is_removed = placing->is_removed != NULL && placing->is_removed[pinned[d]];
        if (is_removed || placing->free_bytes[pinned[d]] < size_bytes)
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
                           const uint64_t *peak_bytes, uint32_t *load, uint64_t *free_bytes,
                           const bool *is_removed)
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
    const job_placement placing = {resources, job_index,  job,       peak_bytes,
                                   load,      free_bytes, is_removed};
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
    message->instance = resources->grants[job_index].instance;
    message->job = job_index;
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
    granted->devices =
        place_job(resources, job, granted->peak_bytes, load, free_bytes, resources->is_removed);
    if (granted->devices == NULL)
        return false;
    memcpy(resources->load, load, count * sizeof *load);
    memcpy(resources->free_bytes, free_bytes, count * sizeof *free_bytes);
    granted->instance = job;
    if (granted->had_devices) {
        granted->instance = resources->directory->job_count + resources->moved->len;
        g_array_append_val(resources->moved, job);
    }
    granted->had_devices = true;
    granted->is_recalled = false;
    send_grant(resources, job);
    return true;
}

/* --- Requests --- */

/* Where removed devices are not counted on: they are out, and no change to come puts them back. */
static bool *list_gone(const gw_resources *resources)
{
    bool *gone =
        g_memdup2(resources->is_removed, resources->directory->device_count * sizeof *gone);
    for (uint32_t c = resources->next_change; c < resources->control->change_count; c++)
        if (!resources->control->changes[c].is_removal)
            mark_hosts(resources->directory, &resources->control->changes[c], false, gone);
    return gone;
}

static bool could_place(const gw_resources *resources, uint32_t job, const uint64_t *peak_bytes,
                        const bool *is_removed)
{
    uint32_t count = resources->directory->device_count;
    g_autofree uint32_t *load = g_new(uint32_t, count);
    g_autofree uint64_t *free_bytes = g_new(uint64_t, count);
    fill_empty(resources->directory, load, free_bytes);
    g_autofree uint32_t *devices =
        place_job(resources, job, peak_bytes, load, free_bytes, is_removed);
    return devices != NULL;
}

/* Whether the cluster could carry the job, were it empty; if not, why. */
static bool can_ever_grant(const gw_resources *resources, uint32_t job, gw_refusal *out_reason)
{
    const uint64_t *peak_bytes = resources->grants[job].peak_bytes;
    g_autofree bool *gone = list_gone(resources);
    if (could_place(resources, job, peak_bytes, gone))
        return true;
    g_autofree uint64_t *nothing = g_new0(uint64_t, resources->jobs[job].program->meshes->len);
    if (!could_place(resources, job, nothing, NULL))
        *out_reason = GW_REFUSAL_SHAPE;
    else if (!could_place(resources, job, peak_bytes, NULL))
        *out_reason = GW_REFUSAL_MEMORY;
    else
        *out_reason = GW_REFUSAL_REMOVED;
    return false;
}

static void refuse(gw_resources *resources, uint32_t job, gw_refusal reason)
{
    if (gw_placer_is_wrong(resources->placer)) /* It is not the job's fault, and the run ends. */
        return;
    gw_slice_refused refused = {{GW_MESSAGE_SLICE_REFUSED, sizeof refused}, reason};
    resources->port->ops->send(resources->port, gw_directory_client(resources->directory, job),
                               &refused.header);
}

static void serve_waiting(gw_resources *resources)
{
    while (resources->waiting->len > 0 &&
           try_grant(resources, g_array_index(resources->waiting, uint32_t, 0)))
        g_array_remove_index(resources->waiting, 0);
}

/* In the order in which they first asked: a job that has to move keeps its turn. */
static void wait_in_turn(gw_resources *resources, uint32_t job)
{
    uint32_t place = resources->waiting->len;
    while (place > 0 &&
           resources->grants[g_array_index(resources->waiting, uint32_t, place - 1)].arrival >
               resources->grants[job].arrival)
        place--;
    g_array_insert_val(resources->waiting, place, job);
}

void gw_resources_request(gw_resources *resources, gw_node_id source,
                          const gw_slice_request *message)
{
    uint32_t job = message->job;
    const gw_plan *plan = resources->jobs[job].plan;
    grant *granted = &resources->grants[job];
    gw_check(granted->peak_bytes == NULL);
    gw_check(gw_directory_client(resources->directory, job).index == source.index);
    granted->peak_bytes = g_new0(uint64_t, plan->program->meshes->len);
    granted->arrival = resources->arrival_count++;
    gw_plan_peak_bytes(plan, granted->peak_bytes);
    gw_refusal reason;
    if (resources->waiting->len == 0 && try_grant(resources, job))
        return;
    if (can_ever_grant(resources, job, &reason))
        wait_in_turn(resources, job);
    else
        refuse(resources, job, reason);
}

static uint32_t job_of_instance(const gw_resources *resources, uint32_t instance)
{
    uint32_t job_count = resources->directory->job_count;
    if (instance < job_count)
        return instance;
    gw_check(instance - job_count < resources->moved->len);
    return g_array_index(resources->moved, uint32_t, instance - job_count);
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
    uint32_t job = job_of_instance(resources, message->instance);
    gw_check(resources->grants[job].peak_bytes != NULL); /* It has asked. */
    if (resources->grants[job].devices != NULL)
        take_back(resources, job);
    else
        forget_waiting(resources, job);
    serve_waiting(resources);
}

void gw_resources_exchange(gw_resources *resources, const gw_instance_message *message)
{
    uint32_t job = job_of_instance(resources, message->instance);
    gw_check(resources->grants[job].devices != NULL);
    gw_check(resources->grants[job].is_recalled);
    take_back(resources, job);
    gw_refusal reason;
    if (can_ever_grant(resources, job, &reason))
        wait_in_turn(resources, job);
    else
        refuse(resources, job, reason);
    serve_waiting(resources);
}

/* --- Devices that leave and come --- */

static bool lies_on_removed(const gw_resources *resources, uint32_t job)
{
    const gw_program *program = resources->jobs[job].program;
    const uint32_t *devices = resources->grants[job].devices;
    for (uint32_t m = 0; m < program->meshes->len; m++)
        for (uint32_t d = 0; d < gw_mesh_device_count(gw_program_mesh(program, m)); d++)
            if (resources->is_removed[*devices++])
                return true;
    return false;
}

static void recall(gw_resources *resources, uint32_t job)
{
    grant *granted = &resources->grants[job];
    granted->is_recalled = true;
    if (gw_plan_has_state(resources->jobs[job].plan)) {
        gw_note stays = {GW_NOTE_JOB_STAYED, job, granted->instance, 0};
        resources->port->ops->note(resources->port, &stays);
        return;
    }
    gw_instance_message message = {{GW_MESSAGE_SLICE_RECALL, sizeof message}, granted->instance};
    resources->port->ops->send(resources->port, gw_directory_client(resources->directory, job),
                               &message.header);
}

static void refuse_those_left_out(gw_resources *resources)
{
    for (uint32_t i = 0; i < resources->waiting->len;) {
        uint32_t job = g_array_index(resources->waiting, uint32_t, i);
        gw_refusal reason;
        if (can_ever_grant(resources, job, &reason)) {
            i++;
            continue;
        }
        g_array_remove_index(resources->waiting, i);
        refuse(resources, job, reason);
    }
}

static void apply_change(gw_resources *resources, const gw_change *change)
{
    mark_hosts(resources->directory, change, change->is_removal, resources->is_removed);
    if (change->is_removal) {
        for (uint32_t j = 0; j < resources->directory->job_count; j++)
            if (resources->grants[j].devices != NULL && !resources->grants[j].is_recalled &&
                lies_on_removed(resources, j))
                recall(resources, j);
        refuse_those_left_out(resources);
    }
    serve_waiting(resources);
}

void gw_resources_start(gw_resources *resources)
{
    const gw_control *control = resources->control;
    gw_time now_ns = resources->port->ops->now(resources->port);
    for (; resources->next_change < control->change_count; resources->next_change++) {
        const gw_change *change = &control->changes[resources->next_change];
        if (change->at_ns > now_ns) {
            resources->port->ops->timer_set(resources->port, change->at_ns,
                                            (gw_tag){resources->next_change});
            return;
        }
        mark_hosts(resources->directory, change, change->is_removal, resources->is_removed);
    }
}

void gw_resources_timer(gw_resources *resources, gw_tag tag)
{
    const gw_control *control = resources->control;
    gw_check(tag.value == resources->next_change);
    gw_check(resources->next_change < control->change_count);
    const gw_change *change = &control->changes[resources->next_change++];
    if (resources->next_change < control->change_count)
        resources->port->ops->timer_set(resources->port,
                                        control->changes[resources->next_change].at_ns,
                                        (gw_tag){resources->next_change});
    apply_change(resources, change);
}

static bool has_removed(const gw_resources *resources)
{
    for (uint32_t d = 0; d < resources->directory->device_count; d++)
        if (resources->is_removed[d])
            return true;
    return false;
}

void gw_resources_explain(const gw_resources *resources, GString *out)
{
    for (uint32_t i = 0; i < resources->waiting->len; i++)
        g_string_append_printf(out,
                               "resource manager: job %s waits for devices with free memory%s\n",
                               resources->jobs[g_array_index(resources->waiting, uint32_t, i)].name,
                               has_removed(resources) ? "; some were removed" : "");
}

void gw_resources_blame(const gw_resources *resources, GString *out)
{
    gw_placer_blame(resources->placer, out);
}
