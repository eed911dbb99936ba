/* SPDX-License-Identifier: Apache-2.0 */
/* What a signal does: the first is a wish, the second ends the program. */
#include "app/command.h"

#include <check.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_suite.h"

#define TRIES 5

/* In a process of its own: one signal, and another after `pause_us`.  What that ended with. */
static int send_two(int first, int second, unsigned pause_us)
{
    int status;
    const pid_t process = fork();
    ck_assert_int_ge(process, 0);
    if (process == 0) {
        gw_command_catch_interrupt(NULL);
        bool is_good = !gw_command_is_interrupted();
        raise(first);
        is_good = is_good && gw_command_is_interrupted();
        g_usleep(pause_us);
        raise(second);
        _exit(is_good ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(process, &status, 0), process);
    return status;
}

static void check_ended_by(int status, int number)
{
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), number);
}

START_TEST(a_second_one_ends_it)
{
    check_ended_by(send_two(SIGINT, SIGTERM, 0), SIGTERM);
    check_ended_by(send_two(SIGTERM, SIGINT, 0), SIGINT);
    check_ended_by(send_two(SIGINT, SIGINT, 400000), SIGINT);
    check_ended_by(send_two(SIGTERM, SIGTERM, 400000), SIGTERM);
}
END_TEST

/* On a machine that does something else for long just between the two, they are two. */
START_TEST(the_same_at_once_is_one)
{
    bool is_one = false;
    for (guint i = 0; i < TRIES && !is_one; i++) {
        const int status = send_two(SIGTERM, SIGTERM, 0);
        is_one = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    ck_assert(is_one);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("command");
    TCase *cases = tcase_create("command");
    tcase_add_test(cases, a_second_one_ends_it);
    tcase_add_test(cases, the_same_at_once_is_one);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
