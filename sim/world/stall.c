/* SPDX-License-Identifier: Apache-2.0 */
/* The devices know who waits for whom (accel/device.h); here numbers become names. */
#include "world/stall.h"

#include "accel/gang_table.h"
#include "base/check.h"

#define LINES_MAX   16 /* Of one kind: more of the same does not help. */
#define SEQUENCE_OF ((UINT64_C(1) << GW_GANG_TABLE_BITS) - 1)

/* "all_reduce": the function's collective number `index`. */
static const char *collective_name(const gw_function *function, uint32_t index)
{
    for (uint32_t i = 0, count = 0; i < function->operations->len; i++) {
        const gw_operation *operation = gw_function_operation(function, i);
        if (gw_operation_is_collective(operation)) {
            if (count == index) {
                return gw_operation_name(operation->kind);
            }
            count++;
        }
    }
    gw_check(!"a function has the collectives that its timing has");
    return NULL;
}

/* "device 0 runs gang 1 (job a, node x, run 2)" and what it waits for. */
static void describe_wait(const gw_device_wait *wait, const gw_job *jobs, GString *out)
{
    const gw_job *job = &jobs[wait->gang.job];
    const gw_node *node = gw_program_node(job->program, wait->gang.node);
    g_string_append_printf(out, "device %u %s gang %" G_GUINT64_FORMAT " (job %s, node %s, run %u)",
                           wait->device.index,
                           wait->kind == GW_WAIT_MEMBER ? "runs" : "is about to run",
                           wait->gang.gang & SEQUENCE_OF, job->name, node->name, wait->gang.run);
    if (wait->kind == GW_WAIT_MEMBER) {
        const gw_function *function = gw_program_function(job->program, wait->gang.node);
        g_string_append_printf(out, " and waits in its %s for device %u",
                               collective_name(function, wait->collective), wait->target.index);
    } else if (wait->target.index != GW_INDEX_NONE) {
        g_string_append_printf(out, " and waits for a copy from device %u", wait->target.index);
    } else {
        g_string_append(out, " and waits for a copy that nobody has asked for");
    }
}

static bool describe_cycle(const gw_devices *devices, const gw_job *jobs, GString *out)
{
    g_autoptr(GArray) waits = g_array_new(FALSE, FALSE, sizeof(gw_device_wait));
    if (!gw_devices_find_cycle(devices, waits)) {
        return false;
    }
    g_string_append(out, "deadlock: ");
    for (uint32_t i = 0; i < waits->len; i++) {
        g_string_append(out, i == 0 ? "" : "; ");
        describe_wait(&g_array_index(waits, gw_device_wait, i), jobs, out);
    }
    g_string_append_c(out, '\n');
    return true;
}

void gw_stall_describe_devices(const gw_devices *devices, const gw_job *jobs, GString *out)
{
    if (describe_cycle(devices, jobs, out)) {
        return;
    }
    const uint32_t device_count = gw_devices_count(devices);
    uint32_t blocked_count = 0;
    for (uint32_t i = 0; i < device_count; i++) {
        gw_device_wait wait;
        bool is_launched;
        if (!gw_devices_blocked(devices, (gw_device_id){.index = i}, &wait, &is_launched)) {
            continue;
        }
        blocked_count++;
        if (blocked_count <= LINES_MAX) {
            describe_wait(&wait, jobs, out);
            g_string_append(out, wait.kind == GW_WAIT_MEMBER && !is_launched
                                     ? ", whose host has not launched it\n"
                                     : "\n");
        }
    }
    if (blocked_count > LINES_MAX) {
        g_string_append_printf(out, "and %u more devices wait\n", blocked_count - LINES_MAX);
    }
}

void gw_stall_describe_nodes(gw_controller *const *controllers, uint32_t count, GString *out)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (uint32_t i = 0; i < count; i++) {
        gw_controller_explain(controllers[i], text);
    }
    g_auto(GStrv) lines = g_strsplit(text->str, "\n", -1);
    uint32_t line_count = 0;
    for (uint32_t i = 0; lines[i] != NULL; i++) {
        if (lines[i][0] == '\0') {
            continue;
        }
        line_count++;
        if (line_count <= LINES_MAX) {
            g_string_append_printf(out, "%s\n", lines[i]);
        }
    }
    if (line_count > LINES_MAX) {
        g_string_append_printf(out, "and %u more nodes wait\n", line_count - LINES_MAX);
    }
}
