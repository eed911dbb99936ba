/* SPDX-License-Identifier: Apache-2.0 */
/* Steps are chosen as in bench_sim.c. */
#include "tests/bench/bench_control.h"

#include "base/check.h"
#include "controller/policy.h"
#include "tests/bench/bench_profile.h"
#include "tests/bench/bench_run.h"

#define POLICIES_MAX 32

/* Few and many hosts, devices on each, calls and programs: where the time goes (bench_profile.h).
 */
static void add_shapes(GArray *rows)
{
    static const struct {
        const char *bench_case, *submit;
        uint32_t jobs, hosts, devices_per_host;
        uint64_t steps;
    } shapes[] = {
        {"chained, 1 host x 1", "chained", 1, 1, 1, 12000},
        {"chained, 1 host x 16", "chained", 1, 1, 16, 6000},
        {"chained, 64 hosts x 1", "chained", 1, 64, 1, 600},
        {"chained, 64 hosts x 16", "chained", 1, 64, 16, 120},
        {"op by op, 1 host x 1", "op_by_op", 1, 1, 1, 6000},
        {"op by op, 64 hosts x 1", "op_by_op", 1, 64, 1, 300},
        {"chained, 512 hosts x 4", "chained", 1, 512, 4, 20},
        {"op by op, 512 hosts x 4", "op_by_op", 1, 512, 4, 20},
        {"fused, 256 clients, 64 hosts x 16", "fused", 256, 64, 16, 1},
    };
    gw_bench_chain chains[G_N_ELEMENTS(shapes)];
    for (uint32_t i = 0; i < G_N_ELEMENTS(shapes); i++)
        chains[i] = (gw_bench_chain){.name = GW_BENCH_PROFILE_ROWS,
                                     .bench_case = shapes[i].bench_case,
                                     .backend = "null",
                                     .hosts = shapes[i].hosts,
                                     .devices_per_host = shapes[i].devices_per_host,
                                     .jobs = shapes[i].jobs,
                                     .submit = shapes[i].submit,
                                     .profile = "ideal",
                                     .steps = shapes[i].steps};
    gw_bench_run_chains(chains, G_N_ELEMENTS(chains), rows);
}

/* Sixteen clients of eight devices each, gangs per second: what a decision costs. */
static void add_policies(GArray *rows)
{
    gw_bench_chain chains[POLICIES_MAX];
    char cases[POLICIES_MAX][64];
    uint32_t count = 0;
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
                                         .policy = gw_policies[count]->name,
                                         .mesh_devices = 8,
                                         .counts_gangs = true};
    }
    gw_bench_run_chains(chains, count, rows);
}

void gw_bench_control(GArray *rows)
{
    static const gw_bench_chain chains[] = {
        {.name = "control.chained",
         .bench_case = "16 hosts x 4",
         .backend = "null",
         .hosts = 16,
         .devices_per_host = 4,
         .jobs = 1,
         .submit = "chained",
         .profile = "ideal",
         .steps = 1600},
        {.name = "control.chained",
         .bench_case = "512 hosts x 4",
         .backend = "null",
         .hosts = 512,
         .devices_per_host = 4,
         .jobs = 1,
         .submit = "chained",
         .profile = "ideal",
         .steps = 40},
        {.name = "control.chained",
         .bench_case = "512 hosts x 4, 16 clients",
         .backend = "null",
         .hosts = 512,
         .devices_per_host = 4,
         .jobs = 16,
         .submit = "chained",
         .profile = "ideal",
         .steps = 4},
        {.name = "control.op_by_op",
         .bench_case = "512 hosts x 4",
         .backend = "null",
         .hosts = 512,
         .devices_per_host = 4,
         .jobs = 1,
         .submit = "op_by_op",
         .profile = "ideal",
         .steps = 20,
         .base_index = 1},
        {.name = "control.chained.x10",
         .bench_case = "512 hosts x 4",
         .backend = "null",
         .hosts = 512,
         .devices_per_host = 4,
         .jobs = 1,
         .submit = "chained",
         .profile = "ideal",
         .steps = 400,
         .base_index = 1},
    };
    gw_bench_run_chains(chains, G_N_ELEMENTS(chains), rows);
    add_shapes(rows);
    add_policies(rows);
}
