/* SPDX-License-Identifier: Apache-2.0 */
/* Random gangs and copies against plain arithmetic, and, with what arithmetic does not know
 * (jitter, collectives that are played, devices that stop to transfer), against what must hold all
 * the same.  Gangs come in one order everywhere and read from earlier ones only, so that each
 * gang's instants follow from those of the gangs before. */
#include <check.h>
#include <stdlib.h>

#include "accel/collective_play.h"
#include "accel/device.h"
#include "base/random.h"
#include "run_suite.h"
#include "small_cluster.h"

#define HOSTS        4
#define PER_HOST     3
#define DEVICES      (HOSTS * PER_HOST)
#define PLANS        12
#define GANGS        150
#define COPIES       300
#define COLLECTIVES  5
#define STEPS        (2 * COLLECTIVES)
#define PCIE_NS      10
#define SEEDS        120
#define LOADED_SEEDS 42 /* Each load six times. */

typedef struct {
    gw_gang_layout *layout;
    gw_gang_plan *plan;
    uint32_t collective_count, step_count;
    gw_step steps[STEPS];
    gw_span local_ns[STEPS + 1];
    uint8_t axes[COLLECTIVES];
    uint32_t first_group[COLLECTIVES + 1];
    gw_span collective_ns[COLLECTIVES * DEVICES];
} random_plan;

typedef struct {
    uint32_t plan;
    gw_time issued_ns[HOSTS];
    uint32_t arrivals[DEVICES];                 /* By shard. */
    gw_time start_ns[DEVICES], end_ns[DEVICES]; /* Expected, by shard. */
    gw_time found_start_ns[DEVICES], found_end_ns[DEVICES];
    gw_span local_ns[DEVICES], exposed_ns[DEVICES], hidden_ns[DEVICES]; /* Expected. */
    gw_span found_collective_ns[DEVICES], found_hidden_ns[DEVICES], found_local_ns[DEVICES];
    gw_time told_ns[HOSTS];
    uint32_t told_count, ended_count;
} random_gang;

typedef struct {
    uint32_t source, source_shard, target, target_shard;
    gw_time asked_ns, start_ns, done_ns; /* Expected. */
    gw_time found_start_ns, found_done_ns;
    gw_span duration_ns;
    uint32_t done_count;
} random_copy;

typedef struct {
    small_cluster made;
    gw_engine *engine;
    gw_devices *devices;
    gw_random random;
    random_plan plans[PLANS];
    random_gang gangs[GANGS];
    random_copy copies[COPIES];
    gw_time free_at_ns[DEVICES];
    bool is_loaded; /* Plain arithmetic does not know it all. */
} story;

/* --- What comes back --- */

static void hear_launch(void *owner, uint32_t host, uint64_t tag, gw_span device_time_ns)
{
    (void)device_time_ns;
    story *told = owner;
    told->gangs[tag].told_ns[host] = gw_engine_now(told->engine);
    told->gangs[tag].told_count++;
}

static void hear_copy(void *owner, const gw_device_copy *copy, gw_time start_ns)
{
    story *told = owner;
    random_copy *found = &told->copies[copy->tag];
    found->found_start_ns = start_ns;
    found->found_done_ns = gw_engine_now(told->engine);
    ck_assert(told->is_loaded || start_ns == found->start_ns);
    ck_assert(told->is_loaded || found->found_done_ns == found->done_ns);
    found->done_count++;
}

static void hear_shards(void *owner, const gw_gang_origin *origin, const gw_shard_span *span)
{
    story *told = owner;
    random_gang *gang = &told->gangs[origin->gang];
    const gw_gang_layout *layout = told->plans[gang->plan].layout;
    for (uint32_t i = 0; i < span->device_count; i++) {
        const uint32_t shard = gw_gang_layout_shard(layout, span->first_device + i);
        ck_assert_uint_ne(shard, GW_INDEX_NONE);
        ck_assert_uint_eq(gang->found_end_ns[shard], 0);
        gang->found_start_ns[shard] = span->start_ns;
        gang->found_end_ns[shard] = span->end_ns;
        gang->found_collective_ns[shard] = span->collective_ns;
        gang->found_hidden_ns[shard] = span->hidden_ns;
        gang->found_local_ns[shard] = span->local_ns;
    }
}

static void hear_gang(void *owner, const gw_gang_origin *origin, const gw_gang_span *span)
{
    story *told = owner;
    ck_assert_ptr_eq(span->plan, told->plans[told->gangs[origin->gang].plan].plan);
    told->gangs[origin->gang].ended_count++;
}

static const gw_devices_ops ops = {.launch_done = hear_launch,
                                   .copy_done = hear_copy,
                                   .shards_ended = hear_shards,
                                   .gang_ended = hear_gang};

/* --- What is asked --- */

static void fire_launch(gw_engine *engine, void *subject, uint64_t argument)
{
    story *told = subject;
    const uint64_t number = argument / HOSTS;
    const uint32_t host = (uint32_t)(argument % HOSTS);
    const random_gang *gang = &told->gangs[number];
    const gw_gang_layout *layout = told->plans[gang->plan].layout;
    const uint32_t place = gw_gang_layout_place(layout, host);
    uint32_t arrivals[PER_HOST];
    bool has_arrivals = false;
    for (uint32_t i = layout->first_local[place]; i < layout->first_local[place + 1]; i++) {
        arrivals[i - layout->first_local[place]] = gang->arrivals[layout->local_shards[i]];
        has_arrivals |= gang->arrivals[layout->local_shards[i]] > 0;
    }
    const gw_launch launch = {.origin = {.gang = number},
                              .plan = told->plans[gang->plan].plan,
                              .host = host,
                              .tag = number,
                              .issued_ns = gw_engine_now(engine),
                              .arrivals = has_arrivals ? arrivals : NULL};
    gw_devices_launch(told->devices, &launch);
}

static void fire_copy(gw_engine *engine, void *subject, uint64_t argument)
{
    story *told = subject;
    const random_copy *asked = &told->copies[argument];
    const gw_device_copy copy = {
        .tag = argument,
        .source_gang = asked->source,
        .target_gang = asked->target,
        .source_device =
            told->plans[told->gangs[asked->source].plan].layout->devices[asked->source_shard],
        .target_device =
            told->plans[told->gangs[asked->target].plan].layout->devices[asked->target_shard],
        .size_bytes = 1,
        .duration_ns = asked->duration_ns,
        .issued_ns = gw_engine_now(engine),
    };
    gw_devices_copy(told->devices, &copy);
}

static const gw_event_kind launch_kind = {.name = "test.launch", .fire = fire_launch};
static const gw_event_kind copy_kind = {.name = "test.copy", .fire = fire_copy};

/* --- Making one up --- */

static uint32_t below(story *told, uint32_t bound)
{
    return (uint32_t)gw_random_below(&told->random, bound);
}

/* Some collectives are overlapped, each awaited at some time, if not with a later one. */
static void make_steps(story *told, random_plan *plan)
{
    const bool can_overlap = below(told, 2) == 0;
    uint32_t last_issued = GW_INDEX_NONE;
    for (uint32_t k = 0; k <= plan->collective_count; k++) {
        if (last_issued != GW_INDEX_NONE && (k == plan->collective_count || below(told, 3) == 0)) {
            plan->steps[plan->step_count++] =
                (gw_step){.kind = GW_STEP_AWAIT, .collective = last_issued};
            last_issued = GW_INDEX_NONE;
        }
        if (k < plan->collective_count) {
            const bool is_overlapped = can_overlap && below(told, 3) > 0;
            plan->steps[plan->step_count++] =
                (gw_step){.kind = is_overlapped ? GW_STEP_ISSUE : GW_STEP_MEET, .collective = k};
            last_issued = is_overlapped ? k : last_issued;
        }
    }
}

static void free_play(void *data)
{
    gw_timing_play *play = data;
    if (play != NULL) {
        gw_rounds_free(play->rounds);
        g_free(play);
    }
}

/* Each group's collective is an all-gather of some bytes. */
static void add_plays(story *told, random_plan *plan, gw_timing *timing)
{
    timing->plays = g_ptr_array_new_with_free_func(free_play);
    timing->first_play = plan->first_group;
    for (uint32_t k = 0; k < plan->collective_count; k++) {
        const uint32_t count = plan->first_group[k + 1] - plan->first_group[k];
        const uint64_t size_bytes = 1 + below(told, 20000);
        for (uint32_t group = 0; group < count; group++) {
            uint32_t devices[DEVICES];
            gw_collective collective = {
                .kind = GW_OPERATION_ALL_GATHER, .size_bytes = size_bytes, .devices = devices};
            for (uint32_t i = 0; i < plan->layout->member_count; i++) {
                uint32_t of, place;
                collective.member_count =
                    gw_mesh_group(&plan->layout->mesh, plan->axes[k], i, &of, &place);
                if (of == group) {
                    devices[place] = plan->layout->devices[i];
                }
            }
            gw_timing_play play = {0};
            play.rounds = gw_collective_play(told->made.cluster, &collective, &play.lead_ns);
            g_ptr_array_add(timing->plays,
                            play.rounds != NULL ? g_memdup2(&play, sizeof play) : NULL);
        }
    }
}

static void make_plan(story *told, random_plan *plan)
{
    static const uint32_t shapes[][2] = {{1, 1}, {1, 1}, {2, 1},  {1, 3}, {2, 2},
                                         {2, 3}, {3, 4}, {1, 12}, {3, 3}};
    const uint32_t *shape = shapes[below(told, G_N_ELEMENTS(shapes))];
    const gw_mesh mesh = {.dims = 2, .shape = {shape[0], shape[1], 1}};
    uint32_t devices[DEVICES];
    for (uint32_t i = 0; i < DEVICES; i++) {
        devices[i] = i;
    }
    const bool is_scattered = below(told, 2) == 0;
    for (uint32_t i = 0; i < DEVICES && is_scattered; i++) {
        const uint32_t other = i + below(told, DEVICES - i);
        const uint32_t kept = devices[i];
        devices[i] = devices[other];
        devices[other] = kept;
    }
    plan->layout = gw_gang_layout_new(told->made.cluster, &mesh, devices);
    plan->collective_count = below(told, COLLECTIVES + 1);
    make_steps(told, plan);
    gw_timing timing = {.step_count = plan->step_count,
                        .steps = plan->steps,
                        .collective_count = plan->collective_count,
                        .local_ns = plan->local_ns,
                        .axes = plan->axes,
                        .first_group = plan->first_group,
                        .collective_ns = plan->collective_ns};
    const bool is_uneven = below(told, 2) == 0;
    for (uint32_t k = 0; k <= plan->step_count; k++) {
        plan->local_ns[k] = below(told, 4) == 0 ? 0 : below(told, 200);
        timing.total_local_ns += plan->local_ns[k];
    }
    for (uint32_t k = 0; k < plan->collective_count; k++) {
        uint32_t group, place;
        plan->axes[k] = (uint8_t)(1 + below(told, 3));
        const uint32_t size = gw_mesh_group(&mesh, plan->axes[k], 0, &group, &place);
        const uint32_t count = plan->layout->member_count / size;
        plan->first_group[k + 1] = plan->first_group[k] + count;
        const gw_span span_ns = 1 + below(told, 300);
        for (uint32_t i = 0; i < count; i++) {
            plan->collective_ns[plan->first_group[k] + i] =
                is_uneven ? 1 + below(told, 300) : span_ns;
        }
    }
    if (told->made.spec.plays_collectives) {
        add_plays(told, plan, &timing);
    }
    plan->plan = gw_gang_plan_new(plan->layout, &timing);
    g_clear_pointer(&timing.plays, g_ptr_array_unref);
}

static void make_gangs(story *told)
{
    gw_time clocks_ns[HOSTS] = {0};
    for (uint32_t g = 0; g < GANGS; g++) {
        random_gang *gang = &told->gangs[g];
        gang->plan = below(told, PLANS);
        const gw_gang_layout *layout = told->plans[gang->plan].layout;
        for (uint32_t i = 0; i < layout->host_count; i++) {
            const uint32_t host = layout->hosts[i];
            clocks_ns[host] += below(told, 4) == 0 ? below(told, 1000) : 0;
            gang->issued_ns[host] = clocks_ns[host];
            gw_engine_post(told->engine, clocks_ns[host], &launch_kind, told,
                           (uint64_t)g * HOSTS + host);
        }
    }
}

static void make_copies(story *told)
{
    for (uint32_t i = 0; i < COPIES; i++) {
        random_copy *copy = &told->copies[i];
        copy->target = 1 + below(told, GANGS - 1);
        copy->source = copy->target - 1 - below(told, MIN(copy->target, 10));
        const random_gang *source = &told->gangs[copy->source];
        random_gang *target = &told->gangs[copy->target];
        copy->source_shard = below(told, told->plans[source->plan].layout->member_count);
        copy->target_shard = below(told, told->plans[target->plan].layout->member_count);
        copy->duration_ns = 1 + below(told, 400);
        copy->asked_ns = below(told, 20000);
        target->arrivals[copy->target_shard]++;
        gw_engine_post(told->engine, copy->asked_ns, &copy_kind, told, i);
    }
}

/* --- Plain arithmetic --- */

static gw_time copies_done(story *told, uint32_t gang, uint32_t shard)
{
    gw_time latest_ns = 0;
    for (uint32_t i = 0; i < COPIES; i++) {
        random_copy *copy = &told->copies[i];
        if (copy->target == gang && copy->target_shard == shard) {
            copy->start_ns =
                MAX(copy->asked_ns + PCIE_NS, told->gangs[copy->source].end_ns[copy->source_shard]);
            copy->done_ns = copy->start_ns + copy->duration_ns;
            latest_ns = MAX(latest_ns, copy->done_ns);
        }
    }
    return latest_ns;
}

/* What a gang's members have done so far: by shard, and by collective and shard. */
typedef struct {
    gw_time time_ns[DEVICES], channel_free_ns[DEVICES];
    gw_time begun_ns[COLLECTIVES][DEVICES], left_ns[COLLECTIVES][DEVICES];
    bool is_overlapped[COLLECTIVES];
} progress;

static uint32_t group_of(const random_plan *plan, uint32_t k, uint32_t shard)
{
    uint32_t group, place;
    gw_mesh_group(&plan->layout->mesh, plan->axes[k], shard, &group, &place);
    return group;
}

/* The collective of each group begins when its last member can. */
static void hold(const random_plan *plan, uint32_t k, const gw_time *ready_ns, progress *done)
{
    for (uint32_t shard = 0; shard < plan->layout->member_count; shard++) {
        const uint32_t group = group_of(plan, k, shard);
        gw_time begun_ns = 0;
        for (uint32_t i = 0; i < plan->layout->member_count; i++) {
            begun_ns = group_of(plan, k, i) == group ? MAX(begun_ns, ready_ns[i]) : begun_ns;
        }
        done->begun_ns[k][shard] = begun_ns;
        done->left_ns[k][shard] = begun_ns + plan->collective_ns[plan->first_group[k] + group];
    }
}

/* While the shard waits until `until_ns`, any overlapped collective that goes on holds it up. */
static gw_span count_held_up(const random_plan *plan, const progress *done, uint32_t shard,
                             gw_time until_ns)
{
    gw_span held_up_ns = 0;
    for (uint32_t k = 0; k < plan->collective_count; k++) {
        const gw_time begun_ns = MAX(done->begun_ns[k][shard], done->time_ns[shard]);
        const gw_time left_ns = MIN(done->left_ns[k][shard], until_ns);
        held_up_ns += done->is_overlapped[k] && left_ns > begun_ns ? left_ns - begun_ns : 0;
    }
    return held_up_ns;
}

static void take_step(const random_plan *plan, random_gang *gang, const gw_step *step,
                      progress *done)
{
    const uint32_t k = step->collective;
    gw_time ready_ns[DEVICES];
    for (uint32_t shard = 0; shard < plan->layout->member_count; shard++) {
        ready_ns[shard] = step->kind == GW_STEP_ISSUE
                              ? MAX(done->time_ns[shard], done->channel_free_ns[shard])
                              : done->time_ns[shard];
    }
    if (step->kind != GW_STEP_AWAIT) {
        hold(plan, k, ready_ns, done);
    }
    for (uint32_t shard = 0; shard < plan->layout->member_count; shard++) {
        const gw_time left_ns = done->left_ns[k][shard];
        if (step->kind == GW_STEP_ISSUE) {
            done->is_overlapped[k] = true;
            done->channel_free_ns[shard] = left_ns;
            gang->hidden_ns[shard] += left_ns - done->begun_ns[k][shard];
        } else if (step->kind == GW_STEP_MEET) {
            gang->exposed_ns[shard] += left_ns - done->begun_ns[k][shard];
            done->time_ns[shard] = left_ns;
        } else if (left_ns > done->time_ns[shard]) {
            const gw_span held_up_ns = count_held_up(plan, done, shard, left_ns);
            gang->exposed_ns[shard] += held_up_ns;
            gang->hidden_ns[shard] -= held_up_ns;
            done->time_ns[shard] = left_ns;
        }
    }
}

static gw_span slowed(const story *told, gw_span span_ns, uint32_t device)
{
    const double *speeds = told->made.islands[0].speeds;
    return speeds == NULL ? span_ns : (gw_span)((double)span_ns * (1 / speeds[device]) + 0.5);
}

static void expect_gang(story *told, uint32_t number)
{
    random_gang *gang = &told->gangs[number];
    const random_plan *plan = &told->plans[gang->plan];
    g_autofree progress *done = g_new0(progress, 1);
    for (uint32_t shard = 0; shard < plan->layout->member_count; shard++) {
        const uint32_t device = plan->layout->devices[shard];
        const gw_time launched_ns = gang->issued_ns[device / PER_HOST] + PCIE_NS;
        gang->start_ns[shard] =
            MAX(MAX(launched_ns, told->free_at_ns[device]), copies_done(told, number, shard));
        done->time_ns[shard] = gang->start_ns[shard];
    }
    for (uint32_t k = 0; k <= plan->step_count; k++) {
        for (uint32_t shard = 0; shard < plan->layout->member_count; shard++) {
            const gw_span span_ns = slowed(told, plan->local_ns[k], plan->layout->devices[shard]);
            gang->local_ns[shard] += span_ns;
            done->time_ns[shard] += span_ns;
        }
        if (k < plan->step_count) {
            take_step(plan, gang, &plan->steps[k], done);
        }
    }
    for (uint32_t shard = 0; shard < plan->layout->member_count; shard++) {
        gang->end_ns[shard] = done->time_ns[shard];
        told->free_at_ns[plan->layout->devices[shard]] = gang->end_ns[shard];
    }
}

static void compare_gang(const story *told, uint32_t number)
{
    const random_gang *gang = &told->gangs[number];
    const gw_gang_layout *layout = told->plans[gang->plan].layout;
    gw_time last_ns[HOSTS] = {0};
    for (uint32_t shard = 0; shard < layout->member_count; shard++) {
        const uint32_t host = layout->devices[shard] / PER_HOST;
        ck_assert_uint_eq(gang->found_start_ns[shard], gang->start_ns[shard]);
        ck_assert_uint_eq(gang->found_end_ns[shard], gang->end_ns[shard]);
        ck_assert_uint_eq(gang->found_local_ns[shard], gang->local_ns[shard]);
        ck_assert_uint_eq(gang->found_collective_ns[shard], gang->exposed_ns[shard]);
        ck_assert_uint_eq(gang->found_hidden_ns[shard], gang->hidden_ns[shard]);
        last_ns[host] = MAX(last_ns[host], gang->end_ns[shard] + PCIE_NS);
    }
    for (uint32_t host = 0; host < HOSTS; host++) {
        ck_assert_uint_eq(gang->told_ns[host], last_ns[host]);
    }
    ck_assert_uint_eq(gang->told_count, layout->host_count);
    ck_assert_uint_eq(gang->ended_count, 1);
}

/* --- Stories --- */

static const double speeds[DEVICES] = {1, 1, 1, 0.5, 1, 1.25, 1, 1, 1, 0.9, 1, 3};

typedef struct {
    uint64_t seed;
    const double *speeds;
    double jitter;
    bool stops_to_transfer, plays_collectives;
} story_kind;

static story *make_story(const story_kind *kind)
{
    story *told = g_new0(story, 1);
    gw_random_init(&told->random, kind->seed, "devices");
    small_cluster_init(&told->made);
    gw_accelerator *accelerator = small_cluster_add(&told->made, DEVICES, 1, 1, 0);
    accelerator->pcie_latency_ns = PCIE_NS;
    accelerator->stops_to_transfer = kind->stops_to_transfer;
    told->made.spec.plays_collectives = kind->plays_collectives;
    told->made.islands[0].host_count = HOSTS;
    told->made.islands[0].devices_per_host = PER_HOST;
    told->made.islands[0].speeds = kind->speeds;
    told->made.islands[0].jitter = kind->jitter;
    told->is_loaded = kind->jitter > 0 || kind->stops_to_transfer || kind->plays_collectives;
    small_cluster_build(&told->made);
    told->engine = gw_engine_new(kind->seed % 2 == 0 ? GW_QUEUE_HEAP : GW_QUEUE_LADDER);
    told->devices = gw_devices_new(told->engine, told->made.cluster, false, &ops, told);
    gw_devices_set_seed(told->devices, kind->seed);
    for (uint32_t i = 0; i < PLANS; i++) {
        make_plan(told, &told->plans[i]);
    }
    make_gangs(told);
    make_copies(told);
    return told;
}

static void run_story(story *told)
{
    while (gw_engine_step(told->engine)) {
    }
    for (uint32_t i = 0; i < COPIES; i++) {
        ck_assert_uint_eq(told->copies[i].done_count, 1);
    }
    ck_assert_uint_eq(gw_devices_gang_count(told->devices), 0);
    ck_assert_uint_eq(gw_devices_copy_count(told->devices), 0);
    ck_assert_uint_eq(gw_devices_early_count(told->devices), 0);
}

static void free_story(story *told)
{
    for (uint32_t i = 0; i < PLANS; i++) {
        gw_gang_plan_free(told->plans[i].plan);
        gw_gang_layout_free(told->plans[i].layout);
    }
    gw_devices_free(told->devices);
    gw_engine_free(told->engine);
    small_cluster_clear(&told->made);
    g_free(told);
}

START_TEST(instants_are_those_of_plain_arithmetic)
{
    const story_kind kind = {.seed = (uint64_t)_i, .speeds = _i % 3 == 0 ? speeds : NULL};
    story *told = make_story(&kind);
    for (uint32_t i = 0; i < GANGS; i++) {
        expect_gang(told, i);
    }
    run_story(told);
    for (uint32_t i = 0; i < GANGS; i++) {
        compare_gang(told, i);
    }
    free_story(told);
}
END_TEST

/* --- What holds under load --- */

/* A shard has its device from the end of the one before, computes its share, and waits for what it
 * awaits; while devices stop to transfer, none begins beside a copy. */
static void check_shard(const story *told, const random_gang *gang, uint32_t shard,
                        gw_time free_at_ns, const story_kind *kind)
{
    const random_plan *plan = &told->plans[gang->plan];
    const uint32_t device = plan->layout->devices[shard];
    const gw_time start_ns = gang->found_start_ns[shard], end_ns = gang->found_end_ns[shard];
    double nominal_ns = 0;
    for (uint32_t k = 0; k <= plan->step_count; k++) {
        nominal_ns += (double)plan->local_ns[k];
    }
    nominal_ns *= kind->speeds != NULL ? 1 / kind->speeds[device] : 1;
    ck_assert_uint_ge(start_ns, free_at_ns);
    ck_assert_uint_ge(start_ns, gang->issued_ns[device / PER_HOST] + PCIE_NS);
    ck_assert_uint_ge(end_ns - start_ns,
                      gang->found_local_ns[shard] + gang->found_collective_ns[shard]);
    ck_assert_double_eq_tol((double)gang->found_local_ns[shard], nominal_ns,
                            6 * kind->jitter * nominal_ns + STEPS + 1);
    for (uint32_t i = 0; i < COPIES && kind->stops_to_transfer; i++) {
        const random_copy *copy = &told->copies[i];
        const uint32_t source =
            told->plans[told->gangs[copy->source].plan].layout->devices[copy->source_shard];
        const uint32_t target =
            told->plans[told->gangs[copy->target].plan].layout->devices[copy->target_shard];
        ck_assert((device != source && device != target) || start_ns <= copy->found_start_ns ||
                  start_ns >= copy->found_done_ns);
    }
}

static void check_story(const story *told, const story_kind *kind)
{
    gw_time free_at_ns[DEVICES] = {0};
    for (uint32_t g = 0; g < GANGS; g++) {
        const random_gang *gang = &told->gangs[g];
        const gw_gang_layout *layout = told->plans[gang->plan].layout;
        ck_assert_uint_eq(gang->told_count, layout->host_count);
        ck_assert_uint_eq(gang->ended_count, 1);
        for (uint32_t shard = 0; shard < layout->member_count; shard++) {
            check_shard(told, gang, shard, free_at_ns[layout->devices[shard]], kind);
            free_at_ns[layout->devices[shard]] = gang->found_end_ns[shard];
        }
    }
    for (uint32_t i = 0; i < COPIES; i++) {
        const random_copy *copy = &told->copies[i];
        const gw_time ended_ns = told->gangs[copy->source].found_end_ns[copy->source_shard];
        ck_assert_uint_eq(copy->found_start_ns, MAX(copy->asked_ns + PCIE_NS, ended_ns));
        ck_assert_uint_eq(copy->found_done_ns, copy->found_start_ns + copy->duration_ns);
        ck_assert_uint_ge(told->gangs[copy->target].found_start_ns[copy->target_shard],
                          copy->found_done_ns);
    }
}

START_TEST(rules_hold_under_load)
{
    const uint32_t load = 1 + (uint32_t)_i % 7; /* One of them at least. */
    const story_kind kind = {.seed = (uint64_t)_i,
                             .speeds = _i % 3 == 0 ? speeds : NULL,
                             .jitter = (load & 1) != 0 ? 0.1 : 0,
                             .stops_to_transfer = (load & 2) != 0,
                             .plays_collectives = (load & 4) != 0};
    story *told = make_story(&kind), *again = make_story(&kind);
    run_story(told);
    run_story(again);
    check_story(told, &kind);
    ck_assert_uint_eq(gw_engine_digest(told->engine), gw_engine_digest(again->engine));
    free_story(told);
    free_story(again);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_random");
    TCase *cases = tcase_create("device_random");
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, instants_are_those_of_plain_arithmetic, 0, SEEDS);
    tcase_add_loop_test(cases, rules_hold_under_load, 0, LOADED_SEEDS);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
