/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that are bound: each to the core that its number says, counted around, of those that its
 * starter may use; nobody else is, and none where they do not come out even. */
#define _GNU_SOURCE
#include <check.h>
#include <pthread.h>
#include <sched.h>

#include "real/cores.h"
#include "run_suite.h"

#define THREADS_MAX 9

typedef struct {
    pthread_t thread;
    uint32_t index;
    cpu_set_t seen;
} bound_thread;

static void *bind_and_look(void *context)
{
    bound_thread *own = context;
    gw_cores_bind(own->index);
    ck_assert_int_eq(sched_getaffinity(0, sizeof(own->seen), &own->seen), 0);
    return NULL;
}

/* The `index`-th core of the set, counted around. */
static int core_at(const cpu_set_t *set, uint32_t index)
{
    uint32_t left = index % (uint32_t)CPU_COUNT(set);
    for (int core = 0; core < CPU_SETSIZE; core++) {
        if (CPU_ISSET(core, set) && left-- == 0) {
            return core;
        }
    }
    return -1;
}

static void assert_bound(const cpu_set_t *allowed)
{
    bound_thread threads[THREADS_MAX];
    cpu_set_t after;
    for (uint32_t i = 0; i < THREADS_MAX; i++) {
        threads[i].index = i;
        ck_assert_int_eq(pthread_create(&threads[i].thread, NULL, bind_and_look, &threads[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS_MAX; i++) {
        pthread_join(threads[i].thread, NULL);
        ck_assert_int_eq(CPU_COUNT(&threads[i].seen), 1);
        ck_assert(CPU_ISSET(core_at(allowed, i), &threads[i].seen));
    }
    ck_assert_int_eq(sched_getaffinity(0, sizeof(after), &after), 0);
    ck_assert(CPU_EQUAL(allowed, &after)); /* Who started them goes where it went. */
}

START_TEST(threads_go_round_the_cores)
{
    cpu_set_t allowed;
    ck_assert_int_eq(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    assert_bound(&allowed);
}
END_TEST

/* As where a launcher has given a rank some of the cores: the last one of this machine here. */
START_TEST(only_cores_that_are_allowed_count)
{
    cpu_set_t allowed, last;
    ck_assert_int_eq(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    CPU_ZERO(&last);
    CPU_SET(core_at(&allowed, (uint32_t)CPU_COUNT(&allowed) - 1), &last);
    ck_assert_int_eq(sched_setaffinity(0, sizeof(last), &last), 0);
    assert_bound(&last);
}
END_TEST

/* More than cores, and as many on each; on one core any two. */
START_TEST(threads_that_come_out_even_are_to_be_bound)
{
    const uint32_t cores = gw_cores_count();
    ck_assert_uint_ge(cores, 1);
    for (uint32_t i = 0; i <= cores; i++) {
        ck_assert(!gw_cores_bind_so_many(i));
    }
    for (uint32_t i = 1; i < cores; i++) {
        ck_assert(!gw_cores_bind_so_many(cores + i));
        ck_assert(!gw_cores_bind_so_many(4 * cores + i));
    }
    ck_assert(gw_cores_bind_so_many(2 * cores));
    ck_assert(gw_cores_bind_so_many(3 * cores));
    gw_cores_bind(0);
    ck_assert_uint_eq(gw_cores_count(), 1);
    ck_assert(!gw_cores_bind_so_many(1));
    ck_assert(gw_cores_bind_so_many(2));
    ck_assert(gw_cores_bind_so_many(3));
}
END_TEST

/* What is bound already stays there, whatever it is told. */
START_TEST(to_bind_twice_changes_nothing)
{
    cpu_set_t first, second;
    gw_cores_bind(1);
    ck_assert_int_eq(sched_getaffinity(0, sizeof(first), &first), 0);
    gw_cores_bind(UINT32_MAX);
    ck_assert_int_eq(sched_getaffinity(0, sizeof(second), &second), 0);
    ck_assert_int_eq(CPU_COUNT(&second), 1);
    ck_assert(CPU_EQUAL(&first, &second));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cores");
    TCase *tcase = tcase_create("cores");
    tcase_add_test(tcase, threads_go_round_the_cores);
    tcase_add_test(tcase, only_cores_that_are_allowed_count);
    tcase_add_test(tcase, threads_that_come_out_even_are_to_be_bound);
    tcase_add_test(tcase, to_bind_twice_changes_nothing);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
