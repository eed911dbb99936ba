/* SPDX-License-Identifier: Apache-2.0 */
/* Packets by MPI's point-to-point calls, none of which waits: a packet that leaves is a request
 * until it has left, one that comes is found by a matched probe and is a request until it is here.
 * They are handed over in the order in which they were found, which between two ranks is the
 * order in which they were sent.  One thread calls MPI (MPI_THREAD_FUNNELED).
 *
 * Packets travel in units of 64 bytes, so that MPI's int counts 128 GiB of them.
 *
 * Ranks on one machine watch each other's processes (pidfd_open(2)): the kernel tells that one has
 * ended, however it did.  MPI_Init and MPI_Finalize wait for all, and a rank that is lost then is
 * found by its neighbours (rank_neighbours.h), or, on other machines, by a clock. */
#include "real/mpi_link.h"

#include <errno.h>
#include <mpi.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "real/activity.h"
#include "real/rank_neighbours.h"

#define EXIT_LOST        5 /* Of gw_error_exit_code. */
#define EXIT_INTERRUPTED 130

#define UNIT_BYTES  64
#define TAG         1
#define PLACE_BYTES 128
#define OPEN_S      60     /* For a process on another machine that never joins. */
#define CLOSE_S     8      /* For one that is lost there just when all leave. */
#define CLOSE_US    250000 /* For the same, where a launcher that ends all joins in no more. */

typedef struct {
    MPI_Request request;
    void *bytes;
    uint32_t rank; /* At the other end. */
} passage;

typedef struct {             /* Where a rank's process is. */
    char place[PLACE_BYTES]; /* Its machine's boot and its namespace of processes. */
    int64_t pid;
} whereabouts;

typedef struct {
    gw_rank_link link;
    MPI_Comm comm;
    MPI_Datatype unit;
    GArray *leaving;                /* passage */
    GArray *coming;                 /* passage, in order. */
    struct pollfd *processes;       /* By rank; fd -1: unknown here. */
    gw_rank_neighbours *neighbours; /* NULL: nobody can be watched before and after the run. */
} mpi_link;

static mpi_link *mpi_of(gw_rank_link *link)
{
    return (mpi_link *)link;
}

static void mpi_send(gw_rank_link *link, uint32_t target, void *bytes, size_t size_bytes)
{
    mpi_link *mpi = mpi_of(link);
    gw_check(target < link->rank_count && target != link->self);
    const size_t unit_count = (size_bytes + UNIT_BYTES - 1) / UNIT_BYTES;
    gw_check(unit_count <= INT_MAX);
    passage leaves = {.bytes = g_realloc(bytes, unit_count * UNIT_BYTES), .rank = target};
    memset((unsigned char *)leaves.bytes + size_bytes, 0, unit_count * UNIT_BYTES - size_bytes);
    if (MPI_Isend(leaves.bytes, (int)unit_count, mpi->unit, (int)target, TAG, mpi->comm,
                  &leaves.request) == MPI_SUCCESS) {
        g_array_append_val(mpi->leaving, leaves);
    } else {
        g_free(leaves.bytes);
    }
}

static uint32_t mpi_unsent(gw_rank_link *link)
{
    mpi_link *mpi = mpi_of(link);
    uint32_t kept = 0, awaited = 0;
    for (uint32_t i = 0; i < mpi->leaving->len; i++) {
        passage *leaves = &g_array_index(mpi->leaving, passage, i);
        int is_done = 0;
        if (MPI_Test(&leaves->request, &is_done, MPI_STATUS_IGNORE) != MPI_SUCCESS || is_done) {
            g_free(leaves->bytes);
        } else {
            awaited += mpi->processes[leaves->rank].revents == 0 ? 1 : 0;
            g_array_index(mpi->leaving, passage, kept++) = *leaves;
        }
    }
    g_array_set_size(mpi->leaving, kept);
    return awaited;
}

/* True: a packet has begun to come. */
static bool begin_passage(mpi_link *mpi)
{
    int is_there = 0, unit_count = 0;
    MPI_Message message;
    MPI_Status status;
    if (MPI_Improbe(MPI_ANY_SOURCE, TAG, mpi->comm, &is_there, &message, &status) != MPI_SUCCESS ||
        !is_there) {
        return false;
    }
    MPI_Get_count(&status, mpi->unit, &unit_count);
    passage comes = {.bytes = g_malloc((size_t)unit_count * UNIT_BYTES),
                     .rank = (uint32_t)status.MPI_SOURCE};
    if (MPI_Imrecv(comes.bytes, unit_count, mpi->unit, &message, &comes.request) != MPI_SUCCESS) {
        g_free(comes.bytes);
        return false;
    }
    g_array_append_val(mpi->coming, comes);
    return true;
}

static void *mpi_receive(gw_rank_link *link, uint32_t *out_source)
{
    mpi_link *mpi = mpi_of(link);
    begin_passage(mpi);
    int is_done = 0;
    if (mpi->coming->len == 0) {
        return NULL;
    }
    passage first = g_array_index(mpi->coming, passage, 0);
    const bool is_sound = MPI_Test(&g_array_index(mpi->coming, passage, 0).request, &is_done,
                                   MPI_STATUS_IGNORE) == MPI_SUCCESS;
    if (is_sound && !is_done) {
        return NULL;
    }
    g_array_remove_index(mpi->coming, 0);
    if (!is_sound) { /* Its sender is gone. */
        g_free(first.bytes);
        return NULL;
    }
    *out_source = first.rank;
    return first.bytes;
}

static uint32_t mpi_find_dead(gw_rank_link *link)
{
    const mpi_link *mpi = mpi_of(link);
    if (poll(mpi->processes, link->rank_count, 0) <= 0) {
        return link->rank_count;
    }
    uint32_t rank = 0;
    while (rank < link->rank_count && mpi->processes[rank].revents == 0) {
        rank++;
    }
    return rank;
}

static void mpi_attend(gw_rank_link *link, bool is_attentive)
{
    gw_rank_neighbours_stage(mpi_of(link)->neighbours,
                             is_attentive ? GW_RANK_ATTENTIVE : GW_RANK_BUSY);
}

static uint32_t mpi_find_stopped(gw_rank_link *link)
{
    gw_rank_neighbours *neighbours = mpi_of(link)->neighbours;
    return neighbours == NULL ? link->rank_count : gw_rank_neighbours_find_lost(neighbours);
}

static const gw_rank_link_ops mpi_ops = {.name = "mpi",
                                         .send = mpi_send,
                                         .receive = mpi_receive,
                                         .unsent = mpi_unsent,
                                         .find_dead = mpi_find_dead,
                                         .find_stopped = mpi_find_stopped,
                                         .attend = mpi_attend};

/* --- Opening and closing --- */

static whereabouts find_self(void)
{
    whereabouts self = {.pid = getpid()};
    char space[PLACE_BYTES] = "";
    g_autofree char *boot = NULL;
    if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &boot, NULL, NULL) ||
        readlink("/proc/self/ns/pid", space, sizeof(space) - 1) < 0) {
        self.pid = 0; /* Nobody can say where it is. */
    }
    g_snprintf(self.place, sizeof(self.place), "%s %s", boot == NULL ? "" : g_strchomp(boot),
               space);
    return self;
}

/* All ranks at once: who is on this machine, and is watched. */
static void watch_processes(mpi_link *mpi)
{
    const uint32_t count = mpi->link.rank_count;
    const whereabouts self = find_self();
    g_autofree whereabouts *all = g_new0(whereabouts, count);
    MPI_Allgather(&self, sizeof(self), MPI_BYTE, all, sizeof(self), MPI_BYTE, mpi->comm);
    mpi->processes = g_new0(struct pollfd, count);
    mpi->link.is_one_clock = true;
    for (uint32_t r = 0; r < count; r++) {
        const bool is_near = all[r].pid > 0 && self.pid > 0 &&
                             memcmp(all[r].place, self.place, sizeof(self.place)) == 0;
        const bool is_watched = is_near && r != mpi->link.self;
        mpi->processes[r] = (struct pollfd){
            .fd = is_watched ? pidfd_open((pid_t)all[r].pid, 0) : -1, .events = POLLIN};
        mpi->link.is_one_clock = mpi->link.is_one_clock && is_near;
    }
}

static void say_and_end(const char *text, size_t length)
{
    (void)!write(STDERR_FILENO, text, length);
    _exit(EXIT_LOST);
}

static void end_opening(int signal_number)
{
    static const char text[] = "gangway: MPI has not begun for a minute: not all of the processes "
                               "that the launcher has started join in\n";
    (void)signal_number;
    say_and_end(text, sizeof(text) - 1);
}

static void say_line(void *context, const char *text)
{
    (void)context;
    g_autofree char *line = g_strdup_printf("gangway: %s\n", text);
    (void)!write(STDERR_FILENO, line, strlen(line));
}

/* The main thread is in MPI, or busy: nothing else can be done in order. */
static void end_process(void *context, bool is_interrupted)
{
    if (is_interrupted) {
        say_line(context, "interrupted");
    }
    _exit(is_interrupted ? EXIT_INTERRUPTED : EXIT_LOST);
}

static bool read_count(const char *const *names, uint32_t *out_count)
{
    for (; *names != NULL; names++) {
        guint64 count;
        const char *text = g_getenv(*names);
        if (text != NULL && g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, &count, NULL)) {
            *out_count = (uint32_t)count;
            return true;
        }
    }
    return false;
}

/* What the launcher says of this rank, since MPI tells nothing before it has begun: Open MPI's
 * mpirun, and srun --mpi=pmix.  NULL where it says less, or there is nobody to watch. */
static gw_rank_neighbours *meet_neighbours(void)
{
    static const char *const selves[] = {"PMIX_RANK", NULL};
    static const char *const counts[] = {"OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS", NULL};
    static const char *const here_counts[] = {"OMPI_COMM_WORLD_LOCAL_SIZE", NULL};
    static const char *const node_counts[] = {"SLURM_STEP_NUM_NODES", NULL};
    gw_rank_neighbours_settings settings = {.say = say_line, .end = end_process};
    const char *server = g_getenv("PMIX_SERVER_URI21"), *space = g_getenv("PMIX_NAMESPACE");
    uint32_t here_count = 0, node_count = 0;
    if (server == NULL || space == NULL || !read_count(selves, &settings.self) ||
        !read_count(counts, &settings.rank_count) || settings.rank_count < 2 ||
        settings.self >= settings.rank_count) {
        return NULL;
    }
    settings.is_all_here = read_count(here_counts, &here_count)
                               ? here_count == settings.rank_count
                               : read_count(node_counts, &node_count) && node_count == 1;
    g_autofree char *job = g_strdup_printf("%s %s", server, space);
    settings.job = job;
    return gw_rank_neighbours_new(&settings);
}

gw_rank_link *gw_mpi_link_open(GError **error)
{
    int provided = 0, self = 0, count = 0;
    signal(SIGALRM, end_opening);
    alarm(OPEN_S);
    gw_rank_neighbours *neighbours = meet_neighbours();
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS ||
        provided < MPI_THREAD_FUNNELED) {
        alarm(0);
        gw_rank_neighbours_free(neighbours);
        g_set_error_literal(error, GW_ERROR, GW_ERROR_SYSTEM,
                            "MPI cannot begin, or serves no process with several threads");
        return NULL;
    }
    mpi_link *mpi = g_new0(mpi_link, 1);
    mpi->neighbours = neighbours;
    MPI_Comm_dup(MPI_COMM_WORLD, &mpi->comm);
    MPI_Comm_set_errhandler(mpi->comm, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(mpi->comm, &self);
    MPI_Comm_size(mpi->comm, &count);
    MPI_Type_contiguous(UNIT_BYTES, MPI_BYTE, &mpi->unit);
    MPI_Type_commit(&mpi->unit);
    mpi->link = (gw_rank_link){.ops = &mpi_ops,
                               .self = (uint32_t)self,
                               .rank_count = (uint32_t)count,
                               .begun_ns = gw_monotonic_ns()};
    mpi->leaving = g_array_new(FALSE, FALSE, sizeof(passage));
    mpi->coming = g_array_new(FALSE, FALSE, sizeof(passage));
    watch_processes(mpi);
    alarm(0);
    mpi_attend(&mpi->link, false);
    return &mpi->link;
}

static void end_waiting(int signal_number)
{
    static const char text[] = "gangway: a rank was lost while all were leaving\n";
    (void)signal_number;
    say_and_end(text, sizeof(text) - 1);
}

static void end_quietly(int signal_number)
{
    (void)signal_number;
    _exit(EXIT_INTERRUPTED);
}

static void leave_in_order(mpi_link *mpi, bool is_interrupted)
{
    const struct itimerval limit = {.it_value = {.tv_sec = is_interrupted ? 0 : CLOSE_S,
                                                 .tv_usec = is_interrupted ? CLOSE_US : 0}};
    signal(SIGALRM, is_interrupted ? end_quietly : end_waiting);
    setitimer(ITIMER_REAL, &limit, NULL);
    if (!is_interrupted) {
        gw_rank_neighbours_stage(mpi->neighbours, GW_RANK_LEAVING);
    }
    MPI_Type_free(&mpi->unit);
    MPI_Comm_free(&mpi->comm);
    MPI_Finalize();
    alarm(0);
    gw_rank_neighbours_free(mpi->neighbours);
}

void gw_mpi_link_close(gw_rank_link *link, gw_mpi_parting parting)
{
    if (link == NULL) {
        return;
    }
    mpi_link *mpi = mpi_of(link);
    const bool is_whole = parting != GW_MPI_ALONE;
    if (is_whole) {
        leave_in_order(mpi, parting == GW_MPI_INTERRUPTED);
    }
    for (uint32_t r = 0; r < link->rank_count; r++) {
        if (mpi->processes[r].fd >= 0) {
            close(mpi->processes[r].fd);
        }
    }
    for (uint32_t i = 0; is_whole && i < mpi->coming->len; i++) {
        g_free(g_array_index(mpi->coming, passage, i).bytes);
    }
    g_array_unref(mpi->leaving);
    g_array_unref(mpi->coming);
    g_free(mpi->processes);
    g_free(mpi);
}
