/* SPDX-License-Identifier: Apache-2.0 */
/* Results that decide what irregular nodes run: who has to hear of them, and what a scheduler has
 * heard so far.  A scheduler orders an irregular node when it knows; until then others go on. */
#pragma once

#include "controller/controller.h"

typedef struct gw_decisions gw_decisions;

/* Of one instance on one scheduler, with `depth` runs at a time.  NULL: no node is decided. */
gw_decisions *gw_decisions_new(const gw_plan *plan, uint32_t depth);
void gw_decisions_free(gw_decisions *decisions);

void gw_decisions_hear(gw_decisions *decisions, uint32_t run, uint32_t result, double value);
/* False: `result` of `run` is not known yet.  *out_is_otherwise: it is not above 0. */
bool gw_decisions_ask(const gw_decisions *decisions, uint32_t run, uint32_t result,
                      bool *out_is_otherwise);

/* The nodes that order what a result decides, each once: islands' schedulers, or without a policy
 * the job's client.  By result a GArray of uint32_t, NULL where it decides nothing; the whole NULL
 * where no result does.  The caller frees with gw_deciders_free. */
GArray **gw_deciders_new(const gw_directory *directory, const gw_control *control,
                         const gw_plan *plan, const gw_assignment *assignment, uint32_t job);
void gw_deciders_free(GArray **deciders, const gw_plan *plan);
