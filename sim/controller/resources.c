/* SPDX-License-Identifier: Apache-2.0 */
/* Placement works on a copy of the loads, so a request that fails half-way leaves nothing. */
#include "controller/resources.h"

#include <string.h>

#include "base/check.h"
#include "controller/collect.h"
#include "controller/job_placement.h"
#include "controller/lease.h"
#include "controller/placer.h"

typedef struct {
    uint32_t *devices;    /* All meshes', one after the other; NULL: not granted. */
    uint64_t *peak_bytes; /* By mesh; NULL: it has not asked. */
    uint32_t instance;    /* The latest. */
    bool had_devices;
    bool is_recalled; /* It was told to leave its devices. */
    bool is_leaving;  /* With its data, and has not asked for others yet. */
    bool is_lost;     /* Its client has lost its lease: nothing that it says counts any more. */
    uint64_t arrival; /* Its first request's place among all. */
    /* While it moves with its data: those of the instance before; NULL: it does not.  What that
     * holds until it is gone, by mesh, is state_bytes. */
    uint32_t *left_devices;
    uint32_t left_instance;
    uint64_t *state_bytes;
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
    GArray *waiting;        /* uint32_t: jobs, in the order in which they came. */
    uint32_t leaving_count; /* While there are any, nobody is given devices that they may need. */
    GArray *staying;        /* Likewise: those on removed devices for which there were no others. */
    gw_lease_book *leases;
    gw_collector *collector;
    GArray *lost; /* uint32_t: jobs; scratch. */
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
    resources->leases = gw_lease_book_new(directory, control->lease_ns, port);
    resources->collector = gw_collector_new(directory, control, port);
    resources->lost = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    resources->staying = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    return resources;
}

void gw_resources_free(gw_resources *resources)
{
    if (resources == NULL)
        return;
    for (uint32_t j = 0; j < resources->directory->job_count; j++) {
        g_free(resources->grants[j].devices);
        g_free(resources->grants[j].peak_bytes);
        g_free(resources->grants[j].left_devices);
        g_free(resources->grants[j].state_bytes);
    }
    gw_placer_free(resources->placer);
    g_free(resources->grants);
    g_free(resources->load);
    g_free(resources->free_bytes);
    g_free(resources->is_removed);
    g_array_unref(resources->moved);
    g_array_unref(resources->waiting);
    gw_lease_book_free(resources->leases);
    gw_collector_free(resources->collector);
    g_array_unref(resources->lost);
    g_array_unref(resources->staying);
    g_free(resources);
}

/* Devices for every mesh (job_placement.h). */
static uint32_t *place_job(const gw_resources *resources, uint32_t job, const uint64_t *peak_bytes,
                           uint32_t *load, uint64_t *free_bytes, const bool *is_removed,
                           const uint32_t *old_devices)
{
    const gw_job_request request = {
        .directory = resources->directory,
        .placer = resources->placer,
        .job = &resources->jobs[job],
        .job_index = job,
        .seed = resources->control->placement_seed,
        .peak_bytes = peak_bytes,
        .is_removed = is_removed,
        .old_devices = old_devices,
    };
    return gw_job_place(&request, load, free_bytes);
}

/* Of all its meshes. */
static uint32_t count_devices(const gw_program *program)
{
    uint32_t count = 0;
    for (uint32_t m = 0; m < program->meshes->len; m++)
        count += gw_mesh_device_count(gw_program_mesh(program, m));
    return count;
}

static void send_grant(gw_resources *resources, uint32_t job_index)
{
    const gw_job *job = &resources->jobs[job_index];
    const uint32_t mesh_count = job->program->meshes->len, total = count_devices(job->program);
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
    const grant *granted = &resources->grants[job_index];
    uint32_t moved = gw_assignment_count_moved(granted->devices, granted->left_devices, total);
    if (moved > 0)
        resources->port->ops->spend(resources->port, GW_COST_LOWER, moved);
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
    granted->devices = place_job(resources, job, granted->peak_bytes, load, free_bytes,
                                 resources->is_removed, granted->left_devices);
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
        place_job(resources, job, peak_bytes, load, free_bytes, is_removed, NULL);
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

static void serve_staying(gw_resources *resources);

static void serve_waiting(gw_resources *resources)
{
    serve_staying(resources);
    while (resources->waiting->len > 0 && resources->leaving_count == 0 &&
           try_grant(resources, g_array_index(resources->waiting, uint32_t, 0)))
        g_array_remove_index(resources->waiting, 0);
}

/* In the order in which they first asked: a job that has to move keeps its turn. */
static void queue_in_turn(const gw_resources *resources, GArray *queue, uint32_t job)
{
    uint32_t place = queue->len;
    while (place > 0 && resources->grants[g_array_index(queue, uint32_t, place - 1)].arrival >
                            resources->grants[job].arrival)
        place--;
    g_array_insert_val(queue, place, job);
}

static void wait_in_turn(gw_resources *resources, uint32_t job)
{
    queue_in_turn(resources, resources->waiting, job);
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
    granted->instance = job; /* Before there is any. */
    granted->arrival = resources->arrival_count++;
    gw_lease_book_open(resources->leases, job);
    gw_plan_peak_bytes(plan, granted->peak_bytes);
    granted->state_bytes = g_new0(uint64_t, plan->program->meshes->len);
    gw_plan_state_bytes(plan, granted->state_bytes);
    gw_refusal reason;
    if (resources->waiting->len == 0 && resources->leaving_count == 0 && try_grant(resources, job))
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

/* `free_bytes`: what its devices have besides, when it takes `to_bytes` (NULL: nothing) in place of
 * `from_bytes`, by mesh. */
static void rebook(const gw_resources *resources, uint32_t job, const uint32_t *devices,
                   const uint64_t *from_bytes, const uint64_t *to_bytes, uint64_t *free_bytes)
{
    const gw_program *program = resources->jobs[job].program;
    for (uint32_t m = 0; m < program->meshes->len; m++)
        for (uint32_t d = 0; d < gw_mesh_device_count(gw_program_mesh(program, m)); d++) {
            gw_check(free_bytes[*devices] + from_bytes[m] >= (to_bytes == NULL ? 0 : to_bytes[m]));
            free_bytes[*devices++] += from_bytes[m] - (to_bytes == NULL ? 0 : to_bytes[m]);
        }
}

/* Takes back what was given to it with `bytes` on each mesh. */
static void take_back(gw_resources *resources, uint32_t job, uint32_t **devices,
                      const uint64_t *bytes)
{
    uint32_t count = count_devices(resources->jobs[job].program);
    for (uint32_t d = 0; d < count; d++)
        resources->load[(*devices)[d]]--;
    rebook(resources, job, *devices, bytes, NULL, resources->free_bytes);
    g_clear_pointer(devices, g_free);
}

static void forget_job(GArray *queue, uint32_t job)
{
    for (uint32_t i = 0; i < queue->len; i++)
        if (g_array_index(queue, uint32_t, i) == job) {
            g_array_remove_index(queue, i);
            return;
        }
}

static void leave_removed(gw_resources *resources, uint32_t job);

/* It has asked, or is over. */
static void end_leaving(gw_resources *resources, grant *granted)
{
    resources->leaving_count -= granted->is_leaving;
    granted->is_leaving = false;
}

void gw_resources_release(gw_resources *resources, const gw_instance_message *message)
{
    uint32_t job = job_of_instance(resources, message->instance);
    grant *granted = &resources->grants[job];
    gw_check(granted->peak_bytes != NULL); /* It has asked. */
    if (granted->is_lost)
        return;
    if (granted->left_devices != NULL && granted->left_instance == message->instance) {
        take_back(resources, job, &granted->left_devices, granted->state_bytes);
        leave_removed(resources, job); /* Those to which it moved may be gone by now. */
    } else {
        gw_lease_book_close(resources->leases, job);
        if (granted->devices != NULL) {
            end_leaving(resources, granted);
            take_back(resources, job, &granted->devices, granted->peak_bytes);
            forget_job(resources->staying, job);
        } else
            forget_job(resources->waiting, job);
    }
    serve_waiting(resources);
}

void gw_resources_exchange(gw_resources *resources, const gw_instance_message *message)
{
    uint32_t job = job_of_instance(resources, message->instance);
    if (resources->grants[job].is_lost)
        return;
    gw_check(resources->grants[job].devices != NULL);
    gw_check(resources->grants[job].is_recalled);
    end_leaving(resources, &resources->grants[job]);
    take_back(resources, job, &resources->grants[job].devices, resources->grants[job].peak_bytes);
    gw_refusal reason;
    if (can_ever_grant(resources, job, &reason))
        wait_in_turn(resources, job);
    else
        refuse(resources, job, reason);
    serve_waiting(resources);
}

/* --- Clients that fail --- */

static void tell_of_job(const gw_resources *resources, gw_note_kind kind, uint32_t job)
{
    const gw_note note = {kind, job, resources->grants[job].instance, 0};
    resources->port->ops->note(resources->port, &note);
}

/* Its latest instance first: hosts that fetch data from the one before finish that. */
static void collect_next(gw_resources *resources, uint32_t job)
{
    const grant *granted = &resources->grants[job];
    const uint32_t count = count_devices(resources->jobs[job].program);
    if (granted->devices != NULL) {
        gw_collector_begin(resources->collector, granted->instance, granted->devices, count);
    } else if (granted->left_devices != NULL) {
        gw_collector_begin(resources->collector, granted->left_instance, granted->left_devices,
                           count);
    } else {
        tell_of_job(resources, GW_NOTE_JOB_COLLECTED, job);
        serve_waiting(resources);
    }
}

static void lose_job(gw_resources *resources, uint32_t job)
{
    grant *granted = &resources->grants[job];
    const gw_lease_message message = {{GW_MESSAGE_LEASE_LOST, sizeof message}, job};
    granted->is_lost = true;
    end_leaving(resources, granted);
    forget_job(resources->waiting, job);
    forget_job(resources->staying, job);
    tell_of_job(resources, GW_NOTE_LEASE_EXPIRED, job);
    resources->port->ops->send(resources->port, gw_directory_client(resources->directory, job),
                               &message.header);
    collect_next(resources, job);
}

/* All of the instance is gone. */
static void end_collection(gw_resources *resources, uint32_t job, uint32_t instance)
{
    grant *granted = &resources->grants[job];
    if (granted->devices != NULL && granted->instance == instance)
        take_back(resources, job, &granted->devices, granted->peak_bytes);
    else
        take_back(resources, job, &granted->left_devices, granted->state_bytes);
    collect_next(resources, job);
}

void gw_resources_lease_kept(gw_resources *resources, const gw_lease_message *message)
{
    gw_lease_book_keep(resources->leases, message->job);
}

void gw_resources_abandoned(gw_resources *resources, gw_node_id source,
                            const gw_extent_message *message)
{
    gw_collector_abandoned(resources->collector, source, message);
}

void gw_resources_drained(gw_resources *resources, const gw_instance_message *message)
{
    gw_collector_drained(resources->collector, message);
}

void gw_resources_retired(gw_resources *resources, const gw_instance_message *message)
{
    if (gw_collector_retired(resources->collector, message))
        end_collection(resources, job_of_instance(resources, message->instance), message->instance);
}

static void look_at_leases(gw_resources *resources)
{
    g_array_set_size(resources->lost, 0);
    gw_lease_book_timer(resources->leases, resources->lost);
    for (uint32_t i = 0; i < resources->lost->len; i++)
        lose_job(resources, g_array_index(resources->lost, uint32_t, i));
}

/* --- Devices that leave and come --- */

static bool lies_on_removed(const gw_resources *resources, uint32_t job)
{
    const uint32_t *devices = resources->grants[job].devices;
    const uint32_t count = count_devices(resources->jobs[job].program);
    for (uint32_t d = 0; d < count; d++)
        if (resources->is_removed[devices[d]])
            return true;
    return false;
}

/* Whether the cluster has other devices for it at this moment, beside what it will leave behind. */
static bool could_move(const gw_resources *resources, uint32_t job)
{
    const grant *granted = &resources->grants[job];
    uint32_t count = resources->directory->device_count;
    g_autofree uint32_t *load = g_memdup2(resources->load, count * sizeof *load);
    g_autofree uint64_t *free_bytes = g_memdup2(resources->free_bytes, count * sizeof *free_bytes);
    rebook(resources, job, granted->devices, granted->peak_bytes, granted->state_bytes, free_bytes);
    g_autofree uint32_t *devices = place_job(resources, job, granted->peak_bytes, load, free_bytes,
                                             resources->is_removed, granted->devices);
    return devices != NULL;
}

static void recall(gw_resources *resources, uint32_t job)
{
    grant *granted = &resources->grants[job];
    granted->is_recalled = true;
    granted->is_leaving = gw_plan_has_state(resources->jobs[job].plan);
    resources->leaving_count += granted->is_leaving;
    gw_instance_message message = {{GW_MESSAGE_SLICE_RECALL, sizeof message}, granted->instance};
    resources->port->ops->send(resources->port, gw_directory_client(resources->directory, job),
                               &message.header);
}

/* It has data on removed devices, and no others would take it: until something changes. */
static void stay(gw_resources *resources, uint32_t job)
{
    gw_note stays = {GW_NOTE_JOB_STAYED, job, resources->grants[job].instance, 0};
    queue_in_turn(resources, resources->staying, job);
    resources->port->ops->note(resources->port, &stays);
}

static bool is_staying(const gw_resources *resources, uint32_t job)
{
    for (uint32_t i = 0; i < resources->staying->len; i++)
        if (g_array_index(resources->staying, uint32_t, i) == job)
            return true;
    return false;
}

/* Has a job leave that lies on removed devices, unless it is about to, or on its way. */
static void leave_removed(gw_resources *resources, uint32_t job)
{
    const grant *granted = &resources->grants[job];
    if (granted->devices == NULL || granted->is_lost || granted->is_recalled ||
        granted->left_devices != NULL || is_staying(resources, job) ||
        !lies_on_removed(resources, job))
        return;
    if (!gw_plan_has_state(resources->jobs[job].plan) || could_move(resources, job))
        recall(resources, job);
    else
        stay(resources, job);
}

/* Those that need not move any more, or can, stay no longer.  One after the other leaves, so that
 * none does for a place that another takes. */
static void serve_staying(gw_resources *resources)
{
    for (uint32_t i = 0; i < resources->staying->len;) {
        uint32_t job = g_array_index(resources->staying, uint32_t, i);
        bool is_needed = lies_on_removed(resources, job);
        if (is_needed && (resources->leaving_count > 0 || !could_move(resources, job))) {
            i++;
            continue;
        }
        g_array_remove_index(resources->staying, i);
        if (is_needed)
            recall(resources, job);
    }
}

/* Beside others, the old devices hold what the job's runs have left there, and the new ones all
 * that it will need; on a device of both, the sum of the two. */
void gw_resources_move(gw_resources *resources, const gw_instance_message *message)
{
    uint32_t job = job_of_instance(resources, message->instance);
    grant *granted = &resources->grants[job];
    if (granted->is_lost)
        return;
    gw_check(granted->devices != NULL && granted->instance == message->instance);
    gw_check(granted->is_recalled && granted->left_devices == NULL);
    bool is_needed = lies_on_removed(resources, job);
    end_leaving(resources, granted);
    rebook(resources, job, granted->devices, granted->peak_bytes, granted->state_bytes,
           resources->free_bytes);
    granted->left_devices = g_steal_pointer(&granted->devices);
    granted->left_instance = granted->instance;
    if (!is_needed || !try_grant(resources, job)) {
        granted->devices = g_steal_pointer(&granted->left_devices);
        granted->is_recalled = false;
        rebook(resources, job, granted->devices, granted->state_bytes, granted->peak_bytes,
               resources->free_bytes);
        gw_instance_message stays = {{GW_MESSAGE_SLICE_STAY, sizeof stays}, granted->instance};
        resources->port->ops->send(resources->port, gw_directory_client(resources->directory, job),
                                   &stays.header);
        if (is_needed)
            stay(resources, job);
    }
    serve_waiting(resources);
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
            leave_removed(resources, j);
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
    if (tag.value == GW_LEASE_TAG) {
        look_at_leases(resources);
        return;
    }
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
    gw_collector_explain(resources->collector, out);
    for (uint32_t i = 0; i < resources->waiting->len; i++)
        g_string_append_printf(out,
                               "resource manager: job %s waits for devices with free memory; "
                               "placement policy %s finds none%s\n",
                               resources->jobs[g_array_index(resources->waiting, uint32_t, i)].name,
                               gw_placer_name(resources->placer),
                               has_removed(resources) ? ", and some were removed" : "");
}

void gw_resources_blame(const gw_resources *resources, GString *out)
{
    gw_placer_blame(resources->placer, out);
}
