/* SPDX-License-Identifier: Apache-2.0 */
/* The handler writes down first and acts afterwards, so a line stands before all that it leads
 * to, in worlds with threads, too. */
#include "tests/contract/story.h"

#include <string.h>

#include "base/check.h"

static void hear_input(void *context, gw_node_id node, const gw_input *input)
{
    story *told = context;
    gw_port *port = told->kind->port(told->world, node);
    story_line line = {.node = node.index, .kind = input->kind, .at_ns = port->ops->now(port)};
    if (input->kind == GW_INPUT_MESSAGE) {
        line.source = input->message.source.index;
        line.content = story_content(input);
    } else if (input->kind != GW_INPUT_START) {
        line.tag = input->tag.value;
        line.value = input->kind == GW_INPUT_COPY_DONE ? input->value : 0;
        line.device_time_ns = input->kind == GW_INPUT_KERNEL_DONE ? input->device_time_ns : 0;
    }
    pthread_mutex_lock(&told->mutex);
    g_array_append_val(told->lines, line);
    ck_assert_int_eq(told->depth[node.index], 0); /* No call re-enters its caller. */
    told->depth[node.index]++;
    pthread_mutex_unlock(&told->mutex);
    told->script(told, port, node, input);
    pthread_mutex_lock(&told->mutex);
    told->depth[node.index]--;
    pthread_mutex_unlock(&told->mutex);
}

static gw_function *make_fill(void)
{
    gw_function *made = gw_function_new("fill");
    const uint32_t y = gw_function_add_output(made, 1, 4, true);
    gw_function_add(
        made, &(gw_operation){.kind = GW_OPERATION_FILL, .outputs = {(uint16_t)y}, .scalar = 3});
    return made;
}

static gw_function *make_deal(void)
{
    gw_function *made = gw_function_new("deal");
    const uint32_t y = gw_function_add_output(made, 3, 4, true);
    const uint32_t counts = gw_function_add_output(made, 1, 2, true);
    gw_function_add(
        made, &(gw_operation){.kind = GW_OPERATION_FILL, .outputs = {(uint16_t)y}, .scalar = 3});
    gw_function_add(
        made,
        &(gw_operation){.kind = GW_OPERATION_FILL, .outputs = {(uint16_t)counts}, .scalar = 1});
    return made;
}

/* The same where devices hold no data. */
static void deal_rows(void *context, uint32_t job, uint32_t edge, uint32_t run, uint32_t shard,
                      uint32_t *out_counts)
{
    (void)context, (void)job, (void)run;
    gw_check(edge == STORY_DEAL_EDGE && shard < 2);
    out_counts[0] = out_counts[1] = 1;
}

static gw_function *make_more(uint32_t rows)
{
    gw_function *made = gw_function_new("more");
    const uint32_t x = gw_function_add_input(made, rows, 4, true);
    const uint32_t y = gw_function_add_output(made, rows, 4, true);
    gw_function_add(made, &(gw_operation){.kind = GW_OPERATION_MAP,
                                          .map = GW_MAP_ADD_SCALAR,
                                          .inputs = {(uint16_t)x},
                                          .outputs = {(uint16_t)y},
                                          .scalar = 1});
    return made;
}

static gw_function *make_sum(void)
{
    gw_function *made = gw_function_new("sum");
    const uint32_t x = gw_function_add_input(made, 2, 4, false);
    const uint32_t y = gw_function_add_output(made, 1, 1, false);
    gw_function_add(made, &(gw_operation){.kind = GW_OPERATION_REDUCE,
                                          .reduction = GW_REDUCTION_SUM,
                                          .inputs = {(uint16_t)x},
                                          .outputs = {(uint16_t)y}});
    return made;
}

static gw_function *make_nap(void)
{
    gw_function *made = gw_function_new("nap");
    gw_function_add(made,
                    &(gw_operation){.kind = GW_OPERATION_DURATION, .duration_ns = STORY_NAP_NS});
    return made;
}

static gw_function *make_together(void)
{
    gw_function *made = gw_function_new("together");
    const uint32_t y = gw_function_add_output(made, 1, 1, false);
    const uint32_t two = gw_function_add_temporary(made, 1, 1);
    gw_function_add(
        made, &(gw_operation){.kind = GW_OPERATION_FILL, .outputs = {(uint16_t)two}, .scalar = 2});
    gw_function_add(made, &(gw_operation){.kind = GW_OPERATION_ALL_REDUCE,
                                          .axes = 1,
                                          .inputs = {(uint16_t)two},
                                          .outputs = {(uint16_t)y}});
    return made;
}

static gw_program *make_program(void)
{
    static const struct {
        const char *name;
        uint32_t size;
    } meshes[] = {{"pair", 2}, {"left", 1}, {"right", 1}, {"next", 2}, {"wide", 4}, {"far", 1}};
    gw_builder *builder = gw_builder_new("story");
    for (uint32_t i = 0; i < G_N_ELEMENTS(meshes); i++) {
        gw_builder_add_mesh(builder, meshes[i].name, 1, &meshes[i].size);
    }
    const uint32_t fill = gw_builder_take_function(builder, make_fill());
    const uint32_t more = gw_builder_take_function(builder, make_more(1));
    const uint32_t sum = gw_builder_take_function(builder, make_sum());
    const uint32_t nap = gw_builder_take_function(builder, make_nap());
    const uint32_t together = gw_builder_take_function(builder, make_together());
    gw_builder_add_node(builder, "fill", fill, MESH_PAIR);
    gw_builder_add_node(builder, "more", more, MESH_NEXT);
    gw_builder_add_node(builder, "sum", sum, MESH_FAR);
    gw_builder_add_node(builder, "nap", nap, MESH_LEFT);
    gw_builder_add_node(builder, "together", together, MESH_WIDE);
    gw_builder_add_node(builder, "again", together, MESH_WIDE);
    gw_builder_add_node(builder, "deal", gw_builder_take_function(builder, make_deal()), MESH_PAIR);
    gw_builder_add_node(builder, "take", gw_builder_take_function(builder, make_more(4)),
                        MESH_NEXT);
    gw_builder_add_deal(builder, NODE_DEAL, 0, 1, GW_OVERFLOW_FAIL, NODE_TAKE, 0);
    gw_builder_add_edge(builder, NODE_FILL, 0, NODE_MORE, 0);
    gw_builder_add_edge(builder, NODE_FILL, 0, NODE_SUM, 0);
    g_autoptr(GError) error = NULL;
    gw_program *program = gw_builder_finish(builder, &error);
    ck_assert_msg(program != NULL, "%s", error == NULL ? "" : error->message);
    return program;
}

story *story_new(const contract_world *kind, story_script script)
{
    const gw_island islands[] = {
        {.host_count = 2, .devices_per_host = 2, .shape = {4, 1, 1}, .hbm_bytes = STORY_HBM_BYTES},
        {.host_count = 1, .devices_per_host = 2, .shape = {2, 1, 1}, .hbm_bytes = STORY_HBM_BYTES},
    };
    story *told = g_new0(story, 1);
    told->kind = kind;
    told->directory = gw_directory_new(islands, G_N_ELEMENTS(islands), 1);
    told->program = make_program();
    told->script = script;
    pthread_mutex_init(&told->mutex, NULL);
    told->lines = g_array_new(FALSE, FALSE, sizeof(story_line));
    ck_assert_uint_le(gw_directory_node_count(told->directory), G_N_ELEMENTS(told->depth));
    told->world = told->kind->create(told->directory, hear_input, deal_rows, told);
    return told;
}

void story_tell(story *told)
{
    ck_assert_msg(told->kind->run(told->world), "%s: the run does not end", told->kind->name);
}

void story_free(story *told)
{
    told->kind->destroy(told->world);
    gw_directory_free(told->directory);
    gw_program_free(told->program);
    g_array_unref(told->lines);
    pthread_mutex_destroy(&told->mutex);
    g_free(told);
}

static const story_line *line_at(const story *told, uint32_t index)
{
    return &g_array_index(told->lines, story_line, index);
}

uint32_t story_count(const story *told, uint32_t node, gw_input_kind kind)
{
    pthread_mutex_t *mutex = (pthread_mutex_t *)&told->mutex; /* Others may be telling. */
    uint32_t count = 0;
    pthread_mutex_lock(mutex);
    for (uint32_t i = 0; i < told->lines->len; i++) {
        count += line_at(told, i)->node == node && line_at(told, i)->kind == kind ? 1 : 0;
    }
    pthread_mutex_unlock(mutex);
    return count;
}

const story_line *story_find(const story *told, uint32_t node, gw_input_kind kind, uint32_t index)
{
    for (uint32_t i = 0; i < told->lines->len; i++) {
        const story_line *line = line_at(told, i);
        if (line->node == node && line->kind == kind && index-- == 0) {
            return line;
        }
    }
    ck_abort_msg("%s: node %u has no such input of kind %d", told->kind->name, node, (int)kind);
    return NULL;
}

static uint32_t count_tag(const story *told, uint32_t node, gw_input_kind kind, uint64_t tag,
                          uint32_t *out_place)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < told->lines->len; i++) {
        const story_line *line = line_at(told, i);
        if (line->node == node && line->kind == kind && line->tag == tag) {
            *out_place = i;
            count++;
        }
    }
    return count;
}

uint32_t story_place(const story *told, uint32_t node, gw_input_kind kind, uint64_t tag)
{
    uint32_t place = 0;
    const uint32_t count = count_tag(told, node, kind, tag, &place);
    ck_assert_msg(count == 1, "%s: node %u, kind %d, tag %" G_GUINT64_FORMAT ": %u answers",
                  told->kind->name, node, (int)kind, tag, count);
    return place;
}

bool story_has(const story *told, uint32_t node, gw_input_kind kind, uint64_t tag)
{
    pthread_mutex_t *mutex = (pthread_mutex_t *)&told->mutex; /* Others may be telling. */
    uint32_t place;
    pthread_mutex_lock(mutex);
    const bool has = count_tag(told, node, kind, tag, &place) > 0;
    pthread_mutex_unlock(mutex);
    return has;
}

double story_value(const story *told, uint32_t node, uint64_t tag)
{
    return line_at(told, story_place(told, node, GW_INPUT_COPY_DONE, tag))->value;
}

/* --- What scripts say --- */

static unsigned char byte_at(uint32_t content, uint32_t i)
{
    return (unsigned char)(content * 31 + i);
}

void story_send(gw_port *port, uint32_t target, uint32_t content, uint32_t extra_bytes)
{
    const uint32_t size_bytes = (uint32_t)sizeof(story_message) + extra_bytes;
    story_message *message = g_malloc(size_bytes);
    message->header = (gw_message){.kind = 1, .size_bytes = size_bytes};
    message->content = content;
    for (uint32_t i = 0; i < extra_bytes; i++) {
        message->bytes[i] = byte_at(content, i);
    }
    port->ops->send(port, (gw_node_id){target}, &message->header);
    memset(message, 0xee, size_bytes); /* It was copied. */
    g_free(message);
}

uint32_t story_content(const gw_input *input)
{
    const story_message *message = (const story_message *)input->message.content;
    ck_assert_uint_eq(message->header.kind, 1);
    uint32_t wrong_count = 0;
    for (uint32_t i = 0; i < message->header.size_bytes - sizeof(*message); i++) {
        wrong_count += message->bytes[i] != byte_at(message->content, i) ? 1 : 0;
    }
    ck_assert_uint_eq(wrong_count, 0);
    return message->content;
}

void story_load(story *told, gw_port *port, uint32_t instance)
{
    uint32_t first[] = {0, 2, 3, 4, 6, 10, 11};
    uint32_t devices[] = {0, 1, 0, 1, 2, 3, 0, 1, 2, 3, 4};
    const gw_executable executable = {
        .instance = instance,
        .program = told->program,
        .assignment = {.mesh_count = 6, .first = first, .devices = devices}};
    port->devices->load(port, &executable);
    memset(first, 0xee, sizeof(first)); /* They were copied. */
    memset(devices, 0xee, sizeof(devices));
}

bool story_reserve(gw_port *port, uint32_t mesh, uint32_t buffer, uint64_t size_bytes)
{
    const gw_memory memory = {STORY_INSTANCE, mesh, buffer, size_bytes};
    return port->devices->memory_reserve(port, &memory);
}

void story_release(gw_port *port, uint32_t mesh, uint32_t buffer, uint64_t size_bytes)
{
    const gw_memory memory = {STORY_INSTANCE, mesh, buffer, size_bytes};
    port->devices->memory_release(port, &memory);
}

void story_enqueue(gw_port *port, uint32_t node, uint64_t tag, const uint32_t *buffers,
                   const uint32_t *arrivals)
{
    const gw_kernel kernel = {.gang = tag,
                              .instance = STORY_INSTANCE,
                              .node = node,
                              .buffers = buffers,
                              .arrivals = arrivals};
    port->devices->enqueue(port, &kernel, (gw_tag){tag});
}

void story_read(gw_port *port, uint64_t gang, uint32_t device, uint32_t buffer, uint64_t tag)
{
    const gw_copy copy = {.kind = GW_COPY_TO_HOST,
                          .instance = STORY_INSTANCE,
                          .source_gang = gang,
                          .source_device = {device},
                          .source_buffer = buffer,
                          .size_bytes = sizeof(float)};
    port->devices->copy(port, &copy, (gw_tag){tag});
}
