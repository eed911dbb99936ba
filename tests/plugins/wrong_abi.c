/* SPDX-License-Identifier: Apache-2.0 */
/* Built for the headers of another time: what follows the ABI means nothing. */
#include <glib.h>

extern const guint32 gw_policy_plugin[2];
const guint32 gw_policy_plugin[2] = {4711, 12};
