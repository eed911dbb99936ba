/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the catalog: accelerators and profiles.  A file is a table of figures, and every
 * figure has a line under "sources" that says where it comes from: a figure without one is
 * refused, so that any number of a result can be followed back to its origin. */
#include <stddef.h>
#include <string.h>

#include "scenario/scenario_private.h"

/* A figure of an accelerator: its key, and where it goes. */
typedef struct {
    const char *key;
    size_t offset;
    gw_unit unit; /* Of a quantity in a double; else 0. */
    bool may_be_zero;
} figure;

#define FIELD(member) offsetof(gw_accelerator, member)

static const figure rates[] = {
    {"peak", FIELD(peak_flops), GW_UNIT_FLOPS, false},
    {"vector", FIELD(vector_flops), GW_UNIT_FLOPS, false},
    {"hbm_bandwidth", FIELD(hbm_bytes_per_s), GW_UNIT_RATE, false},
    {"link_bandwidth", FIELD(link_bytes_per_s), GW_UNIT_RATE, false},
    {"pcie_bandwidth", FIELD(pcie_bytes_per_s), GW_UNIT_RATE, false},
    {"busy_power", FIELD(busy_watts), GW_UNIT_POWER, true},
    {"idle_power", FIELD(idle_watts), GW_UNIT_POWER, true},
};
static const figure efficiencies[] = {
    {"matmul_efficiency", FIELD(matmul_efficiency), 0, false},
    {"hbm_efficiency", FIELD(hbm_efficiency), 0, false},
    {"link_efficiency", FIELD(link_efficiency), 0, false},
};
static const figure spans[] = {
    {"kernel_overhead", FIELD(kernel_overhead_ns), GW_UNIT_SPAN, true},
    {"hop_latency", FIELD(hop_latency_ns), GW_UNIT_SPAN, true},
    {"collective_overhead", FIELD(collective_overhead_ns), GW_UNIT_SPAN, true},
    {"pcie_latency", FIELD(pcie_latency_ns), GW_UNIT_SPAN, true},
};

static const struct {
    const char *key;
    gw_cost cost;
    bool is_optional; /* Not every control plane does that. */
} costs[] = {
    {"call", GW_COST_CALL, false},         {"schedule", GW_COST_SCHEDULE, false},
    {"send", GW_COST_SEND, false},         {"receive", GW_COST_RECEIVE, false},
    {"prepare", GW_COST_PREPARE, false},   {"launch", GW_COST_LAUNCH, false},
    {"complete", GW_COST_COMPLETE, false}, {"lower", GW_COST_LOWER, false},
    {"describe", GW_COST_DESCRIBE, true},
};
_Static_assert(G_N_ELEMENTS(costs) == GW_COST_COUNT - 1, "every cost has a key");
_Static_assert(GW_COST_COUNT <= GW_PROFILE_COSTS_MAX, "every cost has a place");

/* --- Sources --- */

/* `text` says something. */
static bool is_said(const char *text)
{
    return text[strspn(text, " \t\n")] != '\0';
}

static bool read_source(gw_params *sources, const char *figure_key, GError **error)
{
    const char *source = NULL;
    if (!gw_params_string(sources, figure_key, true, &source, error)) {
        return false;
    }
    if (!is_said(source)) {
        gw_params_error(sources, figure_key, error,
                        "found an empty string, expected where \"%s\" comes from", figure_key);
        return false;
    }
    return true;
}

/* --- Accelerators --- */

static bool read_rate(gw_params *root, const figure *rate, double *out, GError **error)
{
    if (!gw_params_quantity(root, rate->key, true, rate->unit, out, error)) {
        return false;
    }
    if (!(*out > 0) && !rate->may_be_zero) {
        gw_params_error(root, rate->key, error, "found 0, expected more than that");
        return false;
    }
    return true;
}

static bool read_efficiency(gw_params *root, const figure *efficiency, double *out, GError **error)
{
    if (!gw_params_number(root, efficiency->key, true, 0, 1, out, error)) {
        return false;
    }
    if (!(*out > 0)) {
        gw_params_error(root, efficiency->key, error,
                        "found 0, expected more than that, and 1 at most");
        return false;
    }
    return true;
}

static bool read_figures(gw_params *root, gw_accelerator *out, GError **error)
{
    char *base = (char *)out;
    for (uint32_t i = 0; i < G_N_ELEMENTS(rates); i++) {
        if (!read_rate(root, &rates[i], (double *)(void *)(base + rates[i].offset), error)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < G_N_ELEMENTS(efficiencies); i++) {
        if (!read_efficiency(root, &efficiencies[i],
                             (double *)(void *)(base + efficiencies[i].offset), error)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < G_N_ELEMENTS(spans); i++) {
        if (!gw_params_span(root, spans[i].key, true, (gw_span *)(void *)(base + spans[i].offset),
                            error)) {
            return false;
        }
    }
    return gw_params_bytes(root, "hbm", true, &out->hbm_bytes, error);
}

/* What not every machine has. */
static const figure switch_reduction = {"switch_reduction_efficiency",
                                        FIELD(switch_reduction_efficiency), 0, false};

static const figure scores = {"scores_efficiency", FIELD(scores_efficiency), 0, false};

#define LINKS_KEY "links"
#define LINKS_MAX 64

/* So many links of one rate into a switch: as much as both links of a ring have together, which is
 * what a port on a switch carries (topology/route.h). */
static bool read_links(gw_params *root, gw_accelerator *out, GError **error)
{
    uint64_t links = 2;
    if (!gw_params_count(root, LINKS_KEY, false, 1, LINKS_MAX, &links, error)) {
        return false;
    }
    out->link_bytes_per_s *= (double)links / 2;
    return true;
}

#define CORES_KEY "shared_cores"
#define CORES_MAX 4096

static bool read_cores(gw_params *root, gw_accelerator *out, GError **error)
{
    uint64_t cores = 0;
    if (!gw_params_count(root, CORES_KEY, false, 1, CORES_MAX, &cores, error)) {
        return false;
    }
    out->shared_cores = (uint32_t)cores;
    return true;
}

#define JITTER_KEY      "jitter"
#define FIRST_TOUCH_KEY "first_touch_bandwidth"
#define FIRST_TOUCH_MIN 1e6 /* Bytes/s: no device's memory takes longer than there is time. */

/* Threads wait for the system's pages; the memory of a device of its own is there. */
static bool read_first_touch(gw_params *root, gw_accelerator *out, GError **error)
{
    double found = -1;
    if (!gw_params_quantity(root, FIRST_TOUCH_KEY, false, GW_UNIT_RATE, &found, error)) {
        return false;
    }
    if (found >= 0 && out->shared_cores == 0) {
        gw_params_error(root, FIRST_TOUCH_KEY, error, "found without \"%s\", expected beside it",
                        CORES_KEY);
        return false;
    }
    if (found >= 0 && found < FIRST_TOUCH_MIN) {
        gw_params_error(root, FIRST_TOUCH_KEY, error, "found %g B/s, expected at least %g B/s",
                        found, FIRST_TOUCH_MIN);
        return false;
    }
    out->first_touch_bytes_per_s = MAX(found, 0);
    return true;
}

#define SLOWNESS_KEY "core_slowness"

/* Of each core, or of the first ones. */
static bool read_core_slowness(gw_params *root, gw_accelerator *out, GError **error)
{
    gw_params *list = NULL;
    if (!gw_params_array(root, SLOWNESS_KEY, false, &list, error)) {
        return false;
    }
    const uint32_t count = list != NULL ? gw_params_length(list) : 0;
    if (count == 0) {
        return true;
    }
    if (count > out->shared_cores) {
        gw_params_error(root, SLOWNESS_KEY, error, "found %u, expected at most \"%s\", %u", count,
                        CORES_KEY, out->shared_cores);
        return false;
    }
    out->core_slowness = g_new(double, count);
    out->core_slowness_count = count;
    for (uint32_t i = 0; i < count; i++) {
        gw_params *element = gw_params_at(list, i);
        if (!gw_params_as_number(element, &out->core_slowness[i], error)) {
            return false;
        }
        if (out->core_slowness[i] < 1 / GW_CORE_SLOWNESS_MAX ||
            out->core_slowness[i] > GW_CORE_SLOWNESS_MAX) {
            gw_params_error(element, NULL, error, "found %g, expected %g to %g",
                            out->core_slowness[i], 1 / GW_CORE_SLOWNESS_MAX, GW_CORE_SLOWNESS_MAX);
            return false;
        }
    }
    return true;
}

static const char transfer_key[] = "computes_while_transferring";
static const char overlap_key[] = "overlaps_collectives";

static bool read_optional_figures(gw_params *root, gw_accelerator *out, GError **error)
{
    bool computes = true, overlaps = true;
    if (!gw_params_bool(root, transfer_key, false, &computes, error) ||
        !gw_params_bool(root, overlap_key, false, &overlaps, error) ||
        !read_links(root, out, error)) {
        return false;
    }
    out->stops_to_transfer = !computes;
    out->waits_for_collectives = !overlaps;
    return (!gw_params_has(root, switch_reduction.key) ||
            read_efficiency(root, &switch_reduction, &out->switch_reduction_efficiency, error)) &&
           (!gw_params_has(root, scores.key) ||
            read_efficiency(root, &scores, &out->scores_efficiency, error)) &&
           gw_matrix_unit_read(root, &out->matrix_unit, error) &&
           gw_params_span(root, "operation_overhead", false, &out->operation_overhead_ns, error) &&
           gw_params_bool(root, "fuses", false, &out->fuses, error) &&
           gw_params_bool(root, "chunked_collectives", false, &out->chunks_collectives, error) &&
           gw_params_number(root, JITTER_KEY, false, 0, GW_JITTER_MAX, &out->jitter, error) &&
           read_cores(root, out, error) && read_first_touch(root, out, error) &&
           read_core_slowness(root, out, error);
}

static bool check_figures(gw_params *root, const gw_accelerator *accelerator, GError **error)
{
    if (accelerator->hbm_bytes == 0) {
        gw_params_error(root, "hbm", error, "found 0, expected some memory");
        return false;
    }
    if (accelerator->idle_watts > accelerator->busy_watts) {
        gw_params_error(root, "idle_power", error,
                        "found %g W, expected at most the busy_power of %g W",
                        accelerator->idle_watts, accelerator->busy_watts);
        return false;
    }
    return true;
}

static bool read_sources_of(gw_params *sources, const figure *figures, uint32_t count,
                            GError **error)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!read_source(sources, figures[i].key, error)) {
            return false;
        }
    }
    return true;
}

/* Of what the file has. */
static bool read_optional_sources(gw_params *sources, const gw_accelerator *read, GError **error)
{
    const struct {
        const char *key;
        bool is_there;
    } figures[] = {
        {switch_reduction.key, read->switch_reduction_efficiency > 0},
        {scores.key, read->scores_efficiency > 0},
        {"matrix_unit", read->matrix_unit.tile_count > 0},
        {"operation_overhead", read->operation_overhead_ns > 0},
        {"fuses", read->fuses},
        {"chunked_collectives", read->chunks_collectives},
        {CORES_KEY, read->shared_cores > 0},
        {JITTER_KEY, read->jitter > 0},
        {FIRST_TOUCH_KEY, read->first_touch_bytes_per_s > 0},
        {SLOWNESS_KEY, read->core_slowness_count > 0},
    };
    for (uint32_t i = 0; i < G_N_ELEMENTS(figures); i++) {
        if ((figures[i].is_there || gw_params_has(sources, figures[i].key)) &&
            !read_source(sources, figures[i].key, error)) {
            return false;
        }
    }
    return true;
}

static bool read_accelerator_sources(gw_params *root, const gw_accelerator *read, GError **error)
{
    gw_params *sources = NULL;
    const bool has_transfer = gw_params_has(root, transfer_key);
    return gw_params_object(root, "sources", true, &sources, error) &&
           read_sources_of(sources, rates, G_N_ELEMENTS(rates), error) &&
           read_sources_of(sources, efficiencies, G_N_ELEMENTS(efficiencies), error) &&
           read_sources_of(sources, spans, G_N_ELEMENTS(spans), error) &&
           read_source(sources, "hbm", error) && read_optional_sources(sources, read, error) &&
           (!gw_params_has(root, LINKS_KEY) || read_source(sources, LINKS_KEY, error)) &&
           (!has_transfer || read_source(sources, transfer_key, error)) &&
           (!gw_params_has(root, overlap_key) || read_source(sources, overlap_key, error)) &&
           gw_params_finish(sources, error);
}

void gw_accelerator_clear(gw_accelerator *accelerator)
{
    g_free(accelerator->name);
    g_free(accelerator->core_slowness);
    gw_measured_free(accelerator->measured);
}

/* A machine's file has an object of each kind, another file is one itself. */
static bool find_object(gw_params *root, const char *key, const char *other, gw_params **out,
                        GError **error)
{
    gw_params *beside = NULL;
    *out = root;
    return !gw_params_has(root, key) ||
           (gw_params_object(root, key, true, out, error) &&
            gw_params_object(root, other, true, &beside, error) && gw_params_finish(root, error));
}

bool gw_accelerator_load(const char *path, gw_accelerator *out, GError **error)
{
    g_autoptr(gw_params) file = gw_params_load(path, error);
    gw_params *root = NULL;
    if (file == NULL || !find_object(file, "accelerator", "profile", &root, error)) {
        return false;
    }
    g_autoptr(gw_measured) measured = NULL;
    const char *name = NULL;
    const char *description = NULL;
    gw_accelerator made = {0};
    if (!gw_params_string(root, "name", true, &name, error) ||
        !gw_params_string(root, "description", false, &description, error) ||
        !read_figures(root, &made, error) || !read_optional_figures(root, &made, error) ||
        !check_figures(root, &made, error) || !read_accelerator_sources(root, &made, error) ||
        !gw_measured_read(root, &measured, error) || !gw_params_finish(root, error)) {
        gw_accelerator_clear(&made);
        return false;
    }
    made.name = g_strdup(name);
    made.measured = g_steal_pointer(&measured);
    *out = made;
    return true;
}

/* --- Profiles --- */

/* An optional cost that is nothing needs no source. */
static bool read_cost_sources(gw_params *sources, const gw_profile *profile, GError **error)
{
    for (uint32_t i = 0; i < G_N_ELEMENTS(costs); i++) {
        const bool is_needed = !costs[i].is_optional || profile->cost_ns[costs[i].cost] > 0;
        if ((is_needed || gw_params_has(sources, costs[i].key)) &&
            !read_source(sources, costs[i].key, error)) {
            return false;
        }
    }
    return gw_params_finish(sources, error);
}

static bool read_costs(gw_params *root, gw_profile *out, GError **error)
{
    gw_params *table = NULL;
    gw_params *sources = NULL;
    if (!gw_params_object(root, "costs", true, &table, error)) {
        return false;
    }
    for (uint32_t i = 0; i < G_N_ELEMENTS(costs); i++) {
        if (!gw_params_span(table, costs[i].key, !costs[i].is_optional,
                            &out->cost_ns[costs[i].cost], error)) {
            return false;
        }
    }
    return gw_params_finish(table, error) &&
           gw_params_object(root, "sources", true, &sources, error) &&
           read_cost_sources(sources, out, error);
}

bool gw_profile_load(const char *path, gw_profile *out, GError **error)
{
    static const char *const networks[] = {"free", "modelled", NULL};
    g_autoptr(gw_params) file = gw_params_load(path, error);
    gw_params *root = NULL;
    if (file == NULL || !find_object(file, "profile", "accelerator", &root, error)) {
        return false;
    }
    const char *name = NULL;
    const char *description = NULL;
    uint32_t network = 1;
    gw_profile made = {0};
    if (!gw_params_string(root, "name", true, &name, error) ||
        !gw_params_string(root, "description", false, &description, error) ||
        !gw_params_choice(root, "network", true, networks, &network, error) ||
        !read_costs(root, &made, error) || !gw_params_finish(root, error)) {
        return false;
    }
    made.name = g_strdup(name);
    made.is_network_free = network == 0;
    *out = made;
    return true;
}
