/* SPDX-License-Identifier: Apache-2.0 */
/* GModule opens the object with all its symbols bound at once, so that a missing one is an error
 * here and not the end of a run, and by itself, so that plugins cannot see each other.  Of a table
 * the ABI is looked at first: the rest may mean anything as long as that differs. */
#include "scenario/plugin.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <gmodule.h>
#include <link.h>
#include <string.h>

#include "base/error.h"
#include "controller/dispatch_policy.h"
#include "controller/placement.h"
#include "controller/policy.h"

#define FILE_SUFFIX ".so"

static const gw_plugin_member policy_members[] = {
    {"create", offsetof(gw_policy_ops, create)}, {"destroy", offsetof(gw_policy_ops, destroy)},
    {"offer", offsetof(gw_policy_ops, offer)},   {"pick", offsetof(gw_policy_ops, pick)},
    {"take", offsetof(gw_policy_ops, take)},     {NULL, 0},
};

/* Whoever has one of them is asked for all. */
static const gw_plugin_member policy_together[] = {
    {"hold", offsetof(gw_policy_ops, hold)},
    {"release", offsetof(gw_policy_ops, release)},
    {"withdraw", offsetof(gw_policy_ops, withdraw)},
    {NULL, 0},
};

const gw_plugin_kind gw_plugin_policy = {
    .noun = "policy",
    .symbol = "gw_policy_plugin",
    .abi = GW_POLICY_ABI,
    .size_bytes = sizeof(gw_policy_ops),
    .first_size_bytes = GW_POLICY_OPS_FIRST_BYTES,
    .members = policy_members,
    .together = policy_together,
};

static const gw_plugin_member placement_members[] = {
    {"create", offsetof(gw_placement_ops, create)},
    {"destroy", offsetof(gw_placement_ops, destroy)},
    {"place", offsetof(gw_placement_ops, place)},
    {NULL, 0},
};

const gw_plugin_kind gw_plugin_placement = {
    .noun = "placement policy",
    .symbol = "gw_placement_plugin",
    .abi = GW_PLACEMENT_ABI,
    .size_bytes = sizeof(gw_placement_ops),
    .members = placement_members,
};

static const gw_plugin_member dispatch_members[] = {
    {"create", offsetof(gw_dispatch_policy_ops, create)},
    {"destroy", offsetof(gw_dispatch_policy_ops, destroy)},
    {"step", offsetof(gw_dispatch_policy_ops, step)},
    {NULL, 0},
};

const gw_plugin_kind gw_plugin_dispatch = {
    .noun = "dispatch policy",
    .symbol = "gw_dispatch_plugin",
    .abi = GW_DISPATCH_ABI,
    .size_bytes = sizeof(gw_dispatch_policy_ops),
    .members = dispatch_members,
};

#define BEGINS_AS_ALL_DO(ops)                                                                      \
    (offsetof(ops, abi) == offsetof(gw_plugin_head, abi) &&                                        \
     offsetof(ops, size_bytes) == offsetof(gw_plugin_head, size_bytes) &&                          \
     offsetof(ops, name) == offsetof(gw_plugin_head, name) &&                                      \
     offsetof(ops, summary) == offsetof(gw_plugin_head, summary))
_Static_assert(BEGINS_AS_ALL_DO(gw_policy_ops), "a policy's table begins as all tables do");
_Static_assert(BEGINS_AS_ALL_DO(gw_placement_ops), "so does a placement policy's,");
_Static_assert(BEGINS_AS_ALL_DO(gw_dispatch_policy_ops), "and a dispatch policy's");

bool gw_plugin_is_path(const char *name)
{
    return strchr(name, '/') != NULL || g_str_has_suffix(name, FILE_SUFFIX);
}

/* Where the name of a plugin stands, for messages. */
typedef struct {
    const gw_plugin_kind *kind;
    const gw_params *object;
    const char *key, *name;
    const char *path; /* The file's, in full; */
    const char *line; /* the same, fit for a message. */
} plugin_place;

/* "found "./a.so" FOUND, expected EXPECTED" */
static void refuse(const plugin_place *place, const char *found, const char *expected,
                   GError **error)
{
    g_autofree char *quoted = gw_error_quote(place->name);
    gw_params_error(place->object, place->key, error, "found %s%s, expected %s", quoted, found,
                    expected);
}

/* --- The file --- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The plugin in the same folder that was meant, perhaps, or nothing (gw_error_hint). */
static char *hint_at_file(const plugin_place *place)
{
    g_autofree char *folder = g_path_get_dirname(place->path);
    g_autofree char *base = g_path_get_basename(place->path);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *file;
    while (dir != NULL && (file = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, file, NULL);
        if (g_str_has_suffix(file, FILE_SUFFIX) && strcmp(file, base) != 0 &&
            g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
            g_ptr_array_add(names, g_strdup(file));
        }
    }
    g_ptr_array_sort(names, compare_names); /* A folder's own order depends on its disk. */
    g_ptr_array_add(names, NULL);
    return gw_error_hint(base, (const char *const *)names->pdata);
}

/* Why there is no regular file at `path`.  The caller frees. */
static char *describe_absence(const char *path)
{
    GStatBuf found;
    const int reason = g_stat(path, &found) == 0 ? 0 : errno;
    if (reason == 0) {
        return g_strdup("is no regular file");
    }
    if (reason == ELOOP) {
        return g_strdup("is a link that leads back to itself");
    }
    if (reason != ENOENT && reason != ENOTDIR) {
        return g_strdup_printf("cannot be looked at: %s", g_strerror(reason));
    }
    const bool is_link = g_lstat(path, &found) == 0;
    return g_strdup(is_link ? "is a link to what does not exist" : "does not exist");
}

static void refuse_absent(const plugin_place *place, GError **error)
{
    g_autofree char *reason = describe_absence(place->path);
    g_autofree char *hint = hint_at_file(place);
    g_autofree char *expected = g_strdup_printf("a %s's shared object (%s %s)%s", place->kind->noun,
                                                place->line, reason, hint);
    refuse(place, "", expected, error);
}

static void refuse_unopened(const plugin_place *place, const char *failure, GError **error)
{
    g_autofree char *words = gw_error_line(failure);
    g_autofree char *expected =
        g_strdup_printf("a %s's shared object that can be loaded (%s)", place->kind->noun, words);
    refuse(place, "", expected, error);
}

/* This program's own header: the linker's name for it. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

/* False: no object that this machine's words are for. */
static bool read_head(const char *content, size_t size_bytes, ElfW(Ehdr) * out_head)
{
    if (size_bytes < sizeof *out_head) {
        return false;
    }
    memcpy(out_head, content, sizeof *out_head);
    return memcmp(out_head->e_ident, ELFMAG, SELFMAG) == 0 &&
           out_head->e_ident[EI_CLASS] == __ehdr_start.e_ident[EI_CLASS] &&
           out_head->e_ident[EI_DATA] == __ehdr_start.e_ident[EI_DATA];
}

/* False: the file ends before what its headers promise, as a copy does that was cut short.  To
 * open such a one ends the program with SIGBUS. */
static bool is_whole(const ElfW(Ehdr) head, const char *content, size_t size_bytes)
{
    ElfW(Phdr) segment;
    if (head.e_phentsize != sizeof segment) {
        return true; /* The loader has words for that. */
    }
    if (head.e_phoff > size_bytes || head.e_phnum > (size_bytes - head.e_phoff) / sizeof segment) {
        return false;
    }
    for (uint32_t i = 0; i < head.e_phnum; i++) {
        memcpy(&segment, content + head.e_phoff + i * sizeof segment, sizeof segment);
        if (segment.p_type == PT_LOAD &&
            (segment.p_offset > size_bytes || segment.p_filesz > size_bytes - segment.p_offset)) {
            return false;
        }
    }
    return true;
}

static bool check_file(const plugin_place *place, GError **error)
{
    if (!g_file_test(place->path, G_FILE_TEST_IS_REGULAR)) {
        refuse_absent(place, error);
        return false;
    }
    g_autoptr(GError) failure = NULL;
    g_autofree char *content = NULL;
    gsize size_bytes = 0;
    if (!g_file_get_contents(place->path, &content, &size_bytes, &failure)) {
        refuse_unopened(place, failure->message, error);
        return false;
    }
    ElfW(Ehdr) head;
    if (!read_head(content, size_bytes, &head)) {
        return true; /* The loader has words for that. */
    }
    g_autofree char *words = NULL;
    if (head.e_machine != __ehdr_start.e_machine) { /* "No such file", says the loader. */
        words = g_strdup_printf("%s: built for processors of ELF machine %u, expected %u",
                                place->path, head.e_machine, __ehdr_start.e_machine);
    } else if (!is_whole(head, content, size_bytes)) {
        words = g_strdup_printf("%s: cut short, its headers promise more than %zu bytes",
                                place->path, size_bytes);
    }
    if (words != NULL) {
        refuse_unopened(place, words, error);
    }
    return words == NULL;
}

static GModule *open_object(const plugin_place *place, GError **error)
{
    if (!check_file(place, error)) {
        return NULL;
    }
    g_autoptr(GError) failure = NULL;
    GModule *module = g_module_open_full(place->path, G_MODULE_BIND_LOCAL, &failure);
    if (module == NULL) {
        refuse_unopened(place, failure->message, error);
        return NULL;
    }
    g_module_make_resident(module);
    return module;
}

/* --- The table --- */

static bool check_version(const plugin_place *place, const gw_plugin_head *head, GError **error)
{
    const gw_plugin_kind *kind = place->kind;
    if (head->abi != kind->abi) {
        g_autofree char *found = g_strdup_printf(", built for ABI %u", head->abi);
        g_autofree char *expected = g_strdup_printf(
            "ABI %u of %s: build it again with this gangway's headers", kind->abi, kind->symbol);
        refuse(place, found, expected, error);
        return false;
    }
    const bool is_first = kind->first_size_bytes > 0 && head->size_bytes == kind->first_size_bytes;
    if (head->size_bytes != kind->size_bytes && !is_first) {
        g_autofree char *found = g_strdup_printf(", a table of %u bytes", head->size_bytes);
        g_autofree char *expected =
            g_strdup_printf("%u bytes in %s: build it again with this gangway's headers",
                            kind->size_bytes, kind->symbol);
        refuse(place, found, expected, error);
        return false;
    }
    return true;
}

static bool has_member(const gw_plugin_head *head, const gw_plugin_member *member)
{
    void (*function)(void);
    memcpy(&function, (const char *)head + member->offset_bytes, sizeof function);
    return function != NULL;
}

static const char *find_missing(const gw_plugin_kind *kind, const gw_plugin_head *head)
{
    if (head->name == NULL || *head->name == '\0') {
        return "name";
    }
    if (head->summary == NULL) {
        return "summary";
    }
    for (const gw_plugin_member *member = kind->members; member->name != NULL; member++) {
        if (!has_member(head, member)) {
            return member->name;
        }
    }
    return NULL;
}

/* "create, destroy" */
static char *list_members(const gw_plugin_member *members)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (const gw_plugin_member *member = members; member->name != NULL; member++) {
        g_ptr_array_add(names, (void *)member->name);
    }
    g_ptr_array_add(names, NULL);
    return g_strjoinv(", ", (char **)names->pdata);
}

/* Of a table that has room for them: all of those that belong together, or none. */
static bool check_together(const plugin_place *place, const gw_plugin_head *head, GError **error)
{
    const gw_plugin_kind *kind = place->kind;
    const char *here = NULL, *missing = NULL;
    if (kind->together == NULL || head->size_bytes != kind->size_bytes) {
        return true;
    }
    for (const gw_plugin_member *member = kind->together; member->name != NULL; member++) {
        *(has_member(head, member) ? &here : &missing) = member->name;
    }
    if (here == NULL || missing == NULL) {
        return true;
    }
    g_autofree char *list = list_members(kind->together);
    g_autofree char *found = g_strdup_printf(" with \"%s\" and without \"%s\"", here, missing);
    g_autofree char *expected =
        g_strdup_printf("a table %s with all of %s, or none of them", kind->symbol, list);
    refuse(place, found, expected, error);
    return false;
}

/* It stands in messages. */
static bool check_name(const plugin_place *place, const gw_plugin_head *head, GError **error)
{
    g_autofree char *line = gw_error_line(head->name);
    if (strcmp(line, head->name) == 0) {
        return true;
    }
    g_autofree char *quoted = gw_error_quote(head->name);
    g_autofree char *found = g_strdup_printf(" with the name %s", quoted);
    refuse(place, found, "one that can be printed, without spaces around it", error);
    return false;
}

static bool check_members(const plugin_place *place, const gw_plugin_head *head, GError **error)
{
    const char *missing = find_missing(place->kind, head);
    if (missing == NULL) {
        return check_name(place, head, error) && check_together(place, head, error);
    }
    g_autofree char *needed = list_members(place->kind->members);
    g_autofree char *found = g_strdup_printf(" without \"%s\"", missing);
    g_autofree char *expected =
        g_strdup_printf("a table %s with name, summary, %s", place->kind->symbol, needed);
    refuse(place, found, expected, error);
    return false;
}

static const gw_plugin_head *find_table(const plugin_place *place, GModule *module, GError **error)
{
    void *symbol = NULL;
    if (!g_module_symbol(module, place->kind->symbol, &symbol) || symbol == NULL) {
        g_autofree char *found = g_strdup_printf(" without the symbol %s", place->kind->symbol);
        g_autofree char *expected =
            g_strdup_printf("a %s's shared object, which defines it", place->kind->noun);
        refuse(place, found, expected, error);
        return NULL;
    }
    return symbol;
}

const void *gw_plugin_load(const gw_plugin_kind *kind, const char *scenario_path,
                           const gw_params *object, const char *key, const char *name,
                           char **out_path, GError **error)
{
    g_autofree char *relative = g_path_get_dirname(scenario_path);
    g_autofree char *folder = g_canonicalize_filename(relative, NULL);
    g_autofree char *path = g_canonicalize_filename(name, folder);
    g_autofree char *line = gw_error_line(path);
    const plugin_place place = {kind, object, key, name, path, line};
    GModule *module = open_object(&place, error);
    const gw_plugin_head *head = module != NULL ? find_table(&place, module, error) : NULL;
    if (head == NULL || !check_version(&place, head, error) ||
        !check_members(&place, head, error)) {
        return NULL;
    }
    *out_path = g_steal_pointer(&path);
    return head;
}
