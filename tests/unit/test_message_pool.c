/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of messages: whole, at addresses that hold, and reused. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "run_suite.h"
#include "world/message_pool.h"

#define MANY 3000

static gw_message_block *put(gw_message_pool *pool, uint32_t size_bytes, unsigned char mark)
{
    g_autofree gw_message *message = g_malloc(size_bytes);
    memset(message, mark, size_bytes);
    message->size_bytes = size_bytes;
    return gw_message_pool_take(pool, message);
}

static void assert_marked(const gw_message_block *block, uint32_t size_bytes, unsigned char mark)
{
    const unsigned char *bytes = (const unsigned char *)&block->message;
    uint32_t wrong_count = 0;
    ck_assert_uint_eq(block->message.size_bytes, size_bytes);
    for (uint32_t i = sizeof(gw_message); i < size_bytes; i++) {
        wrong_count += bytes[i] != mark;
    }
    ck_assert_uint_eq(wrong_count, 0);
}

START_TEST(blocks_keep_their_contents_while_others_come)
{
    gw_message_pool pool;
    gw_message_pool_init(&pool);
    gw_message_block **blocks = g_new(gw_message_block *, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        blocks[i] = put(&pool, 8 + i, (unsigned char)i);
    }
    ck_assert_uint_eq(pool.live_count, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_marked(blocks[i], 8 + i, (unsigned char)i);
        gw_message_pool_give(&pool, blocks[i]);
    }
    ck_assert_uint_eq(pool.live_count, 0);
    g_free(blocks);
    gw_message_pool_clear(&pool);
}
END_TEST

START_TEST(large_messages_have_room)
{
    gw_message_pool pool;
    gw_message_pool_init(&pool);
    gw_message_block *block = put(&pool, 3000000, 9);
    assert_marked(block, 3000000, 9);
    gw_message_pool_give(&pool, block);
    gw_message_pool_clear(&pool);
}
END_TEST

START_TEST(freed_blocks_are_used_again)
{
    gw_message_pool pool;
    gw_message_pool_init(&pool);
    gw_message_block *first = put(&pool, 100, 1);
    gw_message_pool_give(&pool, first);
    ck_assert_ptr_eq(put(&pool, 90, 2), first);
    const guint chunk_count = pool.chunks->len;
    for (uint32_t i = 0; i < 100000; i++) {
        gw_message_pool_give(&pool, put(&pool, 100, 3));
    }
    ck_assert_uint_eq(pool.chunks->len, chunk_count);
    gw_message_pool_clear(&pool);
}
END_TEST

START_TEST(message_shorter_than_its_header_aborts)
{
    gw_message_pool pool;
    gw_message_pool_init(&pool);
    const gw_message message = {.size_bytes = 7};
    gw_message_pool_take(&pool, &message);
}
END_TEST

START_TEST(giving_back_twice_aborts)
{
    gw_message_pool pool;
    gw_message_pool_init(&pool);
    gw_message_block *block = put(&pool, 100, 1);
    gw_message_pool_give(&pool, block);
    gw_message_pool_give(&pool, block);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message_pool");
    TCase *cases = tcase_create("message_pool");
    tcase_add_test(cases, blocks_keep_their_contents_while_others_come);
    tcase_add_test(cases, large_messages_have_room);
    tcase_add_test(cases, freed_blocks_are_used_again);
    tcase_add_test_raise_signal(cases, message_shorter_than_its_header_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, giving_back_twice_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
