/* SPDX-License-Identifier: Apache-2.0 */
/* gangway bench: measures this build on this machine and prints rates and ratios of one run. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "base/error.h"
#include "base/sample.h"
#include "base/units.h"
#include "record/json.h"
#include "tests/bench/bench_control.h"
#include "tests/bench/bench_cpu.h"
#include "tests/bench/bench_engine.h"
#include "tests/bench/bench_fabric.h"
#include "tests/bench/bench_profile.h"
#include "tests/bench/bench_sim.h"

#define ROUNDS_MAX 1000
#define ROUNDS_OWN G_MININT /* As many as the bench has of its own. */

static gboolean wants_json;
static int round_count = ROUNDS_OWN;
static gboolean wants_profile;
static char *costs_path;

static const GOptionEntry entries[] = {
    {"json", 'j', 0, G_OPTION_ARG_NONE, &wants_json, "Print a JSON list of rows", NULL},
    {"rounds", 'r', 0, G_OPTION_ARG_INT, &round_count,
     "Measure all cases N times; figures are medians (default: see below)", "N"},
    {"profile", 'p', 0, G_OPTION_ARG_NONE, &wants_profile,
     "control: where a launch's nanoseconds go, by part of the controller", NULL},
    {"costs", 'c', 0, G_OPTION_ARG_FILENAME, &costs_path,
     "control: write what this controller's actions cost as a profile for scenarios", "FILE"},
    G_OPTION_ENTRY_NULL,
};

static uint64_t count_ticks(const gw_bench_row *row)
{
    uint64_t count = 0;
    for (uint32_t part = 0; part < GW_WHERE_COUNT; part++)
        count += row->ticks[part];
    return count;
}

/* Of an operation's nanoseconds; 0 without a tick. */
static double part_ns(const gw_bench_row *row, uint32_t part)
{
    return row->ns_per_operation * (double)row->ticks[part] / (double)MAX(count_ticks(row), 1);
}

static void write_parts(const gw_bench_row *row, gw_json *json)
{
    gw_json_count(json, "ticks", count_ticks(row));
    gw_json_open_object(json, "parts_ns");
    for (uint32_t part = 0; part < GW_WHERE_COUNT; part++)
        gw_json_real(json, gw_where_names[part], part_ns(row, part));
    gw_json_close_object(json);
}

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
        if (wants_profile)
            write_parts(row, &json);
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

/* --- Ratios --- */

static bool has_base(const gw_bench_row *row, guint index)
{
    return row->base_index != index;
}

/* How many times as fast as the heap the ladder is, case by case. */
static void print_engine_ratios(const GArray *rows)
{
    puts("\nladder against heap, times as fast:");
    for (guint i = 0; i < rows->len; i++) {
        const gw_bench_row *row = &g_array_index(rows, gw_bench_row, i);
        if (has_base(row, i))
            printf("  %-24s %6.2f\n", row->bench_case, 1 / row->base_ratio);
    }
}

/* How many times as fast as filling all links anew it is to keep rates up to date. */
static void print_fabric_ratios(const GArray *rows)
{
    puts("\nrates against a refill, times as fast:");
    for (guint i = 0; i < rows->len; i++) {
        const gw_bench_row *row = &g_array_index(rows, gw_bench_row, i);
        if (has_base(row, i))
            printf("  %-32s %8.1f\n", row->bench_case, 1 / row->base_ratio);
    }
}

/* Cost against the first row of the same name; rows called NAME.x10 do ten times the work. */
static void print_chain_ratios(const GArray *rows)
{
    puts("\ncost per operation, against another row:");
    for (guint i = 0; i < rows->len; i++) {
        const gw_bench_row *row = &g_array_index(rows, gw_bench_row, i);
        const gw_bench_row *base = &g_array_index(rows, gw_bench_row, row->base_index);
        if (has_base(row, i))
            printf("  %-20s %-28s %6.2f of %s, %s\n", row->name, row->bench_case, row->base_ratio,
                   base->name, base->bench_case);
        if (has_base(row, i) && g_str_has_suffix(row->name, ".x10")) {
            const double times = (double)row->count / (double)base->count;
            printf("    %.2f times the work takes %.2f times as long, %.2f times the memory\n",
                   times, times * row->base_ratio,
                   (double)row->peak_bytes / (double)base->peak_bytes);
        }
    }
}

/* A column a row, a line a part. */
static void print_parts(const GArray *rows)
{
    puts("\nns per launch, by part of the controller:");
    for (guint i = 0; i < rows->len; i++) {
        const gw_bench_row *row = &g_array_index(rows, gw_bench_row, i);
        printf("  %s (%" G_GUINT64_FORMAT " ticks)\n", row->bench_case, count_ticks(row));
        for (uint32_t part = 0; part < GW_WHERE_COUNT; part++)
            printf("    %-12s %10.2f  %5.1f %%\n", gw_where_names[part], part_ns(row, part),
                   100 * part_ns(row, part) / row->ns_per_operation);
    }
}

static const struct {
    const char *name, *summary;
    void (*measure)(GArray *rows);
    void (*print_ratios)(const GArray *rows);
    int round_count; /* Unless the user says another. */
} benches[] = {
    {"engine", "ns per hold of the event queues", gw_bench_engine, print_engine_ratios, 1},
    {"sim", "device operations per second, simulated, controller in the loop", gw_bench_sim,
     print_chain_ratios, 5},
    {"control", "shard launches per second through the controller alone", gw_bench_control,
     print_chain_ratios, 5},
    {"cpu", "products and calls on this machine's CPUs, with the controller and without",
     gw_bench_cpu, print_chain_ratios, 5},
    {"fabric", "rate changes and transfers per second on links shared in time", gw_bench_fabric,
     print_fabric_ratios, 3},
};

/* --- Rounds --- */

/* `all` holds round after round of `row_count` rows.  All cases of a round meet the same weather,
 * so a ratio is the median of the rounds' ratios, not the ratio of medians. */
static void merge_rounds(const GArray *all, guint row_count, GArray *rows)
{
    for (guint i = 0; i < row_count; i++) {
        gw_bench_row row = g_array_index(all, gw_bench_row, i);
        g_autoptr(GArray) costs = g_array_new(FALSE, FALSE, sizeof(double));
        g_autoptr(GArray) ratios = g_array_new(FALSE, FALSE, sizeof(double));
        for (guint first = 0; first < all->len; first += row_count) {
            const gw_bench_row *one = &g_array_index(all, gw_bench_row, first + i);
            const gw_bench_row *base = &g_array_index(all, gw_bench_row, first + row.base_index);
            const double ratio = one->ns_per_operation / base->ns_per_operation;
            g_array_append_val(costs, one->ns_per_operation);
            g_array_append_val(ratios, ratio);
            row.peak_bytes = MAX(row.peak_bytes, one->peak_bytes);
            for (uint32_t part = 0; first > 0 && part < GW_WHERE_COUNT; part++)
                row.ticks[part] += one->ticks[part];
        }
        row.ns_per_operation = gw_sample_median(costs);
        row.operations_per_s = 1e9 / row.ns_per_operation;
        row.base_ratio = gw_sample_median(ratios);
        g_array_append_val(rows, row);
    }
}

/* False: a case failed, and has said why. */
static bool measure_rounds(void (*measure)(GArray *rows), guint rounds, GArray *rows)
{
    g_autoptr(GArray) all = g_array_new(FALSE, TRUE, sizeof(gw_bench_row));
    guint row_count = 0;
    for (guint round = 0; round < rounds; round++) {
        g_autoptr(GArray) one = g_array_new(FALSE, TRUE, sizeof(gw_bench_row));
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "\rround %u of %u%s", round + 1, rounds,
                    round + 1 < rounds ? "" : "\n");
        measure(one);
        if (one->len == 0 || (round > 0 && one->len != row_count))
            return false;
        row_count = one->len;
        g_array_append_vals(all, one->data, one->len);
    }
    merge_rounds(all, row_count, rows);
    return true;
}

static bool write_costs(const GArray *rows)
{
    g_autoptr(GError) error = NULL;
    const gw_bench_profile profile = gw_bench_fit_profile(rows);
    if (!gw_bench_write_profile(&profile, costs_path, &error)) {
        fprintf(stderr, "gangway bench: %s\n", error->message);
        return false;
    }
    fprintf(stderr, "%s: written; the fit is off by %.0f %% at most\n", costs_path,
            100 * profile.error_max);
    return true;
}

static int refuse_bench(const char *word)
{
    const char *names[G_N_ELEMENTS(benches) + 1] = {NULL};
    for (guint i = 0; i < G_N_ELEMENTS(benches); i++)
        names[i] = benches[i].name;
    g_autofree char *hint = gw_error_hint(word, names);
    fprintf(stderr, "gangway bench: no bench \"%s\"%s (see gangway bench --help)\n", word, hint);
    return 2;
}

/* The command's exit code. */
static int print_bench(void (*measure)(GArray *rows), void (*print_ratios)(const GArray *rows),
                       int rounds)
{
    g_autoptr(GArray) rows = g_array_new(FALSE, TRUE, sizeof(gw_bench_row));
    if (!measure_rounds(measure, (guint)rounds, rows))
        return 5;
    if (costs_path != NULL && !write_costs(rows))
        return 5;
    if (wants_json) {
        print_json(rows);
        return 0;
    }
    print_table(rows);
    print_ratios(rows);
    return 0;
}

static int run_bench(int argc, char **argv)
{
    int exit_code;
    g_autoptr(GString) description = g_string_new("Benches:\n");
    for (guint i = 0; i < G_N_ELEMENTS(benches); i++)
        g_string_append_printf(description, "  %-8s %s (%d round%s)\n", benches[i].name,
                               benches[i].summary, benches[i].round_count,
                               gw_count_ending(benches[i].round_count));
    if (!gw_command_parse("bench", "NAME", description->str, entries, &argc, &argv, &exit_code))
        return exit_code;
    if (argc != 2) {
        fputs("gangway bench: expected one bench (see gangway bench --help)\n", stderr);
        return 2;
    }
    if (round_count != ROUNDS_OWN && (round_count < 1 || round_count > ROUNDS_MAX)) {
        fprintf(stderr, "gangway bench: --rounds: found %d, expected 1 to %d\n", round_count,
                ROUNDS_MAX);
        return 2;
    }
    const char *of_control = wants_profile ? "profile" : costs_path != NULL ? "costs" : NULL;
    if (of_control != NULL && strcmp(argv[1], "control") != 0) {
        fprintf(stderr, "gangway bench: --%s: only \"control\" measures that\n", of_control);
        return 2;
    }
    if (wants_profile && costs_path != NULL) {
        fputs("gangway bench: --profile and --costs: expected one of them\n", stderr);
        return 2;
    }
    for (guint i = 0; i < G_N_ELEMENTS(benches); i++) {
        if (strcmp(argv[1], benches[i].name) != 0)
            continue;
        const int rounds = round_count == ROUNDS_OWN ? benches[i].round_count : round_count;
        if (wants_profile)
            return print_bench(gw_bench_control_where, print_parts, rounds);
        return print_bench(benches[i].measure, benches[i].print_ratios, rounds);
    }
    return refuse_bench(argv[1]);
}

const gw_command gw_command_bench = {"bench", "measure this build on this machine", run_bench};
