# SPDX-License-Identifier: Apache-2.0
# Bubble rates of six pipeline schedules for two models and three sizes of a step each: bars are
# ours, circles what was printed.  Reads zero_bubble_bubbles.csv (row, a column a schedule) and
# zero_bubble_bubbles_published.csv (curve, row, y).  Schedules: 1F1B, interleaved as a machine has
# it and as it was evaluated, ZB-H1, ZB-H2, ZB-1p, ZB-2p.

data = folder.'/zero_bubble_bubbles.csv'
prints = folder.'/zero_bubble_bubbles_published.csv'
array tone[7] = [0x999999, colour[2], colour[7], colour[5], colour[1], colour[4], colour[3]]

set label 100 'bubble rate' @beside
set xrange [0.5:6.5]
set yrange [0:0.34]
set xtics ("1.5B\nm=24" 1, "1.5B\nm=32" 2, "1.5B\nm=64" 3, "14.6B\nm=48" 4, "14.6B\nm=64" 5, \
           "14.6B\nm=128" 6) scale 0 font small_font
set lmargin at screen 0.5 / width
set bmargin at screen 0.36 / height
set key at graph 0.99, graph 0.98 right top Left reverse samplen 1 spacing 0.9 font small_font \
    maxrows 4
plot for [n = 1:7] data using ($1 + (n - 4) * 0.12):n + 1:(0.11) with boxes \
         fc rgb tone[n] title columnhead(n + 1), \
     prints using ($2 + ($1 - 4) * 0.12):3 skip 1 with points lc rgb '#000000' pt 6 ps 0.4 \
         title 'printed'
unset output
