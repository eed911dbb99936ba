/* SPDX-License-Identifier: Apache-2.0 */
/* A batch is an array of segments and a set of hosts.  The set is a stamp per host, so that a
 * thousand gangs on the same hosts cost one look at the last host set and no more. */
#include "controller/dispatch.h"

#include "base/check.h"
#include "base/error.h"
#include "controller/relay.h"

typedef struct {
    bool is_wrong;
    bool is_of_tree; /* What fan_out answered; else step. */
    uint32_t answer; /* A step, or a place in the batch. */
    uint32_t job, run, node;
    uint32_t place, host; /* Of a tree: whose sender it is. */
} wrong_answer;

struct gw_dispatch {
    gw_port *port;
    gw_dispatch_policy *policy; /* NULL: none. */
    GByteArray *message;        /* A gw_dispatch_message in the making. */
    GArray *hosts;              /* uint32_t: those of the batch, in order of first appearance. */
    uint32_t *stamps;           /* By host: the batch that it was last put in. */
    uint32_t batch;
    const uint32_t *last_hosts; /* Already in the set. */
    gw_node_id self;
    uint32_t gang_count; /* Of the batch. */
    uint32_t degree;
    uint32_t *sequences; /* With trees, by host: batches sent so far.  Else NULL. */
    GArray *tree;        /* uint32_t: the senders, and scratch twice as long; */
    GArray *stops;       /* gw_relay_stop: scratch, */
    GByteArray *scratch; /* and for relay.h. */
    wrong_answer wrong;
};

gw_dispatch *gw_dispatch_direct_new(gw_port *port, gw_node_id self, uint32_t host_count)
{
    gw_dispatch *dispatch = g_new0(gw_dispatch, 1);
    dispatch->port = port;
    dispatch->message = g_byte_array_new();
    g_byte_array_set_size(dispatch->message, sizeof(gw_dispatch_message));
    dispatch->hosts = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    dispatch->stamps = g_new0(uint32_t, host_count);
    dispatch->batch = 1;
    dispatch->self = self;
    return dispatch;
}

gw_dispatch *gw_dispatch_new(gw_port *port, gw_node_id self, uint32_t host_count,
                             const gw_control *control, GError **error)
{
    const gw_dispatch_policy_ops *ops =
        control->dispatch != NULL ? control->dispatch : &gw_dispatch_parallel;
    gw_dispatch_policy *policy =
        ops->create(control->dispatch != NULL ? control->dispatch_params : NULL, error);
    if (policy == NULL) {
        if (error != NULL && *error == NULL)
            g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                        "dispatch policy %s refused to be made again, and does not say why",
                        ops->name);
        return NULL;
    }
    gw_dispatch *dispatch = gw_dispatch_direct_new(port, self, host_count);
    dispatch->policy = policy;
    dispatch->degree = control->fanout;
    if (gw_relay_is_needed(control)) {
        dispatch->sequences = g_new0(uint32_t, host_count);
        dispatch->tree = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        dispatch->stops = g_array_new(FALSE, FALSE, sizeof(gw_relay_stop));
        dispatch->scratch = g_byte_array_new();
    }
    return dispatch;
}

void gw_dispatch_free(gw_dispatch *dispatch)
{
    if (dispatch == NULL)
        return;
    if (dispatch->policy != NULL)
        dispatch->policy->ops->destroy(dispatch->policy);
    g_byte_array_unref(dispatch->message);
    g_array_unref(dispatch->hosts);
    g_free(dispatch->stamps);
    g_free(dispatch->sequences);
    g_clear_pointer(&dispatch->tree, g_array_unref);
    g_clear_pointer(&dispatch->stops, g_array_unref);
    g_clear_pointer(&dispatch->scratch, g_byte_array_unref);
    g_free(dispatch);
}

/* --- The policy --- */

static void note_wrong(gw_dispatch *dispatch, wrong_answer wrong)
{
    const gw_note note = {GW_NOTE_DISPATCH_WRONG, dispatch->self.index, 0, 0};
    dispatch->wrong = wrong;
    dispatch->wrong.is_wrong = true;
    dispatch->port->ops->note(dispatch->port, &note);
}

gw_dispatch_step gw_dispatch_ask(gw_dispatch *dispatch, gw_dispatch_gang *gang, gw_time now_ns)
{
    gang->batch_gangs = dispatch->gang_count;
    const gw_dispatch_step step = dispatch->policy->ops->step(dispatch->policy, gang, now_ns);
    if (step >= GW_DISPATCH_WITH_TURN && step <= GW_DISPATCH_AWAIT)
        return step;
    note_wrong(
        dispatch,
        (wrong_answer){.answer = step, .job = gang->job, .run = gang->run, .node = gang->node});
    return (gw_dispatch_step)0;
}

void gw_dispatch_end(gw_dispatch *dispatch, uint32_t instance)
{
    gw_dispatch_forget(dispatch->policy, instance);
}

bool gw_dispatch_is_wrong(const gw_dispatch *dispatch)
{
    return dispatch->wrong.is_wrong;
}

void gw_dispatch_blame(const gw_dispatch *dispatch, const gw_job *jobs, GString *out)
{
    const wrong_answer *wrong = &dispatch->wrong;
    gw_check(wrong->is_wrong);
    if (wrong->is_of_tree) {
        g_string_append_printf(out,
                               "fan_out sends to host %u, at place %u of a batch, from place %u, "
                               "expected a place before it",
                               wrong->host, wrong->place, wrong->answer);
        return;
    }
    g_string_append_printf(out,
                           "step answered %u for job \"%s\", run %u, node \"%s\", expected "
                           "GW_DISPATCH_WITH_TURN (%u), NOW (%u) or AWAIT (%u)",
                           wrong->answer, jobs[wrong->job].name, wrong->run,
                           gw_program_node(jobs[wrong->job].program, wrong->node)->name,
                           GW_DISPATCH_WITH_TURN, GW_DISPATCH_NOW, GW_DISPATCH_AWAIT);
}

/* --- The batch --- */

static gw_segment *last_segment(gw_dispatch *dispatch)
{
    if (dispatch->message->len == sizeof(gw_dispatch_message))
        return NULL;
    return (gw_segment *)(void *)(dispatch->message->data + dispatch->message->len) - 1;
}

static void add_hosts(gw_dispatch *dispatch, const uint32_t *hosts, uint32_t host_count)
{
    dispatch->gang_count++;
    if (hosts == dispatch->last_hosts)
        return;
    dispatch->last_hosts = hosts;
    for (uint32_t h = 0; h < host_count; h++) {
        if (dispatch->stamps[hosts[h]] == dispatch->batch)
            continue;
        dispatch->stamps[hosts[h]] = dispatch->batch;
        g_array_append_val(dispatch->hosts, hosts[h]);
    }
}

void gw_dispatch_add(gw_dispatch *dispatch, uint32_t instance, uint32_t run, uint32_t node,
                     uint64_t gang, uint64_t call, const uint32_t *hosts, uint32_t host_count)
{
    gw_segment *last = last_segment(dispatch);
    if (last != NULL && last->instance == instance && last->run == run && last->call == call &&
        node == last->first_node + last->node_count && gang == last->gang + last->node_count &&
        !last->is_otherwise) {
        last->node_count++;
    } else {
        gw_segment segment = {instance, run, node, 1, gang, call, 0, 0};
        g_byte_array_append(dispatch->message, (const guint8 *)&segment, sizeof segment);
    }
    add_hosts(dispatch, hosts, host_count);
}

void gw_dispatch_add_otherwise(gw_dispatch *dispatch, uint32_t instance, uint32_t run,
                               uint32_t node, uint64_t gang, uint64_t call, const uint32_t *hosts,
                               uint32_t host_count)
{
    gw_segment segment = {instance, run, node, 1, gang, call, 1, 0};
    g_byte_array_append(dispatch->message, (const guint8 *)&segment, sizeof segment);
    add_hosts(dispatch, hosts, host_count);
}

static void send_to_each(gw_dispatch *dispatch, const gw_dispatch_message *message)
{
    for (uint32_t h = 0; h < dispatch->hosts->len; h++)
        dispatch->port->ops->send(dispatch->port,
                                  (gw_node_id){g_array_index(dispatch->hosts, uint32_t, h)},
                                  &message->header);
}

/* False: the policy's tree is none. */
static bool draw_tree(gw_dispatch *dispatch, const gw_dispatch_message *message)
{
    const gw_dispatch_batch batch = {
        .hosts = (const uint32_t *)(const void *)dispatch->hosts->data,
        .host_count = dispatch->hosts->len,
        .gang_count = dispatch->gang_count,
        .size_bytes = message->header.size_bytes,
        .degree = dispatch->degree,
    };
    g_array_set_size(dispatch->tree, 3 * batch.host_count);
    g_array_set_size(dispatch->stops, batch.host_count);
    uint32_t *senders = (uint32_t *)(void *)dispatch->tree->data;
    gw_dispatch_fan_out(dispatch->policy, &batch, senders);
    for (uint32_t i = 0; i < batch.host_count; i++)
        if (senders[i] != GW_INDEX_NONE && senders[i] >= i) {
            note_wrong(dispatch, (wrong_answer){.is_of_tree = true,
                                                .answer = senders[i],
                                                .place = i,
                                                .host = batch.hosts[i]});
            return false;
        }
    gw_relay_arrange(batch.hosts, senders, batch.host_count, dispatch->sequences,
                     senders + batch.host_count, (gw_relay_stop *)(void *)dispatch->stops->data);
    return true;
}

static void send_down_tree(gw_dispatch *dispatch, const gw_dispatch_message *message)
{
    if (draw_tree(dispatch, message))
        gw_relay_send(dispatch->port, dispatch->scratch, dispatch->self.index,
                      (const gw_relay_stop *)(const void *)dispatch->stops->data,
                      dispatch->stops->len, message);
}

uint32_t gw_dispatch_flush(gw_dispatch *dispatch, bool wants_enqueued)
{
    uint32_t host_count = dispatch->hosts->len;
    if (host_count == 0 || dispatch->wrong.is_wrong)
        return 0;
    uint32_t size_bytes = dispatch->message->len;
    gw_dispatch_message *message = (gw_dispatch_message *)(void *)dispatch->message->data;
    message->header = (gw_message){GW_MESSAGE_DISPATCH, size_bytes};
    message->segment_count =
        (uint32_t)((size_bytes - sizeof(gw_dispatch_message)) / sizeof(gw_segment));
    message->wants_enqueued = wants_enqueued ? 1 : 0;
    if (dispatch->sequences == NULL)
        send_to_each(dispatch, message);
    else
        send_down_tree(dispatch, message);
    g_byte_array_set_size(dispatch->message, sizeof(gw_dispatch_message));
    g_array_set_size(dispatch->hosts, 0);
    dispatch->last_hosts = NULL;
    dispatch->gang_count = 0;
    dispatch->batch++;
    return dispatch->wrong.is_wrong ? 0 : host_count;
}
