/* SPDX-License-Identifier: Apache-2.0 */
/* Where the program's own files are: its configs and its plots. */
#pragma once

/* The folder called `name` ("configs", "plots") of the data that belong to the running program:
 * those of its installation, found from where the program itself stands, so that an installation
 * may be moved as a whole; of the sources it was built from when it was not installed.  Whether
 * the folder is there is the caller's to see.  The caller frees. */
char *gw_data_folder(const char *name);
