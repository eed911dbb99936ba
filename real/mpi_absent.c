/* SPDX-License-Identifier: Apache-2.0 */
/* In the place of mpi_link.c where CMake finds no MPI. */
#include "base/check.h"
#include "base/error.h"
#include "real/mpi_link.h"

gw_rank_link *gw_mpi_link_open(GError **error)
{
    g_set_error_literal(error, GW_ERROR, GW_ERROR_USAGE,
                        "--backend mpi: this build has no MPI (install libopenmpi-dev, and build "
                        "anew)");
    return NULL;
}

void gw_mpi_link_close(gw_rank_link *link, gw_mpi_parting parting)
{
    (void)parting;
    gw_check(link == NULL);
}
