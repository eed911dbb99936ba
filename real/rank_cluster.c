/* SPDX-License-Identifier: Apache-2.0 */
/* Other threads leave packets in the outbox; the link's thread takes them along.  It looks for
 * packets by polling, since a link can wait for nothing: after each look that finds nothing it
 * sleeps an eighth of the time that nothing has come, up to a millisecond, unless the outbox wakes
 * it.  So a wait costs an eighth of itself more, and an idle rank next to nothing.
 *
 * Rest is found by counting (Mattern's four counters): rank 0 asks all ranks twice; if nothing was
 * active anywhere both times, and as many packets were received as sent, the same number both
 * times, nothing was under way in between.  Each rank counts one active thread too many, its hold:
 * watches go off although nothing is active there.  A rank that is quiet when asked gives its hold
 * up, so that no watch comes between the two times, and takes it again when it hears that others
 * are not. */
#include "real/rank_cluster.h"

#include <string.h>
#include <sys/prctl.h>

#include "base/check.h"
#include "base/error.h"
#include "real/cpu_private.h"
#include "real/rank_meetings.h"
#include "real/rank_watch.h"

#define SLEEP_NS_MIN  20000   /* About what a wake-up takes. */
#define SLEEP_NS_MAX  1000000 /* A thousand looks a second: about 1 % of a core. */
#define SLEEP_PART    8       /* What a wait is made longer by, at most. */
#define BOOKS_NS      10000000
#define WAVE_NS_MIN   1000000
#define WAVE_NS_MAX   20000000
#define RECEIVES_MAX  64 /* Between two looks at the outbox. */
#define HOLD          1  /* In the count of active threads. */
#define MEMBERS_USUAL 64 /* Of a group: more need memory of their own. */

struct gw_rank_cluster {
    const gw_directory *directory;
    gw_ledger *ledger;
    gw_rank_link *link;
    gw_cpu_cluster *cpu;
    gw_cpu_remote remote;
    gw_rank_meetings *meetings;
    gw_rank_watch *watch;
    atomic_ullong sent; /* Traffic, counted when it is put out. */
    uint64_t received;
    pthread_mutex_t mutex; /* Before the next three. */
    pthread_cond_t has_output;
    GPtrArray *outbox; /* gw_packet; the target's number is in `reserved`. */
    GArray *books;     /* gw_ledger_event, for rank 0. */
    /* The link's thread's own. */
    GPtrArray *leaving;
    uint64_t busy_ns, books_ns; /* Last time something came or went; that books were sent. */
    uint32_t lost;              /* rank_count: none. */
    bool is_stopped, is_frozen; /* Frozen: it has no hold. */
    bool has_started;
    GPtrArray *early; /* gw_packet: traffic that came before START; the source is in `reserved`. */
    /* Rank 0: the wave under way, and the last one. */
    bool is_asking, was_quiet, is_at_rest;
    uint64_t wave, wave_ns, wave_gap_ns, answer_count, quiet_count;
    uint64_t sent_sum, received_sum, last_sent_sum;
    uint32_t final_count;
    gw_packet **finals;          /* By rank. */
    GError *failure;             /* What another rank has told. */
    gw_rank_conclusion conclude; /* NULL: nothing is left to do. */
    void *conclude_context;
    gw_real_usage usage;
    atomic_bool is_concluding;
    /* Other ranks. */
    bool has_begun, has_ended, may_leave;
    uint64_t begun_ns; /* Rank 0's instant 0, on its clock. */
    uint32_t end_code;
};

uint32_t gw_rank_of_node(const gw_directory *directory, gw_node_id node)
{
    uint32_t which;
    return gw_directory_role(directory, node, &which) == GW_ROLE_EXECUTOR ? node.index : 0;
}

gw_cpu_cluster *gw_rank_cluster_cpu(gw_rank_cluster *cluster)
{
    return cluster->cpu;
}

/* --- What other threads put out --- */

/* Takes the packet; by any thread. */
static void put_out(gw_rank_cluster *cluster, uint32_t target, gw_packet *packet)
{
    packet->reserved = target;
    if (gw_packet_is_traffic(packet->kind)) {
        packet->now_ns = gw_cpu_cluster_now(cluster->cpu);
        atomic_fetch_add(&cluster->sent, 1);
    }
    pthread_mutex_lock(&cluster->mutex);
    g_ptr_array_add(cluster->outbox, packet);
    const bool is_first = cluster->outbox->len == 1;
    pthread_mutex_unlock(&cluster->mutex);
    if (is_first) {
        pthread_cond_signal(&cluster->has_output);
    }
}

static void send_part(void *context, uint32_t target, gw_packet *packet)
{
    put_out(context, target, packet);
}

static void send_message(void *context, gw_node_id source, gw_node_id target,
                         const gw_message *message)
{
    gw_rank_cluster *cluster = context;
    gw_packet *packet =
        gw_packet_new(GW_PACKET_MESSAGE, source.index, target.index, message->size_bytes);
    memcpy(packet + 1, message, message->size_bytes);
    put_out(cluster, gw_rank_of_node(cluster->directory, target), packet);
}

static uint32_t rank_of_device(const gw_rank_cluster *cluster, uint32_t device)
{
    return gw_directory_host(cluster->directory, (gw_device_id){device}).index;
}

static void send_copy(void *context, gw_cpu_copy *copy)
{
    gw_rank_cluster *cluster = context;
    const gw_copy *what = &copy->copy;
    gw_packet *packet = gw_packet_new(GW_PACKET_COPY, (uint64_t)(uintptr_t)copy, 0,
                                      sizeof(*what) + what->size_bytes);
    unsigned char *body = (unsigned char *)(packet + 1);
    memcpy(body, what, sizeof(*what));
    memcpy(body + sizeof(*what),
           (const unsigned char *)gw_cpu_device_data(copy->source, copy->source_block) +
               what->source_offset_bytes,
           what->size_bytes);
    put_out(cluster, rank_of_device(cluster, what->target_device.index), packet);
}

static bool join_collective(void *context, const gw_cpu_shard *shard, const gw_cpu_member *member,
                            uint64_t *out_last_ns)
{
    const gw_rank_cluster *cluster = context;
    const gw_loaded *loaded = shard->kernel->loaded;
    const uint32_t mesh = gw_program_node(loaded->program, shard->kernel->node)->mesh;
    const gw_mesh *shape = gw_program_mesh(loaded->program, mesh);
    uint32_t here[MEMBERS_USUAL];
    g_autofree uint32_t *many = NULL;
    uint32_t *ranks = here;
    if (member->member_count > G_N_ELEMENTS(here)) {
        ranks = many = g_new(uint32_t, member->member_count);
    }
    bool is_all_here = true;
    for (uint32_t other = 0; other < gw_mesh_device_count(shape); other++) {
        uint32_t group, position;
        gw_mesh_group(shape, member->operation->axes, other, &group, &position);
        if (group == member->group) {
            ranks[position] = rank_of_device(cluster, loaded->devices[loaded->first[mesh] + other]);
            is_all_here = is_all_here && ranks[position] == cluster->link->self;
        }
    }
    return is_all_here
               ? gw_cpu_meetings_join(gw_cpu_cluster_meetings(cluster->cpu), member, out_last_ns)
               : gw_rank_meetings_join(cluster->meetings, member, ranks, out_last_ns);
}

static bool is_here(void *context, gw_node_id node)
{
    const gw_rank_cluster *cluster = context;
    return gw_rank_of_node(cluster->directory, node) == cluster->link->self;
}

static void stop_meetings(void *context)
{
    gw_rank_meetings_abort(((gw_rank_cluster *)context)->meetings);
}

static void take_event(void *context, const gw_ledger_event *event)
{
    gw_rank_cluster *cluster = context;
    pthread_mutex_lock(&cluster->mutex);
    g_array_append_vals(cluster->books, event, 1);
    pthread_mutex_unlock(&cluster->mutex);
}

/* --- Making it --- */

gw_rank_cluster *gw_rank_cluster_new(const gw_directory *directory, gw_ledger *ledger,
                                     gw_rank_link *link, gw_real_handler handle, void *context)
{
    gw_check(link->rank_count == directory->host_count);
    gw_rank_cluster *cluster = g_new0(gw_rank_cluster, 1);
    cluster->directory = directory;
    cluster->ledger = ledger;
    cluster->link = link;
    cluster->lost = link->rank_count;
    cluster->cpu = gw_cpu_cluster_new(directory, ledger, handle, context);
    cluster->meetings = gw_rank_meetings_new(gw_cpu_cluster_activity(cluster->cpu), link->self,
                                             link->rank_count, send_part, cluster);
    cluster->watch = gw_rank_watch_new(link);
    cluster->remote = (gw_cpu_remote){.is_here = is_here,
                                      .send = send_message,
                                      .copy = send_copy,
                                      .join = join_collective,
                                      .stop = stop_meetings,
                                      .context = cluster};
    gw_cpu_cluster_set_remote(cluster->cpu, &cluster->remote);
    atomic_init(&cluster->sent, 0);
    atomic_init(&cluster->is_concluding, false);
    pthread_mutex_init(&cluster->mutex, NULL);
    gw_monotonic_cond_init(&cluster->has_output);
    cluster->outbox = g_ptr_array_new_with_free_func(g_free);
    cluster->leaving = g_ptr_array_new_with_free_func(g_free);
    cluster->books = g_array_new(FALSE, FALSE, sizeof(gw_ledger_event));
    cluster->early = g_ptr_array_new_with_free_func(g_free);
    cluster->finals = g_new0(gw_packet *, link->rank_count);
    cluster->wave_gap_ns = WAVE_NS_MIN;
    if (ledger != NULL && link->self != 0) {
        gw_ledger_set_forward(ledger, take_event, cluster);
    }
    return cluster;
}

void gw_rank_cluster_stop(gw_rank_cluster *cluster)
{
    if (!cluster->is_stopped) {
        cluster->is_stopped = true;
        gw_cpu_cluster_stop(cluster->cpu);
    }
}

void gw_rank_cluster_free(gw_rank_cluster *cluster)
{
    if (cluster == NULL) {
        return;
    }
    gw_rank_cluster_stop(cluster);
    gw_cpu_cluster_free(cluster->cpu);
    gw_rank_meetings_free(cluster->meetings);
    gw_rank_watch_free(cluster->watch);
    g_ptr_array_unref(cluster->outbox);
    g_ptr_array_unref(cluster->leaving);
    g_ptr_array_unref(cluster->early);
    g_array_unref(cluster->books);
    for (uint32_t i = 0; i < cluster->link->rank_count; i++) {
        g_free(cluster->finals[i]);
    }
    g_free(cluster->finals);
    g_clear_error(&cluster->failure);
    pthread_mutex_destroy(&cluster->mutex);
    pthread_cond_destroy(&cluster->has_output);
    g_free(cluster);
}

/* --- What comes --- */

static void take_copy(gw_rank_cluster *cluster, uint32_t source, const gw_packet *packet)
{
    gw_copy copy;
    const unsigned char *body = gw_packet_body(packet);
    memcpy(&copy, body, sizeof(copy));
    gw_cpu_cluster_put(cluster->cpu, &copy, body + sizeof(copy));
    put_out(cluster, source, gw_packet_new(GW_PACKET_COPY_DONE, packet->a, 0, 0));
}

static void take_books(gw_rank_cluster *cluster, const gw_packet *packet)
{
    const gw_ledger_event *events = gw_packet_body(packet);
    const uint64_t count = gw_packet_body_bytes(packet) / sizeof(*events);
    for (uint64_t i = 0; cluster->ledger != NULL && i < count; i++) {
        gw_ledger_replay(cluster->ledger, &events[i]);
    }
}

static gw_rank_answer answer_now(gw_rank_cluster *cluster, uint64_t wave)
{
    gw_rank_answer answer = {.wave = wave, .received = cluster->received};
    gw_activity *activity = gw_cpu_cluster_activity(cluster->cpu);
    cluster->is_frozen = cluster->is_frozen || gw_activity_end_last(activity);
    answer.is_quiet = cluster->is_frozen && gw_activity_count(activity) == 0 ? 1 : 0;
    answer.sent = atomic_load(&cluster->sent);
    return answer;
}

static void thaw(gw_rank_cluster *cluster)
{
    if (cluster->is_frozen) {
        cluster->is_frozen = false;
        gw_activity_begin(gw_cpu_cluster_activity(cluster->cpu), HOLD);
        gw_cpu_cluster_rouse(cluster->cpu);
    }
}

static void send_books(gw_rank_cluster *cluster)
{
    pthread_mutex_lock(&cluster->mutex);
    gw_packet *packet = NULL;
    if (cluster->books->len > 0) {
        const uint64_t size_bytes = cluster->books->len * sizeof(gw_ledger_event);
        packet = gw_packet_new(GW_PACKET_LEDGER, 0, 0, size_bytes);
        memcpy(packet + 1, cluster->books->data, size_bytes);
        g_array_set_size(cluster->books, 0);
    }
    pthread_mutex_unlock(&cluster->mutex);
    if (packet != NULL) {
        put_out(cluster, 0, packet);
    }
}

/* The last words of whatever came to rest here go ahead of the answer: who finds that all are at
 * rest knows what they said. */
static void answer_wave(gw_rank_cluster *cluster, uint64_t wave)
{
    gw_packet *packet = gw_packet_new(GW_PACKET_ANSWER, 0, 0, sizeof(gw_rank_answer));
    const gw_rank_answer answer = answer_now(cluster, wave);
    memcpy(packet + 1, &answer, sizeof(answer));
    send_books(cluster);
    put_out(cluster, 0, packet);
}

/* Rank 0: one more answer of the wave under way; with the last one it is known how all are. */
static void take_answer(gw_rank_cluster *cluster, const gw_rank_answer *answer)
{
    gw_check(answer->wave == cluster->wave);
    cluster->answer_count++;
    cluster->quiet_count += answer->is_quiet;
    cluster->sent_sum += answer->sent;
    cluster->received_sum += answer->received;
    if (cluster->answer_count < cluster->link->rank_count) {
        return;
    }
    const bool is_quiet =
        cluster->quiet_count == cluster->answer_count && cluster->sent_sum == cluster->received_sum;
    cluster->is_at_rest =
        is_quiet && cluster->was_quiet && cluster->last_sent_sum == cluster->sent_sum;
    cluster->was_quiet = is_quiet;
    cluster->last_sent_sum = cluster->sent_sum;
    cluster->wave_gap_ns =
        is_quiet ? 0 : MIN(MAX(cluster->wave_gap_ns * 2, WAVE_NS_MIN), WAVE_NS_MAX);
    cluster->wave_ns = gw_monotonic_ns();
    cluster->is_asking = false;
    if (!is_quiet) {
        for (uint32_t r = 1; r < cluster->link->rank_count; r++) {
            put_out(cluster, r, gw_packet_new(GW_PACKET_THAW, 0, 0, 0));
        }
        thaw(cluster);
    }
}

static void take_control(gw_rank_cluster *cluster, uint32_t source, gw_packet *packet)
{
    const char *text = gw_packet_body(packet);
    switch (packet->kind) {
    case GW_PACKET_BEGIN:
        cluster->has_begun = true;
        cluster->begun_ns = packet->a;
        return;
    case GW_PACKET_LEDGER:
        take_books(cluster, packet);
        return;
    case GW_PACKET_ASK:
        answer_wave(cluster, packet->a);
        return;
    case GW_PACKET_THAW:
        thaw(cluster);
        return;
    case GW_PACKET_ANSWER:
        take_answer(cluster, gw_packet_body(packet));
        return;
    case GW_PACKET_FAILED:
        if (cluster->failure == NULL) {
            cluster->failure = g_error_new(GW_ERROR, (gint)packet->a, "rank %u: %s", source, text);
        }
        return;
    case GW_PACKET_END:
        cluster->has_ended = true;
        cluster->end_code = (uint32_t)packet->a;
        return;
    case GW_PACKET_BYE:
        cluster->may_leave = true;
        cluster->end_code = cluster->end_code == 0 ? (uint32_t)packet->a : cluster->end_code;
        return;
    case GW_PACKET_BEAT:
    case GW_PACKET_LOST:
        gw_rank_watch_take(cluster->watch, source, packet);
        return;
    default:
        gw_check(!"a packet");
    }
}

/* Takes the packet. */
static void take_packet(gw_rank_cluster *cluster, uint32_t source, gw_packet *packet)
{
    gw_rank_watch_hear(cluster->watch, source);
    const bool is_traffic = gw_packet_is_traffic(packet->kind);
    if (is_traffic && !cluster->has_started) {
        packet->reserved = source;
        g_ptr_array_add(cluster->early, packet);
        return;
    }
    if (is_traffic) {
        gw_cpu_cluster_advance(cluster->cpu, packet->now_ns);
    }
    switch (packet->kind) {
    case GW_PACKET_MESSAGE:
        gw_cpu_cluster_deliver(cluster->cpu, (gw_node_id){(uint32_t)packet->a},
                               (gw_node_id){(uint32_t)packet->b}, gw_packet_body(packet));
        break;
    case GW_PACKET_COPY:
        take_copy(cluster, source, packet);
        break;
    case GW_PACKET_COPY_DONE:
        gw_cpu_cluster_end_copy(cluster->cpu, (gw_cpu_copy *)(uintptr_t)packet->a, 0, NULL);
        break;
    case GW_PACKET_PART:
        gw_rank_meetings_take(cluster->meetings, source, g_steal_pointer(&packet));
        break;
    case GW_PACKET_FINAL:
        gw_check(cluster->finals[source] == NULL);
        cluster->final_count++;
        cluster->finals[source] = g_steal_pointer(&packet);
        break;
    default:
        take_control(cluster, source, packet);
    }
    g_free(packet);
    cluster->received += is_traffic ? 1 : 0;
}

/* --- One look --- */

static bool send_output(gw_rank_cluster *cluster)
{
    pthread_mutex_lock(&cluster->mutex);
    GPtrArray *all = cluster->outbox;
    cluster->outbox = cluster->leaving;
    cluster->leaving = all;
    pthread_mutex_unlock(&cluster->mutex);
    for (uint32_t i = 0; i < all->len; i++) {
        gw_packet *packet = g_steal_pointer(&g_ptr_array_index(all, i));
        const uint32_t target = packet->reserved;
        packet->reserved = 0;
        cluster->link->ops->send(cluster->link, target, packet, packet->size_bytes);
    }
    const bool has_sent = all->len > 0;
    g_ptr_array_set_size(all, 0);
    return has_sent;
}

static bool receive_input(gw_rank_cluster *cluster)
{
    uint32_t count = 0, source;
    gw_packet *packet;
    while (count < RECEIVES_MAX &&
           (packet = cluster->link->ops->receive(cluster->link, &source)) != NULL) {
        take_packet(cluster, source, packet);
        count++;
    }
    return count > 0;
}

/* Rank 0, quiet itself: asks all. */
static void ask_wave(gw_rank_cluster *cluster)
{
    cluster->is_asking = true;
    cluster->wave++;
    cluster->answer_count = cluster->quiet_count = 0;
    cluster->sent_sum = cluster->received_sum = 0;
    for (uint32_t r = 1; r < cluster->link->rank_count; r++) {
        put_out(cluster, r, gw_packet_new(GW_PACKET_ASK, cluster->wave, 0, 0));
    }
    const gw_rank_answer mine = answer_now(cluster, cluster->wave);
    take_answer(cluster, &mine);
}

static void do_rounds(gw_rank_cluster *cluster, uint64_t now_ns)
{
    if (cluster->link->self != 0 && now_ns - cluster->books_ns >= BOOKS_NS) {
        cluster->books_ns = now_ns;
        send_books(cluster);
    }
    if (gw_rank_watch_is_due(cluster->watch, now_ns)) {
        char text[GW_RANK_STATUS_BYTES];
        if (atomic_load(&cluster->is_concluding)) {
            g_strlcpy(text, "writing what the run gave", sizeof(text));
        } else {
            gw_cpu_cluster_describe(cluster->cpu, text, sizeof(text));
        }
        for (uint32_t r = 0; r < cluster->link->rank_count; r++) {
            if (r != cluster->link->self && (r == 0 || cluster->link->self == 0)) {
                put_out(cluster, r, gw_packet_new_text(GW_PACKET_BEAT, 0, 0, text));
            }
        }
    }
    if (cluster->link->self == 0 && cluster->has_begun && !cluster->is_stopped &&
        !cluster->is_asking && !cluster->is_at_rest &&
        now_ns - cluster->wave_ns >= cluster->wave_gap_ns &&
        gw_activity_count(gw_cpu_cluster_activity(cluster->cpu)) <= HOLD) {
        ask_wave(cluster);
    }
}

static void sleep_until_output(gw_rank_cluster *cluster, uint64_t now_ns)
{
    uint64_t span_ns = CLAMP((now_ns - cluster->busy_ns) / SLEEP_PART, SLEEP_NS_MIN, SLEEP_NS_MAX);
    if (cluster->link->ops->unsent(cluster->link) > 0) {
        span_ns = SLEEP_NS_MIN;
    }
    const struct timespec until = gw_monotonic_timespec(now_ns + span_ns);
    int waited = 0;
    pthread_mutex_lock(&cluster->mutex);
    while (cluster->outbox->len == 0 && waited == 0) {
        waited = pthread_cond_timedwait(&cluster->has_output, &cluster->mutex, &until);
    }
    pthread_mutex_unlock(&cluster->mutex);
}

/* Sends and takes what there is; sleeps a little when that was nothing.  False: a rank is lost. */
static bool look(gw_rank_cluster *cluster, uint32_t *out_lost, GError **error)
{
    const bool has_received = receive_input(cluster);
    const uint64_t now_ns = gw_monotonic_ns();
    do_rounds(cluster, now_ns);
    const bool has_sent = send_output(cluster);
    if (!gw_rank_watch_check(cluster->watch, now_ns, out_lost, error)) {
        cluster->lost = *out_lost;
        return false;
    }
    if (has_received || has_sent) {
        cluster->busy_ns = now_ns;
    } else {
        sleep_until_output(cluster, now_ns);
    }
    return true;
}

/* --- Running --- */

bool gw_rank_cluster_start(gw_rank_cluster *cluster, GError **error)
{
    gw_rank_link_attend(cluster->link, true);
    prctl(PR_SET_TIMERSLACK, 1); /* A sleep of SLEEP_NS_MIN would take 50 us more. */
    gw_activity_begin(gw_cpu_cluster_activity(cluster->cpu), HOLD);
    cluster->busy_ns = cluster->wave_ns = gw_monotonic_ns();
    uint32_t lost;
    while (cluster->link->self != 0 && !cluster->has_begun) {
        if (!look(cluster, &lost, error)) {
            return false;
        }
    }
    if (!gw_cpu_cluster_start(cluster->cpu, error)) {
        return false;
    }
    if (cluster->link->self != 0 && cluster->link->is_one_clock) {
        gw_cpu_cluster_advance(cluster->cpu, gw_monotonic_ns() - cluster->begun_ns);
    }
    for (uint32_t r = 1; cluster->link->self == 0 && r < cluster->link->rank_count; r++) {
        put_out(cluster, r, gw_packet_new(GW_PACKET_BEGIN, cluster->cpu->origin_ns, 0, 0));
    }
    cluster->has_begun = cluster->has_started = true;
    for (uint32_t i = 0; i < cluster->early->len; i++) {
        gw_packet *packet = g_steal_pointer(&g_ptr_array_index(cluster->early, i));
        take_packet(cluster, packet->reserved, packet);
    }
    g_ptr_array_set_size(cluster->early, 0);
    return true;
}

gw_rank_state gw_rank_cluster_work(gw_rank_cluster *cluster, gw_span span_ns, uint32_t *out_lost,
                                   GError **error)
{
    const uint64_t end_ns = gw_monotonic_ns() + span_ns;
    uint32_t lost = cluster->link->rank_count;
    bool is_whole = true;
    do {
        is_whole = look(cluster, &lost, error);
    } while (is_whole && !cluster->is_at_rest && !cluster->has_ended && cluster->failure == NULL &&
             gw_monotonic_ns() < end_ns);
    if (out_lost != NULL) {
        *out_lost = lost;
    }
    if (!is_whole) {
        return GW_RANK_BROKEN;
    }
    if (cluster->failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&cluster->failure));
        return GW_RANK_BROKEN;
    }
    return cluster->has_ended    ? GW_RANK_ENDED
           : cluster->is_at_rest ? GW_RANK_AT_REST
                                 : GW_RANK_GOES_ON;
}

uint32_t gw_rank_cluster_lost(const gw_rank_cluster *cluster)
{
    return cluster->lost;
}

void gw_rank_cluster_fail(gw_rank_cluster *cluster, const GError *error)
{
    put_out(cluster, 0,
            gw_packet_new_text(GW_PACKET_FAILED, (uint64_t)error->code, 0, error->message));
}

/* --- The end --- */

static gw_packet *make_final(gw_rank_cluster *cluster, const GString *words)
{
    gw_rank_final final = {.usage = gw_cpu_cluster_usage(cluster->cpu), .text_bytes = words->len};
    if (cluster->ledger != NULL) {
        final.launches = gw_ledger_count(cluster->ledger).launches;
        final.chain_count = cluster->directory->device_count;
    }
    const uint64_t chain_bytes = final.chain_count * sizeof(uint64_t);
    gw_packet *packet =
        gw_packet_new(GW_PACKET_FINAL, 0, 0, sizeof(final) + chain_bytes + words->len);
    unsigned char *body = (unsigned char *)(packet + 1);
    memcpy(body, &final, sizeof(final));
    if (chain_bytes > 0) {
        memcpy(body + sizeof(final), gw_ledger_chains(cluster->ledger), chain_bytes);
    }
    memcpy(body + sizeof(final) + chain_bytes, words->str, words->len);
    return packet;
}

static void take_final(gw_rank_cluster *cluster, const gw_packet *packet, GString *words,
                       gw_real_usage *usage)
{
    gw_rank_final final;
    const unsigned char *body = gw_packet_body(packet);
    memcpy(&final, body, sizeof(final));
    usage->inputs += final.usage.inputs;
    for (uint32_t k = 0; k < GW_COST_COUNT; k++) {
        usage->spent[k] += final.usage.spent[k];
    }
    const uint64_t chain_bytes = final.chain_count * sizeof(uint64_t);
    if (chain_bytes > 0) {
        gw_check(final.chain_count == cluster->directory->device_count);
        g_autofree uint64_t *chains = g_memdup2(body + sizeof(final), chain_bytes);
        gw_ledger_merge(cluster->ledger, final.launches, chains);
    }
    g_string_append_len(words, (const char *)body + sizeof(final) + chain_bytes,
                        (gssize) final.text_bytes);
}

void gw_rank_cluster_set_conclusion(gw_rank_cluster *cluster, gw_rank_conclusion conclude,
                                    void *context)
{
    cluster->conclude = conclude;
    cluster->conclude_context = context;
}

static void *run_conclusion(void *context)
{
    gw_rank_cluster *cluster = context;
    cluster->end_code = cluster->conclude(cluster->conclude_context, cluster->usage);
    atomic_store(&cluster->is_concluding, false);
    return NULL;
}

/* Rank 0: the others wait meanwhile, and each hears that the others live. */
static bool draw_conclusion(gw_rank_cluster *cluster, GError **error)
{
    pthread_t thread;
    uint32_t lost;
    bool is_whole = true;
    atomic_store(&cluster->is_concluding, true);
    if (!gw_thread_start(&thread, run_conclusion, cluster, "what is left to do", NULL)) {
        run_conclusion(cluster); /* They wait for 6 s. */
        return true;
    }
    while (is_whole && atomic_load(&cluster->is_concluding)) {
        is_whole = look(cluster, &lost, error);
    }
    pthread_join(thread, NULL);
    return is_whole;
}

static bool finish_all(gw_rank_cluster *cluster, uint32_t code, GString *words,
                       gw_real_usage *out_usage, GError **error)
{
    uint32_t lost;
    while (cluster->final_count < cluster->link->rank_count - 1) {
        if (!look(cluster, &lost, error)) {
            return false;
        }
    }
    cluster->usage = gw_cpu_cluster_usage(cluster->cpu);
    for (uint32_t r = 1; r < cluster->link->rank_count; r++) {
        take_final(cluster, cluster->finals[r], words, &cluster->usage);
    }
    *out_usage = cluster->usage;
    cluster->end_code = code;
    if (code == 0 && cluster->conclude != NULL && !draw_conclusion(cluster, error)) {
        return false;
    }
    for (uint32_t r = 1; r < cluster->link->rank_count; r++) {
        put_out(cluster, r, gw_packet_new(GW_PACKET_BYE, cluster->end_code, 0, 0));
    }
    return true;
}

bool gw_rank_cluster_finish(gw_rank_cluster *cluster, uint32_t code, gw_rank_last_words last_words,
                            void *context, GString *words, gw_real_usage *out_usage,
                            uint32_t *out_code, GError **error)
{
    const bool is_first = cluster->link->self == 0;
    for (uint32_t r = 1; is_first && r < cluster->link->rank_count; r++) {
        put_out(cluster, r, gw_packet_new(GW_PACKET_END, code, 0, 0));
    }
    send_output(cluster);
    /* Only who is at rest may be looked at: others' devices go on meanwhile. */
    const uint32_t end_code = is_first ? code : cluster->end_code;
    if (!cluster->is_stopped && end_code == GW_ERROR_STALL) {
        gw_cpu_cluster_explain(cluster->cpu, words);
        gw_rank_meetings_explain(cluster->meetings, words);
    }
    gw_rank_cluster_stop(cluster);
    if (last_words != NULL) {
        last_words(context, words);
    }
    uint32_t lost;
    bool is_whole = true;
    if (is_first) {
        is_whole = finish_all(cluster, code, words, out_usage, error);
    } else {
        send_books(cluster);
        put_out(cluster, 0, make_final(cluster, words));
        while (is_whole && !cluster->may_leave) {
            is_whole = look(cluster, &lost, error);
        }
    }
    *out_code = cluster->end_code;
    while (is_whole && (send_output(cluster) || cluster->link->ops->unsent(cluster->link) > 0)) {
        sleep_until_output(cluster, gw_monotonic_ns()); /* Who is done may leave now. */
    }
    return is_whole;
}
