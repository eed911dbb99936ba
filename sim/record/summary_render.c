/* SPDX-License-Identifier: Apache-2.0 */
/* summary.json, devices.csv and results.csv out of the counters.
 *
 * Each number is computed in one place and as late as possible: counters stay integers, and a
 * quotient is taken once, of exact sums.  What has no value (the step time of a job that ended no
 * step) is not a number here and null in JSON. */
#include <math.h>

#include "base/check.h"
#include "record/json.h"
#include "record/summary_private.h"
#include "record/text.h"

#define NS_PER_S 1e9

typedef struct {
    uint64_t busy_ns;
    double energy_j;
} island_total;

static gw_span get_window_ns(const gw_summary *summary)
{
    bool has_work = summary->first_start_ns != GW_TIME_NEVER;
    return has_work ? summary->last_end_ns - summary->first_start_ns : 0;
}

static double divide(double part, double whole)
{
    return whole > 0 ? part / whole : (double)NAN;
}

/* A cluster that had no time at all was busy for none of it. */
static double divide_time(uint64_t busy_ns, uint32_t device_count, gw_span window_ns)
{
    return window_ns == 0 ? 0.0 : (double)busy_ns / ((double)device_count * (double)window_ns);
}

static double compute_energy_j(const gw_recorder_island *island, uint32_t device_count,
                               gw_span window_ns, uint64_t busy_ns)
{
    uint64_t idle_ns = device_count * window_ns - busy_ns;
    return (island->busy_watts * (double)busy_ns + island->idle_watts * (double)idle_ns) / NS_PER_S;
}

static void add_difference(gw_summary_device *total, const gw_summary_device *difference)
{
    total->local_ns += difference->local_ns;
    total->collective_ns += difference->collective_ns;
    total->wait_ns += difference->wait_ns;
}

/* By island; the caller frees. */
static island_total *sum_islands(const gw_summary *summary)
{
    const gw_recorder_settings *settings = summary->settings;
    gw_span window_ns = get_window_ns(summary);
    island_total *totals = g_new0(island_total, settings->island_count);
    gw_summary_device device = {0};
    uint32_t next = 0;
    for (uint32_t i = 0; i < settings->island_count; i++) {
        const gw_recorder_island *island = &settings->islands[i];
        for (uint32_t k = 0; k < island->device_count; k++) {
            add_difference(&device, &summary->devices[next++]);
            totals[i].busy_ns += device.local_ns + device.collective_ns;
        }
        totals[i].energy_j =
            compute_energy_j(island, island->device_count, window_ns, totals[i].busy_ns);
    }
    return totals;
}

/* From the end of the first step to the end of the last, by step; NAN: no step has ended. */
static double compute_step_time_ns(const gw_summary_job *job)
{
    if (job->runs_done == 0) {
        return (double)NAN;
    }
    if (job->runs_done == 1) {
        bool has_gangs = job->gang_start_ns != GW_TIME_NEVER;
        return has_gangs ? (double)(job->gang_end_ns - job->gang_start_ns) : 0.0;
    }
    return (double)(job->last_run_ns - job->first_run_ns) / (double)(job->runs_done - 1);
}

/* Never below 0: steps that run at the same time may end closer together than they are long. */
static double compute_bubble(const gw_summary_job *job, uint32_t device_count)
{
    double step_time_ns = compute_step_time_ns(job);
    double useful_ns = divide((double)job->local_ns, (double)job->runs_done);
    double used = divide(useful_ns, device_count * step_time_ns);
    return isnan(used) ? used : MAX(0.0, 1.0 - used);
}

/* The steady rate, or of a single call that of all its computations; NAN: it took no time. */
static double compute_rate_per_s(const gw_summary_job *job)
{
    if (job->computations == 0) {
        return 0.0;
    }
    uint64_t computations = job->computations - job->first_call_computations;
    gw_span span_ns = job->call_end_ns - job->first_call_end_ns;
    if (computations == 0) {
        computations = job->computations;
        span_ns = job->call_end_ns - job->call_start_ns;
    }
    return divide((double)computations * NS_PER_S, (double)span_ns);
}

static void render_results(gw_json *json, const gw_recorder_job *about, const gw_summary_job *job)
{
    gw_json_open_object(json, "results");
    for (uint32_t i = 0; i < about->result_count; i++) {
        const gw_summary_result *result = &job->results[i];
        if (result->count == 0 || result->last_run < GW_SUMMARY_LISTED_RESULTS) {
            double values[GW_SUMMARY_LISTED_RESULTS];
            for (uint32_t k = 0; k < result->values->len; k++) {
                bool is_present = g_array_index(result->is_present, bool, k);
                values[k] = is_present ? g_array_index(result->values, double, k) : (double)NAN;
            }
            gw_json_reals(json, about->result_names[i], values, result->values->len);
            continue;
        }
        gw_json_open_object(json, about->result_names[i]);
        gw_json_real(json, "first", result->first);
        gw_json_real(json, "last", result->last);
        gw_json_count(json, "count", result->count);
        gw_json_close_object(json);
    }
    gw_json_close_object(json);
}

static void render_time(gw_json *json, const char *key, gw_time time_ns)
{
    if (time_ns == GW_TIME_NEVER) {
        gw_json_null(json, key);
    } else {
        gw_json_count(json, key, time_ns);
    }
}

/* Of its devices while they were its gangs'. */
static double compute_job_energy_j(const gw_recorder_settings *settings, const gw_summary_job *job)
{
    double energy_j = 0;
    for (uint32_t i = 0; job->powers != NULL && i < settings->island_count; i++) {
        const gw_summary_power *power = &job->powers[i];
        energy_j += compute_energy_j(&settings->islands[i], 1, power->busy_ns + power->wait_ns,
                                     power->busy_ns);
    }
    return energy_j;
}

static void render_memory(gw_json *json, const gw_recorder_memory *memory)
{
    gw_json_open_object(json, "memory");
    gw_json_string(json, "mesh", memory->mesh);
    gw_json_count(json, "bytes", memory->bytes);
    gw_json_count(json, "parameters_bytes", memory->parameters_bytes);
    gw_json_count(json, "gradients_bytes", memory->gradients_bytes);
    gw_json_count(json, "optimizer_bytes", memory->optimizer_bytes);
    gw_json_count(json, "activations_bytes", memory->activations_bytes);
    gw_json_count(json, "temporaries_bytes", memory->temporaries_bytes);
    gw_json_count(json, "other_bytes", memory->other_bytes);
    gw_json_close_object(json);
}

/* FLOP/s of one device, and their part of what it can; null where devices differ. */
static void render_flops(gw_json *json, const gw_recorder_job *about, double step_time_ns)
{
    const double device_seconds = about->device_count * step_time_ns / NS_PER_S;
    const double model = divide(about->model_flops_per_step, device_seconds);
    const double hardware = divide(about->hardware_flops_per_step, device_seconds);
    gw_json_real(json, "model_flops_per_s", model);
    gw_json_real(json, "hardware_flops_per_s", hardware);
    gw_json_real(json, "mfu", divide(model, about->peak_flops));
    gw_json_real(json, "hfu", divide(hardware, about->peak_flops));
}

static void render_job(gw_json *json, const gw_summary *summary, uint32_t index,
                       uint64_t all_busy_ns)
{
    const gw_recorder_job *about = &summary->settings->jobs[index];
    const gw_summary_job *job = &summary->jobs[index];
    double step_time_ns = compute_step_time_ns(job);
    gw_json_open_object(json, NULL);
    gw_json_string(json, "name", about->name);
    gw_json_count(json, "devices", about->device_count);
    render_time(json, "started_ns", job->started_ns);
    render_time(json, "done_ns", job->done_ns);
    gw_json_count(json, "steps", job->runs_done);
    gw_json_count(json, "steps_asked", about->step_count);
    gw_json_count(json, "moves", job->moves);
    gw_json_count(json, "stays", job->stays);
    gw_json_count(json, "moved_bytes", job->moved_bytes);
    gw_json_count(json, "moving_ns", job->moving_ns);
    if (job->collected_ns != GW_TIME_NEVER) {
        gw_json_count(json, "failed_ns", job->failed_ns);
        gw_json_count(json, "collected_ns", job->collected_ns);
    }
    gw_json_real(json, "step_time_ns", step_time_ns);
    if (about->tokens_per_step > 0) {
        gw_json_real(json, "tokens_per_s", divide(about->tokens_per_step * NS_PER_S, step_time_ns));
    }
    if (about->model_flops_per_step > 0) {
        render_flops(json, about, step_time_ns);
    }
    gw_json_real(json, "device_time_share",
                 all_busy_ns == 0 ? 0.0 : (double)job->busy_ns / (double)all_busy_ns);
    gw_json_count(json, "communication_exposed_ns", job->exposed_ns);
    gw_json_count(json, "communication_hidden_ns", job->hidden_ns);
    gw_json_real(json, "energy_j", compute_job_energy_j(summary->settings, job));
    render_time(json, "order_wait_ns_max", job->order_wait_ns);
    if (about->has_deadline) {
        gw_json_count(json, "deadlines_missed", job->deadlines_missed);
    }
    gw_json_count(json, "bytes_spilled", job->spilled_bytes);
    gw_json_count(json, "bytes_returned", job->returned_bytes);
    if (about->has_exchanges) {
        gw_json_count(json, "rows_dealt", job->rows_dealt);
        gw_json_count(json, "rows_dropped", job->rows_dropped);
    }
    gw_json_real(json, "bubble_fraction", compute_bubble(job, about->device_count));
    if (about->activations_max != NULL) {
        gw_json_reals(json, "peak_activations", about->activations_max, about->stage_count);
    }
    if (about->memory != NULL) {
        render_memory(json, about->memory);
    }
    gw_json_count(json, "computations", job->computations);
    gw_json_real(json, "computations_per_s", compute_rate_per_s(job));
    render_results(json, about, job);
    gw_json_close_object(json);
}

static void render_jobs(gw_json *json, const gw_summary *summary)
{
    uint64_t all_busy_ns = 0;
    for (uint32_t i = 0; i < summary->settings->job_count; i++) {
        all_busy_ns += summary->jobs[i].busy_ns;
    }
    gw_json_open_array(json, "jobs");
    for (uint32_t i = 0; i < summary->settings->job_count; i++) {
        render_job(json, summary, i, all_busy_ns);
    }
    gw_json_close_array(json);
}

static void render_islands(gw_json *json, const gw_summary *summary, const island_total *totals)
{
    gw_span window_ns = get_window_ns(summary);
    gw_json_open_array(json, "islands");
    for (uint32_t i = 0; i < summary->settings->island_count; i++) {
        uint32_t device_count = summary->settings->islands[i].device_count;
        gw_json_open_object(json, NULL);
        gw_json_count(json, "devices", device_count);
        gw_json_real(json, "utilization", divide_time(totals[i].busy_ns, device_count, window_ns));
        gw_json_real(json, "energy_j", totals[i].energy_j);
        gw_json_close_object(json);
    }
    gw_json_close_array(json);
}

/* The rates of all jobs that have one. */
static double sum_rates_per_s(const gw_summary *summary)
{
    double sum_per_s = 0;
    for (uint32_t i = 0; i < summary->settings->job_count; i++) {
        double rate_per_s = compute_rate_per_s(&summary->jobs[i]);
        sum_per_s += isnan(rate_per_s) ? 0 : rate_per_s;
    }
    return sum_per_s;
}

char *gw_summary_render(const gw_summary *summary, uint64_t digest)
{
    const gw_recorder_settings *settings = summary->settings;
    g_autofree island_total *totals = sum_islands(summary);
    g_autofree char *digest_text = g_strdup_printf("%016" G_GINT64_MODIFIER "x", digest);
    uint64_t busy_ns = 0, computations = 0;
    double energy_j = 0;
    for (uint32_t i = 0; i < settings->island_count; i++) {
        busy_ns += totals[i].busy_ns;
        energy_j += totals[i].energy_j;
    }
    for (uint32_t i = 0; i < settings->job_count; i++) {
        computations += summary->jobs[i].computations;
    }

    gw_json json;
    GString *text = g_string_new(NULL);
    gw_json_init(&json, text);
    gw_json_string(&json, "scenario", settings->scenario);
    gw_json_string(&json, "backend", settings->backend);
    gw_json_count(&json, "seed", settings->seed);
    gw_json_string(&json, "digest", digest_text);
    gw_json_count(&json, "makespan_ns", summary->makespan_ns);
    gw_json_real(&json, "utilization",
                 divide_time(busy_ns, settings->device_count, get_window_ns(summary)));
    gw_json_count(&json, "computations", computations);
    gw_json_real(&json, "computations_per_s", sum_rates_per_s(summary));
    gw_json_count(&json, "messages", summary->message_count);
    gw_json_count(&json, "bytes_dcn", summary->dcn_bytes);
    gw_json_open_object(&json, "transfers");
    gw_json_count(&json, "count", summary->transfer_count);
    gw_json_count(&json, "bytes", summary->transfer_bytes);
    gw_json_close_object(&json);
    gw_json_real(&json, "energy_j", energy_j);
    gw_json_count(&json, "devices", settings->device_count);
    render_islands(&json, summary, totals);
    render_jobs(&json, summary);
    gw_json_finish(&json);
    return g_string_free(text, FALSE);
}

static void write_device(GString *row, const gw_summary *summary, uint32_t device, uint32_t island,
                         const gw_summary_device *total)
{
    gw_span window_ns = get_window_ns(summary);
    uint64_t busy_ns = total->local_ns + total->collective_ns;
    gw_check(busy_ns + total->wait_ns <= window_ns); /* Else it ran two gangs at once. */
    char fraction[GW_TEXT_FRACTION_BYTES + 1];
    *gw_text_put_fraction(fraction, busy_ns, window_ns) = '\0';
    g_string_printf(row, "%u,%u", device, island);
    const uint64_t spans_ns[] = {busy_ns, total->local_ns, total->collective_ns, total->wait_ns,
                                 window_ns - busy_ns - total->wait_ns};
    for (uint32_t i = 0; i < G_N_ELEMENTS(spans_ns); i++) {
        g_string_append_printf(row, ",%" G_GUINT64_FORMAT, spans_ns[i]);
    }
    g_string_append_printf(row, ",%s,", fraction);
    gw_text_append_real(
        row, compute_energy_j(&summary->settings->islands[island], 1, window_ns, busy_ns));
    g_string_append_c(row, '\n');
}

void gw_summary_write_devices(const gw_summary *summary, gw_output *output)
{
    const gw_recorder_settings *settings = summary->settings;
    g_autoptr(GString) row = g_string_new(NULL);
    gw_output_print(output, "device,island,busy_ns,local_ns,collective_ns,wait_ns,idle_ns,"
                            "utilization,energy_j\n");
    gw_summary_device total = {0};
    uint32_t device = 0;
    for (uint32_t i = 0; i < settings->island_count; i++) {
        for (uint32_t k = 0; k < settings->islands[i].device_count; k++) {
            add_difference(&total, &summary->devices[device]);
            write_device(row, summary, device++, i, &total);
            gw_output_write(output, row->str, row->len);
        }
    }
}

bool gw_summary_has_results(const gw_summary *summary)
{
    for (uint32_t i = 0; i < summary->settings->job_count; i++) {
        for (uint32_t k = 0; k < summary->settings->jobs[i].result_count; k++) {
            if (summary->jobs[i].results[k].count > 0) {
                return true;
            }
        }
    }
    return false;
}

static void write_values(gw_output *output, const char *job, const char *name,
                         const gw_summary_result *result)
{
    g_autoptr(GString) row = g_string_new(NULL);
    for (uint32_t run = 0; run < result->values->len; run++) {
        if (!g_array_index(result->is_present, bool, run)) {
            continue;
        }
        double value = g_array_index(result->values, double, run);
        g_string_truncate(row, 0);
        gw_text_append_csv(row, job);
        g_string_append_c(row, ',');
        gw_text_append_csv(row, name);
        g_string_append_printf(row, ",%u,", run);
        if (isfinite(value)) {
            gw_text_append_real(row, value);
        } else {
            g_string_append(row, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
        }
        g_string_append_c(row, '\n');
        gw_output_write(output, row->str, row->len);
    }
}

void gw_summary_write_results(const gw_summary *summary, gw_output *output)
{
    gw_output_print(output, "job,result,run,value\n");
    for (uint32_t i = 0; i < summary->settings->job_count; i++) {
        const gw_recorder_job *about = &summary->settings->jobs[i];
        for (uint32_t k = 0; k < about->result_count; k++) {
            write_values(output, about->name, about->result_names[k], &summary->jobs[i].results[k]);
        }
    }
}
