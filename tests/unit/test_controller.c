/* SPDX-License-Identifier: Apache-2.0 */
/* Whole runs of the real controller, from client to executor, in a world where nothing takes time
 * (tests/lib/toy_world.h says what that world checks).  Each story is told in order and with
 * happenings in ten random orders. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "base/error.h"
#include "base/params.h"
#include "run_suite.h"
#include "small_control.h"
#include "toy_world.h"

#define SEEDS    11
#define JOBS_MAX 4

typedef struct {
    gw_island islands[3];
    gw_control control;
    gw_job jobs[JOBS_MAX];
    gw_program *programs[JOBS_MAX];
    gw_plan *plans[JOBS_MAX];
    uint32_t island_count, job_count;
    toy_world *world;
} story;

/* Islands of two hosts with two devices each; FIFO, parallel dispatch, lookahead 2. */
static void init_story(story *told, uint32_t island_count)
{
    *told = (story){.island_count = island_count};
    for (uint32_t i = 0; i < island_count; i++) {
        told->islands[i] = (gw_island){.host_count = 2,
                                       .devices_per_host = 2,
                                       .shape = {2, 2, 1},
                                       .hbm_bytes = UINT64_C(1) << 40};
    }
    told->control = (gw_control){
        .policy = gw_policy_find("fifo"), .dispatch = &gw_dispatch_parallel, .lookahead = 2};
}

/* Takes `program`: a chained job. */
static gw_job *add_job(story *told, gw_program *program, uint64_t runs, uint32_t in_flight)
{
    const uint32_t job = told->job_count++;
    told->programs[job] = program;
    told->plans[job] = gw_plan_new(program);
    told->jobs[job] = (gw_job){.name = "job",
                               .program = program,
                               .plan = told->plans[job],
                               .submit = GW_SUBMIT_CHAINED,
                               .runs = runs,
                               .in_flight = in_flight};
    return &told->jobs[job];
}

static bool run_story(story *told, uint64_t seed)
{
    const toy_spec spec = {.islands = told->islands,
                           .island_count = told->island_count,
                           .control = &told->control,
                           .jobs = told->jobs,
                           .job_count = told->job_count,
                           .seed = seed};
    told->world = toy_world_new(&spec);
    return toy_world_run(told->world);
}

static void clear_story(story *told)
{
    toy_world_free(told->world);
    for (uint32_t j = 0; j < told->job_count; j++) {
        gw_plan_free(told->plans[j]);
        gw_program_free(told->programs[j]);
    }
}

/* --- Programs --- */

/* Four stages on meshes of two, each with weights of its own; the loss is read. */
static gw_program *make_pipeline(void)
{
    gw_builder *builder = gw_builder_new("pipeline");
    uint32_t before = GW_INDEX_NONE;
    for (uint32_t stage = 0; stage < 4; stage++) {
        const uint32_t mesh = small_mesh(builder, 2);
        const uint32_t weights = small_once(builder, "weights", mesh, "> s8 !");
        const uint32_t step = small_node(builder, "step", mesh,
                                         stage == 0 ? "s8 > s4 s8 / 3 !" : "s8 s4 > s4 s8 / 3 !");
        gw_builder_add_carried(builder, step, 1, weights, 0, step, 0);
        if (before != GW_INDEX_NONE) {
            gw_builder_add_edge(builder, before, 0, step, 1);
        }
        before = step;
    }
    const uint32_t loss = small_node(builder, "loss", 3, "s4 > r1 r1");
    gw_builder_add_edge(builder, before, 0, loss, 0);
    gw_builder_add_result(builder, "loss", loss, 0);
    gw_builder_add_result(builder, "norm", loss, 1);
    return small_finish(builder);
}

/* `count` nodes in a row on one mesh, the first of which begins from what the last made. */
static gw_program *make_chain(uint32_t device_count, uint32_t count)
{
    gw_builder *builder = gw_builder_new("chain");
    const uint32_t mesh = small_mesh(builder, device_count);
    const uint32_t init = small_once(builder, "init", mesh, "> s8");
    for (uint32_t n = 0; n < count; n++) {
        small_node(builder, "node", mesh, "s8 > s8 / 2 !");
    }
    gw_builder_add_carried(builder, init + count, 0, init, 0, init + 1, 0);
    for (uint32_t n = 1; n < count; n++) {
        gw_builder_add_edge(builder, init + n, 0, init + n + 1, 0);
    }
    return small_finish(builder);
}

/* Weights live on one mesh and are sent to another in every run. */
static gw_program *make_served_weights(void)
{
    gw_builder *builder = gw_builder_new("served");
    const uint32_t left = small_mesh(builder, 2), right = small_mesh(builder, 4);
    const uint32_t weights = small_once(builder, "weights", left, "> s8 r3");
    const uint32_t use = small_node(builder, "use", right, "s4 r3 > r1");
    gw_builder_add_edge(builder, weights, 0, use, 0);
    gw_builder_add_edge(builder, weights, 1, use, 1);
    gw_builder_add_result(builder, "value", use, 0);
    return small_finish(builder);
}

/* --- Stories --- */

START_TEST(pipeline_runs_to_its_end)
{
    story told;
    init_story(&told, 2);
    add_job(&told, make_pipeline(), 6, 3);
    ck_assert(run_story(&told, (uint64_t)_i));
    ck_assert_int_eq(toy_world_job(told.world, 0), TOY_JOB_DONE);
    ck_assert_uint_eq(toy_world_message_count(told.world, GW_MESSAGE_RESULT), 12);
    ck_assert_uint_gt(toy_world_message_count(told.world, GW_MESSAGE_READY), 0);
    clear_story(&told);
}
END_TEST

START_TEST(one_run_is_enough)
{
    story told;
    init_story(&told, 1);
    add_job(&told, make_pipeline(), 1, 1);
    add_job(&told, make_served_weights(), 1, 1);
    ck_assert(run_story(&told, (uint64_t)_i));
    clear_story(&told);
}
END_TEST

START_TEST(one_run_in_flight)
{
    story told;
    init_story(&told, 1);
    told.control.lookahead = 1;
    add_job(&told, make_pipeline(), 5, 1);
    ck_assert(run_story(&told, (uint64_t)_i));
    clear_story(&told);
}
END_TEST

START_TEST(more_in_flight_than_runs)
{
    story told;
    init_story(&told, 1);
    told.control.lookahead = 9;
    add_job(&told, make_pipeline(), 3, 8);
    ck_assert(run_story(&told, (uint64_t)_i));
    clear_story(&told);
}
END_TEST

START_TEST(sequential_dispatch_asks_before_each_gang)
{
    story told;
    init_story(&told, 1);
    told.control.dispatch = &gw_dispatch_sequential;
    add_job(&told, make_chain(4, 3), 4, 2);
    ck_assert(run_story(&told, (uint64_t)_i));
    /* 13 gangs on two hosts: each told, each heard. */
    ck_assert_uint_eq(toy_world_message_count(told.world, GW_MESSAGE_DISPATCH), 26);
    ck_assert_uint_eq(toy_world_message_count(told.world, GW_MESSAGE_ENQUEUED), 26);
    clear_story(&told);
}
END_TEST

START_TEST(parallel_dispatch_sends_a_run_at_once)
{
    story told;
    init_story(&told, 1);
    told.control.lookahead = 100;
    add_job(&told, make_chain(4, 3), 4, 2);
    ck_assert(run_story(&told, (uint64_t)_i));
    ck_assert_uint_eq(toy_world_message_count(told.world, GW_MESSAGE_DISPATCH), 4 * 2);
    ck_assert_uint_eq(toy_world_message_count(told.world, GW_MESSAGE_ENQUEUED), 0);
    ck_assert_uint_eq(toy_world_message_count(told.world, GW_MESSAGE_SUBMIT), 4);
    clear_story(&told);
}
END_TEST

START_TEST(op_by_op_calls_for_each_node)
{
    story told;
    init_story(&told, 1);
    add_job(&told, make_pipeline(), 3, 2)->submit = GW_SUBMIT_OP_BY_OP;
    ck_assert(run_story(&told, (uint64_t)_i));
    ck_assert_uint_eq(toy_world_message_count(told.world, GW_MESSAGE_SUBMIT), 4 + 3 * 5);
    ck_assert_uint_eq(toy_world_message_count(told.world, GW_MESSAGE_RETURNED), 4 + 3 * 5);
    clear_story(&told);
}
END_TEST

START_TEST(fused_program_is_one_gang_a_run)
{
    story told;
    init_story(&told, 1);
    g_autoptr(gw_program) program = make_chain(4, 5);
    gw_program *fused = gw_program_fuse(program, NULL);
    ck_assert_ptr_nonnull(fused);
    add_job(&told, fused, 3, 1)->submit = GW_SUBMIT_FUSED;
    ck_assert(run_story(&told, (uint64_t)_i));
    ck_assert_uint_eq(toy_world_message_count(told.world, GW_MESSAGE_SUBMIT), 3);
    clear_story(&told);
}
END_TEST

START_TEST(weights_are_sent_in_every_run)
{
    static const uint32_t islands[] = {0, 1};
    story told;
    init_story(&told, 2);
    add_job(&told, make_served_weights(), 7, 3)->islands = islands;
    ck_assert(run_story(&told, (uint64_t)_i));
    ck_assert_uint_ge(toy_world_devices(told.world, 0, 1)[0], 4);
    ck_assert_uint_le(toy_world_devices(told.world, 0, 0)[1], 3);
    clear_story(&told);
}
END_TEST

START_TEST(meshes_may_lie_on_two_islands)
{
    static const uint32_t islands[] = {0, 1, 0, 1};
    story told;
    init_story(&told, 2);
    add_job(&told, make_pipeline(), 5, 2)->islands = islands;
    add_job(&told, make_chain(4, 2), 3, 1);
    ck_assert(run_story(&told, (uint64_t)_i));
    clear_story(&told);
}
END_TEST

START_TEST(without_policy_the_client_is_its_own_scheduler)
{
    static const uint32_t islands[] = {0, 1, 0, 1};
    story told;
    init_story(&told, 2);
    told.control.policy = NULL;
    add_job(&told, make_pipeline(), 5, 2)->islands = islands;
    ck_assert(run_story(&told, (uint64_t)_i));
    clear_story(&told);
}
END_TEST

/* Jobs that share devices and no more than one host need no scheduler to agree. */
START_TEST(without_policy_jobs_share_a_host)
{
    static const uint32_t first[] = {0, 1}, second[] = {1, 0};
    static const uint32_t *const pins[JOBS_MAX][1] = {{first}, {second}, {first}, {second}};
    story told;
    init_story(&told, 1);
    told.control.policy = NULL;
    for (uint32_t j = 0; j < JOBS_MAX; j++) {
        add_job(&told, make_chain(2, 2), 4, 2)->devices = pins[j];
    }
    ck_assert(run_story(&told, (uint64_t)_i));
    clear_story(&told);
}
END_TEST

START_TEST(jobs_of_all_kinds_share_an_island)
{
    story told;
    init_story(&told, 1);
    add_job(&told, make_pipeline(), 4, 2);
    add_job(&told, make_chain(4, 3), 4, 2)->submit = GW_SUBMIT_OP_BY_OP;
    add_job(&told, make_served_weights(), 4, 2);
    add_job(&told, make_chain(1, 1), 9, 4)->start_ns = 50;
    ck_assert(run_story(&told, (uint64_t)_i));
    clear_story(&told);
}
END_TEST

/* Two jobs on different hosts, ordered at one time: each host gets a batch with the other's. */
START_TEST(batches_reach_hosts_that_know_half_of_them)
{
    static const uint32_t left[] = {0, 1}, right[] = {2, 3}, all[] = {0, 1, 2, 3};
    static const uint32_t *const pins[3][1] = {{left}, {right}, {all}};
    story told;
    init_story(&told, 1);
    told.control.lookahead = 1;
    add_job(&told, make_chain(2, 1), 6, 3)->devices = pins[0];
    add_job(&told, make_chain(2, 1), 6, 3)->devices = pins[1];
    add_job(&told, make_chain(4, 1), 6, 3)->devices = pins[2];
    ck_assert(run_story(&told, (uint64_t)_i));
    clear_story(&told);
}
END_TEST

/* --- Memory --- */

/* One mesh and one gang at a time: the plan's peak is what is used. */
/* Batches for six hosts and for two of them go different ways and overtake each other; the world
 * checks that every device keeps the scheduler's order. */
START_TEST(down_a_tree_the_order_is_kept)
{
    story told;
    init_story(&told, 1);
    told.islands[0] = (gw_island){
        .host_count = 6, .devices_per_host = 1, .shape = {6, 1, 1}, .hbm_bytes = UINT64_C(1) << 40};
    told.control.fanout = 2;
    told.control.dispatch = _i % 2 == 0 ? &gw_dispatch_parallel : &gw_dispatch_sequential;
    add_job(&told, make_chain(6, 3), 5, 2);
    add_job(&told, make_chain(2, 4), 5, 3);
    add_job(&told, make_pipeline(), 4, 2);
    ck_assert(run_story(&told, (uint64_t)_i));
    for (uint32_t j = 0; j < told.job_count; j++) {
        ck_assert_int_eq(toy_world_job(told.world, j), TOY_JOB_DONE);
    }
    ck_assert_uint_gt(toy_world_message_count(told.world, GW_MESSAGE_RELAY), 0);
    ck_assert_uint_eq(toy_world_message_count(told.world, GW_MESSAGE_DISPATCH), 0);
    clear_story(&told);
}
END_TEST

START_TEST(peak_is_what_the_plan_says)
{
    story told;
    uint64_t peak_bytes;
    init_story(&told, 1);
    told.control.lookahead = 1;
    add_job(&told, make_chain(4, 3), 5, 2);
    gw_plan_peak_bytes(told.plans[0], &peak_bytes);
    ck_assert_uint_eq(peak_bytes, (2 * 8 + 2 + 2) * SMALL_ROW_BYTES);
    ck_assert(run_story(&told, (uint64_t)_i));
    for (uint32_t d = 0; d < 4; d++) {
        ck_assert_uint_eq(toy_world_peak_bytes(told.world, d), peak_bytes);
    }
    ck_assert_uint_eq(toy_world_refused_count(told.world), 0);
    clear_story(&told);
}
END_TEST

/* However much is in flight, the plan's peak is enough. */
START_TEST(peak_is_enough_whatever_is_in_flight)
{
    static const uint32_t pins[][2] = {{0, 1}, {2, 3}, {0, 2}, {1, 3}};
    static const uint32_t *const devices[] = {pins[0], pins[1], pins[2], pins[3]};
    story told;
    uint64_t peak_bytes[4], needed_bytes = 0;
    init_story(&told, 1);
    told.control.lookahead = 8;
    add_job(&told, make_pipeline(), 8, 4)->devices = devices;
    gw_plan_peak_bytes(told.plans[0], peak_bytes);
    for (uint32_t a = 0; a < 2; a++) { /* Each device has one of the first two and one other. */
        for (uint32_t b = 2; b < 4; b++) {
            needed_bytes = MAX(needed_bytes, peak_bytes[a] + peak_bytes[b]);
        }
    }
    told.islands[0].hbm_bytes = needed_bytes;
    ck_assert(run_story(&told, (uint64_t)_i));
    ck_assert_int_eq(toy_world_job(told.world, 0), TOY_JOB_DONE);
    clear_story(&told);
}
END_TEST

START_TEST(back_pressure_is_met_and_overcome)
{
    story told;
    uint64_t peak_bytes;
    gw_builder *builder = gw_builder_new("wide");
    const uint32_t mesh = small_mesh(builder, 4);
    for (uint32_t n = 0; n < 6; n++) {
        small_node(builder, "node", mesh, "> s50");
    }
    init_story(&told, 1);
    told.control.lookahead = 6;
    add_job(&told, small_finish(builder), 5, 3);
    gw_plan_peak_bytes(told.plans[0], &peak_bytes);
    told.islands[0].hbm_bytes = peak_bytes; /* One gang at a time. */
    ck_assert(run_story(&told, (uint64_t)_i));
    ck_assert_uint_gt(toy_world_refused_count(told.world), 0);
    ck_assert_uint_eq(toy_world_peak_bytes(told.world, 0), 50 * SMALL_ROW_BYTES);
    clear_story(&told);
}
END_TEST

START_TEST(jobs_take_turns_where_memory_is_for_one)
{
    story told;
    uint64_t peak_bytes;
    init_story(&told, 1);
    for (uint32_t j = 0; j < 3; j++) {
        add_job(&told, make_chain(4, 2), 3, 2);
    }
    gw_plan_peak_bytes(told.plans[0], &peak_bytes);
    told.islands[0].hbm_bytes = peak_bytes + peak_bytes / 2;
    ck_assert(run_story(&told, (uint64_t)_i));
    for (uint32_t j = 0; j < 3; j++) {
        ck_assert_int_eq(toy_world_job(told.world, j), TOY_JOB_DONE);
    }
    clear_story(&told);
}
END_TEST

START_TEST(refused_job_leaves_the_others_alone)
{
    story told;
    init_story(&told, 1);
    add_job(&told, make_chain(5, 2), 3, 2); /* There are four devices. */
    add_job(&told, make_chain(4, 2), 3, 2);
    ck_assert(run_story(&told, (uint64_t)_i));
    ck_assert_int_eq(toy_world_job(told.world, 0), TOY_JOB_REFUSED);
    ck_assert_int_eq(toy_world_refusal(told.world, 0), GW_REFUSAL_SHAPE);
    ck_assert_int_eq(toy_world_job(told.world, 1), TOY_JOB_DONE);
    clear_story(&told);
}
END_TEST

START_TEST(too_little_memory_is_refused)
{
    story told;
    uint64_t peak_bytes;
    init_story(&told, 1);
    add_job(&told, make_chain(4, 2), 3, 2);
    gw_plan_peak_bytes(told.plans[0], &peak_bytes);
    told.islands[0].hbm_bytes = peak_bytes - 1;
    ck_assert(run_story(&told, (uint64_t)_i));
    ck_assert_int_eq(toy_world_refusal(told.world, 0), GW_REFUSAL_MEMORY);
    clear_story(&told);
}
END_TEST

/* --- Without schedulers orders may contradict each other, and it is told --- */

/* Two clients, two hosts, gangs whose shards meet: in some orders each host begins with another. */
START_TEST(contradicting_orders_stall_and_are_explained)
{
    static const uint32_t pins[] = {0, 2};
    static const uint32_t *const devices[] = {pins};
    uint32_t stall_count = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        story told;
        init_story(&told, 1);
        told.control.policy = NULL;
        add_job(&told, make_chain(2, 3), 4, 2)->devices = devices;
        add_job(&told, make_chain(2, 3), 4, 2)->devices = devices;
        if (!run_story(&told, seed)) {
            g_autoptr(GString) text = g_string_new(NULL);
            toy_world_explain(told.world, text);
            ck_assert_ptr_nonnull(strstr(text->str, "job job waits for its runs"));
            stall_count++;
        }
        clear_story(&told);
    }
    ck_assert_uint_gt(stall_count, 0);
    for (uint64_t seed = 1; seed <= 40; seed++) { /* With a scheduler: never. */
        story told;
        init_story(&told, 1);
        add_job(&told, make_chain(2, 3), 4, 2)->devices = devices;
        add_job(&told, make_chain(2, 3), 4, 2)->devices = devices;
        ck_assert(run_story(&told, seed));
        clear_story(&told);
    }
}
END_TEST

/* --- The door --- */

START_TEST(wrong_policy_parameters_make_no_controller)
{
    g_autoptr(gw_params) params = gw_params_parse("{\"quantum\": 1}", "test", NULL);
    g_autoptr(gw_directory) directory = small_directory(1, 1, 0);
    const gw_control control = {.policy = gw_policy_find("fifo"),
                                .policy_params = params,
                                .dispatch = &gw_dispatch_parallel,
                                .lookahead = 1};
    const gw_node_id self = gw_directory_scheduler(directory, 0);
    g_autoptr(record_port) port = record_port_new(directory, self);
    GError *error = NULL;
    ck_assert_ptr_null(gw_controller_new(directory, &control, NULL, self, &port->base, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    g_error_free(error);
}
END_TEST

START_TEST(start_wakes_clients_alone)
{
    const gw_input start = {.kind = GW_INPUT_START};
    story told;
    init_story(&told, 1);
    add_job(&told, make_chain(2, 1), 1, 1);
    g_autoptr(gw_directory) directory = gw_directory_new(told.islands, 1, 1);
    for (uint32_t n = 0; n < gw_directory_node_count(directory); n++) {
        g_autoptr(record_port) port = record_port_new(directory, (gw_node_id){n});
        g_autoptr(gw_controller) controller = gw_controller_new(directory, &told.control, told.jobs,
                                                                (gw_node_id){n}, &port->base, NULL);
        gw_controller_handle(controller, &start);
        ck_assert_str_eq(record_port_text(port), n == gw_directory_client(directory, 0).index
                                                     ? "send to resources: SLICE_REQUEST, job 0\n"
                                                     : "");
    }
    gw_controller_free(NULL);
    clear_story(&told);
}
END_TEST

/* With a change to come, the resource manager sets itself a timer, whose answer is its own. */
START_TEST(timers_of_the_resource_manager_are_its_own)
{
    static const uint32_t hosts[] = {0};
    static const gw_change changes[] = {
        {.at_ns = 5, .is_removal = true, .hosts = hosts, .host_count = 1},
        {.at_ns = 6, .hosts = hosts, .host_count = 1}};
    const gw_input start = {.kind = GW_INPUT_START}, timer = {.kind = GW_INPUT_TIMER};
    g_autoptr(gw_directory) directory = small_directory(1, 1, 0);
    const gw_control control = {.lookahead = 1, .changes = changes, .change_count = 2};
    const gw_node_id self = gw_directory_resources(directory);
    g_autoptr(record_port) port = record_port_new(directory, self);
    g_autoptr(gw_controller) controller =
        gw_controller_new(directory, &control, NULL, self, &port->base, NULL);
    gw_controller_handle(controller, &start);
    CHECK_CALLS(port, "set timer 0 to 5 ns\n");
    gw_controller_handle(controller, &timer);
    CHECK_CALLS(port, "set timer 1 to 6 ns\n");
}
END_TEST

START_TEST(refusals_have_words)
{
    for (uint32_t reason = GW_REFUSAL_SHAPE; reason <= GW_REFUSAL_REMOVED; reason++) {
        ck_assert_ptr_nonnull(gw_refusal_text((gw_refusal)reason));
    }
    ck_assert_str_eq(gw_refusal_text(GW_REFUSAL_MEMORY),
                     "it needs more memory than its devices have");
}
END_TEST

/* A batch down a tree where there is none is for nobody, too. */
START_TEST(message_for_somebody_else_aborts)
{
    const gw_instance_message message =
        small_instance_message(_i == 0 ? GW_MESSAGE_INSTALLED : GW_MESSAGE_RELAY, 0);
    const gw_input input = {.kind = GW_INPUT_MESSAGE, .message = {{1}, &message.header}};
    gw_directory *directory = small_directory(1, 1, 0);
    const gw_control control = {.policy = gw_policy_find("fifo"), .lookahead = 1};
    record_port *port = record_port_new(directory, (gw_node_id){0});
    gw_controller *controller =
        gw_controller_new(directory, &control, NULL, (gw_node_id){0}, &port->base, NULL);
    gw_controller_handle(controller, &input);
}
END_TEST

static void add_stories(TCase *cases)
{
    tcase_add_loop_test(cases, pipeline_runs_to_its_end, 0, SEEDS);
    tcase_add_loop_test(cases, one_run_is_enough, 0, SEEDS);
    tcase_add_loop_test(cases, one_run_in_flight, 0, SEEDS);
    tcase_add_loop_test(cases, more_in_flight_than_runs, 0, SEEDS);
    tcase_add_loop_test(cases, sequential_dispatch_asks_before_each_gang, 0, SEEDS);
    tcase_add_loop_test(cases, parallel_dispatch_sends_a_run_at_once, 0, SEEDS);
    tcase_add_loop_test(cases, op_by_op_calls_for_each_node, 0, SEEDS);
    tcase_add_loop_test(cases, fused_program_is_one_gang_a_run, 0, SEEDS);
    tcase_add_loop_test(cases, weights_are_sent_in_every_run, 0, SEEDS);
    tcase_add_loop_test(cases, meshes_may_lie_on_two_islands, 0, SEEDS);
    tcase_add_loop_test(cases, down_a_tree_the_order_is_kept, 0, SEEDS);
    tcase_add_loop_test(cases, without_policy_the_client_is_its_own_scheduler, 0, SEEDS);
    tcase_add_loop_test(cases, without_policy_jobs_share_a_host, 0, SEEDS);
    tcase_add_loop_test(cases, jobs_of_all_kinds_share_an_island, 0, SEEDS);
    tcase_add_loop_test(cases, batches_reach_hosts_that_know_half_of_them, 0, SEEDS);
}

static void add_memory_stories(TCase *cases)
{
    tcase_add_loop_test(cases, peak_is_what_the_plan_says, 0, SEEDS);
    tcase_add_loop_test(cases, peak_is_enough_whatever_is_in_flight, 0, SEEDS);
    tcase_add_loop_test(cases, back_pressure_is_met_and_overcome, 0, SEEDS);
    tcase_add_loop_test(cases, jobs_take_turns_where_memory_is_for_one, 0, SEEDS);
    tcase_add_loop_test(cases, refused_job_leaves_the_others_alone, 0, SEEDS);
    tcase_add_loop_test(cases, too_little_memory_is_refused, 0, SEEDS);
}

int main(void)
{
    Suite *suite = suite_create("controller");
    TCase *stories = tcase_create("stories");
    add_stories(stories);
    suite_add_tcase(suite, stories);
    TCase *memory = tcase_create("memory");
    add_memory_stories(memory);
    suite_add_tcase(suite, memory);
    TCase *door = tcase_create("door");
    tcase_add_test(door, contradicting_orders_stall_and_are_explained);
    tcase_add_test(door, wrong_policy_parameters_make_no_controller);
    tcase_add_test(door, start_wakes_clients_alone);
    tcase_add_test(door, timers_of_the_resource_manager_are_its_own);
    tcase_add_test(door, refusals_have_words);
    tcase_add_loop_test_raise_signal(door, message_for_somebody_else_aborts, SIGABRT, 0, 2);
    suite_add_tcase(suite, door);
    return gw_run_suite(suite);
}
