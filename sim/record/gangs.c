/* SPDX-License-Identifier: Apache-2.0 */
/* gangs.csv.  The run waits for every row, so rows are made in one buffer that stays, and nothing
 * is allocated or formatted by printf. */
#include "record/gangs.h"

#include "base/check.h"
#include "record/text.h"

#define NUMBERS_BYTES (8 * (1 + GW_TEXT_COUNT_BYTES))

struct gw_gangs {
    const gw_recorder_settings *settings;
    gw_output *output;
    GString *row;
};

gw_gangs *gw_gangs_new(const gw_recorder_settings *settings, GError **error)
{
    gw_output *output = gw_output_open(settings->folder, "gangs.csv", error);
    if (output == NULL) {
        return NULL;
    }
    gw_output_print(output, "gang,job,run,node,stage,microbatch,call,island,first_device,"
                            "last_device,device_count,start_ns,end_ns\n");
    gw_gangs *gangs = g_new0(gw_gangs, 1);
    gangs->settings = settings;
    gangs->output = output;
    gangs->row = g_string_sized_new(256);
    return gangs;
}

void gw_gangs_free(gw_gangs *gangs)
{
    if (gangs != NULL) {
        gw_output_free(gangs->output);
        g_string_free(gangs->row, TRUE);
        g_free(gangs);
    }
}

static void append_count(GString *row, uint64_t count)
{
    char digits[GW_TEXT_COUNT_BYTES];
    g_string_append_len(row, digits, gw_text_put_count(digits, count) - digits);
}

static void append_index(GString *row, uint32_t index)
{
    g_string_append_c(row, ',');
    if (index != GW_INDEX_NONE) {
        append_count(row, index);
    }
}

void gw_gangs_add(gw_gangs *gangs, const gw_gang_record *gang)
{
    const gw_recorder_job *job = &gangs->settings->jobs[gang->job];
    GString *row = gangs->row;
    g_string_truncate(row, 0);
    append_count(row, gang->gang);
    g_string_append_c(row, ',');
    gw_text_append_csv(row, job->name);
    g_string_append_c(row, ',');
    append_count(row, gang->run);
    g_string_append_c(row, ',');
    gw_text_append_csv(row, job->node_names[gang->node]);
    append_index(row, job->stages[gang->node]);
    append_index(row, job->microbatches[gang->node]);
    gw_output_write(gangs->output, row->str, row->len);

    const uint64_t numbers[] = {gang->call,        gang->island,       gang->first_device,
                                gang->last_device, gang->device_count, gang->start_ns,
                                gang->end_ns};
    char *at = gw_output_reserve(gangs->output, NUMBERS_BYTES);
    for (uint32_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        *at++ = ',';
        at = gw_text_put_count(at, numbers[i]);
    }
    *at++ = '\n';
    gw_output_advance(gangs->output, at);
}

bool gw_gangs_commit(gw_gangs *gangs, GError **error)
{
    return gw_output_commit(gangs->output, error);
}
