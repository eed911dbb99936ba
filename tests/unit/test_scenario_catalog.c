/* SPDX-License-Identifier: Apache-2.0 */
/* Accelerators and profiles: where they are found, and what is wrong with them. */
#include "run_suite.h"
#include "tests/unit/test_scenario.h"

/* --- The search path --- */

static char *read_config(const char *kind, const char *name)
{
    g_autofree char *path = g_strdup_printf("%s/%s/%s.json", CONFIGS, kind, name);
    char *text = NULL;
    ck_assert_msg(g_file_get_contents(path, &text, NULL, NULL), "%s", path);
    return text;
}

/* A copy of an accelerator under another name and with another power, to tell it by. */
static void write_accelerator(const char *path, const char *busy_power)
{
    g_autofree char *text = read_config("accelerators", "tpu_v3_core");
    g_autoptr(gw_params) params = gw_params_parse(text, "copy", NULL);
    const char *power = NULL;
    ck_assert(gw_params_string(params, "busy_power", true, &power, NULL));
    g_autofree char *old_member = g_strdup_printf("\"%s\"", power);
    g_autofree char *new_member = g_strdup_printf("\"%s\"", busy_power);
    g_autoptr(GString) copy = g_string_new(text);
    g_string_replace(copy, old_member, new_member, 0);
    write_text(path, copy->str);
}

static double load_busy_watts(const char *path, const char *setting)
{
    const char *const settings[] = {setting, NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_scenario) scenario = gw_scenario_load(path, settings, &error);
    ck_assert_msg(scenario != NULL, "%s", error != NULL ? error->message : "no error");
    return scenario->cluster.accelerators[0].busy_watts;
}

START_TEST(search_path_in_order)
{
    g_setenv("GANGWAY_CONFIGS", CONFIGS, TRUE);
    g_autofree char *folder = g_dir_make_tmp("gangway-path-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "a", "b", "s.json", NULL);
    write_text(path, base_text);
    static const char setting[] = "cluster.islands.0.accelerator=mine";
    g_autofree char *other = g_build_filename(folder, "other", NULL);
    g_autofree char *roots = g_strdup_printf("/nonesuch::%s:%s", other, CONFIGS);
    g_setenv("GANGWAY_CONFIGS", roots, TRUE);
    g_autofree char *by_variable =
        g_build_filename(folder, "other", "accelerators", "mine.json", NULL);
    write_accelerator(by_variable, "901W");
    ck_assert_double_eq(load_busy_watts(path, setting), 901);
    g_autofree char *above = g_build_filename(folder, "configs", "accelerators", "mine.json", NULL);
    write_accelerator(above, "902W");
    ck_assert_double_eq(load_busy_watts(path, setting), 902);
    g_autofree char *beside = g_build_filename(folder, "a", "b", "accelerators", "mine.json", NULL);
    write_accelerator(beside, "903W");
    ck_assert_double_eq(load_busy_watts(path, setting), 903);
    remove_tree(folder);
}
END_TEST

START_TEST(a_scenario_inside_configs)
{
    g_unsetenv("GANGWAY_CONFIGS");
    g_autofree char *folder = g_dir_make_tmp("gangway-path-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "configs", "paper", "s.json", NULL);
    g_autofree char *mine = g_build_filename(folder, "configs", "accelerators", "mine.json", NULL);
    g_autofree char *profile =
        g_build_filename(folder, "configs", "profiles", "pathways-2022.json", NULL);
    g_autofree char *profile_text = read_config("profiles", "pathways-2022");
    write_text(path, base_text);
    write_text(profile, profile_text);
    write_accelerator(mine, "904W");
    ck_assert_double_eq(load_busy_watts(path, "cluster.islands.0.accelerator=mine"), 904);
    remove_tree(folder);
}
END_TEST

START_TEST(a_path_is_relative_to_the_scenario)
{
    g_setenv("GANGWAY_CONFIGS", CONFIGS, TRUE);
    g_autofree char *folder = NULL;
    g_autofree char *path = make_scenario_file(base_text, &folder);
    g_autofree char *beside = g_build_filename(folder, "mine.json", NULL);
    g_autofree char *inside = g_build_filename(folder, "machines", "mine", NULL);
    write_accelerator(beside, "905W");
    write_accelerator(inside, "906W");
    ck_assert_double_eq(load_busy_watts(path, "cluster.islands.0.accelerator=mine.json"), 905);
    ck_assert_double_eq(load_busy_watts(path, "cluster.islands.0.accelerator=machines/mine"), 906);
    g_autofree char *absolute = g_strdup_printf("cluster.islands.0.accelerator=%s", beside);
    ck_assert_double_eq(load_busy_watts(path, absolute), 905);
    remove_tree(folder);
}
END_TEST

START_TEST(an_unknown_name_says_where_was_looked)
{
    static const char *const settings[] = {"cluster.islands.0.accelerator=zzz", NULL};
    static const char *const parts[] = {"found \"zzz\", expected an accelerator (looked in ",
                                        "/accelerators, ", CONFIGS "/accelerators)", NULL};
    expect_mistake(base_text, settings, parts);
}
END_TEST

/* A scenario of configs/ is beside what is above it, what is asked for, and what was built in. */
START_TEST(each_folder_is_looked_at_once)
{
    static const char *const settings[] = {"control.profile=zzz", NULL};
    g_setenv("GANGWAY_CONFIGS", CONFIGS ":" CONFIGS "/../configs", TRUE);
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(gw_scenario_load(CONFIGS "/quickstart.json", settings, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "(looked in " CONFIGS "/profiles)"));
}
END_TEST

START_TEST(lists_of_names)
{
    g_setenv("GANGWAY_CONFIGS", CONFIGS, TRUE);
    g_auto(GStrv) accelerators = gw_scenario_accelerators();
    g_auto(GStrv) profiles = gw_scenario_profiles();
    ck_assert(g_strv_contains((const char *const *)accelerators, "tpu_v3_core"));
    ck_assert(g_strv_contains((const char *const *)accelerators, "a100"));
    ck_assert(g_strv_contains((const char *const *)profiles, "ideal"));
    ck_assert(g_strv_contains((const char *const *)profiles, "pathways-2022"));
    for (uint32_t i = 1; accelerators[i] != NULL; i++)
        ck_assert_str_lt(accelerators[i - 1], accelerators[i]);
    g_auto(GStrv) papers = gw_scenario_papers();
    ck_assert(g_strv_contains((const char *const *)papers, "pathways"));
    g_autofree char *paper = gw_scenario_find_paper("pathways");
    ck_assert_str_eq(paper, CONFIGS "/reproduce/pathways.json");
    ck_assert_ptr_null(gw_scenario_find_paper("zzz"));
    ck_assert_ptr_null(gw_scenario_find_paper(""));
}
END_TEST

/* --- Files of the catalog --- */

static const struct {
    const char *kind, *name, *setting, *part;
} file_mistakes[] = {
    {"accelerators", "tpu_v3_core", "peak=0FLOP/s", "/peak: found 0, expected more than that"},
    {"accelerators", "tpu_v3_core", "peak=3", "/peak: found 3, expected FLOP/s"},
    {"accelerators", "tpu_v3_core", "hbm=0B", "/hbm: found 0, expected some memory"},
    {"accelerators", "tpu_v3_core", "hbm=16GB/s", "/hbm: found \"16GB/s\", expected bytes"},
    {"accelerators", "tpu_v3_core", "matmul_efficiency=0", "/matmul_efficiency: found 0"},
    {"accelerators", "tpu_v3_core", "hbm_efficiency=1.1", "/hbm_efficiency: found 1.1"},
    {"accelerators", "tpu_v3_core", "link_efficiency=half", "/link_efficiency: found \"half\""},
    {"accelerators", "tpu_v3_core", "hop_latency=1GB", "/hop_latency: found \"1GB\""},
    {"accelerators", "tpu_v3_core", "idle_power=99kW", "/idle_power: found 99000 W"},
    {"accelerators", "tpu_v3_core", "computes_while_transferring=no",
     "/computes_while_transferring: found \"no\", expected true or false"},
    {"accelerators", "a100", "overlaps_collectives=no",
     "/overlaps_collectives: found \"no\", expected true or false"},
    {"accelerators", "tpu_v3_core",
     "sources.overlaps_collectives=", "/sources/overlaps_collectives: found an empty string"},
    {"accelerators", "tpu_v3_core", "shared_cores=0", "/shared_cores: found 0, expected"},
    {"accelerators", "tpu_v3_core", "shared_cores=4097", "/shared_cores: found 4097, expected"},
    {"accelerators", "tpu_v3_core", "shared_cores=2", "/sources: found no \"shared_cores\""},
    {"accelerators", "tpu_v3_core", "jitter=0.16", "/jitter: found 0.16, expected"},
    {"accelerators", "tpu_v3_core", "jitter=0.01", "/sources: found no \"jitter\""},
    {"accelerators", "tpu_v3_core", "core_slowness=[1, 1]",
     "/core_slowness: found 2, expected at most \"shared_cores\", 0"},
    {"accelerators", "tpu_v3_core", "core_slowness=[1, 10.1], \"shared_cores\": 2",
     "/core_slowness/1: found 10.1, expected 0.1"},
    {"accelerators", "tpu_v3_core", "core_slowness=[0.09], \"shared_cores\": 2",
     "/core_slowness/0: found 0.09, expected 0.1"},
    {"accelerators", "tpu_v3_core", "core_slowness=[1, \"x\"], \"shared_cores\": 2",
     "/core_slowness/1: found \"x\", expected"},
    {"accelerators", "tpu_v3_core", "core_slowness=3", "/core_slowness: found 3, expected"},
    {"accelerators", "tpu_v3_core", "peek=1", "/peek: found an unknown key"},
    {"accelerators", "tpu_v3_core", "name=3", "/name: found 3, expected a string"},
    {"accelerators", "a100", "links=0", "/links: found 0, expected"},
    {"accelerators", "a100", "links=65", "/links: found 65, expected"},
    {"accelerators", "a100", "sources.links=", "/sources/links: found an empty string"},
    {"accelerators", "tpu_v3_core", "links=4", "/sources: found no \"links\""},
    {"accelerators", "tpu_v3_core", "sources.peak=", "/sources/peak: found an empty string"},
    {"accelerators", "tpu_v3_core", "sources={}", "/sources: found no \""},
    {"accelerators", "tpu_v3_core", "sources.colour=x", "/sources/colour: found an unknown key"},
    {"profiles", "ideal", "network=fast", "/network: found \"fast\", expected one of \"free\""},
    {"profiles", "ideal", "costs.call=1", "/costs/call: found 1, expected a span"},
    {"profiles", "ideal", "costs={}", "/costs: found no \"call\""},
    {"profiles", "ideal", "costs.cal=1ms", "/costs/cal: found an unknown key"},
    {"profiles", "ideal", "sources.send= ", "/sources/send: found an empty string"},
    {"profiles", "ideal", "sources={}", "/sources: found no \"call\""},
    {"profiles", "ideal", "sources.colour=x", "/sources/colour: found an unknown key"},
    {"profiles", "ideal", "cost={}", "/cost: found an unknown key"},
    {"profiles", "ideal", "costs.describe=1us", "/sources: found no \"describe\""},
};

/* The catalog's files take no settings, so the changed one is written out by jansson's rules: as
 * text, with one member replaced or added. */
static char *change_member(const char *text, const char *setting)
{
    g_auto(GStrv) sides = g_strsplit(setting, "=", 2);
    g_auto(GStrv) steps = g_strsplit(sides[0], ".", 2);
    const bool is_list = *sides[1] == '[';
    const bool is_json = *sides[1] == '{' || g_ascii_isdigit(*sides[1]);
    const bool is_number = is_json && strspn(sides[1], "0123456789.") == strlen(sides[1]);
    g_autofree char *value = *sides[1] == '{' || is_list || is_number
                                 ? g_strdup(sides[1])
                                 : g_strdup_printf("\"%s\"", sides[1]);
    const char *key = steps[1] != NULL ? steps[1] : steps[0];
    g_autofree char *quoted = g_strdup_printf("\"%s\":", key);
    g_autofree char *outer = g_strdup_printf("\"%s\":", steps[0]);
    const char *scope = steps[1] != NULL ? strstr(text, outer) : text;
    ck_assert_ptr_nonnull(scope);
    const char *brace = strchr(scope, '{');
    const char *at = strstr(brace, quoted);
    if (at == NULL) /* A new member, first in its object. */
        return g_strdup_printf("%.*s\"%s\": %s, %s", (int)(brace + 1 - text), text, key, value,
                               brace + 1);
    const char *old_value = at + strlen(quoted);
    old_value += strspn(old_value, " ");
    const char *end = *old_value == '{'   ? strchr(old_value, '}') + 1
                      : *old_value == '"' ? strchr(old_value + 1, '"') + 1
                                          : old_value + strcspn(old_value, ",\n}");
    return g_strdup_printf("%.*s%s%s", (int)(old_value - text), text, value, end);
}

START_TEST(mistake_in_a_file_of_the_catalog)
{
    const bool is_profile = strcmp(file_mistakes[_i].kind, "profiles") == 0;
    g_setenv("GANGWAY_CONFIGS", CONFIGS, TRUE);
    g_autofree char *folder = NULL;
    g_autofree char *path = make_scenario_file(base_text, &folder);
    g_autofree char *text = read_config(file_mistakes[_i].kind, file_mistakes[_i].name);
    g_autofree char *changed = change_member(text, file_mistakes[_i].setting);
    g_autofree char *mine = g_build_filename(folder, "mine.json", NULL);
    const char *const settings[] = {
        is_profile ? "control.profile=mine.json" : "cluster.islands.0.accelerator=mine.json", NULL};
    write_text(mine, text);
    g_autoptr(gw_scenario) good = gw_scenario_load(path, settings, NULL);
    ck_assert_ptr_nonnull(good);
    write_text(mine, changed);
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_scenario) scenario = gw_scenario_load(path, settings, &error);
    ck_assert_msg(scenario == NULL, "accepted %s", file_mistakes[_i].setting);
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    expect_part(error->message, "/mine.json:");
    expect_part(error->message, file_mistakes[_i].part);
    remove_tree(folder);
}
END_TEST

START_TEST(every_shipped_file_is_called_what_it_says)
{
    g_setenv("GANGWAY_CONFIGS", CONFIGS, TRUE);
    g_auto(GStrv) accelerators = gw_scenario_accelerators();
    for (uint32_t i = 0; accelerators[i] != NULL; i++) {
        g_autofree char *setting =
            g_strdup_printf("cluster.islands.0.accelerator=%s", accelerators[i]);
        const char *const settings[] = {setting, NULL};
        g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
        ck_assert_str_eq(scenario->cluster.accelerators[0].name, accelerators[i]);
    }
    g_auto(GStrv) profiles = gw_scenario_profiles();
    for (uint32_t i = 0; profiles[i] != NULL; i++) {
        g_autofree char *setting = g_strdup_printf("control.profile=%s", profiles[i]);
        const char *const settings[] = {setting, NULL};
        g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
        ck_assert_str_eq(scenario->profile.name, profiles[i]);
    }
}
END_TEST

static TCase *make_catalog_case(void)
{
    TCase *catalog = tcase_create("catalog");
    tcase_add_test(catalog, search_path_in_order);
    tcase_add_test(catalog, a_scenario_inside_configs);
    tcase_add_test(catalog, a_path_is_relative_to_the_scenario);
    tcase_add_test(catalog, an_unknown_name_says_where_was_looked);
    tcase_add_test(catalog, each_folder_is_looked_at_once);
    tcase_add_test(catalog, lists_of_names);
    tcase_add_loop_test(catalog, mistake_in_a_file_of_the_catalog, 0,
                        (int)G_N_ELEMENTS(file_mistakes));
    tcase_add_test(catalog, every_shipped_file_is_called_what_it_says);
    return catalog;
}

int main(void)
{
    Suite *suite = suite_create("scenario_catalog");
    suite_add_tcase(suite, make_catalog_case());
    return gw_run_suite(suite);
}
