/* SPDX-License-Identifier: Apache-2.0 */
/* Ray: a driver beside each client calls an actor on each host, a message per computation and
 * host.  An actor does one call after the other: brings what it reads from host memory to its
 * devices, launches, waits, copies every output to host memory, and only then returns a handle.
 *
 * Op by op the driver waits for the handles of a call before the next; chained it passes futures,
 * calls all nodes of a run at once and waits for nothing. */
#include "base/check.h"
#include "controller/mesh_hosts.h"
#include "controller/system.h"

/* A message of one segment, to be filled in and used again and again. */
static gw_dispatch_message *new_message(void)
{
    uint32_t size_bytes = (uint32_t)(sizeof(gw_dispatch_message) + sizeof(gw_segment));
    gw_dispatch_message *message = (gw_dispatch_message *)g_malloc0(size_bytes);
    message->header = (gw_message){GW_MESSAGE_DISPATCH, size_bytes};
    message->segment_count = 1;
    return message;
}

/* --- The driver --- */

typedef struct {
    gw_part base;
    gw_site site;
    const gw_job *job;
    gw_mesh_hosts *mesh_hosts; /* NULL: not installed. */
    uint32_t instance;
    uint64_t gang_count;
    bool is_waiting; /* For the handles of `call`. */
    uint64_t call;
    uint32_t run;
    uint64_t call_handles_left;
    uint64_t *run_handles_left; /* By run % depth. */
    uint32_t depth;
    gw_dispatch_message *message; /* A call. */
} driver;

static void free_driver(gw_part *part)
{
    driver *self = (driver *)part;
    gw_mesh_hosts_free(self->mesh_hosts);
    g_free(self->run_handles_left);
    g_free(self->message);
    g_free(self);
}

static void send(const gw_site *site, gw_node_id target, const gw_message *message)
{
    site->port->ops->send(site->port, target, message);
}

static void install(driver *self, gw_node_id source, const gw_assignment_message *message)
{
    gw_check(self->mesh_hosts == NULL);
    self->instance = message->instance;
    self->mesh_hosts = gw_mesh_hosts_new(self->site.directory, self->job->plan, message);
    gw_instance_message answer = {{GW_MESSAGE_INSTALLED, sizeof answer}, message->instance};
    send(&self->site, source, &answer.header);
}

static void retire(driver *self, gw_node_id source, const gw_instance_message *message)
{
    g_clear_pointer(&self->mesh_hosts, gw_mesh_hosts_free);
    gw_instance_message answer = {{GW_MESSAGE_RETIRED, sizeof answer}, message->instance};
    send(&self->site, source, &answer.header);
}

static void send_call_message(driver *self, gw_message_kind kind, uint32_t run)
{
    gw_call_message message = {{kind, sizeof message}, self->instance, run, self->call};
    send(&self->site, self->site.self, &message.header);
}

/* One call of each actor that has shards of the node. */
static void call_actors(driver *self, const gw_submit *submit, uint32_t n)
{
    gw_port *port = self->site.port;
    uint64_t gang = (uint64_t)self->site.self.index << GW_GANG_SEQUENCE_BITS | self->gang_count++;
    uint32_t host_count;
    const uint32_t *hosts = gw_mesh_hosts_of(self->mesh_hosts, n, &host_count);
    self->message->segments[0] =
        (gw_segment){self->instance, submit->run, n, 1, gang, submit->call, 0, 0};
    gw_note note = {GW_NOTE_GANG_ORDERED, gang, (uint64_t)self->instance << 32 | n, 0};
    port->ops->note(port, &note);
    for (uint32_t h = 0; h < host_count; h++) {
        port->ops->spend(port, GW_COST_CALL, 1);
        send(&self->site, (gw_node_id){hosts[h]}, &self->message->header);
    }
    self->call_handles_left += host_count;
}

static uint64_t count_handles(const driver *self, uint32_t run)
{
    uint64_t count = 0;
    for (uint32_t n = 0; n < self->job->plan->node_count; n++) {
        uint32_t host_count;
        gw_mesh_hosts_of(self->mesh_hosts, n, &host_count);
        count += gw_plan_is_due(self->job->plan, n, run) ? host_count : 0;
    }
    return count;
}

static void begin_call(driver *self, const gw_submit *message)
{
    uint64_t *left = &self->run_handles_left[message->run % self->depth];
    if (*left == 0)
        *left = count_handles(self, message->run);
    self->call = message->call;
    self->run = message->run;
    self->call_handles_left = 0;
    for (uint32_t n = message->first_node; n < message->first_node + message->node_count; n++)
        if (gw_plan_is_due(self->job->plan, n, message->run))
            call_actors(self, message, n);
    self->is_waiting = self->job->submit == GW_SUBMIT_OP_BY_OP;
    if (!self->is_waiting)
        send_call_message(self, GW_MESSAGE_RETURNED, self->run);
}

static void take_handle(driver *self, const gw_call_message *message)
{
    if (self->is_waiting) {
        gw_check(message->call == self->call && self->call_handles_left > 0);
        self->call_handles_left--;
        self->is_waiting = self->call_handles_left > 0;
        if (!self->is_waiting)
            send_call_message(self, GW_MESSAGE_RETURNED, self->run);
    }
    uint64_t *left = &self->run_handles_left[message->run % self->depth];
    gw_check(*left > 0);
    (*left)--;
    if (*left == 0)
        send_call_message(self, GW_MESSAGE_RUN_DONE, message->run);
}

static bool handle_driver(gw_part *part, gw_node_id source, const gw_message *message)
{
    driver *self = (driver *)part;
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
    case GW_MESSAGE_HANDLE:
        take_handle(self, (const gw_call_message *)message);
        return true;
    default:
        return false;
    }
}

static void explain_driver(const gw_part *part, GString *out)
{
    const driver *self = (const driver *)part;
    uint64_t left = 0;
    for (uint32_t i = 0; i < self->depth; i++)
        left += self->run_handles_left[i];
    if (left > 0)
        g_string_append_printf(out, "driver of job %s waits for %" G_GUINT64_FORMAT " handles\n",
                               self->job->name, left);
}

static const gw_part_ops driver_ops = {
    .free = free_driver, .handle = handle_driver, .explain = explain_driver};

static gw_part *driver_new(const gw_site *site)
{
    driver *self = g_new0(driver, 1);
    self->base.ops = &driver_ops;
    self->site = *site;
    self->job = &site->jobs[site->index];
    self->depth = self->job->in_flight + 2;
    self->run_handles_left = g_new0(uint64_t, self->depth);
    self->message = new_message();
    return &self->base;
}

/* --- Actors --- */

typedef struct { /* One instance's, on this host. */
    uint32_t instance;
    gw_node_id driver;
    GArray *calls; /* gw_segment of one node: a queue from first_call on. */
    uint32_t first_call;
    bool is_busy; /* With the first. */
} actor;

typedef struct {
    gw_part base;
    gw_site site;
    GPtrArray *actors;            /* In the order in which they were first called. */
    gw_dispatch_message *message; /* What an actor hands its executor. */
} actor_host;

static void free_actor(void *data)
{
    actor *owned = (actor *)data;
    g_array_unref(owned->calls);
    g_free(owned);
}

static void free_actor_host(gw_part *part)
{
    actor_host *self = (actor_host *)part;
    for (uint32_t i = 0; i < self->actors->len; i++)
        free_actor(g_ptr_array_index(self->actors, i));
    g_ptr_array_unref(self->actors);
    g_free(self->message);
    g_free(self);
}

/* actors->len: none. */
static uint32_t find_actor(const actor_host *self, uint32_t instance)
{
    uint32_t i = 0;
    while (i < self->actors->len &&
           ((const actor *)g_ptr_array_index(self->actors, i))->instance != instance)
        i++;
    return i;
}

static void take_call(actor_host *self, gw_node_id source, const gw_dispatch_message *message)
{
    gw_check(message->segment_count == 1 && message->segments[0].node_count == 1);
    uint32_t place = find_actor(self, message->segments[0].instance);
    if (place == self->actors->len) {
        actor *made = g_new0(actor, 1);
        made->instance = message->segments[0].instance;
        made->driver = source;
        made->calls = g_array_new(FALSE, FALSE, sizeof(gw_segment));
        g_ptr_array_add(self->actors, made);
    }
    actor *called = (actor *)g_ptr_array_index(self->actors, place);
    g_array_append_val(called->calls, message->segments[0]);
}

static void drop_actor(actor_host *self, uint32_t instance)
{
    uint32_t place = find_actor(self, instance);
    if (place == self->actors->len)
        return; /* It was never called. */
    free_actor(g_ptr_array_index(self->actors, place));
    g_ptr_array_remove_index(self->actors, place);
}

static bool handle_host(gw_part *part, gw_node_id source, const gw_message *message)
{
    actor_host *self = (actor_host *)part;
    switch ((gw_message_kind)message->kind) {
    case GW_MESSAGE_DISPATCH:
        take_call(self, source, (const gw_dispatch_message *)message);
        return true;
    case GW_MESSAGE_PROGRESS: /* The executor's, to whom it takes calls from: this host. */
        return true;
    case GW_MESSAGE_RETIRE:
        drop_actor(self, ((const gw_instance_message *)message)->instance);
        return false;
    default:
        return false;
    }
}

static void begin_first_call(actor_host *self, actor *called)
{
    self->message->segments[0] = g_array_index(called->calls, gw_segment, called->first_call);
    called->is_busy = true;
    gw_executor_dispatch(self->site.executor, self->site.self, self->message);
}

static void end_first_call(actor_host *self, actor *called)
{
    const gw_segment *segment = &g_array_index(called->calls, gw_segment, called->first_call++);
    gw_call_message handle = {
        {GW_MESSAGE_HANDLE, sizeof handle}, segment->instance, segment->run, segment->call};
    send(&self->site, called->driver, &handle.header);
    called->is_busy = false;
    if (called->first_call == called->calls->len) {
        g_array_set_size(called->calls, 0);
        called->first_call = 0;
    }
}

static void flush_host(gw_part *part)
{
    actor_host *self = (actor_host *)part;
    for (uint32_t i = 0; i < self->actors->len; i++) {
        actor *called = (actor *)g_ptr_array_index(self->actors, i);
        if (called->is_busy && gw_executor_is_quiet(self->site.executor, called->instance))
            end_first_call(self, called);
        if (!called->is_busy && called->first_call < called->calls->len)
            begin_first_call(self, called);
    }
}

static void explain_host(const gw_part *part, GString *out)
{
    const actor_host *self = (const actor_host *)part;
    for (uint32_t i = 0; i < self->actors->len; i++) {
        const actor *called = (const actor *)g_ptr_array_index(self->actors, i);
        uint32_t left = called->calls->len - called->first_call;
        if (left == 0)
            continue;
        uint32_t job = gw_executor_instance(self->site.executor, called->instance)->job;
        g_string_append_printf(
            out, "host %u: the actor of job %s is busy with the first of %u call%s\n",
            self->site.self.index, self->site.jobs[job].name, left, gw_count_ending(left));
    }
}

static const gw_part_ops host_ops = {
    .free = free_actor_host,
    .handle = handle_host,
    .flush = flush_host,
    .explain = explain_host,
};

static gw_part *actor_host_new(const gw_site *site)
{
    actor_host *self = g_new0(actor_host, 1);
    self->base.ops = &host_ops;
    self->site = *site;
    self->actors = g_ptr_array_new();
    self->message = new_message();
    return &self->base;
}

static bool part_new(const gw_site *site, gw_part **out_part, GError **error)
{
    (void)error; /* There is nothing to set. */
    if (site->role == GW_ROLE_CLIENT)
        *out_part = driver_new(site);
    if (site->role == GW_ROLE_EXECUTOR)
        *out_part = actor_host_new(site);
    return true;
}

const gw_system_ops gw_system_ray = {
    .name = "ray",
    .summary = "a driver per client calls an actor per host; outputs go through host memory",
    .has_policy = false,
    .clients = GW_CLIENTS_SUBMIT,
    .hosts = GW_HOST_KEEPS_OUTPUTS,
    .window_count = 1,
    .part_new = part_new,
};
