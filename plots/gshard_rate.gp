# SPDX-License-Identifier: Apache-2.0
# Batches of 4M tokens per second by experts, one to a core: line ours, circle what was printed.
# Reads gshard_rate.csv (experts, 36 layers) and gshard_rate_published.csv (curve, experts, y).

data = folder.'/gshard_rate.csv'
prints = folder.'/gshard_rate_published.csv'

set label 100 'batches of 4M tokens per second' @beside
set label 101 'experts, one to a core' @below
set logscale x 2
set xrange [96:2900]
set yrange [0:*]
set lmargin at screen 0.5 / width
set key at graph 0.02, graph 0.98 left top Left reverse samplen 2 spacing 0.9 font small_font
plot data using 1:2 with linespoints lc rgb colour[6] lw 1 pt 7 ps 0.6 title columnhead(2), \
     prints using 2:3 skip 1 with points lc rgb '#000000' pt 6 ps 0.8 title 'printed'
unset output
