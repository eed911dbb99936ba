/* SPDX-License-Identifier: Apache-2.0 */
/* Tables from shared objects: a plugin defines one constant table under a name that its kind sets,
 * and the table says first which ABI and size it was built for (docs/PLUGINS.md).
 *
 * A loaded object stays for the life of the process: its tables, and the errors, strings and
 * functions that they lead to, never go stale. */
#pragma once

#include <stddef.h>

#include "base/params.h"

/* What every table begins with. */
typedef struct {
    uint32_t abi;
    uint32_t size_bytes; /* Of the whole table. */
    const char *name, *summary;
} gw_plugin_head;

typedef struct {
    const char *name;
    size_t offset_bytes; /* Of a pointer to a function in the table. */
} gw_plugin_member;

/* A kind of table.  Another kind is another of these. */
typedef struct {
    const char *noun;   /* "policy": for messages */
    const char *symbol; /* Of the table: a constant object, no pointer to one. */
    uint32_t abi, size_bytes;
    uint32_t first_size_bytes; /* What a table of this ABI had at first: what was added at its end
                                * since then need not be there.  0: nothing was added. */
    const gw_plugin_member *members;  /* Those that a table must have; NULL as name ends them. */
    const gw_plugin_member *together; /* All or none of those, in a table that reaches so far; NULL:
                                         there are none such. */
} gw_plugin_kind;

extern const gw_plugin_kind gw_plugin_policy;    /* gw_policy_ops, as `gw_policy_plugin` */
extern const gw_plugin_kind gw_plugin_placement; /* gw_placement_ops, as `gw_placement_plugin` */
extern const gw_plugin_kind gw_plugin_dispatch;  /* gw_dispatch_policy_ops: `gw_dispatch_plugin` */

/* Whether `name` means a file: it has a slash, or ends in ".so". */
bool gw_plugin_is_path(const char *name);

/* The table in the file that `name`, the value of `object`'s `key`, means; relative names start at
 * the folder of `scenario_path`.  Opening runs the object's constructors, nothing else of it.
 * *out_path is the file's full path; the caller frees it.  The table is the process's.
 * NULL with GW_ERROR_SCENARIO, where the name stands, what was found and what was expected: no
 * such file (and the nearest that there is), one that cannot be opened, another ABI or size, a
 * table or a member that is missing. */
const void *gw_plugin_load(const gw_plugin_kind *kind, const char *scenario_path,
                           const gw_params *object, const char *key, const char *name,
                           char **out_path, GError **error);
