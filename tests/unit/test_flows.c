/* SPDX-License-Identifier: Apache-2.0 */
/* Which cards flows cross, how full these are, and how fast all flows of a pair are together. */
#include <check.h>
#include <signal.h>

#include "run_suite.h"
#include "small_cluster.h"
#include "topology/fabric.h"
#include "topology/flows.h"
#include "topology/wires.h"

/* Two islands of 2 hosts of 4 devices; a card carries 5 bytes/ns, PCIe 10. */
static const gw_cluster *build(small_cluster *made, uint32_t cards, uint32_t flows,
                               gw_spread spread)
{
    small_cluster_init(made);
    for (uint32_t i = 0; i < 2; i++) {
        small_cluster_add(made, 8, 1, 1, 1);
        made->islands[i].host_count = 2;
        made->islands[i].devices_per_host = 4;
    }
    made->spec.dcn_cards_per_host = cards;
    made->spec.dcn_flows = flows;
    made->spec.dcn_spread = spread;
    return small_cluster_build(made);
}

static uint32_t card_of(const gw_cluster *cluster, uint32_t device, uint32_t flow)
{
    return gw_flows_find_card(cluster, (gw_device_id){device}, (gw_device_id){15}, flow,
                              GW_FLOWS_OUT);
}

START_TEST(by_rank_a_device_keeps_to_its_own)
{
    static const struct {
        uint32_t cards, device, flow, card;
    } cases[] = {
        {1, 3, 0, 0}, {1, 3, 2, 0}, {2, 1, 1, 0}, {2, 2, 0, 1}, {4, 2, 0, 2},  {4, 2, 3, 2},
        {8, 0, 0, 0}, {8, 0, 1, 1}, {8, 0, 2, 0}, {8, 3, 1, 7}, {12, 1, 2, 5}, {12, 1, 3, 3},
    };
    for (uint32_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        small_cluster made;
        const gw_cluster *cluster = build(&made, cases[i].cards, 4, GW_SPREAD_RANK);
        ck_assert_uint_eq(card_of(cluster, cases[i].device, cases[i].flow), cases[i].card);
        ck_assert_uint_eq(card_of(cluster, cases[i].device + 4, cases[i].flow), cases[i].card);
        small_cluster_clear(&made);
    }
}
END_TEST

/* Of 8 cards each has about an eighth of what all pairs have, at either end. */
START_TEST(by_hash_all_cards_are_taken)
{
    small_cluster made;
    const gw_cluster *cluster = build(&made, 8, 16, GW_SPREAD_HASH);
    uint32_t loads[2][8] = {0}, alike = 0;
    for (uint32_t source = 0; source < 8; source++)
        for (uint32_t target = 8; target < 16; target++)
            for (uint32_t flow = 0; flow < 16; flow++) {
                uint32_t cards[2];
                for (uint32_t way = 0; way < 2; way++) {
                    cards[way] = gw_flows_find_card(cluster, (gw_device_id){source},
                                                    (gw_device_id){target}, flow, way);
                    ck_assert_uint_lt(cards[way], 8);
                    loads[way][cards[way]]++;
                }
                alike += cards[0] == cards[1];
            }
    for (uint32_t card = 0; card < 8; card++)
        for (uint32_t way = 0; way < 2; way++) {
            ck_assert_uint_gt(loads[way][card], 128 - 40); /* Deviation: 10.6. */
            ck_assert_uint_lt(loads[way][card], 128 + 40);
        }
    ck_assert_uint_lt(alike, 128 + 40); /* The ends are drawn apart. */
    small_cluster_clear(&made);
}
END_TEST

START_TEST(load_is_of_the_fullest_card)
{
    small_cluster made;
    const gw_cluster *cluster = build(&made, 8, 5, GW_SPREAD_RANK);
    ck_assert_uint_eq(gw_flows_find_load(cluster, (gw_device_id){0}, (gw_device_id){8}, 1), 1);
    ck_assert_uint_eq(gw_flows_find_load(cluster, (gw_device_id){0}, (gw_device_id){8}, 2), 1);
    ck_assert_uint_eq(gw_flows_find_load(cluster, (gw_device_id){0}, (gw_device_id){8}, 5), 3);
    small_cluster_clear(&made);
    cluster = build(&made, 1, 5, GW_SPREAD_HASH);
    ck_assert_uint_eq(gw_flows_find_load(cluster, (gw_device_id){0}, (gw_device_id){8}, 5), 5);
    small_cluster_clear(&made);
}
END_TEST

static void note_time(void *owner, uint64_t token, gw_time start_ns)
{
    (void)start_ns;
    gw_time *ended = owner;
    ck_assert_uint_eq(*ended, GW_TIME_NEVER); /* Once, however many flows it has. */
    *ended = token;
}

/* Of a transfer that is alone the formula is what its flows take on the fabric: to the rounding of
 * its parts, and of one ns an end. */
START_TEST(formula_is_what_flows_take)
{
    for (uint32_t seed = 0; seed < 2 * 5 * 9 * 2; seed++) {
        const gw_spread spread = seed % 2 == 0 ? GW_SPREAD_RANK : GW_SPREAD_HASH;
        const uint32_t cards = 1U << (seed / 2 % 5), flows = seed / 10 % 9;
        small_cluster made;
        build(&made, cards, flows, spread);
        made.spec.dcn_in_order = seed / 90 == 1;
        made.spec.dcn_host_bytes_per_s = seed % 3 == 0 ? 7e9 : 0;
        gw_time ended = GW_TIME_NEVER;
        gw_engine *engine = gw_engine_new(GW_QUEUE_LADDER);
        g_autoptr(gw_fabric) fabric = gw_fabric_new(engine, made.cluster, note_time, &ended);
        const gw_transfer transfer = {.kind = GW_TRANSFER_DEVICE,
                                      .source = {seed % 8},
                                      .target = {8 + seed % 7},
                                      .size_bytes = 1 << 20};
        const gw_span alone_ns = gw_fabric_alone_ns(fabric, &transfer);
        gw_fabric_start(fabric, &transfer, 7);
        while (gw_engine_step(engine)) {
        }
        ck_assert_uint_eq(ended, 7);
        ck_assert_uint_ge(gw_engine_now(engine) + 1, alone_ns);
        ck_assert_uint_le(gw_engine_now(engine), alone_ns + flows + 2);
        gw_engine_free(engine);
        small_cluster_clear(&made);
    }
}
END_TEST

START_TEST(flow_that_is_not_there_aborts)
{
    small_cluster made;
    gw_flows_find_card(build(&made, 2, 2, GW_SPREAD_RANK), (gw_device_id){0}, (gw_device_id){8}, 2,
                       GW_FLOWS_OUT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("flows");
    TCase *cases = tcase_create("flows");
    tcase_add_test(cases, by_rank_a_device_keeps_to_its_own);
    tcase_add_test(cases, by_hash_all_cards_are_taken);
    tcase_add_test(cases, load_is_of_the_fullest_card);
    tcase_add_test(cases, formula_is_what_flows_take);
    tcase_add_test_raise_signal(cases, flow_that_is_not_there_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
