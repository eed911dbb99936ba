/* SPDX-License-Identifier: Apache-2.0 */
#include "app/run_list.h"

#include <unistd.h>

#include "app/grid.h"
#include "base/error.h"

struct gw_run_list {
    GPtrArray *scenarios; /* Owned; programs are theirs. */
    GPtrArray *runs;      /* Of gw_probe_runs * */
    GHashTable *known;    /* Of texts that say all that matters for how long they take. */
};

static void free_scenario(void *data)
{
    gw_scenario_free((gw_scenario *)data);
}

static void free_runs(void *data)
{
    gw_probe_runs_free((gw_probe_runs *)data);
}

gw_run_list *gw_run_list_new(void)
{
    gw_run_list *list = g_new0(gw_run_list, 1);
    list->scenarios = g_ptr_array_new_with_free_func(free_scenario);
    list->runs = g_ptr_array_new_with_free_func(free_runs);
    list->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return list;
}

void gw_run_list_free(gw_run_list *list)
{
    if (list == NULL)
        return;
    g_ptr_array_unref(list->runs); /* They borrow the programs. */
    g_ptr_array_unref(list->scenarios);
    g_hash_table_unref(list->known);
    g_free(list);
}

const GPtrArray *gw_run_list_runs(const gw_run_list *list)
{
    return list->runs;
}

static void describe_function(GString *text, const gw_function *function)
{
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
}

static char *describe_runs(const gw_program *program, guint mesh, uint32_t device_count)
{
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "%u devices\n", device_count);
    for (guint i = 0; i < program->nodes->len; i++) {
        const gw_node *node = gw_program_node(program, i);
        if (node->mesh != mesh)
            continue;
        g_string_append_printf(text, "node %u %d", i, node->is_once);
        for (guint e = program->first_edge[i]; e < program->first_edge[i + 1]; e++) {
            const gw_edge *edge = gw_program_edge(program, e);
            g_string_append_printf(text, " %u %u %d", edge->source_node, edge->source_output,
                                   edge->is_carried);
        }
        g_string_append_c(text, '\n');
        describe_function(text, gw_program_function(program, i));
    }
    return g_string_free(text, FALSE);
}

static bool has_work(const gw_program *program, guint mesh)
{
    for (guint i = 0; i < program->nodes->len; i++) {
        const gw_node *node = gw_program_node(program, i);
        if (node->mesh == mesh && !node->is_once &&
            !gw_function_models_time(gw_program_function(program, i)))
            return true;
    }
    return false;
}

void gw_run_list_take(gw_run_list *list, gw_scenario *scenario)
{
    g_autoptr(gw_directory) directory = gw_scenario_directory(scenario);
    const uint32_t device_count = directory->device_count;
    g_ptr_array_add(list->scenarios, scenario);
    for (guint i = 0; i < scenario->programs->len; i++) {
        const gw_program *program = (const gw_program *)scenario->programs->pdata[i];
        for (guint mesh = 0; mesh < program->meshes->len; mesh++)
            if (has_work(program, mesh) &&
                g_hash_table_add(list->known, describe_runs(program, mesh, device_count)))
                g_ptr_array_add(list->runs, gw_probe_runs_new(program, mesh, device_count));
    }
}

bool gw_run_list_add_file(gw_run_list *list, const char *path, GError **error)
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
        gw_run_list_take(list, varied);
    }
    return true;
}

bool gw_run_list_check(const gw_run_list *list, const gw_probe_settings *settings, GError **error)
{
    const uint64_t has_bytes =
        (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 2;
    for (guint i = 0; i < list->runs->len; i++) {
        const gw_probe_runs *runs = (const gw_probe_runs *)list->runs->pdata[i];
        const uint64_t takes_bytes = gw_probe_runs_bytes(runs) * settings->thread_count;
        if (takes_bytes <= has_bytes)
            continue;
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                    "program %s: running it on %u threads takes %" G_GUINT64_FORMAT
                    " MiB, expected at most %" G_GUINT64_FORMAT ", half of this machine's memory",
                    runs->layout->program->name, settings->thread_count, takes_bytes >> 20,
                    has_bytes >> 20);
        return false;
    }
    return true;
}
