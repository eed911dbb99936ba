/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the toy world share.  Nobody else includes this. */
#pragma once

#include "base/random.h"
#include "record_port.h"
#include "toy_world.h"

typedef enum { MESSAGE_ARRIVES = 1, SHARD_ENDS, GANG_ENDS, COPY_LANDS, ANSWER_COMES } step_kind;
#define STEP_KIND_COUNT (ANSWER_COMES + 1)

typedef struct toy_gang toy_gang;

typedef struct {
    toy_gang *gang;
    uint32_t device, kernel; /* Its part of the gang, by index. */
    uint32_t arrivals_left;
    bool is_enqueued, is_posted, is_done;
    GPtrArray *copies; /* toy_copy that wait for its end; NULL: none. */
} toy_shard;

typedef struct { /* A gang's part on one host. */
    uint32_t host, shards_left;
    gw_tag tag;
    gw_kernel kernel;
} toy_kernel;

struct toy_gang {
    uint64_t number;
    uint32_t instance, node, run;
    bool meets; /* Its shards wait for each other. */
    uint32_t shard_count;
    toy_shard *shards;
    GArray *kernels; /* toy_kernel */
};

typedef struct {
    gw_copy copy;
    gw_tag tag;
    uint32_t host;
} toy_copy;

typedef struct { /* One buffer of one host: what its shards hold, by device of the host. */
    uint64_t size_bytes;
    uint64_t *contents, *arrived_bytes;
    uint64_t *expected_bytes; /* Over an exchange; UINT64_MAX: nobody has said how many. */
} toy_buffer;

typedef struct {
    uint32_t source, target;
    GQueue messages;
} toy_channel;

typedef struct { /* Something that may happen. */
    step_kind kind;
    void *subject; /* toy_channel, toy_shard, toy_gang or toy_copy. */
    uint32_t node; /* ANSWER_COMES */
    record_kind asked;
    gw_tag tag;
    double value;
    gw_time due_ns; /* Others that may happen come first until then. */
} toy_step;

typedef struct {
    record_port *port;
    gw_controller *controller;
} toy_node;

typedef struct {
    toy_job_state state;
    gw_refusal refusal;
    uint32_t *first, *devices; /* Its assignment; NULL: not granted. */
    uint8_t *ran;              /* By (run * nodes + node) * shards_max + shard. */
    uint32_t shards_max;
    uint32_t runs_begun, runs_done, results_seen;
    bool is_given_up; /* Its client has failed, or the resource manager has found it so. */
} toy_job;

struct toy_world {
    gw_directory *directory;
    const gw_control *control;
    const gw_job *jobs;
    toy_node *nodes;
    toy_job *states;
    GArray *job_of_instance; /* uint32_t; grown when slices are granted. */
    uint32_t node_count, job_count;
    toy_channel **channels; /* By source * nodes + target; NULL: never used. */
    GArray *steps;          /* toy_step: from first_step on. */
    uint32_t first_step;
    gw_random random;
    bool is_random, is_told;
    step_kind slow;              /* 0: none. */
    uint32_t watch_count;        /* Steps that keep no run going. */
    uint32_t change_patience[2]; /* Of hosts that come, and of hosts that leave, */
    uint32_t stop_patience;      /* and of clients. */
    GHashTable *gangs;
    GPtrArray *gang_list;
    GHashTable *buffers;  /* host << 32 | number to toy_buffer */
    GHashTable *spilled;  /* device << 32 | number to what a spill has kept of it */
    GPtrArray *copies;    /* All that were ever asked for. */
    GQueue *queues;       /* By device: toy_shard. */
    uint64_t *last_gangs; /* By device * nodes + dispatcher: enqueued last, plus 1. */
    uint32_t *queued;     /* Likewise: how many of them stand in the queue. */
    uint64_t messages[GW_MESSAGE_KIND_COUNT];
    uint64_t step_count;
};

/* --- Of toy_world.c --- */
void toy_post(toy_world *world, const toy_step *step);
void toy_post_answer(toy_world *world, uint32_t node, record_kind asked, gw_tag tag, double value);

/* --- Of toy_machine.c: devices, their memory, and copies --- */
/* What output `output` of a node's execution in `run` is called. */
uint64_t toy_content(uint32_t job, uint32_t node, uint32_t output, uint32_t run);
/* Whose program an instance is. */
uint32_t toy_job_of(const toy_world *world, uint32_t instance);
/* The value that is read from it. */
double toy_value(uint64_t content);
/* What `result` of `run` reads as: any sign. */
double toy_result(uint32_t job, const gw_program *program, uint32_t result, uint32_t run);
uint32_t toy_host_of(const toy_world *world, uint32_t device);
void toy_take_memory(toy_world *world, uint32_t host, const gw_memory *memory);
void toy_drop_memory(toy_world *world, uint32_t host, const gw_memory *memory);
void toy_take_kernel(toy_world *world, uint32_t host, const record_call *call);
void toy_take_copy(toy_world *world, uint32_t host, const record_call *call);
void toy_take_expectation(toy_world *world, uint32_t host, const gw_expectation *expectation);
/* record_port's `deal`; the context is the world. */
void toy_deal(void *context, const gw_counts *asked, uint32_t *out_counts);
void toy_end_shard(toy_world *world, toy_shard *shard);
void toy_end_gang(toy_world *world, toy_gang *gang);
void toy_land_copy(toy_world *world, toy_copy *copy);
void toy_init_machine(toy_world *world);
void toy_clear_machine(toy_world *world);
