# SPDX-License-Identifier: Apache-2.0
# A comparison: a panel for each metric, one above the other, over one axis of what is varied; the
# other axes are the series.  Bars of error are 95 % intervals of means.  Reads compare_points.csv:
# x, mean, ci95, a block for each series of each panel.
# Given: panel_count, panel_names[], panel_sizes[] (what one of the panel's unit is),
# panel_steps[] (of its y axis), series_count, x_low, x_high, x_label_count, x_labels[],
# x_places[], x_title, is_line (else bars), is_log, bar_width, height, and what style.gp needs for
# the key.

data = folder.'/compare_points.csv'
bottom = 0.38 / height
gap = 0.12 / height
panel_height = (top - bottom - (panel_count - 1) * gap) / panel_count
set yrange [0:*]
set pointintervalbox 0
margin = is_log ? (x_high / x_low) ** 0.06 : is_line ? 0.06 * (x_high - x_low) : 0.6
if (is_log) { set logscale x; set xrange [x_low / margin:x_high * margin] } \
else { set xrange [x_low - margin:x_high + margin] }
# An end of a bar of error; of no interval, or one of no width, no bar.  (yerrorbars would punch a
# hole for a point in it.)
bar(sign) = valid(3) && column(3) > 0 ? (column(2) + sign * column(3)) / size : NaN
block(p, s) = (p - 1) * series_count + s - 1

# 0 is drawn, too: a panel without any value is a panel.
set multiplot
do for [p = 1:panel_count] {
    set tmargin at screen top - (p - 1) * (panel_height + gap)
    set bmargin at screen top - (p - 1) * (panel_height + gap) - panel_height
    set label 100 panel_names[p] @beside
    set ytics panel_steps[p]
    size = panel_sizes[p]
    if (p == panel_count) { set label 101 x_title @below }
    set xtics ('' x_places[1])
    do for [i = 1:x_label_count] {
        set xtics add ((p == panel_count ? x_labels[i] : '') x_places[i])
    }
    if (is_line) {
        plot 0 with lines lc rgb '#404040' dt 1 lw 0.5 notitle, \
             for [s = 1:series_count] data index block(p, s) using 1:($2 / size) \
                 with linespoints lc rgb tint(s) dt s pt 7 ps 0.45 lw 1 notitle, \
             for [s = 1:series_count] data index block(p, s) \
                 using 1:(bar(-1)):(0):(2 * $3 / size) \
                 with vectors heads size screen 0.008, 90 lc rgb tint(s) dt 1 lw 0.75 notitle
    } else {
        plot 0 with lines lc rgb '#404040' dt 1 lw 0.5 notitle, \
             for [s = 1:series_count] data index block(p, s) \
                 using 1:($2 / size):(bar_width) with boxes lc rgb tint(s) notitle, \
             for [s = 1:series_count] data index block(p, s) \
                 using 1:(bar(-1)):(0):(2 * $3 / size) \
                 with vectors heads size screen 0.008, 90 lc rgb '#404040' dt 1 lw 0.75 notitle
    }
    # The key stands on the first panel's page already.
    do for [i = 1:title_count] { unset object i; unset label i }
}
unset multiplot
unset output
