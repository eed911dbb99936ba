/* SPDX-License-Identifier: Apache-2.0 */
/* Every way in which a shared object can be no policy, each with its message; and some that are.
 * The objects are those of tests/plugins. */
#include "scenario/plugin.h"

#include <glib/gstdio.h>
#include <unistd.h>

#include "controller/dispatch_policy.h"
#include "controller/placement.h"
#include "controller/policy.h"
#include "run_suite.h"
#include "test_scenario.h"

#define PLUGIN(name) GW_PLUGIN_DIR "/" name ".so"

static gw_params *parse(const char *name)
{
    g_autofree char *text = g_strdup_printf("{\n\"policy\": \"%s\"\n}", name);
    g_autoptr(GError) error = NULL;
    gw_params *params = gw_params_parse(text, GW_PLUGIN_DIR "/s.json", &error);
    ck_assert_ptr_nonnull(params);
    return params;
}

static const void *load_kind(const gw_plugin_kind *kind, const char *name, char **out_path,
                             GError **error)
{
    g_autoptr(gw_params) params = parse(name);
    return gw_plugin_load(kind, GW_PLUGIN_DIR "/s.json", params, "policy", name, out_path, error);
}

static const gw_policy_ops *load(const char *name, char **out_path, GError **error)
{
    return load_kind(&gw_plugin_policy, name, out_path, error);
}

/* Refused, with the place where it stands and every part; NULL ends them. */
static void refuse_kind(const gw_plugin_kind *kind, const char *name, const char *const *parts)
{
    g_autoptr(GError) error = NULL;
    char *path = NULL;
    ck_assert_ptr_null(load_kind(kind, name, &path, &error));
    ck_assert_ptr_null(path);
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    expect_part(error->message, GW_PLUGIN_DIR "/s.json:2: /policy: found \"");
    for (uint32_t i = 0; parts[i] != NULL; i++)
        expect_part(error->message, parts[i]);
    ck_assert_msg(strchr(error->message, '\n') == NULL, "%s", error->message);
}

static void refuse(const char *name, const char *const *parts)
{
    refuse_kind(&gw_plugin_policy, name, parts);
}

START_TEST(paths_have_a_slash_or_the_suffix)
{
    ck_assert(gw_plugin_is_path("./a.so"));
    ck_assert(gw_plugin_is_path("a.so"));
    ck_assert(gw_plugin_is_path("plugins/a"));
    ck_assert(gw_plugin_is_path("/a"));
    ck_assert(!gw_plugin_is_path("fifo"));
    ck_assert(!gw_plugin_is_path("so"));
    ck_assert(!gw_plugin_is_path("a.so.1"));
    ck_assert(!gw_plugin_is_path(""));
}
END_TEST

START_TEST(a_good_one_is_loaded_by_any_path)
{
    static const char *const names[] = {"./good.so", "good.so", "../plugins/good.so",
                                        PLUGIN("good")};
    const gw_policy_ops *first = NULL;
    for (uint32_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = NULL;
        g_autoptr(GError) error = NULL;
        const gw_policy_ops *ops = load(names[i], &path, &error);
        ck_assert_msg(ops != NULL, "%s", error != NULL ? error->message : "no error");
        ck_assert_str_eq(path, PLUGIN("good"));
        ck_assert_str_eq(ops->name, "good");
        ck_assert_uint_eq(ops->abi, GW_POLICY_ABI);
        ck_assert_uint_eq(ops->size_bytes, sizeof *ops);
        ck_assert(i == 0 || ops == first); /* One object, one table. */
        first = ops;
    }
}
END_TEST

/* A plugin reads offers that the program laid out.  When this fails, policy.h has changed: count
 * GW_POLICY_ABI up, once between two releases, and write down what it now stands for; unless all
 * that is new stands at an end, and may be missing (an_earlier_table_is_good). */
START_TEST(an_abi_stands_for_one_layout)
{
    ck_assert_uint_eq(GW_POLICY_ABI, 1);
    ck_assert_uint_eq(sizeof(gw_policy_ops), 112);
    ck_assert_uint_eq(GW_POLICY_OPS_FIRST_BYTES, 88);
    ck_assert_uint_eq(sizeof(gw_offer), 80);
    ck_assert_uint_eq(offsetof(gw_policy_ops, create), 24);
    ck_assert_uint_eq(offsetof(gw_policy_ops, forget), 80);
    ck_assert_uint_eq(offsetof(gw_offer, node), 28);
    ck_assert_uint_eq(offsetof(gw_policy_ops, withdraw), 104);
    ck_assert_uint_eq(offsetof(gw_offer, gangs_left), 60);
    ck_assert_uint_eq(offsetof(gw_offer, slice), 64);
    ck_assert_uint_eq(offsetof(gw_offer, waits_since_ns), 72);
}
END_TEST

/* Built before tables could hold offers: it is loaded, and nothing past its end is looked at. */
START_TEST(an_earlier_table_is_good)
{
    g_autofree char *path = NULL;
    g_autoptr(GError) error = NULL;
    const gw_policy_ops *ops = load("earlier.so", &path, &error);
    ck_assert_msg(ops != NULL, "%s", error != NULL ? error->message : "no error");
    ck_assert_uint_eq(ops->size_bytes, GW_POLICY_OPS_FIRST_BYTES);
    gw_policy *policy = ops->create(NULL, NULL);
    ck_assert_ptr_nonnull(policy);
    ck_assert(!gw_policy_can_hold(policy));
    ops->destroy(policy);
}
END_TEST

/* The same for placement.h and directory.h: GW_PLACEMENT_ABI. */
START_TEST(a_placement_abi_stands_for_one_layout)
{
    ck_assert_uint_eq(GW_PLACEMENT_ABI, 1);
    ck_assert_uint_eq(sizeof(gw_placement_ops), 48);
    ck_assert_uint_eq(sizeof(gw_placement_view), 40);
    ck_assert_uint_eq(sizeof(gw_placement_request), 40);
    ck_assert_uint_eq(sizeof(gw_island), 56);
    ck_assert_uint_eq(sizeof(gw_directory), 24);
    ck_assert_uint_eq(offsetof(gw_placement_ops, place), 40);
    ck_assert_uint_eq(offsetof(gw_placement_view, seed), 32);
    ck_assert_uint_eq(offsetof(gw_placement_request, size_bytes), 32);
    ck_assert_uint_eq(offsetof(gw_island, hbm_bytes), 40);
}
END_TEST

/* And for dispatch_policy.h: GW_DISPATCH_ABI. */
START_TEST(a_dispatch_abi_stands_for_one_layout)
{
    ck_assert_uint_eq(GW_DISPATCH_ABI, 1);
    ck_assert_uint_eq(sizeof(gw_dispatch_policy_ops), 64);
    ck_assert_uint_eq(sizeof(gw_dispatch_gang), 48);
    ck_assert_uint_eq(sizeof(gw_dispatch_batch), 24);
    ck_assert_uint_eq(offsetof(gw_dispatch_policy_ops, forget), 56);
    ck_assert_uint_eq(offsetof(gw_dispatch_gang, is_enqueued_before), 41);
    ck_assert_uint_eq(offsetof(gw_dispatch_batch, degree), 20);
    ck_assert_uint_eq(GW_DISPATCH_WITH_TURN, 1);
    ck_assert_uint_eq(GW_DISPATCH_NOW, 2);
    ck_assert_uint_eq(GW_DISPATCH_AWAIT, 3);
}
END_TEST

START_TEST(other_kinds_are_loaded)
{
    g_autofree char *placer_path = NULL;
    g_autofree char *sender_path = NULL;
    const gw_placement_ops *placer =
        load_kind(&gw_plugin_placement, "placer.so", &placer_path, NULL);
    ck_assert_ptr_nonnull(placer);
    ck_assert_str_eq(placer->name, "placer");
    ck_assert_str_eq(placer_path, PLUGIN("placer"));
    const gw_dispatch_policy_ops *sender =
        load_kind(&gw_plugin_dispatch, "sender.so", &sender_path, NULL);
    ck_assert_ptr_nonnull(sender);
    ck_assert_str_eq(sender->name, "sender");
    ck_assert_str_eq(sender_path, PLUGIN("sender"));
}
END_TEST

static const struct {
    const gw_plugin_kind *kind;
    const char *name, *part;
} other_mistakes[] = {
    {&gw_plugin_placement, "./old.so", "built for ABI 4711, expected ABI 1 of gw_placement_plugin"},
    {&gw_plugin_placement, "./small.so", "a table of 40 bytes, expected 48 bytes in"},
    {&gw_plugin_placement, "./hollow.so", "without \"place\", expected a table"},
    {&gw_plugin_placement, "./good.so", "without the symbol gw_placement_plugin"},
    {&gw_plugin_placement, "./plaser.so", "did you mean \"placer.so\"?"},
    {&gw_plugin_dispatch, "./old.so", "built for ABI 4712, expected ABI 1 of gw_dispatch_plugin"},
    {&gw_plugin_dispatch, "./small.so", "a table of 41 bytes, expected 64 bytes in"},
    {&gw_plugin_dispatch, "./hollow.so", "without \"step\", expected a table"},
    {&gw_plugin_dispatch, "./good.so", "without the symbol gw_dispatch_plugin"},
    {&gw_plugin_policy, "./sender.so", "without the symbol gw_policy_plugin"},
};

START_TEST(other_mistake)
{
    const char *const parts[] = {other_mistakes[_i].part, NULL};
    refuse_kind(other_mistakes[_i].kind, other_mistakes[_i].name, parts);
}
END_TEST

START_TEST(plugins_do_not_see_each_other)
{
    g_autofree char *good_path = NULL;
    g_autofree char *other_path = NULL;
    const gw_policy_ops *good = load("good.so", &good_path, NULL);
    const gw_policy_ops *other = load("never.so", &other_path, NULL);
    ck_assert_ptr_nonnull(good);
    ck_assert_ptr_nonnull(other);
    gw_policy *policy = other->create(NULL, NULL);
    ck_assert_ptr_nonnull(policy);
    ck_assert_ptr_eq(policy->ops, other); /* Its own gw_policy_plugin, not the first one's. */
    other->destroy(policy);
}
END_TEST

static const struct {
    const char *name;
    const char *parts[3];
} mistakes[] = {
    {"./wrong_abi.so", {"found \"./wrong_abi.so\", built for ABI 4711, expected ABI 1 "}},
    {"./wrong_size.so", {"found \"./wrong_size.so\", a table of 104 bytes, expected 112 bytes"}},
    {"./no_symbol.so", {"found \"./no_symbol.so\" without the symbol gw_policy_plugin, expected"}},
    {"./no_pick.so", {"found \"./no_pick.so\" without \"pick\"", "name, summary, create, destroy"}},
    {"./no_name.so", {"found \"./no_name.so\" without \"name\""}},
    {"./odd_name.so",
     {"found \"./odd_name.so\" with the name \"odd\\u000a\\u001b[31mname\", expected one that"}},
    {"./half_holds.so",
     {"found \"./half_holds.so\" with \"hold\" and without \"withdraw\", expected a table",
      "gw_policy_plugin with all of hold, release, withdraw, or none of them"}},
    {"./unresolved.so", {"that can be loaded (", "undefined symbol: nobody_has_this)"}},
    {"./goood.so", {PLUGIN("goood") " does not exist", "did you mean \"good.so\"?"}},
    {"nowhere/at/all.so", {"at/all.so does not exist)"}},
    {"../plugins", {GW_PLUGIN_DIR " is no regular file)"}},
    {"/dev/zero", {"/dev/zero is no regular file)"}},
};

START_TEST(mistake)
{
    const char *parts[G_N_ELEMENTS(mistakes[0].parts) + 1] = {NULL};
    memcpy(parts, mistakes[_i].parts, sizeof mistakes[_i].parts);
    refuse(mistakes[_i].name, parts);
}
END_TEST

/* A copy of the good plugin's first bytes, in a folder of its own. */
static char *write_cut(const char *folder, const char *content, gsize length_bytes)
{
    char *path = g_build_filename(folder, "cut.so", NULL);
    ck_assert(g_file_set_contents(path, content, (gssize)length_bytes, NULL));
    return path;
}

/* What a full disk leaves of a plugin would end the program with SIGBUS when it is opened. */
START_TEST(a_plugin_cut_short_is_refused)
{
    g_autofree char *folder = g_dir_make_tmp("gangway-plugin-XXXXXX", NULL);
    g_autofree char *content = NULL;
    gsize size_bytes = 0;
    ck_assert(g_file_get_contents(PLUGIN("good"), &content, &size_bytes, NULL));
    static const gsize lengths[] = {0, 1, 63, 64, 65, 119, 300, 1000, 4096, 4097, 8192, 9000};
    for (uint32_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        ck_assert_uint_lt(lengths[i], size_bytes);
        g_autofree char *path = write_cut(folder, content, lengths[i]);
        static const char *const parts[] = {"that can be loaded (", "/cut.so: ", NULL};
        refuse(path, parts);
    }
    remove_tree(folder);
}
END_TEST

/* Numbers in the headers that lead far out of the file. */
START_TEST(headers_that_lie_are_refused)
{
    g_autofree char *folder = g_dir_make_tmp("gangway-plugin-XXXXXX", NULL);
    g_autofree char *content = NULL;
    gsize size_bytes = 0;
    ck_assert(g_file_get_contents(PLUGIN("good"), &content, &size_bytes, NULL));
    memset(content + 32, 0xff, 8); /* e_phoff: where program headers begin. */
    g_autofree char *path = write_cut(folder, content, size_bytes);
    static const char *const parts[] = {"cut short, its headers promise more than ", NULL};
    refuse(path, parts);
    remove_tree(folder);
}
END_TEST

START_TEST(other_files_are_refused)
{
    g_autofree char *folder = g_dir_make_tmp("gangway-plugin-XXXXXX", NULL);
    static const char text[] =
        "#!/bin/sh\necho this is a script, and it is longer than the header of an object is\n";
    g_autofree char *path = write_cut(folder, text, sizeof text - 1);
    static const char *const parts[] = {"that can be loaded (", "invalid ELF header)", NULL};
    refuse(path, parts);
    g_autofree char *object = NULL;
    gsize size_bytes = 0;
    ck_assert(g_file_get_contents(PLUGIN("good"), &object, &size_bytes, NULL));
    object[4] = 1; /* EI_CLASS: 32 bits. */
    g_autofree char *narrow = write_cut(folder, object, size_bytes);
    static const char *const narrow_parts[] = {"that can be loaded (", "wrong ELF class", NULL};
    refuse(narrow, narrow_parts);
    remove_tree(folder);
}
END_TEST

/* The loader would say that there is no such file. */
START_TEST(objects_for_other_processors_are_named)
{
    g_autofree char *folder = g_dir_make_tmp("gangway-plugin-XXXXXX", NULL);
    g_autofree char *content = NULL;
    gsize size_bytes = 0;
    ck_assert(g_file_get_contents(PLUGIN("good"), &content, &size_bytes, NULL));
    content[19] ^= 0x40; /* The high byte of e_machine. */
    g_autofree char *path = write_cut(folder, content, size_bytes);
    static const char *const parts[] = {"/cut.so: built for processors of ELF machine 16", NULL};
    refuse(path, parts);
    remove_tree(folder);
}
END_TEST

/* Nobody is asked whether they meant what they wrote, nor a folder, nor what leads nowhere. */
START_TEST(links_and_folders_are_told_apart)
{
    g_autofree char *folder = g_dir_make_tmp("gangway-plugin-XXXXXX", NULL);
    static const struct {
        const char *name, *target; /* NULL: a folder. */
        const char *part;
    } cases[] = {{"loop.so", "loop.so", "/loop.so is a link that leads back to itself)"},
                 {"dangling.so", "nowhere", "/dangling.so is a link to what does not exist)"},
                 {"folder.so", NULL, "/folder.so is no regular file)"},
                 {"other\n.so", "nowhere", "/other .so is a link to what does not exist)"}};
    for (uint32_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_build_filename(folder, cases[i].name, NULL);
        ck_assert_int_eq(
            cases[i].target != NULL ? symlink(cases[i].target, path) : g_mkdir(path, 0700), 0);
        g_autoptr(GError) error = NULL;
        g_autoptr(gw_params) params = gw_params_parse("{\"policy\": \"\"}", "s.json", NULL);
        char *out_path = NULL;
        ck_assert_ptr_null(
            gw_plugin_load(&gw_plugin_policy, "s.json", params, "policy", path, &out_path, &error));
        expect_part(error->message, cases[i].part);
        ck_assert_msg(strstr(error->message, "did you mean") == NULL, "%s", error->message);
        ck_assert_msg(strchr(error->message, '\n') == NULL, "%s", error->message);
    }
    remove_tree(folder);
}
END_TEST

/* --- In a scenario --- */

static gw_scenario *load_with(const char *policy, GError **error)
{
    g_autofree char *setting = g_strdup_printf("control.policy=%s", policy);
    const char *const settings[] = {setting, NULL};
    return load_text(base_text, settings, error);
}

START_TEST(a_scenario_knows_where_its_policy_came_from)
{
    g_autoptr(gw_scenario) scenario = load_with(PLUGIN("good"), NULL);
    ck_assert_ptr_nonnull(scenario);
    ck_assert_str_eq(scenario->policy_path, PLUGIN("good"));
    ck_assert_str_eq(scenario->control.policy->name, "good");
    ck_assert_ptr_null(scenario->control.policy_params);
    g_autoptr(gw_scenario) built_in = load_with("fifo", NULL);
    ck_assert_ptr_null(built_in->policy_path);
}
END_TEST

START_TEST(a_path_starts_at_the_scenario)
{
    g_autofree char *path = NULL, *folder = NULL;
    g_setenv("GANGWAY_CONFIGS", CONFIGS, TRUE);
    path = make_scenario_file(base_text, &folder);
    g_autofree char *target = g_build_filename(folder, "mine.so", NULL);
    ck_assert_int_eq(symlink(PLUGIN("good"), target), 0);
    static const char *const settings[] = {"control.policy={\"name\": \"mine.so\"}", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_scenario) scenario = gw_scenario_load(path, settings, &error);
    ck_assert_msg(scenario != NULL, "%s", error != NULL ? error->message : "no error");
    ck_assert_str_eq(scenario->policy_path, target);
    ck_assert_ptr_nonnull(scenario->control.policy_params);
    remove_tree(folder);
}
END_TEST

static const struct {
    const char *policy, *part;
} refusals[] = {
    {PLUGIN("refuses"), ": /control/policy: policy refuses refuses to be made: the moon is not"},
    {"{\"name\": \"" PLUGIN("refuses") "\"}", ": /control/policy/name: policy refuses refuses"},
    {PLUGIN("silent"), ": /control/policy: policy silent refuses to be made: it does not say why"},
    {PLUGIN("mutters"),
     ": /control/policy: policy mutters refuses to be made: it does not say why"},
    {"{\"name\": \"" PLUGIN("mutters") "\", \"words\": \"one\\ntwo\\u001b\\n\"}",
     ": /control/policy/name: policy mutters refuses to be made: one two\\u001b"},
    {"{\"name\": \"" PLUGIN("mutters") "\", \"words\": \"but why\", \"makes\": true}",
     "policy mutters makes a policy and an error at once (but why), expected one of them"},
    {PLUGIN("no_ops"), ": /control/policy: policy no_ops makes a policy of another table"},
    {"{\"name\": \"" PLUGIN("good") "\", \"wait\": 1}", ": /control/policy/wait: found an unknown"},
    {"{\"name\": \"" PLUGIN("wrong_abi") "\"}", ": /control/policy/name: found \""},
    {"./nonesuch.so", ": /control/policy: found \"./nonesuch.so\", expected a policy's shared"},
    {"nonesuch", "or the path of a plugin (\"./NAME.so\")"},
};

START_TEST(refusal)
{
    g_autoptr(GError) error = NULL;
    ck_assert_ptr_null(load_with(refusals[_i].policy, &error));
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    expect_part(error->message, refusals[_i].part);
}
END_TEST

START_TEST(blame_names_the_policy_and_its_file)
{
    g_autoptr(gw_scenario) scenario = load_with(PLUGIN("good"), NULL);
    g_autoptr(GError) error = NULL;
    const gw_note wrong = {GW_NOTE_POLICY_WRONG, 7, 42, 0};
    gw_scenario_blame(scenario, &wrong, NULL, &error);
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    expect_part(error->message,
                "policy good (" PLUGIN("good") "): scheduler on node 7: picked offer 42,");
    g_autoptr(gw_scenario) built_in = load_with("fifo", NULL);
    g_autoptr(GError) other = NULL;
    gw_scenario_blame(built_in, &wrong, NULL, &other);
    expect_part(other->message, "policy fifo (built in): scheduler on node 7:");
}
END_TEST

START_TEST(blame_for_creation_leaves_an_error_alone)
{
    g_autoptr(gw_scenario) scenario = load_with(PLUGIN("good"), NULL);
    g_autoptr(GError) error = NULL;
    gw_scenario_blame_creation(scenario, &error);
    expect_part(error->message, "policy good (" PLUGIN("good") "): it refused to be made again");
    g_autoptr(GError) own = g_error_new_literal(GW_ERROR, GW_ERROR_SYSTEM, "its own words");
    gw_scenario_blame_creation(scenario, &own);
    ck_assert_str_eq(own->message, "its own words");
    gw_scenario_blame_creation(scenario, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin");
    TCase *cases = tcase_create("plugin");
    tcase_add_test(cases, paths_have_a_slash_or_the_suffix);
    tcase_add_test(cases, a_good_one_is_loaded_by_any_path);
    tcase_add_test(cases, an_abi_stands_for_one_layout);
    tcase_add_test(cases, an_earlier_table_is_good);
    tcase_add_test(cases, a_placement_abi_stands_for_one_layout);
    tcase_add_test(cases, a_dispatch_abi_stands_for_one_layout);
    tcase_add_test(cases, other_kinds_are_loaded);
    tcase_add_loop_test(cases, other_mistake, 0, G_N_ELEMENTS(other_mistakes));
    tcase_add_test(cases, plugins_do_not_see_each_other);
    tcase_add_loop_test(cases, mistake, 0, G_N_ELEMENTS(mistakes));
    tcase_add_test(cases, a_plugin_cut_short_is_refused);
    tcase_add_test(cases, headers_that_lie_are_refused);
    tcase_add_test(cases, other_files_are_refused);
    tcase_add_test(cases, objects_for_other_processors_are_named);
    tcase_add_test(cases, links_and_folders_are_told_apart);
    tcase_add_test(cases, a_scenario_knows_where_its_policy_came_from);
    tcase_add_test(cases, a_path_starts_at_the_scenario);
    tcase_add_loop_test(cases, refusal, 0, G_N_ELEMENTS(refusals));
    tcase_add_test(cases, blame_names_the_policy_and_its_file);
    tcase_add_test(cases, blame_for_creation_leaves_an_error_alone);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
