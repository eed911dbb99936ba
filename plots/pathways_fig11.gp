# SPDX-License-Identifier: Apache-2.0
# One client against several: the part of device time in use.  Reads pathways_fig11.csv (clients,
# utilization).

data = folder.'/pathways_fig11.csv'

set label 100 'device time in use (%)' @beside
set label 101 'clients, computations of 0.33 ms' @below
set logscale x 2
set xrange [0.64:25]
set yrange [0:105]
set ytics 25 format '%.0f'
set boxwidth 0.25
plot data using 1:($2 * 100):($1 * 0.5) skip 1 with boxes fc rgb colour[6] notitle, \
     data using 1:($2 * 100 + 4):(sprintf('%.1f', $2 * 100)) skip 1 with labels \
         font small_font notitle
unset output
