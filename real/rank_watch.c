/* SPDX-License-Identifier: Apache-2.0 */
/* The first rank that is found gone is the one that is told of: others end because of it.  So only
 * rank 0 decides, and the others wait for its word, unless it is the one that is gone. */
#include "real/rank_watch.h"

#include "base/check.h"
#include "base/error.h"
#include "real/activity.h"
#include "real/rank_cluster.h"

#define BEAT_NS      500000000
#define CHECK_NS     20000000
#define WORD_NS      UINT64_C(600000000) /* For rank 0's word on another one that has ended. */
#define LAST_WORD_NS UINT64_C(200000000) /* For what rank 0 said before it went. */
#define LOOKS_MIN    20 /* At what has come, meanwhile: time may pass while nobody looks. */
#define FLUSH_NS     UINT64_C(200000000) /* For our own. */
#define FLUSH_US     1000

struct gw_rank_watch {
    gw_rank_link *link;
    uint64_t *heard_ns; /* By rank. */
    char (*status)[GW_RANK_STATUS_BYTES];
    uint64_t beat_ns, check_ns;
    uint32_t suspect; /* rank_count: none. */
    uint64_t suspect_ns;
    uint32_t look_count; /* Since then. */
    bool has_ended;      /* The suspect's process has; else it is silent. */
    uint32_t lost;       /* By rank 0's word. */
    char *word;
};

gw_rank_watch *gw_rank_watch_new(gw_rank_link *link)
{
    gw_rank_watch *watch = g_new0(gw_rank_watch, 1);
    watch->link = link;
    watch->heard_ns = g_new0(uint64_t, link->rank_count);
    watch->status = g_malloc0_n(link->rank_count, sizeof(*watch->status));
    watch->suspect = link->rank_count;
    for (uint32_t r = 0; r < link->rank_count; r++) {
        gw_rank_watch_hear(watch, r);
    }
    return watch;
}

void gw_rank_watch_free(gw_rank_watch *watch)
{
    if (watch != NULL) {
        g_free(watch->heard_ns);
        g_free(watch->status);
        g_free(watch->word);
        g_free(watch);
    }
}

void gw_rank_watch_hear(gw_rank_watch *watch, uint32_t source)
{
    gw_check(source < watch->link->rank_count);
    watch->heard_ns[source] = gw_monotonic_ns();
}

void gw_rank_watch_take(gw_rank_watch *watch, uint32_t source, const gw_packet *packet)
{
    const char *text = gw_packet_body(packet);
    if (packet->kind == GW_PACKET_BEAT) {
        g_strlcpy(watch->status[source], text, GW_RANK_STATUS_BYTES);
    } else if (watch->word == NULL) {
        watch->lost = (uint32_t)packet->a;
        watch->word = g_strdup(text);
    }
}

bool gw_rank_watch_is_due(gw_rank_watch *watch, uint64_t now_ns)
{
    const bool is_due = now_ns - watch->beat_ns >= BEAT_NS;
    watch->beat_ns = is_due ? now_ns : watch->beat_ns;
    return is_due;
}

static bool is_silent(const gw_rank_watch *watch, uint32_t rank, uint64_t now_ns)
{
    const uint64_t heard_ns = watch->heard_ns[rank];
    return rank != watch->link->self && now_ns > heard_ns && now_ns - heard_ns > GW_RANK_SILENCE_NS;
}

static void find_suspect(gw_rank_watch *watch, uint64_t now_ns)
{
    const uint32_t dead = watch->link->ops->find_dead(watch->link);
    uint32_t found = dead;
    const uint32_t end = watch->link->self == 0 ? watch->link->rank_count : 1;
    for (uint32_t r = 0; r < end && found == watch->link->rank_count; r++) {
        found = is_silent(watch, r, now_ns) ? r : found;
    }
    if (found < watch->link->rank_count) {
        watch->suspect = found;
        watch->suspect_ns = now_ns;
        watch->look_count = 0;
        watch->has_ended = dead == found;
    }
}

static char *describe_suspect(const gw_rank_watch *watch, uint64_t now_ns)
{
    const uint32_t rank = watch->suspect;
    const uint64_t heard_ns = MIN(watch->heard_ns[rank], now_ns);
    g_autofree char *ago = gw_span_format(now_ns - heard_ns);
    g_autofree char *gone = watch->has_ended ? g_strdup("its process has ended")
                                             : g_strdup_printf("silent for %s", ago);
    const char *status = watch->status[rank];
    return g_strdup_printf("rank %u (host %u) is lost: %s; it was %s", rank, rank, gone,
                           status[0] == '\0' ? "about to begin" : status);
}

static void tell_others(const gw_rank_watch *watch, const char *text)
{
    gw_rank_link *link = watch->link;
    for (uint32_t r = 1; r < link->rank_count; r++) {
        if (r != watch->suspect) {
            gw_packet *packet = gw_packet_new_text(GW_PACKET_LOST, watch->suspect, 0, text);
            link->ops->send(link, r, packet, packet->size_bytes);
        }
    }
    const uint64_t end_ns = gw_monotonic_ns() + FLUSH_NS;
    while (link->ops->unsent(link) > 0 && gw_monotonic_ns() < end_ns) {
        g_usleep(FLUSH_US);
    }
}

bool gw_rank_watch_check(gw_rank_watch *watch, uint64_t now_ns, uint32_t *out_lost, GError **error)
{
    const uint32_t none = watch->link->rank_count;
    if (watch->word != NULL) {
        *out_lost = watch->lost;
        g_set_error_literal(error, GW_ERROR, GW_ERROR_SYSTEM, watch->word);
        return false;
    }
    if (watch->suspect == none && now_ns - watch->check_ns >= CHECK_NS) {
        watch->check_ns = now_ns;
        find_suspect(watch, now_ns);
    }
    const bool is_ours = watch->link->self == 0;
    const uint64_t grace_ns = watch->suspect == 0 ? LAST_WORD_NS : WORD_NS;
    if (watch->suspect == none ||
        (!is_ours && (watch->look_count++ < LOOKS_MIN || now_ns - watch->suspect_ns < grace_ns))) {
        return true;
    }
    g_autofree char *text = describe_suspect(watch, now_ns);
    if (is_ours) {
        tell_others(watch, text);
    }
    *out_lost = watch->suspect;
    g_set_error_literal(error, GW_ERROR, GW_ERROR_SYSTEM, text);
    return false;
}
