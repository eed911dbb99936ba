/* SPDX-License-Identifier: Apache-2.0 */
/* The dispatch policies that are built in, the tree that "fanout" asks for, what NULL means. */
#include <check.h>
#include <string.h>

#include "base/error.h"
#include "base/params.h"
#include "controller/dispatch_policy.h"
#include "run_suite.h"

#define HOSTS_MAX 100
#define NONE      GW_INDEX_NONE

START_TEST(policies_are_listed_by_name)
{
    uint32_t count = 0;
    for (; gw_dispatch_policies[count] != NULL; count++) {
        const gw_dispatch_policy_ops *ops = gw_dispatch_policies[count];
        ck_assert_ptr_eq(gw_dispatch_policy_find(ops->name), ops);
        ck_assert_uint_eq(ops->abi, GW_DISPATCH_ABI);
        ck_assert_uint_eq(ops->size_bytes, sizeof *ops);
        ck_assert_ptr_nonnull(ops->summary);
        if (count > 0) {
            ck_assert_int_lt(strcmp(gw_dispatch_policies[count - 1]->name, ops->name), 0);
        }
    }
    ck_assert_uint_eq(count, 2);
    ck_assert_ptr_null(gw_dispatch_policy_find("Parallel"));
    ck_assert_ptr_null(gw_dispatch_policy_find("tree"));
}
END_TEST

START_TEST(they_say_always_the_same)
{
    static const struct {
        const gw_dispatch_policy_ops *ops;
        gw_dispatch_step step;
    } policies[] = {{&gw_dispatch_parallel, GW_DISPATCH_WITH_TURN},
                    {&gw_dispatch_sequential, GW_DISPATCH_AWAIT}};
    const gw_dispatch_gang gang = {.host_count = 1, .shard_count = 1};
    for (uint32_t i = 0; i < G_N_ELEMENTS(policies); i++) {
        gw_dispatch_policy *policy = policies[i].ops->create(NULL, NULL);
        ck_assert_ptr_eq(policy->ops, policies[i].ops);
        ck_assert_int_eq(policy->ops->step(policy, &gang, 5), policies[i].step);
        gw_dispatch_forget(policy, 3); /* It has no such member. */
        policy->ops->destroy(policy);
    }
}
END_TEST

START_TEST(they_take_no_parameters)
{
    g_autoptr(gw_params) params = gw_params_parse("{\"width\": 3}", "s.json", NULL);
    for (uint32_t i = 0; gw_dispatch_policies[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;
        ck_assert_ptr_null(gw_dispatch_policies[i]->create(params, &error));
        ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
        ck_assert_ptr_nonnull(strstr(error->message, "/width: found an unknown key"));
    }
}
END_TEST

/* --- Trees --- */

static void check_senders(const uint32_t *senders, const uint32_t *expected, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_msg(senders[i] == expected[i], "place %u: %u, not %u", i, senders[i],
                      expected[i]);
    }
}
#define CHECK_TREE(degree, ...)                                                                    \
    do {                                                                                           \
        const uint32_t expected[] = {__VA_ARGS__};                                                 \
        uint32_t senders[HOSTS_MAX];                                                               \
        gw_dispatch_tree((degree), NONE, 0, G_N_ELEMENTS(expected), senders);                      \
        check_senders(senders, expected, G_N_ELEMENTS(expected));                                  \
    } while (0)

START_TEST(rows_are_as_equal_as_can_be_and_longer_ones_first)
{
    CHECK_TREE(2, NONE);
    CHECK_TREE(2, NONE, NONE);
    CHECK_TREE(2, NONE, 0, NONE);
    CHECK_TREE(2, NONE, 0, 1, 0, NONE, 4, 4);
    CHECK_TREE(3, NONE, 0, 0, NONE, 3, NONE, 5);
    CHECK_TREE(100, NONE, NONE, NONE, NONE);
    gw_dispatch_tree(2, NONE, 0, 0, NULL); /* Nobody. */
}
END_TEST

/* Nobody sends to more than the degree, and no host is deeper than it need be. */
START_TEST(trees_are_shallow)
{
    for (uint32_t degree = 2; degree < 6; degree++) {
        for (uint32_t count = 1; count <= HOSTS_MAX; count++) {
            uint32_t senders[HOSTS_MAX], children[HOSTS_MAX + 1] = {0}, depths[HOSTS_MAX];
            uint32_t deepest = 0, room = 0, level = 1;
            gw_dispatch_tree(degree, NONE, 0, count, senders);
            for (uint32_t i = 0; i < count; i++) {
                const bool is_root = senders[i] == NONE;
                ck_assert(is_root || senders[i] < i);
                depths[i] = is_root ? 1 : depths[senders[i]] + 1;
                deepest = MAX(deepest, depths[i]);
                ck_assert_uint_le(++children[is_root ? HOSTS_MAX : senders[i]], degree);
            }
            for (uint32_t width = degree; room + width < count; width *= degree) {
                room += width;
                level++;
            }
            ck_assert_uint_le(deepest, level);
        }
    }
}
END_TEST

static void fan_to_second(gw_dispatch_policy *policy, const gw_dispatch_batch *batch,
                          uint32_t *out_senders)
{
    (void)policy;
    for (uint32_t i = 2; i < batch->host_count; i++) {
        out_senders[i] = 1;
    }
}

START_TEST(without_a_tree_of_its_own_fanout_decides)
{
    static const uint32_t hosts[] = {7, 3, 5};
    gw_dispatch_batch batch = {.hosts = hosts, .host_count = 3, .gang_count = 1, .degree = 2};
    const gw_dispatch_policy_ops own_ops = {.fan_out = fan_to_second};
    gw_dispatch_policy plain = {&gw_dispatch_parallel}, own = {&own_ops};
    uint32_t senders[3];
    gw_dispatch_fan_out(&plain, &batch, senders);
    check_senders(senders, (const uint32_t[]){NONE, 0, NONE}, 3);
    gw_dispatch_fan_out(NULL, &batch, senders);
    check_senders(senders, (const uint32_t[]){NONE, 0, NONE}, 3);
    gw_dispatch_fan_out(&own, &batch, senders);
    check_senders(senders, (const uint32_t[]){NONE, NONE, 1}, 3);
    batch.degree = 0;
    gw_dispatch_fan_out(&plain, &batch, senders);
    check_senders(senders, (const uint32_t[]){NONE, NONE, NONE}, 3);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("dispatch_policies");
    tcase_add_test(cases, policies_are_listed_by_name);
    tcase_add_test(cases, they_say_always_the_same);
    tcase_add_test(cases, they_take_no_parameters);
    tcase_add_test(cases, rows_are_as_equal_as_can_be_and_longer_ones_first);
    tcase_add_test(cases, trees_are_shallow);
    tcase_add_test(cases, without_a_tree_of_its_own_fanout_decides);
    Suite *suite = suite_create("dispatch_policies");
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
