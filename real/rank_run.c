/* SPDX-License-Identifier: Apache-2.0 */
/* Rank 0 watches as real_run.c does for threads: its ledger has the books of all ranks, and its
 * cluster knows when all are at rest.  The others run until they are told to end. */
#include "real/rank_run.h"

#include "base/error.h"
#include "real/activity.h"
#include "real/rank_agree.h"
#include "real/rank_cluster.h"
#include "real/real_private.h"

#define LOOK_NS  UINT64_C(50000000)
#define GRACE_NS UINT64_C(2000000000) /* For what is still to be put away after the last job. */
#define SUSPICION_NS                                                                               \
    UINT64_C(300000000) /* A launcher that ends all when one is lost is as fast.                   \
                         */

typedef struct {
    gw_real_state state;
    gw_rank_link *link;
    gw_rank_cluster *cluster;
    bool is_at_rest; /* And nothing else was wrong. */
    bool is_lost, is_told;
    gw_rank_conclude conclude; /* May be NULL. */
    void *context;
    gw_real_report report; /* Rank 0's. */
    GError *unfinished;    /* What the conclusion failed by. */
} rank_run;

static bool add_controllers(rank_run *run, GError **error)
{
    const gw_directory *directory = run->state.directory;
    gw_cpu_cluster *cpu = gw_rank_cluster_cpu(run->cluster);
    for (uint32_t i = 0; i < gw_directory_node_count(directory); i++) {
        const gw_node_id node = {i};
        if (gw_rank_of_node(directory, node) == run->link->self &&
            !gw_real_add_controller(&run->state, node, gw_cpu_cluster_port(cpu, node), error)) {
            return false;
        }
    }
    return true;
}

/* One turn of the link's thread, and what it finds: false when the run cannot go on. */
static bool work(rank_run *run, gw_span span_ns, gw_rank_state *out_state, GError **error)
{
    uint32_t lost;
    *out_state = gw_rank_cluster_work(run->cluster, span_ns, &lost, error);
    if (*out_state != GW_RANK_BROKEN) {
        return true;
    }
    run->is_lost = lost < run->link->rank_count;
    run->is_told = run->link->self != 0 && lost != 0;
    return false;
}

/* Somebody wants the run to end: the user, or a launcher that has lost a rank, which this one may
 * learn in a moment. */
static bool look_for_loss(rank_run *run, GError **error)
{
    gw_rank_state state;
    return work(run, SUSPICION_NS, &state, error);
}

/* Rank 0: true when the run is over and whole. */
static bool watch_all(rank_run *run, GError **error)
{
    uint64_t done_ns = 0;
    for (;;) {
        gw_rank_state state;
        if (!work(run, LOOK_NS, &state, error) ||
            (gw_real_is_cancelled() && !look_for_loss(run, error))) {
            return false;
        }
        gw_note wrong;
        if (gw_ledger_policy_wrong(run->state.ledger, &wrong)) {
            gw_rank_cluster_stop(run->cluster);
        }
        if (gw_real_is_ended(&run->state, NULL, error)) {
            if (error != NULL && g_error_matches(*error, GW_ERROR, GW_ERROR_SYSTEM))
                g_prefix_error(error, "rank 0 (host 0), which records the run: ");
            return false;
        }
        if (!gw_cpu_cluster_check(gw_rank_cluster_cpu(run->cluster), error)) {
            return false;
        }
        const bool is_done = gw_ledger_jobs_left(run->state.ledger) == 0;
        done_ns = is_done && done_ns == 0 ? gw_monotonic_ns() : done_ns;
        if (is_done && (state == GW_RANK_AT_REST || gw_monotonic_ns() - done_ns > GRACE_NS)) {
            return true;
        }
        if (state == GW_RANK_AT_REST) {
            run->is_at_rest = true;
            return false;
        }
    }
}

/* The others, until rank 0 ends it: true then. */
static bool obey(rank_run *run, GError **error)
{
    bool has_told = false;
    for (;;) {
        gw_rank_state state;
        g_autoptr(GError) mine = NULL;
        if (!work(run, LOOK_NS, &state, error)) {
            return false;
        }
        if (state == GW_RANK_ENDED) {
            return true;
        }
        if (!has_told && gw_real_is_cancelled()) {
            if (!look_for_loss(run, error)) {
                return false;
            }
            g_set_error_literal(&mine, GW_ERROR, GW_ERROR_INTERRUPTED, "interrupted");
        } else if (!has_told) {
            gw_cpu_cluster_check(gw_rank_cluster_cpu(run->cluster), &mine);
        }
        if (mine != NULL) {
            has_told = true;
            gw_rank_cluster_fail(run->cluster, mine);
        }
    }
}

static void say_last(void *context, GString *words)
{
    gw_real_explain(&((rank_run *)context)->state, words);
}

static uint32_t conclude_run(void *context, gw_real_usage usage)
{
    rank_run *run = context;
    gw_real_fill_report(&run->state, usage, &run->report);
    const bool is_done =
        run->conclude == NULL || run->conclude(run->context, &run->report, &run->unfinished);
    return is_done ? 0 : (uint32_t)run->unfinished->code;
}

static bool lead(rank_run *run, gw_real_report *out_report, GError **error)
{
    g_autoptr(GError) found = NULL;
    g_autoptr(GString) words = g_string_new(NULL);
    gw_real_usage usage = {0};
    const bool is_done = watch_all(run, &found);
    if (run->is_lost) {
        g_propagate_error(error, g_steal_pointer(&found));
        return false;
    }
    const uint32_t code = is_done ? 0 : run->is_at_rest ? GW_ERROR_STALL : (uint32_t)found->code;
    uint32_t none;
    gw_rank_cluster_set_conclusion(run->cluster, conclude_run, run);
    if (!gw_rank_cluster_finish(run->cluster, code, NULL, NULL, words, &usage, &none, error)) {
        run->is_lost = true;
        return false;
    }
    if (run->is_at_rest) {
        return gw_real_report_stall(&run->state, words, error);
    }
    if (!is_done) {
        g_propagate_error(error, g_steal_pointer(&found));
        return false;
    }
    if (run->unfinished != NULL) {
        g_propagate_error(error, g_steal_pointer(&run->unfinished));
        return false;
    }
    *out_report = run->report;
    return true;
}

static bool follow(rank_run *run, GError **error)
{
    uint32_t code;
    gw_real_usage none;
    g_autoptr(GString) words = g_string_new(NULL);
    if (!obey(run, error)) {
        return false;
    }
    if (!gw_rank_cluster_finish(run->cluster, 0, say_last, run, words, &none, &code, error)) {
        run->is_lost = true;
        run->is_told = gw_rank_cluster_lost(run->cluster) != 0;
        return false;
    }
    run->is_told = true;
    if (code != 0) {
        g_set_error_literal(error, GW_ERROR, (gint)code, "rank 0 has ended the run");
    }
    return code == 0;
}

bool gw_rank_run(gw_rank_link *link, const gw_scenario *scenario, gw_recorder *recorder,
                 gw_rank_conclude conclude, void *context, gw_real_report *out_report,
                 bool *out_is_told, bool *out_is_whole, GError **error)
{
    rank_run run = {.link = link, .conclude = conclude, .context = context};
    gw_real_begin(&run.state, scenario, recorder, true);
    run.cluster = gw_rank_cluster_new(run.state.directory, run.state.ledger, link, gw_real_handle,
                                      &run.state);
    gw_cpu_cluster *cpu = gw_rank_cluster_cpu(run.cluster);
    const gw_real_answers answers = gw_real_answers_of(&run.state);
    gw_cpu_cluster_set_answers(cpu, &answers);
    if (scenario->checks_nan) {
        gw_cpu_cluster_check_nan(cpu);
    }
    GError *mine = NULL;
    bool is_done = add_controllers(&run, &mine);
    const gw_rank_accord accord = gw_rank_agree(link, mine, 0, error);
    if (!accord.is_reached) {
        is_done = false;
        run.is_lost = accord.is_lost;
        run.is_told = accord.is_told;
    } else {
        is_done = gw_rank_cluster_start(run.cluster, error) &&
                  (link->self == 0 ? lead(&run, out_report, error) : follow(&run, error));
    }
    g_clear_error(&mine);
    g_clear_error(&run.unfinished);
    *out_is_told = run.is_told;
    *out_is_whole = !run.is_lost;
    gw_rank_cluster_free(run.cluster);
    gw_real_end(&run.state);
    return is_done;
}
