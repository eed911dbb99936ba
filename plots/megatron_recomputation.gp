# SPDX-License-Identifier: Apache-2.0
# Seconds of a step, layers computed again or attention alone, two models, over what was printed:
# bars are ours.  Reads megatron_recomputation.csv (parameters, full, selective) and
# megatron_recomputation_published.csv (curve, parameters, y).

data = folder.'/megatron_recomputation.csv'
prints = folder.'/megatron_recomputation_published.csv'
array tone[2] = [colour[2], colour[3]]
# The larger model's steps are some 35 times longer: both are drawn in units of their own.
size(parameters) = parameters < 100 ? 1.0 : 35.0

set label 100 'seconds of a step (530B: over 35)' @beside
set xrange [-0.6:1.6]
set yrange [0:2]
set xtics ("22B\n8 devices" 0, "530B\n280 devices" 1) scale 0 font small_font
set lmargin at screen 0.5 / width
set bmargin at screen 0.36 / height
set key at graph 0.02, graph 0.98 left top Left reverse samplen 1 spacing 0.9 font small_font
plot for [n = 1:2] data using ($0 + (n - 1.5) * 0.36):(column(n + 1) / size($1)):(0.34) skip 1 \
         with boxes fc rgb tone[n] title n == 1 ? 'full' : 'selective', \
     prints using (($2 < 100 ? 0 : 1) + ($1 - 1.5) * 0.36):($3 / size($2)) skip 1 with points \
         lc rgb '#000000' pt 6 ps 0.5 title 'printed'
unset output
