/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger: what is counted, when a gang is done, and the digest of each device's launches. */
#include <check.h>
#include <signal.h>

#include "real/ledger.h"
#include "record/launch_digest.h"
#include "run_suite.h"

#define DEVICE_COUNT 8

/* Two islands of two hosts of two devices; two jobs. */
static gw_directory *make_directory(void)
{
    gw_island islands[2];
    for (uint32_t i = 0; i < 2; i++) {
        islands[i] = (gw_island){
            .host_count = 2, .devices_per_host = 2, .shape = {4, 1, 1}, .hbm_bytes = 1000};
    }
    return gw_directory_new(islands, 2, 2);
}

static void note(gw_ledger *ledger, gw_note_kind kind, uint64_t a, uint64_t b)
{
    gw_ledger_add_note(ledger, &(gw_note){.kind = kind, .a = a, .b = b}, 5);
}

static void add_shards(gw_ledger *ledger, uint64_t gang, uint32_t of_count, uint32_t first_device,
                       uint32_t count)
{
    const gw_ledger_gang whose = {.gang = gang, .shard_count = of_count};
    const gw_shard_record shards = {.first_device = first_device,
                                    .device_count = count,
                                    .start_ns = 10,
                                    .end_ns = 30,
                                    .local_ns = 20};
    gw_ledger_add_shards(ledger, &(gw_ledger_shards){whose, shards}, 1);
}

static void keep_event(void *context, const gw_ledger_event *event)
{
    g_array_append_vals((GArray *)context, event, 1);
}

/* One ledger that hands on, and one that takes it: as if the second had heard all itself. */
START_TEST(what_is_handed_on_counts_elsewhere)
{
    g_autoptr(gw_directory) directory = make_directory();
    g_autoptr(gw_ledger) here = gw_ledger_new(directory, NULL, true);
    g_autoptr(gw_ledger) there = gw_ledger_new(directory, NULL, true);
    g_autoptr(GArray) events = g_array_new(FALSE, FALSE, sizeof(gw_ledger_event));
    gw_ledger_set_forward(there, keep_event, events);
    add_shards(there, 1, 4, 2, 2);
    gw_ledger_add_transfer(there, &(gw_transfer_record){.target_device = 5, .size_bytes = 9});
    gw_ledger_add_message(there, (gw_node_id){1}, (gw_node_id){2}, 30);
    gw_ledger_add_message(there, (gw_node_id){1}, (gw_node_id){1}, 30); /* To itself. */
    note(there, GW_NOTE_JOB_DONE, 1, 0);
    ck_assert_uint_eq(events->len, 4);
    ck_assert_uint_eq(gw_ledger_count(there).shards, 0);
    ck_assert_uint_eq(gw_ledger_jobs_left(there), 2);
    for (uint32_t i = 0; i < events->len; i++) {
        gw_ledger_replay(here, &g_array_index(events, gw_ledger_event, i));
    }
    add_shards(here, 1, 4, 0, 2);
    const gw_ledger_counts counts = gw_ledger_count(here);
    ck_assert_uint_eq(counts.gangs, 1);
    ck_assert_uint_eq(counts.transfers, 1);
    ck_assert_uint_eq(counts.message_bytes, 30);
    ck_assert_uint_eq(gw_ledger_jobs_left(here), 1);
}
END_TEST

START_TEST(chains_of_two_ledgers_are_those_of_one)
{
    g_autoptr(gw_directory) directory = make_directory();
    g_autoptr(gw_ledger) here = gw_ledger_new(directory, NULL, true);
    g_autoptr(gw_ledger) there = gw_ledger_new(directory, NULL, true);
    g_autoptr(gw_ledger) whole = gw_ledger_new(directory, NULL, true);
    const gw_local_shard first[] = {{.device = 0, .shard = 0}};
    const gw_kernel kernel = {.gang = 1, .instance = 3, .node = 4, .run = 5};
    gw_ledger_launch(here, &kernel, 0, first, 1);
    gw_ledger_launch(there, &kernel, 2, first, 1);
    gw_ledger_launch(whole, &kernel, 0, first, 1);
    gw_ledger_launch(whole, &kernel, 2, first, 1);
    gw_ledger_merge(here, gw_ledger_count(there).launches, gw_ledger_chains(there));
    ck_assert_uint_eq(gw_ledger_digest(here), gw_ledger_digest(whole));
    ck_assert_uint_eq(gw_ledger_count(here).launches, 2);
}
END_TEST

START_TEST(new_ledger_has_counted_nothing)
{
    g_autoptr(gw_directory) directory = make_directory();
    g_autoptr(gw_ledger) ledger = gw_ledger_new(directory, NULL, true);
    const gw_ledger_counts counts = gw_ledger_count(ledger);
    ck_assert_uint_eq(counts.launches + counts.shards + counts.gangs, 0);
    ck_assert_uint_eq(counts.transfers + counts.messages + counts.message_bytes, 0);
    ck_assert_uint_eq(gw_ledger_jobs_left(ledger), 2);
    const uint64_t chains[DEVICE_COUNT] = {0};
    ck_assert_uint_eq(gw_ledger_digest(ledger), gw_launch_digest_of(chains, DEVICE_COUNT));
}
END_TEST

START_TEST(gang_is_done_with_the_last_of_its_shards)
{
    g_autoptr(gw_directory) directory = make_directory();
    g_autoptr(gw_ledger) ledger = gw_ledger_new(directory, NULL, true);
    add_shards(ledger, 1, 4, 2, 2);
    add_shards(ledger, 2, 3, 1, 1); /* Another one, open meanwhile. */
    ck_assert_uint_eq(gw_ledger_count(ledger).gangs, 0);
    add_shards(ledger, 1, 4, 0, 1);
    ck_assert_uint_eq(gw_ledger_count(ledger).gangs, 0);
    add_shards(ledger, 1, 4, 1, 1);
    ck_assert_uint_eq(gw_ledger_count(ledger).gangs, 1);
    add_shards(ledger, 2, 3, 2, 2);
    ck_assert_uint_eq(gw_ledger_count(ledger).gangs, 2);
    add_shards(ledger, 3, 4, 4, 4); /* All at once. */
    ck_assert_uint_eq(gw_ledger_count(ledger).gangs, 3);
    ck_assert_uint_eq(gw_ledger_count(ledger).shards, 11);
}
END_TEST

START_TEST(launches_count_by_kernel_and_chain_by_device)
{
    g_autoptr(gw_directory) directory = make_directory();
    g_autoptr(gw_ledger) ledger = gw_ledger_new(directory, NULL, false);
    const gw_local_shard both[] = {{.device = 1, .shard = 0}, {.device = 0, .shard = 1}};
    const gw_kernel kernel = {.gang = 1, .instance = 3, .node = 4, .run = 5};
    const gw_kernel later = {.gang = 2, .instance = 3, .node = 4, .run = 6};
    gw_ledger_launch(ledger, &kernel, 2, both, 2); /* Devices 2 and 3, */
    gw_ledger_launch(ledger, &later, 2, both, 1);  /* and 3 once more. */
    ck_assert_uint_eq(gw_ledger_count(ledger).launches, 2);
    uint64_t chains[DEVICE_COUNT] = {0};
    chains[2] = gw_launch_digest_chain(0, 3, 4, 5);
    chains[3] = gw_launch_digest_chain(chains[2], 3, 4, 6);
    ck_assert_uint_eq(gw_ledger_digest(ledger), gw_launch_digest_of(chains, DEVICE_COUNT));
}
END_TEST

START_TEST(digest_knows_the_order_on_a_device)
{
    g_autoptr(gw_directory) directory = make_directory();
    g_autoptr(gw_ledger) one = gw_ledger_new(directory, NULL, false);
    g_autoptr(gw_ledger) other = gw_ledger_new(directory, NULL, false);
    const gw_local_shard local = {.device = 0, .shard = 0};
    const gw_kernel a = {.node = 1}, b = {.node = 2};
    gw_ledger_launch(one, &a, 0, &local, 1);
    gw_ledger_launch(one, &b, 0, &local, 1);
    gw_ledger_launch(other, &b, 0, &local, 1);
    gw_ledger_launch(other, &a, 0, &local, 1);
    ck_assert_uint_ne(gw_ledger_digest(one), gw_ledger_digest(other));
}
END_TEST

START_TEST(messages_to_oneself_are_not_counted)
{
    g_autoptr(gw_directory) directory = make_directory();
    g_autoptr(gw_ledger) ledger = gw_ledger_new(directory, NULL, true);
    gw_ledger_add_message(ledger, (gw_node_id){1}, (gw_node_id){1}, 64);
    ck_assert_uint_eq(gw_ledger_count(ledger).messages, 0);
    gw_ledger_add_message(ledger, (gw_node_id){1}, (gw_node_id){2}, 64);
    gw_ledger_add_message(ledger, (gw_node_id){2}, (gw_node_id){1}, 36);
    ck_assert_uint_eq(gw_ledger_count(ledger).messages, 2);
    ck_assert_uint_eq(gw_ledger_count(ledger).message_bytes, 100);
}
END_TEST

START_TEST(transfers_to_devices_and_to_hosts_count)
{
    g_autoptr(gw_directory) directory = make_directory();
    g_autoptr(gw_ledger) ledger = gw_ledger_new(directory, NULL, true);
    gw_transfer_record transfer = {.source_device = 0, .target_device = 7, .size_bytes = 8};
    gw_ledger_add_transfer(ledger, &transfer);
    transfer.target_device = GW_INDEX_NONE;
    gw_ledger_add_transfer(ledger, &transfer);
    ck_assert_uint_eq(gw_ledger_count(ledger).transfers, 2);
}
END_TEST

START_TEST(only_jobs_done_are_no_longer_left)
{
    g_autoptr(gw_directory) directory = make_directory();
    g_autoptr(gw_ledger) ledger = gw_ledger_new(directory, NULL, true);
    note(ledger, GW_NOTE_JOB_STARTED, 1, 0);
    note(ledger, GW_NOTE_RUN_DONE, 1, 0);
    ck_assert_uint_eq(gw_ledger_jobs_left(ledger), 2);
    note(ledger, GW_NOTE_JOB_DONE, 1, 0);
    ck_assert_uint_eq(gw_ledger_jobs_left(ledger), 1);
    note(ledger, GW_NOTE_JOB_DONE, 0, 0);
    ck_assert_uint_eq(gw_ledger_jobs_left(ledger), 0);
}
END_TEST

START_TEST(first_refusal_is_the_one_that_is_told)
{
    g_autoptr(gw_directory) directory = make_directory();
    g_autoptr(gw_ledger) ledger = gw_ledger_new(directory, NULL, true);
    uint32_t job = 77, reason = 78;
    ck_assert(!gw_ledger_refusal(ledger, &job, &reason));
    note(ledger, GW_NOTE_JOB_REFUSED, 1, 2);
    note(ledger, GW_NOTE_JOB_REFUSED, 0, 1);
    ck_assert(gw_ledger_refusal(ledger, &job, &reason));
    ck_assert_uint_eq(job, 1);
    ck_assert_uint_eq(reason, 2);
    ck_assert_uint_eq(gw_ledger_jobs_left(ledger), 2); /* Refused is not done. */
}
END_TEST

START_TEST(first_wrong_pick_is_the_one_that_is_told)
{
    g_autoptr(gw_directory) directory = make_directory();
    g_autoptr(gw_ledger) ledger = gw_ledger_new(directory, NULL, true);
    gw_note wrong = {.a = 77};
    ck_assert(!gw_ledger_policy_wrong(ledger, &wrong));
    ck_assert_uint_eq(wrong.a, 77);
    note(ledger, GW_NOTE_POLICY_WRONG, 4, UINT64_MAX);
    note(ledger, GW_NOTE_PLACEMENT_WRONG, 5, 1);
    ck_assert(gw_ledger_policy_wrong(ledger, &wrong));
    ck_assert_int_eq(wrong.kind, GW_NOTE_POLICY_WRONG);
    ck_assert_uint_eq(wrong.a, 4);
    ck_assert_uint_eq(wrong.b, UINT64_MAX);
}
END_TEST

START_TEST(first_overflow_is_the_one_that_is_told)
{
    g_autoptr(gw_directory) directory = make_directory();
    g_autoptr(gw_ledger) ledger = gw_ledger_new(directory, NULL, true);
    gw_note found = {0};
    ck_assert(!gw_ledger_overflow(ledger, &found));
    note(ledger, GW_NOTE_OVERFLOW, 4, 5);
    note(ledger, GW_NOTE_OVERFLOW, 6, 7);
    ck_assert(gw_ledger_overflow(ledger, &found));
    ck_assert_uint_eq(found.a, 4);
    ck_assert_uint_eq(found.b, 5);
}
END_TEST

START_TEST(more_shards_than_the_gang_has_aborts)
{
    gw_ledger *ledger = gw_ledger_new(make_directory(), NULL, true);
    add_shards(ledger, 1, 3, 0, 2);
    add_shards(ledger, 1, 3, 2, 2);
}
END_TEST

START_TEST(the_end_of_a_job_that_is_none_aborts)
{
    gw_ledger *ledger = gw_ledger_new(make_directory(), NULL, true);
    note(ledger, GW_NOTE_JOB_DONE, 2, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger");
    TCase *cases = tcase_create("ledger");
    tcase_add_test(cases, what_is_handed_on_counts_elsewhere);
    tcase_add_test(cases, chains_of_two_ledgers_are_those_of_one);
    tcase_add_test(cases, new_ledger_has_counted_nothing);
    tcase_add_test(cases, gang_is_done_with_the_last_of_its_shards);
    tcase_add_test(cases, launches_count_by_kernel_and_chain_by_device);
    tcase_add_test(cases, digest_knows_the_order_on_a_device);
    tcase_add_test(cases, messages_to_oneself_are_not_counted);
    tcase_add_test(cases, transfers_to_devices_and_to_hosts_count);
    tcase_add_test(cases, only_jobs_done_are_no_longer_left);
    tcase_add_test(cases, first_refusal_is_the_one_that_is_told);
    tcase_add_test(cases, first_wrong_pick_is_the_one_that_is_told);
    tcase_add_test(cases, first_overflow_is_the_one_that_is_told);
    tcase_add_test_raise_signal(cases, more_shards_than_the_gang_has_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, the_end_of_a_job_that_is_none_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
