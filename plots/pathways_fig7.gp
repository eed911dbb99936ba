# SPDX-License-Identifier: Apache-2.0
# Parallel against sequential dispatch: computations per second by pipeline stages.  Reads
# pathways_fig7.csv (stages, parallel, sequential).

data = folder.'/pathways_fig7.csv'

set label 100 'computations per second' @beside
set label 101 'pipeline stages, each on another host' @below
set logscale x 2
set xrange [0.9:142]
set yrange [0:*]
set ytics format '%.0f'
set lmargin at screen 0.55 / width
set key at graph 0.02, graph 0.98 left top Left reverse samplen 2 spacing 0.9 font small_font
plot for [n = 1:2] data using 1:n + 1 with linespoints lc rgb colour[n == 1 ? 6 : 1] \
         dt 1 lw 1 pt (n == 1 ? 7 : 9) ps 0.6 title columnhead(n + 1)
unset output
