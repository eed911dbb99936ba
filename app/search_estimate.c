/* SPDX-License-Identifier: Apache-2.0 */
/* Points that differ in layers per place, schedule or chunks share their small programs, and points
 * of one pipeline and number of micro-batches its schedule: both are kept. */
#include "app/search_estimate.h"

#include <math.h>
#include <string.h>

#include "accel/model.h"
#include "app/search_places.h"
#include "app/search_play.h"
#include "app/search_schedule.h"
#include "base/check.h"
#include "topology/route.h"
#include "workload/workload.h"
#include "workload/workload_schedule_choice.h"

typedef struct { /* By layers, one unit and one more, and where it matters by micro-batches. */
    double held[2][2];    /* Bytes at the peak, workspace left out. */
    double busy_ns[2][2]; /* Of all passes. */
    double update_ns[2];
    double forward_ns[2], backward_ns[2]; /* Of one micro-batch, the shortest. */
    double arriving_bytes;                /* What one shard gets from the place before. */
} place_probe;

typedef struct {
    char *reason; /* NULL: it is possible. */
    gw_search_places counts;
    guint microbatches[2];
    place_probe places[GW_SEARCH_PLACES_MAX];
} probe;

/* Of passes in two parts, with as many layers as the point has. */
typedef struct {
    double forward_ns, inputs_ns, weights_ns; /* Of one micro-batch, the shortest. */
    double busy_ns, next_ns;                  /* Of all passes; of one more micro-batch. */
    double saved_bytes;                       /* From forward on. */
    double given_bytes, kept_bytes; /* By the part for inputs; for that for weights, in all. */
    double slopes_bytes;            /* From the first part for weights on. */
    double state_bytes;             /* Always, workspace included. */
    double peak_bytes;              /* Of the small program; the update may need most. */
} place_split;

typedef struct {
    char *reason; /* NULL: it is possible. */
    guint microbatches;
    gw_span pass_ns;   /* For which the workload has its schedule made, */
    double kept_share; /* and of what share. */
    place_split places[GW_SEARCH_PLACES_MAX];
} split_probe;

typedef struct {
    char *reason;
    double *peaks; /* By stage, in micro-batches. */
} schedule_peaks;

/* Of as many layers as the point has: the most of what comes early and of what grows with them, so
 * nothing that smaller numbers tell. */
typedef struct {
    double bytes[GW_SEARCH_PLACES_MAX];
} place_workspaces;

struct gw_search_estimator {
    const gw_search_space *space;
    gw_cluster *cluster;
    gw_accel_model model;
    char *parameters; /* As JSON. */
    GHashTable *probes, *splits, *schedules,
        *workspaces; /* By what makes them different; looked up, never walked. */
    /* What was searched for last: memory, and then the bound, go by the same. */
    gw_workload_schedule *searched;
    char *searched_key;
};

static void free_probe(void *data)
{
    probe *freed = (probe *)data;
    g_free(freed->reason);
    g_free(freed);
}

static void free_split(void *data)
{
    split_probe *freed = (split_probe *)data;
    g_free(freed->reason);
    g_free(freed);
}

static void free_peaks(void *data)
{
    schedule_peaks *freed = (schedule_peaks *)data;
    g_free(freed->reason);
    g_free(freed->peaks);
    g_free(freed);
}

gw_search_estimator *gw_search_estimator_new(const gw_search_space *space)
{
    gw_search_estimator *made = g_new0(gw_search_estimator, 1);
    made->space = space;
    made->cluster = gw_cluster_new(&space->machine->cluster);
    made->model = gw_accel_model_of(&gw_model_roofline, made->cluster);
    made->parameters = gw_params_text(space->parameters);
    made->probes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_probe);
    made->splits = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_split);
    made->schedules = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_peaks);
    made->workspaces = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return made;
}

void gw_search_estimator_free(gw_search_estimator *estimator)
{
    if (estimator == NULL)
        return;
    gw_cluster_free(estimator->cluster);
    g_free(estimator->parameters);
    g_hash_table_unref(estimator->probes);
    g_hash_table_unref(estimator->splits);
    g_hash_table_unref(estimator->schedules);
    g_hash_table_unref(estimator->workspaces);
    gw_workload_schedule_free(estimator->searched);
    g_free(estimator->searched_key);
    g_free(estimator);
}

/* --- Small programs --- */

typedef struct { /* One of them. */
    const gw_search_estimator *estimator;
    const gw_search_point *point;
    gw_search_places counts;
    guint layers, microbatches;
    /* All micro-batches are held at a time by "gpipe", so that their number is what memory goes by.
     */
    const char *schedule;
} small_one;

static bool set_count(gw_params *root, const char *key, guint64 count, GError **error)
{
    g_autofree char *assignment = g_strdup_printf("%s=%" G_GUINT64_FORMAT, key, count);
    return gw_params_set(root, assignment, error);
}

static gw_params *make_parameters(const small_one *one, GError **error)
{
    const gw_search_point *point = one->point;
    g_autoptr(gw_params) root = gw_params_parse(one->estimator->parameters, "parameters", error);
    if (root == NULL)
        return NULL;
    for (guint i = 0; i < GW_SEARCH_DIMENSIONS; i++) {
        g_autofree char *value = gw_search_value_text(i, point->values[i]);
        g_autofree char *assignment = g_strdup_printf("%s=%s", gw_search_dimension_name(i), value);
        if (!gw_params_set(root, assignment, error))
            return NULL;
    }
    g_autofree char *schedule = g_strconcat("schedule=", one->schedule, NULL);
    const guint encoder = one->counts.encoder, decoder = one->counts.all - encoder;
    if (!set_count(root, "stages", one->counts.all, error) ||
        !set_count(root, "chunks", 1, error) || !gw_params_set(root, schedule, error) ||
        !set_count(root, "layers",
                   (guint64)decoder * one->layers - one->estimator->space->end_layers, error) ||
        (encoder > 0 &&
         !set_count(root, "encoder_layers", (guint64)encoder * one->layers, error)) ||
        !set_count(root, "batch",
                   (guint64)point->values[GW_SEARCH_DATA] * point->values[GW_SEARCH_MICROBATCH] *
                       one->microbatches,
                   error))
        return NULL;
    if (one->estimator->space->activations_max > 0 && /* Of the schedule that it stands for. */
        !set_count(root, "activations_max", GW_SCHEDULE_MICROBATCHES_MAX, error))
        return NULL;
    return g_steal_pointer(&root);
}

/* One shard's time in a function, at the least: collectives that it goes on beside cost it nothing,
 * but take one after the other. */
static double time_function(const gw_accel_model *model, const gw_function *function,
                            const gw_mesh *mesh, const guint32 *devices)
{
    g_autoptr(gw_timing) timing = gw_timing_new(model, function, mesh, devices);
    double sum_ns = (double)timing->total_local_ns, beside_ns = 0;
    guint next = 0;
    for (guint i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        if (!gw_operation_is_collective(operation))
            continue;
        gw_span longest_ns = 0;
        for (guint g = timing->first_group[next]; g < timing->first_group[next + 1]; g++)
            longest_ns = MAX(longest_ns, timing->collective_ns[g]);
        *(operation->is_overlapped ? &beside_ns : &sum_ns) += (double)longest_ns;
        next++;
    }
    return MAX(sum_ns, beside_ns);
}

/* By function; those of set-up stay 0.  The caller frees. */
static double *time_functions(const gw_search_estimator *estimator, const gw_program *program)
{
    double *times_ns = g_new0(double, program->functions->len);
    const guint count = gw_mesh_device_count(gw_program_mesh(program, 0));
    g_autofree guint32 *devices = g_new(guint32, count);
    for (guint d = 0; d < count; d++)
        devices[d] = estimator->space->first_device + d;
    for (guint n = 0; n < program->nodes->len; n++) {
        const gw_node *node = gw_program_node(program, n);
        if (!node->is_once && times_ns[node->function] == 0)
            times_ns[node->function] =
                time_function(&estimator->model, gw_program_function(program, n),
                              gw_program_mesh(program, node->mesh), devices);
    }
    return times_ns;
}

static void measure_times(const gw_search_estimator *estimator, const gw_program *program, guint k,
                          guint m, place_probe *places)
{
    g_autofree double *times_ns = time_functions(estimator, program);
    for (guint p = 0; p < program->meshes->len; p++)
        places[p].forward_ns[k] = places[p].backward_ns[k] = INFINITY;
    for (guint n = 0; n < program->nodes->len; n++) {
        const gw_node *node = gw_program_node(program, n);
        const double time_ns = times_ns[node->function];
        place_probe *place = &places[node->mesh];
        if (node->is_once)
            continue;
        if (g_str_has_prefix(node->name, "update")) {
            place->update_ns[k] = time_ns;
            continue;
        }
        place->busy_ns[k][m] += time_ns;
        if (g_str_has_prefix(node->name, "forward"))
            place->forward_ns[k] = MIN(place->forward_ns[k], time_ns);
        else if (g_str_has_prefix(node->name, "backward"))
            place->backward_ns[k] = MIN(place->backward_ns[k], time_ns);
    }
}

static void measure_memory(const gw_program *program, guint k, guint m, place_probe *places)
{
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    guint64 peaks_bytes[GW_SEARCH_PLACES_MAX] = {0};
    gw_plan_peak_bytes(plan, peaks_bytes);
    for (guint p = 0; p < program->meshes->len; p++) {
        places[p].held[k][m] = (double)(peaks_bytes[p] - plan->workspace_bytes[p]);
    }
    for (guint e = 0; e < program->edges->len; e++) {
        const gw_plan_input *input = &plan->inputs[e];
        if (input->inbound_slot == GW_INDEX_NONE)
            continue;
        const gw_plan_slot *slot = &plan->slots[input->inbound_slot];
        places[slot->mesh].arriving_bytes =
            MAX(places[slot->mesh].arriving_bytes, (double)slot->size_bytes);
    }
}

/* Units of layers that the smallest of the small programs has in a place.  Light ends of one layer
 * would have none. */
static guint count_first_units(const gw_search_space *space)
{
    return space->end_layers > 0 && space->unit_layers == 1 ? 2 : 1;
}

/* NULL: the workload refuses it. */
static gw_program *build_small(const small_one *one, GError **error)
{
    g_autoptr(gw_params) parameters = make_parameters(one, error);
    if (parameters == NULL)
        return NULL;
    gw_program *program = gw_workload_find("transformer")
                              ->build(parameters, one->estimator->space->machine->seed, error);
    gw_check(program == NULL || program->meshes->len == one->counts.all);
    return program;
}

static bool measure(const small_one *one, guint k, guint m, place_probe *places, GError **error)
{
    g_autoptr(gw_program) program = build_small(one, error);
    if (program == NULL)
        return false;
    measure_times(one->estimator, program, k, m, places);
    measure_memory(program, k, m, places);
    return true;
}

static probe *make_probe(const gw_search_estimator *estimator, const gw_search_point *point,
                         gw_search_places counts, bool is_single)
{
    probe *made = g_new0(probe, 1);
    g_autoptr(GError) error = NULL;
    made->counts = counts;
    made->microbatches[0] = is_single ? 1 : 2;
    made->microbatches[1] = is_single ? 1 : 3;
    for (guint k = 0; k < 2; k++)
        for (guint m = 0; m < 2; m++) {
            const guint units = count_first_units(estimator->space) + k;
            const small_one one = {estimator,
                                   point,
                                   counts,
                                   units * (guint)estimator->space->unit_layers,
                                   made->microbatches[m],
                                   "gpipe"};
            if (measure(&one, k, m, made->places, &error))
                continue;
            made->reason = gw_search_space_tell(estimator->space, error->message);
            return made;
        }
    return made;
}

static const probe *ask_probe(gw_search_estimator *estimator, const gw_search_point *point)
{
    const gw_search_places counts =
        gw_search_places_shorten(gw_search_places_of(estimator->space, point));
    const bool is_single = gw_search_microbatches(estimator->space, point) == 1;
    g_autoptr(GString) key = g_string_new(NULL);
    for (guint i = 0; i < GW_SEARCH_DIMENSIONS; i++)
        if (i != GW_SEARCH_STAGES && i != GW_SEARCH_CHUNKS && i != GW_SEARCH_SCHEDULE)
            g_string_append_printf(key, "%u ", point->values[i]);
    g_string_append_printf(key, "%u %u %d", counts.encoder, counts.all, is_single);
    const probe *found = (const probe *)g_hash_table_lookup(estimator->probes, key->str);
    if (found != NULL)
        return found;
    probe *made = make_probe(estimator, point, counts, is_single);
    g_hash_table_insert(estimator->probes, g_strdup(key->str), made);
    return made;
}

/* NULL: the workload refuses it. */
static const place_workspaces *ask_workspaces(gw_search_estimator *estimator,
                                              const gw_search_point *point, const probe *small,
                                              GError **error)
{
    g_autoptr(GString) key = g_string_new(NULL);
    for (guint i = 0; i < GW_SEARCH_DIMENSIONS; i++)
        if (i != GW_SEARCH_SCHEDULE)
            g_string_append_printf(key, "%u ", point->values[i]);
    const place_workspaces *found =
        (const place_workspaces *)g_hash_table_lookup(estimator->workspaces, key->str);
    if (found != NULL)
        return found;
    const guint places = point->values[GW_SEARCH_STAGES] * point->values[GW_SEARCH_CHUNKS];
    const small_one one = {estimator,
                           point,
                           small->counts,
                           (guint)gw_search_place_layers(estimator->space, places),
                           small->microbatches[0],
                           "gpipe"};
    g_autoptr(gw_program) program = build_small(&one, error);
    if (program == NULL)
        return NULL;
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    place_workspaces *made = g_new0(place_workspaces, 1);
    for (guint p = 0; p < program->meshes->len; p++)
        made->bytes[p] = (double)plan->workspace_bytes[p];
    g_hash_table_insert(estimator->workspaces, g_strdup(key->str), made);
    return made;
}

/* --- Small programs with passes in two parts --- */

static void measure_split_times(const gw_search_estimator *estimator, const gw_program *program,
                                place_split *places)
{
    g_autofree double *times_ns = time_functions(estimator, program);
    for (guint p = 0; p < program->meshes->len; p++)
        places[p].forward_ns = places[p].inputs_ns = places[p].weights_ns = INFINITY;
    for (guint n = 0; n < program->nodes->len; n++) {
        const gw_node *node = gw_program_node(program, n);
        const double time_ns = times_ns[node->function];
        place_split *place = &places[node->mesh];
        if (node->is_once || g_str_has_prefix(node->name, "update"))
            continue;
        double *shortest_ns = g_str_has_prefix(node->name, "forward")  ? &place->forward_ns
                              : g_str_has_prefix(node->name, "inputs") ? &place->inputs_ns
                                                                       : &place->weights_ns;
        *shortest_ns = MIN(*shortest_ns, time_ns);
        place->busy_ns += time_ns;
        place->next_ns += node->microbatch == 1 ? time_ns : 0; /* Neither the first nor the last. */
    }
}

/* Of the first micro-batch: the others' slopes take the place of its own. */
static void measure_split_memory(const gw_program *program, place_split *places)
{
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    for (guint n = 0; n < program->nodes->len; n++) {
        const gw_node *node = gw_program_node(program, n);
        const gw_plan_node *planned = &plan->nodes[n];
        place_split *place = &places[node->mesh];
        const bool is_forward = g_str_has_prefix(node->name, "forward");
        const bool is_weights = g_str_has_prefix(node->name, "weights");
        if (node->is_once || node->microbatch != 0)
            continue;
        for (guint o = 0; o < planned->output_count; o++) {
            const gw_plan_slot *slot = &plan->slots[planned->first_slot + o];
            if (is_forward && slot->readers > 0)
                place->saved_bytes += (double)slot->size_bytes;
            else if (is_weights)
                place->slopes_bytes += (double)slot->size_bytes;
        }
        for (guint e = program->first_edge[n]; is_weights && e < program->first_edge[n + 1]; e++) {
            const gw_node *source =
                gw_program_node(program, gw_program_edge(program, e)->source_node);
            const double size_bytes = (double)plan->slots[plan->inputs[e].slot].size_bytes;
            place->kept_bytes += source->is_once ? 0 : size_bytes;
            place->given_bytes += g_str_has_prefix(source->name, "inputs") ? size_bytes : 0;
        }
    }
    guint64 state_bytes[GW_SEARCH_PLACES_MAX] = {0}, peak_bytes[GW_SEARCH_PLACES_MAX] = {0};
    gw_plan_state_bytes(plan, state_bytes);
    gw_plan_peak_bytes(plan, peak_bytes);
    for (guint p = 0; p < program->meshes->len; p++) {
        places[p].state_bytes = (double)state_bytes[p];
        places[p].peak_bytes = (double)peak_bytes[p];
    }
}

/* What the way's schedule is made for: as of the small one, whose stages are the same. */
static bool ask_request(const small_one *one, split_probe *made, GError **error)
{
    gw_schedule_request request;
    g_autofree gw_stage_times *times = NULL;
    g_autoptr(gw_params) parameters = make_parameters(one, error);
    if (parameters == NULL ||
        !gw_workload_find("transformer")->request(parameters, &request, &times, error))
        return false;
    made->pass_ns = times[0].forward_ns;
    made->kept_share = request.kept_share;
    return true;
}

static split_probe *make_split(const gw_search_estimator *estimator, const gw_search_point *point,
                               gw_search_places counts)
{
    const guint64 count = gw_search_microbatches(estimator->space, point);
    split_probe *made = g_new0(split_probe, 1);
    made->microbatches = (guint)MIN(count, 3);
    g_autoptr(GError) error = NULL;
    const small_one one = {
        estimator,
        point,
        counts,
        (guint)gw_search_place_layers(estimator->space, point->values[GW_SEARCH_STAGES]),
        made->microbatches,
        "zb-h1"};
    g_autoptr(gw_program) program = build_small(&one, &error);
    if (program == NULL || !ask_request(&one, made, &error)) {
        made->reason = gw_search_space_tell(estimator->space, error->message);
        return made;
    }
    measure_split_times(estimator, program, made->places);
    measure_split_memory(program, made->places);
    return made;
}

/* Of a point with one chunk. */
static const split_probe *ask_split(gw_search_estimator *estimator, const gw_search_point *point,
                                    gw_search_places counts)
{
    g_autoptr(GString) key = g_string_new(NULL);
    for (guint i = 0; i < GW_SEARCH_DIMENSIONS; i++)
        if (i != GW_SEARCH_SCHEDULE)
            g_string_append_printf(key, "%u ", point->values[i]);
    const split_probe *found =
        (const split_probe *)g_hash_table_lookup(estimator->splits, key->str);
    if (found != NULL)
        return found;
    split_probe *made = make_split(estimator, point, counts);
    g_hash_table_insert(estimator->splits, g_strdup(key->str), made);
    return made;
}

/* --- Schedules --- */

/* Of whole backward passes, which are the same whatever the times. */
static gw_workload_schedule *make_whole(const gw_search_space *space, const gw_search_point *point,
                                        char **out_reason)
{
    return gw_search_schedule_make(space, point, 1000, 0, out_reason);
}

static schedule_peaks *make_peaks(const gw_search_space *space, const gw_search_point *point)
{
    const guint stages = point->values[GW_SEARCH_STAGES];
    schedule_peaks *made = g_new0(schedule_peaks, 1);
    g_autoptr(gw_workload_schedule) schedule = make_whole(space, point, &made->reason);
    made->peaks = g_new0(double, stages);
    for (guint s = 0; schedule != NULL && s < stages; s++)
        made->peaks[s] = gw_workload_schedule_peak(schedule, s, 0);
    return made;
}

static const schedule_peaks *ask_peaks(gw_search_estimator *estimator, const gw_search_point *point)
{
    g_autofree char *key =
        g_strdup_printf("%u %u %u %" G_GUINT64_FORMAT, point->values[GW_SEARCH_SCHEDULE],
                        point->values[GW_SEARCH_STAGES], point->values[GW_SEARCH_CHUNKS],
                        gw_search_microbatches(estimator->space, point));
    const schedule_peaks *found =
        (const schedule_peaks *)g_hash_table_lookup(estimator->schedules, key);
    if (found != NULL)
        return found;
    schedule_peaks *made = make_peaks(estimator->space, point);
    g_hash_table_insert(estimator->schedules, g_steal_pointer(&key), made);
    return made;
}

/* Of passes in two parts; the estimator's, until it is asked for another.  NULL: there is none,
 * *out_reason says why. */
static const gw_workload_schedule *ask_split_schedule(gw_search_estimator *estimator,
                                                      const gw_search_point *point,
                                                      const split_probe *split, char **out_reason)
{
    g_autofree char *key = g_strdup_printf(
        "%u %u %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %a", point->values[GW_SEARCH_SCHEDULE],
        point->values[GW_SEARCH_STAGES], gw_search_microbatches(estimator->space, point),
        split->pass_ns, split->kept_share);
    if (g_strcmp0(key, estimator->searched_key) == 0)
        return estimator->searched;
    gw_workload_schedule *made = gw_search_schedule_make(estimator->space, point, split->pass_ns,
                                                         split->kept_share, out_reason);
    if (made == NULL)
        return NULL;
    gw_workload_schedule_free(estimator->searched);
    g_free(estimator->searched_key);
    estimator->searched = made;
    estimator->searched_key = g_steal_pointer(&key);
    return made;
}

/* --- From small to large --- */

typedef struct { /* A point, and what is asked of its places. */
    const probe *small;
    const schedule_peaks *peaks;        /* NULL: backward passes are in two parts. */
    const place_workspaces *workspaces; /* NULL: left out. */
    const split_probe *split;           /* NULL: backward passes are whole. */
    guint stages, chunks;
    gw_search_places counts;
    double layers;       /* Units of them that a place has, above those of the smallest. */
    double microbatches; /* Of a step. */
} large_one;

static double carry_on(const double *by_layers, double layers)
{
    return by_layers[0] + layers * (by_layers[1] - by_layers[0]);
}

/* In proportion to micro-batches, for each number of layers, then to those. */
static double carry_on_both(const large_one *large, const double values[2][2], double microbatches)
{
    const guint first = large->small->microbatches[0];
    double by_layers[2];
    for (guint k = 0; k < 2; k++)
        by_layers[k] = values[k][0] + (microbatches - first) * (values[k][1] - values[k][0]);
    return carry_on(by_layers, large->layers);
}

/* The small program's place that stands for the `chunk`th of stage `stage`. */
static guint find_place(const large_one *large, guint stage, guint chunk)
{
    return gw_search_places_find(large->counts, chunk * large->stages + stage);
}

static const place_probe *place_of(const large_one *large, guint stage, guint chunk)
{
    return &large->small->places[find_place(large, stage, chunk)];
}

/* What every place but the first gets from the one before it, at the least. */
static double find_arriving(const probe *small)
{
    double least_bytes = INFINITY;
    for (guint p = 1; p < small->counts.all; p++)
        least_bytes = MIN(least_bytes, small->places[p].arriving_bytes);
    return least_bytes;
}

/* One pass at a time takes something in and gives something on, whatever the chunks. */
static double find_memory(const large_one *large)
{
    const double passing_bytes = large->chunks == 1 ? 0 : 2 * find_arriving(large->small);
    double most_bytes = 0;
    for (guint s = 0; s < large->stages; s++) {
        double held_bytes = -passing_bytes * (large->chunks - 1), workspace_bytes = 0;
        for (guint c = 0; c < large->chunks; c++) {
            const place_probe *place = place_of(large, s, c);
            held_bytes += carry_on_both(large, place->held, large->peaks->peaks[s]);
            if (large->workspaces != NULL)
                workspace_bytes =
                    MAX(workspace_bytes, large->workspaces->bytes[place - large->small->places]);
        }
        most_bytes = MAX(most_bytes, held_bytes + workspace_bytes);
    }
    return most_bytes;
}

/* The most that the stage's slots hold at a time of activations and slopes. */
static double find_split_held(const gw_workload_schedule *schedule, guint stage,
                              const place_split *place)
{
    double held_bytes = 0, slopes_bytes = 0, most_bytes = 0;
    for (guint i = schedule->first_slot[stage]; i < schedule->first_slot[stage + 1]; i++) {
        const gw_slot_kind kind = schedule->slots[i].kind;
        if (kind == GW_SLOT_FORWARD)
            held_bytes += place->saved_bytes;
        else if (kind == GW_SLOT_INPUTS)
            held_bytes += place->given_bytes;
        else
            slopes_bytes = place->slopes_bytes;
        most_bytes = MAX(most_bytes, held_bytes + slopes_bytes);
        if (kind == GW_SLOT_INPUTS) /* What it gave is part of what is kept. */
            held_bytes -= place->saved_bytes + place->given_bytes - place->kept_bytes;
        else if (kind == GW_SLOT_WEIGHTS)
            held_bytes -= place->kept_bytes;
    }
    return most_bytes;
}

/* One pass at a time takes something in and gives something on. */
static double find_split_memory(const large_one *large, const gw_workload_schedule *schedule)
{
    double most_bytes = 0;
    for (guint s = 0; s < large->stages; s++) {
        const place_split *place = &large->split->places[find_place(large, s, 0)];
        const double held_bytes = find_split_held(schedule, s, place);
        most_bytes = MAX(most_bytes, MAX(place->state_bytes + held_bytes, place->peak_bytes));
    }
    return most_bytes;
}

/* Of what goes from one stage to the next: a shard's, alone on its links. */
static double find_transfer(const gw_search_estimator *estimator, const gw_search_point *point,
                            const probe *small)
{
    const guint count = point->values[GW_SEARCH_TENSOR] * point->values[GW_SEARCH_DATA];
    const guint first = estimator->space->first_device;
    if (small->counts.all == 1 || count >= estimator->cluster->device_count - first)
        return 0;
    const gw_route route =
        gw_route_between(estimator->cluster, (gw_device_id){first}, (gw_device_id){first + count});
    return (double)route.latency_ns + find_arriving(small) / route.rate_bytes_per_s * 1e9;
}

static large_one begin_large(gw_search_estimator *estimator, const gw_search_point *point)
{
    const gw_search_space *space = estimator->space;
    const probe *small = ask_probe(estimator, point);
    const bool is_split = gw_search_schedule_splits(point);
    return (large_one){
        .small = small,
        .split = is_split ? ask_split(estimator, point, small->counts) : NULL,
        .peaks = is_split ? NULL : ask_peaks(estimator, point),
        .stages = point->values[GW_SEARCH_STAGES],
        .chunks = point->values[GW_SEARCH_CHUNKS],
        .counts = gw_search_places_of(space, point),
        .layers = (double)gw_search_place_layers(space, (guint64)point->values[GW_SEARCH_STAGES] *
                                                            point->values[GW_SEARCH_CHUNKS]) /
                      (double)space->unit_layers -
                  count_first_units(space),
        .microbatches = (double)gw_search_microbatches(space, point),
    };
}

/* Cheapest first. */
static bool check_possible(gw_search_estimator *estimator, const gw_search_point *point,
                           char **out_reason)
{
    const bool is_split = gw_search_schedule_splits(point);
    if (is_split && !gw_search_schedule_is_small(estimator->space, point, out_reason))
        return false;
    const char *reason = is_split ? NULL : ask_peaks(estimator, point)->reason;
    if (reason == NULL)
        reason = ask_probe(estimator, point)->reason;
    if (reason == NULL && is_split)
        reason = ask_split(estimator, point, ask_probe(estimator, point)->counts)->reason;
    *out_reason = g_strdup(reason);
    return reason == NULL;
}

bool gw_search_estimate_held(gw_search_estimator *estimator, const gw_search_point *point,
                             double *out_bytes, char **out_reason)
{
    if (!check_possible(estimator, point, out_reason))
        return false;
    const large_one large = begin_large(estimator, point);
    const gw_workload_schedule *schedule =
        large.split == NULL ? NULL : ask_split_schedule(estimator, point, large.split, out_reason);
    if (large.split != NULL && schedule == NULL)
        return false;
    *out_bytes = schedule == NULL ? find_memory(&large) : find_split_memory(&large, schedule);
    return true;
}

bool gw_search_estimate_memory(gw_search_estimator *estimator, const gw_search_point *point,
                               double *out_bytes, char **out_reason)
{
    if (gw_search_schedule_splits(point))
        return gw_search_estimate_held(estimator, point, out_bytes, out_reason);
    if (!check_possible(estimator, point, out_reason))
        return false;
    large_one large = begin_large(estimator, point);
    g_autoptr(GError) error = NULL;
    large.workspaces = ask_workspaces(estimator, point, large.small, &error);
    if (large.workspaces == NULL)
        *out_reason = gw_search_space_tell(estimator->space, error->message);
    else
        *out_bytes = find_memory(&large);
    return large.workspaces != NULL;
}

/* Fills in the times of the place's passes; returns how long all of them take. */
static double find_busy(const large_one *large, guint stage, guint chunk,
                        gw_search_pass_times *out_times)
{
    const place_probe *place = place_of(large, stage, chunk);
    if (large->split == NULL) {
        *out_times = (gw_search_pass_times){carry_on(place->forward_ns, large->layers),
                                            carry_on(place->backward_ns, large->layers), 0};
        return carry_on_both(large, place->busy_ns, large->microbatches);
    }
    const place_split *split = &large->split->places[find_place(large, stage, chunk)];
    *out_times = (gw_search_pass_times){split->forward_ns, split->inputs_ns, split->weights_ns};
    return split->busy_ns + (large->microbatches - large->split->microbatches) * split->next_ns;
}

/* The times of all places' passes, and the update of the first stage; returns how long the stage
 * that has most to do takes for it. */
static double find_stages(const large_one *large, gw_search_pass_times *out_times,
                          double *out_update_ns)
{
    double most_ns = 0;
    for (guint s = 0; s < large->stages; s++) {
        double busy_ns = 0, update_ns = 0;
        for (guint c = 0; c < large->chunks; c++) {
            busy_ns += find_busy(large, s, c, &out_times[c * large->stages + s]);
            update_ns += carry_on(place_of(large, s, c)->update_ns, large->layers);
        }
        most_ns = MAX(most_ns, busy_ns + update_ns);
        *out_update_ns = s == 0 ? update_ns : *out_update_ns;
    }
    return most_ns;
}

double gw_search_estimate_bound_ns(gw_search_estimator *estimator, const gw_search_point *point)
{
    const large_one large = begin_large(estimator, point);
    g_autofree char *reason = NULL;
    g_autofree gw_search_pass_times *times =
        g_new0(gw_search_pass_times, (gsize)large.stages * large.chunks);
    g_autoptr(gw_workload_schedule) whole =
        large.split == NULL ? make_whole(estimator->space, point, &reason) : NULL;
    const gw_workload_schedule *schedule =
        large.split == NULL ? whole : ask_split_schedule(estimator, point, large.split, &reason);
    gw_check(schedule != NULL);
    double update_ns = 0;
    const double most_ns = find_stages(&large, times, &update_ns);
    const double transfer_ns = find_transfer(estimator, point, large.small);
    return MAX(most_ns, gw_search_play_ns(schedule, times, transfer_ns) + update_ns) /
           estimator->space->fastest;
}

/* A stage holds one micro-batch at a time at least; and what the small program did, which holds
 * three, if it may hold as many. */
static double find_least_memory(const large_one *large, double limit)
{
    double most_bytes = 0;
    for (guint s = 0; s < large->stages; s++) {
        const place_split *place = &large->split->places[find_place(large, s, 0)];
        const double held_bytes =
            MAX(place->saved_bytes + place->given_bytes, place->kept_bytes + place->slopes_bytes);
        most_bytes = MAX(most_bytes, place->state_bytes + held_bytes);
        if (limit >= GW_SEARCH_SIDE_MAX)
            most_bytes = MAX(most_bytes, place->peak_bytes);
    }
    return most_bytes;
}

bool gw_search_estimate_least(gw_search_estimator *estimator, const gw_search_point *point,
                              double *out_bytes, double *out_bound_ns, char **out_reason)
{
    gw_check(gw_search_schedule_is_searched(point));
    if (!check_possible(estimator, point, out_reason))
        return false;
    const large_one large = begin_large(estimator, point);
    const double limit = gw_search_schedule_limit(estimator->space, point);
    g_autofree gw_search_pass_times *times = g_new0(gw_search_pass_times, large.stages);
    double update_ns = 0;
    const double most_ns = find_stages(&large, times, &update_ns);
    const double least_ns =
        gw_search_play_least_ns(large.stages, (guint)large.microbatches, limit, times,
                                find_transfer(estimator, point, large.small));
    *out_bytes = find_least_memory(&large, limit);
    *out_bound_ns = MAX(most_ns, least_ns + update_ns) / estimator->space->fastest;
    return true;
}
