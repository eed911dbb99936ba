/* SPDX-License-Identifier: Apache-2.0 */
/* A host sorts an executable's shards out once, when it is loaded, so that a launch only walks
 * the few that are its own. */
#include "real/loaded.h"

#include <string.h>

#include "base/check.h"
#include "program/exchange.h"

/* At most one shard of a mesh on each device: members of one collective would wait for themselves
 * in one queue. */
static void check_distinct(const gw_local_shard *locals, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            gw_check(locals[i].device != locals[k].device);
        }
    }
}

static void collect_locals(gw_loaded *loaded, uint32_t mesh_count, uint32_t first_device,
                           uint32_t device_count)
{
    uint32_t count = 0;
    for (uint32_t mesh = 0; mesh < mesh_count; mesh++) {
        loaded->first_local[mesh] = count;
        for (uint32_t i = loaded->first[mesh]; i < loaded->first[mesh + 1]; i++) {
            const uint32_t device = loaded->devices[i];
            if (device >= first_device && device - first_device < device_count) {
                loaded->locals[count].device = device - first_device;
                loaded->locals[count].shard = i - loaded->first[mesh];
                count++;
            }
        }
        check_distinct(loaded->locals + loaded->first_local[mesh],
                       count - loaded->first_local[mesh]);
    }
    loaded->first_local[mesh_count] = count;
}

gw_loaded *gw_loaded_set_add(gw_loaded_set *set, const gw_executable *executable,
                             uint32_t first_device, uint32_t device_count)
{
    const gw_assignment *assignment = &executable->assignment;
    gw_check(gw_lookup_find(&set->by_instance, executable->instance) == GW_LOOKUP_NONE);
    gw_check(assignment->mesh_count == executable->program->meshes->len);
    const uint32_t total = assignment->first[assignment->mesh_count];
    gw_loaded *loaded = g_new0(gw_loaded, 1);
    loaded->instance = executable->instance;
    loaded->job = executable->job;
    loaded->program = executable->program;
    loaded->first = g_memdup2(assignment->first, sizeof(uint32_t) * (assignment->mesh_count + 1));
    loaded->devices = g_memdup2(assignment->devices, sizeof(uint32_t) * total);
    loaded->first_local = g_new0(uint32_t, assignment->mesh_count + 1);
    loaded->locals = g_new0(gw_local_shard, assignment->mesh_count * device_count + 1);
    for (uint32_t mesh = 0; mesh < assignment->mesh_count; mesh++) {
        gw_check(assignment->first[mesh + 1] - assignment->first[mesh] ==
                 gw_mesh_device_count(gw_program_mesh(loaded->program, mesh)));
    }
    collect_locals(loaded, assignment->mesh_count, first_device, device_count);

    uint32_t place = 0;
    while (place < set->count && set->all[place] != NULL) {
        place++;
    }
    if (place == set->count) {
        set->count++;
        set->all = g_renew(gw_loaded *, set->all, set->count);
    }
    set->all[place] = loaded;
    gw_lookup_add(&set->by_instance, loaded->instance, place);
    return loaded;
}

gw_loaded *gw_loaded_set_find(const gw_loaded_set *set, uint32_t instance)
{
    const uint64_t place = gw_lookup_find(&set->by_instance, instance);
    gw_check(place != GW_LOOKUP_NONE);
    return set->all[place];
}

static void free_loaded(gw_loaded *loaded)
{
    if (loaded == NULL) {
        return;
    }
    g_free(loaded->first_local);
    g_free(loaded->locals);
    g_free(loaded->first);
    g_free(loaded->devices);
    g_free(loaded);
}

void gw_loaded_set_remove(gw_loaded_set *set, uint32_t instance)
{
    const uint64_t place = gw_lookup_take(&set->by_instance, instance);
    gw_check(place != GW_LOOKUP_NONE);
    free_loaded(set->all[place]);
    set->all[place] = NULL;
}

void gw_loaded_set_clear(gw_loaded_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        free_loaded(set->all[i]);
    }
    g_free(set->all);
    gw_lookup_clear(&set->by_instance);
    *set = (gw_loaded_set){0};
}

void gw_loaded_ask_counts(const gw_loaded *loaded, const gw_counts *asked,
                          const gw_real_answers *answers, uint32_t *out_counts)
{
    const gw_edge *edge = gw_program_edge(loaded->program, asked->edge);
    const uint32_t mesh = gw_program_node(loaded->program, edge->source_node)->mesh;
    const uint32_t target_count = gw_exchange_target_count(loaded->program, asked->edge);
    memset(out_counts, 0, target_count * sizeof *out_counts);
    uint32_t shard = loaded->first[mesh];
    while (shard < loaded->first[mesh + 1] && loaded->devices[shard] != asked->device.index) {
        shard++;
    }
    gw_check(shard < loaded->first[mesh + 1]);
    if (answers->counts != NULL) {
        answers->counts(answers->context, loaded->job, asked->edge, asked->run,
                        shard - loaded->first[mesh], out_counts);
    }
}

void gw_real_describe(const gw_real_answers *answers, uint32_t job, const gw_program *program,
                      uint32_t node, uint32_t run, GString *out)
{
    if (answers != NULL && answers->jobs != NULL)
        g_string_append_printf(out, "job %s", answers->jobs[job].name);
    else
        g_string_append(out, program->name);
    g_string_append_printf(out, ", node %s, run %u", gw_program_node(program, node)->name, run);
}

void gw_loaded_describe_gang(const gw_loaded *loaded, const gw_real_answers *answers, uint64_t gang,
                             uint32_t node, uint32_t run, GString *out)
{
    const uint64_t sequence = gang & ((UINT64_C(1) << GW_GANG_SEQUENCE_BITS) - 1);
    g_string_append_printf(out, "gang %" G_GUINT64_FORMAT " (", sequence);
    gw_real_describe(answers, loaded->job, loaded->program, node, run, out);
    g_string_append(out, ") ");
}

void gw_loaded_describe_arrivals(uint32_t arrivals_left, GString *out)
{
    g_string_append_printf(out, "waits for %u more %s of its inputs", arrivals_left,
                           arrivals_left == 1 ? "copy" : "copies");
}
