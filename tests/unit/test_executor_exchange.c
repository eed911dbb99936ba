/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that go where counts say, as host 0 of two sees them: router and combine have a shard on
 * device 0 here and one on device 2 there, the experts on devices 1 and 3. */
#include <string.h>

#include "run_suite.h"
#include "test_executor.h"

enum { ROUTER, EXPERTS, COMBINE };

static const uint32_t devices[] = {0, 2, 1, 3};
/* Edges are in order of the node that they lead to. */
#define DEAL_EDGE 0

typedef struct {
    bench at;
    uint32_t counts[2]; /* What the local shard deals. */
} deal_bench;

static void deal(void *context, const gw_counts *asked, uint32_t *out_counts)
{
    const deal_bench *made = context;
    ck_assert_uint_eq(asked->edge, DEAL_EDGE);
    ck_assert_uint_eq(asked->device.index, 0);
    memcpy(out_counts, made->counts, sizeof made->counts);
}

static void init_deal(deal_bench *made, gw_overflow overflow, uint32_t here, uint32_t there)
{
    gw_builder *builder = gw_builder_new("moe");
    const uint32_t tokens = small_mesh(builder, 2), experts = small_mesh(builder, 2);
    small_node(builder, "router", tokens, "> s8 s2");
    small_node(builder, "experts", experts, "s6 > s6");
    small_node(builder, "combine", tokens, "s8 >");
    gw_builder_add_deal(builder, ROUTER, 0, 1, overflow, EXPERTS, 0);
    gw_builder_add_return(builder, EXPERTS, 0, COMBINE, 0);
    init_bench(&made->at, 2, 2, 8);
    made->counts[0] = here;
    made->counts[1] = there;
    made->at.port->deal = deal;
    made->at.port->deal_context = made;
    install(&made->at, 0, small_finish(builder), 1, devices);
    record_port_clear(made->at.port);
}

/* What the other host's router deals to the expert here. */
static void promise(bench *at, uint32_t row_count)
{
    const uint32_t count = row_count > 0 ? 1 : 0;
    const uint32_t size_bytes = (uint32_t)(sizeof(gw_promise) + count * sizeof(gw_dealt_rows));
    g_autofree gw_promise *message = g_malloc0(size_bytes);
    *message = (gw_promise){.header = {GW_MESSAGE_PROMISE, size_bytes},
                            .edge = DEAL_EDGE,
                            .shard_count = 1,
                            .item_count = count};
    if (count > 0) {
        message->items[0] = (gw_dealt_rows){1, 0, row_count, 0, 0};
    }
    gw_executor_promise(at->executor, (gw_node_id){1}, message);
    gw_executor_flush(at->executor);
}

/* Where the other host's expert puts what was promised to it. */
static void place(bench *at, uint32_t row_count, uint32_t source_row)
{
    const uint32_t size_bytes = (uint32_t)(sizeof(gw_place) + sizeof(gw_dealt_rows));
    g_autofree gw_place *message = g_malloc0(size_bytes);
    *message = (gw_place){.header = {GW_MESSAGE_PLACE, size_bytes},
                          .gang = gang_of(at, EXPERTS),
                          .edge = DEAL_EDGE,
                          .buffer = 77,
                          .item_count = 1};
    message->items[0] = (gw_dealt_rows){0, 1, row_count, source_row, 0};
    gw_executor_place(at->executor, (gw_node_id){1}, message);
    gw_executor_flush(at->executor);
}

static void expect_text(bench *at, const char *const *parts)
{
    const char *text = record_port_text(at->port);
    for (uint32_t i = 0; parts[i] != NULL; i++) {
        ck_assert_msg(strstr(text, parts[i]) != NULL, "no \"%s\" in:\n%s", parts[i], text);
    }
    record_port_clear(at->port);
}

static void expect_silence(bench *at)
{
    ck_assert_str_eq(record_port_text(at->port), "");
}

/* Up to where the local counts are read. */
static void launch_all(bench *at)
{
    dispatch(at, 0, 0, ROUTER, 3, ROUTER);
    expect_text(at, (const char *const[]){"node 1 run 0, reads 4, writes 3, awaits 1",
                                          "node 2 run 0, reads 2, awaits 1",
                                          "copy 8 B of buffer 1 from device 0", NULL});
    finish_kernel(at);
    expect_silence(at);
}

START_TEST(rows_go_and_return)
{
    deal_bench made;
    bench *at = &made.at;
    init_deal(&made, GW_OVERFLOW_FAIL, 3, 5);
    launch_all(at);
    finish_copy(at, 0); /* Five rows for the expert there; for the one here, another has to say. */
    expect_text(at, (const char *const[]){
                        "send to host 1: PROMISE, instance 0 run 0 edge 0, 1 shards; 5 rows of "
                        "shard 0 from 3 to shard 1 at 0",
                        "release 8 B for buffer 1", NULL});
    promise(at, 2);
    expect_text(at, (const char *const[]){
                        "expect 2 copies, 5 rows, into buffer 4 on device 1 for gang 2.1",
                        "note ROWS, job 0, 5, 0 dropped",
                        "send to host 1: PLACE, instance 0 run 0 edge 0, buffer 4 for gang 2.1; "
                        "2 rows of shard 1 from 0 to shard 0 at 3",
                        "copy 12 B of buffer 0 from device 0 by gang 2.0 to buffer 4 on device 1 "
                        "for gang 2.1",
                        NULL});
    place(at, 5, 3); /* All is known that will come back. */
    expect_text(at, (const char *const[]){
                        "copy 20 B of buffer 0 + 12 from device 0 by gang 2.0 to buffer 77 on "
                        "device 3 for gang 2.1",
                        "expect 2 copies, 8 rows, into buffer 2 on device 0 for gang 2.2",
                        "copy 12 B of buffer 3 from device 1 by gang 2.1 to buffer 2 on device 0 "
                        "for gang 2.2",
                        "send to host 1: READY", NULL});
    finish_copy(at, 0);
    finish_copy(at, 0);
    expect_text(at, (const char *const[]){"release 32 B for buffer 0", NULL});
    ready(at, 1, 0, 0, 2, 99, COMBINE); /* The edge after the DEAL. */
    expect_text(at, (const char *const[]){
                        "copy 8 B of buffer 3 + 12 from device 1 by gang 2.1 to buffer 99 on "
                        "device 2 for gang 2.2",
                        NULL});
    finish_kernel(at);
    finish_copy(at, 0);
    finish_copy(at, 0);
    expect_text(at, (const char *const[]){"release 24 B for buffer 3", NULL});
    finish_kernel(at);
    expect_text(at, (const char *const[]){"PROGRESS", NULL});
    ck_assert_uint_eq(record_port_held_count(at->port), 0);
    ck_assert(gw_executor_is_quiet(at->executor, 0));
    clear_bench(at);
}
END_TEST

START_TEST(nothing_is_sent_for_no_row)
{
    deal_bench made;
    bench *at = &made.at;
    init_deal(&made, GW_OVERFLOW_FAIL, 0, 8);
    launch_all(at);
    promise(at, 0); /* Before this host's own. */
    expect_silence(at);
    finish_copy(at, 0);
    expect_text(
        at, (const char *const[]){"expect 0 copies, 0 rows, into buffer 4 on device 1 for gang 2.1",
                                  "note ROWS, job 0, 0, 0 dropped", "PROMISE", NULL});
    ck_assert(!record_port_asks(at->port, RECORD_COPY));
    finish_kernel(at); /* It had nothing to wait for. */
    expect_text(at, (const char *const[]){"release 24 B for buffer 3", NULL});
    place(at, 8, 0);
    finish_copy(at, 0);
    expect_text(at, (const char *const[]){"expect 1 copies, 8 rows, into buffer 2", NULL});
    finish_kernel(at);
    ck_assert_uint_eq(record_port_held_count(at->port), 0);
    clear_bench(at);
}
END_TEST

START_TEST(what_was_dropped_does_not_return)
{
    deal_bench made;
    bench *at = &made.at;
    init_deal(&made, GW_OVERFLOW_DROP, 4, 4);
    launch_all(at);
    finish_copy(at, 0);
    record_port_clear(at->port);
    promise(at, 7); /* After the four of shard 0 there is room for two. */
    expect_text(at,
                (const char *const[]){"expect 2 copies, 6 rows", "note ROWS, job 0, 6, 5 dropped",
                                      "2 rows of shard 1 from 0 to shard 0 at 4", NULL});
    place(at, 0, 4); /* None of ours was taken there. */
    expect_text(at, (const char *const[]){"expect 1 copies, 4 rows, into buffer 2", NULL});
    clear_bench(at);
}
END_TEST

START_TEST(too_many_rows_are_told_and_go_nowhere)
{
    deal_bench made;
    bench *at = &made.at;
    init_deal(&made, GW_OVERFLOW_FAIL, 4, 4);
    launch_all(at);
    finish_copy(at, 0);
    record_port_clear(at->port);
    promise(at, 3);
    ck_assert_str_eq(record_port_text(at->port),
                     "note OVERFLOW, job 0 edge 0 run 0 shard 0 is dealt 7 rows\n");
    clear_bench(at);
}
END_TEST

static Suite *executor_exchange_suite(void)
{
    Suite *suite = suite_create("executor_exchange");
    TCase *tcase = tcase_create("executor_exchange");
    tcase_add_test(tcase, rows_go_and_return);
    tcase_add_test(tcase, nothing_is_sent_for_no_row);
    tcase_add_test(tcase, what_was_dropped_does_not_return);
    tcase_add_test(tcase, too_many_rows_are_told_and_go_nowhere);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return gw_run_suite(executor_exchange_suite());
}
