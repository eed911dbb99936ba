/* SPDX-License-Identifier: Apache-2.0 */
/* A link over MPI (rank_link.h): `mpirun -n N gangway run --backend mpi ...`.  In builds without
 * MPI there is none. */
#pragma once

#include <glib.h>

#include "real/rank_link.h"

/* Joins the other ranks that the launcher has started; once in a process, by its main thread.
 * GW_ERROR_SYSTEM: MPI cannot begin; GW_ERROR_USAGE: this build has no MPI. */
gw_rank_link *gw_mpi_link_open(GError **error);
/* Leaves in order, with all other ranks.  `is_whole` false: without them, since one is lost. */
void gw_mpi_link_close(gw_rank_link *link, bool is_whole);
