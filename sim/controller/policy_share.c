/* SPDX-License-Identifier: Apache-2.0 */
/* Device time in proportion to `weight`, and no device idle for it: whoever has had least, for its
 * weight, comes first, among those that have something to order.
 *
 * An instance's virtual time is its device time over its weight.  Its device time is what hosts
 * have reported, and for shards that are ordered and not reported the mean of those that were
 * reported last, about as many as are ordered; of an instance without a report, everybody's mean.
 * What was guessed wrong is put right by the report, so errors do not add up.
 *
 * An instance is idle when it has nothing to order and nothing on devices either: between two calls
 * of a client that calls again in time it is not, and catches up.  One that was idle comes back
 * with the least virtual time of those that are not, if its own is less: what it left unused is
 * not saved up.  With nobody there, the least that there was counts.
 *
 * The bound.  Let two instances want the same devices, both with gangs to order all the time, and
 * let each gang cost at most c1 and c2 of device time, known from earlier reports.  Then their
 * virtual times never differ by more than max(c1 / w1, c2 / w2): an instance is ordered only when
 * its own is the lesser, and is ahead by no more than that one gang afterwards.  So what each has
 * had is never further from its share than one gang of either, however long they run.  Until the
 * first reports the bound holds for shards in place of their time.
 *
 * All instances are compared, also those that never meet on a device (decision 0014). */
#include "base/check.h"
#include "controller/offer_groups.h"

extern const gw_policy_ops gw_policy_share;

#define FRACTION_BITS 32
#define FRACTION_MASK ((UINT64_C(1) << FRACTION_BITS) - 1)
#define CHARGE_MAX_NS (UINT64_MAX >> 2) /* More counts as so much. */

typedef struct {
    uint64_t count;
    gw_span time_ns;
} shard_tally;

typedef struct {
    uint32_t weight;  /* 0: never offered, or forgotten. */
    uint32_t offered; /* Shards of the gang that is offered now, or was last, */
    uint32_t slice;   /* and where. */
    bool is_asked;    /* It has gangs to order, offered or waiting for room. */
    uint64_t ordered; /* Shards, not reported yet. */
    gw_span reported_ns;
    shard_tally before, latest; /* Reported last: as many as were ordered, and since then. */
    gw_offer_key lift;          /* Virtual time that it was given on coming back. */
} share_account;

/* Virtual time is a key: ns, and 2^-32 of them, so that weights of any size keep their shares. */
typedef struct {
    gw_heap_policy base;
    gw_offer_heap active; /* All that are not idle, by virtual time. */
    gw_offer_key least;   /* Of those that are not idle: the greatest that it has been. */
    GArray *accounts;     /* share_account by instance. */
    shard_tally all;      /* Reported, of everybody. */
} share_policy;

static share_account *account_of(share_policy *policy, uint32_t instance)
{
    if (instance >= policy->accounts->len)
        g_array_set_size(policy->accounts, instance + 1);
    return &g_array_index(policy->accounts, share_account, instance);
}

static bool is_less(gw_offer_key a, gw_offer_key b)
{
    return a.first != b.first ? a.first < b.first : a.second < b.second;
}

static gw_offer_key add(gw_offer_key a, gw_offer_key b)
{
    const uint64_t fraction = a.second + b.second;
    return (gw_offer_key){a.first + b.first + (fraction >> FRACTION_BITS),
                          fraction & FRACTION_MASK};
}

static gw_offer_key subtract(gw_offer_key a, gw_offer_key b)
{
    const uint64_t borrow = a.second < b.second ? 1 : 0;
    return (gw_offer_key){a.first - b.first - borrow, (a.second - b.second) & FRACTION_MASK};
}

/* What `count` shards take if those of `known` are typical. */
static gw_span scale(const shard_tally *known, uint64_t count)
{
    const gw_span mean_ns = known->time_ns / known->count, rest_ns = known->time_ns % known->count;
    if (mean_ns > 0 && count > CHARGE_MAX_NS / mean_ns)
        return CHARGE_MAX_NS;
    /* Exact as far as numbers go: those whose gangs are alike must not differ by a rounding. */
    const bool is_small = (known->count | count) >> 31 == 0;
    return mean_ns * count + (is_small ? rest_ns * count / known->count : 0);
}

static shard_tally tally_known(const share_account *account)
{
    return (shard_tally){account->before.count + account->latest.count,
                         account->before.time_ns + account->latest.time_ns};
}

/* Offers go by their slices, to be held with them, but those whose virtual time is others' mean: to
 * be given back and offered again is what brings them up to date.  There are never more of them
 * than gangs on devices. */
static uint32_t group_of(const share_account *account)
{
    const bool is_guessed = account->ordered > 0 && tally_known(account).count == 0;
    return is_guessed ? GW_OFFER_GROUP_LOOSE : gw_offer_group_of_slice(account->slice);
}

static gw_offer_key virtual_time(const share_policy *policy, const share_account *account)
{
    shard_tally known = tally_known(account);
    if (known.count == 0)
        known = policy->all;
    if (known.count == 0)
        known = (shard_tally){1, 1}; /* Nothing is known of anybody: shards are all alike. */
    const gw_span charge_ns =
        MIN(account->reported_ns, CHARGE_MAX_NS) + scale(&known, account->ordered);
    const gw_offer_key used = {charge_ns / account->weight,
                               (charge_ns % account->weight << FRACTION_BITS) / account->weight};
    return add(account->lift, used);
}

/* Its virtual time has changed. */
static void move_instance(share_policy *policy, uint32_t instance, gw_offer_key time)
{
    if (gw_offer_heap_find(&policy->active, instance) != NULL)
        gw_offer_heap_move(&policy->active, instance, time);
    if (gw_offer_groups_find(&policy->base.offers, instance) != NULL)
        gw_offer_groups_move_to(&policy->base.offers, instance, time,
                                group_of(account_of(policy, instance)));
}

static void note_least(share_policy *policy)
{
    const gw_offer_entry *first = gw_offer_heap_first(&policy->active);
    if (first != NULL && is_less(policy->least, first->key))
        policy->least = first->key;
}

/* Nothing to order, and nothing on devices. */
static void leave_if_idle(share_policy *policy, uint32_t instance)
{
    const share_account *account = account_of(policy, instance);
    if (account->is_asked || account->ordered > 0 ||
        gw_offer_heap_find(&policy->active, instance) == NULL)
        return;
    note_least(policy);
    gw_offer_heap_remove(&policy->active, instance);
}

static gw_policy *share_create(gw_params *params, GError **error)
{
    if (!gw_heap_policy_takes_none(params, error))
        return NULL;
    share_policy *made = (share_policy *)gw_heap_policy_new(&gw_policy_share, sizeof(share_policy));
    gw_offer_heap_init(&made->active);
    made->accounts = g_array_new(FALSE, TRUE, sizeof(share_account));
    return &made->base.base;
}

static void share_destroy(gw_policy *policy)
{
    share_policy *self = (share_policy *)policy;
    gw_offer_heap_clear(&self->active);
    g_array_unref(self->accounts);
    gw_heap_policy_destroy(policy);
}

/* Back among those that are not idle, with nothing saved up. */
static void wake(share_policy *policy, const gw_offer *offer, share_account *account)
{
    note_least(policy);
    gw_offer_key time = virtual_time(policy, account);
    if (is_less(time, policy->least)) {
        account->lift = add(account->lift, subtract(policy->least, time));
        time = policy->least;
    }
    const gw_offer_entry entry = {.key = time, .offer = offer->offer, .instance = offer->instance};
    gw_offer_heap_push(&policy->active, &entry);
}

static void share_offer(gw_policy *policy, const gw_offer *offer, gw_time now_ns)
{
    (void)now_ns;
    share_policy *self = (share_policy *)policy;
    share_account *account = account_of(self, offer->instance);
    gw_check(offer->weight > 0);
    account->weight = offer->weight;
    account->offered = offer->shard_count;
    account->slice = offer->slice;
    account->is_asked = true;
    if (gw_offer_heap_find(&self->active, offer->instance) == NULL)
        wake(self, offer, account);
    const gw_offer_entry entry = {virtual_time(self, account), offer->offer, offer->instance};
    gw_offer_groups_push(&self->base.offers, &entry, group_of(account));
}

static void share_take(gw_policy *policy, uint64_t offer, bool is_ordered)
{
    share_policy *self = (share_policy *)policy;
    const gw_offer_entry *first = gw_offer_groups_first(&self->base.offers);
    const uint32_t instance = first == NULL ? GW_INDEX_NONE : first->instance;
    gw_heap_policy_take(policy, offer, is_ordered);
    if (!is_ordered)
        return;
    share_account *account = account_of(self, instance);
    account->ordered += account->offered;
    move_instance(self, instance, virtual_time(self, account));
}

static void add_report(shard_tally *tally, uint64_t count, gw_span time_ns)
{
    tally->count += count;
    tally->time_ns += time_ns;
}

static void share_finished(gw_policy *policy, uint32_t instance, uint64_t shard_count,
                           gw_span device_time_ns)
{
    share_policy *self = (share_policy *)policy;
    share_account *account = account_of(self, instance);
    gw_check(account->ordered >= shard_count);
    account->ordered -= shard_count;
    account->reported_ns += device_time_ns;
    add_report(&account->latest, shard_count, device_time_ns);
    add_report(&self->all, shard_count, device_time_ns);
    if (account->latest.count >= account->ordered) {
        account->before = account->latest;
        account->latest = (shard_tally){0};
    }
    move_instance(self, instance, virtual_time(self, account));
    leave_if_idle(self, instance);
}

static void share_idle(gw_policy *policy, uint32_t instance)
{
    share_policy *self = (share_policy *)policy;
    account_of(self, instance)->is_asked = false;
    leave_if_idle(self, instance);
}

static void share_forget(gw_policy *policy, uint32_t instance)
{
    share_policy *self = (share_policy *)policy;
    share_account *account = account_of(self, instance);
    account->is_asked = false;
    account->ordered = 0;
    leave_if_idle(self, instance);
    *account = (share_account){0};
}

const gw_policy_ops gw_policy_share = {
    .abi = GW_POLICY_ABI,
    .size_bytes = sizeof(gw_policy_ops),
    .name = "share",
    .summary = "device time in proportion to the jobs' `weight`",
    .create = share_create,
    .destroy = share_destroy,
    .offer = share_offer,
    .pick = gw_heap_policy_pick,
    .take = share_take,
    .finished = share_finished,
    .idle = share_idle,
    .forget = share_forget,
    .hold = gw_heap_policy_hold,
    .release = gw_heap_policy_release,
    .withdraw = gw_heap_policy_withdraw,
};
