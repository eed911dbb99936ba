/* SPDX-License-Identifier: Apache-2.0 */
/* Rates kept up to date against rates worked out anew: a random network, on which flows come and
 * go; after each settling all rates are those of a full refill to one part in 10^9, no link is
 * overfull, each flow has a bottleneck, and whose rate has changed was told.  What links there are
 * and how flows go over them is drawn from the seed.
 *
 *     fuzz_max_min                       as many seeds as fit into the time budget, from seed 1
 *     fuzz_max_min FIRST_SEED [COUNT]    these seeds, however long they take */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/random.h"
#include "base/units.h"
#include "fuzz_command.h"
#include "topology/max_min.h"

#define BUDGET_S  5.0
#define TOLERANCE 1e-9
#define LINKS_MAX 1500
#define FLOWS_MAX 400
#define HOPS_MAX  24
#define STEP_SIZE 600 /* Steps times flows: about the same work for every seed. */

typedef enum {
    ROUTE_UNIFORM = 0, /* Any links. */
    ROUTE_LOCAL,       /* Neighbours on a ring of links. */
    ROUTE_HOT,         /* Any, and one of the first few. */
    ROUTE_SINGLE,      /* One link. */
    ROUTE_MIXED,       /* Each of them now and then. */
    ROUTE_COUNT
} route_kind;

typedef enum {
    CAPACITY_EQUAL = 0, /* Ties everywhere. */
    CAPACITY_FEW,       /* 1, 2, 4 or 8. */
    CAPACITY_UNIFORM,
    CAPACITY_LOG, /* Six orders of magnitude. */
    CAPACITY_COUNT
} capacity_kind;

typedef struct {
    gw_random random;
    route_kind routes;
    uint32_t link_count, hop_count_max, hot_count;
    uint32_t flow_count_aim;  /* Flows in flight, about. */
    uint32_t limit_chance;    /* In 16: of a flow, to have a limit. */
    uint32_t batch_count_max; /* Comings and goings before a settling. */
    double capacities[LINKS_MAX];
} fuzz_network;

typedef struct {
    bool is_live;
    uint32_t hop_count;
    uint32_t links[HOPS_MAX];
    double limit;
    double told_rate; /* As settlings told it. */
} fuzz_flow;

typedef struct {
    gw_max_min *solver;
    fuzz_flow flows[2 * FLOWS_MAX]; /* By the solver's number. */
    uint32_t live[2 * FLOWS_MAX], live_count;
    double worst;
} fuzz_run;

/* --- Drawing --- */

static uint32_t draw(fuzz_network *network, uint32_t bound)
{
    return (uint32_t)gw_random_below(&network->random, bound);
}

static double draw_capacity(fuzz_network *network, capacity_kind kind)
{
    switch (kind) {
    case CAPACITY_EQUAL:
        return 50e9;
    case CAPACITY_FEW:
        return 1 << draw(network, 4);
    case CAPACITY_UNIFORM:
        return 1 + gw_random_uniform(&network->random);
    default:
        return exp2(20 * gw_random_uniform(&network->random));
    }
}

static void draw_network(fuzz_network *network, uint64_t seed)
{
    gw_random_init(&network->random, seed, "fuzz_max_min");
    network->routes = (route_kind)draw(network, ROUTE_COUNT);
    const capacity_kind capacities = (capacity_kind)draw(network, CAPACITY_COUNT);
    network->link_count = 1 + draw(network, 1 << (1 + draw(network, 10)));
    network->hop_count_max = 1 + draw(network, HOPS_MAX);
    network->hot_count = 1 + draw(network, 4);
    network->flow_count_aim = 1 + draw(network, 1 << (1 + draw(network, 8)));
    network->limit_chance = draw(network, 2) == 0 ? 0 : draw(network, 17);
    network->batch_count_max = draw(network, 2) == 0 ? 1 : 1 + draw(network, 20);
    gw_check(network->link_count <= LINKS_MAX && network->flow_count_aim <= FLOWS_MAX);
    for (uint32_t i = 0; i < network->link_count; i++) {
        network->capacities[i] = draw_capacity(network, capacities);
    }
}

static bool has_link(const fuzz_flow *flow, uint32_t link)
{
    for (uint32_t i = 0; i < flow->hop_count; i++) {
        if (flow->links[i] == link) {
            return true;
        }
    }
    return false;
}

static void draw_route(fuzz_network *network, fuzz_flow *flow)
{
    const route_kind kind =
        network->routes == ROUTE_MIXED ? (route_kind)draw(network, ROUTE_MIXED) : network->routes;
    const uint32_t hop_count_max = MIN(network->hop_count_max, network->link_count);
    const uint32_t hop_count = kind == ROUTE_SINGLE ? 1 : 1 + draw(network, hop_count_max);
    const uint32_t first = draw(network, network->link_count);
    flow->hop_count = 0;
    for (uint32_t i = 0; i < hop_count; i++) {
        uint32_t link = kind == ROUTE_LOCAL ? (first + i) % network->link_count
                                            : draw(network, network->link_count);
        if (kind == ROUTE_HOT && i == 0) {
            link = draw(network, MIN(network->hot_count, network->link_count));
        }
        if (!has_link(flow, link)) {
            flow->links[flow->hop_count++] = link;
        }
    }
}

static void add_flow(fuzz_network *network, fuzz_run *run)
{
    fuzz_flow flow = {.is_live = true, .limit = INFINITY};
    draw_route(network, &flow);
    gw_max_min_hop hops[HOPS_MAX];
    for (uint32_t i = 0; i < flow.hop_count; i++) {
        hops[i] = (gw_max_min_hop){flow.links[i], network->capacities[flow.links[i]]};
    }
    if (draw(network, 16) < network->limit_chance) {
        flow.limit = hops[0].capacity * gw_random_uniform(&network->random) + 1e-3;
    }
    const uint32_t index = gw_max_min_add(run->solver, hops, flow.hop_count, flow.limit);
    gw_check(index < G_N_ELEMENTS(run->flows));
    gw_check(!run->flows[index].is_live);
    flow.told_rate = gw_max_min_rate(run->solver, index);
    run->flows[index] = flow;
    run->live[run->live_count++] = index;
}

static void remove_flow(fuzz_network *network, fuzz_run *run)
{
    const uint32_t place = draw(network, run->live_count);
    gw_max_min_remove(run->solver, run->live[place]);
    run->flows[run->live[place]].is_live = false;
    run->live[place] = run->live[--run->live_count];
}

/* --- Checking --- */

static bool is_near(double a, double b)
{
    return fabs(a - b) <= TOLERANCE * MAX(a, b);
}

static bool check_flow(fuzz_run *run, uint32_t index, double expected)
{
    const double rate = gw_max_min_rate(run->solver, index);
    run->worst = MAX(run->worst, fabs(rate - expected) / expected);
    if (is_near(rate, expected) && is_near(run->flows[index].told_rate, rate)) {
        return true;
    }
    fprintf(stderr, "flow %u: rate %.17g, told %.17g, a refill says %.17g\n", index, rate,
            run->flows[index].told_rate, expected);
    return false;
}

/* That the refill's rates are max-min fair, by the definition. */
static bool check_fairness(const fuzz_network *network, const fuzz_run *run, const double *rates)
{
    g_autofree double *sums = g_new0(double, network->link_count);
    g_autofree double *highest = g_new0(double, network->link_count);
    for (uint32_t i = 0; i < run->live_count; i++) {
        const fuzz_flow *flow = &run->flows[run->live[i]];
        for (uint32_t k = 0; k < flow->hop_count; k++) {
            sums[flow->links[k]] += rates[run->live[i]];
            highest[flow->links[k]] = MAX(highest[flow->links[k]], rates[run->live[i]]);
        }
    }
    for (uint32_t i = 0; i < run->live_count; i++) {
        const fuzz_flow *flow = &run->flows[run->live[i]];
        const double rate = rates[run->live[i]];
        bool is_held = is_near(rate, flow->limit);
        for (uint32_t k = 0; k < flow->hop_count; k++) {
            const uint32_t link = flow->links[k];
            const bool is_full = is_near(sums[link], network->capacities[link]);
            if (sums[link] > network->capacities[link] && !is_full) {
                fprintf(stderr, "link %u: %.17g over %.17g\n", link, sums[link],
                        network->capacities[link]);
                return false;
            }
            is_held = is_held || (is_full && is_near(rate, highest[link]));
        }
        if (!is_held) {
            fprintf(stderr, "flow %u: rate %.17g, and nothing holds it\n", run->live[i], rate);
            return false;
        }
    }
    return true;
}

static bool settle(const fuzz_network *network, fuzz_run *run)
{
    const uint32_t *changed;
    const uint32_t changed_count = gw_max_min_settle(run->solver, &changed);
    for (uint32_t i = 0; i < changed_count; i++) {
        gw_check(run->flows[changed[i]].is_live);
        run->flows[changed[i]].told_rate = gw_max_min_rate(run->solver, changed[i]);
    }
    gw_check(gw_max_min_is_settled(run->solver));
    double rates[G_N_ELEMENTS(run->flows)];
    gw_max_min_refill(run->solver, rates);
    for (uint32_t i = 0; i < run->live_count; i++) {
        if (!check_flow(run, run->live[i], rates[run->live[i]])) {
            return false;
        }
    }
    return check_fairness(network, run, rates);
}

static bool run_seed(uint64_t seed, double *worst, uint64_t *refill_count)
{
    g_autofree fuzz_network *network = g_new0(fuzz_network, 1);
    g_autofree fuzz_run *run = g_new0(fuzz_run, 1);
    draw_network(network, seed);
    g_autoptr(gw_max_min) solver = gw_max_min_new(network->link_count);
    run->solver = solver;
    const uint32_t step_count = 2 * network->flow_count_aim + STEP_SIZE;
    bool is_right = true;
    for (uint32_t step = 0; is_right && step < step_count; step++) {
        const uint32_t batch_count = 1 + draw(network, network->batch_count_max);
        for (uint32_t i = 0; i < batch_count; i++) {
            /* So that about as many fly as aimed at; at the end, fewer and fewer. */
            const bool is_ending = step > step_count - network->flow_count_aim;
            const uint32_t odds = is_ending ? 1 : 2 * network->flow_count_aim;
            if (run->live_count > 0 && draw(network, odds) < run->live_count) {
                remove_flow(network, run);
            } else if (!is_ending) {
                add_flow(network, run);
            }
        }
        is_right = settle(network, run);
    }
    *worst = MAX(*worst, run->worst);
    *refill_count += gw_max_min_refill_count(solver);
    return is_right;
}

/* --- The command line --- */

int main(int argument_count, char **arguments)
{
    fuzz_command repeated = {.program = arguments[0], .seed = 1};
    uint64_t count = argument_count > 1 ? 1 : UINT64_MAX;
    if (argument_count > 3 ||
        (argument_count > 1 && !fuzz_parse_count(arguments[1], &repeated.seed)) ||
        (argument_count > 2 && !fuzz_parse_count(arguments[2], &count))) {
        fprintf(stderr, "usage: %s [FIRST_SEED [COUNT]]\n", arguments[0]);
        return 2;
    }
    gw_check_set_last_words(fuzz_print_repeat, &repeated);
    const double end_s = fuzz_read_wall_s() + BUDGET_S;
    uint64_t done_count = 0, refill_count = 0;
    double worst = 0;
    while (done_count < count && (argument_count > 1 || fuzz_read_wall_s() < end_s)) {
        if (!run_seed(repeated.seed, &worst, &refill_count)) {
            fuzz_print_repeat(&repeated);
            return EXIT_FAILURE;
        }
        repeated.seed++;
        done_count++;
    }
    printf("%" G_GUINT64_FORMAT " networks, rates off by %.1e at most; %" G_GUINT64_FORMAT
           " settlings gave up\n",
           done_count, worst, refill_count);
    return EXIT_SUCCESS;
}
