/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges: what they are made of, what is refused, and which operations follow dealt rows. */
#include <check.h>

#include "base/error.h"
#include "program/exchange.h"
#include "run_suite.h"
#include "small_program.h"

/* A router on two devices deals 8 rows each to four experts with room for 6, and has them back. */
typedef struct {
    const char *router, *expert, *combine; /* Functions as small_node takes them. */
    const char *wrong;                     /* What the message has to say; NULL: it is right. */
} sample;

static gw_program *make_moe(const sample *made, GError **error)
{
    gw_builder *builder = gw_builder_new("moe");
    const uint32_t tokens = small_mesh(builder, 2), experts = small_mesh(builder, 4);
    const uint32_t router = small_node(builder, "router", tokens, made->router);
    const uint32_t expert = small_node(builder, "expert", experts, made->expert);
    const uint32_t combine = small_node(builder, "combine", tokens, made->combine);
    gw_builder_add_deal(builder, router, 0, 1, GW_OVERFLOW_DROP, expert, 0);
    gw_builder_add_return(builder, expert, 0, combine, 0);
    return gw_builder_finish(builder, error);
}

START_TEST(sizes_are_those_of_the_ends)
{
    GError *error = NULL;
    g_autoptr(gw_program) program = make_moe(&(sample){"> s8 s4", "s6 > s6", "s8 >", NULL}, &error);
    ck_assert_ptr_null(error);
    ck_assert_uint_eq(program->exchange_count, 2);
    const uint32_t deal = program->first_edge[1], back = program->first_edge[2];
    ck_assert_uint_eq(gw_program_edge(program, deal)->exchange.return_edge, back);
    ck_assert_uint_eq(gw_program_edge(program, back)->exchange.dealt_edge, deal);
    for (uint32_t i = 0; i < 2; i++) {
        const uint32_t edge = i == 0 ? deal : back;
        ck_assert_uint_eq(gw_exchange_deal(program, edge), deal);
        ck_assert_uint_eq(gw_exchange_rows(program, edge), 8);
        ck_assert_uint_eq(gw_exchange_capacity(program, edge), 6);
        ck_assert_uint_eq(gw_exchange_row_bytes(program, edge), SMALL_ROW_BYTES);
        ck_assert_uint_eq(gw_exchange_source_count(program, edge), 2);
        ck_assert_uint_eq(gw_exchange_target_count(program, edge), 4);
    }
    ck_assert_ptr_null(program->counted[0]);
    ck_assert_uint_eq(program->counted[1]->edge, deal);
    ck_assert_uint_eq(program->counted[1]->capacity, 6);
    ck_assert_ptr_null(program->counted[2]);
}
END_TEST

START_TEST(wrong_ends_are_refused)
{
    static const sample samples[] = {
        {"> r8 s4", "s6 > s6", "s8 >", "found a replicated buffer"},
        {"> s8 s4", "r6 > s6", "s8 >", "found a replicated buffer"},
        {"> s8 s3", "s6 > s6", "s8 >", "found counts of 3 x 1, expected 4"},
        {"> s8 r4", "s6 > s6", "s8 >", "expected 4 on each device, sharded"},
        {"> s8", "s6 > s6", "s8 >", "found counts in output 1, expected another one of 1"},
        {"> s8 s4", "s6 > s6", "s7 >", "expected 6 rows of one size that return to 8"},
        {"> s8 s4", "s6 > s5", "s8 >", "expected 6 rows of one size that return to 8"},
    };
    for (uint32_t i = 0; i < G_N_ELEMENTS(samples); i++) {
        GError *error = NULL;
        ck_assert_ptr_null(make_moe(&samples[i], &error));
        ck_assert(g_error_matches(error, GW_ERROR, GW_ERROR_SCENARIO));
        ck_assert_msg(strstr(error->message, samples[i].wrong) != NULL, "%s", error->message);
        ck_assert_ptr_nonnull(strstr(error->message, "the exchange from \""));
        g_error_free(error);
    }
}
END_TEST

/* Edges that are wrong whatever the shapes are. */
START_TEST(wrong_places_are_refused)
{
    static const char *const wrong[] = {"found one mesh",
                                        "found an end that is set-up",
                                        "found nothing that \"deal\" was dealt",
                                        "found a second one",
                                        "found another mesh",
                                        "found a second way back"};
    gw_builder *builder = gw_builder_new("wrong");
    const uint32_t one = small_mesh(builder, 2), two = small_mesh(builder, 2);
    const uint32_t three = small_mesh(builder, 2);
    const uint32_t deal = _i == 1 ? small_once(builder, "deal", one, "> s8 s2")
                                  : small_node(builder, "deal", one, "> s8 s2");
    const char *function = _i == 3 ? "s6 s6 > s6" : "s6 > s6";
    const uint32_t take = small_node(builder, "take", _i == 0 ? one : two, function);
    if (_i == 2) {
        gw_builder_add_return(builder, deal, 0, take, 0);
    } else {
        gw_builder_add_deal(builder, deal, 0, 1, GW_OVERFLOW_FAIL, take, 0);
    }
    if (_i == 3) {
        gw_builder_add_deal(builder, deal, 0, 1, GW_OVERFLOW_FAIL, take, 1);
    }
    if (_i == 4 || _i == 5) {
        gw_builder_add_return(builder, take, 0,
                              small_node(builder, "back", _i == 4 ? three : one, "s8 >"), 0);
    }
    if (_i == 5) {
        gw_builder_add_return(builder, take, 0, small_node(builder, "again", one, "s8 >"), 0);
    }
    GError *error = NULL;
    ck_assert_ptr_null(gw_builder_finish(builder, &error));
    ck_assert_msg(strstr(error->message, wrong[_i]) != NULL, "%s", error->message);
    g_error_free(error);
}
END_TEST

static uint32_t add(gw_function *function, gw_operation_kind kind, gw_map map, uint32_t a,
                    uint32_t b, uint32_t y)
{
    gw_function_add(function, &(gw_operation){.kind = kind,
                                              .map = map,
                                              .axes = 1,
                                              .inputs = {(uint16_t)a, (uint16_t)b},
                                              .outputs = {(uint16_t)y}});
    return function->operations->len - 1;
}

START_TEST(rows_are_followed_as_long_as_they_are_rows)
{
    g_autoptr(gw_function) function = gw_function_new("expert");
    const uint32_t x = gw_function_add_input(function, 6, 2, true);
    const uint32_t weight = gw_function_add_input(function, 2, 2, false);
    const uint32_t other = gw_function_add_input(function, 6, 2, true);
    const uint32_t hidden = gw_function_add_temporary(function, 6, 2);
    const uint32_t twice = gw_function_add_temporary(function, 6, 2);
    const uint32_t y = gw_function_add_output(function, 6, 2, true);
    const uint32_t product = add(function, GW_OPERATION_MATMUL, 0, x, weight, hidden);
    const uint32_t relu = add(function, GW_OPERATION_MAP, GW_MAP_RELU, hidden, 0, twice);
    const uint32_t sum = add(function, GW_OPERATION_MAP, GW_MAP_ADD, twice, hidden, y);
    const uint32_t mixed = add(function, GW_OPERATION_MAP, GW_MAP_ADD, hidden, other, twice);
    const uint32_t met = add(function, GW_OPERATION_ALL_REDUCE, 0, y, 0, twice);
    g_autoptr(gw_counted) counted = gw_counted_new(function, 0);
    /* `twice` is written whole later on, so it is whole from the start, and `y` with it. */
    ck_assert(counted->operations[product] && counted->values[hidden]);
    ck_assert(!counted->operations[relu] && !counted->values[twice]);
    ck_assert(!counted->operations[sum] && !counted->values[y]);
    ck_assert(!counted->operations[mixed] && !counted->operations[met]);
    ck_assert(counted->values[x] && !counted->values[weight] && !counted->values[other]);
}
END_TEST

START_TEST(work_is_counted_where_it_says_so)
{
    g_autoptr(gw_function) function = gw_function_new("expert");
    gw_function_add_input(function, 8, 2, true);
    gw_function_add(
        function,
        &(gw_operation){.kind = GW_OPERATION_DURATION, .duration_ns = 100, .is_counted = true});
    gw_function_add(function, &(gw_operation){.kind = GW_OPERATION_WORK, .flops = 80, .bytes = 16});
    g_autoptr(gw_counted) counted = gw_counted_new(function, 0);
    g_autoptr(gw_function) scratch = gw_function_copy(function);
    gw_counted_resize(counted, scratch, 3);
    ck_assert_uint_eq(gw_function_value(scratch, 0)->rows, 3);
    ck_assert_uint_eq(gw_counted_operation(counted, scratch, 0, 3).duration_ns, 38);
    ck_assert_uint_eq(gw_counted_operation(counted, scratch, 0, 0).duration_ns, 0);
    ck_assert_double_eq(gw_counted_operation(counted, scratch, 1, 3).flops, 80);
}
END_TEST

static Suite *exchange_suite(void)
{
    Suite *suite = suite_create("exchange");
    TCase *tcase = tcase_create("exchange");
    tcase_add_test(tcase, sizes_are_those_of_the_ends);
    tcase_add_test(tcase, wrong_ends_are_refused);
    tcase_add_loop_test(tcase, wrong_places_are_refused, 0, 6);
    tcase_add_test(tcase, rows_are_followed_as_long_as_they_are_rows);
    tcase_add_test(tcase, work_is_counted_where_it_says_so);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return gw_run_suite(exchange_suite());
}
