/* SPDX-License-Identifier: Apache-2.0 */
/* Each behaviour is tested on both queues: the loop index says which. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>

#include "base/random.h"
#include "engine/engine.h"
#include "run_suite.h"

#define QUEUES_FIRST GW_QUEUE_LADDER
#define QUEUES_END   (GW_QUEUE_HEAP + 1)

/* --- Events that write down what happened --- */

typedef struct {
    GString *text; /* "name:argument@time " of each. */
    uint32_t posts_left;
    gw_event_id id; /* Of an event to withdraw. */
    bool has_withdrawn;
} diary;

static void write_line(gw_engine *engine, void *subject, uint64_t argument)
{
    diary *kept = subject;
    g_string_append_printf(kept->text, "%s:%" G_GUINT64_FORMAT "@%" G_GUINT64_FORMAT " ",
                           gw_engine_current_kind(engine)->name, argument, gw_engine_now(engine));
}

static const gw_event_kind kind_a = {.name = "a", .fire = write_line};
static const gw_event_kind kind_b = {.name = "b", .fire = write_line};

static void write_and_post(gw_engine *engine, void *subject, uint64_t argument)
{
    diary *kept = subject;
    write_line(engine, subject, argument);
    if (kept->posts_left > 0) {
        kept->posts_left--;
        const gw_event_kind *kind = gw_engine_current_kind(engine);
        gw_engine_post(engine, gw_engine_now(engine) + argument, kind, kept, argument);
    }
}

static const gw_event_kind kind_again = {.name = "again", .fire = write_and_post};

static void write_and_withdraw(gw_engine *engine, void *subject, uint64_t argument)
{
    diary *kept = subject;
    write_line(engine, subject, argument);
    kept->has_withdrawn = gw_engine_withdraw(engine, kept->id);
}

static const gw_event_kind kind_withdraw = {.name = "withdraw", .fire = write_and_withdraw};

static void diary_init(diary *kept)
{
    *kept = (diary){.text = g_string_new(NULL)};
}

static void run_to_end(gw_engine *engine)
{
    while (gw_engine_step(engine)) {
    }
}

/* Runs to the end, and compares with `expected`. */
static void check_story(gw_engine *engine, diary *kept, const char *expected)
{
    run_to_end(engine);
    ck_assert_str_eq(kept->text->str, expected);
    ck_assert_uint_eq(gw_engine_pending_count(engine), 0);
    g_string_free(kept->text, TRUE);
    gw_engine_free(engine);
}

/* --- Order --- */

START_TEST(two_at_one_instant_fire_in_order_of_posting)
{
    diary kept;
    gw_engine *engine = gw_engine_new((gw_queue_kind)_i);
    diary_init(&kept);
    gw_engine_post(engine, 10, &kind_a, &kept, 1);
    gw_engine_post(engine, 10, &kind_b, &kept, 2);
    check_story(engine, &kept, "a:1@10 b:2@10 ");

    engine = gw_engine_new((gw_queue_kind)_i);
    diary_init(&kept);
    gw_engine_post(engine, 10, &kind_b, &kept, 2);
    gw_engine_post(engine, 10, &kind_a, &kept, 1);
    check_story(engine, &kept, "b:2@10 a:1@10 ");
}
END_TEST

START_TEST(earlier_fires_before_later_whatever_was_posted_first)
{
    diary kept;
    gw_engine *engine = gw_engine_new((gw_queue_kind)_i);
    diary_init(&kept);
    gw_engine_post(engine, GW_TIME_NEVER - 1, &kind_a, &kept, 3);
    gw_engine_post(engine, 20, &kind_a, &kept, 2);
    gw_engine_post(engine, 0, &kind_b, &kept, 1);
    check_story(engine, &kept, "b:1@0 a:2@20 a:3@18446744073709551614 ");
}
END_TEST

START_TEST(posted_from_within_fire)
{
    diary kept;
    gw_engine *engine = gw_engine_new((gw_queue_kind)_i);
    diary_init(&kept);
    kept.posts_left = 3;
    gw_engine_post(engine, 5, &kind_again, &kept, 10);
    gw_engine_post(engine, 20, &kind_a, &kept, 0);
    check_story(engine, &kept, "again:10@5 again:10@15 a:0@20 again:10@25 again:10@35 ");
}
END_TEST

START_TEST(zero_delay_fires_after_what_waits_for_the_same_instant)
{
    diary kept;
    gw_engine *engine = gw_engine_new((gw_queue_kind)_i);
    diary_init(&kept);
    kept.posts_left = 2;
    gw_engine_post(engine, 5, &kind_again, &kept, 0);
    gw_engine_post(engine, 5, &kind_a, &kept, 1);
    gw_engine_post(engine, 6, &kind_b, &kept, 2);
    check_story(engine, &kept, "again:0@5 a:1@5 again:0@5 again:0@5 b:2@6 ");
}
END_TEST

START_TEST(time_and_counts_follow_the_events)
{
    diary kept;
    gw_engine *engine = gw_engine_new((gw_queue_kind)_i);
    diary_init(&kept);
    ck_assert_uint_eq(gw_engine_now(engine), 0);
    ck_assert_ptr_null(gw_engine_current_kind(engine));
    ck_assert(!gw_engine_step(engine));
    gw_engine_post(engine, 7, &kind_a, &kept, 0);
    gw_engine_post(engine, 9, &kind_b, &kept, 0);
    ck_assert_uint_eq(gw_engine_pending_count(engine), 2);
    ck_assert_uint_eq(gw_engine_fired_count(engine), 0);
    ck_assert(gw_engine_step(engine));
    ck_assert_uint_eq(gw_engine_now(engine), 7);
    ck_assert_ptr_eq(gw_engine_current_kind(engine), &kind_a);
    ck_assert_uint_eq(gw_engine_pending_count(engine), 1);
    ck_assert_uint_eq(gw_engine_fired_count(engine), 1);
    ck_assert(gw_engine_step(engine));
    ck_assert(!gw_engine_step(engine));
    ck_assert_uint_eq(gw_engine_now(engine), 9);
    ck_assert_ptr_eq(gw_engine_current_kind(engine), &kind_b);
    ck_assert_uint_eq(gw_engine_fired_count(engine), 2);
    check_story(engine, &kept, "a:0@7 b:0@9 ");
}
END_TEST

/* --- Withdrawing --- */

START_TEST(withdrawn_does_not_fire)
{
    diary kept;
    gw_engine *engine = gw_engine_new((gw_queue_kind)_i);
    diary_init(&kept);
    gw_engine_post(engine, 1, &kind_a, &kept, 1);
    const gw_event_id id = gw_engine_post(engine, 2, &kind_a, &kept, 2);
    gw_engine_post(engine, 3, &kind_a, &kept, 3);
    ck_assert(gw_engine_withdraw(engine, id));
    ck_assert_uint_eq(gw_engine_pending_count(engine), 2);
    ck_assert(!gw_engine_withdraw(engine, id));
    ck_assert_uint_eq(gw_engine_pending_count(engine), 2);
    check_story(engine, &kept, "a:1@1 a:3@3 ");
}
END_TEST

START_TEST(stale_id_is_harmless)
{
    diary kept;
    gw_engine *engine = gw_engine_new((gw_queue_kind)_i);
    diary_init(&kept);
    const gw_event_id fired = gw_engine_post(engine, 1, &kind_a, &kept, 1);
    ck_assert(gw_engine_step(engine));
    /* The same slot, most likely, and another generation. */
    const gw_event_id next = gw_engine_post(engine, 2, &kind_b, &kept, 2);
    ck_assert(fired.slot != next.slot || fired.generation != next.generation);
    ck_assert(!gw_engine_withdraw(engine, fired));
    ck_assert(!gw_engine_withdraw(engine, (gw_event_id){0, 0}));
    ck_assert(!gw_engine_withdraw(engine, (gw_event_id){UINT32_MAX, 1}));
    check_story(engine, &kept, "a:1@1 b:2@2 ");
}
END_TEST

START_TEST(an_event_cannot_withdraw_itself_but_its_equals)
{
    diary kept;
    gw_engine *engine = gw_engine_new((gw_queue_kind)_i);
    diary_init(&kept);
    kept.id = gw_engine_post(engine, 1, &kind_withdraw, &kept, 1);
    ck_assert(gw_engine_step(engine));
    ck_assert(!kept.has_withdrawn);
    gw_engine_post(engine, 4, &kind_withdraw, &kept, 2);
    kept.id = gw_engine_post(engine, 4, &kind_a, &kept, 3);
    gw_engine_post(engine, 4, &kind_b, &kept, 4);
    ck_assert(gw_engine_step(engine));
    ck_assert(kept.has_withdrawn);
    check_story(engine, &kept, "withdraw:1@1 withdraw:2@4 b:4@4 ");
}
END_TEST

/* Time stands still when only withdrawn events were left, and what comes then is not past. */
START_TEST(withdrawn_events_do_not_move_time)
{
    diary kept;
    gw_engine *engine = gw_engine_new((gw_queue_kind)_i);
    diary_init(&kept);
    gw_engine_post(engine, 10, &kind_a, &kept, 0);
    for (uint32_t i = 0; i < 100; i++) {
        ck_assert(gw_engine_withdraw(engine, gw_engine_post(engine, 1000 + i, &kind_b, &kept, i)));
    }
    ck_assert(gw_engine_step(engine));
    ck_assert(!gw_engine_step(engine));
    ck_assert_uint_eq(gw_engine_now(engine), 10);
    gw_engine_post(engine, 500, &kind_a, &kept, 2);
    gw_engine_post(engine, 10, &kind_a, &kept, 1);
    check_story(engine, &kept, "a:0@10 a:1@10 a:2@500 ");
}
END_TEST

/* A timer that is moved again and again: slots of the withdrawn come back long before they are
 * due, so the ids stay small. */
START_TEST(withdrawn_events_do_not_pile_up)
{
    diary kept;
    gw_engine *engine = gw_engine_new((gw_queue_kind)_i);
    diary_init(&kept);
    gw_event_id id = gw_engine_post(engine, 1000000, &kind_a, &kept, 0);
    for (uint32_t i = 1; i <= 100000; i++) {
        if (!gw_engine_withdraw(engine, id)) {
            ck_abort_msg("a pending event can be withdrawn");
        }
        id = gw_engine_post(engine, 1000000 + i, &kind_a, &kept, i);
        if (id.slot >= 10000 || gw_engine_pending_count(engine) != 1) {
            ck_abort_msg("slots of the withdrawn are not reused");
        }
    }
    check_story(engine, &kept, "a:100000@1100000 ");
}
END_TEST

/* --- The digest --- */

static void fire_silently(gw_engine *engine, void *subject, uint64_t argument)
{
    (void)engine;
    (void)subject;
    (void)argument;
}

/* The digest of one event with a fresh engine. */
static uint64_t digest_of(gw_queue_kind queue, gw_time due_ns, const char *name, uint64_t argument)
{
    const gw_event_kind kind = {.name = name, .fire = fire_silently};
    g_autoptr(gw_engine) engine = gw_engine_new(queue);
    gw_engine_post(engine, due_ns, &kind, NULL, argument);
    run_to_end(engine);
    return gw_engine_digest(engine);
}

START_TEST(digest_depends_on_time_name_and_argument_only)
{
    const gw_queue_kind queue = (gw_queue_kind)_i;
    const uint64_t digest = digest_of(queue, 5, "a", 1);
    char *copy = g_strdup("a");
    ck_assert_uint_eq(digest_of(queue, 5, copy, 1), digest);
    g_free(copy);
    ck_assert_uint_ne(digest_of(queue, 6, "a", 1), digest);
    ck_assert_uint_ne(digest_of(queue, 5, "b", 1), digest);
    ck_assert_uint_ne(digest_of(queue, 5, "a", 2), digest);
    ck_assert_uint_ne(digest_of(queue, 1, "a", 5), digest);
}
END_TEST

/* The number comes from a second implementation of the digest, in another language. */
START_TEST(digest_is_the_same_everywhere)
{
    g_autoptr(gw_engine) engine = gw_engine_new((gw_queue_kind)_i);
    static const gw_event_kind kind = {.name = "link.idle", .fire = fire_silently};
    for (uint64_t i = 0; i < 100; i++) {
        gw_engine_post(engine, i * i % 37, &kind, NULL, i);
    }
    run_to_end(engine);
    ck_assert_uint_eq(gw_engine_digest(engine), UINT64_C(1583820227029535302));
}
END_TEST

START_TEST(digest_depends_on_order)
{
    uint64_t digests[2];
    for (uint64_t i = 0; i < 2; i++) {
        g_autoptr(gw_engine) engine = gw_engine_new((gw_queue_kind)_i);
        static const gw_event_kind kind = {.name = "x", .fire = fire_silently};
        gw_engine_post(engine, 5, &kind, NULL, i);
        gw_engine_post(engine, 5, &kind, NULL, 1 - i);
        run_to_end(engine);
        digests[i] = gw_engine_digest(engine);
    }
    ck_assert_uint_ne(digests[0], digests[1]);
}
END_TEST

START_TEST(withdrawn_does_not_enter_the_digest)
{
    static const gw_event_kind kind = {.name = "x", .fire = fire_silently};
    uint64_t digests[2];
    for (uint32_t i = 0; i < 2; i++) {
        g_autoptr(gw_engine) engine = gw_engine_new((gw_queue_kind)_i);
        gw_engine_post(engine, 5, &kind, NULL, 1);
        if (i == 1) {
            const gw_event_id id = gw_engine_post(engine, 6, &kind, NULL, 2);
            ck_assert(gw_engine_withdraw(engine, id));
        }
        gw_engine_post(engine, 7, &kind, NULL, 3);
        run_to_end(engine);
        digests[i] = gw_engine_digest(engine);
    }
    ck_assert_uint_eq(digests[0], digests[1]);
}
END_TEST

/* Many kinds, to fill the table of names: the digest does not depend on where they lie. */
START_TEST(digest_with_many_kinds_does_not_depend_on_addresses)
{
    enum { KIND_COUNT = 300 };
    char(*names)[8] = g_malloc(sizeof(char[KIND_COUNT][8]));
    gw_event_kind *kinds = g_new(gw_event_kind, 2 * KIND_COUNT + 1);
    uint64_t digests[2];
    for (uint32_t run = 0; run < 2; run++) {
        g_autoptr(gw_engine) engine = gw_engine_new((gw_queue_kind)_i);
        for (uint32_t i = 0; i < KIND_COUNT; i++) {
            g_snprintf(names[i], sizeof(names[i]), "k%u", i);
            gw_event_kind *kind = &kinds[run == 0 ? i : 2 * KIND_COUNT - i];
            *kind = (gw_event_kind){.name = names[i], .fire = fire_silently};
            gw_engine_post(engine, i, kind, NULL, i);
            gw_engine_post(engine, 2 * i, kind, NULL, i);
        }
        run_to_end(engine);
        digests[run] = gw_engine_digest(engine);
    }
    ck_assert_uint_eq(digests[0], digests[1]);
    g_free(kinds);
    g_free(names);
}
END_TEST

/* --- Both queues --- */

typedef struct {
    gw_random random;
    uint32_t posts_left;
    gw_event_id ids[16];
} walker;

static void walk(gw_engine *engine, void *subject, uint64_t argument);
static const gw_event_kind kind_walk = {.name = "walk", .fire = walk};

static void walk(gw_engine *engine, void *subject, uint64_t argument)
{
    walker *self = subject;
    const uint64_t post_count = gw_random_below(&self->random, 3);
    for (uint64_t i = 0; i < post_count && self->posts_left > 0; i++) {
        self->posts_left--;
        const gw_span delay_ns = gw_random_below(&self->random, 8) * argument % 1000;
        self->ids[gw_random_below(&self->random, G_N_ELEMENTS(self->ids))] = gw_engine_post(
            engine, gw_engine_now(engine) + delay_ns, &kind_walk, self, self->posts_left);
    }
    if (gw_random_below(&self->random, 4) == 0) {
        gw_engine_withdraw(engine,
                           self->ids[gw_random_below(&self->random, G_N_ELEMENTS(self->ids))]);
    }
}

static uint64_t digest_of_walk(gw_queue_kind queue, uint64_t *out_fired_count)
{
    walker self = {.posts_left = 20000};
    gw_random_init(&self.random, 7, "walk");
    g_autoptr(gw_engine) engine = gw_engine_new(queue);
    for (uint32_t i = 0; i < 3000; i++) {
        gw_engine_post(engine, i % 100, &kind_walk, &self, i);
    }
    run_to_end(engine);
    *out_fired_count = gw_engine_fired_count(engine);
    return gw_engine_digest(engine);
}

START_TEST(ladder_and_heap_have_the_same_digest)
{
    uint64_t ladder_count = 0;
    uint64_t heap_count = 0;
    const uint64_t digest = digest_of_walk(GW_QUEUE_LADDER, &ladder_count);
    ck_assert_uint_eq(digest_of_walk(GW_QUEUE_HEAP, &heap_count), digest);
    ck_assert_uint_eq(ladder_count, heap_count);
    ck_assert_uint_gt(ladder_count, 5000);
    ck_assert_uint_eq(digest_of_walk(GW_QUEUE_LADDER, &ladder_count), digest);
}
END_TEST

/* --- Beliefs --- */

START_TEST(posting_in_the_past_aborts)
{
    gw_engine *engine = gw_engine_new((gw_queue_kind)_i);
    gw_engine_post(engine, 10, &kind_walk, NULL, 0);
    static const gw_event_kind kind = {.name = "x", .fire = fire_silently};
    gw_engine_post(engine, 5, &kind, NULL, 0);
    ck_assert(gw_engine_step(engine));
    gw_engine_post(engine, 4, &kind, NULL, 0);
}
END_TEST

START_TEST(posting_for_never_aborts)
{
    static const gw_event_kind kind = {.name = "x", .fire = fire_silently};
    gw_engine_post(gw_engine_new((gw_queue_kind)_i), GW_TIME_NEVER, &kind, NULL, 0);
}
END_TEST

START_TEST(free_of_null_and_of_a_full_engine)
{
    gw_engine_free(NULL);
    gw_engine *engine = gw_engine_new((gw_queue_kind)_i);
    for (uint32_t i = 0; i < 1000; i++) {
        gw_engine_post(engine, i * 1000, &kind_a, NULL, 0);
    }
    gw_engine_free(engine);
}
END_TEST

static Suite *engine_suite(void)
{
    Suite *suite = suite_create("engine");
    TCase *order = tcase_create("order");
    tcase_add_loop_test(order, two_at_one_instant_fire_in_order_of_posting, QUEUES_FIRST,
                        QUEUES_END);
    tcase_add_loop_test(order, earlier_fires_before_later_whatever_was_posted_first, QUEUES_FIRST,
                        QUEUES_END);
    tcase_add_loop_test(order, posted_from_within_fire, QUEUES_FIRST, QUEUES_END);
    tcase_add_loop_test(order, zero_delay_fires_after_what_waits_for_the_same_instant, QUEUES_FIRST,
                        QUEUES_END);
    tcase_add_loop_test(order, time_and_counts_follow_the_events, QUEUES_FIRST, QUEUES_END);
    suite_add_tcase(suite, order);
    TCase *withdraw = tcase_create("withdraw");
    tcase_add_loop_test(withdraw, withdrawn_does_not_fire, QUEUES_FIRST, QUEUES_END);
    tcase_add_loop_test(withdraw, stale_id_is_harmless, QUEUES_FIRST, QUEUES_END);
    tcase_add_loop_test(withdraw, an_event_cannot_withdraw_itself_but_its_equals, QUEUES_FIRST,
                        QUEUES_END);
    tcase_add_loop_test(withdraw, withdrawn_events_do_not_move_time, QUEUES_FIRST, QUEUES_END);
    tcase_add_loop_test(withdraw, withdrawn_events_do_not_pile_up, QUEUES_FIRST, QUEUES_END);
    suite_add_tcase(suite, withdraw);
    TCase *digest = tcase_create("digest");
    tcase_add_loop_test(digest, digest_depends_on_time_name_and_argument_only, QUEUES_FIRST,
                        QUEUES_END);
    tcase_add_loop_test(digest, digest_is_the_same_everywhere, QUEUES_FIRST, QUEUES_END);
    tcase_add_loop_test(digest, digest_depends_on_order, QUEUES_FIRST, QUEUES_END);
    tcase_add_loop_test(digest, withdrawn_does_not_enter_the_digest, QUEUES_FIRST, QUEUES_END);
    tcase_add_loop_test(digest, digest_with_many_kinds_does_not_depend_on_addresses, QUEUES_FIRST,
                        QUEUES_END);
    tcase_add_test(digest, ladder_and_heap_have_the_same_digest);
    suite_add_tcase(suite, digest);
    TCase *beliefs = tcase_create("beliefs");
    tcase_add_loop_test_raise_signal(beliefs, posting_in_the_past_aborts, SIGABRT, QUEUES_FIRST,
                                     QUEUES_END);
    tcase_add_loop_test_raise_signal(beliefs, posting_for_never_aborts, SIGABRT, QUEUES_FIRST,
                                     QUEUES_END);
    tcase_add_loop_test(beliefs, free_of_null_and_of_a_full_engine, QUEUES_FIRST, QUEUES_END);
    suite_add_tcase(suite, beliefs);
    return suite;
}

int main(void)
{
    return gw_run_suite(engine_suite());
}
