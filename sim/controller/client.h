/* SPDX-License-Identifier: Apache-2.0 */
/* One job: asks for slices, installs its program, and submits runs.
 *
 * A call returns when the schedulers have given all its gangs their places; the buffers are
 * futures then, and the client goes on.  It keeps at most in_flight runs that are not known to be
 * done.  When all runs are done and all results are in, it retires the program, gives the slices
 * back, and is done.  Where hosts run the job's loop (system.h) it only starts them, and hears from
 * each host once.
 *
 * A job that stops at a given time begins no run after it.  What was begun is finished, the rest
 * of a run that goes op by op too; then the client retires as ever.  While it waits for slices it
 * just leaves the queue.
 *
 * What its job owns is the instance, and through it buffers and slices.  A client that fails gives
 * nothing back: the resource manager finds out, and collects (lease.h, collect.h).
 *
 * When the resource manager recalls the slices, the client begins no run, lets those that it has
 * begun finish, retires the program, asks for other slices with the old ones in hand, installs the
 * program there as another instance, and goes on with the next run.
 *
 * Where runs hand data on and one has been done, the program stays loaded until that has moved: the
 * client asks for other slices and keeps these (SLICE_MOVE), installs, has the new hosts fetch what
 * is there (MOVE), goes on, and then retires the old instance and gives its slices back.  Where it
 * is told to stay it goes on as it was.  One that leaves meanwhile lets copies that are under way
 * finish, begins no more, and retires both. */
#pragma once

#include "controller/controller.h"
#include "controller/message.h"

typedef struct gw_client gw_client;

/* The timer that goes off at the job's fail_ns: the node's to answer, with gw_client_fail(). */
#define GW_CLIENT_FAIL_TAG 3

gw_client *gw_client_new(const gw_directory *directory, const gw_control *control,
                         const gw_job *jobs, uint32_t job, gw_node_id self, gw_port *port);
void gw_client_free(gw_client *client);

void gw_client_start(gw_client *client);
void gw_client_timer(gw_client *client, gw_tag tag);
void gw_client_granted(gw_client *client, const gw_assignment_message *message);
void gw_client_refused(gw_client *client, const gw_slice_refused *message);
void gw_client_recalled(gw_client *client, const gw_instance_message *message);
void gw_client_installed(gw_client *client);
void gw_client_returned(gw_client *client, const gw_call_message *message);
void gw_client_run_done(gw_client *client, const gw_call_message *message);
void gw_client_loop_done(gw_client *client);
void gw_client_result(gw_client *client, const gw_result_message *message);
void gw_client_retired(gw_client *client, const gw_instance_message *message);
void gw_client_stayed(gw_client *client, const gw_instance_message *message);
void gw_client_moved(gw_client *client, const gw_moved_message *message);

/* The client's node stops: the client is handed nothing after this.  True: it has asked for slices
 * and not given them back, so the resource manager will miss it. */
bool gw_client_fail(gw_client *client);
/* By the resource manager: whether it is there. */
void gw_client_asked(gw_client *client);
/* It has answered too late, and was given up: it stops, and is handed nothing after this. */
void gw_client_lost(gw_client *client);

void gw_client_explain(const gw_client *client, GString *out);
