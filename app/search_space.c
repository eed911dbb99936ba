/* SPDX-License-Identifier: Apache-2.0 */
/* Dimensions are walked like the wheels of a lock, each listing its values anew when one before it
 * has turned; so a dimension need only know those before it. */
#include "app/search_space.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "workload/workload_schedule_choice.h"

#define SIZE_MAX_COUNT (1U << 24) /* Of anything that a model has. */

static const char *const recompute_names[] = {"none", "selective", "full", NULL};

typedef void (*value_lister)(const gw_search_space *space, const gw_search_point *point,
                             GArray *out);

typedef struct {
    const char *name;
    value_lister list;
    const char *(*name_value)(guint value); /* NULL: values are numbers. */
} dimension_row;

/* --- Values --- */

static void add_value(GArray *out, guint64 value)
{
    const guint added = (guint)value;
    g_array_append_val(out, added);
}

/* In ascending order, up to `most`. */
static void add_divisors(GArray *out, guint64 number, guint64 most)
{
    guint64 first = 1;
    for (; first * first <= number; first++)
        if (number % first == 0 && first <= most)
            add_value(out, first);
    while (--first > 0)
        if (number % first == 0 && number / first != first && number / first <= most)
            add_value(out, number / first);
}

static void list_tensor(const gw_search_space *space, const gw_search_point *point, GArray *out)
{
    (void)point;
    g_autoptr(GArray) divisors = g_array_new(FALSE, FALSE, sizeof(guint));
    add_divisors(divisors, space->devices, space->island_devices);
    for (guint i = 0; i < divisors->len; i++) {
        const guint64 tensor = g_array_index(divisors, guint, i);
        if (space->heads % tensor == 0 && space->vocabulary % tensor == 0 &&
            space->feed_forward % tensor == 0)
            add_value(out, tensor);
    }
}

static guint64 count_layers(const gw_search_space *space)
{
    return space->encoder_layers + space->layers + space->end_layers;
}

guint64 gw_search_place_layers(const gw_search_space *space, guint64 places)
{
    return places == 1 ? space->layers + space->end_layers : count_layers(space) / places;
}

guint64 gw_search_encoder_places(const gw_search_space *space, guint64 places)
{
    return places == 1 ? 0 : space->encoder_layers / gw_search_place_layers(space, places);
}

/* Ends with fewer layers are on two places, and have one at least; one of several places has either
 * the encoder's or the decoder's. */
static bool can_part(const gw_search_space *space, guint64 places)
{
    const guint64 layers = gw_search_place_layers(space, places);
    if (places == 1 && space->encoder_layers > 0)
        return true;
    return count_layers(space) % places == 0 && layers % space->unit_layers == 0 &&
           space->encoder_layers % layers == 0 &&
           (space->end_layers == 0 || (places > 1 && layers > 1));
}

static guint64 chunks_max(guint64 stages)
{
    return stages == 1 ? 1 : GW_SCHEDULE_CHUNKS_MAX;
}

/* Whether some number of chunks makes places of so many stages that can be. */
static bool can_part_in_chunks(const gw_search_space *space, guint64 stages)
{
    for (guint64 chunks = 1; chunks <= chunks_max(stages); chunks++)
        if (can_part(space, stages * chunks))
            return true;
    return false;
}

static void list_stages(const gw_search_space *space, const gw_search_point *point, GArray *out)
{
    const guint64 left = space->devices / point->values[GW_SEARCH_TENSOR];
    g_autoptr(GArray) divisors = g_array_new(FALSE, FALSE, sizeof(guint));
    add_divisors(divisors, count_layers(space), left);
    for (guint i = 0; i < divisors->len; i++) {
        const guint stages = g_array_index(divisors, guint, i);
        if (left % stages == 0 && can_part_in_chunks(space, stages))
            add_value(out, stages);
    }
}

static void list_data(const gw_search_space *space, const gw_search_point *point, GArray *out)
{
    const guint64 tensor = point->values[GW_SEARCH_TENSOR];
    const guint64 data = space->devices / tensor / point->values[GW_SEARCH_STAGES];
    if (space->batch % data == 0 && data * tensor <= space->island_devices)
        add_value(out, data);
}

static void list_chunks(const gw_search_space *space, const gw_search_point *point, GArray *out)
{
    const guint64 stages = point->values[GW_SEARCH_STAGES];
    g_autoptr(GArray) divisors = g_array_new(FALSE, FALSE, sizeof(guint));
    add_divisors(divisors, gw_search_place_layers(space, stages), chunks_max(stages));
    for (guint i = 0; i < divisors->len; i++)
        if (can_part(space, stages * g_array_index(divisors, guint, i)))
            add_value(out, g_array_index(divisors, guint, i));
}

/* A file is of one number of stages and micro-batches; with an encoder backward passes are whole.
 */
static bool is_possible(const gw_search_space *space, const gw_schedule_ops *ops)
{
    return !ops->needs_file && !(ops->splits && space->encoder_layers > 0) &&
           (!ops->needs_limit || space->activations_max > 0);
}

/* One stage has no schedule to speak of. */
static void list_schedules(const gw_search_space *space, const gw_search_point *point, GArray *out)
{
    const bool has_chunks = point->values[GW_SEARCH_CHUNKS] > 1;
    for (guint i = 0; gw_workload_schedules[i] != NULL; i++) {
        const gw_schedule_ops *ops = gw_workload_schedules[i];
        if (!is_possible(space, ops) || ops->has_chunks != has_chunks)
            continue;
        if (point->values[GW_SEARCH_STAGES] > 1 || ops == &gw_schedule_1f1b)
            add_value(out, i);
    }
}

static void list_recompute(const gw_search_space *space, const gw_search_point *point, GArray *out)
{
    (void)space, (void)point;
    for (guint i = 0; recompute_names[i] != NULL; i++)
        add_value(out, i);
}

/* Where devices share each layer, they share what lies between products, too, if it can be divided:
 * the same bytes travel, in two halves, and less is held.  The other way only when asked for. */
static void list_sequence_parallel(const gw_search_space *space, const gw_search_point *point,
                                   GArray *out)
{
    const guint64 tensor = point->values[GW_SEARCH_TENSOR];
    const bool is_possible = tensor > 1 && space->sequence % tensor == 0;
    if (!is_possible || space->is_fixed[GW_SEARCH_SEQUENCE_PARALLEL])
        add_value(out, 0);
    if (is_possible)
        add_value(out, 1);
}

/* With micro-batches that follow each other through stages, slopes or parameters in parts would
 * travel once for each: there only what the optimizer keeps is parted. */
static void list_zero(const gw_search_space *space, const gw_search_point *point, GArray *out)
{
    (void)space;
    const guint last = point->values[GW_SEARCH_DATA] == 1     ? 0
                       : point->values[GW_SEARCH_STAGES] == 1 ? 3
                                                              : 1;
    for (guint stage = 0; stage <= last; stage++)
        add_value(out, stage);
}

static void list_microbatch(const gw_search_space *space, const gw_search_point *point, GArray *out)
{
    const guint64 sequences = space->batch / point->values[GW_SEARCH_DATA];
    add_divisors(out, sequences, sequences);
}

static const char *name_schedule(guint value)
{
    return gw_workload_schedules[value]->name;
}

static const char *name_recompute(guint value)
{
    return recompute_names[value];
}

static const char *name_bool(guint value)
{
    return value ? "true" : "false";
}

static const dimension_row dimensions[GW_SEARCH_DIMENSIONS] = {
    [GW_SEARCH_TENSOR] = {"tensor", list_tensor, NULL},
    [GW_SEARCH_STAGES] = {"stages", list_stages, NULL},
    [GW_SEARCH_DATA] = {"data", list_data, NULL},
    [GW_SEARCH_CHUNKS] = {"chunks", list_chunks, NULL},
    [GW_SEARCH_SCHEDULE] = {"schedule", list_schedules, name_schedule},
    [GW_SEARCH_RECOMPUTE] = {"recompute", list_recompute, name_recompute},
    [GW_SEARCH_SEQUENCE_PARALLEL] = {"sequence_parallel", list_sequence_parallel, name_bool},
    [GW_SEARCH_ZERO] = {"zero", list_zero, NULL},
    [GW_SEARCH_MICROBATCH] = {"microbatch", list_microbatch, NULL},
};

const char *gw_search_dimension_name(gw_search_dimension dimension)
{
    gw_check(dimension < GW_SEARCH_DIMENSIONS);
    return dimensions[dimension].name;
}

char *gw_search_value_text(gw_search_dimension dimension, guint value)
{
    gw_check(dimension < GW_SEARCH_DIMENSIONS);
    return dimensions[dimension].name_value != NULL
               ? g_strdup(dimensions[dimension].name_value(value))
               : g_strdup_printf("%u", value);
}

guint64 gw_search_microbatches(const gw_search_space *space, const gw_search_point *point)
{
    return space->batch / point->values[GW_SEARCH_DATA] / point->values[GW_SEARCH_MICROBATCH];
}

/* --- Points --- */

static bool is_allowed(const gw_search_space *space, guint place, guint value)
{
    return !space->is_fixed[place] || space->fixed[place] == value;
}

static void walk(const gw_search_space *space, gw_search_point *point, guint place, GArray *points)
{
    if (place == GW_SEARCH_DIMENSIONS) {
        g_array_append_vals(points, point, 1);
        return;
    }
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(guint));
    dimensions[place].list(space, point, values);
    for (guint i = 0; i < values->len; i++) {
        point->values[place] = g_array_index(values, guint, i);
        if (is_allowed(space, place, point->values[place]))
            walk(space, point, place + 1, points);
    }
}

GArray *gw_search_space_list(const gw_search_space *space)
{
    GArray *points = g_array_new(FALSE, FALSE, sizeof(gw_search_point));
    gw_search_point point = {{0}};
    walk(space, &point, 0, points);
    return points;
}

char *gw_search_space_tell(const gw_search_space *space, const char *message)
{
    g_autoptr(GError) error = NULL;
    const char *path = strstr(message, ": /");
    const char *text = path != NULL ? strstr(path + 1, ": ") : NULL;
    if (text == NULL)
        return g_strdup(message);
    path += strlen(": /");
    g_autofree char *key = g_strndup(path, strcspn(path, "/:"));
    gw_params_error(space->parameters, *key != '\0' ? key : NULL, &error, "%s",
                    text + strlen(": "));
    return g_strdup(error->message);
}

/* --- Reading --- */

static bool read_sizes(gw_search_space *space, GError **error)
{
    gw_params *parameters = space->parameters;
    if (!gw_params_count(parameters, "layers", true, 1, SIZE_MAX_COUNT, &space->layers, error) ||
        !gw_params_count(parameters, "hidden", true, 1, SIZE_MAX_COUNT, &space->hidden, error) ||
        !gw_params_count(parameters, "heads", true, 1, SIZE_MAX_COUNT, &space->heads, error) ||
        !gw_params_count(parameters, "vocabulary", true, 2, SIZE_MAX_COUNT, &space->vocabulary,
                         error) ||
        !gw_params_count(parameters, "sequence", true, 1, SIZE_MAX_COUNT, &space->sequence,
                         error) ||
        !gw_params_count(parameters, "batch", true, 1, SIZE_MAX_COUNT, &space->batch, error))
        return false;
    space->feed_forward = 4 * space->hidden;
    return gw_params_count(parameters, "feed_forward", false, 1, SIZE_MAX_COUNT,
                           &space->feed_forward, error) &&
           gw_params_number(parameters, "activations_max", false, 1, GW_SCHEDULE_MICROBATCHES_MAX,
                            &space->activations_max, error);
}

static bool check_schedule(gw_search_space *space, const gw_schedule_ops *ops, GError **error)
{
    if (is_possible(space, ops))
        return true;
    if (ops->needs_file)
        gw_params_error(
            space->parameters, dimensions[GW_SEARCH_SCHEDULE].name, error,
            "found \"%s\", which is of one number of stages and micro-batches, expected "
            "one that is made for each way, such as \"%s\"",
            ops->name, gw_schedule_zb_h1.name);
    else if (ops->splits && space->encoder_layers > 0)
        gw_params_error(space->parameters, dimensions[GW_SEARCH_SCHEDULE].name, error,
                        "found \"%s\" with an encoder, expected one that leaves a backward pass "
                        "whole, such as \"%s\"",
                        ops->name, gw_schedule_1f1b.name);
    else
        gw_params_error(space->parameters, dimensions[GW_SEARCH_SCHEDULE].name, error,
                        "found \"%s\" without \"activations_max\", expected that beside it, or one "
                        "that has a limit of its own, such as \"%s\"",
                        ops->name, gw_schedule_zb_2p.name);
    return false;
}

static bool read_fixed_name(gw_search_space *space, guint place, GError **error)
{
    if (place == GW_SEARCH_SEQUENCE_PARALLEL) {
        bool value = false;
        if (!gw_params_bool(space->parameters, dimensions[place].name, true, &value, error))
            return false;
        space->fixed[place] = value;
        return true;
    }
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const bool is_schedule = place == GW_SEARCH_SCHEDULE;
    for (guint i = 0; is_schedule ? gw_workload_schedules[i] != NULL : recompute_names[i] != NULL;
         i++)
        g_ptr_array_add(names, (void *)dimensions[place].name_value(i));
    g_ptr_array_add(names, NULL);
    if (!gw_params_choice(space->parameters, dimensions[place].name, true,
                          (const char *const *)names->pdata, &space->fixed[place], error))
        return false;
    return !is_schedule || check_schedule(space, gw_workload_schedules[space->fixed[place]], error);
}

static bool read_fixed(gw_search_space *space, GError **error)
{
    for (guint place = 0; place < GW_SEARCH_DIMENSIONS; place++) {
        guint64 count = 0;
        space->is_fixed[place] = gw_params_has(space->parameters, dimensions[place].name);
        if (!space->is_fixed[place])
            continue;
        if (dimensions[place].name_value != NULL) {
            if (!read_fixed_name(space, place, error))
                return false;
            continue;
        }
        if (!gw_params_count(space->parameters, dimensions[place].name, true,
                             place == GW_SEARCH_ZERO ? 0 : 1, SIZE_MAX_COUNT, &count, error))
            return false;
        space->fixed[place] = (guint)count;
    }
    return true;
}

/* Ways are of one model on one mesh of places; several would share the batch, which is another
 * question. */
static bool check_islands(const gw_search_space *space, GError **error)
{
    guint64 islands = 1;
    if (!gw_params_count(space->parameters, "islands", false, 1, SIZE_MAX_COUNT, &islands, error))
        return false;
    if (islands == 1)
        return true;
    gw_params_error(space->parameters, "islands", error,
                    "found %" G_GUINT64_FORMAT ", expected 1: the ways that are searched lay one "
                    "model out",
                    islands);
    return false;
}

/* Of what is not alike in all layers.  Experts that are in every so-manieth lie alike in places
 * whose layers are a multiple of that. */
static bool read_layers(gw_search_space *space, GError **error)
{
    gw_params *parameters = space->parameters;
    bool has_light_ends = false;
    space->unit_layers = 1;
    if (!gw_params_count(parameters, "encoder_layers", false, 0, SIZE_MAX_COUNT,
                         &space->encoder_layers, error) ||
        !gw_params_count(parameters, "experts_every", false, 1, SIZE_MAX_COUNT, &space->unit_layers,
                         error) ||
        !gw_params_bool(parameters, "light_ends", false, &has_light_ends, error))
        return false;
    space->end_layers = has_light_ends ? 2 : 0;
    if (space->encoder_layers > 0 || (space->layers + space->end_layers) % space->unit_layers == 0)
        return true;
    gw_params_error(parameters, "experts_every", error,
                    "found %" G_GUINT64_FORMAT ", expected a divisor of layers (%" G_GUINT64_FORMAT
                    "%s): the ways that are searched have as many experts in each place",
                    space->unit_layers, space->layers,
                    has_light_ends ? ", and 2 of light ends" : "");
    return false;
}

/* A bound is one of forward and backward passes. */
static bool check_training(const gw_search_space *space, GError **error)
{
    bool is_training = true;
    if (!gw_params_bool(space->parameters, "training", false, &is_training, error))
        return false;
    if (!is_training)
        gw_params_error(space->parameters, "training", error,
                        "found false, expected true: steps of training are laid out");
    return is_training;
}

/* Why no division of layers can be found, where the number of stages is given. */
static bool check_stages(const gw_search_space *space, GError **error)
{
    const guint stages = space->fixed[GW_SEARCH_STAGES];
    if (space->encoder_layers == 0 || !space->is_fixed[GW_SEARCH_STAGES] ||
        can_part_in_chunks(space, stages))
        return true;
    gw_params_error(space->parameters, dimensions[GW_SEARCH_STAGES].name, error,
                    "found %u, expected as many that each has equally many layers, all of the "
                    "encoder's %" G_GUINT64_FORMAT " or of the decoder's %" G_GUINT64_FORMAT,
                    stages, space->encoder_layers, space->layers);
    return false;
}

static bool read_job(gw_search_space *space, GError **error)
{
    gw_params *jobs = NULL, *job = NULL;
    const char *workload = NULL;
    if (!gw_params_array(space->machine->document, "jobs", true, &jobs, error))
        return false;
    if (gw_params_length(jobs) != 1) {
        gw_params_error(jobs, NULL, error, "found %u jobs, expected the one to be laid out",
                        gw_params_length(jobs));
        return false;
    }
    if (!gw_params_as_object(gw_params_at(jobs, 0), &job, error) ||
        !gw_params_string(job, "workload", true, &workload, error))
        return false;
    if (strcmp(workload, "transformer") != 0) {
        g_autofree char *found = gw_error_quote(workload);
        gw_params_error(job, "workload", error, "found %s, expected \"transformer\"", found);
        return false;
    }
    return gw_params_object(job, "parameters", true, &space->parameters, error) &&
           read_sizes(space, error) && read_layers(space, error) && check_training(space, error) &&
           check_islands(space, error) && read_fixed(space, error) && check_stages(space, error);
}

static double find_fastest(const gw_island_spec *island, guint64 count)
{
    double fastest = 1;
    for (guint64 d = 0; island->speeds != NULL && d < count; d++)
        fastest = MAX(fastest, island->speeds[d]);
    return fastest;
}

static bool count_devices(gw_search_space *space, guint64 devices, GError **error)
{
    const gw_cluster_spec *cluster = &space->machine->cluster;
    guint64 sum = 0;
    double peak_flops = 0;
    space->fastest = 1;
    for (guint i = 0; i < cluster->island_count; i++) {
        const gw_island_spec *island = &cluster->islands[i];
        const guint64 count = (guint64)island->host_count * island->devices_per_host;
        const double own_flops = cluster->accelerators[island->accelerator].peak_flops;
        if (count > space->island_devices ||
            (count == space->island_devices && own_flops > peak_flops)) {
            space->first_device = (guint)sum;
            peak_flops = own_flops;
        }
        space->island_devices = MAX(space->island_devices, count);
        space->fastest = MAX(space->fastest, find_fastest(island, count));
        sum += count;
    }
    space->devices = devices > 0 ? devices : sum;
    if (space->devices <= sum)
        return true;
    g_set_error(error, GW_ERROR, GW_ERROR_USAGE,
                "--devices: found %" G_GUINT64_FORMAT ", expected at most the %" G_GUINT64_FORMAT
                " of the cluster",
                devices, sum);
    return false;
}

/* A stage may have the core of the network for itself, so that its equal part is no bound. */
static void open_cores(gw_cluster_spec *cluster)
{
    for (guint i = 0; i < cluster->island_count; i++)
        cluster->islands[i].network.oversubscription = 1;
}

gw_search_space *gw_search_space_new(const char *path, const char *const *settings, guint64 devices,
                                     GError **error)
{
    g_autoptr(gw_search_space) space = g_new0(gw_search_space, 1);
    space->machine = gw_scenario_load_machine(path, settings, error);
    if (space->machine == NULL || !read_job(space, error) || !count_devices(space, devices, error))
        return NULL;
    open_cores(&space->machine->cluster);
    return g_steal_pointer(&space);
}

void gw_search_space_free(gw_search_space *space)
{
    if (space == NULL)
        return;
    gw_scenario_free(space->machine);
    g_free(space);
}
