/* SPDX-License-Identifier: Apache-2.0 */
/* A shop whose server writes down what it serves and when: "item@time ". */
#include <check.h>
#include <signal.h>

#include "engine/server.h"
#include "run_suite.h"

typedef struct {
    gw_engine *engine;
    gw_server server;
    GString *text;
    gw_span span_ns;      /* What serving takes. */
    uint32_t offers_left; /* Offered from inside serve(): items 100, 101 … */
    uint32_t next_offered;
} test_shop;

static gw_server_item make_item(uint64_t value)
{
    return (gw_server_item){.kind = 1, .slot = 2, .value = value};
}

static void offer_value(test_shop *shop, uint64_t value)
{
    const gw_server_item item = make_item(value);
    gw_server_offer(&shop->server, &item);
}

static gw_span serve_customer(void *owner, const gw_server_item *item)
{
    test_shop *shop = owner;
    ck_assert_uint_eq(item->slot, 2);
    g_string_append_printf(shop->text, "%" G_GUINT64_FORMAT "@%" G_GUINT64_FORMAT " ", item->value,
                           gw_engine_now(shop->engine));
    if (shop->offers_left > 0) {
        shop->offers_left--;
        offer_value(shop, 100 + shop->next_offered++);
    }
    return shop->span_ns;
}

static void shop_init(test_shop *shop, gw_span span_ns)
{
    shop->engine = gw_engine_new(GW_QUEUE_LADDER);
    shop->text = g_string_new(NULL);
    shop->span_ns = span_ns;
    shop->offers_left = 0;
    shop->next_offered = 0;
    gw_server_init(&shop->server, shop->engine, serve_customer, shop);
}

static void fire_offer(gw_engine *engine, void *subject, uint64_t argument)
{
    (void)engine;
    offer_value(subject, argument);
}

static void fire_drop(gw_engine *engine, void *subject, uint64_t argument)
{
    (void)engine;
    test_shop *shop = subject;
    gw_server_drop(&shop->server, 1, argument);
}

static const gw_event_kind kind_offer = {.name = "shop.offer", .fire = fire_offer};
static const gw_event_kind kind_drop = {.name = "shop.drop", .fire = fire_drop};

static void post(test_shop *shop, gw_time due_ns, const gw_event_kind *kind, uint64_t argument)
{
    gw_engine_post(shop->engine, due_ns, kind, shop, argument);
}

/* Runs to the end, compares with `expected`, and closes the shop. */
static void check_story(test_shop *shop, const char *expected)
{
    while (gw_engine_step(shop->engine)) {
        const gw_server *server = &shop->server;
        ck_assert(server->inbox_count == 0 || server->is_waking);
    }
    ck_assert_str_eq(shop->text->str, expected);
    ck_assert_uint_eq(shop->server.inbox_count, 0);
    ck_assert(!shop->server.is_waking);
    g_string_free(shop->text, TRUE);
    gw_server_clear(&shop->server);
    gw_engine_free(shop->engine);
}

START_TEST(idle_server_serves_inside_the_call)
{
    test_shop shop;
    shop_init(&shop, 10);
    offer_value(&shop, 1);
    ck_assert_str_eq(shop.text->str, "1@0 ");
    ck_assert_uint_eq(shop.server.free_at_ns, 10);
    ck_assert_uint_eq(shop.server.inbox_count, 0);
    ck_assert_uint_eq(gw_engine_pending_count(shop.engine), 0);
    check_story(&shop, "1@0 ");
}
END_TEST

START_TEST(waiting_items_are_served_in_order_one_wake_up_each)
{
    test_shop shop;
    shop_init(&shop, 10);
    for (uint64_t value = 1; value <= 4; value++) {
        offer_value(&shop, value);
        ck_assert_uint_eq(gw_engine_pending_count(shop.engine), value > 1 ? 1 : 0);
    }
    ck_assert_uint_eq(shop.server.inbox_count, 3);
    check_story(&shop, "1@0 2@10 3@20 4@30 ");
}
END_TEST

START_TEST(wake_up_is_called_server_free)
{
    test_shop shop;
    shop_init(&shop, 10);
    offer_value(&shop, 1);
    offer_value(&shop, 2);
    ck_assert(gw_engine_step(shop.engine));
    ck_assert_str_eq(gw_engine_current_kind(shop.engine)->name, "server.free");
    check_story(&shop, "1@0 2@10 ");
}
END_TEST

/* Item 3 arrives at 10, before the wake-up of 10 fires, or after it: 2 waited longer. */
START_TEST(arrival_as_the_server_becomes_free_does_not_overtake)
{
    test_shop shop;
    shop_init(&shop, 10);
    post(&shop, 10, &kind_offer, 3);
    offer_value(&shop, 1);
    offer_value(&shop, 2);
    check_story(&shop, "1@0 2@10 3@20 ");

    shop_init(&shop, 10);
    offer_value(&shop, 1);
    offer_value(&shop, 2);
    post(&shop, 10, &kind_offer, 3);
    check_story(&shop, "1@0 2@10 3@20 ");
}
END_TEST

START_TEST(arrival_as_an_unwatched_server_becomes_free_is_served)
{
    test_shop shop;
    shop_init(&shop, 10);
    offer_value(&shop, 1);
    post(&shop, 10, &kind_offer, 2);
    check_story(&shop, "1@0 2@10 ");
}
END_TEST

START_TEST(offered_from_inside_serve_waits)
{
    test_shop shop;
    shop_init(&shop, 10);
    shop.offers_left = 2;
    offer_value(&shop, 1);
    offer_value(&shop, 2);
    check_story(&shop, "1@0 100@10 2@20 101@30 ");
}
END_TEST

START_TEST(service_in_no_time_keeps_the_order)
{
    test_shop shop;
    shop_init(&shop, 0);
    shop.offers_left = 3;
    post(&shop, 5, &kind_offer, 1);
    post(&shop, 5, &kind_offer, 2);
    check_story(&shop, "1@5 100@5 2@5 101@5 102@5 ");
}
END_TEST

START_TEST(drop_takes_all_of_a_value_and_keeps_the_order)
{
    test_shop shop;
    shop_init(&shop, 10);
    const uint64_t values[] = {1, 7, 2, 7, 7, 3, 4};
    for (uint32_t i = 0; i < G_N_ELEMENTS(values); i++) {
        offer_value(&shop, values[i]);
    }
    ck_assert_uint_eq(gw_server_drop(&shop.server, 1, 7), 3);
    ck_assert_uint_eq(gw_server_drop(&shop.server, 1, 7), 0);
    ck_assert_uint_eq(gw_server_drop(&shop.server, 9, 2), 0);
    ck_assert_uint_eq(gw_server_drop(&shop.server, 1, 1), 0); /* In service. */
    ck_assert_uint_eq(shop.server.inbox_count, 3);
    check_story(&shop, "1@0 2@10 3@20 4@30 ");
}
END_TEST

/* The wake-up for the dropped item is still due at 10. */
START_TEST(drop_may_empty_the_inbox)
{
    test_shop shop;
    shop_init(&shop, 10);
    offer_value(&shop, 1);
    offer_value(&shop, 2);
    ck_assert_uint_eq(gw_server_drop(&shop.server, 1, 2), 1);
    check_story(&shop, "1@0 ");

    /* A new item waits for the same wake-up. */
    shop_init(&shop, 10);
    offer_value(&shop, 1);
    offer_value(&shop, 2);
    post(&shop, 4, &kind_drop, 2);
    post(&shop, 6, &kind_offer, 3);
    check_story(&shop, "1@0 3@10 ");
}
END_TEST

/* At 10 the inbox is empty and the server idle: 3 is served before the stale wake-up fires, and 4
 * then waits for it although it comes too early. */
START_TEST(stale_wake_up_serves_nobody_too_early)
{
    test_shop shop;
    shop_init(&shop, 10);
    post(&shop, 10, &kind_drop, 2);
    post(&shop, 10, &kind_offer, 3);
    post(&shop, 10, &kind_offer, 4);
    offer_value(&shop, 1);
    offer_value(&shop, 2);
    check_story(&shop, "1@0 3@10 4@20 ");
}
END_TEST

/* The ring grows while it is wrapped around. */
START_TEST(long_inbox_is_first_in_first_out)
{
    test_shop shop;
    shop_init(&shop, 1);
    GString *expected = g_string_new(NULL);
    uint64_t value = 0;
    for (uint32_t round = 0; round < 10; round++) {
        for (uint32_t i = 0; i < 37; i++) {
            offer_value(&shop, value++);
        }
        for (uint32_t i = 0; i < 11; i++) {
            ck_assert(gw_engine_step(shop.engine));
        }
    }
    for (uint64_t i = 0; i < value; i++) {
        g_string_append_printf(expected, "%" G_GUINT64_FORMAT "@%" G_GUINT64_FORMAT " ", i, i);
    }
    ck_assert_uint_eq(shop.server.inbox_capacity, 512); /* It has grown while it went round. */
    check_story(&shop, expected->str);
    g_string_free(expected, TRUE);
}
END_TEST

/* Two servers in one engine do not know of each other. */
START_TEST(servers_are_independent)
{
    test_shop one;
    test_shop two;
    shop_init(&one, 10);
    shop_init(&two, 3);
    gw_engine_free(two.engine);
    two.engine = one.engine;
    two.server.engine = one.engine;
    offer_value(&one, 1);
    offer_value(&two, 1);
    offer_value(&one, 2);
    offer_value(&two, 2);
    while (gw_engine_step(one.engine)) {
    }
    ck_assert_str_eq(two.text->str, "1@0 2@3 ");
    gw_server_clear(&two.server);
    g_string_free(two.text, TRUE);
    check_story(&one, "1@0 2@10 ");
}
END_TEST

START_TEST(span_beyond_all_time_aborts)
{
    test_shop shop;
    shop_init(&shop, GW_TIME_NEVER);
    offer_value(&shop, 1);
}
END_TEST

static Suite *server_suite(void)
{
    Suite *suite = suite_create("server");
    TCase *serving = tcase_create("serving");
    tcase_add_test(serving, idle_server_serves_inside_the_call);
    tcase_add_test(serving, waiting_items_are_served_in_order_one_wake_up_each);
    tcase_add_test(serving, wake_up_is_called_server_free);
    tcase_add_test(serving, arrival_as_the_server_becomes_free_does_not_overtake);
    tcase_add_test(serving, arrival_as_an_unwatched_server_becomes_free_is_served);
    tcase_add_test(serving, offered_from_inside_serve_waits);
    tcase_add_test(serving, service_in_no_time_keeps_the_order);
    tcase_add_test(serving, long_inbox_is_first_in_first_out);
    tcase_add_test(serving, servers_are_independent);
    tcase_add_test_raise_signal(serving, span_beyond_all_time_aborts, SIGABRT);
    suite_add_tcase(suite, serving);
    TCase *changes = tcase_create("changes");
    tcase_add_test(changes, drop_takes_all_of_a_value_and_keeps_the_order);
    tcase_add_test(changes, drop_may_empty_the_inbox);
    tcase_add_test(changes, stale_wake_up_serves_nobody_too_early);
    suite_add_tcase(suite, changes);
    return suite;
}

int main(void)
{
    return gw_run_suite(server_suite());
}
