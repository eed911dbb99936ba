# SPDX-License-Identifier: Apache-2.0
# The smallest computation that hides the controller: computations per second by their length, on
# two machines; hollow points were printed.  Reads pathways_fig6.csv (computation_ms, a column a
# curve: PW and JAX on B, PW and JAX on A), pathways_fig6_marks.csv (x, text) and
# pathways_fig6_published.csv (curve, x, y).

data = folder.'/pathways_fig6.csv'
marks = folder.'/pathways_fig6_marks.csv'
prints = folder.'/pathways_fig6_published.csv'
array who[4] = [6, 1, 6, 1]
array point[4] = [7, 7, 9, 9]

set label 100 'computations per second' @beside
set label 101 'length of a computation (ms)' @below
set logscale xy 10
set xrange [1.4:50]
set yrange [10:1000]
set ytics 10 format '%.0f'
set xtics add (2, 5, 20, 50)
set key at graph 0.75, graph 0.98 right top Left reverse samplen 2 spacing 0.9 font small_font
plot marks using 1:(10):(0):(990) skip 1 with vectors nohead lt -1 lc rgb '#909090' dt 3 notitle, \
     marks using ($1 / 1.1):(60):2 skip 1 with labels left rotate by 90 \
         font small_font textcolor rgb '#606060' notitle, \
     for [n = 1:4] data using 1:n + 1 with linespoints lc rgb colour[who[n]] \
         dt 1 lw (who[n] == 1 ? 2 : 1) pt point[n] ps 0.5 title columnhead(n + 1), \
     prints using 2:3 skip 1 with points lc rgb '#000000' pt 6 ps 0.9 title 'printed'
unset output
