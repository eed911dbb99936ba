/* SPDX-License-Identifier: Apache-2.0 */
/* How long a batch takes to all its hosts: docs/MODEL.md, "Fan-out", against the simulated cluster
 * that runs the real controller.  Exactly, but for full trees, where the closed form leaves out
 * the few ns that messages of unequal length take on a NIC. */
#include <check.h>

#include "run_suite.h"
#include "world/world.h"

typedef struct {
    gw_span send_ns, receive_ns, latency_ns;
    double bytes_per_s;
    uint32_t degree;
} fanout_model;

/* --- The model --- */

/* Of one segment, for `stop_count` hosts; none: not down a tree. */
static gw_span wire_ns(const fanout_model *model, uint32_t stop_count)
{
    const uint32_t dispatch_bytes = sizeof(uint32_t) * 4 + 40;
    const uint32_t relay_bytes = stop_count == 0 ? 0 : 16 + 8 * stop_count;
    return gw_span_from_seconds((dispatch_bytes + relay_bytes) / model->bytes_per_s);
}

static gw_time last_told_directly(const fanout_model *model, uint32_t host_count, gw_time clock_ns)
{
    return clock_ns + host_count * model->send_ns + wire_ns(model, 0) + model->latency_ns +
           model->receive_ns;
}

/* When the last of `host_count` hosts has heard, and has passed on what is for others, if a node
 * begins to tell them at `clock_ns`. */
static gw_time last_told(const fanout_model *model, uint32_t host_count, gw_time clock_ns)
{
    gw_time last_ns = clock_ns;
    for (uint32_t rows = MIN(model->degree, host_count); rows > 0; rows--) {
        const uint32_t length = (host_count + rows - 1) / rows;
        clock_ns += model->send_ns;
        const gw_time told_ns =
            clock_ns + wire_ns(model, length) + model->latency_ns + model->receive_ns;
        const gw_time passed_on_ns = told_ns + MIN(model->degree, length - 1) * model->send_ns;
        last_ns = MAX(last_ns, MAX(passed_on_ns, last_told(model, length - 1, told_ns)));
        host_count -= length;
    }
    return last_ns;
}

/* --- The measurement --- */

/* A gang on one device of each of `host_count` hosts; `degree` 0: told directly. */
static gw_scenario *make_scenario(uint32_t host_count, uint32_t degree)
{
    g_autofree char *fanout =
        degree == 0 ? g_strdup("\"direct\"") : g_strdup_printf("{\"tree\": %u}", degree);
    g_autofree char *text = g_strdup_printf(
        "{\"cluster\": {\"islands\": [{\"hosts\": %u, \"devices_per_host\": 1, \"accelerator\": "
        "\"plain\"}], \"dcn\": {\"latency\": \"50us\", \"bandwidth\": \"1GB/s\"}},"
        "\"control\": {\"profile\": \"plain\", \"fanout\": %s},"
        "\"jobs\": [{\"name\": \"a\", \"workload\": \"chain\", \"parameters\": "
        "{\"devices\": %u, \"length\": 1}}]}",
        host_count, fanout, host_count);
    g_autoptr(GError) error = NULL;
    gw_scenario *scenario =
        gw_scenario_parse(text, GW_SOURCE_DIR "/tests/scenario/fanout_model.json", &error);
    ck_assert_msg(scenario != NULL, "%s", error == NULL ? "" : error->message);
    return scenario;
}

static void hear_gang(void *context, const gw_gang_record *gang)
{
    gw_time *end_ns = context;
    if ((gang->gang & ((UINT64_C(1) << GW_GANG_SEQUENCE_BITS) - 1)) == 0) {
        *end_ns = gang->end_ns;
    }
}

/* When the first gang is done on its last device.  Up to when it is told all goes alike, whatever
 * the tree; and from when the last host is told. */
static gw_time measure_end(uint32_t host_count, uint32_t degree, fanout_model *out_model)
{
    g_autoptr(gw_scenario) scenario = make_scenario(host_count, degree);
    gw_time end_ns = 0;
    const gw_world_listener listener = {.gang = hear_gang, .context = &end_ns};
    const gw_world_settings settings = {.is_paranoid = true, .listener = &listener};
    gw_world_report report;
    g_autoptr(GError) error = NULL;
    ck_assert_msg(gw_world_run(scenario, &settings, NULL, &report, &error), "%s",
                  error == NULL ? "" : error->message);
    ck_assert_uint_gt(end_ns, 0);
    *out_model = (fanout_model){.send_ns = scenario->profile.cost_ns[GW_COST_SEND],
                                .receive_ns = scenario->profile.cost_ns[GW_COST_RECEIVE],
                                .latency_ns = scenario->cluster.dcn_latency_ns,
                                .bytes_per_s = scenario->cluster.dcn_bytes_per_s,
                                .degree = degree};
    return end_ns;
}

static const uint32_t host_counts[] = {1, 2, 3, 5, 14, 16, 39, 64, 200};
static const uint32_t degrees[] = {2, 3, 8, 32};

START_TEST(the_last_host_is_told_when_the_model_says)
{
    const uint32_t host_count = host_counts[_i];
    fanout_model model;
    const gw_time direct_ns = measure_end(host_count, 0, &model);
    const gw_time rest_ns = direct_ns - last_told_directly(&model, host_count, 0);
    for (uint32_t d = 0; d < G_N_ELEMENTS(degrees); d++) {
        const gw_time tree_ns = measure_end(host_count, degrees[d], &model);
        ck_assert_msg(tree_ns - rest_ns == last_told(&model, host_count, 0),
                      "%u hosts, a tree of %u: %" G_GUINT64_FORMAT
                      " ns, expected %" G_GUINT64_FORMAT,
                      host_count, degrees[d], tree_ns - rest_ns, last_told(&model, host_count, 0));
    }
}
END_TEST

/* d + d^2 + ... + d^k hosts: each of k levels costs d messages and a hop. */
START_TEST(full_trees_take_a_level_at_a_time)
{
    static const struct {
        uint32_t degree, levels, host_count;
    } trees[] = {{2, 1, 2}, {2, 2, 6}, {2, 3, 14}, {2, 5, 62}, {3, 3, 39}, {8, 2, 72}};
    for (uint32_t i = 0; i < G_N_ELEMENTS(trees); i++) {
        fanout_model model;
        const gw_time direct_ns = measure_end(trees[i].host_count, 0, &model);
        const gw_time rest_ns = direct_ns - last_told_directly(&model, trees[i].host_count, 0);
        const gw_time told_ns = measure_end(trees[i].host_count, trees[i].degree, &model) - rest_ns;
        const gw_time level_ns =
            trees[i].degree * model.send_ns + model.latency_ns + model.receive_ns;
        const gw_span wires_ns = trees[i].levels * wire_ns(&model, trees[i].host_count);
        ck_assert_uint_ge(told_ns, trees[i].levels * level_ns);
        ck_assert_uint_le(told_ns, trees[i].levels * level_ns + wires_ns);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("fanout");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, the_last_host_is_told_when_the_model_says, 0,
                        G_N_ELEMENTS(host_counts));
    tcase_add_test(cases, full_trees_take_a_level_at_a_time);
    Suite *suite = suite_create("model/fanout");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
