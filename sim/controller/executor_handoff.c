/* SPDX-License-Identifier: Apache-2.0 */
/* Hand-offs that block: a host that waits for its device.
 *
 * Elsewhere a kernel is enqueued ahead of its inputs, and the device begins by itself when they
 * have come.  A program that synchronises with its device at each hand-off between stages cannot:
 * it posts what it will receive, waits, and only then begins with the call that launches the next
 * pass, while the device has nothing to do.  So here a gang that has its memory is held.  Its
 * inputs are announced at once and may come while others run; their copies are nobody's arrival,
 * and who copies says HANDED when one is there.  The oldest gang held is launched when all its
 * pieces are there and the host has no other kernel under way; before that the call is spent.
 *
 * A gang that is held stands in no queue, so nobody may copy from it: those who are READY for its
 * outputs wait, as for one that has not been dispatched. */
#include "base/check.h"
#include "controller/executor_private.h"

typedef struct {
    gw_kernel kernel;       /* Its buffers are the record's own. */
    uint32_t missing_count; /* Pieces that have not come. */
} held_gang;

typedef struct { /* A piece under way. */
    uint64_t gang;
    uint32_t host;
} handoff;

struct gw_handoffs {
    GArray *held; /* held_gang, in order; a queue from `first` on. */
    uint32_t first;
    uint32_t running_count; /* Kernels that were launched and are not done. */
    gw_pool pieces;         /* handoff */
};

gw_handoffs *gw_handoffs_new(void)
{
    gw_handoffs *handoffs = g_new0(gw_handoffs, 1);
    handoffs->held = g_array_new(FALSE, FALSE, sizeof(held_gang));
    gw_pool_init(&handoffs->pieces, sizeof(handoff));
    return handoffs;
}

static held_gang *held_at(const gw_handoffs *handoffs, uint32_t place)
{
    return &g_array_index(handoffs->held, held_gang, place);
}

static void free_buffers(const held_gang *gang)
{
    g_free((uint32_t *)gang->kernel.buffers);
}

void gw_handoffs_free(gw_handoffs *handoffs)
{
    if (handoffs == NULL)
        return;
    for (uint32_t i = handoffs->first; i < handoffs->held->len; i++)
        free_buffers(held_at(handoffs, i));
    g_array_unref(handoffs->held);
    gw_pool_clear(&handoffs->pieces);
    g_free(handoffs);
}

/* NULL: it is not held, or not any more. */
static held_gang *find_held(const gw_handoffs *handoffs, uint64_t gang)
{
    for (uint32_t i = handoffs->first; i < handoffs->held->len; i++)
        if (held_at(handoffs, i)->kernel.gang == gang)
            return held_at(handoffs, i);
    return NULL;
}

bool gw_handoffs_holds(const gw_handoffs *handoffs, uint64_t gang)
{
    return find_held(handoffs, gang) != NULL;
}

void gw_executor_hold_gang(gw_executor *executor, gw_host_instance *instance,
                           const gw_kernel *kernel)
{
    const gw_plan_node *node = &instance->plan->nodes[kernel->node];
    const uint32_t buffer_count = node->input_count + node->output_count;
    const uint32_t local_count = gw_lowered_local_count(instance->lowered, node->mesh);
    gw_check(instance->exchanges == NULL);
    held_gang held = {.kernel = *kernel};
    held.kernel.buffers = g_memdup2(kernel->buffers, buffer_count * sizeof *kernel->buffers);
    held.kernel.arrivals = NULL;
    for (uint32_t i = 0; kernel->arrivals != NULL && i < local_count; i++)
        held.missing_count += kernel->arrivals[i];
    g_array_append_val(executor->handoffs->held, held);
    if (node->has_transfers)
        gw_executor_announce_inputs(executor, instance, node, kernel->run, kernel->gang);
}

/* --- Pieces --- */

uint32_t gw_handoffs_begin(gw_handoffs *handoffs, uint32_t host, uint64_t gang)
{
    const uint32_t index = gw_pool_take(&handoffs->pieces);
    *(handoff *)gw_pool_at(&handoffs->pieces, index) = (handoff){gang, host};
    return index;
}

static void count_piece(gw_handoffs *handoffs, uint64_t gang)
{
    held_gang *held = find_held(handoffs, gang);
    gw_check(held != NULL && held->missing_count > 0);
    held->missing_count--;
}

void gw_executor_handed(gw_executor *executor, const gw_handed_message *message)
{
    gw_check(executor->handoffs != NULL);
    count_piece(executor->handoffs, message->gang);
}

void gw_executor_tell_handed(gw_executor *executor, const gw_flight *done)
{
    gw_handoffs *handoffs = executor->handoffs;
    const handoff piece = *(handoff *)gw_pool_at(&handoffs->pieces, done->result);
    gw_pool_give(&handoffs->pieces, done->result);
    if (piece.host == executor->self.index) {
        count_piece(handoffs, piece.gang);
        return;
    }
    gw_handed_message message = {{GW_MESSAGE_HANDED, sizeof message}, piece.gang};
    executor->port->ops->send(executor->port, (gw_node_id){piece.host}, &message.header);
}

/* --- Launching --- */

void gw_handoffs_end(gw_handoffs *handoffs)
{
    gw_check(handoffs->running_count > 0);
    handoffs->running_count--;
}

/* The queue is an array whose front is used up: moves the rest down when that is most of it. */
static void drop_first(gw_handoffs *handoffs)
{
    handoffs->first++;
    if (handoffs->first > handoffs->held->len / 2) {
        g_array_remove_range(handoffs->held, 0, handoffs->first);
        handoffs->first = 0;
    }
}

void gw_executor_launch_held(gw_executor *executor)
{
    gw_handoffs *handoffs = executor->handoffs;
    if (handoffs->running_count > 0 || handoffs->first == handoffs->held->len ||
        held_at(handoffs, handoffs->first)->missing_count > 0)
        return;
    const held_gang due = *held_at(handoffs, handoffs->first);
    drop_first(handoffs);
    handoffs->running_count++;
    executor->port->ops->spend(executor->port, GW_COST_CALL, 1);
    gw_executor_enqueue_gang(executor, gw_executor_instance_of(executor, due.kernel.instance),
                             &due.kernel);
    free_buffers(&due);
}

void gw_executor_explain_held(const gw_executor *executor, GString *out)
{
    const gw_handoffs *handoffs = executor->handoffs;
    if (handoffs->first == handoffs->held->len)
        return;
    const held_gang *head = held_at(handoffs, handoffs->first);
    if (head->missing_count == 0)
        return;
    const gw_host_instance *instance = gw_executor_find(executor, head->kernel.instance);
    const gw_node *node = gw_program_node(instance->plan->program, head->kernel.node);
    g_string_append_printf(
        out, "host %u: node %s of job %s, run %u, is held until %u more of its inputs are here\n",
        executor->self.index, node->name, executor->jobs[instance->job].name, head->kernel.run,
        head->missing_count);
}
