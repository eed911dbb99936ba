/* SPDX-License-Identifier: Apache-2.0 */
/* gangway collectives: what each collective takes on a scenario's machine, by every algorithm that
 * can do it, from small messages to large ones.  Nothing runs: these are the times that devices
 * are priced with. */
#include <stdio.h>
#include <string.h>

#include "accel/collective.h"
#include "accel/rounds.h"
#include "app/command.h"
#include "base/error.h"
#include "base/params.h"
#include "record/json.h"
#include "scenario/scenario.h"

#define SIZE_MIN_BYTES 1024
#define SIZE_MAX_BYTES (UINT64_C(1) << 30) /* Unless the user says others, */
#define SIZE_LIMIT     (UINT64_C(1) << 40) /* up to this. */

static char **settings;
static char *kind_word, *smallest_word, *largest_word;
static int island_index, member_count, stride = 1, size_factor = 4;
static gboolean wants_csv, wants_json;

static const GOptionEntry entries[] = {
    {"set", 's', 0, G_OPTION_ARG_STRING_ARRAY, &settings,
     "Change one value of the scenario, as in cluster.islands.0.nics_per_host=4", "PATH=VALUE"},
    {"kind", 'k', 0, G_OPTION_ARG_STRING, &kind_word, "This collective only, as all_reduce",
     "KIND"},
    {"island", 'i', 0, G_OPTION_ARG_INT, &island_index, "Of this island (0)", "INDEX"},
    {"members", 'n', 0, G_OPTION_ARG_INT, &member_count, "Among so many devices (all that fit)",
     "COUNT"},
    {"stride", 'a', 0, G_OPTION_ARG_INT, &stride,
     "Members are so many devices apart (1), as data-parallel ones beside tensor-parallel ones",
     "COUNT"},
    {"from", 'b', 0, G_OPTION_ARG_STRING, &smallest_word, "Smallest input of a member (1KiB)",
     "BYTES"},
    {"to", 'e', 0, G_OPTION_ARG_STRING, &largest_word, "Largest (1GiB)", "BYTES"},
    {"factor", 'f', 0, G_OPTION_ARG_INT, &size_factor, "From one size to the next (4)", "TIMES"},
    {"csv", 'c', 0, G_OPTION_ARG_NONE, &wants_csv, "Print a CSV table", NULL},
    {"json", 'j', 0, G_OPTION_ARG_NONE, &wants_json, "Print a JSON list of rows", NULL},
    G_OPTION_ENTRY_NULL,
};

static const gw_operation_kind kinds[] = {
    GW_OPERATION_ALL_REDUCE, GW_OPERATION_ALL_GATHER, GW_OPERATION_REDUCE_SCATTER,
    GW_OPERATION_ALL_TO_ALL, GW_OPERATION_BROADCAST,  GW_OPERATION_PERMUTE,
};

typedef struct {
    gw_operation_kind kind; /* 0: all. */
    uint64_t smallest_bytes, largest_bytes;
} request;

typedef struct {
    const char *kind, *algorithm;
    uint64_t size_bytes;
    uint32_t member_count;
    gw_span time_ns;
    double bus_bytes_per_s;
} row;

/* --- What is asked for --- */

static int refuse(const char *option, const char *found, const char *expected)
{
    g_autofree char *quoted = gw_error_quote(found);
    fprintf(stderr, "gangway collectives: %s: found %s, expected %s\n", option, quoted, expected);
    return 2;
}

static int read_kind(request *out)
{
    const char *names[G_N_ELEMENTS(kinds) + 1] = {NULL};
    for (uint32_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        names[i] = gw_operation_name(kinds[i]);
        if (kind_word != NULL && strcmp(names[i], kind_word) == 0)
            out->kind = kinds[i];
    }
    if (kind_word == NULL || out->kind != 0)
        return 0;
    g_autofree char *list = gw_error_list(names, G_N_ELEMENTS(kinds));
    g_autofree char *hint = gw_error_hint(kind_word, names);
    g_autofree char *expected = g_strdup_printf("one of %s%s", list, hint);
    return refuse("--kind", kind_word, expected);
}

/* Bytes with a unit, as scenarios have them. */
static bool read_size(const char *word, uint64_t *out)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *quoted = gw_error_quote(word);
    g_autofree char *text = g_strdup_printf("{\"size\": %s}", quoted);
    g_autoptr(gw_params) params = gw_params_parse(text, "--from", &error);
    return params != NULL && gw_params_bytes(params, "size", true, out, &error) && *out > 0 &&
           *out <= SIZE_LIMIT;
}

static int read_request(request *out)
{
    const int exit_code = read_kind(out);
    if (exit_code != 0)
        return exit_code;
    if (smallest_word != NULL && !read_size(smallest_word, &out->smallest_bytes))
        return refuse("--from", smallest_word, "1B to 1TiB, as \"1KiB\"");
    if (largest_word != NULL && !read_size(largest_word, &out->largest_bytes))
        return refuse("--to", largest_word, "1B to 1TiB, as \"1GiB\"");
    if (out->smallest_bytes > out->largest_bytes)
        return refuse("--to", largest_word != NULL ? largest_word : "1GiB",
                      "no less than the smallest");
    if (size_factor < 2) {
        fprintf(stderr, "gangway collectives: --factor: found %d, expected 2 or more\n",
                size_factor);
        return 2;
    }
    return 0;
}

/* NULL after saying why. */
static uint32_t *list_members(const gw_cluster *cluster, uint32_t *out_count)
{
    if (island_index < 0 || (uint32_t)island_index >= cluster->island_count) {
        fprintf(stderr, "gangway collectives: --island: found %d, expected 0 to %u\n", island_index,
                cluster->island_count - 1);
        return NULL;
    }
    const gw_cluster_island *island = &cluster->islands[island_index];
    if (stride < 1 || (uint32_t)stride > island->device_count) {
        fprintf(stderr, "gangway collectives: --stride: found %d, expected 1 to %u devices\n",
                stride, island->device_count);
        return NULL;
    }
    const uint32_t fitting = (island->device_count - 1) / (uint32_t)stride + 1;
    const uint32_t count = member_count == 0 ? fitting : (uint32_t)MAX(member_count, 0);
    if (count < 2 || count > fitting) {
        fprintf(stderr,
                "gangway collectives: --members: found %d, expected 2 to %u, which is what the "
                "island has room for, %d apart\n",
                member_count == 0 ? (int)fitting : member_count, fitting, stride);
        return NULL;
    }
    uint32_t *devices = g_new(uint32_t, count);
    for (uint32_t i = 0; i < count; i++)
        devices[i] = island->first_device + i * (uint32_t)stride;
    *out_count = count;
    return devices;
}

/* --- The table --- */

/* What nccl-tests call bus bandwidth: the bytes that the narrowest place has to carry, whatever the
 * algorithm, over the time. */
static double find_bus_rate(const gw_collective *collective, gw_span time_ns)
{
    const double count = collective->member_count;
    double bytes = (double)collective->size_bytes;
    switch (collective->kind) {
    case GW_OPERATION_ALL_REDUCE:
        bytes *= 2 * (count - 1) / count;
        break;
    case GW_OPERATION_ALL_GATHER:
        bytes *= count - 1;
        break;
    case GW_OPERATION_REDUCE_SCATTER:
    case GW_OPERATION_ALL_TO_ALL:
        bytes *= (count - 1) / count;
        break;
    default:
        break;
    }
    return bytes / (1e-9 * (double)time_ns);
}

static void print_row(const row *made, bool is_first)
{
    if (wants_json) {
        g_autoptr(GString) text = g_string_new(NULL);
        gw_json json;
        gw_json_init(&json, text);
        gw_json_string(&json, "kind", made->kind);
        gw_json_string(&json, "algorithm", made->algorithm);
        gw_json_count(&json, "members", made->member_count);
        gw_json_count(&json, "size_bytes", made->size_bytes);
        gw_json_count(&json, "time_ns", made->time_ns);
        gw_json_real(&json, "bus_bytes_per_s", made->bus_bytes_per_s);
        gw_json_finish(&json);
        printf("%s%s", is_first ? "" : ",\n", g_strchomp(text->str));
    } else {
        printf(wants_csv ? "%s,%s,%u,%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT ",%.0f\n"
                         : "%-14s %-16s %8u %14" G_GUINT64_FORMAT " %14" G_GUINT64_FORMAT
                           " %16.0f\n",
               made->kind, made->algorithm, made->member_count, made->size_bytes, made->time_ns,
               made->bus_bytes_per_s);
    }
}

static void print_head(void)
{
    if (wants_json)
        puts("[");
    else if (wants_csv)
        puts("kind,algorithm,members,size_bytes,time_ns,bus_bytes_per_s");
    else
        printf("%-14s %-16s %8s %14s %14s %16s\n", "kind", "algorithm", "members", "size_bytes",
               "time_ns", "bus_bytes_per_s");
}

/* One collective by every algorithm that can do it, the choice of `auto` first. */
static void print_ways(const gw_cluster *cluster, const gw_collective *collective, bool is_first)
{
    for (uint32_t i = GW_ALGORITHM_AUTO; i <= GW_ALGORITHM_TREE; i++) {
        const gw_span time_ns = gw_collective_ns_by(cluster, collective, (gw_algorithm_kind)i);
        const row made = {
            .kind = gw_operation_name(collective->kind),
            .algorithm = i == GW_ALGORITHM_AUTO
                             ? "auto"
                             : gw_rounds_algorithms[i - GW_ALGORITHM_DIRECT]->name,
            .size_bytes = collective->size_bytes,
            .member_count = collective->member_count,
            .time_ns = time_ns,
            .bus_bytes_per_s = find_bus_rate(collective, time_ns),
        };
        if (time_ns < GW_TIME_NEVER)
            print_row(&made, is_first && i == GW_ALGORITHM_AUTO);
    }
}

static void print_table(const gw_cluster *cluster, const request *asked, const uint32_t *devices,
                        uint32_t count)
{
    bool is_first = true;
    print_head();
    for (uint32_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        if (asked->kind != 0 && asked->kind != kinds[k])
            continue;
        uint64_t size_bytes = asked->smallest_bytes;
        for (;;) {
            const gw_collective collective = {.kind = kinds[k],
                                              .size_bytes = size_bytes,
                                              .member_count = count,
                                              .devices = devices,
                                              .shift = 1};
            print_ways(cluster, &collective, is_first);
            is_first = false;
            if (size_bytes > asked->largest_bytes / (uint64_t)size_factor)
                break;
            size_bytes *= (uint64_t)size_factor;
        }
    }
    if (wants_json)
        puts("\n]");
}

static int show_collectives(const char *path)
{
    request asked = {.smallest_bytes = SIZE_MIN_BYTES, .largest_bytes = SIZE_MAX_BYTES};
    const int exit_code = read_request(&asked);
    if (exit_code != 0)
        return exit_code;
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_scenario) scenario = gw_scenario_load(path, (const char *const *)settings, &error);
    if (scenario == NULL)
        return gw_command_fail(error);
    g_autoptr(gw_cluster) cluster = gw_cluster_new(&scenario->cluster);
    uint32_t count = 0;
    g_autofree uint32_t *devices = list_members(cluster, &count);
    if (devices == NULL)
        return 2;
    print_table(cluster, &asked, devices, count);
    return 0;
}

static int run_collectives(int argc, char **argv)
{
    int exit_code;
    if (!gw_command_parse("collectives", "SCENARIO",
                          "Times start when the last member has come.  The bus rate is what "
                          "nccl-tests call bus bandwidth.",
                          entries, &argc, &argv, &exit_code))
        return exit_code;
    if (argc != 2 || (wants_csv && wants_json)) {
        fputs(argc != 2
                  ? "gangway collectives: expected one scenario (see gangway collectives --help)\n"
                  : "gangway collectives: --csv and --json: expected one of them at most\n",
              stderr);
        return 2;
    }
    exit_code = show_collectives(argv[1]);
    g_clear_pointer(&settings, g_strfreev);
    g_clear_pointer(&kind_word, g_free);
    g_clear_pointer(&smallest_word, g_free);
    g_clear_pointer(&largest_word, g_free);
    return exit_code;
}

const gw_command gw_command_collectives = {
    "collectives", "what collectives take on a scenario's machine", run_collectives};
