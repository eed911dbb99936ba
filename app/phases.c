/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps what it hears, and looks at it when the run is over: a device at a time, its shards in
 * order, and the gaps between them one by one. */
#include "app/phases.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/units.h"
#include "record/text.h"

#define DRAWN_STEPS_MAX 3
#define DRAWN_PER_ROW   120 /* Boxes side by side that a figure can show. */

const char *const gw_phase_names[GW_PHASE_COUNT] = {"compute", "communication", "idle", "control"};

typedef struct { /* Of one device. */
    gw_time start_ns, end_ns;
    gw_span local_ns, collective_ns;
    guint device, job, run, node;
} piece;

typedef struct {
    gw_time start_ns, end_ns;
    guint device;
} arrival;

typedef struct {
    GArray *ends;      /* gw_time, by run and node: when the last shard was done; 0: never. */
    GArray *run_ends;  /* gw_time, by run: the latest of these. */
    GArray *step_ends; /* gw_time, by run; GW_TIME_NEVER: it is not done. */
} job_record;

struct gw_phases {
    const gw_scenario *scenario;
    GArray *pieces;   /* piece */
    GArray *arrivals; /* arrival */
    job_record *jobs;
};

gw_phases *gw_phases_new(const gw_scenario *scenario)
{
    gw_phases *phases = g_new0(gw_phases, 1);
    phases->scenario = scenario;
    phases->pieces = g_array_new(FALSE, FALSE, sizeof(piece));
    phases->arrivals = g_array_new(FALSE, FALSE, sizeof(arrival));
    phases->jobs = g_new0(job_record, scenario->job_count);
    for (guint j = 0; j < scenario->job_count; j++) {
        phases->jobs[j].ends = g_array_new(FALSE, TRUE, sizeof(gw_time));
        phases->jobs[j].run_ends = g_array_new(FALSE, TRUE, sizeof(gw_time));
        phases->jobs[j].step_ends = g_array_new(FALSE, TRUE, sizeof(gw_time));
    }
    return phases;
}

void gw_phases_free(gw_phases *phases)
{
    if (phases == NULL)
        return;
    for (guint j = 0; j < phases->scenario->job_count; j++) {
        g_array_unref(phases->jobs[j].ends);
        g_array_unref(phases->jobs[j].run_ends);
        g_array_unref(phases->jobs[j].step_ends);
    }
    g_free(phases->jobs);
    g_array_unref(phases->pieces);
    g_array_unref(phases->arrivals);
    g_free(phases);
}

void gw_phase_report_free(gw_phase_report *report)
{
    if (report == NULL)
        return;
    g_free(report->step_ns);
    g_array_unref(report->devices);
    g_free(report->timeline);
    g_free(report);
}

/* --- What is heard --- */

static guint node_count(const gw_phases *phases, guint job)
{
    return phases->scenario->jobs[job].program->nodes->len;
}

static void note_end(GArray *ends, gsize place, gw_time end_ns)
{
    gw_check(place < G_MAXUINT);
    if (place >= ends->len)
        g_array_set_size(ends, (guint)place + 1);
    gw_time *known_ns = &g_array_index(ends, gw_time, place);
    *known_ns = MAX(*known_ns, end_ns);
}

static void hear_shards(void *context, const gw_shard_record *shards)
{
    gw_phases *phases = (gw_phases *)context;
    gw_check(shards->job < phases->scenario->job_count);
    const job_record *job = &phases->jobs[shards->job];
    const gsize first = (gsize)shards->run * node_count(phases, shards->job);
    note_end(job->ends, first + shards->node, shards->end_ns);
    note_end(job->run_ends, shards->run, shards->end_ns);
    for (guint d = 0; d < shards->device_count; d++) {
        const piece made = {
            shards->start_ns,         shards->end_ns, shards->local_ns, shards->collective_ns,
            shards->first_device + d, shards->job,    shards->run,      shards->node};
        g_array_append_val(phases->pieces, made);
    }
}

static void hear_transfer(void *context, const gw_transfer_record *transfer)
{
    gw_phases *phases = (gw_phases *)context;
    const arrival made = {transfer->start_ns, transfer->end_ns, transfer->target_device};
    if (transfer->target_device != GW_INDEX_NONE)
        g_array_append_val(phases->arrivals, made);
}

static void hear_run_done(void *context, uint32_t job, uint64_t run, gw_time now_ns)
{
    gw_phases *phases = (gw_phases *)context;
    GArray *ends = phases->jobs[job].step_ends;
    const gw_time never_ns = GW_TIME_NEVER;
    while (ends->len <= run)
        g_array_append_val(ends, never_ns);
    g_array_index(ends, gw_time, run) = now_ns;
}

gw_recorder_observer gw_phases_observer(gw_phases *phases)
{
    return (gw_recorder_observer){phases, hear_shards, hear_transfer, hear_run_done};
}

/* --- When a shard could have begun, but for the control plane --- */

static gw_time end_of_node(const gw_phases *phases, guint job, guint run, guint node)
{
    const GArray *ends = phases->jobs[job].ends;
    const gsize place = (gsize)run * node_count(phases, job) + node;
    return place < ends->len ? g_array_index(ends, gw_time, place) : 0;
}

static gw_time end_of_run(const gw_phases *phases, guint job, guint run)
{
    const GArray *ends = phases->jobs[job].run_ends;
    return run < ends->len ? g_array_index(ends, gw_time, run) : 0;
}

static gw_time source_end(const gw_phases *phases, const piece *at, const gw_edge *edge)
{
    const gw_program *program = phases->scenario->jobs[at->job].program;
    const gw_node *target = gw_program_node(program, edge->target_node);
    guint source = edge->source_node, run = at->run;
    if (edge->is_carried && run == 0)
        source = edge->initial_node;
    else if (edge->is_carried)
        run--;
    else if (gw_program_node(program, source)->is_once && !target->is_once)
        run = 0;
    if (gw_program_node(program, source)->mesh == target->mesh)
        return 0; /* It was made here, and so before. */
    return end_of_node(phases, at->job, run, source);
}

static gw_time ready_ns(const gw_phases *phases, const piece *at)
{
    const gw_job *job = &phases->scenario->jobs[at->job];
    const gw_node *node = gw_program_node(job->program, at->node);
    gw_time latest_ns = job->start_ns;
    for (guint e = job->program->first_edge[at->node]; e < job->program->first_edge[at->node + 1];
         e++) {
        const gw_time end_ns = source_end(phases, at, gw_program_edge(job->program, e));
        latest_ns = MAX(latest_ns, end_ns);
    }
    if (gw_node_is_decided(node)) {
        const guint decider = g_array_index(job->program->results, gw_result, node->decider).node;
        const gw_time end_ns = end_of_node(phases, at->job, at->run, decider);
        latest_ns = MAX(latest_ns, end_ns);
    }
    const guint in_flight = job->until != NULL ? 1 : job->in_flight;
    if (at->run >= in_flight) {
        const gw_time end_ns = end_of_run(phases, at->job, at->run - in_flight);
        latest_ns = MAX(latest_ns, end_ns);
    }
    return latest_ns;
}

/* --- One device --- */

typedef struct {
    const gw_phases *phases;
    gw_time begin_ns, end_ns; /* The window. */
    const GArray *pieces;     /* Sorted by device and start. */
    const GArray *arrivals;   /* Likewise. */
    guint next_arrival;       /* The first that may matter to the gaps still to come. */
    gw_phase_device *out;
} device_view;

static double overlap_ns(const device_view *view, gw_time start_ns, gw_time end_ns)
{
    const gw_time from_ns = MAX(start_ns, view->begin_ns), to_ns = MIN(end_ns, view->end_ns);
    return to_ns > from_ns ? (double)(to_ns - from_ns) : 0;
}

/* Of the time from start to end, what lies in arrivals at the device, overlapping ones once. */
static double arriving_ns(device_view *view, gw_time start_ns, gw_time end_ns)
{
    double sum_ns = 0;
    gw_time done_ns = start_ns;
    for (guint i = view->next_arrival; i < view->arrivals->len; i++) {
        const arrival *each = &g_array_index(view->arrivals, arrival, i);
        if (each->device != view->out->device || each->start_ns >= end_ns)
            break;
        const gw_time from_ns = MAX(each->start_ns, done_ns), to_ns = MIN(each->end_ns, end_ns);
        if (to_ns > from_ns)
            sum_ns += overlap_ns(view, from_ns, to_ns);
        done_ns = MAX(done_ns, to_ns);
    }
    return sum_ns;
}

/* From the end of one shard to the start of `next`; NULL: to the end of the window. */
static void add_gap(device_view *view, gw_time start_ns, const piece *next)
{
    const gw_time end_ns = next != NULL ? next->start_ns : view->end_ns;
    if (overlap_ns(view, start_ns, end_ns) == 0)
        return;
    const gw_time free_ns =
        next != NULL ? CLAMP(ready_ns(view->phases, next), start_ns, end_ns) : end_ns;
    const double rest_ns = overlap_ns(view, free_ns, end_ns);
    const double moving_ns = arriving_ns(view, free_ns, end_ns);
    view->out->ns[GW_PHASE_IDLE] += overlap_ns(view, start_ns, free_ns);
    view->out->ns[GW_PHASE_COMMUNICATION] += moving_ns;
    view->out->ns[GW_PHASE_CONTROL] += rest_ns - moving_ns;
}

/* What lies in the window, of each kind as much as of the whole. */
static void add_piece(device_view *view, const piece *at)
{
    const double whole_ns = (double)(at->end_ns - at->start_ns);
    const double part = whole_ns > 0 ? overlap_ns(view, at->start_ns, at->end_ns) / whole_ns : 0;
    const double local_ns = (double)at->local_ns, collective_ns = (double)at->collective_ns;
    view->out->ns[GW_PHASE_COMPUTE] += part * local_ns;
    view->out->ns[GW_PHASE_COMMUNICATION] += part * collective_ns;
    view->out->ns[GW_PHASE_IDLE] += part * (whole_ns - local_ns - collective_ns);
}

/* The device of pieces[first]; returns the first piece of the next one. */
static guint add_device(device_view *view, guint first)
{
    const guint device = g_array_index(view->pieces, piece, first).device;
    gw_time free_from_ns = 0;
    guint i = first;
    view->out->device = device;
    while (view->next_arrival < view->arrivals->len &&
           g_array_index(view->arrivals, arrival, view->next_arrival).device < device)
        view->next_arrival++;
    for (; i < view->pieces->len; i++) {
        const piece *at = &g_array_index(view->pieces, piece, i);
        if (at->device != device)
            break;
        add_gap(view, free_from_ns, at);
        add_piece(view, at);
        free_from_ns = at->end_ns;
        while (view->next_arrival < view->arrivals->len) {
            const arrival *next = &g_array_index(view->arrivals, arrival, view->next_arrival);
            if (next->device != device || next->end_ns > free_from_ns)
                break;
            view->next_arrival++; /* It is there: no later gap has any of it. */
        }
    }
    add_gap(view, free_from_ns, NULL);
    return i;
}

/* --- The window --- */

static int compare_times(gconstpointer a, gconstpointer b)
{
    const gw_time x = *(const gw_time *)a, y = *(const gw_time *)b;
    return x < y ? -1 : x > y;
}

/* The ends of steps that are done, in order. */
static GArray *ends_in_order(const gw_phases *phases, guint job)
{
    GArray *ends = g_array_new(FALSE, FALSE, sizeof(gw_time));
    const GArray *heard = phases->jobs[job].step_ends;
    for (guint i = 0; i < heard->len; i++)
        if (g_array_index(heard, gw_time, i) != GW_TIME_NEVER)
            g_array_append_val(ends, g_array_index(heard, gw_time, i));
    g_array_sort(ends, compare_times);
    return ends;
}

static bool find_window(const gw_phases *phases, guint64 warm, gw_phase_report *report,
                        device_view *view, GError **error)
{
    view->begin_ns = GW_TIME_NEVER;
    for (guint j = 0; j < report->job_count; j++) {
        g_autoptr(GArray) ends = ends_in_order(phases, j);
        report->step_ns[j] = NAN;
        if (ends->len <= warm)
            continue;
        const gw_time begin_ns = g_array_index(ends, gw_time, warm - 1);
        const gw_time end_ns = g_array_index(ends, gw_time, ends->len - 1);
        report->step_ns[j] = (double)(end_ns - begin_ns) / (double)(ends->len - warm);
        view->begin_ns = MIN(view->begin_ns, begin_ns);
        view->end_ns = MAX(view->end_ns, end_ns);
    }
    for (guint j = 0; j < report->job_count; j++)
        for (guint i = 0; i < phases->jobs[j].step_ends->len; i++) {
            const gw_time at_ns = g_array_index(phases->jobs[j].step_ends, gw_time, i);
            report->step_count += at_ns > view->begin_ns && at_ns <= view->end_ns;
        }
    if (view->begin_ns < view->end_ns)
        return true;
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                "%s: no job has ended more than the %" G_GUINT64_FORMAT
                " steps that are left out to warm up",
                phases->scenario->path, warm);
    return false;
}

/* --- What is drawn --- */

/* How many steps of the job that begins the window: as many as a figure can show. */
static guint drawn_steps(const gw_phases *phases, const gw_phase_report *report)
{
    const double boxes = (double)phases->pieces->len;
    guint64 runs = 0;
    for (guint j = 0; j < report->job_count; j++)
        runs += phases->jobs[j].step_ends->len;
    const double per_row = boxes / (double)runs / (double)report->devices->len;
    return (guint)CLAMP(DRAWN_PER_ROW / MAX(per_row, 1) / report->job_count, 1, DRAWN_STEPS_MAX);
}

static gw_time find_drawn_end(const gw_phases *phases, const gw_phase_report *report,
                              const device_view *view)
{
    const guint steps = drawn_steps(phases, report);
    gw_time latest_ns = view->begin_ns;
    for (guint j = 0; j < report->job_count; j++) {
        g_autoptr(GArray) ends = ends_in_order(phases, j);
        guint left = steps;
        for (guint i = 0; i < ends->len && left > 0; i++) {
            const gw_time end_ns = g_array_index(ends, gw_time, i);
            if (end_ns <= view->begin_ns)
                continue;
            left--;
            latest_ns = MAX(latest_ns, end_ns);
        }
    }
    return latest_ns;
}

static char *draw_timeline(const gw_phases *phases, const gw_phase_report *report,
                           const device_view *view)
{
    GString *text = g_string_new(NULL);
    const gw_time end_ns = find_drawn_end(phases, report, view);
    for (guint i = 0; i < view->pieces->len; i++) {
        const piece *at = &g_array_index(view->pieces, piece, i);
        const gw_job *job = &phases->scenario->jobs[at->job];
        const gw_node *node = gw_program_node(job->program, at->node);
        if (at->end_ns <= view->begin_ns || at->start_ns >= end_ns)
            continue;
        g_string_append_printf(text, "%u,%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT ",", at->device,
                               MAX(at->start_ns, view->begin_ns) - view->begin_ns,
                               MIN(at->end_ns, end_ns) - view->begin_ns);
        gw_text_append_csv(text, job->name);
        g_string_append_c(text, ',');
        gw_text_append_csv(text, node->name);
        g_string_append_c(text, ',');
        if (node->microbatch != GW_INDEX_NONE)
            g_string_append_printf(text, "%u", node->microbatch);
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}

/* --- All --- */

static int compare_pieces(gconstpointer a, gconstpointer b)
{
    const piece *x = (const piece *)a, *y = (const piece *)b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    if (x->start_ns != y->start_ns)
        return x->start_ns < y->start_ns ? -1 : 1;
    return x->end_ns < y->end_ns ? -1 : x->end_ns > y->end_ns;
}

static int compare_arrivals(gconstpointer a, gconstpointer b)
{
    const arrival *x = (const arrival *)a, *y = (const arrival *)b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    if (x->start_ns != y->start_ns)
        return x->start_ns < y->start_ns ? -1 : 1;
    return x->end_ns < y->end_ns ? -1 : x->end_ns > y->end_ns;
}

gw_phase_report *gw_phases_report(const gw_phases *phases, guint64 warm, GError **error)
{
    gw_check(warm >= 1);
    g_autoptr(gw_phase_report) report = g_new0(gw_phase_report, 1);
    report->job_count = phases->scenario->job_count;
    report->foreign = NAN;
    report->step_ns = g_new(double, report->job_count);
    report->devices = g_array_new(FALSE, TRUE, sizeof(gw_phase_device));
    device_view view = {.phases = phases, .pieces = phases->pieces, .arrivals = phases->arrivals};
    if (!find_window(phases, warm, report, &view, error))
        return NULL;
    report->window_ns = (double)(view.end_ns - view.begin_ns);
    g_array_sort(phases->pieces, compare_pieces);
    g_array_sort(phases->arrivals, compare_arrivals);
    for (guint i = 0; i < phases->pieces->len;) {
        gw_phase_device device = {0};
        view.out = &device;
        i = add_device(&view, i);
        g_array_append_val(report->devices, device);
    }
    report->timeline = draw_timeline(phases, report, &view);
    return g_steal_pointer(&report);
}

/* --- As text --- */

void gw_phase_report_write(gw_json *json, const gw_phase_report *report)
{
    gw_json_real(json, "window_ns", report->window_ns);
    gw_json_count(json, "steps", report->step_count);
    gw_json_reals(json, "foreign", &report->foreign, 1);
    gw_json_reals(json, "step_ns", report->step_ns, report->job_count);
    gw_json_open_array(json, "devices");
    for (guint i = 0; i < report->devices->len; i++) {
        const gw_phase_device *device = &g_array_index(report->devices, gw_phase_device, i);
        gw_json_open_object(json, NULL);
        gw_json_count(json, "device", device->device);
        gw_json_reals(json, "ns", device->ns, GW_PHASE_COUNT);
        gw_json_close_object(json);
    }
    gw_json_close_array(json);
    gw_json_string(json, "timeline", report->timeline);
}

char *gw_phase_report_text(const gw_phase_report *report)
{
    GString *text = g_string_new(NULL);
    gw_json json;
    gw_json_init(&json, text);
    gw_phase_report_write(&json, report);
    gw_json_finish(&json);
    return g_string_free(text, FALSE);
}

/* What is null is NAN, where it may be. */
static bool read_reals(gw_params *object, const char *key, guint count, bool may_be_null,
                       double *out, GError **error)
{
    gw_params *values = NULL;
    if (!gw_params_array(object, key, true, &values, error))
        return false;
    if (gw_params_length(values) != count) {
        const guint length = gw_params_length(values);
        gw_params_error(values, NULL, error, "found %u number%s, expected %u", length,
                        gw_count_ending(length), count);
        return false;
    }
    for (guint i = 0; i < count; i++) {
        gw_params *value = gw_params_at(values, i);
        g_autofree char *text = gw_params_text(value);
        if (may_be_null && strcmp(text, "null") == 0)
            out[i] = NAN;
        else if (!gw_params_as_number(value, &out[i], error))
            return false;
    }
    return true;
}

static bool read_devices(gw_params *object, GArray *out, GError **error)
{
    gw_params *devices = NULL;
    if (!gw_params_array(object, "devices", true, &devices, error))
        return false;
    for (guint i = 0; i < gw_params_length(devices); i++) {
        gw_phase_device device = {0};
        uint64_t number = 0;
        gw_params *at = NULL;
        if (!gw_params_as_object(gw_params_at(devices, i), &at, error) ||
            !gw_params_count(at, "device", true, 0, G_MAXUINT32, &number, error) ||
            !read_reals(at, "ns", GW_PHASE_COUNT, false, device.ns, error) ||
            !gw_params_finish(at, error))
            return false;
        device.device = (guint)number;
        g_array_append_val(out, device);
    }
    return true;
}

gw_phase_report *gw_phase_report_read(gw_params *object, guint job_count, GError **error)
{
    g_autoptr(gw_phase_report) report = g_new0(gw_phase_report, 1);
    const char *timeline = NULL;
    report->job_count = job_count;
    report->step_ns = g_new0(double, job_count + 1);
    report->devices = g_array_new(FALSE, TRUE, sizeof(gw_phase_device));
    if (!gw_params_number(object, "window_ns", true, 0, G_MAXDOUBLE, &report->window_ns, error) ||
        !gw_params_count(object, "steps", true, 0, G_MAXINT64, &report->step_count, error) ||
        !read_reals(object, "foreign", 1, true, &report->foreign, error) ||
        !read_reals(object, "step_ns", job_count, true, report->step_ns, error) ||
        !read_devices(object, report->devices, error) ||
        !gw_params_string(object, "timeline", true, &timeline, error) ||
        !gw_params_finish(object, error))
        return NULL;
    report->timeline = g_strdup(timeline);
    return g_steal_pointer(&report);
}

gw_phase_report *gw_phase_report_parse(const char *text, guint job_count)
{
    g_autoptr(gw_params) root = gw_params_parse(text, "a run's answer", NULL);
    gw_check(root != NULL);
    gw_phase_report *report = gw_phase_report_read(root, job_count, NULL);
    gw_check(report != NULL);
    return report;
}
