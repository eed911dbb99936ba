/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of the text are as wide as they have to be; words that are too long for one get a line
 * of their own below the row, so that a table stays one that a terminal can show. */
#include "app/claim_table.h"

#include <math.h>

#include "app/claim.h"
#include "record/text.h"

#define WORDS_MAX 22 /* Letters of a published statement, or of ours, inside the row. */

static const gw_claim_row *row_at(const GPtrArray *rows, guint place)
{
    return (const gw_claim_row *)rows->pdata[place];
}

guint gw_claim_table_missed(const GPtrArray *rows)
{
    guint count = 0;
    for (guint i = 0; i < rows->len; i++)
        count += row_at(rows, i)->holds ? 0 : 1;
    return count;
}

/* --- For people --- */

static char *format_share(double share)
{
    if (isnan(share))
        return g_strdup("-");
    char digits[G_ASCII_DTOSTR_BUF_SIZE];
    double percent = 100 * share;
    g_ascii_formatd(digits, sizeof digits, "%.1f", fabs(percent) < 0.05 ? 0 : percent);
    return g_strconcat(digits, " %", NULL);
}

static glong width_of(const GPtrArray *rows)
{
    glong width = 0;
    for (guint i = 0; i < rows->len; i++)
        width = MAX(width, g_utf8_strlen(row_at(rows, i)->item, -1));
    return width;
}

static void append_padded(GString *text, const char *words, glong width)
{
    g_string_append(text, words);
    for (glong i = g_utf8_strlen(words, -1); i < width; i++)
        g_string_append_c(text, ' ');
}

/* A statement that is kept has no distance to anything, nor an allowance for it. */
static void append_row(GString *text, const gw_claim_row *row, glong item_width)
{
    const bool is_kept = isnan(row->published_value) && row->error == 0;
    g_autofree char *error = format_share(is_kept ? NAN : row->error);
    g_autofree char *tolerance =
        format_share(is_kept && row->tolerance == 0 ? NAN : row->tolerance);
    bool is_short =
        g_utf8_strlen(row->published, -1) <= WORDS_MAX && g_utf8_strlen(row->ours, -1) <= WORDS_MAX;
    g_string_append(text, "  ");
    append_padded(text, row->item, item_width + 2);
    append_padded(text, is_short ? row->published : "(below)", WORDS_MAX + 2);
    append_padded(text, is_short ? row->ours : "", WORDS_MAX + 2);
    g_string_append_printf(text, "%9s %9s  %s\n", error, tolerance, row->holds ? "yes" : "NO");
    if (!is_short)
        g_string_append_printf(text, "      published: %s\n      ours:      %s\n", row->published,
                               row->ours);
}

char *gw_claim_table_text(const GPtrArray *rows)
{
    GString *text = g_string_new(NULL);
    glong width = width_of(rows);
    const char *source = "";
    for (guint i = 0; i < rows->len; i++) {
        const gw_claim_row *row = row_at(rows, i);
        if (!g_str_equal(source, row->source)) {
            g_string_append_printf(text, "%s%s\n  ", i > 0 ? "\n" : "", row->source);
            append_padded(text, "item", width + 2);
            append_padded(text, "published", WORDS_MAX + 2);
            append_padded(text, "ours", WORDS_MAX + 2);
            g_string_append(text, "    error tolerance  holds\n");
        }
        source = row->source;
        append_row(text, row, width);
    }
    return g_string_free(text, FALSE);
}

/* --- For programs --- */

static void append_either(GString *text, bool is_number, double value, const char *words,
                          void (*append_words)(GString *text, const char *words))
{
    if (is_number && !isnan(value))
        gw_text_append_real(text, value);
    else
        append_words(text, words);
}

char *gw_claim_table_csv(const GPtrArray *rows)
{
    GString *text = g_string_new("source,item,published,ours,error,tolerance,holds\n");
    for (guint i = 0; i < rows->len; i++) {
        const gw_claim_row *row = row_at(rows, i);
        gw_text_append_csv(text, row->source);
        g_string_append_c(text, ',');
        gw_text_append_csv(text, row->item);
        g_string_append_c(text, ',');
        append_either(text, row->is_number, row->published_value, row->published,
                      gw_text_append_csv);
        g_string_append_c(text, ',');
        append_either(text, row->is_number, row->ours_value, row->ours, gw_text_append_csv);
        g_string_append_c(text, ',');
        gw_text_append_csv_real(text, row->error);
        g_string_append_c(text, ',');
        gw_text_append_csv_real(text, row->tolerance);
        g_string_append_printf(text, ",%s\n", row->holds ? "true" : "false");
    }
    return g_string_free(text, FALSE);
}

char *gw_claim_table_json(const GPtrArray *rows)
{
    GString *text = g_string_new("[");
    for (guint i = 0; i < rows->len; i++) {
        const gw_claim_row *row = row_at(rows, i);
        g_string_append(text, i > 0 ? ",\n  {\"source\": " : "\n  {\"source\": ");
        gw_text_append_json(text, row->source);
        g_string_append(text, ", \"item\": ");
        gw_text_append_json(text, row->item);
        g_string_append(text, ", \"published\": ");
        append_either(text, row->is_number, row->published_value, row->published,
                      gw_text_append_json);
        g_string_append(text, ", \"ours\": ");
        append_either(text, row->is_number, row->ours_value, row->ours, gw_text_append_json);
        g_string_append(text, ", \"error\": ");
        gw_text_append_real(text, row->error);
        g_string_append(text, ", \"tolerance\": ");
        gw_text_append_real(text, row->tolerance);
        g_string_append_printf(text, ", \"holds\": %s}", row->holds ? "true" : "false");
    }
    g_string_append(text, rows->len > 0 ? "\n]\n" : "]\n");
    return g_string_free(text, FALSE);
}
