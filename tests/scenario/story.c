/* SPDX-License-Identifier: Apache-2.0 */
/* The world tells of a gang when it is over, of its start too; so lines are kept, and sorted by
 * their time at the end.  Numbers become names here: a node is the scheduler of an island or the
 * client of a job, an instance is the job that started with it. */
#include "tests/scenario/story.h"

#include <inttypes.h>

#include "base/check.h"

#define SEQUENCE_OF ((UINT64_C(1) << GW_GANG_SEQUENCE_BITS) - 1)

/* The order of lines at one instant. */
enum { RANK_END = 1, RANK_NOTE, RANK_START };

typedef struct {
    gw_time now_ns;
    uint32_t rank, order;
    char *text;
} story_line;

typedef struct {
    const gw_scenario *scenario;
    gw_directory *directory;
    GArray *lines;           /* story_line */
    GArray *job_of_instance; /* uint32_t */
} teller;

G_GNUC_PRINTF(4, 5)
static void add_line(teller *self, gw_time now_ns, uint32_t rank, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const story_line line = {
        .now_ns = now_ns,
        .rank = rank,
        .order = self->lines->len,
        .text = g_strdup_vprintf(format, arguments),
    };
    va_end(arguments);
    g_array_append_val(self->lines, line);
}

/* --- Names --- */

/* "island 0" or "client there": who puts gangs in order. */
static char *name_dispatcher(const teller *self, uint32_t node)
{
    uint32_t index;
    const gw_role role = gw_directory_role(self->directory, (gw_node_id){node}, &index);
    if (role == GW_ROLE_SCHEDULER) {
        return g_strdup_printf("island %u", index);
    }
    gw_check(role == GW_ROLE_CLIENT);
    return g_strdup_printf("client %s", self->scenario->jobs[index].name);
}

/* "gang 3", and whose where there are several who count: "gang 3 of island 1". */
static char *name_gang(const teller *self, uint64_t gang)
{
    const uint64_t number = gang & SEQUENCE_OF;
    if (self->scenario->control.policy != NULL && self->directory->island_count == 1) {
        return g_strdup_printf("gang %" PRIu64, number);
    }
    g_autofree char *dispatcher = name_dispatcher(self, (uint32_t)(gang >> GW_GANG_SEQUENCE_BITS));
    return g_strdup_printf("gang %" PRIu64 " of %s", number, dispatcher);
}

static const char *name_node(const teller *self, uint32_t job, uint32_t node)
{
    return gw_program_node(self->scenario->jobs[job].program, node)->name;
}

static char *name_devices(const gw_gang_record *gang)
{
    if (gang->device_count == 1) {
        return g_strdup_printf("device %u", gang->first_device);
    }
    if (gang->last_device - gang->first_device + 1 == gang->device_count) {
        return g_strdup_printf("devices %u-%u", gang->first_device, gang->last_device);
    }
    return g_strdup_printf("%u devices of %u-%u", gang->device_count, gang->first_device,
                           gang->last_device);
}

/* --- What the world tells --- */

static void remember_instance(teller *self, uint32_t instance, uint32_t job)
{
    const uint32_t none = GW_INDEX_NONE;
    while (self->job_of_instance->len <= instance) {
        g_array_append_val(self->job_of_instance, none);
    }
    g_array_index(self->job_of_instance, uint32_t, instance) = job;
}

static void tell_order(teller *self, gw_node_id node, const gw_note *note, gw_time now_ns)
{
    const uint32_t instance = (uint32_t)(note->b >> 32);
    gw_check(instance < self->job_of_instance->len);
    const uint32_t job = g_array_index(self->job_of_instance, uint32_t, instance);
    uint32_t index;
    const bool is_host = gw_directory_role(self->directory, node, &index) == GW_ROLE_EXECUTOR;
    g_autofree char *dispatcher =
        is_host ? g_strdup_printf("host %u", index) /* Of the gang's first shard. */
                : name_dispatcher(self, (uint32_t)(note->a >> GW_GANG_SEQUENCE_BITS));
    add_line(self, now_ns, RANK_NOTE, "%s orders gang %" PRIu64 ": job %s, node %s", dispatcher,
             note->a & SEQUENCE_OF, self->scenario->jobs[job].name,
             name_node(self, job, (uint32_t)note->b));
}

static void tell_wait(teller *self, gw_node_id node, const gw_note *note, gw_time now_ns)
{
    g_autofree char *gang = name_gang(self, note->a);
    g_autofree char *size = gw_bytes_format(note->b);
    add_line(self, now_ns, RANK_NOTE, "host %u waits for memory: %s per device for %s", node.index,
             size, gang);
}

static void tell_result(teller *self, const gw_note *note, gw_time now_ns)
{
    const gw_job *job = &self->scenario->jobs[note->a];
    const gw_result *result = &g_array_index(job->program->results, gw_result, (uint32_t)note->b);
    add_line(self, now_ns, RANK_NOTE, "job %s: run %" PRIu64 " brings back %s", job->name,
             note->b >> 32, result->name);
}

/* What is said of a job, and no more of it. */
static const char *const job_texts[] = {
    [GW_NOTE_JOB_STARTED] = " has its devices",
    [GW_NOTE_JOB_MOVED] = " has other devices",
    [GW_NOTE_JOB_STAYED] = " stays on devices that are removed",
    [GW_NOTE_JOB_DONE] = ": done",
    [GW_NOTE_JOB_REFUSED] = " is refused",
    [GW_NOTE_STATE_LEAVES] = ": what it has made begins to move",
    [GW_NOTE_CLIENT_FAILED] = ": its client fails",
    [GW_NOTE_LEASE_EXPIRED] = ": its client has not answered, and is given up",
    [GW_NOTE_JOB_COLLECTED] = ": all that its client owned is given back",
};

/* And with a number. */
static const struct {
    const char *before, *after;
} count_texts[] = {
    [GW_NOTE_CALL_RETURNED] = {": call ", " returns"},
    [GW_NOTE_RUN_DONE] = {": run ", " done"},
    [GW_NOTE_STARVED] = {" has starved: a gang waited ", " ns"},
    [GW_NOTE_DEADLINE_MISSED] = {": run ", " is late"},
    [GW_NOTE_STATE_MOVED] = {": ", " bytes are there"},
    [GW_NOTE_SPILLED] = {": ", " bytes have left for the host"},
    [GW_NOTE_RETURNED] = {": ", " bytes are back from the host"},
};

static const char *const wrong_texts[] = {
    [GW_NOTE_POLICY_WRONG] = "the policy picks what it was not offered",
    [GW_NOTE_PLACEMENT_WRONG] = "the placement policy gives what it must not",
    [GW_NOTE_DISPATCH_WRONG] = "the dispatch policy answers what it must not",
};

static void tell_job(teller *self, const gw_note *note, gw_time now_ns)
{
    const char *job = self->scenario->jobs[note->a].name;
    if (note->kind == GW_NOTE_JOB_STARTED || note->kind == GW_NOTE_JOB_MOVED)
        remember_instance(self, (uint32_t)note->b, (uint32_t)note->a);
    if (note->kind < G_N_ELEMENTS(job_texts) && job_texts[note->kind] != NULL) {
        add_line(self, now_ns, RANK_NOTE, "job %s%s", job, job_texts[note->kind]);
        return;
    }
    gw_check(note->kind < G_N_ELEMENTS(count_texts));
    gw_check(count_texts[note->kind].before != NULL); /* A kind that stories know. */
    add_line(self, now_ns, RANK_NOTE, "job %s%s%" PRIu64 "%s", job, count_texts[note->kind].before,
             note->b, count_texts[note->kind].after);
}

static void hear_note(void *context, gw_node_id node, const gw_note *note, gw_time now_ns)
{
    teller *self = context;
    switch (note->kind) {
    case GW_NOTE_GANG_ORDERED:
        tell_order(self, node, note, now_ns);
        return;
    case GW_NOTE_RESULT:
        tell_result(self, note, now_ns);
        return;
    case GW_NOTE_MEMORY_WAIT:
        tell_wait(self, node, note, now_ns);
        return;
    case GW_NOTE_ORDER_WAIT:
        return; /* A number for the summary. */
    case GW_NOTE_OVERFLOW:
        add_line(self, now_ns, RANK_NOTE, "job %s: run %" PRIu64 ": %g rows are too many",
                 self->scenario->jobs[note->a >> 32].name, note->b >> 32, note->value);
        return;
    case GW_NOTE_ROWS:
        add_line(self, now_ns, RANK_NOTE, "job %s: host %u takes %" PRIu64 " rows and drops %g",
                 self->scenario->jobs[note->a].name, node.index, note->b, note->value);
        return;
    default:
        break;
    }
    if (gw_note_is_wrong(note))
        add_line(self, now_ns, RANK_NOTE, "%s", wrong_texts[note->kind]);
    else
        tell_job(self, note, now_ns);
}

static void hear_gang(void *context, const gw_gang_record *gang)
{
    teller *self = context;
    g_autofree char *name = name_gang(self, gang->gang);
    g_autofree char *devices = name_devices(gang);
    add_line(self, gang->start_ns, RANK_START, "%s (job %s, node %s, run %u) starts on %s", name,
             self->scenario->jobs[gang->job].name, name_node(self, gang->job, gang->node),
             gang->run, devices);
    add_line(self, gang->end_ns, RANK_END, "%s ends", name);
}

static void hear_transfer(void *context, const gw_transfer_record *transfer)
{
    teller *self = context;
    const uint32_t target = transfer->target_device;
    const char *job = self->scenario->jobs[transfer->job].name;
    g_autofree char *size = gw_bytes_format(transfer->size_bytes);
    g_autofree char *end =
        target == GW_INDEX_NONE ? g_strdup("its host") : g_strdup_printf("device %u", target);
    if (transfer->source_device == GW_INDEX_NONE) {
        add_line(self, transfer->start_ns, RANK_START, "%s of job %s leave their host for %s", size,
                 job, end);
        add_line(self, transfer->end_ns, RANK_END, "%s of job %s from their host reach %s", size,
                 job, end);
        return;
    }
    add_line(self, transfer->start_ns, RANK_START, "%s of job %s leave device %u for %s%s", size,
             job, transfer->source_device, end, transfer->is_dcn ? ", over the DCN" : "");
    add_line(self, transfer->end_ns, RANK_END, "%s of job %s from device %u reach %s", size, job,
             transfer->source_device, end);
}

/* --- The story --- */

static int compare_lines(const void *a, const void *b)
{
    const story_line *left = a, *right = b;
    if (left->now_ns != right->now_ns) {
        return left->now_ns < right->now_ns ? -1 : 1;
    }
    if (left->rank != right->rank) {
        return left->rank < right->rank ? -1 : 1;
    }
    return left->order < right->order ? -1 : left->order > right->order;
}

static char *join_lines(GArray *lines)
{
    GString *text = g_string_new(NULL);
    g_array_sort(lines, compare_lines);
    for (uint32_t i = 0; i < lines->len; i++) {
        const story_line *line = &g_array_index(lines, story_line, i);
        g_string_append_printf(text, "[%10" PRIu64 " ns] %s\n", line->now_ns, line->text);
    }
    return g_string_free(text, FALSE);
}

static void clear_line(void *item)
{
    story_line *line = item;
    g_free(line->text);
}

gw_story *gw_story_tell(const char *path, gw_queue_kind queue, bool is_paranoid, GError **error)
{
    g_autoptr(gw_scenario) scenario = gw_scenario_load(path, NULL, error);
    if (scenario == NULL) {
        return NULL;
    }
    gw_story *story = g_new0(gw_story, 1);
    g_autoptr(GError) failure = NULL;
    teller self = {
        .scenario = scenario,
        .directory = gw_scenario_directory(scenario),
        .lines = g_array_new(FALSE, FALSE, sizeof(story_line)),
        .job_of_instance = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
    };
    g_array_set_clear_func(self.lines, clear_line);
    const gw_world_listener listener = {
        .note = hear_note,
        .gang = hear_gang,
        .transfer = hear_transfer,
        .context = &self,
    };
    const gw_world_settings settings = {
        .queue = queue,
        .is_paranoid = is_paranoid,
        .listener = &listener,
    };
    story->is_done = gw_world_run(scenario, &settings, NULL, &story->report, &failure);
    g_autofree char *lines = join_lines(self.lines);
    story->text = g_strdup_printf("%s%s%s", lines, story->is_done ? "" : failure->message,
                                  story->is_done ? "" : "\n");
    g_array_unref(self.lines);
    g_array_unref(self.job_of_instance);
    gw_directory_free(self.directory);
    return story;
}

void gw_story_free(gw_story *story)
{
    if (story == NULL) {
        return;
    }
    g_free(story->text);
    g_free(story);
}
