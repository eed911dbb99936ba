# SPDX-License-Identifier: Apache-2.0
# Data parallelism over two islands: tokens per second over those of one island with as many cores,
# by the rate of the hosts' network cards.  Reads pathways_dcn.csv (GB/s; 64B on one island; ratio).

data = folder.'/pathways_dcn.csv'

set label 100 'two islands over one (%)' @beside
set label 101 'GB/s of each host' @below
set logscale x 2
set xrange [5:32]
set yrange [92:100.5]
set ytics 2 format '%.0f'
set key at graph 0.98, graph 0.05 right bottom Left reverse samplen 2 spacing 0.9 font small_font
plot data using 1:($3 * 100) skip 1 \
         with linespoints lc rgb colour[6] pt 7 ps 0.6 title '64B, 512 sequences of 512'
unset output
