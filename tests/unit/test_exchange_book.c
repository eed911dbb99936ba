/* SPDX-License-Identifier: Apache-2.0 */
/* What a host keeps of its exchanges: who is dealt what, and where it goes. */
#include <check.h>

#include "controller/exchange_book.h"
#include "run_suite.h"
#include "small_control.h"

#define DEPTH 3

/* Hosts of two devices.  Two source shards on host 0, and four target shards on hosts 1 and 2 in
 * another order than their numbers; room for 6 rows. */
static const uint32_t devices[] = {0, 1, 4, 2, 3, 5};

typedef struct {
    gw_directory *directory;
    gw_program *program;
    gw_plan *plan;
    gw_exchange_book *book;
    gw_exchange_here *here;
} bench;

static void init_bench(bench *made, gw_overflow overflow, uint32_t host)
{
    static const uint32_t first[] = {0, 2, 6};
    const gw_assignment assignment = {.mesh_count = 2, .first = first, .devices = devices};
    gw_builder *builder = gw_builder_new("moe");
    const uint32_t tokens = small_mesh(builder, 2), experts = small_mesh(builder, 4);
    const uint32_t router = small_node(builder, "router", tokens, "> s8 s4");
    const uint32_t expert = small_node(builder, "expert", experts, "s6 > s6");
    const uint32_t combine = small_node(builder, "combine", tokens, "s8 >");
    gw_builder_add_deal(builder, router, 0, 1, overflow, expert, 0);
    gw_builder_add_return(builder, expert, 0, combine, 0);
    made->directory = small_directory(3, 2, 1);
    made->program = small_finish(builder);
    made->plan = gw_plan_new(made->program);
    made->book =
        gw_exchange_book_new(made->plan, &assignment, made->directory, (gw_node_id){host}, DEPTH);
    made->here = &made->book->exchanges[0];
}

static void clear_bench(bench *made)
{
    gw_exchange_book_free(made->book);
    gw_plan_free(made->plan);
    gw_program_free(made->program);
    gw_directory_free(made->directory);
}

START_TEST(shards_lie_by_host)
{
    bench at;
    init_bench(&at, GW_OVERFLOW_FAIL, 2);
    const gw_exchange_mesh *target = &at.here->target;
    static const uint32_t shards[] = {1, 2, 0, 3};
    ck_assert_uint_eq(target->host_count, 2);
    ck_assert_uint_eq(gw_exchange_mesh_place(target, 1), 0);
    ck_assert_uint_eq(gw_exchange_mesh_place(target, 2), 1);
    ck_assert_mem_eq(target->shards, shards, sizeof shards);
    ck_assert_uint_eq(gw_exchange_mesh_local_count(target), 2);
    ck_assert_uint_eq(gw_exchange_mesh_locals(target)[0], 0);
    ck_assert_uint_eq(gw_exchange_mesh_local_count(&at.here->source), 0);
    ck_assert_ptr_eq(gw_exchange_book_find(at.book, at.here->return_edge), at.here);
    clear_bench(&at);
}
END_TEST

START_TEST(what_is_dealt_stands_by_host_target_and_source)
{
    bench at;
    init_bench(&at, GW_OVERFLOW_FAIL, 0);
    static const uint32_t counts[] = {3, 1, 0, 4, 0, 2, 0, 6};
    static const gw_dealt_rows expected[] = {
        {0, 1, 1, 3, 0}, {1, 1, 2, 0, 0}, {0, 0, 3, 0, 0}, {0, 3, 4, 4, 0}, {1, 3, 6, 2, 0}};
    gw_exchange_run *state = gw_exchange_book_run(at.book, at.here, 0);
    ck_assert_uint_eq(state->counts_left, 2);
    ck_assert_uint_eq(state->silent_count, 2);
    gw_exchange_deal_rows(at.here, state, counts);
    ck_assert_uint_eq(state->dealt->len, G_N_ELEMENTS(expected));
    ck_assert_mem_eq(state->dealt->data, expected, sizeof expected);
    ck_assert_uint_eq(state->first_dealt[1], 2);
    ck_assert_uint_eq(state->first_dealt[2], 5);
    ck_assert_uint_eq(state->unplaced_count, 5);
    ck_assert_uint_eq(state->open_count, 6);
    clear_bench(&at);
}
END_TEST

static void add_coming(gw_exchange_run *state, uint32_t source, uint32_t target, uint32_t rows,
                       uint32_t host)
{
    const gw_coming_rows coming = {{source, target, rows, 0, 0}, host};
    g_array_append_val(state->coming, coming);
}

static gw_exchange_run *fill_run(bench *at)
{
    gw_exchange_run *state = gw_exchange_book_run(at->book, at->here, 1);
    add_coming(state, 1, 3, 5, 0);
    add_coming(state, 1, 0, 4, 0);
    add_coming(state, 0, 3, 4, 7); /* As though it came from another host. */
    add_coming(state, 0, 0, 2, 7);
    return state;
}

START_TEST(rows_beyond_the_room_are_the_last_source_s)
{
    bench at;
    init_bench(&at, GW_OVERFLOW_DROP, 2);
    gw_exchange_run *state = fill_run(&at);
    uint64_t dropped = 99, rows;
    uint32_t shard, first;
    ck_assert(gw_exchange_place_rows(at.here, state, &dropped, &shard, &rows));
    ck_assert_uint_eq(dropped, 3);
    static const gw_coming_rows expected[] = {
        {{1, 0, 4, 0, 2}, 0}, {{1, 3, 2, 0, 4}, 0}, {{0, 0, 2, 0, 0}, 7}, {{0, 3, 4, 0, 0}, 7}};
    ck_assert_mem_eq(state->coming->data, expected, sizeof expected);
    ck_assert_uint_eq(gw_exchange_coming_from(state, 7, &first), 4);
    ck_assert_uint_eq(first, 2);
    ck_assert_uint_eq(gw_exchange_coming_from(state, 5, &first), first);
    clear_bench(&at);
}
END_TEST

START_TEST(too_much_is_refused_where_it_says_so)
{
    bench at;
    init_bench(&at, GW_OVERFLOW_FAIL, 2);
    gw_exchange_run *state = fill_run(&at);
    uint64_t dropped, rows = 0;
    uint32_t shard = 0;
    ck_assert(!gw_exchange_place_rows(at.here, state, &dropped, &shard, &rows));
    ck_assert_uint_eq(shard, 3);
    ck_assert_uint_eq(rows, 9);
    clear_bench(&at);
}
END_TEST

START_TEST(a_run_begins_anew_where_an_old_one_was)
{
    bench at;
    init_bench(&at, GW_OVERFLOW_DROP, 2);
    gw_exchange_run *state = fill_run(&at);
    ck_assert_ptr_eq(gw_exchange_book_run(at.book, at.here, 1), state);
    ck_assert_uint_eq(state->coming->len, 4);
    ck_assert_ptr_eq(gw_exchange_book_run(at.book, at.here, 1 + DEPTH), state);
    ck_assert_uint_eq(state->coming->len, 0);
    clear_bench(&at);
}
END_TEST

static Suite *exchange_book_suite(void)
{
    Suite *suite = suite_create("exchange_book");
    TCase *tcase = tcase_create("exchange_book");
    tcase_add_test(tcase, shards_lie_by_host);
    tcase_add_test(tcase, what_is_dealt_stands_by_host_target_and_source);
    tcase_add_test(tcase, rows_beyond_the_room_are_the_last_source_s);
    tcase_add_test(tcase, too_much_is_refused_where_it_says_so);
    tcase_add_test(tcase, a_run_begins_anew_where_an_old_one_was);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return gw_run_suite(exchange_book_suite());
}
