/* SPDX-License-Identifier: Apache-2.0 */
/* Multi-controller: JAX, PyTorch.  Every host runs the user's loop for each job that it has devices
 * of and hands its own executor what it calls; no node is asked and none is told.
 *
 * All hosts count gangs alike, over all nodes of the program whether they are theirs or not, so
 * that a gang has the same number everywhere without a word.  A loop runs ahead of the devices
 * until the lookahead of one is used up or in_flight runs are under way, which the host learns
 * from its executor's progress reports to itself.  A turn is one call of each loop, in order of
 * job; the next turn is a timer that is due at once, so that what has come meanwhile is handled
 * between two calls. */
#include "base/check.h"
#include "controller/system.h"

/* Apart from the tags of the executor, which asks the same port. */
#define TURN_TAG (UINT64_C(1) << 62)

typedef struct { /* One job's, on this host. */
    uint32_t instance, job;
    gw_node_id client;
    const gw_host_instance *held;
    bool is_in_call;
    uint32_t run, next_node, end_node; /* Of the call, where the loop is in one. */
    uint64_t sequence;                 /* Of the next node: gangs of the job before it. */
    uint32_t oldest_run;               /* All runs before it are done here. */
    uint8_t *done_runs;                /* By run % in_flight, from the oldest on. */
    uint32_t lead_node;                /* Whose first shard's host says when a run is done. */
} loop;

typedef struct {
    gw_part base;
    gw_site site;
    uint32_t first_device;
    GArray *queued;   /* uint32_t, by device of this host: gangs not known to be done. */
    GPtrArray *loops; /* In order of job. */
    GByteArray *message;
    bool is_turn_due; /* A timer is set. */
} host_part;

static void free_loop(loop *owned)
{
    g_free(owned->done_runs);
    g_free(owned);
}

static void free_part(gw_part *part)
{
    host_part *host = (host_part *)part;
    for (uint32_t i = 0; i < host->loops->len; i++)
        free_loop((loop *)g_ptr_array_index(host->loops, i));
    g_ptr_array_unref(host->loops);
    g_array_unref(host->queued);
    g_byte_array_unref(host->message);
    g_free(host);
}

static loop *find_loop(const host_part *host, uint32_t instance, uint32_t *out_index)
{
    for (uint32_t i = 0; i < host->loops->len; i++) {
        loop *found = (loop *)g_ptr_array_index(host->loops, i);
        if (found->instance == instance) {
            *out_index = i;
            return found;
        }
    }
    gw_check(!"a loop of that instance");
    return NULL;
}

/* --- What comes next --- */

static bool is_local(const loop *running, uint32_t n)
{
    const gw_host_instance *held = running->held;
    return gw_lowered_local_count(held->lowered, held->plan->nodes[n].mesh) > 0;
}

/* Runs that have something to do here. */
static uint32_t count_runs(const loop *running)
{
    const gw_lowered *lowered = running->held->lowered;
    if (lowered->gangs_in_run_0 == 0)
        return 0;
    return lowered->gangs_per_run == 0 ? 1 : running->held->run_count;
}

/* Past what is not of this run, and between calls past what is not of this host.  False: that was
 * all. */
static bool find_next(const host_part *host, loop *running)
{
    const gw_plan *plan = running->held->plan;
    bool is_per_node = host->site.jobs[running->job].submit == GW_SUBMIT_OP_BY_OP;
    uint32_t run_count = count_runs(running);
    while (running->run < run_count) {
        for (; running->next_node < plan->node_count; running->next_node++) {
            if (running->run > 0 && plan->nodes[running->next_node].is_once)
                continue;
            if (running->is_in_call || !is_per_node || is_local(running, running->next_node))
                return true;
            running->sequence++;
        }
        running->run++;
        running->next_node = 0;
    }
    return false;
}

static bool has_room(const host_part *host, const loop *running, uint32_t n)
{
    const gw_lowered *lowered = running->held->lowered;
    uint32_t mesh = running->held->plan->nodes[n].mesh;
    for (uint32_t i = lowered->first_local[mesh]; i < lowered->first_local[mesh + 1]; i++) {
        uint32_t place = lowered->local_devices[i] - host->first_device;
        if (g_array_index(host->queued, uint32_t, place) >= host->site.control->lookahead)
            return false;
    }
    return true;
}

static void take_room(host_part *host, const loop *running, uint32_t n)
{
    const gw_lowered *lowered = running->held->lowered;
    uint32_t mesh = running->held->plan->nodes[n].mesh;
    for (uint32_t i = lowered->first_local[mesh]; i < lowered->first_local[mesh + 1]; i++)
        g_array_index(host->queued, uint32_t, lowered->local_devices[i] - host->first_device)++;
}

static bool is_window_open(const host_part *host, const loop *running)
{
    return running->run - running->oldest_run < host->site.jobs[running->job].in_flight;
}

/* --- Calls --- */

/* Where the gang's first shard is, it is said that the gang has its place: once for all hosts. */
static void note_gang(const host_part *host, const loop *running, uint32_t n, uint64_t gang)
{
    if (!running->held->lowered->has_first_shard[running->held->plan->nodes[n].mesh])
        return;
    gw_note note = {GW_NOTE_GANG_ORDERED, gang, (uint64_t)running->instance << 32 | n, 0};
    host->site.port->ops->note(host->site.port, &note);
}

static void add_gang(host_part *host, loop *running, uint32_t n, uint64_t gang, uint64_t call)
{
    GByteArray *message = host->message;
    if (message->len > sizeof(gw_dispatch_message)) {
        gw_segment *last = (gw_segment *)(void *)(message->data + message->len) - 1;
        if (n == last->first_node + last->node_count) {
            last->node_count++;
            return;
        }
    }
    gw_segment segment = {running->instance, running->run, n, 1, gang, call, 0, 0};
    g_byte_array_append(message, (const guint8 *)&segment, sizeof segment);
}

static void dispatch(host_part *host)
{
    uint32_t size_bytes = host->message->len;
    if (size_bytes == sizeof(gw_dispatch_message))
        return;
    gw_dispatch_message *message = (gw_dispatch_message *)(void *)host->message->data;
    message->header = (gw_message){GW_MESSAGE_DISPATCH, size_bytes};
    message->segment_count =
        (uint32_t)((size_bytes - sizeof(gw_dispatch_message)) / sizeof(gw_segment));
    message->wants_enqueued = 0;
    gw_executor_dispatch(host->site.executor, host->site.self, message);
    g_byte_array_set_size(host->message, sizeof(gw_dispatch_message));
}

/* One call, or what had no room of the one before.  False: the loop waits or is over. */
static bool advance(host_part *host, loop *running)
{
    if (!find_next(host, running) || !has_room(host, running, running->next_node))
        return false;
    const gw_job *job = &host->site.jobs[running->job];
    const gw_plan *plan = running->held->plan;
    bool is_per_node = job->submit == GW_SUBMIT_OP_BY_OP;
    if (!running->is_in_call) {
        if (!is_window_open(host, running))
            return false;
        if (!host->site.control->has_blocking_handoffs) /* Else when the executor launches it. */
            host->site.port->ops->spend(host->site.port, GW_COST_CALL, 1);
        running->end_node = is_per_node ? running->next_node + 1 : plan->node_count;
        running->is_in_call = true;
    }
    uint64_t client = gw_directory_client(host->site.directory, running->job).index;
    for (; running->next_node < running->end_node; running->next_node++) {
        uint32_t n = running->next_node;
        if (running->run > 0 && plan->nodes[n].is_once)
            continue;
        if (!has_room(host, running, n))
            break;
        uint64_t gang = client << GW_GANG_SEQUENCE_BITS | running->sequence;
        note_gang(host, running, n, gang);
        add_gang(host, running, n, gang, is_per_node ? running->sequence : running->run);
        take_room(host, running, n);
        running->sequence++;
    }
    running->is_in_call = running->next_node < running->end_node;
    dispatch(host);
    return true;
}

static void take_turn(host_part *host)
{
    bool is_advanced = false;
    for (uint32_t i = 0; i < host->loops->len; i++)
        is_advanced |= advance(host, (loop *)g_ptr_array_index(host->loops, i));
    host->is_turn_due = is_advanced;
    if (is_advanced)
        host->site.port->ops->timer_set(host->site.port, host->site.port->ops->now(host->site.port),
                                        (gw_tag){TURN_TAG});
}

static void turn_timer(gw_part *part, gw_tag tag)
{
    (void)tag;
    take_turn((host_part *)part);
}

static void flush(gw_part *part)
{
    host_part *host = (host_part *)part;
    if (!host->is_turn_due)
        take_turn(host);
}

/* --- Beginning and end --- */

static void begin_loop(host_part *host, gw_node_id source, uint32_t instance)
{
    loop *begun = g_new0(loop, 1);
    begun->instance = instance;
    begun->client = source;
    begun->held = gw_executor_instance(host->site.executor, instance);
    begun->job = begun->held->job;
    begun->done_runs = g_new0(uint8_t, host->site.jobs[begun->job].in_flight);
    const gw_plan *plan = begun->held->plan;
    for (uint32_t n = 0; n < plan->node_count; n++)
        if (!plan->nodes[n].is_once)
            begun->lead_node = n;
    uint32_t place = 0;
    while (place < host->loops->len &&
           ((loop *)g_ptr_array_index(host->loops, place))->job < begun->job)
        place++;
    g_ptr_array_insert(host->loops, (gint)place, begun);
}

static void end_loop(host_part *host, loop *ended, uint32_t index)
{
    gw_instance_message done = {{GW_MESSAGE_LOOP_DONE, sizeof done}, ended->instance};
    host->site.port->ops->send(host->site.port, ended->client, &done.header);
    g_ptr_array_remove_index(host->loops, index);
    free_loop(ended);
}

static void finish_run(host_part *host, const gw_finished_run *done)
{
    uint32_t index;
    loop *running = find_loop(host, done->instance, &index);
    uint32_t in_flight = host->site.jobs[running->job].in_flight;
    const gw_plan_node *lead = &running->held->plan->nodes[running->lead_node];
    gw_check(done->run - running->oldest_run < in_flight);
    if (running->held->lowered->has_first_shard[lead->mesh]) {
        gw_note note = {GW_NOTE_RUN_DONE, running->job, done->run, 0};
        host->site.port->ops->note(host->site.port, &note);
    }
    running->done_runs[done->run % in_flight] = 1;
    while (running->done_runs[running->oldest_run % in_flight]) {
        running->done_runs[running->oldest_run % in_flight] = 0;
        running->oldest_run++;
    }
    if (running->oldest_run == count_runs(running))
        end_loop(host, running, index);
}

static void take_progress(host_part *host, const gw_progress *message)
{
    gw_check(message->device_count == host->queued->len);
    const uint32_t *counts = gw_progress_counts(message);
    for (uint32_t d = 0; d < message->device_count; d++) {
        uint32_t *queued = &g_array_index(host->queued, uint32_t, d);
        gw_check(*queued >= counts[d]);
        *queued -= counts[d];
    }
    const gw_finished_run *runs = gw_progress_runs(message);
    for (uint32_t r = 0; r < message->run_count; r++)
        finish_run(host, &runs[r]);
}

static bool handle(gw_part *part, gw_node_id source, const gw_message *message)
{
    host_part *host = (host_part *)part;
    switch ((gw_message_kind)message->kind) {
    case GW_MESSAGE_LOOP: {
        uint32_t instance = ((const gw_instance_message *)message)->instance, index;
        begin_loop(host, source, instance);
        loop *begun = find_loop(host, instance, &index);
        if (count_runs(begun) == 0)
            end_loop(host, begun, index);
        return true;
    }
    case GW_MESSAGE_PROGRESS:
        gw_check(source.index == host->site.self.index);
        take_progress(host, (const gw_progress *)message);
        return true;
    default:
        return false;
    }
}

static void explain_loop(const host_part *host, loop *running, GString *out)
{
    const gw_job *job = &host->site.jobs[running->job];
    g_string_append_printf(out, "host %u: the loop of job %s ", host->site.self.index, job->name);
    if (!find_next(host, running))
        g_string_append(out, "has called all its runs and waits for them");
    else if (!running->is_in_call && !is_window_open(host, running))
        g_string_append_printf(out, "waits for run %u", running->oldest_run);
    else
        g_string_append_printf(out, "waits in run %u for room on its devices for node %s",
                               running->run,
                               gw_program_node(job->program, running->next_node)->name);
    g_string_append(out, host->loops->len > 1 ? "; hosts do not agree on an order between jobs\n"
                                              : "\n");
}

static void explain(const gw_part *part, GString *out)
{
    const host_part *host = (const host_part *)part;
    for (uint32_t i = 0; i < host->loops->len; i++)
        explain_loop(host, (loop *)g_ptr_array_index(host->loops, i), out);
}

static const gw_part_ops part_ops = {
    .free = free_part,
    .handle = handle,
    .timer = turn_timer,
    .flush = flush,
    .explain = explain,
};

static bool part_new(const gw_site *site, gw_part **out_part, GError **error)
{
    (void)error; /* There is nothing to set. */
    if (site->role != GW_ROLE_EXECUTOR)
        return true;
    host_part *host = g_new0(host_part, 1);
    host->base.ops = &part_ops;
    host->site = *site;
    host->queued = g_array_new(FALSE, TRUE, sizeof(uint32_t));
    g_array_set_size(host->queued, gw_directory_devices_of_host(site->directory, site->self,
                                                                &host->first_device));
    host->loops = g_ptr_array_new();
    host->message = g_byte_array_new();
    g_byte_array_set_size(host->message, sizeof(gw_dispatch_message));
    *out_part = &host->base;
    return true;
}

const gw_system_ops gw_system_multi_controller = {
    .name = "multi_controller",
    .summary = "every host runs the user's loop and launches on its own devices; no scheduler",
    .has_policy = false,
    .clients = GW_CLIENTS_START,
    .hosts = GW_HOST_TAKES_NOTHING,
    .window_count = 2,
    .part_new = part_new,
};
