/* SPDX-License-Identifier: Apache-2.0 */
/* Reading them in two steps: as they stand, and, when the mesh is known, with what they have to
 * divide. */
#include "workload/workload_transformer_experts.h"

#include <math.h>

#include "workload/workload_params.h"

#define EXPERTS_MAX     65536U
#define EVERY_MAX       1024U /* As many layers as there may be. */
#define GROUP_MAX       (1U << 20)
#define TILE_MAX        1024U
#define FACTOR_MAX      1000
#define BALANCE_MAX     1000
#define DEFAULT_TOP     2
#define DEFAULT_ROOM    1.25
#define DEFAULT_BALANCE 0.01 /* Fedus et al., 2021, section 2.2. */

static const char *const others[] = {"experts_every", "top",       "capacity_factor",
                                     "group",         "balance",   "routing",
                                     "dispatch",      "seat_tile", NULL};

static bool expect_none(gw_params *params, GError **error)
{
    for (uint32_t i = 0; others[i] != NULL; i++) {
        if (gw_params_has(params, others[i])) {
            gw_params_error(params, others[i], error, "found without \"experts\"");
            return false;
        }
    }
    return true;
}

static bool read_routing(gw_params *params, double *out_exponent, GError **error)
{
    gw_params *value = NULL;
    *out_exponent = 0;
    if (!gw_params_value(params, "routing", false, &value, error))
        return false;
    if (value == NULL)
        return true;
    if (gw_params_is_object(value))
        return gw_params_number(value, "zipf", true, 0, GW_ROUTING_EXPONENT_MAX, out_exponent,
                                error) &&
               gw_params_finish(value, error);
    static const char *const names[] = {"uniform", NULL};
    uint32_t index = 0;
    if (gw_params_is_string(value))
        return gw_params_choice(params, "routing", false, names, &index, error);
    gw_params_refuse(value, "\"uniform\", or {\"zipf\": EXPONENT}", error);
    return false;
}

/* Whole choices of an expert are at least one, so only a factor of nothing leaves it no seat. */
static bool read_factor(gw_params *params, double *out_factor, GError **error)
{
    *out_factor = DEFAULT_ROOM;
    if (!gw_params_number(params, "capacity_factor", false, 0, FACTOR_MAX, out_factor, error))
        return false;
    if (*out_factor > 0)
        return true;
    gw_params_error(params, "capacity_factor", error,
                    "found 0, which leaves experts no seats; expected more");
    return false;
}

static bool read_dispatch(gw_params *params, bool *out_by_masks, GError **error)
{
    enum { GATHER, ONE_HOT };
    static const char *const names[] = {[GATHER] = "gather", [ONE_HOT] = "one_hot", NULL};
    uint32_t index = GATHER;
    if (!gw_params_choice(params, "dispatch", false, names, &index, error))
        return false;
    *out_by_masks = index == ONE_HOT;
    return true;
}

bool gw_transformer_read_experts(gw_params *params, gw_transformer *model,
                                 gw_expert_settings *out_settings, GError **error)
{
    *out_settings = (gw_expert_settings){0};
    if (!gw_workload_read_count(params, "experts", false, 1, EXPERTS_MAX, &model->experts, error))
        return false;
    if (model->experts == 0)
        return expect_none(params, error);
    model->experts_every = model->group = 1;
    out_settings->seat_tile = 1;
    model->top = DEFAULT_TOP;
    model->balance = DEFAULT_BALANCE;
    return gw_workload_read_count(params, "experts_every", false, 1, EVERY_MAX,
                                  &model->experts_every, error) &&
           gw_workload_read_count(params, "top", false, 1, 2, &model->top, error) &&
           read_factor(params, &out_settings->capacity_factor, error) &&
           gw_workload_read_count(params, "group", false, 1, GROUP_MAX, &model->group, error) &&
           gw_params_number(params, "balance", false, 0, BALANCE_MAX, &model->balance, error) &&
           read_dispatch(params, &model->by_masks, error) &&
           gw_workload_read_count(params, "seat_tile", false, 1, TILE_MAX, &out_settings->seat_tile,
                                  error) &&
           read_routing(params, &out_settings->exponent, error);
}

/* --- Fitting --- */

static bool check_layers(gw_params *params, const gw_transformer *model, GError **error)
{
    const uint32_t all = model->encoder_layers + model->layers;
    if (model->experts_every <= all)
        return true;
    gw_params_error(params, "experts_every", error,
                    "found %u, expected at most as many as there are layers (%u)",
                    model->experts_every, all);
    return false;
}

/* Seats are those of a group of sequences, on either side. */
static bool check_encoder(gw_params *params, const gw_transformer *model, GError **error)
{
    if (model->encoder_layers == 0 || model->encoder_sequence == model->sequence)
        return true;
    gw_params_error(params, "encoder_sequence", error,
                    "found %u with experts, expected that of the decoder (%u): groups of one size "
                    "share seats",
                    model->encoder_sequence, model->sequence);
    return false;
}

static bool check_top(gw_params *params, const gw_transformer *model, GError **error)
{
    if (model->top <= model->experts)
        return true;
    gw_params_error(params, "top", error, "found %u, expected at most as many as experts (%u)",
                    model->top, model->experts);
    return false;
}

/* Values of one shard, and seats, which are counted in float32. */
static bool check_sizes(gw_params *params, const gw_transformer *model, GError **error)
{
    const uint64_t seats =
        (uint64_t)(model->microbatch / model->group) * model->capacity * model->experts;
    const uint64_t own_width = model->feed_forward / model->tensor;
    const double weights =
        (double)(model->experts / model->data) * (double)own_width * model->hidden;
    const double rows = (double)seats * (double)MAX(own_width, model->hidden);
    const double shares = (double)model->microbatch * model->sequence * model->experts;
    const double largest = MAX(MAX(weights, rows), shares) * sizeof(float);
    if (seats <= GW_TOKENS_MAX && largest <= (double)GW_VALUE_BYTES_MAX &&
        weights / model->hidden <= UINT32_MAX)
        return true;
    g_autofree char *most = gw_bytes_format(GW_VALUE_BYTES_MAX);
    gw_params_error(params, "experts", error,
                    "found %u with %" G_GUINT64_FORMAT " seats on a device, expected at most %u "
                    "seats, and values of at most %s",
                    model->experts, seats, GW_TOKENS_MAX, most);
    return false;
}

bool gw_transformer_fit_experts(gw_params *params, gw_transformer *model,
                                const gw_expert_settings *settings, GError **error)
{
    if (model->experts == 0)
        return true;
    if (model->islands > 1) {
        gw_params_error(params, "experts", error,
                        "found %u with several islands, expected one island", model->experts);
        return false;
    }
    if (!check_encoder(params, model, error) ||
        !gw_workload_expect_multiple(params, "experts", model->experts, "data", model->data,
                                     error) ||
        !gw_workload_expect_multiple(params, "microbatch", model->microbatch, "group", model->group,
                                     error) ||
        !check_top(params, model, error) || !check_layers(params, model, error))
        return false;
    const double tokens = (double)model->group * model->sequence;
    const double share = settings->capacity_factor * model->top * tokens / model->experts;
    model->capacity = (uint32_t)MIN(ceil(share), tokens); /* Nobody is chosen twice by one. */
    const uint32_t over = model->capacity % settings->seat_tile;
    model->pitch = over == 0 ? 0 : model->capacity - over + settings->seat_tile;
    return check_sizes(params, model, error);
}

gw_routing gw_transformer_routing(const gw_transformer *model, const gw_expert_settings *settings,
                                  uint32_t place)
{
    return (gw_routing){.experts = model->experts,
                        .choices = model->top,
                        .capacity = model->capacity,
                        .tokens = model->group * model->sequence,
                        .groups = (uint64_t)(model->batch / model->group) *
                                  gw_transformer_count_expert_layers(model, place),
                        .exponent = settings->exponent};
}
