/* SPDX-License-Identifier: Apache-2.0 */
/* TensorFlow 1: a coordinator beside each client holds the whole graph, a copy of each node for
 * each of its shards, and control edges make a barrier between gangs: a gang is started when
 * every host has reported the last one done.  A call returns when what leaves it (fetch.h) and
 * the values that the program reads have come back.
 *
 * So the coordinator has one call and one gang at a time, and waits for one thing after another. */
#include "base/check.h"
#include "controller/dispatch.h"
#include "controller/fetch.h"
#include "controller/mesh_hosts.h"
#include "controller/system.h"

typedef struct {
    gw_part base;
    gw_site site;
    const gw_job *job;
    gw_dispatch *dispatch;
    gw_mesh_hosts *mesh_hosts; /* NULL: not installed. */
    bool *leaves;              /* By slot. */
    uint32_t instance;
    uint32_t hosts_in_run_0, hosts_per_run; /* That have gangs then. */
    uint64_t gang_count;
    bool is_in_call;
    uint32_t run, next_node, end_node; /* Of the call; run is GW_INDEX_NONE before the first. */
    uint64_t call;
    uint32_t gang_hosts_left; /* That have not reported the gang under way. */
    uint32_t run_hosts_left;  /* Likewise, the run. */
    uint32_t shards_left;     /* Fetched and not yet here. */
} coordinator;

static void uninstall(coordinator *self)
{
    g_clear_pointer(&self->mesh_hosts, gw_mesh_hosts_free);
    g_clear_pointer(&self->leaves, g_free);
}

static void free_part(gw_part *part)
{
    coordinator *self = (coordinator *)part;
    uninstall(self);
    gw_dispatch_free(self->dispatch);
    g_free(self);
}

static void send(coordinator *self, gw_node_id target, const gw_message *message)
{
    self->site.port->ops->send(self->site.port, target, message);
}

/* --- The graph --- */

static void count_hosts(coordinator *self)
{
    const gw_plan *plan = self->job->plan;
    g_autofree uint8_t *kinds = g_new0(uint8_t, self->site.directory->host_count);
    for (uint32_t n = 0; n < plan->node_count; n++) {
        uint32_t count;
        const uint32_t *hosts = gw_mesh_hosts_of(self->mesh_hosts, n, &count);
        for (uint32_t h = 0; h < count; h++)
            kinds[hosts[h]] |= plan->nodes[n].is_once ? 1 : 3;
    }
    self->hosts_in_run_0 = self->hosts_per_run = 0;
    for (uint32_t h = 0; h < self->site.directory->host_count; h++) {
        self->hosts_in_run_0 += kinds[h] & 1;
        self->hosts_per_run += (kinds[h] >> 1) & 1;
    }
}

static void install(coordinator *self, gw_node_id source, const gw_assignment_message *message)
{
    gw_check(self->mesh_hosts == NULL);
    self->instance = message->instance;
    self->run = GW_INDEX_NONE;
    self->mesh_hosts = gw_mesh_hosts_new(self->site.directory, self->job->plan, message);
    self->leaves = gw_fetch_slots(self->job->plan, self->job->submit);
    count_hosts(self);
    for (uint32_t n = 0; n < self->job->plan->node_count; n++)
        self->site.port->ops->spend(self->site.port, GW_COST_LOWER,
                                    gw_program_shard_count(self->job->program, n));
    gw_instance_message answer = {{GW_MESSAGE_INSTALLED, sizeof answer}, message->instance};
    send(self, source, &answer.header);
}

static void retire(coordinator *self, gw_node_id source, const gw_instance_message *message)
{
    gw_check(!self->is_in_call);
    uninstall(self);
    gw_instance_message answer = {{GW_MESSAGE_RETIRED, sizeof answer}, message->instance};
    send(self, source, &answer.header);
}

/* --- Calls --- */

/* From `n` on; node_count: there is none. */
static uint32_t find_due(const coordinator *self, uint32_t n)
{
    while (n < self->job->plan->node_count && !gw_plan_is_due(self->job->plan, n, self->run))
        n++;
    return n;
}

static void start_gang(coordinator *self, uint32_t n)
{
    const gw_plan_node *node = &self->job->plan->nodes[n];
    gw_port *port = self->site.port;
    uint64_t gang = (uint64_t)self->site.self.index << GW_GANG_SEQUENCE_BITS | self->gang_count++;
    uint32_t host_count;
    const uint32_t *hosts = gw_mesh_hosts_of(self->mesh_hosts, n, &host_count);
    gw_note note = {GW_NOTE_GANG_ORDERED, gang, (uint64_t)self->instance << 32 | n, 0};
    port->ops->note(port, &note);
    port->ops->spend(port, GW_COST_SCHEDULE, gw_program_shard_count(self->job->program, n));
    self->gang_hosts_left = host_count;
    for (uint32_t o = 0; o < node->output_count; o++)
        if (self->leaves[node->first_slot + o])
            self->shards_left += gw_fetch_shard_count(self->job->plan, n, o);
    gw_dispatch_add(self->dispatch, self->instance, self->run, n, gang, self->call, hosts,
                    host_count);
    gw_dispatch_flush(self->dispatch, false);
}

static void return_call(coordinator *self, bool is_run_over)
{
    gw_call_message message = {
        {GW_MESSAGE_RETURNED, sizeof message}, self->instance, self->run, self->call};
    self->is_in_call = false;
    send(self, self->site.self, &message.header);
    if (!is_run_over)
        return;
    message.header.kind = GW_MESSAGE_RUN_DONE;
    send(self, self->site.self, &message.header);
}

/* To the next gang past the barrier, or to the end of the call. */
static void advance(coordinator *self)
{
    if (!self->is_in_call || self->gang_hosts_left > 0)
        return;
    self->next_node = find_due(self, self->next_node);
    if (self->next_node < self->end_node) {
        start_gang(self, self->next_node++);
        return;
    }
    bool is_run_over = find_due(self, self->end_node) == self->job->plan->node_count;
    if (self->shards_left > 0 || (is_run_over && self->run_hosts_left > 0))
        return;
    return_call(self, is_run_over);
}

static void begin_call(coordinator *self, const gw_submit *message)
{
    gw_check(!self->is_in_call);
    if (message->run != self->run)
        self->run_hosts_left = message->run == 0 ? self->hosts_in_run_0 : self->hosts_per_run;
    self->is_in_call = true;
    self->run = message->run;
    self->next_node = message->first_node;
    self->end_node = message->first_node + message->node_count;
    self->call = message->call;
    advance(self);
}

/* --- What comes back --- */

static void take_progress(coordinator *self, const gw_progress *message)
{
    bool is_done = false;
    for (uint32_t d = 0; d < message->device_count; d++)
        is_done |= gw_progress_counts(message)[d] > 0;
    gw_check(!is_done || self->gang_hosts_left > 0);
    self->gang_hosts_left -= is_done;
    gw_check(self->run_hosts_left >= message->run_count);
    self->run_hosts_left -= message->run_count;
    advance(self);
}

static void take_fetched(coordinator *self, const gw_fetched *message)
{
    gw_check(self->shards_left > 0);
    self->shards_left -= message->is_last;
    advance(self);
}

static bool handle(gw_part *part, gw_node_id source, const gw_message *message)
{
    coordinator *self = (coordinator *)part;
    switch ((gw_message_kind)message->kind) {
    case GW_MESSAGE_INSTALL:
        install(self, source, (const gw_assignment_message *)message);
        return true;
    case GW_MESSAGE_RETIRE:
        retire(self, source, (const gw_instance_message *)message);
        return true;
    case GW_MESSAGE_SUBMIT:
        begin_call(self, (const gw_submit *)message);
        return true;
    case GW_MESSAGE_PROGRESS:
        take_progress(self, (const gw_progress *)message);
        return true;
    case GW_MESSAGE_FETCHED:
        take_fetched(self, (const gw_fetched *)message);
        return true;
    default:
        return false;
    }
}

static void explain(const gw_part *part, GString *out)
{
    const coordinator *self = (const coordinator *)part;
    if (!self->is_in_call)
        return;
    g_string_append_printf(out, "coordinator of job %s: run %u ", self->job->name, self->run);
    if (self->gang_hosts_left > 0)
        g_string_append_printf(out, "waits at the barrier behind node %s for %u host%s\n",
                               gw_program_node(self->job->program, self->next_node - 1)->name,
                               self->gang_hosts_left, gw_count_ending(self->gang_hosts_left));
    else
        g_string_append_printf(out, "waits for %u value%s and for the last copies of %u host%s\n",
                               self->shards_left, gw_count_ending(self->shards_left),
                               self->run_hosts_left, gw_count_ending(self->run_hosts_left));
}

static const gw_part_ops part_ops = {.free = free_part, .handle = handle, .explain = explain};

static bool part_new(const gw_site *site, gw_part **out_part, GError **error)
{
    (void)error; /* There is nothing to set. */
    if (site->role != GW_ROLE_CLIENT)
        return true;
    coordinator *self = g_new0(coordinator, 1);
    self->base.ops = &part_ops;
    self->site = *site;
    self->job = &site->jobs[site->index];
    self->dispatch = gw_dispatch_direct_new(site->port, site->self, site->directory->host_count);
    *out_part = &self->base;
    return true;
}

const gw_system_ops gw_system_tf1 = {
    .name = "tf1",
    .summary = "a coordinator per client: a graph of shards, a barrier between gangs",
    .has_policy = false,
    .clients = GW_CLIENTS_SUBMIT,
    .hosts = GW_HOST_SENDS_OUTPUTS,
    .window_count = 1,
    .part_new = part_new,
};
