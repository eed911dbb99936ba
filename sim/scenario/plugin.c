/* SPDX-License-Identifier: Apache-2.0 */
/* GModule opens the object with all its symbols bound at once, so that a missing one is an error
 * here and not the end of a run, and by itself, so that plugins cannot see each other.  Of a table
 * the ABI is looked at first: the rest may mean anything as long as that differs. */
#include "scenario/plugin.h"

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

const gw_plugin_kind gw_plugin_policy = {
    .noun = "policy",
    .symbol = "gw_policy_plugin",
    .abi = GW_POLICY_ABI,
    .size_bytes = sizeof(gw_policy_ops),
    .first_size_bytes = GW_POLICY_OPS_FIRST_BYTES,
    .members = policy_members,
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
    const char *path; /* The file's, in full. */
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
        if (g_str_has_suffix(file, FILE_SUFFIX)) {
            g_ptr_array_add(names, g_strdup(file));
        }
    }
    g_ptr_array_sort(names, compare_names); /* A folder's own order depends on its disk. */
    g_ptr_array_add(names, NULL);
    return gw_error_hint(base, (const char *const *)names->pdata);
}

static void refuse_absent(const plugin_place *place, GError **error)
{
    g_autofree char *hint = hint_at_file(place);
    g_autofree char *expected = g_strdup_printf(
        "a %s's shared object (%s %s)%s", place->kind->noun, place->path,
        g_file_test(place->path, G_FILE_TEST_EXISTS) ? "is no regular file" : "does not exist",
        hint);
    refuse(place, "", expected, error);
}

static void refuse_unopened(const plugin_place *place, const char *failure, GError **error)
{
    g_autofree char *words = g_strdelimit(g_strdup(failure), "\n", ' ');
    g_autofree char *expected = g_strdup_printf("a %s's shared object that can be loaded (%s)",
                                                place->kind->noun, g_strstrip(words));
    refuse(place, "", expected, error);
}

/* False: the file ends before what its headers promise, as a copy does that was cut short.  To
 * open such a one ends the program with SIGBUS.  What is no object of this machine passes: the
 * loader has words for that. */
static bool is_whole(const char *content, size_t size_bytes)
{
    ElfW(Ehdr) head;
    ElfW(Phdr) segment;
    if (size_bytes < sizeof head) {
        return true;
    }
    memcpy(&head, content, sizeof head);
    const int own_class = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != own_class ||
        head.e_phentsize != sizeof segment) {
        return true;
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
    if (!is_whole(content, size_bytes)) {
        g_autofree char *words = g_strdup_printf("%s: cut short, its headers promise more than %zu "
                                                 "bytes",
                                                 place->path, size_bytes);
        refuse_unopened(place, words, error);
        return false;
    }
    return true;
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

static const char *find_missing(const gw_plugin_kind *kind, const gw_plugin_head *head)
{
    if (head->name == NULL || *head->name == '\0') {
        return "name";
    }
    if (head->summary == NULL) {
        return "summary";
    }
    for (const gw_plugin_member *member = kind->members; member->name != NULL; member++) {
        void (*function)(void);
        memcpy(&function, (const char *)head + member->offset_bytes, sizeof function);
        if (function == NULL) {
            return member->name;
        }
    }
    return NULL;
}

static bool check_members(const plugin_place *place, const gw_plugin_head *head, GError **error)
{
    const char *missing = find_missing(place->kind, head);
    if (missing == NULL) {
        return true;
    }
    GString *needed = g_string_new("name, summary");
    for (const gw_plugin_member *member = place->kind->members; member->name != NULL; member++) {
        g_string_append_printf(needed, ", %s", member->name);
    }
    g_autofree char *found = g_strdup_printf(" without \"%s\"", missing);
    g_autofree char *expected =
        g_strdup_printf("a table %s with %s", place->kind->symbol, needed->str);
    g_string_free(needed, TRUE);
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
    const plugin_place place = {kind, object, key, name, path};
    GModule *module = open_object(&place, error);
    const gw_plugin_head *head = module != NULL ? find_table(&place, module, error) : NULL;
    if (head == NULL || !check_version(&place, head, error) ||
        !check_members(&place, head, error)) {
        return NULL;
    }
    *out_path = g_steal_pointer(&path);
    return head;
}
