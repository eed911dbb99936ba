/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/placer.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"

typedef enum {
    IS_NO_DEVICE = 1,
    IS_ON_OTHER_ISLAND, /* Than the mesh's first device, */
    IS_NOT_ON_ISLAND,   /* or than was asked for. */
    IS_OTHER_ACCELERATOR,
    IS_TWICE,
    IS_REMOVED,
    IS_FULL,
} answer_fault;

typedef struct {
    answer_fault fault; /* 0: nothing is wrong. */
    gw_placement_request request;
    uint32_t shard, device;
    uint32_t other; /* Its counterpart: a shard of the same device, or an island. */
    uint64_t free_bytes;
} wrong_answer;

struct gw_placer {
    const gw_directory *directory;
    const gw_job *jobs;
    gw_node_id self;
    gw_port *port;
    gw_placement *placement;
    uint32_t *shards; /* By device: scratch, the shard that has it plus 1. */
    wrong_answer wrong;
};

gw_placer *gw_placer_new(const gw_directory *directory, const gw_control *control,
                         const gw_job *jobs, gw_node_id self, gw_port *port, GError **error)
{
    const gw_placement_ops *ops =
        control->placement != NULL ? control->placement : &gw_placement_spread;
    gw_placement *placement =
        ops->create(control->placement != NULL ? control->placement_params : NULL, error);
    if (placement == NULL) {
        if (error != NULL && *error == NULL)
            g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                        "placement policy %s refused to be made again, and does not say why",
                        ops->name);
        return NULL;
    }
    gw_placer *placer = g_new0(gw_placer, 1);
    placer->directory = directory;
    placer->jobs = jobs;
    placer->self = self;
    placer->port = port;
    placer->placement = placement;
    placer->shards = g_new0(uint32_t, directory->device_count);
    return placer;
}

void gw_placer_free(gw_placer *placer)
{
    if (placer == NULL)
        return;
    placer->placement->ops->destroy(placer->placement);
    g_free(placer->shards);
    g_free(placer);
}

const char *gw_placer_name(const gw_placer *placer)
{
    return placer->placement->ops->name;
}

/* --- Looking at the answer --- */

/* The fault of one device that is there; `island` is that of the mesh's first. */
static answer_fault find_fault(const gw_placer *placer, const gw_placement_view *view,
                               const gw_placement_request *request, uint32_t island,
                               wrong_answer *wrong)
{
    const gw_device_id device = {wrong->device};
    const gw_island *own = &placer->directory->islands[island];
    wrong->free_bytes = view->free_bytes[device.index];
    wrong->other = island;
    if (request->island != GW_INDEX_NONE &&
        gw_directory_island(placer->directory, device) != request->island)
        return IS_NOT_ON_ISLAND;
    if (device.index - own->first_device >= own->device_count)
        return IS_ON_OTHER_ISLAND;
    if (request->accelerator != GW_INDEX_NONE && own->accelerator != request->accelerator)
        return IS_OTHER_ACCELERATOR;
    if (view->is_removed != NULL && view->is_removed[device.index])
        return IS_REMOVED;
    if (view->free_bytes[device.index] < request->size_bytes)
        return IS_FULL;
    wrong->other = placer->shards[device.index] - 1;
    return placer->shards[device.index] > 0 ? IS_TWICE : 0;
}

/* Marks the devices in `shards`; *out_marked of them. */
static bool is_right(gw_placer *placer, const gw_placement_view *view,
                     const gw_placement_request *request, const uint32_t *devices,
                     uint32_t *out_marked)
{
    const uint32_t count = gw_placement_device_count(request);
    uint32_t island = GW_INDEX_NONE, shard = 0;
    for (; shard < count; shard++) {
        wrong_answer wrong = {.request = *request, .shard = shard, .device = devices[shard]};
        if (wrong.device >= placer->directory->device_count) {
            wrong.fault = IS_NO_DEVICE;
        } else {
            if (shard == 0)
                island = gw_directory_island(placer->directory, (gw_device_id){wrong.device});
            wrong.fault = find_fault(placer, view, request, island, &wrong);
        }
        if (wrong.fault != 0) {
            placer->wrong = wrong;
            break;
        }
        placer->shards[wrong.device] = shard + 1;
    }
    *out_marked = shard;
    return shard == count;
}

bool gw_placer_place(gw_placer *placer, const gw_placement_view *view,
                     const gw_placement_request *request, uint32_t *out_devices)
{
    const uint32_t count = gw_placement_device_count(request);
    if (gw_placer_is_wrong(placer))
        return false;
    /* What a policy forgets to fill in is no device. */
    memset(out_devices, 0xff, count * sizeof *out_devices);
    if (!placer->placement->ops->place(placer->placement, view, request, out_devices))
        return false;
    uint32_t marked;
    const bool is_good = is_right(placer, view, request, out_devices, &marked);
    for (uint32_t shard = 0; shard < marked; shard++)
        placer->shards[out_devices[shard]] = 0;
    if (!is_good) {
        const gw_note note = {GW_NOTE_PLACEMENT_WRONG, placer->self.index, request->job, 0};
        placer->port->ops->note(placer->port, &note);
    }
    return is_good;
}

bool gw_placer_is_wrong(const gw_placer *placer)
{
    return placer->wrong.fault != 0;
}

/* --- In words --- */

void gw_placer_blame(const gw_placer *placer, GString *out)
{
    const wrong_answer *wrong = &placer->wrong;
    const gw_placement_request *request = &wrong->request;
    const gw_job *job = &placer->jobs[request->job];
    gw_check(gw_placer_is_wrong(placer));
    g_string_append_printf(out, "put shard %u of mesh \"%s\" of job \"%s\" on device %u, expected ",
                           wrong->shard, gw_program_mesh(job->program, request->mesh_index)->name,
                           job->name, wrong->device);
    switch (wrong->fault) {
    case IS_NO_DEVICE:
        g_string_append_printf(out, "one of the cluster's %u devices",
                               placer->directory->device_count);
        break;
    case IS_ON_OTHER_ISLAND:
        g_string_append_printf(out, "one of island %u, where its first shard is", wrong->other);
        break;
    case IS_NOT_ON_ISLAND:
        g_string_append_printf(out, "one of island %u, which it asks for", request->island);
        break;
    case IS_OTHER_ACCELERATOR:
        g_string_append_printf(out,
                               "one of another island: it asks for another accelerator than "
                               "that of island %u",
                               wrong->other);
        break;
    case IS_TWICE:
        g_string_append_printf(out, "one that shard %u has not got", wrong->other);
        break;
    case IS_REMOVED:
        g_string_append_printf(out, "one that is not removed");
        break;
    case IS_FULL:
        g_string_append_printf(
            out, "one with %" G_GUINT64_FORMAT " bytes free, and it has %" G_GUINT64_FORMAT,
            request->size_bytes, wrong->free_bytes);
        break;
    }
}
