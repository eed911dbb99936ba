/* SPDX-License-Identifier: Apache-2.0 */
/* What a collective is priced at against its play, with nobody on the wires but the groups of its
 * mesh.  Tori, switches and nodes, a box of their devices, a mesh on it, the collective, its
 * algorithm and size are drawn from the seed.  Where other groups of the mesh are on a group's
 * links than the closed form takes to be there (gw_track), the price is that of its rounds, and it
 * is played alone.
 *
 *     fuzz_collectives                       as many seeds as fit into the time budget, from seed 1
 *     fuzz_collectives FIRST_SEED [COUNT]    these seeds, however long they take */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "accel/collective.h"
#include "accel/collective_play.h"
#include "accel/crossings.h"
#include "accel/rounds.h"
#include "accel/rounds_play.h"
#include "base/check.h"
#include "base/random.h"
#include "fuzz_command.h"
#include "node_cluster.h"

#define BUDGET_S    5.0
#define DEVICES_MAX 128
#define TOLERANCE   0.02 /* Rounding, and latencies that hide behind bytes. */
/* Of the longest path, where rounds meet by chance and their play is the price. */
#define PATH_TOLERANCE 0.5

static const gw_operation_kind kinds[] = {GW_OPERATION_ALL_REDUCE,     GW_OPERATION_ALL_GATHER,
                                          GW_OPERATION_REDUCE_SCATTER, GW_OPERATION_ALL_TO_ALL,
                                          GW_OPERATION_BROADCAST,      GW_OPERATION_PERMUTE};

typedef struct {
    gw_random random;
    small_cluster made;
    uint32_t shape[3];
    uint32_t devices[DEVICES_MAX]; /* Of group after group. */
    uint32_t group_count, group_size;
    gw_collective collective;
} fuzz_case;

/* --- Drawing --- */

static uint32_t draw(fuzz_case *drawn, uint32_t bound)
{
    return (uint32_t)gw_random_below(&drawn->random, bound);
}

static void draw_torus(fuzz_case *drawn)
{
    static const uint32_t most[] = {20, 9, 5};
    const uint32_t dims = 1 + draw(drawn, 3);
    for (uint32_t d = 0; d < 3; d++) {
        drawn->shape[d] = d < dims ? 2 + draw(drawn, most[dims - 1] - 1) : 1;
    }
    small_cluster_add(&drawn->made, drawn->shape[0], drawn->shape[1], drawn->shape[2],
                      draw(drawn, 8));
}

static void draw_switch(fuzz_case *drawn)
{
    drawn->shape[0] = 2 + draw(drawn, 20);
    drawn->shape[1] = drawn->shape[2] = 1;
    small_cluster_add(&drawn->made, drawn->shape[0], 1, 1, 0);
    drawn->made.islands[0].is_switched = true;
}

/* Cards for each device, or for equal parts of a node's devices. */
static uint32_t draw_cards(fuzz_case *drawn, uint32_t devices)
{
    if (draw(drawn, 2) == 0) {
        return devices * (1 + draw(drawn, 3));
    }
    uint32_t cards = 1 + draw(drawn, devices);
    while (devices % cards > 0) {
        cards--;
    }
    return cards;
}

static void draw_nodes(fuzz_case *drawn)
{
    drawn->shape[0] = 2 + draw(drawn, 8);
    drawn->shape[1] = 1 + draw(drawn, 9);
    drawn->shape[2] = 1;
    const node_shape nodes = {drawn->shape[0], drawn->shape[1], draw_cards(drawn, drawn->shape[1]),
                              1e9 * (1 + draw(drawn, 50))};
    node_cluster_of(&drawn->made, &nodes);
    small_cluster_clear(&drawn->made);
    gw_network *network = &drawn->made.islands[0].network;
    network->oversubscription = draw(drawn, 2) == 0 ? 1 : 1 + draw(drawn, 64) / 8.0;
    network->flows = draw(drawn, 3);
    network->latency_ns = 1 + draw(drawn, 8000);
}

static const gw_cluster *draw_cluster(fuzz_case *drawn)
{
    const uint32_t what = draw(drawn, 10);
    small_cluster_init(&drawn->made);
    if (what < 5) {
        draw_torus(drawn);
    } else if (what < 6) {
        draw_switch(drawn);
    } else {
        draw_nodes(drawn);
    }
    gw_accelerator *accelerator = &drawn->made.accelerators[0];
    accelerator->hop_latency_ns = 1 + draw(drawn, 3000);
    accelerator->link_bytes_per_s = 1e9 * (1 + draw(drawn, 400));
    accelerator->pcie_bytes_per_s = 1e9 * (2 + draw(drawn, 60));
    accelerator->pcie_latency_ns = 1 + draw(drawn, 3000);
    accelerator->collective_overhead_ns = draw(drawn, 2) == 0 ? 0 : draw(drawn, 9000);
    accelerator->chunks_collectives = draw(drawn, 4) == 0;
    accelerator->switch_reduction_efficiency = draw(drawn, 6) == 0 ? 0.6 : 0;
    drawn->made.islands[0].collectives = GW_ALGORITHM_AUTO + draw(drawn, GW_ALGORITHM_TREE + 1);
    return small_cluster_build(&drawn->made);
}

/* Of the devices of a box, which may be all there are, in order. */
static uint32_t draw_box(fuzz_case *drawn, uint32_t *devices, uint32_t *lengths)
{
    const bool is_whole = draw(drawn, 3) > 0;
    uint32_t first[3], count = 0;
    for (uint32_t d = 0; d < 3; d++) {
        first[d] = is_whole ? 0 : draw(drawn, drawn->shape[d]);
        lengths[d] = is_whole ? drawn->shape[d] : 1 + draw(drawn, drawn->shape[d] - first[d]);
    }
    gw_check(lengths[0] * lengths[1] * lengths[2] <= DEVICES_MAX);
    for (uint32_t i = 0; i < lengths[0] * lengths[1] * lengths[2]; i++) {
        const uint32_t a = first[0] + i / lengths[2] / lengths[1];
        const uint32_t b = first[1] + i / lengths[2] % lengths[1];
        devices[count++] = (a * drawn->shape[1] + b) * drawn->shape[2] + first[2] + i % lengths[2];
    }
    return count;
}

/* Of the box, or in its order of any two dimensions; groups along some axes: one or all of them. */
static void draw_groups(fuzz_case *drawn)
{
    uint32_t devices[DEVICES_MAX], lengths[3];
    const uint32_t count = draw_box(drawn, devices, lengths);
    gw_mesh mesh = {.dims = 3, .shape = {lengths[0], lengths[1], lengths[2]}};
    if (draw(drawn, 3) == 0) {
        mesh.shape[0] = 1 + draw(drawn, count);
        while (count % mesh.shape[0] > 0) {
            mesh.shape[0]--;
        }
        mesh.shape[1] = count / mesh.shape[0];
        mesh.shape[2] = 1;
    }
    const uint8_t axes = (uint8_t)(1 + draw(drawn, 7));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t group, place;
        drawn->group_size = gw_mesh_group(&mesh, axes, i, &group, &place);
        drawn->devices[group * drawn->group_size + place] = devices[i];
    }
    drawn->group_count = count / drawn->group_size;
    if (draw(drawn, 4) == 0) {
        const uint32_t kept = draw(drawn, drawn->group_count) * drawn->group_size;
        memmove(drawn->devices, &drawn->devices[kept], drawn->group_size * sizeof(uint32_t));
        drawn->group_count = 1;
    }
}

/* 1 byte to a gigabyte. */
static void draw_collective(fuzz_case *drawn)
{
    drawn->collective = (gw_collective){
        .kind = kinds[draw(drawn, G_N_ELEMENTS(kinds))],
        .size_bytes = (uint64_t)pow(10, draw(drawn, 9001) / 1000.0),
        .member_count = drawn->group_size,
        .devices = drawn->devices,
        .shift = draw(drawn, 3) > 0 ? 1 : draw(drawn, drawn->group_size + 1),
    };
}

/* --- Comparing --- */

static bool is_unlike(const gw_cluster *cluster, const fuzz_case *drawn)
{
    g_autoptr(gw_crossings) crossings = gw_crossings_new(cluster);
    gw_track *track =
        gw_crossings_ask(crossings, drawn->group_count, drawn->group_size, drawn->devices);
    gw_crossings_add_collective(crossings, track, GW_STEP_MEET, &drawn->collective, drawn->devices);
    return track->is_unlike;
}

/* Of so many groups the longest price, and the longest play, all at once; false: they go over no
 * link. */
static bool compare(const gw_cluster *cluster, const fuzz_case *drawn, bool is_by_rounds,
                    uint32_t group_count, double *out_priced_ns, double *out_played_ns)
{
    gw_rounds_cast casts[DEVICES_MAX];
    gw_span ends_ns[DEVICES_MAX], leads_ns[DEVICES_MAX];
    gw_collective collective = drawn->collective;
    *out_priced_ns = *out_played_ns = 0;
    for (uint32_t i = 0; i < group_count; i++) {
        collective.devices = &drawn->devices[i * drawn->group_size];
        casts[i] =
            (gw_rounds_cast){.rounds = gw_collective_play(cluster, &collective, &leads_ns[i]),
                             .devices = collective.devices};
        if (casts[i].rounds == NULL) {
            gw_check(i == 0);
            return false;
        }
        const gw_span priced_ns =
            is_by_rounds ? leads_ns[i] + gw_rounds_ns(casts[i].rounds, cluster, collective.devices)
                         : gw_collective_ns(cluster, &collective);
        *out_priced_ns = MAX(*out_priced_ns, (double)priced_ns);
    }
    gw_rounds_play(cluster, casts, group_count, ends_ns);
    for (uint32_t i = 0; i < group_count; i++) {
        *out_played_ns = MAX(*out_played_ns, (double)(leads_ns[i] + ends_ns[i]));
        gw_rounds_free((gw_rounds *)casts[i].rounds);
    }
    return true;
}

/* Of the first group's rounds. */
static bool is_path_near(const gw_cluster *cluster, const fuzz_case *drawn)
{
    gw_span lead_ns, played_ns;
    g_autoptr(gw_rounds) rounds = gw_collective_play(cluster, &drawn->collective, &lead_ns);
    gw_rounds_play(cluster, &(gw_rounds_cast){rounds, drawn->collective.devices}, 1, &played_ns);
    const gw_span path_ns = gw_rounds_path_ns(rounds, cluster, drawn->collective.devices);
    return fabs((double)path_ns / (double)played_ns - 1) <= PATH_TOLERANCE;
}

static bool run_seed(uint64_t seed)
{
    fuzz_case drawn;
    double priced_ns, played_ns;
    bool is_same = true;
    gw_random_init(&drawn.random, seed, "fuzz.collectives");
    const gw_cluster *cluster = draw_cluster(&drawn);
    draw_groups(&drawn);
    draw_collective(&drawn);
    if (drawn.group_size > 1) {
        const bool is_by_rounds = is_unlike(cluster, &drawn);
        const uint32_t group_count = is_by_rounds ? 1 : drawn.group_count;
        if (compare(cluster, &drawn, is_by_rounds, group_count, &priced_ns, &played_ns)) {
            is_same = fabs(priced_ns / played_ns - 1) <= TOLERANCE && is_path_near(cluster, &drawn);
        }
    }
    if (!is_same) {
        fprintf(stderr,
                "%s of %u groups of %u, %" G_GUINT64_FORMAT " bytes: priced %.0f, played "
                "%.0f ns\n",
                gw_operation_name(drawn.collective.kind), drawn.group_count, drawn.group_size,
                drawn.collective.size_bytes, priced_ns, played_ns);
    }
    small_cluster_clear(&drawn.made);
    return is_same;
}

int main(int argument_count, char **arguments)
{
    return fuzz_main(argument_count, arguments, BUDGET_S, run_seed,
                     "collectives, priced as they are played");
}
