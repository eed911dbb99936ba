/* SPDX-License-Identifier: Apache-2.0 */
/* An instance is idle, offered, blocked on one full device, or (sequential dispatch) waiting for
 * hosts to enqueue its last gang.  A blocked instance hangs on the list of the first full device
 * that was found, so that a progress report looks only at those whom it may free. */
#include "controller/schedule.h"

#include "base/check.h"
#include "controller/dispatch.h"

#define SCAN_BLOCK 64 /* Devices looked at together; any size is right. */

typedef struct {
    uint32_t run, next_node, end_node;
    uint64_t call, submission;
} waiting_call;

typedef struct { /* One mesh, as far as it lies in this scheduler's charge. */
    uint32_t *devices, *hosts;
    uint32_t device_count, host_count;
} mesh_view;

typedef enum { IS_IDLE = 1, IS_OFFERED, IS_BLOCKED, IS_ENQUEUEING } instance_state;

typedef struct {
    uint32_t instance, job, depth;
    const gw_plan *plan;
    gw_node_id client;
    mesh_view *meshes;
    instance_state state;
    waiting_call *calls; /* A ring of `depth`; the first is being ordered. */
    uint32_t first_call, call_count;
    uint32_t acks_left;     /* ENQUEUEING */
    uint32_t blocked_place; /* BLOCKED: of the full device in the next gang's mesh. */
    uint32_t blocked_device, blocked_next;  /* BLOCKED: the next on the device's list. */
    uint32_t hosts_in_run_0, hosts_per_run; /* With gangs of such a run. */
    uint32_t *hosts_left; /* By run % depth: hosts where the run is not done; 0: not begun. */
} scheduled_instance;

typedef struct {
    gw_node_id client;
    gw_call_message message;
} returned_call;

struct gw_schedule {
    const gw_directory *directory;
    const gw_control *control;
    const gw_job *jobs;
    gw_node_id self;
    gw_port *port;
    gw_policy *policy;
    gw_dispatch *dispatch;
    uint32_t first_device, device_count;
    uint32_t *ordered;    /* By device: gangs ordered and not known to be done. */
    uint32_t *blocked;    /* By device: the first instance on its list. */
    GPtrArray *instances; /* scheduled_instance by number; NULL: not installed. */
    GArray *returned;     /* returned_call: to be answered when the batch is sent. */
    uint64_t gang_count, submission_count;
    bool is_changed; /* Something may be ordered. */
};

gw_schedule *gw_schedule_new(const gw_directory *directory, const gw_control *control,
                             const gw_job *jobs, uint32_t island, gw_node_id self, gw_port *port,
                             GError **error)
{
    const gw_policy_ops *ops = control->policy != NULL ? control->policy : gw_policy_find("fifo");
    gw_policy *policy = ops->create(control->policy != NULL ? control->policy_params : NULL, error);
    if (policy == NULL)
        return NULL;
    gw_schedule *schedule = g_new0(gw_schedule, 1);
    schedule->directory = directory;
    schedule->control = control;
    schedule->jobs = jobs;
    schedule->self = self;
    schedule->port = port;
    schedule->policy = policy;
    schedule->dispatch = gw_dispatch_new(port, directory->host_count);
    schedule->device_count = directory->device_count;
    if (island != GW_INDEX_NONE) {
        schedule->first_device = directory->islands[island].first_device;
        schedule->device_count = directory->islands[island].device_count;
    }
    schedule->ordered = g_new0(uint32_t, schedule->device_count);
    schedule->blocked = g_new(uint32_t, schedule->device_count);
    for (uint32_t d = 0; d < schedule->device_count; d++)
        schedule->blocked[d] = GW_INDEX_NONE;
    schedule->instances = g_ptr_array_new();
    schedule->returned = g_array_new(FALSE, FALSE, sizeof(returned_call));
    return schedule;
}

static void free_instance(scheduled_instance *instance)
{
    if (instance == NULL)
        return;
    for (uint32_t m = 0; m < instance->plan->program->meshes->len; m++) {
        g_free(instance->meshes[m].devices);
        g_free(instance->meshes[m].hosts);
    }
    g_free(instance->meshes);
    g_free(instance->hosts_left);
    g_free(instance->calls);
    g_free(instance);
}

void gw_schedule_free(gw_schedule *schedule)
{
    if (schedule == NULL)
        return;
    for (uint32_t i = 0; i < schedule->instances->len; i++)
        free_instance((scheduled_instance *)g_ptr_array_index(schedule->instances, i));
    g_ptr_array_unref(schedule->instances);
    g_array_unref(schedule->returned);
    schedule->policy->ops->destroy(schedule->policy);
    gw_dispatch_free(schedule->dispatch);
    g_free(schedule->ordered);
    g_free(schedule->blocked);
    g_free(schedule);
}

static scheduled_instance *instance_of(const gw_schedule *schedule, uint32_t number)
{
    gw_check(number < schedule->instances->len);
    scheduled_instance *instance =
        (scheduled_instance *)g_ptr_array_index(schedule->instances, number);
    gw_check(instance != NULL);
    return instance;
}

/* The call that is being ordered; NULL: none waits. */
static waiting_call *first_call(const scheduled_instance *instance)
{
    return instance->call_count == 0 ? NULL : &instance->calls[instance->first_call];
}

/* --- Programs come and go --- */

static void view_mesh(const gw_schedule *schedule, mesh_view *view, const uint32_t *devices,
                      uint32_t count)
{
    GArray *mine = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    GArray *hosts = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    g_autofree uint8_t *is_listed = g_new0(uint8_t, schedule->directory->host_count);
    for (uint32_t d = 0; d < count; d++) {
        if (devices[d] - schedule->first_device >= schedule->device_count)
            continue;
        g_array_append_val(mine, devices[d]);
        uint32_t host = gw_directory_host(schedule->directory, (gw_device_id){devices[d]}).index;
        if (!is_listed[host])
            g_array_append_val(hosts, host);
        is_listed[host] = 1;
    }
    view->device_count = mine->len;
    view->host_count = hosts->len;
    view->devices = (uint32_t *)(void *)g_array_free(mine, FALSE);
    view->hosts = (uint32_t *)(void *)g_array_free(hosts, FALSE);
}

/* Hosts that run anything of the instance: in run 0, and in every other run. */
static void count_hosts(const gw_schedule *schedule, scheduled_instance *instance)
{
    g_autofree uint8_t *kinds = g_new0(uint8_t, schedule->directory->host_count);
    for (uint32_t n = 0; n < instance->plan->node_count; n++) {
        const gw_plan_node *node = &instance->plan->nodes[n];
        const mesh_view *view = &instance->meshes[node->mesh];
        for (uint32_t h = 0; h < view->host_count; h++)
            kinds[view->hosts[h]] |= node->is_once ? 1 : 3;
    }
    for (uint32_t h = 0; h < schedule->directory->host_count; h++) {
        instance->hosts_in_run_0 += kinds[h] & 1;
        instance->hosts_per_run += (kinds[h] >> 1) & 1;
    }
}

void gw_schedule_install(gw_schedule *schedule, gw_node_id source,
                         const gw_assignment_message *message)
{
    const gw_job *job = &schedule->jobs[message->job];
    scheduled_instance *instance = g_new0(scheduled_instance, 1);
    const uint32_t *first = message->data;
    const uint32_t *devices = message->data + message->mesh_count + 1;
    instance->instance = message->instance;
    instance->job = message->job;
    instance->depth = job->in_flight + 2;
    instance->plan = job->plan;
    instance->client = source;
    instance->state = IS_IDLE;
    instance->meshes = g_new0(mesh_view, message->mesh_count);
    for (uint32_t m = 0; m < message->mesh_count; m++)
        view_mesh(schedule, &instance->meshes[m], devices + first[m], first[m + 1] - first[m]);
    instance->hosts_left = g_new0(uint32_t, instance->depth);
    instance->calls = g_new0(waiting_call, instance->depth);
    count_hosts(schedule, instance);
    if (message->instance >= schedule->instances->len)
        g_ptr_array_set_size(schedule->instances, (gint)message->instance + 1);
    gw_check(g_ptr_array_index(schedule->instances, message->instance) == NULL);
    g_ptr_array_index(schedule->instances, message->instance) = instance;
    gw_instance_message answer = {{GW_MESSAGE_INSTALLED, sizeof answer}, message->instance};
    schedule->port->ops->send(schedule->port, source, &answer.header);
}

void gw_schedule_retire(gw_schedule *schedule, gw_node_id source,
                        const gw_instance_message *message)
{
    scheduled_instance *instance = instance_of(schedule, message->instance);
    gw_check(instance->state == IS_IDLE);
    free_instance(instance);
    g_ptr_array_index(schedule->instances, message->instance) = NULL;
    gw_instance_message answer = {{GW_MESSAGE_RETIRED, sizeof answer}, message->instance};
    schedule->port->ops->send(schedule->port, source, &answer.header);
}

/* --- Offers --- */

/* The first device of the mesh, from place `from` on, that has no room; the mesh's device count
 * when all have some.  Blocks of devices are looked at as a whole first: most have room. */
static uint32_t find_full_device(const gw_schedule *schedule, const mesh_view *view, uint32_t from)
{
    const uint32_t *ordered = schedule->ordered;
    uint32_t lookahead = schedule->control->lookahead;
    for (uint32_t begin = from; begin < view->device_count; begin += SCAN_BLOCK) {
        uint32_t end = MIN(begin + SCAN_BLOCK, view->device_count), most = 0;
        for (uint32_t d = begin; d < end; d++)
            most = MAX(most, ordered[view->devices[d] - schedule->first_device]);
        if (G_LIKELY(most < lookahead))
            continue;
        while (ordered[view->devices[begin] - schedule->first_device] < lookahead)
            begin++;
        return begin;
    }
    return view->device_count;
}

/* On the list of the device at `place` of the mesh that the next gang needs. */
static void block_on(gw_schedule *schedule, scheduled_instance *instance, const mesh_view *view,
                     uint32_t place)
{
    uint32_t device = view->devices[place] - schedule->first_device;
    instance->state = IS_BLOCKED;
    instance->blocked_place = place;
    instance->blocked_device = device;
    instance->blocked_next = schedule->blocked[device];
    schedule->blocked[device] = instance->instance;
}

static const mesh_view *next_mesh(const scheduled_instance *instance)
{
    return &instance->meshes[instance->plan->nodes[first_call(instance)->next_node].mesh];
}

/* Devices before place `from` of the mesh were found to have room: they are looked at again only
 * when all the others have some, since others may have taken it since. */
static void offer_or_block(gw_schedule *schedule, scheduled_instance *instance, uint32_t from)
{
    const waiting_call *call = first_call(instance);
    const mesh_view *view = next_mesh(instance);
    uint32_t full = find_full_device(schedule, view, from);
    if (full == view->device_count && from > 0)
        full = find_full_device(schedule, view, 0);
    if (full < view->device_count) {
        block_on(schedule, instance, view, full);
        return;
    }
    gw_offer offer = {
        .offer = instance->instance,
        .submission = call->submission,
        .job = instance->job,
        .instance = instance->instance,
        .run = call->run,
        .node = call->next_node,
    };
    instance->state = IS_OFFERED;
    schedule->is_changed = true;
    schedule->policy->ops->offer(schedule->policy, &offer,
                                 schedule->port->ops->now(schedule->port));
}

static bool is_due(const scheduled_instance *instance, uint32_t n, uint32_t run)
{
    const gw_plan_node *node = &instance->plan->nodes[n];
    return instance->meshes[node->mesh].device_count > 0 && (run == 0 || !node->is_once);
}

/* The handles of a call go back when its last gang has its place and is on its way. */
static void return_call(gw_schedule *schedule, const scheduled_instance *instance,
                        const waiting_call *call)
{
    returned_call returned = {instance->client,
                              {{GW_MESSAGE_RETURNED, sizeof(gw_call_message)},
                               instance->instance,
                               call->run,
                               call->call}};
    g_array_append_val(schedule->returned, returned);
    schedule->is_changed = true;
}

/* To the next gang that this scheduler orders, or to idleness. */
static void advance(gw_schedule *schedule, scheduled_instance *instance)
{
    waiting_call *call;
    while ((call = first_call(instance)) != NULL) {
        while (call->next_node < call->end_node && !is_due(instance, call->next_node, call->run))
            call->next_node++;
        if (call->next_node < call->end_node) {
            offer_or_block(schedule, instance, 0);
            return;
        }
        return_call(schedule, instance, call);
        instance->first_call = (instance->first_call + 1) % instance->depth;
        instance->call_count--;
    }
    instance->state = IS_IDLE;
}

void gw_schedule_submit(gw_schedule *schedule, gw_node_id source, const gw_submit *message)
{
    scheduled_instance *instance = instance_of(schedule, message->instance);
    gw_check(instance->client.index == source.index);
    gw_check(instance->call_count < instance->depth);
    uint32_t place = (instance->first_call + instance->call_count++) % instance->depth;
    instance->calls[place] =
        (waiting_call){message->run, message->first_node, message->first_node + message->node_count,
                       message->call, schedule->submission_count++};
    uint32_t *left = &instance->hosts_left[message->run % instance->depth];
    if (*left == 0)
        *left = message->run == 0 ? instance->hosts_in_run_0 : instance->hosts_per_run;
    if (instance->state == IS_IDLE)
        advance(schedule, instance);
}

/* --- The order --- */

static void order_gang(gw_schedule *schedule, scheduled_instance *instance)
{
    waiting_call *call = first_call(instance);
    uint32_t n = call->next_node++;
    const mesh_view *view = &instance->meshes[instance->plan->nodes[n].mesh];
    uint64_t gang =
        ((uint64_t)schedule->self.index << GW_GANG_SEQUENCE_BITS) | schedule->gang_count++;
    for (uint32_t d = 0; d < view->device_count; d++)
        schedule->ordered[view->devices[d] - schedule->first_device]++;
    gw_port *port = schedule->port;
    gw_note note = {GW_NOTE_GANG_ORDERED, gang, (uint64_t)instance->instance << 32 | n, 0};
    port->ops->note(port, &note);
    port->ops->spend(port, GW_COST_SCHEDULE, 1);
    gw_dispatch_add(schedule->dispatch, instance->instance, call->run, n, gang, call->call,
                    view->hosts, view->host_count);
    if (schedule->control->dispatch == GW_DISPATCH_SEQUENTIAL) {
        instance->state = IS_ENQUEUEING;
        instance->acks_left = gw_dispatch_flush(schedule->dispatch, true);
    }
}

void gw_schedule_flush(gw_schedule *schedule)
{
    if (!schedule->is_changed)
        return;
    schedule->is_changed = false;
    const gw_policy_ops *ops = schedule->policy->ops;
    gw_time now_ns = schedule->port->ops->now(schedule->port);
    uint64_t offer;
    while (ops->pick(schedule->policy, now_ns, &offer)) {
        scheduled_instance *instance = instance_of(schedule, (uint32_t)offer);
        gw_check(instance->state == IS_OFFERED);
        const mesh_view *view = next_mesh(instance);
        uint32_t full = find_full_device(schedule, view, 0);
        ops->take(schedule->policy, offer);
        if (full < view->device_count) { /* Somebody picked before it took the last room. */
            block_on(schedule, instance, view, full);
            continue;
        }
        order_gang(schedule, instance);
        if (instance->state == IS_OFFERED)
            advance(schedule, instance);
    }
    schedule->is_changed = false;
    gw_dispatch_flush(schedule->dispatch, false);
    for (uint32_t i = 0; i < schedule->returned->len; i++) {
        const returned_call *returned = &g_array_index(schedule->returned, returned_call, i);
        schedule->port->ops->send(schedule->port, returned->client, &returned->message.header);
    }
    g_array_set_size(schedule->returned, 0);
}

/* --- What comes back --- */

void gw_schedule_enqueued(gw_schedule *schedule, const gw_instance_message *message)
{
    scheduled_instance *instance = instance_of(schedule, message->instance);
    gw_check(instance->state == IS_ENQUEUEING);
    gw_check(instance->acks_left > 0);
    if (--instance->acks_left == 0)
        advance(schedule, instance);
}

static void give_room(gw_schedule *schedule, uint32_t device, uint32_t count)
{
    gw_check(schedule->ordered[device] >= count);
    schedule->ordered[device] -= count;
    if (count == 0 || schedule->ordered[device] >= schedule->control->lookahead)
        return;
    uint32_t next = schedule->blocked[device];
    schedule->blocked[device] = GW_INDEX_NONE;
    while (next != GW_INDEX_NONE) {
        scheduled_instance *instance = instance_of(schedule, next);
        next = instance->blocked_next;
        offer_or_block(schedule, instance, instance->blocked_place);
    }
}

static void finish_run(gw_schedule *schedule, const gw_finished_run *done)
{
    scheduled_instance *instance = instance_of(schedule, done->instance);
    uint32_t *left = &instance->hosts_left[done->run % instance->depth];
    gw_check(*left > 0);
    if (--*left > 0)
        return;
    gw_call_message message = {{GW_MESSAGE_RUN_DONE, sizeof message}, done->instance, done->run, 0};
    schedule->port->ops->send(schedule->port, instance->client, &message.header);
}

void gw_schedule_progress(gw_schedule *schedule, gw_node_id source, const gw_progress *message)
{
    const gw_directory *directory = schedule->directory;
    const gw_island *island = &directory->islands[gw_directory_island_of_host(directory, source)];
    uint32_t first = island->first_device +
                     (source.index - island->first_host) * island->devices_per_host -
                     schedule->first_device;
    gw_check(message->device_count == island->devices_per_host);
    for (uint32_t d = 0; d < message->device_count; d++)
        give_room(schedule, first + d, message->data[d]);
    const gw_finished_run *runs =
        (const gw_finished_run *)(const void *)(message->data + message->device_count);
    for (uint32_t r = 0; r < message->run_count; r++)
        finish_run(schedule, &runs[r]);
}

void gw_schedule_explain(const gw_schedule *schedule, GString *out)
{
    for (uint32_t i = 0; i < schedule->instances->len; i++) {
        const scheduled_instance *instance =
            (const scheduled_instance *)g_ptr_array_index(schedule->instances, i);
        if (instance == NULL || instance->state == IS_IDLE)
            continue;
        const waiting_call *call = first_call(instance);
        if (call == NULL)
            continue;
        const gw_program *program = instance->plan->program;
        uint32_t n = MIN(call->next_node, instance->plan->node_count - 1);
        g_string_append_printf(out, "scheduler on node %u: job %s, run %u, node %s ",
                               schedule->self.index, schedule->jobs[instance->job].name, call->run,
                               gw_program_node(program, n)->name);
        if (instance->state == IS_BLOCKED)
            g_string_append_printf(out, "waits for room on device %u (lookahead %u)\n",
                                   instance->blocked_device + schedule->first_device,
                                   schedule->control->lookahead);
        else if (instance->state == IS_ENQUEUEING)
            g_string_append_printf(out, "waits for %u hosts to enqueue\n", instance->acks_left);
        else
            g_string_append(out, "is offered to the policy and not picked\n");
    }
}
