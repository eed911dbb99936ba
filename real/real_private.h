/* SPDX-License-Identifier: Apache-2.0 */
/* What runs over threads, over ranks and over null devices have in common. */
#pragma once

#include "controller/controller.h"
#include "real/cpu_port.h"
#include "real/real_run.h"

typedef struct {
    const gw_scenario *scenario;
    gw_directory *directory;
    gw_ledger *ledger;
    gw_controller **controllers; /* By node; NULL: another process has it. */
    uint32_t controller_count;
} gw_real_state;

void gw_real_begin(gw_real_state *run, const gw_scenario *scenario, gw_recorder *recorder,
                   bool has_data);
void gw_real_end(gw_real_state *run);
bool gw_real_add_controller(gw_real_state *run, gw_node_id self, gw_port *port, GError **error);

/* For the cluster: its context is the gw_real_state. */
void gw_real_handle(void *context, gw_node_id node, const gw_input *input);
gw_real_answers gw_real_answers_of(gw_real_state *run);

/* True, with why, when nobody need wait for the rest: the user, a job, a policy or a
 * file that cannot be written ended it.
 * `cluster` is the threads' that have to stop before a controller is asked; NULL: there are none,
 * or they have. */
bool gw_real_is_ended(const gw_real_state *run, gw_cpu_cluster *cluster, GError **error);
/* What each controller here waits for; they have stopped. */
void gw_real_explain(const gw_real_state *run, GString *out);
/* False.  `devices` is what the cluster says; the controllers have stopped. */
bool gw_real_report_stall(const gw_real_state *run, const GString *devices, GError **error);
void gw_real_fill_report(const gw_real_state *run, gw_real_usage usage, gw_real_report *report);
