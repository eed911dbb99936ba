/* SPDX-License-Identifier: Apache-2.0 */
/* After every input the calls of that node's port are read and turned into happenings: a message
 * that may arrive, a shard that may finish, a copy that may land, an answer that may come. */
#include "toy_world.h"

#include <stdio.h>

#include "base/check.h"
#include "controller/client.h"
#include "controller/system.h"
#include "toy_private.h"

#define OUTPUTS_MAX 64 /* Of a function in a toy world. */

/* --- Steps --- */

void toy_post(toy_world *world, const toy_step *step)
{
    g_array_append_val(world->steps, *step);
}

void toy_post_answer(toy_world *world, uint32_t node, record_kind asked, gw_tag tag, double value)
{
    toy_post(world,
             &(toy_step){
                 .kind = ANSWER_COMES, .node = node, .asked = asked, .tag = tag, .value = value});
}

/* How often it has to be unlucky, to be drawn. */
static uint32_t patience_of(const toy_world *world, const toy_step *step)
{
    if (step->kind == world->slow) {
        return 16;
    }
    /* What comes again and again is as late as any, or nothing else would come. */
    const uint32_t most =
        MAX(MAX(world->change_patience[0], world->change_patience[1]), world->stop_patience);
    if (step->kind == ANSWER_COMES && step->asked == RECORD_WATCH_SET) {
        return most;
    }
    if (step->kind != ANSWER_COMES || step->asked != RECORD_TIMER_SET) {
        return 0;
    }
    uint32_t index;
    const gw_role role = gw_directory_role(world->directory, (gw_node_id){step->node}, &index);
    if (role == GW_ROLE_CLIENT) {
        return world->states[index].is_given_up ? most : world->stop_patience;
    }
    return role == GW_ROLE_RESOURCES
               ? world->change_patience[world->control->changes[step->tag.value].is_removal]
               : 0;
}

static void draw_any_step(toy_world *world, toy_step *out)
{
    GArray *steps = world->steps;
    if (!world->is_random) {
        *out = g_array_index(steps, toy_step, world->first_step++);
        if (world->first_step > 1024) {
            g_array_remove_range(steps, 0, world->first_step);
            world->first_step = 0;
        }
        return;
    }
    uint32_t index = (uint32_t)gw_random_below(&world->random, steps->len);
    for (uint32_t i = 0; i < patience_of(world, &g_array_index(steps, toy_step, index)); i++) {
        index = (uint32_t)gw_random_below(&world->random, steps->len);
    }
    *out = g_array_index(steps, toy_step, index);
    g_array_remove_index_fast(steps, index);
}

/* False: all is at rest. */
static bool draw_step(toy_world *world, toy_step *out)
{
    if (world->steps->len - world->first_step == world->watch_count) {
        return false;
    }
    draw_any_step(world, out);
    for (uint32_t i = 0; i < 64 && out->due_ns > world->step_count; i++) {
        toy_post(world, out);
        draw_any_step(world, out);
    }
    world->watch_count -= out->kind == ANSWER_COMES && out->asked == RECORD_WATCH_SET;
    return true;
}

/* Programs are drawn with jobs that fail at any time, and leases that end at any. */
static void post_timer(toy_world *world, uint32_t node, const record_call *call)
{
    const bool is_watch = call->kind == RECORD_WATCH_SET;
    world->watch_count += is_watch;
    toy_post(world,
             &(toy_step){.kind = ANSWER_COMES,
                         .node = node,
                         .asked = call->kind,
                         .tag = call->tag,
                         .due_ns =
                             is_watch || call->tag.value == GW_CLIENT_FAIL_TAG ? call->due_ns : 0});
}

static void drop_timer(toy_world *world, uint32_t node, gw_tag tag)
{
    for (uint32_t i = world->first_step; i < world->steps->len;) {
        const toy_step *step = &g_array_index(world->steps, toy_step, i);
        const bool is_watch = step->asked == RECORD_WATCH_SET;
        if (step->kind == ANSWER_COMES && step->node == node && step->tag.value == tag.value &&
            (is_watch || step->asked == RECORD_TIMER_SET)) {
            world->watch_count -= is_watch;
            g_array_remove_index(world->steps, i);
        } else {
            i++;
        }
    }
}

static void post_message(toy_world *world, uint32_t source, uint32_t target,
                         const gw_message *message)
{
    toy_channel **channel = &world->channels[source * world->node_count + target];
    if (*channel == NULL) {
        *channel = g_new0(toy_channel, 1);
        (*channel)->source = source;
        (*channel)->target = target;
        g_queue_init(&(*channel)->messages);
    }
    g_queue_push_tail(&(*channel)->messages, g_memdup2(message, message->size_bytes));
    world->messages[message->kind]++;
    /* To oneself as well: handled later, after what is being handled. */
    if ((*channel)->messages.length == 1) {
        toy_post(world, &(toy_step){.kind = MESSAGE_ARRIVES, .subject = *channel});
    }
}

/* --- Calls --- */

/* No host has anything of the instance. */
static void check_collected(const toy_world *world, uint32_t instance)
{
    for (uint32_t h = 0; h < world->directory->host_count; h++) {
        gw_check(record_port_held_by(world->nodes[h].port, instance) == 0);
        gw_check(!record_port_is_loaded(world->nodes[h].port, instance));
    }
}

static void take_note(toy_world *world, const gw_note *note)
{
    if (note->kind == GW_NOTE_GANG_ORDERED || note->kind == GW_NOTE_MEMORY_WAIT) {
        return;
    }
    gw_check(note->a < world->job_count);
    toy_job *job = &world->states[note->a];
    const gw_job *wanted = &world->jobs[note->a];
    switch (note->kind) {
    case GW_NOTE_RUN_DONE:
        job->runs_done++;
        break;
    case GW_NOTE_RESULT: {
        const gw_result *result =
            &g_array_index(wanted->program->results, gw_result, (uint32_t)note->b);
        const uint64_t content =
            toy_content((uint32_t)note->a, result->node, result->output, (uint32_t)(note->b >> 32));
        gw_check(note->value == toy_value(content));
        job->results_seen++;
        break;
    }
    case GW_NOTE_JOB_DONE:
        gw_check(job->state == TOY_JOB_WAITS || job->is_given_up);
        job->state = job->state == TOY_JOB_WAITS ? TOY_JOB_DONE : job->state;
        break;
    case GW_NOTE_CLIENT_FAILED:
        gw_check(wanted->fail_ns > 0);
        gw_check(job->state == TOY_JOB_WAITS || job->is_given_up);
        job->is_given_up = true;
        job->state = note->b == 0 ? TOY_JOB_FAILED : job->state;
        break;
    case GW_NOTE_LEASE_EXPIRED:
        gw_check(world->control->lease_ns > 0);
        job->is_given_up = true;
        break;
    case GW_NOTE_JOB_COLLECTED:
        gw_check(job->is_given_up);
        check_collected(world, (uint32_t)note->b);
        job->state = job->state == TOY_JOB_WAITS ? TOY_JOB_FAILED : job->state;
        break;
    case GW_NOTE_JOB_REFUSED:
        gw_check(job->state == TOY_JOB_WAITS || job->is_given_up);
        if (job->state != TOY_JOB_WAITS) {
            break;
        }
        job->state = TOY_JOB_REFUSED;
        job->refusal = (gw_refusal)note->b;
        break;
    default:
        break;
    }
}

static void take_send(toy_world *world, uint32_t source, const record_call *call)
{
    if (call->message->kind == GW_MESSAGE_SUBMIT) {
        const gw_submit *submit = (const gw_submit *)call->message;
        const uint32_t number = toy_job_of(world, submit->instance);
        toy_job *job = &world->states[number];
        job->runs_begun = MAX(job->runs_begun, submit->run + 1);
        gw_check(job->runs_begun - job->runs_done <= world->jobs[number].in_flight);
    }
    if (call->message->kind == GW_MESSAGE_SLICE_GRANT) {
        const gw_assignment_message *grant = (const gw_assignment_message *)call->message;
        const uint32_t none = GW_INDEX_NONE;
        toy_job *job = &world->states[grant->job];
        while (world->job_of_instance->len <= grant->instance) {
            g_array_append_val(world->job_of_instance, none);
        }
        /* No instance's number is used again. */
        gw_check(toy_job_of(world, grant->instance) == GW_INDEX_NONE);
        g_array_index(world->job_of_instance, uint32_t, grant->instance) = grant->job;
        g_free(job->first);
        g_free(job->devices);
        job->first = g_memdup2(grant->data, (grant->mesh_count + 1) * sizeof(uint32_t));
        job->devices =
            g_memdup2(grant->data + grant->mesh_count + 1, grant->device_count * sizeof(uint32_t));
    }
    post_message(world, source, call->target.index, call->message);
}

static void take_calls(toy_world *world, uint32_t node)
{
    record_port *port = world->nodes[node].port;
    if (world->is_told && port->calls->len > 0) {
        fprintf(stderr, "[%" G_GUINT64_FORMAT "] node %u\n%s", world->step_count, node,
                record_port_text(port));
    }
    for (uint32_t i = 0; i < port->calls->len; i++) {
        const record_call *call = &g_array_index(port->calls, record_call, i);
        switch (call->kind) {
        case RECORD_TIMER_SET:
        case RECORD_WATCH_SET:
            post_timer(world, node, call);
            break;
        case RECORD_TIMER_CANCEL:
            drop_timer(world, node, call->tag);
            break;
        case RECORD_SEND:
            take_send(world, node, call);
            break;
        case RECORD_NOTE:
            take_note(world, &call->note);
            break;
        case RECORD_ENQUEUE:
            toy_take_kernel(world, node, call);
            break;
        case RECORD_COPY:
            toy_take_copy(world, node, call);
            break;
        case RECORD_EXPECT:
            toy_take_expectation(world, node, &call->expectation);
            break;
        case RECORD_RESERVE:
            if (call->is_granted) {
                toy_take_memory(world, node, &call->memory);
            }
            break;
        case RECORD_RELEASE:
            toy_drop_memory(world, node, &call->memory);
            break;
        default:
            break;
        }
    }
    record_port_clear(port);
}

/* Up to the first one that ends the job. */
static uint64_t count_runs(const gw_job *job, uint32_t index)
{
    for (uint32_t run = 0; job->until != NULL && run < job->runs; run++) {
        const double value = toy_result(index, job->program, job->until->result, run);
        if (job->until->is_above ? value > job->until->threshold : value < job->until->threshold) {
            return run + 1;
        }
    }
    return job->runs;
}

/* No later instance of its job was granted. */
static bool is_latest(const toy_world *world, uint32_t instance)
{
    for (uint32_t i = instance + 1; i < world->job_of_instance->len; i++) {
        if (toy_job_of(world, i) == toy_job_of(world, instance)) {
            return false;
        }
    }
    return true;
}

static bool has_temporaries(const gw_program *program, uint32_t n)
{
    const gw_node *node = gw_program_node(program, n);
    return gw_function_place_temporaries(gw_program_function(program, n), 1, NULL) > 0 ||
           (gw_node_is_decided(node) &&
            gw_function_place_temporaries(g_ptr_array_index(program->functions, node->otherwise), 1,
                                          NULL) > 0);
}

/* A host that is told to forget an instance holds what set-up made for all runs, workspace, and
 * what the last run made for one that never came here; the answers to its last copies may still be
 * on their way, and then it holds their sources. */
static void check_retired(const toy_world *world, uint32_t host, uint32_t instance)
{
    const record_port *port = world->nodes[host].port;
    const uint32_t index = toy_job_of(world, instance);
    const gw_job *job = &world->jobs[index];
    const gw_program *program = job->program;
    const bool is_left = job->stop_ns > 0; /* Perhaps before its data have come here. */
    const bool is_early =
        is_left || count_runs(job, index) < job->runs || !is_latest(world, instance);
    g_autofree bool *has_workspace = g_new0(bool, program->meshes->len);
    g_autofree bool *is_kept = g_new0(bool, OUTPUTS_MAX * program->nodes->len);
    uint32_t expected = 0, expected_max = 0; /* A host need not hold a piece that is copied on. */
    for (uint32_t n = 0; n < program->nodes->len; n++) {
        const uint32_t mesh = gw_program_node(program, n)->mesh;
        has_workspace[mesh] = has_workspace[mesh] || has_temporaries(program, n);
    }
    /* Else it leaves before its first. */
    const bool has_run = world->states[index].runs_begun > 0 ||
                         gw_system_of(world->control)->clients == GW_CLIENTS_START;
    for (uint32_t e = 0; has_run && e < program->edges->len; e++) {
        const gw_edge *edge = gw_program_edge(program, e);
        const gw_node *source = gw_program_node(program, edge->source_node);
        gw_check(edge->source_output < OUTPUTS_MAX);
        bool *kept = &is_kept[edge->source_node * OUTPUTS_MAX + edge->source_output];
        const bool is_for_all =
            source->is_once && !gw_program_node(program, edge->target_node)->is_once;
        if ((is_for_all || (edge->is_carried && is_early)) && !*kept) {
            const bool is_here = record_port_local_devices(port, instance, source->mesh)->len > 0;
            expected += is_here && is_for_all && !is_left;
            expected_max += is_here && (!is_for_all || is_left);
            *kept = true;
        }
    }
    for (uint32_t m = 0; m < program->meshes->len; m++) {
        expected +=
            has_workspace[m] && record_port_local_devices(port, instance, m)->len > 0 ? 1 : 0;
    }
    const uint32_t held = record_port_held_by(port, instance);
    gw_check(held >= expected || world->control->spill != NULL); /* Some of it may be away. */
    gw_check(held <= expected + expected_max || record_port_asked_count(port) > 0);
}

static void hand_in(toy_world *world, uint32_t node, const gw_input *input)
{
    world->nodes[node].port->now_ns = world->step_count;
    gw_controller_handle(world->nodes[node].controller, input);
    take_calls(world, node);
}

static void take_step(toy_world *world, const toy_step *step)
{
    world->step_count++;
    switch (step->kind) {
    case MESSAGE_ARRIVES: {
        toy_channel *channel = step->subject;
        g_autofree gw_message *message = g_queue_pop_head(&channel->messages);
        if (channel->messages.length > 0) {
            toy_post(world, step);
        }
        const gw_input input = {.kind = GW_INPUT_MESSAGE, .message = {{channel->source}, message}};
        if (message->kind == GW_MESSAGE_RETIRE && channel->target < world->directory->host_count) {
            const uint32_t instance = ((gw_instance_message *)message)->instance;
            if (!world->states[toy_job_of(world, instance)].is_given_up) {
                check_retired(world, channel->target, instance);
            }
        }
        hand_in(world, channel->target, &input);
        break;
    }
    case SHARD_ENDS:
        toy_end_shard(world, step->subject);
        break;
    case GANG_ENDS:
        toy_end_gang(world, step->subject);
        break;
    case COPY_LANDS:
        toy_land_copy(world, step->subject);
        break;
    case ANSWER_COMES: {
        const gw_input input =
            record_port_answer(world->nodes[step->node].port, step->asked, step->tag, step->value);
        hand_in(world, step->node, &input);
        break;
    }
    default:
        gw_check(!"a kind of step");
    }
}

/* --- The whole --- */

/* A client that fails leaves no gang that has run in part. */
static void check_whole_gangs(const toy_world *world, uint32_t index)
{
    const toy_job *job = &world->states[index];
    const gw_program *program = world->jobs[index].program;
    for (uint32_t run = 0; run < world->jobs[index].runs; run++) {
        for (uint32_t n = 0; n < program->nodes->len; n++) {
            const uint32_t count = gw_program_shard_count(program, n);
            const uint8_t *ran =
                job->ran + ((uint64_t)run * program->nodes->len + n) * job->shards_max;
            for (uint32_t s = 1; s < count; s++) {
                gw_check(ran[s] == ran[0]);
            }
        }
    }
}

static void check_job_end(const toy_world *world, uint32_t index)
{
    const toy_job *job = &world->states[index];
    const gw_job *wanted = &world->jobs[index];
    const gw_program *program = wanted->program;
    if (job->state == TOY_JOB_REFUSED) {
        gw_check(job->runs_begun == 0 && job->devices == NULL);
        return;
    }
    if (job->state == TOY_JOB_FAILED) {
        check_whole_gangs(world, index);
        return;
    }
    const uint64_t run_count = wanted->stop_ns > 0 ? job->runs_begun : count_runs(wanted, index);
    gw_check(run_count <= count_runs(wanted, index));
    gw_check(wanted->until == NULL || job->runs_begun == run_count);
    gw_check(job->runs_done == run_count);
    gw_check(job->results_seen == run_count * program->results->len);
    for (uint32_t run = 0; run < run_count; run++) {
        for (uint32_t n = 0; n < program->nodes->len; n++) {
            const uint32_t count = gw_program_shard_count(program, n);
            const uint8_t *ran =
                job->ran + ((uint64_t)run * program->nodes->len + n) * job->shards_max;
            for (uint32_t s = 0; s < count; s++) {
                gw_check(ran[s] == (run == 0 || !gw_program_node(program, n)->is_once));
            }
        }
    }
}

static void check_end(const toy_world *world)
{
    for (uint32_t j = 0; j < world->job_count; j++) {
        check_job_end(world, j);
    }
    for (uint32_t n = 0; n < world->node_count; n++) {
        const record_port *port = world->nodes[n].port;
        gw_check(record_port_held_count(port) == 0);
        gw_check(record_port_loaded_count(port) == 0);
        gw_check(record_port_asked_count(port) == 0);
    }
    gw_check(g_hash_table_size(world->buffers) == 0);
    g_autoptr(GString) explained = g_string_new(NULL);
    toy_world_explain(world, explained);
    gw_check(explained->len == 0);
}

bool toy_world_run(toy_world *world)
{
    const gw_input start = {.kind = GW_INPUT_START};
    toy_step step;
    for (uint32_t n = 0; n < world->node_count; n++) {
        hand_in(world, n, &start);
    }
    while (draw_step(world, &step)) {
        take_step(world, &step);
    }
    for (uint32_t j = 0; j < world->job_count; j++) {
        if (world->states[j].state == TOY_JOB_WAITS) {
            return false;
        }
    }
    check_end(world);
    return true;
}

void toy_world_explain(const toy_world *world, GString *out)
{
    for (uint32_t n = 0; n < world->node_count; n++) {
        gw_controller_explain(world->nodes[n].controller, out);
    }
}

static void init_jobs(toy_world *world)
{
    world->states = g_new0(toy_job, world->job_count);
    for (uint32_t j = 0; j < world->job_count; j++) {
        const gw_program *program = world->jobs[j].program;
        toy_job *job = &world->states[j];
        job->state = TOY_JOB_WAITS;
        for (uint32_t m = 0; m < program->meshes->len; m++) {
            job->shards_max =
                MAX(job->shards_max, gw_mesh_device_count(gw_program_mesh(program, m)));
        }
        job->ran = g_new0(uint8_t, world->jobs[j].runs * program->nodes->len * job->shards_max);
    }
}

static void init_nodes(toy_world *world)
{
    world->nodes = g_new0(toy_node, world->node_count);
    for (uint32_t n = 0; n < world->node_count; n++) {
        const gw_node_id self = {n};
        uint32_t index;
        toy_node *node = &world->nodes[n];
        node->port = record_port_new(world->directory, self);
        node->port->deal = toy_deal;
        node->port->deal_context = world;
        if (gw_directory_role(world->directory, self, &index) == GW_ROLE_EXECUTOR) {
            const uint32_t island = gw_directory_island_of_host(world->directory, self);
            node->port->limit_bytes = world->directory->islands[island].hbm_bytes;
        }
        GError *error = NULL;
        node->controller = gw_controller_new(world->directory, world->control, world->jobs, self,
                                             &node->port->base, &error);
        gw_check(node->controller != NULL);
    }
}

toy_world *toy_world_new(const toy_spec *spec)
{
    toy_world *world = g_new0(toy_world, 1);
    world->directory = gw_directory_new(spec->islands, spec->island_count, spec->job_count);
    world->control = spec->control;
    world->jobs = spec->jobs;
    world->job_count = spec->job_count;
    world->node_count = gw_directory_node_count(world->directory);
    world->is_told = spec->is_told;
    world->is_random = spec->seed != 0;
    gw_random_init(&world->random, spec->seed, "toy.order");
    if (world->is_random) { /* One kind of step in some worlds, none in others. */
        world->slow = (step_kind)gw_random_below(&world->random, STEP_KIND_COUNT + 2);
        world->stop_patience = 1u << gw_random_below(&world->random, 5);
        world->change_patience[true] = (uint32_t)gw_random_below(&world->random, 3);
        world->change_patience[false] = 1u << gw_random_below(&world->random, 7);
    }
    world->channels = g_new0(toy_channel *, world->node_count * world->node_count);
    world->steps = g_array_new(FALSE, FALSE, sizeof(toy_step));
    world->job_of_instance = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    toy_init_machine(world);
    init_jobs(world);
    init_nodes(world);
    return world;
}

static void free_jobs(toy_world *world)
{
    for (uint32_t j = 0; j < world->job_count; j++) {
        g_free(world->states[j].first);
        g_free(world->states[j].devices);
        g_free(world->states[j].ran);
    }
    g_free(world->states);
}

void toy_world_free(toy_world *world)
{
    if (world == NULL) {
        return;
    }
    for (uint32_t n = 0; n < world->node_count; n++) {
        gw_controller_free(world->nodes[n].controller);
        record_port_free(world->nodes[n].port);
    }
    for (uint32_t c = 0; c < world->node_count * world->node_count; c++) {
        if (world->channels[c] != NULL) {
            g_queue_clear_full(&world->channels[c]->messages, g_free);
            g_free(world->channels[c]);
        }
    }
    free_jobs(world);
    g_array_unref(world->job_of_instance);
    g_free(world->nodes);
    g_free(world->channels);
    g_array_unref(world->steps);
    toy_clear_machine(world);
    gw_directory_free(world->directory);
    g_free(world);
}

toy_job_state toy_world_job(const toy_world *world, uint32_t job)
{
    gw_check(job < world->job_count);
    return world->states[job].state;
}

gw_refusal toy_world_refusal(const toy_world *world, uint32_t job)
{
    gw_check(job < world->job_count);
    return world->states[job].refusal;
}

const uint32_t *toy_world_devices(const toy_world *world, uint32_t job, uint32_t mesh)
{
    gw_check(job < world->job_count);
    const toy_job *state = &world->states[job];
    return state->devices == NULL ? NULL : state->devices + state->first[mesh];
}

uint64_t toy_world_peak_bytes(const toy_world *world, uint32_t device)
{
    return record_port_peak_bytes(world->nodes[toy_host_of(world, device)].port, device);
}

uint64_t toy_world_message_count(const toy_world *world, uint32_t kind)
{
    gw_check(kind < GW_MESSAGE_KIND_COUNT);
    return world->messages[kind];
}

uint32_t toy_world_refused_count(const toy_world *world)
{
    uint32_t count = 0;
    for (uint32_t n = 0; n < world->node_count; n++) {
        count += world->nodes[n].port->refused_count;
    }
    return count;
}

uint64_t toy_world_step_count(const toy_world *world)
{
    return world->step_count;
}
