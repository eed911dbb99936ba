/* SPDX-License-Identifier: Apache-2.0 */
/* The recorder knows no scenario and no program; this file tells it names and counts. */
#include "app/recording.h"

#include "scenario/values.h"

struct gw_recording {
    gw_recorder *recorder;
    gw_recorder_job *jobs;
    gw_recorder_island *islands;
    GPtrArray *tables; /* g_free */
};

static void *table(gw_recording *recording, gsize count, gsize size)
{
    void *made = g_malloc0_n(count + 1, size);
    g_ptr_array_add(recording->tables, made);
    return made;
}

static void describe_nodes(gw_recording *recording, gw_recorder_job *out, const gw_program *program)
{
    guint count = program->nodes->len;
    const char **names = (const char **)table(recording, count, sizeof *names);
    guint64 *computations = (guint64 *)table(recording, count, sizeof *computations);
    guint32 *stages = (guint32 *)table(recording, count, sizeof *stages);
    guint32 *microbatches = (guint32 *)table(recording, count, sizeof *microbatches);
    for (guint n = 0; n < count; n++) {
        const gw_node *node = gw_program_node(program, n);
        names[n] = node->name;
        computations[n] = gw_program_function(program, n)->computations;
        stages[n] = node->stage;
        microbatches[n] = node->microbatch;
    }
    out->node_names = names;
    out->computations = computations;
    out->stages = stages;
    out->microbatches = microbatches;
    out->node_count = count;
}

/* Devices that the job's meshes need: the very ones where they are pinned; elsewhere meshes lie
 * side by side as long as the cluster has room. */
static guint count_devices(const gw_job *job, guint cluster_device_count)
{
    g_autofree guint8 *is_pinned = g_new0(guint8, cluster_device_count);
    guint devices = 0;
    for (guint m = 0; m < job->program->meshes->len; m++) {
        guint count = gw_mesh_device_count(gw_program_mesh(job->program, m));
        const guint32 *pinned = job->devices != NULL ? job->devices[m] : NULL;
        for (guint d = 0; d < count; d++) {
            if (pinned != NULL && is_pinned[pinned[d]])
                continue;
            if (pinned != NULL)
                is_pinned[pinned[d]] = 1;
            devices++;
        }
    }
    return MIN(devices, cluster_device_count);
}

/* Of a job all of whose meshes are a pipeline's stages. */
static void describe_stages(gw_recording *recording, gw_recorder_job *out,
                            const gw_program *program)
{
    guint count = program->meshes->len;
    double *activations = (double *)table(recording, count, sizeof *activations);
    for (guint m = 0; m < count; m++) {
        activations[m] = gw_program_mesh(program, m)->activations_max;
        if (activations[m] <= 0)
            return;
    }
    out->activations_max = activations;
    out->stage_count = count;
}

/* As admission counts it (controller/lower.h). */
static void describe_memory(gw_recording *recording, gw_recorder_job *out, const gw_job *job)
{
    const gw_program *program = job->program;
    g_autofree gw_plan_memory *peaks = g_new0(gw_plan_memory, program->meshes->len);
    gw_recorder_memory *memory = (gw_recorder_memory *)table(recording, 1, sizeof *memory);
    guint most = 0;
    gw_plan_peak(job->plan, peaks);
    for (guint m = 1; m < program->meshes->len; m++)
        most = peaks[m].bytes > peaks[most].bytes ? m : most;
    *memory = (gw_recorder_memory){
        .mesh = gw_program_mesh(program, most)->name,
        .bytes = peaks[most].bytes,
        .parameters_bytes = peaks[most].class_bytes[GW_MEMORY_PARAMETERS],
        .gradients_bytes = peaks[most].class_bytes[GW_MEMORY_GRADIENTS],
        .optimizer_bytes = peaks[most].class_bytes[GW_MEMORY_OPTIMIZER],
        .activations_bytes = peaks[most].class_bytes[GW_MEMORY_ACTIVATIONS],
        .temporaries_bytes = peaks[most].class_bytes[GW_MEMORY_TEMPORARIES],
        .other_bytes = peaks[most].class_bytes[GW_MEMORY_OTHER],
    };
    out->memory = memory;
}

/* FLOP/s of each device that the job may lie on; 0: there are several kinds. */
static double find_peak(const gw_scenario *scenario, const gw_job *job)
{
    const gw_cluster_spec *cluster = &scenario->cluster;
    g_autoptr(gw_directory) directory = gw_scenario_directory(scenario);
    double peak_flops = 0;
    for (guint m = 0; m < job->program->meshes->len; m++) {
        const guint32 island = job->islands != NULL ? job->islands[m] : GW_INDEX_NONE;
        const guint32 kind = job->accelerators != NULL ? job->accelerators[m] : GW_INDEX_NONE;
        for (guint i = 0; i < cluster->island_count; i++) {
            if ((island != GW_INDEX_NONE && island != i) ||
                (kind != GW_INDEX_NONE && kind != directory->islands[i].accelerator))
                continue;
            const double peak = cluster->accelerators[cluster->islands[i].accelerator].peak_flops;
            if (peak_flops > 0 && peak != peak_flops)
                return 0;
            peak_flops = peak;
        }
    }
    return peak_flops;
}

/* `values` by result: what the scenario says of them; NULL: nothing. */
static void describe_job(gw_recording *recording, gw_recorder_job *out, const gw_job *job,
                         const gw_value_source *values, guint device_count)
{
    const gw_program *program = job->program;
    guint result_count = program->results->len;
    const char **names = (const char **)table(recording, result_count, sizeof *names);
    bool *is_drawn = (bool *)table(recording, result_count, sizeof *is_drawn);
    for (guint r = 0; r < result_count; r++) {
        names[r] = g_array_index(program->results, gw_result, r).name;
        is_drawn[r] = g_array_index(program->results, gw_result, r).routing.experts > 0 ||
                      (values != NULL && values[r].kind != 0);
    }
    out->name = job->name;
    out->step_count = job->runs;
    out->tokens_per_step = program->tokens_per_run;
    out->model_flops_per_step = program->model_flops_per_run;
    out->hardware_flops_per_step = program->hardware_flops_per_run;
    out->result_names = names;
    out->result_count = result_count;
    out->is_drawn = is_drawn;
    out->device_count = count_devices(job, device_count);
    out->has_deadline = job->deadline_ns > 0;
    out->has_exchanges = job->program->exchange_count > 0;
    describe_nodes(recording, out, program);
    describe_stages(recording, out, program);
    describe_memory(recording, out, job);
}

gw_recording *gw_recording_new(const gw_scenario *scenario, const char *backend, const char *folder,
                               gboolean wants_trace, gboolean wants_gangs, GError **error)
{
    g_autoptr(gw_recording) recording = g_new0(gw_recording, 1);
    const gw_cluster_spec *cluster = &scenario->cluster;
    guint device_count = 0;
    recording->tables = g_ptr_array_new_with_free_func(g_free);
    recording->islands =
        (gw_recorder_island *)table(recording, cluster->island_count, sizeof(gw_recorder_island));
    for (guint i = 0; i < cluster->island_count; i++) {
        const gw_island_spec *island = &cluster->islands[i];
        const gw_accelerator *accelerator = &cluster->accelerators[island->accelerator];
        guint count = island->host_count * island->devices_per_host;
        recording->islands[i] = (gw_recorder_island){device_count, count, accelerator->busy_watts,
                                                     accelerator->idle_watts};
        device_count += count;
    }
    recording->jobs =
        (gw_recorder_job *)table(recording, scenario->job_count, sizeof(gw_recorder_job));
    for (guint j = 0; j < scenario->job_count; j++) {
        const gw_value_source *values = scenario->values != NULL ? scenario->values[j] : NULL;
        describe_job(recording, &recording->jobs[j], &scenario->jobs[j], values, device_count);
        recording->jobs[j].peak_flops = find_peak(scenario, &scenario->jobs[j]);
    }
    gw_recorder_settings settings = {
        .scenario = scenario->name,
        .backend = backend,
        .seed = scenario->seed,
        .jobs = recording->jobs,
        .job_count = scenario->job_count,
        .islands = recording->islands,
        .island_count = cluster->island_count,
        .device_count = device_count,
        .folder = folder,
        .wants_trace = wants_trace,
        .wants_gangs = wants_gangs,
    };
    recording->recorder = gw_recorder_new(&settings, error);
    return recording->recorder == NULL ? NULL : g_steal_pointer(&recording);
}

void gw_recording_free(gw_recording *recording)
{
    if (recording == NULL)
        return;
    gw_recorder_free(recording->recorder);
    g_ptr_array_unref(recording->tables);
    g_free(recording);
}

gw_recorder *gw_recording_recorder(const gw_recording *recording)
{
    return recording->recorder;
}
