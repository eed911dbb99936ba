/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives that share links with others.  What may meet somebody on its way (crossings.h) begins
 * when its time has come and not before.  If nobody is on its links, it goes in closed form and
 * watches them; when somebody comes, what is left of it is played from there on, as transfers
 * among the others.  If somebody is there already, all of it is played.
 *
 * A watch is a record in the list of each of its links.  The fabric tells who comes while it starts
 * a transfer, so what is watched is woken by an event of the same instant.  Groups of one track
 * do not wake each other: their closed forms know of each other.  When one of them is played, it
 * wakes those that it shares links with. */
#include <string.h>

#include "accel/collective_play.h"
#include "accel/crossings.h"
#include "accel/device_private.h"
#include "base/check.h"

typedef struct {
    gw_device_work work;
    gw_time begun_ns, due_ns; /* Alone. */
    gw_span span_ns;
    gw_event_id event;    /* Its end, while it watches. */
    uint32_t first_watch; /* Its records, one for each link; GW_INDEX_NONE: it watches none. */
    gw_rounds *rest;      /* What is played of it; NULL: all. */
} live_collective;

typedef struct { /* Of one link. */
    uint32_t live, next, previous;
} link_watch;

struct gw_watches {
    uint32_t *first_watch; /* By link: list in `watches`. */
    link_watch *watches;
    uint32_t capacity;
    gw_blocks blocks;
};

static void fire_start(gw_engine *engine, void *subject, uint64_t argument);
static void fire_watch(gw_engine *engine, void *subject, uint64_t argument);
static void fire_end(gw_engine *engine, void *subject, uint64_t argument);
static void fire_wake(gw_engine *engine, void *subject, uint64_t argument);

static const gw_event_kind start_kind = {.name = "collective.start", .fire = fire_start};
static const gw_event_kind watch_kind = {.name = "collective.watch", .fire = fire_watch};
static const gw_event_kind end_kind = {.name = "collective.end", .fire = fire_end};
static const gw_event_kind wake_kind = {.name = "collective.wake", .fire = fire_wake};

/* --- Life --- */

static void wake_watchers(void *owner, uint32_t link);
static void end_played(void *owner, uint64_t tag);

void gw_devices_open_plays(gw_devices *devices)
{
    devices->player = gw_player_new(devices->fabric, end_played, devices);
    gw_pool_init(&devices->playing, sizeof(live_collective));
    if (!devices->cluster->spec->watches_collectives) {
        return;
    }
    const uint32_t link_count = gw_fabric_link_count(devices->fabric);
    devices->watches = g_new0(gw_watches, 1);
    devices->watches->first_watch = g_new(uint32_t, link_count);
    memset(devices->watches->first_watch, 0xff, link_count * sizeof(uint32_t)); /* INDEX_NONE */
    gw_blocks_init(&devices->watches->blocks);
    gw_fabric_watch(devices->fabric, devices->watches->first_watch, wake_watchers, devices);
}

static live_collective *live_at(const gw_devices *devices, uint32_t slot)
{
    return gw_pool_at(&devices->playing, slot);
}

static uint32_t take_live(gw_devices *devices, gw_device_work work, gw_time begun_ns)
{
    const uint32_t slot = gw_pool_take(&devices->playing);
    *live_at(devices, slot) = (live_collective){
        .work = work, .begun_ns = begun_ns, .due_ns = begun_ns, .first_watch = GW_INDEX_NONE};
    return slot;
}

void gw_devices_close_plays(gw_devices *devices)
{
    gw_player_free(devices->player);
    for (uint32_t i = 0; i < devices->playing.used_count; i++) {
        gw_rounds_free(live_at(devices, i)->rest); /* The run has ended before it. */
    }
    gw_pool_clear(&devices->playing);
    if (devices->watches != NULL) {
        gw_blocks_clear(&devices->watches->blocks);
        g_free(devices->watches->first_watch);
        g_free(devices->watches->watches);
        g_free(devices->watches);
    }
}

/* --- What it is --- */

static const gw_gang_stage *stage_of(const gw_devices *devices, const gw_device_work *work)
{
    return &gw_devices_gang(devices, work->gang)->plan->stages[work->stage];
}

static gw_timing_play *play_of(const gw_devices *devices, const gw_device_work *work)
{
    const gw_gang_plan *plan = gw_devices_gang(devices, work->gang)->plan;
    return plan->plays == NULL
               ? NULL
               : g_ptr_array_index(plan->plays, plan->stages[work->stage].first_play + work->group);
}

static const uint32_t *members_of(const gw_devices *devices, const gw_device_work *work)
{
    const gw_gang_groups *groups = stage_of(devices, work)->groups;
    return &groups->devices[work->group * groups->group_size];
}

/* The links that it goes over. */
static const GArray *links_of(const gw_devices *devices, const gw_device_work *work)
{
    return stage_of(devices, work)->groups->track->links[work->group];
}

/* What is watched has rounds from when they are needed on.  False: it goes over no link. */
static bool ask_rounds(const gw_devices *devices, const gw_device_work *work)
{
    gw_timing_play *play = play_of(devices, work);
    if (play->rounds == NULL) {
        const gw_collective collective = {
            .kind = play->kind,
            .size_bytes = play->size_bytes,
            .member_count = stage_of(devices, work)->groups->group_size,
            .devices = members_of(devices, work),
            .shift = play->shift,
        };
        play->rounds = gw_collective_play(devices->cluster, &collective, &play->lead_ns);
        play->alone_ns =
            play->rounds == NULL
                ? 0
                : play->lead_ns + gw_rounds_ns(play->rounds, devices->cluster, collective.devices);
    }
    return play->rounds != NULL;
}

/* --- Watching --- */

static void watch_links(gw_devices *devices, uint32_t slot)
{
    gw_watches *watches = devices->watches;
    live_collective *live = live_at(devices, slot);
    const GArray *links = links_of(devices, &live->work);
    const uint32_t first = gw_blocks_take(&watches->blocks, links->len);
    if (watches->blocks.used_count > watches->capacity) {
        watches->capacity = MAX(2 * watches->capacity, watches->blocks.used_count);
        watches->watches = g_renew(link_watch, watches->watches, watches->capacity);
    }
    for (uint32_t i = 0; i < links->len; i++) {
        uint32_t *head = &watches->first_watch[g_array_index(links, uint32_t, i)];
        watches->watches[first + i] = (link_watch){slot, *head, GW_INDEX_NONE};
        if (*head != GW_INDEX_NONE) {
            watches->watches[*head].previous = first + i;
        }
        *head = first + i;
    }
    live->first_watch = first;
}

static void leave_links(gw_devices *devices, uint32_t slot)
{
    gw_watches *watches = devices->watches;
    live_collective *live = live_at(devices, slot);
    const GArray *links = links_of(devices, &live->work);
    for (uint32_t i = 0; i < links->len; i++) {
        const link_watch *watch = &watches->watches[live->first_watch + i];
        if (watch->next != GW_INDEX_NONE) {
            watches->watches[watch->next].previous = watch->previous;
        }
        if (watch->previous != GW_INDEX_NONE) {
            watches->watches[watch->previous].next = watch->next;
        } else {
            watches->first_watch[g_array_index(links, uint32_t, i)] = watch->next;
        }
    }
    gw_blocks_give(&watches->blocks, live->first_watch, links->len);
    live->first_watch = GW_INDEX_NONE;
}

/* Both are of the same groups, and members wait for both, or overlap both: they go side by side as
 * the closed form has it, where it has those that are there. */
static bool are_beside(const gw_devices *devices, const gw_device_work *one,
                       const gw_device_work *other)
{
    const gw_gang_stage *a = stage_of(devices, one), *b = stage_of(devices, other);
    return a->groups->track == b->groups->track && a->kind == b->kind &&
           !a->groups->track->is_unlike;
}

/* Somebody is on one of its links whom its closed form does not know of. */
static bool is_met(const gw_devices *devices, const gw_device_work *work)
{
    const gw_watches *watches = devices->watches;
    const GArray *links = links_of(devices, work);
    for (uint32_t i = 0; i < links->len; i++) {
        const uint32_t link = g_array_index(links, uint32_t, i);
        if (gw_fabric_is_taken(devices->fabric, link)) {
            return true;
        }
        for (uint32_t k = watches->first_watch[link]; k != GW_INDEX_NONE;
             k = watches->watches[k].next) {
            if (!are_beside(devices, work, &live_at(devices, watches->watches[k].live)->work)) {
                return true;
            }
        }
    }
    return false;
}

/* Somebody comes to the link.  What is to end in this very instant ends. */
static void wake_watchers(void *owner, uint32_t link)
{
    gw_devices *devices = owner;
    const gw_watches *watches = devices->watches;
    const gw_time now_ns = gw_engine_now(devices->engine);
    for (uint32_t i = watches->first_watch[link]; i != GW_INDEX_NONE;
         i = watches->watches[i].next) {
        const uint32_t slot = watches->watches[i].live;
        live_collective *live = live_at(devices, slot);
        if (live->due_ns > now_ns && gw_engine_withdraw(devices->engine, live->event)) {
            live->due_ns = now_ns; /* It is awake. */
            gw_engine_post(devices->engine, now_ns, &wake_kind, devices, slot);
        }
    }
}

/* --- Playing --- */

static void start_later(gw_devices *devices, uint32_t slot)
{
    const live_collective *live = live_at(devices, slot);
    const gw_time lead_end_ns = live->begun_ns + play_of(devices, &live->work)->lead_ns;
    gw_engine_post(devices->engine, MAX(lead_end_ns, gw_engine_now(devices->engine)), &start_kind,
                   devices, slot);
}

static void fire_start(gw_engine *engine, void *subject, uint64_t argument)
{
    (void)engine;
    gw_devices *devices = subject;
    const live_collective *live = live_at(devices, (uint32_t)argument);
    gw_player_begin(devices->player, play_of(devices, &live->work)->rounds,
                    members_of(devices, &live->work), argument);
}

static void fire_watch(gw_engine *engine, void *subject, uint64_t argument)
{
    gw_devices *devices = subject;
    const uint32_t slot = (uint32_t)argument;
    live_collective *live = live_at(devices, slot);
    const gw_gang_stage *stage = stage_of(devices, &live->work);
    const bool is_unlike = stage->groups->track->is_unlike;
    const bool is_played = is_met(devices, &live->work);
    if ((is_played || is_unlike) && ask_rounds(devices, &live->work) && is_played) {
        start_later(devices, slot);
        return;
    }
    live->span_ns =
        is_unlike ? play_of(devices, &live->work)->alone_ns : stage->span_ns[live->work.group];
    live->due_ns = live->begun_ns + live->span_ns;
    live->event = gw_engine_post(engine, live->due_ns, &end_kind, devices, slot);
    watch_links(devices, slot);
}

static void end_live(gw_devices *devices, uint32_t slot)
{
    const gw_time now_ns = gw_engine_now(devices->engine);
    live_collective *live = live_at(devices, slot);
    const gw_device_work work = live->work;
    g_clear_pointer(&live->rest, gw_rounds_free);
    gw_pool_give(&devices->playing, slot);
    gw_devices_end_group(devices, work, now_ns, now_ns);
    gw_devices_do_works(devices, now_ns);
}

static void fire_end(gw_engine *engine, void *subject, uint64_t argument)
{
    (void)engine;
    leave_links(subject, (uint32_t)argument);
    end_live(subject, (uint32_t)argument);
}

static void end_played(void *owner, uint64_t tag)
{
    end_live(owner, (uint32_t)tag);
}

/* It has been alone until now. */
static void fire_wake(gw_engine *engine, void *subject, uint64_t argument)
{
    gw_devices *devices = subject;
    const uint32_t slot = (uint32_t)argument;
    live_collective *live = live_at(devices, slot);
    const gw_span span_ns = live->span_ns;
    const gw_time now_ns = gw_engine_now(engine);
    leave_links(devices, slot);
    gw_check(ask_rounds(devices, &live->work)); /* It has links. */
    gw_timing_play *play = play_of(devices, &live->work);
    const gw_time lead_end_ns = live->begun_ns + play->lead_ns;
    if (now_ns <= lead_end_ns) {
        start_later(devices, slot);
        return;
    }
    const gw_span played_ns = span_ns > play->lead_ns ? span_ns - play->lead_ns : 1;
    const uint32_t *members = members_of(devices, &live->work);
    if (play->steps_ns == NULL) {
        play->steps_ns = gw_rounds_steps_ns(play->rounds, devices->cluster, members);
    }
    live->rest = gw_rounds_rest(play->rounds, devices->cluster, members, play->steps_ns,
                                play->alone_ns - play->lead_ns,
                                (double)(now_ns - lead_end_ns) / (double)played_ns);
    gw_player_begin(devices->player, live->rest, members, slot);
}

bool gw_devices_play(gw_devices *devices, gw_device_work work, gw_time begun_ns, gw_time now_ns)
{
    const gw_timing_play *play = play_of(devices, &work);
    if (play == NULL) {
        return false;
    }
    if (play->is_watched && !gw_track_is_watched(stage_of(devices, &work)->groups->track)) {
        return false; /* Who might have come when its gang was launched is there, and elsewhere. */
    }
    const uint32_t slot = take_live(devices, work, begun_ns);
    if (play->is_watched) {
        gw_engine_post(devices->engine, MAX(begun_ns, now_ns), &watch_kind, devices, slot);
    } else {
        gw_engine_post(devices->engine, MAX(begun_ns + play->lead_ns, now_ns), &start_kind, devices,
                       slot);
    }
    return true;
}
