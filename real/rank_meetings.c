/* SPDX-License-Identifier: Apache-2.0 */
/* Sender and receiver walk the same segments in the same order: for each member of the sending
 * rank, by position, the stretches of its input that the receiving rank needs.  So a part is bare
 * floats, and where a segment lies in it is counted, not sent. */
#include "real/rank_meetings.h"

#include <string.h>

#include "base/check.h"

typedef struct meeting meeting;
struct meeting {
    meeting *next;
    uint64_t gang;
    uint32_t operation_index, group;
    gw_packet **inputs, **results; /* By rank; what has come and is not needed yet. */
    uint32_t input_packets, result_packets;
    /* Known when the first member here has come; 0 members: none has. */
    uint32_t member_count, here_count, arrived_count, present_count;
    const gw_operation *operation;
    uint64_t input_count;
    uint32_t *ranks;    /* By position. */
    const float **mine; /* By position; NULL: elsewhere, or has not come. */
    float **outputs;    /* Likewise. */
    uint32_t *others;   /* The group's other ranks, ascending. */
    uint32_t other_count;
    const uint32_t *awaited; /* One of the counts above, by who leads; NULL: it is awake. */
    bool is_done;
    uint64_t last_ns;
    pthread_cond_t changed; /* For who leads, and for who waits till all is done. */
};

struct gw_rank_meetings {
    gw_activity *activity;
    uint32_t self, rank_count;
    gw_rank_send send;
    void *context;
    pthread_mutex_t mutex; /* Before all that follows. */
    bool is_aborted;
    meeting *open;
};

gw_rank_meetings *gw_rank_meetings_new(gw_activity *activity, uint32_t self, uint32_t rank_count,
                                       gw_rank_send send, void *context)
{
    gw_rank_meetings *meetings = g_new0(gw_rank_meetings, 1);
    meetings->activity = activity;
    meetings->self = self;
    meetings->rank_count = rank_count;
    meetings->send = send;
    meetings->context = context;
    pthread_mutex_init(&meetings->mutex, NULL);
    return meetings;
}

static void free_meeting(gw_rank_meetings *meetings, meeting *met)
{
    for (uint32_t i = 0; i < meetings->rank_count; i++) {
        g_free(met->inputs[i]);
        g_free(met->results[i]);
    }
    g_free(met->inputs);
    g_free(met->results);
    g_free(met->ranks);
    g_free(met->mine);
    g_free(met->outputs);
    g_free(met->others);
    pthread_cond_destroy(&met->changed);
    g_free(met);
}

void gw_rank_meetings_free(gw_rank_meetings *meetings)
{
    if (meetings == NULL) {
        return;
    }
    while (meetings->open != NULL) {
        meeting *next = meetings->open->next;
        free_meeting(meetings, meetings->open);
        meetings->open = next;
    }
    pthread_mutex_destroy(&meetings->mutex);
    g_free(meetings);
}

/* --- The table, under the lock --- */

static meeting *find_or_open(gw_rank_meetings *meetings, uint64_t gang, uint32_t operation_index,
                             uint32_t group)
{
    for (meeting *met = meetings->open; met != NULL; met = met->next) {
        if (met->gang == gang && met->operation_index == operation_index && met->group == group) {
            return met;
        }
    }
    meeting *met = g_new0(meeting, 1);
    met->gang = gang;
    met->operation_index = operation_index;
    met->group = group;
    met->inputs = g_new0(gw_packet *, meetings->rank_count);
    met->results = g_new0(gw_packet *, meetings->rank_count);
    pthread_cond_init(&met->changed, NULL);
    met->next = meetings->open;
    meetings->open = met;
    return met;
}

static void close_meeting(gw_rank_meetings *meetings, meeting *met)
{
    meeting **link = &meetings->open;
    while (*link != met) {
        link = &(*link)->next;
    }
    *link = met->next;
    free_meeting(meetings, met);
}

static bool has_rank(const meeting *met, uint32_t rank)
{
    for (uint32_t p = 0; p < met->member_count; p++) {
        if (met->ranks[p] == rank) {
            return true;
        }
    }
    return false;
}

static void describe_group(const gw_rank_meetings *meetings, meeting *met,
                           const gw_cpu_member *member, const uint32_t *ranks)
{
    met->member_count = member->member_count;
    met->operation = member->operation;
    met->input_count = member->input_count;
    met->ranks = g_memdup2(ranks, sizeof(*ranks) * met->member_count);
    met->mine = g_new0(const float *, met->member_count);
    met->outputs = g_new0(float *, met->member_count);
    met->others = g_new0(uint32_t, meetings->rank_count);
    for (uint32_t p = 0; p < met->member_count; p++) {
        gw_check(ranks[p] < meetings->rank_count);
        met->here_count += ranks[p] == meetings->self ? 1 : 0;
    }
    for (uint32_t r = 0; r < meetings->rank_count; r++) {
        if (r != meetings->self && has_rank(met, r)) {
            met->others[met->other_count++] = r;
        }
    }
    gw_check(met->other_count > 0);
}

static void enter_meeting(meeting *met, const gw_cpu_member *member)
{
    gw_check(met->operation == member->operation);
    gw_check(met->member_count == member->member_count);
    gw_check(met->input_count == member->input_count);
    gw_check(member->position < met->member_count);
    gw_check(met->mine[member->position] == NULL); /* Each comes once. */
    met->mine[member->position] = member->input;
    met->outputs[member->position] = member->output;
    met->arrived_count++;
    met->present_count++;
}

/* --- Who needs what --- */

typedef struct {
    uint64_t first, count; /* Elements of the input. */
} stretch;

static bool is_cut(const meeting *met)
{
    return met->operation->kind == GW_OPERATION_ALL_REDUCE &&
           met->input_count > GW_RANK_WHOLE_ELEMENTS_MAX;
}

/* Which of the group's ranks `rank` is, in ascending order; *out_count: of how many. */
static uint32_t rank_place(const gw_rank_meetings *meetings, const meeting *met, uint32_t rank,
                           uint32_t *out_count)
{
    uint32_t place = rank > meetings->self ? 1 : 0;
    for (uint32_t i = 0; i < met->other_count; i++) {
        place += met->others[i] < rank ? 1 : 0;
    }
    *out_count = met->other_count + 1;
    return place;
}

/* The range of a sum that `rank` adds up; all of it where it is not cut. */
static stretch range_of(const gw_rank_meetings *meetings, const meeting *met, uint32_t rank)
{
    if (!is_cut(met)) {
        return (stretch){0, met->input_count};
    }
    uint32_t count;
    const uint32_t place = rank_place(meetings, met, rank, &count);
    const uint64_t first = met->input_count * place / count;
    return (stretch){first, met->input_count * (place + 1) / count - first};
}

static bool goes_in_blocks(const meeting *met)
{
    return met->operation->kind == GW_OPERATION_REDUCE_SCATTER ||
           met->operation->kind == GW_OPERATION_ALL_TO_ALL;
}

/* What member `source` has for the member at `target`: one stretch; where inputs do not go in
 * blocks it is the same for all members of a rank, and sent once. */
static stretch stretch_for(const gw_rank_meetings *meetings, const meeting *met, uint32_t source,
                           uint32_t target)
{
    const uint64_t block = met->input_count / met->member_count;
    switch (met->operation->kind) {
    case GW_OPERATION_ALL_REDUCE:
        return range_of(meetings, met, met->ranks[target]);
    case GW_OPERATION_REDUCE_SCATTER:
    case GW_OPERATION_ALL_TO_ALL:
        return (stretch){block * target, block};
    case GW_OPERATION_ALL_GATHER:
        return (stretch){0, met->input_count};
    case GW_OPERATION_BROADCAST:
        return (stretch){0, source == met->operation->root ? met->input_count : 0};
    case GW_OPERATION_PERMUTE: {
        const uint32_t goes_to =
            (uint32_t)(((uint64_t)source + met->operation->shift) % met->member_count);
        const bool is_there = met->ranks[goes_to] == met->ranks[target];
        return (stretch){0, is_there ? met->input_count : 0};
    }
    default:
        gw_check(!"a collective");
        return (stretch){0, 0};
    }
}

/* The next stretch that goes from `source` to `rank`, from *target on, which moves on. */
static bool next_stretch(const gw_rank_meetings *meetings, const meeting *met, uint32_t source,
                         uint32_t rank, uint32_t *target, stretch *out_stretch)
{
    while (*target < met->member_count && met->ranks[*target] != rank) {
        (*target)++;
    }
    if (*target == met->member_count) {
        return false;
    }
    *out_stretch = stretch_for(meetings, met, source, *target);
    *target = goes_in_blocks(met) ? *target + 1 : met->member_count;
    return true;
}

/* How many floats `source` has for `rank`, and, where they go in blocks, for its members before
 * `end`. */
static uint64_t count_floats(const gw_rank_meetings *meetings, const meeting *met, uint32_t source,
                             uint32_t rank, uint32_t end)
{
    uint64_t count = 0;
    stretch found;
    for (uint32_t target = 0;
         next_stretch(meetings, met, source, rank, &target, &found) && target <= end;) {
        count += found.count;
    }
    return count;
}

/* --- Parts --- */

static gw_packet *make_part(const meeting *met, bool is_result, uint64_t float_count)
{
    gw_packet *packet =
        gw_packet_new(GW_PACKET_PART, 0, 0, sizeof(gw_rank_part) + float_count * sizeof(float));
    gw_rank_part *part = (gw_rank_part *)(packet + 1);
    *part = (gw_rank_part){.gang = met->gang,
                           .operation_index = met->operation_index,
                           .group = met->group,
                           .is_result = is_result ? 1 : 0,
                           .float_count = float_count};
    return packet;
}

static float *floats_of(gw_packet *packet)
{
    return (float *)(void *)((gw_rank_part *)(packet + 1) + 1);
}

static uint64_t float_count_of(const gw_packet *packet)
{
    return ((const gw_rank_part *)gw_packet_body(packet))->float_count;
}

static void send_inputs(const gw_rank_meetings *meetings, const meeting *met, uint32_t rank)
{
    uint64_t float_count = 0;
    for (uint32_t p = 0; p < met->member_count; p++) {
        if (met->mine[p] != NULL) {
            float_count += count_floats(meetings, met, p, rank, met->member_count);
        }
    }
    gw_packet *packet = make_part(met, false, float_count);
    float *to = floats_of(packet);
    for (uint32_t p = 0; p < met->member_count; p++) {
        stretch found;
        uint32_t target = 0;
        while (met->mine[p] != NULL && next_stretch(meetings, met, p, rank, &target, &found)) {
            memcpy(to, met->mine[p] + found.first, found.count * sizeof(float));
            to += found.count;
        }
    }
    meetings->send(meetings->context, rank, packet);
}

/* Where this rank has what `source` has for the member at `target` here. */
static const float *input_for(const gw_rank_meetings *meetings, const meeting *met, uint32_t source,
                              uint32_t target)
{
    if (met->mine[source] != NULL) {
        return met->mine[source] + stretch_for(meetings, met, source, target).first;
    }
    const uint32_t rank = met->ranks[source];
    uint64_t skipped = 0;
    for (uint32_t p = 0; p < source; p++) {
        if (met->ranks[p] == rank) {
            skipped += count_floats(meetings, met, p, meetings->self, met->member_count);
        }
    }
    if (goes_in_blocks(met)) {
        skipped += count_floats(meetings, met, source, meetings->self, target);
    }
    return floats_of(met->inputs[rank]) + skipped;
}

/* --- What is done with them, by who leads --- */

static void sum_inputs(const gw_rank_meetings *meetings, const meeting *met, uint32_t target,
                       uint64_t count, float *to)
{
    memcpy(to, input_for(meetings, met, 0, target), count * sizeof(float));
    for (uint32_t p = 1; p < met->member_count; p++) {
        const float *from = input_for(meetings, met, p, target);
        for (uint64_t k = 0; k < count; k++) {
            to[k] += from[k];
        }
    }
}

static uint32_t first_here(const meeting *met)
{
    uint32_t p = 0;
    while (met->outputs[p] == NULL) {
        p++;
    }
    return p;
}

static void write_all(const meeting *met, uint64_t first, const float *from, uint64_t count)
{
    for (uint32_t p = 0; p < met->member_count; p++) {
        if (met->outputs[p] != NULL && met->outputs[p] + first != from) {
            memcpy(met->outputs[p] + first, from, count * sizeof(float));
        }
    }
}

/* This rank's range, or all.  What is summed in place is still to be read while sums are made. */
static void add_up(const gw_rank_meetings *meetings, const meeting *met)
{
    const uint32_t here = first_here(met);
    const stretch range = range_of(meetings, met, meetings->self);
    const bool is_in_place = met->outputs[here] == met->mine[here];
    g_autofree float *apart = is_in_place ? g_new(float, range.count) : NULL;
    float *to = is_in_place ? apart : met->outputs[here] + range.first;
    sum_inputs(meetings, met, here, range.count, to);
    write_all(met, range.first, to, range.count);
    for (uint32_t i = 0; is_cut(met) && i < met->other_count; i++) {
        gw_packet *packet = make_part(met, true, range.count);
        memcpy(floats_of(packet), to, range.count * sizeof(float));
        meetings->send(meetings->context, met->others[i], packet);
    }
}

static void fill_output(const gw_rank_meetings *meetings, const meeting *met, uint32_t target)
{
    const uint64_t block = met->input_count / met->member_count;
    const gw_operation *operation = met->operation;
    float *to = met->outputs[target];
    switch (operation->kind) {
    case GW_OPERATION_REDUCE_SCATTER:
        sum_inputs(meetings, met, target, block, to);
        return;
    case GW_OPERATION_ALL_GATHER:
        for (uint32_t p = 0; p < met->member_count; p++) {
            memcpy(to + p * met->input_count, input_for(meetings, met, p, target),
                   met->input_count * sizeof(float));
        }
        return;
    case GW_OPERATION_ALL_TO_ALL:
        for (uint32_t p = 0; p < met->member_count; p++) {
            memcpy(to + p * block, input_for(meetings, met, p, target), block * sizeof(float));
        }
        return;
    case GW_OPERATION_BROADCAST:
        memcpy(to, input_for(meetings, met, operation->root, target),
               met->input_count * sizeof(float));
        return;
    case GW_OPERATION_PERMUTE: {
        const uint32_t back = operation->shift % met->member_count;
        const uint32_t source = (target + met->member_count - back) % met->member_count;
        memcpy(to, input_for(meetings, met, source, target), met->input_count * sizeof(float));
        return;
    }
    default:
        gw_check(!"a collective");
    }
}

static void use_inputs(const gw_rank_meetings *meetings, const meeting *met)
{
    if (met->operation->kind == GW_OPERATION_ALL_REDUCE) {
        add_up(meetings, met);
        return;
    }
    for (uint32_t p = 0; p < met->member_count; p++) {
        if (met->outputs[p] != NULL) {
            fill_output(meetings, met, p);
        }
    }
}

static void use_results(const gw_rank_meetings *meetings, const meeting *met)
{
    for (uint32_t i = 0; i < met->other_count; i++) {
        const uint32_t rank = met->others[i];
        const stretch range = range_of(meetings, met, rank);
        gw_check(float_count_of(met->results[rank]) == range.count);
        write_all(met, range.first, floats_of(met->results[rank]), range.count);
    }
}

/* --- Meeting --- */

/* Under the lock, by who leads: until so many parts are there.  False: aborted. */
static bool await_parts(gw_rank_meetings *meetings, meeting *met, const uint32_t *packet_count)
{
    if (*packet_count < met->other_count) {
        met->awaited = packet_count;
        gw_activity_end(meetings->activity);
        while (met->awaited != NULL && !meetings->is_aborted) {
            pthread_cond_wait(&met->changed, &meetings->mutex);
        }
        if (met->awaited != NULL) { /* Else who brought the last one did. */
            gw_activity_begin(meetings->activity, 1);
            met->awaited = NULL;
        }
    }
    return *packet_count == met->other_count;
}

/* Under the lock, which is given up while floats are moved. */
static bool lead_meeting(gw_rank_meetings *meetings, meeting *met)
{
    pthread_mutex_unlock(&meetings->mutex);
    const uint64_t came_ns = gw_monotonic_ns();
    for (uint32_t i = 0; i < met->other_count; i++) {
        send_inputs(meetings, met, met->others[i]);
    }
    pthread_mutex_lock(&meetings->mutex);
    if (!await_parts(meetings, met, &met->input_packets)) {
        return false;
    }
    met->last_ns = MAX(met->last_ns, came_ns);
    pthread_mutex_unlock(&meetings->mutex);
    use_inputs(meetings, met);
    pthread_mutex_lock(&meetings->mutex);
    if (is_cut(met)) {
        if (!await_parts(meetings, met, &met->result_packets)) {
            return false;
        }
        pthread_mutex_unlock(&meetings->mutex);
        use_results(meetings, met);
        pthread_mutex_lock(&meetings->mutex);
    }
    met->is_done = true;
    gw_activity_begin(meetings->activity, met->here_count - 1);
    pthread_cond_broadcast(&met->changed);
    return true;
}

/* Under the lock. */
static void follow_meeting(gw_rank_meetings *meetings, meeting *met)
{
    gw_activity_end(meetings->activity);
    while (!met->is_done && !meetings->is_aborted) {
        pthread_cond_wait(&met->changed, &meetings->mutex);
    }
    if (!met->is_done) {
        gw_activity_begin(meetings->activity, 1);
    }
}

bool gw_rank_meetings_join(gw_rank_meetings *meetings, const gw_cpu_member *member,
                           const uint32_t *ranks, uint64_t *out_last_ns)
{
    pthread_mutex_lock(&meetings->mutex);
    meeting *met = find_or_open(meetings, member->gang, member->operation_index, member->group);
    if (met->member_count == 0) {
        describe_group(meetings, met, member, ranks);
    }
    enter_meeting(met, member);
    if (met->arrived_count == met->here_count) {
        lead_meeting(meetings, met);
    } else {
        follow_meeting(meetings, met);
    }
    const bool is_done = met->is_done;
    *out_last_ns = met->last_ns;
    met->present_count--;
    if (met->present_count == 0 && is_done) {
        close_meeting(meetings, met);
    }
    pthread_mutex_unlock(&meetings->mutex);
    return is_done;
}

void gw_rank_meetings_take(gw_rank_meetings *meetings, uint32_t source, gw_packet *packet)
{
    const gw_rank_part *part = gw_packet_body(packet);
    gw_check(source < meetings->rank_count);
    pthread_mutex_lock(&meetings->mutex);
    meeting *met = find_or_open(meetings, part->gang, part->operation_index, part->group);
    gw_packet **all = part->is_result != 0 ? met->results : met->inputs;
    uint32_t *count = part->is_result != 0 ? &met->result_packets : &met->input_packets;
    gw_check(all[source] == NULL);
    all[source] = packet;
    (*count)++;
    if (part->is_result == 0) {
        met->last_ns = gw_monotonic_ns();
    }
    if (met->awaited == count && *count == met->other_count) {
        met->awaited = NULL;
        gw_activity_begin(meetings->activity, 1);
        pthread_cond_broadcast(&met->changed);
    }
    pthread_mutex_unlock(&meetings->mutex);
}

void gw_rank_meetings_abort(gw_rank_meetings *meetings)
{
    pthread_mutex_lock(&meetings->mutex);
    meetings->is_aborted = true;
    for (meeting *met = meetings->open; met != NULL; met = met->next) {
        pthread_cond_broadcast(&met->changed);
    }
    pthread_mutex_unlock(&meetings->mutex);
}

void gw_rank_meetings_explain(gw_rank_meetings *meetings, GString *out)
{
    pthread_mutex_lock(&meetings->mutex);
    for (const meeting *met = meetings->open; met != NULL; met = met->next) {
        if (met->member_count == 0) {
            continue;
        }
        g_string_append_printf(
            out, "gang %" G_GUINT64_FORMAT ", %s: %u of %u members here have come", met->gang,
            gw_operation_name(met->operation->kind), met->arrived_count, met->here_count);
        for (uint32_t i = 0; i < met->other_count; i++) {
            if (met->inputs[met->others[i]] == NULL) {
                g_string_append_printf(out, ", waits for rank %u", met->others[i]);
            }
        }
        g_string_append_c(out, '\n');
    }
    pthread_mutex_unlock(&meetings->mutex);
}
