/* SPDX-License-Identifier: Apache-2.0 */
/* Rounds count when they are whole: who takes part in which, and what comes of it. */
#include "app/validation_round.h"
#include "test_validation.h"

static void add_three(fixture *made)
{
    static const char *const varied[] = {"control.lookahead=1,2,4", NULL};
    g_autofree char *path = write_scenario(made, "a.json", "");
    add(made, path, varied);
}

static void take(fixture *made, const bool *has_part, guint failing)
{
    gw_validation *validation = made->validation;
    g_autoptr(gw_validation_round) round =
        gw_validation_round_new(validation->rounds_done, validation->cases->len);
    for (guint c = 0; c < validation->cases->len; c++) {
        ck_assert(gw_validation_takes_part(validation, c) == has_part[c]);
        if (!has_part[c])
            continue;
        gw_validation_result *result = gw_validation_round_result(round, c);
        ck_assert_ptr_eq(gw_validation_round_result(round, c), result);
        result->measured = make_run(100 + c);
        if (c != failing)
            continue;
        result->failure = g_strdup("simulated: it stood still");
        result->exit_code = 3;
    }
    gw_validation_take(validation, round);
}

START_TEST(who_has_failed_takes_no_part)
{
    static const bool all[] = {true, true, true}, others[] = {true, false, true};
    fixture made = make();
    add_three(&made);
    take(&made, all, GW_INDEX_NONE);
    take(&made, all, 1);
    take(&made, others, GW_INDEX_NONE);
    ck_assert_uint_eq(made.validation->rounds_done, 3);
    ck_assert_uint_eq(at(&made, 0)->measured->len, 3);
    ck_assert_uint_eq(at(&made, 1)->measured->len, 2);
    ck_assert_str_eq(at(&made, 1)->failure, "simulated: it stood still");
    ck_assert_int_eq(at(&made, 1)->exit_code, 3);
    ck_assert_ptr_null(at(&made, 2)->failure);
    clear(&made);
}
END_TEST

START_TEST(later_rounds_are_of_those_in_doubt)
{
    static const bool all[] = {true, true, true}, doubtful[] = {false, true, true};
    fixture made = make();
    add_three(&made);
    at(&made, 1)->is_again = at(&made, 2)->is_again = true; /* No matter before. */
    for (guint r = 0; r < 3; r++)
        take(&made, all, GW_INDEX_NONE);
    take(&made, doubtful, GW_INDEX_NONE);
    ck_assert_uint_eq(at(&made, 0)->measured->len, 3);
    ck_assert_uint_eq(at(&made, 2)->measured->len, 4);
    clear(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("validation_round");
    TCase *cases = tcase_create("validation_round");
    tcase_add_test(cases, who_has_failed_takes_no_part);
    tcase_add_test(cases, later_rounds_are_of_those_in_doubt);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
