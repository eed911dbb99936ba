/* SPDX-License-Identifier: Apache-2.0 */
/* Data and a script of plots/ to gnuplot.
 *
 * gnuplot runs in the data's folder with plain file names, so that no path is ever quoted; it
 * writes into a gw_output's temporary file, which is looked at before it takes its name: gnuplot
 * does not tell when the disk is full, but a figure that was cut short lacks its last bytes. */
#include "record/figure.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/data.h"
#include "base/error.h"
#include "base/params.h"
#include "record/figure_private.h"
#include "record/output.h"

#define KEY_LENGTH 48 /* Characters of 8 pt that fit side by side above a plot. */
#define KEY_SAMPLE 4  /* What an entry takes beside its title, in characters. */
#define TAIL_BYTES 64

typedef struct {
    const char *subject, *data_name;
    bool (*prepare)(const char *folder, const gw_figure_run *run, GString *variables,
                    GError **error);
} figure_data;

static const figure_data figure_datas[] = {
    {"timeline", "timeline.csv", gw_figure_prepare_timeline},
    {"utilization", "utilization_layers.csv", gw_figure_prepare_utilization},
};

const char *const gw_figure_run_subjects[] = {"timeline", "utilization", NULL};

const char *const gw_figure_formats[] = {"svg", "pdf", "png", NULL};
/* What stands within the last bytes of a whole file of each. */
static const char *const format_endings[] = {"</svg>", "%%EOF", "IEND", NULL};
_Static_assert(G_N_ELEMENTS(format_endings) == G_N_ELEMENTS(gw_figure_formats), "each has one");

/* --- What scripts are told --- */

/* In single quotes two things have a meaning to gnuplot, and are put in by name: the quote itself,
 * whose doubling does not work where it stands first, and @, which expands a macro even there. */
void gw_figure_append_text(GString *variables, const char *name, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_string_append_printf(variables, "%s='", name);
    for (const char *c = valid; *c != '\0'; c++) {
        bool is_control = (unsigned char)*c < 0x20 || *c == 0x7f;
        if (*c == '\'') {
            g_string_append(variables, "'.quote.'");
        } else if (*c == '@') {
            g_string_append(variables, "'.at_sign.'");
        } else {
            g_string_append_c(variables, is_control ? ' ' : *c);
        }
    }
    g_string_append(variables, "'; ");
}

void gw_figure_append_count(GString *variables, const char *name, uint32_t count)
{
    g_string_append_printf(variables, "%s=%u; ", name, count);
}

void gw_figure_append_time(GString *variables, const char *name, gw_time time_ns)
{
    g_string_append_printf(variables, "%s=%" G_GUINT64_FORMAT ".0; ", name, time_ns);
}

void gw_figure_append_unit(GString *variables, gw_span range_ns)
{
    static const struct {
        const char *name;
        uint64_t span_ns;
    } units[] = {{"s", 1000000000}, {"ms", 1000000}, {"µs", 1000}, {"ns", 1}};
    uint32_t i = 0;
    while (i + 1 < G_N_ELEMENTS(units) && range_ns < 2 * units[i].span_ns) {
        i++;
    }
    gw_figure_append_text(variables, "unit", units[i].name);
    gw_figure_append_time(variables, "unit_ns", units[i].span_ns);
}

/* Names of many jobs often differ in their ends alone. */
static char *shorten_title(const char *title, uint32_t length_max)
{
    g_autofree char *valid = g_utf8_make_valid(title, -1);
    const glong length = g_utf8_strlen(valid, -1);
    if (length <= (glong)length_max) {
        return g_steal_pointer(&valid);
    }
    const glong head_length = (length_max - 1) / 2;
    const glong tail_length = (glong)length_max - 1 - head_length;
    g_autofree char *head = g_utf8_substring(valid, 0, head_length);
    return g_strconcat(head, "…", g_utf8_offset_to_pointer(valid, length - tail_length), NULL);
}

static uint32_t measure_titles(const GPtrArray *titles)
{
    uint32_t longest = 1;
    for (uint32_t i = 0; i < titles->len; i++) {
        longest = MAX(longest, (uint32_t)g_utf8_strlen(titles->pdata[i], -1));
    }
    return longest;
}

static GPtrArray *shorten_titles(const char *const *titles, uint32_t count, uint32_t length_max)
{
    GPtrArray *shortened = g_ptr_array_new_with_free_func(g_free);
    for (uint32_t i = 0; i < count; i++) {
        g_ptr_array_add(shortened, shorten_title(titles[i], length_max));
    }
    return shortened;
}

static uint32_t count_key_columns(const GPtrArray *titles)
{
    return CLAMP(KEY_LENGTH / (measure_titles(titles) + KEY_SAMPLE), 1, MAX(titles->len, 1));
}

void gw_figure_append_titles(GString *variables, const char *const *titles, uint32_t count,
                             uint32_t row_count_max)
{
    g_autoptr(GPtrArray) whole = shorten_titles(titles, count, KEY_LENGTH - KEY_SAMPLE);
    g_autoptr(GPtrArray) half = shorten_titles(titles, count, KEY_LENGTH / 2 - KEY_SAMPLE);
    const bool has_room = count <= (uint64_t)count_key_columns(whole) * row_count_max;
    const GPtrArray *fitting = has_room ? whole : half;
    g_string_append_printf(variables, "array titles[%u]; ", MAX(count, 1));
    for (uint32_t i = 0; i < count; i++) {
        g_autofree char *name = g_strdup_printf("titles[%u]", i + 1);
        gw_figure_append_text(variables, name, fitting->pdata[i]);
    }
    gw_figure_append_count(variables, "title_count", count);
    gw_figure_append_count(variables, "key_columns", count_key_columns(fitting));
    gw_figure_append_count(variables, "key_letters", measure_titles(fitting));
}

/* --- Where scripts are --- */

/* NULL: nowhere.  The caller frees. */
static char *find_scripts(GError **error)
{
    const char *asked = g_getenv("GANGWAY_PLOTS"); /* Who asks for a folder gets no other. */
    g_autofree char *folder =
        asked != NULL ? g_canonicalize_filename(asked, NULL) : gw_data_folder("plots");
    g_autofree char *style = g_build_filename(folder, "style.gp", NULL);
    if (!g_file_test(style, G_FILE_TEST_IS_REGULAR)) {
        g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM,
                    "found no %s, expected gnuplot's scripts there (GANGWAY_PLOTS names another "
                    "folder)",
                    style);
        return NULL;
    }
    return g_steal_pointer(&folder);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **gw_figure_subjects(void)
{
    g_autofree char *scripts = find_scripts(NULL);
    g_autoptr(GDir) folder = scripts == NULL ? NULL : g_dir_open(scripts, 0, NULL);
    GPtrArray *subjects = g_ptr_array_new();
    const char *name;
    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
        if (name[0] != '.' && g_str_has_suffix(name, ".gp") && !g_str_equal(name, "style.gp")) {
            g_ptr_array_add(subjects, g_strndup(name, strlen(name) - 3));
        }
    }
    g_ptr_array_sort(subjects, compare_names);
    g_ptr_array_add(subjects, NULL);
    return (char **)g_ptr_array_free(subjects, FALSE);
}

static bool check_subject(const char *subject, GError **error)
{
    g_auto(GStrv) subjects = gw_figure_subjects();
    if (g_strv_contains((const char *const *)subjects, subject)) {
        return true;
    }
    g_autofree char *quoted = gw_error_quote(subject);
    g_autofree char *known = g_strjoinv(", ", subjects);
    g_autofree char *hint = gw_error_hint(subject, (const char *const *)subjects);
    g_set_error(error, GW_ERROR, GW_ERROR_USAGE, "found no figure %s, expected one of: %s%s",
                quoted, known, hint);
    return false;
}

static bool check_format(const char *name, GError **error)
{
    if (g_strv_contains(gw_figure_formats, name)) {
        return true;
    }
    g_autofree char *quoted = gw_error_quote(name);
    g_autofree char *known = g_strjoinv(", ", (char **)gw_figure_formats);
    g_autofree char *hint = gw_error_hint(name, gw_figure_formats);
    g_set_error(error, GW_ERROR, GW_ERROR_USAGE, "found the format %s, expected one of: %s%s",
                quoted, known, hint);
    return false;
}

static const char *find_ending(const char *format)
{
    uint32_t i = 0;
    while (!g_str_equal(gw_figure_formats[i], format)) {
        i++;
    }
    return format_endings[i];
}

/* --- What the run says of itself --- */

/* As names stand in CSV. */
static char *clean_name(const char *name)
{
    char *cleaned = g_strdup(name);
    for (char *c = cleaned; *c != '\0'; c++) {
        *c = (unsigned char)*c < 0x20 || *c == 0x7f ? ' ' : *c;
    }
    return cleaned;
}

static bool read_jobs(gw_params *jobs, gw_figure_run *run, GError **error)
{
    for (uint32_t i = 0; i < gw_params_length(jobs); i++) {
        const char *name;
        gw_params *job = gw_params_at(jobs, i);
        if (!gw_params_is_object(job)) {
            gw_params_error(job, NULL, error, "expected a job");
            return false;
        }
        if (!gw_params_string(job, "name", true, &name, error)) {
            return false;
        }
        g_ptr_array_add(run->job_names, clean_name(name));
    }
    return true;
}

static bool read_islands(gw_params *islands, gw_figure_run *run, GError **error)
{
    for (uint32_t i = 0; i < gw_params_length(islands); i++) {
        uint64_t count;
        gw_params *island = gw_params_at(islands, i);
        if (!gw_params_is_object(island)) {
            gw_params_error(island, NULL, error, "expected an island");
            return false;
        }
        if (!gw_params_count(island, "devices", true, 1, UINT32_MAX, &count, error)) {
            return false;
        }
        uint32_t device_count = (uint32_t)count;
        g_array_append_val(run->island_device_counts, device_count);
    }
    return true;
}

static bool read_run(const char *folder, gw_figure_run *run, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "summary.json", NULL);
    g_autoptr(gw_params) root = gw_params_load(path, error);
    gw_params *jobs, *islands;
    return root != NULL && gw_params_array(root, "jobs", true, &jobs, error) &&
           read_jobs(jobs, run, error) && gw_params_array(root, "islands", true, &islands, error) &&
           read_islands(islands, run, error);
}

static bool prepare_data(const char *folder, const char *subject, GString *variables,
                         GError **error)
{
    if (g_str_equal(subject, "compare")) {
        return gw_figure_prepare_compare(folder, variables, error); /* There is no one run. */
    }
    if (g_str_equal(subject, "validate")) {
        return gw_figure_prepare_validate(folder, variables, error);
    }
    for (uint32_t i = 0; i < G_N_ELEMENTS(figure_datas); i++) {
        if (!g_str_equal(figure_datas[i].subject, subject)) {
            continue;
        }
        g_autoptr(GPtrArray) job_names = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GArray) device_counts = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        gw_figure_run run = {.job_names = job_names, .island_device_counts = device_counts};
        return read_run(folder, &run, error) &&
               figure_datas[i].prepare(folder, &run, variables, error);
    }
    return true;
}

/* --- gnuplot --- */

static void set_absent_error(GError **error)
{
    g_set_error_literal(error, GW_ERROR, GW_ERROR_SYSTEM,
                        "gnuplot is not installed: apt-get install gnuplot-nox");
}

static void set_spawn_error(GError **error, const GError *failure)
{
    if (g_error_matches(failure, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT)) {
        set_absent_error(error);
    } else {
        g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM, "cannot run gnuplot: %s", failure->message);
    }
}

/* Of all that gnuplot wrote, the first line that names a script says most, or else the last. */
static void set_script_error(GError **error, const char *folder, const char *script,
                             const char *end, const char *complaints)
{
    g_auto(GStrv) lines = g_strsplit(complaints, "\n", -1);
    const char *told = "";
    for (uint32_t i = 0; lines[i] != NULL; i++) {
        if (told[0] != '"' && lines[i][0] != '\0') {
            told = lines[i];
        }
    }
    if (strstr(told, "Cannot find or open file") != NULL) {
        g_set_error(error, GW_ERROR, GW_ERROR_SCENARIO,
                    "%s: found not all that the figure shows: %s", folder, told);
    } else {
        g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM, "gnuplot failed on %s: %s%s%s", script, end,
                    told[0] == '\0' ? "" : ": ", told);
    }
}

static bool run_gnuplot(const char *folder, const char *scripts, const char *subject,
                        const char *variables, GError **error)
{
    g_autofree char *style = g_build_filename(scripts, "style.gp", NULL);
    g_autofree char *name = g_strconcat(subject, ".gp", NULL);
    g_autofree char *script = g_build_filename(scripts, name, NULL);
    g_autofree char *complaints = NULL;
    g_autoptr(GError) failure = NULL;
    int status;
    const char *const arguments[] = {"gnuplot", "-d", "-e", variables, style, script, NULL};
    if (!g_spawn_sync(folder, (char **)arguments, NULL,
                      G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
                      &complaints, &status, &failure)) {
        set_spawn_error(error, failure);
        return false;
    }
    if (!g_spawn_check_wait_status(status, &failure)) {
        set_script_error(error, folder, script, failure->message, complaints);
        return false;
    }
    return true;
}

/* Whether `ending` stands in the file's last TAIL_BYTES. */
static bool has_ending(const char *path, const char *ending)
{
    char tail[TAIL_BYTES];
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return false;
    }
    if (fseek(file, -TAIL_BYTES, SEEK_END) != 0) {
        rewind(file); /* It is shorter. */
    }
    size_t read_bytes = fread(tail, 1, TAIL_BYTES, file);
    size_t ending_bytes = strlen(ending);
    fclose(file);
    for (size_t i = 0; i + ending_bytes <= read_bytes; i++) {
        if (memcmp(tail + i, ending, ending_bytes) == 0) {
            return true;
        }
    }
    return false;
}

static bool draw_format(const char *folder, const char *scripts, const char *subject,
                        const char *format, const char *variables, GError **error)
{
    g_autofree char *name = g_strconcat(subject, ".", format, NULL);
    g_autoptr(gw_output) output = gw_output_open(folder, name, error);
    if (output == NULL) {
        return false;
    }
    g_autofree char *temporary = g_path_get_basename(gw_output_temporary_path(output));
    g_autoptr(GString) all = g_string_new("quote=\"'\"; at_sign=\"\\100\"; folder='.'; ");
    gw_figure_append_text(all, "format", format);
    gw_figure_append_text(all, "output", temporary);
    g_string_append(all, variables);
    if (!run_gnuplot(folder, scripts, subject, all->str, error)) {
        return false;
    }
    if (!has_ending(gw_output_temporary_path(output), find_ending(format))) {
        g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM,
                    "cannot write %s/%s: gnuplot left it incomplete; is the disk full?", folder,
                    name);
        return false;
    }
    return gw_output_commit(output, error);
}

bool gw_figure_can_draw(GError **error)
{
    g_autofree char *scripts = find_scripts(error);
    if (scripts == NULL) {
        return false;
    }
    g_autofree char *program = g_find_program_in_path("gnuplot");
    if (program == NULL) {
        set_absent_error(error);
    }
    return program != NULL;
}

bool gw_figure_draw(const char *folder, const char *subject, const char *const *formats,
                    GError **error)
{
    gw_check(folder != NULL && subject != NULL && formats != NULL);
    g_autofree char *scripts = find_scripts(error);
    if (scripts == NULL || !check_subject(subject, error)) {
        return false;
    }
    for (uint32_t i = 0; formats[i] != NULL; i++) {
        if (!check_format(formats[i], error)) {
            return false;
        }
    }
    g_autoptr(GString) variables = g_string_new(NULL);
    if (!prepare_data(folder, subject, variables, error)) {
        return false;
    }
    for (uint32_t i = 0; formats[i] != NULL; i++) {
        if (!draw_format(folder, scripts, subject, formats[i], variables->str, error)) {
            return false;
        }
    }
    return true;
}

static void remove_file(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_unlink(path);
}

void gw_figure_remove_run(const char *folder)
{
    for (uint32_t i = 0; i < G_N_ELEMENTS(figure_datas); i++) {
        remove_file(folder, figure_datas[i].data_name);
        for (uint32_t k = 0; gw_figure_formats[k] != NULL; k++) {
            g_autofree char *name =
                g_strconcat(figure_datas[i].subject, ".", gw_figure_formats[k], NULL);
            remove_file(folder, name);
        }
    }
}
