/* SPDX-License-Identifier: Apache-2.0 */
/* The last member to come cuts the work into pieces: a range of elements to sum, or one member's
 * rows to hand out.  Whoever is awake takes the next piece until none is left, so a small
 * collective is done by the last member alone before the others have woken up, and a large one by
 * as many as there are cores.  Each piece is written to all outputs by one thread, which is why
 * nobody waits between summing and sharing out.  Meetings lie in lists by hash, each list with a
 * lock; a meeting that is over is kept for the next one. */
#include "real/cpu_collective.h"

#include <string.h>

#include "base/check.h"

#define LIST_COUNT     64
#define PIECE_ELEMENTS 8192 /* 32 KiB of float: a first-level cache's worth. */

typedef struct meeting meeting;
struct meeting {
    meeting *next;
    uint64_t gang;
    uint32_t operation_index, group, member_count;
    const gw_operation *operation;
    uint64_t input_count;
    uint32_t arrived_count, present_count;
    uint64_t piece_count, taken_count, done_count;
    uint64_t last_ns;
    bool is_complete, is_done;
    const float **inputs; /* By position; NULL: has not come. */
    float **outputs;
    uint32_t capacity;
    pthread_cond_t changed;
};

typedef struct {
    pthread_mutex_t mutex;
    meeting *open, *spare;
} meeting_list;

struct gw_cpu_meetings {
    gw_activity *activity;
    atomic_bool is_aborted; /* Set under every list's lock in turn. */
    meeting_list lists[LIST_COUNT];
};

gw_cpu_meetings *gw_cpu_meetings_new(gw_activity *activity)
{
    gw_cpu_meetings *meetings = g_new0(gw_cpu_meetings, 1);
    meetings->activity = activity;
    atomic_init(&meetings->is_aborted, false);
    for (uint32_t i = 0; i < LIST_COUNT; i++) {
        pthread_mutex_init(&meetings->lists[i].mutex, NULL);
    }
    return meetings;
}

static void free_chain(meeting *first)
{
    while (first != NULL) {
        meeting *next = first->next;
        pthread_cond_destroy(&first->changed);
        g_free(first->inputs);
        g_free(first->outputs);
        g_free(first);
        first = next;
    }
}

void gw_cpu_meetings_free(gw_cpu_meetings *meetings)
{
    if (meetings == NULL) {
        return;
    }
    for (uint32_t i = 0; i < LIST_COUNT; i++) {
        free_chain(meetings->lists[i].open);
        free_chain(meetings->lists[i].spare);
        pthread_mutex_destroy(&meetings->lists[i].mutex);
    }
    g_free(meetings);
}

static meeting_list *list_of(gw_cpu_meetings *meetings, uint64_t gang, uint32_t operation_index,
                             uint32_t group)
{
    const uint64_t mixed = gang * 31 + operation_index * UINT64_C(7) + group;
    return &meetings->lists[mixed % LIST_COUNT];
}

static meeting *find_meeting(const meeting_list *list, uint64_t gang, uint32_t operation_index,
                             uint32_t group)
{
    meeting *found = list->open;
    while (found != NULL && (found->gang != gang || found->operation_index != operation_index ||
                             found->group != group)) {
        found = found->next;
    }
    return found;
}

static meeting *open_meeting(meeting_list *list, const gw_cpu_member *member)
{
    meeting *opened = list->spare;
    if (opened == NULL) {
        opened = g_new0(meeting, 1);
        pthread_cond_init(&opened->changed, NULL);
    } else {
        list->spare = opened->next;
    }
    if (opened->capacity < member->member_count) {
        opened->capacity = member->member_count;
        opened->inputs = g_renew(const float *, opened->inputs, opened->capacity);
        opened->outputs = g_renew(float *, opened->outputs, opened->capacity);
    }
    opened->gang = member->gang;
    opened->operation_index = member->operation_index;
    opened->group = member->group;
    opened->member_count = member->member_count;
    opened->operation = member->operation;
    opened->input_count = member->input_count;
    opened->arrived_count = opened->present_count = 0;
    opened->piece_count = opened->taken_count = opened->done_count = 0;
    opened->is_complete = opened->is_done = false;
    memset(opened->inputs, 0, sizeof(*opened->inputs) * opened->member_count);
    opened->next = list->open;
    list->open = opened;
    return opened;
}

static void close_meeting(meeting_list *list, meeting *closed)
{
    meeting **link = &list->open;
    while (*link != closed) {
        link = &(*link)->next;
    }
    *link = closed->next;
    closed->next = list->spare;
    list->spare = closed;
}

/* At least one, also of nothing, so that every meeting has something that ends it. */
static uint64_t pieces_of(uint64_t element_count)
{
    return element_count == 0 ? 1 : (element_count + PIECE_ELEMENTS - 1) / PIECE_ELEMENTS;
}

static uint64_t count_pieces(const meeting *met)
{
    switch (met->operation->kind) {
    case GW_OPERATION_ALL_REDUCE:
        return pieces_of(met->input_count);
    case GW_OPERATION_REDUCE_SCATTER:
        return pieces_of(met->input_count / met->member_count) * met->member_count;
    default:
        return met->member_count;
    }
}

static void sum_range(const meeting *met, uint64_t first, uint64_t count, float *to)
{
    if (to != met->inputs[0] + first) { /* Else it is in place. */
        memcpy(to, met->inputs[0] + first, count * sizeof(float));
    }
    for (uint32_t i = 1; i < met->member_count; i++) {
        const float *from = met->inputs[i] + first;
        for (uint64_t k = 0; k < count; k++) {
            to[k] += from[k];
        }
    }
}

static void run_all_reduce(const meeting *met, uint64_t piece)
{
    const uint64_t first = piece * PIECE_ELEMENTS;
    const uint64_t count = MIN(met->input_count - first, PIECE_ELEMENTS);
    sum_range(met, first, count, met->outputs[0] + first);
    for (uint32_t i = 1; i < met->member_count; i++) {
        memcpy(met->outputs[i] + first, met->outputs[0] + first, count * sizeof(float));
    }
}

static void run_reduce_scatter(const meeting *met, uint64_t piece)
{
    const uint64_t block_count = met->input_count / met->member_count;
    const uint64_t pieces = pieces_of(block_count);
    const uint64_t target = piece / pieces;
    const uint64_t first = piece % pieces * PIECE_ELEMENTS;
    const uint64_t count = MIN(block_count - first, PIECE_ELEMENTS);
    sum_range(met, target * block_count + first, count, met->outputs[target] + first);
}

static void run_all_gather(const meeting *met, uint64_t source)
{
    for (uint32_t i = 0; i < met->member_count; i++) {
        memcpy(met->outputs[i] + source * met->input_count, met->inputs[source],
               met->input_count * sizeof(float));
    }
}

static void run_all_to_all(const meeting *met, uint64_t source)
{
    const uint64_t block_count = met->input_count / met->member_count;
    for (uint32_t i = 0; i < met->member_count; i++) {
        memcpy(met->outputs[i] + source * block_count, met->inputs[source] + i * block_count,
               block_count * sizeof(float));
    }
}

static void run_broadcast(const meeting *met, uint64_t target)
{
    memcpy(met->outputs[target], met->inputs[met->operation->root],
           met->input_count * sizeof(float));
}

static void run_permute(const meeting *met, uint64_t source)
{
    const uint64_t target = (source + met->operation->shift) % met->member_count;
    memcpy(met->outputs[target], met->inputs[source], met->input_count * sizeof(float));
}

static void run_piece(const meeting *met, uint64_t piece)
{
    switch (met->operation->kind) {
    case GW_OPERATION_ALL_REDUCE:
        run_all_reduce(met, piece);
        return;
    case GW_OPERATION_REDUCE_SCATTER:
        run_reduce_scatter(met, piece);
        return;
    case GW_OPERATION_ALL_GATHER:
        run_all_gather(met, piece);
        return;
    case GW_OPERATION_ALL_TO_ALL:
        run_all_to_all(met, piece);
        return;
    case GW_OPERATION_BROADCAST:
        run_broadcast(met, piece);
        return;
    case GW_OPERATION_PERMUTE:
        run_permute(met, piece);
        return;
    default:
        gw_check(!"a collective");
    }
}

static void enter_meeting(meeting *met, const gw_cpu_member *member)
{
    gw_check(met->operation == member->operation);
    gw_check(met->member_count == member->member_count);
    gw_check(met->input_count == member->input_count);
    gw_check(member->position < met->member_count);
    gw_check(met->inputs[member->position] == NULL); /* Each comes once. */
    met->inputs[member->position] = member->input;
    met->outputs[member->position] = member->output;
    met->arrived_count++;
    met->present_count++;
}

/* Under the list's lock: until the last member is there, which it may be itself. */
static void wait_for_members(gw_cpu_meetings *meetings, meeting_list *list, meeting *met)
{
    if (met->arrived_count == met->member_count) {
        met->last_ns = gw_monotonic_ns();
        met->is_complete = true;
        met->piece_count = count_pieces(met);
        gw_activity_begin(meetings->activity, met->member_count - 1);
        if (met->piece_count > 1) {
            pthread_cond_broadcast(&met->changed);
        }
        return;
    }
    gw_activity_end(meetings->activity);
    while (!met->is_complete && !atomic_load(&meetings->is_aborted)) {
        pthread_cond_wait(&met->changed, &list->mutex);
    }
    if (!met->is_complete) {
        gw_activity_begin(meetings->activity, 1);
    }
}

/* Under the list's lock, which is given up while a piece is worked on.  True: this thread did the
 * last one, and the others are to be woken. */
static bool share_work(gw_cpu_meetings *meetings, meeting_list *list, meeting *met)
{
    while (!met->is_done && !atomic_load(&meetings->is_aborted)) {
        if (met->taken_count == met->piece_count) {
            pthread_cond_wait(&met->changed, &list->mutex);
            continue;
        }
        const uint64_t piece = met->taken_count++;
        pthread_mutex_unlock(&list->mutex);
        run_piece(met, piece);
        pthread_mutex_lock(&list->mutex);
        met->done_count++;
        if (met->done_count == met->piece_count) {
            met->is_done = true;
            return true;
        }
    }
    return false;
}

bool gw_cpu_meetings_join(gw_cpu_meetings *meetings, const gw_cpu_member *member,
                          uint64_t *out_last_ns)
{
    meeting_list *list = list_of(meetings, member->gang, member->operation_index, member->group);
    pthread_mutex_lock(&list->mutex);
    meeting *met = find_meeting(list, member->gang, member->operation_index, member->group);
    if (met == NULL) {
        met = open_meeting(list, member);
    }
    enter_meeting(met, member);
    wait_for_members(meetings, list, met);
    bool wakes_others = false;
    if (met->is_complete) {
        wakes_others = share_work(meetings, list, met);
        *out_last_ns = met->last_ns;
    }
    const bool is_done = met->is_done;
    met->present_count--;
    if (met->present_count == 0) {
        close_meeting(list, met);
    }
    pthread_mutex_unlock(&list->mutex);
    /* After the lock: they would wake only to wait for that.  If the meeting is another one by
     * now, its members look again and sleep on. */
    if (wakes_others) {
        pthread_cond_broadcast(&met->changed);
    }
    return is_done;
}

void gw_cpu_meetings_abort(gw_cpu_meetings *meetings)
{
    atomic_store(&meetings->is_aborted, true);
    for (uint32_t i = 0; i < LIST_COUNT; i++) {
        meeting_list *list = &meetings->lists[i];
        pthread_mutex_lock(&list->mutex);
        for (meeting *met = list->open; met != NULL; met = met->next) {
            pthread_cond_broadcast(&met->changed);
        }
        pthread_mutex_unlock(&list->mutex);
    }
}

bool gw_cpu_meetings_missing(gw_cpu_meetings *meetings, uint64_t gang, uint32_t operation_index,
                             uint32_t group, uint32_t member_count, bool *out_is_missing)
{
    meeting_list *list = list_of(meetings, gang, operation_index, group);
    pthread_mutex_lock(&list->mutex);
    const meeting *met = find_meeting(list, gang, operation_index, group);
    if (met != NULL) {
        gw_check(met->member_count == member_count);
        for (uint32_t i = 0; i < member_count; i++) {
            out_is_missing[i] = met->inputs[i] == NULL;
        }
    }
    pthread_mutex_unlock(&list->mutex);
    return met != NULL;
}
