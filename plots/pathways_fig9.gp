# SPDX-License-Identifier: Apache-2.0
# Four clients in proportional share: device time of each, with equal weights and with 1:2:4:8; bars
# are measured, points are what the weights ask for.  Reads pathways_fig9.csv (1 or 2, a column a
# client) and pathways_fig9_published.csv (curve, 1 or 2, y).

data = folder.'/pathways_fig9.csv'
prints = folder.'/pathways_fig9_published.csv'
array tone[4] = [1, 6, 3, 4]

set label 100 'share of device time' @beside
set label 101 'weights of the clients' @below
set xrange [0.5:2.5]
set yrange [0:0.6]
set xtics ('1:1:1:1' 1, '1:2:4:8' 2)
set lmargin at screen 0.55 / width
set key at graph 0.02, graph 0.98 left top Left reverse samplen 1 spacing 0.9 font small_font
plot for [n = 1:4] data using ($1 + (n - 2.5) * 0.2):n + 1:(0.18) with boxes \
         fc rgb colour[tone[n]] title 'client '.columnhead(n + 1), \
     prints using ($2 + ($1 - 2.5) * 0.2):3 skip 1 with points lc rgb '#000000' pt 6 ps 0.7 \
         title 'asked for'
unset output
