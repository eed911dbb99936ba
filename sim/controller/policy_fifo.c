/* SPDX-License-Identifier: Apache-2.0 */
/* First in, first out: whoever's call came first has its gangs ordered first.  A binary heap by
 * (submission, offer), so a decision costs the logarithm of the number of waiting clients. */
#include "base/check.h"
#include "base/params.h"
#include "controller/policy.h"

typedef struct {
    uint64_t submission, offer;
} fifo_entry;

typedef struct {
    gw_policy base;
    GArray *heap; /* fifo_entry; the first comes next. */
} fifo_policy;

static bool comes_before(const fifo_entry *a, const fifo_entry *b)
{
    if (a->submission != b->submission)
        return a->submission < b->submission;
    return a->offer < b->offer;
}

static gw_policy *fifo_create(gw_params *params, GError **error)
{
    if (params != NULL && !gw_params_finish(params, error))
        return NULL;
    fifo_policy *fifo = g_new0(fifo_policy, 1);
    extern const gw_policy_ops gw_policy_fifo;
    fifo->base.ops = &gw_policy_fifo;
    fifo->heap = g_array_new(FALSE, FALSE, sizeof(fifo_entry));
    return &fifo->base;
}

static void fifo_destroy(gw_policy *policy)
{
    fifo_policy *fifo = (fifo_policy *)policy;
    g_array_unref(fifo->heap);
    g_free(fifo);
}

static void fifo_offer(gw_policy *policy, const gw_offer *offer, gw_time now_ns)
{
    (void)now_ns;
    GArray *heap = ((fifo_policy *)policy)->heap;
    fifo_entry entry = {offer->submission, offer->offer};
    g_array_append_val(heap, entry);
    fifo_entry *entries = (fifo_entry *)(void *)heap->data;
    uint32_t i = heap->len - 1;
    while (i > 0 && comes_before(&entry, &entries[(i - 1) / 2])) {
        entries[i] = entries[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    entries[i] = entry;
}

static bool fifo_pick(gw_policy *policy, gw_time now_ns, uint64_t *out_offer)
{
    (void)now_ns;
    GArray *heap = ((fifo_policy *)policy)->heap;
    if (heap->len == 0)
        return false;
    *out_offer = g_array_index(heap, fifo_entry, 0).offer;
    return true;
}

static void fifo_take(gw_policy *policy, uint64_t offer, bool is_ordered)
{
    (void)is_ordered;
    GArray *heap = ((fifo_policy *)policy)->heap;
    gw_check(heap->len > 0);
    fifo_entry *entries = (fifo_entry *)(void *)heap->data;
    gw_check(entries[0].offer == offer);
    fifo_entry last = entries[heap->len - 1];
    g_array_set_size(heap, heap->len - 1);
    uint32_t i = 0;
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= heap->len)
            break;
        if (child + 1 < heap->len && comes_before(&entries[child + 1], &entries[child]))
            child++;
        if (!comes_before(&entries[child], &last))
            break;
        entries[i] = entries[child];
        i = child;
    }
    if (heap->len > 0)
        entries[i] = last;
}

const gw_policy_ops gw_policy_fifo = {
    .abi = GW_POLICY_ABI,
    .size_bytes = sizeof(gw_policy_ops),
    .name = "fifo",
    .summary = "first in, first out, by the order in which calls reach the scheduler",
    .create = fifo_create,
    .destroy = fifo_destroy,
    .offer = fifo_offer,
    .pick = fifo_pick,
    .take = fifo_take,
};
