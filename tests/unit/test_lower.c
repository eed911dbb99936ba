/* SPDX-License-Identifier: Apache-2.0 */
/* Slots and their readers, the pieces of transfers, and the plan's peak, worked out by hand; and
 * over random sizes: every row of every target arrives exactly once, from where it is. */
#include <stdlib.h>

#include "run_suite.h"
#include "test_lower.h"

/* Two meshes of any size, an edge from "a" on the first to "b" on the second. */
static gw_program *make_transfer(uint32_t source_count, uint32_t target_count, const char *source,
                                 const char *target)
{
    gw_builder *builder = gw_builder_new("transfer");
    const uint32_t a = small_node(builder, "a", small_mesh(builder, source_count), source);
    const uint32_t b = small_node(builder, "b", small_mesh(builder, target_count), target);
    gw_builder_add_edge(builder, a, 0, b, 0);
    return small_finish(builder);
}

static const uint32_t *arrivals_of(const bench *made, uint32_t host, uint32_t node, bool is_run_0)
{
    return gw_lowered_arrivals(made->hosts[host], made->plan, node, is_run_0);
}

/* "1:8>4:0 8" is 8 bytes from device 1 at 8 to device 4 at 0: the pieces that leave a host. */
static void check_pieces(const bench *made, uint32_t host, uint32_t transfer, const char *expected)
{
    g_autoptr(GString) found = g_string_new(NULL);
    const gw_lowered_part part = gw_lowered_pieces(made->hosts[host], made->plan, transfer);
    for (uint32_t p = 0; p < part.count; p++) {
        const gw_piece *piece = &g_array_index(made->hosts[host]->pieces, gw_piece, part.first + p);
        g_string_append_printf(found, "%s%u:%u>%u:%u %u", p == 0 ? "" : ", ", piece->source_device,
                               (unsigned)piece->source_offset_bytes, piece->target_device,
                               (unsigned)piece->target_offset_bytes, (unsigned)piece->size_bytes);
    }
    ck_assert_str_eq(found->str, expected);
}

static void check_sources(const bench *made, uint32_t host, uint32_t transfer, const char *expected)
{
    g_autoptr(GString) found = g_string_new(NULL);
    const gw_lowered_part part = gw_lowered_sources(made->hosts[host], made->plan, transfer);
    for (uint32_t s = 0; s < part.count; s++) {
        g_string_append_printf(
            found, "%s%u", s == 0 ? "" : " ",
            g_array_index(made->hosts[host]->source_hosts, uint32_t, part.first + s));
    }
    ck_assert_str_eq(found->str, expected);
}

/* --- The plan --- */

/* setup -> (every run) step and, carried, step -> step from init; step -> two readers. */
static gw_program *make_training(void)
{
    gw_builder *builder = gw_builder_new("training");
    const uint32_t mesh = small_mesh(builder, 2);
    const uint32_t setup = small_once(builder, "setup", mesh, "> s8");
    const uint32_t init = small_once(builder, "init", mesh, "s8 > s4 s2");
    const uint32_t step = small_node(builder, "step", mesh, "s8 s4 > s4 s2 r1 / 16");
    const uint32_t look = small_node(builder, "look", mesh, "s2 s4 > r1 / 3");
    gw_builder_add_edge(builder, setup, 0, init, 0);
    gw_builder_add_edge(builder, setup, 0, step, 0);
    gw_builder_add_carried(builder, step, 0, init, 0, step, 1);
    gw_builder_add_edge(builder, step, 1, look, 0);
    gw_builder_add_edge(builder, step, 0, look, 1);
    gw_builder_add_result(builder, "loss", step, 2);
    gw_builder_add_result(builder, "norm", look, 0);
    return small_finish(builder);
}

START_TEST(slots_are_outputs_in_order_of_nodes)
{
    g_autoptr(gw_program) program = make_training();
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    static const uint64_t sizes[] = {32, 16, 8, 16, 8, 4, 4};
    ck_assert_uint_eq(plan->node_count, 4);
    ck_assert_uint_eq(plan->slot_count, 7);
    for (uint32_t s = 0; s < 7; s++) {
        ck_assert_uint_eq(plan->slots[s].size_bytes, sizes[s]);
        ck_assert_uint_eq(plan->slots[s].mesh, 0);
        ck_assert_int_eq(plan->slots[s].is_permanent, s == 0);
    }
    ck_assert_uint_eq(plan->nodes[2].first_slot, 3);
    ck_assert_uint_eq(plan->nodes[2].output_count, 3);
    ck_assert_uint_eq(plan->workspace_bytes[0], 64); /* The larger of step's and look's. */
}
END_TEST

/* Set-up and carried edges tie runs to the place of the one before; transfers do not. */
START_TEST(state_is_set_up_or_carried)
{
    g_autoptr(gw_program) training = make_training();
    g_autoptr(gw_plan) kept = gw_plan_new(training);
    ck_assert(gw_plan_has_state(kept));
    gw_builder *builder = gw_builder_new("free");
    const uint32_t source = small_node(builder, "source", small_mesh(builder, 2), "> s4");
    const uint32_t target = small_node(builder, "target", small_mesh(builder, 1), "s8 > r1");
    gw_builder_add_edge(builder, source, 0, target, 0);
    g_autoptr(gw_program) program = small_finish(builder);
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    ck_assert(!gw_plan_has_state(plan));
    plan->nodes[0].is_once = true;
    ck_assert(gw_plan_has_state(plan));
    plan->nodes[0].is_once = false;
    plan->inputs[0].is_carried = true;
    ck_assert(gw_plan_has_state(plan));
}
END_TEST

START_TEST(readers_are_counted_by_run)
{
    g_autoptr(gw_program) program = make_training();
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    /* setup: init reads it as any other; step's reading of a permanent slot is not counted. */
    static const uint32_t readers[] = {1, 1, 0, 1, 1, 0, 0}, next[] = {0, 0, 0, 1, 0, 0, 0};
    for (uint32_t s = 0; s < 7; s++) {
        ck_assert_uint_eq(plan->slots[s].readers, readers[s]);
        ck_assert_uint_eq(plan->slots[s].readers_next, next[s]);
    }
}
END_TEST

START_TEST(carried_input_has_two_sources)
{
    g_autoptr(gw_program) program = make_training();
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    const gw_plan_input *carried = &plan->inputs[plan->nodes[2].first_input + 1];
    ck_assert(carried->is_carried && !carried->is_permanent);
    ck_assert_uint_eq(carried->slot, 3);
    ck_assert_uint_eq(carried->initial_slot, 1);
    ck_assert_uint_eq(carried->inbound_slot, GW_INDEX_NONE);
    ck_assert(!gw_plan_input_arrives(carried, 0) && !gw_plan_input_arrives(carried, 1));
    for (uint32_t t = 0; t < plan->transfer_count; t++) {
        ck_assert_uint_eq(plan->transfer_slot[t], GW_INDEX_NONE);
    }
    for (uint32_t n = 0; n < 4; n++) {
        ck_assert(!plan->nodes[n].has_transfers);
        ck_assert_uint_eq(plan->nodes[n].outgoing_count, 0);
    }
}
END_TEST

START_TEST(nodes_know_their_first_result)
{
    g_autoptr(gw_program) program = make_training();
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    static const uint32_t results[] = {GW_INDEX_NONE, GW_INDEX_NONE, 0, 1};
    for (uint32_t n = 0; n < 4; n++) {
        ck_assert_uint_eq(plan->nodes[n].result, results[n]);
        ck_assert_int_eq(plan->nodes[n].is_once, n < 2);
    }
}
END_TEST

/* init (mesh 0, once) begins what step (mesh 1) hands to work (mesh 0). */
static gw_program *make_carried_transfer(void)
{
    gw_builder *builder = gw_builder_new("carried");
    const uint32_t left = small_mesh(builder, 2), right = small_mesh(builder, 1);
    const uint32_t init = small_once(builder, "init", left, "> s4");
    const uint32_t work = small_node(builder, "work", left, "s4 > s4");
    const uint32_t step = small_node(builder, "step", right, "s8 > s8");
    gw_builder_add_carried(builder, step, 0, init, 0, work, 0);
    gw_builder_add_edge(builder, work, 0, step, 0);
    return small_finish(builder);
}

START_TEST(transfers_are_numbered_by_edge_and_way)
{
    g_autoptr(gw_program) program = make_carried_transfer();
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    const gw_plan_input *carried = &plan->inputs[0], *plain = &plan->inputs[1];
    ck_assert(!gw_plan_input_arrives(carried, 0)); /* init lies on work's own mesh. */
    ck_assert(gw_plan_input_arrives(carried, 1));
    ck_assert_uint_eq(gw_plan_input_transfer(carried, 0), 1);
    ck_assert_uint_eq(gw_plan_input_transfer(carried, 5), 0);
    ck_assert_uint_eq(gw_plan_input_transfer(plain, 0), 2);
    ck_assert_uint_eq(gw_plan_input_transfer(plain, 5), 2);
    ck_assert_uint_eq(plan->transfer_slot[0], 3); /* step's output, behind all of the left mesh, */
    ck_assert_uint_eq(plan->transfer_slot[1], GW_INDEX_NONE);
    ck_assert_uint_eq(plan->transfer_slot[2], 1); /* work's. */
    ck_assert_uint_eq(plan->slots[carried->inbound_slot].mesh, 0);
    ck_assert_uint_eq(plan->slots[carried->inbound_slot].size_bytes, 16);
    ck_assert_uint_eq(plan->slots[plain->inbound_slot].mesh, 1);
    ck_assert_uint_eq(plan->slots[plain->inbound_slot].size_bytes, 32);
    ck_assert_uint_eq(plan->slots[0].readers, 1);      /* init: in place, in run 0 alone. */
    ck_assert_uint_eq(plan->slots[3].readers_next, 0); /* step: by a transfer. */
    ck_assert(!plan->nodes[0].has_transfers);
    ck_assert_uint_eq(plan->outgoing[plan->nodes[1].first_outgoing], 2);
    ck_assert_uint_eq(plan->outgoing[plan->nodes[2].first_outgoing], 0);
}
END_TEST

START_TEST(nodes_have_their_transfers_in_order)
{
    gw_builder *builder = gw_builder_new("fan");
    const uint32_t left = small_mesh(builder, 1), right = small_mesh(builder, 1);
    small_node(builder, "a", left, "> r1 r2");
    small_node(builder, "b", left, "> r3");
    small_node(builder, "c", right, "r3 r1 r2 >");
    small_node(builder, "d", right, "r2 >");
    gw_builder_add_edge(builder, 1, 0, 2, 0);
    gw_builder_add_edge(builder, 0, 0, 2, 1);
    gw_builder_add_edge(builder, 0, 1, 2, 2);
    gw_builder_add_edge(builder, 0, 1, 3, 0);
    g_autoptr(gw_program) program = small_finish(builder);
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    static const uint32_t of_a[] = {2, 4, 6};
    ck_assert_uint_eq(plan->nodes[0].outgoing_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(plan->outgoing[plan->nodes[0].first_outgoing + i], of_a[i]);
    }
    ck_assert_uint_eq(plan->nodes[1].outgoing_count, 1);
    ck_assert_uint_eq(plan->outgoing[plan->nodes[1].first_outgoing], 0);
    ck_assert_uint_eq(plan->nodes[2].outgoing_count + plan->nodes[3].outgoing_count, 0);
    ck_assert(plan->nodes[2].has_transfers && plan->nodes[3].has_transfers);
    ck_assert_uint_ne(plan->inputs[2].inbound_slot, plan->inputs[3].inbound_slot);
}
END_TEST

/* --- Pieces --- */

START_TEST(four_shards_to_two)
{
    bench made;
    init_bench(&made, make_transfer(4, 2, "> s2", "s4 >"), 3, 2,
               (const uint32_t[]){0, 1, 2, 3, 4, 5});
    check_pieces(&made, 0, 0, "0:0>4:0 8, 1:0>4:8 8");
    check_pieces(&made, 1, 0, "2:0>5:0 8, 3:0>5:8 8");
    check_pieces(&made, 2, 0, "");
    check_sources(&made, 2, 0, "0 1");
    check_sources(&made, 0, 0, "");
    ck_assert_uint_eq(arrivals_of(&made, 2, 1, false)[0], 2); /* Node 1, not in run 0, ... */
    ck_assert_uint_eq(arrivals_of(&made, 2, 1, false)[1], 2);
    ck_assert_uint_eq(arrivals_of(&made, 2, 1, true)[0], 2); /* ... and in run 0. */
    ck_assert_ptr_null(arrivals_of(&made, 2, 0, false));
    ck_assert_ptr_null(arrivals_of(&made, 0, 1, false));
    clear_bench(&made);
}
END_TEST

START_TEST(two_shards_to_four)
{
    bench made;
    init_bench(&made, make_transfer(2, 4, "> s4", "s2 >"), 2, 3,
               (const uint32_t[]){0, 3, 1, 2, 4, 5});
    check_pieces(&made, 0, 0, "0:0>1:0 8, 0:8>2:0 8");
    check_pieces(&made, 1, 0, "3:0>4:0 8, 3:8>5:0 8");
    check_sources(&made, 0, 0, "0");
    check_sources(&made, 1, 0, "1");
    ck_assert_uint_eq(arrivals_of(&made, 0, 1, true)[1], 1);
    clear_bench(&made);
}
END_TEST

START_TEST(three_shards_to_two_are_cut)
{
    bench made;
    init_bench(&made, make_transfer(3, 2, "> s2", "s3 >"), 5, 1, (const uint32_t[]){0, 1, 2, 3, 4});
    check_pieces(&made, 0, 0, "0:0>3:0 8");
    check_pieces(&made, 1, 0, "1:0>3:8 4, 1:4>4:0 4");
    check_pieces(&made, 2, 0, "2:0>4:4 8");
    check_sources(&made, 3, 0, "0 1");
    check_sources(&made, 4, 0, "1 2");
    clear_bench(&made);
}
END_TEST

START_TEST(shards_to_replicas)
{
    bench made;
    init_bench(&made, make_transfer(2, 2, "> s2", "r4 >"), 4, 1, (const uint32_t[]){0, 1, 2, 3});
    check_pieces(&made, 0, 0, "0:0>2:0 8, 0:0>3:0 8");
    check_pieces(&made, 1, 0, "1:0>2:8 8, 1:0>3:8 8");
    check_sources(&made, 3, 0, "0 1");
    ck_assert_uint_eq(arrivals_of(&made, 3, 1, true)[0], 2);
    clear_bench(&made);
}
END_TEST

START_TEST(replicas_to_shards_share_the_work)
{
    bench made;
    init_bench(&made, make_transfer(2, 4, "> r4", "s1 >"), 6, 1,
               (const uint32_t[]){0, 1, 2, 3, 4, 5});
    check_pieces(&made, 0, 0, "0:0>2:0 4, 0:8>4:0 4");
    check_pieces(&made, 1, 0, "1:4>3:0 4, 1:12>5:0 4");
    check_sources(&made, 5, 0, "1");
    ck_assert_uint_eq(arrivals_of(&made, 5, 1, true)[0], 1);
    clear_bench(&made);
}
END_TEST

START_TEST(replicas_to_replicas_come_whole)
{
    bench made;
    init_bench(&made, make_transfer(3, 2, "> r4", "r4 >"), 5, 1, (const uint32_t[]){0, 1, 2, 3, 4});
    check_pieces(&made, 0, 0, "0:0>3:0 16");
    check_pieces(&made, 1, 0, "1:0>4:0 16");
    check_pieces(&made, 2, 0, ""); /* Not needed. */
    clear_bench(&made);
}
END_TEST

START_TEST(meshes_may_share_devices)
{
    bench made;
    init_bench(&made, make_transfer(2, 2, "> s2", "s2 >"), 2, 1, (const uint32_t[]){0, 1, 1, 0});
    check_pieces(&made, 0, 0, "0:0>1:0 8");
    check_pieces(&made, 1, 0, "1:0>0:0 8");
    check_sources(&made, 0, 0, "1");
    check_sources(&made, 1, 0, "0");
    ck_assert_uint_eq(made.hosts[0]->gangs_per_run, 2);
    clear_bench(&made);
}
END_TEST

START_TEST(shards_here_are_in_shard_order)
{
    bench made;
    init_bench(&made, make_transfer(4, 2, "> s2", "s4 >"), 2, 3,
               (const uint32_t[]){5, 0, 4, 1, 2, 3});
    const gw_lowered *first = made.hosts[0], *second = made.hosts[1];
    ck_assert_uint_eq(gw_lowered_local_count(first, 0), 2);
    ck_assert_uint_eq(first->local_devices[first->first_local[0]], 0);
    ck_assert_uint_eq(first->local_devices[first->first_local[0] + 1], 1);
    ck_assert_uint_eq(second->local_devices[second->first_local[0]], 5);
    ck_assert_uint_eq(second->local_devices[second->first_local[0] + 1], 4);
    ck_assert_uint_eq(first->has_first_shard[0], 0); /* Shard 0 is on device 5. */
    ck_assert_uint_eq(second->has_first_shard[0], 1);
    ck_assert_uint_eq(first->has_first_shard[1], 1);
    ck_assert_uint_eq(second->has_first_shard[1], 0);
    clear_bench(&made);
}
END_TEST

START_TEST(gangs_here_are_counted_by_run)
{
    bench made;
    init_bench(&made, make_carried_transfer(), 4, 1, (const uint32_t[]){0, 1, 2});
    ck_assert_uint_eq(made.hosts[0]->gangs_in_run_0, 2);
    ck_assert_uint_eq(made.hosts[0]->gangs_per_run, 1);
    ck_assert_uint_eq(made.hosts[2]->gangs_in_run_0, 1);
    ck_assert_uint_eq(made.hosts[2]->gangs_per_run, 1);
    ck_assert_uint_eq(made.hosts[3]->gangs_in_run_0, 0);
    ck_assert_uint_eq(made.hosts[3]->gangs_per_run, 0);
    /* What is carried arrives from run 1 on. */
    ck_assert_ptr_null(arrivals_of(&made, 0, 1, true));
    ck_assert_uint_eq(arrivals_of(&made, 0, 1, false)[0], 1);
    clear_bench(&made);
}
END_TEST

START_TEST(initial_transfer_arrives_in_run_0_alone)
{
    gw_builder *builder = gw_builder_new("initial");
    const uint32_t left = small_mesh(builder, 1), right = small_mesh(builder, 1);
    const uint32_t init = small_once(builder, "init", left, "> r4");
    const uint32_t step = small_node(builder, "step", right, "r4 > r4");
    gw_builder_add_carried(builder, step, 0, init, 0, step, 0);
    bench made;
    init_bench(&made, small_finish(builder), 2, 1, (const uint32_t[]){0, 1});
    ck_assert_ptr_null(arrivals_of(&made, 1, 1, false));
    ck_assert_uint_eq(arrivals_of(&made, 1, 1, true)[0], 1);
    check_pieces(&made, 0, 1, "0:0>1:0 16");
    check_pieces(&made, 1, 0, "");
    clear_bench(&made);
}
END_TEST

/* --- Every row once --- */

typedef struct {
    uint32_t state;
} small_random;

static uint32_t draw(small_random *random, uint32_t bound)
{
    random->state = random->state * 1664525 + 1013904223;
    return (random->state >> 12) % bound;
}

/* Devices [0, count) in any order. */
static void shuffle(small_random *random, uint32_t *devices, uint32_t count)
{
    for (uint32_t d = 0; d < count; d++) {
        devices[d] = d;
    }
    for (uint32_t d = 0; d < count; d++) {
        const uint32_t other = d + draw(random, count - d), moved = devices[d];
        devices[d] = devices[other];
        devices[other] = moved;
    }
}

static uint32_t find_shard(const uint32_t *devices, uint32_t count, uint32_t device)
{
    uint32_t shard = 0;
    while (shard < count && devices[shard] != device) {
        shard++;
    }
    ck_assert_uint_lt(shard, count);
    return shard;
}

typedef struct {
    const uint32_t *source_devices, *target_devices;
    uint32_t source_count, target_count, whole_rows;
    bool is_source_sharded, is_target_sharded;
    uint32_t *covered; /* By target shard * whole_rows + row: how often it arrives. */
    uint32_t *pieces;  /* By target shard. */
} coverage;

static void cover_piece(coverage *all, const gw_piece *piece)
{
    const uint32_t source =
        find_shard(all->source_devices, all->source_count, piece->source_device);
    const uint32_t target =
        find_shard(all->target_devices, all->target_count, piece->target_device);
    const uint32_t source_rows = all->whole_rows / (all->is_source_sharded ? all->source_count : 1);
    const uint32_t target_rows = all->whole_rows / (all->is_target_sharded ? all->target_count : 1);
    const uint32_t from = (uint32_t)piece->source_offset_bytes / SMALL_ROW_BYTES;
    const uint32_t to = (uint32_t)piece->target_offset_bytes / SMALL_ROW_BYTES;
    const uint32_t rows = (uint32_t)piece->size_bytes / SMALL_ROW_BYTES;
    ck_assert_uint_eq(rows * SMALL_ROW_BYTES, piece->size_bytes);
    ck_assert_uint_gt(rows, 0);
    ck_assert_uint_le(from + rows, source_rows);
    ck_assert_uint_le(to + rows, target_rows);
    /* The same rows of the whole at both ends. */
    ck_assert_uint_eq(from + (all->is_source_sharded ? source * source_rows : 0),
                      to + (all->is_target_sharded ? target * target_rows : 0));
    for (uint32_t r = 0; r < rows; r++) {
        all->covered[target * all->whole_rows + to + r]++;
    }
    all->pieces[target]++;
}

static void check_coverage(const bench *made, coverage *all)
{
    const uint32_t target_rows = all->whole_rows / (all->is_target_sharded ? all->target_count : 1);
    for (uint32_t h = 0; h < made->directory->host_count; h++) {
        const gw_lowered *lowered = made->hosts[h];
        for (uint32_t p = 0; p < gw_lowered_pieces(lowered, made->plan, 0).count; p++) {
            const gw_piece *piece = &g_array_index(
                lowered->pieces, gw_piece, gw_lowered_pieces(lowered, made->plan, 0).first + p);
            ck_assert_uint_eq(
                gw_directory_host(made->directory, (gw_device_id){piece->source_device}).index, h);
            cover_piece(all, piece);
        }
    }
    for (uint32_t t = 0; t < all->target_count; t++) {
        for (uint32_t r = 0; r < target_rows; r++) {
            ck_assert_uint_eq(all->covered[t * all->whole_rows + r], 1);
        }
    }
    for (uint32_t h = 0; h < made->directory->host_count; h++) {
        const gw_lowered *lowered = made->hosts[h];
        for (uint32_t i = 0; i < gw_lowered_local_count(lowered, 1); i++) {
            const uint32_t shard = find_shard(all->target_devices, all->target_count,
                                              lowered->local_devices[lowered->first_local[1] + i]);
            ck_assert_uint_eq(gw_lowered_arrivals(lowered, made->plan, 1, false)[i],
                              all->pieces[shard]);
            ck_assert_uint_eq(gw_lowered_arrivals(lowered, made->plan, 1, true)[i],
                              all->pieces[shard]);
        }
    }
}

/* The hosts that a target's host tells are those with pieces for it. */
static void check_source_hosts(const bench *made)
{
    for (uint32_t target = 0; target < made->directory->host_count; target++) {
        const gw_lowered_part part = gw_lowered_sources(made->hosts[target], made->plan, 0);
        uint32_t holder_count = 0;
        for (uint32_t source = 0; source < made->directory->host_count; source++) {
            const gw_lowered *lowered = made->hosts[source];
            bool has_piece = false, is_listed = false;
            for (uint32_t p = 0; p < gw_lowered_pieces(lowered, made->plan, 0).count; p++) {
                const gw_piece *piece = &g_array_index(
                    lowered->pieces, gw_piece, gw_lowered_pieces(lowered, made->plan, 0).first + p);
                has_piece = has_piece ||
                            gw_directory_host(made->directory, (gw_device_id){piece->target_device})
                                    .index == target;
            }
            for (uint32_t s = 0; s < part.count; s++) {
                is_listed = is_listed || g_array_index(made->hosts[target]->source_hosts, uint32_t,
                                                       part.first + s) == source;
            }
            ck_assert_int_eq(has_piece, is_listed);
            holder_count += has_piece;
        }
        ck_assert_uint_eq(part.count, holder_count); /* Each once. */
    }
}

START_TEST(every_row_arrives_once)
{
    small_random random = {(uint32_t)_i * 2654435761U + 1};
    const uint32_t host_count = 1 + draw(&random, 6), devices_per_host = 1 + draw(&random, 4);
    const uint32_t device_count = host_count * devices_per_host;
    uint32_t devices[2][24];
    shuffle(&random, devices[0], device_count);
    shuffle(&random, devices[1], device_count);
    coverage all = {
        .source_count = 1 + draw(&random, device_count),
        .target_count = 1 + draw(&random, device_count),
        .is_source_sharded = draw(&random, 3) > 0,
        .is_target_sharded = draw(&random, 3) > 0,
        .source_devices = devices[0],
        .target_devices = devices[1],
    };
    all.whole_rows = all.source_count * all.target_count * (1 + draw(&random, 3));
    g_autofree char *source =
        g_strdup_printf("> %c%u", all.is_source_sharded ? 's' : 'r',
                        all.is_source_sharded ? all.whole_rows / all.source_count : all.whole_rows);
    g_autofree char *target =
        g_strdup_printf("%c%u >", all.is_target_sharded ? 's' : 'r',
                        all.is_target_sharded ? all.whole_rows / all.target_count : all.whole_rows);
    uint32_t assigned[48];
    for (uint32_t d = 0; d < all.source_count + all.target_count; d++) {
        assigned[d] = d < all.source_count ? devices[0][d] : devices[1][d - all.source_count];
    }
    bench made;
    init_bench(&made, make_transfer(all.source_count, all.target_count, source, target), host_count,
               devices_per_host, assigned);
    all.covered = g_new0(uint32_t, all.target_count * all.whole_rows);
    all.pieces = g_new0(uint32_t, all.target_count);
    check_coverage(&made, &all);
    check_source_hosts(&made);
    g_free(all.covered);
    g_free(all.pieces);
    clear_bench(&made);
}
END_TEST

/* --- Peak memory, by hand --- */

static void check_peak(gw_program *program, const uint64_t *expected)
{
    gw_plan *plan = gw_plan_new(program);
    uint64_t peak_bytes[4] = {0}, state_bytes[4] = {0};
    gw_plan_peak_bytes(plan, peak_bytes);
    gw_plan_state_bytes(plan, state_bytes); /* It is a part of the peak. */
    for (uint32_t m = 0; m < program->meshes->len; m++) {
        ck_assert_uint_eq(peak_bytes[m], expected[m]);
        ck_assert_uint_le(state_bytes[m], peak_bytes[m]);
    }
    gw_plan_free(plan);
    gw_program_free(program);
}

START_TEST(peak_of_a_chain)
{
    gw_builder *builder = gw_builder_new("chain");
    const uint32_t mesh = small_mesh(builder, 4);
    small_node(builder, "a", mesh, "> s8");
    small_node(builder, "b", mesh, "s8 > s4");
    small_node(builder, "c", mesh, "s4 > s5 / 10");
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    gw_builder_add_edge(builder, 1, 0, 2, 0);
    /* a 8; b 8 + 4; c 4 + 5; always 10 of workspace. */
    check_peak(small_finish(builder), (const uint64_t[]){(12 + 10) * SMALL_ROW_BYTES});
}
END_TEST

START_TEST(peak_holds_a_buffer_until_its_last_reader)
{
    gw_builder *builder = gw_builder_new("diamond");
    const uint32_t mesh = small_mesh(builder, 1);
    small_node(builder, "a", mesh, "> r8");
    small_node(builder, "b", mesh, "r8 > r4");
    small_node(builder, "c", mesh, "r8 > r4");
    small_node(builder, "d", mesh, "r4 r4 > r1");
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    gw_builder_add_edge(builder, 0, 0, 2, 0);
    gw_builder_add_edge(builder, 1, 0, 3, 0);
    gw_builder_add_edge(builder, 2, 0, 3, 1);
    check_peak(small_finish(builder), (const uint64_t[]){(8 + 4 + 4) * SMALL_ROW_BYTES});
}
END_TEST

START_TEST(peak_of_an_output_that_nobody_reads)
{
    gw_builder *builder = gw_builder_new("unread");
    const uint32_t mesh = small_mesh(builder, 1);
    small_node(builder, "a", mesh, "> r8 r3");
    small_node(builder, "b", mesh, "> r6");
    check_peak(small_finish(builder), (const uint64_t[]){11 * SMALL_ROW_BYTES});
}
END_TEST

START_TEST(peak_keeps_permanent_buffers)
{
    gw_builder *builder = gw_builder_new("weights");
    const uint32_t mesh = small_mesh(builder, 1);
    small_once(builder, "weights", mesh, "> r8 r2"); /* The second is for nobody. */
    small_node(builder, "a", mesh, "r8 > r5");
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    check_peak(small_finish(builder), (const uint64_t[]){13 * SMALL_ROW_BYTES});
}
END_TEST

START_TEST(peak_of_what_is_carried_is_twice)
{
    gw_builder *builder = gw_builder_new("carried");
    const uint32_t mesh = small_mesh(builder, 1);
    small_once(builder, "init", mesh, "> r8");
    small_node(builder, "step", mesh, "r8 > r8");
    small_node(builder, "other", mesh, "> r3");
    gw_builder_add_carried(builder, 1, 0, 0, 0, 1, 0);
    check_peak(small_finish(builder), (const uint64_t[]){16 * SMALL_ROW_BYTES});
}
END_TEST

/* In run 1 the state of run 0 is held while `first` runs, which in run 0 it is not. */
START_TEST(peak_is_found_in_a_later_run)
{
    gw_builder *builder = gw_builder_new("later");
    const uint32_t mesh = small_mesh(builder, 1);
    small_once(builder, "init", mesh, "> r1");
    small_node(builder, "first", mesh, "> r7");
    small_node(builder, "grow", mesh, "r1 > r1 r9");
    small_node(builder, "use", mesh, "r9 >");
    gw_builder_add_carried(builder, 2, 0, 0, 0, 2, 0);
    gw_builder_add_carried(builder, 2, 1, 4, 0, 3, 0);
    small_once(builder, "nine", mesh, "> r9");
    /* The order is init, first, grow, nine, use.  Run 0: 1 + 7, 1 + 10, 10 + 9.  Run 1 begins
     * with the 10 that grow made: 10 + 7, 10 + 10. */
    check_peak(small_finish(builder), (const uint64_t[]){20 * SMALL_ROW_BYTES});
}
END_TEST

START_TEST(peak_of_a_transfer_is_at_both_ends)
{
    /* a's output of 4 rows a shard; b receives 2 and makes 1. */
    check_peak(make_transfer(2, 4, "> s4", "s2 > s1"),
               (const uint64_t[]){4 * SMALL_ROW_BYTES, 3 * SMALL_ROW_BYTES});
}
END_TEST

START_TEST(peak_of_a_permanent_transfer)
{
    gw_builder *builder = gw_builder_new("weights");
    const uint32_t left = small_mesh(builder, 2), right = small_mesh(builder, 1);
    small_once(builder, "weights", left, "> s8");
    small_node(builder, "a", right, "r16 > r5");
    gw_builder_add_edge(builder, 0, 0, 1, 0);
    check_peak(small_finish(builder),
               (const uint64_t[]){8 * SMALL_ROW_BYTES, 21 * SMALL_ROW_BYTES});
}
END_TEST

START_TEST(peak_of_a_carried_transfer)
{
    /* left: work takes 4 (init's, later inbound) and makes 4; right: step takes 8 and makes 8,
     * which it holds until the next run's work has it, while nothing else is there. */
    check_peak(make_carried_transfer(),
               (const uint64_t[]){8 * SMALL_ROW_BYTES, 16 * SMALL_ROW_BYTES});
}
END_TEST

static void check_state(gw_program *program, const uint64_t *expected)
{
    g_autoptr(gw_plan) plan = gw_plan_new(program);
    uint64_t state_bytes[4] = {0};
    gw_plan_state_bytes(plan, state_bytes);
    for (uint32_t m = 0; m < program->meshes->len; m++) {
        ck_assert_uint_eq(state_bytes[m], expected[m]);
    }
    gw_program_free(program);
}

START_TEST(state_is_what_lies_between_runs)
{
    gw_builder *builder = gw_builder_new("state");
    const uint32_t mesh = small_mesh(builder, 1);
    small_once(builder, "weights", mesh, "> r8 r2"); /* The second is for nobody, */
    small_once(builder, "init", mesh, "> r4");       /* and this for the first run. */
    small_node(builder, "step", mesh, "r8 r4 > r4 r3 / 16");
    gw_builder_add_edge(builder, 0, 0, 2, 0);
    gw_builder_add_carried(builder, 2, 0, 1, 0, 2, 1);
    check_state(small_finish(builder), (const uint64_t[]){(8 + 4 + 16) * SMALL_ROW_BYTES});
    /* It is held where it was made, until the next run has it. */
    check_state(make_carried_transfer(), (const uint64_t[]){0, 8 * SMALL_ROW_BYTES});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lower");
    TCase *plan = tcase_create("plan");
    tcase_add_test(plan, slots_are_outputs_in_order_of_nodes);
    tcase_add_test(plan, state_is_set_up_or_carried);
    tcase_add_test(plan, readers_are_counted_by_run);
    tcase_add_test(plan, carried_input_has_two_sources);
    tcase_add_test(plan, nodes_know_their_first_result);
    tcase_add_test(plan, transfers_are_numbered_by_edge_and_way);
    tcase_add_test(plan, nodes_have_their_transfers_in_order);
    suite_add_tcase(suite, plan);
    TCase *pieces = tcase_create("pieces");
    tcase_add_test(pieces, four_shards_to_two);
    tcase_add_test(pieces, two_shards_to_four);
    tcase_add_test(pieces, three_shards_to_two_are_cut);
    tcase_add_test(pieces, shards_to_replicas);
    tcase_add_test(pieces, replicas_to_shards_share_the_work);
    tcase_add_test(pieces, replicas_to_replicas_come_whole);
    tcase_add_test(pieces, meshes_may_share_devices);
    tcase_add_test(pieces, shards_here_are_in_shard_order);
    tcase_add_test(pieces, gangs_here_are_counted_by_run);
    tcase_add_test(pieces, initial_transfer_arrives_in_run_0_alone);
    tcase_add_loop_test(pieces, every_row_arrives_once, 0, 200);
    suite_add_tcase(suite, pieces);
    TCase *peak = tcase_create("peak");
    tcase_add_test(peak, peak_of_a_chain);
    tcase_add_test(peak, peak_holds_a_buffer_until_its_last_reader);
    tcase_add_test(peak, peak_of_an_output_that_nobody_reads);
    tcase_add_test(peak, peak_keeps_permanent_buffers);
    tcase_add_test(peak, peak_of_what_is_carried_is_twice);
    tcase_add_test(peak, peak_is_found_in_a_later_run);
    tcase_add_test(peak, peak_of_a_transfer_is_at_both_ends);
    tcase_add_test(peak, peak_of_a_permanent_transfer);
    tcase_add_test(peak, peak_of_a_carried_transfer);
    tcase_add_test(peak, state_is_what_lies_between_runs);
    suite_add_tcase(suite, peak);
    return gw_run_suite(suite);
}
