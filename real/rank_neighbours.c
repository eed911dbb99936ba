/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams between abstract sockets (unix(7)): no file is left behind, and a send to a socket that
 * has gone says so (ECONNREFUSED).  As in a run the first that is lost is the one that is told of:
 * the others end because of it.  So rank 0 speaks at once, the others wait for its word a little,
 * each longer than the one before, and who has spoken tells the others before it ends. */
#include "real/rank_neighbours.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/units.h"
#include "real/activity.h"
#include "real/rank_cluster.h"
#include "real/real_run.h"

#define BEAT_NS     UINT64_C(50000000)
#define CALM_NS     UINT64_C(500000000)  /* Between the beats of who works its link. */
#define APPEAR_NS   UINT64_C(8000000000) /* To be started, and to open a socket. */
#define LAG_NS      UINT64_C(1000000000) /* Who was stopped itself blames nobody for it. */
#define GRACE_NS    UINT64_C(700000000)  /* To look up; a launcher that ends all gives a second. */
#define TURN_NS     UINT64_C(80000000)   /* That a rank lets the one before it speak. */
#define TURNS_MAX   4
#define ALARM_NS    UINT64_C(400000000) /* To come, once a launcher ends all. */
#define RETRIES_MAX 20 /* Of a word that must arrive, while its target's queue is full. */
#define RETRY_US    5000

typedef enum { WORD_BEAT = 1, WORD_LOST, WORD_LEFT } word_kind;

typedef struct {
    uint32_t kind, rank, stage;
} word;

typedef struct {
    struct sockaddr_un address;
    socklen_t address_bytes;
    bool is_seen, has_ended, has_left;
    uint64_t heard_ns;
    gw_rank_stage stage; /* By its last beat; 0: none has come. */
} neighbour;

struct gw_rank_neighbours {
    gw_rank_neighbours_settings settings;
    int socket, wake;
    pthread_t thread;
    atomic_uint stage;
    atomic_bool is_stopping;
    atomic_uint lost; /* As the suspect, for who works its link. */
    neighbour *all;   /* By rank. */
    /* The thread's own. */
    gw_rank_stage seen_stage;
    uint64_t begun_ns, turn_ns, beat_ns, suspect_ns, cancelled_ns;
    uint32_t suspect; /* rank_count: none. */
    bool is_told;     /* Another one has spoken. */
};

static void find_address(neighbour *to, const char *job, uint32_t rank)
{
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, job, -1);
    to->address = (struct sockaddr_un){.sun_family = AF_UNIX};
    const int length = g_snprintf(to->address.sun_path + 1, sizeof(to->address.sun_path) - 1,
                                  "gangway-%.32s-%u", sum, rank);
    to->address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

/* --- Words --- */

static void note_alive(neighbour *of, uint64_t now_ns)
{
    of->heard_ns = of->is_seen ? of->heard_ns : now_ns;
    of->is_seen = true;
}

/* False: the target's queue is full. */
static bool send_word(gw_rank_neighbours *neighbours, uint32_t target, word_kind kind)
{
    neighbour *to = &neighbours->all[target];
    const word said = {
        .kind = kind, .rank = neighbours->settings.self, .stage = atomic_load(&neighbours->stage)};
    const ssize_t sent = sendto(neighbours->socket, &said, sizeof(said), MSG_DONTWAIT,
                                (const struct sockaddr *)&to->address, to->address_bytes);
    const bool is_full = sent < 0 && (errno == EAGAIN || errno == ENOBUFS);
    if (sent >= 0 || is_full) {
        note_alive(to, gw_monotonic_ns());
    } else {
        to->has_ended = to->is_seen;
    }
    return !is_full;
}

static void tell_all(gw_rank_neighbours *neighbours, word_kind kind)
{
    const uint32_t retry_count = kind == WORD_BEAT ? 0 : RETRIES_MAX;
    for (uint32_t r = 0; r < neighbours->settings.rank_count; r++) {
        const neighbour *to = &neighbours->all[r];
        const bool is_useless = kind == WORD_LOST && r == neighbours->suspect;
        if (r == neighbours->settings.self || to->has_left || to->has_ended || is_useless) {
            continue;
        }
        for (uint32_t i = 0; !send_word(neighbours, r, kind) && i < retry_count; i++) {
            g_usleep(RETRY_US);
        }
    }
}

static void take_words(gw_rank_neighbours *neighbours)
{
    word said;
    while (recv(neighbours->socket, &said, sizeof(said), MSG_DONTWAIT) == (ssize_t)sizeof(said)) {
        if (said.rank >= neighbours->settings.rank_count) {
            continue;
        }
        neighbour *from = &neighbours->all[said.rank];
        from->is_seen = true;
        from->heard_ns = gw_monotonic_ns();
        from->stage = (gw_rank_stage)said.stage;
        from->has_left = from->has_left || said.kind == WORD_LEFT;
        neighbours->is_told = neighbours->is_told || said.kind == WORD_LOST;
    }
}

/* --- Who is lost --- */

static bool is_lost(const gw_rank_neighbours *neighbours, const neighbour *who, uint64_t now_ns)
{
    if (who->has_left) {
        return false;
    }
    if (!who->is_seen) {
        const bool is_alarmed =
            neighbours->cancelled_ns != 0 && now_ns - neighbours->cancelled_ns > ALARM_NS;
        return neighbours->settings.is_all_here &&
               (is_alarmed || now_ns - neighbours->begun_ns > APPEAR_NS);
    }
    return who->has_ended ||
           (now_ns > who->heard_ns && now_ns - who->heard_ns > GW_RANK_SILENCE_NS);
}

static void find_suspect(gw_rank_neighbours *neighbours, uint64_t now_ns)
{
    const uint32_t count = neighbours->settings.rank_count;
    for (uint32_t r = 0; r < count && neighbours->suspect == count; r++) {
        if (r != neighbours->settings.self && is_lost(neighbours, &neighbours->all[r], now_ns)) {
            neighbours->suspect = r;
            neighbours->suspect_ns = now_ns;
        }
    }
}

static const char *describe_stage(gw_rank_stage stage)
{
    switch (stage) {
    case GW_RANK_JOINING:
        return "joining MPI";
    case GW_RANK_BUSY:
        return "reading its scenario";
    case GW_RANK_ATTENTIVE:
        return "about to begin, or at its end";
    case GW_RANK_LEAVING:
        return "leaving MPI";
    default:
        return "about to begin";
    }
}

static char *describe(const gw_rank_neighbours *neighbours, uint64_t now_ns)
{
    const uint32_t rank = neighbours->suspect;
    const neighbour *who = &neighbours->all[rank];
    const uint64_t since_ns = who->is_seen ? who->heard_ns : neighbours->begun_ns;
    g_autofree char *ago = gw_span_format(now_ns - MIN(since_ns, now_ns));
    g_autofree char *how = who->has_ended  ? g_strdup("its process has ended")
                           : !who->is_seen ? g_strdup_printf("it has not come for %s", ago)
                                           : g_strdup_printf("silent for %s", ago);
    return g_strdup_printf("rank %u (host %u) is lost: %s; it was %s", rank, rank, how,
                           describe_stage(who->stage));
}

/* --- The thread --- */

/* How long a loss that is known waits for somebody else to say so. */
static uint64_t patience_ns(const gw_rank_neighbours *neighbours)
{
    const uint64_t turn_ns = MIN(neighbours->settings.self, TURNS_MAX) * TURN_NS;
    return neighbours->seen_stage == GW_RANK_BUSY ? GRACE_NS : turn_ns;
}

/* True: it has come to an end. */
static bool judge(gw_rank_neighbours *neighbours, uint64_t now_ns)
{
    const gw_rank_neighbours_settings *settings = &neighbours->settings;
    const bool is_busy = neighbours->seen_stage == GW_RANK_BUSY;
    if (neighbours->suspect == settings->rank_count) {
        take_words(neighbours); /* What one that ends says last has come before its socket goes. */
        find_suspect(neighbours, now_ns);
    }
    const bool is_known = neighbours->suspect < settings->rank_count || neighbours->is_told;
    if (is_known && neighbours->suspect_ns == 0) {
        neighbours->suspect_ns = now_ns;
    }
    if (neighbours->is_told && (!is_busy || now_ns - neighbours->suspect_ns > GRACE_NS)) {
        settings->end(settings->context, false);
        return true;
    }
    if (is_known && now_ns - neighbours->suspect_ns >= patience_ns(neighbours)) {
        g_autofree char *text = describe(neighbours, now_ns);
        settings->say(settings->context, text); /* First: MPI may end this process meanwhile. */
        tell_all(neighbours, WORD_LOST);
        settings->end(settings->context, false);
        return true;
    }
    /* Who leaves has nothing more to be interrupted in, and its own exit code. */
    if (!is_known && neighbours->seen_stage != GW_RANK_LEAVING && neighbours->cancelled_ns != 0 &&
        now_ns - neighbours->cancelled_ns > GRACE_NS) {
        settings->end(settings->context, true);
        return true;
    }
    return false;
}

/* Whatever came before a stage was that one's to find out. */
static void enter_stage(gw_rank_neighbours *neighbours, gw_rank_stage stage, uint64_t now_ns)
{
    neighbours->seen_stage = stage;
    neighbours->suspect = neighbours->settings.rank_count;
    neighbours->suspect_ns = 0;
    neighbours->is_told = false;
    for (uint32_t r = 0; r < neighbours->settings.rank_count; r++) {
        neighbours->all[r].heard_ns = now_ns;
    }
}

static void await_turn(const gw_rank_neighbours *neighbours)
{
    const bool is_calm = neighbours->seen_stage == GW_RANK_ATTENTIVE;
    struct pollfd both[] = {{.fd = neighbours->wake, .events = POLLIN},
                            {.fd = neighbours->socket, .events = POLLIN}};
    uint64_t count;
    poll(both, is_calm ? 1 : 2, (int)((is_calm ? CALM_NS : BEAT_NS) / 1000000));
    (void)!read(neighbours->wake, &count, sizeof(count));
}

static void *watch(void *context)
{
    gw_rank_neighbours *neighbours = context;
    bool has_ended = false;
    while (!has_ended && !atomic_load(&neighbours->is_stopping)) {
        const uint64_t now_ns = gw_monotonic_ns();
        const gw_rank_stage stage = (gw_rank_stage)atomic_load(&neighbours->stage);
        take_words(neighbours);
        const uint64_t lag_ns = now_ns - neighbours->turn_ns;
        if (stage != neighbours->seen_stage || lag_ns > LAG_NS) {
            enter_stage(neighbours, stage, now_ns);
            neighbours->is_told = lag_ns > GW_RANK_SILENCE_NS; /* The others have given it up. */
            neighbours->beat_ns = 0; /* What it is at is told at once. */
        }
        neighbours->turn_ns = now_ns;
        if (now_ns - neighbours->beat_ns >= BEAT_NS) {
            neighbours->beat_ns = now_ns;
            tell_all(neighbours, WORD_BEAT);
        }
        if (!gw_real_is_cancelled()) {
            neighbours->cancelled_ns = 0;
        } else if (neighbours->cancelled_ns == 0) {
            neighbours->cancelled_ns = now_ns;
        }
        if (stage != GW_RANK_ATTENTIVE) {
            has_ended = judge(neighbours, now_ns);
        } else {
            find_suspect(neighbours, now_ns);
            atomic_store(&neighbours->lost, neighbours->suspect);
        }
        if (!has_ended) {
            await_turn(neighbours);
        }
    }
    return NULL;
}

/* --- Its life --- */

static void wake_thread(const gw_rank_neighbours *neighbours)
{
    const uint64_t one = 1;
    (void)!write(neighbours->wake, &one, sizeof(one));
}

static void close_all(gw_rank_neighbours *neighbours)
{
    close(neighbours->socket);
    close(neighbours->wake);
    g_free(neighbours->all);
    g_free(neighbours);
}

gw_rank_neighbours *gw_rank_neighbours_new(const gw_rank_neighbours_settings *settings)
{
    gw_check(settings->self < settings->rank_count);
    if (settings->rank_count > GW_RANK_NEIGHBOURS_MAX) {
        return NULL;
    }
    gw_rank_neighbours *neighbours = g_new0(gw_rank_neighbours, 1);
    neighbours->settings = *settings;
    neighbours->all = g_new0(neighbour, settings->rank_count);
    for (uint32_t r = 0; r < settings->rank_count; r++) {
        find_address(&neighbours->all[r], settings->job, r);
    }
    neighbours->settings.job = NULL;
    atomic_init(&neighbours->stage, GW_RANK_JOINING);
    atomic_init(&neighbours->is_stopping, false);
    atomic_init(&neighbours->lost, settings->rank_count);
    neighbours->suspect = settings->rank_count;
    neighbours->begun_ns = neighbours->turn_ns = gw_monotonic_ns();
    neighbours->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    neighbours->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const neighbour *self = &neighbours->all[settings->self];
    if (neighbours->socket < 0 || neighbours->wake < 0 ||
        bind(neighbours->socket, (const struct sockaddr *)&self->address, self->address_bytes) !=
            0 ||
        !gw_thread_start(&neighbours->thread, watch, neighbours, "the neighbours", NULL)) {
        close_all(neighbours);
        return NULL;
    }
    return neighbours;
}

void gw_rank_neighbours_stage(gw_rank_neighbours *neighbours, gw_rank_stage stage)
{
    if (neighbours != NULL) {
        atomic_store(&neighbours->stage, stage);
        wake_thread(neighbours);
    }
}

uint32_t gw_rank_neighbours_find_lost(gw_rank_neighbours *neighbours)
{
    return atomic_load(&neighbours->lost);
}

void gw_rank_neighbours_free(gw_rank_neighbours *neighbours)
{
    if (neighbours == NULL) {
        return;
    }
    atomic_store(&neighbours->is_stopping, true);
    wake_thread(neighbours);
    pthread_join(neighbours->thread, NULL);
    tell_all(neighbours, WORD_LEFT);
    close_all(neighbours);
}
