/* SPDX-License-Identifier: Apache-2.0 */
/* Ticks are those of setitimer(ITIMER_PROF), 100 to 1000 a second: the kernel's own. */
#define _GNU_SOURCE 1 /* dl_iterate_phdr(), and registers by name. */
#include "tests/bench/bench_where.h"

#include <elf.h>
#include <link.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <ucontext.h>

#include "base/check.h"
#include "base/error.h"

#define TICKS_MAX 262144 /* Minutes at 1000 a second; what comes later is not counted. */
#define TICK_US   1000

const char *const gw_where_names[GW_WHERE_COUNT] = {
    [GW_WHERE_CLIENT] = "client",       [GW_WHERE_RESOURCES] = "resources",
    [GW_WHERE_SCHEDULER] = "scheduler", [GW_WHERE_EXECUTOR] = "executor",
    [GW_WHERE_STORE] = "store",         [GW_WHERE_MESSAGES] = "messages",
    [GW_WHERE_DEVICES] = "devices",     [GW_WHERE_LIBRARIES] = "libraries",
    [GW_WHERE_OTHER] = "other",
};

/* --- Parts --- */

/* The longest that is the beginning of a file's name, or of a function's after gw_, decides. */
static const struct {
    const char *stem;
    gw_where part;
} stems[] = {
    {"client", GW_WHERE_CLIENT},
    {"fetch", GW_WHERE_CLIENT},
    {"progress", GW_WHERE_CLIENT},
    {"decide", GW_WHERE_CLIENT},
    {"deciders", GW_WHERE_CLIENT},
    {"decisions", GW_WHERE_CLIENT},
    {"resources", GW_WHERE_RESOURCES},
    {"placement", GW_WHERE_RESOURCES},
    {"placer", GW_WHERE_RESOURCES},
    {"job_place", GW_WHERE_RESOURCES},
    {"embedding", GW_WHERE_RESOURCES},
    {"lower", GW_WHERE_RESOURCES},
    {"plan", GW_WHERE_RESOURCES},
    {"lease", GW_WHERE_RESOURCES},
    {"collect", GW_WHERE_RESOURCES},
    {"mesh_hosts", GW_WHERE_RESOURCES},
    {"schedule", GW_WHERE_SCHEDULER},
    {"policy", GW_WHERE_SCHEDULER},
    {"policies", GW_WHERE_SCHEDULER},
    {"gate", GW_WHERE_SCHEDULER},
    {"offer_heap", GW_WHERE_SCHEDULER},
    {"offer_groups", GW_WHERE_SCHEDULER},
    {"heap_policy", GW_WHERE_SCHEDULER},
    {"dispatch", GW_WHERE_SCHEDULER},
    {"executor", GW_WHERE_EXECUTOR},
    {"host_instance", GW_WHERE_EXECUTOR},
    {"exchange", GW_WHERE_EXECUTOR},
    {"store", GW_WHERE_STORE},
    {"block", GW_WHERE_STORE},
    {"room", GW_WHERE_STORE},
    {"budget", GW_WHERE_STORE},
    {"spill", GW_WHERE_STORE},
    {"inbox", GW_WHERE_MESSAGES},
    {"relay", GW_WHERE_MESSAGES},
    {"controller", GW_WHERE_MESSAGES},
    {"message", GW_WHERE_MESSAGES},
    {"real_run", GW_WHERE_MESSAGES},
    {"null", GW_WHERE_DEVICES},
    {"timers", GW_WHERE_DEVICES},
    {"ledger", GW_WHERE_DEVICES},
    {"loaded", GW_WHERE_DEVICES},
    {"lookup", GW_WHERE_DEVICES},
};

gw_where gw_where_of(const char *file, const char *symbol)
{
    const char *name = file != NULL ? file : symbol;
    if (file == NULL && g_str_has_prefix(symbol, "gw_"))
        name = symbol + strlen("gw_");
    gw_where part = GW_WHERE_OTHER;
    size_t longest = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(stems); i++) {
        const size_t length = strlen(stems[i].stem);
        if (length > longest && strncmp(name, stems[i].stem, length) == 0) {
            longest = length;
            part = stems[i].part;
        }
    }
    return part;
}

/* --- Functions of the program --- */

typedef struct {
    uintptr_t begin, end;
    gw_where part;
} function_range;

static int compare_ranges(const void *a, const void *b)
{
    const uintptr_t one = ((const function_range *)a)->begin;
    const uintptr_t other = ((const function_range *)b)->begin;
    return (one > other) - (one < other);
}

/* Where the program lies: the first object that the loader lists is the program. */
static int take_base(struct dl_phdr_info *info, size_t size, void *out_base)
{
    (void)size;
    *(uintptr_t *)out_base = info->dlpi_addr;
    return 1;
}

static void list_functions(const char *image, const ElfW(Shdr) * table, const char *names,
                           GArray *ranges)
{
    uintptr_t base = 0;
    const char *file = NULL; /* Local symbols follow the name of their file. */
    dl_iterate_phdr(take_base, &base);
    for (size_t i = 0; i < table->sh_size / sizeof(ElfW(Sym)); i++) {
        ElfW(Sym) symbol;
        memcpy(&symbol, image + table->sh_offset + i * sizeof symbol, sizeof symbol);
        const unsigned kind = ELF64_ST_TYPE(symbol.st_info); /* The same bits in 32. */
        const bool is_local = ELF64_ST_BIND(symbol.st_info) == STB_LOCAL;
        if (kind == STT_FILE)
            file = names + symbol.st_name;
        if (kind != STT_FUNC || symbol.st_size == 0)
            continue;
        const function_range one = {base + symbol.st_value, base + symbol.st_value + symbol.st_size,
                                    gw_where_of(is_local ? file : NULL, names + symbol.st_name)};
        g_array_append_val(ranges, one);
    }
    g_array_sort(ranges, compare_ranges);
}

/* NULL: the program has been stripped. */
static GArray *read_functions(GError **error)
{
    g_autoptr(GMappedFile) program = g_mapped_file_new("/proc/self/exe", FALSE, error);
    if (program == NULL)
        return NULL;
    const char *image = g_mapped_file_get_contents(program);
    const ElfW(Ehdr) *header = (const void *)image;
    const ElfW(Shdr) *sections = (const void *)(image + header->e_shoff);
    for (unsigned i = 0; i < header->e_shnum; i++) {
        if (sections[i].sh_type != SHT_SYMTAB)
            continue;
        GArray *ranges = g_array_new(FALSE, FALSE, sizeof(function_range));
        list_functions(image, &sections[i], image + sections[sections[i].sh_link].sh_offset,
                       ranges);
        return ranges;
    }
    g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM,
                "this program has no symbols, expected one that is not stripped");
    return NULL;
}

static gw_where find_part(const GArray *ranges, uintptr_t place)
{
    guint low = 0, high = ranges->len;
    while (low < high) {
        const guint middle = low + (high - low) / 2;
        const function_range *one = &g_array_index(ranges, function_range, middle);
        if (place >= one->begin && place < one->end)
            return one->part;
        if (place < one->begin)
            high = middle;
        else
            low = middle + 1;
    }
    return GW_WHERE_LIBRARIES;
}

/* --- Sampling --- */

struct gw_where_sampler {
    GArray *ranges;
    uintptr_t *places;
    struct sigaction before;
};

/* A signal's handler has no other way to its data. */
static uintptr_t *volatile sampled_places;
static volatile sig_atomic_t sampled_count;

static void take_sample(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)info;
    const ucontext_t *machine = context;
    const int count = sampled_count;
    if (sampled_places == NULL || count >= TICKS_MAX)
        return;
#if defined(__x86_64__)
    sampled_places[count] = (uintptr_t)machine->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    sampled_places[count] = (uintptr_t)machine->uc_mcontext.pc;
#else
    (void)machine;
#endif
    sampled_count = count + 1;
}

static void set_timer(long tick_us)
{
    const struct itimerval timer = {{0, tick_us}, {0, tick_us}};
    gw_check(setitimer(ITIMER_PROF, &timer, NULL) == 0);
}

gw_where_sampler *gw_where_begin(GError **error)
{
#if !defined(__x86_64__) && !defined(__aarch64__)
    g_set_error(error, GW_ERROR, GW_ERROR_SYSTEM,
                "sampling is not known on this kind of processor, expected x86-64 or aarch64");
    return NULL;
#endif
    GArray *ranges = read_functions(error);
    if (ranges == NULL)
        return NULL;
    gw_where_sampler *sampler = g_new0(gw_where_sampler, 1);
    sampler->ranges = ranges;
    sampler->places = g_new0(uintptr_t, TICKS_MAX);
    sampled_places = sampler->places;
    sampled_count = 0;
    struct sigaction action = {.sa_sigaction = take_sample, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigemptyset(&action.sa_mask);
    gw_check(sigaction(SIGPROF, &action, &sampler->before) == 0);
    set_timer(TICK_US);
    return sampler;
}

void gw_where_end(gw_where_sampler *sampler, uint64_t out_ticks[GW_WHERE_COUNT])
{
    set_timer(0);
    sigaction(SIGPROF, &sampler->before, NULL);
    sampled_places = NULL;
    memset(out_ticks, 0, GW_WHERE_COUNT * sizeof *out_ticks);
    for (int i = 0; i < sampled_count; i++)
        out_ticks[find_part(sampler->ranges, sampler->places[i])]++;
    g_array_unref(sampler->ranges);
    g_free(sampler->places);
    g_free(sampler);
}
