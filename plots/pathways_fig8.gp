# SPDX-License-Identifier: Apache-2.0
# Several clients: computations per second of all together, for four lengths of a computation.
# Reads pathways_fig8.csv (clients, a column a curve: PW of four lengths, then JAX of the same).

data = folder.'/pathways_fig8.csv'
array point[4] = [7, 9, 5, 11]

set label 100 'computations per second' @beside
set label 101 'clients' @below
set logscale x 2
set logscale y 10
set xrange [0.9:285]
set yrange [100:20000]
set ytics 10 format '%.0f'
set lmargin at screen 0.55 / width
set rmargin at screen 1 - 0.82 / width
set key at screen 1 - 0.78 / width, graph 1 left top Left reverse samplen 2 spacing 0.9 \
    font small_font
plot for [n = 1:4] data using 1:n + 5 with lines lc rgb colour[1] dt n lw 2 \
         title columnhead(n + 5), \
     for [n = 1:4] data using 1:n + 1 with linespoints lc rgb colour[6] dt 1 lw 1 \
         pt point[n] ps 0.6 title columnhead(n + 1)
unset output
