# SPDX-License-Identifier: Apache-2.0
# Training of T5: tokens per second, by one controller and by one on every host.  Reads
# pathways_table1.csv (row, JAX, Pathways) and pathways_table1_published.csv (curve, row, tokens/s).

data = folder.'/pathways_table1.csv'
prints = folder.'/pathways_table1_published.csv'

set label 100 'thousand tokens/s' @beside
set logscale y 10
set xrange [0.5:4.5]
set yrange [50:2000]
set ytics format '%.0f'
set xtics ("Base" 1, "Large" 2, "3B" 3, "11B" 4) scale 0
set key at graph 0.98, graph 0.98 right top Left reverse samplen 1 spacing 0.9 font small_font
plot data using ($1 - 0.17):($2 / 1000):(0.32) skip 1 with boxes fc rgb colour[1] title 'JAX', \
     data using ($1 + 0.17):($3 / 1000):(0.32) skip 1 with boxes fc rgb colour[6] \
         title 'Pathways', \
     prints using ($2 + (int($1) == 1 ? -0.17 : 0.17)):($3 / 1000) skip 1 with points \
         lc rgb '#000000' pt 6 ps 0.7 title 'printed'
unset output
