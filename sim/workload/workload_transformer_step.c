/* SPDX-License-Identifier: Apache-2.0 */
/* A training step as nodes and edges.
 *
 * Set-up draws the tokens of the batch and the parameters from the seed alone, so any meshes train
 * the same model on the same sequences; or each run reads its tokens from a text, by its number,
 * which is carried from run to run.  In a step each place of the pipeline does forward and
 * backward of every micro-batch, in the order of the schedule, and then its update.  Parameters and
 * moments are carried from update to the next run.  Schedules may have backward passes in two
 * parts; slopes then add up along the second ones.
 *
 * On several islands each has all of this for itself, and sequences of its own.  Sums of slopes, of
 * which each device has a part, go from the last backward pass of a place to the updates of the
 * same place on every island, which add them up in the same order: one for each chunk of its
 * tensors, so that what has come is applied while the next is on its way. */
#include <stdlib.h>

#include "base/check.h"
#include "workload/workload_transformer_private.h"

/* --- Nodes --- */

typedef struct { /* A place of the pipeline, in the making. */
    uint32_t mesh, tensor_count;
    bool drops;              /* It has gates. */
    uint32_t dropped_output; /* Of forward; likewise. */
    /* Nodes; GW_INDEX_NONE: it has none.  With a text there is a start, and tokens are no set-up.
     */
    uint32_t start, tokens, init;
    uint32_t update;              /* The first chunk's; the others' follow it. */
    gw_transformer_chunk *chunks; /* Of its tensors. */
    /* Functions; GW_INDEX_NONE: not made yet.  Of the first micro-batch, or not; and of the last,
     * or not. */
    uint32_t forwards[2], inputs, backwards[2][2], weights[2][2];
    GArray *handed;               /* From inputs to weights (gw_handed); NULL: not asked yet. */
    uint32_t *forward, *backward; /* Nodes, by micro-batch; backward may be for inputs alone. */
    uint32_t last_forward;        /* The latest added; GW_INDEX_NONE: none. */
    /* The latest node that gives slopes, which are its outputs from first_slope on; and how many
     * such have been added. */
    uint32_t last_slopes, first_slope, slopes_count;
} transformer_place;

typedef struct { /* Of one island. */
    const gw_training *job;
    gw_transformer own; /* The job's model, on this island. */
    const gw_transformer *model;
    gw_builder *builder;
    transformer_place *places, *all_places; /* The island's; all islands', one after the other. */
    uint32_t microbatch_count;
} step_maker;

/* "forward3.i0.s1.c0"; what there is only one of is not said.  The caller frees. */
static char *name_part(const step_maker *maker, const char *kind, uint32_t place,
                       uint32_t microbatch)
{
    const gw_training *job = maker->job;
    GString *name = g_string_new(kind);
    if (microbatch != GW_INDEX_NONE && maker->microbatch_count > 1)
        g_string_append_printf(name, "%u", microbatch);
    if (maker->model->islands > 1)
        g_string_append_printf(name, ".i%u", maker->model->island);
    if (job->stages > 1)
        g_string_append_printf(name, ".s%u", place % job->stages);
    if (job->chunks > 1)
        g_string_append_printf(name, ".c%u", place / job->stages);
    return g_string_free(name, FALSE);
}

static uint32_t add_node(const step_maker *maker, const char *kind, uint32_t place,
                         uint32_t microbatch, uint32_t function)
{
    g_autofree char *name = name_part(maker, kind, place, microbatch);
    const uint32_t node =
        gw_builder_add_node(maker->builder, name, function, maker->places[place].mesh);
    gw_builder_label(maker->builder, node, place % maker->job->stages, microbatch);
    return node;
}

static uint32_t add_setup(const step_maker *maker, const char *kind, uint32_t place,
                          gw_function *function)
{
    const uint32_t node = add_node(maker, kind, place, GW_INDEX_NONE,
                                   gw_builder_take_function(maker->builder, function));
    gw_builder_set_once(maker->builder, node);
    return node;
}

static void begin_place(const step_maker *maker, uint32_t index)
{
    const gw_training *job = maker->job;
    const gw_transformer *model = maker->model;
    transformer_place *place = &maker->places[index];
    place->mesh = model->island * job->stages + index % job->stages;
    uint32_t first_tensor;
    g_autoptr(GArray) tensors = gw_transformer_list_tensors(model, index, &first_tensor);
    place->tensor_count = tensors->len;
    place->chunks = g_new(gw_transformer_chunk, gw_transformer_count_chunks(model));
    for (uint32_t c = 0; c < gw_transformer_count_chunks(model); c++)
        place->chunks[c] = gw_transformer_find_chunk(model, tensors, c);
    place->drops = gw_transformer_count_expert_layers(model, index) > 0;
    place->dropped_output =
        (index + 1 == model->places ? 2 : 1) + gw_transformer_count_saved(model, index);
    place->forward = g_new(uint32_t, maker->microbatch_count);
    place->backward = g_new(uint32_t, maker->microbatch_count);
    place->last_forward = place->last_slopes = place->start = place->tokens = GW_INDEX_NONE;
    const gw_transformer_ends ends = gw_transformer_place_ends(model, index);
    const bool has_tokens = ends.opens_encoder || ends.opens_decoder || ends.closes_decoder;
    if (has_tokens && model->text != NULL)
        place->start = add_setup(maker, "start", index, gw_transformer_make_start());
    else if (has_tokens)
        place->tokens = add_setup(maker, "tokens", index, gw_transformer_make_tokens(model, index));
    place->init = add_setup(maker, "init", index, gw_transformer_make_init(model, index));
    place->inputs = GW_INDEX_NONE;
    for (uint32_t i = 0; i < 2; i++)
        place->forwards[i] = place->backwards[i][0] = place->backwards[i][1] =
            place->weights[i][0] = place->weights[i][1] = GW_INDEX_NONE;
}

static void end_place(transformer_place *place)
{
    if (place->handed != NULL)
        g_array_unref(place->handed);
    g_free(place->chunks);
    g_free(place->forward);
    g_free(place->backward);
}

/* --- Edges --- */

/* The `k`th of what goes on of a tensor, from the place's update to the target's input in the next
 * run; of what is drawn at first, where nothing is trained. */
static void carry(const step_maker *maker, const transformer_place *place, uint32_t tensor,
                  uint32_t k, uint32_t target, uint32_t input)
{
    const uint32_t carried_count = gw_transformer_count_carried(maker->model);
    const uint32_t drawn = tensor * carried_count + k;
    if (!maker->job->trains) {
        gw_builder_add_edge(maker->builder, place->init, drawn, target, input);
        return;
    }
    uint32_t chunk = 0;
    while (tensor >= place->chunks[chunk].first + place->chunks[chunk].count)
        chunk++;
    const uint32_t output = (tensor - place->chunks[chunk].first) * carried_count + k;
    gw_builder_add_carried(maker->builder, place->update + chunk, output, place->init, drawn,
                           target, input);
}

/* The tensors as passes read them; the update is added later and has this number. */
static void carry_tensors(const step_maker *maker, const transformer_place *place, uint32_t target,
                          uint32_t first_input)
{
    const uint32_t read = gw_transformer_read_of_carried(maker->model);
    for (uint32_t i = 0; i < place->tensor_count; i++)
        carry(maker, place, i, read, target, first_input + i);
}

/* The place whose forward gives what the decoder's look at. */
static uint32_t find_encoder_end(const gw_transformer *model)
{
    uint32_t place = 0;
    while (!gw_transformer_place_ends(model, place).closes_encoder)
        place++;
    return place;
}

static void connect_forward(const step_maker *maker, uint32_t index, uint32_t m, bool is_next)
{
    const transformer_place *place = &maker->places[index];
    const gw_transformer *model = maker->model;
    const gw_transformer_ends ends = gw_transformer_place_ends(model, index);
    const uint32_t node = place->forward[m];
    uint32_t input = 0, tokens = m;
    for (uint32_t i = 0; i < (uint32_t)ends.opens_encoder + ends.opens_decoder; i++) {
        gw_builder_add_edge(maker->builder, place->tokens, tokens, node, input++);
        tokens += maker->microbatch_count;
    }
    if (gw_transformer_takes_stream(ends))
        gw_builder_add_edge(maker->builder, place[-1].forward[m], 0, node, input++);
    if (gw_transformer_takes_memory(ends))
        gw_builder_add_edge(maker->builder, maker->places[find_encoder_end(model)].forward[m], 0,
                            node, input++);
    if (ends.closes_decoder)
        gw_builder_add_edge(maker->builder, place->tokens, tokens, node, input++);
    if (ends.closes_decoder && is_next)
        gw_builder_add_edge(maker->builder, place->last_forward, 0, node, input++);
    if (place->drops && is_next)
        gw_builder_add_edge(maker->builder, place->last_forward, place->dropped_output, node,
                            input++);
    carry_tensors(maker, place, node, input);
}

/* The slopes so far, if there are any, as the node's inputs from `input` on; it has those after it,
 * as outputs from `first_slope` on. */
static void connect_slopes(const step_maker *maker, transformer_place *place, uint32_t node,
                           uint32_t input, uint32_t first_slope)
{
    for (uint32_t i = 0; place->last_slopes != GW_INDEX_NONE && i < place->tensor_count; i++)
        gw_builder_add_edge(maker->builder, place->last_slopes, place->first_slope + i, node,
                            input + i);
    place->last_slopes = node;
    place->first_slope = first_slope;
}

/* Outputs of a place's backward before the slopes of its tensors. */
static uint32_t count_stream_slopes(gw_transformer_ends ends)
{
    return (gw_transformer_takes_stream(ends) ? 1 : 0) +
           (gw_transformer_takes_memory(ends) ? 1 : 0);
}

/* All but slopes of tensors; returns how many inputs those are. */
static uint32_t connect_backward(const step_maker *maker, uint32_t index, uint32_t m)
{
    const transformer_place *place = &maker->places[index];
    const gw_transformer *model = maker->model;
    const gw_transformer_ends ends = gw_transformer_place_ends(model, index);
    gw_builder *builder = maker->builder;
    const uint32_t node = place->backward[m];
    const uint32_t saved_count = gw_transformer_count_saved(model, index);
    uint32_t input = 0;
    for (uint32_t i = 0; i < (uint32_t)ends.opens_encoder + ends.opens_decoder; i++)
        gw_builder_add_edge(builder, place->tokens, m + i * maker->microbatch_count, node, input++);
    carry_tensors(maker, place, node, input);
    input += place->tensor_count;
    if (ends.closes_decoder)
        gw_builder_add_edge(builder, place->forward[m], 1, node, input++);
    else /* What the place after takes first is what this one gives. */
        gw_builder_add_edge(builder, place[1].backward[m], 0, node, input++);
    if (ends.reads_memory && !ends.closes_decoder)
        gw_builder_add_edge(builder, place[1].backward[m], 1, node, input++);
    for (uint32_t i = 0; i < saved_count; i++)
        gw_builder_add_edge(builder, place->forward[m], (ends.closes_decoder ? 2 : 1) + i, node,
                            input++);
    return input;
}

/* Returns how many inputs it has but slopes so far. */
static uint32_t connect_weights(const step_maker *maker, uint32_t index, uint32_t m, uint32_t node)
{
    const transformer_place *place = &maker->places[index];
    for (uint32_t i = 0; i < place->handed->len; i++) {
        const gw_handed *handed = &g_array_index(place->handed, gw_handed, i);
        switch (handed->source) {
        case GW_HANDED_TOKENS:
            gw_builder_add_edge(maker->builder, place->tokens, m, node, i);
            break;
        case GW_HANDED_FORWARD:
            gw_builder_add_edge(maker->builder, place->forward[m], handed->output, node, i);
            break;
        case GW_HANDED_INPUTS:
            gw_builder_add_edge(maker->builder, place->backward[m], handed->output, node, i);
            break;
        }
    }
    return place->handed->len;
}

static void connect_dropped(const step_maker *maker, uint32_t index, uint32_t input,
                            uint32_t output)
{
    const gw_training *job = maker->job;
    const transformer_place *place = &maker->places[index];
    const gw_routing routing = gw_transformer_routing(&job->model, &job->experts, index);
    g_autofree char *name = name_part(maker, "dropped", index, GW_INDEX_NONE);
    gw_builder_add_edge(maker->builder, place->last_forward, place->dropped_output, place->update,
                        input);
    gw_builder_add_result(maker->builder, name, place->update, output);
    gw_builder_set_routing(maker->builder, &routing);
}

/* Loss and dropped choices, from input `input` and output `output` of the update on. */
static void connect_totals(const step_maker *maker, uint32_t index, uint32_t input, uint32_t output)
{
    const transformer_place *place = &maker->places[index];
    const gw_transformer *model = maker->model;
    const bool gives_loss = gw_transformer_gives_loss(model, index);
    for (uint32_t island = 0; gives_loss && island < model->islands; island++)
        gw_builder_add_edge(maker->builder,
                            maker->all_places[island * model->places + index].last_forward, 0,
                            place->update, input++);
    if (gives_loss)
        gw_builder_add_result(maker->builder, "loss", place->update, output++);
    if (place->drops)
        connect_dropped(maker, index, input, output);
}

/* How many updates of the chunk there have been, which is the last of what goes on. */
static void carry_count(const step_maker *maker, const transformer_place *place, uint32_t chunk,
                        uint32_t input)
{
    const uint32_t carried_count = gw_transformer_count_carried(maker->model);
    const uint32_t node = place->update + chunk;
    gw_builder_add_carried(maker->builder, node, place->chunks[chunk].count * carried_count,
                           place->init, place->tensor_count * carried_count + chunk, node, input);
}

/* What all islands give to a chunk's update of one of them. */
static void connect_update(const step_maker *maker, uint32_t index, uint32_t chunk)
{
    const transformer_place *place = &maker->places[index];
    const gw_transformer *model = maker->model;
    const gw_transformer_chunk part = place->chunks[chunk];
    const uint32_t node = place->update + chunk;
    uint32_t input = 0;
    for (uint32_t island = 0; island < model->islands; island++) {
        const transformer_place *source = &maker->all_places[island * model->places + index];
        for (uint32_t i = part.first; i < part.first + part.count; i++)
            gw_builder_add_edge(maker->builder, source->last_slopes, source->first_slope + i, node,
                                input++);
    }
    const bool has_count = gw_transformer_counts_updates(model);
    if (has_count)
        carry_count(maker, place, chunk, input++);
    for (uint32_t i = part.first; i < part.first + part.count; i++)
        for (uint32_t k = 0; k < gw_transformer_count_kept(model); k++)
            carry(maker, place, i, k, node, input++);
    if (chunk == 0)
        connect_totals(maker, index, input,
                       part.count * gw_transformer_count_carried(model) + has_count);
}

/* --- The step --- */

typedef struct {
    gw_time start_ns;
    uint32_t stage, slot;
} started_slot;

static int compare_started(const void *a, const void *b)
{
    const started_slot *one = a, *other = b;
    if (one->start_ns != other->start_ns)
        return one->start_ns < other->start_ns ? -1 : 1;
    return one->slot < other->slot ? -1 : one->slot > other->slot; /* Slots go by stage. */
}

static started_slot *sort_slots(const gw_training *job)
{
    const gw_workload_schedule *schedule = job->schedule;
    const uint32_t slot_count = schedule->first_slot[job->stages];
    started_slot *order = g_new(started_slot, slot_count);
    for (uint32_t s = 0; s < job->stages; s++)
        for (uint32_t i = schedule->first_slot[s]; i < schedule->first_slot[s + 1]; i++)
            order[i] = (started_slot){job->start_ns[i], s, i};
    qsort(order, slot_count, sizeof *order, compare_started);
    return order;
}

/* The function of the place's next pass that gives slopes: `make` makes it, `made` is by whether it
 * is not the first, and is the last. */
static uint32_t ask_slopes(const step_maker *maker, uint32_t index, uint32_t made[2][2],
                           gw_function *(*make)(const gw_transformer *, uint32_t, bool, bool))
{
    transformer_place *place = &maker->places[index];
    const bool is_next = place->slopes_count > 0;
    const bool is_end = ++place->slopes_count == maker->microbatch_count;
    uint32_t *function = &made[is_next][is_end];
    if (*function == GW_INDEX_NONE)
        *function =
            gw_builder_take_function(maker->builder, make(maker->model, index, is_next, is_end));
    return *function;
}

static void add_forward(const step_maker *maker, uint32_t index, uint32_t m)
{
    transformer_place *place = &maker->places[index];
    const bool is_next = place->last_forward != GW_INDEX_NONE;
    if (place->forwards[is_next] == GW_INDEX_NONE)
        place->forwards[is_next] = gw_builder_take_function(
            maker->builder, gw_transformer_make_forward(maker->model, index, is_next));
    place->forward[m] = add_node(maker, "forward", index, m, place->forwards[is_next]);
    connect_forward(maker, index, m, is_next);
    place->last_forward = place->forward[m];
}

static void add_backward(const step_maker *maker, uint32_t index, uint32_t m)
{
    transformer_place *place = &maker->places[index];
    const uint32_t function =
        ask_slopes(maker, index, place->backwards, gw_transformer_make_backward);
    place->backward[m] = add_node(maker, "backward", index, m, function);
    const uint32_t input = connect_backward(maker, index, m);
    /* What it gives to the place in front comes before slopes. */
    connect_slopes(maker, place, place->backward[m], input,
                   count_stream_slopes(gw_transformer_place_ends(maker->model, index)));
}

static void add_inputs(const step_maker *maker, uint32_t index, uint32_t m)
{
    const gw_transformer *model = maker->model;
    transformer_place *place = &maker->places[index];
    if (place->inputs == GW_INDEX_NONE) {
        place->handed = gw_transformer_list_handed(model, index);
        place->inputs =
            gw_builder_take_function(maker->builder, gw_transformer_make_inputs(model, index));
    }
    place->backward[m] = add_node(maker, "inputs", index, m, place->inputs);
    connect_backward(maker, index, m);
}

static void add_weights(const step_maker *maker, uint32_t index, uint32_t m)
{
    transformer_place *place = &maker->places[index];
    const uint32_t function = ask_slopes(maker, index, place->weights, gw_transformer_make_weights);
    const uint32_t node = add_node(maker, "weights", index, m, function);
    connect_slopes(maker, place, node, connect_weights(maker, index, m, node), 0);
}

static void add_pass(const step_maker *maker, const started_slot *started)
{
    const gw_slot *slot = &maker->job->schedule->slots[started->slot];
    if (!maker->job->trains && slot->kind != GW_SLOT_FORWARD)
        return;
    const uint32_t index = slot->chunk * maker->job->stages + started->stage;
    switch (slot->kind) {
    case GW_SLOT_FORWARD:
        add_forward(maker, index, slot->microbatch);
        return;
    case GW_SLOT_BACKWARD:
        add_backward(maker, index, slot->microbatch);
        return;
    case GW_SLOT_INPUTS:
        add_inputs(maker, index, slot->microbatch);
        return;
    case GW_SLOT_WEIGHTS:
        add_weights(maker, index, slot->microbatch);
        return;
    }
}

/* In place of the update, where nothing is trained. */
static void add_score(const step_maker *maker, uint32_t index)
{
    transformer_place *place = &maker->places[index];
    if (!place->drops && !gw_transformer_gives_loss(maker->model, index))
        return;
    const uint32_t function =
        gw_builder_take_function(maker->builder, gw_transformer_make_score(maker->model, index));
    place->update = add_node(maker, "score", index, GW_INDEX_NONE, function);
    connect_totals(maker, index, 0, 0);
}

static void add_update(const step_maker *maker, uint32_t index)
{
    if (!maker->job->trains) {
        add_score(maker, index);
        return;
    }
    const uint32_t chunk_count = gw_transformer_count_chunks(maker->model);
    for (uint32_t c = 0; c < chunk_count; c++) {
        g_autofree char *kind =
            chunk_count > 1 ? g_strdup_printf("update%u", c) : g_strdup("update");
        const uint32_t function = gw_builder_take_function(
            maker->builder, gw_transformer_make_update(maker->model, index, c));
        const uint32_t node = add_node(maker, kind, index, GW_INDEX_NONE, function);
        gw_check(node == maker->places[index].update + c);
        connect_update(maker, index, c);
    }
}

/* Places in the order of their updates.  Of several islands, what is last in the model comes first:
 * its slopes are there first, and on their way while the rest of the backward pass goes on. */
static uint32_t order_update(const gw_training *job, uint32_t i)
{
    const uint32_t place_count = job->model.places;
    return job->model.islands == 1
               ? i
               : i / place_count * place_count + place_count - 1 - i % place_count;
}

/* Of a place that reads a text: the last output is the next run's number. */
static void add_reading(const step_maker *maker, uint32_t index)
{
    transformer_place *place = &maker->places[index];
    gw_function *function = gw_transformer_make_tokens(maker->model, index);
    const uint32_t next_run = function->output_count - 1;
    place->tokens = add_node(maker, "tokens", index, GW_INDEX_NONE,
                             gw_builder_take_function(maker->builder, function));
    gw_builder_add_carried(maker->builder, place->tokens, next_run, place->start, 0, place->tokens,
                           0);
}

/* `makers` by island, which take turns. */
static void add_step(const step_maker *makers, uint32_t island_count)
{
    const gw_training *job = makers->job;
    const uint32_t slot_count = job->schedule->first_slot[job->stages];
    const uint32_t place_count = job->model.places, all_count = island_count * place_count;
    g_autofree started_slot *order = sort_slots(job);
    for (uint32_t p = 0; p < all_count; p++)
        begin_place(&makers[p / place_count], p % place_count);
    uint32_t before_count = makers->all_places[all_count - 1].init + 1;
    for (uint32_t p = 0; p < all_count; p++) {
        if (makers->all_places[p].start == GW_INDEX_NONE)
            continue;
        add_reading(&makers[p / place_count], p % place_count);
        before_count++;
    }
    for (uint32_t i = 0; i < all_count; i++) /* Numbers of nodes that come last. */
        makers->all_places[order_update(job, i)].update =
            before_count + island_count * slot_count + i * gw_transformer_count_chunks(&job->model);
    for (uint32_t i = 0; i < slot_count; i++)
        for (uint32_t island = 0; island < island_count; island++)
            add_pass(&makers[island], &order[i]);
    for (uint32_t i = 0; i < all_count; i++) {
        const uint32_t p = order_update(job, i);
        add_update(&makers[p / place_count], p % place_count);
    }
}

/* "devices", "stage1", "island0", "island0.stage1". */
static void add_meshes(const gw_training *job, gw_builder *builder)
{
    const uint32_t shape[] = {job->model.data, job->model.tensor};
    for (uint32_t i = 0; i < job->model.islands * job->stages; i++) {
        g_autofree char *island = g_strdup_printf("island%u", i / job->stages);
        g_autofree char *stage = g_strdup_printf("stage%u", i % job->stages);
        const bool has_islands = job->model.islands > 1, has_stages = job->stages > 1;
        g_autofree char *name =
            has_islands || has_stages
                ? g_strconcat(has_islands ? island : "", has_islands && has_stages ? "." : "",
                              has_stages ? stage : "", NULL)
                : g_strdup("devices");
        const uint32_t mesh = gw_builder_add_mesh(builder, name, 2, shape);
        const double held =
            job->trains ? gw_workload_schedule_peak(job->schedule, i % job->stages, job->kept_share)
                        : 1;
        gw_builder_set_activations(builder, mesh, held);
    }
}

void gw_training_add_step(const gw_training *job, gw_builder *builder)
{
    const uint32_t island_count = job->model.islands, place_count = job->model.places;
    g_autofree transformer_place *places =
        g_new0(transformer_place, (size_t)island_count * place_count);
    g_autofree step_maker *makers = g_new0(step_maker, island_count);
    add_meshes(job, builder);
    for (uint32_t i = 0; i < island_count; i++) {
        makers[i] =
            (step_maker){.job = job,
                         .own = job->model,
                         .model = &makers[i].own,
                         .builder = builder,
                         .places = places + (size_t)i * place_count,
                         .all_places = places,
                         .microbatch_count = gw_transformer_count_microbatches(&job->model)};
        makers[i].own.island = i;
    }
    add_step(makers, island_count);
    for (uint32_t p = 0; p < island_count * place_count; p++)
        end_place(&places[p]);
}
