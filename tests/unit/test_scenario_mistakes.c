/* SPDX-License-Identifier: Apache-2.0 */
/* Bad scenarios.  A mistake is a line in a table: what is set, the path that the message names,
 * and what else it has to say. */
#include "run_suite.h"
#include "tests/unit/test_scenario.h"

/* --- Placement --- */

/* `pin` is JSON for the only mesh; PATH in a part becomes the pin's own path. */
static void expect_pin_mistake(const char *pin, const char *island_count, const char *path_tail,
                               const char *part)
{
    g_autofree char *mesh = find_mesh_name();
    g_autofree char *placement = g_strdup_printf("jobs.0.placement={\"%s\":%s}", mesh, pin);
    g_autofree char *count = g_strdup_printf("cluster.islands.0.count=%s", island_count);
    g_autofree char *path = g_strdup_printf(": /jobs/0/placement/%s%s: ", mesh, path_tail);
    const char *const settings[] = {count, placement, NULL};
    const char *const parts[] = {path, part, NULL};
    expect_mistake(base_text, settings, parts);
}

START_TEST(wrong_pins)
{
    expect_pin_mistake("{\"devices\":[0,1,2]}", "1", "/devices",
                       "found 3 devices, expected the 4 of mesh");
    expect_pin_mistake("{\"devices\":[0,1,2,3,4]}", "1", "/devices",
                       "found 5 devices, expected the 4 of mesh");
    expect_pin_mistake("{\"devices\":[0,1,2,8]}", "1", "/devices/3",
                       "found 8, expected a whole number from 0 to 7");
    expect_pin_mistake("{\"devices\":[0,1,2,-1]}", "1", "/devices/3", "found -1");
    expect_pin_mistake("{\"devices\":[0,1,\"2\",3]}", "1", "/devices/2", "found \"2\"");
    expect_pin_mistake("{\"devices\":[0,1,0,3]}", "1", "/devices/2",
                       "found device 0 again, expected each once");
    expect_pin_mistake("{\"devices\":[6,7,8,9]}", "2", "/devices/2",
                       "found device 8 of island 1, expected one of island 0 like device 6");
    expect_pin_mistake("{\"devices\":3}", "1", "/devices", "found 3, expected an array");
    expect_pin_mistake("{\"island\":2}", "2", "/island",
                       "found 2, expected a whole number from 0 to 1");
    expect_pin_mistake("{\"island\":0,\"devices\":[0,1,2,3]}", "1", "",
                       "found both, expected either \"island\" or \"devices\"");
    expect_pin_mistake("{}", "1", "", "found neither, expected either \"island\" or \"devices\"");
    expect_pin_mistake("7", "1", "", "found 7, expected an object");
    expect_pin_mistake("{\"island\":0,\"host\":1}", "1", "/host", "found an unknown key");
}
END_TEST

START_TEST(a_mesh_of_another_name)
{
    static const char *const settings[] = {"jobs.0.placement={\"nonesuch\":{\"island\":0}}", NULL};
    g_autofree char *mesh = find_mesh_name();
    g_autofree char *list = g_strdup_printf("expected one of \"%s\"", mesh);
    const char *const parts[] = {": /jobs/0/placement/nonesuch: found no mesh of that name", list,
                                 NULL};
    expect_mistake(base_text, settings, parts);
}
END_TEST

/* --- What does not fit --- */

START_TEST(a_mesh_larger_than_every_island)
{
    static const char *const settings[] = {"jobs.0.parameters.devices=9",
                                           "cluster.islands.0.count=2", NULL};
    static const char *const parts[] = {
        "s.json:9: /jobs/0: ", " of 9 devices, expected at most the 8 of the largest island", NULL};
    expect_mistake(base_text, settings, parts);
}
END_TEST

START_TEST(a_mesh_larger_than_its_own_island)
{
    g_autofree char *mesh = find_mesh_name();
    g_autofree char *pin = g_strdup_printf("jobs.0.placement={\"%s\":{\"island\":1}}", mesh);
    const char *const settings[] = {
        "cluster.islands=[{\"hosts\":2,\"devices_per_host\":4,\"accelerator\":\"tpu_v3_core\"},"
        "{\"hosts\":1,\"devices_per_host\":2,\"accelerator\":\"tpu_v3_core\"}]",
        pin, NULL};
    static const char *const parts[] = {": /jobs/0/placement/",
                                        " of 4 devices, expected at most the 2 of island 1", NULL};
    expect_mistake(base_text, settings, parts);
}
END_TEST

/* Three activations of 8 GiB wait for their backward passes: more than a TPU v3 core has, less
 * than an A100. */
static const char large_job[] =
    "jobs=[{\"name\":\"large\",\"workload\":\"pipeline\",\"parameters\":{\"stages\":1,"
    "\"microbatches\":3,\"schedule\":\"gpipe\",\"forward\":\"1ms\",\"backward\":\"1ms\","
    "\"activation\":\"8GiB\"}}]";

START_TEST(memory_that_can_never_fit)
{
    static const char *const settings[] = {large_job, NULL};
    static const char *const parts[] = {": /jobs/0: found that mesh \"stage0\" needs ",
                                        " per device, expected at most the 16 GiB (17179869184 "
                                        "bytes) of a tpu_v3_core",
                                        NULL};
    expect_mistake(base_text, settings, parts);
}
END_TEST

/* Two meshes of two devices, 6 and 12 GiB on each: either fits a tpu_v3_core's 16 GiB by itself. */
static const char together_text[] =
    "{\"cluster\": {\"islands\": [{\"hosts\": 1, \"devices_per_host\": 2,\n"
    "  \"accelerator\": \"tpu_v3_core\"}]},\n"
    " \"jobs\": [{\"name\": \"big\", \"workload\": \"graph\", \"parameters\": {\n"
    "  \"meshes\": {\"a\": [2], \"b\": [2]},\n"
    "  \"functions\": {\"f\": {\"operations\": [{\"duration\": \"1ms\"}], \"output\": \"6GiB\"}},\n"
    "  \"nodes\": [{\"name\": \"n\", \"function\": \"f\", \"mesh\": \"a\"},\n"
    "   {\"name\": \"o\", \"function\": \"f\", \"mesh\": \"b\", \"inputs\": [\"n\"]}]}}]}";

START_TEST(meshes_that_do_not_fit_together)
{
    static const char *const all[] = {
        "s.json:3: /jobs/0: found meshes that need more memory together than there is: mesh \"b\" "
        "12 GiB on each of 2 devices, mesh \"a\" 6 GiB on each of 2 devices; 36 GiB in all, and "
        "the 2 devices of the cluster have 32 GiB, at most 16 GiB each",
        NULL};
    expect_mistake(together_text, NULL, all);
    static const char *const bound[] = {
        "cluster.islands.0.count=2", "jobs.0.placement={\"a\":{\"island\":1},\"b\":{\"island\":1}}",
        NULL};
    static const char *const island[] = {"36 GiB in all, and the 2 devices of island 1 have 32 GiB",
                                         NULL};
    expect_mistake(together_text, bound, island);
    static const char *const pinned[] = {
        "cluster.islands.0.count=2",
        "jobs.0.placement={\"a\":{\"devices\":[2,3]},\"b\":{\"devices\":[3,2]}}", NULL};
    static const char *const device[] = {
        "found that meshes need 18 GiB together on device 3, expected at most the 16 GiB of a "
        "tpu_v3_core: mesh \"b\" 12 GiB",
        NULL};
    expect_mistake(together_text, pinned, device);
}
END_TEST

START_TEST(meshes_that_fit_apart)
{
    static const char *const apart[] = {
        "cluster.islands.0.count=2",
        "jobs.0.placement={\"a\":{\"devices\":[0,1]},\"b\":{\"devices\":[2,3]}}", NULL};
    g_autoptr(gw_scenario) pinned = load_good(together_text, apart);
    static const char *const two[] = {"cluster.islands.0.count=2", NULL};
    g_autoptr(gw_scenario) free_to_go = load_good(together_text, two);
    ck_assert_uint_eq(pinned->job_count + free_to_go->job_count, 2);
}
END_TEST

START_TEST(memory_that_another_island_has)
{
    const char *const islands =
        "cluster.islands=[{\"hosts\":1,\"devices_per_host\":4,\"accelerator\":\"tpu_v3_core\"},"
        "{\"hosts\":1,\"devices_per_host\":8,\"accelerator\":\"a100\"}]";
    const char *const settings[] = {islands, large_job, NULL};
    g_autoptr(gw_scenario) scenario = load_good(base_text, settings);
    ck_assert_str_eq(scenario->jobs[0].name, "large");
    const char *const pin = "jobs.0.placement={\"stage0\":{\"devices\":[2]}}";
    const char *const pinned[] = {islands, large_job, pin, NULL};
    static const char *const parts[] = {": /jobs/0/placement/stage0: found that mesh \"stage0\"",
                                        " of a tpu_v3_core", NULL};
    expect_mistake(base_text, pinned, parts);
}
END_TEST

/* --- Mistakes by --set --- */

static const struct {
    const char *setting, *path, *part;
} mistakes[] = {
    {"seed=-1", "/seed", "found -1, expected a whole number of at least 0"},
    {"seed=1.5", "/seed", "found 1.5"},
    {"name=a b", "/name", "found \"a b\", expected 1 to 64 letters"},
    {"name=.hidden", "/name", "found \".hidden\""},
    {"name=\"\"", "/name", "found \"\""},
    {"name=7", "/name", "found 7, expected a string"},
    {"description=3", "/description", "found 3, expected a string"},
    {"sede=3", "/sede", "found an unknown key"},
    {"cluster=3", "/cluster", "found 3, expected an object"},
    {"cluster.ilands=[]", "/cluster/ilands", "did you mean \"islands\"?"},
    {"cluster.islands={}", "/cluster/islands", "found an object, expected an array"},
    {"cluster.islands=[]", "/cluster/islands", "found none, expected one island at least"},
    {"cluster.islands=[4]", "/cluster/islands/0", "found 4, expected an object"},
    {"cluster.islands.0.hosts=0", "/cluster/islands/0/hosts",
     "found 0, expected a whole number from 1 to 65536"},
    {"cluster.islands.0.hosts=65537", "/cluster/islands/0/hosts", "found 65537"},
    {"cluster.islands.0.hosts=two", "/cluster/islands/0/hosts", "found \"two\""},
    {"cluster.islands.0.devices_per_host=0", "/cluster/islands/0/devices_per_host", "1 to 64"},
    {"cluster.islands.0.devices_per_host=65", "/cluster/islands/0/devices_per_host", "1 to 64"},
    {"cluster.islands.0.count=0", "/cluster/islands/0/count", "found 0"},
    {"cluster.islands.0.count=131073", "/cluster/islands/0",
     "found 1048584 devices up to this island, expected at most 1048576"},
    {"cluster.islands.0.accelerator=tpu_v3cor", "/cluster/islands/0/accelerator",
     "did you mean \"tpu_v3_core\"?"},
    {"cluster.islands.0.accelerator=", "/cluster/islands/0/accelerator", "expected an accelerator"},
    {"cluster.islands.0.accelerator=x/y.json", "/cluster/islands/0/accelerator",
     "found \"x/y.json\", expected an accelerator's file (there is no /"},
    {"cluster.islands.0.accelerator=3", "/cluster/islands/0/accelerator", "expected a string"},
    {"cluster.islands.0.torus=8", "/cluster/islands/0/torus", "expected an array"},
    {"cluster.islands.0.torus=[]", "/cluster/islands/0/torus", "found 0 sizes, expected 1 to 3"},
    {"cluster.islands.0.torus=[2,2,2,1]", "/cluster/islands/0/torus", "found 4 sizes"},
    {"cluster.islands.0.torus=[8,0]", "/cluster/islands/0/torus/1", "found 0"},
    {"cluster.islands.0.torus=[2,3]", "/cluster/islands/0/torus",
     "found 2 x 3 = 6 devices, expected hosts x devices_per_host = 2 x 4 = 8"},
    {"cluster.islands.0.torus=[7]", "/cluster/islands/0/torus", "found 7 devices, expected"},
    {"cluster.islands.0.torus=[1048576,1048576,1048576]", "/cluster/islands/0/torus",
     "found 1048576 x 1048576 x 1048576 = 1152921504606846976 devices"},
    {"cluster.islands.0.wrap=yes", "/cluster/islands/0/wrap", "expected true or false"},
    {"cluster.islands.0.wrap=[true,false]", "/cluster/islands/0/wrap",
     "found 2 values, expected one for each of the torus's 1 size"},
    {"cluster.islands.0.wrap=[1]", "/cluster/islands/0/wrap/0", "found 1, expected true or false"},
    {"cluster.islands.0.toros=[8]", "/cluster/islands/0/toros", "did you mean \"torus\"?"},
    {"cluster.dcn=fast", "/cluster/dcn", "expected an object"},
    {"cluster.dcn.latency=50", "/cluster/dcn/latency", "found 50, expected a span"},
    {"cluster.dcn.latency=50 m", "/cluster/dcn/latency", "found \"50 m\", expected a span"},
    {"cluster.dcn.latency=-1us", "/cluster/dcn/latency", "not negative"},
    {"cluster.dcn.bandwidth=12GB", "/cluster/dcn/bandwidth", "expected bytes per second"},
    {"cluster.dcn.bandwidth=0B/s", "/cluster/dcn/bandwidth", "expected at least 1 B/s"},
    {"cluster.islands.0.collectives=rings", "/cluster/islands/0/collectives", "\"ring\"?"},
    {"cluster.links=share", "/cluster/links", "did you mean \"shared\"?"},
    {"cluster.dcn.cards=0", "/cluster/dcn/cards", "from 1 to 64"},
    {"cluster.dcn.cards=65", "/cluster/dcn/cards", "found 65"},
    {"cluster.dcn.host_bandwidth=0B/s", "/cluster/dcn/host_bandwidth", "expected at least 1 B/s"},
    {"cluster.dcn.host_bandwidth=4", "/cluster/dcn/host_bandwidth", "found 4"},
    {"cluster.dcn.oversubscription=0.5", "/cluster/dcn/oversubscription", "found 0.5"},
    {"cluster.dcn.oversubscription=2:1", "/cluster/dcn/oversubscription", "found \"2:1\""},
    {"cluster.islands.0.interconnect=swich", "/cluster/islands/0/interconnect", "\"switch\"?"},
    {"cluster.islands.0={\"hosts\":1,\"devices_per_host\":4,\"accelerator\":\"h100\","
     "\"interconnect\":\"switch\",\"torus\":[4]}",
     "/cluster/islands/0/torus", "expected it with a torus only"},
    {"cluster.dcn.speed=1", "/cluster/dcn/speed", "found an unknown key"},
    {"control=[]", "/control", "found an array, expected an object"},
    {"control.profile=pathways-2023", "/control/profile", "did you mean \"pathways-2022\"?"},
    {"control.profile=1", "/control/profile", "found 1, expected a string"},
    {"control.system=ray1", "/control/system", "did you mean \"ray\"?"},
    {"control.system=3", "/control/system", "found 3, expected"},
    {"control={\"system\":\"ray\",\"policy\":\"fifo\"}", "/control/policy",
     "found a policy, expected none: system \"ray\" has no scheduler"},
    {"control={\"system\":\"tf1\",\"dispatch\":\"parallel\"}", "/control/dispatch",
     "found a dispatch, expected none: system \"tf1\" has no scheduler"},
    {"control.policy=fifi", "/control/policy", "did you mean \"fifo\"?"},
    {"control.policy=3", "/control/policy",
     "found 3, expected a name, or {\"name\": NAME} and parameters"},
    {"control.placement=false", "/control/placement",
     "found false, expected a name, or {\"name\": "},
    {"control.dispatch=[]", "/control/dispatch", "found an array, expected a name, or {\"name\": "},
    {"control.policy={\"name\":\"priority\",\"ageing\":5}", "/control/policy/ageing",
     "found 5, expected a span such as \"500ms\" (or a plain number as \"ageing_ns\"), or "
     "\"never\""},
    {"control.policy={}", "/control/policy", "found no \"name\""},
    {"control.policy={\"name\":\"nine\"}", "/control/policy/name", "did you mean \"none\"?"},
    {"control.policy={\"name\":\"fifo\",\"quantum\":3}", "/control/policy/quantum", "unknown key"},
    {"control.policy={\"name\":\"none\",\"quantum\":3}", "/control/policy/quantum", "unknown key"},
    {"control.policy=prioritiy", "/control/policy", "did you mean \"priority\"?"},
    {"control.policy={\"name\":\"share\",\"weight\":3}", "/control/policy/weight", "unknown key"},
    {"control.policy={\"name\":\"priority\",\"ageing\":\"0s\"}", "/control/policy/ageing",
     "found 0, expected a time above 0"},
    {"control.policy={\"name\":\"priority\",\"agein\":\"1s\"}", "/control/policy/agein",
     "did you mean \"ageing\"?"},
    {"control.dispatch=paralel", "/control/dispatch", "did you mean \"parallel\"?"},
    {"control.starvation_limit=0s", "/control/starvation_limit",
     "found 0, expected a time above 0"},
    {"control.starvation_limit_ns=0", "/control/starvation_limit_ns", "found 0"},
    {"control.starvation_limit=10", "/control/starvation_limit", "found 10, expected a span"},
    {"control.starvation_limits=10s", "/control/starvation_limits",
     "did you mean \"starvation_limit\"?"},
    {"control.lookahead=0", "/control/lookahead", "found 0, expected a whole number from 1"},
    {"control.lookahead=65537", "/control/lookahead", "found 65537"},
    {"control.lookahead_memory=0B", "/control/lookahead_memory",
     "found 0, expected a size above 0"},
    {"control.lookahead_memory_bytes=0", "/control/lookahead_memory_bytes",
     "found 0, expected a size above 0"},
    {"control.lookahead_memory=12", "/control/lookahead_memory", "found 12"},
    {"control.lookahead_memroy=1MiB", "/control/lookahead_memroy",
     "did you mean \"lookahead_memory\"?"},
    {"control.spill=oldest", "/control/spill",
     "found \"oldest\", expected \"none\": hosts of island 0 have no \"host_memory\""},
    {"control.spill=newest", "/control/spill", "found \"newest\""},
    {"control.look_ahead=4", "/control/look_ahead", "did you mean \"lookahead\"?"},
    {"control.fanout=tree", "/control/fanout",
     "found \"tree\", expected \"direct\" or {\"tree\": DEGREE}"},
    {"control.fanout=8", "/control/fanout", "found 8, expected \"direct\" or {\"tree\": DEGREE}"},
    {"control.fanout={}", "/control/fanout", "found no \"tree\""},
    {"control.fanout={\"tree\":1}", "/control/fanout/tree",
     "found 1, expected a whole number from 2"},
    {"control.fanout={\"tree\":65537}", "/control/fanout/tree", "found 65537"},
    {"control.fanout={\"tree\":2.5}", "/control/fanout/tree", "found 2.5"},
    {"control.fanout={\"tree\":\"8\"}", "/control/fanout/tree", "found \"8\""},
    {"control.fanout={\"tre\":2}", "/control/fanout", "found no \"tree\""},
    {"control.fanout={\"tree\":2,\"depth\":2}", "/control/fanout/depth", "unknown key"},
    {"control.fan_out=direct", "/control/fan_out", "did you mean \"fanout\"?"},
    {"jobs={}", "/jobs", "found an object, expected an array"},
    {"jobs=[]", "/jobs", "found none, expected one job at least"},
    {"jobs=[null]", "/jobs/0", "found null, expected an object"},
    {"jobs.0.name=a/b", "/jobs/0/name", "found \"a/b\""},
    {"jobs.0.count=0", "/jobs/0/count", "found 0"},
    {"jobs.0.count=16385", "/jobs/0/count", "found 16385, expected a whole number from 1 to 16384"},
    {"jobs.0.workload=chian", "/jobs/0/workload", "did you mean \"chain\"?"},
    {"jobs.0.workload=[]", "/jobs/0/workload", "expected a string"},
    {"jobs.0.parameters=4", "/jobs/0/parameters", "found 4, expected an object"},
    {"jobs.0.parameters.lenght=4", "/jobs/0/parameters/lenght", "did you mean \"length\"?"},
    {"jobs.0.parameters.length=0", "/jobs/0/parameters/length", "found 0"},
    {"jobs.0.submit=chain", "/jobs/0/submit", "did you mean \"chained\"?"},
    {"jobs.0.steps=0", "/jobs/0/steps", "found 0"},
    {"jobs.0.steps=1000000001", "/jobs/0/steps", "found 1000000001"},
    {"jobs.0.runs=5", "/jobs/0/runs", "found an unknown key"},
    {"jobs.0.in_flight=0", "/jobs/0/in_flight", "found 0"},
    {"jobs.0.in_flight=1025", "/jobs/0/in_flight", "1 to 1024"},
    {"jobs.0.weight=0", "/jobs/0/weight", "found 0, expected a whole number from 1 to 1000000"},
    {"jobs.0.weight=-1", "/jobs/0/weight", "found -1"},
    {"jobs.0.weight=1e9", "/jobs/0/weight", "from 1 to 1000000"},
    {"jobs.0.weight=0.5", "/jobs/0/weight", "found 0.5"},
    {"jobs.0.weight=heavy", "/jobs/0/weight", "found \"heavy\""},
    {"jobs.0.priority=-1", "/jobs/0/priority", "found -1"},
    {"jobs.0.priority=1000001", "/jobs/0/priority", "from 0 to 1000000"},
    {"jobs.0.deadline=0s", "/jobs/0/deadline", "found 0, expected a time above 0"},
    {"jobs.0.deadline_ns=0", "/jobs/0/deadline_ns", "found 0, expected a time above 0"},
    {"jobs.0.deadline=-1ms", "/jobs/0/deadline", "not negative"},
    {"jobs.0.start=now", "/jobs/0/start", "found \"now\", expected a span"},
    {"jobs.0.start=5", "/jobs/0/start", "found 5"},
    {"jobs.0.placement=[]", "/jobs/0/placement", "found an array, expected an object"},
    {"outputs=true", "/outputs", "expected an object"},
    {"outputs.trace=1", "/outputs/trace", "found 1, expected true or false"},
    {"outputs.plots=true", "/outputs/plots", "did you mean \"plot\"?"},
};

START_TEST(mistake_by_setting)
{
    const char *const settings[] = {mistakes[_i].setting, NULL};
    g_autofree char *path = g_strdup_printf(": %s: ", mistakes[_i].path);
    const char *const parts[] = {path, mistakes[_i].part, NULL};
    expect_mistake(base_text, settings, parts);
}
END_TEST

START_TEST(settings_name_themselves)
{
    static const char *const settings[] = {"jobs.0.steps=3", "jobs.steps=0", NULL};
    static const char *const parts[] = {"--set jobs.steps=0: /jobs/0/steps: found 0", NULL};
    expect_mistake(base_text, settings, parts);
}
END_TEST

START_TEST(a_setting_of_the_wrong_form)
{
    static const char *const settings[] = {"jobs.0.steps", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_scenario) scenario = load_text(base_text, settings, &error);
    ck_assert_ptr_null(scenario);
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_USAGE));
}
END_TEST

START_TEST(too_many_jobs)
{
    static const char *const settings[] = {
        "jobs=[{\"name\":\"a\",\"count\":16384,\"workload\":\"chain\","
        "\"parameters\":{\"devices\":1,\"length\":1}},"
        "{\"name\":\"b\",\"workload\":\"chain\",\"parameters\":{\"devices\":1,\"length\":1}}]",
        NULL};
    static const char *const parts[] = {": /jobs/1: found 16385 jobs up to this one", "16384",
                                        NULL};
    expect_mistake(base_text, settings, parts);
}
END_TEST

START_TEST(two_jobs_of_one_name)
{
    static const char *const settings[] = {
        "jobs=[{\"name\":\"a\",\"count\":2,\"workload\":\"chain\","
        "\"parameters\":{\"devices\":1,\"length\":1}},"
        "{\"name\":\"a.1\",\"workload\":\"chain\",\"parameters\":{\"devices\":1,\"length\":1}}]",
        NULL};
    static const char *const parts[] = {": /jobs/1/name: found a second job called \"a.1\"", NULL};
    expect_mistake(base_text, settings, parts);
    static const char *const unnamed[] = {
        "jobs=[{\"workload\":\"chain\",\"parameters\":{\"devices\":1,\"length\":1}},"
        "{\"workload\":\"chain\",\"parameters\":{\"devices\":1,\"length\":1}}]",
        NULL};
    static const char *const unnamed_parts[] = {": /jobs/1: found a second job called \"chain\"",
                                                NULL};
    expect_mistake(base_text, unnamed, unnamed_parts);
}
END_TEST

START_TEST(a_program_on_two_meshes_is_not_fused)
{
    static const char *const settings[] = {
        "jobs=[{\"workload\":\"pipeline\",\"submit\":\"fused\",\"parameters\":{\"stages\":2,"
        "\"microbatches\":2,\"schedule\":\"1f1b\",\"forward\":\"1ms\",\"backward\":\"1ms\"}}]",
        NULL};
    static const char *const parts[] = {": /jobs/0/submit: ", NULL};
    expect_mistake(base_text, settings, parts);
}
END_TEST

START_TEST(lines_are_those_of_the_file)
{
    g_autoptr(GString) text = g_string_new(base_text);
    g_string_replace(text, "\"hosts\": 2", "\"hosts\": -2", 1);
    static const char *const parts[] = {"s.json:5: /cluster/islands/0/hosts: found -2", NULL};
    expect_mistake(text->str, NULL, parts);
    static const char *const unknown[] = {"s.json:10: /jobs/0/parameters/lengths: ", NULL};
    g_string_assign(text, base_text);
    g_string_replace(text, "\"length\"", "\"lengths\"", 1);
    expect_mistake(text->str, NULL, unknown);
}
END_TEST

static const struct {
    const char *removed, *path, *part;
} missing[] = {
    {"\"hosts\": 2, ", "/cluster/islands/0", "found no \"hosts\""},
    {"\"devices_per_host\": 4, ", "/cluster/islands/0", "found no \"devices_per_host\""},
    {", \"accelerator\": \"tpu_v3_core\"", "/cluster/islands/0", "found no \"accelerator\""},
    {", \"workload\": \"chain\"", "/jobs/0", "found no \"workload\""},
    {",\n  \"jobs\": [\n    {\"name\": \"chain\", \"workload\": \"chain\",\n     \"parameters\": "
     "{\"devices\": 4, \"length\": 2}}\n  ]",
     "/", "found no \"jobs\""},
};

START_TEST(missing_key)
{
    g_autoptr(GString) text = g_string_new(base_text);
    ck_assert_uint_eq(g_string_replace(text, missing[_i].removed, "", 1), 1);
    g_autofree char *path = g_strdup_printf(": %s: ", missing[_i].path);
    const char *const parts[] = {path, missing[_i].part, NULL};
    expect_mistake(text->str, NULL, parts);
}
END_TEST

START_TEST(missing_parameters)
{
    static const char *const settings[] = {"jobs=[{\"workload\":\"pipeline\"}]", NULL};
    static const char *const parts[] = {": /jobs/0: found no \"parameters\", workload \"pipeline\" "
                                        "needs them: ",
                                        "found no \"", NULL};
    expect_mistake(base_text, settings, parts);
}
END_TEST

START_TEST(not_a_scenario)
{
    static const char *const broken[] = {"s.json:1:", NULL};
    expect_mistake("{\"name\": }", NULL, broken);
    static const char *const twice[] = {"s.json:1:", "duplicate object key", NULL};
    expect_mistake("{\"seed\": 1, \"seed\": 2}", NULL, twice);
    static const char *const array[] = {"found an array, expected an object", NULL};
    expect_mistake("[]", NULL, array);
    static const char *const empty[] = {"found no \"cluster\"", NULL};
    expect_mistake("{}", NULL, empty);
    g_autoptr(GError) error = NULL;
    g_autoptr(gw_scenario) scenario = gw_scenario_load("/nonesuch/s.json", NULL, &error);
    ck_assert_ptr_null(scenario);
    ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
    expect_part(error->message, "/nonesuch/s.json");
}
END_TEST

static TCase *make_bad_case(void)
{
    TCase *bad = tcase_create("bad");
    tcase_add_test(bad, wrong_pins);
    tcase_add_test(bad, a_mesh_of_another_name);
    tcase_add_test(bad, a_mesh_larger_than_every_island);
    tcase_add_test(bad, a_mesh_larger_than_its_own_island);
    tcase_add_test(bad, memory_that_can_never_fit);
    tcase_add_test(bad, meshes_that_do_not_fit_together);
    tcase_add_test(bad, meshes_that_fit_apart);
    tcase_add_test(bad, memory_that_another_island_has);
    tcase_add_loop_test(bad, mistake_by_setting, 0, (int)G_N_ELEMENTS(mistakes));
    tcase_add_test(bad, settings_name_themselves);
    tcase_add_test(bad, a_setting_of_the_wrong_form);
    tcase_add_test(bad, too_many_jobs);
    tcase_add_test(bad, two_jobs_of_one_name);
    tcase_add_test(bad, a_program_on_two_meshes_is_not_fused);
    tcase_add_test(bad, lines_are_those_of_the_file);
    tcase_add_loop_test(bad, missing_key, 0, (int)G_N_ELEMENTS(missing));
    tcase_add_test(bad, missing_parameters);
    tcase_add_test(bad, not_a_scenario);
    return bad;
}

int main(void)
{
    Suite *suite = suite_create("scenario_mistakes");
    suite_add_tcase(suite, make_bad_case());
    return gw_run_suite(suite);
}
