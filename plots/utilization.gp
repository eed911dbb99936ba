# SPDX-License-Identifier: Apache-2.0
# Utilization of all devices over time, the jobs one on top of the other.  Reads
# utilization_layers.csv: time_ns, then by layer how high it reaches.
# Given: unit and unit_ns of the time axis, end_ns, group_count (layers) and what style.gp needs
# for the key.

set label 101 'time ('.unit.')' @below
set label 100 'utilization' @beside
set xrange [0:end_ns / unit_ns]
set yrange [0:1]
set ytics 0.25 format '%.2f'
data = folder.'/utilization_layers.csv'

# From the highest down, each in front of those before.
plot for [n = group_count:1:-1] data using ($1 / unit_ns):(column(n + 1)) skip 1 \
         with filledcurves y=0 fc rgb tint(n) notitle
unset output
