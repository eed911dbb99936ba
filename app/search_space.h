/* SPDX-License-Identifier: Apache-2.0 */
/* The ways to lay one transformer out over a cluster: all combinations of some of the job's
 * parameters, its dimensions.  A parameter that the scenario gives is fixed and has that one value.
 *
 * A dimension is one row of a table in search_space.c: the parameter's name, and the values that it
 * may take once those before it are chosen. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "scenario/scenario.h"

#define GW_SEARCH_DIMENSIONS_MAX 12

typedef struct { /* One way: a value for each dimension. */
    guint values[GW_SEARCH_DIMENSIONS_MAX];
} gw_search_point;

/* By position in the table; what others have to know of a point goes by these. */
typedef enum {
    GW_SEARCH_TENSOR,
    GW_SEARCH_STAGES,
    GW_SEARCH_DATA, /* The rest of the devices. */
    GW_SEARCH_CHUNKS,
    GW_SEARCH_SCHEDULE, /* An index of gw_workload_schedules. */
    GW_SEARCH_RECOMPUTE,
    GW_SEARCH_SEQUENCE_PARALLEL, /* 0 or 1. */
    GW_SEARCH_ZERO,              /* Stage of ZeRO. */
    GW_SEARCH_MICROBATCH,        /* The last: estimates grow with it. */
    GW_SEARCH_DIMENSIONS,
} gw_search_dimension;

typedef struct {
    gw_scenario *machine;  /* Without its jobs. */
    gw_params *parameters; /* The job's own; of `machine`. */
    guint64 devices;       /* To be used, all of them. */
    guint64 layers, hidden, heads, feed_forward, vocabulary, sequence, batch;
    guint64 end_layers;     /* That the first and last places have fewer than others, together. */
    guint64 unit_layers;    /* Places have so many, or a multiple: what one has the next one has. */
    guint64 encoder_layers; /* Beside `layers`; 0: there is no encoder. */
    double activations_max; /* Micro-batches that a stage may hold; 0: as many as it likes. */
    guint64 island_devices; /* Of the largest island: a stage's mesh lies on one. */
    guint first_device;     /* Of that island, by which ways are priced; of several the fastest. */
    double fastest;         /* No device is more times as fast as its kind; at least 1. */
    bool is_fixed[GW_SEARCH_DIMENSIONS];
    guint fixed[GW_SEARCH_DIMENSIONS];
} gw_search_space;

/* Reads the scenario at `path`: a cluster, and one job of workload "transformer", some of whose
 * parameters may be missing.  `devices`: how many to use, 0: all of the cluster.  NULL:
 * GW_ERROR_SCENARIO for what the scenario says, GW_ERROR_USAGE for `devices`. */
gw_search_space *gw_search_space_new(const char *path, const char *const *settings, guint64 devices,
                                     GError **error);
void gw_search_space_free(gw_search_space *space);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gw_search_space, gw_search_space_free)

/* All points (gw_search_point), in order of the table, the last dimension the fastest. */
GArray *gw_search_space_list(const gw_search_space *space);

/* What the workload says of the job's parameters, which it was given by themselves, with file and
 * path as in the scenario.  The caller frees. */
char *gw_search_space_tell(const gw_search_space *space, const char *message);

/* "tensor": what the dimension is called in scenarios. */
const char *gw_search_dimension_name(gw_search_dimension dimension);
/* The value as scenarios have it: "8", "1f1b".  The caller frees. */
char *gw_search_value_text(gw_search_dimension dimension, guint value);
/* Layers of each of so many places, those that the ends lack included; of a decoder that has one
 * place with its encoder, the decoder's. */
guint64 gw_search_place_layers(const gw_search_space *space, guint64 places);
/* How many of them are the encoder's, the first ones; 0: none of its own. */
guint64 gw_search_encoder_places(const gw_search_space *space, guint64 places);
/* Micro-batches of a step, on each device. */
guint64 gw_search_microbatches(const gw_search_space *space, const gw_search_point *point);
