/* SPDX-License-Identifier: Apache-2.0 */
/* The mean of some replications and how far it may be from the true one: Student's interval, which
 * supposes that replications are independent and their mean about normal. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct {
    guint count;
    double mean;       /* NAN of none. */
    double half_width; /* The true mean is in mean +- half_width with 95 %; NAN below two values. */
    bool is_constant;  /* All values are the same: mean is that value, half_width 0 (or NAN). */
} gw_statistics;

/* Values that are no numbers (NAN) are left out. */
gw_statistics gw_statistics_make(const double *values, guint count);

/* t such that a Student variable of `degrees` >= 1 degrees of freedom lies in [-t, t] with 95 %. */
double gw_statistics_quantile(guint degrees);

/* Whether the interval says that the mean is not 0. */
bool gw_statistics_is_real(const gw_statistics *statistics);
