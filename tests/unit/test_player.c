/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges on a fabric that carries other things too.  How they go: test_rounds_play.c. */
#include <check.h>

#include "accel/player.h"
#include "run_suite.h"
#include "small_cluster.h"

#define ENDS_MAX 8

typedef struct {
    small_cluster made;
    gw_engine *engine;
    gw_fabric *fabric;
    gw_player *player;
    gw_rounds *rounds; /* One transfer of 5000 bytes from 0 to 1. */
    gw_time ends_ns[ENDS_MAX];
    gw_time arrived_ns;
    uint32_t again_count; /* It begins anew so often when it has ended. */
} stage;

static const uint32_t devices[] = {0, 1, 2, 3};

static void take_arrival(void *owner, uint64_t token, gw_time start_ns)
{
    (void)start_ns;
    stage *on = owner;
    if ((token & GW_PLAYER_TOKEN) != 0) {
        gw_player_arrived(on->player, token);
    } else {
        on->arrived_ns = gw_engine_now(on->engine);
    }
}

static void take_end(void *owner, uint64_t tag)
{
    stage *on = owner;
    ck_assert_uint_lt(tag, ENDS_MAX);
    on->ends_ns[tag] = gw_engine_now(on->engine);
    if (on->again_count > 0) {
        on->again_count--;
        gw_player_begin(on->player, on->rounds, devices, tag + 1);
    }
}

static void stage_init(stage *on)
{
    *on = (stage){0};
    small_cluster_of(&on->made, 4, 1, 1, 0);
    on->engine = gw_engine_new(GW_QUEUE_HEAP);
    on->fabric = gw_fabric_new(on->engine, on->made.cluster, take_arrival, on);
    on->player = gw_player_new(on->fabric, take_end, on);
    on->rounds = gw_rounds_new(4, 1);
    gw_rounds_set_send(on->rounds, gw_rounds_add_phase(on->rounds, 0, 1), 0, 0, 1, 5000);
}

static void stage_clear(stage *on)
{
    gw_player_free(on->player);
    gw_fabric_free(on->fabric);
    gw_engine_free(on->engine);
    gw_rounds_free(on->rounds);
    small_cluster_clear(&on->made);
}

static void run_out(stage *on)
{
    while (gw_engine_step(on->engine)) {
    }
}

/* A hop of 1000 ns, and 100 ns of bytes, or twice as many for two. */
START_TEST(it_shares_links_with_others)
{
    stage on;
    stage_init(&on);
    const gw_transfer other = {
        .kind = GW_TRANSFER_DEVICE, .source = {0}, .target = {1}, .size_bytes = 20000};
    gw_fabric_start(on.fabric, &other, 7);
    gw_player_begin(on.player, on.rounds, devices, 3);
    run_out(&on);
    ck_assert_uint_eq(on.ends_ns[3], 1200);
    ck_assert_uint_eq(on.arrived_ns, 1500);
    ck_assert_uint_eq(gw_player_live_count(on.player), 0);
    stage_clear(&on);
}
END_TEST

START_TEST(two_at_a_time_are_kept_apart)
{
    stage on;
    stage_init(&on);
    const uint32_t backwards[] = {3, 2, 1, 0};
    g_autoptr(gw_rounds) twice = gw_rounds_new(4, 1);
    gw_rounds_set_send(twice, gw_rounds_add_phase(twice, 0, 2), 0, 0, 1, 5000);
    gw_player_begin(on.player, on.rounds, devices, 0);
    gw_player_begin(on.player, twice, backwards, 1);
    ck_assert_uint_eq(gw_player_live_count(on.player), 2);
    run_out(&on);
    ck_assert_uint_eq(on.ends_ns[0], 1100);
    ck_assert_uint_eq(on.ends_ns[1], 2200);
    stage_clear(&on);
}
END_TEST

START_TEST(another_may_begin_when_one_ends)
{
    stage on;
    stage_init(&on);
    on.again_count = 3;
    gw_player_begin(on.player, on.rounds, devices, 0);
    run_out(&on);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(on.ends_ns[i], (i + 1) * 1100);
    }
    stage_clear(&on);
}
END_TEST

/* A run may be over before its exchanges are. */
START_TEST(it_can_be_freed_half_way)
{
    stage on;
    stage_init(&on);
    gw_player_begin(on.player, on.rounds, devices, 0);
    gw_player_begin(on.player, on.rounds, devices, 1);
    gw_engine_step(on.engine);
    ck_assert_uint_eq(gw_player_live_count(on.player), 2);
    stage_clear(&on);
    gw_player_free(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("player");
    TCase *cases = tcase_create("player");
    tcase_add_test(cases, it_shares_links_with_others);
    tcase_add_test(cases, two_at_a_time_are_kept_apart);
    tcase_add_test(cases, another_may_begin_when_one_ends);
    tcase_add_test(cases, it_can_be_freed_half_way);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
