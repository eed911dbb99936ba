/* SPDX-License-Identifier: Apache-2.0 */
/* What a host keeps of a long program: the tables of its own meshes, and pieces once for all
 * transfers that are alike. */

#include "run_suite.h"
#include "test_lower.h"

/* Three meshes of two devices, `count` nodes on each, which send to the right: 4 rows or, every
 * other time, 6 from the first, and 4 from the second. */
static gw_program *make_row(uint32_t count)
{
    gw_builder *builder = gw_builder_new("row");
    uint32_t meshes[3];
    for (uint32_t m = 0; m < 3; m++) {
        meshes[m] = small_mesh(builder, 2);
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t a = small_node(builder, "a", meshes[0], i % 2 == 0 ? "> s4" : "> s6");
        const uint32_t b = small_node(builder, "b", meshes[1], i % 2 == 0 ? "s4 > s4" : "s6 > s4");
        const uint32_t c = small_node(builder, "c", meshes[2], "s4 >");
        gw_builder_add_edge(builder, a, 0, b, 0);
        gw_builder_add_edge(builder, b, 0, c, 0);
    }
    return small_finish(builder);
}

/* Two pieces of `size_bytes`, from devices 2 * host + (0, 1) to those of the next host. */
static void check_pieces(const bench *made, uint32_t host, uint32_t transfer, uint32_t size_bytes)
{
    const gw_lowered_part part = gw_lowered_pieces(made->hosts[host], made->plan, transfer);
    ck_assert_uint_eq(part.count, 2);
    for (uint32_t p = 0; p < 2; p++) {
        const gw_piece *piece = &g_array_index(made->hosts[host]->pieces, gw_piece, part.first + p);
        ck_assert_uint_eq(piece->source_device, 2 * host + p);
        ck_assert_uint_eq(piece->target_device, 2 * host + 2 + p);
        ck_assert_uint_eq(piece->size_bytes, size_bytes);
    }
}

/* Its one source is the host before; a copy for each device, in every run. */
static void check_arrivals(const bench *made, uint32_t host, uint32_t transfer, uint32_t node)
{
    const gw_lowered *lowered = made->hosts[host];
    const gw_lowered_part part = gw_lowered_sources(lowered, made->plan, transfer);
    ck_assert_uint_eq(part.count, 1);
    ck_assert_uint_eq(g_array_index(lowered->source_hosts, uint32_t, part.first), host - 1);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(gw_lowered_arrivals(lowered, made->plan, node, i < 2)[i % 2], 1);
    }
}

START_TEST(transfers_that_are_alike_have_the_same_pieces)
{
    const uint32_t count = 6;
    bench made;
    init_bench(&made, make_row(count), 3, 2, (const uint32_t[]){0, 1, 2, 3, 4, 5});
    ck_assert_uint_eq(made.hosts[0]->pieces->len, 2 + 2);
    ck_assert_uint_eq(made.hosts[1]->pieces->len, 2);
    ck_assert_uint_eq(made.hosts[2]->pieces->len, 0);
    for (uint32_t i = 0; i < count; i++) {
        check_pieces(&made, 0, 4 * i, (i % 2 == 0 ? 4 : 6) * SMALL_ROW_BYTES);
        check_pieces(&made, 1, 4 * i + 2, 4 * SMALL_ROW_BYTES);
        check_arrivals(&made, 1, 4 * i, 3 * i + 1);
        check_arrivals(&made, 2, 4 * i + 2, 3 * i + 2);
    }
    clear_bench(&made);
}
END_TEST

START_TEST(what_lies_elsewhere_is_nothing)
{
    const uint32_t count = 3;
    bench made;
    init_bench(&made, make_row(count), 3, 2, (const uint32_t[]){0, 1, 2, 3, 4, 5});
    for (uint32_t t = 0; t < made.plan->transfer_count; t++) {
        const bool is_first = t % 4 == 0, is_second = t % 4 == 2;
        for (uint32_t h = 0; h < 3; h++) {
            ck_assert_uint_eq(gw_lowered_pieces(made.hosts[h], made.plan, t).count,
                              (is_first && h == 0) || (is_second && h == 1) ? 2 : 0);
            ck_assert_uint_eq(gw_lowered_sources(made.hosts[h], made.plan, t).count,
                              (is_first && h == 1) || (is_second && h == 2) ? 1 : 0);
        }
    }
    for (uint32_t n = 0; n < made.plan->node_count; n++) {
        for (uint32_t h = 0; h < 3; h++) {
            const bool arrives = n % 3 == h && h > 0;
            ck_assert_int_eq(gw_lowered_arrivals(made.hosts[h], made.plan, n, true) != NULL,
                             arrives);
        }
    }
    clear_bench(&made);
}
END_TEST

START_TEST(a_host_has_slots_of_its_meshes)
{
    const uint32_t count = 4; /* An output a node, but for the last; what arrives, but the first. */
    bench made;
    init_bench(&made, make_row(count), 4, 2, (const uint32_t[]){0, 1, 2, 3, 1, 5});
    const gw_slots wide = gw_lowered_slots(made.hosts[0], made.plan);
    const gw_slots middle = gw_lowered_slots(made.hosts[1], made.plan);
    const gw_slots last = gw_lowered_slots(made.hosts[2], made.plan);
    const gw_slots none = gw_lowered_slots(made.hosts[3], made.plan);
    ck_assert_uint_eq(wide.first, 0); /* The first mesh and the third, and so that between them. */
    ck_assert_uint_eq(wide.count, made.plan->slot_count);
    ck_assert_uint_eq(middle.first, count);
    ck_assert_uint_eq(middle.count, 2 * count);
    ck_assert_uint_eq(last.first, 3 * count);
    ck_assert_uint_eq(last.count, count);
    ck_assert_uint_eq(none.count, 0);
    ck_assert_uint_eq(made.hosts[0]->gangs_per_run, 2 * count);
    ck_assert_uint_eq(made.hosts[3]->gangs_per_run, 0);
    clear_bench(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lower_hosts");
    TCase *cases = tcase_create("hosts");
    tcase_add_test(cases, transfers_that_are_alike_have_the_same_pieces);
    tcase_add_test(cases, what_lies_elsewhere_is_nothing);
    tcase_add_test(cases, a_host_has_slots_of_its_meshes);
    suite_add_tcase(suite, cases);
    return gw_run_suite(suite);
}
