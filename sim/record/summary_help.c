/* SPDX-License-Identifier: Apache-2.0 */
/* What every key of summary.json means: one table, printed by `gangway run --help-summary`.
 * docs/SUMMARY.md says the same at more length; tests hold the three together. */
#include "record/summary.h"

#define TEXT_COLUMNS 72

typedef struct {
    const char *key, *unit, *definition;
} key_help;

static const key_help keys[] = {
    {"scenario", "text", "The scenario's name."},
    {"backend", "text", "What ran it: sim, cpu, mpi or null."},
    {"seed", "number", "The seed of all random streams."},
    {"digest", "text", "Of every event, in 16 hexadecimal digits: equal digests, equal runs."},
    {"makespan_ns", "ns",
     "From the beginning of the run to the last end of a gang, a transfer, a step or a job."},
    {"utilization", "0 to 1",
     "Device time busy (computing or in a collective, not waiting) over device time available: all "
     "devices of the cluster, from the first start of work on a device to the last end."},
    {"computations", "count",
     "Computations done, counted as a user would: what each node of a program stands for."},
    {"computations_per_s", "1/s", "The sum of the jobs' rates."},
    {"messages", "count", "Control messages between different nodes of the control plane."},
    {"bytes_dcn", "bytes", "Over the data-centre network: control messages, and transfers by it."},
    {"transfers.count", "count", "Transfers of data between memories, over whatever link."},
    {"transfers.bytes", "bytes", "Their size."},
    {"energy_j", "J", "The sum of the islands' energies."},
    {"devices", "count", "Devices of the cluster."},
    {"islands[].devices", "count", "Devices of this island."},
    {"islands[].utilization", "0 to 1", "As utilization, over this island's devices."},
    {"islands[].energy_j", "J",
     "Busy time at the busy power and all other time at the idle power, from the first start of "
     "work on a device of the cluster to the last end; devices only."},
    {"jobs[].name", "text", "The job's name."},
    {"jobs[].devices", "count", "Different devices that its slices need."},
    {"jobs[].started_ns", "ns", "When its slices were granted and loaded; null: never."},
    {"jobs[].done_ns", "ns", "When its last step had ended; null: it did not end."},
    {"jobs[].steps", "count", "Steps that ended."},
    {"jobs[].steps_asked", "count",
     "Steps of the scenario; a job that stops at a given time ends fewer."},
    {"jobs[].moves", "count", "Times that it went to other devices since hosts were removed."},
    {"jobs[].stays", "count",
     "Times that it stayed on devices of removed hosts, since its steps hand data on and no other "
     "devices had room for them."},
    {"jobs[].moved_bytes", "bytes",
     "What its steps hand on and set-up has made, all shards together, each time that it moved."},
    {"jobs[].moving_ns", "ns",
     "From when its client had the new hosts fetch that until all was there, over all moves."},
    {"jobs[].failed_ns", "ns",
     "When its client failed, or was found not to answer in time; only of jobs that failed."},
    {"jobs[].collected_ns", "ns",
     "When all that it owned had been given back; only of jobs that failed."},
    {"jobs[].step_time_ns", "ns",
     "From the end of the first step to the end of the last, over the steps between.  Of one step: "
     "from the start of its first gang to the end of its last.  Of none: null."},
    {"jobs[].tokens_per_s", "1/s",
     "Tokens of a step over step_time_ns; only of jobs that have tokens."},
    {"jobs[].model_flops_per_s", "FLOP/s",
     "FLOPs of matrix products that a step of the model needs, whatever is computed again, per "
     "device and second of step_time_ns; only of jobs whose workload knows them."},
    {"jobs[].hardware_flops_per_s", "FLOP/s", "The same of the products that are done; likewise."},
    {"jobs[].mfu", "0 to 1",
     "model_flops_per_s over its devices' peak; likewise; null where they may be of several "
     "kinds."},
    {"jobs[].hfu", "0 to 1", "hardware_flops_per_s over that peak; likewise."},
    {"jobs[].device_time_share", "0 to 1", "The job's busy device time over that of all jobs."},
    {"jobs[].communication_exposed_ns", "ns",
     "Device time in collectives that its members stood in, or that they waited for while they "
     "went on; over all its devices."},
    {"jobs[].communication_hidden_ns", "ns",
     "The rest of the device time of overlapped collectives, which did not hold their members up; "
     "over all its devices."},
    {"jobs[].energy_j", "J",
     "Of its devices while they were its gangs': busy time at the busy power, waiting in "
     "collectives at the idle power."},
    {"jobs[].order_wait_ns_max", "ns",
     "The longest that one of its gangs waited for its place in a scheduler's order: from when its "
     "call was there and the gang before it had its place, until it had its own.  Null: the job "
     "did not end."},
    {"jobs[].deadlines_missed", "count",
     "Steps that ended late; only of jobs that have a deadline.  A step is late when the scheduler "
     "of the program's last node learns that it is done there more than the deadline after the "
     "step's last call reached that scheduler."},
    {"jobs[].bytes_spilled", "bytes",
     "Of its buffers, from devices to their hosts' memory to make room (control.spill)."},
    {"jobs[].bytes_returned", "bytes", "And back."},
    {"jobs[].rows_dealt", "count",
     "Rows that exchanges brought to shards, by counts known in the run; only of jobs that have "
     "exchanges."},
    {"jobs[].rows_dropped", "count",
     "Rows that were left out, since the shard that they were meant for had no room; only of jobs "
     "that have exchanges."},
    {"jobs[].bubble_fraction", "0 to 1",
     "1 - useful / (devices x step_time_ns), where useful is its computing device time, "
     "collectives left out, per step.  Never below 0, which it would be where steps that run at "
     "the same time end closer together than they are long.  Of no step: null."},
    {"jobs[].peak_activations[]", "micro-batches",
     "By stage: the most whose activations it holds at a time, by the order of its schedule; only "
     "of pipelines.  Of a micro-batch that waits for its pass for weights only what is kept for "
     "that counts, and of a chunk its part."},
    {"jobs[].memory.mesh", "text", "The mesh of its program that needs most memory per device."},
    {"jobs[].memory.bytes", "bytes",
     "What a device there holds when it holds most, as one step follows another in the order of "
     "dispatch: what devices must have for the job.  The others are its parts."},
    {"jobs[].memory.parameters_bytes", "bytes",
     "Parameters, copies of 2 bytes that passes read included."},
    {"jobs[].memory.gradients_bytes", "bytes", "Slopes of parameters."},
    {"jobs[].memory.optimizer_bytes", "bytes", "What the optimizer keeps besides parameters."},
    {"jobs[].memory.activations_bytes", "bytes",
     "What passes hand to each other, of all micro-batches that are under way."},
    {"jobs[].memory.temporaries_bytes", "bytes", "Workspace of functions."},
    {"jobs[].memory.other_bytes", "bytes",
     "Buffers of which the workload does not say what they are for."},
    {"jobs[].computations", "count", "Computations of its gangs that are done."},
    {"jobs[].computations_per_s", "1/s",
     "The steady rate: computations after the first call that has any, over the time from the end "
     "of that call to the end of the last; a call ends with the last of its gangs that count as "
     "computations.  Of one call: its computations over the time from its first start to its "
     "last end.  Null where that time is nothing."},
    {"jobs[].results", "values",
     "By name of the result: its values in order of the steps (null: none came), or, when there "
     "are more than 64 steps, an object of the first, the last, and the count of values."},
};

static void append_wrapped(GString *text, const char *definition)
{
    g_auto(GStrv) words = g_strsplit(definition, " ", -1);
    uint32_t column = 0;
    for (uint32_t i = 0; words[i] != NULL; i++) {
        uint32_t length = (uint32_t)g_utf8_strlen(words[i], -1);
        if (column == 0 || column + 1 + length > TEXT_COLUMNS) {
            g_string_append_printf(text, "%s      %s", column == 0 ? "" : "\n", words[i]);
            column = length;
        } else {
            g_string_append_printf(text, " %s", words[i]);
            column += 1 + length;
        }
    }
    g_string_append_c(text, '\n');
}

static char *make_help(void)
{
    GString *text = g_string_new("Keys of summary.json\n\n");
    for (uint32_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_string_append_printf(text, "  %s  (%s)\n", keys[i].key, keys[i].unit);
        append_wrapped(text, keys[i].definition);
    }
    return g_string_free(text, FALSE);
}

const char *gw_summary_help(void)
{
    static char *help;
    if (g_once_init_enter(&help)) {
        g_once_init_leave(&help, make_help());
    }
    return help;
}

const char **gw_summary_keys(void)
{
    const char **names = g_new0(const char *, G_N_ELEMENTS(keys) + 1);
    for (uint32_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        names[i] = keys[i].key;
    }
    return names;
}
