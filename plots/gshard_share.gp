# SPDX-License-Identifier: Apache-2.0
# Part of a layer's time that exchanges of tokens take, by experts, one to a core: line ours,
# circles what was printed.  Reads gshard_share.csv (experts, layers of experts) and
# gshard_share_published.csv (curve, experts, y).

data = folder.'/gshard_share.csv'
prints = folder.'/gshard_share_published.csv'

set label 100 'part of the time of a layer of experts' @beside
set label 101 'experts, one to a core' @below
set logscale x 2
set xrange [96:2900]
set yrange [0:0.5]
set lmargin at screen 0.5 / width
set key at graph 0.02, graph 0.98 left top Left reverse samplen 2 spacing 0.9 font small_font
plot data using 1:2 with linespoints lc rgb colour[6] lw 1 pt 7 ps 0.6 title 'exchanges, ours', \
     prints using 2:3 skip 1 with points lc rgb '#000000' pt 6 ps 0.8 title 'printed'
unset output
