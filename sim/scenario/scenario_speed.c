/* SPDX-License-Identifier: Apache-2.0 */
/* "speed", "speed_spread" and "jitter" of an island: devices, or all devices of hosts, that are
 * faster or slower than their accelerator; how far devices of one kind lie apart; and by how much
 * each differs from time to time. */
#include "base/random.h"
#include "base/sample.h"
#include "scenario/scenario_private.h"

#define FACTOR_MIN 0.001
#define FACTOR_MAX 1000.0

typedef struct {
    double *speeds; /* By device of the island; 0: not said yet. */
    uint32_t devices_per_host, host_count;
} speed_reader;

static bool take_device(const speed_reader *reader, const gw_params *place, uint32_t device,
                        double factor, GError **error)
{
    if (reader->speeds[device] > 0) {
        gw_params_error(place, NULL, error, "found device %u of the island again, expected it once",
                        device);
        return false;
    }
    reader->speeds[device] = factor;
    return true;
}

/* `list` names hosts or devices; each stands for `width` devices. */
static bool read_places(const speed_reader *reader, gw_params *list, uint32_t width, double factor,
                        GError **error)
{
    const uint32_t device_count = reader->host_count * reader->devices_per_host;
    const uint32_t length = gw_params_length(list);
    if (length == 0) {
        gw_params_error(list, NULL, error, "found none, expected one at least");
        return false;
    }
    for (uint32_t i = 0; i < length; i++) {
        gw_params *place = gw_params_at(list, i);
        uint64_t number;
        if (!gw_params_as_count(place, 0, device_count / width - 1, &number, error)) {
            return false;
        }
        for (uint32_t k = 0; k < width; k++) {
            if (!take_device(reader, place, (uint32_t)number * width + k, factor, error)) {
                return false;
            }
        }
    }
    return true;
}

static bool read_speed(const speed_reader *reader, gw_params *speed, GError **error)
{
    double factor = 0;
    gw_params *hosts = NULL, *devices = NULL;
    if (!gw_params_number(speed, "factor", true, FACTOR_MIN, FACTOR_MAX, &factor, error) ||
        !gw_params_array(speed, "hosts", false, &hosts, error) ||
        !gw_params_array(speed, "devices", false, &devices, error) ||
        !gw_params_finish(speed, error)) {
        return false;
    }
    if ((hosts != NULL) == (devices != NULL)) {
        gw_params_error(speed, NULL, error, "found %s, expected one of \"hosts\" and \"devices\"",
                        hosts != NULL ? "both" : "neither");
        return false;
    }
    return hosts != NULL ? read_places(reader, hosts, reader->devices_per_host, factor, error)
                         : read_places(reader, devices, 1, factor, error);
}

bool gw_scenario_read_speed(gw_scenario *scenario, gw_params *island, gw_island_spec *spec,
                            double *out_spread, GError **error)
{
    gw_params *list = NULL;
    *out_spread = 0;
    /* Without a word, that of its accelerator: it is there already. */
    if (!gw_params_number(island, "jitter", false, 0, GW_JITTER_MAX, &spec->jitter, error) ||
        !gw_params_number(island, "speed_spread", false, 0, GW_JITTER_MAX, out_spread, error) ||
        !gw_params_array(island, "speed", false, &list, error)) {
        return false;
    }
    const uint32_t length = list != NULL ? gw_params_length(list) : 0;
    if (length == 0) {
        return true;
    }
    const uint32_t device_count = spec->host_count * spec->devices_per_host;
    const speed_reader reader = {.speeds = g_new0(double, device_count),
                                 .devices_per_host = spec->devices_per_host,
                                 .host_count = spec->host_count};
    g_ptr_array_add(scenario->owned, reader.speeds);
    for (uint32_t i = 0; i < length; i++) {
        gw_params *speed = NULL;
        if (!gw_params_as_object(gw_params_at(list, i), &speed, error) ||
            !read_speed(&reader, speed, error)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < device_count; i++) {
        reader.speeds[i] = reader.speeds[i] > 0 ? reader.speeds[i] : 1;
    }
    spec->speeds = reader.speeds;
    return true;
}

const double *gw_scenario_spread_speeds(gw_scenario *scenario, const gw_island_spec *spec,
                                        double spread, uint32_t island)
{
    if (spread == 0) {
        return spec->speeds;
    }
    const uint32_t device_count = spec->host_count * spec->devices_per_host;
    gw_random stream;
    gw_random_init(&stream, scenario->seed, "cluster.speed_spread");
    const uint64_t seed = gw_random_at(gw_random_next(&stream), island);
    g_autofree double *slownesses = g_new(double, device_count);
    for (uint32_t i = 0; i < device_count; i++) {
        slownesses[i] = 1 + spread * gw_random_normal_at(seed, i);
    }
    g_autoptr(GArray) sorted = g_array_new(FALSE, FALSE, sizeof(double));
    g_array_append_vals(sorted, slownesses, device_count);
    gw_sample_sort(sorted);
    const double median = g_array_index(sorted, double, device_count / 2);
    double *speeds = g_new(double, device_count);
    g_ptr_array_add(scenario->owned, speeds);
    for (uint32_t i = 0; i < device_count; i++) {
        speeds[i] = (spec->speeds != NULL ? spec->speeds[i] : 1) * median / slownesses[i];
    }
    return speeds;
}
