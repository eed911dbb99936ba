/* SPDX-License-Identifier: Apache-2.0 */
/* Student's distribution by its finite series for whole degrees of freedom (Abramowitz and Stegun,
 * "Handbook of Mathematical Functions", 26.7.3 and 26.7.4), and its quantile by halving. */
#include "app/statistics.h"

#include <math.h>

#include "base/check.h"

#define LEVEL        0.95
#define QUANTILE_MAX 16.0 /* Above that of two degrees, 4.303; one degree has a closed form. */
#define HALVINGS     60   /* 16 / 2^60 is below the last bit of any quantile. */

/* The probability of [-t, t]. */
static double cover(double t, guint degrees)
{
    const double angle = atan2(t, sqrt(degrees));
    const double cosine_squared = cos(angle) * cos(angle);
    const bool is_odd = degrees % 2 == 1;
    double term = is_odd ? cos(angle) : 1;
    double sum = 0;
    for (guint i = is_odd ? 1 : 0; i + 2 <= degrees; i += 2) {
        sum += term;
        term *= cosine_squared * (i + 1) / (i + 2);
    }
    return is_odd ? 2 / G_PI * (angle + sin(angle) * sum) : sin(angle) * sum;
}

double gw_statistics_quantile(guint degrees)
{
    gw_check(degrees >= 1);
    if (degrees == 1)
        return tan(LEVEL * G_PI_2); /* Cauchy's distribution. */
    double low = 0;
    double high = QUANTILE_MAX;
    for (guint i = 0; i < HALVINGS; i++) {
        const double middle = (low + high) / 2;
        if (cover(middle, degrees) < LEVEL)
            low = middle;
        else
            high = middle;
    }
    return high;
}

gw_statistics gw_statistics_make(const double *values, guint count)
{
    gw_statistics made = {.mean = NAN, .half_width = NAN, .is_constant = true};
    double first = NAN;
    double sum = 0;
    double squares = 0;
    for (guint i = 0; i < count; i++) {
        if (isnan(values[i]))
            continue;
        if (made.count++ == 0)
            first = values[i];
        made.is_constant = made.is_constant && values[i] == first;
        sum += values[i] - first; /* Small where values are alike: nothing is rounded away. */
    }
    if (made.count == 0)
        return made;
    const double shift = sum / made.count;
    for (guint i = 0; i < count; i++)
        if (!isnan(values[i]))
            squares += (values[i] - first - shift) * (values[i] - first - shift);
    made.mean = made.is_constant ? first : first + shift;
    if (made.count >= 2 && made.is_constant)
        made.half_width = 0;
    else if (made.count >= 2)
        made.half_width =
            gw_statistics_quantile(made.count - 1) * sqrt(squares / (made.count - 1) / made.count);
    return made;
}

bool gw_statistics_is_real(const gw_statistics *statistics)
{
    return statistics->count >= 2 && fabs(statistics->mean) > statistics->half_width;
}
