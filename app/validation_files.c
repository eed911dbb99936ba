/* SPDX-License-Identifier: Apache-2.0 */
/* validate.json holds everything, runs one by one too; validate.csv has a row for each case and
 * job, phases.csv one for each case, device and phase. */
#include <math.h>
#include <string.h>

#include "app/validation.h"
#include "record/json.h"
#include "record/text.h"

/* --- JSON --- */

static void write_pair(gw_json *json, const gw_validation_pair *pair)
{
    gw_json_real(json, "predicted_ns", pair->predicted);
    gw_json_real(json, "measured_ns", pair->measured);
    gw_json_real(json, "lowest_ns", pair->lowest);
    gw_json_real(json, "highest_ns", pair->highest);
}

static void write_phases(gw_json *json, const gw_validation_case *at, guint device)
{
    gw_json_open_object(json, "phases");
    for (guint p = 0; p < GW_PHASE_COUNT; p++) {
        const gw_validation_pair pair = gw_validation_phase(at, device, (gw_phase)p);
        gw_json_open_object(json, gw_phase_names[p]);
        write_pair(json, &pair);
        gw_json_close_object(json);
    }
    gw_json_close_object(json);
}

static void write_steps(gw_json *json, const char *key, const GPtrArray *reports, guint job)
{
    g_autofree double *steps_ns = g_new(double, reports->len + 1);
    for (guint r = 0; r < reports->len; r++)
        steps_ns[r] = ((const gw_phase_report *)reports->pdata[r])->step_ns[job];
    gw_json_reals(json, key, steps_ns, reports->len);
}

static void write_job(gw_json *json, const gw_validation_case *at, guint job)
{
    gw_json_open_object(json, NULL);
    gw_json_string(json, "name", (const char *)at->job_names->pdata[job]);
    gw_json_open_object(json, "step_time");
    write_pair(json, &at->steps[job]);
    gw_json_real(json, "error", at->steps[job].predicted / at->steps[job].measured - 1);
    write_steps(json, "predictions_ns", at->predicted, job);
    write_steps(json, "runs_ns", at->measured, job);
    gw_json_close_object(json);
    gw_json_close_object(json);
}

static void write_foreign(gw_json *json, const gw_validation_case *at)
{
    g_autofree double *runs = g_new(double, at->measured->len + 1);
    for (guint r = 0; r < at->measured->len; r++)
        runs[r] = ((const gw_phase_report *)at->measured->pdata[r])->foreign;
    gw_json_reals(json, "other_work", runs, at->measured->len);
}

static void write_case(gw_json *json, const gw_validation_case *at)
{
    gw_json_open_object(json, NULL);
    gw_json_string(json, "name", at->name);
    gw_json_string(json, "path", at->path);
    gw_json_count(json, "group", at->group);
    gw_json_string(json, "verdict", gw_validation_verdict_word(at->verdict));
    if (at->verdict == GW_VALIDATION_FAILED) {
        gw_json_string(json, "failure", at->failure);
        gw_json_count(json, "exit_code", (guint64)at->exit_code);
        gw_json_close_object(json);
        return;
    }
    gw_json_real(json, "error", at->error);
    gw_json_bool(json, "executed_again", at->is_again);
    write_foreign(json, at);
    gw_json_open_array(json, "jobs");
    for (guint j = 0; j < at->job_names->len; j++)
        write_job(json, at, j);
    gw_json_close_array(json);
    write_phases(json, at, GW_INDEX_NONE);
    gw_json_open_array(json, "devices");
    const GArray *devices = gw_validation_typical_prediction(at)->devices;
    for (guint d = 0; d < devices->len; d++) {
        gw_json_open_object(json, NULL);
        gw_json_count(json, "device", g_array_index(devices, gw_phase_device, d).device);
        write_phases(json, at, d);
        gw_json_close_object(json);
    }
    gw_json_close_array(json);
    gw_json_close_object(json);
}

static void write_orders(gw_json *json, const gw_validation *validation)
{
    guint held = 0;
    for (guint i = 0; i < validation->orders->len; i++)
        held += g_array_index(validation->orders, gw_validation_order, i).holds;
    gw_json_open_object(json, "orders");
    gw_json_count(json, "apart", validation->orders->len);
    gw_json_count(json, "hold", held);
    gw_json_open_array(json, "wrong");
    for (guint i = 0; i < validation->orders->len; i++) {
        const gw_validation_order *order =
            &g_array_index(validation->orders, gw_validation_order, i);
        const gw_validation_case *first = gw_validation_case_at(validation, order->first);
        if (order->holds)
            continue;
        gw_json_open_object(json, NULL);
        gw_json_string(json, "first", first->name);
        gw_json_string(json, "second", gw_validation_case_at(validation, order->second)->name);
        gw_json_string(json, "job", (const char *)first->job_names->pdata[order->first_job]);
        gw_json_close_object(json);
    }
    gw_json_close_array(json);
    gw_json_close_object(json);
}

char *gw_validation_json(const gw_validation *validation)
{
    GString *text = g_string_new(NULL);
    gw_json json;
    gw_json_init(&json, text);
    gw_json_string(&json, "machine", validation->machine);
    gw_json_count(&json, "repeats", validation->repeat_count);
    gw_json_count(&json, "rounds", validation->round_count);
    gw_json_count(&json, "rounds_done", validation->rounds_done);
    gw_json_count(&json, "warm_steps", validation->warm);
    gw_json_real(&json, "tolerance", validation->tolerance);
    gw_json_count(&json, "within_tolerance", validation->within_count);
    gw_json_count(&json, "within_spread", validation->spread_count);
    gw_json_count(&json, "failed", validation->failed_count);
    gw_json_real(&json, "median_error", validation->median_error);
    gw_json_real(&json, "other_work", validation->foreign);
    gw_json_count(&json, "left_out", validation->left_out_count);
    write_orders(&json, validation);
    gw_json_open_array(&json, "cases");
    for (guint c = 0; c < validation->cases->len; c++)
        write_case(&json, gw_validation_case_at(validation, c));
    gw_json_close_array(&json);
    gw_json_finish(&json);
    return g_string_free(text, FALSE);
}

/* --- CSV --- */

static void append_real(GString *text, double value)
{
    g_string_append_c(text, ',');
    if (!isnan(value))
        gw_text_append_real(text, value);
}

static void append_pair(GString *text, const gw_validation_pair *pair)
{
    append_real(text, pair->predicted);
    append_real(text, pair->measured);
    append_real(text, pair->lowest);
    append_real(text, pair->highest);
}

char *gw_validation_csv(const gw_validation *validation)
{
    GString *text = g_string_new("scenario,path,job,predicted_ns,measured_ns,lowest_ns,highest_ns,"
                                 "error,verdict\n");
    for (guint c = 0; c < validation->cases->len; c++) {
        const gw_validation_case *at = gw_validation_case_at(validation, c);
        for (guint j = 0; j < at->job_names->len; j++) {
            const bool has_failed = at->verdict == GW_VALIDATION_FAILED;
            const gw_validation_pair none = {NAN, NAN, NAN, NAN, NAN, NAN};
            const gw_validation_pair *pair = has_failed ? &none : &at->steps[j];
            gw_text_append_csv(text, at->name);
            g_string_append_c(text, ',');
            gw_text_append_csv(text, at->path);
            g_string_append_c(text, ',');
            gw_text_append_csv(text, (const char *)at->job_names->pdata[j]);
            append_pair(text, pair);
            append_real(text, pair->predicted / pair->measured - 1);
            g_string_append_printf(text, ",%s\n", gw_validation_verdict_word(at->verdict));
        }
    }
    return g_string_free(text, FALSE);
}

static void append_phase_rows(GString *text, const gw_validation_case *at, guint device,
                              const char *name)
{
    for (guint p = 0; p < GW_PHASE_COUNT; p++) {
        const gw_validation_pair pair = gw_validation_phase(at, device, (gw_phase)p);
        gw_text_append_csv(text, at->name);
        g_string_append_printf(text, ",%s,%s", name, gw_phase_names[p]);
        append_pair(text, &pair);
        g_string_append_c(text, '\n');
    }
}

char *gw_validation_phases_csv(const gw_validation *validation)
{
    GString *text =
        g_string_new("scenario,device,phase,predicted_ns,measured_ns,lowest_ns,highest_ns\n");
    for (guint c = 0; c < validation->cases->len; c++) {
        const gw_validation_case *at = gw_validation_case_at(validation, c);
        if (at->verdict == GW_VALIDATION_FAILED)
            continue;
        const GArray *devices = gw_validation_typical_prediction(at)->devices;
        for (guint d = 0; d < devices->len; d++) {
            g_autofree char *name =
                g_strdup_printf("%u", g_array_index(devices, gw_phase_device, d).device);
            append_phase_rows(text, at, d, name);
        }
        append_phase_rows(text, at, GW_INDEX_NONE, "all");
    }
    return g_string_free(text, FALSE);
}

static void append_timeline(GString *text, const char *world, const gw_phase_report *report)
{
    g_auto(GStrv) rows = g_strsplit(report->timeline, "\n", -1);
    for (guint i = 0; rows[i] != NULL; i++)
        if (rows[i][0] != '\0')
            g_string_append_printf(text, "%s,%s\n", world, rows[i]);
}

char *gw_validation_timelines_csv(const gw_validation_case *at)
{
    GString *text = g_string_new("world,device,start_ns,end_ns,job,node,microbatch\n");
    append_timeline(text, "predicted", gw_validation_typical_prediction(at));
    append_timeline(text, "measured", gw_validation_typical_run(at));
    return g_string_free(text, FALSE);
}
