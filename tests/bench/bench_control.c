/* SPDX-License-Identifier: Apache-2.0 */
/* Steps are chosen as in bench_sim.c. */
#include "tests/bench/bench_control.h"

#include <string.h>

#include "base/check.h"
#include "controller/policy.h"
#include "tests/bench/bench_profile.h"
#include "tests/bench/bench_run.h"

#define POLICIES_MAX 32

typedef struct {
    const char *name, *bench_case, *submit;
    uint32_t jobs, hosts, devices_per_host;
    uint64_t steps;
    uint32_t base_index;
} control_case;

static const control_case sizes[] = {
    {"control.chained", "16 hosts x 4", "chained", 1, 16, 4, 1600, 0},
    {"control.chained", "512 hosts x 4", "chained", 1, 512, 4, 40, 0},
    {"control.chained", "512 hosts x 4, 16 clients", "chained", 16, 512, 4, 4, 0},
    {"control.op_by_op", "512 hosts x 4", "op_by_op", 1, 512, 4, 20, 1},
    {"control.chained.x10", "512 hosts x 4", "chained", 1, 512, 4, 400, 1},
};

/* Few and many hosts, devices on each, calls and programs: where the time goes (bench_profile.h).
 */
static const control_case shapes[] = {
    {GW_BENCH_PROFILE_ROWS, "chained, 1 host x 1", "chained", 1, 1, 1, 12000, 0},
    {GW_BENCH_PROFILE_ROWS, "chained, 1 host x 16", "chained", 1, 1, 16, 6000, 1},
    {GW_BENCH_PROFILE_ROWS, "chained, 64 hosts x 1", "chained", 1, 64, 1, 600, 2},
    {GW_BENCH_PROFILE_ROWS, "chained, 64 hosts x 16", "chained", 1, 64, 16, 120, 3},
    {GW_BENCH_PROFILE_ROWS, "op by op, 1 host x 1", "op_by_op", 1, 1, 1, 6000, 4},
    {GW_BENCH_PROFILE_ROWS, "op by op, 64 hosts x 1", "op_by_op", 1, 64, 1, 300, 5},
    {GW_BENCH_PROFILE_ROWS, "chained, 512 hosts x 4", "chained", 1, 512, 4, 20, 6},
    {GW_BENCH_PROFILE_ROWS, "op by op, 512 hosts x 4", "op_by_op", 1, 512, 4, 20, 7},
    {GW_BENCH_PROFILE_ROWS, "fused, 256 clients, 64 hosts x 16", "fused", 256, 64, 16, 1, 8},
};

/* Long enough for a few hundred ticks each. */
static const control_case sampled[] = {
    {"control.where", "chained, 512 hosts x 4", "chained", 1, 512, 4, 160, 0},
    {"control.where", "op by op, 512 hosts x 4", "op_by_op", 1, 512, 4, 60, 1},
    {"control.where", "chained, 1 host x 1", "chained", 1, 1, 1, 20000, 2},
};

static void add_cases(const control_case *cases, uint32_t count, bool is_sampled, GArray *rows)
{
    g_autofree gw_bench_chain *chains = g_new0(gw_bench_chain, count);
    for (uint32_t i = 0; i < count; i++)
        chains[i] = (gw_bench_chain){.name = cases[i].name,
                                     .bench_case = cases[i].bench_case,
                                     .backend = "null",
                                     .hosts = cases[i].hosts,
                                     .devices_per_host = cases[i].devices_per_host,
                                     .jobs = cases[i].jobs,
                                     .submit = cases[i].submit,
                                     .profile = "ideal",
                                     .steps = cases[i].steps,
                                     .base_index = cases[i].base_index,
                                     .is_sampled = is_sampled};
    gw_bench_run_chains(chains, count, rows);
}

/* Sixteen clients of eight devices each, gangs per second: what a decision costs. */
static void add_policies(GArray *rows)
{
    gw_bench_chain chains[POLICIES_MAX];
    char cases[POLICIES_MAX][64];
    uint32_t count = 0, fifo = 0;
    while (strcmp(gw_policies[fifo]->name, "fifo") != 0)
        fifo++;
    for (; gw_policies[count] != NULL; count++) {
        gw_check(count < POLICIES_MAX);
        g_snprintf(cases[count], sizeof cases[count], "16 clients of 8 devices, %s",
                   gw_policies[count]->name);
        chains[count] = (gw_bench_chain){.name = "control.gangs",
                                         .bench_case = cases[count],
                                         .backend = "null",
                                         .hosts = 512,
                                         .devices_per_host = 4,
                                         .jobs = 16,
                                         .submit = "chained",
                                         .profile = "ideal",
                                         .steps = 400,
                                         .base_index = fifo,
                                         .policy = gw_policies[count]->name,
                                         .mesh_devices = 8,
                                         .counts_gangs = true};
    }
    gw_bench_run_chains(chains, count, rows);
}

void gw_bench_control(GArray *rows)
{
    add_cases(sizes, G_N_ELEMENTS(sizes), false, rows);
    gw_bench_control_shapes(rows);
    add_policies(rows);
}

void gw_bench_control_where(GArray *rows)
{
    add_cases(sampled, G_N_ELEMENTS(sampled), true, rows);
}

void gw_bench_control_shapes(GArray *rows)
{
    add_cases(shapes, G_N_ELEMENTS(shapes), false, rows);
}
