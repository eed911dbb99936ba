/* SPDX-License-Identifier: Apache-2.0 */
/* Good scenarios: defaults, every key, copies, placement, and the examples that are shipped.  The
 * bad examples of tests/schema carry what their message has to say in a comment key. */
#include "tests/unit/test_scenario.h"
#include "controller/system.h"
#include "run_suite.h"
#include "workload/workload.h"

/* --- Defaults --- */

START_TEST(defaults)
{
    g_autoptr(gw_scenario) scenario = load_good(base_text, NULL);
    ck_assert_str_eq(scenario->name, "base");
    ck_assert_str_eq(scenario->description, "");
    ck_assert_uint_eq(scenario->seed, 1);
    ck_assert(!scenario->wants_trace);
    ck_assert(!scenario->wants_plot);
    ck_assert(scenario->wants_gangs);
    ck_assert_uint_eq(scenario->cluster.dcn_latency_ns, 50000);
    ck_assert_double_eq(scenario->cluster.dcn_bytes_per_s, 12.5e9);
    ck_assert_uint_eq(scenario->cluster.local_latency_ns, 0);
    ck_assert_str_eq(scenario->profile.name, "pathways-2022");
    ck_assert(!scenario->profile.is_network_free);
    ck_assert_uint_gt(scenario->profile.cost_ns[GW_COST_CALL], 0);
    ck_assert_ptr_eq(scenario->control.policy, gw_policy_find("fifo"));
    ck_assert_ptr_null(scenario->control.policy_params);
    ck_assert_ptr_eq(scenario->control.dispatch, &gw_dispatch_parallel);
    ck_assert_uint_eq(scenario->control.lookahead, 256);
    ck_assert_uint_eq(scenario->control.fanout, 0);
}
END_TEST

START_TEST(job_defaults)
{
    g_autoptr(gw_scenario) scenario = load_good(base_text, NULL);
    ck_assert_uint_eq(scenario->job_count, 1);
    const gw_job *job = &scenario->jobs[0];
    ck_assert_str_eq(job->name, "chain");
    ck_assert_int_eq(job->submit, GW_SUBMIT_CHAINED);
    ck_assert_uint_eq(job->runs, 1);
    ck_assert_uint_eq(job->in_flight, 2);
    ck_assert_uint_eq(job->start_ns, 0);
    ck_assert_ptr_nonnull(job->program);
    ck_assert_ptr_eq(job->plan->program, job->program);
    for (uint32_t i = 0; i < job->program->meshes->len; i++) {
        ck_assert_uint_eq(job->islands[i], GW_INDEX_NONE);
        ck_assert_ptr_null(job->devices[i]);
    }
}
END_TEST

START_TEST(names_default_to_file_and_workload)
{
    g_autoptr(gw_scenario) scenario =
        load_good("{\"cluster\": {\"islands\": [{\"hosts\": 1, \"devices_per_host\": 4,"
                  " \"accelerator\": \"tpu_v3_core\"}]},"
                  " \"jobs\": [{\"workload\": \"chain\", \"parameters\": {\"devices\": 4}}]}",
                  NULL);
    ck_assert_str_eq(scenario->name, "s");
    ck_assert_str_eq(scenario->jobs[0].name, "chain");
}
END_TEST

START_TEST(island_defaults_to_one_ring)
{
    g_autoptr(gw_scenario) scenario = load_good(base_text, NULL);
    ck_assert_uint_eq(scenario->cluster.island_count, 1);
    const gw_island_spec *island = &scenario->cluster.islands[0];
    ck_assert_uint_eq(island->host_count, 2);
    ck_assert_uint_eq(island->devices_per_host, 4);
    ck_assert_uint_eq(island->dims, 1);
    ck_assert_uint_eq(island->shape[0], 8);
    ck_assert_uint_eq(island->shape[1], 1);
    ck_assert_uint_eq(island->shape[2], 1);
    ck_assert(island->is_wrapped[0]);
    ck_assert_str_eq(scenario->cluster.accelerators[island->accelerator].name, "tpu_v3_core");
}
END_TEST

/* --- Every key --- */

START_TEST(every_key_is_read)
{
    static const char *const settings[] = {
        "seed=9223372036854775807",
        "description=what it shows",
        "cluster.dcn={\"latency\":\"7us\",\"bandwidth\":\"200Gb/s\"}",
        "cluster.islands.0.torus=[2,4]",
        "cluster.islands.0.wrap=[true,false]",
        "control.profile=ideal",
        "control.policy=none",
        "control.dispatch=sequential",
        "control.lookahead=3",
        "control.fanout={\"tree\":8}",
        "jobs.0.submit=op_by_op",
        "jobs.0.steps=1000000000",
        "jobs.0.in_flight=1024",
        "jobs.0.start=2.5ms",
        "outputs={\"trace\":true,\"plot\":true,\"gangs\":false}",
        NULL,
    };
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    ck_assert_uint_eq(scenario->seed, INT64_MAX);
    ck_assert_str_eq(scenario->description, "what it shows");
    ck_assert_uint_eq(scenario->cluster.dcn_latency_ns, 7000);
    ck_assert_double_eq(scenario->cluster.dcn_bytes_per_s, 25e9);
    const gw_island_spec *island = &scenario->cluster.islands[0];
    ck_assert_uint_eq(island->dims, 2);
    ck_assert_uint_eq(island->shape[0], 2);
    ck_assert_uint_eq(island->shape[1], 4);
    ck_assert_uint_eq(island->shape[2], 1);
    ck_assert(island->is_wrapped[0]);
    ck_assert(!island->is_wrapped[1]);
    ck_assert_str_eq(scenario->profile.name, "ideal");
    ck_assert(scenario->profile.is_network_free);
    ck_assert_ptr_null(scenario->control.policy);
    ck_assert_ptr_eq(scenario->control.dispatch, &gw_dispatch_sequential);
    ck_assert_uint_eq(scenario->control.lookahead, 3);
    ck_assert_uint_eq(scenario->control.fanout, 8);
    ck_assert_int_eq(scenario->jobs[0].submit, GW_SUBMIT_OP_BY_OP);
    ck_assert_uint_eq(scenario->jobs[0].runs, 1000000000);
    ck_assert_uint_eq(scenario->jobs[0].in_flight, 1024);
    ck_assert_uint_eq(scenario->jobs[0].start_ns, 2500000);
    ck_assert(scenario->wants_trace);
    ck_assert(scenario->wants_plot);
    ck_assert(!scenario->wants_gangs);
}
END_TEST

START_TEST(plain_numbers_name_their_unit)
{
    static const char *const settings[] = {"jobs.0.start_ns=1500",
                                           "cluster.dcn={\"latency_ns\":9,"
                                           "\"bandwidth_bytes_per_s\":1e9}",
                                           NULL};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    ck_assert_uint_eq(scenario->jobs[0].start_ns, 1500);
    ck_assert_uint_eq(scenario->cluster.dcn_latency_ns, 9);
    ck_assert_double_eq(scenario->cluster.dcn_bytes_per_s, 1e9);
}
END_TEST

START_TEST(network_between_islands_has_a_shape)
{
    g_autoptr(gw_scenario) plain = load_good(base_text, NULL);
    ck_assert_uint_eq(plain->cluster.dcn_cards_per_host, 1);
    ck_assert_double_eq(plain->cluster.dcn_host_bytes_per_s, 0);
    ck_assert_double_eq(plain->cluster.dcn_oversubscription, 1);
    static const char *const settings[] = {
        "cluster.dcn={\"cards\":8,\"host_bandwidth\":\"50GB/s\",\"oversubscription\":2.5}", NULL};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    ck_assert_double_eq(scenario->cluster.dcn_bytes_per_s, 12.5e9);
    ck_assert_uint_eq(scenario->cluster.dcn_cards_per_host, 8);
    ck_assert_double_eq(scenario->cluster.dcn_host_bytes_per_s, 50e9);
    ck_assert_double_eq(scenario->cluster.dcn_oversubscription, 2.5);
}
END_TEST

START_TEST(network_between_islands_has_flows)
{
    g_autoptr(gw_scenario) plain = load_good(base_text, NULL);
    ck_assert_uint_eq(plain->cluster.dcn_flows, 0);
    ck_assert_int_eq(plain->cluster.dcn_spread, GW_SPREAD_RANK);
    ck_assert(!plain->cluster.dcn_in_order);
    static const char *const settings[] = {
        "cluster.dcn={\"flows\":3,\"spread\":\"hash\",\"in_order\":true}", NULL};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    ck_assert_uint_eq(scenario->cluster.dcn_flows, 3);
    ck_assert_int_eq(scenario->cluster.dcn_spread, GW_SPREAD_HASH);
    ck_assert(scenario->cluster.dcn_in_order);
}
END_TEST

START_TEST(switch_joins_an_island)
{
    g_autoptr(gw_scenario) torus = load_good(base_text, NULL);
    ck_assert(!torus->cluster.islands[0].is_switched);
    static const char *const settings[] = {"cluster.islands.0.interconnect=switch", NULL};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    ck_assert(scenario->cluster.islands[0].is_switched);
    ck_assert_uint_eq(scenario->cluster.islands[0].dims, 1);
}
END_TEST

START_TEST(one_wrap_counts_for_all_sizes)
{
    static const char *const settings[] = {"cluster.islands.0.torus=[2,2,2]",
                                           "cluster.islands.0.wrap=false", NULL};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    const gw_island_spec *island = &scenario->cluster.islands[0];
    ck_assert_uint_eq(island->dims, 3);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert(!island->is_wrapped[i]);
}
END_TEST

START_TEST(a_system_may_be_named)
{
    for (uint32_t i = 0; gw_systems[i] != NULL; i++) {
        g_autofree char *setting = g_strdup_printf("control.system=%s", gw_systems[i]->name);
        const char *const settings[] = {setting, NULL};
        g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
        ck_assert_ptr_eq(scenario->control.system, gw_systems[i]);
        ck_assert_int_eq(scenario->control.policy != NULL, gw_systems[i]->has_policy);
    }
    g_autoptr(gw_scenario) scenario = load_good(base_text, NULL);
    ck_assert_str_eq(scenario->control.system->name, "pathways");
}
END_TEST

START_TEST(a_policy_may_be_an_object)
{
    static const char *const settings[] = {"control.policy={\"name\":\"fifo\"}", NULL};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    ck_assert_ptr_eq(scenario->control.policy, gw_policy_find("fifo"));
    ck_assert_ptr_nonnull(scenario->control.policy_params);
    gw_policy *policy =
        scenario->control.policy->create(scenario->control.policy_params, NULL); /* As a run does.*/
    ck_assert_ptr_nonnull(policy);
    scenario->control.policy->destroy(policy);
    static const char *const none[] = {"control.policy={\"name\":\"none\"}", NULL};
    g_autoptr(gw_scenario) without = load_good(base_text, none);
    ck_assert_ptr_null(without->control.policy);
}
END_TEST

START_TEST(what_varies_is_kept)
{
    static const char *const settings[] = {"vary={\"//\":1,\"control.x\":[1,\"a\"]}", NULL};
    g_autoptr(gw_scenario) plain = load_good(base_text, NULL);
    g_autoptr(gw_scenario) varied = load_good(base_text, settings);
    gw_params *values = NULL;
    ck_assert_ptr_null(plain->vary);
    ck_assert_ptr_nonnull(varied->vary);
    ck_assert_uint_eq(gw_params_length(varied->vary), 1);
    ck_assert_str_eq(gw_params_key_at(varied->vary, 0), "control.x");
    ck_assert(gw_params_array(varied->vary, "control.x", true, &values, NULL));
    ck_assert_uint_eq(gw_params_length(values), 2);
}
END_TEST

/* All that a result depends on besides the scenario's own file. */
START_TEST(files_that_were_read_are_listed)
{
    static const char *const settings[] = {
        "cluster.islands=[{\"hosts\":2,\"devices_per_host\":4,\"accelerator\":\"tpu_v3_core\"},"
        "{\"hosts\":1,\"devices_per_host\":4,\"accelerator\":\"a100\"},"
        "{\"hosts\":1,\"devices_per_host\":4,\"accelerator\":\"tpu_v3_core\"}]",
        "control.profile=ideal", NULL};
    static const char *const ends[] = {"accelerators/tpu_v3_core.json", "accelerators/a100.json",
                                       "profiles/ideal.json"};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    ck_assert_uint_eq(scenario->inputs->len, G_N_ELEMENTS(ends));
    for (uint32_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        ck_assert(g_str_has_suffix(scenario->inputs->pdata[i], ends[i]));
        ck_assert(g_file_test(scenario->inputs->pdata[i], G_FILE_TEST_IS_REGULAR));
    }
}
END_TEST

START_TEST(comments_are_allowed_everywhere)
{
    static const char *const settings[] = {
        "//=why",
        "cluster.// hosts=why",
        "cluster.islands.0.$comment=why",
        "control.//=why",
        "jobs.0.//=why",
        "jobs.0.parameters.//=why",
        "outputs.//=why",
        "cluster.dcn.//=why",
        "$schema=../scenario.schema.json",
        "control.policy={\"name\":\"fifo\",\"//\":\"why\"}",
        NULL,
    };
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    ck_assert_uint_eq(scenario->job_count, 1);
}
END_TEST

/* --- Copies --- */

START_TEST(copies_share_a_program)
{
    static const char *const settings[] = {"jobs.0.count=3", "jobs.0.steps=7", NULL};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    ck_assert_uint_eq(scenario->job_count, 3);
    ck_assert_str_eq(scenario->jobs[0].name, "chain.0");
    ck_assert_str_eq(scenario->jobs[1].name, "chain.1");
    ck_assert_str_eq(scenario->jobs[2].name, "chain.2");
    ck_assert_ptr_eq(scenario->jobs[2].program, scenario->jobs[0].program);
    ck_assert_ptr_eq(scenario->jobs[2].plan, scenario->jobs[0].plan);
    ck_assert_uint_eq(scenario->jobs[2].runs, 7);
    ck_assert_uint_eq(scenario->programs->len, 1);
}
END_TEST

START_TEST(islands_are_copied_and_share_an_accelerator)
{
    static const char *const settings[] = {
        "cluster.islands=[{\"count\":3,\"hosts\":2,\"devices_per_host\":2,"
        "\"accelerator\":\"tpu_v3_core\",\"torus\":[2,2]},"
        "{\"hosts\":1,\"devices_per_host\":8,\"accelerator\":\"a100\"},"
        "{\"hosts\":5,\"devices_per_host\":1,\"accelerator\":\"tpu_v3_core\"}]",
        NULL};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    ck_assert_uint_eq(scenario->cluster.island_count, 5);
    ck_assert_uint_eq(scenario->cluster.accelerator_count, 2);
    ck_assert_uint_eq(scenario->cluster.islands[2].shape[1], 2);
    ck_assert_uint_eq(scenario->cluster.islands[3].devices_per_host, 8);
    ck_assert_str_eq(scenario->cluster.accelerators[scenario->cluster.islands[3].accelerator].name,
                     "a100");
    ck_assert_uint_eq(scenario->cluster.islands[4].accelerator, 0);
}
END_TEST

START_TEST(directory_follows_the_islands)
{
    static const char *const settings[] = {
        "cluster.islands=[{\"count\":2,\"hosts\":2,\"devices_per_host\":4,"
        "\"accelerator\":\"tpu_v3_core\",\"torus\":[4,2]},"
        "{\"hosts\":1,\"devices_per_host\":8,\"accelerator\":\"a100\"}]",
        "jobs.0.count=3", NULL};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    g_autoptr(gw_directory) directory = gw_scenario_directory(scenario);
    ck_assert_uint_eq(directory->island_count, 3);
    ck_assert_uint_eq(directory->host_count, 5);
    ck_assert_uint_eq(directory->device_count, 24);
    ck_assert_uint_eq(directory->job_count, 3);
    ck_assert_uint_eq(directory->islands[1].first_device, 8);
    ck_assert_uint_eq(directory->islands[1].shape[0], 4);
    ck_assert_uint_eq(directory->islands[1].shape[1], 2);
    ck_assert_uint_eq(directory->islands[2].first_host, 4);
    ck_assert_uint_gt(directory->islands[2].hbm_bytes, directory->islands[0].hbm_bytes);
    ck_assert_uint_eq(directory->islands[0].hbm_bytes, scenario->cluster.accelerators[0].hbm_bytes);
}
END_TEST

/* --- Fusing, seeds --- */

START_TEST(fused_makes_one_node_of_the_repeated_ones)
{
    static const char *const settings[] = {"jobs.0.parameters.length=16", "jobs.0.submit=fused",
                                           NULL};
    g_autoptr(gw_scenario) fused = load_good(base_text, settings);
    static const char *const chained[] = {"jobs.0.parameters.length=16", NULL};
    g_autoptr(gw_scenario) plain = load_good(base_text, chained);
    ck_assert_int_eq(fused->jobs[0].submit, GW_SUBMIT_FUSED);
    uint32_t repeated[2] = {0, 0};
    const gw_program *programs[2] = {plain->jobs[0].program, fused->jobs[0].program};
    for (uint32_t p = 0; p < 2; p++)
        for (uint32_t n = 0; n < programs[p]->nodes->len; n++)
            repeated[p] += gw_program_node(programs[p], n)->is_once ? 0 : 1;
    ck_assert_uint_gt(repeated[0], 1);
    ck_assert_uint_eq(repeated[1], 1);
}
END_TEST

START_TEST(programs_depend_on_the_seed_and_not_on_the_job)
{
    static const char mlp[] = "{\"workload\":\"mlp\",\"name\":\"%s\",\"parameters\":"
                              "{\"devices\":4,\"batch\":16,\"inputs\":8,\"classes\":4,"
                              "\"layers\":[8]}}";
    g_autofree char *first = g_strdup_printf(mlp, "a");
    g_autofree char *second = g_strdup_printf(mlp, "b");
    g_autofree char *both = g_strdup_printf("jobs=[%s,%s]", first, second);
    g_autofree char *only = g_strdup_printf("jobs=[%s]", second);
    const char *const two[] = {both, NULL};
    const char *const one[] = {only, NULL};
    const char *const other[] = {only, "seed=2", NULL};
    g_autoptr(gw_scenario) scenario_two = load_good(base_text, two);
    g_autoptr(gw_scenario) scenario_one = load_good(base_text, one);
    g_autoptr(gw_scenario) scenario_other = load_good(base_text, other);
    uint64_t seeds[3] = {0, 0, 0};
    const gw_program *programs[3] = {scenario_two->jobs[1].program, scenario_one->jobs[0].program,
                                     scenario_other->jobs[0].program};
    for (uint32_t p = 0; p < 3; p++)
        for (uint32_t n = 0; n < programs[p]->nodes->len; n++) {
            const gw_function *function = gw_program_function(programs[p], n);
            for (uint32_t o = 0; o < function->operations->len; o++)
                seeds[p] = seeds[p] * 31 + gw_function_operation(function, o)->seed;
        }
    ck_assert_uint_eq(seeds[0], seeds[1]);
    ck_assert_uint_ne(seeds[1], seeds[2]);
}
END_TEST

/* --- Placement --- */

START_TEST(devices_are_pinned_in_order)
{
    g_autofree char *mesh = find_mesh_name();
    g_autofree char *setting =
        g_strdup_printf("jobs.0.placement={\"%s\":{\"devices\":[5,0,3,1]}}", mesh);
    const char *const settings[] = {setting, "jobs.0.count=2", NULL};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    static const uint32_t expected[] = {5, 0, 3, 1};
    for (uint32_t j = 0; j < 2; j++) {
        ck_assert_uint_eq(scenario->jobs[j].islands[0], 0);
        ck_assert_mem_eq(scenario->jobs[j].devices[0], expected, sizeof expected);
    }
}
END_TEST

START_TEST(devices_pin_their_island)
{
    g_autofree char *mesh = find_mesh_name();
    g_autofree char *devices =
        g_strdup_printf("jobs.0.placement={\"%s\":{\"devices\":[16,17,18,23]}}", mesh);
    const char *const settings[] = {"cluster.islands.0.count=3", devices, NULL};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    ck_assert_uint_eq(scenario->jobs[0].islands[0], 2);
    ck_assert_uint_eq(scenario->jobs[0].devices[0][3], 23);
}
END_TEST

START_TEST(an_island_is_pinned)
{
    g_autofree char *mesh = find_mesh_name();
    g_autofree char *island = g_strdup_printf("jobs.0.placement={\"%s\":{\"island\":1}}", mesh);
    const char *const settings[] = {"cluster.islands.0.count=3", island, NULL};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    ck_assert_uint_eq(scenario->jobs[0].islands[0], 1);
    ck_assert_ptr_null(scenario->jobs[0].devices[0]);
}
END_TEST

/* --- What fits --- */

START_TEST(a_mesh_as_large_as_the_island_fits)
{
    static const char *const settings[] = {"jobs.0.parameters.devices=8", NULL};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    ck_assert_uint_eq(gw_mesh_device_count(gw_program_mesh(scenario->jobs[0].program, 0)), 8);
}
END_TEST

/* --- The examples of tests/schema and configs --- */

static GPtrArray *list_examples(const char *folder)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    ck_assert_msg(dir != NULL, "%s", folder);
    for (const char *file = g_dir_read_name(dir); file != NULL; file = g_dir_read_name(dir))
        if (g_str_has_suffix(file, ".json") && !g_str_has_suffix(file, ".schema.json"))
            g_ptr_array_add(paths, g_build_filename(folder, file, NULL));
    ck_assert_uint_gt(paths->len, 0);
    return paths;
}

START_TEST(good_examples)
{
    static const char *const folders[] = {GW_SOURCE_DIR "/tests/schema/good", CONFIGS,
                                          CONFIGS "/paper"};
    g_unsetenv("GANGWAY_CONFIGS"); /* They find "configs" by themselves. */
    g_autoptr(GPtrArray) paths = list_examples(folders[_i]);
    for (uint32_t i = 0; i < paths->len; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(gw_scenario) scenario = gw_scenario_load(paths->pdata[i], NULL, &error);
        ck_assert_msg(scenario != NULL, "%s", error != NULL ? error->message : "no error");
    }
}
END_TEST

START_TEST(bad_examples)
{
    g_unsetenv("GANGWAY_CONFIGS");
    g_autoptr(GPtrArray) paths = list_examples(GW_SOURCE_DIR "/tests/schema/bad");
    for (uint32_t i = 0; i < paths->len; i++) {
        g_autoptr(gw_params) params = gw_params_load(paths->pdata[i], NULL);
        ck_assert_msg(params != NULL, "%s", (const char *)paths->pdata[i]);
        const char *expected = NULL;
        ck_assert_msg(gw_params_string(params, "//expect", true, &expected, NULL), "%s",
                      (const char *)paths->pdata[i]);
        g_autoptr(GError) error = NULL;
        g_autoptr(gw_scenario) scenario = gw_scenario_load(paths->pdata[i], NULL, &error);
        ck_assert_msg(scenario == NULL, "accepted %s", (const char *)paths->pdata[i]);
        ck_assert_msg(strstr(error->message, expected) != NULL, "%s: found %s, expected %s",
                      (const char *)paths->pdata[i], error->message, expected);
    }
}
END_TEST

/* --- The schema knows every name --- */

/* Whether `names` are exactly the strings of the array `list`. */
static void expect_names(gw_params *list, const char *const *names, uint32_t count)
{
    ck_assert_uint_eq(gw_params_length(list), count);
    for (uint32_t i = 0; i < count; i++) {
        const char *name = NULL;
        ck_assert(gw_params_as_string(gw_params_at(list, i), &name, NULL));
        ck_assert_str_eq(name, names[i]);
    }
}

static gw_params *load_names(gw_params *schema, const char *definition)
{
    gw_params *definitions = NULL;
    gw_params *object = NULL;
    gw_params *list = NULL;
    ck_assert(gw_params_object(schema, "$defs", true, &definitions, NULL));
    ck_assert(gw_params_object(definitions, definition, true, &object, NULL));
    ck_assert(gw_params_array(object, "enum", true, &list, NULL));
    return list;
}

START_TEST(schema_lists_every_system_policy_and_workload)
{
    g_autoptr(gw_params) schema = gw_params_load(CONFIGS "/scenario.schema.json", NULL);
    ck_assert_ptr_nonnull(schema);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (uint32_t i = 0; gw_systems[i] != NULL; i++)
        g_ptr_array_add(names, (void *)gw_systems[i]->name);
    expect_names(load_names(schema, "systemName"), (const char *const *)names->pdata, names->len);
    g_ptr_array_set_size(names, 0);
    for (uint32_t i = 0; gw_policies[i] != NULL; i++)
        g_ptr_array_add(names, (void *)gw_policies[i]->name);
    g_ptr_array_add(names, (void *)"none");
    expect_names(load_names(schema, "policyName"), (const char *const *)names->pdata, names->len);
    g_ptr_array_set_size(names, 0);
    for (uint32_t i = 0; gw_workloads[i] != NULL; i++)
        g_ptr_array_add(names, (void *)gw_workloads[i]->name);
    expect_names(load_names(schema, "workloadName"), (const char *const *)names->pdata, names->len);
}
END_TEST

static TCase *make_good_case(void)
{
    TCase *good = tcase_create("good");
    tcase_add_test(good, defaults);
    tcase_add_test(good, job_defaults);
    tcase_add_test(good, names_default_to_file_and_workload);
    tcase_add_test(good, island_defaults_to_one_ring);
    tcase_add_test(good, every_key_is_read);
    tcase_add_test(good, plain_numbers_name_their_unit);
    tcase_add_test(good, one_wrap_counts_for_all_sizes);
    tcase_add_test(good, network_between_islands_has_a_shape);
    tcase_add_test(good, network_between_islands_has_flows);
    tcase_add_test(good, switch_joins_an_island);
    tcase_add_test(good, a_system_may_be_named);
    tcase_add_test(good, a_policy_may_be_an_object);
    tcase_add_test(good, what_varies_is_kept);
    tcase_add_test(good, files_that_were_read_are_listed);
    tcase_add_test(good, comments_are_allowed_everywhere);
    tcase_add_test(good, copies_share_a_program);
    tcase_add_test(good, islands_are_copied_and_share_an_accelerator);
    tcase_add_test(good, directory_follows_the_islands);
    tcase_add_test(good, fused_makes_one_node_of_the_repeated_ones);
    tcase_add_test(good, programs_depend_on_the_seed_and_not_on_the_job);
    tcase_add_test(good, devices_are_pinned_in_order);
    tcase_add_test(good, devices_pin_their_island);
    tcase_add_test(good, an_island_is_pinned);
    tcase_add_test(good, a_mesh_as_large_as_the_island_fits);
    return good;
}

static TCase *make_example_case(void)
{
    TCase *examples = tcase_create("examples");
    tcase_set_timeout(examples, 60);
    tcase_add_loop_test(examples, good_examples, 0, 3);
    tcase_add_test(examples, bad_examples);
    tcase_add_test(examples, schema_lists_every_system_policy_and_workload);
    return examples;
}

int main(void)
{
    Suite *suite = suite_create("scenario");
    suite_add_tcase(suite, make_good_case());
    suite_add_tcase(suite, make_example_case());
    return gw_run_suite(suite);
}
