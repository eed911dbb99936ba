# SPDX-License-Identifier: Apache-2.0
# Which gang had which devices when, a box per range of its devices that behaved alike.
# Reads timeline.csv: start_ns, end_ns, first_device, last_device, group (the colour, from 1), label
# (of the box, where it fits; where there is none strcol() would have what it has read before).
# Given: unit and unit_ns of the time axis, start_ns, end_ns, first_device, last_device, tic_step,
# is_outlined, borders[] and border_count (between islands), caption, and what style.gp needs for
# the key.

set label 101 'time ('.unit.')'.caption @below
set label 100 'device' @beside
set xrange [start_ns / unit_ns:end_ns / unit_ns]
set yrange [last_device + 1:first_device]
set ytics ()
do for [i = first_device:last_device:tic_step] {
    set ytics add (sprintf('%d', i) i + 0.5)
}
set grid noytics
do for [i = 1:border_count] {
    set arrow from graph 0, first borders[i] to graph 1, first borders[i] nohead front \
        lc rgb '#404040' lw 0.5
}
if (is_outlined) set style fill solid 1.0 border lc rgb 'white'
data = folder.'/timeline.csv'

plot data using ($1 / unit_ns):3:($1 / unit_ns):($2 / unit_ns):3:($4 + 1):(tint($5)) skip 1 \
         with boxxyerror lc rgb variable lw 0.3 dashtype 1 notitle, \
     data using (($1 + $2) / 2 / unit_ns):(valid(6) ? ($3 + $4 + 1) / 2 : 1 / 0):(strcol(6)) \
         :(ink($5)) skip 1 \
         with labels font small_font textcolor rgb variable notitle
unset output
