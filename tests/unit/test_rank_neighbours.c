/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks that look after each other, several of them in this process: a socket that goes without a
 * farewell is a process that has ended. */
#include "real/rank_neighbours.h"
#include "run_suite.h"

#include <check.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_S 30 /* Of who should long have spoken. */

typedef struct { /* What a rank came to. */
    atomic_bool is_ended;
    bool is_interrupted; /* When it has ended. */
    char *text;          /* Likewise. */
} ending;

static void say(void *context, const char *text)
{
    ((ending *)context)->text = g_strdup(text);
}

static void end(void *context, bool is_interrupted)
{
    ending *to = context;
    to->is_interrupted = is_interrupted;
    atomic_store(&to->is_ended, true);
}

/* False: it has not ended. */
static bool await(const ending *of, gint64 span_us)
{
    const gint64 end_us = g_get_monotonic_time() + span_us;
    while (!atomic_load(&of->is_ended) && g_get_monotonic_time() < end_us)
        g_usleep(1000);
    return atomic_load(&of->is_ended);
}

static void clear(ending *of)
{
    g_free(of->text);
    of->text = NULL;
    atomic_store(&of->is_ended, false);
}

static gw_rank_neighbours *join(const char *job, uint32_t self, uint32_t rank_count, ending *to)
{
    const gw_rank_neighbours_settings settings = {.job = job,
                                                  .self = self,
                                                  .rank_count = rank_count,
                                                  .is_all_here = true,
                                                  .say = say,
                                                  .end = end,
                                                  .context = to};
    return gw_rank_neighbours_new(&settings);
}

static char *make_job(const char *name)
{
    return g_strdup_printf("%s %d", name, (int)getpid());
}

/* A rank that is another process; it never says farewell.  It goes through the stages that come by
 * `line`, and answers each when it has been there for some beats. */
static void play(int line, const char *job, uint32_t self, uint32_t rank_count)
{
    unsigned char stage;
    ending ignored = {.is_ended = false};
    gw_rank_neighbours *neighbours = join(job, self, rank_count, &ignored);
    while (read(line, &stage, 1) == 1) {
        gw_rank_neighbours_stage(neighbours, (gw_rank_stage)stage);
        g_usleep(200000);
        (void)!write(line, &stage, 1);
    }
    pause();
    _exit(0);
}

static void bring_to(int line, gw_rank_stage stage)
{
    unsigned char byte = (unsigned char)stage;
    ck_assert_int_eq(write(line, &byte, 1), 1);
    ck_assert_int_eq(read(line, &byte, 1), 1);
}

static pid_t start_process(const char *job, uint32_t self, uint32_t rank_count, gw_rank_stage stage,
                           int *out_line)
{
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    const pid_t process = fork();
    ck_assert_int_ge(process, 0);
    if (process == 0) {
        close(ends[0]);
        play(ends[1], job, self, rank_count);
    }
    close(ends[1]);
    bring_to(ends[0], stage);
    *out_line = ends[0];
    return process;
}

static void end_process(pid_t process, int line)
{
    ck_assert_int_eq(kill(process, SIGKILL), 0);
    ck_assert_int_eq(waitpid(process, NULL, 0), process);
    close(line);
}

START_TEST(who_says_farewell_is_not_missed)
{
    g_autofree char *job = make_job("farewell");
    ending ends[2] = {{.is_ended = false}, {.is_ended = false}};
    gw_rank_neighbours *first = join(job, 0, 2, &ends[0]), *second = join(job, 1, 2, &ends[1]);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_nonnull(second);
    gw_rank_neighbours_stage(first, GW_RANK_LEAVING);
    gw_rank_neighbours_stage(second, GW_RANK_LEAVING);
    g_usleep(200000);
    gw_rank_neighbours_free(second);
    ck_assert(!await(&ends[0], 400000));
    gw_rank_neighbours_free(first);
    ck_assert(!ends[1].is_ended);
}
END_TEST

START_TEST(a_name_is_one_processs)
{
    g_autofree char *job = make_job("twice");
    ending ignored = {.is_ended = false};
    g_autoptr(gw_rank_neighbours) first = join(job, 0, 2, &ignored);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(join(job, 0, 2, &ignored));
    ck_assert_ptr_null(join(job, 0, GW_RANK_NEIGHBOURS_MAX + 1, &ignored));
}
END_TEST

static void check_ended(gw_rank_stage stage, const char *words)
{
    g_autofree char *job = make_job(words);
    ending ends = {.is_ended = false};
    int line;
    const pid_t process = start_process(job, 2, 3, stage, &line);
    gw_rank_neighbours *first = join(job, 0, 3, &ends);
    ck_assert(!await(&ends, 300000));
    end_process(process, line);
    ck_assert(await(&ends, WAIT_S * G_USEC_PER_SEC));
    ck_assert_str_eq(ends.text, words);
    ck_assert(!ends.is_interrupted);
    gw_rank_neighbours_free(first);
    clear(&ends);
}

START_TEST(a_process_that_ends_is_named)
{
    check_ended(GW_RANK_JOINING,
                "rank 2 (host 2) is lost: its process has ended; it was joining MPI");
    check_ended(GW_RANK_BUSY,
                "rank 2 (host 2) is lost: its process has ended; it was reading its scenario");
    check_ended(GW_RANK_LEAVING,
                "rank 2 (host 2) is lost: its process has ended; it was leaving MPI");
}
END_TEST

/* Though who works its link beats but twice a second. */
START_TEST(a_new_stage_is_told_at_once)
{
    g_autofree char *job = make_job("new stage");
    ending ends = {.is_ended = false};
    int line;
    const pid_t process = start_process(job, 1, 2, GW_RANK_JOINING, &line);
    gw_rank_neighbours *first = join(job, 0, 2, &ends);
    ck_assert(!await(&ends, 200000));
    bring_to(line, GW_RANK_ATTENTIVE);
    end_process(process, line);
    ck_assert(await(&ends, WAIT_S * G_USEC_PER_SEC));
    ck_assert_str_eq(ends.text, "rank 1 (host 1) is lost: its process has ended; it was about to "
                                "begin, or at its end");
    gw_rank_neighbours_free(first);
    clear(&ends);
}
END_TEST

START_TEST(who_works_its_link_says_nothing)
{
    g_autofree char *job = make_job("attentive");
    ending ends = {.is_ended = false};
    int line;
    const pid_t process = start_process(job, 1, 2, GW_RANK_JOINING, &line);
    gw_rank_neighbours *first = join(job, 0, 2, &ends);
    gw_rank_neighbours_stage(first, GW_RANK_ATTENTIVE);
    g_usleep(100000);
    end_process(process, line);
    ck_assert(!await(&ends, 300000));
    gw_rank_neighbours_stage(first, GW_RANK_LEAVING); /* Now nobody else looks. */
    ck_assert(await(&ends, WAIT_S * G_USEC_PER_SEC));
    ck_assert_ptr_nonnull(ends.text);
    gw_rank_neighbours_free(first);
    clear(&ends);
}
END_TEST

START_TEST(one_speaks_for_all)
{
    g_autofree char *job = make_job("one");
    ending ends[2] = {{.is_ended = false}, {.is_ended = false}};
    int line;
    const pid_t process = start_process(job, 2, 3, GW_RANK_JOINING, &line);
    gw_rank_neighbours *first = join(job, 0, 3, &ends[0]), *second = join(job, 1, 3, &ends[1]);
    ck_assert(!await(&ends[0], 300000));
    end_process(process, line);
    ck_assert(await(&ends[0], WAIT_S * G_USEC_PER_SEC));
    ck_assert(await(&ends[1], WAIT_S * G_USEC_PER_SEC));
    ck_assert_int_eq((ends[0].text != NULL) + (ends[1].text != NULL), 1);
    gw_rank_neighbours_free(first);
    gw_rank_neighbours_free(second);
    clear(&ends[0]);
    clear(&ends[1]);
}
END_TEST

START_TEST(a_process_that_stops_is_named)
{
    g_autofree char *job = make_job("stops");
    ending ends = {.is_ended = false};
    int line;
    const pid_t process = start_process(job, 1, 2, GW_RANK_JOINING, &line);
    gw_rank_neighbours *first = join(job, 0, 2, &ends);
    ck_assert(!await(&ends, 300000));
    ck_assert_int_eq(kill(process, SIGSTOP), 0);
    ck_assert(await(&ends, WAIT_S * G_USEC_PER_SEC));
    ck_assert_int_eq(strncmp(ends.text, "rank 1 (host 1) is lost: silent for 6", 36), 0);
    end_process(process, line);
    gw_rank_neighbours_free(first);
    clear(&ends);
}
END_TEST

START_TEST(one_that_does_not_come_is_named)
{
    g_autofree char *job = make_job("comes");
    ending ends = {.is_ended = false};
    gw_rank_neighbours *first = join(job, 1, 2, &ends);
    ck_assert(await(&ends, WAIT_S * G_USEC_PER_SEC));
    ck_assert_int_eq(strncmp(ends.text, "rank 0 (host 0) is lost: it has not come for 8", 46), 0);
    gw_rank_neighbours_free(first);
    clear(&ends);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rank_neighbours");
    TCase *tcase = tcase_create("rank_neighbours");
    tcase_set_timeout(tcase, 4 * WAIT_S);
    tcase_add_test(tcase, who_says_farewell_is_not_missed);
    tcase_add_test(tcase, a_name_is_one_processs);
    tcase_add_test(tcase, a_process_that_ends_is_named);
    tcase_add_test(tcase, a_new_stage_is_told_at_once);
    tcase_add_test(tcase, who_works_its_link_says_nothing);
    tcase_add_test(tcase, one_speaks_for_all);
    tcase_add_test(tcase, a_process_that_stops_is_named);
    tcase_add_test(tcase, one_that_does_not_come_is_named);
    suite_add_tcase(suite, tcase);
    return gw_run_suite(suite);
}
