/* SPDX-License-Identifier: Apache-2.0 */
#include "app/validation_round.h"

#include "base/check.h"

static void free_result(void *data)
{
    gw_validation_result *result = (gw_validation_result *)data;
    if (result == NULL)
        return;
    gw_calibration_seen_free(result->seen);
    gw_phase_report_free(result->measured);
    gw_phase_report_free(result->predicted);
    g_free(result->failure);
    g_free(result);
}

gw_validation_round *gw_validation_round_new(guint number, guint case_count)
{
    gw_validation_round *round = g_new0(gw_validation_round, 1);
    round->number = number;
    round->results = g_ptr_array_new_with_free_func(free_result);
    g_ptr_array_set_size(round->results, (int)case_count);
    return round;
}

void gw_validation_round_free(gw_validation_round *round)
{
    if (round == NULL)
        return;
    g_free(round->machine);
    g_ptr_array_unref(round->results);
    g_free(round);
}

gw_validation_result *gw_validation_round_result(gw_validation_round *round, guint index)
{
    gw_check(index < round->results->len);
    if (round->results->pdata[index] == NULL)
        round->results->pdata[index] = g_new0(gw_validation_result, 1);
    return (gw_validation_result *)round->results->pdata[index];
}

bool gw_validation_takes_part(const gw_validation *validation, guint index)
{
    const gw_validation_case *at = gw_validation_case_at(validation, index);
    const bool is_again = validation->rounds_done >= validation->repeat_count;
    return at->failure == NULL && (!is_again || at->is_again);
}

static void take_result(gw_validation_case *at, gw_validation_result *result)
{
    if (result->measured != NULL)
        g_ptr_array_add(at->measured, g_steal_pointer(&result->measured));
    if (result->predicted != NULL)
        g_ptr_array_add(at->predicted, g_steal_pointer(&result->predicted));
    if (result->failure != NULL) {
        at->failure = g_steal_pointer(&result->failure);
        at->exit_code = result->exit_code;
    }
}

void gw_validation_take(gw_validation *validation, gw_validation_round *round)
{
    gw_check(round->number == validation->rounds_done);
    gw_check(round->results->len == validation->cases->len);
    for (guint c = 0; c < validation->cases->len; c++) {
        gw_validation_result *result = (gw_validation_result *)round->results->pdata[c];
        gw_check((result != NULL) == gw_validation_takes_part(validation, c));
        if (result != NULL)
            take_result((gw_validation_case *)validation->cases->pdata[c], result);
    }
    validation->rounds_done++;
}
