/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of runs, as in decide.c.  Everything here is arithmetic on pieces: who tells whom stands
 * in executor_exchange.c. */
#include "controller/exchange_book.h"

#include <string.h>

#include "base/check.h"
#include "program/exchange.h"

/* --- Meshes --- */

static void list_hosts(gw_exchange_mesh *mesh, const gw_directory *directory, gw_node_id self)
{
    uint32_t count = mesh->shard_count;
    g_autofree uint32_t *shards_of_host = g_new0(uint32_t, directory->host_count + 1);
    for (uint32_t s = 0; s < count; s++)
        shards_of_host[gw_directory_host(directory, (gw_device_id){mesh->devices[s]}).index]++;
    mesh->hosts = g_new0(uint32_t, count);
    mesh->first = g_new0(uint32_t, count + 1);
    mesh->shards = g_new0(uint32_t, count);
    mesh->here = GW_INDEX_NONE;
    for (uint32_t h = 0; h < directory->host_count; h++) {
        if (shards_of_host[h] == 0)
            continue;
        if (h == self.index)
            mesh->here = mesh->host_count;
        mesh->hosts[mesh->host_count] = h;
        mesh->first[mesh->host_count + 1] = mesh->first[mesh->host_count] + shards_of_host[h];
        shards_of_host[h] = mesh->first[mesh->host_count++]; /* From here on: the next place. */
    }
    for (uint32_t s = 0; s < count; s++) {
        gw_device_id device = {mesh->devices[s]};
        mesh->shards[shards_of_host[gw_directory_host(directory, device).index]++] = s;
    }
}

static gw_exchange_mesh mesh_of(const gw_exchange_book *book, const gw_assignment *assignment,
                                const gw_directory *directory, gw_node_id self, uint32_t number)
{
    gw_exchange_mesh mesh = {
        .shard_count = assignment->first[number + 1] - assignment->first[number],
        .devices = book->devices + assignment->first[number],
    };
    list_hosts(&mesh, directory, self);
    return mesh;
}

static void clear_mesh(gw_exchange_mesh *mesh)
{
    g_free(mesh->hosts);
    g_free(mesh->first);
    g_free(mesh->shards);
}

uint32_t gw_exchange_mesh_place(const gw_exchange_mesh *mesh, uint32_t host)
{
    uint32_t low = 0, high = mesh->host_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (mesh->hosts[middle] <= host)
            low = middle;
        else
            high = middle;
    }
    gw_check(mesh->hosts[low] == host);
    return low;
}

/* --- Life --- */

static void fill_ends(const gw_plan *plan, gw_exchange_here *here, uint32_t edge)
{
    const gw_program *program = plan->program;
    const gw_edge *deal = gw_program_edge(program, edge);
    const gw_plan_node *source = &plan->nodes[deal->source_node];
    here->edge = edge;
    here->source_slot = source->first_slot + deal->source_output;
    here->counts_slot = source->first_slot + deal->exchange.counts_output;
    here->capacity = gw_exchange_capacity(program, edge);
    here->overflow = deal->exchange.overflow;
    here->row_bytes = gw_exchange_row_bytes(program, edge);
    here->return_edge = deal->exchange.return_edge;
    here->return_slot = GW_INDEX_NONE;
    if (here->return_edge == GW_INDEX_NONE)
        return;
    const gw_edge *back = gw_program_edge(program, here->return_edge);
    here->return_slot = plan->nodes[back->source_node].first_slot + back->source_output;
    here->return_row_bytes = gw_exchange_row_bytes(program, here->return_edge);
}

static void open_runs(gw_exchange_here *here, uint32_t depth)
{
    here->runs = g_new0(gw_exchange_run, depth);
    for (uint32_t r = 0; r < depth; r++) {
        here->runs[r].dealt = g_array_new(FALSE, FALSE, sizeof(gw_dealt_rows));
        here->runs[r].coming = g_array_new(FALSE, FALSE, sizeof(gw_coming_rows));
        here->runs[r].first_dealt = g_new0(uint32_t, here->target.host_count + 1);
    }
}

gw_exchange_book *gw_exchange_book_new(const gw_plan *plan, const gw_assignment *assignment,
                                       const gw_directory *directory, gw_node_id host,
                                       uint32_t depth)
{
    if (!plan->has_exchanges)
        return NULL;
    const gw_program *program = plan->program;
    gw_exchange_book *book = g_new0(gw_exchange_book, 1);
    book->depth = depth;
    book->devices = g_memdup2(assignment->devices,
                              assignment->first[assignment->mesh_count] * sizeof(uint32_t));
    book->exchanges = g_new0(gw_exchange_here, program->exchange_count);
    book->counts = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    book->by_edge = g_new(uint32_t, program->edges->len);
    memset(book->by_edge, 0xff, program->edges->len * sizeof(uint32_t)); /* GW_INDEX_NONE */
    for (uint32_t e = 0; e < program->edges->len; e++) {
        const gw_edge *edge = gw_program_edge(program, e);
        if (edge->exchange.kind != GW_EXCHANGE_DEAL)
            continue;
        gw_exchange_here *here = &book->exchanges[book->count];
        fill_ends(plan, here, e);
        book->by_edge[e] = book->count;
        if (here->return_edge != GW_INDEX_NONE)
            book->by_edge[here->return_edge] = book->count;
        book->count++;
        here->source =
            mesh_of(book, assignment, directory, host, plan->nodes[edge->source_node].mesh);
        here->target =
            mesh_of(book, assignment, directory, host, plan->nodes[edge->target_node].mesh);
        open_runs(here, depth);
    }
    return book;
}

void gw_exchange_book_free(gw_exchange_book *book)
{
    if (book == NULL)
        return;
    for (uint32_t i = 0; i < book->count; i++) {
        gw_exchange_here *here = &book->exchanges[i];
        for (uint32_t r = 0; r < book->depth; r++) {
            g_array_unref(here->runs[r].dealt);
            g_array_unref(here->runs[r].coming);
            g_free(here->runs[r].first_dealt);
        }
        g_free(here->runs);
        clear_mesh(&here->source);
        clear_mesh(&here->target);
    }
    g_free(book->exchanges);
    g_free(book->by_edge);
    g_free(book->devices);
    g_array_unref(book->counts);
    g_free(book);
}

gw_exchange_here *gw_exchange_book_find(gw_exchange_book *book, uint32_t edge)
{
    gw_check(book->by_edge[edge] != GW_INDEX_NONE);
    return &book->exchanges[book->by_edge[edge]];
}

gw_exchange_run *gw_exchange_book_run(const gw_exchange_book *book, gw_exchange_here *here,
                                      uint32_t run)
{
    gw_exchange_run *state = &here->runs[run % book->depth];
    if (state->run_plus_1 == run + 1)
        return state;
    gw_check(state->run_plus_1 < run + 1); /* The older run is over: */
    gw_check(state->open_count == 0 && state->returning_count == 0);
    GArray *dealt = state->dealt, *coming = state->coming;
    uint32_t *first_dealt = state->first_dealt;
    g_array_set_size(dealt, 0);
    g_array_set_size(coming, 0);
    *state = (gw_exchange_run){
        .run_plus_1 = run + 1,
        .counts_left = gw_exchange_mesh_local_count(&here->source),
        .dealt = dealt,
        .first_dealt = first_dealt,
        .silent_count = here->source.shard_count,
        .coming = coming,
    };
    return state;
}

/* --- Rows --- */

/* By local source and target: the first of the source's rows that the target is dealt. */
static uint32_t *list_first_rows(const uint32_t *counts, uint32_t source_count,
                                 uint32_t target_count)
{
    uint32_t *first_rows = g_new0(uint32_t, (size_t)source_count * target_count);
    for (uint32_t i = 0; i < source_count; i++) {
        uint32_t next_row = 0;
        for (uint32_t t = 0; t < target_count; t++) {
            first_rows[(size_t)i * target_count + t] = next_row;
            next_row += counts[(size_t)i * target_count + t];
        }
    }
    return first_rows;
}

void gw_exchange_deal_rows(const gw_exchange_here *here, gw_exchange_run *state,
                           const uint32_t *counts)
{
    const gw_exchange_mesh *target = &here->target;
    uint32_t local_count = gw_exchange_mesh_local_count(&here->source);
    const uint32_t *locals = gw_exchange_mesh_locals(&here->source);
    g_autofree uint32_t *first_rows = list_first_rows(counts, local_count, target->shard_count);
    g_array_set_size(state->dealt, 0);
    for (uint32_t h = 0; h < target->host_count; h++) {
        state->first_dealt[h] = state->dealt->len;
        for (uint32_t k = target->first[h]; k < target->first[h + 1]; k++)
            for (uint32_t i = 0; i < local_count; i++) {
                size_t place = (size_t)i * target->shard_count + target->shards[k];
                if (counts[place] == 0)
                    continue;
                gw_dealt_rows rows = {locals[i], target->shards[k], counts[place],
                                      first_rows[place], 0};
                g_array_append_val(state->dealt, rows);
            }
    }
    state->first_dealt[target->host_count] = state->dealt->len;
    state->unplaced_count = state->dealt->len;
    state->open_count = state->dealt->len + 1;
}

static int compare_numbers(uint32_t left, uint32_t right)
{
    return left < right ? -1 : left > right;
}

static int compare_targets(gconstpointer a, gconstpointer b)
{
    const gw_dealt_rows *left = &((const gw_coming_rows *)a)->rows;
    const gw_dealt_rows *right = &((const gw_coming_rows *)b)->rows;
    int order = compare_numbers(left->target_shard, right->target_shard);
    return order != 0 ? order : compare_numbers(left->source_shard, right->source_shard);
}

static int compare_hosts(gconstpointer a, gconstpointer b)
{
    const gw_coming_rows *left = a, *right = b;
    int order = compare_numbers(left->source_host, right->source_host);
    return order != 0 ? order : compare_targets(a, b);
}

/* All that the target of the piece at `first` is dealt; *out_end: the next target's first. */
static uint64_t add_rows(const gw_exchange_run *state, uint32_t first, uint32_t *out_end)
{
    const gw_coming_rows *pieces = (const gw_coming_rows *)(const void *)state->coming->data;
    uint64_t rows = 0;
    uint32_t end = first;
    for (; end < state->coming->len &&
           pieces[end].rows.target_shard == pieces[first].rows.target_shard;
         end++)
        rows += pieces[end].rows.row_count;
    *out_end = end;
    return rows;
}

bool gw_exchange_place_rows(const gw_exchange_here *here, gw_exchange_run *state,
                            uint64_t *out_dropped, uint32_t *out_shard, uint64_t *out_rows)
{
    gw_coming_rows *pieces = (gw_coming_rows *)(void *)state->coming->data;
    uint64_t dropped = 0;
    g_array_sort(state->coming, compare_targets);
    for (uint32_t first = 0, end; first < state->coming->len; first = end) {
        uint64_t rows = add_rows(state, first, &end);
        if (rows > here->capacity && here->overflow == GW_OVERFLOW_FAIL) {
            *out_shard = pieces[first].rows.target_shard;
            *out_rows = rows;
            return false;
        }
        dropped += rows > here->capacity ? rows - here->capacity : 0;
    }
    for (uint32_t first = 0, end; first < state->coming->len; first = end) {
        add_rows(state, first, &end);
        uint32_t taken = 0;
        for (uint32_t i = first; i < end; i++) {
            pieces[i].rows.target_row = taken;
            pieces[i].rows.row_count = MIN(pieces[i].rows.row_count, here->capacity - taken);
            taken += pieces[i].rows.row_count;
        }
    }
    g_array_sort(state->coming, compare_hosts);
    *out_dropped = dropped;
    return true;
}

uint32_t gw_exchange_coming_from(const gw_exchange_run *state, uint32_t host, uint32_t *out_first)
{
    const gw_coming_rows *pieces = (const gw_coming_rows *)(const void *)state->coming->data;
    uint32_t low = 0, high = state->coming->len;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (pieces[middle].source_host < host)
            low = middle + 1;
        else
            high = middle;
    }
    *out_first = low;
    while (high < state->coming->len && pieces[high].source_host == host)
        high++;
    return high;
}
