/* SPDX-License-Identifier: Apache-2.0 */
/* A state machine driven by answers.  Which schedulers take part in a call follows from where its
 * nodes' meshes lie; without schedulers the client is its own.  Where hosts run the job's loop
 * nobody takes part in calls, for there are none. */
#include "controller/client.h"

#include <string.h>

#include "base/check.h"
#include "controller/system.h"

/* Tags of timers. */
#define TIMER_START 1
#define TIMER_STOP  2
G_STATIC_ASSERT(GW_CLIENT_FAIL_TAG > TIMER_STOP);

typedef enum {
    IS_NEW = 1,
    IS_ASKING, /* For slices. */
    IS_INSTALLING,
    IS_RUNNING,
    IS_RETIRING,
    IS_DONE,
    IS_FETCHING, /* What the instance before has left. */
} client_state;

typedef struct { /* The instance that the job moves from, with what its runs have handed on. */
    uint32_t instance;
    GArray *hosts, *schedulers;
    gw_assignment_message *assignment;
    uint32_t answers_left; /* Of those that are to forget it. */
} left_instance;

struct gw_client {
    const gw_directory *directory;
    const gw_control *control;
    const gw_system_ops *system;
    const gw_job *job;
    uint32_t job_index;
    gw_node_id self;
    gw_port *port;
    client_state state;
    uint32_t instance;
    uint32_t answers_left;  /* INSTALLING, RETIRING; RUNNING: loops that are not done */
    GArray *hosts;          /* uint32_t: those of all meshes. */
    GArray *schedulers;     /* uint32_t: nodes. */
    uint32_t *scheduler_of; /* By mesh: index into `schedulers`. */
    uint32_t next_run, next_node;
    uint64_t runs;  /* To be done: the job's, fewer where it leaves before, or `until` is met. */
    bool is_moving; /* Its slices are recalled: it begins no run. */
    bool has_moved;
    gw_assignment_message *assignment; /* Where it lies; NULL: it was granted nothing. */
    left_instance *left;               /* NULL: it moves from nowhere. */
    uint64_t moved_bytes;              /* FETCHING */
    uint64_t calls;
    uint32_t returns_left; /* Schedulers that have not returned the present call. */
    uint32_t *done_left;   /* By run % depth: schedulers where the run is not done. */
    uint32_t depth, done_in_run_0, done_per_run;
    uint32_t oldest_run; /* All runs before it are done. */
    uint64_t runs_done, results_left;
    uint64_t runs_judged; /* With `until`: runs whose value is known. */
};

gw_client *gw_client_new(const gw_directory *directory, const gw_control *control,
                         const gw_job *jobs, uint32_t job, gw_node_id self, gw_port *port)
{
    gw_client *client = g_new0(gw_client, 1);
    client->directory = directory;
    client->control = control;
    client->system = gw_system_of(control);
    client->job = &jobs[job];
    client->job_index = job;
    client->self = self;
    client->port = port;
    client->state = IS_NEW;
    client->instance = job; /* What the resource manager calls it before there is any. */
    client->hosts = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    client->schedulers = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    client->scheduler_of = g_new0(uint32_t, jobs[job].program->meshes->len);
    client->depth = jobs[job].in_flight + 2;
    client->done_left = g_new0(uint32_t, client->depth);
    client->runs = jobs[job].runs;
    client->results_left = jobs[job].runs * jobs[job].program->results->len;
    return client;
}

static void free_left(left_instance *left)
{
    if (left == NULL)
        return;
    g_array_unref(left->hosts);
    g_array_unref(left->schedulers);
    g_free(left->assignment);
    g_free(left);
}

void gw_client_free(gw_client *client)
{
    if (client == NULL)
        return;
    free_left(client->left);
    g_free(client->assignment);
    g_array_unref(client->hosts);
    g_array_unref(client->schedulers);
    g_free(client->scheduler_of);
    g_free(client->done_left);
    g_free(client);
}

static void note(gw_client *client, gw_note_kind kind, uint64_t b, double value)
{
    gw_note what = {kind, client->job_index, b, value};
    client->port->ops->note(client->port, &what);
}

static void send(gw_client *client, uint32_t node, const gw_message *message)
{
    client->port->ops->send(client->port, (gw_node_id){node}, message);
}

/* --- Slices and installing --- */

static void ask_for_slices(gw_client *client)
{
    gw_check(client->state == IS_NEW);
    client->state = IS_ASKING;
    gw_slice_request request = {{GW_MESSAGE_SLICE_REQUEST, sizeof request}, client->job_index};
    send(client, gw_directory_resources(client->directory).index, &request.header);
}

/* `kind`: SLICE_RELEASE, SLICE_EXCHANGE or SLICE_MOVE. */
static void send_slices(gw_client *client, gw_message_kind kind, uint32_t instance)
{
    gw_instance_message message = {{kind, sizeof message}, instance};
    send(client, gw_directory_resources(client->directory).index, &message.header);
}

static void give_slices_back(gw_client *client, gw_message_kind kind)
{
    send_slices(client, kind, client->instance);
}

static void end_job(gw_client *client)
{
    client->state = IS_DONE;
    if (client->job->stop_ns > 0)
        client->port->ops->timer_cancel(client->port, (gw_tag){TIMER_STOP});
    if (client->job->fail_ns > 0)
        client->port->ops->timer_cancel(client->port, (gw_tag){GW_CLIENT_FAIL_TAG});
}

static void finish_if_done(gw_client *client);
static void call_next(gw_client *client);

static uint64_t count_begun(const gw_client *client)
{
    return (uint64_t)client->next_run + (client->next_node > 0 ? 1 : 0);
}

/* Nothing is cut short: runs that were begun are finished.  An answer of the resource manager may
 * be on its way to a client that has left; it is not looked at. */
static void leave(gw_client *client)
{
    if (client->state == IS_DONE)
        return;
    gw_check(client->state != IS_NEW);
    uint64_t begun = count_begun(client);
    client->results_left -= (client->runs - begun) * client->job->program->results->len;
    client->runs = begun;
    if (client->state == IS_ASKING && client->left == NULL) {
        give_slices_back(client, GW_MESSAGE_SLICE_RELEASE);
        end_job(client);
        note(client, GW_NOTE_JOB_DONE, client->job->runs - begun, 0);
    }
    if (client->state == IS_RUNNING)
        finish_if_done(client);
}

void gw_client_start(gw_client *client)
{
    if (client->job->start_ns > client->port->ops->now(client->port))
        client->port->ops->timer_set(client->port, client->job->start_ns, (gw_tag){TIMER_START});
    else
        ask_for_slices(client);
    if (client->job->stop_ns > 0) /* Past, where the world was slow to begin: due at once. */
        client->port->ops->timer_set(client->port, client->job->stop_ns, (gw_tag){TIMER_STOP});
    if (client->job->fail_ns == 0)
        return;
    gw_check(client->control->lease_ns > 0); /* Or nobody would ever notice. */
    client->port->ops->timer_set(client->port, client->job->fail_ns, (gw_tag){GW_CLIENT_FAIL_TAG});
}

bool gw_client_fail(gw_client *client)
{
    const client_state state = client->state;
    if (state == IS_NEW && client->job->start_ns > 0)
        client->port->ops->timer_cancel(client->port, (gw_tag){TIMER_START});
    end_job(client);
    if (state == IS_DONE)
        return false;
    note(client, GW_NOTE_CLIENT_FAILED, state == IS_NEW ? 0 : 1, 0);
    return state != IS_NEW;
}

void gw_client_asked(gw_client *client)
{
    const gw_lease_message message = {{GW_MESSAGE_LEASE_KEPT, sizeof message}, client->job_index};
    send(client, gw_directory_resources(client->directory).index, &message.header);
}

void gw_client_lost(gw_client *client)
{
    end_job(client);
}

void gw_client_timer(gw_client *client, gw_tag tag)
{
    if (tag.value == TIMER_START)
        ask_for_slices(client);
    else
        leave(client);
}

void gw_client_refused(gw_client *client, const gw_slice_refused *message)
{
    if (client->state == IS_DONE) /* It has left. */
        return;
    gw_check(client->state == IS_ASKING);
    end_job(client);
    if (client->control->lease_ns > 0) /* All that it has. */
        give_slices_back(client, GW_MESSAGE_SLICE_RELEASE);
    note(client, GW_NOTE_JOB_REFUSED, message->reason, 0);
}

static uint32_t add_once(GArray *numbers, uint32_t number)
{
    for (uint32_t i = 0; i < numbers->len; i++)
        if (g_array_index(numbers, uint32_t, i) == number)
            return i;
    g_array_append_val(numbers, number);
    return numbers->len - 1;
}

/* Hosts in the order of the meshes' devices: it is the order in which they are told. */
static void list_hosts(gw_client *client, const gw_assignment_message *message)
{
    const uint32_t *first = message->data;
    const uint32_t *devices = message->data + message->mesh_count + 1;
    g_array_set_size(client->hosts, 0);
    g_array_set_size(client->schedulers, 0);
    g_autofree uint8_t *is_listed = g_new0(uint8_t, client->directory->host_count);
    for (uint32_t d = 0; d < message->device_count; d++) {
        uint32_t host = gw_directory_host(client->directory, (gw_device_id){devices[d]}).index;
        if (!is_listed[host])
            g_array_append_val(client->hosts, host);
        is_listed[host] = 1;
    }
    for (uint32_t m = 0; client->system->clients == GW_CLIENTS_SUBMIT && m < message->mesh_count;
         m++) {
        uint32_t island = gw_directory_island(client->directory, (gw_device_id){devices[first[m]]});
        uint32_t node = client->control->policy == NULL
                            ? client->self.index
                            : gw_directory_scheduler(client->directory, island).index;
        client->scheduler_of[m] = add_once(client->schedulers, node);
    }
}

/* How many schedulers have gangs of nodes [first, end) in `run`. */
static uint32_t mark_schedulers(const gw_client *client, uint32_t first, uint32_t end, uint32_t run,
                                uint8_t *marks)
{
    uint32_t count = 0;
    for (uint32_t n = first; n < end; n++) {
        const gw_plan_node *node = &client->job->plan->nodes[n];
        uint8_t *mark = &marks[client->scheduler_of[node->mesh]];
        if (*mark || (node->is_once && run > 0))
            continue;
        *mark = 1;
        count++;
    }
    return count;
}

static void count_schedulers(gw_client *client)
{
    uint32_t node_count = client->job->plan->node_count;
    for (uint32_t run = 0; run < 2; run++) {
        g_autofree uint8_t *marks = g_new0(uint8_t, client->schedulers->len);
        uint32_t count = mark_schedulers(client, 0, node_count, run, marks);
        *(run == 0 ? &client->done_in_run_0 : &client->done_per_run) = count;
    }
}

/* --- Moving with data --- */

/* Asks for other slices; the instance and its slices stay until what is there has moved. */
static void ask_to_move(gw_client *client)
{
    left_instance *left = g_new0(left_instance, 1);
    left->instance = client->instance;
    left->hosts = g_steal_pointer(&client->hosts);
    left->schedulers = g_steal_pointer(&client->schedulers);
    left->assignment = g_steal_pointer(&client->assignment);
    client->hosts = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    client->schedulers = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    client->left = left;
    client->state = IS_ASKING;
    send_slices(client, GW_MESSAGE_SLICE_MOVE, left->instance);
}

/* It does not move: the instance is its own as before. */
static void keep_left(gw_client *client)
{
    left_instance *left = g_steal_pointer(&client->left);
    client->instance = left->instance;
    GArray *hosts = client->hosts, *schedulers = client->schedulers;
    client->hosts = left->hosts;
    client->schedulers = left->schedulers;
    left->hosts = hosts;
    left->schedulers = schedulers;
    client->assignment = g_steal_pointer(&left->assignment);
    free_left(left);
    client->is_moving = false;
    client->state = IS_RUNNING;
    call_next(client);
    finish_if_done(client);
}

void gw_client_stayed(gw_client *client, const gw_instance_message *message)
{
    gw_check(client->state == IS_ASKING);
    gw_check(client->left != NULL);
    gw_check(client->left->instance == message->instance);
    keep_left(client);
}

/* The new hosts fetch what is to move. */
static void begin_fetching(gw_client *client)
{
    const gw_assignment_message *source = client->left->assignment, *target = client->assignment;
    const uint32_t mesh_count = source->mesh_count, device_count = source->device_count;
    gw_check(mesh_count == target->mesh_count && device_count == target->device_count);
    const uint32_t size_bytes = (uint32_t)(sizeof(gw_move_message) +
                                           (mesh_count + 1 + 2 * device_count) * sizeof(uint32_t));
    g_autofree gw_move_message *move = (gw_move_message *)g_malloc0(size_bytes);
    move->header = (gw_message){GW_MESSAGE_MOVE, size_bytes};
    move->instance = client->instance;
    move->source_instance = client->left->instance;
    move->run = client->next_run;
    move->mesh_count = mesh_count;
    move->device_count = device_count;
    memcpy(move->data, source->data, (mesh_count + 1 + device_count) * sizeof(uint32_t));
    memcpy(move->data + mesh_count + 1 + device_count, target->data + mesh_count + 1,
           device_count * sizeof(uint32_t));
    client->state = IS_FETCHING;
    client->moved_bytes = 0;
    client->answers_left = client->hosts->len;
    note(client, GW_NOTE_STATE_LEAVES, client->instance, 0);
    for (uint32_t h = 0; h < client->hosts->len; h++)
        send(client, g_array_index(client->hosts, uint32_t, h), &move->header);
}

/* Tells them to forget it; returns how many will answer. */
static uint32_t send_retire(gw_client *client, uint32_t instance, const GArray *hosts,
                            const GArray *schedulers)
{
    gw_instance_message retire = {{GW_MESSAGE_RETIRE, sizeof retire}, instance};
    for (uint32_t h = 0; h < hosts->len; h++)
        send(client, g_array_index(hosts, uint32_t, h), &retire.header);
    for (uint32_t s = 0; s < schedulers->len; s++)
        send(client, g_array_index(schedulers, uint32_t, s), &retire.header);
    return hosts->len + schedulers->len;
}

/* All is there: it goes on, and the old instance goes. */
static void end_move(gw_client *client)
{
    left_instance *left = client->left;
    client->state = IS_RUNNING;
    client->is_moving = false;
    client->has_moved = true;
    note(client, GW_NOTE_JOB_MOVED, client->instance, 0);
    call_next(client);
    left->answers_left = send_retire(client, left->instance, left->hosts, left->schedulers);
}

void gw_client_moved(gw_client *client, const gw_moved_message *message)
{
    gw_check(client->state == IS_FETCHING);
    gw_check(message->instance == client->instance);
    gw_check(client->answers_left > 0);
    client->moved_bytes += message->size_bytes;
    if (--client->answers_left > 0)
        return;
    note(client, GW_NOTE_STATE_MOVED, client->moved_bytes, 0);
    end_move(client);
}

static void forget_left(gw_client *client)
{
    gw_check(client->left->answers_left > 0);
    if (--client->left->answers_left > 0)
        return;
    send_slices(client, GW_MESSAGE_SLICE_RELEASE, client->left->instance);
    free_left(g_steal_pointer(&client->left));
    if (client->state == IS_RUNNING)
        finish_if_done(client);
}

void gw_client_granted(gw_client *client, const gw_assignment_message *message)
{
    if (client->state == IS_DONE) /* It has left. */
        return;
    gw_check(client->state == IS_ASKING);
    if (client->left != NULL && client->runs_done == client->runs) { /* It has left meanwhile. */
        send_slices(client, GW_MESSAGE_SLICE_RELEASE, message->instance);
        keep_left(client);
        return;
    }
    client->state = IS_INSTALLING;
    client->instance = message->instance;
    g_free(client->assignment);
    client->assignment = (gw_assignment_message *)g_memdup2(message, message->header.size_bytes);
    list_hosts(client, message);
    if (client->system->clients == GW_CLIENTS_SUBMIT)
        count_schedulers(client);
    g_autofree gw_assignment_message *install =
        (gw_assignment_message *)g_memdup2(message, message->header.size_bytes);
    install->header.kind = GW_MESSAGE_INSTALL;
    const gw_assignment_message *old = client->left == NULL ? NULL : client->left->assignment;
    uint32_t moved = gw_assignment_count_moved(message->data + message->mesh_count + 1,
                                               old == NULL ? NULL : old->data + old->mesh_count + 1,
                                               message->device_count);
    if (moved > 0)
        client->port->ops->spend(client->port, GW_COST_LOWER, moved);
    for (uint32_t h = 0; h < client->hosts->len; h++)
        send(client, g_array_index(client->hosts, uint32_t, h), &install->header);
    for (uint32_t s = 0; s < client->schedulers->len; s++)
        send(client, g_array_index(client->schedulers, uint32_t, s), &install->header);
    client->answers_left = client->hosts->len + client->schedulers->len;
}

/* --- Running --- */

static void submit(gw_client *client, uint32_t first_node, uint32_t node_count)
{
    g_autofree uint8_t *marks = g_new0(uint8_t, client->schedulers->len);
    gw_submit message = {{GW_MESSAGE_SUBMIT, sizeof message},
                         client->instance,
                         client->next_run,
                         first_node,
                         node_count,
                         client->calls++};
    client->port->ops->spend(client->port, GW_COST_CALL, 1);
    client->returns_left =
        mark_schedulers(client, first_node, first_node + node_count, client->next_run, marks);
    gw_check(client->returns_left > 0);
    for (uint32_t s = 0; s < client->schedulers->len; s++)
        if (marks[s])
            send(client, g_array_index(client->schedulers, uint32_t, s), &message.header);
}

static void begin_run(gw_client *client)
{
    uint32_t *left = &client->done_left[client->next_run % client->depth];
    gw_check(*left == 0);
    *left = client->next_run == 0 ? client->done_in_run_0 : client->done_per_run;
}

/* A run may be done before an older one, whose last copies are slow.  The window begins at the
 * oldest that is not: buffers and counts of a run are found by run % depth. */
static void pass_done_runs(gw_client *client)
{
    while (client->oldest_run < count_begun(client) &&
           client->done_left[client->oldest_run % client->depth] == 0)
        client->oldest_run++;
}

/* The next call, when the one before has returned and the window is open. */
static void call_next(gw_client *client)
{
    const gw_plan *plan = client->job->plan;
    if (client->state != IS_RUNNING || client->returns_left > 0)
        return;
    if (client->next_run >= client->runs)
        return;
    bool is_new = client->next_node == 0;
    if (is_new && (client->is_moving ||
                   (client->job->until != NULL && client->runs_judged < client->next_run)))
        return;
    if (is_new && client->next_run - client->oldest_run >= client->job->in_flight)
        return;
    if (is_new)
        begin_run(client);
    uint32_t run = client->next_run, first = 0, end = plan->node_count;
    if (client->job->submit == GW_SUBMIT_OP_BY_OP) {
        first = client->next_node;
        while (run > 0 && plan->nodes[first].is_once)
            first++;
        end = first + 1;
    }
    submit(client, first, end - first);
    while (end < plan->node_count && run > 0 && plan->nodes[end].is_once)
        end++;
    client->next_node = end == plan->node_count ? 0 : end;
    if (client->next_node == 0)
        client->next_run++;
}

/* Each host runs all of the job from here on. */
static void start_loops(gw_client *client)
{
    gw_instance_message loop = {{GW_MESSAGE_LOOP, sizeof loop}, client->instance};
    client->next_run = (uint32_t)client->job->runs;
    client->answers_left = client->hosts->len;
    for (uint32_t h = 0; h < client->hosts->len; h++)
        send(client, g_array_index(client->hosts, uint32_t, h), &loop.header);
}

void gw_client_recalled(gw_client *client, const gw_instance_message *message)
{
    if (client->state != IS_INSTALLING && client->state != IS_RUNNING)
        return; /* It is giving them back. */
    gw_check(message->instance == client->instance);
    client->is_moving = true;
    if (client->state == IS_RUNNING)
        finish_if_done(client);
}

void gw_client_installed(gw_client *client)
{
    gw_check(client->state == IS_INSTALLING);
    gw_check(client->answers_left > 0);
    if (--client->answers_left > 0)
        return;
    if (client->left != NULL) {
        if (client->runs_done < client->runs)
            begin_fetching(client);
        else /* It has left meanwhile. */
            end_move(client);
        return;
    }
    client->state = IS_RUNNING;
    note(client, client->has_moved ? GW_NOTE_JOB_MOVED : GW_NOTE_JOB_STARTED, client->instance, 0);
    if (client->system->clients == GW_CLIENTS_START) {
        start_loops(client);
        return;
    }
    call_next(client);
    finish_if_done(client);
}

void gw_client_returned(gw_client *client, const gw_call_message *message)
{
    gw_check(client->returns_left > 0);
    gw_check(message->call + 1 == client->calls);
    if (--client->returns_left > 0)
        return;
    note(client, GW_NOTE_CALL_RETURNED, message->call, 0);
    call_next(client);
}

/* Done for good, or as far as the present instance goes. */
static void finish_if_done(gw_client *client)
{
    uint64_t due = client->is_moving ? count_begun(client) : client->runs;
    if (client->runs_done < due)
        return;
    if (client->results_left > (client->runs - due) * client->job->program->results->len)
        return;
    gw_check(client->returns_left == 0);
    if (client->left != NULL) /* Not before that is gone. */
        return;
    if (due < client->runs && due > 0 && gw_plan_has_state(client->job->plan)) {
        ask_to_move(client);
        return;
    }
    client->state = IS_RETIRING;
    client->answers_left = send_retire(client, client->instance, client->hosts, client->schedulers);
}

void gw_client_run_done(gw_client *client, const gw_call_message *message)
{
    uint32_t *left = &client->done_left[message->run % client->depth];
    gw_check(*left > 0);
    if (--*left > 0)
        return;
    client->runs_done++;
    pass_done_runs(client);
    note(client, GW_NOTE_RUN_DONE, message->run, 0);
    call_next(client);
    finish_if_done(client);
}

/* The value that says whether this run was the last.  Nothing of a later one is submitted. */
static void judge_run(gw_client *client, uint32_t run, double value)
{
    const gw_until *until = client->job->until;
    gw_check(client->runs_judged == run);
    client->runs_judged++;
    if (until->is_above ? !(value > until->threshold) : !(value < until->threshold))
        return;
    const uint64_t dropped = client->runs - client->runs_judged;
    client->runs = client->runs_judged;
    client->results_left -= dropped * client->job->program->results->len;
}

void gw_client_loop_done(gw_client *client)
{
    gw_check(client->state == IS_RUNNING);
    gw_check(client->answers_left > 0);
    if (--client->answers_left > 0)
        return;
    client->runs_done = client->job->runs;
    finish_if_done(client);
}

void gw_client_result(gw_client *client, const gw_result_message *message)
{
    const gw_until *until = client->job->until;
    gw_check(client->results_left > 0);
    client->results_left--;
    note(client, GW_NOTE_RESULT, (uint64_t)message->run << 32 | message->result, message->value);
    if (until != NULL && message->result == until->result) {
        judge_run(client, message->run, message->value);
        call_next(client);
    }
    finish_if_done(client);
}

void gw_client_retired(gw_client *client, const gw_instance_message *message)
{
    if (client->left != NULL && message->instance == client->left->instance) {
        forget_left(client);
        return;
    }
    gw_check(message->instance == client->instance);
    gw_check(client->state == IS_RETIRING);
    gw_check(client->answers_left > 0);
    if (--client->answers_left > 0)
        return;
    if (client->runs_done < client->runs) {
        client->state = IS_ASKING;
        client->is_moving = false;
        client->has_moved = true;
        give_slices_back(client, GW_MESSAGE_SLICE_EXCHANGE);
        return;
    }
    end_job(client);
    give_slices_back(client, GW_MESSAGE_SLICE_RELEASE);
    note(client, GW_NOTE_JOB_DONE, client->job->runs - client->runs, 0);
}

void gw_client_explain(const gw_client *client, GString *out)
{
    static const char *const states[] = {
        [IS_NEW] = "has not started",
        [IS_ASKING] = "waits for its slices",
        [IS_INSTALLING] = "waits for hosts to load its program",
        [IS_RUNNING] = "waits for its runs",
        [IS_RETIRING] = "waits for hosts to unload its program",
        [IS_FETCHING] = "waits for its data to come to other devices",
    };
    if (client->state == IS_DONE)
        return;
    if (client->state == IS_RUNNING && client->system->clients == GW_CLIENTS_START) {
        g_string_append_printf(out, "job %s waits for the loops of %u host%s\n", client->job->name,
                               client->answers_left, gw_count_ending(client->answers_left));
        return;
    }
    g_string_append_printf(
        out, "job %s %s: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " runs done, %u submitted\n",
        client->job->name, states[client->state], client->runs_done, client->runs,
        client->next_run);
}
