/* SPDX-License-Identifier: Apache-2.0 */
/* The port over simulated time: a node's clock, its inbox, its NIC, its timers, its devices. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "program/builder.h"
#include "record/launch_digest.h"
#include "run_suite.h"
#include "world/sim_port.h"

/* One island: hosts 0 and 1 of two devices each; node 2 schedules, 3 has the resources, 4 is a
 * client. */
#define HOSTS      2
#define NODES      5
#define LINES_MAX  256
#define INSTANCE   3
#define HBM_BYTES  1000
#define DCN_NS     20000
#define LOCAL_NS   100
#define PCIE_NS    3000
#define SEND_NS    10
#define RECEIVE_NS 20
#define WORK_NS    5000

enum { MESH_ALL, MESH_ONE };                /* Devices 0 1 2 3; device 1. */
enum { NODE_WORK, NODE_MEET, NODE_ON_ONE }; /* On all, on all, on device 1. */

typedef struct tale tale;
typedef void (*tale_script)(tale *told, gw_port *port, uint32_t node, const gw_input *input);

typedef struct {
    uint32_t node;
    gw_input_kind kind;
    uint64_t value; /* The tag, or what the message says. */
    gw_time at_ns;
} tale_line;

typedef struct {
    gw_message header;
    uint64_t content;
    unsigned char padding[];
} tale_message;

typedef struct {
    gw_node_id node;
    gw_note note;
    gw_time at_ns;
} tale_note;

struct tale {
    gw_accelerator accelerator;
    gw_island_spec island;
    gw_cluster_spec cluster;
    gw_profile profile;
    gw_directory *directory;
    gw_program *program;
    gw_invariants *invariants;
    gw_cluster *wired;
    gw_sim_ports *ports;
    tale_script script;
    tale_line lines[LINES_MAX];
    uint32_t line_count;
    tale_note notes[LINES_MAX];
    uint32_t note_count;
    uint64_t state; /* The script's own. */
    uint32_t depth[NODES];
};

static void hear_input(void *context, gw_node_id node, const gw_input *input)
{
    tale *told = context;
    gw_port *port = gw_sim_ports_at(told->ports, node);
    tale_line line = {.node = node.index, .kind = input->kind, .at_ns = port->ops->now(port)};
    if (input->kind == GW_INPUT_MESSAGE) {
        line.value = ((const tale_message *)input->message.content)->content;
    } else {
        line.value = input->tag.value;
    }
    ck_assert_uint_lt(told->line_count, LINES_MAX);
    told->lines[told->line_count] = line;
    told->line_count++;
    ck_assert_uint_eq(told->depth[node.index], 0); /* No call re-enters its caller. */
    told->depth[node.index]++;
    told->script(told, port, node.index, input);
    told->depth[node.index]--;
}

static void hear_note(void *context, gw_node_id node, const gw_note *note, gw_time now_ns)
{
    tale *told = context;
    told->notes[told->note_count] = (tale_note){.node = node, .note = *note, .at_ns = now_ns};
    told->note_count++;
}

static gw_program *make_program(void)
{
    const uint32_t four = 4, one = 1;
    gw_builder *builder = gw_builder_new("tale");
    gw_builder_add_mesh(builder, "all", 1, &four);
    gw_builder_add_mesh(builder, "one", 1, &one);
    gw_function *work = gw_function_new("work");
    gw_function_add(work, &(gw_operation){.kind = GW_OPERATION_DURATION, .duration_ns = WORK_NS});
    gw_function *meet = gw_function_new("meet");
    const uint32_t y = gw_function_add_output(meet, 1, 1, false);
    const uint32_t two = gw_function_add_temporary(meet, 1, 1);
    gw_function_add(
        meet, &(gw_operation){.kind = GW_OPERATION_FILL, .outputs = {(uint16_t)two}, .scalar = 2});
    gw_function_add(meet, &(gw_operation){.kind = GW_OPERATION_ALL_REDUCE,
                                          .axes = 1,
                                          .inputs = {(uint16_t)two},
                                          .outputs = {(uint16_t)y}});
    const uint32_t work_index = gw_builder_take_function(builder, work);
    const uint32_t meet_index = gw_builder_take_function(builder, meet);
    gw_builder_add_node(builder, "work", work_index, MESH_ALL);
    gw_builder_add_node(builder, "meet", meet_index, MESH_ALL);
    gw_builder_add_node(builder, "on_one", work_index, MESH_ONE);
    g_autoptr(GError) error = NULL;
    gw_program *program = gw_builder_finish(builder, &error);
    ck_assert_msg(program != NULL, "%s", error == NULL ? "" : error->message);
    return program;
}

static void fill_machine(tale *told)
{
    told->accelerator = (gw_accelerator){
        .name = (char *)"small",
        .peak_flops = 100e12,
        .vector_flops = 1e12,
        .hbm_bytes = HBM_BYTES,
        .hbm_bytes_per_s = 1000e9,
        .matmul_efficiency = 1,
        .hbm_efficiency = 1,
        .link_bytes_per_s = 100e9,
        .link_efficiency = 1,
        .hop_latency_ns = 1000,
        .collective_overhead_ns = 2000,
        .pcie_latency_ns = PCIE_NS,
        .pcie_bytes_per_s = 1e9,
    };
    told->island =
        (gw_island_spec){.host_count = HOSTS, .devices_per_host = 2, .shape = {4, 1, 1}, .dims = 1};
    told->cluster = (gw_cluster_spec){
        .accelerators = &told->accelerator,
        .accelerator_count = 1,
        .islands = &told->island,
        .island_count = 1,
        .dcn_latency_ns = DCN_NS,
        .dcn_bytes_per_s = 1e9, /* A byte a nanosecond. */
        .local_latency_ns = LOCAL_NS,
    };
    told->profile = (gw_profile){.name = (char *)"test"};
    told->profile.cost_ns[GW_COST_SEND] = SEND_NS;
    told->profile.cost_ns[GW_COST_RECEIVE] = RECEIVE_NS;
    told->profile.cost_ns[GW_COST_CALL] = 1000;
    told->profile.cost_ns[GW_COST_LAUNCH] = 7;
}

static tale *tale_new(tale_script script, bool is_network_free)
{
    tale *told = g_new0(tale, 1);
    fill_machine(told);
    told->profile.is_network_free = is_network_free;
    const gw_island island = {
        .host_count = HOSTS, .devices_per_host = 2, .shape = {4, 1, 1}, .hbm_bytes = HBM_BYTES};
    told->directory = gw_directory_new(&island, 1, 1);
    told->program = make_program();
    told->script = script;
    told->wired = gw_cluster_new(&told->cluster);
    told->invariants = gw_invariants_new(told->wired);
    const gw_sim_ports_settings settings = {
        .directory = told->directory,
        .cluster = &told->cluster,
        .profile = &told->profile,
        .queue = GW_QUEUE_LADDER,
        .handle = hear_input,
        .note = hear_note,
        .context = told,
        .invariants = told->invariants,
    };
    told->ports = gw_sim_ports_new(&settings);
    return told;
}

static void tell(tale *told)
{
    while (gw_engine_step(gw_sim_ports_engine(told->ports))) {
        gw_invariants_look(told->invariants, gw_sim_ports_devices(told->ports));
    }
    const char *violation = gw_invariants_violation(told->invariants);
    ck_assert_msg(violation == NULL, "%s", violation);
}

static void tale_free(tale *told)
{
    gw_sim_ports_free(told->ports);
    gw_invariants_free(told->invariants);
    gw_cluster_free(told->wired);
    gw_directory_free(told->directory);
    gw_program_free(told->program);
    g_free(told);
}

/* The i-th line of `kind` at `node`. */
static const tale_line *find_line(const tale *told, uint32_t node, gw_input_kind kind,
                                  uint32_t index)
{
    for (uint32_t i = 0; i < told->line_count; i++) {
        const tale_line *line = &told->lines[i];
        if (line->node == node && line->kind == kind) {
            if (index == 0) {
                return line;
            }
            index--;
        }
    }
    ck_abort_msg("node %u has no such input", node);
    return NULL;
}

static uint32_t count_lines(const tale *told, uint32_t node, gw_input_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < told->line_count; i++) {
        count += told->lines[i].node == node && told->lines[i].kind == kind;
    }
    return count;
}

/* A message of `size_bytes` in all that says `content`. */
static void say(gw_port *port, uint32_t target, uint64_t content, uint32_t size_bytes)
{
    g_autofree tale_message *message = g_malloc0(size_bytes);
    message->header = (gw_message){.kind = 1, .size_bytes = size_bytes};
    message->content = content;
    for (uint32_t i = 0; i < size_bytes - sizeof *message; i++) {
        message->padding[i] = (unsigned char)(content + i);
    }
    port->ops->send(port, (gw_node_id){target}, &message->header);
}

static void load(tale *told, gw_port *port)
{
    static const uint32_t first[] = {0, 4, 5}, devices[] = {0, 1, 2, 3, 1};
    const gw_executable executable = {.instance = INSTANCE,
                                      .job = 0,
                                      .program = told->program,
                                      .assignment = {2, first, devices}};
    port->devices->load(port, &executable);
}

static bool reserve(gw_port *port, uint32_t mesh, uint32_t buffer, uint64_t size_bytes)
{
    const gw_memory memory = {INSTANCE, mesh, buffer, size_bytes};
    return port->devices->memory_reserve(port, &memory);
}

static void release(gw_port *port, uint32_t mesh, uint32_t buffer, uint64_t size_bytes)
{
    const gw_memory memory = {INSTANCE, mesh, buffer, size_bytes};
    port->devices->memory_release(port, &memory);
}

static void enqueue(gw_port *port, uint32_t node, uint64_t gang, uint32_t buffer,
                    const uint32_t *arrivals)
{
    const gw_kernel kernel = {.gang = gang,
                              .instance = INSTANCE,
                              .node = node,
                              .run = 9,
                              .buffers = &buffer,
                              .arrivals = arrivals};
    port->devices->enqueue(port, &kernel, (gw_tag){gang});
}

static void do_nothing(tale *told, gw_port *port, uint32_t node, const gw_input *input)
{
    (void)told, (void)port, (void)node, (void)input;
}

/* --- Nodes --- */

START_TEST(every_node_starts_once_in_order)
{
    tale *told = tale_new(do_nothing, false);
    tell(told);
    ck_assert_uint_eq(told->line_count, NODES);
    for (uint32_t i = 0; i < NODES; i++) {
        ck_assert_uint_eq(told->lines[i].node, i);
        ck_assert_int_eq(told->lines[i].kind, GW_INPUT_START);
        ck_assert_uint_eq(told->lines[i].at_ns, 0);
        const gw_port *port = gw_sim_ports_at(told->ports, (gw_node_id){i});
        ck_assert_int_eq(port->devices != NULL, i < HOSTS);
    }
    tale_free(told);
}
END_TEST

static void spend_then_say(tale *told, gw_port *port, uint32_t node, const gw_input *input)
{
    (void)told;
    if (node == 4 && input->kind == GW_INPUT_START) {
        ck_assert_uint_eq(port->ops->now(port), 0);
        port->ops->spend(port, GW_COST_CALL, 3);
        ck_assert_uint_eq(port->ops->now(port), 3000);
        say(port, 2, 1, 100);
        ck_assert_uint_eq(port->ops->now(port), 3000 + SEND_NS);
    }
}

START_TEST(message_leaves_after_what_was_spent)
{
    tale *told = tale_new(spend_then_say, false);
    tell(told);
    ck_assert_uint_eq(find_line(told, 2, GW_INPUT_MESSAGE, 0)->at_ns,
                      3000 + SEND_NS + 100 + DCN_NS + RECEIVE_NS);
    ck_assert_uint_eq(gw_sim_ports_count(told->ports).messages, 1);
    ck_assert_uint_eq(gw_sim_ports_count(told->ports).message_bytes, 100);
    tale_free(told);
}
END_TEST

START_TEST(free_network_takes_no_time)
{
    tale *told = tale_new(spend_then_say, true);
    tell(told);
    ck_assert_uint_eq(find_line(told, 2, GW_INPUT_MESSAGE, 0)->at_ns, 3000 + SEND_NS + RECEIVE_NS);
    tale_free(told);
}
END_TEST

static void say_three(tale *told, gw_port *port, uint32_t node, const gw_input *input)
{
    (void)told;
    if (node == 4 && input->kind == GW_INPUT_START) {
        say(port, 2, 1, 1000);
        say(port, 3, 2, 500);
        say(port, 2, 3, 24);
    }
}

START_TEST(nic_sends_one_message_at_a_time)
{
    tale *told = tale_new(say_three, false);
    tell(told);
    const gw_time left_ns = SEND_NS + 1000; /* When the first is on its way. */
    const gw_time network_ns = DCN_NS + RECEIVE_NS;
    ck_assert_uint_eq(find_line(told, 2, GW_INPUT_MESSAGE, 0)->at_ns, left_ns + network_ns);
    ck_assert_uint_eq(find_line(told, 3, GW_INPUT_MESSAGE, 0)->at_ns, left_ns + 500 + network_ns);
    ck_assert_uint_eq(find_line(told, 2, GW_INPUT_MESSAGE, 1)->at_ns, left_ns + 524 + network_ns);
    ck_assert_uint_eq(find_line(told, 2, GW_INPUT_MESSAGE, 1)->value, 3);
    tale_free(told);
}
END_TEST

static void say_to_itself(tale *told, gw_port *port, uint32_t node, const gw_input *input)
{
    (void)told;
    if (node == 1 && input->kind == GW_INPUT_START) {
        port->ops->spend(port, GW_COST_CALL, 1);
        say(port, 1, 5, 1000);
        ck_assert_uint_eq(port->ops->now(port), 1000); /* SEND is not charged. */
    }
}

START_TEST(message_to_itself_costs_only_its_latency)
{
    tale *told = tale_new(say_to_itself, false);
    tell(told);
    ck_assert_uint_eq(find_line(told, 1, GW_INPUT_MESSAGE, 0)->at_ns, 1000 + LOCAL_NS);
    ck_assert_uint_eq(gw_sim_ports_count(told->ports).messages, 0);
    tale_free(told);
}
END_TEST

/* Nodes 2 and 3 write to 4, which is busy for long with each. */
static void keep_busy(tale *told, gw_port *port, uint32_t node, const gw_input *input)
{
    (void)told;
    if (input->kind == GW_INPUT_START && (node == 2 || node == 3)) {
        for (uint64_t i = 0; i < 3; i++) {
            say(port, 4, 10 * node + i, 24);
        }
    } else if (node == 4 && input->kind == GW_INPUT_MESSAGE) {
        port->ops->spend(port, GW_COST_CALL, 50);
    }
}

START_TEST(inputs_wait_for_a_busy_node_in_their_order)
{
    tale *told = tale_new(keep_busy, false);
    tell(told);
    static const uint64_t expected[] = {20, 30, 21, 31, 22, 32};
    const gw_time first_ns = find_line(told, 4, GW_INPUT_MESSAGE, 0)->at_ns;
    for (uint32_t i = 0; i < 6; i++) {
        const tale_line *line = find_line(told, 4, GW_INPUT_MESSAGE, i);
        ck_assert_uint_eq(line->value, expected[i]);
        ck_assert_uint_eq(line->at_ns, first_ns + i * (50000 + RECEIVE_NS));
    }
    tale_free(told);
}
END_TEST

/* Every message is answered by many of all sizes, while it is still being read. */
static void echo_many(tale *told, gw_port *port, uint32_t node, const gw_input *input)
{
    if (node == 4 && input->kind == GW_INPUT_START) {
        say(port, 3, 77, 5000);
    } else if (node == 3 && input->kind == GW_INPUT_MESSAGE) {
        const tale_message *heard = (const tale_message *)input->message.content;
        for (uint32_t i = 0; i < 100; i++) {
            say(port, 2, i, 24 + 100 * i);
        }
        ck_assert_uint_eq(heard->header.size_bytes, 5000);
        ck_assert_uint_eq(input->message.source.index, 4);
        uint32_t wrong_count = 0;
        for (uint32_t i = 0; i < 5000 - sizeof *heard; i++) {
            wrong_count += heard->padding[i] != (unsigned char)(77 + i);
        }
        ck_assert_uint_eq(wrong_count, 0);
    } else if (node == 2 && input->kind == GW_INPUT_MESSAGE) {
        const tale_message *heard = (const tale_message *)input->message.content;
        ck_assert_uint_eq(heard->content, told->state);
        ck_assert_uint_eq(heard->header.size_bytes, 24 + 100 * told->state);
        const uint32_t last = heard->header.size_bytes - (uint32_t)sizeof *heard;
        if (last > 0) {
            ck_assert_uint_eq(heard->padding[last - 1], (unsigned char)(told->state + last - 1));
        }
        told->state++;
    }
}

START_TEST(messages_arrive_whole_and_in_order)
{
    tale *told = tale_new(echo_many, false);
    tell(told);
    ck_assert_uint_eq(told->state, 100);
    tale_free(told);
}
END_TEST

static void take_notes(tale *told, gw_port *port, uint32_t node, const gw_input *input)
{
    (void)told;
    if (node == 4 && input->kind == GW_INPUT_START) {
        port->ops->spend(port, GW_COST_CALL, 2);
        const gw_note note = {GW_NOTE_RESULT, 0, 3, 1.5};
        port->ops->note(port, &note);
    }
}

START_TEST(notes_bear_the_time_of_their_node)
{
    tale *told = tale_new(take_notes, false);
    tell(told);
    ck_assert_uint_eq(told->note_count, 1);
    ck_assert_uint_eq(told->notes[0].node.index, 4);
    ck_assert_uint_eq(told->notes[0].at_ns, 2000);
    ck_assert_double_eq(told->notes[0].note.value, 1.5);
    tale_free(told);
}
END_TEST

/* --- Timers --- */

static void set_timers(tale *told, gw_port *port, uint32_t node, const gw_input *input)
{
    (void)told;
    if (node == 4 && input->kind == GW_INPUT_START) {
        port->ops->spend(port, GW_COST_CALL, 1);
        port->ops->timer_set(port, 5000, (gw_tag){1});
        port->ops->timer_set(port, 10, (gw_tag){2}); /* Past by the node's own clock. */
        port->ops->timer_set(port, 4000, (gw_tag){3});
        port->ops->timer_set(port, 6000, (gw_tag){4});
        port->ops->timer_cancel(port, (gw_tag){3});
        port->ops->timer_cancel(port, (gw_tag){99}); /* Of no timer: nothing happens. */
    } else if (node == 4 && input->tag.value == 1) {
        port->ops->timer_cancel(port, (gw_tag){4});
    }
}

START_TEST(timers_fire_when_due_unless_cancelled)
{
    tale *told = tale_new(set_timers, false);
    tell(told);
    ck_assert_uint_eq(count_lines(told, 4, GW_INPUT_TIMER), 2);
    ck_assert_uint_eq(find_line(told, 4, GW_INPUT_TIMER, 0)->value, 2);
    ck_assert_uint_eq(find_line(told, 4, GW_INPUT_TIMER, 0)->at_ns, 1000);
    ck_assert_uint_eq(find_line(told, 4, GW_INPUT_TIMER, 1)->value, 1);
    ck_assert_uint_eq(find_line(told, 4, GW_INPUT_TIMER, 1)->at_ns, 5000);
    tale_free(told);
}
END_TEST

/* Timers 1 and 2 are due at once; the handling of 1 takes long, and cancels 2, which waits. */
static void cancel_a_waiting_one(tale *told, gw_port *port, uint32_t node, const gw_input *input)
{
    (void)told;
    if (node == 4 && input->kind == GW_INPUT_START) {
        port->ops->timer_set(port, 500, (gw_tag){1});
        port->ops->timer_set(port, 600, (gw_tag){2});
        port->ops->timer_set(port, 700, (gw_tag){3});
    } else if (node == 4 && input->tag.value == 1) {
        port->ops->spend(port, GW_COST_CALL, 1);
        port->ops->timer_set(port, 1550, (gw_tag){5});
    } else if (node == 4 && input->tag.value == 2) {
        port->ops->timer_cancel(port, (gw_tag){3}); /* Due since 700. */
    }
}

START_TEST(timer_that_waits_in_the_inbox_can_be_cancelled)
{
    tale *told = tale_new(cancel_a_waiting_one, false);
    tell(told);
    ck_assert_uint_eq(count_lines(told, 4, GW_INPUT_TIMER), 3);
    ck_assert_uint_eq(find_line(told, 4, GW_INPUT_TIMER, 1)->value, 2);
    ck_assert_uint_eq(find_line(told, 4, GW_INPUT_TIMER, 1)->at_ns, 1500);
    ck_assert_uint_eq(find_line(told, 4, GW_INPUT_TIMER, 2)->value, 5);
    tale_free(told);
}
END_TEST

/* --- Devices --- */

static void work_once(tale *told, gw_port *port, uint32_t node, const gw_input *input)
{
    if (node >= HOSTS || input->kind != GW_INPUT_START) {
        return;
    }
    load(told, port);
    port->ops->spend(port, GW_COST_LAUNCH, 2);
    enqueue(port, NODE_WORK, 0, 0, NULL);
}

START_TEST(kernel_leaves_after_what_was_spent_and_is_answered)
{
    tale *told = tale_new(work_once, false);
    tell(told);
    for (uint32_t host = 0; host < HOSTS; host++) {
        ck_assert_uint_eq(count_lines(told, host, GW_INPUT_KERNEL_DONE), 1);
        ck_assert_uint_eq(find_line(told, host, GW_INPUT_KERNEL_DONE, 0)->at_ns,
                          14 + PCIE_NS + WORK_NS + PCIE_NS);
    }
    const gw_sim_counts counts = gw_sim_ports_count(told->ports);
    ck_assert_uint_eq(counts.launches, 2);
    ck_assert_uint_eq(counts.shards, 4);
    ck_assert_uint_eq(counts.gangs, 1);
    tale_free(told);
}
END_TEST

/* Gangs of the third node, whose mesh is device 1 alone; on it, all others wait. */
static void use_two_meshes(tale *told, gw_port *port, uint32_t node, const gw_input *input)
{
    if (node < HOSTS && input->kind == GW_INPUT_START) {
        load(told, port);
        ck_assert(reserve(port, MESH_ALL, 0, 8));
        if (node == 0) {
            enqueue(port, NODE_ON_ONE, 0, 0, NULL);
        }
        enqueue(port, NODE_MEET, 1, 0, NULL);
        enqueue(port, NODE_WORK, 2, 0, NULL);
    } else if (input->kind == GW_INPUT_KERNEL_DONE && input->tag.value == 1) {
        release(port, MESH_ALL, 0, 8);
    }
}

START_TEST(meshes_share_devices_in_the_order_of_enqueueing)
{
    tale *told = tale_new(use_two_meshes, true);
    tell(told);
    ck_assert_uint_eq(find_line(told, 0, GW_INPUT_KERNEL_DONE, 0)->value, 0);
    ck_assert_uint_eq(find_line(told, 0, GW_INPUT_KERNEL_DONE, 0)->at_ns, WORK_NS);
    const gw_time met_ns = find_line(told, 0, GW_INPUT_KERNEL_DONE, 1)->at_ns;
    ck_assert_uint_gt(met_ns, WORK_NS); /* Device 1 came late to the collective. */
    ck_assert_uint_eq(find_line(told, 1, GW_INPUT_KERNEL_DONE, 0)->at_ns, met_ns);
    ck_assert_uint_eq(find_line(told, 1, GW_INPUT_KERNEL_DONE, 1)->at_ns, met_ns + WORK_NS);
    gw_invariants_finish(told->invariants, gw_sim_ports_devices(told->ports));
    ck_assert_ptr_null(gw_invariants_violation(told->invariants));
    tale_free(told);
}
END_TEST

START_TEST(launch_digest_is_that_of_the_queues)
{
    tale *told = tale_new(use_two_meshes, true);
    tell(told);
    uint64_t chains[4] = {0};
    for (uint32_t device = 0; device < 4; device++) {
        if (device == 1) {
            chains[1] = gw_launch_digest_chain(chains[1], INSTANCE, NODE_ON_ONE, 9);
        }
        chains[device] = gw_launch_digest_chain(chains[device], INSTANCE, NODE_MEET, 9);
        chains[device] = gw_launch_digest_chain(chains[device], INSTANCE, NODE_WORK, 9);
    }
    ck_assert_uint_eq(gw_sim_ports_launch_digest(told->ports), gw_launch_digest_of(chains, 4));
    tale_free(told);
}
END_TEST

/* Host 0 sums up, copies to host 1's device 2, which awaits it, and reads back. */
static void copy_about(tale *told, gw_port *port, uint32_t node, const gw_input *input)
{
    static const uint32_t awaits_one[] = {1, 0};
    if (node >= HOSTS || input->kind != GW_INPUT_START) {
        return;
    }
    load(told, port);
    ck_assert(reserve(port, MESH_ALL, 70, 8));
    enqueue(port, NODE_WORK, 0, 0, NULL);
    enqueue(port, NODE_WORK, 1, 0, node == 1 ? awaits_one : NULL);
    if (node == 0) {
        gw_copy copy = {.kind = GW_COPY_TO_DEVICE,
                        .instance = INSTANCE,
                        .source_gang = 0,
                        .source_device = {1},
                        .source_buffer = 70,
                        .size_bytes = 8,
                        .target_gang = 1,
                        .target_device = {2},
                        .duration_ns = 300};
        port->devices->copy(port, &copy, (gw_tag){50});
        copy.kind = GW_COPY_TO_HOST;
        copy.duration_ns = 0;
        copy.size_bytes = 1000;
        port->devices->copy(port, &copy, (gw_tag){51});
    }
}

START_TEST(copies_hold_their_target_and_answer_their_source)
{
    tale *told = tale_new(copy_about, true);
    tell(told);
    ck_assert_uint_eq(count_lines(told, 0, GW_INPUT_COPY_DONE), 2);
    ck_assert_uint_eq(count_lines(told, 1, GW_INPUT_COPY_DONE), 0);
    ck_assert_uint_eq(find_line(told, 0, GW_INPUT_COPY_DONE, 0)->value, 50);
    ck_assert_uint_eq(find_line(told, 0, GW_INPUT_COPY_DONE, 0)->at_ns, WORK_NS + 300);
    ck_assert_uint_eq(find_line(told, 0, GW_INPUT_COPY_DONE, 1)->value, 51);
    ck_assert_uint_eq(find_line(told, 0, GW_INPUT_COPY_DONE, 1)->at_ns, WORK_NS + PCIE_NS + 1000);
    ck_assert_uint_eq(find_line(told, 0, GW_INPUT_KERNEL_DONE, 1)->at_ns, 2 * WORK_NS);
    ck_assert_uint_eq(find_line(told, 1, GW_INPUT_KERNEL_DONE, 1)->at_ns, 2 * WORK_NS + 300);
    ck_assert_uint_eq(gw_sim_ports_count(told->ports).transfers, 2);
    tale_free(told);
}
END_TEST

static void fill_memory(tale *told, gw_port *port, uint32_t node, const gw_input *input)
{
    if (node >= HOSTS || input->kind != GW_INPUT_START) {
        return;
    }
    load(told, port);
    ck_assert(reserve(port, MESH_ALL, 0, 600));
    ck_assert(!reserve(port, MESH_ALL, 1, 401));
    ck_assert(reserve(port, MESH_ONE, 2, 400)); /* No device of host 1, where it is nothing. */
    ck_assert_int_eq(reserve(port, MESH_ALL, 3, 1), node == 1);
    release(port, MESH_ALL, 0, 600);
    release(port, MESH_ONE, 2, 400);
    if (node == 1) {
        release(port, MESH_ALL, 3, 1);
    }
    ck_assert(reserve(port, MESH_ALL, 4, HBM_BYTES));
    release(port, MESH_ALL, 4, HBM_BYTES);
}

START_TEST(memory_is_refused_when_it_is_full)
{
    tale *told = tale_new(fill_memory, false);
    tell(told);
    gw_invariants_finish(told->invariants, gw_sim_ports_devices(told->ports));
    ck_assert_ptr_null(gw_invariants_violation(told->invariants));
    tale_free(told);
}
END_TEST

static void load_and_meet(tale *told, gw_port *port)
{
    load(told, port);
    ck_assert(reserve(port, MESH_ALL, 0, 8));
    enqueue(port, NODE_MEET, told->state, 0, NULL);
}

/* The last answer takes the executable away, and with it what the gang was planned by. */
static void unload_at_the_end(tale *told, gw_port *port, uint32_t node, const gw_input *input)
{
    if (node < HOSTS && (input->kind == GW_INPUT_START || input->kind == GW_INPUT_MESSAGE)) {
        load_and_meet(told, port);
    } else if (input->kind == GW_INPUT_KERNEL_DONE) {
        release(port, MESH_ALL, 0, 8);
        port->devices->unload(port, INSTANCE);
        if (node == 1 && told->state < 3) {
            told->state++; /* Again, as another execution. */
            say(port, 0, 0, 24);
            say(port, 1, 0, 24);
        }
    }
}

START_TEST(executables_come_and_go)
{
    tale *told = tale_new(unload_at_the_end, false);
    tell(told);
    ck_assert_uint_eq(gw_sim_ports_count(told->ports).gangs, 4);
    tale_free(told);
}
END_TEST

START_TEST(same_story_twice_gives_the_same_digest)
{
    static const tale_script scripts[] = {echo_many, keep_busy, copy_about, use_two_meshes};
    uint64_t digests[2], other = 0;
    for (uint32_t i = 0; i < 2; i++) {
        tale *told = tale_new(scripts[_i], false);
        tell(told);
        digests[i] = gw_engine_digest(gw_sim_ports_engine(told->ports));
        tale_free(told);
    }
    tale *told = tale_new(do_nothing, false);
    tell(told);
    other = gw_engine_digest(gw_sim_ports_engine(told->ports));
    tale_free(told);
    ck_assert_uint_eq(digests[0], digests[1]);
    ck_assert_uint_ne(digests[0], other);
}
END_TEST

/* --- Mistakes --- */

START_TEST(calling_a_port_of_an_idle_node_aborts)
{
    tale *told = tale_new(do_nothing, false);
    gw_port *port = gw_sim_ports_at(told->ports, (gw_node_id){4});
    port->ops->spend(port, GW_COST_CALL, 1);
}
END_TEST

static void enqueue_unloaded(tale *told, gw_port *port, uint32_t node, const gw_input *input)
{
    (void)told, (void)input;
    if (node == 0) {
        enqueue(port, NODE_WORK, 0, 0, NULL);
    }
}

START_TEST(enqueueing_what_is_not_loaded_aborts)
{
    tell(tale_new(enqueue_unloaded, false));
}
END_TEST

static void say_to_nobody(tale *told, gw_port *port, uint32_t node, const gw_input *input)
{
    (void)told, (void)node, (void)input;
    say(port, NODES, 0, 24);
}

START_TEST(message_to_nobody_aborts)
{
    tell(tale_new(say_to_nobody, false));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim_port");
    TCase *cases = tcase_create("sim_port");
    tcase_add_test(cases, every_node_starts_once_in_order);
    tcase_add_test(cases, message_leaves_after_what_was_spent);
    tcase_add_test(cases, free_network_takes_no_time);
    tcase_add_test(cases, nic_sends_one_message_at_a_time);
    tcase_add_test(cases, message_to_itself_costs_only_its_latency);
    tcase_add_test(cases, inputs_wait_for_a_busy_node_in_their_order);
    tcase_add_test(cases, messages_arrive_whole_and_in_order);
    tcase_add_test(cases, notes_bear_the_time_of_their_node);
    tcase_add_test(cases, timers_fire_when_due_unless_cancelled);
    tcase_add_test(cases, timer_that_waits_in_the_inbox_can_be_cancelled);
    tcase_add_test(cases, kernel_leaves_after_what_was_spent_and_is_answered);
    tcase_add_test(cases, meshes_share_devices_in_the_order_of_enqueueing);
    tcase_add_test(cases, launch_digest_is_that_of_the_queues);
    tcase_add_test(cases, copies_hold_their_target_and_answer_their_source);
    tcase_add_test(cases, memory_is_refused_when_it_is_full);
    tcase_add_test(cases, executables_come_and_go);
    tcase_add_loop_test(cases, same_story_twice_gives_the_same_digest, 0, 4);
    tcase_add_test_raise_signal(cases, calling_a_port_of_an_idle_node_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, enqueueing_what_is_not_loaded_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, message_to_nobody_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
