/* SPDX-License-Identifier: Apache-2.0 */
/* "placement", and whether each mesh of a program fits: in number of devices and in memory, on the
 * island or the devices it is pinned to, else on any one island, were it empty.  What this lets
 * pass may still have to wait for its turn; what it refuses would wait for ever. */
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "scenario/scenario_private.h"

/* A mesh with its need, and where a complaint about it belongs. */
typedef struct {
    const gw_scenario *scenario;
    const gw_mesh *mesh;
    gw_params *job;
    gw_params *pin; /* Its own object in "placement"; NULL: not pinned. */
    uint32_t device_count;
    gw_plan_memory need; /* Per device. */
    uint32_t island;     /* GW_INDEX_NONE: any. */
    uint32_t kind;       /* Of accelerator; GW_INDEX_NONE: any. */
} mesh_fit;

/* What "placement" says, by mesh. */
typedef struct {
    gw_params **pins; /* NULL: not named. */
    uint32_t *islands, *kinds;
    const uint32_t **devices;
} placement_tables;

static uint64_t count_devices(const gw_island_spec *island)
{
    return (uint64_t)island->host_count * island->devices_per_host;
}

static const gw_accelerator *find_accelerator(const gw_scenario *scenario, uint32_t island)
{
    return &scenario->cluster.accelerators[scenario->cluster.islands[island].accelerator];
}

static uint64_t count_all_devices(const gw_scenario *scenario)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < scenario->cluster.island_count; i++) {
        count += count_devices(&scenario->cluster.islands[i]);
    }
    return count;
}

/* The island of a device, counted over the whole cluster; *out_first is the island's first. */
static uint32_t find_island(const gw_scenario *scenario, uint32_t device, uint32_t *out_first)
{
    gw_check(device < count_all_devices(scenario));
    uint32_t island = 0;
    *out_first = 0;
    while (device - *out_first >= count_devices(&scenario->cluster.islands[island])) {
        *out_first += (uint32_t)count_devices(&scenario->cluster.islands[island]);
        island++;
    }
    return island;
}

/* --- Pins --- */

static bool read_pinned_island(const gw_scenario *scenario, gw_params *pin, uint32_t *out,
                               GError **error)
{
    uint64_t island;
    if (!gw_params_count(pin, "island", true, 0, scenario->cluster.island_count - 1, &island,
                         error)) {
        return false;
    }
    *out = (uint32_t)island;
    return true;
}

/* A list of devices while it is read. */
typedef struct {
    const gw_scenario *scenario;
    gw_params *list;
    uint32_t *devices;
    bool *is_taken;                              /* By device of the island. */
    uint32_t island, first_device, device_count; /* The island of the first in the list. */
} pin_reader;

static bool refuse_other_island(const pin_reader *reader, const gw_params *element, uint32_t device,
                                GError **error)
{
    uint32_t first;
    gw_params_error(element, NULL, error,
                    "found device %u of island %u, expected one of island %u like device %u",
                    device, find_island(reader->scenario, device, &first), reader->island,
                    reader->devices[0]);
    return false;
}

/* New in the list, and on the island of the first. */
static bool take_device(pin_reader *reader, uint32_t position, uint32_t device, GError **error)
{
    const gw_params *element = gw_params_at(reader->list, position);
    reader->devices[position] = device;
    if (position == 0) {
        reader->island = find_island(reader->scenario, device, &reader->first_device);
        reader->device_count =
            (uint32_t)count_devices(&reader->scenario->cluster.islands[reader->island]);
        reader->is_taken = g_new0(bool, reader->device_count);
    }
    if (device < reader->first_device || device - reader->first_device >= reader->device_count) {
        return refuse_other_island(reader, element, device, error);
    }
    if (reader->is_taken[device - reader->first_device]) {
        gw_params_error(element, NULL, error, "found device %u again, expected each once", device);
        return false;
    }
    reader->is_taken[device - reader->first_device] = true;
    return true;
}

static bool read_devices(pin_reader *reader, uint32_t length, GError **error)
{
    const uint64_t all = count_all_devices(reader->scenario);
    for (uint32_t i = 0; i < length; i++) {
        uint64_t device;
        if (!gw_params_as_count(gw_params_at(reader->list, i), 0, all - 1, &device, error) ||
            !take_device(reader, i, (uint32_t)device, error)) {
            return false;
        }
    }
    return true;
}

static bool read_pinned_devices(gw_scenario *scenario, gw_params *pin, const gw_mesh *mesh,
                                uint32_t *out_island, const uint32_t **out, GError **error)
{
    gw_params *list = NULL;
    if (!gw_params_array(pin, "devices", true, &list, error)) {
        return false;
    }
    const uint32_t needed = gw_mesh_device_count(mesh);
    const uint32_t length = gw_params_length(list);
    if (length != needed) {
        g_autofree char *name = gw_error_quote(mesh->name);
        gw_params_error(list, NULL, error, "found %u device%s, expected the %u of mesh %s", length,
                        gw_count_ending(length), needed, name);
        return false;
    }
    pin_reader reader = {.scenario = scenario, .list = list, .devices = g_new0(uint32_t, length)};
    g_ptr_array_add(scenario->owned, reader.devices);
    const bool is_read = read_devices(&reader, length, error);
    g_free(reader.is_taken);
    *out_island = reader.island;
    *out = reader.devices;
    return is_read;
}

static bool is_of_kind(const gw_scenario *scenario, uint32_t island, uint32_t kind)
{
    return kind == GW_INDEX_NONE || gw_scenario_accelerator_kind(scenario, island) == kind;
}

/* The accelerator asked for against that of the island that the mesh is bound to. */
static bool check_kind(const gw_scenario *scenario, const gw_params *pin, uint32_t island,
                       uint32_t kind, GError **error)
{
    if (island == GW_INDEX_NONE || is_of_kind(scenario, island, kind)) {
        return true;
    }
    gw_params_error(pin, NULL, error, "found island %u of accelerator %s, expected one of %s",
                    island, find_accelerator(scenario, island)->name,
                    scenario->cluster.accelerators[kind].name);
    return false;
}

static bool read_pin(gw_scenario *scenario, gw_params *pin, const gw_mesh *mesh,
                     placement_tables *tables, uint32_t number, GError **error)
{
    const bool has_island = gw_params_has(pin, "island");
    const bool has_devices = gw_params_has(pin, "devices");
    const bool has_kind = gw_params_has(pin, "accelerator");
    if (has_island == has_devices && !(has_kind && !has_island)) {
        gw_params_error(pin, NULL, error, "found %s, expected either \"island\" or \"devices\"%s",
                        has_island ? "both" : "neither",
                        has_island ? "" : ", or an \"accelerator\"");
        return false;
    }
    if (!gw_scenario_read_kind(scenario, pin, &tables->kinds[number], error) ||
        !gw_params_finish(pin, error)) {
        return false;
    }
    uint32_t *island = &tables->islands[number];
    return (!has_island || read_pinned_island(scenario, pin, island, error)) &&
           (!has_devices ||
            read_pinned_devices(scenario, pin, mesh, island, &tables->devices[number], error)) &&
           check_kind(scenario, pin, *island, tables->kinds[number], error);
}

/* --- Whether a mesh fits --- */

/* The largest number of devices, and the largest memory among islands with enough of them. */
static void measure_islands(const mesh_fit *fit, uint64_t *out_devices, uint32_t *out_roomiest)
{
    *out_devices = 0;
    *out_roomiest = GW_INDEX_NONE;
    for (uint32_t i = 0; i < fit->scenario->cluster.island_count; i++) {
        if ((fit->island != GW_INDEX_NONE && fit->island != i) ||
            !is_of_kind(fit->scenario, i, fit->kind)) {
            continue;
        }
        const uint64_t count = count_devices(&fit->scenario->cluster.islands[i]);
        *out_devices = MAX(*out_devices, count);
        if (count >= fit->device_count &&
            (*out_roomiest == GW_INDEX_NONE ||
             find_accelerator(fit->scenario, i)->hbm_bytes >
                 find_accelerator(fit->scenario, *out_roomiest)->hbm_bytes)) {
            *out_roomiest = i;
        }
    }
}

static void refuse_size(const mesh_fit *fit, uint64_t largest, GError **error)
{
    g_autofree char *name = gw_error_quote(fit->mesh->name);
    const gw_params *place = fit->pin != NULL ? fit->pin : fit->job;
    if (fit->island != GW_INDEX_NONE) {
        gw_params_error(place, NULL, error,
                        "found mesh %s of %u devices, expected at most the %" G_GUINT64_FORMAT
                        " of island %u",
                        name, fit->device_count, largest, fit->island);
        return;
    }
    const bool has_kind = fit->kind != GW_INDEX_NONE;
    gw_params_error(place, NULL, error,
                    "found mesh %s of %u devices, expected at most the %" G_GUINT64_FORMAT
                    " of the largest island%s%s",
                    name, fit->device_count, largest, has_kind ? " of accelerator " : "",
                    has_kind ? fit->scenario->cluster.accelerators[fit->kind].name : "");
}

/* "activations 40 GiB (8 micro-batches of 5 GiB), parameters 20 GiB": the largest part first.  The
 * caller frees. */
static char *describe_memory(const mesh_fit *fit)
{
    GString *words = g_string_new(NULL);
    gw_plan_memory left = fit->need;
    for (;;) {
        uint32_t most = 0;
        for (uint32_t c = 1; c < GW_MEMORY_CLASSES; c++)
            most = left.class_bytes[c] > left.class_bytes[most] ? c : most;
        const uint64_t bytes = left.class_bytes[most];
        if (bytes == 0)
            break;
        g_autofree char *size = gw_bytes_format(bytes);
        g_string_append_printf(words, "%s%s %s", words->len > 0 ? ", " : "",
                               gw_memory_class_name((gw_memory_class)most), size);
        if (most == GW_MEMORY_ACTIVATIONS && fit->mesh->activations_max > 1) {
            g_autofree char *each =
                gw_bytes_format((uint64_t)((double)bytes / fit->mesh->activations_max));
            g_string_append_printf(words, " (%.3g micro-batches of %s)", fit->mesh->activations_max,
                                   each);
        }
        left.class_bytes[most] = 0;
    }
    return g_string_free(words, FALSE);
}

static void refuse_memory(const mesh_fit *fit, const gw_accelerator *accelerator, GError **error)
{
    g_autofree char *name = gw_error_quote(fit->mesh->name);
    g_autofree char *need = gw_bytes_format(fit->need.bytes);
    g_autofree char *has = gw_bytes_format(accelerator->hbm_bytes);
    g_autofree char *excess = gw_bytes_format(fit->need.bytes - accelerator->hbm_bytes);
    g_autofree char *parts = describe_memory(fit);
    gw_params_error(fit->pin != NULL ? fit->pin : fit->job, NULL, error,
                    "found that mesh %s needs %s (%" G_GUINT64_FORMAT
                    " bytes) per device, expected at most the %s (%" G_GUINT64_FORMAT
                    " bytes) of a %s; %s too much: %s",
                    name, need, fit->need.bytes, has, accelerator->hbm_bytes, accelerator->name,
                    excess, parts);
}

static bool check_fit(const mesh_fit *fit, GError **error)
{
    uint64_t largest;
    uint32_t roomiest;
    measure_islands(fit, &largest, &roomiest);
    if (roomiest == GW_INDEX_NONE) {
        refuse_size(fit, largest, error);
        return false;
    }
    const gw_accelerator *accelerator = find_accelerator(fit->scenario, roomiest);
    if (fit->need.bytes > accelerator->hbm_bytes) {
        refuse_memory(fit, accelerator, error);
        return false;
    }
    return true;
}

/* --- All meshes of a job --- */

static bool find_mesh(const gw_program *program, const char *name, uint32_t *out)
{
    for (uint32_t i = 0; i < program->meshes->len; i++) {
        if (strcmp(gw_program_mesh(program, i)->name, name) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static void refuse_mesh(const gw_program *program, gw_params *placement, const char *name,
                        GError **error)
{
    g_autofree const char **names = g_new0(const char *, program->meshes->len + 1);
    for (uint32_t i = 0; i < program->meshes->len; i++) {
        names[i] = gw_program_mesh(program, i)->name;
    }
    g_autofree char *list = gw_error_list(names, GW_SCENARIO_LISTED_MAX);
    g_autofree char *hint = gw_error_hint(name, names);
    gw_params_error(placement, name, error, "found no mesh of that name, expected one of %s%s",
                    list, hint);
}

static bool read_placement(gw_scenario *scenario, gw_params *placement, const gw_program *program,
                           placement_tables *tables, GError **error)
{
    for (uint32_t i = 0; i < gw_params_length(placement); i++) {
        const char *name = gw_params_key_at(placement, i);
        uint32_t mesh;
        if (!find_mesh(program, name, &mesh)) {
            refuse_mesh(program, placement, name, error);
            return false;
        }
        if (!gw_params_object(placement, name, true, &tables->pins[mesh], error) ||
            !read_pin(scenario, tables->pins[mesh], gw_program_mesh(program, mesh), tables, mesh,
                      error)) {
            return false;
        }
    }
    return true;
}

static bool check_meshes(const gw_scenario *scenario, gw_params *params, const gw_job *job,
                         const placement_tables *tables, GError **error)
{
    const uint32_t mesh_count = job->program->meshes->len;
    g_autofree gw_plan_memory *needs = g_new0(gw_plan_memory, mesh_count);
    gw_plan_peak(job->plan, needs);
    for (uint32_t i = 0; i < mesh_count; i++) {
        const gw_mesh *mesh = gw_program_mesh(job->program, i);
        const mesh_fit fit = {.scenario = scenario,
                              .mesh = mesh,
                              .job = params,
                              .pin = tables->pins[i],
                              .device_count = gw_mesh_device_count(mesh),
                              .need = needs[i],
                              .island = tables->islands[i],
                              .kind = tables->kinds[i]};
        if (!check_fit(&fit, error)) {
            return false;
        }
    }
    return true;
}

bool gw_scenario_place_job(gw_scenario *scenario, gw_params *params, gw_params *placement,
                           uint32_t kind, gw_job *job, GError **error)
{
    const uint32_t mesh_count = job->program->meshes->len;
    g_autofree gw_params **pins = g_new0(gw_params *, mesh_count);
    placement_tables tables = {.pins = pins,
                               .islands = g_new0(uint32_t, mesh_count),
                               .kinds = g_new0(uint32_t, mesh_count),
                               .devices = g_new0(const uint32_t *, mesh_count)};
    g_ptr_array_add(scenario->owned, tables.islands);
    g_ptr_array_add(scenario->owned, tables.kinds);
    g_ptr_array_add(scenario->owned, tables.devices);
    for (uint32_t i = 0; i < mesh_count; i++) {
        tables.islands[i] = GW_INDEX_NONE;
        tables.kinds[i] = kind;
    }
    if ((placement != NULL && !read_placement(scenario, placement, job->program, &tables, error)) ||
        !check_meshes(scenario, params, job, &tables, error)) {
        return false;
    }
    job->islands = tables.islands;
    job->accelerators = tables.kinds;
    job->devices = tables.devices;
    return gw_scenario_check_together(scenario, params, job, error);
}
