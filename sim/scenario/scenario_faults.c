/* SPDX-License-Identifier: Apache-2.0 */
/* "faults": hosts that are taken out of the cluster and put back, and clients that fail, in order
 * of time.  They are gone through once, so that each change is one of a host that can change; and
 * once more when the jobs are known whose clients fail. */
#include <string.h>

#include "base/error.h"
#include "controller/system.h"
#include "scenario/scenario_private.h"

/* Where a client fails and no lease is given: long beside a question over the network and back,
 * short beside the jobs that wait for its devices. */
#define DEFAULT_LEASE_NS UINT64_C(100000000)

typedef struct {
    gw_scenario *scenario;
    GArray *changes;      /* gw_change */
    bool *is_removed;     /* By host, counted over the cluster. */
    uint32_t *first_host; /* By island. */
    gw_time before_ns;    /* Of the last fault. */
} fault_reader;

static bool take_host(fault_reader *reader, const gw_change *change, const gw_params *place,
                      uint32_t host, GError **error)
{
    bool *is_removed = &reader->is_removed[reader->first_host[change->island] + host];
    if (*is_removed == change->is_removal) {
        gw_params_error(place, NULL, error, "found host %u of island %u, expected one that is %s",
                        host, change->island,
                        change->is_removal ? "there at that time" : "removed at that time");
        return false;
    }
    *is_removed = change->is_removal;
    return true;
}

static bool read_hosts(fault_reader *reader, gw_params *list, uint32_t *hosts,
                       const gw_change *change, GError **error)
{
    const uint32_t host_count = reader->scenario->cluster.islands[change->island].host_count;
    for (uint32_t i = 0; i < change->host_count; i++) {
        uint64_t host = i;
        gw_params *element = list != NULL ? gw_params_at(list, i) : NULL;
        if (element != NULL && !gw_params_as_count(element, 0, host_count - 1, &host, error)) {
            return false;
        }
        hosts[i] = (uint32_t)host;
    }
    return true;
}

/* The object under "remove" or "add": an island, and which of its hosts; all of them without. */
static bool read_target(fault_reader *reader, gw_params *target, gw_change *out, GError **error)
{
    const gw_cluster_spec *cluster = &reader->scenario->cluster;
    uint64_t island;
    gw_params *list = NULL;
    if (!gw_params_count(target, "island", true, 0, cluster->island_count - 1, &island, error) ||
        !gw_params_array(target, "hosts", false, &list, error) ||
        !gw_params_finish(target, error)) {
        return false;
    }
    out->island = (uint32_t)island;
    out->host_count =
        list != NULL ? gw_params_length(list) : cluster->islands[out->island].host_count;
    if (out->host_count == 0) {
        gw_params_error(list, NULL, error, "found none, expected one host at least");
        return false;
    }
    uint32_t *hosts = g_new0(uint32_t, out->host_count);
    g_ptr_array_add(reader->scenario->owned, hosts);
    out->hosts = hosts;
    if (!read_hosts(reader, list, hosts, out, error)) {
        return false;
    }
    for (uint32_t i = 0; i < out->host_count; i++) {
        const gw_params *place = list != NULL ? gw_params_at(list, i) : target;
        if (!take_host(reader, out, place, hosts[i], error)) {
            return false;
        }
    }
    return true;
}

static const char *time_key(gw_params *fault)
{
    return gw_params_has(fault, "at_ns") ? "at_ns" : "at";
}

static bool read_time(fault_reader *reader, gw_params *fault, gw_time *out_ns, GError **error)
{
    if (!gw_params_span(fault, "at", true, out_ns, error)) {
        return false;
    }
    if (*out_ns < reader->before_ns) {
        gw_params_error(fault, time_key(fault), error,
                        "found %" G_GUINT64_FORMAT " ns after one at %" G_GUINT64_FORMAT
                        " ns, expected them in order of time",
                        *out_ns, reader->before_ns);
        return false;
    }
    reader->before_ns = *out_ns;
    return true;
}

/* Which client is found when the jobs are read. */
static bool check_failure(gw_params *fault, gw_time at_ns, GError **error)
{
    if (at_ns == 0) {
        gw_params_error(fault, time_key(fault), error,
                        "found 0, expected a time above 0: at 0 the client has not begun");
        return false;
    }
    return true;
}

static bool read_fault(fault_reader *reader, gw_params *fault, GError **error)
{
    gw_change change = {0};
    gw_params *removed = NULL;
    gw_params *added = NULL;
    const char *client = NULL;
    if (!read_time(reader, fault, &change.at_ns, error) ||
        !gw_params_object(fault, "remove", false, &removed, error) ||
        !gw_params_object(fault, "add", false, &added, error) ||
        !gw_params_string(fault, "client", false, &client, error) ||
        !gw_params_finish(fault, error)) {
        return false;
    }
    const int count = (removed != NULL) + (added != NULL) + (client != NULL);
    if (count != 1) {
        gw_params_error(fault, NULL, error,
                        "found %s of \"remove\", \"add\" and \"client\", expected one",
                        count == 0 ? "none" : "several");
        return false;
    }
    if (client != NULL) {
        return check_failure(fault, change.at_ns, error);
    }
    change.is_removal = removed != NULL;
    if (reader->scenario->control.spill != NULL) {
        gw_params_error(fault, change.is_removal ? "remove" : "add", error,
                        "found hosts that leave or come with control's \"spill\", expected one of "
                        "the two: what was spilled does not move");
        return false;
    }
    if (!read_target(reader, change.is_removal ? removed : added, &change, error)) {
        return false;
    }
    g_array_append_val(reader->changes, change);
    return true;
}

static bool read_list(fault_reader *reader, gw_params *list, GError **error)
{
    const uint32_t length = gw_params_length(list);
    if (length > GW_SCENARIO_FAULTS_MAX) {
        gw_params_error(list, NULL, error, "found %u, expected at most %d", length,
                        GW_SCENARIO_FAULTS_MAX);
        return false;
    }
    for (uint32_t i = 0; i < length; i++) {
        gw_params *fault = NULL;
        if (!gw_params_as_object(gw_params_at(list, i), &fault, error) ||
            !read_fault(reader, fault, error)) {
            return false;
        }
    }
    return true;
}

bool gw_scenario_read_faults(gw_scenario *scenario, gw_params *root, GError **error)
{
    gw_params *list = NULL;
    if (!gw_params_array(root, "faults", false, &list, error)) {
        return false;
    }
    if (list == NULL) {
        return true;
    }
    if (!scenario->control.system->has_policy) {
        gw_params_error(root, "faults", error,
                        "found hosts or clients that leave, expected system \"pathways\", not "
                        "\"%s\"",
                        scenario->control.system->name);
        return false;
    }
    const gw_cluster_spec *cluster = &scenario->cluster;
    g_autoptr(GArray) changes = g_array_new(FALSE, FALSE, sizeof(gw_change));
    g_autofree uint32_t *first_host = g_new0(uint32_t, cluster->island_count);
    uint32_t host_count = 0;
    for (uint32_t i = 0; i < cluster->island_count; i++) {
        first_host[i] = host_count;
        host_count += cluster->islands[i].host_count;
    }
    g_autofree bool *is_removed = g_new0(bool, host_count);
    fault_reader reader = {scenario, changes, is_removed, first_host, 0};
    if (!read_list(&reader, list, error)) {
        return false;
    }
    scenario->control.change_count = changes->len;
    scenario->control.changes = g_array_steal(changes, NULL);
    g_ptr_array_add(scenario->owned, (void *)scenario->control.changes);
    return true;
}

/* --- Clients --- */

static gw_job *find_job(const gw_scenario *scenario, const char *name)
{
    gw_job *found = NULL;
    for (uint32_t j = 0; j < scenario->job_count && found == NULL; j++) {
        found = strcmp(scenario->jobs[j].name, name) == 0 ? &scenario->jobs[j] : NULL;
    }
    return found;
}

static void refuse_client(const gw_scenario *scenario, const gw_params *fault, const char *name,
                          GError **error)
{
    g_autofree const char **names = g_new0(const char *, scenario->job_count + 1);
    for (uint32_t j = 0; j < scenario->job_count; j++) {
        names[j] = scenario->jobs[j].name;
    }
    g_autofree char *hint = gw_error_hint(name, names);
    g_autofree char *list = gw_error_list(names, GW_SCENARIO_LISTED_MAX);
    g_autofree char *found = gw_error_quote(name);
    gw_params_error(fault, "client", error, "found %s, expected the name of a job: one of %s%s",
                    found, list, hint);
}

static bool read_failure(const gw_scenario *scenario, gw_params *fault, GError **error)
{
    const char *name = NULL;
    gw_time at_ns = 0;
    const bool is_read = gw_params_string(fault, "client", true, &name, error) &&
                         gw_params_span(fault, "at", true, &at_ns, error);
    if (!is_read) {
        return false;
    }
    gw_job *job = find_job(scenario, name);
    if (job == NULL) {
        refuse_client(scenario, fault, name, error);
        return false;
    }
    if (job->fail_ns > 0) {
        gw_params_error(fault, "client", error,
                        "found \"%s\" a second time, expected each client to fail once", name);
        return false;
    }
    job->fail_ns = at_ns;
    return true;
}

bool gw_scenario_read_failures(gw_scenario *scenario, gw_params *root, GError **error)
{
    gw_params *list = NULL;
    if (!gw_params_array(root, "faults", false, &list, error)) {
        return false;
    }
    const uint32_t length = list != NULL ? gw_params_length(list) : 0;
    for (uint32_t i = 0; i < length; i++) {
        gw_params *fault = NULL;
        if (!gw_params_as_object(gw_params_at(list, i), &fault, error)) {
            return false;
        }
        if (!gw_params_has(fault, "client")) {
            continue;
        }
        if (!read_failure(scenario, fault, error)) {
            return false;
        }
        if (scenario->control.lease_ns == 0) {
            scenario->control.lease_ns = DEFAULT_LEASE_NS;
        }
    }
    return true;
}
