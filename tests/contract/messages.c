/* SPDX-License-Identifier: Apache-2.0 */
/* The half of the contract that every node knows: START, messages, timers. */
#include "tests/contract/suites.h"

#include "tests/contract/story.h"

#define MESSAGE_COUNT 500
#define NODE_COUNT    7

/* --- START --- */

static void greet_all(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    (void)told;
    (void)node;
    if (input->kind == GW_INPUT_START) {
        for (uint32_t i = 0; i < NODE_COUNT; i++) {
            story_send(port, i, 0, 0);
        }
    }
}

START_TEST(start_comes_once_and_first)
{
    story *told = story_new(contract_worlds[_i], greet_all);
    story_tell(told);
    for (uint32_t node = 0; node < NODE_COUNT; node++) {
        ck_assert_uint_eq(story_count(told, node, GW_INPUT_START), 1);
        ck_assert_uint_eq(story_count(told, node, GW_INPUT_MESSAGE), NODE_COUNT);
        bool has_started = false;
        for (uint32_t i = 0; i < told->lines->len; i++) {
            const story_line *line = &g_array_index(told->lines, story_line, i);
            if (line->node == node) {
                ck_assert(has_started || line->kind == GW_INPUT_START);
                has_started = true;
            }
        }
    }
    story_free(told);
}
END_TEST

static void only_listen(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    (void)told;
    (void)input;
    /* Executors have devices, and nobody else. */
    ck_assert((port->devices != NULL) == (node.index < 3));
    ck_assert_ptr_nonnull(port->ops->name);
}

START_TEST(silence_ends_a_run)
{
    story *told = story_new(contract_worlds[_i], only_listen);
    story_tell(told);
    ck_assert_uint_eq(told->lines->len, NODE_COUNT);
    story_free(told);
}
END_TEST

static void spend_and_note(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    (void)told;
    (void)node;
    ck_assert_int_eq(input->kind, GW_INPUT_START);
    for (gw_cost cost = GW_COST_CALL; cost < GW_COST_COUNT; cost++) {
        port->ops->spend(port, cost, 3);
    }
    const gw_note note = {.kind = GW_NOTE_GANG_ORDERED, .a = 1, .b = 2};
    port->ops->note(port, &note);
}

START_TEST(spend_and_note_have_no_answer)
{
    story *told = story_new(contract_worlds[_i], spend_and_note);
    story_tell(told);
    ck_assert_uint_eq(told->lines->len, NODE_COUNT);
    story_free(told);
}
END_TEST

/* --- Messages --- */

static void send_many(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    (void)told;
    if (input->kind != GW_INPUT_START || node.index > 1) {
        return;
    }
    for (uint32_t i = 0; i < MESSAGE_COUNT; i++) {
        story_send(port, 6, i, i * 7 % 61); /* Of many sizes, some of them odd. */
    }
}

START_TEST(messages_between_two_nodes_keep_their_order)
{
    story *told = story_new(contract_worlds[_i], send_many);
    story_tell(told);
    uint32_t next[2] = {0, 0};
    for (uint32_t i = 0; i < 2 * MESSAGE_COUNT; i++) {
        const story_line *line = story_find(told, 6, GW_INPUT_MESSAGE, i);
        ck_assert_uint_lt(line->source, 2);
        ck_assert_uint_eq(line->content, next[line->source]);
        next[line->source]++;
    }
    ck_assert_uint_eq(next[0], MESSAGE_COUNT);
    ck_assert_uint_eq(next[1], MESSAGE_COUNT);
    ck_assert_uint_eq(story_count(told, 6, GW_INPUT_MESSAGE), 2 * MESSAGE_COUNT);
    story_free(told);
}
END_TEST

/* Each message to itself is answered by the next: the handler would recurse if it came inside. */
static void count_to_self(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    (void)told;
    if (node.index != 5) {
        return;
    }
    if (input->kind == GW_INPUT_START) {
        story_send(port, 5, 0, 0);
    } else if (story_content(input) + 1 < MESSAGE_COUNT) {
        story_send(port, 5, story_content(input) + 1, 0);
    }
}

START_TEST(a_message_to_oneself_comes_later)
{
    story *told = story_new(contract_worlds[_i], count_to_self);
    story_tell(told);
    ck_assert_uint_eq(story_count(told, 5, GW_INPUT_MESSAGE), MESSAGE_COUNT);
    for (uint32_t i = 0; i < MESSAGE_COUNT; i++) {
        const story_line *line = story_find(told, 5, GW_INPUT_MESSAGE, i);
        ck_assert_uint_eq(line->content, i);
        ck_assert_uint_eq(line->source, 5);
    }
    story_free(told);
}
END_TEST

static void pass_around(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    (void)told;
    if (input->kind == GW_INPUT_START && node.index == 0) {
        story_send(port, 1, 0, 40000);
    } else if (input->kind == GW_INPUT_MESSAGE && story_content(input) < 50) {
        story_send(port, (node.index + 1) % NODE_COUNT, story_content(input) + 1, 40000);
    }
}

START_TEST(large_messages_arrive_whole)
{
    story *told = story_new(contract_worlds[_i], pass_around);
    story_tell(told);
    uint32_t count = 0;
    for (uint32_t node = 0; node < NODE_COUNT; node++) {
        count += story_count(told, node, GW_INPUT_MESSAGE);
    }
    ck_assert_uint_eq(count, 51);
    story_free(told);
}
END_TEST

/* --- Timers --- */

static void set_timers(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    (void)told;
    if (input->kind == GW_INPUT_START && node.index == 6) {
        const gw_time now_ns = port->ops->now(port);
        port->ops->timer_set(port, now_ns + 3000000, (gw_tag){30});
        port->ops->timer_set(port, now_ns + 1000000, (gw_tag){10});
        port->ops->timer_set(port, now_ns + 2000000, (gw_tag){20});
        port->ops->timer_set(port, now_ns + 2000000, (gw_tag){21});
        port->ops->timer_set(port, now_ns, (gw_tag){1});
    }
}

START_TEST(timers_go_off_in_order_and_not_early)
{
    static const uint64_t tags[] = {1, 10, 20, 21, 30};
    static const gw_span after_ns[] = {0, 1000000, 2000000, 2000000, 3000000};
    story *told = story_new(contract_worlds[_i], set_timers);
    story_tell(told);
    const gw_time start_ns = story_find(told, 6, GW_INPUT_START, 0)->at_ns;
    ck_assert_uint_eq(story_count(told, 6, GW_INPUT_TIMER), G_N_ELEMENTS(tags));
    for (uint32_t i = 0; i < G_N_ELEMENTS(tags); i++) {
        const story_line *line = story_find(told, 6, GW_INPUT_TIMER, i);
        ck_assert_uint_eq(line->tag, tags[i]);
        ck_assert_uint_ge(line->at_ns, start_ns + after_ns[i]);
    }
    story_free(told);
}
END_TEST

static void cancel_some(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    (void)told;
    if (node.index != 6) {
        return;
    }
    const gw_time now_ns = port->ops->now(port);
    if (input->kind == GW_INPUT_START) {
        port->ops->timer_set(port, now_ns, (gw_tag){1}); /* Due already, and yet cancelled. */
        port->ops->timer_cancel(port, (gw_tag){1});
        port->ops->timer_cancel(port, (gw_tag){99}); /* There is none: nothing happens. */
        port->ops->timer_set(port, now_ns + 1000000, (gw_tag){2});
        port->ops->timer_set(port, now_ns + 1000000, (gw_tag){3});
        port->ops->timer_set(port, now_ns + 2000000, (gw_tag){4});
    } else if (input->tag.value == 2) {
        port->ops->timer_cancel(port, (gw_tag){3}); /* Due at this very instant. */
    } else if (input->tag.value == 4) {
        port->ops->timer_cancel(port, (gw_tag){2});          /* Gone off: nothing happens. */
        port->ops->timer_set(port, now_ns + 1, (gw_tag){1}); /* A tag may come again. */
    }
}

START_TEST(a_cancelled_timer_never_answers_even_if_due)
{
    story *told = story_new(contract_worlds[_i], cancel_some);
    story_tell(told);
    ck_assert_uint_eq(story_count(told, 6, GW_INPUT_TIMER), 3);
    ck_assert_uint_eq(story_find(told, 6, GW_INPUT_TIMER, 0)->tag, 2);
    ck_assert_uint_eq(story_find(told, 6, GW_INPUT_TIMER, 1)->tag, 4);
    ck_assert_uint_eq(story_find(told, 6, GW_INPUT_TIMER, 2)->tag, 1);
    story_free(told);
}
END_TEST

static void tag_alike(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    (void)told;
    if (input->kind == GW_INPUT_START) {
        port->ops->timer_set(port, port->ops->now(port) + 1000, (gw_tag){5});
        if (node.index == 3) {
            port->ops->timer_cancel(port, (gw_tag){5}); /* Its own, and nobody else's. */
        }
    }
}

START_TEST(timers_belong_to_their_node)
{
    story *told = story_new(contract_worlds[_i], tag_alike);
    story_tell(told);
    for (uint32_t node = 0; node < NODE_COUNT; node++) {
        ck_assert_uint_eq(story_count(told, node, GW_INPUT_TIMER), node == 3 ? 0 : 1);
    }
    story_free(told);
}
END_TEST

/* A watch every millisecond, beside a timer of 50 ms. */
static void watch(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    (void)told;
    const gw_time now_ns = port->ops->now(port);
    if (input->kind == GW_INPUT_START && node.index == 5) {
        port->ops->watch_set(port, now_ns + 1000000, (gw_tag){1});
        port->ops->watch_set(port, now_ns + 1000000, (gw_tag){2});
        port->ops->timer_cancel(port, (gw_tag){2});
    } else if (input->kind == GW_INPUT_START && node.index == 6) {
        port->ops->timer_set(port, now_ns + 50000000, (gw_tag){3});
    } else if (input->kind == GW_INPUT_TIMER && node.index == 5) {
        port->ops->watch_set(port, now_ns + 1000000, (gw_tag){1});
        story_send(port, 4, 0, 0);
    }
}

/* They go off while something else is to come, and end with it. */
START_TEST(watches_go_off_and_keep_no_run_going)
{
    story *told = story_new(contract_worlds[_i], watch);
    story_tell(told);
    const story_line *timer = story_find(told, 6, GW_INPUT_TIMER, 0);
    const uint32_t count = story_count(told, 5, GW_INPUT_TIMER);
    ck_assert_uint_ge(count, 2);
    ck_assert_uint_eq(story_count(told, 4, GW_INPUT_MESSAGE), count);
    for (uint32_t i = 0; i < count; i++) {
        const story_line *line = story_find(told, 5, GW_INPUT_TIMER, i);
        ck_assert_uint_eq(line->tag, 1);
        /* The last one may be due with the timer. */
        ck_assert(i + 1 == count || line->at_ns <= timer->at_ns || contract_worlds[_i]->rests_late);
    }
    story_free(told);
}
END_TEST

static void only_watch(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    (void)told;
    (void)node;
    if (input->kind == GW_INPUT_START) {
        port->ops->watch_set(port, port->ops->now(port) + 3600000000000, (gw_tag){1});
    }
}

START_TEST(a_run_of_watches_is_at_rest)
{
    story *told = story_new(contract_worlds[_i], only_watch);
    story_tell(told);
    ck_assert_uint_eq(told->lines->len, NODE_COUNT);
    story_free(told);
}
END_TEST

static void look_at_clock(story *told, gw_port *port, gw_node_id node, const gw_input *input)
{
    (void)told;
    if (node.index == 0 && input->kind == GW_INPUT_START) {
        story_send(port, 1, 0, 0);
    } else if (input->kind == GW_INPUT_MESSAGE && story_content(input) < 100) {
        story_send(port, node.index == 0 ? 1 : 0, story_content(input) + 1, 0);
    }
}

START_TEST(time_does_not_run_back_from_node_to_node)
{
    story *told = story_new(contract_worlds[_i], look_at_clock);
    story_tell(told);
    gw_time last_ns = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < told->lines->len; i++) {
        const story_line *line = &g_array_index(told->lines, story_line, i);
        if (line->kind == GW_INPUT_MESSAGE) {
            ck_assert_uint_ge(line->at_ns, last_ns);
            last_ns = line->at_ns;
            count++;
        }
    }
    ck_assert_uint_eq(count, 101);
    story_free(told);
}
END_TEST

Suite *contract_messages_suite(void)
{
    Suite *suite = suite_create("tests/contract/messages");
    TCase *tcase = tcase_create("every world");
    tcase_set_timeout(tcase, 120);
    const int count = contract_world_count;
    tcase_add_loop_test(tcase, start_comes_once_and_first, 0, count);
    tcase_add_loop_test(tcase, silence_ends_a_run, 0, count);
    tcase_add_loop_test(tcase, spend_and_note_have_no_answer, 0, count);
    tcase_add_loop_test(tcase, messages_between_two_nodes_keep_their_order, 0, count);
    tcase_add_loop_test(tcase, a_message_to_oneself_comes_later, 0, count);
    tcase_add_loop_test(tcase, large_messages_arrive_whole, 0, count);
    tcase_add_loop_test(tcase, timers_go_off_in_order_and_not_early, 0, count);
    tcase_add_loop_test(tcase, a_cancelled_timer_never_answers_even_if_due, 0, count);
    tcase_add_loop_test(tcase, timers_belong_to_their_node, 0, count);
    tcase_add_loop_test(tcase, watches_go_off_and_keep_no_run_going, 0, count);
    tcase_add_loop_test(tcase, a_run_of_watches_is_at_rest, 0, count);
    tcase_add_loop_test(tcase, time_does_not_run_back_from_node_to_node, 0, count);
    suite_add_tcase(suite, tcase);
    return suite;
}
