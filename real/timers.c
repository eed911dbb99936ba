/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap.  Cancelling searches it: a node has few timers at a time. */
#include "real/timers.h"

#include "base/check.h"

#define TIMERS_MAX (UINT32_C(1) << 24)

void gw_timers_clear(gw_timers *timers)
{
    g_free(timers->heap);
    *timers = (gw_timers){0};
}

static bool is_before(const gw_timer *a, const gw_timer *b)
{
    return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->order < b->order);
}

static void swap_timers(gw_timer *a, gw_timer *b)
{
    const gw_timer held = *a;
    *a = *b;
    *b = held;
}

static void move_up(gw_timers *timers, uint32_t index)
{
    while (index > 0 && is_before(&timers->heap[index], &timers->heap[(index - 1) / 2])) {
        swap_timers(&timers->heap[index], &timers->heap[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
}

static void move_down(gw_timers *timers, uint32_t index)
{
    for (;;) {
        uint32_t first = index;
        for (uint32_t child = 2 * index + 1; child <= 2 * index + 2; child++) {
            if (child < timers->count && is_before(&timers->heap[child], &timers->heap[first])) {
                first = child;
            }
        }
        if (first == index) {
            return;
        }
        swap_timers(&timers->heap[index], &timers->heap[first]);
        index = first;
    }
}

static void add_timer(gw_timers *timers, const gw_timer *timer)
{
    if (timers->count == timers->capacity) {
        gw_check(timers->capacity < TIMERS_MAX);
        timers->capacity = timers->capacity == 0 ? 4 : timers->capacity * 2;
        timers->heap = g_renew(gw_timer, timers->heap, timers->capacity);
    }
    timers->heap[timers->count] = *timer;
    timers->count++;
    timers->watch_count += timer->is_watch;
    move_up(timers, timers->count - 1);
}

void gw_timers_set(gw_timers *timers, gw_node_id node, gw_time due_ns, gw_tag tag)
{
    add_timer(timers, &(gw_timer){due_ns, timers->next_order++, node, tag, false});
}

void gw_timers_watch(gw_timers *timers, gw_node_id node, gw_time due_ns, gw_tag tag)
{
    add_timer(timers, &(gw_timer){due_ns, timers->next_order++, node, tag, true});
}

static void remove_at(gw_timers *timers, uint32_t index)
{
    timers->count--;
    timers->watch_count -= timers->heap[index].is_watch;
    if (index < timers->count) {
        timers->heap[index] = timers->heap[timers->count];
        move_up(timers, index);
        move_down(timers, index);
    }
}

void gw_timers_cancel(gw_timers *timers, gw_node_id node, gw_tag tag)
{
    for (uint32_t i = 0; i < timers->count;) {
        if (timers->heap[i].node.index == node.index && timers->heap[i].tag.value == tag.value) {
            remove_at(timers, i);
            i = 0; /* The heap has moved. */
        } else {
            i++;
        }
    }
}

gw_time gw_timers_next_ns(const gw_timers *timers)
{
    return timers->count == 0 ? GW_TIME_NEVER : timers->heap[0].due_ns;
}

bool gw_timers_take(gw_timers *timers, gw_time now_ns, gw_timer *out_timer)
{
    if (timers->count == 0 || timers->heap[0].due_ns > now_ns) {
        return false;
    }
    *out_timer = timers->heap[0];
    remove_at(timers, 0);
    return true;
}
