/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for people: a line for each case, where time went, and what it comes to. */
#include <math.h>
#include <string.h>

#include "app/validation.h"
#include "base/check.h"

#define NS_PER_MS      1e6
#define NUMBER_LETTERS 10

static void append_padded(GString *text, const char *words, glong width)
{
    g_string_append(text, words);
    for (glong i = g_utf8_strlen(words, -1); i < width; i++)
        g_string_append_c(text, ' ');
}

static void append_number(GString *text, const char *format, double value, const char *unit)
{
    char digits[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd(digits, sizeof digits, format, value);
    g_string_append_printf(text, "%*s%s", NUMBER_LETTERS, isnan(value) ? "-" : digits, unit);
}

static double spread_of(const gw_validation_pair *pair)
{
    return (pair->highest - pair->lowest) / 2 / pair->measured;
}

/* --- A line for each case --- */

static glong name_width(const gw_validation *validation)
{
    glong width = 8;
    for (guint c = 0; c < validation->cases->len; c++)
        width = MAX(width, g_utf8_strlen(gw_validation_case_at(validation, c)->name, -1));
    return width;
}

/* The job whose error is the case's. */
static guint worst_job(const gw_validation_case *at)
{
    guint worst = 0;
    for (guint j = 0; j < at->job_names->len; j++)
        if (at->steps[j].predicted / at->steps[j].measured - 1 == at->error)
            worst = j;
    return worst;
}

static char *describe_verdict(const gw_validation *validation, const gw_validation_case *at)
{
    if (at->verdict == GW_VALIDATION_TOLERANCE)
        return g_strdup_printf("within %g %%", 100 * validation->tolerance);
    return g_strdup(gw_validation_verdict_word(at->verdict));
}

static void append_case(GString *text, const gw_validation *validation,
                        const gw_validation_case *at, glong width)
{
    append_padded(text, at->name, width + 1);
    if (at->verdict == GW_VALIDATION_FAILED) {
        g_auto(GStrv) lines = g_strsplit(at->failure, "\n", 2);
        g_string_append_printf(text, "FAILED  %s\n", lines[0]);
        return;
    }
    const guint job = worst_job(at);
    const gw_validation_pair *pair = &at->steps[job];
    g_autofree char *verdict = describe_verdict(validation, at);
    append_number(text, "%.3f", pair->predicted / NS_PER_MS, "");
    append_number(text, "%.3f", pair->measured / NS_PER_MS, "");
    append_number(text, "%.1f", 100 * spread_of(pair), " %");
    append_number(text, "%+.1f", 100 * at->error, " %");
    g_string_append_printf(text, "  %s", verdict);
    if (at->job_names->len > 1)
        g_string_append_printf(text, "  (job %s)", (const char *)at->job_names->pdata[job]);
    g_string_append_c(text, '\n');
}

static void append_cases(GString *text, const gw_validation *validation)
{
    const glong width = name_width(validation);
    append_padded(text, "scenario", width + 1);
    g_string_append_printf(text, "%*s%*s%*s  %*s    step time, ms\n", NUMBER_LETTERS, "predicted",
                           NUMBER_LETTERS, "measured", NUMBER_LETTERS, "+-", NUMBER_LETTERS,
                           "error");
    for (guint c = 0; c < validation->cases->len; c++)
        append_case(text, validation, gw_validation_case_at(validation, c), width);
}

/* --- Where time went --- */

static void append_phase_row(GString *text, const gw_validation_case *at, const char *name,
                             guint device)
{
    g_string_append_printf(text, "  %-10s", name);
    for (guint p = 0; p < GW_PHASE_COUNT; p++) {
        const gw_validation_pair pair = gw_validation_phase(at, device, (gw_phase)p);
        append_number(text, "%.3f", pair.predicted / NS_PER_MS, "");
        append_number(text, "%.3f", pair.measured / NS_PER_MS, "");
    }
    g_string_append_c(text, '\n');
}

static void append_jobs(GString *text, const gw_validation_case *at)
{
    for (guint j = 0; at->job_names->len > 1 && j < at->job_names->len; j++) {
        const gw_validation_pair *pair = &at->steps[j];
        g_string_append_printf(text, "  step of %-24s", (const char *)at->job_names->pdata[j]);
        append_number(text, "%.3f", pair->predicted / NS_PER_MS, "");
        append_number(text, "%.3f", pair->measured / NS_PER_MS, "");
        append_number(text, "%.1f", 100 * spread_of(pair), " %");
        append_number(text, "%+.1f", 100 * (pair->predicted / pair->measured - 1), " %\n");
    }
}

static void append_phases(GString *text, const gw_validation_case *at)
{
    g_string_append_printf(text, "\n%s: ms per device and step, predicted and measured\n  %-10s",
                           at->name, "");
    for (guint p = 0; p < GW_PHASE_COUNT; p++)
        g_string_append_printf(text, "%*s", 2 * NUMBER_LETTERS, gw_phase_names[p]);
    g_string_append_c(text, '\n');
    const GArray *devices = gw_validation_typical_prediction(at)->devices;
    for (guint d = 0; d < devices->len; d++) {
        g_autofree char *name =
            g_strdup_printf("device %u", g_array_index(devices, gw_phase_device, d).device);
        append_phase_row(text, at, name, d);
    }
    append_phase_row(text, at, "all", GW_INDEX_NONE);
    append_jobs(text, at);
}

/* --- What it comes to --- */

/* Of each folder, where there are several. */
static void append_folders(GString *text, const gw_validation *validation)
{
    g_autoptr(GPtrArray) folders = g_ptr_array_new();
    for (guint c = 0; c < validation->cases->len; c++) {
        const char *folder = gw_validation_case_at(validation, c)->folder;
        if (!g_ptr_array_find_with_equal_func(folders, folder, g_str_equal, NULL))
            g_ptr_array_add(folders, (void *)folder);
    }
    for (guint f = 0; folders->len > 1 && f < folders->len; f++) {
        guint count = 0, within = 0;
        for (guint c = 0; c < validation->cases->len; c++) {
            const gw_validation_case *at = gw_validation_case_at(validation, c);
            if (strcmp(at->folder, (const char *)folders->pdata[f]) != 0)
                continue;
            count++;
            within += fabs(at->error) <= validation->tolerance;
        }
        g_string_append_printf(text, "  %s: %u of %u\n", (const char *)folders->pdata[f], within,
                               count);
    }
}

static void append_orders(GString *text, const gw_validation *validation)
{
    guint held = 0;
    for (guint i = 0; i < validation->orders->len; i++)
        held += g_array_index(validation->orders, gw_validation_order, i).holds;
    if (validation->group_count == validation->cases->len)
        return; /* Nothing varies. */
    g_string_append_printf(text,
                           "%u of %u orders hold: pairs of one file whose measurements differ by "
                           "more than their spread\n",
                           held, validation->orders->len);
    for (guint i = 0; i < validation->orders->len; i++) {
        const gw_validation_order *order =
            &g_array_index(validation->orders, gw_validation_order, i);
        const gw_validation_case *a = gw_validation_case_at(validation, order->first);
        const gw_validation_case *b = gw_validation_case_at(validation, order->second);
        const gw_validation_pair *x = &a->steps[order->first_job];
        const gw_validation_pair *y = &b->steps[order->second_job];
        if (!order->holds)
            g_string_append_printf(
                text, "  NOT: job %s of %s measured %s than of %s, predicted otherwise\n",
                (const char *)a->job_names->pdata[order->first_job], a->name,
                x->measured < y->measured ? "faster" : "slower", b->name);
    }
}

static void append_again(GString *text, const gw_validation *validation)
{
    guint count = 0, most = validation->repeat_count;
    for (guint c = 0; c < validation->cases->len; c++) {
        const gw_validation_case *at = gw_validation_case_at(validation, c);
        count += at->is_again;
        most = MAX(most, at->measured->len);
    }
    if (count > 0)
        g_string_append_printf(text,
                               "%u cases were executed %u times more: after the first %u an "
                               "order of theirs did not hold\n",
                               count, most - validation->repeat_count, validation->repeat_count);
}

static void append_total(GString *text, const gw_validation *validation)
{
    char median[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd(median, sizeof median, "%.1f", 100 * validation->median_error);
    g_string_append_c(text, '\n');
    if (validation->rounds_done < validation->round_count)
        g_string_append_printf(text, "%u of %u rounds are done: all of this is of them alone\n",
                               validation->rounds_done, validation->round_count);
    g_string_append_printf(
        text, "%u of %u within %g %%, median error %s %%; %u within their spread",
        validation->within_count, validation->cases->len, 100 * validation->tolerance,
        isnan(validation->median_error) ? "-" : median, validation->spread_count);
    if (validation->failed_count > 0)
        g_string_append_printf(text, "; %u failed", validation->failed_count);
    g_string_append_c(text, '\n');
    append_folders(text, validation);
    append_orders(text, validation);
    append_again(text, validation);
}

static guint count_runs(const gw_validation *validation)
{
    guint count = 0;
    for (guint c = 0; c < validation->cases->len; c++)
        count += gw_validation_case_at(validation, c)->measured->len;
    return count;
}

static void append_foreign(GString *text, const gw_validation *validation)
{
    if (!isnan(validation->foreign))
        g_string_append_printf(
            text, "other work took %.0f %% of this machine's processors%s\n",
            100 * validation->foreign,
            validation->foreign > GW_VALIDATION_FOREIGN_MAX ? ": measure again without it" : "");
    if (validation->left_out_count > 0)
        g_string_append_printf(
            text, "%u of %u runs left out: beside them it took more than %g %%\n",
            validation->left_out_count, count_runs(validation), 100 * GW_VALIDATION_FOREIGN_MAX);
}

char *gw_validation_text(const gw_validation *validation, bool wants_phases)
{
    GString *text = g_string_new(NULL);
    append_cases(text, validation);
    for (guint c = 0; wants_phases && c < validation->cases->len; c++) {
        const gw_validation_case *at = gw_validation_case_at(validation, c);
        if (at->verdict != GW_VALIDATION_FAILED)
            append_phases(text, at);
    }
    append_total(text, validation);
    append_foreign(text, validation);
    return g_string_free(text, FALSE);
}
