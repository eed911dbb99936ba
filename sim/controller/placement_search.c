/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of all boxes of one size come from sliding windows, one axis after the other: the
 * window of 2n places is the window of n and the one n further on, so each axis costs a few sweeps
 * over the island.  Windows always go round; origins from which a box would leave a line are not
 * looked at.  A run is a box on the island unrolled to a line. */
#include "controller/placement_search.h"

#include <string.h>

#include "base/check.h"

_Static_assert(GW_PLACEMENT_DIMS_MAX == GW_MESH_DIMS_MAX, "a request's shape is a mesh's");

#define NO_ROOM UINT32_MAX /* The load of a device without the memory. */

typedef struct {
    uint64_t sum;
    uint32_t most;
} weight;

/* The torus that boxes are looked for on: the island's, or the line of its devices. */
typedef struct {
    uint32_t shape[GW_EMBEDDING_AXES];
    bool is_wrapped[GW_EMBEDDING_AXES];
    uint32_t count;
} field;

typedef struct {
    const gw_placement_view *view;
    const gw_placement_request *request;
    const gw_placement_rule *rule;
    gw_mesh mesh; /* The request's. */
    uint32_t shard_count;
    bool is_found;
    gw_candidate best;
    gw_embedding best_way; /* What best.way points to. */
    /* Of the island at hand. */
    uint32_t island;
    uint64_t island_load;
    weight *loads, *boxes, *spare;    /* By place; `spare` has twice as many. */
    weight *sides[GW_EMBEDDING_AXES]; /* Free devices in a box's side across this axis. */
} search;

/* --- Windows --- */

/* out[i] = a[i] and b[`shift` further along `axis`]; `out` may be `a`. */
static void combine(const field *on, uint32_t axis, uint32_t shift, const weight *a,
                    const weight *b, weight *out)
{
    uint32_t length = on->shape[axis], inner = 1;
    for (uint32_t d = axis + 1; d < GW_EMBEDDING_AXES; d++)
        inner *= on->shape[d];
    for (uint32_t outer = 0; outer < on->count; outer += length * inner)
        for (uint32_t c = 0; c < length; c++) {
            uint32_t here = outer + c * inner;
            uint32_t there = outer + (c + shift < length ? c + shift : c + shift - length) * inner;
            for (uint32_t i = 0; i < inner; i++) {
                out[here + i].sum = a[here + i].sum + b[there + i].sum;
                out[here + i].most = MAX(a[here + i].most, b[there + i].most);
            }
        }
}

/* Each value becomes that of the `length` places along `axis` that begin with it. */
static void slide(const field *on, uint32_t axis, uint32_t length, weight *values, weight *spare)
{
    weight *power = spare, *next = spare + on->count;
    uint32_t span = 1, done = 0;
    gw_check(length <= on->shape[axis]);
    if (length == 1)
        return;
    memcpy(power, values, on->count * sizeof *power);
    for (uint32_t bits = length; bits > 0; bits /= 2) {
        if (bits % 2 == 1) {
            if (done == 0)
                memcpy(values, power, on->count * sizeof *values);
            else
                combine(on, axis, done, values, power, values);
            done += span;
        }
        if (bits > 1) {
            combine(on, axis, span, power, power, next);
            weight *swap = power;
            power = next;
            next = swap;
            span *= 2;
        }
    }
}

static void measure_boxes(search *self, const field *on, const uint32_t *box)
{
    memcpy(self->boxes, self->loads, on->count * sizeof(weight));
    for (uint32_t axis = 0; axis < GW_EMBEDDING_AXES; axis++)
        slide(on, axis, box[axis], self->boxes, self->spare);
    if (!self->rule->needs_neighbours)
        return;
    for (uint32_t axis = 0; axis < GW_EMBEDDING_AXES; axis++) {
        weight *side = self->sides[axis];
        for (uint32_t i = 0; i < on->count; i++)
            side[i] = (weight){self->loads[i].sum == 0 ? 1 : 0, 0};
        for (uint32_t across = 0; across < GW_EMBEDDING_AXES; across++)
            if (across != axis)
                slide(on, across, box[across], side, self->spare);
    }
}

/* --- Candidates --- */

static uint32_t place_of(const field *on, const uint32_t *at)
{
    return (at[0] * on->shape[1] + at[1]) * on->shape[2] + at[2];
}

static uint32_t count_free_neighbours(const search *self, const field *on, const uint32_t *box,
                                      const uint32_t *origin)
{
    uint64_t free_count = 0;
    if (!self->rule->needs_neighbours)
        return 0;
    for (uint32_t axis = 0; axis < GW_EMBEDDING_AXES; axis++) {
        uint32_t length = on->shape[axis], end = origin[axis] + box[axis];
        uint32_t at[GW_EMBEDDING_AXES] = {origin[0], origin[1], origin[2]};
        if (box[axis] == length)
            continue;
        if (on->is_wrapped[axis] || end < length) {
            at[axis] = end % length;
            free_count += self->sides[axis][place_of(on, at)].sum;
        }
        /* In a ring with one place left, that place is both neighbours. */
        if (on->is_wrapped[axis] ? length - box[axis] > 1 : origin[axis] > 0) {
            at[axis] = (origin[axis] + length - 1) % length;
            free_count += self->sides[axis][place_of(on, at)].sum;
        }
    }
    return (uint32_t)free_count;
}

static bool is_aligned(const search *self, const field *on, const gw_embedding *way,
                       const uint32_t *box, const uint32_t *origin)
{
    if (way == NULL)
        return on->count % self->shard_count != 0 || origin[0] % self->shard_count == 0;
    for (uint32_t axis = 0; axis < GW_EMBEDDING_AXES; axis++)
        if (origin[axis] % box[axis] != 0 || origin[axis] + box[axis] > on->shape[axis])
            return false;
    return true;
}

/* False: it lacks memory. */
static bool weigh(search *self, const field *on, const gw_embedding *way, const uint32_t *box,
                  const uint32_t *origin, uint64_t hop_count)
{
    const weight *measured = &self->boxes[place_of(on, origin)];
    if (measured->most == NO_ROOM)
        return false;
    gw_candidate candidate = {
        .island = self->island,
        .way = way,
        .origin = {origin[0], origin[1], origin[2]},
        .load_max = measured->most,
        .load = measured->sum,
        .island_load = self->island_load,
        .is_aligned = is_aligned(self, on, way, box, origin),
        .hop_count = hop_count,
        .free_neighbours = count_free_neighbours(self, on, box, origin),
    };
    if (self->is_found &&
        !self->rule->is_better(self->view, self->request, &candidate, &self->best))
        return true;
    self->is_found = true;
    self->best = candidate;
    if (way != NULL) {
        self->best_way = *way;
        self->best.way = &self->best_way;
    }
    return true;
}

static uint32_t count_origins(const field *on, const uint32_t *box, uint32_t axis)
{
    if (box[axis] == on->shape[axis])
        return 1;
    return on->is_wrapped[axis] ? on->shape[axis] : on->shape[axis] - box[axis] + 1;
}

/* Whether the way has a candidate. */
static bool try_way(search *self, const gw_embedding *way)
{
    const gw_island *island = &self->view->directory->islands[self->island];
    field on = {.count = island->device_count};
    memcpy(on.shape, island->shape, sizeof on.shape);
    memcpy(on.is_wrapped, island->is_wrapped, sizeof on.is_wrapped);
    measure_boxes(self, &on, way->box);
    bool has_any = false;
    uint32_t origin[GW_EMBEDDING_AXES];
    for (origin[0] = 0; origin[0] < count_origins(&on, way->box, 0); origin[0]++)
        for (origin[1] = 0; origin[1] < count_origins(&on, way->box, 1); origin[1]++)
            for (origin[2] = 0; origin[2] < count_origins(&on, way->box, 2); origin[2]++)
                if (weigh(self, &on, way, way->box, origin, way->hop_count))
                    has_any = true;
    return has_any;
}

/* `hops`: by first place; NULL: nobody asks. */
static bool try_runs(search *self, const uint64_t *hops)
{
    const gw_island *island = &self->view->directory->islands[self->island];
    const field on = {.shape = {island->device_count, 1, 1}, .count = island->device_count};
    const uint32_t box[GW_EMBEDDING_AXES] = {self->shard_count, 1, 1};
    measure_boxes(self, &on, box);
    bool has_any = false;
    for (uint32_t first = 0; first + self->shard_count <= on.count; first++) {
        const uint32_t origin[GW_EMBEDDING_AXES] = {first, 0, 0};
        if (weigh(self, &on, NULL, box, origin, hops != NULL ? hops[first] : 0))
            has_any = true;
    }
    return has_any;
}

/* --- Ways --- */

static void search_as_written(search *self, const gw_island *island)
{
    const gw_mesh *mesh = &self->mesh;
    if (mesh->dims == 1 && try_runs(self, NULL))
        return;
    g_autoptr(GArray) ways = gw_embedding_list(mesh, island);
    for (uint32_t i = 0; i < ways->len; i++)
        if (try_way(self, &g_array_index(ways, gw_embedding, i)))
            return;
    if (mesh->dims > 1)
        try_runs(self, NULL);
}

/* Pairs of neighbours in the mesh: no placement has fewer hops. */
static uint64_t count_neighbours(const gw_mesh *mesh)
{
    uint64_t pairs = 0, shards = gw_mesh_device_count(mesh);
    for (uint32_t dim = 0; dim < mesh->dims; dim++) {
        uint32_t size = mesh->shape[dim];
        pairs += shards / size * (size > 2 ? size : size - 1);
    }
    return pairs;
}

static gint compare_hops(gconstpointer left, gconstpointer right)
{
    const gw_embedding *a = left, *b = right;
    if (a->hop_count != b->hop_count)
        return a->hop_count < b->hop_count ? -1 : 1;
    if (a->is_natural != b->is_natural)
        return a->is_natural ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* Whether an earlier way has the same candidates: it is turned otherwise and no worse. */
static bool is_repeated(const GArray *ways, uint32_t index)
{
    const gw_embedding *way = &g_array_index(ways, gw_embedding, index);
    for (uint32_t i = index; i-- > 0;) {
        const gw_embedding *earlier = &g_array_index(ways, gw_embedding, i);
        if (earlier->hop_count != way->hop_count)
            return false;
        if (memcmp(earlier->box, way->box, sizeof way->box) == 0)
            return true;
    }
    return false;
}

static void search_by_hops(search *self, const gw_island *island)
{
    g_autoptr(GArray) ways = gw_embedding_list(&self->mesh, island);
    g_array_sort(ways, compare_hops);
    uint64_t fewest = UINT64_MAX;
    uint32_t tie_count = 0;
    for (uint32_t i = 0; i < ways->len && tie_count < GW_PLACEMENT_TIES_MAX; i++) {
        const gw_embedding *way = &g_array_index(ways, gw_embedding, i);
        if (way->hop_count > fewest || (self->is_found && way->hop_count > self->best.hop_count))
            break;
        if (!is_repeated(ways, i) && try_way(self, way)) {
            fewest = way->hop_count;
            tie_count++;
        }
    }
    if (fewest == count_neighbours(&self->mesh))
        return;
    g_autofree uint64_t *hops = gw_embedding_run_hops(&self->mesh, island);
    try_runs(self, hops);
}

/* --- Islands --- */

static void load_island(search *self, uint32_t index)
{
    const gw_island *island = &self->view->directory->islands[index];
    self->island = index;
    self->island_load = 0;
    for (uint32_t i = 0; i < island->device_count; i++) {
        uint32_t device = island->first_device + i;
        uint32_t load = self->view->load[device];
        bool has_room = self->view->free_bytes[device] >= self->request->size_bytes &&
                        (self->view->is_removed == NULL || !self->view->is_removed[device]);
        self->loads[i] = (weight){load, has_room ? load : NO_ROOM};
        self->island_load += load;
    }
}

static bool may_take(const search *self, uint32_t index)
{
    const gw_placement_request *request = self->request;
    const gw_island *island = &self->view->directory->islands[index];
    return (request->island == GW_INDEX_NONE || request->island == index) &&
           (request->accelerator == GW_INDEX_NONE || request->accelerator == island->accelerator) &&
           self->shard_count <= island->device_count;
}

static void fill_devices(const search *self, uint32_t *out_devices)
{
    const gw_island *island = &self->view->directory->islands[self->best.island];
    if (self->best.way != NULL) {
        gw_embedding_fill(self->best.way, &self->mesh, island, self->best.origin, out_devices);
        return;
    }
    for (uint32_t i = 0; i < self->shard_count; i++)
        out_devices[i] = island->first_device + self->best.origin[0] + i;
}

bool gw_placement_search(const gw_placement_view *view, const gw_placement_request *request,
                         const gw_placement_rule *rule, uint32_t *out_devices)
{
    search self = {.view = view,
                   .request = request,
                   .rule = rule,
                   .mesh = {.dims = request->dims},
                   .shard_count = gw_placement_device_count(request)};
    memcpy(self.mesh.shape, request->shape, sizeof self.mesh.shape);
    uint32_t largest = 0;
    for (uint32_t i = 0; i < view->directory->island_count; i++)
        if (may_take(&self, i))
            largest = MAX(largest, view->directory->islands[i].device_count);
    g_autofree weight *scratch = g_new(weight, (4 + GW_EMBEDDING_AXES) * (size_t)largest + 1);
    self.loads = scratch;
    self.boxes = scratch + largest;
    self.spare = scratch + 2 * (size_t)largest;
    for (uint32_t axis = 0; axis < GW_EMBEDDING_AXES; axis++)
        self.sides[axis] = scratch + (4 + axis) * (size_t)largest;
    for (uint32_t i = 0; i < view->directory->island_count; i++) {
        if (!may_take(&self, i))
            continue;
        load_island(&self, i);
        if (rule->order == GW_PLACEMENT_BY_HOPS)
            search_by_hops(&self, &view->directory->islands[i]);
        else
            search_as_written(&self, &view->directory->islands[i]);
    }
    if (self.is_found)
        fill_devices(&self, out_devices);
    return self.is_found;
}
