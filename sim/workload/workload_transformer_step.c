/* SPDX-License-Identifier: Apache-2.0 */
/* A training step as nodes and edges.
 *
 * Set-up draws the tokens of the batch and the parameters from the seed alone, so any meshes train
 * the same model on the same sequences.  In a step each place of the pipeline does forward and
 * backward of every micro-batch, in the order of the schedule, and then its update.  Parameters and
 * moments are carried from update to the next run. */
#include <stdlib.h>

#include "base/check.h"
#include "workload/workload_transformer_private.h"

/* --- Nodes --- */

typedef struct { /* A place of the pipeline, in the making. */
    uint32_t mesh, tensor_count;
    uint32_t tokens, init, update;        /* Nodes; GW_INDEX_NONE: it has none. */
    uint32_t forwards[2];                 /* Functions: of the first micro-batch, of the others; */
    uint32_t backwards[2][2];             /* and of the last, or not. GW_INDEX_NONE: not made. */
    uint32_t backward_count;              /* Of nodes added. */
    uint32_t *forward, *backward;         /* Nodes, by micro-batch. */
    uint32_t last_forward, last_backward; /* The latest added; GW_INDEX_NONE: none. */
} transformer_place;

typedef struct {
    const gw_training *job;
    gw_builder *builder;
    transformer_place *places;
    uint32_t microbatch_count;
} step_maker;

/* "forward3.s1.c0"; what there is only one of is not said. */
static uint32_t add_node(const step_maker *maker, const char *kind, uint32_t place,
                         uint32_t microbatch, uint32_t function)
{
    const gw_training *job = maker->job;
    GString *name = g_string_new(kind);
    if (microbatch != GW_INDEX_NONE && maker->microbatch_count > 1)
        g_string_append_printf(name, "%u", microbatch);
    if (job->stages > 1)
        g_string_append_printf(name, ".s%u", place % job->stages);
    if (job->chunks > 1)
        g_string_append_printf(name, ".c%u", place / job->stages);
    const uint32_t node =
        gw_builder_add_node(maker->builder, name->str, function, maker->places[place].mesh);
    gw_builder_label(maker->builder, node, place % job->stages, microbatch);
    g_string_free(name, TRUE);
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
    const gw_transformer *model = &job->model;
    transformer_place *place = &maker->places[index];
    place->mesh = index % job->stages;
    uint32_t first_tensor;
    g_autoptr(GArray) tensors = gw_transformer_list_tensors(model, index, &first_tensor);
    place->tensor_count = tensors->len;
    place->forward = g_new(uint32_t, maker->microbatch_count);
    place->backward = g_new(uint32_t, maker->microbatch_count);
    place->last_forward = place->last_backward = place->tokens = GW_INDEX_NONE;
    if (index == 0 || index + 1 == model->places)
        place->tokens = add_setup(maker, "tokens", index, gw_transformer_make_tokens(model, index));
    place->init = add_setup(maker, "init", index, gw_transformer_make_init(model, index));
    place->backwards[0][0] = place->backwards[0][1] = GW_INDEX_NONE;
    place->backwards[1][0] = place->backwards[1][1] = GW_INDEX_NONE;
    for (uint32_t next = 0; next < MIN(maker->microbatch_count, 2); next++)
        place->forwards[next] = gw_builder_take_function(
            maker->builder, gw_transformer_make_forward(model, index, next > 0));
}

static void end_place(transformer_place *place)
{
    g_free(place->forward);
    g_free(place->backward);
}

/* --- Edges --- */

/* Output `output` of the place's update, in the next run, as the target's input. */
static void carry(const step_maker *maker, const transformer_place *place, uint32_t output,
                  uint32_t target, uint32_t input)
{
    gw_builder_add_carried(maker->builder, place->update, output, place->init, output, target,
                           input);
}

/* The tensors as passes read them; the update is added later and has this number. */
static void carry_tensors(const step_maker *maker, const transformer_place *place, uint32_t target,
                          uint32_t first_input)
{
    const gw_transformer *model = &maker->job->model;
    const uint32_t read = gw_transformer_read_of_carried(model);
    for (uint32_t i = 0; i < place->tensor_count; i++)
        carry(maker, place, i * gw_transformer_count_carried(model) + read, target,
              first_input + i);
}

static void connect_forward(const step_maker *maker, uint32_t index, uint32_t m, bool is_next)
{
    const transformer_place *place = &maker->places[index];
    const uint32_t node = place->forward[m];
    const bool is_first = index == 0, is_last = index + 1 == maker->job->model.places;
    uint32_t input = 0;
    if (is_first)
        gw_builder_add_edge(maker->builder, place->tokens, m, node, input++);
    else
        gw_builder_add_edge(maker->builder, place[-1].forward[m], 0, node, input++);
    if (is_last)
        gw_builder_add_edge(maker->builder, place->tokens,
                            m + (is_first ? maker->microbatch_count : 0), node, input++);
    if (is_last && is_next)
        gw_builder_add_edge(maker->builder, place->last_forward, 0, node, input++);
    carry_tensors(maker, place, node, input);
}

static void connect_backward(const step_maker *maker, uint32_t index, uint32_t m, bool is_next)
{
    const transformer_place *place = &maker->places[index];
    gw_builder *builder = maker->builder;
    const uint32_t node = place->backward[m];
    const bool is_first = index == 0, is_last = index + 1 == maker->job->model.places;
    const uint32_t saved_count = gw_transformer_count_saved(&maker->job->model, index);
    const uint32_t first_slope = is_first ? 0 : 1; /* Output: that of what it takes comes before. */
    uint32_t input = 0;
    if (is_first)
        gw_builder_add_edge(builder, place->tokens, m, node, input++);
    carry_tensors(maker, place, node, input);
    input += place->tensor_count;
    if (is_last)
        gw_builder_add_edge(builder, place->forward[m], 1, node, input++);
    else
        gw_builder_add_edge(builder, place[1].backward[m], 0, node, input++);
    for (uint32_t i = 0; i < saved_count; i++)
        gw_builder_add_edge(builder, place->forward[m], (is_last ? 2 : 1) + i, node, input++);
    for (uint32_t i = 0; is_next && i < place->tensor_count; i++)
        gw_builder_add_edge(builder, place->last_backward, first_slope + i, node, input++);
}

static void connect_update(const step_maker *maker, uint32_t index)
{
    const transformer_place *place = &maker->places[index];
    const uint32_t kept_count = gw_transformer_count_kept(&maker->job->model),
                   carried_count = gw_transformer_count_carried(&maker->job->model);
    const uint32_t first_slope = index == 0 ? 0 : 1, count = place->tensor_count;
    for (uint32_t i = 0; i < count; i++) {
        gw_builder_add_edge(maker->builder, place->last_backward, first_slope + i, place->update,
                            i);
        for (uint32_t k = 0; k < kept_count; k++)
            carry(maker, place, i * carried_count + k, place->update, count + i * kept_count + k);
    }
    if (index + 1 == maker->job->model.places) {
        gw_builder_add_edge(maker->builder, place->last_forward, 0, place->update,
                            count + count * kept_count);
        gw_builder_add_result(maker->builder, "loss", place->update, count * carried_count);
    }
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

/* The function of the next backward pass of the place. */
static uint32_t ask_backward(const step_maker *maker, uint32_t index)
{
    transformer_place *place = &maker->places[index];
    const bool is_next = place->backward_count > 0;
    const bool is_end = ++place->backward_count == maker->microbatch_count;
    uint32_t *made = &place->backwards[is_next][is_end];
    if (*made == GW_INDEX_NONE)
        *made = gw_builder_take_function(
            maker->builder,
            gw_transformer_make_backward(&maker->job->model, index, is_next, is_end));
    return *made;
}

static void add_pass(const step_maker *maker, const started_slot *started)
{
    const gw_training *job = maker->job;
    const gw_slot *slot = &job->schedule->slots[started->slot];
    const uint32_t index = slot->chunk * job->stages + started->stage, m = slot->microbatch;
    transformer_place *place = &maker->places[index];
    if (slot->kind == GW_SLOT_FORWARD) {
        const bool is_next = place->last_forward != GW_INDEX_NONE;
        place->forward[m] = add_node(maker, "forward", index, m, place->forwards[is_next]);
        connect_forward(maker, index, m, is_next);
        place->last_forward = place->forward[m];
    } else {
        const bool is_next = place->last_backward != GW_INDEX_NONE;
        place->backward[m] = add_node(maker, "backward", index, m, ask_backward(maker, index));
        connect_backward(maker, index, m, is_next);
        place->last_backward = place->backward[m];
    }
}

static void add_step(const step_maker *maker)
{
    const gw_training *job = maker->job;
    const uint32_t slot_count = job->schedule->first_slot[job->stages];
    g_autofree started_slot *order = sort_slots(job);
    for (uint32_t p = 0; p < job->model.places; p++)
        begin_place(maker, p);
    for (uint32_t p = 0; p < job->model.places; p++) { /* Numbers of nodes that come last. */
        const uint32_t setup_count = maker->places[job->model.places - 1].init + 1;
        maker->places[p].update = setup_count + slot_count + p;
    }
    for (uint32_t i = 0; i < slot_count; i++)
        add_pass(maker, &order[i]);
    for (uint32_t p = 0; p < job->model.places; p++) {
        transformer_place *place = &maker->places[p];
        const uint32_t function =
            gw_builder_take_function(maker->builder, gw_transformer_make_update(&job->model, p));
        const uint32_t node = add_node(maker, "update", p, GW_INDEX_NONE, function);
        gw_check(node == place->update);
        connect_update(maker, p);
    }
}

void gw_training_add_step(const gw_training *job, gw_builder *builder)
{
    const uint32_t shape[] = {job->model.data, job->model.tensor};
    g_autofree transformer_place *places = g_new0(transformer_place, job->model.places);
    const step_maker maker = {job, builder, places, gw_transformer_count_microbatches(&job->model)};
    for (uint32_t s = 0; s < job->stages; s++) {
        g_autofree char *name = g_strdup_printf("stage%u", s);
        const uint32_t mesh =
            gw_builder_add_mesh(maker.builder, job->stages > 1 ? name : "devices", 2, shape);
        gw_builder_set_activations(maker.builder, mesh,
                                   gw_workload_schedule_peak(job->schedule, s, 0));
    }
    add_step(&maker);
    for (uint32_t p = 0; p < job->model.places; p++)
        end_place(&places[p]);
}
