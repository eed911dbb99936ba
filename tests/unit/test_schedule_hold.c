/* SPDX-License-Identifier: Apache-2.0 */
/* Two schedulers hear the same, drawn from a seed: one whose policy sets offers aside for which
 * there is no room or no memory, and one that passes them over one by one, as with a policy that
 * has no `hold`.  They say the same to the world, call by call. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "controller/schedule.h"
#include "controller/schedule_private.h"
#include "run_suite.h"
#include "small_control.h"

#define HOSTS            4
#define DEVICES_PER_HOST 2
#define DEVICES          (HOSTS * DEVICES_PER_HOST)
#define JOBS             20
#define MESHES_MAX       2
#define NODES_MAX        4
#define STEPS            400
#define SEEDS            60
#define ROWS_MAX         4 /* Of a gang's output; rows are what bytes are drawn in. */

/* What is drawn; the same for both. */
typedef struct {
    gw_random random;
    gw_directory *directory;
    gw_control control;
    gw_program *programs[JOBS];
    gw_plan *plans[JOBS];
    gw_job jobs[JOBS];
    uint32_t next_run[JOBS];
    bool is_gone[JOBS];
} world;

typedef struct {
    uint32_t instance;
    uint64_t size_bytes; /* That it gives back. */
} queued_gang;

typedef struct {
    record_port *port;
    gw_schedule *schedule;
    GArray *queues[DEVICES]; /* queued_gang: ordered and not done. */
} side;

static uint32_t draw(world *made, uint32_t bound)
{
    return (uint32_t)gw_random_below(&made->random, bound);
}

static gw_program *draw_program(world *made, uint32_t *out_device_count)
{
    gw_builder *builder = gw_builder_new("drawn");
    const uint32_t mesh_count = 1 + draw(made, MESHES_MAX), node_count = 1 + draw(made, NODES_MAX);
    *out_device_count = 0;
    for (uint32_t m = 0; m < mesh_count; m++) {
        const uint32_t width = UINT32_C(1) << draw(made, 3);
        small_mesh(builder, width);
        *out_device_count += width;
    }
    for (uint32_t n = 0; n < node_count; n++) {
        static const char *const functions[ROWS_MAX] = {"> r1", "> r2", "> r3", "> r4"};
        small_node(builder, "node", draw(made, mesh_count), functions[draw(made, ROWS_MAX)]);
    }
    return small_finish(builder);
}

/* Often one of a few places, so that many clients meet on a slice; else anywhere. */
static void draw_devices(world *made, const gw_program *program, uint32_t *devices)
{
    uint32_t next = 0;
    for (uint32_t m = 0; m < program->meshes->len; m++) {
        const uint32_t width = gw_mesh_device_count(gw_program_mesh(program, m));
        const uint32_t first = draw(made, 4) > 0 ? width * draw(made, 2) : draw(made, DEVICES);
        for (uint32_t d = 0; d < width; d++)
            devices[next++] = (first + d) % DEVICES;
    }
}

static void install(world *made, side *sides, uint32_t job)
{
    uint32_t devices[MESHES_MAX * 4], device_count;
    made->programs[job] = draw_program(made, &device_count);
    made->plans[job] = gw_plan_new(made->programs[job]);
    made->jobs[job] = (gw_job){.name = "job",
                               .program = made->programs[job],
                               .plan = made->plans[job],
                               .runs = 1000,
                               .in_flight = 1 + draw(made, 2),
                               .weight = 1 + draw(made, 4),
                               .priority = draw(made, 4),
                               .deadline_ns = draw(made, 3) * 1000};
    draw_devices(made, made->programs[job], devices);
    g_autofree gw_assignment_message *message =
        small_assignment(GW_MESSAGE_INSTALL, job, made->programs[job], devices);
    for (uint32_t s = 0; s < 2; s++)
        gw_schedule_install(sides[s].schedule, gw_directory_client(made->directory, job), message);
}

/* Bytes are not counted, or run out: in what may be ordered ahead, or on the devices. */
static void draw_memory(world *made)
{
    const uint32_t what = draw(made, 3);
    made->control.counts_bytes = what > 0;
    if (what == 1)
        made->control.lookahead_memory_bytes = (1 + draw(made, 12)) * SMALL_ROW_BYTES;
    if (what == 2)
        made->directory->islands[0].hbm_bytes = (ROWS_MAX + draw(made, 12)) * SMALL_ROW_BYTES;
}

static void init_world(world *made, side *sides, const gw_policy_ops *policy, uint64_t seed)
{
    static const uint32_t lookaheads[] = {1, 1, 2, 3, 4, 8};
    *made = (world){.directory = small_directory(HOSTS, DEVICES_PER_HOST, JOBS)};
    gw_random_init(&made->random, seed, "schedule.hold");
    made->control = (gw_control){.policy = policy,
                                 .dispatch = draw(made, 4) == 0 ? &gw_dispatch_sequential
                                                                : &gw_dispatch_parallel,
                                 .lookahead = lookaheads[draw(made, G_N_ELEMENTS(lookaheads))]};
    draw_memory(made);
    for (uint32_t s = 0; s < 2; s++) {
        sides[s] = (side){.port = record_port_new(made->directory, (gw_node_id){HOSTS})};
        sides[s].schedule = gw_schedule_new(made->directory, &made->control, made->jobs, 0,
                                            sides[s].port->self, &sides[s].port->base, NULL);
        ck_assert(sides[s].schedule->can_hold);
        for (uint32_t d = 0; d < DEVICES; d++)
            sides[s].queues[d] = g_array_new(FALSE, FALSE, sizeof(queued_gang));
    }
    sides[1].schedule->can_hold = false;
    for (uint32_t j = 0; j < JOBS; j++)
        install(made, sides, j);
}

static void clear_world(world *made, side *sides)
{
    for (uint32_t s = 0; s < 2; s++) {
        gw_schedule_free(sides[s].schedule);
        record_port_free(sides[s].port);
        for (uint32_t d = 0; d < DEVICES; d++)
            g_array_unref(sides[s].queues[d]);
    }
    for (uint32_t j = 0; j < JOBS; j++) {
        gw_plan_free(made->plans[j]);
        gw_program_free(made->programs[j]);
    }
    gw_directory_free(made->directory);
}

static gw_scheduled_instance *instance_of(const side *one, uint32_t number)
{
    return (gw_scheduled_instance *)g_ptr_array_index(one->schedule->instances, number);
}

/* What was ordered since the last look joins its devices' queues. */
static void queue_gangs(side *one)
{
    for (uint32_t c = 0; c < one->port->calls->len; c++) {
        const record_call *call = &g_array_index(one->port->calls, record_call, c);
        if (call->kind != RECORD_NOTE || call->note.kind != GW_NOTE_GANG_ORDERED)
            continue;
        const uint32_t number = (uint32_t)(call->note.b >> 32), node = (uint32_t)call->note.b;
        const gw_scheduled_instance *instance = instance_of(one, number);
        const gw_slice *slice = instance->slices[instance->plan->nodes[node].mesh];
        queued_gang gang = {.instance = number};
        if (instance->spender != NULL)
            gang.size_bytes = gw_budget_need(instance->spender, node, 1)->size_bytes;
        for (uint32_t d = 0; d < slice->device_count; d++)
            g_array_append_val(one->queues[slice->devices[d]], gang);
    }
}

static void compare(side *sides, uint64_t seed, uint32_t step)
{
    if (strcmp(record_port_text(sides[0].port), record_port_text(sides[1].port)) != 0)
        ck_abort_msg("seed %" G_GUINT64_FORMAT ", step %u: they differ", seed, step);
    for (uint32_t s = 0; s < 2; s++) {
        queue_gangs(&sides[s]);
        record_port_clear(sides[s].port);
    }
    ck_assert_uint_eq(sides[0].schedule->open_count, sides[1].schedule->open_count);
}

/* --- What happens --- */

static void submit_run(world *made, side *sides)
{
    const uint32_t job = draw(made, JOBS);
    const gw_scheduled_instance *instance = instance_of(&sides[0], job);
    if (made->is_gone[job] || instance->call_count >= made->jobs[job].in_flight)
        return;
    const uint32_t run = made->next_run[job]++;
    const gw_submit message = {{GW_MESSAGE_SUBMIT, sizeof message}, job, run, 0,
                               made->plans[job]->node_count,        run};
    for (uint32_t s = 0; s < 2; s++)
        gw_schedule_submit(sides[s].schedule, gw_directory_client(made->directory, job), &message);
}

static void submit(world *made, side *sides)
{
    for (uint32_t i = draw(made, JOBS); i > 0; i--)
        submit_run(made, sides);
}

/* What `count` of the device's gangs give back. */
static uint64_t freed_bytes(const GArray *queue, uint32_t count)
{
    uint64_t size_bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        size_bytes += g_array_index(queue, queued_gang, i).size_bytes;
    return size_bytes;
}

/* The first gangs of its devices' queues are done; each shard took what its job's do. */
static void finish_gangs(world *made, side *sides)
{
    const uint32_t host = draw(made, HOSTS);
    uint32_t counts[DEVICES_PER_HOST], used_count = 0, place = 0;
    for (uint32_t d = 0; d < DEVICES_PER_HOST; d++) {
        const uint32_t length = sides[0].queues[host * DEVICES_PER_HOST + d]->len;
        counts[d] = draw(made, 2) == 0 ? length : draw(made, length + 1);
        used_count += counts[d];
    }
    const uint32_t freed_count = made->control.counts_bytes ? DEVICES_PER_HOST : 0;
    const uint32_t size_bytes = gw_progress_size_bytes(used_count, DEVICES_PER_HOST, 0) +
                                freed_count * (uint32_t)sizeof(uint64_t);
    g_autofree gw_progress *message = g_malloc0(size_bytes);
    message->header = (gw_message){GW_MESSAGE_PROGRESS, size_bytes};
    message->device_count = DEVICES_PER_HOST;
    message->used_count = used_count;
    message->freed_count = freed_count;
    uint64_t *freed = (uint64_t *)(void *)(message->used + used_count);
    for (uint32_t d = 0; d < DEVICES_PER_HOST; d++) {
        const GArray *queue = sides[0].queues[host * DEVICES_PER_HOST + d];
        for (uint32_t i = 0; i < counts[d]; i++) {
            const uint32_t number = g_array_index(queue, queued_gang, i).instance;
            message->used[place++] = (gw_used_time){
                .instance = number, .shard_count = 1, .device_time_ns = 100 + 37 * (number % 5)};
        }
        if (freed_count > 0)
            freed[d] = freed_bytes(queue, counts[d]);
    }
    memcpy(freed + freed_count, counts, sizeof counts);
    for (uint32_t s = 0; s < 2; s++) {
        for (uint32_t d = 0; d < DEVICES_PER_HOST; d++)
            g_array_remove_range(sides[s].queues[host * DEVICES_PER_HOST + d], 0, counts[d]);
        gw_schedule_progress(sides[s].schedule, (gw_node_id){host}, message);
    }
}

/* Where hosts are awaited: all of them have enqueued. */
static void answer_enqueued(world *made, side *sides)
{
    const uint32_t job = draw(made, JOBS);
    const gw_instance_message message = small_instance_message(GW_MESSAGE_ENQUEUED, job);
    for (uint32_t s = 0; s < 2; s++) {
        const gw_scheduled_instance *instance = instance_of(&sides[s], job);
        while (instance != NULL && instance->state == GW_SCHEDULED_ENQUEUEING)
            gw_schedule_enqueued(sides[s].schedule, &message);
    }
}

static void pass_time(world *made, side *sides)
{
    sides[0].port->now_ns += draw(made, 500);
    sides[1].port->now_ns = sides[0].port->now_ns;
}

/* A client fails, whatever it waits for.  What can be ordered has been: a policy that is to give an
 * offer back is asked at once, and others not before the turn. */
static void abandon(world *made, side *sides)
{
    const uint32_t job = draw(made, JOBS);
    if (made->is_gone[job] || draw(made, 4) > 0)
        return;
    const gw_instance_message message = small_instance_message(GW_MESSAGE_ABANDON, job);
    made->is_gone[job] = true;
    for (uint32_t s = 0; s < 2; s++) {
        gw_schedule_flush(sides[s].schedule);
        gw_schedule_abandon(sides[s].schedule, gw_directory_resources(made->directory), &message);
    }
}

static void step(world *made, side *sides)
{
    const uint32_t what = draw(made, 16);
    if (what < 5)
        submit(made, sides);
    else if (what < 9)
        finish_gangs(made, sides);
    else if (what < 12)
        answer_enqueued(made, sides);
    else if (what == 12)
        abandon(made, sides);
    else
        pass_time(made, sides);
    for (uint32_t s = 0; what % 2 == 0 && s < 2; s++)
        gw_schedule_flush(sides[s].schedule);
}

/* Clients that are offered to the policy and set aside by it, for want of room or memory. */
static void count_held(const side *one, uint64_t *full_count, uint64_t *short_count)
{
    for (uint32_t j = 0; j < JOBS; j++) {
        const gw_scheduled_instance *instance = instance_of(one, j);
        if (instance == NULL || instance->state != GW_SCHEDULED_OFFERED)
            continue;
        const gw_need *need = gw_schedule_next_need(instance);
        *full_count += need->is_held && need->slice->is_full;
        *short_count += need->is_held && need->is_short;
    }
}

START_TEST(held_offers_change_nothing_that_is_said)
{
    uint64_t full_count = 0, short_count = 0, gang_count = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world made;
        side sides[2];
        init_world(&made, sides, gw_policies[_i], seed);
        for (uint32_t i = 0; i < STEPS; i++) {
            step(&made, sides);
            compare(sides, seed, i);
            count_held(&sides[0], &full_count, &short_count);
        }
        gang_count += sides[0].schedule->gang_count;
        clear_world(&made, sides);
    }
    ck_assert_uint_gt(gang_count, SEEDS * 50);
    ck_assert_uint_gt(full_count, SEEDS * 50);
    ck_assert_uint_gt(short_count, SEEDS * 10);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("schedule_hold");
    int policy_count = 0;
    while (gw_policies[policy_count] != NULL)
        policy_count++;
    tcase_add_loop_test(cases, held_offers_change_nothing_that_is_said, 0, policy_count);
    Suite *suite = suite_create("schedule_hold");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
