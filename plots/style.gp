# SPDX-License-Identifier: Apache-2.0
# What all figures share: one column of a paper, 8 pt, colours that the colour-blind can tell apart
# (Okabe and Ito, "Color universal design", 2008).  Loaded before each script, in the folder of
# the data:
#     gnuplot -e "format='pdf'; output='fig.pdf'; ..." plots/style.gp plots/SUBJECT.gp
# `width` and `height` (in inches) may be given for a figure of another size.

if (!exists("folder")) folder = '.'
if (!exists("format")) format = 'svg'
if (!exists("width")) width = 3.33
if (!exists("height")) height = 2.2
if (!exists("has_rest")) has_rest = 0
if (!exists("group_count")) group_count = 8

set encoding utf8
# A point is 1/72 inch.  A PDF embeds its fonts; an SVG has 96 units to the inch, a PNG 288 pixels.
if (format eq 'pdf') {
    set terminal pdfcairo noenhanced color size width in, height in \
        font 'Liberation Sans,8' fontscale 0.75 linewidth 0.75 dashlength 0.6
}
if (format eq 'svg') {
    set terminal svg noenhanced size width * 96, height * 96 \
        font 'Liberation Sans,10.67' linewidth 1 dashlength 0.6 background rgb 'white'
}
if (format eq 'png') {
    set terminal pngcairo noenhanced color size width * 288, height * 288 \
        font 'Liberation Sans,8' fontscale 3 linewidth 3 dashlength 0.6
}
if (exists("output")) set output output

array colour[8] = [0x0072B2, 0xE69F00, 0x009E73, 0xCC79A7, 0x56B4E9, 0xD55E00, 0xF0E442, 0x000000]
rest_colour = 0x999999
# Text upon a colour.
ink(n) = n == 1 || n == 3 || n == 6 || n == 8 ? 0xFFFFFF : 0x000000

set linetype 1 lc rgb colour[1] dashtype 1 pointtype 7
set linetype 2 lc rgb colour[2] dashtype 2 pointtype 5
set linetype 3 lc rgb colour[3] dashtype 3 pointtype 9
set linetype 4 lc rgb colour[4] dashtype 4 pointtype 11
set linetype 5 lc rgb colour[5] dashtype 5 pointtype 13
set linetype 6 lc rgb colour[6] dashtype 1 pointtype 6
set linetype 7 lc rgb colour[7] dashtype 2 pointtype 4
set linetype 8 lc rgb colour[8] dashtype 3 pointtype 8

# The colour of group n of a figure; where has_rest is set, the last is what has no colour left.
tint(n) = has_rest && n == group_count ? rest_colour : colour[int(n)]

# The plot's place on the page.  Above it the key: title_count titles in key_columns columns of
# key_letters letters each, a box of the colour before each.
row_height = 0.145 / height
letter_width = 0.062 / width # a digit's, which most letters do not exceed
left = 0.45 / width
right = 1 - 0.13 / width
top = 1 - 0.07 / height
unset key
if (!exists("title_count")) title_count = 0
if (title_count > 0) {
    column_width = (key_letters + 4) * letter_width
    key_left = (left + right - key_columns * column_width) / 2
    do for [i = 1:title_count] {
        x = key_left + (i - 1) % key_columns * column_width
        y = top - (i - 1) / key_columns * row_height
        set object i rectangle center screen x + 0.06 / width, y \
            size screen 0.12 / width, 0.08 / height fc rgb tint(i) fs solid 1.0 noborder front
        set label i titles[i] at screen x + 0.17 / width, y left front
    }
    top = top - ((title_count - 1) / key_columns + 1) * row_height + row_height / 4
}
set lmargin at screen left
set rmargin at screen right
set bmargin at screen 0.38 / height
set tmargin at screen top

# Names of axes, for `set label 100 'name' @beside` and `set label 101 'name' @below`: set ylabel
# and set xlabel are placed by the width of letters, which terminals see differently.
beside = 'at screen 0.07 / width, graph 0.5 center rotate front'
below = 'at graph 0.5, screen 0.10 / height center front'
small_font = format eq 'svg' ? ',6.67' : ',5'

set border 3 lc rgb '#404040' lw 0.5
set tics nomirror out scale 0.4 textcolor rgb '#000000'
set grid back lt -1 lc rgb '#DDDDDD' lw 0.4 dashtype 1
set xtics offset 0,(format eq 'svg' ? 0.6 : 0.35)
set ytics offset 0.5,0
set datafile separator comma
set style fill solid 1.0 noborder
