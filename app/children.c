/* SPDX-License-Identifier: Apache-2.0 */
/* A child writes its answer into a pipe and says by its exit code whether that is an answer or an
 * error's message.  Pipes are read as they fill, so that no child waits for this process. */
#include "app/children.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"

#define TICK_MS    100
#define READ_BYTES 65536

typedef struct {
    pid_t process; /* 0: this place is free. */
    int pipe;
    guint index;
    GString *text;
} child;

typedef struct {
    const gw_children *children;
    guint count, started_count, done_count, place_count;
    child *places;
    GPtrArray *answers;
} state;

static void free_answer(void *data)
{
    gw_children_answer *answer = (gw_children_answer *)data;
    g_free(answer->text);
    g_free(answer);
}

/* --- In the child --- */

static bool write_all(int target, const char *text, gsize size_bytes)
{
    while (size_bytes > 0) {
        const ssize_t written = write(target, text, size_bytes);
        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0) {
            text += written;
            size_bytes -= (gsize)written;
        }
    }
    return true;
}

/* Interrupts end a child where it stands: it leaves nothing behind but its pipe.  Nor does it
 * outlive this process.  _exit: what this process had buffered is not the child's to write. */
static void be_child(const gw_children *children, guint index, pid_t parent, int target)
{
    g_autoptr(GString) answer = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* It ended before this was asked for. */
        _exit(5);
    if (children->job(children->context, index, answer, &error))
        _exit(write_all(target, answer->str, answer->len) ? 0 : 5);
    gw_check(error != NULL);
    write_all(target, error->message, strlen(error->message));
    _exit(gw_error_exit_code(error));
}

/* --- In this process --- */

static bool start_child(state *run, child *place, GError **error)
{
    int ends[2];
    if (pipe(ends) != 0) {
        g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM, "cannot make a pipe: %s", g_strerror(errno));
        return false;
    }
    const pid_t parent = getpid(), process = fork();
    if (process < 0) {
        g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM, "cannot start a process: %s",
                    g_strerror(errno));
        close(ends[0]);
        close(ends[1]);
        return false;
    }
    if (process == 0) {
        close(ends[0]);
        be_child(run->children, run->started_count, parent, ends[1]);
    }
    close(ends[1]);
    *place = (child){
        .process = process,
        .pipe = ends[0],
        .index = run->started_count,
        .text = g_string_new(NULL),
    };
    run->started_count++;
    return true;
}

static int wait_for(pid_t process)
{
    int status = 0;
    pid_t waited;
    do {
        waited = waitpid(process, &status, 0);
    } while (waited < 0 && errno == EINTR);
    gw_check(waited == process);
    return status;
}

static gw_children_answer *make_answer(child *place, int status)
{
    gw_children_answer *answer = g_new0(gw_children_answer, 1);
    answer->text = g_string_free(g_steal_pointer(&place->text), FALSE);
    if (WIFEXITED(status)) {
        answer->exit_code = WEXITSTATUS(status);
        return answer;
    }
    const int number = WTERMSIG(status);
    g_free(answer->text);
    answer->exit_code = number == SIGINT || number == SIGTERM ? 130 : 5;
    answer->text =
        g_strdup_printf("its process was ended by signal %d (%s)%s", number, g_strsignal(number),
                        number == SIGKILL ? "; out of memory?" : "");
    return answer;
}

/* The child has closed its pipe: it is over, or about to be. */
static bool finish_child(state *run, child *place, GError **error)
{
    const guint index = place->index;
    const int status = wait_for(place->process);
    close(place->pipe);
    place->process = 0;
    gw_children_answer *answer = make_answer(place, status);
    run->answers->pdata[index] = answer;
    run->done_count++;
    if (answer->exit_code == 130) {
        g_set_error_literal(error, GW_ERROR, GW_ERROR_INTERRUPTED, "interrupted");
        return false;
    }
    return run->children->answered == NULL ||
           run->children->answered(run->children->context, index, answer, error);
}

static bool read_child(state *run, child *place, GError **error)
{
    char buffer[READ_BYTES];
    const ssize_t size_bytes = read(place->pipe, buffer, sizeof buffer);
    if (size_bytes > 0)
        g_string_append_len(place->text, buffer, size_bytes);
    return size_bytes > 0 || (size_bytes < 0 && errno == EINTR) || finish_child(run, place, error);
}

static bool fill_places(state *run, GError **error)
{
    for (guint i = 0; i < run->place_count && run->started_count < run->count; i++)
        if (run->places[i].process == 0 && !start_child(run, &run->places[i], error))
            return false;
    return true;
}

static bool read_places(state *run, GError **error)
{
    struct pollfd polled[GW_CHILDREN_MAX];
    child *readers[GW_CHILDREN_MAX];
    guint count = 0;
    for (guint i = 0; i < run->place_count; i++) {
        if (run->places[i].process == 0)
            continue;
        polled[count] = (struct pollfd){.fd = run->places[i].pipe, .events = POLLIN};
        readers[count++] = &run->places[i];
    }
    if (poll(polled, count, TICK_MS) <= 0)
        return true; /* Nothing came, or a signal did. */
    for (guint i = 0; i < count; i++)
        if (polled[i].revents != 0 && !read_child(run, readers[i], error))
            return false;
    return true;
}

static bool go_on(const state *run, GError **error)
{
    const gw_children *children = run->children;
    if (children->goes_on == NULL || children->goes_on(children->context, run->done_count))
        return true;
    g_set_error_literal(error, GW_ERROR, GW_ERROR_INTERRUPTED, "interrupted");
    return false;
}

static void end_children(state *run)
{
    for (guint i = 0; i < run->place_count; i++) {
        child *place = &run->places[i];
        if (place->process == 0)
            continue;
        kill(place->process, SIGKILL);
        wait_for(place->process);
        close(place->pipe);
        g_string_free(place->text, TRUE);
    }
}

GPtrArray *gw_children_run(const gw_children *children, guint count, GError **error)
{
    gw_check(children->job != NULL);
    gw_check(children->count_max <= GW_CHILDREN_MAX);
    const guint core_count = MIN(g_get_num_processors(), GW_CHILDREN_MAX);
    const guint wanted_count = children->count_max == 0 ? core_count : children->count_max;
    state run = {.children = children, .count = count, .place_count = MIN(wanted_count, count)};
    g_autofree child *places = g_new0(child, run.place_count + 1);
    g_autoptr(GPtrArray) answers = g_ptr_array_new_full(count, NULL);
    bool is_good = true;
    run.places = places;
    run.answers = answers;
    g_ptr_array_set_size(answers, (int)count);
    while (is_good && run.done_count < count)
        is_good = go_on(&run, error) && fill_places(&run, error) && read_places(&run, error);
    end_children(&run);
    for (guint i = 0; i < count && !is_good; i++)
        if (answers->pdata[i] != NULL)
            free_answer(answers->pdata[i]);
    if (!is_good)
        return NULL;
    g_ptr_array_set_free_func(answers, free_answer);
    return g_steal_pointer(&answers);
}
