/* SPDX-License-Identifier: Apache-2.0 */
/* Every rank says READY to rank 0, which answers all with the first thing that is wrong, by order
 * of rank, or that nothing is.  As in a run only rank 0 decides that another one is lost: it beats
 * while it waits, and its last word says whom it has waited for. */
#include "real/rank_agree.h"

#include "base/check.h"
#include "base/error.h"
#include "real/activity.h"
#include "real/rank_packet.h"
#include "real/real_run.h"

#define POLL_US         2000
#define BEAT_NS         500000000
#define FLUSH_NS        UINT64_C(200000000)
#define PATIENCE_NS     UINT64_C(8000000000)
#define SUSPICION_NS    UINT64_C(300000000) /* A launcher that has lost a rank ends all as fast. */
#define WORD_NS         UINT64_C(600000000) /* For rank 0's word; it must not be longer. */
#define PATIENCE_FACTOR 10 /* Others may take so many times as long as this one to begin. */

typedef struct {
    gw_rank_link *link;
    bool *has_answered; /* By rank: to these rank 0 beats. */
    uint32_t awaited;   /* The first one that has not. */
    uint64_t patience_ns, limit_ns, beat_ns;
    uint64_t cancelled_ns, lost_ns; /* When that was seen; 0: it is not. */
} gathering_state;

static void begin_gathering(gathering_state *gathering, gw_rank_link *link)
{
    const uint64_t now_ns = gw_monotonic_ns();
    gathering->link = link;
    gathering->has_answered = g_new0(bool, link->rank_count);
    gathering->awaited = link->self == 0 ? 1 : 0;
    gathering->patience_ns = PATIENCE_NS + PATIENCE_FACTOR * (now_ns - link->begun_ns);
    gathering->limit_ns = now_ns + gathering->patience_ns;
    gathering->beat_ns = now_ns;
}

static void end_gathering(gathering_state *gathering)
{
    g_free(gathering->has_answered);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(gathering_state, end_gathering)

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

static void tell_answered(const gathering_state *gathering, gw_packet_kind kind,
                          const GError *error)
{
    gw_rank_link *link = gathering->link;
    for (uint32_t r = 1; r < link->rank_count; r++) {
        if (gathering->has_answered[r]) {
            gw_packet *packet = make_packet(kind, error, 0);
            link->ops->send(link, r, packet, packet->size_bytes);
        }
    }
}

static void tell_last(const gathering_state *gathering, const GError *error)
{
    const uint64_t end_ns = gw_monotonic_ns() + FLUSH_NS;
    tell_answered(gathering, GW_PACKET_LOST, error);
    while (gathering->link->ops->unsent(gathering->link) > 0 && gw_monotonic_ns() < end_ns) {
        g_usleep(POLL_US);
    }
}

/* Nothing has come: false when nothing will. */
static bool wait_on(gathering_state *gathering, GError **error)
{
    gw_rank_link *link = gathering->link;
    const uint64_t now_ns = gw_monotonic_ns();
    const uint32_t dead = link->ops->find_dead(link), stopped = gw_rank_link_find_stopped(link);
    const uint32_t lost = dead < link->rank_count ? dead : stopped;
    if (lost < link->rank_count && gathering->lost_ns == 0) {
        gathering->lost_ns = now_ns;
    }
    /* Rank 0 says who it is: only if it is the one, or cannot, the others do. */
    const uint64_t grace_ns = link->self == 0 || lost == 0 ? 0 : WORD_NS;
    if (lost < link->rank_count && now_ns - gathering->lost_ns >= grace_ns) {
        g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM, "rank %u has %s before the run began", lost,
                    dead < link->rank_count ? "ended" : "stopped");
        return false;
    }
    if (gw_real_is_cancelled() && gathering->cancelled_ns == 0) {
        gathering->cancelled_ns = now_ns;
    }
    if (gathering->cancelled_ns != 0 && lost == link->rank_count &&
        now_ns - gathering->cancelled_ns > SUSPICION_NS) {
        g_set_error_literal(error, GW_ERROR, GW_ERROR_INTERRUPTED, "interrupted");
        return false;
    }
    if (now_ns > gathering->limit_ns) {
        g_autofree char *waited = gw_span_format(gathering->patience_ns);
        g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM,
                    "rank %u is lost: it has not answered for %s, and was about to begin",
                    gathering->awaited, waited);
        return false;
    }
    if (now_ns - gathering->beat_ns >= BEAT_NS) {
        gathering->beat_ns = now_ns;
        tell_answered(gathering, GW_PACKET_BEAT, NULL);
    }
    link->ops->unsent(link);
    g_usleep(POLL_US);
    return true;
}

/* NULL: somebody ended, or was not heard of, and the error. */
static gw_packet *await_packet(gathering_state *gathering, uint32_t *out_source, GError **error)
{
    for (;;) {
        g_autofree gw_packet *packet = gathering->link->ops->receive(gathering->link, out_source);
        if (packet == NULL) {
            if (!wait_on(gathering, error)) {
                return NULL;
            }
        } else if (packet->kind == GW_PACKET_BEAT) {
            gathering->limit_ns = gw_monotonic_ns() + gathering->patience_ns;
        } else {
            return g_steal_pointer(&packet);
        }
    }
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

/* Rank 0: whether all have answered; what each has said is in `wrong`, by rank. */
static bool hear_all(gathering_state *gathering, const GError *mine, uint64_t fingerprint,
                     GError **wrong, GError **error)
{
    const uint32_t count = gathering->link->rank_count;
    while (gathering->awaited < count) {
        uint32_t source = 0;
        g_autofree gw_packet *packet = await_packet(gathering, &source, error);
        if (packet == NULL) {
            return false;
        }
        gw_check(packet->kind == GW_PACKET_READY);
        /* Where rank 0 has nothing to run, there is nothing to compare. */
        wrong[source] = judge(packet, source, mine == NULL ? fingerprint : packet->b);
        gathering->has_answered[source] = true;
        while (gathering->awaited < count && gathering->has_answered[gathering->awaited]) {
            gathering->awaited++;
        }
    }
    return true;
}

static gw_rank_accord agree_first(gw_rank_link *link, const GError *mine, uint64_t fingerprint,
                                  GError **error)
{
    g_auto(gathering_state) gathering = {.link = link};
    begin_gathering(&gathering, link);
    g_autofree GError **wrong = g_new0(GError *, link->rank_count);
    g_autoptr(GError) lost = NULL;
    const bool is_whole = hear_all(&gathering, mine, fingerprint, wrong, &lost);
    wrong[0] = mine == NULL ? NULL : g_error_copy(mine);
    g_autoptr(GError) first = NULL;
    for (uint32_t r = 0; r < link->rank_count; r++) {
        if (first == NULL) {
            first = g_steal_pointer(&wrong[r]);
        }
        g_clear_error(&wrong[r]);
    }
    if (!is_whole) {
        tell_last(&gathering, lost);
        g_propagate_error(error, g_steal_pointer(&lost));
        return (gw_rank_accord){.is_lost = true};
    }
    for (uint32_t r = 1; r < link->rank_count; r++) {
        send_packet(link, r, make_packet(GW_PACKET_READY, first, fingerprint));
    }
    if (first != NULL) {
        g_propagate_error(error, g_steal_pointer(&first));
        return (gw_rank_accord){.is_lost = false};
    }
    return (gw_rank_accord){.is_reached = true};
}

static gw_rank_accord agree_other(gw_rank_link *link, const GError *mine, uint64_t fingerprint,
                                  GError **error)
{
    g_auto(gathering_state) gathering = {.link = link};
    begin_gathering(&gathering, link);
    send_packet(link, 0, make_packet(GW_PACKET_READY, mine, fingerprint));
    uint32_t source;
    g_autofree gw_packet *packet = await_packet(&gathering, &source, error);
    if (packet == NULL) {
        return (gw_rank_accord){.is_lost = true};
    }
    const bool is_lost = packet->kind == GW_PACKET_LOST;
    gw_check(is_lost || packet->kind == GW_PACKET_READY);
    if (packet->a != 0) {
        g_set_error_literal(error, GW_ERROR, (gint)packet->a, gw_packet_body(packet));
        return (gw_rank_accord){.is_lost = is_lost, .is_told = true};
    }
    return (gw_rank_accord){.is_reached = true};
}

gw_rank_accord gw_rank_agree(gw_rank_link *link, const GError *mine, uint64_t fingerprint,
                             GError **error)
{
    gw_rank_link_attend(link, true);
    const gw_rank_accord accord = link->self == 0 ? agree_first(link, mine, fingerprint, error)
                                                  : agree_other(link, mine, fingerprint, error);
    if (accord.is_reached) {
        gw_rank_link_attend(link, false);
    }
    return accord;
}
