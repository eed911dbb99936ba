/* SPDX-License-Identifier: Apache-2.0 */
/* What generates a program: one file, one table, one line in workloads.c. */
#pragma once

#include "base/params.h"
#include "program/program.h"
#include "workload/workload_schedule.h"

typedef struct {
    const char *name, *summary; /* "mlp", in scenarios; a line for `gangway list` */
    const char *const *help;    /* One line per parameter: "batch  examples per step"; NULL ends. */
    /* `params` is the job's "parameters" object; every key of it is read or refused.  The program
     * is a function of `params` and `seed` alone.  NULL and GW_ERROR_SCENARIO when they are wrong;
     * nothing is left behind. */
    gw_program *(*build)(gw_params *params, uint64_t seed, GError **error);
    /* Optional: for what build() would have its pipeline's schedule made, without making anything.
     * out->times are *out_times, which the caller frees; out->file is NULL.  False: as build(). */
    bool (*request)(gw_params *params, gw_schedule_request *out, gw_stage_times **out_times,
                    GError **error);
} gw_workload_ops;

extern const gw_workload_ops *const gw_workloads[];        /* In order of name; NULL ends it. */
const gw_workload_ops *gw_workload_find(const char *name); /* NULL: there is none. */

extern const gw_workload_ops gw_workload_chain;       /* workload_chain.c */
extern const gw_workload_ops gw_workload_graph;       /* workload_graph.c */
extern const gw_workload_ops gw_workload_mixture;     /* workload_mixture.c */
extern const gw_workload_ops gw_workload_mlp;         /* workload_mlp.c */
extern const gw_workload_ops gw_workload_pipeline;    /* workload_pipeline.c */
extern const gw_workload_ops gw_workload_products;    /* workload_products.c */
extern const gw_workload_ops gw_workload_transformer; /* workload_transformer.c */
