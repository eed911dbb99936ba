/* SPDX-License-Identifier: Apache-2.0 */
/* What was published beside what came out, as a table for people, as CSV and as JSON. */
#pragma once

#include <glib.h>

/* `rows` are gw_claim_row.  Each answer is freed by the caller.
 * In CSV and JSON the columns are source, item, published, ours, error, tolerance, holds; numbers
 * are numbers where both sides are, an error or a tolerance that there is not is null (CSV: empty).
 */
char *gw_claim_table_text(const GPtrArray *rows);
char *gw_claim_table_csv(const GPtrArray *rows);
char *gw_claim_table_json(const GPtrArray *rows);
/* Rows that do not hold. */
guint gw_claim_table_missed(const GPtrArray *rows);
