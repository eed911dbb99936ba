/* SPDX-License-Identifier: Apache-2.0 */
/* An installed program finds its data by its own place, never by where it was meant to be put: the
 * same files serve `cmake --install --prefix`, DESTDIR and a copy of the folder elsewhere. */
#include "base/data.h"

#include <glib.h>

#define PROGRAM_LINK "/proc/self/exe" /* proc(5); symbolic links on the way are resolved. */

char *gw_data_folder(const char *name)
{
    g_autofree char *program = g_file_read_link(PROGRAM_LINK, NULL);
    if (program != NULL) {
        g_autofree char *place = g_path_get_dirname(program);
        g_autofree char *data = g_canonicalize_filename(GW_DATA_FROM_PROGRAM, place);
        if (g_file_test(data, G_FILE_TEST_IS_DIR)) {
            return g_build_filename(data, name, NULL);
        }
    }
    return g_build_filename(GW_SOURCES, name, NULL);
}
