/* SPDX-License-Identifier: Apache-2.0 */
/* Each link has a list of the groups that go over it, and a mark when copies do.  Who comes to a
 * link looks at those that are there.  Pairs of groups meet on many links: what was found of a pair
 * is kept where the next link finds it, in a table that forgets. */
#include "accel/crossings.h"

#include <string.h>

#include "accel/collective_play.h"
#include "accel/node_group.h"
#include "base/check.h"
#include "topology/wires.h"

#define PAIRS_KEPT 4096 /* A power of two. */

typedef struct { /* Of a link. */
    gw_track *track;
    uint32_t group, next;
} link_user;

typedef struct {
    uint32_t tracks[2], groups[2];
    bool is_known, may_meet;
} link_pair;

typedef struct { /* Of a collective: what its links depend on. */
    uint32_t kind, shift, algorithm;
} link_routing;

struct gw_crossings {
    const gw_cluster *cluster;
    gw_wires wires;
    gw_max_min_hop *hops;
    uint8_t *copied;      /* By link: copies may cross it. */
    uint32_t *first_user; /* By link: list in `users`. */
    GArray *users;        /* link_user */
    GArray *found;        /* uint32_t: links of the group that is looked at. */
    GPtrArray *tracks;    /* gw_track, owned. */
    GHashTable *by_groups;
    link_pair *pairs;
    uint32_t crossed_count;
    bool *is_open; /* By island. */
};

/* --- Life --- */

static void free_track(void *data)
{
    gw_track *track = data;
    for (uint32_t i = 0; i < track->group_count; i++) {
        g_array_unref(track->links[i]);
    }
    g_array_unref(track->routings);
    g_free(track->links);
    g_free(track->members);
    g_free(track);
}

gw_crossings *gw_crossings_new(const gw_cluster *cluster)
{
    gw_crossings *made = g_new0(gw_crossings, 1);
    made->cluster = cluster;
    gw_wires_init(&made->wires, cluster);
    made->hops = g_new(gw_max_min_hop, made->wires.hop_count_max);
    made->copied = g_new0(uint8_t, made->wires.link_count);
    made->first_user = g_new(uint32_t, made->wires.link_count);
    memset(made->first_user, 0xff, made->wires.link_count * sizeof(uint32_t)); /* GW_INDEX_NONE */
    made->users = g_array_new(FALSE, FALSE, sizeof(link_user));
    made->found = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    made->tracks = g_ptr_array_new_with_free_func(free_track);
    made->by_groups =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    made->pairs = g_new0(link_pair, PAIRS_KEPT);
    made->is_open = g_new0(bool, cluster->island_count);
    return made;
}

void gw_crossings_free(gw_crossings *crossings)
{
    if (crossings == NULL) {
        return;
    }
    gw_wires_clear(&crossings->wires);
    g_free(crossings->hops);
    g_free(crossings->copied);
    g_free(crossings->first_user);
    g_array_unref(crossings->users);
    g_array_unref(crossings->found);
    g_hash_table_unref(crossings->by_groups);
    g_ptr_array_unref(crossings->tracks);
    g_free(crossings->pairs);
    g_free(crossings->is_open);
    g_free(crossings);
}

static int compare_indexes(const void *one, const void *other)
{
    const uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

gw_track *gw_crossings_ask(gw_crossings *crossings, uint32_t group_count, uint32_t group_size,
                           const uint32_t *devices)
{
    const size_t count = (size_t)group_count * group_size;
    g_autofree uint32_t *key = g_new(uint32_t, count + 1);
    key[0] = group_size;
    memcpy(&key[1], devices, count * sizeof(uint32_t));
    g_autoptr(GBytes) bytes =
        g_bytes_new_take(g_steal_pointer(&key), (count + 1) * sizeof(uint32_t));
    gw_track *found = g_hash_table_lookup(crossings->by_groups, bytes);
    if (found != NULL) {
        return found;
    }
    gw_track *made = g_new0(gw_track, 1);
    made->number = crossings->tracks->len;
    made->group_count = group_count;
    made->group_size = group_size;
    made->members = g_memdup2(devices, count * sizeof(uint32_t));
    made->links = g_new(GArray *, group_count);
    made->routings = g_array_new(FALSE, FALSE, sizeof(link_routing));
    for (uint32_t i = 0; i < group_count; i++) {
        qsort(&made->members[(size_t)i * group_size], group_size, sizeof(uint32_t),
              compare_indexes);
        made->links[i] = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    }
    g_ptr_array_add(crossings->tracks, made);
    g_hash_table_insert(crossings->by_groups, g_steal_pointer(&bytes), made);
    return made;
}

uint32_t gw_crossings_count(const gw_crossings *crossings)
{
    return crossings->crossed_count;
}

/* What goes over no link is met by nobody. */
static void open_track(const gw_crossings *crossings, gw_track *track)
{
    const uint32_t island = crossings->cluster->island_of_device[track->members[0]];
    track->is_open = crossings->is_open[island] && track->kinds != 0;
}

void gw_crossings_open(gw_crossings *crossings, uint32_t island, bool is_open)
{
    crossings->is_open[island] = is_open;
    for (uint32_t i = 0; i < crossings->tracks->len; i++) {
        open_track(crossings, g_ptr_array_index(crossings->tracks, i));
    }
}

/* --- Who may meet --- */

static void cross(gw_crossings *crossings, gw_track *track)
{
    crossings->crossed_count += !track->is_crossed;
    track->is_crossed = true;
}

static bool share_member(const gw_track *one, uint32_t group, const gw_track *other,
                         uint32_t other_group)
{
    const uint32_t *a = &one->members[(size_t)group * one->group_size];
    const uint32_t *b = &other->members[(size_t)other_group * other->group_size];
    uint32_t i = 0, k = 0;
    while (i < one->group_size && k < other->group_size && a[i] != b[k]) {
        if (a[i] < b[k]) {
            i++;
        } else {
            k++;
        }
    }
    return i < one->group_size && k < other->group_size;
}

/* Members take the collectives that they wait for one after the other, and so those that they
 * overlap; but one of each goes on at once. */
static bool are_of_one_kind(const gw_track *one, const gw_track *other)
{
    return one->kinds == other->kinds && (one->kinds & (one->kinds - 1)) == 0;
}

static bool may_meet(gw_crossings *crossings, const gw_track *one, uint32_t group,
                     const gw_track *other, uint32_t other_group)
{
    if (!are_of_one_kind(one, other)) {
        return true;
    }
    const uint32_t place =
        (one->number * 31 + other->number * 37 + group * 41 + other_group) % PAIRS_KEPT;
    link_pair *pair = &crossings->pairs[place];
    const bool is_this = pair->is_known && pair->tracks[0] == one->number &&
                         pair->tracks[1] == other->number && pair->groups[0] == group &&
                         pair->groups[1] == other_group;
    if (!is_this) {
        *pair = (link_pair){.tracks = {one->number, other->number},
                            .groups = {group, other_group},
                            .is_known = true,
                            .may_meet = !share_member(one, group, other, other_group)};
    }
    return pair->may_meet;
}

/* Looks at all that is on a link of the group. */
static void look_around(gw_crossings *crossings, gw_track *track, uint32_t group, uint32_t link)
{
    if (crossings->copied[link] != 0) {
        cross(crossings, track);
    }
    uint32_t next = crossings->first_user[link];
    while (next != GW_INDEX_NONE) {
        const link_user *user = &g_array_index(crossings->users, link_user, next);
        next = user->next;
        const bool is_news = !track->is_crossed || !user->track->is_crossed;
        if (user->track != track && is_news &&
            may_meet(crossings, track, group, user->track, user->group)) {
            cross(crossings, track);
            cross(crossings, user->track);
        }
    }
}

/* --- Links --- */

static void find_copy(gw_crossings *crossings, gw_device_id source, gw_device_id target,
                      bool takes_negative)
{
    const gw_wires_path path =
        gw_wires_between(&crossings->wires, source, target, takes_negative, crossings->hops);
    for (uint32_t i = 0; i < path.hop_count; i++) {
        g_array_append_val(crossings->found, crossings->hops[i].link);
    }
}

/* Both ways between a member and another one. */
static void find_both_ways(gw_crossings *crossings, uint32_t one, uint32_t other)
{
    find_copy(crossings, (gw_device_id){one}, (gw_device_id){other}, false);
    find_copy(crossings, (gw_device_id){other}, (gw_device_id){one}, false);
}

/* On switches whatever a member does goes over its ports, or its rail: any partner on its own host
 * and any on another one show which those are. */
static void find_ports(gw_crossings *crossings, const gw_collective *collective)
{
    const uint32_t *devices = collective->devices;
    const uint32_t count = collective->member_count;
    const bool has_rails =
        gw_cluster_island_of(crossings->cluster, (gw_device_id){devices[0]})->rails_per_host > 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!has_rails) {
            find_both_ways(crossings, devices[i], devices[(i + 1) % count]);
            continue;
        }
        bool has_found[2] = {false, false};
        const uint32_t host = gw_cluster_host_of(crossings->cluster, (gw_device_id){devices[i]});
        for (uint32_t k = 0; k < count && !(has_found[0] && has_found[1]); k++) {
            const gw_device_id partner = {devices[k]};
            const bool is_near = gw_cluster_host_of(crossings->cluster, partner) == host;
            if (k != i && !has_found[is_near]) {
                has_found[is_near] = true;
                find_both_ways(crossings, devices[i], devices[k]);
            }
        }
    }
}

/* On a torus the transfers of its play. */
static void find_sends(gw_crossings *crossings, const gw_collective *collective)
{
    gw_span lead_ns;
    gw_rounds *rounds = gw_collective_play(crossings->cluster, collective, &lead_ns);
    for (uint32_t part = 0; rounds != NULL && part < rounds->part_count; part++) {
        for (uint32_t p = 0; p < rounds->parts[part]->len; p++) {
            const gw_rounds_phase *phase = &g_array_index(rounds->parts[part], gw_rounds_phase, p);
            for (uint32_t i = 0; i < GW_ROUNDS_WAYS * rounds->member_count; i++) {
                const uint32_t target = phase->sends[i].target;
                if (target != GW_INDEX_NONE) {
                    find_copy(
                        crossings, (gw_device_id){collective->devices[i % rounds->member_count]},
                        (gw_device_id){collective->devices[target]}, i / rounds->member_count == 1);
                }
            }
        }
    }
    gw_rounds_free(rounds);
}

static void find_links(gw_crossings *crossings, const gw_collective *collective)
{
    const gw_cluster_island *island =
        gw_cluster_island_of(crossings->cluster, (gw_device_id){collective->devices[0]});
    g_array_set_size(crossings->found, 0);
    if (island->is_switched || island->rails_per_host > 0) {
        find_ports(crossings, collective);
    } else {
        find_sends(crossings, collective);
    }
}

static bool has_link(const GArray *links, uint32_t link)
{
    return links->len > 0 &&
           bsearch(&link, links->data, links->len, sizeof(uint32_t), compare_indexes) != NULL;
}

/* What was found, to what the group has. */
static void take_links(gw_crossings *crossings, gw_track *track, uint32_t group)
{
    GArray *links = track->links[group];
    const uint32_t had_count = links->len;
    g_array_sort(crossings->found, compare_indexes);
    for (uint32_t i = 0; i < crossings->found->len; i++) {
        const uint32_t link = g_array_index(crossings->found, uint32_t, i);
        const bool is_again = i > 0 && link == g_array_index(crossings->found, uint32_t, i - 1);
        GArray had = {.data = links->data, .len = had_count};
        if (is_again || has_link(&had, link)) {
            continue;
        }
        const link_user user = {track, group, crossings->first_user[link]};
        g_array_append_val(links, link);
        crossings->first_user[link] = crossings->users->len;
        g_array_append_val(crossings->users, user);
    }
    g_array_sort(links, compare_indexes);
}

/* --- Groups of which the closed form knows nothing, or that are not there --- */

/* By link: how many groups of the track go over it. */
static uint32_t *count_groups(const gw_crossings *crossings, const gw_track *track)
{
    uint32_t *counts = g_new0(uint32_t, crossings->wires.link_count);
    for (uint32_t group = 0; group < track->group_count; group++) {
        for (uint32_t i = 0; i < track->links[group]->len; i++) {
            counts[g_array_index(track->links[group], uint32_t, i)]++;
        }
    }
    return counts;
}

/* On a torus the closed form divides a link by the stride along its axis, and by nothing where the
 * group is no box.  Whether more groups go over some link, or along some axis fewer over all. */
static bool is_shared_otherwise(const gw_crossings *crossings, const gw_track *track,
                                uint32_t group, const gw_collective *collective,
                                const uint32_t *counts)
{
    const gw_collective_shape shape =
        gw_collective_shape_of(crossings->cluster, collective->devices, collective->member_count);
    uint32_t most[GW_ISLAND_DIMS_MAX] = {0};
    for (uint32_t i = 0; i < track->links[group]->len; i++) {
        const uint32_t link = g_array_index(track->links[group], uint32_t, i);
        const uint32_t d = link % GW_ROUTE_LINKS_PER_DEVICE / 2;
        most[d] = MAX(most[d], counts[link]);
    }
    for (uint32_t d = 0; d < GW_ISLAND_DIMS_MAX; d++) {
        if (most[d] > 0 && most[d] != (shape.is_box ? shape.axes[d].stride : 1)) {
            return true;
        }
    }
    return false;
}

/* Whether a card, or the network's core, has fewer members of the track than devices, by whose
 * equal parts collectives over nodes are priced. */
static bool is_sparse_over_nodes(const gw_crossings *crossings, const gw_track *track)
{
    const gw_cluster *cluster = crossings->cluster;
    const gw_cluster_island *island =
        gw_cluster_island_of(cluster, (gw_device_id){track->members[0]});
    const uint32_t count = track->group_count * track->group_size;
    const uint32_t rail_count = island->rails_per_host;
    g_autofree uint32_t *loads = g_new0(uint32_t, (size_t)island->host_count * rail_count);
    uint32_t taken_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const gw_device_id member = {track->members[i]};
        const uint32_t host = gw_cluster_host_of(cluster, member) - island->first_host;
        taken_count += loads[host * rail_count + gw_cluster_rail_of(cluster, member)]++ == 0;
    }
    return count < taken_count * MAX(island->devices_per_host / rail_count, 1) ||
           (island->core_bytes_per_s > 0 && count < island->device_count);
}

/* Whether a group over nodes has hosts with different members, or only some groups leave theirs. */
static bool is_uneven(const gw_crossings *crossings, const gw_track *track,
                      gw_collective collective, bool *out_is_spread)
{
    const uint32_t *devices = collective.devices;
    uint32_t spread_count = 0;
    bool is_even = true;
    for (uint32_t i = 0; i < track->group_count; i++) {
        collective.devices = devices + (size_t)i * track->group_size;
        if (gw_node_group_is_spread(crossings->cluster, &collective)) {
            gw_node_group group;
            gw_node_group_init(&group, crossings->cluster, &collective);
            is_even = is_even && group.is_even;
            gw_node_group_clear(&group);
            spread_count++;
        }
    }
    *out_is_spread = spread_count > 0;
    return spread_count > 0 && (!is_even || spread_count < track->group_count);
}

/* `collective`: the first group's, with those of the others behind its devices. */
static bool is_unlike(const gw_crossings *crossings, const gw_track *track,
                      gw_collective collective)
{
    const uint32_t *devices = collective.devices;
    const gw_cluster_island *island =
        gw_cluster_island_of(crossings->cluster, (gw_device_id){devices[0]});
    if (island->rails_per_host > 0) {
        bool is_spread;
        return is_uneven(crossings, track, collective, &is_spread) ||
               (is_spread && is_sparse_over_nodes(crossings, track));
    }
    if (island->is_switched) {
        return false; /* Members have ports of their own. */
    }
    g_autofree uint32_t *counts = count_groups(crossings, track);
    for (uint32_t group = 0; group < track->group_count; group++) {
        collective.devices = devices + (size_t)group * track->group_size;
        if (is_shared_otherwise(crossings, track, group, &collective, counts)) {
            return true;
        }
    }
    return false;
}

/* --- In --- */

/* False: its links are known already. */
static bool add_routing(const gw_crossings *crossings, gw_track *track,
                        const gw_collective *collective, link_routing *out)
{
    const gw_algorithm_kind algorithm = gw_collective_algorithm(crossings->cluster, collective);
    const bool is_permute = collective->kind == GW_OPERATION_PERMUTE;
    *out = (link_routing){.algorithm = algorithm};
    if (is_permute || algorithm != GW_ALGORITHM_AUTO) {
        out->kind = collective->kind;
        out->shift = is_permute ? collective->shift : 0;
    }
    for (uint32_t i = 0; i < track->routings->len; i++) {
        if (memcmp(&g_array_index(track->routings, link_routing, i), out, sizeof *out) == 0) {
            return false;
        }
    }
    g_array_append_vals(track->routings, out, 1);
    return true;
}

static void look_around_all(gw_crossings *crossings, gw_track *track)
{
    for (uint32_t group = 0; group < track->group_count; group++) {
        for (uint32_t i = 0; i < track->links[group]->len; i++) {
            look_around(crossings, track, group, g_array_index(track->links[group], uint32_t, i));
        }
    }
}

void gw_crossings_add_collective(gw_crossings *crossings, gw_track *track, gw_step_kind kind,
                                 const gw_collective *like, const uint32_t *devices)
{
    gw_collective collective = *like;
    const bool is_new_kind = (track->kinds & 1u << kind) == 0;
    link_routing routing;
    collective.member_count = track->group_size;
    collective.devices = devices;
    if (collective.size_bytes == 0 || track->group_size == 1) {
        return; /* It goes over no link. */
    }
    const bool is_new_routing = add_routing(crossings, track, &collective, &routing);
    for (uint32_t group = 0; is_new_routing && group < track->group_count; group++) {
        collective.devices = devices + (size_t)group * track->group_size;
        find_links(crossings, &collective);
        take_links(crossings, track, group);
    }
    track->kinds |= 1u << kind;
    open_track(crossings, track);
    if ((track->kinds & (track->kinds - 1)) != 0) {
        cross(crossings, track); /* One of its collectives beside another. */
    }
    if (is_new_kind || is_new_routing) {
        look_around_all(crossings, track);
    }
    if (is_new_routing && !track->is_unlike) {
        collective.devices = devices;
        track->is_unlike = is_unlike(crossings, track, collective);
    }
    if (track->is_unlike) {
        cross(crossings, track);
    }
}

static void mark_copied(gw_crossings *crossings, uint32_t link)
{
    if (crossings->copied[link] != 0) {
        return;
    }
    crossings->copied[link] = 1;
    for (uint32_t i = crossings->first_user[link]; i != GW_INDEX_NONE;) {
        const link_user *user = &g_array_index(crossings->users, link_user, i);
        cross(crossings, user->track);
        i = user->next;
    }
}

void gw_crossings_add_copy(gw_crossings *crossings, gw_device_id source, gw_device_id target)
{
    const gw_wires_path path =
        gw_wires_between(&crossings->wires, source, target, false, crossings->hops);
    for (uint32_t i = 0; i < path.hop_count; i++) {
        mark_copied(crossings, crossings->hops[i].link);
    }
}

void gw_crossings_add_host_copy(gw_crossings *crossings, gw_device_id device, bool is_from_host)
{
    const gw_wires_path path =
        gw_wires_to_host(&crossings->wires, device, is_from_host, crossings->hops);
    for (uint32_t i = 0; i < path.hop_count; i++) {
        mark_copied(crossings, crossings->hops[i].link);
    }
}
