/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts that wait for their devices at each hand-off, where all happens one after the other: a step
 * takes the passes, the transfers, and a call for each pass. */
#include <check.h>

#include "run_suite.h"
#include "scenario/scenario.h"
#include "world/world.h"

#define KERNEL_NS   1000 /* What the accelerator takes to begin one. */
#define FORWARD_NS  (2000000 + KERNEL_NS)
#define BACKWARD_NS (5000000 + KERNEL_NS)
#define TRANSFER_NS 300000
#define CALL_NS     700000

static gw_scenario *make_scenario(uint32_t stages, uint32_t microbatches, const char *control)
{
    g_autofree char *text = g_strdup_printf(
        "{\"cluster\": {\"islands\": [{\"hosts\": %u, \"devices_per_host\": 1, \"accelerator\": "
        "\"plain\"}]},"
        "\"control\": {\"system\": \"multi_controller\", \"profile\": \"ideal\"%s},"
        "\"jobs\": [{\"workload\": \"pipeline\", \"submit\": \"op_by_op\", \"steps\": 3, "
        "\"in_flight\": 1, \"parameters\": {\"stages\": %u, \"microbatches\": %u, "
        "\"forward\": \"2ms\", \"backward\": \"5ms\", \"transfer\": \"0.3ms\", "
        "\"activation\": \"4B\"}}]}",
        stages, control, stages, microbatches);
    g_autoptr(GError) error = NULL;
    gw_scenario *scenario =
        gw_scenario_parse(text, GW_SOURCE_DIR "/tests/scenario/handoffs_model.json", &error);
    ck_assert_msg(scenario != NULL, "%s", error == NULL ? "" : error->message);
    return scenario;
}

typedef struct {
    gw_time first_ns, last_ns; /* Of run 0: its first start and its last end. */
} extent;

static void hear_gang(void *context, const gw_gang_record *gang)
{
    extent *run = context;
    if (gang->run == 0) {
        run->first_ns = MIN(run->first_ns, gang->start_ns);
        run->last_ns = MAX(run->last_ns, gang->end_ns);
    }
}

static gw_span measure(uint32_t stages, uint32_t microbatches, const char *control)
{
    g_autoptr(gw_scenario) scenario = make_scenario(stages, microbatches, control);
    scenario->profile.cost_ns[GW_COST_CALL] = CALL_NS;
    extent run = {GW_TIME_NEVER, 0};
    const gw_world_listener listener = {.gang = hear_gang, .context = &run};
    const gw_world_settings settings = {.is_paranoid = true, .listener = &listener};
    gw_world_report report;
    g_autoptr(GError) error = NULL;
    ck_assert_msg(gw_world_run(scenario, &settings, NULL, &report, &error), "%s",
                  error == NULL ? "" : error->message);
    return run.last_ns - run.first_ns;
}

#define BLOCKING ", \"handoffs\": \"blocking\""

/* One stage hands nothing on, and waits for its device all the same: each pass begins with a call,
 * but for the first, whose call is over when it begins. */
START_TEST(a_device_waits_for_each_call)
{
    for (uint32_t count = 1; count <= 5; count++) {
        ck_assert_uint_eq(measure(1, count, BLOCKING),
                          count * (FORWARD_NS + BACKWARD_NS) + (2 * count - 1) * CALL_NS);
        ck_assert_uint_eq(measure(1, count, ""), count * (FORWARD_NS + BACKWARD_NS));
    }
}
END_TEST

/* One micro-batch through p stages and back: 2p passes, 2 (p - 1) transfers, and messages that take
 * no time in profile "ideal".  With futures a pass begins when its input is there. */
START_TEST(a_micro_batch_takes_its_way)
{
    for (uint32_t stages = 1; stages <= 4; stages++) {
        const gw_span way_ns =
            stages * (FORWARD_NS + BACKWARD_NS) + 2 * (stages - 1) * (gw_span)TRANSFER_NS;
        ck_assert_uint_eq(measure(stages, 1, BLOCKING),
                          way_ns + (2 * stages - 1) * (gw_span)CALL_NS);
        ck_assert_uint_eq(measure(stages, 1, ""), way_ns);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("handoffs");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_device_waits_for_each_call);
    tcase_add_test(cases, a_micro_batch_takes_its_way);
    Suite *suite = suite_create("model/handoffs");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
