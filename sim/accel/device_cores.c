/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that are threads, and the cores that they share.  Where they are more than the
 * cores, and come out even, each is bound to one, counted around, and each core is a pool; else all
 * cores are one pool, in which each device goes where there is room.  While no more cores of a pool
 * are wanted than it has, each task goes on at its own speed; else all are slowed down alike, so
 * that together they keep the pool's cores busy: processor sharing.  A span of computing wants one
 * core, but for what is given as a time, in which its thread sleeps; a collective wants one for
 * each member, since they do its work themselves, or all of them.  In more than one pool it has a
 * part in each where a member is, and ends with the last of them.
 *
 * A pool of cores has a clock of its own, which goes as fast as its tasks go on: a task of so much
 * work ends when that clock has moved on by it, whatever starts and ends in between.  So a change
 * costs one event, the end of the first task to end, withdrawn and posted again.
 *
 * When others take time from a core, the clock is set back by what the tasks have not got. */
#include <math.h>
#include <string.h>

#include "accel/device_private.h"
#include "base/check.h"

/* Of the pool's clock: rounding, not time. */
#define ROUNDING_NS 1e-4

typedef struct {
    uint32_t meeting;    /* Of which it is a part; GW_INDEX_NONE: it is a span. */
    gw_device_work work; /* Of a span: stage is its number, group the member's. */
    gw_time start_ns;
    gw_time wants_ns; /* When it begins to want cores: what it only waits for comes first. */
    gw_span work_ns;
    double wanted;       /* Cores. */
    double end_clock_ns; /* While it runs: on the pool's clock. */
    uint32_t pool;
} core_task;

typedef struct {
    uint32_t core_count;
    double wanted;    /* By all that run. */
    double clock_ns;  /* Its own, */
    gw_time since_ns; /* at this instant. */
    GArray *running;  /* uint32_t: tasks, in the order in which they started. */
    gw_event_id event;
    gw_time due_ns; /* Of the event; GW_TIME_NEVER: there is none. */
} core_pool;

typedef struct { /* That devices of one kind share. */
    uint32_t core_count, device_count;
    uint32_t first_pool, pool_count;
} core_set;

typedef struct {
    uint32_t set;         /* GW_INDEX_NONE: its devices have a core each. */
    uint32_t first_place; /* Of its first device among those of the set. */
} core_island;

typedef struct {         /* A collective that goes on. */
    uint32_t open_count; /* Parts that have not ended. */
} core_meeting;

struct gw_cores {
    gw_devices *devices;
    core_set *sets;
    uint32_t set_count;
    core_island *islands;
    core_pool *pools;
    uint32_t pool_count;
    bool *has_part; /* By pool, of the meeting that begins. */
    gw_pool tasks, meetings;
    GArray *ended; /* core_task: those of the event that fires. */
};

static void fire_start(gw_engine *engine, void *subject, uint64_t argument);
static void fire_end(gw_engine *engine, void *subject, uint64_t argument);

static const gw_event_kind start_kind = {.name = "core.start", .fire = fire_start};
static const gw_event_kind end_kind = {.name = "core.end", .fire = fire_end};

/* --- Life --- */

/* The set of an island before this one whose accelerator is of the same kind. */
static uint32_t find_set(const gw_cores *cores, const gw_cluster *cluster, uint32_t island)
{
    const char *name = cluster->islands[island].accelerator->name;
    for (uint32_t i = 0; i < island; i++) {
        if (cores->islands[i].set != GW_INDEX_NONE &&
            g_strcmp0(cluster->islands[i].accelerator->name, name) == 0) {
            return cores->islands[i].set;
        }
    }
    return GW_INDEX_NONE;
}

static void open_sets(gw_cores *cores, const gw_cluster *cluster)
{
    cores->sets = g_new0(core_set, cluster->island_count);
    cores->islands = g_new0(core_island, cluster->island_count);
    for (uint32_t i = 0; i < cluster->island_count; i++) {
        core_island *island = &cores->islands[i];
        const uint32_t core_count = cluster->islands[i].accelerator->shared_cores;
        island->set = core_count == 0 ? GW_INDEX_NONE : find_set(cores, cluster, i);
        if (core_count > 0 && island->set == GW_INDEX_NONE) {
            island->set = cores->set_count++;
            cores->sets[island->set].core_count = core_count;
        }
        if (island->set != GW_INDEX_NONE) {
            island->first_place = cores->sets[island->set].device_count;
            cores->sets[island->set].device_count += cluster->islands[i].device_count;
        }
    }
}

static void open_pools(gw_cores *cores)
{
    for (uint32_t i = 0; i < cores->set_count; i++) {
        core_set *set = &cores->sets[i];
        set->first_pool = cores->pool_count;
        const bool is_bound = set->device_count > set->core_count &&
                              set->device_count % set->core_count == 0; /* real/cores.h */
        set->pool_count = is_bound ? set->core_count : 1;
        cores->pool_count += set->pool_count;
    }
    cores->pools = g_new(core_pool, cores->pool_count);
    cores->has_part = g_new0(bool, cores->pool_count);
    for (uint32_t i = 0; i < cores->set_count; i++) {
        const core_set *set = &cores->sets[i];
        for (uint32_t k = 0; k < set->pool_count; k++) {
            cores->pools[set->first_pool + k] =
                (core_pool){.core_count = set->core_count / set->pool_count,
                            .running = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
                            .due_ns = GW_TIME_NEVER};
        }
    }
}

void gw_devices_open_cores(gw_devices *devices)
{
    gw_cores *made = g_new0(gw_cores, 1);
    made->devices = devices;
    open_sets(made, devices->cluster);
    open_pools(made);
    gw_pool_init(&made->tasks, sizeof(core_task));
    gw_pool_init(&made->meetings, sizeof(core_meeting));
    made->ended = g_array_new(FALSE, FALSE, sizeof(core_task));
    devices->cores = made;
    if (made->set_count == 0) {
        gw_devices_close_cores(devices);
    }
}

void gw_devices_close_cores(gw_devices *devices)
{
    gw_cores *cores = devices->cores;
    if (cores == NULL) {
        return;
    }
    for (uint32_t i = 0; i < cores->pool_count; i++) {
        g_array_unref(cores->pools[i].running);
    }
    g_free(cores->pools);
    g_free(cores->has_part);
    g_free(cores->islands);
    g_free(cores->sets);
    gw_pool_clear(&cores->tasks);
    gw_pool_clear(&cores->meetings);
    g_array_unref(cores->ended);
    g_free(cores);
    devices->cores = NULL;
}

static core_set *set_of(const gw_cores *cores, uint32_t island)
{
    const uint32_t set = cores->islands[island].set;
    gw_check(set != GW_INDEX_NONE);
    return &cores->sets[set];
}

/* The pool where a device of the island is. */
static uint32_t pool_of(const gw_cores *cores, uint32_t island, uint32_t device)
{
    const core_set *set = set_of(cores, island);
    const uint32_t place = cores->islands[island].first_place + device -
                           cores->devices->cluster->islands[island].first_device;
    return set->first_pool + place % set->pool_count;
}

uint32_t gw_devices_place_among(const gw_devices *devices, uint32_t device, uint32_t *out_count)
{
    const gw_cores *cores = devices->cores;
    const uint32_t island = devices->cluster->island_of_device[device];
    if (cores == NULL || cores->islands[island].set == GW_INDEX_NONE) {
        return GW_INDEX_NONE;
    }
    *out_count = set_of(cores, island)->device_count;
    return cores->islands[island].first_place + device -
           devices->cluster->islands[island].first_device;
}

/* --- A pool's clock --- */

static core_task *task_at(const gw_cores *cores, uint32_t slot)
{
    return gw_pool_at(&cores->tasks, slot);
}

static core_task *running_at(const gw_cores *cores, const core_pool *pool, uint32_t index)
{
    return task_at(cores, g_array_index(pool->running, uint32_t, index));
}

static bool is_short_of_cores(const core_pool *pool)
{
    return pool->wanted > pool->core_count;
}

static void move_clock(core_pool *pool, gw_time now_ns)
{
    const double span_ns = (double)(now_ns - pool->since_ns);
    pool->clock_ns += is_short_of_cores(pool) ? span_ns * pool->core_count / pool->wanted : span_ns;
    pool->since_ns = now_ns;
}

/* After a change: what is wanted, and when the first task ends if nothing else changes. */
static void settle(gw_cores *cores, uint32_t index)
{
    core_pool *pool = &cores->pools[index];
    gw_engine *engine = cores->devices->engine;
    gw_time due_ns = GW_TIME_NEVER;
    double first_ns = 0;
    pool->wanted = 0;
    for (uint32_t i = 0; i < pool->running->len; i++) {
        const core_task *task = running_at(cores, pool, i);
        pool->wanted += task->wanted;
        first_ns = i == 0 ? task->end_clock_ns : MIN(first_ns, task->end_clock_ns);
    }
    if (pool->running->len > 0) {
        double left_ns = first_ns - pool->clock_ns;
        left_ns = is_short_of_cores(pool) ? left_ns * pool->wanted / pool->core_count : left_ns;
        due_ns = pool->since_ns + (gw_span)MAX(ceil(left_ns - ROUNDING_NS), 0);
    } else {
        pool->clock_ns = 0; /* It stays as exact as it was. */
    }
    if (due_ns == pool->due_ns) {
        return;
    }
    if (pool->due_ns != GW_TIME_NEVER) {
        gw_engine_withdraw(engine, pool->event);
    }
    pool->due_ns = due_ns;
    if (due_ns != GW_TIME_NEVER) {
        pool->event = gw_engine_post(engine, due_ns, &end_kind, cores, index);
    }
}

/* --- Tasks --- */

static void end_task(gw_cores *cores, const core_task *task, gw_time now_ns)
{
    if (task->meeting == GW_INDEX_NONE) {
        gw_devices_end_span(cores->devices, task->work, now_ns - task->start_ns, now_ns);
        return;
    }
    core_meeting *meeting = gw_pool_at(&cores->meetings, task->meeting);
    gw_check(meeting->open_count > 0);
    meeting->open_count--;
    if (meeting->open_count == 0) {
        gw_pool_give(&cores->meetings, task->meeting);
        gw_devices_end_group(cores->devices, task->work, now_ns, now_ns);
    }
}

static void run_task(gw_cores *cores, uint32_t slot, gw_time now_ns)
{
    core_task *task = task_at(cores, slot);
    core_pool *pool = &cores->pools[task->pool];
    move_clock(pool, now_ns);
    task->end_clock_ns = pool->clock_ns + (double)task->work_ns;
    g_array_append_val(pool->running, slot);
    settle(cores, task->pool);
}

static void fire_start(gw_engine *engine, void *subject, uint64_t argument)
{
    gw_cores *cores = subject;
    const gw_time now_ns = gw_engine_now(engine);
    const uint32_t slot = (uint32_t)argument;
    const core_task task = *task_at(cores, slot);
    if (task.work_ns > 0) {
        run_task(cores, slot, now_ns);
        return;
    }
    gw_pool_give(&cores->tasks, slot);
    end_task(cores, &task, now_ns);
    gw_devices_do_works(cores->devices, now_ns);
}

/* Those that have done their work leave, in the order in which they came. */
static void take_ended(gw_cores *cores, core_pool *pool)
{
    uint32_t kept = 0;
    g_array_set_size(cores->ended, 0);
    for (uint32_t i = 0; i < pool->running->len; i++) {
        const uint32_t slot = g_array_index(pool->running, uint32_t, i);
        const core_task *task = task_at(cores, slot);
        if (task->end_clock_ns <= pool->clock_ns + ROUNDING_NS) {
            g_array_append_vals(cores->ended, task, 1);
            gw_pool_give(&cores->tasks, slot);
        } else {
            g_array_index(pool->running, uint32_t, kept++) = slot;
        }
    }
    g_array_set_size(pool->running, kept);
}

static void fire_end(gw_engine *engine, void *subject, uint64_t argument)
{
    gw_cores *cores = subject;
    core_pool *pool = &cores->pools[argument];
    const gw_time now_ns = gw_engine_now(engine);
    pool->due_ns = GW_TIME_NEVER;
    move_clock(pool, now_ns);
    take_ended(cores, pool);
    settle(cores, (uint32_t)argument);
    for (uint32_t i = 0; i < cores->ended->len; i++) {
        const core_task task = g_array_index(cores->ended, core_task, i);
        end_task(cores, &task, now_ns);
    }
    gw_devices_do_works(cores->devices, now_ns);
}

static void add_task(gw_cores *cores, const core_task *what)
{
    gw_engine *engine = cores->devices->engine;
    const gw_time now_ns = gw_engine_now(engine);
    const uint32_t slot = gw_pool_take(&cores->tasks);
    core_task *task = task_at(cores, slot);
    *task = *what;
    gw_check(task->wants_ns >= now_ns);
    if (task->wants_ns > now_ns || task->work_ns == 0) {
        gw_engine_post(engine, task->wants_ns, &start_kind, cores, slot);
    } else {
        run_task(cores, slot, now_ns);
    }
}

void gw_devices_compute(gw_devices *devices, gw_device_work span, gw_time start_ns, gw_span span_ns)
{
    const gw_gang_plan *plan = gw_devices_gang(devices, span.gang)->plan;
    const gw_span given_ns =
        span.stage == 0 ? plan->first_given_ns : plan->stages[span.stage - 1].given_ns;
    const gw_span waits_ns = MIN(given_ns, span_ns);
    const gw_gang_layout *layout = plan->layout;
    const core_task task = {
        .meeting = GW_INDEX_NONE,
        .work = span,
        .start_ns = start_ns,
        .wants_ns = start_ns + waits_ns,
        .work_ns = span_ns - waits_ns,
        .wanted = 1,
        .pool = pool_of(devices->cores, layout->island, layout->devices[span.group])};
    add_task(devices->cores, &task);
}

/* The pools where the group has members are marked; how many they are. */
static uint32_t mark_pools(gw_cores *cores, uint32_t island, const gw_gang_groups *groups,
                           uint32_t group)
{
    const core_set *set = set_of(cores, island);
    uint32_t count = 0;
    memset(&cores->has_part[set->first_pool], 0, set->pool_count * sizeof(*cores->has_part));
    for (uint32_t i = 0; i < groups->group_size && count < set->pool_count; i++) {
        const uint32_t device = groups->devices[group * groups->group_size + i];
        bool *has_part = &cores->has_part[pool_of(cores, island, device)];
        count += *has_part ? 0 : 1;
        *has_part = true;
    }
    return count;
}

/* What it was measured to take kept a core busy for each member, or all: so much work there is,
 * however few cores they are on here. */
void gw_devices_meet(gw_devices *devices, gw_device_work group, gw_time start_ns, gw_span span_ns)
{
    gw_cores *cores = devices->cores;
    const gw_gang_plan *plan = gw_devices_gang(devices, group.gang)->plan;
    const gw_gang_groups *groups = plan->stages[group.stage].groups;
    const uint32_t island = plan->layout->island;
    const core_set *set = set_of(cores, island);
    const uint32_t wanted = MIN(groups->group_size, set->core_count);
    const uint32_t part_count = mark_pools(cores, island, groups, group.group);
    core_task part = {.meeting = gw_pool_take(&cores->meetings),
                      .work = group,
                      .start_ns = start_ns,
                      .wants_ns = start_ns,
                      .work_ns = span_ns,
                      .wanted = wanted};
    if (set->pool_count > 1) {
        part.work_ns = (span_ns * wanted + part_count - 1) / part_count;
        part.wanted = 1;
    }
    core_meeting *meeting = gw_pool_at(&cores->meetings, part.meeting);
    meeting->open_count = part_count;
    for (uint32_t i = 0; i < set->pool_count; i++) {
        part.pool = set->first_pool + i;
        if (cores->has_part[part.pool]) {
            add_task(cores, &part);
        }
    }
}

/* --- Others on the same cores --- */

static bool has_idle_core(const gw_cores *cores, const core_set *set)
{
    bool has_idle = false;
    for (uint32_t i = 0; i < set->pool_count && !has_idle; i++) {
        const core_pool *pool = &cores->pools[set->first_pool + i];
        has_idle = pool->wanted <= pool->core_count - 1;
    }
    return has_idle;
}

/* Of each pool, which has no core to spare, so much. */
static void take_from_pool(gw_cores *cores, uint32_t index, double span_ns)
{
    core_pool *pool = &cores->pools[index];
    move_clock(pool, gw_engine_now(cores->devices->engine));
    const double with_all = MIN(1, pool->core_count / pool->wanted);
    const double with_one_less = (pool->core_count - 1) / pool->wanted;
    pool->clock_ns -= span_ns * (with_all - with_one_less);
    settle(cores, index);
}

/* Of bound devices each loses as much: it is not known where who serves a node runs. */
void gw_devices_take_core(gw_devices *devices, uint32_t island, gw_span span_ns)
{
    gw_cores *cores = devices->cores;
    const uint32_t index = cores == NULL             ? GW_INDEX_NONE
                           : island == GW_INDEX_NONE ? 0
                                                     : cores->islands[island].set;
    if (index == GW_INDEX_NONE || span_ns == 0) {
        return;
    }
    const core_set *set = &cores->sets[index];
    if (has_idle_core(cores, set)) {
        return;
    }
    for (uint32_t i = 0; i < set->pool_count; i++) {
        take_from_pool(cores, set->first_pool + i, (double)span_ns / set->pool_count);
    }
}
