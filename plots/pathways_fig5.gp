# SPDX-License-Identifier: Apache-2.0
# Dispatch overhead: computations per second by hosts, ten curves.  Colour tells the system, point
# and dash how the program is called; vertical lines are statements that were printed.  Reads
# pathways_fig5.csv (hosts, a column a curve), pathways_fig5_marks.csv (x, text) and
# pathways_fig5_published.csv (curve, x, y: derived from the parity points of Fig. 6).
# Curves: JAX-F PW-F PW-C JAX-O Ray-F TF-C PW-O Ray-C Ray-O TF-O.

data = folder.'/pathways_fig5.csv'
marks = folder.'/pathways_fig5_marks.csv'
prints = folder.'/pathways_fig5_published.csv'
array who[10] = [1, 6, 6, 1, 4, 3, 6, 4, 4, 3]
array call[10] = [1, 1, 2, 3, 1, 2, 3, 2, 3, 3] # Fused, chained, op by op.
array point[3] = [7, 9, 5]

set label 100 'computations per second' @beside
set label 101 'hosts of 4 cores (Ray: of one V100)' @below
set logscale x 2
set logscale y 10
set xrange [1.7:600]
set yrange [1:10000]
set xtics 2, 4
set ytics 10 format '%.0f'
set lmargin at screen 0.55 / width
set rmargin at screen 1 - 0.68 / width
set key at screen 1 - 0.64 / width, graph 1 left top Left reverse samplen 2 spacing 0.9 \
    font small_font
plot marks using 1:(1):(0):(9999) skip 1 with vectors nohead lt -1 lc rgb '#909090' dt 3 notitle, \
     marks using ($1 / 1.12):(1.3):2 skip 1 with labels left rotate by 90 \
         font small_font textcolor rgb '#606060' notitle, \
     for [n = 1:10] data using 1:n + 1 with linespoints lc rgb colour[who[n]] \
         dt call[n] lw (who[n] == 1 ? 2 : 1) pt point[call[n]] ps 0.6 \
         title columnhead(n + 1), \
     prints using 2:3 skip 1 with points lc rgb '#000000' pt 6 ps 0.9 title 'derived'
unset output
