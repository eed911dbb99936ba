/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of the control plane, drawn: memory, hosts and clients that leave, policies. */
#pragma once

#include "fuzz_case.h"

/* What the largest job needs when all its meshes lie on one device. */
static inline uint64_t find_needed_bytes(const fuzz_case *drawn)
{
    uint64_t needed_bytes = 1;
    for (uint32_t j = 0; j < drawn->job_count; j++) {
        uint64_t job_bytes = 0;
        for (uint32_t m = 0; m < drawn->jobs[j].program->meshes->len; m++) {
            job_bytes += drawn->drawn[j].peak_bytes[m];
        }
        needed_bytes = MAX(needed_bytes, job_bytes);
    }
    return needed_bytes;
}

/* That, or sometimes more. */
static inline void draw_memory(fuzz_case *drawn)
{
    const uint64_t needed_bytes = find_needed_bytes(drawn);
    const uint32_t kind = draw(drawn, 4);
    for (uint32_t i = 0; i < drawn->island_count; i++) {
        drawn->islands[i].hbm_bytes = kind == 0   ? UINT64_C(1) << 40
                                      : kind == 1 ? needed_bytes + draw(drawn, 64)
                                      : kind == 2 ? needed_bytes * 2
                                                  : needed_bytes;
    }
}

static inline uint32_t count_systems(void)
{
    uint32_t count = 0;
    while (gw_systems[count] != NULL) {
        count++;
    }
    return count;
}

/* No value decides anything. */
static inline bool is_regular(const fuzz_case *drawn)
{
    bool is_all = true;
    for (uint32_t j = 0; j < drawn->job_count; j++) {
        is_all = is_all && drawn->jobs[j].until == NULL && !drawn->jobs[j].plan->has_decisions;
    }
    return is_all;
}

/* Hosts are removed and put back, one lot after the other, so that every job can be served again.
 * The toy world's timers are due in any order with all else, so their instants say nothing. */
static inline void draw_changes(fuzz_case *drawn)
{
    const uint32_t pair_count = is_drawn(drawn, 2) ? 0 : 1 + draw(drawn, CHANGES_MAX / 2);
    for (uint32_t p = 0; p < pair_count; p++) {
        const uint32_t island = draw(drawn, drawn->island_count);
        uint32_t count = 0;
        gw_check(drawn->islands[island].host_count <= HOSTS_MAX);
        for (uint32_t h = 0; h < drawn->islands[island].host_count; h++) {
            if (!is_drawn(drawn, 3)) {
                drawn->hosts[p][count++] = h;
            }
        }
        drawn->changes[2 * p] = (gw_change){.at_ns = is_drawn(drawn, 8) && p == 0 ? 0 : 2 * p + 1,
                                            .is_removal = true,
                                            .island = island,
                                            .hosts = drawn->hosts[p],
                                            .host_count = count};
        drawn->changes[2 * p + 1] = drawn->changes[2 * p];
        drawn->changes[2 * p + 1].at_ns = 2 * p + 2;
        drawn->changes[2 * p + 1].is_removal = false;
    }
    drawn->control.changes = drawn->changes;
    drawn->control.change_count = 2 * pair_count;
}

/* Often room for data that move, and a place for most that have to; from a stream of its own. */
static inline void draw_room(fuzz_case *drawn, uint64_t seed)
{
    gw_random random;
    gw_random_init(&random, seed, "fuzz.controller.room");
    if (drawn->control.change_count == 0 || gw_random_below(&random, 3) == 0)
        return;
    for (uint32_t i = 0; i < drawn->island_count; i++)
        drawn->islands[i].hbm_bytes *= 4;
    for (uint32_t j = 0; j < drawn->job_count; j++)
        drawn->jobs[j].islands = NULL;
    for (uint32_t j = 0; j < drawn->job_count && gw_random_below(&random, 2) == 0; j++)
        drawn->jobs[j].devices = NULL;
}

/* Clients that leave; when, the toy world says.  From a stream of its own. */
static inline void draw_stops(fuzz_case *drawn, uint64_t seed)
{
    gw_random random;
    gw_random_init(&random, seed, "fuzz.controller.stop");
    for (uint32_t j = 0; j < drawn->job_count && gw_random_below(&random, 3) == 0; j++)
        drawn->jobs[j].stop_ns = drawn->jobs[j].start_ns == 0 ? 1 : 0; /* Not before it starts. */
}

static inline void draw_placement(fuzz_case *drawn)
{
    uint32_t count = 0;
    while (gw_placements[count] != NULL) {
        count++;
    }
    drawn->control.placement = gw_placements[draw(drawn, count)];
    drawn->control.placement_seed = draw(drawn, 1000);
    for (uint32_t i = 0; i < drawn->island_count; i++) {
        for (uint32_t axis = 0; axis < 3; axis++) {
            drawn->islands[i].is_wrapped[axis] = is_drawn(drawn, 2);
        }
    }
}

/* Where there is a scheduler, any of the policies, and what jobs ask of them; from a stream of its
 * own, so that the rest of a case is the same under all. */
static inline void draw_policy(fuzz_case *drawn, uint64_t seed)
{
    gw_random random;
    uint32_t count = 0;
    gw_random_init(&random, seed, "fuzz.controller.policy");
    while (gw_policies[count] != NULL) {
        count++;
    }
    if (drawn->control.policy != NULL) {
        drawn->control.policy = gw_policies[gw_random_below(&random, count)];
    }
    drawn->control.starvation_limit_ns = 1 + gw_random_below(&random, 1000);
    for (uint32_t j = 0; j < drawn->job_count; j++) {
        drawn->jobs[j].weight = 1 + (uint32_t)gw_random_below(&random, 9);
        drawn->jobs[j].priority = (uint32_t)gw_random_below(&random, 4);
        drawn->jobs[j].deadline_ns = gw_random_below(&random, 3) * 500;
    }
}

/* Leases that hold, and some that end before anybody could answer; clients that fail.  From a
 * stream of its own: the rest of a case is the same. */
static inline void draw_failures(fuzz_case *drawn, uint64_t seed)
{
    static const gw_span leases_ns[] = {1, 30, 300, 20000, 20000, 20000};
    gw_random random;
    gw_random_init(&random, seed, "fuzz.controller.failures");
    if (drawn->control.system != NULL || gw_random_below(&random, 3) == 0) {
        return;
    }
    drawn->control.lease_ns = leases_ns[gw_random_below(&random, G_N_ELEMENTS(leases_ns))];
    for (uint32_t j = 0; j < drawn->job_count; j++) {
        const uint64_t range = UINT64_C(1) << (4 + gw_random_below(&random, 9));
        if (gw_random_below(&random, 2) == 0) {
            drawn->jobs[j].fail_ns = 1 + gw_random_below(&random, range);
        }
    }
}

/* Hosts that wait for their devices, where hosts run loops, from a stream of its own. */
static inline void draw_handoffs(fuzz_case *drawn, uint64_t seed)
{
    gw_random random;
    gw_random_init(&random, seed, "fuzz.controller.handoffs");
    if (gw_system_of(&drawn->control)->clients != GW_CLIENTS_START ||
        gw_random_below(&random, 2) == 0) {
        return;
    }
    for (uint32_t j = 0; j < drawn->job_count; j++) {
        if (drawn->jobs[j].plan->has_exchanges) { /* Scenarios refuse them in this system. */
            return;
        }
    }
    drawn->control.has_blocking_handoffs = true;
    for (uint32_t j = 0; j < drawn->job_count; j++) {
        drawn->jobs[j].submit = GW_SUBMIT_OP_BY_OP;
    }
}

/* Sometimes buffers go to the host, which has room for some or for all; from a stream of its own.
 */
static inline void draw_spill(fuzz_case *drawn, uint64_t seed)
{
    gw_random random;
    gw_random_init(&random, seed, "fuzz.controller.spill");
    if (drawn->control.system != NULL || drawn->control.change_count > 0 ||
        gw_random_below(&random, 2) == 0) {
        return;
    }
    drawn->control.spill = gw_spills[gw_random_below(&random, 2)];
    const uint64_t memory_bytes =
        1 + gw_random_below(&random, gw_random_below(&random, 2) == 0 ? 512 : 1 << 20);
    for (uint32_t i = 0; i < drawn->island_count; i++) {
        drawn->islands[i].host_memory_bytes = memory_bytes;
        drawn->islands[i].hbm_bytes = find_needed_bytes(drawn);
    }
}

static inline bool is_alike(const gw_function *function, uint32_t input, uint32_t output)
{
    const gw_value *one = gw_function_value(function, gw_function_input(function, input));
    const gw_value *other = gw_function_value(function, gw_function_output(function, output));
    return one->rows == other->rows && one->is_sharded == other->is_sharded;
}

/* Each output of the node takes over an input that is as large, its own of the run before if it
 * reads that. */
static inline void draw_donors(gw_random *random, const gw_program *program, uint32_t node)
{
    gw_function *function =
        g_ptr_array_index(program->functions, gw_program_node(program, node)->function);
    bool is_given[VALUES_MAX + 1] = {false};
    for (uint32_t o = 0; o < function->output_count; o++) {
        uint32_t donor = GW_INDEX_NONE;
        for (uint32_t i = 0; i < MIN(function->input_count, VALUES_MAX); i++) {
            const gw_edge *edge = gw_program_edge(program, program->first_edge[node] + i);
            const bool is_own =
                edge->is_carried && edge->source_node == node && edge->source_output == o;
            if (!is_given[i] && is_alike(function, i, o) &&
                (donor == GW_INDEX_NONE || is_own || gw_random_below(random, 2) == 0))
                donor = i;
        }
        if (donor == GW_INDEX_NONE || gw_random_below(random, 4) == 0)
            continue;
        is_given[donor] = true;
        gw_function_donate(function, gw_function_input(function, donor),
                           gw_function_output(function, o));
    }
}

/* Mostly outputs take over inputs' buffers where they may, and memory that was just enough is just
 * enough again; from a stream of its own. */
static inline void draw_donations(fuzz_case *drawn, uint64_t seed)
{
    gw_random random;
    gw_random_init(&random, seed, "fuzz.controller.donations");
    if (!gw_control_may_donate(&drawn->control) || gw_random_below(&random, 4) == 0)
        return;
    const uint64_t needed_before_bytes = find_needed_bytes(drawn);
    for (uint32_t j = 0; j < drawn->job_count; j++) {
        drawn_job *made = &drawn->drawn[j];
        for (uint32_t n = 0; n < made->program->nodes->len; n++)
            draw_donors(&random, made->program, n);
        gw_plan_free(made->plan);
        drawn->jobs[j].plan = made->plan = gw_plan_new(made->program);
        gw_plan_peak_bytes(made->plan, made->peak_bytes);
    }
    for (uint32_t i = 0; i < drawn->island_count; i++)
        if (drawn->islands[i].hbm_bytes == needed_before_bytes)
            drawn->islands[i].hbm_bytes = find_needed_bytes(drawn);
}

/* Sometimes bytes ahead are limited, down to less than any gang needs; from a stream of its own. */
static inline void draw_lookahead_memory(fuzz_case *drawn, uint64_t seed)
{
    gw_random random;
    gw_random_init(&random, seed, "fuzz.controller.lookahead_memory");
    if (drawn->control.policy != NULL && gw_random_below(&random, 3) == 0) {
        drawn->control.lookahead_memory_bytes =
            1 + gw_random_below(&random, gw_random_below(&random, 2) == 0 ? 64 : 4096);
    }
    g_autoptr(gw_directory) directory =
        gw_directory_new(drawn->islands, drawn->island_count, drawn->job_count);
    drawn->control.counts_bytes = gw_budget_is_needed(directory, &drawn->control, drawn->jobs);
}
