# Spectra before and after training with few and with many outputs: gnuplot -c bulk.gp OUT.png TABLE.csv TITLE TABLE.csv TITLE TABLE.csv TITLE
# The tables are those of examples/bulk.c.
set terminal pngcairo size 1500,820 noenhanced font "sans,12"
set output ARG1
set datafile separator ","
set encoding utf8
array table[3] = [ARG2, ARG4, ARG6]
array title[3] = [ARG3, ARG5, ARG7]
left(i) = 0.062 + 0.313 * (i - 1)
set grid lc rgb "#dddddd"
set samples 500
set multiplot
do for [i = 1:3] {
    set lmargin at screen left(i)
    set rmargin at screen left(i) + 0.285
    set tmargin at screen 0.95
    set bmargin at screen 0.56
    set title title[i] font ",13" offset 0,-0.5
    set xlabel "singular value of A_1" offset 0,0.5
    set xrange [0:11]
    set xtics 2
    set yrange [0.003:3]
    set logscale y
    set format y "10^{%T}"
    set key top right
    if (i == 1) {
        set ylabel "density"
        set format y "%g"
    } else {
        unset ylabel
        set format y ""
    }
    plot table[i] using 1:2 every ::1 with fillsteps fs solid 0.5 noborder lc rgb "#bbbbbb" title "before", \
         table[i] using 1:3 every ::1 with histeps lw 1.6 lc rgb "#c02020" title "after", \
         x < 2 ? sqrt(4 - x * x) / pi : NaN with lines lw 1.2 dt 2 lc rgb "#000000" title "Marchenko-Pastur"
    set tmargin at screen 0.45
    set bmargin at screen 0.09
    unset logscale y
    unset title
    set xlabel "rest of the spectrum, over its root mean square" offset 0,0.5
    set xrange [0:2.2]
    set xtics 0.5
    set yrange [-0.035:0.035]
    if (i == 1) {
        set ylabel "distribution function, after - before"
        set format y "%g"
    }
    set key bottom right
    plot table[i] using 1:(-$6):6 every ::1 with filledcurves fs solid 0.6 noborder lc rgb "#dddddd" title "between two initialisations", \
         table[i] using 1:($4 - $5):($4 + $5) every ::1 with filledcurves fs solid 0.3 noborder lc rgb "#c02020" title "one standard error", \
         table[i] using 1:4 every ::1 with lines lw 2 lc rgb "#c02020" title "mean of the networks", \
         0 with lines lc rgb "#000000" lw 1 notitle
}
unset multiplot
