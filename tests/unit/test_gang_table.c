/* SPDX-License-Identifier: Apache-2.0 */
/* Gangs by number, and blocks. */
#include <check.h>
#include <signal.h>

#include "accel/gang_table.h"
#include "run_suite.h"

static uint64_t number(uint64_t dispatcher, uint64_t sequence)
{
    return dispatcher << GW_GANG_TABLE_BITS | sequence;
}

START_TEST(gang_is_unseen_then_there_then_done)
{
    gw_gang_table table;
    gw_gang_table_init(&table);
    const uint64_t gang = number(5, 1);
    ck_assert_uint_eq(gw_gang_table_find(&table, gang), GW_GANG_UNSEEN);
    gw_gang_table_put(&table, gang, 77);
    ck_assert_uint_eq(gw_gang_table_find(&table, gang), 77);
    ck_assert_uint_eq(gw_gang_table_find(&table, number(4, 1)), GW_GANG_UNSEEN);
    ck_assert_uint_eq(gw_gang_table_find(&table, number(6, 1)), GW_GANG_UNSEEN);
    gw_gang_table_finish(&table, gang);
    ck_assert_uint_eq(gw_gang_table_find(&table, gang), GW_GANG_DONE);
    ck_assert_uint_eq(gw_gang_table_find(&table, number(5, 2)), GW_GANG_UNSEEN);
    gw_gang_table_clear(&table);
}
END_TEST

/* Sequences from `first` on, 40 open at a time, finished in another order than put. */
START_TEST(window_moves_on_and_does_not_grow)
{
    const uint64_t first = (uint64_t)_i;
    gw_gang_table table;
    gw_gang_table_init(&table);
    for (uint64_t round = 0; round < 1000; round++) {
        const uint64_t base = first + 40 * round;
        for (uint64_t i = 0; i < 40; i++) {
            gw_gang_table_put(&table, number(2, base + 39 - i), (uint32_t)(base + 39 - i));
        }
        for (uint64_t i = 0; i < 40; i++) {
            const uint64_t gang = number(2, base + (i * 7) % 40);
            ck_assert_uint_eq(gw_gang_table_find(&table, gang), base + (i * 7) % 40);
            gw_gang_table_finish(&table, gang);
            ck_assert_uint_eq(gw_gang_table_find(&table, gang), GW_GANG_DONE);
        }
    }
    ck_assert_uint_le(table.rings[2].capacity, 64);
    ck_assert_uint_eq(gw_gang_table_find(&table, number(2, first)), GW_GANG_DONE);
    gw_gang_table_clear(&table);
}
END_TEST

START_TEST(window_widens_while_an_old_gang_is_open)
{
    gw_gang_table table;
    gw_gang_table_init(&table);
    gw_gang_table_put(&table, number(0, 3), 3);
    for (uint64_t i = 4; i < 5000; i++) {
        gw_gang_table_put(&table, number(0, i), (uint32_t)i);
        if (i % 2 == 0) {
            gw_gang_table_finish(&table, number(0, i));
        }
    }
    ck_assert_uint_eq(gw_gang_table_find(&table, number(0, 3)), 3);
    for (uint64_t i = 4; i < 5000; i++) {
        ck_assert_uint_eq(gw_gang_table_find(&table, number(0, i)), i % 2 == 0 ? GW_GANG_DONE : i);
    }
    ck_assert_uint_eq(gw_gang_table_find(&table, number(0, 0)), GW_GANG_UNSEEN);
    ck_assert_uint_eq(gw_gang_table_find(&table, number(0, 5000)), GW_GANG_UNSEEN);
    gw_gang_table_clear(&table);
}
END_TEST

START_TEST(sequence_zero_may_be_used_or_not)
{
    gw_gang_table table;
    gw_gang_table_init(&table);
    for (uint64_t i = 1; i < 100; i++) {
        gw_gang_table_put(&table, number(1, i), 1);
        gw_gang_table_finish(&table, number(1, i));
    }
    gw_gang_table_put(&table, number(1, 0), 9); /* Late, and still its own. */
    ck_assert_uint_eq(gw_gang_table_find(&table, number(1, 0)), 9);
    gw_gang_table_finish(&table, number(1, 0));
    ck_assert_uint_eq(gw_gang_table_find(&table, number(1, 0)), GW_GANG_DONE);
    gw_gang_table_clear(&table);
}
END_TEST

START_TEST(putting_a_gang_again_aborts)
{
    gw_gang_table table;
    gw_gang_table_init(&table);
    gw_gang_table_put(&table, number(0, 1), 1);
    gw_gang_table_finish(&table, number(0, 1));
    gw_gang_table_put(&table, number(0, 1), 1);
}
END_TEST

START_TEST(finishing_an_unseen_gang_aborts)
{
    gw_gang_table table;
    gw_gang_table_init(&table);
    gw_gang_table_finish(&table, number(0, 1));
}
END_TEST

START_TEST(blocks_do_not_overlap_and_come_back)
{
    gw_blocks blocks;
    gw_blocks_init(&blocks);
    uint8_t owner[1 << 14] = {0};
    uint32_t offsets[64];
    for (uint32_t i = 0; i < 64; i++) {
        const uint32_t count = 1 + i * 5 % 90;
        offsets[i] = gw_blocks_take(&blocks, count);
        ck_assert_uint_le(offsets[i] + count, blocks.used_count);
        ck_assert_uint_le(blocks.used_count, sizeof owner);
        for (uint32_t k = 0; k < count; k++) {
            ck_assert_uint_eq(owner[offsets[i] + k], 0);
            owner[offsets[i] + k] = (uint8_t)(i + 1);
        }
    }
    const uint32_t used_count = blocks.used_count;
    for (uint32_t round = 0; round < 10; round++) {
        for (uint32_t i = 0; i < 64; i++) {
            gw_blocks_give(&blocks, offsets[i], 1 + i * 5 % 90);
        }
        for (uint32_t i = 0; i < 64; i++) {
            offsets[i] = gw_blocks_take(&blocks, 1 + i * 5 % 90);
        }
    }
    ck_assert_uint_eq(blocks.used_count, used_count);
    gw_blocks_clear(&blocks);
}
END_TEST

/* What one host goes through, an element of each, comes to lie on other lines of a cache. */
START_TEST(long_blocks_lie_apart)
{
    gw_blocks blocks;
    gw_blocks_init(&blocks);
    const uint32_t long_count = 2048, short_count = 64;
    const uint32_t first = gw_blocks_take(&blocks, long_count);
    const uint32_t second = gw_blocks_take(&blocks, long_count);
    ck_assert_uint_gt(second - first, long_count);
    ck_assert_uint_le(second - first, long_count + long_count / 32);
    ck_assert_uint_eq((second - first) % 8, 0); /* Still whole lines. */
    ck_assert_uint_le(second + long_count, blocks.used_count);
    const uint32_t third = gw_blocks_take(&blocks, short_count);
    ck_assert_uint_ge(third, second + long_count);
    ck_assert_uint_eq(gw_blocks_take(&blocks, short_count), third + short_count);
    gw_blocks_give(&blocks, first, long_count);
    ck_assert_uint_eq(gw_blocks_take(&blocks, long_count), first);
    gw_blocks_clear(&blocks);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gang_table");
    TCase *cases = tcase_create("gang_table");
    tcase_add_test(cases, gang_is_unseen_then_there_then_done);
    tcase_add_loop_test(cases, window_moves_on_and_does_not_grow, 0, 2);
    tcase_add_test(cases, window_widens_while_an_old_gang_is_open);
    tcase_add_test(cases, sequence_zero_may_be_used_or_not);
    tcase_add_test_raise_signal(cases, putting_a_gang_again_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, finishing_an_unseen_gang_aborts, SIGABRT);
    tcase_add_test(cases, blocks_do_not_overlap_and_come_back);
    tcase_add_test(cases, long_blocks_lie_apart);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
