# Equal signals of extensive rank: critical strength, and densities. gnuplot -c spikes.gp FIG.png TABLE, the table that examples/spikes.c prints.
set encoding utf8
set terminal pngcairo size 1100,420 font 'sans,11'
set output ARG1
set multiplot layout 1,2
set grid lt 1 lw 0.5 lc rgb '#dddddd'
set border 3
set tics nomirror
set logscale x
set format x '10^{%L}'
set xlabel 'rank ratio K/D'
set ylabel 'critical strength'
set key top left
plot ARG2 index 0 using 1:2 with lines lw 2.2 lc rgb '#0072b2' title 'K = (K/D) D equal signals', \
  0.5**0.25 with lines dt '- ' lw 1.2 lc rgb '#d55e00' title 'one signal, ψ^{1/4}'
unset logscale x
set format x '%g'
set xlabel 'singular value'
set ylabel 'density'
set yrange [0:1.05]
set key top right
set linetype 1 lc rgb '#999999'
set linetype 2 lc rgb '#0072b2'
set linetype 3 lc rgb '#009e73'
set linetype 4 lc rgb '#d55e00'
set linetype 5 lc rgb '#cc79a7'
plot for [i=0:4] ARG2 index 1 every :::i::i using 1:2 with lines lw 2 lt i+1 title sprintf('strength %.1f', i == 0 ? 0 : 0.5 + 0.5*i)
unset multiplot
