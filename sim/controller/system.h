/* SPDX-License-Identifier: Apache-2.0 */
/* A system: who decides which gangs run where and when, and who tells the executors.
 *
 * Slices, programs and hosts are the same in all systems: clients ask for slices, the resource
 * manager grants them, hosts load programs and an executor feeds their devices.  What differs is a
 * part that a system puts on a node besides those: an island's scheduler, a coordinator, a driver
 * beside the client, an actor or the user's own loop beside the executor. */
#pragma once

#include "controller/executor.h"

typedef struct gw_part gw_part;

typedef struct {
    void (*free)(gw_part *part);
    /* False: this message is for another part of the node.  What returns true is dealt with. */
    bool (*handle)(gw_part *part, gw_node_id source, const gw_message *message);
    void (*timer)(gw_part *part, gw_tag tag); /* NULL: it sets none. */
    void (*flush)(gw_part *part);             /* What is owed after an input; NULL: nothing. */
    void (*explain)(const gw_part *part, GString *out); /* As gw_controller_explain. */
    void (*blame)(const gw_part *part, GString *out);   /* As gw_controller_blame; NULL: it has no
                                                           policy that could be wrong. */
} gw_part_ops;

struct gw_part {
    const gw_part_ops *ops; /* First member of each implementation. */
};

/* The node that a part is for.  What it points to outlives the part. */
typedef struct {
    const gw_directory *directory;
    const gw_control *control;
    const gw_job *jobs;
    gw_role role;
    uint32_t index; /* Which of its role: host, island, 0, job. */
    gw_node_id self;
    gw_port *port;
    gw_executor *executor; /* Hosts only; NULL elsewhere. */
} gw_site;

/* Whom a client hands its calls. */
typedef enum {
    GW_CLIENTS_SUBMIT = 1, /* A scheduler per island, or the part beside itself (no policy). */
    GW_CLIENTS_START,      /* Nobody: hosts run the job's loop (LOOP), and say when it is over. */
} gw_client_style;

/* What comes to a host's memory of what its gangs make, besides values that the program reads. */
typedef enum {
    GW_HOST_TAKES_NOTHING = 1,
    GW_HOST_SENDS_OUTPUTS, /* What leaves a client's call (fetch.h), on its way to the client. */
    GW_HOST_KEEPS_OUTPUTS, /* Every output; and every input that lies here comes back from there. */
} gw_host_style;

struct gw_system_ops {
    const char *name, *summary; /* "pathways", in configs/; a line for `gangway list` */
    bool has_policy;            /* Island schedulers with a policy and a way of dispatch. */
    gw_client_style clients;
    gw_host_style hosts;
    /* Buffers of a run are found by its number modulo this many times in_flight, and 2 more: hosts
     * that keep no common window may be that far apart. */
    uint32_t window_count;
    /* The part of one node; *out_part is NULL where the system needs none.  False with
     * GW_ERROR_SCENARIO when the control's settings are wrong. */
    bool (*part_new)(const gw_site *site, gw_part **out_part, GError **error);
};

extern const gw_system_ops gw_system_pathways; /* The default. */
extern const gw_system_ops gw_system_multi_controller;
extern const gw_system_ops gw_system_tf1;
extern const gw_system_ops gw_system_ray;
extern const gw_system_ops *const gw_systems[]; /* The default first; NULL ends it. */
/* The one that `control` names: the default where it names none. */
const gw_system_ops *gw_system_of(const gw_control *control);
