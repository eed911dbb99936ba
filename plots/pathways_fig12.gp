# SPDX-License-Identifier: Apache-2.0
# Data parallelism over two islands: tokens per second over those of one island with as many cores,
# by the batch.  Reads pathways_fig12.csv (sequences; 64B and 136B on one island; ratios of 64B and
# of 136B: curves 3 and 4) and pathways_fig12_published.csv (curve, sequences, ratio).

data = folder.'/pathways_fig12.csv'
prints = folder.'/pathways_fig12_published.csv'

set label 100 'two islands over one (%)' @beside
set label 101 'sequences of 512 tokens in a batch' @below
set logscale x 2
set xrange [400:2600]
set yrange [92:100.5]
set ytics 2 format '%.0f'
set key at graph 0.98, graph 0.05 right bottom Left reverse samplen 2 spacing 0.9 font small_font
plot data using 1:($4 * 100) skip 1 with linespoints lc rgb colour[6] pt 7 ps 0.6 title '64B', \
     data using 1:($5 * 100) skip 1 with linespoints lc rgb colour[1] pt 9 ps 0.6 title '136B', \
     prints using 2:($1 == 3 ? $3 * 100 : NaN) skip 1 \
         with points lc rgb '#000000' pt 6 ps 0.8 title '64B, printed', \
     prints using 2:($1 == 4 ? $3 * 100 : NaN) skip 1 \
         with points lc rgb '#000000' pt 8 ps 0.8 title '136B, printed'
unset output
