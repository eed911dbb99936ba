# SPDX-License-Identifier: Apache-2.0
# Batches of 4M tokens per second by experts, one to a core: lines ours, black marks what
# was printed.  Reads gshard_rate.csv (experts, 36 layers, 12 layers) and gshard_rate_published.csv
# (curve, experts, y).

data = folder.'/gshard_rate.csv'
prints = folder.'/gshard_rate_published.csv'

set label 100 'batches of 4M tokens per second' @beside
set label 101 'experts, one to a core' @below
set logscale x 2
set xrange [96:2900]
set yrange [0:*]
set lmargin at screen 0.5 / width
set key at graph 0.02, graph 0.98 left top Left reverse samplen 2 spacing 0.9 font small_font
array tone[2] = [colour[6], colour[1]]
array mark[2] = [7, 9]
plot for [n = 1:2] data using 1:n + 1 with linespoints lc rgb tone[n] lw 1 pt mark[n] ps 0.6 \
         title columnhead(n + 1), \
     for [n = 1:2] prints using 2:($1 == n ? $3 : NaN) skip 1 \
         with points lc rgb '#000000' pt mark[n] - 1 ps 0.8 \
         title n == 1 ? '36 layers, printed' : '12 layers, printed'
unset output
