/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of one operation over values of given shapes: what the tests of functions share. */
#pragma once

#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "program/function.h"

static const uint32_t mesh_2x3[] = {2, 3};

/* --- Builders --- */

/* A function with inputs, temporaries and outputs of the given shapes, in that order of values. */
typedef struct {
    uint32_t rows, columns;
} shape;

static inline gw_function *make_function(const shape *inputs, const shape *temporaries,
                                         const shape *outputs)
{
    gw_function *function = gw_function_new("f");
    for (size_t i = 0; inputs != NULL && inputs[i].rows > 0; i++) {
        gw_function_add_input(function, inputs[i].rows, inputs[i].columns, false);
    }
    for (size_t i = 0; temporaries != NULL && temporaries[i].rows > 0; i++) {
        gw_function_add_temporary(function, temporaries[i].rows, temporaries[i].columns);
    }
    for (size_t i = 0; outputs != NULL && outputs[i].rows > 0; i++) {
        gw_function_add_output(function, outputs[i].rows, outputs[i].columns, false);
    }
    return function;
}
#define SHAPES(...) ((const shape[]){__VA_ARGS__, {0, 0}})

/* An operation whose operands are values 0, 1, ... in the order in which it takes them. */
static inline gw_operation make_operation(gw_operation_kind kind)
{
    return (gw_operation){.kind = kind,
                          .map = GW_MAP_COPY,
                          .reduction = GW_REDUCTION_SUM,
                          .axes = 1,
                          .inputs = {0, 1, 2, 3, 4}};
}

static inline gw_operation make_map(gw_map map)
{
    gw_operation operation = make_operation(GW_OPERATION_MAP);
    operation.map = map;
    return operation;
}

/* `operation` alone, inputs first, then what it writes. */
static inline bool check_one(gw_operation operation, const shape *inputs, const shape *outputs,
                             GError **error)
{
    g_autoptr(gw_function) function = make_function(inputs, NULL, outputs);
    for (uint32_t i = 0; i < function->output_count; i++) {
        operation.outputs[i] = (uint16_t)gw_function_output(function, i);
    }
    gw_function_add(function, &operation);
    return gw_function_check(function, 2, mesh_2x3, error);
}

static inline void expect_good(gw_operation operation, const shape *inputs, const shape *outputs)
{
    g_autoptr(GError) error = NULL;
    const bool is_good = check_one(operation, inputs, outputs, &error);
    ck_assert_msg(is_good, "%s", error != NULL ? error->message : "no message");
    ck_assert_ptr_null(error);
}

static inline void expect_bad(gw_operation operation, const shape *inputs, const shape *outputs,
                              const char *part)
{
    g_autoptr(GError) error = NULL;
    ck_assert(!check_one(operation, inputs, outputs, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_msg(strstr(error->message, part) != NULL, "\"%s\" has no \"%s\"", error->message,
                  part);
    ck_assert_ptr_nonnull(strstr(error->message, "function \"f\""));
}

static inline void expect_refused(const gw_function *function, const char *part)
{
    g_autoptr(GError) error = NULL;
    ck_assert(!gw_function_check(function, 2, mesh_2x3, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    ck_assert_msg(strstr(error->message, part) != NULL, "\"%s\" has no \"%s\"", error->message,
                  part);
}

static inline void expect_accepted(const gw_function *function)
{
    g_autoptr(GError) error = NULL;
    const bool is_good = gw_function_check(function, 2, mesh_2x3, &error);
    ck_assert_msg(is_good, "%s", error != NULL ? error->message : "no message");
}

static inline void expect_cost(gw_operation operation, const shape *inputs, const shape *outputs,
                               double flops, double bytes)
{
    g_autoptr(gw_function) function = make_function(inputs, NULL, outputs);
    for (uint32_t i = 0; i < function->output_count; i++) {
        operation.outputs[i] = (uint16_t)gw_function_output(function, i);
    }
    ck_assert_double_eq(gw_operation_flops(function, &operation), flops);
    ck_assert_double_eq(gw_operation_bytes(function, &operation), bytes);
}
