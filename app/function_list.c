/* SPDX-License-Identifier: Apache-2.0 */
#include "app/function_list.h"

#include <unistd.h>

#include "app/grid.h"
#include "base/check.h"
#include "base/error.h"

struct gw_function_list {
    GPtrArray *scenarios; /* Owned; functions are theirs. */
    GArray *functions;    /* gw_calibration_function */
    GHashTable *known;    /* Of texts that say all that matters for how long one takes. */
};

static void free_scenario(void *data)
{
    gw_scenario_free((gw_scenario *)data);
}

gw_function_list *gw_function_list_new(void)
{
    gw_function_list *list = g_new0(gw_function_list, 1);
    list->scenarios = g_ptr_array_new_with_free_func(free_scenario);
    list->functions = g_array_new(FALSE, FALSE, sizeof(gw_calibration_function));
    list->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return list;
}

void gw_function_list_free(gw_function_list *list)
{
    if (list == NULL)
        return;
    g_array_unref(list->functions);
    g_ptr_array_unref(list->scenarios);
    g_hash_table_unref(list->known);
    g_free(list);
}

const GArray *gw_function_list_functions(const gw_function_list *list)
{
    return list->functions;
}

static char *describe(const gw_function *function, const gw_mesh *mesh)
{
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "%u %u %u\n", mesh->shape[0], mesh->shape[1], mesh->shape[2]);
    for (guint i = 0; i < function->values->len; i++) {
        const gw_value *value = gw_function_value(function, i);
        g_string_append_printf(text, "%d %u %u %u\n", value->role, value->rows, value->columns,
                               value->donor);
    }
    for (guint i = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        g_string_append_printf(text, "%d %d %d %d %d %u", operation->kind, operation->map,
                               operation->reduction, operation->transpose_a, operation->transpose_b,
                               operation->sequence);
        for (uint32_t k = 0; k < gw_operation_input_count(operation); k++)
            g_string_append_printf(text, " %u", operation->inputs[k]);
        for (uint32_t k = 0; k < gw_operation_output_count(operation); k++)
            g_string_append_printf(text, " %u", operation->outputs[k]);
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}

static void add_function(gw_function_list *list, const gw_program *program, guint node)
{
    const gw_calibration_function made = {
        gw_program_function(program, node),
        gw_program_mesh(program, gw_program_node(program, node)->mesh)};
    if (!gw_function_models_time(made.function) &&
        g_hash_table_add(list->known, describe(made.function, made.mesh)))
        g_array_append_val(list->functions, made);
}

void gw_function_list_take(gw_function_list *list, gw_scenario *scenario)
{
    g_ptr_array_add(list->scenarios, scenario);
    for (guint i = 0; i < scenario->programs->len; i++) {
        const gw_program *program = (const gw_program *)scenario->programs->pdata[i];
        for (guint node = 0; node < program->nodes->len; node++)
            add_function(list, program, node);
    }
}

bool gw_function_list_add_file(gw_function_list *list, const char *path, GError **error)
{
    g_autoptr(gw_scenario) scenario = gw_scenario_load(path, NULL, error);
    g_autoptr(gw_grid) grid = gw_grid_new();
    if (scenario == NULL ||
        (scenario->vary != NULL && !gw_grid_add_params(grid, scenario->vary, error)))
        return false;
    for (guint s = 0; s < gw_grid_count(grid); s++) {
        g_auto(GStrv) settings = gw_grid_settings(grid, s);
        gw_scenario *varied = gw_scenario_load(path, (const char *const *)settings, error);
        if (varied == NULL)
            return false;
        gw_function_list_take(list, varied);
    }
    return true;
}

bool gw_function_list_check(const gw_function_list *list, const gw_probe_settings *settings,
                            GError **error)
{
    const uint64_t has_bytes =
        (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 2;
    for (guint i = 0; i < list->functions->len; i++) {
        const gw_function *function =
            g_array_index(list->functions, gw_calibration_function, i).function;
        const uint64_t takes_bytes = gw_probe_whole_bytes(settings, function);
        if (takes_bytes <= has_bytes)
            continue;
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                    "function %s: running it on %u threads takes %" G_GUINT64_FORMAT
                    " MiB, expected at most %" G_GUINT64_FORMAT ", half of this machine's memory",
                    function->name, settings->thread_count, takes_bytes >> 20, has_bytes >> 20);
        return false;
    }
    return true;
}
