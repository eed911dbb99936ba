/* SPDX-License-Identifier: Apache-2.0 */
/* The machine as data: what scenario/ reads from a scenario and its accelerator files, and what
 * topology/ and accel/ build from.  Plain values in base units; nothing here computes. */
#pragma once

#include "base/units.h"
#include "program/measured.h"

/* How a matrix unit cuts products (accel/product.h). */
#define GW_MATRIX_TILES_MAX 8
typedef struct {
    uint32_t rows, columns;
    double efficiency; /* Beside the best tile's; (0, 1] */
} gw_matrix_tile;
typedef struct {
    uint32_t part_count; /* That work at a time, each on a tile of its own. */
    uint32_t tile_count; /* 0: all shapes are alike. */
    gw_matrix_tile tiles[GW_MATRIX_TILES_MAX];
    uint32_t depth_multiple; /* The inner dimension is filled up to a multiple of it. */
    uint32_t ramp_depth;     /* So much more of it would take as long as a tile's start and end. */
} gw_matrix_unit;

/* One file of configs/accelerators/.  Every rate is of one device (for a TPU v3: one core). */
typedef struct {
    char *name;          /* "tpu_v3_core" */
    double peak_flops;   /* FLOP/s, dense, in the matrix unit's own precision */
    double vector_flops; /* FLOP/s of everything that is no matrix product */
    uint64_t hbm_bytes;
    double hbm_bytes_per_s;
    double matmul_efficiency;       /* Of peak_flops, reached by large matrix products; (0, 1] */
    double hbm_efficiency;          /* Of hbm_bytes_per_s, reached by streaming; (0, 1] */
    gw_span kernel_overhead_ns;     /* Start-up of every kernel on the device */
    double link_bytes_per_s;        /* One interconnect link, one way; half of a switch's port */
    double link_efficiency;         /* Of link_bytes_per_s, reached by large messages; (0, 1] */
    gw_span hop_latency_ns;         /* One interconnect hop */
    gw_span collective_overhead_ns; /* Start-up of every collective */
    gw_span pcie_latency_ns;        /* Host to device and back, one way */
    double pcie_bytes_per_s;        /* Of one device */
    double busy_watts, idle_watts;
    bool stops_to_transfer;             /* It cannot compute while it sends or receives. */
    double switch_reduction_efficiency; /* Of two links' rate, reached by an all-reduce that the
                                           switch of an island adds up; 0: it cannot. */
    gw_measured *measured; /* In place of rates where it says something; owned; NULL: nothing. */
    gw_matrix_unit matrix_unit;
    gw_span operation_overhead_ns; /* Start and end of every operation of a kernel */
    bool fuses;                    /* Operations that follow each other (accel/fusion.h). */
    bool waits_for_collectives;    /* It computes nothing beside one; copies go on. */
    double scores_efficiency;      /* Of hbm_bytes_per_s, reached by kernels over attention's scores
                                      that go through memory; 0: as by streaming. */
    bool chunks_collectives;       /* Messages of collectives go in chunks (accel/collective.h). */
    uint32_t shared_cores; /* All devices of this kind are threads on so many cores of one machine,
                              and so is what controls them; 0: each is a device of its own. */
    double jitter;         /* Of islands that do not say (gw_island_spec). */
    double first_touch_bytes_per_s; /* With shared_cores: of memory that a device uses for the first
                                       time, beside what is done there; 0: that costs nothing. */
    double *core_slowness; /* With shared_cores: what is computed takes so many times as long on the
                              i-th of them (accel/device_vary.c); owned; NULL: they are alike. */
    uint32_t core_slowness_count;
} gw_accelerator;
#define GW_CORE_SLOWNESS_MAX 10.0 /* And one over it the least. */

/* How an island's collectives go round; in order of name, as in accel/rounds_algorithms.c. */
typedef enum {
    GW_ALGORITHM_AUTO = 0, /* In closed form: what is fastest for shape and size. */
    GW_ALGORITHM_DIRECT,
    GW_ALGORITHM_HALVING_DOUBLING,
    GW_ALGORITHM_HIERARCHICAL,
    GW_ALGORITHM_RING,
    GW_ALGORITHM_TORUS,
    GW_ALGORITHM_TREE
} gw_algorithm_kind;

/* What joins hosts whose devices are joined by a switch each: one file of configs/networks/, with
 * what the scenario says of it. */
typedef struct {
    uint32_t nics_per_host;  /* 0: no such network; else they divide the devices, or these them. */
    double nic_bytes_per_s;  /* Of one NIC, each way: what large messages reach. */
    gw_span latency_ns;      /* One way, from NIC to NIC. */
    double oversubscription; /* All NICs of the island over the network's core; up to 1: none. */
    uint32_t flows; /* Of a pair of devices, each on a NIC of theirs; 0: one for each NIC. */
} gw_network;
#define GW_JITTER_MAX 0.15 /* accel/device_vary.c: a shard's time stays above 0. */

typedef struct {
    uint32_t accelerator; /* Index. */
    uint32_t host_count, devices_per_host;
    uint32_t shape[3]; /* Of the devices' torus; unused dimensions are 1. */
    uint32_t dims;
    bool is_wrapped[3]; /* A ring in that dimension; else a line. */
    gw_algorithm_kind collectives;
    bool is_switched; /* All devices on one switch, and the shape a line or ring without meaning. */
    uint64_t host_memory_bytes; /* Of one host, for buffers that are spilled; 0: none. */
    gw_network network;         /* With NICs: the switch is a host's own, and `is_switched`. */
    const double *speeds;       /* By device of the island: of the accelerator's; NULL: 1. */
    double jitter;              /* Relative standard deviation of what a shard computes. */
} gw_island_spec;

/* Over which of a host's cards flows go: their device's own, or any. */
typedef enum { GW_SPREAD_RANK, GW_SPREAD_HASH } gw_spread;
#define GW_DCN_CARDS_MAX 64

typedef struct {
    gw_accelerator *accelerators;
    uint32_t accelerator_count;
    gw_island_spec *islands;
    uint32_t island_count;
    gw_span dcn_latency_ns;      /* One way, host to host. */
    double dcn_bytes_per_s;      /* Of one host's NIC, each way. */
    gw_span local_latency_ns;    /* A message from a node to itself. */
    uint32_t dcn_cards_per_host; /* Of dcn_bytes_per_s each; 0: one. */
    double dcn_host_bytes_per_s; /* A host's cards together, each way; 0: as much as they can. */
    bool is_uncontended;      /* Every transfer as if it were alone: to see what sharing costs. */
    bool plays_collectives;   /* As transfers among the others, not in closed form. */
    bool watches_collectives; /* So where they meet others, else in closed form. */
    double dcn_oversubscription; /* An island's cards over its way into the DCN; up to 1: none. */
    uint32_t dcn_flows;          /* Between two devices, each on one card at either end; 0: one. */
    gw_spread dcn_spread;        /* Which cards those are. */
    bool dcn_in_order;           /* What two devices send each other goes one after the other. */
} gw_cluster_spec;

/* The CPU time of each control-plane action: one file of configs/profiles/. */
#define GW_PROFILE_COSTS_MAX 16
typedef struct {
    char *name;
    gw_span cost_ns[GW_PROFILE_COSTS_MAX]; /* By gw_cost (controller/port.h). */
    bool is_network_free; /* Messages and launches take no time either (profile "ideal"). */
} gw_profile;
