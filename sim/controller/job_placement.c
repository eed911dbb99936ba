/* SPDX-License-Identifier: Apache-2.0 */
/* A search in depth over meshes and islands, with a bound on its questions. */
#include "controller/job_placement.h"

#include <string.h>

/* Of a second try, besides one for each mesh. */
#define PLACEMENT_STEPS_MAX 200

/* A job's meshes on a cluster whose loads and free memory are changed as they find their place. */
typedef struct {
    const gw_job_request *request;
    const gw_job *job; /* As the search has bound it. */
    uint32_t *load;
    uint64_t *free_bytes;
} job_placement;

static uint32_t value_of_mesh(const uint32_t *by_mesh, uint32_t mesh)
{
    return by_mesh != NULL ? by_mesh[mesh] : GW_INDEX_NONE;
}

static bool place_mesh(const job_placement *placing, uint32_t mesh, uint32_t *out_devices)
{
    const gw_job *job = placing->job;
    const gw_mesh *wanted = gw_program_mesh(job->program, mesh);
    const uint32_t *pinned = job->devices != NULL ? job->devices[mesh] : NULL;
    uint64_t size_bytes = placing->request->peak_bytes[mesh];
    if (pinned == NULL) {
        const gw_placement_view view = {
            .directory = placing->request->directory,
            .load = placing->load,
            .free_bytes = placing->free_bytes,
            .is_removed = placing->request->is_removed,
            .seed = placing->request->seed,
        };
        gw_placement_request request = {
            .dims = wanted->dims,
            .job = placing->request->job_index,
            .mesh_index = mesh,
            .island = value_of_mesh(job->islands, mesh),
            .accelerator = value_of_mesh(job->accelerators, mesh),
            .size_bytes = size_bytes,
        };
        memcpy(request.shape, wanted->shape, sizeof request.shape);
        return gw_placer_place(placing->request->placer, &view, &request, out_devices);
    }
    for (uint32_t d = 0; d < gw_mesh_device_count(wanted); d++) {
        bool is_removed =
            placing->request->is_removed != NULL && placing->request->is_removed[pinned[d]];
        if (is_removed || placing->free_bytes[pinned[d]] < size_bytes)
            return false;
        out_devices[d] = pinned[d];
    }
    return true;
}

/* Whether mesh `a` is harder to place than mesh `b`. */
static bool needs_more(const job_placement *placing, uint32_t a, uint32_t b)
{
    const gw_job *job = placing->job;
    bool is_pinned_a = job->devices != NULL && job->devices[a] != NULL;
    bool is_pinned_b = job->devices != NULL && job->devices[b] != NULL;
    if (is_pinned_a != is_pinned_b)
        return is_pinned_a;
    bool is_bound_a = value_of_mesh(job->islands, a) != GW_INDEX_NONE;
    bool is_bound_b = value_of_mesh(job->islands, b) != GW_INDEX_NONE;
    if (is_bound_a != is_bound_b)
        return is_bound_a;
    if (placing->request->peak_bytes[a] != placing->request->peak_bytes[b])
        return placing->request->peak_bytes[a] > placing->request->peak_bytes[b];
    uint32_t count_a = gw_mesh_device_count(gw_program_mesh(job->program, a));
    uint32_t count_b = gw_mesh_device_count(gw_program_mesh(job->program, b));
    return count_a != count_b ? count_a > count_b : a < b;
}

/* By insertion: a program of the generators has at most some thousand meshes. */
static void sort_by_need(const job_placement *placing, uint32_t *meshes, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint32_t mesh = meshes[i], k = i;
        for (; k > 0 && needs_more(placing, mesh, meshes[k - 1]); k--)
            meshes[k] = meshes[k - 1];
        meshes[k] = mesh;
    }
}

/* A search for places of all meshes, from the first in `order` on. */
typedef struct {
    job_placement placing;
    gw_job trial;                       /* The job, bound to `islands`. */
    uint32_t *islands, *wanted_islands; /* By mesh: of this trial, of the job. */
    uint32_t *order, *first, *devices;  /* Those of mesh m from devices[first[m]] on. */
    uint32_t mesh_count;
    uint32_t steps_left; /* Questions to the placement policy. */
    uint32_t stuck;      /* Place in `order` of the last mesh that found none, farthest on. */
} place_search;

static void count_mesh(const place_search *search, uint32_t mesh, bool is_taken)
{
    const uint64_t size_bytes = search->placing.request->peak_bytes[mesh];
    for (uint32_t d = search->first[mesh]; d < search->first[mesh + 1]; d++) {
        search->placing.load[search->devices[d]] += is_taken ? 1 : UINT32_MAX;
        search->placing.free_bytes[search->devices[d]] -= is_taken ? size_bytes : -size_bytes;
    }
}

/* Whether the mesh finds devices on `island`; GW_INDEX_NONE: on any. */
static bool try_island(place_search *search, uint32_t mesh, uint32_t island)
{
    if (search->steps_left == 0)
        return false;
    search->steps_left--;
    search->islands[mesh] = island;
    if (!place_mesh(&search->placing, mesh, search->devices + search->first[mesh]))
        return false;
    count_mesh(search, mesh, true);
    return true;
}

/* Meshes from `depth` on: each where the policy would have it, then on the other islands. */
static bool place_from(place_search *search, uint32_t depth)
{
    if (depth == search->mesh_count)
        return true;
    const uint32_t mesh = search->order[depth], wanted = search->wanted_islands[mesh];
    const gw_directory *directory = search->placing.request->directory;
    if (!try_island(search, mesh, wanted)) {
        search->stuck = MAX(search->stuck, depth);
        return false;
    }
    if (place_from(search, depth + 1))
        return true;
    count_mesh(search, mesh, false);
    const bool is_pinned = search->trial.devices != NULL && search->trial.devices[mesh] != NULL;
    if (is_pinned || wanted != GW_INDEX_NONE)
        return false;
    const gw_device_id one = {search->devices[search->first[mesh]]};
    const uint32_t tried = gw_directory_island(directory, one);
    for (uint32_t i = 0; i < directory->island_count; i++) {
        if (i == tried || !try_island(search, mesh, i))
            continue;
        if (place_from(search, depth + 1))
            return true;
        count_mesh(search, mesh, false);
    }
    return false;
}

static void move_to_front(uint32_t *order, uint32_t place)
{
    const uint32_t mesh = order[place];
    memmove(order + 1, order, place * sizeof *order);
    order[0] = mesh;
}

/* In the program's order, as the policy would have it; then in the order of need; then with the
 * mesh in front that found no place. */
static bool place_meshes(place_search *search)
{
    const uint32_t mesh_count = search->mesh_count;
    for (uint32_t m = 0; m < mesh_count; m++)
        search->order[m] = m;
    search->steps_left = mesh_count;
    if (place_from(search, 0))
        return true;
    if (mesh_count == 1)
        return false;
    sort_by_need(&search->placing, search->order, mesh_count);
    search->steps_left = mesh_count + PLACEMENT_STEPS_MAX;
    for (uint32_t round = 0; round < mesh_count && search->steps_left > 0; round++) {
        search->stuck = 0;
        if (place_from(search, 0))
            return true;
        if (search->stuck == 0) /* It finds none with all the others gone. */
            return false;
        move_to_front(search->order, search->stuck);
    }
    return false;
}

/* Meshes that lie on no removed device stay where they are, on `devices`. */
static bool place_others(place_search *search, const uint32_t *devices)
{
    const gw_job *job = search->placing.job;
    const uint32_t *const *pinned = job->devices;
    g_autofree const uint32_t **pins = g_new0(const uint32_t *, search->mesh_count);
    for (uint32_t m = 0; m < search->mesh_count; m++) {
        bool is_removed = false;
        for (uint32_t d = search->first[m]; d < search->first[m + 1]; d++)
            is_removed = is_removed || search->placing.request->is_removed[devices[d]];
        if (!is_removed)
            pins[m] = devices + search->first[m];
        else if (pinned != NULL)
            pins[m] = pinned[m];
    }
    search->trial.devices = pins;
    const bool is_placed = place_meshes(search);
    search->trial.devices = pinned;
    return is_placed;
}

uint32_t *gw_job_place(const gw_job_request *request, uint32_t *load, uint64_t *free_bytes)
{
    const gw_job *job = request->job;
    const uint32_t mesh_count = job->program->meshes->len;
    g_autofree uint32_t *order = g_new(uint32_t, mesh_count);
    g_autofree uint32_t *first = g_new0(uint32_t, mesh_count + 1);
    g_autofree uint32_t *islands = g_new(uint32_t, mesh_count);
    g_autofree uint32_t *wanted_islands = g_new(uint32_t, mesh_count);
    for (uint32_t m = 0; m < mesh_count; m++) {
        first[m + 1] = first[m] + gw_mesh_device_count(gw_program_mesh(job->program, m));
        islands[m] = wanted_islands[m] = value_of_mesh(job->islands, m);
    }
    g_autofree uint32_t *devices = g_new(uint32_t, first[mesh_count]);
    place_search search = {
        .placing = {request, job, load, free_bytes},
        .trial = *job,
        .islands = islands,
        .wanted_islands = wanted_islands,
        .order = order,
        .first = first,
        .devices = devices,
        .mesh_count = mesh_count,
    };
    search.trial.islands = islands;
    search.placing.job = &search.trial;
    if (request->old_devices != NULL && mesh_count > 1 &&
        place_others(&search, request->old_devices))
        return g_steal_pointer(&devices);
    return place_meshes(&search) ? g_steal_pointer(&devices) : NULL;
}
