/* SPDX-License-Identifier: Apache-2.0 */
/* Every rank says READY to rank 0, which answers all with the first thing that is wrong, by order
 * of rank, or that nothing is. */
#include "real/rank_agree.h"

#include "base/check.h"
#include "base/error.h"
#include "real/activity.h"
#include "real/rank_packet.h"
#include "real/real_run.h"

#define POLL_US  2000
#define LIMIT_NS UINT64_C(120000000000) /* A large scenario takes a minute to load. */

/* NULL: somebody ended, or rank `awaited` was not heard of, and the error. */
static gw_packet *await_packet(gw_rank_link *link, uint32_t awaited, uint64_t limit_ns,
                               uint32_t *out_source, GError **error)
{
    for (;;) {
        gw_packet *packet = link->ops->receive(link, out_source);
        if (packet != NULL) {
            return packet;
        }
        const uint32_t dead = link->ops->find_dead(link);
        if (gw_real_is_cancelled()) {
            g_set_error_literal(error, GW_ERROR, GW_ERROR_INTERRUPTED, "interrupted");
            return NULL;
        }
        if (dead < link->rank_count || gw_monotonic_ns() > limit_ns) {
            const bool has_ended = dead < link->rank_count;
            g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM, "rank %u %s before the run began",
                        has_ended ? dead : awaited,
                        has_ended ? "has ended" : "has not answered for two minutes");
            return NULL;
        }
        link->ops->unsent(link);
        g_usleep(POLL_US);
    }
}

static void send_packet(gw_rank_link *link, uint32_t target, gw_packet *packet)
{
    link->ops->send(link, target, packet, packet->size_bytes);
    while (link->ops->unsent(link) > 0 && link->ops->find_dead(link) == link->rank_count) {
        g_usleep(POLL_US);
    }
}

static gw_packet *make_packet(gw_packet_kind kind, const GError *error, uint64_t fingerprint)
{
    return gw_packet_new_text(kind, error == NULL ? 0 : (uint64_t)error->code, fingerprint,
                              error == NULL ? "" : error->message);
}

/* Rank 0: what `packet` of `source` says is wrong; NULL: nothing. */
static GError *judge(const gw_packet *packet, uint32_t source, uint64_t fingerprint)
{
    if (packet->a != 0) {
        return g_error_new(GW_ERROR, (gint)packet->a, "rank %u: %s", source,
                           (const char *)gw_packet_body(packet));
    }
    if (packet->b != fingerprint) {
        return g_error_new(GW_ERROR, GW_ERROR_SYSTEM,
                           "rank %u: found another scenario, setting or build of gangway, expected "
                           "rank 0's",
                           source);
    }
    return NULL;
}

static bool agree_first(gw_rank_link *link, const GError *mine, uint64_t fingerprint,
                        bool *out_is_whole, GError **error)
{
    const uint64_t limit_ns = gw_monotonic_ns() + LIMIT_NS;
    g_autofree GError **wrong = g_new0(GError *, link->rank_count);
    g_autofree bool *has_answered = g_new0(bool, link->rank_count);
    uint32_t awaited = 1; /* The first one that has not. */
    wrong[0] = mine == NULL ? NULL : g_error_copy(mine);
    bool is_whole = true;
    for (uint32_t i = 1; is_whole && i < link->rank_count; i++) {
        uint32_t source = 0;
        g_autofree gw_packet *packet = await_packet(link, awaited, limit_ns, &source, error);
        is_whole = packet != NULL;
        if (is_whole) {
            gw_check(packet->kind == GW_PACKET_READY);
            has_answered[source] = true;
            while (awaited < link->rank_count && has_answered[awaited])
                awaited++;
            /* Where rank 0 has nothing to run, there is nothing to compare. */
            wrong[source] = judge(packet, source, mine == NULL ? fingerprint : packet->b);
        }
    }
    GError *first = NULL;
    for (uint32_t r = 0; r < link->rank_count; r++) {
        if (first == NULL) {
            first = g_steal_pointer(&wrong[r]);
        }
        g_clear_error(&wrong[r]);
    }
    for (uint32_t r = 1; is_whole && r < link->rank_count; r++) {
        send_packet(link, r, make_packet(GW_PACKET_READY, first, fingerprint));
    }
    *out_is_whole = is_whole;
    if (first != NULL && is_whole) {
        g_propagate_error(error, first);
        return false;
    }
    g_clear_error(&first);
    return is_whole;
}

bool gw_rank_agree(gw_rank_link *link, const GError *mine, uint64_t fingerprint, bool *out_is_whole,
                   GError **error)
{
    if (link->self == 0) {
        return agree_first(link, mine, fingerprint, out_is_whole, error);
    }
    send_packet(link, 0, make_packet(GW_PACKET_READY, mine, fingerprint));
    uint32_t source;
    g_autofree gw_packet *packet =
        await_packet(link, 0, gw_monotonic_ns() + LIMIT_NS, &source, error);
    *out_is_whole = packet != NULL;
    if (packet == NULL) {
        return false;
    }
    gw_check(packet->kind == GW_PACKET_READY);
    if (packet->a != 0) {
        g_set_error_literal(error, GW_ERROR, (gint)packet->a, gw_packet_body(packet));
    }
    return packet->a == 0;
}
