/* SPDX-License-Identifier: Apache-2.0 */
/* Makes one controller per node of the directory over sim_port, turns notes into records, and
 * fires events until there are none.  A run that comes to rest with a job undone is a diagnosis,
 * never a hang. */
#include "world/world.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "base/error.h"
#include "controller/system.h"
#include "scenario/counts.h"
#include "scenario/ending.h"
#include "scenario/values.h"
#include "world/sim_port.h"
#include "world/stall.h"

#define CONTROLLERS_AHEAD 4 /* Of which two and one ahead, what they point to. */
#define PROGRESS_EVENTS   (UINT64_C(1) << 16)
/* Simulated time ends here, after 73 years: what is computed ahead of events stays below 2^64. */
#define LAST_INSTANT_NS (UINT64_C(1) << 61)

typedef struct {
    const gw_scenario *scenario;
    gw_recorder *recorder;
    const gw_world_listener *listener; /* NULL: none. */
    gw_invariants *invariants;
    gw_directory *directory;
    gw_sim_ports *ports;
    gw_cluster *cluster; /* The invariants' own. */
    gw_controller **controllers;
    uint32_t controller_count;
    gw_awaited_settings awaited;
    gw_ending ending;
} world;

/* --- What nodes say --- */

/* Hosts mostly hear of a gang one after the other, and what one of them holds is out of the near
 * caches when its turn comes: it is asked for while those before it work.  It changes nothing but
 * time. */
static void fetch_neighbours(const world *self, uint32_t index)
{
    if (index + CONTROLLERS_AHEAD < self->controller_count) {
        __builtin_prefetch(self->controllers[index + CONTROLLERS_AHEAD]);
        gw_controller_fetch(self->controllers[index + 2], self->controllers[index + 1]);
    }
}

static void handle_input(void *context, gw_node_id node, const gw_input *input)
{
    const world *self = context;
    fetch_neighbours(self, node.index);
    gw_controller_handle(self->controllers[node.index], input);
}

static void hear_note(void *context, gw_node_id node, const gw_note *note, gw_time now_ns)
{
    world *self = context;
    if (self->invariants != NULL && note->kind == GW_NOTE_JOB_COLLECTED) {
        gw_invariants_collected(self->invariants, (uint32_t)note->b);
    }
    if (!gw_ending_take(&self->ending, note)) {
        return;
    }
    if (self->recorder != NULL) {
        gw_recorder_add_note(self->recorder, note, false, now_ns);
    }
    if (self->listener != NULL && self->listener->note != NULL) {
        self->listener->note(self->listener->context, node, note, now_ns);
    }
}

static double read_value(void *context, uint32_t job, uint32_t result, uint32_t run)
{
    return gw_scenario_value(((const world *)context)->scenario, job, result, run);
}

static void read_counts(void *context, uint32_t job, uint32_t edge, uint32_t run, uint32_t shard,
                        uint32_t *out_counts)
{
    gw_scenario_counts(((const world *)context)->scenario, job, edge, run, shard, out_counts);
}

static void hear_gang(void *context, const gw_gang_record *gang)
{
    const world *self = context;
    if (self->listener->gang != NULL) {
        self->listener->gang(self->listener->context, gang);
    }
}

static void hear_transfer(void *context, const gw_transfer_record *transfer)
{
    const world *self = context;
    if (self->listener->transfer != NULL) {
        self->listener->transfer(self->listener->context, transfer);
    }
}

/* --- How it ends --- */

static bool report_stall(const world *self, GError **error)
{
    const gw_devices *devices = gw_sim_ports_devices(self->ports);
    g_autofree char *now = gw_span_format(gw_engine_now(gw_sim_ports_engine(self->ports)));
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text,
                           "%s: nothing is left to happen after %s, and %u of %u jobs are "
                           "not done\n",
                           self->scenario->path, now, self->ending.jobs_left,
                           self->scenario->job_count);
    gw_stall_describe_devices(devices, self->scenario->jobs, text);
    gw_stall_describe_nodes(self->controllers, self->controller_count, text);
    g_strchomp(text->str);
    g_set_error_literal(error, GW_ERROR, GW_ERROR_STALL, text->str);
    return false;
}

static void check_invariants(const world *self)
{
    const char *violation = gw_invariants_violation(self->invariants);
    if (violation != NULL) {
        fprintf(stderr, "invariant broken: %s\n", violation);
        gw_check(violation == NULL);
    }
}

static void say_last_words(void *context)
{
    const world *self = context;
    gw_engine *engine = gw_sim_ports_engine(self->ports);
    const gw_event_kind *kind = gw_engine_current_kind(engine);
    fprintf(stderr, "%s: seed %" PRIu64 ", at %" PRIu64 " ns, event %" PRIu64 " (%s)\n",
            self->scenario->path, self->scenario->seed, gw_engine_now(engine),
            gw_engine_fired_count(engine), kind == NULL ? "none yet" : kind->name);
}

/* --- The loop --- */

static bool tell_progress(const world *self, const gw_world_settings *settings, GError **error)
{
    const gw_engine *engine = gw_sim_ports_engine(self->ports);
    if (settings->progress == NULL) {
        return true;
    }
    gw_world_progress progress = {
        .events = gw_engine_fired_count(engine),
        .now_ns = gw_engine_now(engine),
    };
    if (self->recorder != NULL) {
        progress.steps_done = gw_recorder_runs_done(self->recorder);
        progress.steps_total = gw_recorder_runs_asked(self->recorder);
        if (!gw_recorder_check(self->recorder, error))
            return false;
    }
    if (!settings->progress(settings->progress_context, &progress)) {
        g_set_error(error, GW_ERROR, GW_ERROR_INTERRUPTED, "%s: interrupted", self->scenario->path);
        return false;
    }
    return true;
}

static bool report_end_of_time(const world *self, GError **error)
{
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                "%s: simulated time ran out after 73 years, and %u of %u jobs are not done",
                self->scenario->path, self->ending.jobs_left, self->scenario->job_count);
    return false;
}

static bool fire_events(const world *self, const gw_world_settings *settings, GError **error)
{
    gw_engine *engine = gw_sim_ports_engine(self->ports);
    uint64_t until_progress = PROGRESS_EVENTS;
    while (self->ending.refused_job == GW_INDEX_NONE && self->ending.wrong.kind == 0 &&
           self->ending.overflow.kind == 0 && !gw_sim_ports_are_at_rest(self->ports) &&
           gw_engine_step(engine)) {
        if (self->invariants != NULL) {
            gw_invariants_look(self->invariants, gw_sim_ports_devices(self->ports));
            check_invariants(self);
        }
        if (gw_engine_now(engine) > LAST_INSTANT_NS) {
            return report_end_of_time(self, error);
        }
        until_progress--;
        if (until_progress == 0) {
            until_progress = PROGRESS_EVENTS;
            if (!tell_progress(self, settings, error)) {
                return false;
            }
        }
    }
    if (self->ending.refused_job != GW_INDEX_NONE) {
        gw_scenario_blame_refusal(self->scenario, self->ending.refused_job,
                                  self->ending.refused_reason, error);
        return false;
    }
    if (self->ending.wrong.kind != 0) {
        const gw_controller *controller = self->controllers[self->ending.wrong.a];
        gw_scenario_blame(self->scenario, &self->ending.wrong, controller, error);
        return false;
    }
    if (self->ending.overflow.kind != 0) {
        gw_scenario_blame_router(self->scenario, &self->ending.overflow, error);
        return false;
    }
    if (self->ending.jobs_left > 0) {
        return report_stall(self, error);
    }
    if (self->invariants != NULL) {
        gw_invariants_finish(self->invariants, gw_sim_ports_devices(self->ports));
        check_invariants(self);
    }
    return true;
}

/* --- Putting it together --- */

static void make_ports(world *self, const gw_world_settings *settings)
{
    if (settings->is_paranoid) {
        self->cluster = gw_cluster_new(&self->scenario->cluster);
        self->invariants = gw_invariants_new(self->cluster);
    }
    const gw_sim_ports_settings ports = {
        .awaited = &self->awaited,
        .directory = self->directory,
        .cluster = &self->scenario->cluster,
        .profile = &self->scenario->profile,
        .seed = self->scenario->seed,
        .queue = settings->queue == 0 ? GW_QUEUE_LADDER : settings->queue,
        .handle = handle_input,
        .note = hear_note,
        .gang = self->listener != NULL ? hear_gang : NULL,
        .transfer = self->listener != NULL ? hear_transfer : NULL,
        .value = read_value,
        .counts = read_counts,
        .context = self,
        .recorder = self->recorder,
        .invariants = self->invariants,
    };
    self->ports = gw_sim_ports_new(&ports);
}

static bool make_controllers(world *self, GError **error)
{
    const uint32_t count = gw_directory_node_count(self->directory);
    self->controllers = g_new0(gw_controller *, count);
    for (uint32_t i = 0; i < count; i++) {
        const gw_node_id node = {.index = i};
        self->controllers[i] =
            gw_controller_new(self->directory, &self->scenario->control, self->scenario->jobs, node,
                              gw_sim_ports_at(self->ports, node), error);
        if (self->controllers[i] == NULL) {
            gw_scenario_blame_creation(self->scenario, error);
            return false;
        }
        self->controller_count++;
    }
    return true;
}

static void clear_world(world *self)
{
    for (uint32_t i = 0; i < self->controller_count; i++) {
        gw_controller_free(self->controllers[i]);
    }
    g_free(self->controllers);
    gw_sim_ports_free(self->ports);
    gw_invariants_free(self->invariants);
    gw_cluster_free(self->cluster);
    gw_directory_free(self->directory);
    gw_ending_clear(&self->ending);
}

static void fill_report(const world *self, gw_world_report *report)
{
    gw_engine *engine = gw_sim_ports_engine(self->ports);
    const gw_sim_counts counts = gw_sim_ports_count(self->ports);
    *report = (gw_world_report){
        .launches = counts.launches,
        .shards = counts.shards,
        .gangs = counts.gangs,
        .transfers = counts.transfers,
        .messages = counts.messages,
        .message_bytes = counts.message_bytes,
        .launch_digest = gw_sim_ports_launch_digest(self->ports),
        .digest = gw_engine_digest(engine),
        .end_ns = gw_engine_now(engine),
        .timing = {.events = gw_engine_fired_count(engine), .device_operations = counts.shards},
    };
}

static bool has_host_copies(const gw_control *control)
{
    return control->spill != NULL || gw_system_of(control)->hosts != GW_HOST_TAKES_NOTHING;
}

bool gw_world_run(const gw_scenario *scenario, const gw_world_settings *settings,
                  gw_recorder *recorder, gw_world_report *out_report, GError **error)
{
    static const gw_world_settings defaults = {.queue = GW_QUEUE_LADDER};
    const gw_world_settings *chosen = settings == NULL ? &defaults : settings;
    world self = {
        .scenario = scenario,
        .recorder = recorder,
        .listener = chosen->listener,
        .directory = gw_scenario_directory(scenario),
        .awaited = {.jobs = scenario->jobs,
                    .job_count = scenario->job_count,
                    .are_moved = scenario->control.change_count > 0,
                    .has_host_copies = has_host_copies(&scenario->control)},
    };
    gw_ending_init(&self.ending, scenario->job_count);
    make_ports(&self, chosen);
    gw_check_set_last_words(say_last_words, &self);
    const bool is_done = make_controllers(&self, error) && fire_events(&self, chosen, error);
    gw_check_set_last_words(NULL, NULL);
    if (is_done) {
        fill_report(&self, out_report);
    }
    clear_world(&self);
    return is_done;
}
