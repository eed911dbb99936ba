/* SPDX-License-Identifier: Apache-2.0 */
/* One job: asks for slices, installs its program, and submits runs.
 *
 * A call returns when the schedulers have given all its gangs their places; the buffers are
 * futures then, and the client goes on.  It keeps at most in_flight runs that are not known to be
 * done.  When all runs are done and all results are in, it retires the program, gives the slices
 * back, and is done.  Where hosts run the job's loop (system.h) it only starts them, and hears from
 * each host once. */
#pragma once

#include "controller/controller.h"
#include "controller/message.h"

typedef struct gw_client gw_client;

gw_client *gw_client_new(const gw_directory *directory, const gw_control *control,
                         const gw_job *jobs, uint32_t job, gw_node_id self, gw_port *port);
void gw_client_free(gw_client *client);

void gw_client_start(gw_client *client);
void gw_client_timer(gw_client *client);
void gw_client_granted(gw_client *client, const gw_assignment_message *message);
void gw_client_refused(gw_client *client, const gw_slice_refused *message);
void gw_client_installed(gw_client *client);
void gw_client_returned(gw_client *client, const gw_call_message *message);
void gw_client_run_done(gw_client *client, const gw_call_message *message);
void gw_client_loop_done(gw_client *client);
void gw_client_result(gw_client *client, const gw_result_message *message);
void gw_client_retired(gw_client *client);

void gw_client_explain(const gw_client *client, GString *out);
