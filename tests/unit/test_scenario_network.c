/* SPDX-License-Identifier: Apache-2.0 */
/* Islands of nodes: what is read, by default and as said, and what is wrong with it. */
#include "tests/unit/test_scenario.h"

#include "run_suite.h"
#include "scenario/scenario_private.h"

static const char nodes_text[] =
    "{\n"
    "  \"cluster\": {\n"
    "    \"islands\": [\n"
    "      {\"hosts\": 2, \"devices_per_host\": 8, \"accelerator\": \"a100\",\n"
    "       \"interconnect\": \"nodes\", \"network\": \"infiniband_hdr\"}\n"
    "    ]\n"
    "  },\n"
    "  \"jobs\": [\n"
    "    {\"name\": \"chain\", \"workload\": \"chain\", \"parameters\": {\"devices\": 4}}\n"
    "  ]\n"
    "}\n";

START_TEST(defaults_are_the_networks)
{
    g_autoptr(gw_scenario) scenario = load_good(nodes_text, NULL);
    const gw_island_spec *island = &scenario->cluster.islands[0];
    gw_network_figures figures;
    ck_assert(gw_network_load(CONFIGS "/networks/infiniband_hdr.json", &figures, NULL));
    ck_assert(island->is_switched);
    ck_assert_uint_eq(island->network.nics_per_host, 8);
    ck_assert_double_eq(island->network.nic_bytes_per_s,
                        figures.nic_bytes_per_s * figures.nic_efficiency);
    ck_assert_uint_eq(island->network.latency_ns, figures.latency_ns);
    ck_assert_double_eq(island->network.oversubscription, 1);
    ck_assert_uint_eq(scenario->inputs->len, 3); /* Accelerator, network and profile. */
}
END_TEST

START_TEST(scenario_says_otherwise)
{
    const char *const settings[] = {"cluster.islands.0.nics_per_host=16",
                                    "cluster.islands.0.nic_bandwidth=400Gb/s",
                                    "cluster.islands.0.nic_latency=7us",
                                    "cluster.islands.0.oversubscription=2.5",
                                    "cluster.islands.0.collectives=hierarchical",
                                    "cluster.islands.0.flows=2",
                                    NULL};
    g_autoptr(gw_scenario) scenario = load_good(nodes_text, settings);
    const gw_island_spec *island = &scenario->cluster.islands[0];
    ck_assert_uint_eq(island->network.nics_per_host, 16);
    ck_assert_double_eq(island->network.nic_bytes_per_s, 0.9 * 50e9);
    ck_assert_uint_eq(island->network.latency_ns, 7000);
    ck_assert_double_eq(island->network.oversubscription, 2.5);
    ck_assert_uint_eq(island->network.flows, 2);
    ck_assert_int_eq(island->collectives, GW_ALGORITHM_HIERARCHICAL);
}
END_TEST

START_TEST(switch_has_no_network)
{
    const char *const settings[] = {"cluster.islands.0.interconnect=switch", NULL};
    const char *const parts[] = {"/cluster/islands/0/network", "found it without", NULL};
    expect_mistake(nodes_text, settings, parts);
    g_autoptr(gw_scenario) plain = load_good(base_text, NULL);
    ck_assert_uint_eq(plain->cluster.islands[0].network.nics_per_host, 0);
}
END_TEST

/* A setting, and what the message must say. */
static const struct {
    const char *setting, *path, *part;
} mistakes[] = {
    {"cluster.islands.0.network=infiniband_hd", "/cluster/islands/0/network", "infiniband_hdr\"?"},
    {"cluster.islands.0.network=none.json", "/cluster/islands/0/network", "there is no"},
    {"cluster.islands.0.network=3", "/cluster/islands/0/network", "found 3"},
    {"cluster.islands.0.nics_per_host=3", "/cluster/islands/0/nics_per_host", "divides the 8"},
    {"cluster.islands.0.nics_per_host=12", "/cluster/islands/0/nics_per_host", "a multiple"},
    {"cluster.islands.0.nics_per_host=0", "/cluster/islands/0/nics_per_host", "found 0"},
    {"cluster.islands.0.nics_per_host=65", "/cluster/islands/0/nics_per_host", "found 65"},
    {"cluster.islands.0.nic_bandwidth=0B/s", "/cluster/islands/0/nic_bandwidth", "at least 1 B/s"},
    {"cluster.islands.0.nic_bandwidth=3us", "/cluster/islands/0/nic_bandwidth", "\"3us\""},
    {"cluster.islands.0.nic_latency=1GB", "/cluster/islands/0/nic_latency", "\"1GB\""},
    {"cluster.islands.0.oversubscription=0.99", "/cluster/islands/0/oversubscription", "0.99"},
    {"cluster.islands.0.oversubscription=-1", "/cluster/islands/0/oversubscription", "-1"},
    {"cluster.islands.0.flows=0", "/cluster/islands/0/flows", "found 0"},
    {"cluster.islands.0.torus=[16]", "/cluster/islands/0/torus", "\"nodes\""},
    {"cluster.islands.0.nic_bandwith=1GB/s", "/cluster/islands/0/nic_bandwith", "nic_bandwidth"},
};

START_TEST(mistake_is_told)
{
    const char *const settings[] = {mistakes[_i].setting, NULL};
    const char *const parts[] = {mistakes[_i].path, mistakes[_i].part, NULL};
    expect_mistake(nodes_text, settings, parts);
}
END_TEST

/* A change to a network's file, as text, and what the message must say. */
static const struct {
    const char *old, *new, *part;
} file_mistakes[] = {
    {"\"nic_efficiency\": 0.9", "\"nic_efficiency\": 0", "/nic_efficiency: found 0"},
    {"\"nic_efficiency\": 0.9", "\"nic_efficiency\": 1.1", "/nic_efficiency: found 1.1"},
    {"\"200Gb/s\"", "\"200Gb\"", "/nic_bandwidth: found \"200Gb\""},
    {"\"200Gb/s\"", "\"0Gb/s\"", "/nic_bandwidth: found 0 B/s"},
    {"\"latency\": \"2us\",", "", "found no \"latency\""},
    {"\"latency\": \"NCCL", "\"delay\": \"NCCL", "/sources: found no \"latency\""},
    {"\"sources\": {", "\"sources\": {\"x\": \"y\",", "/sources/x: found an unknown key"},
    {"\"sources\": {", "\"x\": 1, \"sources\": {", "/x: found an unknown key"},
    {"\"NVIDIA ConnectX-6 data sheet: 200 Gb/s a port.\"", "\" \"", "found an empty string"},
};

START_TEST(mistake_in_a_file_is_told)
{
    g_autofree char *text = NULL, *folder = NULL;
    ck_assert(g_file_get_contents(CONFIGS "/networks/infiniband_hdr.json", &text, NULL, NULL));
    g_autoptr(GString) changed = g_string_new(text);
    ck_assert_uint_eq(g_string_replace(changed, file_mistakes[_i].old, file_mistakes[_i].new, 1),
                      1);
    g_setenv("GANGWAY_CONFIGS", CONFIGS, TRUE);
    g_autofree char *path = make_scenario_file(nodes_text, &folder);
    g_autofree char *mine = g_build_filename(folder, "mine.json", NULL);
    write_text(mine, text);
    const char *const settings[] = {"cluster.islands.0.network=mine.json", NULL};
    g_autoptr(gw_scenario) good = gw_scenario_load(path, settings, NULL);
    ck_assert_ptr_nonnull(good);
    write_text(mine, changed->str);
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_scenario) bad = gw_scenario_load(path, settings, &error);
    ck_assert_ptr_null(bad);
    expect_part(error->message, "/mine.json:");
    expect_part(error->message, file_mistakes[_i].part);
    remove_tree(folder);
}
END_TEST

START_TEST(every_shipped_network_loads)
{
    g_setenv("GANGWAY_CONFIGS", CONFIGS, TRUE);
    g_auto(GStrv) names = gw_scenario_networks();
    ck_assert(g_strv_contains((const char *const *)names, "infiniband_hdr"));
    ck_assert(g_strv_contains((const char *const *)names, "infiniband_ndr"));
    for (uint32_t i = 0; names[i] != NULL; i++) {
        g_autofree char *setting = g_strdup_printf("cluster.islands.0.network=%s", names[i]);
        const char *const settings[] = {setting, NULL};
        g_autoptr(gw_scenario) scenario = load_good(nodes_text, settings);
        ck_assert_double_ge(scenario->cluster.islands[0].network.nic_bytes_per_s, 1e9);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scenario_network");
    TCase *cases = tcase_create("scenario_network");
    tcase_add_test(cases, defaults_are_the_networks);
    tcase_add_test(cases, scenario_says_otherwise);
    tcase_add_test(cases, switch_has_no_network);
    tcase_add_loop_test(cases, mistake_is_told, 0, G_N_ELEMENTS(mistakes));
    tcase_add_loop_test(cases, mistake_in_a_file_is_told, 0, G_N_ELEMENTS(file_mistakes));
    tcase_add_test(cases, every_shipped_network_loads);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
