/* SPDX-License-Identifier: Apache-2.0 */
/* What joins the hosts of an island of nodes: a file of the catalog, which says what one network
 * card reaches and where that figure comes from, and the scenario's own words, which say how many
 * cards there are and may replace the card's rate and latency. */
#include <string.h>

#include "scenario/scenario_private.h"

#define OVERSUBSCRIPTION_MAX 1e6
#define NICS_PER_HOST_MAX    64
#define FLOWS_MAX            64

/* --- A file of configs/networks --- */

static bool read_source(gw_params *sources, const char *key, GError **error)
{
    const char *source = NULL;
    if (!gw_params_string(sources, key, true, &source, error)) {
        return false;
    }
    if (source[strspn(source, " \t\n")] == '\0') {
        gw_params_error(sources, key, error,
                        "found an empty string, expected where \"%s\" comes from", key);
        return false;
    }
    return true;
}

static bool read_rate(gw_params *object, const char *key, bool is_required, double *out,
                      GError **error)
{
    double found = -1; /* Absent. */
    if (!gw_params_quantity(object, key, is_required, GW_UNIT_RATE, &found, error)) {
        return false;
    }
    if (found >= 0 && !(found >= 1)) {
        gw_params_error(object, key, error, "found %g B/s, expected at least 1 B/s", found);
        return false;
    }
    *out = found >= 0 ? found : *out;
    return true;
}

static bool read_efficiency(gw_params *root, double *out, GError **error)
{
    if (!gw_params_number(root, "nic_efficiency", true, 0, 1, out, error)) {
        return false;
    }
    if (!(*out > 0)) {
        gw_params_error(root, "nic_efficiency", error,
                        "found 0, expected more than that, and 1 at most");
        return false;
    }
    return true;
}

bool gw_network_load(const char *path, gw_network_figures *out, GError **error)
{
    g_autoptr(gw_params) root = gw_params_load(path, error);
    if (root == NULL) {
        return false;
    }
    const char *name = NULL, *description = NULL;
    gw_params *sources = NULL;
    gw_network_figures made = {0};
    if (!gw_params_string(root, "name", true, &name, error) ||
        !gw_params_string(root, "description", false, &description, error) ||
        !read_rate(root, "nic_bandwidth", true, &made.nic_bytes_per_s, error) ||
        !read_efficiency(root, &made.nic_efficiency, error) ||
        !gw_params_span(root, "latency", true, &made.latency_ns, error) ||
        !gw_params_object(root, "sources", true, &sources, error) ||
        !read_source(sources, "nic_bandwidth", error) ||
        !read_source(sources, "nic_efficiency", error) || !read_source(sources, "latency", error) ||
        !gw_params_finish(sources, error) || !gw_params_finish(root, error)) {
        return false;
    }
    *out = made;
    return true;
}

/* --- What an island says --- */

static bool read_file(gw_scenario *scenario, gw_params *island, gw_network_figures *out,
                      GError **error)
{
    const char *name = NULL;
    if (!gw_params_string(island, "network", true, &name, error)) {
        return false;
    }
    g_autofree char *path =
        gw_catalog_find(GW_CATALOG_NETWORKS, scenario->path, island, "network", name, error);
    if (path == NULL || !gw_network_load(path, out, error)) {
        return false;
    }
    for (uint32_t i = 0; i < scenario->inputs->len; i++) {
        if (strcmp(scenario->inputs->pdata[i], path) == 0) {
            return true;
        }
    }
    g_ptr_array_add(scenario->inputs, g_steal_pointer(&path));
    return true;
}

static bool read_nics(gw_params *island, gw_island_spec *spec, GError **error)
{
    uint64_t nics = spec->devices_per_host;
    if (!gw_params_count(island, "nics_per_host", false, 1, NICS_PER_HOST_MAX, &nics, error)) {
        return false;
    }
    if (spec->devices_per_host % nics != 0 && nics % spec->devices_per_host != 0) {
        gw_params_error(island, "nics_per_host", error,
                        "found %" G_GUINT64_FORMAT
                        ", expected a number that divides the %u devices_per_host, or a multiple "
                        "of it",
                        nics, spec->devices_per_host);
        return false;
    }
    spec->network.nics_per_host = (uint32_t)nics;
    return true;
}

static bool refuse_words(gw_params *island, GError **error)
{
    static const char *const keys[] = {"network",     "nics_per_host",    "nic_bandwidth",
                                       "nic_latency", "oversubscription", "flows"};
    for (uint32_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (gw_params_has(island, keys[i])) {
            gw_params_error(island, keys[i], error,
                            "found it without \"interconnect\": \"nodes\", expected it with that "
                            "only");
            return false;
        }
    }
    return true;
}

bool gw_scenario_read_network(gw_scenario *scenario, gw_params *island, bool has_nodes,
                              gw_island_spec *spec, GError **error)
{
    if (!has_nodes) {
        return refuse_words(island, error);
    }
    gw_network_figures figures;
    if (!read_file(scenario, island, &figures, error) || !read_nics(island, spec, error) ||
        !read_rate(island, "nic_bandwidth", false, &figures.nic_bytes_per_s, error) ||
        !gw_params_span(island, "nic_latency", false, &figures.latency_ns, error)) {
        return false;
    }
    gw_network *network = &spec->network;
    network->nic_bytes_per_s = figures.nic_bytes_per_s * figures.nic_efficiency;
    network->latency_ns = figures.latency_ns;
    network->oversubscription = 1;
    uint64_t flows = 0; /* Absent. */
    if (!gw_params_count(island, "flows", false, 1, FLOWS_MAX, &flows, error)) {
        return false;
    }
    network->flows = (uint32_t)flows;
    return gw_params_number(island, "oversubscription", false, 1, OVERSUBSCRIPTION_MAX,
                            &network->oversubscription, error);
}
