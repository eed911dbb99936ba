/* SPDX-License-Identifier: Apache-2.0 */
/* Every rank has two threads, its members, which go through the same list of collectives; the
 * thread that opened the probe works the link meanwhile.
 *
 * In each collective the members of one rank, in turn, come long after the others, who sleep by
 * then. A turn is as many collectives as there are ranks, so it begins and ends when a member of
 * rank 0 has left one, by rank 0's clock alone; less what the late ones waited, and shared among
 * them, it is from when the last member has come until the next rank's has left.
 *
 * Messages go first: there and back between two nodes, from a handler to the other. */
#include "real/probe_ranks.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/sample.h"
#include "real/cpu_private.h"
#include "real/rank_cluster.h"
#include "real/real_run.h"

#define LOOK_NS         UINT64_C(20000000)
#define SUSPICION_NS    UINT64_C(300000000)  /* As in rank_run.c. */
#define GRACE_NS        UINT64_C(2000000000) /* For the members of other ranks to leave the last. */
#define STAGGER_NS      UINT64_C(200000)     /* A small kernel's time. */
#define MEMBERS_PER     2                    /* Members on each rank, at most. */
#define TRIALS          4
#define TURNS_MIN       3
#define TURNS_MAX       64
#define TRIPS_MIN       8
#define TRIPS_MAX       256
#define ELEMENTS_MAX    (1U << 22) /* Of all members' inputs together. */
#define HBM_BYTES       4096       /* Nothing is reserved. */
#define SHAPE_GANG_BITS 32

static const gw_operation_kind kinds[] = {
    GW_OPERATION_ALL_REDUCE, GW_OPERATION_ALL_GATHER, GW_OPERATION_REDUCE_SCATTER,
    GW_OPERATION_ALL_TO_ALL, GW_OPERATION_BROADCAST,  GW_OPERATION_PERMUTE,
};
static const uint32_t element_counts[] = {8, 256, 2048, 8192, 16384, 32768, 131072, 524288};
static const uint32_t message_bytes[] = {64, 1024, 16384, 262144, 4194304};

typedef struct { /* So many ranks, from 0 on, with so many members each. */
    uint32_t host_count, members_per_host;
    gw_program *program;
    gw_loaded *loaded;
} probe_group;

typedef struct { /* One thing to measure. */
    const probe_group *group;
    uint32_t kind; /* In `kinds`. */
    uint32_t element_count;
} probe_shape;

typedef struct rank_probe rank_probe;
typedef struct {
    rank_probe *probe;
    uint32_t local;
    pthread_t thread;
    bool has_thread;
    float *input, *output;
    uint64_t gang;
} probe_member;

struct rank_probe {
    gw_rank_link *link;
    double seconds;
    gw_directory *directory;
    gw_rank_cluster *cluster;
    gw_loaded_set loaded;
    GArray *groups; /* probe_group */
    GArray *shapes; /* probe_shape */
    gw_operation operations[G_N_ELEMENTS(kinds)], word;
    probe_member members[MEMBERS_PER];
    atomic_uint at;         /* The shape that is measured on this rank. */
    atomic_uint left_count; /* Members that have not gone through the list. */
    uint32_t failed_code;   /* Another rank's, which has told rank 0. */
    gw_probe_between *out;
    GArray *sample; /* double; the first member's on rank 0, or of the messages' handler. */
    /* Messages, of rank 0's handler. */
    uint32_t message;
    gw_message *sent;
    uint64_t sent_ns, end_ns;
    pthread_mutex_t mutex; /* Before the next one. */
    pthread_cond_t changed;
    bool has_messages; /* All that are wanted. */
    bool is_aborted;
};

/* --- Messages --- */

static void tell_messages(rank_probe *probe, bool is_aborted)
{
    pthread_mutex_lock(&probe->mutex);
    probe->has_messages = true;
    probe->is_aborted = probe->is_aborted || is_aborted;
    pthread_cond_broadcast(&probe->changed);
    pthread_mutex_unlock(&probe->mutex);
}

static bool await_messages(rank_probe *probe)
{
    pthread_mutex_lock(&probe->mutex);
    while (!probe->has_messages && !probe->is_aborted) {
        pthread_cond_wait(&probe->changed, &probe->mutex);
    }
    const bool is_aborted = probe->is_aborted;
    pthread_mutex_unlock(&probe->mutex);
    return !is_aborted;
}

static void send_message(rank_probe *probe, uint32_t from, const gw_message *message)
{
    gw_port *port = gw_cpu_cluster_port(gw_rank_cluster_cpu(probe->cluster), (gw_node_id){from});
    port->ops->send(port, (gw_node_id){1 - from}, message);
}

static void begin_trip(rank_probe *probe)
{
    probe->sent_ns = gw_monotonic_ns();
    send_message(probe, 0, probe->sent);
}

static void begin_size(rank_probe *probe)
{
    const uint32_t size_bytes = message_bytes[probe->message];
    g_free(probe->sent);
    probe->sent = g_malloc0(size_bytes);
    probe->sent->kind = 1; /* No controller hears it. */
    probe->sent->size_bytes = size_bytes;
    probe->end_ns = gw_monotonic_ns() + (uint64_t)(probe->seconds * 1e9);
    begin_trip(probe);
}

static void end_trip(rank_probe *probe)
{
    const uint64_t now_ns = gw_monotonic_ns();
    const double trip_ns = (double)(now_ns - probe->sent_ns) / 2;
    g_array_append_val(probe->sample, trip_ns);
    const bool is_enough = probe->sample->len >= TRIPS_MIN && now_ns >= probe->end_ns;
    if (!is_enough && probe->sample->len < TRIPS_MAX) {
        begin_trip(probe);
        return;
    }
    g_array_remove_range(probe->sample, 0, TRIALS); /* The first of a size find nothing warm. */
    const gw_probe_message seen = {probe->sent->size_bytes, gw_probe_summarize(probe->sample)};
    g_array_append_val(probe->out->messages, seen);
    g_array_set_size(probe->sample, 0);
    probe->message++;
    if (probe->message < G_N_ELEMENTS(message_bytes)) {
        begin_size(probe);
    } else {
        tell_messages(probe, false);
    }
}

static void hear(void *context, gw_node_id node, const gw_input *input)
{
    rank_probe *probe = context;
    if (node.index == 0 && input->kind == GW_INPUT_START) {
        begin_size(probe);
    } else if (node.index == 0 && input->kind == GW_INPUT_MESSAGE) {
        end_trip(probe);
    } else if (node.index == 1 && input->kind == GW_INPUT_MESSAGE) {
        send_message(probe, 1, input->message.content);
    }
}

/* --- Collectives, by their members --- */

static uint32_t member_count_of(const probe_group *group)
{
    return group->host_count * group->members_per_host;
}

static bool meet(probe_member *self, const probe_shape *shape, const gw_operation *operation,
                 uint64_t element_count)
{
    const rank_probe *probe = self->probe;
    const gw_cpu_shared *shared = &gw_rank_cluster_cpu(probe->cluster)->shared;
    gw_cpu_kernel kernel = {.loaded = shape->group->loaded};
    const gw_cpu_shard shard = {.kernel = &kernel};
    const gw_cpu_member member = {.gang = self->gang++,
                                  .position = probe->link->self * shape->group->members_per_host +
                                              self->local,
                                  .member_count = member_count_of(shape->group),
                                  .operation = operation,
                                  .input = self->input,
                                  .output = self->output,
                                  .input_count = element_count};
    uint64_t last_ns;
    return shared->join(shared->join_context, &shard, &member, &last_ns);
}

static void wait_busily(uint64_t span_ns)
{
    const uint64_t end_ns = gw_monotonic_ns() + span_ns;
    while (gw_monotonic_ns() < end_ns) {
    }
}

/* A collective for each rank to come late to; what one took, as the first member of rank 0 sees it.
 * False: aborted. */
static bool take_turn(probe_member *self, const probe_shape *shape, double *out_ns)
{
    const uint32_t host_count = shape->group->host_count;
    const uint64_t before_ns = gw_monotonic_ns();
    for (uint32_t late = 0; late < host_count; late++) {
        if (self->probe->link->self == late && self->local == 0) {
            wait_busily(STAGGER_NS);
        }
        if (!meet(self, shape, &self->probe->operations[shape->kind], shape->element_count)) {
            return false;
        }
    }
    const double turn_ns = (double)(gw_monotonic_ns() - before_ns);
    *out_ns = MAX(turn_ns / host_count - STAGGER_NS, 1);
    return true;
}

/* The first member's word counts for all. */
static bool agree_on_turns(probe_member *self, const probe_shape *shape, double best_ns,
                           uint32_t *out_turns)
{
    const double turn_ns = shape->group->host_count * (best_ns + STAGGER_NS);
    self->input[0] = (float)CLAMP(self->probe->seconds * 1e9 / turn_ns, TURNS_MIN, TURNS_MAX);
    if (!meet(self, shape, &self->probe->word, 1)) {
        return false;
    }
    *out_turns = (uint32_t)self->output[0];
    self->input[0] = 1;
    return true;
}

static bool measure_shape(probe_member *self, const probe_shape *shape)
{
    rank_probe *probe = self->probe;
    const bool is_first = probe->link->self == 0 && self->local == 0;
    double best_ns = G_MAXDOUBLE;
    for (uint32_t i = 0; i < TRIALS; i++) {
        double ns;
        if (!take_turn(self, shape, &ns)) {
            return false;
        }
        best_ns = MIN(best_ns, ns);
    }
    uint32_t turn_count;
    if (!agree_on_turns(self, shape, best_ns, &turn_count)) {
        return false;
    }
    for (uint32_t i = 0; i < turn_count; i++) {
        double ns;
        if (!take_turn(self, shape, &ns)) {
            return false;
        }
        if (is_first) {
            g_array_append_val(probe->sample, ns);
        }
    }
    if (is_first) {
        const gw_probe_meeting seen = {.kind = kinds[shape->kind],
                                       .member_count = member_count_of(shape->group),
                                       .host_count = shape->group->host_count,
                                       .size_bytes = (double)shape->element_count * sizeof(float),
                                       .stat = gw_probe_summarize(probe->sample)};
        g_array_append_val(probe->out->meetings, seen);
        g_array_set_size(probe->sample, 0);
    }
    return true;
}

static bool takes_part(const probe_member *self, const probe_shape *shape)
{
    return self->probe->link->self < shape->group->host_count &&
           self->local < shape->group->members_per_host;
}

static void *run_member(void *context)
{
    probe_member *self = context;
    rank_probe *probe = self->probe;
    bool goes_on = probe->link->self != 0 || await_messages(probe);
    for (uint32_t i = 0; goes_on && i < probe->shapes->len; i++) {
        const probe_shape *shape = &g_array_index(probe->shapes, probe_shape, i);
        self->gang = (uint64_t)i << SHAPE_GANG_BITS;
        if (takes_part(self, shape)) {
            atomic_store(&probe->at, i);
            goes_on = measure_shape(self, shape);
        }
    }
    gw_activity_end(gw_cpu_cluster_activity(gw_rank_cluster_cpu(probe->cluster)));
    atomic_fetch_sub(&probe->left_count, 1);
    return NULL;
}

/* --- What is to be measured --- */

static void add_group(rank_probe *probe, uint32_t host_count, uint32_t members_per_host)
{
    const uint32_t count = host_count * members_per_host;
    const uint32_t first[] = {0, count};
    g_autofree uint32_t *devices = g_new(uint32_t, count);
    for (uint32_t i = 0; i < count; i++) {
        devices[i] = i / members_per_host * MEMBERS_PER + i % members_per_host;
    }
    probe_group group = {host_count, members_per_host, gw_probe_program(count), NULL};
    const gw_executable executable = {
        .instance = probe->groups->len,
        .program = group.program,
        .assignment = {.mesh_count = 1, .first = first, .devices = devices}};
    group.loaded = gw_loaded_set_add(&probe->loaded, &executable, probe->link->self * MEMBERS_PER,
                                     MEMBERS_PER);
    g_array_append_val(probe->groups, group);
}

/* Two ranks, twice as many, and so on; and all. */
static void add_groups(rank_probe *probe)
{
    const uint32_t all = probe->link->rank_count;
    for (uint32_t hosts = 2;; hosts = MIN(2 * hosts, all)) {
        for (uint32_t per = 1; per <= MEMBERS_PER; per++) {
            add_group(probe, hosts, per);
        }
        if (hosts == all) {
            return;
        }
    }
}

/* Members' inputs go in as many equal blocks as there are members. */
static void add_shapes(rank_probe *probe)
{
    for (uint32_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        probe->operations[k] = (gw_operation){.kind = kinds[k], .axes = 1, .shift = 1};
        for (uint32_t g = 0; g < probe->groups->len; g++) {
            const probe_group *group = &g_array_index(probe->groups, probe_group, g);
            const uint32_t members = member_count_of(group);
            uint32_t last = 0;
            for (uint32_t e = 0; e < G_N_ELEMENTS(element_counts); e++) {
                const uint32_t elements = (element_counts[e] + members - 1) / members * members;
                const probe_shape shape = {group, k, elements};
                if (elements > last && (uint64_t)elements * members <= ELEMENTS_MAX) {
                    g_array_append_val(probe->shapes, shape);
                }
                last = elements;
            }
        }
    }
    probe->word = (gw_operation){.kind = GW_OPERATION_BROADCAST, .axes = 1};
}

static void open_probe(rank_probe *probe)
{
    const uint32_t ranks = probe->link->rank_count;
    gw_check(ranks >= 2 && ranks <= GW_PROBE_RANKS_MAX);
    const gw_island island = {.host_count = ranks,
                              .devices_per_host = MEMBERS_PER,
                              .shape = {ranks * MEMBERS_PER, 1, 1},
                              .hbm_bytes = HBM_BYTES};
    probe->directory = gw_directory_new(&island, 1, 1);
    probe->cluster = gw_rank_cluster_new(probe->directory, NULL, probe->link, hear, probe);
    probe->groups = g_array_new(FALSE, FALSE, sizeof(probe_group));
    probe->shapes = g_array_new(FALSE, FALSE, sizeof(probe_shape));
    probe->sample = g_array_new(FALSE, FALSE, sizeof(double));
    probe->out->meetings = g_array_new(FALSE, FALSE, sizeof(gw_probe_meeting));
    probe->out->messages = g_array_new(FALSE, FALSE, sizeof(gw_probe_message));
    pthread_mutex_init(&probe->mutex, NULL);
    pthread_cond_init(&probe->changed, NULL);
    add_groups(probe);
    add_shapes(probe);
}

/* The cluster has stopped, or no member was started. */
static void close_probe(rank_probe *probe)
{
    tell_messages(probe, true);
    for (uint32_t i = 0; i < MEMBERS_PER; i++) {
        if (probe->members[i].has_thread) {
            pthread_join(probe->members[i].thread, NULL);
        }
    }
    for (uint32_t i = 0; i < MEMBERS_PER; i++) { /* Who was aborted has left before who leads. */
        g_free(probe->members[i].input);
        g_free(probe->members[i].output);
    }
    gw_rank_cluster_free(probe->cluster);
    gw_directory_free(probe->directory);
    gw_loaded_set_clear(&probe->loaded);
    for (uint32_t i = 0; i < probe->groups->len; i++) {
        gw_program_free(g_array_index(probe->groups, probe_group, i).program);
    }
    g_array_unref(probe->groups);
    g_array_unref(probe->shapes);
    g_array_unref(probe->sample);
    g_free(probe->sent);
    pthread_mutex_destroy(&probe->mutex);
    pthread_cond_destroy(&probe->changed);
}

/* --- The link's thread --- */

static bool start_members(rank_probe *probe, GError **error)
{
    gw_activity *activity = gw_cpu_cluster_activity(gw_rank_cluster_cpu(probe->cluster));
    for (uint32_t i = 0; i < MEMBERS_PER; i++) {
        probe_member *member = &probe->members[i];
        *member = (probe_member){.probe = probe,
                                 .local = i,
                                 .input = g_new0(float, ELEMENTS_MAX),
                                 .output = g_new0(float, ELEMENTS_MAX)};
        gw_activity_begin(activity, 1);
        atomic_fetch_add(&probe->left_count, 1);
        member->has_thread =
            gw_thread_start(&member->thread, run_member, member, "a member of the probe", error);
        if (!member->has_thread) {
            return false;
        }
    }
    return true;
}

/* One turn of the link; false: a rank is lost, and which thing was measured then.  A rank that
 * cannot go on, but is there, ends it for all. */
static bool work(rank_probe *probe, gw_span span_ns, gw_rank_state *out_state, GError **error)
{
    uint32_t lost;
    GError *found = NULL;
    *out_state = gw_rank_cluster_work(probe->cluster, span_ns, &lost, &found);
    if (*out_state != GW_RANK_BROKEN) {
        return true;
    }
    if (lost == probe->link->rank_count) {
        probe->failed_code = (uint32_t)found->code;
        g_error_free(found);
        return true;
    }
    const probe_shape *at = &g_array_index(probe->shapes, probe_shape, atomic_load(&probe->at));
    g_propagate_prefixed_error(error, found, "while %s between %u ranks was measured: ",
                               gw_operation_name(kinds[at->kind]), at->group->host_count);
    return false;
}

/* Somebody wants it to end: the user, or a launcher that has lost a rank, which this one may learn
 * in a moment. */
static bool look_for_loss(rank_probe *probe, GError **error)
{
    gw_rank_state state;
    return work(probe, SUSPICION_NS, &state, error);
}

/* Rank 0: *out_code is what the others are to end with. */
static bool lead(rank_probe *probe, uint32_t *out_code, GError **error)
{
    /* One more: nothing is at rest before all is measured. */
    gw_activity_begin(gw_cpu_cluster_activity(gw_rank_cluster_cpu(probe->cluster)), 1);
    while (atomic_load(&probe->left_count) > 0 && *out_code == 0) {
        gw_rank_state state;
        if (!work(probe, LOOK_NS, &state, error)) {
            return false;
        }
        if (gw_real_is_cancelled()) {
            if (!look_for_loss(probe, error)) {
                return false;
            }
            *out_code = GW_ERROR_INTERRUPTED;
        } else if (state == GW_RANK_BROKEN) {
            *out_code = probe->failed_code;
        }
    }
    return true;
}

/* The others, until rank 0 ends it and their members have left. */
static bool follow(rank_probe *probe, GError **error)
{
    gw_rank_state state = GW_RANK_GOES_ON;
    bool has_told = false;
    while (state != GW_RANK_ENDED) {
        if (!work(probe, LOOK_NS, &state, error)) {
            return false;
        }
        if (!has_told && state != GW_RANK_ENDED && gw_real_is_cancelled()) {
            g_autoptr(GError) mine =
                g_error_new_literal(GW_ERROR, GW_ERROR_INTERRUPTED, "interrupted");
            if (!look_for_loss(probe, error)) {
                return false;
            }
            has_told = true;
            gw_rank_cluster_fail(probe->cluster, mine);
        }
    }
    const uint64_t end_ns = gw_monotonic_ns() + GRACE_NS;
    while (atomic_load(&probe->left_count) > 0 && gw_monotonic_ns() < end_ns) {
        if (!work(probe, LOOK_NS, &state, error)) {
            return false;
        }
    }
    return true;
}

/* True: measured, and all ranks know. */
static bool run_probe(rank_probe *probe, bool *out_is_whole, GError **error)
{
    const bool is_first = probe->link->self == 0;
    uint32_t code = 0, told = 0;
    gw_real_usage usage;
    g_autoptr(GString) words = g_string_new(NULL);
    *out_is_whole =
        gw_rank_cluster_start(probe->cluster, error) && start_members(probe, error) &&
        (is_first ? lead(probe, &code, error) : follow(probe, error)) &&
        gw_rank_cluster_finish(probe->cluster, code, NULL, NULL, words, &usage, &told, error);
    code = is_first ? code : told;
    if (*out_is_whole && code != 0) {
        g_set_error_literal(error, GW_ERROR, (gint)code, "interrupted");
    }
    return *out_is_whole && code == 0;
}

bool gw_probe_ranks(gw_rank_link *link, double seconds, gw_probe_between *out, bool *out_is_told,
                    bool *out_is_whole, GError **error)
{
    rank_probe probe = {.link = link, .seconds = seconds, .out = out};
    open_probe(&probe);
    const bool is_done = run_probe(&probe, out_is_whole, error);
    *out_is_told = link->self != 0;
    gw_rank_cluster_stop(probe.cluster);
    close_probe(&probe);
    return is_done;
}

void gw_probe_between_clear(gw_probe_between *between)
{
    g_clear_pointer(&between->meetings, g_array_unref);
    g_clear_pointer(&between->messages, g_array_unref);
}

void gw_probe_between_line(const gw_probe_between *between, double *out_ns, double *out_bytes_per_s)
{
    gw_check(between->messages->len > 1);
    const gw_probe_message *shortest = &g_array_index(between->messages, gw_probe_message, 0);
    const gw_probe_message *longest =
        &g_array_index(between->messages, gw_probe_message, between->messages->len - 1);
    const double more_ns = MAX(longest->stat.median_ns - shortest->stat.median_ns, 1);
    *out_ns = shortest->stat.median_ns;
    *out_bytes_per_s = (longest->size_bytes - shortest->size_bytes) * 1e9 / more_ns;
}
