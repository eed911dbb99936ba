/* SPDX-License-Identifier: Apache-2.0 */
/* An instance is idle, offered, blocked on a full slice, short of memory (budget.h), at a gate that
 * other islands open, waiting for a value that decides its next node, or (sequential dispatch)
 * waiting for hosts to enqueue its last gang.  Blocked instances wait at their slice (room.h), so
 * that a progress report looks only at slices that it may free.
 *
 * What gangs of the same bytes on the same slice need is one thing (gw_need): found short of memory
 * for one, it is short for all.
 *
 * When a slice fills up, who is offered for it stays offered, and the policy is not asked while all
 * offers are such: with many clients on the same devices a gang costs what the policy takes to find
 * it, and not an offer of everybody whenever there is room for one.  Of offers that the policy puts
 * before one whose slice has room, the first of each need is given back, to be offered again, and
 * the policy sets the others aside until the slice has room, or the memory (decisions 0082, 0087).
 * A policy that cannot gives them back one by one. */
#include "controller/schedule.h"

#include "base/check.h"
#include "controller/collected.h"
#include "controller/schedule_private.h"

gw_schedule *gw_schedule_new(const gw_directory *directory, const gw_control *control,
                             const gw_job *jobs, uint32_t island, gw_node_id self, gw_port *port,
                             GError **error)
{
    const gw_policy_ops *ops = control->policy != NULL ? control->policy : gw_policy_find("fifo");
    gw_policy *policy = ops->create(control->policy != NULL ? control->policy_params : NULL, error);
    if (policy == NULL)
        return NULL;
    gw_dispatch *dispatch = gw_dispatch_new(port, self, directory->host_count, control, error);
    if (dispatch == NULL) {
        ops->destroy(policy);
        return NULL;
    }
    gw_schedule *schedule = g_new0(gw_schedule, 1);
    schedule->directory = directory;
    schedule->control = control;
    schedule->jobs = jobs;
    schedule->island = island;
    schedule->self = self;
    schedule->port = port;
    schedule->policy = policy;
    schedule->dispatch = dispatch;
    uint32_t first_device = 0, device_count = directory->device_count;
    if (island != GW_INDEX_NONE) {
        first_device = directory->islands[island].first_device;
        device_count = directory->islands[island].device_count;
    }
    schedule->room = gw_room_new(directory, first_device, device_count, control->lookahead);
    if (control->counts_bytes) {
        gw_check(island != GW_INDEX_NONE);
        schedule->budget = gw_budget_new(directory, control, schedule->room, island);
    }
    schedule->can_hold = gw_policy_can_hold(policy);
    schedule->freed = g_ptr_array_new();
    schedule->fitting = g_ptr_array_new();
    schedule->instances = g_ptr_array_new();
    schedule->untold = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    schedule->returned = g_array_new(FALSE, FALSE, sizeof(gw_returned_call));
    schedule->collected = g_array_new(FALSE, TRUE, sizeof(bool));
    return schedule;
}

static void free_instance(gw_schedule *schedule, gw_scheduled_instance *instance)
{
    if (instance == NULL)
        return;
    if (instance->spender != NULL)
        gw_budget_leave(schedule->budget, instance->spender, schedule->fitting);
    for (uint32_t m = 0; m < instance->plan->program->meshes->len; m++)
        gw_room_close(schedule->room, instance->slices[m]);
    gw_decisions_free(instance->decisions);
    gw_gate_free(instance->gate);
    g_free(instance->slices);
    g_free(instance->hosts_left);
    g_free(instance->deadlines);
    g_free(instance->calls);
    g_free(instance);
}

/* The run may have ended in the middle: nobody waits any more. */
static void forget_waiting(gw_schedule *schedule, const gw_scheduled_instance *instance)
{
    if (instance == NULL)
        return;
    for (uint32_t m = 0; m < instance->plan->program->meshes->len; m++) {
        gw_slice *slice = instance->slices[m];
        g_queue_init(&slice->waiting);
        for (uint32_t n = 0; n < slice->needs->len; n++) {
            gw_need *need = (gw_need *)g_ptr_array_index(slice->needs, n);
            if (need->is_short)
                gw_budget_stop(schedule->budget, need, schedule->fitting);
        }
    }
}

void gw_schedule_free(gw_schedule *schedule)
{
    if (schedule == NULL)
        return;
    GPtrArray *instances = schedule->instances;
    for (uint32_t i = 0; i < instances->len; i++)
        forget_waiting(schedule, (const gw_scheduled_instance *)g_ptr_array_index(instances, i));
    for (uint32_t i = 0; i < instances->len; i++)
        free_instance(schedule, (gw_scheduled_instance *)g_ptr_array_index(instances, i));
    g_ptr_array_unref(schedule->instances);
    g_array_unref(schedule->untold);
    g_array_unref(schedule->returned);
    g_array_unref(schedule->collected);
    schedule->policy->ops->destroy(schedule->policy);
    gw_dispatch_free(schedule->dispatch);
    gw_budget_free(schedule->budget);
    gw_room_free(schedule->room);
    g_ptr_array_unref(schedule->freed);
    g_ptr_array_unref(schedule->fitting);
    g_free(schedule);
}

/* NULL: not installed, or gone. */
static gw_scheduled_instance *find_instance(const gw_schedule *schedule, uint64_t number)
{
    return number < schedule->instances->len
               ? (gw_scheduled_instance *)g_ptr_array_index(schedule->instances, (guint)number)
               : NULL;
}

static gw_scheduled_instance *instance_of(const gw_schedule *schedule, uint32_t number)
{
    gw_scheduled_instance *instance = find_instance(schedule, number);
    gw_check(instance != NULL);
    return instance;
}

/* NULL: collected, and what says this was slower. */
static gw_scheduled_instance *instance_or_collected(const gw_schedule *schedule, uint32_t number)
{
    gw_scheduled_instance *instance = find_instance(schedule, number);
    gw_check(instance != NULL || gw_collected_has(schedule->collected, number));
    return instance;
}

/* --- Programs come and go --- */

static void note(const gw_schedule *schedule, gw_note_kind kind, uint64_t a, uint64_t b)
{
    const gw_note what = {kind, a, b, 0};
    schedule->port->ops->note(schedule->port, &what);
}

/* Hosts that run anything of the instance: in run 0, and in every other run. */
static void count_hosts(const gw_schedule *schedule, gw_scheduled_instance *instance)
{
    g_autofree uint8_t *kinds = g_new0(uint8_t, schedule->directory->host_count);
    for (uint32_t n = 0; n < instance->plan->node_count; n++) {
        const gw_plan_node *node = &instance->plan->nodes[n];
        const gw_slice *slice = instance->slices[node->mesh];
        if (!node->is_once)
            instance->has_last_node = slice->device_count > 0;
        for (uint32_t h = 0; h < slice->host_count; h++)
            kinds[slice->hosts[h]] |= node->is_once ? 1 : 3;
    }
    for (uint32_t h = 0; h < schedule->directory->host_count; h++) {
        instance->hosts_in_run_0 += kinds[h] & 1;
        instance->hosts_per_run += (kinds[h] >> 1) & 1;
    }
}

void gw_schedule_install(gw_schedule *schedule, gw_node_id source,
                         const gw_assignment_message *message)
{
    const gw_job *job = &schedule->jobs[message->job];
    if (gw_collected_has(schedule->collected, message->instance))
        return;
    gw_scheduled_instance *instance = g_new0(gw_scheduled_instance, 1);
    const uint32_t *first = message->data;
    const uint32_t *devices = message->data + message->mesh_count + 1;
    instance->instance = message->instance;
    instance->job = message->job;
    instance->depth = job->in_flight + 2;
    instance->plan = job->plan;
    instance->client = source;
    instance->state = GW_SCHEDULED_IDLE;
    instance->slices = g_new0(gw_slice *, message->mesh_count);
    instance->waits.data = instance;
    for (uint32_t m = 0; m < message->mesh_count; m++) {
        instance->slices[m] =
            gw_room_open(schedule->room, devices + first[m], first[m + 1] - first[m]);
        if (schedule->budget == NULL)
            gw_room_need(schedule->room, instance->slices[m], 0);
    }
    if (schedule->budget != NULL)
        instance->spender =
            gw_budget_enter(schedule->budget, message->instance, job->plan, instance->slices);
    if (schedule->island != GW_INDEX_NONE) {
        const gw_assignment assignment = {message->mesh_count, first, devices};
        instance->gate = gw_gate_new(job->plan, &assignment, schedule->directory, schedule->island);
    }
    instance->decisions = gw_decisions_new(job->plan, instance->depth);
    instance->is_told = true;
    instance->hosts_left = g_new0(uint32_t, instance->depth);
    instance->deadlines = g_new0(gw_time, instance->depth);
    instance->calls = g_new0(gw_waiting_call, instance->depth);
    count_hosts(schedule, instance);
    if (message->instance >= schedule->instances->len)
        g_ptr_array_set_size(schedule->instances, (gint)message->instance + 1);
    gw_check(g_ptr_array_index(schedule->instances, message->instance) == NULL);
    g_ptr_array_index(schedule->instances, message->instance) = instance;
    gw_instance_message answer = {{GW_MESSAGE_INSTALLED, sizeof answer}, message->instance};
    schedule->port->ops->send(schedule->port, source, &answer.header);
}

static void offer_freed(gw_schedule *schedule);

static void forget_instance(gw_schedule *schedule, gw_scheduled_instance *instance)
{
    gw_check(instance->state == GW_SCHEDULED_IDLE);
    gw_policy_forget(schedule->policy, instance->instance);
    gw_dispatch_end(schedule->dispatch, instance->instance);
    note(schedule, GW_NOTE_ORDER_WAIT, instance->job, instance->longest_wait_ns);
    if (instance->longest_starved_ns > 0)
        note(schedule, GW_NOTE_STARVED, instance->job, instance->longest_starved_ns);
    g_ptr_array_index(schedule->instances, instance->instance) = NULL;
    free_instance(schedule, instance);
    offer_freed(schedule);
}

void gw_schedule_retire(gw_schedule *schedule, gw_node_id source,
                        const gw_instance_message *message)
{
    gw_scheduled_instance *instance = instance_or_collected(schedule, message->instance);
    if (instance != NULL)
        forget_instance(schedule, instance);
    gw_instance_message answer = {{GW_MESSAGE_RETIRED, sizeof answer}, message->instance};
    schedule->port->ops->send(schedule->port, source, &answer.header);
}

/* --- Offers --- */

/* False: its slice is full, or its buffers do not fit, and it waits for that.  Who is known to be
 * short does not find out whether there is room, too: those that a policy has set aside do not. */
static bool has_room(gw_schedule *schedule, gw_scheduled_instance *instance)
{
    gw_need *need = gw_schedule_next_need(instance);
    const bool is_only_short = need->is_short && !need->slice->is_full;
    if (!is_only_short && !gw_schedule_is_free(schedule, need->slice)) {
        gw_schedule_wait(instance, GW_SCHEDULED_BLOCKED);
        return false;
    }
    if (!gw_schedule_is_there(schedule, need)) {
        gw_schedule_wait(instance, GW_SCHEDULED_SHORT);
        return false;
    }
    return true;
}

/* False: the node is irregular, and what decides it is not known yet. */
static bool is_decided(const gw_scheduled_instance *instance, uint32_t n, uint32_t run,
                       bool *out_is_otherwise)
{
    const uint32_t decider = instance->plan->nodes[n].decider;
    *out_is_otherwise = false;
    return decider == GW_INDEX_NONE ||
           gw_decisions_ask(instance->decisions, run, decider, out_is_otherwise);
}

static void offer_or_block(gw_schedule *schedule, gw_scheduled_instance *instance)
{
    const gw_waiting_call *call = gw_schedule_first_call(instance);
    const gw_job *job = &schedule->jobs[instance->job];
    gw_node_id peer;
    bool is_otherwise;
    if (!is_decided(instance, call->next_node, call->run, &is_otherwise)) {
        instance->state = GW_SCHEDULED_UNDECIDED;
        return;
    }
    if (instance->gate != NULL &&
        !gw_gate_is_open(instance->gate, call->run, call->next_node, &peer)) {
        instance->state = GW_SCHEDULED_GATED;
        return;
    }
    if (!has_room(schedule, instance))
        return;
    gw_offer offer = {
        .offer = instance->instance,
        .submission = call->submission,
        .job = instance->job,
        .instance = instance->instance,
        .run = call->run,
        .node = call->next_node,
        .weight = job->weight,
        .priority = job->priority,
        .deadline_ns = call->deadline_ns,
        .shard_time_ns =
            instance->shards_done == 0 ? 0 : instance->device_time_ns / instance->shards_done,
        .shard_count = gw_schedule_next_slice(instance)->device_count,
        .gangs_left = call->gangs_left,
        .slice = gw_schedule_next_need(instance)->number,
        .waits_since_ns = instance->waits_since_ns,
    };
    gw_schedule_add_offer(schedule, instance);
    schedule->policy->ops->offer(schedule->policy, &offer,
                                 schedule->port->ops->now(schedule->port));
}

/* From here on the instance's next gang waits for its place. */
static void begin_wait(const gw_schedule *schedule, gw_scheduled_instance *instance)
{
    instance->waits_since_ns = schedule->port->ops->now(schedule->port);
    instance->taken_before = gw_room_count_taken(schedule->room, gw_schedule_next_slice(instance));
}

static void end_wait(const gw_schedule *schedule, gw_scheduled_instance *instance)
{
    const gw_span limit_ns = schedule->control->starvation_limit_ns;
    const gw_span wait_ns = schedule->port->ops->now(schedule->port) - instance->waits_since_ns;
    instance->longest_wait_ns = MAX(instance->longest_wait_ns, wait_ns);
    if (limit_ns == 0 || wait_ns <= MAX(limit_ns, instance->longest_starved_ns))
        return;
    if (gw_room_count_taken(schedule->room, gw_schedule_next_slice(instance)) !=
        instance->taken_before)
        instance->longest_starved_ns = wait_ns;
}

static bool is_due(const gw_scheduled_instance *instance, uint32_t n, uint32_t run)
{
    const gw_plan_node *node = &instance->plan->nodes[n];
    return instance->slices[node->mesh]->device_count > 0 && (run == 0 || !node->is_once);
}

/* The handles of a call go back when its last gang has its place and is on its way. */
static void return_call(gw_schedule *schedule, const gw_scheduled_instance *instance,
                        const gw_waiting_call *call)
{
    gw_returned_call returned = {instance->client,
                                 {{GW_MESSAGE_RETURNED, sizeof(gw_call_message)},
                                  instance->instance,
                                  call->run,
                                  call->call}};
    g_array_append_val(schedule->returned, returned);
    schedule->is_changed = true;
}

/* To the next gang that this scheduler orders, or to idleness. */
static void advance(gw_schedule *schedule, gw_scheduled_instance *instance)
{
    gw_waiting_call *call;
    while ((call = gw_schedule_first_call(instance)) != NULL) {
        while (call->next_node < call->end_node && !is_due(instance, call->next_node, call->run))
            call->next_node++;
        if (call->next_node < call->end_node) {
            begin_wait(schedule, instance);
            offer_or_block(schedule, instance);
            return;
        }
        return_call(schedule, instance, call);
        instance->first_call = (instance->first_call + 1) % instance->depth;
        instance->call_count--;
    }
    instance->state = GW_SCHEDULED_IDLE;
    gw_policy_idle(schedule->policy, instance->instance);
}

void gw_schedule_submit(gw_schedule *schedule, gw_node_id source, const gw_submit *message)
{
    gw_scheduled_instance *instance = instance_or_collected(schedule, message->instance);
    if (instance == NULL || instance->is_abandoned)
        return;
    gw_check(instance->client.index == source.index);
    gw_check(instance->call_count < instance->depth);
    uint32_t place = (instance->first_call + instance->call_count++) % instance->depth;
    if (!instance->has_begun && instance->gate != NULL)
        gw_gate_begin(instance->gate, message->run);
    if (!instance->has_begun)
        instance->extent = (gw_extent){message->run, message->run, 0};
    instance->has_begun = true;
    const gw_span deadline_ns = schedule->jobs[instance->job].deadline_ns;
    gw_waiting_call *call = &instance->calls[place];
    *call = (gw_waiting_call){
        .run = message->run,
        .next_node = message->first_node,
        .end_node = message->first_node + message->node_count,
        .call = message->call,
        .submission = schedule->submission_count++,
        .deadline_ns = deadline_ns == 0 ? GW_TIME_NEVER
                                        : schedule->port->ops->now(schedule->port) + deadline_ns,
    };
    for (uint32_t n = call->next_node; n < call->end_node; n++)
        call->gangs_left += is_due(instance, n, call->run) ? 1 : 0;
    instance->deadlines[message->run % instance->depth] = call->deadline_ns;
    uint32_t *left = &instance->hosts_left[message->run % instance->depth];
    if (*left == 0)
        *left = message->run == 0 ? instance->hosts_in_run_0 : instance->hosts_per_run;
    if (instance->state == GW_SCHEDULED_IDLE)
        advance(schedule, instance);
}

/* --- The order --- */

/* For node `n` of the call, on its slice. */
static gw_dispatch_step ask_step(const gw_schedule *schedule, const gw_scheduled_instance *instance,
                                 const gw_waiting_call *call, const gw_slice *slice, uint32_t n,
                                 gw_time now_ns)
{
    gw_dispatch_gang gang = {
        .job = instance->job,
        .instance = instance->instance,
        .run = call->run,
        .node = n,
        .hosts = slice->hosts,
        .host_count = slice->host_count,
        .shard_count = slice->device_count,
        .gangs_left = call->gangs_left,
        .is_static = instance->decisions == NULL,
        .is_enqueued_before = !instance->is_ahead_of_hosts,
    };
    return gw_dispatch_ask(schedule->dispatch, &gang, now_ns);
}

static void order_gang(gw_schedule *schedule, gw_scheduled_instance *instance, gw_time now_ns)
{
    gw_waiting_call *call = gw_schedule_first_call(instance);
    end_wait(schedule, instance);
    uint32_t n = call->next_node++;
    call->gangs_left--;
    instance->extent.run = call->run;
    instance->extent.node_end = n + 1;
    const gw_slice *slice = instance->slices[instance->plan->nodes[n].mesh];
    uint64_t gang =
        ((uint64_t)schedule->self.index << GW_GANG_SEQUENCE_BITS) | schedule->gang_count++;
    gw_room_take(schedule->room, slice);
    if (instance->spender != NULL)
        gw_budget_spend(schedule->budget, instance->spender, n, call->run);
    gw_port *port = schedule->port;
    note(schedule, GW_NOTE_GANG_ORDERED, gang, (uint64_t)instance->instance << 32 | n);
    port->ops->spend(port, GW_COST_SCHEDULE, 1);
    port->ops->spend(port, GW_COST_DESCRIBE, slice->host_count);
    bool is_otherwise;
    gw_check(is_decided(instance, n, call->run, &is_otherwise));
    const gw_dispatch_step step = ask_step(schedule, instance, call, slice, n, now_ns);
    if (step == GW_DISPATCH_AWAIT) /* It goes alone: only its own hosts have to answer. */
        gw_dispatch_flush(schedule->dispatch, false);
    if (is_otherwise)
        gw_dispatch_add_otherwise(schedule->dispatch, instance->instance, call->run, n, gang,
                                  call->call, slice->hosts, slice->host_count);
    else
        gw_dispatch_add(schedule->dispatch, instance->instance, call->run, n, gang, call->call,
                        slice->hosts, slice->host_count);
    if (instance->gate != NULL) {
        instance->ordered_run = call->run;
        instance->ordered_node = n;
        if (instance->is_told)
            g_array_append_val(schedule->untold, instance->instance);
        instance->is_told = false;
    }
    instance->is_ahead_of_hosts = step != GW_DISPATCH_AWAIT;
    if (step == GW_DISPATCH_AWAIT) {
        instance->state = GW_SCHEDULED_ENQUEUEING;
        instance->acks_left = gw_dispatch_flush(schedule->dispatch, true);
    } else if (step == GW_DISPATCH_NOW) {
        gw_dispatch_flush(schedule->dispatch, false);
    }
}

/* Other islands' gates may open by what was ordered. */
static void tell_peers(gw_schedule *schedule)
{
    for (uint32_t i = 0; i < schedule->untold->len; i++) {
        gw_scheduled_instance *instance =
            instance_of(schedule, g_array_index(schedule->untold, uint32_t, i));
        const gw_ordered_message message = {{GW_MESSAGE_ORDERED, sizeof message},
                                            instance->instance,
                                            instance->ordered_run,
                                            instance->ordered_node};
        for (uint32_t p = 0; p < instance->gate->peer_count; p++)
            if (gw_gate_tell(instance->gate, p, message.run, message.node))
                schedule->port->ops->send(schedule->port, instance->gate->peers[p].scheduler,
                                          &message.header);
        instance->is_told = true;
    }
    g_array_set_size(schedule->untold, 0);
}

/* NULL: the policy was never offered that, or has given it back. */
static gw_scheduled_instance *find_offered(gw_schedule *schedule, uint64_t offer)
{
    gw_scheduled_instance *instance = find_instance(schedule, offer);
    if (instance != NULL && instance->state == GW_SCHEDULED_OFFERED)
        return instance;
    note(schedule, GW_NOTE_POLICY_WRONG, schedule->self.index, offer);
    schedule->is_wrong = true;
    return NULL;
}

bool gw_schedule_is_changed(const gw_schedule *schedule)
{
    return schedule->is_changed && !schedule->is_wrong && !gw_dispatch_is_wrong(schedule->dispatch);
}

void gw_schedule_answer(gw_schedule *schedule)
{
    for (uint32_t i = 0; i < schedule->returned->len; i++) {
        const gw_returned_call *returned = &g_array_index(schedule->returned, gw_returned_call, i);
        schedule->port->ops->send(schedule->port, returned->client, &returned->message.header);
    }
    g_array_set_size(schedule->returned, 0);
}

void gw_schedule_flush(gw_schedule *schedule)
{
    if (!gw_schedule_is_changed(schedule))
        return;
    schedule->is_changed = false;
    const gw_policy_ops *ops = schedule->policy->ops;
    gw_time now_ns = schedule->port->ops->now(schedule->port);
    uint64_t offer = UINT64_MAX; /* No policy has it, should one forget to say which. */
    while ((schedule->open_count > 0 || schedule->dropped_count > 0) &&
           ops->pick(schedule->policy, now_ns, &offer)) {
        gw_scheduled_instance *instance = find_offered(schedule, offer);
        if (instance == NULL)
            return;
        gw_need *need = gw_schedule_next_need(instance);
        gw_schedule_end_offer(schedule, instance);
        bool is_ordered = !instance->is_abandoned && has_room(schedule, instance);
        ops->take(schedule->policy, offer, is_ordered);
        if (instance->is_abandoned) {
            instance->state = GW_SCHEDULED_IDLE;
            schedule->dropped_count--;
        }
        if (!is_ordered) {
            gw_schedule_hold_need(schedule, need);
            continue;
        }
        order_gang(schedule, instance, now_ns);
        if (gw_dispatch_is_wrong(schedule->dispatch))
            return;
        if (instance->state == GW_SCHEDULED_OFFERED)
            advance(schedule, instance);
    }
    schedule->is_changed = false;
    gw_dispatch_flush(schedule->dispatch, false);
    tell_peers(schedule);
    gw_schedule_answer(schedule);
}

/* --- What comes back --- */

void gw_schedule_enqueued(gw_schedule *schedule, const gw_instance_message *message)
{
    gw_scheduled_instance *instance = instance_or_collected(schedule, message->instance);
    if (instance == NULL || instance->is_abandoned)
        return;
    gw_check(instance->state == GW_SCHEDULED_ENQUEUEING);
    gw_check(instance->acks_left > 0);
    if (--instance->acks_left == 0)
        advance(schedule, instance);
}

void gw_schedule_ordered(gw_schedule *schedule, gw_node_id source,
                         const gw_ordered_message *message)
{
    gw_scheduled_instance *instance = find_instance(schedule, message->instance);
    if (instance == NULL) /* It is gone: the news was slower than the end. */
        return;
    gw_gate_hear(instance->gate, source, message->run, message->node);
    if (instance->state == GW_SCHEDULED_GATED) {
        begin_wait(schedule, instance);
        offer_or_block(schedule, instance);
    }
}

void gw_schedule_result(gw_schedule *schedule, const gw_result_message *message)
{
    gw_scheduled_instance *instance = find_instance(schedule, message->instance);
    if (instance == NULL) /* It is gone. */
        return;
    gw_decisions_hear(instance->decisions, message->run, message->result, message->value);
    if (instance->state == GW_SCHEDULED_UNDECIDED) {
        begin_wait(schedule, instance);
        offer_or_block(schedule, instance);
    }
}

/* Those who waited are offered, or begin to wait again, in the same order. */
static void offer_waiting(gw_schedule *schedule, GQueue *waiting)
{
    GQueue waited = *waiting;
    g_queue_init(waiting);
    while (waited.head != NULL) {
        gw_scheduled_instance *instance = (gw_scheduled_instance *)waited.head->data;
        gw_schedule_stop_waiting(instance, &waited);
        offer_or_block(schedule, instance);
    }
}

/* What is offered with the need is weighed at once, as are those who waited. */
static void weigh(gw_schedule *schedule, gw_need *need)
{
    if (need->offered > 0 && !need->slice->is_full)
        gw_schedule_is_there(schedule, need);
}

/* The slice may be full again, when others claim it: then all wait on. */
static void offer_on_slice(gw_schedule *schedule, gw_slice *slice)
{
    if (slice->wanted == 0 || !gw_schedule_is_free(schedule, slice))
        return;
    for (uint32_t n = 0; n < slice->needs->len; n++)
        weigh(schedule, (gw_need *)g_ptr_array_index(slice->needs, n));
    offer_waiting(schedule, &slice->waiting);
}

/* Those who wait at slices that have room again, or whose buffers fit by now, may be ordered, and
 * those offered for them.  All of that is known before anybody is looked at. */
static void offer_freed(gw_schedule *schedule)
{
    for (uint32_t f = 0; f < schedule->freed->len; f++)
        gw_schedule_open_slice(schedule, (gw_slice *)g_ptr_array_index(schedule->freed, f));
    for (uint32_t f = 0; f < schedule->fitting->len; f++)
        gw_schedule_open_need(schedule, (gw_need *)g_ptr_array_index(schedule->fitting, f));
    for (uint32_t f = 0; f < schedule->freed->len; f++)
        offer_on_slice(schedule, (gw_slice *)g_ptr_array_index(schedule->freed, f));
    for (uint32_t f = 0; f < schedule->fitting->len; f++) {
        gw_need *need = (gw_need *)g_ptr_array_index(schedule->fitting, f);
        weigh(schedule, need);
        offer_waiting(schedule, &need->waiting);
    }
    g_ptr_array_set_size(schedule->freed, 0);
    g_ptr_array_set_size(schedule->fitting, 0);
}

static void finish_run(gw_schedule *schedule, const gw_finished_run *done)
{
    gw_scheduled_instance *instance = instance_or_collected(schedule, done->instance);
    if (instance == NULL || instance->is_abandoned)
        return;
    uint32_t *left = &instance->hosts_left[done->run % instance->depth];
    gw_check(*left > 0);
    if (--*left > 0)
        return;
    if (instance->has_last_node &&
        schedule->port->ops->now(schedule->port) > instance->deadlines[done->run % instance->depth])
        note(schedule, GW_NOTE_DEADLINE_MISSED, instance->job, done->run);
    gw_call_message message = {{GW_MESSAGE_RUN_DONE, sizeof message}, done->instance, done->run, 0};
    schedule->port->ops->send(schedule->port, instance->client, &message.header);
}

static void take_used(gw_schedule *schedule, const gw_used_time *used)
{
    gw_scheduled_instance *instance = instance_or_collected(schedule, used->instance);
    if (instance == NULL)
        return;
    instance->shards_done += used->shard_count;
    instance->device_time_ns += used->device_time_ns;
    gw_policy_finished(schedule->policy, used->instance, used->shard_count, used->device_time_ns);
}

/* A device whose gangs are all done may be what somebody waits for, with or without bytes. */
static void take_freed(gw_schedule *schedule, const gw_progress *message, uint32_t first_device)
{
    const uint32_t *counts = gw_progress_counts(message);
    const uint64_t *freed_bytes = gw_progress_freed_bytes(message);
    for (uint32_t d = 0; d < message->device_count; d++) {
        const uint64_t size_bytes = message->freed_count > 0 ? freed_bytes[d] : 0;
        if (size_bytes > 0 || counts[d] > 0)
            gw_budget_give(schedule->budget, first_device + d, size_bytes, schedule->fitting);
    }
}

void gw_schedule_progress(gw_schedule *schedule, gw_node_id source, const gw_progress *message)
{
    const gw_directory *directory = schedule->directory;
    const gw_island *island = &directory->islands[gw_directory_island_of_host(directory, source)];
    uint32_t first =
        island->first_device + (source.index - island->first_host) * island->devices_per_host;
    gw_check(message->device_count == island->devices_per_host);
    for (uint32_t i = 0; i < message->used_count; i++)
        take_used(schedule, &message->used[i]);
    const uint32_t *counts = gw_progress_counts(message);
    for (uint32_t d = 0; d < message->device_count; d++)
        if (counts[d] > 0)
            gw_room_give(schedule->room, first + d, counts[d], schedule->freed);
    if (schedule->budget != NULL)
        take_freed(schedule, message, first);
    offer_freed(schedule);
    const gw_finished_run *runs = gw_progress_runs(message);
    for (uint32_t r = 0; r < message->run_count; r++)
        finish_run(schedule, &runs[r]);
}

/* --- A client that has failed --- */

/* One who waited for a slice or was offered for it does not want it any more; others may have
 * waited for that. */
static void leave_slice(gw_schedule *schedule, gw_slice *slice)
{
    const bool was_full = slice->is_full;
    gw_room_leave(schedule->room, slice, schedule->freed);
    if (was_full && !slice->is_full)
        g_ptr_array_add(schedule->freed, slice);
    offer_freed(schedule);
}

/* One who waited for memory or was offered does not want it any more, and maybe nobody does. */
static void leave_need(gw_schedule *schedule, gw_need *need)
{
    if (!need->is_short || need->wanted > 0)
        return;
    gw_budget_stop(schedule->budget, need, schedule->fitting);
    gw_schedule_open_need(schedule, need);
    offer_freed(schedule);
}

/* What is offered leaves the policy.  One that cannot withdraw it gives it back when it picks it,
 * which it does in this turn: whatever comes before it is picked, too. */
static void withdraw_offer(gw_schedule *schedule, gw_scheduled_instance *instance)
{
    if (schedule->can_hold) {
        gw_schedule_end_offer(schedule, instance);
        schedule->policy->ops->withdraw(schedule->policy, instance->instance);
    } else {
        schedule->dropped_count++;
    }
    schedule->is_changed = true;
    gw_schedule_flush(schedule);
}

static void drop_calls(gw_schedule *schedule, gw_scheduled_instance *instance)
{
    const gw_scheduled_state state = instance->state;
    const bool wants = state == GW_SCHEDULED_BLOCKED || state == GW_SCHEDULED_OFFERED ||
                       state == GW_SCHEDULED_SHORT;
    gw_need *need = wants ? gw_schedule_next_need(instance) : NULL;
    instance->is_abandoned = true;
    if (state == GW_SCHEDULED_SHORT)
        gw_schedule_stop_waiting(instance, &need->waiting);
    else if (state == GW_SCHEDULED_BLOCKED)
        gw_schedule_stop_waiting(instance, &need->slice->waiting);
    else if (state == GW_SCHEDULED_OFFERED)
        withdraw_offer(schedule, instance);
    if (wants)
        leave_need(schedule, need);
    if (state == GW_SCHEDULED_BLOCKED || state == GW_SCHEDULED_OFFERED)
        leave_slice(schedule, need->slice);
    instance->state = GW_SCHEDULED_IDLE;
    instance->call_count = 0;
    gw_policy_idle(schedule->policy, instance->instance);
}

void gw_schedule_abandon(gw_schedule *schedule, gw_node_id source,
                         const gw_instance_message *message)
{
    gw_scheduled_instance *instance = find_instance(schedule, message->instance);
    gw_extent_message answer = {.header = {GW_MESSAGE_ABANDONED, sizeof answer},
                                .instance = message->instance};
    gw_collected_add(schedule->collected, message->instance);
    if (instance != NULL) {
        drop_calls(schedule, instance);
        answer.extent = instance->extent;
    }
    schedule->port->ops->send(schedule->port, source, &answer.header);
}
