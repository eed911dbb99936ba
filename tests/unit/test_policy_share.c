/* SPDX-License-Identifier: Apache-2.0 */
/* Proportional share: the bound of its header, idleness, and wrong guesses. */
#include "test_policy.h"

#define CLIENTS 4

/* Clients that always have a gang to order, on devices that report `lag` gangs late. */
typedef struct {
    gw_policy *policy;
    uint32_t weights[CLIENTS];
    uint64_t shard_ns[CLIENTS]; /* What a shard of each takes. */
    uint32_t shards[CLIENTS];   /* Of a gang. */
    uint64_t ordered_ns[CLIENTS];
    uint32_t queue[64], queued, lag;
} market;

static void offer_client(const market *made, uint32_t client)
{
    OFFER(made->policy, .instance = client, .weight = made->weights[client],
          .shard_count = made->shards[client]);
}

static void init_market(market *made, const uint32_t *weights, const uint64_t *shard_ns,
                        const uint32_t *shards, uint32_t lag)
{
    *made = (market){.policy = make_policy("share"), .lag = lag};
    ck_assert_uint_lt(lag, G_N_ELEMENTS(made->queue));
    for (uint32_t i = 0; i < CLIENTS; i++) {
        made->weights[i] = weights[i];
        made->shard_ns[i] = shard_ns[i];
        made->shards[i] = shards[i];
        offer_client(made, i);
    }
}

/* The oldest gang in the queue is done, and reported. */
static void report_oldest(market *made)
{
    const uint32_t client = made->queue[0];
    memmove(made->queue, made->queue + 1, --made->queued * sizeof(uint32_t));
    gw_policy_finished(made->policy, client, made->shards[client],
                       made->shards[client] * made->shard_ns[client]);
}

/* One gang is ordered, and one is done if the queue is full. */
static uint32_t order(market *made)
{
    if (made->queued > made->lag)
        report_oldest(made);
    const uint32_t client = (uint32_t)take(made->policy);
    made->queue[made->queued++] = client;
    made->ordered_ns[client] += made->shards[client] * made->shard_ns[client];
    offer_client(made, client);
    return client;
}

static double virtual_ns(const market *made, uint32_t client)
{
    return (double)made->ordered_ns[client] / made->weights[client];
}

static double gang_ns(const market *made, uint32_t client)
{
    return (double)(made->shards[client] * made->shard_ns[client]) / made->weights[client];
}

/* By how much a pair's virtual times are further apart than max(c1 / w1, c2 / w2), at the worst of
 * so many orders. */
static double find_worst_excess_ns(market *made, uint32_t gang_count)
{
    double worst_ns = -1e30;
    for (uint32_t i = 0; i < gang_count; i++) {
        order(made);
        for (uint32_t a = 0; a < CLIENTS; a++) {
            for (uint32_t b = 0; b < CLIENTS; b++) {
                const double lag_ns = virtual_ns(made, a) - virtual_ns(made, b);
                const double bound_ns = MAX(gang_ns(made, a), gang_ns(made, b));
                worst_ns = MAX(worst_ns, lag_ns - bound_ns);
            }
        }
    }
    return worst_ns;
}

static const uint32_t one_each[CLIENTS] = {1, 1, 1, 1}, doubling[CLIENTS] = {1, 2, 4, 8};
static const uint64_t equal_ns[CLIENTS] = {1, 1, 1, 1};

START_TEST(lag_stays_within_the_bound_when_costs_are_known)
{
    static const uint32_t odd_weights[CLIENTS] = {7, 1, 1000000, 13};
    static const uint32_t wide[CLIENTS] = {3, 17, 1, 128};
    const uint32_t *weights[] = {one_each, doubling, odd_weights};
    for (uint32_t w = 0; w < G_N_ELEMENTS(weights); w++) {
        market made;
        /* A shard costs what an unknown one counts: so all guesses are right from the start. */
        init_market(&made, weights[w], equal_ns, wide, 20);
        ck_assert_double_le(find_worst_excess_ns(&made, 20000), 1e-6);
        made.policy->ops->destroy(made.policy);
    }
}
END_TEST

START_TEST(device_time_comes_out_by_weight)
{
    static const uint64_t shard_ns[CLIENTS] = {330000, 1000, 75000, 330001};
    static const uint32_t shards[CLIENTS] = {4, 4, 2, 1};
    market made;
    init_market(&made, doubling, shard_ns, shards, 20);
    for (uint32_t i = 0; i < 40000; i++)
        order(&made);
    double sum_ns = 0, most_ns = 0;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        sum_ns += (double)made.ordered_ns[i];
        most_ns = MAX(most_ns, (double)(shards[i] * shard_ns[i]));
    }
    for (uint32_t i = 0; i < CLIENTS; i++) { /* What was guessed is in no more than one queue. */
        const double due_ns = sum_ns * doubling[i] / 15;
        ck_assert_double_eq_tol((double)made.ordered_ns[i], due_ns, 21 * most_ns);
    }
    ck_assert_double_gt(sum_ns, 30 * 21 * most_ns);
    made.policy->ops->destroy(made.policy);
}
END_TEST

/* Equal weights: one each in turn.  By 1:2:4:8, nobody has more than two gangs in a row once all
 * are under way. */
START_TEST(gangs_are_interleaved_finely)
{
    for (uint32_t k = 0; k < 2; k++) {
        market made;
        init_market(&made, k == 0 ? one_each : doubling, equal_ns, one_each, 30);
        uint32_t last = CLIENTS, in_row = 0, most = 0;
        for (uint32_t i = 0; i < 6000; i++) {
            const uint32_t client = order(&made);
            in_row = client == last ? in_row + 1 : 1;
            last = client;
            most = MAX(most, in_row);
        }
        ck_assert_uint_le(most, k == 0 ? 1 : 2);
        made.policy->ops->destroy(made.policy);
    }
}
END_TEST

/* One gang of 1 us of `instance` that has the devices for itself: ordered, and done. */
static void run_alone(gw_policy *policy, uint32_t instance)
{
    OFFER(policy, .instance = instance, .weight = 1);
    ck_assert_uint_eq(take(policy), instance);
    gw_policy_finished(policy, instance, 1, 1000);
}

/* Both always have something to order: they take turns. */
static void check_turns(gw_policy *policy, uint32_t one, uint32_t other)
{
    uint32_t one_count = 0, other_count = 0;
    OFFER(policy, .instance = one, .weight = 1);
    OFFER(policy, .instance = other, .weight = 1);
    for (uint32_t i = 0; i < 100; i++) {
        const uint32_t next = (uint32_t)take(policy);
        one_count += next == one ? 1 : 0;
        other_count += next == other ? 1 : 0;
        ck_assert_uint_le(one_count, other_count + 1);
        ck_assert_uint_le(other_count, one_count + 1);
        OFFER(policy, .instance = next, .weight = 1);
    }
    ck_assert_uint_eq(one_count + other_count, 100);
}

START_TEST(idle_time_is_not_saved_up)
{
    gw_policy *policy = make_policy("share");
    run_alone(policy, 0);
    run_alone(policy, 1);
    gw_policy_idle(policy, 1);
    gw_policy_idle(policy, 1); /* Again means nothing. */
    for (uint32_t i = 0; i < 1000; i++)
        run_alone(policy, 0);
    check_turns(policy, 0, 1);
    policy->ops->destroy(policy);
}
END_TEST

/* Nor is it when everybody was idle in between: who comes back first has no advantage. */
START_TEST(least_time_is_kept_while_all_are_idle)
{
    gw_policy *policy = make_policy("share");
    for (uint32_t i = 0; i < 500; i++)
        run_alone(policy, 3);
    gw_policy_idle(policy, 3);
    check_turns(policy, 9, 3);
    policy->ops->destroy(policy);
}
END_TEST

/* A client between two calls, with gangs on devices: it catches up with what it missed. */
START_TEST(who_has_gangs_on_devices_is_not_idle)
{
    gw_policy *policy = make_policy("share");
    run_alone(policy, 0);
    run_alone(policy, 1);
    OFFER(policy, .instance = 1, .weight = 1);
    take(policy);
    gw_policy_idle(policy, 1);
    for (uint32_t i = 0; i < 5; i++)
        run_alone(policy, 0);
    gw_policy_finished(policy, 1, 1, 1000);
    run_alone(policy, 0); /* Nothing is left of 1: from here on it is idle. */
    check_turns(policy, 0, 1);
    policy->ops->destroy(policy);

    policy = make_policy("share");
    run_alone(policy, 0);
    run_alone(policy, 1);
    OFFER(policy, .instance = 1, .weight = 1);
    take(policy);
    gw_policy_idle(policy, 1);
    for (uint32_t i = 0; i < 5; i++)
        run_alone(policy, 0);
    OFFER(policy, .instance = 0, .weight = 1); /* It is at 6 us by now, and 1 at 3. */
    for (uint32_t i = 0; i < 3; i++) {
        OFFER(policy, .instance = 1, .weight = 1);
        ck_assert_uint_eq(take(policy), 1);
    }
    policy->ops->destroy(policy);
}
END_TEST

/* Waiting for room is not idleness: what it is behind, it gets. */
START_TEST(who_waits_for_room_keeps_its_place)
{
    gw_policy *policy = make_policy("share");
    OFFER(policy, .instance = 0, .weight = 1);
    OFFER(policy, .instance = 1, .weight = 1);
    ck_assert_uint_eq(take(policy), 0);
    ck_assert_uint_eq(give_back(policy), 1);
    for (uint32_t i = 0; i < 10; i++) {
        OFFER(policy, .instance = 0, .weight = 1);
        ck_assert_uint_eq(take(policy), 0);
    }
    OFFER(policy, .instance = 0, .weight = 1);
    OFFER(policy, .instance = 1, .weight = 1);
    for (uint32_t i = 0; i < 11; i++) {
        ck_assert_uint_eq(take(policy), 1);
        OFFER(policy, .instance = 1, .weight = 1);
    }
    ck_assert_uint_eq(take(policy), 0);
    policy->ops->destroy(policy);
}
END_TEST

/* Reports that change what was guessed count at once, also for those on offer. */
START_TEST(reports_put_guesses_right)
{
    gw_policy *policy = make_policy("share");
    OFFER(policy, .instance = 0, .weight = 1);
    ck_assert_uint_eq(take(policy), 0);
    OFFER(policy, .instance = 0, .weight = 1);
    OFFER(policy, .instance = 1, .weight = 1);
    ck_assert_uint_eq(pick(policy), 0); /* Equal so far: a newcomer has the least of the others. */
    gw_policy_finished(policy, 0, 1, 5000);
    ck_assert_uint_eq(take(policy), 1);
    OFFER(policy, .instance = 1, .weight = 1);
    ck_assert_uint_eq(pick(policy), 0); /* Of unknown length: the mean of all, so they are even. */
    gw_policy_finished(policy, 1, 1, 1000);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(take(policy), 1);
        OFFER(policy, .instance = 1, .weight = 1);
    }
    ck_assert_uint_eq(take(policy), 0);
    policy->ops->destroy(policy);
}
END_TEST

START_TEST(who_leaves_is_forgotten)
{
    gw_policy *policy = make_policy("share");
    OFFER(policy, .instance = 0, .weight = 5);
    take(policy);
    gw_policy_finished(policy, 0, 1, 1000000);
    gw_policy_idle(policy, 0);
    gw_policy_forget(policy, 0);
    OFFER(policy, .instance = 1, .weight = 1);
    OFFER(policy, .instance = 0, .weight = 1); /* Another one by the same number. */
    ck_assert_uint_eq(take(policy), 0);
    ck_assert_uint_eq(take(policy), 1);
    gw_policy_forget(policy, 1); /* Without idle(): it goes all the same. */
    OFFER(policy, .instance = 0, .weight = 1);
    ck_assert_uint_eq(take(policy), 0);
    policy->ops->destroy(policy);
}
END_TEST

/* The largest of everything: the order holds, and nothing wraps. */
START_TEST(absurd_numbers_stay_in_order)
{
    gw_policy *policy = make_policy("share");
    OFFER(policy, .instance = 0, .weight = 1, .shard_count = UINT32_MAX);
    OFFER(policy, .instance = 1, .weight = UINT32_MAX, .shard_count = 1);
    ck_assert_uint_eq(take(policy), 0);
    gw_policy_finished(policy, 0, 1, UINT64_MAX / 8);
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert_uint_eq(take(policy), 1);
        OFFER(policy, .instance = 1, .weight = UINT32_MAX, .shard_count = 1);
    }
    OFFER(policy, .instance = 0, .weight = 1, .shard_count = UINT32_MAX);
    ck_assert_uint_eq(take(policy), 1);
    policy->ops->destroy(policy);
}
END_TEST

START_TEST(share_takes_no_parameters)
{
    g_autofree char *message = NULL;
    ck_assert_ptr_null(make_policy_with("share", "{\"weigth\": 1}", &message));
    ck_assert_ptr_nonnull(strstr(message, "weigth"));
}
END_TEST

START_TEST(reports_of_what_was_not_ordered_abort)
{
    gw_policy *policy = make_policy("share");
    OFFER(policy, .instance = 0, .weight = 1);
    gw_policy_finished(policy, 0, 1, 1);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("policy_share");
    tcase_add_test(cases, lag_stays_within_the_bound_when_costs_are_known);
    tcase_add_test(cases, device_time_comes_out_by_weight);
    tcase_add_test(cases, gangs_are_interleaved_finely);
    tcase_add_test(cases, idle_time_is_not_saved_up);
    tcase_add_test(cases, least_time_is_kept_while_all_are_idle);
    tcase_add_test(cases, who_has_gangs_on_devices_is_not_idle);
    tcase_add_test(cases, who_waits_for_room_keeps_its_place);
    tcase_add_test(cases, reports_put_guesses_right);
    tcase_add_test(cases, who_leaves_is_forgotten);
    tcase_add_test(cases, absurd_numbers_stay_in_order);
    tcase_add_test(cases, share_takes_no_parameters);
    tcase_add_test_raise_signal(cases, reports_of_what_was_not_ordered_abort, SIGABRT);
    return run_cases("policy_share", cases);
}
