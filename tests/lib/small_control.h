/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of the controller need around it: a directory of one island, and messages. */
#pragma once

#include "controller/controller.h"
#include "controller/message.h"
#include "record_port.h"
#include "small_program.h"

/* One island, a line of host_count * devices_per_host devices of 1 TiB. */
gw_directory *small_directory(uint32_t host_count, uint32_t devices_per_host, uint32_t job_count);

/* SLICE_GRANT or INSTALL (`kind`) of an instance with its job's number; `devices` are those of all
 * meshes, one mesh after the other.  The caller frees. */
gw_assignment_message *small_assignment(uint32_t kind, uint32_t job, const gw_program *program,
                                        const uint32_t *devices);
/* What it says, borrowed from it. */
gw_executable small_executable(const gw_program *program, const gw_assignment_message *message);

gw_instance_message small_instance_message(uint32_t kind, uint32_t instance);
/* DISPATCH of one segment; the caller frees. */
gw_dispatch_message *small_dispatch(uint32_t instance, uint32_t run, uint32_t first_node,
                                    uint32_t node_count, uint64_t gang, bool wants_enqueued);
/* PROGRESS of `device_count` counts and, where `instance` is not GW_INDEX_NONE, one run; the
 * caller frees. */
gw_progress *small_progress(uint32_t device_count, const uint32_t *counts, uint32_t instance,
                            uint32_t run);

/* That the port was called as `expected` says (record_port.h), no more and no less; then forgets
 * the calls. */
#define CHECK_CALLS(port, expected)                                                                \
    do {                                                                                           \
        ck_assert_str_eq(record_port_text(port), (expected));                                      \
        record_port_clear(port);                                                                   \
    } while (0)
