/* SPDX-License-Identifier: Apache-2.0 */
/* Transfers: their price, their one arrival, their order, what is counted. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "count_allocations.h"
#include "run_suite.h"
#include "small_cluster.h"
#include "topology/fabric.h"

#define ARRIVALS_MAX 16

typedef struct {
    gw_engine *engine;
    gw_fabric *fabric;
    uint64_t tokens[ARRIVALS_MAX];
    gw_time starts_ns[ARRIVALS_MAX], ends_ns[ARRIVALS_MAX];
    uint32_t count;
    const gw_transfer *next; /* Started by each arrival while `restarts` lasts. */
    uint64_t restarts;
    bool was_inside; /* An arrival came inside gw_fabric_start. */
} diary;

static void write_arrival(void *owner, uint64_t token, gw_time start_ns)
{
    diary *kept = owner;
    if (kept->count < ARRIVALS_MAX) {
        kept->tokens[kept->count] = token;
        kept->starts_ns[kept->count] = start_ns;
        kept->ends_ns[kept->count] = gw_engine_now(kept->engine);
    }
    kept->count++;
    if (kept->restarts > 0) {
        kept->restarts--;
        const uint32_t count = kept->count;
        gw_fabric_start(kept->fabric, kept->next, token + 1);
        kept->was_inside |= kept->count != count;
    }
}

typedef struct {
    small_cluster made;
    diary kept;
} bench;

/* Islands: a ring of 8 (devices 0 to 7) and a line of 2 (8 and 9). */
static void bench_init(bench *built)
{
    small_cluster_init(&built->made);
    small_cluster_add(&built->made, 8, 1, 1, 1);
    small_cluster_add(&built->made, 2, 1, 1, 0);
    small_cluster_build(&built->made);
    built->kept = (diary){.engine = gw_engine_new(GW_QUEUE_LADDER)};
    built->kept.fabric =
        gw_fabric_new(built->kept.engine, built->made.cluster, write_arrival, &built->kept);
}

static void bench_clear(bench *built)
{
    gw_fabric_free(built->kept.fabric);
    gw_engine_free(built->kept.engine);
    small_cluster_clear(&built->made);
}

static void run_to_end(diary *kept)
{
    while (gw_engine_step(kept->engine)) {
    }
}

static gw_transfer between(uint32_t source, uint32_t target, uint64_t size_bytes)
{
    return (gw_transfer){.kind = GW_TRANSFER_DEVICE,
                         .source = {source},
                         .target = {target},
                         .size_bytes = size_bytes};
}

START_TEST(prices_are_latency_and_size_over_rate)
{
    bench built;
    bench_init(&built);
    const gw_fabric *fabric = built.kept.fabric;
    gw_transfer transfer = between(0, 3, 5000); /* 3 hops; 50 bytes/ns */
    ck_assert_uint_eq(gw_fabric_alone_ns(fabric, &transfer), 3000 + 100);
    transfer = between(0, 3, 5001); /* Rounded up. */
    ck_assert_uint_eq(gw_fabric_alone_ns(fabric, &transfer), 3000 + 101);
    transfer = between(2, 2, 5000); /* Within its memory: 250 bytes/ns */
    ck_assert_uint_eq(gw_fabric_alone_ns(fabric, &transfer), 20);
    transfer = between(2, 9, 5000); /* NIC: 5 bytes/ns; PCIe twice and the network */
    ck_assert_uint_eq(gw_fabric_alone_ns(fabric, &transfer), 26000 + 1000);
    transfer = (gw_transfer){
        .kind = GW_TRANSFER_HOST, .source = {7}, .target = {UINT32_MAX}, .size_bytes = 5000};
    ck_assert_uint_eq(gw_fabric_alone_ns(fabric, &transfer), 3000 + 500);
    transfer = between(0, 1, 0); /* Nothing to carry: the latency alone. */
    ck_assert_uint_eq(gw_fabric_alone_ns(fabric, &transfer), 1000);
    bench_clear(&built);
}
END_TEST

/* Two nodes of two devices with two cards of 3 bytes/ns each, by PCIe of 10 bytes/ns.  Transfers of
 * 30000 bytes over one card each: to two peers at once both have a card of their own; a third one
 * leaves each two thirds of a card, out of device 0 and at no other place.  Over all cards: 6
 * bytes/ns for one, and half of that for each of two. */
START_TEST(flows_to_several_peers_take_cards_of_their_own)
{
    static const struct {
        uint32_t flows, transfers;
        gw_span carried_ns;
    } cases[] = {{1, 1, 10000}, {1, 2, 10000}, {1, 3, 15000}, {0, 1, 5000}, {0, 2, 10000}};
    bench built;
    small_cluster_init(&built.made);
    small_cluster_add(&built.made, 4, 1, 1, 0);
    gw_island_spec *island = &built.made.islands[0];
    island->host_count = island->devices_per_host = 2;
    island->is_switched = true;
    island->network = (gw_network){
        .nics_per_host = 4, .nic_bytes_per_s = 3e9, .latency_ns = 4000, .flows = cases[_i].flows};
    small_cluster_build(&built.made);
    built.kept = (diary){.engine = gw_engine_new(GW_QUEUE_LADDER)};
    built.kept.fabric =
        gw_fabric_new(built.kept.engine, built.made.cluster, write_arrival, &built.kept);
    for (uint32_t i = 0; i < cases[_i].transfers; i++) {
        const gw_transfer transfer = between(0, 2 + i % 2, 30000);
        gw_fabric_start(built.kept.fabric, &transfer, i);
    }
    const gw_transfer alone = between(0, 2, 30000);
    ck_assert_uint_eq(gw_fabric_alone_ns(built.kept.fabric, &alone),
                      10000 + (cases[_i].flows == 1 ? 10000 : 5000));
    run_to_end(&built.kept);
    ck_assert_uint_eq(built.kept.count, cases[_i].transfers);
    for (uint32_t i = 0; i < cases[_i].transfers; i++) {
        ck_assert_uint_eq(built.kept.ends_ns[i], 10000 + cases[_i].carried_ns);
    }
    bench_clear(&built);
}
END_TEST

START_TEST(given_duration_wins_over_wires)
{
    bench built;
    bench_init(&built);
    gw_transfer transfer = between(0, 9, 1 << 30);
    transfer.duration_ns = 7;
    ck_assert_uint_eq(gw_fabric_alone_ns(built.kept.fabric, &transfer), 7);
    gw_fabric_start(built.kept.fabric, &transfer, 1);
    run_to_end(&built.kept);
    ck_assert_uint_eq(built.kept.ends_ns[0], 7);
    bench_clear(&built);
}
END_TEST

START_TEST(each_token_arrives_once_when_it_is_due)
{
    bench built;
    bench_init(&built);
    const gw_transfer slow = between(0, 4, 500000), quick = between(4, 5, 50);
    gw_fabric_start(built.kept.fabric, &slow, 0xfeedfacecafebeefu);
    gw_fabric_start(built.kept.fabric, &quick, 2);
    ck_assert_uint_eq(built.kept.count, 0);
    run_to_end(&built.kept);
    ck_assert_uint_eq(built.kept.count, 2);
    ck_assert_uint_eq(built.kept.tokens[0], 2);
    ck_assert_uint_eq(built.kept.ends_ns[0], 1001);
    ck_assert_uint_eq(built.kept.tokens[1], 0xfeedfacecafebeefu);
    ck_assert_uint_eq(built.kept.ends_ns[1], 4000 + 10000);
    bench_clear(&built);
}
END_TEST

START_TEST(equal_arrivals_come_in_order_of_starting)
{
    bench built;
    bench_init(&built);
    const gw_transfer one = between(0, 1, 50), other = between(5, 4, 50), third = between(3, 2, 50);
    gw_fabric_start(built.kept.fabric, &other, 20);
    gw_fabric_start(built.kept.fabric, &one, 10);
    gw_fabric_start(built.kept.fabric, &third, 15);
    run_to_end(&built.kept);
    ck_assert_uint_eq(built.kept.tokens[0], 20);
    ck_assert_uint_eq(built.kept.tokens[1], 10);
    ck_assert_uint_eq(built.kept.tokens[2], 15);
    ck_assert_uint_eq(built.kept.ends_ns[2], built.kept.ends_ns[0]);
    bench_clear(&built);
}
END_TEST

/* --- Sharing --- */

/* Two over one link: each has half of it, then the longer one all of it.  3000 and 1000 bytes at
 * 50 bytes/ns: 1000 of each in 40 ns, 2000 more in 40; and a hop. */
START_TEST(two_on_a_link_have_half_each)
{
    bench built;
    bench_init(&built);
    const gw_transfer longer = between(0, 1, 3000), shorter = between(0, 1, 1000);
    gw_fabric_start(built.kept.fabric, &longer, 1);
    gw_fabric_start(built.kept.fabric, &shorter, 2);
    run_to_end(&built.kept);
    ck_assert_uint_eq(built.kept.count, 2);
    ck_assert_uint_eq(built.kept.tokens[0], 2);
    ck_assert_uint_eq(built.kept.ends_ns[0], 40 + 1000);
    ck_assert_uint_eq(built.kept.tokens[1], 1);
    ck_assert_uint_eq(built.kept.ends_ns[1], 80 + 1000);
    bench_clear(&built);
}
END_TEST

START_TEST(uncontended_links_are_everybodys_own)
{
    bench built;
    bench_init(&built);
    built.made.spec.is_uncontended = true;
    const gw_transfer longer = between(0, 1, 3000), shorter = between(0, 1, 1000);
    gw_fabric_start(built.kept.fabric, &longer, 1);
    gw_fabric_start(built.kept.fabric, &shorter, 2);
    run_to_end(&built.kept);
    ck_assert_uint_eq(built.kept.ends_ns[0], 20 + 1000);
    ck_assert_uint_eq(built.kept.ends_ns[1], 60 + 1000);
    bench_clear(&built);
}
END_TEST

/* Lanes are ways looked up before: transfers on them come and go as others do, and share links. */
START_TEST(lanes_are_the_ways_of_transfers)
{
    static const uint64_t sizes_bytes[] = {3000, 1000, 0, 2000};
    const gw_transfer ways[] = {between(0, 1, 0), between(0, 1, 0), between(5, 7, 0),
                                between(3, 3, 0)};
    for (uint32_t is_uncontended = 0; is_uncontended < 2; is_uncontended++) {
        uint64_t ends_ns[2][G_N_ELEMENTS(ways)], tokens[2][G_N_ELEMENTS(ways)];
        for (uint32_t on_lanes = 0; on_lanes < 2; on_lanes++) {
            bench built;
            bench_init(&built);
            built.made.spec.is_uncontended = is_uncontended > 0;
            gw_fabric_lanes *lanes = gw_fabric_lanes_new(built.kept.fabric);
            for (uint32_t i = 0; i < G_N_ELEMENTS(ways); i++) {
                gw_transfer transfer = ways[i];
                ck_assert_uint_eq(gw_fabric_lanes_add(lanes, &transfer), i);
                transfer.size_bytes = sizes_bytes[i];
                if (on_lanes == 0)
                    gw_fabric_start(built.kept.fabric, &transfer, i);
            }
            for (uint32_t i = 0; on_lanes > 0 && i < G_N_ELEMENTS(ways); i++)
                gw_fabric_lanes_start(lanes, i, sizes_bytes[i], i);
            run_to_end(&built.kept);
            ck_assert_uint_eq(built.kept.count, G_N_ELEMENTS(ways));
            memcpy(ends_ns[on_lanes], built.kept.ends_ns, sizeof ends_ns[0]);
            memcpy(tokens[on_lanes], built.kept.tokens, sizeof tokens[0]);
            gw_fabric_lanes_free(lanes);
            bench_clear(&built);
        }
        ck_assert_mem_eq(ends_ns[0], ends_ns[1], sizeof ends_ns[0]);
        ck_assert_mem_eq(tokens[0], tokens[1], sizeof tokens[0]);
        ck_assert_uint_eq(ends_ns[1][G_N_ELEMENTS(ways) - 1], 2000); /* Two hops, of nothing. */
    }
}
END_TEST

/* Islands meet in convoys, which have no lanes. */
START_TEST(lane_to_another_island_aborts)
{
    bench built;
    bench_init(&built);
    const gw_transfer away = between(2, 9, 5000);
    gw_fabric_lanes_add(gw_fabric_lanes_new(built.kept.fabric), &away);
}
END_TEST

static void count_coming(void *owner, uint32_t link)
{
    uint32_t *seen = owner;
    seen[0]++;
    seen[1] = link;
}

/* Only of watched links is told who comes, each time, and whether somebody is there. */
START_TEST(watchers_are_told_who_comes)
{
    bench built;
    bench_init(&built);
    gw_fabric *fabric = built.kept.fabric;
    const uint32_t link_count = gw_fabric_link_count(fabric);
    const uint32_t watched = 2 * GW_ISLAND_DIMS_MAX; /* From device 1 on. */
    g_autofree uint32_t *watchers = g_new(uint32_t, link_count);
    uint32_t seen[2] = {0, GW_INDEX_NONE};
    memset(watchers, 0xff, link_count * sizeof(uint32_t));
    watchers[watched] = 7;
    gw_fabric_watch(fabric, watchers, count_coming, seen);
    const gw_transfer across = between(0, 2, 1000), beside = between(0, 1, 1000);
    gw_fabric_start(fabric, &beside, 1);
    ck_assert_uint_eq(seen[0], 0);
    ck_assert(!gw_fabric_is_taken(fabric, watched));
    gw_fabric_start(fabric, &across, 2);
    ck_assert_uint_eq(seen[0], 1);
    ck_assert_uint_eq(seen[1], watched);
    ck_assert(gw_fabric_is_taken(fabric, watched));
    run_to_end(&built.kept);
    ck_assert(!gw_fabric_is_taken(fabric, watched));
    bench_clear(&built);
}
END_TEST

/* One that began alone: 5000 bytes, of which 2500 have gone when the other comes after 50 ns. */
START_TEST(late_comer_slows_who_is_under_way)
{
    bench built;
    bench_init(&built);
    const gw_transfer clock = {.kind = GW_TRANSFER_DEVICE, .duration_ns = 50};
    const gw_transfer first = between(0, 2, 5000), second = between(1, 2, 1000);
    built.kept.next = &second;
    built.kept.restarts = 1;
    gw_fabric_start(built.kept.fabric, &first, 1);
    gw_fabric_start(built.kept.fabric, &clock, 10);
    run_to_end(&built.kept);
    ck_assert_uint_eq(built.kept.count, 3);
    ck_assert_uint_eq(built.kept.tokens[0], 10);
    ck_assert_uint_eq(built.kept.tokens[1], 11); /* 1000 bytes at 25 bytes/ns. */
    ck_assert_uint_eq(built.kept.ends_ns[1], 50 + 40 + 1000);
    ck_assert_uint_eq(built.kept.tokens[2], 1); /* 1000 at 25, and 1500 at 50. */
    ck_assert_uint_eq(built.kept.ends_ns[2], 50 + 40 + 30 + 2000);
    bench_clear(&built);
}
END_TEST

/* The first one's last byte has gone and not yet arrived: its link is free. */
START_TEST(latency_holds_no_link)
{
    bench built;
    bench_init(&built);
    const gw_transfer clock = {.kind = GW_TRANSFER_DEVICE, .duration_ns = 500};
    const gw_transfer hop = between(0, 1, 5000);
    built.kept.next = &hop;
    built.kept.restarts = 1;
    gw_fabric_start(built.kept.fabric, &hop, 1);
    gw_fabric_start(built.kept.fabric, &clock, 10);
    run_to_end(&built.kept);
    ck_assert_uint_eq(built.kept.ends_ns[1], 100 + 1000);
    ck_assert_uint_eq(built.kept.ends_ns[2], 500 + 100 + 1000);
    bench_clear(&built);
}
END_TEST

/* Opposite directions, both ways over PCIe, other devices' memories, and what has a duration of its
 * own: nobody waits for anybody. */
START_TEST(what_does_not_meet_does_not_share)
{
    bench built;
    bench_init(&built);
    const gw_transfer to_host = {.kind = GW_TRANSFER_HOST, .source = {1}, .size_bytes = 5000};
    gw_transfer from_host = to_host, given = between(0, 1, 5000);
    from_host.is_from_host = true;
    given.duration_ns = 1100;
    const gw_transfer all[] = {between(0, 1, 5000),
                               between(1, 0, 5000),
                               between(0, 0, 5000),
                               between(1, 1, 5000),
                               to_host,
                               from_host,
                               given};
    gw_span alone_ns[G_N_ELEMENTS(all)];
    for (uint32_t i = 0; i < G_N_ELEMENTS(all); i++) {
        alone_ns[i] = gw_fabric_alone_ns(built.kept.fabric, &all[i]);
        gw_fabric_start(built.kept.fabric, &all[i], i);
    }
    run_to_end(&built.kept);
    ck_assert_uint_eq(built.kept.count, G_N_ELEMENTS(all));
    for (uint32_t i = 0; i < G_N_ELEMENTS(all); i++) {
        ck_assert_uint_eq(built.kept.ends_ns[i], alone_ns[built.kept.tokens[i]]);
    }
    bench_clear(&built);
}
END_TEST

/* A network card is its host's, so two transfers to one device over the DCN share it there. */
START_TEST(network_card_is_shared)
{
    bench built;
    bench_init(&built);
    const gw_transfer one = between(0, 8, 5000), other = between(1, 8, 5000);
    gw_fabric_start(built.kept.fabric, &one, 1);
    gw_fabric_start(built.kept.fabric, &other, 2);
    run_to_end(&built.kept);
    ck_assert_uint_eq(built.kept.ends_ns[0], 26000 + 2000);
    ck_assert_uint_eq(built.kept.ends_ns[1], 26000 + 2000);
    bench_clear(&built);
}
END_TEST

START_TEST(copy_that_takes_no_time_arrives_later_all_the_same)
{
    bench built;
    bench_init(&built);
    const gw_transfer nothing = between(3, 3, 0);
    ck_assert_uint_eq(gw_fabric_alone_ns(built.kept.fabric, &nothing), 0);
    gw_fabric_start(built.kept.fabric, &nothing, 5);
    ck_assert_uint_eq(built.kept.count, 0);
    run_to_end(&built.kept);
    ck_assert_uint_eq(built.kept.count, 1);
    ck_assert_uint_eq(built.kept.ends_ns[0], 0);
    bench_clear(&built);
}
END_TEST

START_TEST(arrival_may_start_the_next)
{
    bench built;
    bench_init(&built);
    const gw_transfer hop = between(0, 1, 50);
    built.kept.next = &hop;
    built.kept.restarts = 9;
    gw_fabric_start(built.kept.fabric, &hop, 100);
    run_to_end(&built.kept);
    ck_assert_uint_eq(built.kept.count, 10);
    ck_assert(!built.kept.was_inside);
    for (uint32_t i = 0; i < 10; i++) {
        ck_assert_uint_eq(built.kept.tokens[i], 100 + i);
        ck_assert_uint_eq(built.kept.starts_ns[i], 1001 * i);
        ck_assert_uint_eq(built.kept.ends_ns[i], 1001 * (i + 1));
    }
    bench_clear(&built);
}
END_TEST

#ifdef COUNTS_ALLOCATIONS
START_TEST(warm_path_does_not_allocate)
{
    bench built;
    bench_init(&built);
    const uint64_t cold_count = allocation_count;
    const gw_transfer hop = between(0, 1, 50);
    built.kept.next = &hop;
    built.kept.restarts = 4000;
    for (uint32_t i = 0; i < 20; i++) {
        gw_fabric_start(built.kept.fabric, &hop, 0);
    }
    ck_assert_uint_gt(allocation_count, cold_count); /* The counter counts. */
    for (uint32_t i = 0; i < 2000; i++) {
        ck_assert(gw_engine_step(built.kept.engine));
    }
    const uint64_t warm_count = allocation_count;
    run_to_end(&built.kept);
    ck_assert_uint_eq(allocation_count, warm_count);
    ck_assert_uint_eq(built.kept.count, 4020);
    bench_clear(&built);
}
END_TEST
#endif

START_TEST(transfer_from_nowhere_aborts)
{
    bench built;
    bench_init(&built);
    gw_transfer transfer = between(10, 0, 1);
    transfer.duration_ns = 5;
    gw_fabric_start(built.kept.fabric, &transfer, 0);
}
END_TEST

START_TEST(transfer_of_no_kind_aborts)
{
    bench built;
    bench_init(&built);
    gw_fabric_start(built.kept.fabric, &(gw_transfer){.size_bytes = 1}, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fabric");
    TCase *cases = tcase_create("fabric");
    tcase_add_test(cases, prices_are_latency_and_size_over_rate);
    tcase_add_loop_test(cases, flows_to_several_peers_take_cards_of_their_own, 0, 5);
    tcase_add_test(cases, given_duration_wins_over_wires);
    tcase_add_test(cases, each_token_arrives_once_when_it_is_due);
    tcase_add_test(cases, equal_arrivals_come_in_order_of_starting);
    tcase_add_test(cases, two_on_a_link_have_half_each);
    tcase_add_test(cases, uncontended_links_are_everybodys_own);
    tcase_add_test(cases, lanes_are_the_ways_of_transfers);
    tcase_add_test(cases, watchers_are_told_who_comes);
    tcase_add_test(cases, late_comer_slows_who_is_under_way);
    tcase_add_test(cases, latency_holds_no_link);
    tcase_add_test(cases, what_does_not_meet_does_not_share);
    tcase_add_test(cases, network_card_is_shared);
    tcase_add_test(cases, copy_that_takes_no_time_arrives_later_all_the_same);
    tcase_add_test(cases, arrival_may_start_the_next);
#ifdef COUNTS_ALLOCATIONS
    tcase_add_test(cases, warm_path_does_not_allocate);
#endif
    tcase_add_test_raise_signal(cases, transfer_from_nowhere_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, transfer_of_no_kind_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, lane_to_another_island_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
