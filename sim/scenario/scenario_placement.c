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
    uint64_t need_bytes; /* Per device. */
    uint32_t island;     /* GW_INDEX_NONE: any. */
} mesh_fit;

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
        gw_params_error(list, NULL, error, "found %u devices, expected the %u of mesh %s", length,
                        needed, name);
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

static bool read_pin(gw_scenario *scenario, gw_params *pin, const gw_mesh *mesh,
                     uint32_t *out_island, const uint32_t **out_devices, GError **error)
{
    const bool has_island = gw_params_has(pin, "island");
    const bool has_devices = gw_params_has(pin, "devices");
    if (has_island == has_devices) {
        gw_params_error(pin, NULL, error, "found %s, expected either \"island\" or \"devices\"",
                        has_island ? "both" : "neither");
        return false;
    }
    if (!gw_params_finish(pin, error)) {
        return false;
    }
    if (has_island) {
        return read_pinned_island(scenario, pin, out_island, error);
    }
    return read_pinned_devices(scenario, pin, mesh, out_island, out_devices, error);
}

/* --- Whether a mesh fits --- */

/* The largest number of devices, and the largest memory among islands with enough of them. */
static void measure_islands(const mesh_fit *fit, uint64_t *out_devices, uint32_t *out_roomiest)
{
    *out_devices = 0;
    *out_roomiest = GW_INDEX_NONE;
    for (uint32_t i = 0; i < fit->scenario->cluster.island_count; i++) {
        if (fit->island != GW_INDEX_NONE && fit->island != i) {
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
    if (fit->pin != NULL) {
        gw_params_error(fit->pin, NULL, error,
                        "found mesh %s of %u devices, expected at most the %" G_GUINT64_FORMAT
                        " of island %u",
                        name, fit->device_count, largest, fit->island);
        return;
    }
    gw_params_error(fit->job, NULL, error,
                    "found mesh %s of %u devices, expected at most the %" G_GUINT64_FORMAT
                    " of the largest island",
                    name, fit->device_count, largest);
}

static void refuse_memory(const mesh_fit *fit, const gw_accelerator *accelerator, GError **error)
{
    g_autofree char *name = gw_error_quote(fit->mesh->name);
    g_autofree char *need = gw_bytes_format(fit->need_bytes);
    g_autofree char *has = gw_bytes_format(accelerator->hbm_bytes);
    gw_params_error(fit->pin != NULL ? fit->pin : fit->job, NULL, error,
                    "found that mesh %s needs %s (%" G_GUINT64_FORMAT
                    " bytes) per device, expected at most the %s (%" G_GUINT64_FORMAT
                    " bytes) of a %s",
                    name, need, fit->need_bytes, has, accelerator->hbm_bytes, accelerator->name);
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
    if (fit->need_bytes > accelerator->hbm_bytes) {
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

#define LISTED_MAX 8 /* Mesh names in a message. */

static void refuse_mesh(const gw_program *program, gw_params *placement, const char *name,
                        GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    GString *list = g_string_new(NULL);
    const uint32_t count = program->meshes->len;
    for (uint32_t i = 0; i < count; i++) {
        g_ptr_array_add(names, gw_program_mesh(program, i)->name);
        if (i < LISTED_MAX) {
            g_string_append_printf(list, "%s\"%s\"", i > 0 ? ", " : "",
                                   gw_program_mesh(program, i)->name);
        }
    }
    g_string_append(list, count > LISTED_MAX ? ", ..." : "");
    g_ptr_array_add(names, NULL);
    const char *nearest = gw_error_suggest(name, (const char *const *)names->pdata);
    g_autofree char *hint =
        nearest != NULL ? g_strdup_printf("; did you mean \"%s\"?", nearest) : g_strdup("");
    gw_params_error(placement, name, error, "found no mesh of that name, expected one of %s%s",
                    list->str, hint);
    g_string_free(list, TRUE);
}

/* By mesh, into tables of the program's mesh count. */
static bool read_placement(gw_scenario *scenario, gw_params *placement, const gw_program *program,
                           gw_params **pins, uint32_t *islands, const uint32_t **devices,
                           GError **error)
{
    for (uint32_t i = 0; i < gw_params_length(placement); i++) {
        const char *name = gw_params_key_at(placement, i);
        uint32_t mesh;
        if (!find_mesh(program, name, &mesh)) {
            refuse_mesh(program, placement, name, error);
            return false;
        }
        if (!gw_params_object(placement, name, true, &pins[mesh], error) ||
            !read_pin(scenario, pins[mesh], gw_program_mesh(program, mesh), &islands[mesh],
                      &devices[mesh], error)) {
            return false;
        }
    }
    return true;
}

bool gw_scenario_place_job(gw_scenario *scenario, gw_params *params, gw_params *placement,
                           gw_job *job, GError **error)
{
    const uint32_t mesh_count = job->program->meshes->len;
    uint32_t *islands = g_new0(uint32_t, mesh_count);
    const uint32_t **devices = g_new0(const uint32_t *, mesh_count);
    g_ptr_array_add(scenario->owned, islands);
    g_ptr_array_add(scenario->owned, devices);
    for (uint32_t i = 0; i < mesh_count; i++) {
        islands[i] = GW_INDEX_NONE;
    }
    g_autofree gw_params **pins = g_new0(gw_params *, mesh_count);
    if (placement != NULL &&
        !read_placement(scenario, placement, job->program, pins, islands, devices, error)) {
        return false;
    }
    g_autofree uint64_t *need_bytes = g_new0(uint64_t, mesh_count);
    gw_plan_peak_bytes(job->plan, need_bytes);
    for (uint32_t i = 0; i < mesh_count; i++) {
        const gw_mesh *mesh = gw_program_mesh(job->program, i);
        const mesh_fit fit = {.scenario = scenario,
                              .mesh = mesh,
                              .job = params,
                              .pin = pins[i],
                              .device_count = gw_mesh_device_count(mesh),
                              .need_bytes = need_bytes[i],
                              .island = islands[i]};
        if (!check_fit(&fit, error)) {
            return false;
        }
    }
    job->islands = islands;
    job->devices = devices;
    return true;
}
