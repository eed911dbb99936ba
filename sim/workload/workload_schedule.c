/* SPDX-License-Identifier: Apache-2.0 */
/* What holds of every schedule, whoever made it.  Arrays "by pass" have a row per place of the
 * pipeline and an entry per micro-batch. */
#include "workload/workload_schedule.h"

#include "base/check.h"
#include "base/error.h"

gw_workload_schedule *gw_workload_schedule_new(const gw_schedule_request *request,
                                               uint32_t slots_per_stage)
{
    const uint32_t stage_count = request->stage_count;
    gw_check(stage_count > 0 && request->microbatch_count > 0 && request->chunk_count > 0);
    gw_workload_schedule *schedule = g_new0(gw_workload_schedule, 1);
    schedule->stage_count = stage_count;
    schedule->microbatch_count = request->microbatch_count;
    schedule->chunk_count = request->chunk_count;
    schedule->slots = g_new0(gw_slot, (size_t)stage_count * slots_per_stage);
    schedule->first_slot = g_new0(uint32_t, stage_count + 1);
    for (uint32_t stage = 0; stage < stage_count; stage++) {
        schedule->first_slot[stage + 1] = schedule->first_slot[stage] + slots_per_stage;
    }
    return schedule;
}

void gw_workload_schedule_free(gw_workload_schedule *schedule)
{
    if (schedule == NULL) {
        return;
    }
    g_free(schedule->slots);
    g_free(schedule->first_slot);
    g_free(schedule->source);
    g_free(schedule);
}

/* --- Slots --- */

static const char *name_kind(gw_slot_kind kind)
{
    static const char *const names[] = {[GW_SLOT_FORWARD] = "F",
                                        [GW_SLOT_BACKWARD] = "BW",
                                        [GW_SLOT_INPUTS] = "B",
                                        [GW_SLOT_WEIGHTS] = "W"};
    return names[kind];
}

char *gw_workload_slot_describe(const gw_workload_schedule *schedule, uint32_t stage,
                                const gw_slot *slot)
{
    g_autofree char *chunk =
        schedule->chunk_count > 1 ? g_strdup_printf(" of chunk %u", slot->chunk) : g_strdup("");
    g_autofree char *line = slot->line > 0 ? g_strdup_printf(" (line %u)", slot->line) : NULL;
    return g_strdup_printf("%s %u%s on stage %u%s", name_kind(slot->kind), slot->microbatch, chunk,
                           stage, line != NULL ? line : "");
}

static gw_span share_ns(gw_span whole_ns, uint32_t chunk, uint32_t chunk_count)
{
    return whole_ns * (chunk + 1) / chunk_count - whole_ns * chunk / chunk_count;
}

static gw_span time_ns(const gw_workload_schedule *schedule, const gw_stage_times *times,
                       gw_slot_kind kind, uint32_t chunk)
{
    const uint32_t count = schedule->chunk_count;
    gw_span whole_ns = times->forward_ns;
    if (kind == GW_SLOT_BACKWARD) {
        whole_ns = times->backward_ns;
    } else if (kind == GW_SLOT_WEIGHTS) {
        whole_ns = times->weight_ns;
    } else if (kind == GW_SLOT_INPUTS) {
        whole_ns = times->backward_ns - times->weight_ns;
    }
    return share_ns(whole_ns, chunk, count);
}

gw_span gw_workload_slot_ns(const gw_workload_schedule *schedule, const gw_stage_times *times,
                            const gw_slot *slot)
{
    return time_ns(schedule, times, slot->kind, slot->chunk);
}

bool gw_workload_slot_waits(const gw_workload_schedule *schedule, uint32_t stage,
                            const gw_slot *slot)
{
    const bool is_forward = slot->kind == GW_SLOT_FORWARD;
    const uint32_t last_stage = schedule->stage_count - 1, last_chunk = schedule->chunk_count - 1;
    if (slot->kind == GW_SLOT_WEIGHTS || stage != (is_forward ? 0 : last_stage)) {
        return slot->kind != GW_SLOT_WEIGHTS;
    }
    return slot->chunk != (is_forward ? 0 : last_chunk) &&
           (!schedule->wraps_early || slot->microbatch % schedule->stage_count == 0);
}

/* --- Checking --- */

static void set_slot_error(const gw_workload_schedule *schedule, uint32_t stage,
                           const gw_slot *slot, const char *what, GError **error)
{
    g_autofree char *words = gw_workload_slot_describe(schedule, stage, slot);
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO, "%s%s%s %s",
                schedule->source != NULL ? schedule->source : "",
                schedule->source != NULL ? ": " : "", words, what);
}

/* Bit `kind` of each pass of the stage that is there; false: one is there twice, or whole and in
 * parts. */
static bool gather_passes(const gw_workload_schedule *schedule, uint32_t stage, uint8_t *out_seen,
                          GError **error)
{
    for (uint32_t i = schedule->first_slot[stage]; i < schedule->first_slot[stage + 1]; i++) {
        const gw_slot *slot = &schedule->slots[i];
        if (slot->microbatch >= schedule->microbatch_count ||
            slot->chunk >= schedule->chunk_count) {
            set_slot_error(schedule, stage, slot, "is of no micro-batch and chunk that there is",
                           error);
            return false;
        }
        uint8_t *seen = &out_seen[slot->chunk * schedule->microbatch_count + slot->microbatch];
        if ((*seen & 1U << slot->kind) != 0) {
            set_slot_error(schedule, stage, slot, "is there twice, expected once", error);
            return false;
        }
        *seen = (uint8_t)(*seen | 1U << slot->kind);
        const bool has_parts = (*seen & (1U << GW_SLOT_INPUTS | 1U << GW_SLOT_WEIGHTS)) != 0;
        if ((*seen & 1U << GW_SLOT_BACKWARD) != 0 && has_parts) {
            set_slot_error(schedule, stage, slot,
                           "is there besides the same backward pass, expected BW, or B and W",
                           error);
            return false;
        }
    }
    return true;
}

/* The first kind that the pass lacks; 0: none. */
static gw_slot_kind find_missing(uint8_t seen)
{
    if ((seen & 1U << GW_SLOT_FORWARD) == 0) {
        return GW_SLOT_FORWARD;
    }
    if ((seen & 1U << GW_SLOT_BACKWARD) != 0) {
        return 0;
    }
    const bool has_weights = (seen & 1U << GW_SLOT_WEIGHTS) != 0;
    if ((seen & 1U << GW_SLOT_INPUTS) == 0) {
        return has_weights ? GW_SLOT_INPUTS : GW_SLOT_BACKWARD;
    }
    return has_weights ? 0 : GW_SLOT_WEIGHTS;
}

bool gw_workload_schedule_check(const gw_workload_schedule *schedule, GError **error)
{
    const size_t pass_count = (size_t)schedule->chunk_count * schedule->microbatch_count;
    g_autofree uint8_t *seen = g_new(uint8_t, pass_count);
    for (uint32_t stage = 0; stage < schedule->stage_count; stage++) {
        memset(seen, 0, pass_count);
        if (!gather_passes(schedule, stage, seen, error)) {
            return false;
        }
        for (uint32_t i = 0; i < pass_count; i++) {
            const gw_slot_kind missing = find_missing(seen[i]);
            if (missing != 0) {
                const gw_slot slot = {.kind = missing,
                                      .microbatch = i % schedule->microbatch_count,
                                      .chunk = i / schedule->microbatch_count};
                set_slot_error(schedule, stage, &slot, "is forgotten", error);
                return false;
            }
        }
    }
    return true;
}

/* --- Playing --- */

typedef struct {
    const gw_workload_schedule *schedule;
    const gw_stage_times *times;
    gw_time *forward_end_ns, *backward_end_ns; /* By pass, the latter for inputs; NEVER: not yet. */
    gw_time *free_ns;                          /* By stage. */
    uint32_t *next_slot;                       /* By stage. */
} player;

/* What a slot waits for: a forward or a backward of a place; place GW_INDEX_NONE: nothing. */
typedef struct {
    bool is_forward;
    uint32_t place;
} needed_pass;

static needed_pass find_needed(const gw_workload_schedule *schedule, uint32_t stage,
                               const gw_slot *slot)
{
    const uint32_t last = schedule->stage_count * schedule->chunk_count - 1;
    const uint32_t place = slot->chunk * schedule->stage_count + stage;
    if (slot->kind == GW_SLOT_WEIGHTS) {
        return (needed_pass){false, place};
    }
    if (slot->kind != GW_SLOT_FORWARD && place == last) {
        return (needed_pass){true, place};
    }
    if (!gw_workload_slot_waits(schedule, stage, slot)) {
        return (needed_pass){true, GW_INDEX_NONE};
    }
    return slot->kind == GW_SLOT_FORWARD ? (needed_pass){true, place - 1}
                                         : (needed_pass){false, place + 1};
}

/* When what the slot needs is there; NEVER: not known yet. */
static gw_time find_arrival(const player *at, uint32_t stage, const gw_slot *slot)
{
    const needed_pass needed = find_needed(at->schedule, stage, slot);
    if (needed.place == GW_INDEX_NONE) {
        return 0;
    }
    const gw_time *ends = needed.is_forward ? at->forward_end_ns : at->backward_end_ns;
    const gw_time end_ns =
        ends[(size_t)needed.place * at->schedule->microbatch_count + slot->microbatch];
    const uint32_t source = needed.place % at->schedule->stage_count;
    if (end_ns == GW_TIME_NEVER || source == stage) {
        return end_ns;
    }
    return end_ns + at->times[source].transfer_ns;
}

/* As many slots of the stage as can be placed now; returns how many. */
static uint32_t advance_stage(player *at, uint32_t stage, gw_time *out_start_ns)
{
    const gw_workload_schedule *schedule = at->schedule;
    const uint32_t first = at->next_slot[stage];
    while (at->next_slot[stage] < schedule->first_slot[stage + 1]) {
        const uint32_t index = at->next_slot[stage];
        const gw_slot *slot = &schedule->slots[index];
        const gw_time arrival_ns = find_arrival(at, stage, slot);
        if (arrival_ns == GW_TIME_NEVER) {
            break;
        }
        out_start_ns[index] = MAX(at->free_ns[stage], arrival_ns);
        at->free_ns[stage] =
            out_start_ns[index] + gw_workload_slot_ns(schedule, &at->times[stage], slot);
        const size_t pass =
            (size_t)(slot->chunk * schedule->stage_count + stage) * schedule->microbatch_count +
            slot->microbatch;
        if (slot->kind == GW_SLOT_FORWARD) {
            at->forward_end_ns[pass] = at->free_ns[stage];
        } else if (slot->kind != GW_SLOT_WEIGHTS) {
            at->backward_end_ns[pass] = at->free_ns[stage];
        }
        at->next_slot[stage]++;
    }
    return at->next_slot[stage] - first;
}

/* The slot that does what another waits for: on `stage`, of that kind of pass. */
static const gw_slot *find_maker(const gw_workload_schedule *schedule, uint32_t stage,
                                 const needed_pass *needed, uint32_t microbatch)
{
    const uint32_t chunk = needed->place / schedule->stage_count;
    for (uint32_t i = schedule->first_slot[stage]; i < schedule->first_slot[stage + 1]; i++) {
        const gw_slot *slot = &schedule->slots[i];
        const bool is_kind =
            slot->kind != GW_SLOT_WEIGHTS && (slot->kind == GW_SLOT_FORWARD) == needed->is_forward;
        if (is_kind && slot->chunk == chunk && slot->microbatch == microbatch) {
            return slot;
        }
    }
    gw_check(false); /* A checked schedule has every pass. */
    return NULL;
}

/* From a stage that stands still, each next one is who it waits for; some stage comes again, and
 * from there on the chain is a circle, which is told. */
static void set_deadlock_error(const player *at, uint32_t stage, GError **error)
{
    const gw_workload_schedule *schedule = at->schedule;
    g_autofree bool *is_visited = g_new0(bool, schedule->stage_count);
    g_autofree bool *is_told = g_new0(bool, schedule->stage_count);
    g_autoptr(GString) words = g_string_new(NULL);
    while (!is_told[stage]) {
        const gw_slot *slot = &schedule->slots[at->next_slot[stage]];
        const needed_pass needed = find_needed(schedule, stage, slot);
        const uint32_t next = needed.place % schedule->stage_count;
        if (is_visited[stage]) {
            const gw_slot *maker = find_maker(schedule, next, &needed, slot->microbatch);
            g_autofree char *waiting = gw_workload_slot_describe(schedule, stage, slot);
            g_autofree char *awaited = gw_workload_slot_describe(schedule, next, maker);
            g_string_append_printf(words, "%s%s waits for %s", words->len > 0 ? ", " : "", waiting,
                                   awaited);
            is_told[stage] = true;
        }
        is_visited[stage] = true;
        stage = next;
    }
    g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO, "%s%sdeadlock, by the order of each stage: %s",
                schedule->source != NULL ? schedule->source : "",
                schedule->source != NULL ? ": " : "", words->str);
}

static bool play_all(player *at, gw_time *out_start_ns, GError **error)
{
    const gw_workload_schedule *schedule = at->schedule;
    const uint32_t slot_count = schedule->first_slot[schedule->stage_count];
    for (uint32_t placed_count = 0; placed_count < slot_count;) {
        uint32_t progress = 0, still = 0;
        for (uint32_t stage = 0; stage < schedule->stage_count; stage++) {
            progress += advance_stage(at, stage, out_start_ns);
            if (at->next_slot[stage] < schedule->first_slot[stage + 1]) {
                still = stage;
            }
        }
        if (progress == 0) {
            set_deadlock_error(at, still, error);
            return false;
        }
        placed_count += progress;
    }
    return true;
}

bool gw_workload_schedule_play(const gw_workload_schedule *schedule, const gw_stage_times *times,
                               gw_time *out_start_ns, GError **error)
{
    const uint32_t stage_count = schedule->stage_count;
    const size_t pass_count =
        (size_t)stage_count * schedule->chunk_count * schedule->microbatch_count;
    g_autofree gw_time *forward_end_ns = g_new(gw_time, pass_count);
    g_autofree gw_time *backward_end_ns = g_new(gw_time, pass_count);
    g_autofree gw_time *free_ns = g_new0(gw_time, stage_count);
    g_autofree uint32_t *next_slot =
        g_memdup2(schedule->first_slot, stage_count * sizeof *next_slot);
    for (size_t i = 0; i < pass_count; i++) {
        forward_end_ns[i] = backward_end_ns[i] = GW_TIME_NEVER;
    }
    player at = {schedule, times, forward_end_ns, backward_end_ns, free_ns, next_slot};
    return play_all(&at, out_start_ns, error);
}

/* --- Memory --- */

double gw_workload_schedule_peak(const gw_workload_schedule *schedule, uint32_t stage,
                                 double kept_share)
{
    gw_check(stage < schedule->stage_count);
    int64_t whole_count = 0, kept_count = 0; /* Of passes. */
    double peak = 0;
    for (uint32_t i = schedule->first_slot[stage]; i < schedule->first_slot[stage + 1]; i++) {
        switch (schedule->slots[i].kind) {
        case GW_SLOT_FORWARD:
            whole_count++;
            break;
        case GW_SLOT_BACKWARD:
            whole_count--;
            break;
        case GW_SLOT_INPUTS:
            whole_count--;
            kept_count++;
            break;
        case GW_SLOT_WEIGHTS:
            kept_count--;
            break;
        }
        peak = MAX(peak, (double)whole_count + kept_share * (double)kept_count);
    }
    return peak / schedule->chunk_count;
}
