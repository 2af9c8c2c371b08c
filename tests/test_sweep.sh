#!/usr/bin/env bash
# `dmft sweep` from outside: the same datasets on any number of threads and processes, killed and resumed, failures recorded, shown and drawn.
# usage: test_sweep.sh PATH/TO/dmft
. "$(dirname "$0")/program_parts.sh"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

# all FILE: every number of a sweep that is no matter of time or place: all series with errors at two steps, and the rest as JSON.
all() {
    "$dmft" show "$1" --json && "$dmft" show "$1" --csv --errors && "$dmft" show "$1" --csv --errors --step 3 &&
        "$dmft" show "$1" --csv --errors --series test_loss,train_loss,A1_edge,A0_target_overlap
}
# same FILE FILE
same() { all "$1" >first.txt && all "$2" >second.txt && cmp -s first.txt second.txt; }

cat >grid.yaml <<'YAML'
model: deep_linear
network: {depth: 2, gamma0: 2.0, weight_variance: 0.5}
data: {sample_ratio: 3.0, label_noise: 0.3}
training: {steps: 20}
simulation: {input_dim: 40, seeds: 3}
sweep:
  network.width_ratio: [0.25, 1, 4]
  training.learning_rate: {log: [1e-2, 10, 7]}
YAML

# ---- threads and processes ----
expect "a sweep" 0 "wrote one.h5: 21 points in .*: [0-9]+ done, [0-9]+ diverged" sweep grid.yaml -o one.h5 --threads 1
holds "the folder of points is gone" test ! -e one.h5.points
expect "two threads" 0 "for each of 2 points at a time" sweep grid.yaml -o two.h5 --threads 2
holds "two threads: the same numbers" same one.h5 two.h5
expect "a point is a problem of its own" 0 "" solve <(sed '/^sweep/,$d' grid.yaml) -o point.h5 --set network.width_ratio=1 --set training.learning_rate=0.01 --quiet
"$dmft" show point.h5 --csv --series test_loss,C_h1,A1_outlier1 | tail -n 1 >first.txt
"$dmft" show one.h5 --csv --series test_loss,C_h1,A1_outlier1 | grep '^1,0.01,' | cut -d, -f5- >second.txt
holds "a point is a problem of its own: the same numbers" cmp -s first.txt second.txt
expect "sampled networks" 0 "wrote sampled.h5: 21 points" sweep grid.yaml --simulate -o sampled.h5
expect "sampled networks, two threads" 0 "" sweep grid.yaml --simulate -o sampled2.h5 --threads 2 --quiet
holds "sampled networks: the same numbers" same sampled.h5 sampled2.h5
cat >mlp.yaml <<'YAML'
model: mlp
network: {depth: 2, gamma0: 3, weight_variance: 1, activation: tanh}
data: {gram: [[1, 0.4, -0.2], [0.4, 1, 0.3], [-0.2, 0.3, 1]], target: [1, 1, -1]}
training: {learning_rate: 0.2, steps: 4}
sampling: {sites: 64, replicas: 2}
sweep: {network.gamma0: [1, 3], network.activation: [tanh, relu]}
YAML
expect "mlp" 0 "wrote mlp.h5: 4 points" sweep mlp.yaml -o mlp.h5
expect "mlp: words along an axis" 0 "^3,relu,0,nan,3," show mlp.h5 --csv
# Open MPI leaves what its modules allocated; that is not looked at under AddressSanitizer.
mpirun="env ASAN_OPTIONS=detect_leaks=0 mpirun --oversubscribe"
if command -v mpirun >/dev/null && ! "$dmft" info | grep -q '^MPI *none'; then
    $mpirun -n 2 "$dmft" sweep grid.yaml -o mpi.h5 --quiet >out 2>err
    holds "mpirun -n 2" test $? -eq 0
    holds "mpirun -n 2: the same numbers" same one.h5 mpi.h5
    $mpirun -n 3 "$dmft" sweep grid.yaml -o mpi3.h5 --threads 2 --quiet >out 2>err
    holds "mpirun -n 3, two threads each: the same numbers" same one.h5 mpi3.h5
    $mpirun -n 2 "$dmft" sweep none.yaml -o mpi2.h5 >out 2>err
    holds "mpirun: a mistake is told once" test "$(grep -c '^dmft: ' err)" -eq 1
else
    skip "mpirun -n 2" "no mpirun, or built without MPI"
    OMPI_COMM_WORLD_SIZE=2 expect "one of several processes without MPI" 2 "built without MPI" sweep grid.yaml -o none.h5
fi

# ---- stopped and continued ----
# stop SIGNAL FILE: a slower sweep, stopped once some of its points are there.
slow=(--set training.steps=700 --set 'sweep.training.learning_rate={log: [1e-3, 1e-2, 7]}')
stop() {
    "$dmft" sweep grid.yaml "${slow[@]}" -o "$2" --threads 2 2>err &
    local process=$!
    for _ in $(seq 1 600); do
        [ "$(ls "$2.points" 2>/dev/null | grep -c '^point.*5$')" -ge 3 ] && break
        sleep 0.05
    done
    kill "-$1" $process
    wait $process 2>/dev/null
}
"$dmft" sweep grid.yaml "${slow[@]}" -o whole.h5 --quiet 2>err
stop KILL killed.h5
holds "killed: the points are kept" test "$(ls killed.h5.points | grep -c '^point.*5$')" -ge 3 -a ! -e killed.h5
expect "killed: another sweep is refused" 2 "holds points of another sweep" sweep grid.yaml -o killed.h5
expect "killed: sampled networks are another sweep" 2 "holds points of another sweep" sweep grid.yaml "${slow[@]}" --simulate -o killed.h5
expect "killed: the same command goes on" 0 "goes on from killed.h5.points: [0-9]+ of 21 points are there" sweep grid.yaml "${slow[@]}" -o killed.h5
holds "killed and resumed: the same numbers" same whole.h5 killed.h5
holds "killed: nothing is left" test ! -e killed.h5.points
stop TERM stopped.h5
holds "SIGTERM: status 143" test $? -eq 143
holds "SIGTERM: says how to go on" grep -q "stopped by signal 15 (SIGTERM) with the points in stopped.h5.points" err
expect "SIGTERM: --resume goes on" 0 "goes on" sweep grid.yaml "${slow[@]}" -o stopped.h5 --resume stopped.h5.points
holds "stopped and resumed: the same numbers" same whole.h5 stopped.h5
expect "--resume of nothing" 2 "there is no folder nothing to go on from" sweep grid.yaml -o x.h5 --resume nothing
mkdir full && touch full/file
expect "a folder of other things" 2 "full is no folder of a sweep" sweep grid.yaml -o x.h5 --checkpoint full
holds "a folder of other things is left alone" test -e full/file -a "$(ls full | wc -l)" -eq 1
expect "a file in the place of the folder" 2 "grid.yaml is a file" sweep grid.yaml -o x.h5 --checkpoint grid.yaml
for part in 1 2 3; do expect "part $part of 3" 0 "its 7 points are in parts.h5.points" sweep grid.yaml -o parts.h5 --part $part/3; done
holds "parts make no file" test ! -e parts.h5
expect "parts are put together" 0 "21 of 21 points are there" sweep grid.yaml -o parts.h5
holds "parts: the same numbers" same one.h5 parts.h5
for part in 0/3 4/3 1 a/b 1/; do expect "--part $part" 2 "part takes I/N" sweep grid.yaml -o x.h5 --part $part; done
"$dmft" sweep grid.yaml -o damaged.h5 --part 1/3 --quiet
printf x >damaged.h5.points/point-000003.h5
expect "a damaged point is named" 2 "point-000003.h5" sweep grid.yaml -o damaged.h5 --quiet
rm damaged.h5.points/point-000003.h5
expect "and is run again" 0 "" sweep grid.yaml -o damaged.h5 --quiet
holds "a damaged point: the same numbers" same one.h5 damaged.h5

# ---- failures ----
expect "a failing point does not end the sweep" 1 "2 of 8 points failed; the first is point 3: network.residual: not with method lazy" \
    sweep grid.yaml -o failing.h5 --set 'sweep.network.width_ratio=[1]' --set 'sweep.training.learning_rate=[0.01, 0.02]' \
    --set 'sweep.method=[basis, lazy]' --set 'sweep.network.residual=[false, true]' 
expect "what failed is in the file" 0 ',2,nan,' show failing.h5 --csv
expect "why it failed, too" 0 '"messages": ' show failing.h5 --json
expect "all points fail: refused before" 2 "batch_fraction is missing" sweep grid.yaml -o x.h5 --set data.batch=bernoulli
expect "divergence is an outcome" 0 ",3,[0-9]+," show one.h5 --csv
expect "the memory limit holds for all" 2 "takes about|memory" sweep grid.yaml -o x.h5 --memory-limit 2K
expect "fewer threads where memory is short" 0 "for each of 1 point at a time" sweep grid.yaml --dry-run --threads 2 --memory-limit 1M
holds "nothing is left behind" test ! -e x.h5

# ---- refusals ----
expect "no section" 2 "there is no section sweep" sweep <(sed '/^sweep/,$d' grid.yaml) -o x.h5
for command in solve simulate; do expect "$command refuses a sweep" 2 "sweep: is for dmft sweep" $command grid.yaml -o x.h5; done
expect "converge refuses a sweep" 2 "sweep: is for dmft sweep" converge grid.yaml
expect "kernels are refused" 2 "output.kernels: must be false" sweep grid.yaml -o x.h5 --set output.kernels=true
expect "a value outside of its domain" 2 "grid.yaml|network.width_ratio: must be a number in \(0, inf\), got -1" sweep grid.yaml -o x.h5 --set 'sweep.network.width_ratio=[1, -1]'
expect "an existing file" 2 "one.h5 exists already" sweep grid.yaml -o one.h5
expect "no output" 2 "-o OUT.h5 is missing" sweep grid.yaml
expect "compare wants runs" 2 "a sweep, where the result of one run" compare one.h5 one.h5
expect "escape wants runs" 2 "a sweep, where the result of one run" escape one.h5
expect "dry run" 0 "^points: 21 \(3 x 7\)" sweep grid.yaml --dry-run
holds "a dry run writes nothing" test ! -e grid.h5

# ---- show ----
expect "show" 0 "network.width_ratio  training.learning_rate    status" show one.h5
holds "a row a point" test "$("$dmft" show one.h5 --csv | wc -l)" -eq 22
expect "show a series at a step" 0 "^network.width_ratio,training.learning_rate,status,diverged_at,step,test_loss$" show one.h5 --csv --series step,test_loss --step 4
expect "show: the step" 0 "^4,0.01,0,nan,4," show one.h5 --csv --step 4
expect "show: a step that no point has" 2 "one.h5: no point has a step 99, the last is [0-9]+" show one.h5 --step 99
expect "show: an unknown series" 2 "no series 'tst_loss'; the nearest is 'test_loss'" show one.h5 --series tst_loss
expect "show: errors" 0 ",test_loss,test_loss_se$" show sampled.h5 --csv --errors --series test_loss
expect "show: no kernels" 2 "holds no kernels" show one.h5 --kernel C_v --npy x.npy
expect "show: --step is for sweeps" 2 "are for sweeps" show point.h5 --step 3
# The parabola through the lowest point and its neighbours, by awk.
"$dmft" show one.h5 --csv --series test_loss | awk -F, 'BEGIN { n = 0 } $1 == 4 && $3 == 0 { x[n] = log($2); y[n++] = $5 }
    END { k = 0; for (i = 1; i < n; i++) if (y[i] < y[k]) k = i
          l = (y[k] - y[k-1]) / (x[k] - x[k-1]); r = (y[k+1] - y[k]) / (x[k+1] - x[k])
          printf "%.6g\n", exp((x[k-1] + x[k]) / 2 - l * (x[k+1] - x[k-1]) / 2 / (r - l)) }' >first.txt
"$dmft" show one.h5 --minimum training.learning_rate --csv | awk -F, '$1 == 4 { printf "%.6g\n", $2 }' >second.txt
holds "show --minimum: the vertex of the parabola ($(cat first.txt))" cmp -s first.txt second.txt
expect "show --minimum: at the border" 0 ",nan,.*the lowest point is at the border of the grid" show one.h5 --minimum training.learning_rate --csv --step 0 --series step
expect "show --minimum: the ratio" 0 "^# largest/smallest training.learning_rate: " show one.h5 --minimum training.learning_rate
expect "show --minimum: an unknown axis" 2 "no axis 'learning_rate'; the nearest of the 2 there are is 'training.learning_rate'" show one.h5 --minimum learning_rate
expect "show --minimum: words" 2 "three numbers or more" show mlp.h5 --minimum network.activation --series train_loss

# ---- numbers of points ----
cat >phase.yaml <<'YAML'
model: noisy_matrix
network: {width_ratio: 0.5, weight_variance: 1}
data: {sample_ratio: 4, label_noise: 0.2, teacher_strength: 3}
training: {learning_rate: 0.1, steps: 4, batch_size: 4, weight_decay: 0.05}
sweep: {network.weight_variance: [1, 4], training.learning_rate: {log: [0.02, 2.5, 9]}}
YAML
"$dmft" sweep phase.yaml -o phase.h5 --quiet
grep -v '^sweep' phase.yaml >single.yaml
"$dmft" solve single.yaml -o single.h5 --quiet
"$dmft" show single.h5 --json | sed -n 's/.*"critical_step_size": \([0-9.e-]*\).*/\1/p' >first.txt
"$dmft" show phase.h5 --csv --series step,critical_step_size | sed -n 's/^1,.*,0,nan,4,//p' | sort -u >second.txt
holds "show: a number of the points is that of single runs ($(cat first.txt))" test -s first.txt -a "$(awk '{ printf "%.12g", $1 }' first.txt)" = "$(cat second.txt)"
"$dmft" show phase.h5 --json >out; holds "show: and in --json" grep -q "\"critical_step_size\": \[$(cat first.txt), " out
"$dmft" show one.h5 --csv --errors --series A1_escape_step1 >out; holds "show: with its error" test "$(head -1 out | cut -d, -f5-)" = "A1_escape_step1,A1_escape_step1_se"
expect "show: neither a series nor a number" 2 "no series 'critical'" show phase.h5 --series critical

# ---- plot ----
if command -v gnuplot >/dev/null; then
    expect "plot" 0 "wrote a.png" plot one.h5 sampled.h5 -o a.png
    expect "plot over another axis" 0 "wrote b.svg" plot one.h5 -o b.svg --over network.width_ratio --series A1_outlier1,A0_outlier1 --step 10
    holds "plot: one curve a learning rate" grep -q "η = 0.1" b.svg
    expect "plot against the step" 0 "wrote c.svg" plot one.h5 sampled.h5 -o c.svg --against step --series A1_outlier1
    expect "plot a map" 0 "wrote d.svg" plot one.h5 -o d.svg --map
    holds "plot: what diverged is grey" grep -qi "bbbbbb\|187, 187, 187" d.svg
    expect "plot a map of divergence" 0 "wrote e.pdf" plot one.h5 -o e.pdf --map --series diverged
    expect "plot a number" 0 "wrote f.png" plot one.h5 -o f.png --series A1_escape_time1
    expect "plot a phase diagram" 0 "wrote phase.svg" plot phase.h5 -o phase.svg --map
    holds "plot: its title says what is not plain" grep -q "σε = 0.2, s = 3, ω = 0.05, B = 4; grey" phase.svg
    holds "plot: every other label of nine that would touch" test "$(grep -oE '>0\.(02|03657|06687|1223|2236|4089|7477)<' phase.svg | tr -d '><\n')" = "0.020.066870.22360.7477"
    expect "plot words" 0 "wrote g.svg" plot mlp.h5 -o g.svg --over network.activation --series train_loss
    expect "plot: nothing to draw" 2 "nothing to draw" plot one.h5 -o x.png --series A0_outlier2
else
    skip "plot" "no gnuplot"
fi
expect "plot: an unknown series" 2 "no series 'losses'; the nearest is" plot one.h5 -o x.png --series losses
expect "plot: an unknown axis" 2 "no axis 'depth'" plot one.h5 -o x.png --over depth
expect "plot: a sweep and a run" 2 "sweeps are drawn with sweeps" plot one.h5 point.h5 -o x.png
expect "plot: options of sweeps" 2 "point.h5 is the result of one run; --map is for sweeps" plot point.h5 -o x.png --map
expect "plot: the range is one of sweeps" 2 "--range is for sweeps" plot point.h5 -o x.png --range 1:2
expect "plot: a map of one axis" 2 "needs a sweep of two axes" plot failing.h5 -o x.png --map
expect "plot: against what" 2 "must be step" plot one.h5 -o x.png --against time
holds "no figure is left" test ! -e x.png

totals
