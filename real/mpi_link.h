/* SPDX-License-Identifier: Apache-2.0 */
/* A link over MPI (rank_link.h): `mpirun -n N gangway run --backend mpi ...`.  In builds without
 * MPI there is none. */
#pragma once

#include <glib.h>

#include "real/rank_link.h"

typedef enum {
    GW_MPI_TOGETHER = 1, /* With all other ranks. */
    GW_MPI_INTERRUPTED,  /* So, too, where they come at once: a launcher that ends all may not. */
    GW_MPI_ALONE,        /* One is lost. */
} gw_mpi_parting;

/* Joins the other ranks that the launcher has started; once in a process, by its main thread.
 * GW_ERROR_SYSTEM: MPI cannot begin; GW_ERROR_USAGE: this build has no MPI.  A minute later, when
 * not all have joined, the process ends with exit code 5, and says so. */
gw_rank_link *gw_mpi_link_open(GError **error);
/* What the process has to say and to put away is said and put away before: when others do not
 * leave, it ends in here, within 8 s with exit code 5, or when interrupted at once with 130. */
void gw_mpi_link_close(gw_rank_link *link, gw_mpi_parting parting);
