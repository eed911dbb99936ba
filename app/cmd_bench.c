/* SPDX-License-Identifier: Apache-2.0 */
/* gangway bench: measures this build on this machine and prints rates and ratios of one run. */
#include <stdio.h>
#include <string.h>

#include "app/command.h"
#include "base/error.h"
#include "record/json.h"
#include "tests/bench/bench_control.h"
#include "tests/bench/bench_engine.h"
#include "tests/bench/bench_sim.h"

static gboolean wants_json;

static const GOptionEntry entries[] = {
    {"json", 'j', 0, G_OPTION_ARG_NONE, &wants_json, "Print a JSON list of rows", NULL},
    G_OPTION_ENTRY_NULL,
};

static void print_json(const GArray *rows)
{
    fputs("[\n", stdout);
    for (guint i = 0; i < rows->len; i++) {
        const gw_bench_row *row = &g_array_index(rows, gw_bench_row, i);
        g_autoptr(GString) text = g_string_new(NULL);
        gw_json json;
        gw_json_init(&json, text);
        gw_json_string(&json, "name", row->name);
        gw_json_string(&json, "case", row->bench_case);
        gw_json_count(&json, "count", row->count);
        gw_json_real(&json, "ns_per_operation", row->ns_per_operation);
        gw_json_real(&json, "operations_per_s", row->operations_per_s);
        gw_json_count(&json, "peak_bytes", row->peak_bytes);
        gw_json_finish(&json);
        printf("%s%s\n", g_strchomp(text->str), i + 1 < rows->len ? "," : "");
    }
    fputs("]\n", stdout);
}

static void print_table(const GArray *rows)
{
    printf("%-16s %-34s %12s %12s %16s %10s\n", "name", "case", "count", "ns/op", "op/s",
           "peak MiB");
    for (guint i = 0; i < rows->len; i++) {
        const gw_bench_row *row = &g_array_index(rows, gw_bench_row, i);
        printf("%-16s %-34s %12" G_GUINT64_FORMAT " %12.2f %16.0f %10.1f\n", row->name,
               row->bench_case, row->count, row->ns_per_operation, row->operations_per_s,
               (double)row->peak_bytes / 1048576.0);
    }
}

static const gw_bench_row *find_row(const GArray *rows, const char *name, const char *bench_case)
{
    for (guint i = 0; i < rows->len; i++) {
        const gw_bench_row *row = &g_array_index(rows, gw_bench_row, i);
        if (strcmp(row->name, name) == 0 && strcmp(row->bench_case, bench_case) == 0)
            return row;
    }
    return NULL;
}

/* How many times as fast as the heap the ladder is, case by case. */
static void print_engine_ratios(const GArray *rows)
{
    puts("\nladder against heap, times as fast:");
    for (guint i = 0; i < rows->len; i++) {
        const gw_bench_row *heap = &g_array_index(rows, gw_bench_row, i);
        const gw_bench_row *ladder = find_row(rows, "engine.ladder", heap->bench_case);
        if (strcmp(heap->name, "engine.heap") == 0 && ladder != NULL)
            printf("  %-24s %6.2f\n", heap->bench_case,
                   heap->ns_per_operation / ladder->ns_per_operation);
    }
}

/* Rows called NAME.x10 do ten times the work of NAME in the same case. */
static void print_growth(const GArray *rows)
{
    for (guint i = 0; i < rows->len; i++) {
        const gw_bench_row *longer = &g_array_index(rows, gw_bench_row, i);
        g_autofree char *name = g_strdup(longer->name);
        if (!g_str_has_suffix(name, ".x10"))
            continue;
        name[strlen(name) - strlen(".x10")] = '\0';
        const gw_bench_row *row = find_row(rows, name, longer->bench_case);
        if (row == NULL)
            continue;
        double times = (double)longer->count / (double)row->count;
        printf("\n%s, %s: %.2f times the work takes %.2f times as long, %.2f times the memory\n",
               name, row->bench_case, times,
               times * longer->ns_per_operation / row->ns_per_operation,
               (double)longer->peak_bytes / (double)row->peak_bytes);
    }
}

/* Cost against the first row of the same name. */
static void print_chain_ratios(const GArray *rows)
{
    const gw_bench_row *first = NULL;
    puts("\ncost per operation, against the first of its name:");
    for (guint i = 0; i < rows->len; i++) {
        const gw_bench_row *row = &g_array_index(rows, gw_bench_row, i);
        if (first == NULL || strcmp(first->name, row->name) != 0)
            first = row;
        else
            printf("  %-16s %-34s %6.2f\n", row->name, row->bench_case,
                   row->ns_per_operation / first->ns_per_operation);
    }
    print_growth(rows);
}

static const struct {
    const char *name, *summary;
    void (*measure)(GArray *rows);
    void (*print_ratios)(const GArray *rows);
} benches[] = {
    {"engine", "ns per hold of the event queues", gw_bench_engine, print_engine_ratios},
    {"sim", "device operations per second, simulated, controller in the loop", gw_bench_sim,
     print_chain_ratios},
    {"control", "shard launches per second through the controller alone", gw_bench_control,
     print_chain_ratios},
};

static int refuse_bench(const char *word)
{
    const char *names[G_N_ELEMENTS(benches) + 1] = {NULL};
    for (guint i = 0; i < G_N_ELEMENTS(benches); i++)
        names[i] = benches[i].name;
    const char *near = gw_error_suggest(word, names);
    fprintf(stderr, "gangway bench: no bench \"%s\"%s%s%s (see gangway bench --help)\n", word,
            near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
            near != NULL ? "\"?" : "");
    return 2;
}

static int run_bench(int argc, char **argv)
{
    int exit_code;
    g_autoptr(GString) description = g_string_new("Benches:\n");
    for (guint i = 0; i < G_N_ELEMENTS(benches); i++)
        g_string_append_printf(description, "  %-8s %s\n", benches[i].name, benches[i].summary);
    if (!gw_command_parse("bench", "NAME", description->str, entries, &argc, &argv, &exit_code))
        return exit_code;
    if (argc != 2) {
        fputs("gangway bench: expected one bench (see gangway bench --help)\n", stderr);
        return 2;
    }
    for (guint i = 0; i < G_N_ELEMENTS(benches); i++) {
        if (strcmp(argv[1], benches[i].name) != 0)
            continue;
        g_autoptr(GArray) rows = g_array_new(FALSE, TRUE, sizeof(gw_bench_row));
        benches[i].measure(rows);
        if (rows->len == 0)
            return 5; /* Each case has said why. */
        if (wants_json)
            print_json(rows);
        else {
            print_table(rows);
            benches[i].print_ratios(rows);
        }
        return 0;
    }
    return refuse_bench(argv[1]);
}

const gw_command gw_command_bench = {"bench", "measure this build on this machine", run_bench};
