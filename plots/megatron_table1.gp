# SPDX-License-Identifier: Apache-2.0
# TFLOP/s of a device by size of the model: bars are ours, circles what was printed.  Reads
# megatron_table1.csv (parameters, ours) and megatron_table1_published.csv (curve, parameters, y).

data = folder.'/megatron_table1.csv'
prints = folder.'/megatron_table1_published.csv'

set label 100 'TFLOP/s of a device' @beside
set label 101 'parameters of the model, billions' @below
set xrange [-0.6:9.6]
set yrange [0:200]
set xtics scale 0 font small_font
set lmargin at screen 0.5 / width
set key at graph 0.02, graph 0.98 left top Left reverse samplen 1 spacing 0.9 font small_font
plot data using 0:2:(0.6):xtic(sprintf('%g', $1)) skip 1 \
         with boxes fc rgb colour[2] title 'gangway', \
     prints using 0:3 skip 1 with points lc rgb '#000000' pt 6 ps 0.5 title 'printed'
unset output
