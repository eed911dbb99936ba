# SPDX-License-Identifier: Apache-2.0
# Samples per GPU and second of four pipeline schedules: bars are ours by the stage times, circles
# what was measured.  Reads zero_bubble_throughput.csv (row, a column a
# schedule and model: rows 1 to 3 are of the smaller model, the others of the larger) and
# zero_bubble_throughput_published.csv (curve, row, y).

data = folder.'/zero_bubble_throughput.csv'
prints = folder.'/zero_bubble_throughput_published.csv'
array tone[4] = [0x999999, colour[2], colour[4], colour[3]]
array who[4] = ['1F1B', 'interleaved', 'ZB-1p', 'ZB-2p']
# The 14.6B model's rates are some 8 times lower: its rows are drawn at 8 times theirs.
size(row) = row < 4 ? 1 : 8
place(curve) = int(curve + 1) / 2

set label 100 'samples/GPU/s (14.6B: times 8)' @beside
set xrange [0.5:6.5]
set yrange [0:24]
set xtics ("1.5B\nm=24" 1, "1.5B\nm=32" 2, "1.5B\nm=64" 3, "14.6B\nm=48" 4, "14.6B\nm=64" 5, \
           "14.6B\nm=128" 6) scale 0 font small_font
set lmargin at screen 0.5 / width
set bmargin at screen 0.36 / height
set key at graph 0.02, graph 0.98 left top Left reverse samplen 1 spacing 0.9 font small_font \
    maxrows 2
plot for [n = 1:4] data using ($1 + (n - 2.5) * 0.2):(($1 < 4 ? column(2 * n) \
         : column(2 * n + 1)) * size($1)):(0.18) skip 1 with boxes fc rgb tone[n] \
         title who[n], \
     prints using ($2 + (place($1) - 2.5) * 0.2):($3 * size($2)) skip 1 with points \
         lc rgb '#000000' pt 6 ps 0.5 title 'measured'
unset output
