/* SPDX-License-Identifier: Apache-2.0 */
/* "cluster": islands of hosts and devices, and the network between them.  Sizes are checked before
 * anything of that size is made, so a slip of the keyboard costs a message and no memory. */
#include <string.h>

#include "scenario/scenario_private.h"

/* configs/README.md, "cluster.dcn": where the figures come from. */
#define DCN_LATENCY_NS  50000
#define DCN_BYTES_PER_S 12.5e9
/* A node's message to itself takes no way: what it costs is the profile's "send" and "receive". */
#define LOCAL_LATENCY_NS 0

#define DIMS_MAX 3

#define DCN_FLOWS_MAX            64
#define DCN_OVERSUBSCRIPTION_MAX 1e6

typedef struct {
    gw_scenario *scenario;
    GArray *islands;        /* gw_island_spec */
    GArray *accelerators;   /* gw_accelerator */
    GPtrArray *known_paths; /* By accelerator: its file. */
    uint64_t device_count;
} cluster_reader;

/* --- Accelerators --- */

static bool read_accelerator(cluster_reader *reader, gw_params *island, uint32_t *out,
                             GError **error)
{
    const char *name = NULL;
    if (!gw_params_string(island, "accelerator", true, &name, error)) {
        return false;
    }
    g_autofree char *path = gw_catalog_find(GW_CATALOG_ACCELERATORS, reader->scenario->path, island,
                                            "accelerator", name, error);
    if (path == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < reader->known_paths->len; i++) {
        if (strcmp(reader->known_paths->pdata[i], path) == 0) {
            *out = i;
            return true;
        }
    }
    gw_accelerator accelerator;
    if (!gw_accelerator_load(path, &accelerator, error)) {
        return false;
    }
    *out = reader->accelerators->len;
    g_array_append_val(reader->accelerators, accelerator);
    g_ptr_array_add(reader->scenario->inputs, g_strdup(path));
    g_ptr_array_add(reader->known_paths, g_steal_pointer(&path));
    return true;
}

/* --- Tori --- */

/* "8 x 4 = 32" */
static char *describe_product(const gw_island_spec *spec)
{
    GString *text = g_string_new(NULL);
    uint64_t product = 1;
    for (uint32_t i = 0; i < spec->dims; i++) {
        g_string_append_printf(text, "%s%u", i > 0 ? " x " : "", spec->shape[i]);
        product *= spec->shape[i];
    }
    if (spec->dims > 1) {
        g_string_append_printf(text, " = %" G_GUINT64_FORMAT, product);
    }
    return g_string_free(text, FALSE);
}

static bool read_sizes(gw_params *torus, gw_island_spec *spec, GError **error)
{
    const uint32_t dims = gw_params_length(torus);
    if (dims < 1 || dims > DIMS_MAX) {
        gw_params_error(torus, NULL, error, "found %u sizes, expected 1 to %d", dims, DIMS_MAX);
        return false;
    }
    spec->dims = dims;
    uint64_t product = 1;
    for (uint32_t i = 0; i < dims; i++) {
        uint64_t size;
        if (!gw_params_as_count(gw_params_at(torus, i), 1, GW_SCENARIO_DEVICES_MAX, &size, error)) {
            return false;
        }
        spec->shape[i] = (uint32_t)size;
        product *= size; /* At most 2^60. */
    }
    const uint64_t device_count = (uint64_t)spec->host_count * spec->devices_per_host;
    if (product != device_count) {
        g_autofree char *found = describe_product(spec);
        gw_params_error(torus, NULL, error,
                        "found %s devices, expected hosts x devices_per_host = %u x %u = "
                        "%" G_GUINT64_FORMAT,
                        found, spec->host_count, spec->devices_per_host, device_count);
        return false;
    }
    return true;
}

static bool read_torus(gw_params *island, gw_island_spec *spec, GError **error)
{
    gw_params *torus = NULL;
    if (!gw_params_array(island, "torus", false, &torus, error)) {
        return false;
    }
    spec->dims = 1;
    spec->shape[0] = spec->host_count * spec->devices_per_host;
    spec->shape[1] = spec->shape[2] = 1;
    return torus == NULL || read_sizes(torus, spec, error);
}

/* A switch has no shape: sizes and rings would say what is not there. */
static bool read_interconnect(gw_params *island, gw_island_spec *spec, bool *out_has_nodes,
                              GError **error)
{
    static const char *const kinds[] = {"torus", "switch", "nodes", NULL};
    static const char *const algorithms[] = {[GW_ALGORITHM_AUTO] = "auto",
                                             [GW_ALGORITHM_DIRECT] = "direct",
                                             [GW_ALGORITHM_HALVING_DOUBLING] = "halving_doubling",
                                             [GW_ALGORITHM_HIERARCHICAL] = "hierarchical",
                                             [GW_ALGORITHM_RING] = "ring",
                                             [GW_ALGORITHM_TORUS] = "torus",
                                             [GW_ALGORITHM_TREE] = "tree",
                                             [GW_ALGORITHM_TREE + 1] = NULL};
    static const char *const keys_of_tori[] = {"torus", "wrap"};
    uint32_t kind = 0;
    if (!gw_params_choice(island, "interconnect", false, kinds, &kind, error)) {
        return false;
    }
    spec->is_switched = kind > 0;
    *out_has_nodes = kind == 2;
    uint32_t algorithm = GW_ALGORITHM_AUTO;
    if (!gw_params_choice(island, "collectives", false, algorithms, &algorithm, error)) {
        return false;
    }
    spec->collectives = (gw_algorithm_kind)algorithm;
    for (uint32_t i = 0; spec->is_switched && i < G_N_ELEMENTS(keys_of_tori); i++) {
        if (gw_params_has(island, keys_of_tori[i])) {
            gw_params_error(island, keys_of_tori[i], error,
                            "found it beside \"interconnect\": \"%s\", expected it with a torus "
                            "only",
                            kinds[kind]);
            return false;
        }
    }
    return true;
}

static bool read_wrap_list(gw_params *wrap, gw_island_spec *spec, GError **error)
{
    const uint32_t length = gw_params_length(wrap);
    if (length != spec->dims) {
        gw_params_error(wrap, NULL, error,
                        "found %u value%s, expected one for each of the torus's %u size%s", length,
                        gw_count_ending(length), spec->dims, gw_count_ending(spec->dims));
        return false;
    }
    for (uint32_t i = 0; i < length; i++) {
        if (!gw_params_as_bool(gw_params_at(wrap, i), &spec->is_wrapped[i], error)) {
            return false;
        }
    }
    return true;
}

static bool read_wrap(gw_params *island, gw_island_spec *spec, GError **error)
{
    gw_params *wrap = NULL;
    if (!gw_params_value(island, "wrap", false, &wrap, error)) {
        return false;
    }
    if (wrap != NULL && gw_params_is_array(wrap)) {
        return read_wrap_list(wrap, spec, error);
    }
    bool is_wrapped = true;
    if (wrap != NULL && !gw_params_as_bool(wrap, &is_wrapped, NULL)) {
        gw_params_refuse(wrap, "true or false, or a list of them: one for each dimension", error);
        return false;
    }
    for (uint32_t i = 0; i < spec->dims; i++) {
        spec->is_wrapped[i] = is_wrapped;
    }
    return true;
}

/* --- Islands --- */

static bool check_total(cluster_reader *reader, gw_params *island, const gw_island_spec *spec,
                        uint64_t count, GError **error)
{
    reader->device_count += count * spec->host_count * spec->devices_per_host;
    if (reader->device_count > GW_SCENARIO_DEVICES_MAX) {
        gw_params_error(island, NULL, error,
                        "found %" G_GUINT64_FORMAT
                        " devices up to this island, expected at most %d in the cluster",
                        reader->device_count, GW_SCENARIO_DEVICES_MAX);
        return false;
    }
    return true;
}

static bool read_island(cluster_reader *reader, gw_params *island, GError **error)
{
    gw_island_spec spec = {0};
    uint64_t count = 1;
    uint64_t host_count = 0;
    uint64_t devices_per_host = 0;
    if (!gw_params_count(island, "count", false, 1, GW_SCENARIO_DEVICES_MAX, &count, error) ||
        !gw_params_count(island, "hosts", true, 1, GW_SCENARIO_HOSTS_MAX, &host_count, error) ||
        !gw_params_count(island, "devices_per_host", true, 1, GW_SCENARIO_DEVICES_PER_HOST_MAX,
                         &devices_per_host, error) ||
        !gw_params_bytes(island, "host_memory", false, &spec.host_memory_bytes, error) ||
        !read_accelerator(reader, island, &spec.accelerator, error)) {
        return false;
    }
    spec.host_count = (uint32_t)host_count;
    spec.devices_per_host = (uint32_t)devices_per_host;
    spec.jitter = g_array_index(reader->accelerators, gw_accelerator, spec.accelerator).jitter;
    bool has_nodes = false;
    double spread = 0;
    if (!read_interconnect(island, &spec, &has_nodes, error) ||
        !gw_scenario_read_network(reader->scenario, island, has_nodes, &spec, error) ||
        !read_torus(island, &spec, error) || !read_wrap(island, &spec, error) ||
        !check_total(reader, island, &spec, count, error) ||
        !gw_scenario_read_speed(reader->scenario, island, &spec, &spread, error) ||
        !gw_params_finish(island, error)) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        gw_island_spec made = spec;
        made.speeds =
            gw_scenario_spread_speeds(reader->scenario, &spec, spread, reader->islands->len);
        g_array_append_val(reader->islands, made);
    }
    return true;
}

static bool read_islands(cluster_reader *reader, gw_params *cluster, GError **error)
{
    gw_params *islands = NULL;
    if (!gw_params_array(cluster, "islands", true, &islands, error)) {
        return false;
    }
    const uint32_t length = gw_params_length(islands);
    if (length == 0) {
        gw_params_error(islands, NULL, error, "found none, expected one island at least");
        return false;
    }
    for (uint32_t i = 0; i < length; i++) {
        gw_params *island = NULL;
        if (!gw_params_as_object(gw_params_at(islands, i), &island, error) ||
            !read_island(reader, island, error)) {
            return false;
        }
    }
    return true;
}

/* A rate of the DCN, if it is given: at least a byte a second. */
static bool read_dcn_rate(gw_params *dcn, const char *key, double *rate_bytes_per_s, GError **error)
{
    double found = -1; /* Absent. */
    if (!gw_params_quantity(dcn, key, false, GW_UNIT_RATE, &found, error)) {
        return false;
    }
    if (found >= 0 && !(found >= 1)) {
        gw_params_error(dcn, key, error, "found %g B/s, expected at least 1 B/s", found);
        return false;
    }
    *rate_bytes_per_s = found >= 0 ? found : *rate_bytes_per_s;
    return true;
}

/* Where all devices are threads of machines, hosts are so too: what goes between them is handed
 * over in memory, as between devices; or as between the processes that were measured as hosts. */
static void use_memory(gw_cluster_spec *spec, const GArray *accelerators)
{
    for (uint32_t i = 0; i < accelerators->len; i++) {
        if (g_array_index(accelerators, gw_accelerator, i).shared_cores == 0) {
            return;
        }
    }
    const gw_accelerator *first = &g_array_index(accelerators, gw_accelerator, 0);
    spec->dcn_latency_ns = first->hop_latency_ns;
    spec->dcn_bytes_per_s = first->link_bytes_per_s * first->link_efficiency;
    if (first->measured != NULL && first->measured->send_bytes_per_s > 0) {
        spec->dcn_latency_ns = first->measured->send_ns;
        spec->dcn_bytes_per_s = first->measured->send_bytes_per_s;
    }
}

static bool read_dcn(gw_cluster_spec *spec, const GArray *accelerators, gw_params *cluster,
                     GError **error)
{
    spec->dcn_latency_ns = DCN_LATENCY_NS;
    spec->dcn_bytes_per_s = DCN_BYTES_PER_S;
    spec->local_latency_ns = LOCAL_LATENCY_NS;
    spec->dcn_cards_per_host = 1;
    spec->dcn_oversubscription = 1;
    use_memory(spec, accelerators);
    gw_params *dcn = NULL;
    if (!gw_params_object(cluster, "dcn", false, &dcn, error)) {
        return false;
    }
    if (dcn == NULL) {
        return true;
    }
    static const char *const spreads[] = {
        [GW_SPREAD_RANK] = "rank", [GW_SPREAD_HASH] = "hash", NULL};
    uint64_t cards = 1, flows = 1;
    uint32_t spread = GW_SPREAD_RANK;
    if (!gw_params_span(dcn, "latency", false, &spec->dcn_latency_ns, error) ||
        !read_dcn_rate(dcn, "bandwidth", &spec->dcn_bytes_per_s, error) ||
        !gw_params_count(dcn, "cards", false, 1, GW_DCN_CARDS_MAX, &cards, error) ||
        !read_dcn_rate(dcn, "host_bandwidth", &spec->dcn_host_bytes_per_s, error) ||
        !gw_params_number(dcn, "oversubscription", false, 1, DCN_OVERSUBSCRIPTION_MAX,
                          &spec->dcn_oversubscription, error) ||
        !gw_params_count(dcn, "flows", false, 1, DCN_FLOWS_MAX, &flows, error) ||
        !gw_params_choice(dcn, "spread", false, spreads, &spread, error) ||
        !gw_params_bool(dcn, "in_order", false, &spec->dcn_in_order, error)) {
        return false;
    }
    spec->dcn_cards_per_host = (uint32_t)cards;
    spec->dcn_flows = (uint32_t)flows;
    spec->dcn_spread = (gw_spread)spread;
    return gw_params_finish(dcn, error);
}

static bool read_links(gw_cluster_spec *spec, gw_params *cluster, GError **error)
{
    static const char *const kinds[] = {"auto", "alone", "contended", "shared", NULL};
    uint32_t kind = 0;
    if (!gw_params_choice(cluster, "links", false, kinds, &kind, error)) {
        return false;
    }
    spec->is_uncontended = kind == 1;
    spec->plays_collectives = kind == 2;
    spec->watches_collectives = kind == 0;
    return true;
}

static void clear_accelerator(gpointer accelerator)
{
    gw_accelerator_clear(accelerator);
}

bool gw_scenario_read_cluster(gw_scenario *scenario, gw_params *root, GError **error)
{
    gw_params *cluster = NULL;
    if (!gw_params_object(root, "cluster", true, &cluster, error)) {
        return false;
    }
    g_autoptr(GArray) islands = g_array_new(FALSE, FALSE, sizeof(gw_island_spec));
    g_autoptr(GArray) accelerators = g_array_new(FALSE, FALSE, sizeof(gw_accelerator));
    g_autoptr(GPtrArray) known_paths = g_ptr_array_new_with_free_func(g_free);
    g_array_set_clear_func(accelerators, clear_accelerator);
    cluster_reader reader = {.scenario = scenario,
                             .islands = islands,
                             .accelerators = accelerators,
                             .known_paths = known_paths};
    gw_cluster_spec *spec = &scenario->cluster;
    if (!read_islands(&reader, cluster, error) || !read_dcn(spec, accelerators, cluster, error) ||
        !read_links(spec, cluster, error) || !gw_params_finish(cluster, error)) {
        return false;
    }
    spec->island_count = islands->len;
    spec->islands = g_array_steal(islands, NULL);
    spec->accelerator_count = accelerators->len;
    spec->accelerators = g_array_steal(accelerators, NULL);
    return true;
}
