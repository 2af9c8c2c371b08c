#!/usr/bin/env bash
# The program `dmft` from outside: commands, exit status, error lines, files left behind.
# usage: test_program.sh PATH/TO/dmft
. "$(dirname "$0")/program_parts.sh"
trap 'umount "$folder/small" 2>/dev/null; rm -rf "$folder"' EXIT

cat >a.yaml <<'YAML'
model: deep_linear
network: {depth: 2, width_ratio: 0.5, gamma0: 8.48528137423857, weight_variance: 0.25}
data: {sample_ratio: 4.0}
training: {learning_rate: 0.02, steps: 20}
simulation: {input_dim: 100, seeds: 4, seed: 1}
YAML

# ---- help and usage ----
expect "--help" 0 "dmft solve" --help
expect "--version" 0 "^dmft [0-9]" --version
for command in solve simulate compare converge sweep show plot escape represent outliers spectrum report init info; do expect "$command --help" 0 "^usage: dmft $command" $command --help; done
expect "defaults are in --help" 0 "default: all cores" solve --help
"$dmft" >out 2>err; holds "no command is usage" test $? -eq 2
expect "unknown command" 2 "nearest is 'solve'" slove
for word in help bogus; do expect "no command is near to $word" 2 "^dmft: unknown command '$word' \(dmft --help lists them\)$" $word; done
expect "no option is near to --json" 2 "unknown option '--json' \(dmft solve --help lists them\)" solve a.yaml --json
expect "unknown option names the nearest" 2 "nearest is '--force'" solve a.yaml -o x.h5 --forse
expect "option of another command" 2 "unknown option '--csv'" solve a.yaml -o x.h5 --csv
expect "option before the command" 2 "command comes before" --quiet solve
expect "missing argument" 2 "CONFIG is missing" solve -o x.h5
expect "missing output" 2 "-o OUT.h5 is missing" solve a.yaml
expect "--quiet goes everywhere" 0 "learning_rate" init deep_linear --quiet
expect "missing second file" 2 "is missing" compare a.h5
expect "argument too many" 2 "one argument too many" solve a.yaml b.yaml -o x.h5
expect "-o twice" 2 "given twice" solve a.yaml -o x.h5 -o y.h5
expect "-o without a value" 2 "needs a value" solve a.yaml -o
expect "flag with a value" 2 "takes no value" solve a.yaml -o x.h5 --force=1
expect "--set without =" 2 "KEY.SUB=VALUE" solve a.yaml -o x.h5 --set network.gamma0
expect "--set of an unknown key" 2 "gamma" solve a.yaml -o x.h5 --set network.gama0=1
expect "--set outside the domain" 2 "network.gamma0" solve a.yaml -o x.h5 --set network.gamma0=-1
expect "--threads outside the domain" 2 "\[1, 1024\]" solve a.yaml -o x.h5 --threads 0
expect "--threads no number" 2 "\[1, 1024\]" solve a.yaml -o x.h5 --threads=two
expect "--memory-limit no number" 2 "\[1, 1e\+18\]" solve a.yaml -o x.h5 --memory-limit 5X
expect "missing configuration" 2 "no.yaml" solve no.yaml -o x.h5
expect "folder as configuration" 2 "." solve . -o x.h5
expect "unknown model" 2 "unknown model" init nonsense
holds "nothing was written so far" test ! -e x.h5

# ---- the work ----
expect "solve" 0 "wrote theory.h5" solve a.yaml -o theory.h5 --threads 1
expect "the memory is stated" 0 "^memory: .* for T = 20 with all kernels; .* allowed" solve a.yaml --output=kernels.h5 --set output.kernels=true
expect "solve is quiet" 0 "" solve a.yaml -o quiet.h5 --quiet
holds "quiet says nothing" test ! -s out -a ! -s err
expect "simulate" 0 "4 networks" simulate a.yaml -o sample.h5 --threads 2
expect "compare holds" 0 "^verdict: holds" compare theory.h5 sample.h5
grep -qE '^C_v +0 ' out && grep -qE '^A1_outlier1 ' out && grep -qE '^quantile: [0-9.]+, of .* 3 degrees' out && grep -qE 'skipped: [0-9]+' out
holds "compare prints table, quantile and skipped" test $? -eq 0
holds "compare warns of few seeds" grep -q "^dmft: warning: samples of 4 seeds test little: differences of up to 32[.]62 standard errors" err
"$dmft" simulate a.yaml -o five.h5 --quiet --set simulation.seeds=5 --set simulation.input_dim=20
"$dmft" compare theory.h5 five.h5 >out 2>err; grep -q "test little" err; holds "compare of five seeds does not" test $? -eq 1
"$dmft" solve a.yaml -o strong.h5 --set network.gamma0=4 --quiet
"$dmft" compare strong.h5 sample.h5 --allowance 1000 >out 2>err; grep -q "problems differ: network.gamma0 is 4 in the theory" err
holds "compare warns of another problem" test $? -eq 0
expect "init and solve" 0 "^model: deep_linear" init deep_linear
cp out template.yaml
expect "the template is a configuration" 0 "steps" solve template.yaml --set training.steps=5 -o template.h5
expect "info" 0 "self-test passed" info
expect "--blas-core auto" 0 "self-test passed" info --blas-core auto
holds "leaves nothing to warn of" test "$(grep -c '^warning' out)" -eq 0
core=$("$dmft" info --blas-core auto | sed -n 's/^core *//p')
expect "--blas-core NAME" 0 "^core +$core" info --blas-core "$core"
(unset OPENBLAS_CORETYPE; "$dmft" info --blas-core nonsense >out 2>err; test $? -eq 2 && grep -q "does not take 'nonsense'; it runs [A-Z]" err && test "$(wc -l <err)" -eq 1)
holds "--blas-core of no processor" test $? -eq 0
expect "--blas-core of a run" 0 "wrote core.h5" solve a.yaml -o core.h5 --blas-core auto
expect "the core is in the result" 0 "\"blas\": .*, core $core\"" show core.h5 --json
OPENBLAS_CORETYPE=$core "$dmft" info --blas-core auto >out 2>err; holds "the environment's core stays" grep -q "^core *$core" out
expect "escape" 0 "^A_1 +1 +6 +5\.9" escape theory.h5
expect "escape says none" 0 "^A_1 +2 +none +none" escape theory.h5
for method in basis rows; do
    "$dmft" solve a.yaml -o sparse.h5 --quiet --force --set outliers.every=4 --set method=$method
    expect "escape between records is a bound ($method)" 0 "^A_1 +1 +by step 8 +- +\(not yet at step 4\)$" escape sparse.h5
    expect "and has no time ($method)" 0 "A1_escape_step1\": 8,?\$" show sparse.h5 --json
    holds "none at all ($method)" test "$(grep -cE 'A1_escape_time1": [0-9]' out)" -eq 0
done
"$dmft" init two_layer_linear_width >wide.yaml
"$dmft" solve wide.yaml -o wide.h5 --quiet
expect "escape in one step" 0 "^A_0 +1 +1 +-$" escape wide.h5
"$dmft" simulate wide.yaml -o wides.h5 --quiet --set simulation.input_dim=60 --set simulation.seeds=2
expect "escape of samples in one step" 0 "^A_0 +1 +1 +-$" escape wides.h5
if command -v gnuplot >/dev/null; then
    expect "one row is drawn as a point" 0 "wrote wide.svg" plot wide.h5 -o wide.svg
    holds "its crosses: two losses and the outlier, with the legend's" test "$(grep -c "<use xlink:href='#gpPt1'" wide.svg)" -eq 6
fi
expect "steps: 1" 0 "1 steps" solve a.yaml -o one.h5 --set training.steps=1

# ---- show ----
"$dmft" show theory.h5 --csv >theory.csv
holds "show --csv has a row a step" test "$(wc -l <theory.csv)" -eq 21
holds "default columns" test "$(head -1 theory.csv)" = "step,C_v,C_Delta,C_h0,C_h1,C_h2,C_g1,C_g2,A0_outlier1,A0_outlier2,A1_outlier1,A1_outlier2"
expect "show --series --errors" 0 "^step,C_v,C_v_se$" show sample.h5 --csv --series step,C_v --errors
expect "errors of theory are 0" 0 "^0,[0-9.]*,0$" show theory.h5 --csv --series step,C_v --errors
expect "unknown series" 2 "nearest .* 'C_v'" show theory.h5 --series C_w
expect "compare does not hold" 1 "^verdict: does not hold" compare strong.h5 theory.csv --series C_v,A1_outlier1
holds "failures are marked" grep -q "outside$" out
expect "show --json" 0 '"network.depth": 2' show theory.h5 --json
if command -v python3 >/dev/null; then python3 -c 'import json,sys; json.load(open("out"))' 2>/dev/null; holds "JSON is JSON" test $? -eq 0; fi
expect "show a table" 0 "C_Delta" show theory.h5
expect "--csv and --json" 2 "exclude" show theory.h5 --csv --json
expect "--kernel without --npy" 2 "npy is missing" show kernels.h5 --kernel C_v
expect "no kernels" 2 "holds no kernels" show theory.h5 --kernel C_v --npy k.npy
expect "unknown kernel" 2 "no kernel 'C_x'" show kernels.h5 --kernel C_x --npy k.npy
expect "kernel to npy" 0 "" show kernels.h5 --kernel C_v --npy k.npy
holds "npy has its size" test "$(wc -c <k.npy)" -eq $((128 + 8 * 20 * 20))
expect "npy is not overwritten" 2 "exists already" show kernels.h5 --kernel C_v --npy k.npy
expect "networks keep their weights" 0 "wrote w.h5" simulate a.yaml -o w.h5 --set output.weights=true
expect "matrix to npy" 0 "" show w.h5 --matrix A0_last --npy w.npy
holds "which has its size" test "$(wc -c <w.npy)" -eq $((128 + 8 * 50 * 100))
expect "unknown matrix" 2 "no matrix 'A2_last'; the 6 there are go from 'A0_first' to 'readout_last'" show w.h5 --matrix A2_last --npy x.npy
expect "no matrices" 2 "holds no matrices" show sample.h5 --matrix A0_last --npy x.npy
expect "--matrix without --npy" 2 "npy is missing" show w.h5 --matrix A0_last
expect "--matrix and --kernel" 2 "exclude" show w.h5 --matrix A0_last --kernel C_v --npy x.npy
expect "theory has no weights, and says so" 0 "^note: output.weights: a theory has no weight" solve a.yaml -o noted.h5 --set output.weights=true
"$dmft" show noted.h5 --csv >noted.csv; "$dmft" show theory.h5 --csv >plain.csv; holds "but the same numbers" cmp -s noted.csv plain.csv
expect "one file for both" 0 "^verdict" compare noted.h5 w.h5
expect "networks of deep_linear have no two-time kernels, and say so" 0 "^note: output.kernels: networks of model deep_linear store no" simulate a.yaml --dry-run --set output.kernels=true
"$dmft" simulate a.yaml --dry-run --set output.kernels=true >out 2>err; grep -q "with all kernels" out err; holds "nor claim to have them" test $? -ne 0
expect "theory has them" 0 "with all kernels" solve a.yaml --dry-run --set output.kernels=true
expect "nor in a sweep" 2 "sweeps store no weight matrices" sweep a.yaml -o x.h5 --set output.weights=true --set "sweep.network.gamma0=[1, 2]"
text=$source_folder/../tools/text.sh
printf 'To be, or not to be: that is the question. To be!\n' >words.txt
holds "a text with a class a word" test "$(sh "$text" 9 0 words.csv words.txt)" -eq 8
holds "a text with two classes" test "$(sh "$text" 9 2 two.csv words.txt)" -eq 2
holds "a line a sample, a 1 at either distance and in the class" awk -F, '{ n = 0; for (i = 1; i <= NF; i++) n += $i; bad += n != 3 || NF != 18 } END { exit bad || NR != 9 }' two.csv
holds "inputs are the same" cmp -s <(cut -d, -f1-16 words.csv) <(cut -d, -f1-16 two.csv)
sh "$text" 11 0 x.csv words.txt 2>err; holds "a text that is too short" test $? -eq 2 -a ! -e x.csv -a -n "$(grep "12 words" err)"
sh "$text" 9 0 x.csv absent.txt 2>err; holds "a text that is not there" test $? -eq 2 -a ! -e x.csv
sh "$text" 9 1 x.csv words.txt 2>err; holds "one class" test $? -eq 2 -a ! -e x.csv
expect "a network on words" 0 "wrote n.h5" simulate "$source_folder/../examples/gallery/many_outputs.yaml" -o n.h5 --set data.file=words.csv \
    --set data.outputs=8 --set simulation.width=20 --set training.learning_rate=1
expect "a table of one's own against theory" 0 "^verdict: holds" compare theory.h5 theory.csv
printf 'step,C_v\n0,1\n1\n' >short.csv
expect "a truncated table" 2 "short.csv:3:2: " compare theory.h5 short.csv
sed '/simulation/d' a.yaml >plain.yaml
"$dmft" solve plain.yaml -o plain.h5 --quiet
expect "sizes unknown: an allowance is needed" 2 "allowance" compare plain.h5 theory.csv
expect "sizes unknown: an allowance is given" 0 "^verdict: holds" compare plain.h5 theory.csv --allowance 1e-6

# ---- plot ----
if command -v gnuplot >/dev/null; then
    for kind in png svg pdf; do expect "plot $kind" 0 "wrote f.$kind" plot theory.h5 sample.h5 -o f.$kind; holds "f.$kind has something in it" test "$(wc -c <f.$kind)" -gt 5000; done
    expect "plot of many" 0 "wrote" plot theory.h5 strong.h5 sample.h5 -o many.png
    expect "plot of one step" 0 "wrote" plot one.h5 -o one.png
    expect "plot is not overwritten" 2 "exists already" plot theory.h5 -o f.png
    expect "plot elsewhere" 2 "nowhere" plot theory.h5 -o nowhere/f.png
else
    skip "plot" "no gnuplot"
fi
expect "plot needs a known ending" 2 "must end in" plot theory.h5 -o f.gif
printf 'step,x\n0,1\n' >x.csv
expect "nothing to draw" 2 "nothing to draw" plot x.csv -o x.png
PATH=/nowhere "$dmft" plot theory.h5 -o without.png >out 2>err; status=$?
holds "missing gnuplot is said" test $status -eq 1 -a "$(grep -c 'gnuplot is not installed' err)" -eq 1
holds "and nothing is left" test -z "$(ls | grep -E 'without|tmp$')"

# ---- bad files ----
expect "missing result" 2 "no.h5: No such file" show no.h5
expect "folder as result" 2 "Is a directory" show .
base64 -d >alien.gz <<'BASE64'
H4sIAAAAAAACA+v0cHHj5ZLiYgABDg4GFgYBBmTwHwoUmFH5MPkEKM0IpTug9AommDgjWE4CKi4INR9dXUiQqyuy+ej2jIKRDTxcHQNAdASUzwGlTzChqoOl
wwAqBRkA8xDuUyADAAA=
BASE64
gzip -dc alien.gz >alien.h5
expect "HDF5 of another program" 2 "another program" show alien.h5
expect "a table is no result" 2 "not an HDF5 file" show a.yaml
size=$(wc -c <theory.h5) wrong=0
for part in 0 1 7 8 20 47 48 100 1000 $((size / 2)) $((size - 33)) $((size - 31)) $((size - 1)); do
    head -c "$part" theory.h5 >cut.h5
    "$dmft" show cut.h5 >out 2>err
    [ $? -eq 2 ] && [ "$(wc -l <err)" -eq 1 ] && [ ! -s out ] || wrong=$((wrong + 1))
done
holds "truncated results are refused" test $wrong -eq 0
wrong=0
for at in 9 60 500 $((size / 2)) $((size - 100)); do
    cp theory.h5 cut.h5
    printf 'XYZ' | dd of=cut.h5 bs=1 seek="$at" conv=notrunc 2>/dev/null
    "$dmft" show cut.h5 >out 2>err
    [ $? -eq 2 ] && [ "$(wc -l <err)" -eq 1 ] || wrong=$((wrong + 1))
done
holds "damaged results are refused" test $wrong -eq 0

# ---- places to write ----
before=$(ls -A | grep -v -e '^out$' -e '^err$' | sort)
expect "the output exists" 2 "exists already \(--force" solve a.yaml -o theory.h5
expect "--force overwrites" 0 "wrote theory.h5" solve a.yaml -o theory.h5 --force
expect "folder as output" 2 "Is a directory" solve a.yaml -o .
expect "folder as output, forced" 2 "Is a directory" solve a.yaml -o . --force
expect "output in a folder that is not there" 2 "No such file" solve a.yaml -o nowhere/x.h5
expect "output in a folder that cannot be written" 2 "cannot write" solve a.yaml -o /proc/x.h5
expect "a device is not replaced" 2 "not a regular file" solve a.yaml -o /dev/null --force
if [ "$(id -u)" -ne 0 ]; then
    mkdir locked && chmod 555 locked
    expect "read-only folder" 2 "Permission denied" solve a.yaml -o locked/x.h5
    rmdir locked
else
    skip "read-only folder" "root may write anywhere; /proc stands for it"
fi
(ulimit -f 2; "$dmft" solve a.yaml -o full.h5 >out 2>err); status=$?
holds "file too large" test $status -eq 1 -a "$(grep -c '^dmft: cannot write .*full.h5: File too large' err)" -eq 1
mkdir small
if mount -t tmpfs -o size=8k none small 2>/dev/null; then
    expect "full disk" 1 "small/x.h5: No space left" solve a.yaml -o small/x.h5
    head -c 6k /dev/zero >small/filler
    expect "full disk, kernel" 1 "small/k.npy: No space left" show kernels.h5 --kernel C_v --npy small/k.npy
    if command -v gnuplot >/dev/null; then expect "full disk, figure" 1 "small/f.png" plot theory.h5 -o small/f.png; fi
    holds "full disk: nothing is left" test "$(ls -A small)" = filler
    umount small
else
    skip "full disk" "no tmpfs can be mounted"
fi
rmdir small
holds "no file was left behind" test "$(ls -A | grep -v -e '^out$' -e '^err$' | sort)" = "$before"
if [ -e /dev/full ]; then
    "$dmft" show theory.h5 --csv >/dev/full 2>err; status=$?
    holds "full standard output" test $status -eq 1 -a "$(grep -c 'standard output: No space' err)" -eq 1
    "$dmft" --help >/dev/full 2>err; holds "full standard output, help" test $? -eq 1
fi
"$dmft" show theory.h5 --csv >&- 2>err; holds "closed standard output" test $? -eq 1
"$dmft" solve a.yaml -o closed.h5 --quiet <&- >&- 2>&-; holds "all streams closed" test $? -eq 0
"$dmft" show closed.h5 >/dev/null 2>err; holds "and the file is whole" test $? -eq 0
"$dmft" solve a.yaml -o long.h5 --quiet --set training.steps=3000 --set outliers.every=100 --set training.learning_rate=0.001
"$dmft" show long.h5 --csv 2>err | head -1 >/dev/null; status=${PIPESTATUS[0]}
holds "show | head is no error" test $status -eq 141 -a ! -s err

# ---- model mlp ----
cat >m.yaml <<'YAML'
model: mlp
network: {depth: 2, activation: tanh, gamma0: 3, weight_variance: 1}
data:
  gram: [[1, 0.4, -0.2], [0.4, 1, 0.3], [-0.2, 0.3, 1]]
  target: [1, 1, -1]
training: {learning_rate: 0.2, steps: 12}
sampling: {sites: 128, replicas: 4}
outliers: {count: 1}
simulation: {width: 64, seeds: 4}
YAML
expect "init mlp" 0 "^  # Activation function$" init mlp
holds "init mlp shows no rows of others" test "$(grep -cE 'label_noise|width_ratio|flow:|grid:|method' out)" -eq 0
cp out mlp.yaml
expect "the template of mlp is a configuration" 0 "wrote template_mlp.h5: 4 steps" solve mlp.yaml --set training.steps=4 --set sampling.sites=64 -o template_mlp.h5
"$dmft" init deep_linear >out; holds "init deep_linear shows no rows of mlp" test "$(grep -cE 'activation|gram|bias|sampling' out)" -eq 0
expect "init of an unknown model" 2 "unknown model 'noisy'; one of deep_linear | mlp" init noisy
expect "init noisy_matrix" 0 "^  # Singular value of the teacher" init noisy_matrix
cp out matrix.yaml
expect "the template of noisy_matrix is a configuration" 0 "wrote matrix.h5: 41 steps" solve matrix.yaml -o matrix.h5
expect "noisy_matrix: simulate" 0 "wrote matrices.h5: 41 steps" simulate matrix.yaml -o matrices.h5 --set simulation.input_dim=100
"$dmft" show matrix.h5 --csv >out; holds "noisy_matrix: default columns" test "$(head -1 out)" = "step,bulk_edge,isolated,overlap2_left,overlap2_right,bulk_variance"
expect "noisy_matrix: compare" 0 "^verdict: holds" compare matrix.h5 matrices.h5
expect "noisy_matrix: what is next to the edge is named" 0 "^not compared: isolated at [0-9]+ steps? \(too near to the edge of the bulk\)" compare matrix.h5 matrices.h5
expect "noisy_matrix: escape of samples, without a time" 0 "^W +1 +[0-9]+ +-$" escape matrices.h5
"$dmft" simulate matrix.yaml -o matrices7.h5 --quiet --set simulation.input_dim=100 --set outliers.every=7
expect "noisy_matrix: escape of samples now and then" 0 "^W +1 +by step [0-9]+ +- +\(not yet at step [0-9]+\)$" escape matrices7.h5
expect "noisy_matrix: converge in step" 0 "^verdict: holds" converge matrix.yaml --levels 3 --quiet
"$dmft" init extensive_output >outputs.yaml; expect "extensive_output: no step to halve" 2 "has no step to halve: --in width or --in seeds" converge outputs.yaml
expect "noisy_matrix: escape" 0 "^W +1 +9 +8\.90" escape matrix.h5
expect "noisy_matrix: solve has no checkpoints" 2 "has no checkpoints" solve matrix.yaml -o x.h5 --checkpoint matrix.ck --quiet
if command -v gnuplot >/dev/null; then expect "noisy_matrix: plot" 0 "wrote matrix.png" plot matrix.h5 matrices.h5 -o matrix.png; fi
expect "mlp: solve" 0 "wrote m.h5: 12 steps in .*, 4 replicas" solve m.yaml -o m.h5
expect "mlp: simulate" 0 "4 networks" simulate m.yaml -o ms.h5
"$dmft" show m.h5 --csv >m.csv
holds "mlp: default columns" test "$(head -1 m.csv)" = "step,f0,f1,f2,trace_C_h1,trace_C_h2,C_g1,C_g2,A1_outlier1"
"$dmft" show m.h5 --csv --errors >m.csv
holds "mlp: with standard errors" test "$(head -1 m.csv | cut -d, -f1-5)" = "step,f0,f0_se,f1,f1_se"
holds "mlp: which are above 0" test "$(sed -n 3p m.csv | awk -F, '{ print ($3 > 0 && $3 < 0.1) }')" -eq 1
expect "mlp: compare" 0 "^allowance: 20 .theory./64 for kernels, 20/64 for outliers" compare m.h5 ms.h5
expect "compare: two models" 2 "compare: two models: m.h5 is of mlp, sample.h5 of deep_linear" compare m.h5 sample.h5
expect "mlp: a table, the width is that of the theory's simulation" 0 "^allowance: 20 .theory./64 .*" compare m.h5 m.csv
sed '/simulation/d' m.yaml >mp.yaml
"$dmft" solve mp.yaml -o mp.h5 --quiet
expect "mlp: no width, an allowance is needed" 2 "give an allowance, or simulation.width" compare mp.h5 m.csv
"$dmft" solve m.yaml -o mg.h5 --quiet --set 'data.gram=[[1, 0.4, -0.2], [0.4, 1, 0.3], [-0.2, 0.3, 1.5]]'
"$dmft" compare mg.h5 ms.h5 --allowance 1000 >out 2>err; grep -q "problems differ: data.gram is \[\[1, 0.4" err; holds "mlp: compare warns of other data" test $? -eq 0
expect "mlp: linear is exact" 0 "wrote ml.h5: 12 steps" solve m.yaml -o ml.h5 --set network.activation=linear
"$dmft" show ml.h5 --csv --errors >out; holds "mlp: with errors of 0" test "$(tail -1 out | cut -d, -f3)" = 0
expect "mlp: a table in --json" 0 '"data.gram": \[\[1, 0.4, -0.2\]' show m.h5 --json
expect "mlp: escape" 0 "^A_1 +1 " escape m.h5
"$dmft" solve m.yaml -o m5.h5 --quiet --set outliers.every=5
expect "mlp: escape between records" 0 "^A_1 +1 +by step (5 +- +\(not yet at step 0|10 +- +\(not yet at step 5)\)$" escape m5.h5
"$dmft" solve m.yaml -o mk.h5 --quiet --set output.kernels=true
expect "mlp: a result with kernels is read" 0 "^verdict: holds" compare mk.h5 ms.h5
expect "mlp: kernel to npy" 0 "" show mk.h5 --kernel C_phi1 --npy mk.npy
holds "mlp: which has an order of steps times samples" test "$(wc -c <mk.npy)" -eq $((128 + 8 * 36 * 36))
expect "mlp: --dry-run" 0 "^memory: " solve m.yaml --dry-run
expect "mlp: simulate --dry-run" 0 "^memory: " simulate m.yaml --dry-run
LD_PRELOAD= "$dmft" solve m.yaml -o x.h5 --quiet --set network.gamma0=1e300 >out 2>err # without the traps of make fpe: it cannot but overflow
holds "mlp: weights beyond all numbers end in one line" test $? -eq 1 -a "$(wc -l <err)" -eq 1 -a ! -s out
if [ -x /usr/bin/time ] && ! grep -q __asan_init "$dmft"; then
    for replicas in 1 2; do
        /usr/bin/time -f %M -o peak$replicas "$dmft" solve m.yaml -o peak.h5 --force --quiet --threads 1 --set sampling.sites=40000 --set sampling.replicas=$replicas
    done
    holds "mlp: the second replica takes the memory of the first" test "$(cat peak2)" -lt $(($(cat peak1) * 6 / 5))
else
    skip "mlp: the second replica takes the memory of the first" "no /usr/bin/time, or a sanitizer that keeps memory"
fi
expect "mlp: a loss beyond all bounds" 3 "diverged at step 0" solve m.yaml -o lost.h5 --set network.gamma0=1e-300
expect "mlp: few sites are told" 0 "^note: [0-9]+ directions of 40 sites" solve m.yaml -o few.h5 --set sampling.sites=40
expect "mlp: converge, levels that differ by sampling alone" 0 "^verdict: holds" converge m.yaml --levels 3 --set sampling.sites=64 --set sampling.replicas=2
if command -v gnuplot >/dev/null; then expect "mlp: plot" 0 "wrote m.png" plot m.h5 ms.h5 -o m.png; fi
expect "represent: nothing was recorded" 2 "output.representations: EVERY stores them" represent m.h5
"$dmft" solve m.yaml -o mr.h5 --quiet --set output.representations=2
"$dmft" simulate m.yaml -o mrs.h5 --quiet --set output.representations=2
expect "represent" 0 "^layer 2: (gradual|onset|sharp|still)" represent mr.h5
expect "represent: one layer of two results" 0 "^mrs.h5, layer 2: " represent mr.h5 mrs.h5 --layer 2
holds "represent: of that layer alone" test "$(grep -c '^m.*layer' out)" -eq 2
expect "represent: CSV" 0 "^layer,step,eigenvalue1,eigenvalue1_se,.*,separated,explained,progress,progress_se,change,change_se,change_noise,verdict" represent mr.h5 --csv
holds "represent: a row a record and layer" test "$(wc -l <out)" -eq 13
expect "represent: JSON" 0 '"coordinates": ' represent mr.h5 --json
if command -v python3 >/dev/null; then python3 -c 'import json; d = json.load(open("out")); assert len(d["layers"]) == 2 and len(d["layers"][0]["snapshots"][5]["coordinates"]) == 3' 2>/dev/null; holds "represent: JSON is JSON" test $? -eq 0; fi
expect "represent: no such layer" 2 "there is no representation of layer 3" represent mr.h5 --layer 3
expect "represent: layers count from 1" 2 "in .1, 64." represent mr.h5 --layer 0
expect "represent: CSV of one" 2 "take one file" represent mr.h5 mrs.h5 --csv
expect "represent: CSV or JSON" 2 "exclude each other" represent mr.h5 --csv --json
expect "represent: name of the figure" 2 "must end in .png" represent mr.h5 -o fig.gif
if command -v gnuplot >/dev/null; then
    for ending in png svg pdf; do expect "represent: figure as $ending" 0 "wrote r.$ending" represent mr.h5 mrs.h5 -o r.$ending; done
    expect "represent: no figure is overwritten" 2 "exists already" represent mr.h5 -o r.png --quiet
    expect "represent: figure alone" 0 "" represent mr.h5 -o r.png --quiet --force
    holds "represent: and nothing else" test ! -s out -a ! -s err
    "$dmft" solve m.yaml -o mr1.h5 --quiet --set output.representations=100
    expect "represent: one record" 0 "layer 1: untested" represent mr1.h5 -o r.png --force
fi
expect "represent: eigenvalues can be compared" 0 "^D2_eigenvalue1 +10 " compare mr.h5 mrs.h5 --series D1_eigenvalue1,D2_eigenvalue1,D2_eigenvalue2

# ---- many outputs ----
"$dmft" init extensive_output >e.yaml 2>err
expect "init extensive_output gives what solve takes" 0 "" solve e.yaml -o e.h5 --quiet
holds "extensive_output: its columns" test "$("$dmft" show e.h5 --csv | head -1)" = "time,lo1,hi1,lo2,hi2"
expect "extensive_output: networks" 0 "wrote es.h5" simulate e.yaml -o es.h5 --set simulation.input_dim=60
expect "extensive_output: compare" 0 "verdict: holds" compare e.h5 es.h5
"$dmft" solve e.yaml -o e9.h5 --set data.teacher_variance=9 --quiet
expect "extensive_output: another teacher" 1 "verdict: does not hold" compare e9.h5 es.h5
if command -v gnuplot >/dev/null; then expect "extensive_output: plot" 0 "wrote e.png" plot e.h5 es.h5 -o e.png; fi
expect "extensive_output: a gram for a frozen readout" 2 "e.yaml|network.readout_gram: belongs to network.readout: trained" solve e.yaml -o x.h5 --set network.readout_gram=1
expect "extensive_output: times that fall" 2 "training.times: rising numbers, got 1 after 2" solve e.yaml -o x.h5 --set 'training.times=[2, 1]'
printf 'model: extensive_output\nnetwork: {readout: trained, width_ratio: 2, first_layer_gram: 1, readout_gram: 1}\ndata: {teacher_ratio: 0.5, teacher_variance: 1}\ntraining: {times: [0, 1]}\n' >et.yaml
expect "extensive_output: no theory of a finite width" 2 "network.width: infinite" solve et.yaml -o x.h5 --quiet
expect "extensive_output: no checkpoints" 2 "has no checkpoints" solve e.yaml -o x.h5 --quiet --checkpoint e.state
expect "extensive_output: networks of a finite width" 0 "wrote et.h5" simulate et.yaml -o et.h5 --set simulation.input_dim=20
sed 's/width_ratio: 2/width: infinite/' et.yaml >ew.yaml
expect "extensive_output: networks need a width" 2 "network.width_ratio is missing" simulate ew.yaml -o x.h5

expect "mlp: exact is for linear" 2 "solver: exact is for activation linear" solve m.yaml -o x.h5 --set solver=exact
expect "mlp: response and relu" 2 "misses the delta function" solve m.yaml -o x.h5 --set solver=response --set network.activation=relu
expect "mlp: ntk" 2 "freezes the features" solve m.yaml -o x.h5 --set network.parameterization=ntk
expect "mlp: a key of deep_linear" 2 "data.label_noise: does not belong to model mlp" solve m.yaml -o x.h5 --set data.label_noise=1
expect "deep_linear: a key of mlp" 2 "network.bias: does not belong to model deep_linear" solve a.yaml -o x.h5 --set network.bias=true
expect "deep_linear: noise on some of the weights" 2 "network.injected_variance: a list for A_0 .. A_{L-1} and the readout" solve a.yaml -o x.h5 --set "network.injected_variance=[1]"
expect "mlp: a matrix that is none" 2 "not positive semidefinite: its smallest eigenvalue is -1" solve m.yaml -o x.h5 --set 'data.gram=[[1, 2], [2, 1]]' --set 'data.target=[1, 1]'
printf '1,2,0.5,1\n0,1,1,-1\n2,2,2,1\n' >d.csv
sed '/gram/d; s/^  target.*/  file: d.csv/' m.yaml >md.yaml
expect "mlp: data of a file" 0 "wrote md.h5" solve md.yaml -o md.h5 --set training.steps=2
expect "mlp: stand in the result" 0 '"data.target": \[1, -1, 1\]' show md.h5 --json
mkdir -p beside/data && cp d.csv beside/data && sed 's/d.csv/data\/d.csv/' md.yaml >beside/md.yaml
expect "mlp: a file beside the configuration" 0 "^memory" solve beside/md.yaml --dry-run
for kind in 'nan:1,2,nan,1' 'ragged:1,2,1' 'text:1,2,x,1' 'infinite:1,2,1e999,1'; do
    printf '1,2,0.5,1\n%s\n' "${kind#*:}" >bad.csv
    expect "mlp: bad data, ${kind%%:*}" 2 "bad.csv: line 2" solve md.yaml -o x.h5 --set data.file=bad.csv
done
printf 'x,y\n' >bad.csv
expect "mlp: data without rows" 2 "bad.csv: there are no rows" solve md.yaml -o x.h5 --set data.file=bad.csv
expect "mlp: no data file" 2 "none.h5: No such file" solve md.yaml -o x.h5 --set data.file=none.h5
expect "mlp: a data file of no format" 2 "m.yaml: a data file must end in" solve md.yaml -o x.h5 --set data.file=m.yaml
expect "mlp: a result is no data file" 2 "theory.h5: there is no dataset inputs" solve md.yaml -o x.h5 --set data.file=theory.h5
printf '1,2,1\n1,2,1\n1,2,1\n' >d.csv
expect "mlp: the same sample three times" 0 "wrote same.h5" solve md.yaml -o same.h5 --set training.steps=3
holds "mlp: which gives numbers" test "$("$dmft" show same.h5 --csv --series f0,C_g1,ntk_top | grep -c nan)" -eq 0
printf '1,2,1\n' >d.csv
expect "mlp: one sample" 0 "wrote single.h5" solve md.yaml -o single.h5 --set training.steps=3
holds "mlp: which gives numbers, too" test "$("$dmft" show single.h5 --csv --series f0,C_g1,ntk_top | grep -c nan)" -eq 0
holds "mlp: nothing was written by what was refused" test ! -e x.h5
big="--set training.steps=3 --set sampling.sites=100 --set sampling.replicas=2"
awk 'BEGIN { for (i = 0; i < 70; i++) printf "%d,%d,%d\n", i % 7, i % 5, i % 2 }' >d.csv
"$dmft" solve md.yaml -o big.h5 --quiet --checkpoint big.state --every 0.001 $big
expect "mlp: a large set is named, with a checksum" 0 'checksum of the data [0-9a-f]' show big.h5 --json
expect "mlp: resume" 0 "wrote again.h5" solve md.yaml -o again.h5 --resume big.state $big
sed -i '1s/.*/0,0,1/' d.csv
expect "mlp: resume with other data" 2 "belongs to another run: the data have another checksum" solve md.yaml -o x.h5 --resume big.state $big

# Low-degree filtering, from its template.
expect "init low_degree_filter" 0 "^  target_function: staircase$" init low_degree_filter
cp out f.yaml
small="--quiet --set simulation.seeds=4 --set data.samples=40 --set data.test_samples=60 --set network.features=300"
# shellcheck disable=SC2086 # words are meant
expect "filter: solve" 0 "" solve f.yaml -o ft.h5 $small
# shellcheck disable=SC2086
expect "filter: simulate" 0 "" simulate f.yaml -o fs.h5 $small
expect "filter: compare" 0 "^verdict: holds" compare ft.h5 fs.h5
expect "filter: show" 0 "^ *kernel_test_error +outliers" show ft.h5 --series kernel_test_error,outliers
expect "filter: nothing to halve" 2 "has no steps to halve" converge f.yaml
expect "filter: more kept than there are" 2 "network.kept: at most the number of samples, 40, got 41" solve f.yaml -o fx.h5 --set data.samples=40 --set network.kept=41
if command -v gnuplot >/dev/null; then expect "filter: plot" 0 "" plot ft.h5 fs.h5 -o filter.png; fi

# ---- the digits of examples/, in small ----
examples=$source_folder/../examples
digits="--set network.depth=2 --set training.learning_rate=0.3 --set training.steps=5 --set sampling.sites=256 --set simulation.width=200 --set simulation.seeds=4 --quiet"
expect "digits: solve" 0 "" solve "$examples/digits.yaml" -o dt.h5 $digits
expect "digits: simulate" 0 "" simulate "$examples/digits.yaml" -o ds.h5 $digits
"$dmft" show dt.h5 --csv --series train_loss,test_loss >out 2>err
holds "digits: both losses fall" awk -F, 'NR == 2 { a = $1; b = $2 } { c = $1; d = $2 } END { exit !(NR == 6 && a > 0.45 && b > 0.45 && c < 0.5 * a && d < 0.6 * b) }' out
expect "digits: agreement of losses" 0 "^verdict: holds" compare dt.h5 ds.h5 --series train_loss,test_loss --allowance 4
"$dmft" init mlp >template.yaml 2>err
expect "init mlp gives what solve takes" 0 "" solve template.yaml -o mt.h5 --quiet --set training.steps=4 --set sampling.sites=256 --set sampling.replicas=2

# ---- convergence ----
# orders NAME LEAST MOST: every observed order in out lies between; prints the ones that do not.
orders() {
    awk -v low="$2" -v high="$3" '$NF == "ok" || $NF == "low" { n++; if ($3 < low || $3 > high) { print "# " $0; bad = 1 } } END { exit bad || n < 5 }' out
    holds "$1" test $? -eq 0
}
cat >small.yaml <<'YAML'
model: deep_linear
network: {depth: 2, width_ratio: 0.5, gamma0: 8.48528137423857, weight_variance: 0.25}
data: {sample_ratio: 4.0}
training: {learning_rate: 0.01, steps: 20}
simulation: {input_dim: 40, seeds: 8, seed: 1}
YAML
expect "converge, full batch" 0 "^verdict: holds: 18 orders" converge small.yaml --levels 5
orders "orders of full batch are 1" 0.85 1.15
grep -qE '^A0_edge .* constant$' out && grep -qE '^A1_escape_time1 +1 .* 0\.105[34][0-9]* +ok$' out
holds "converge prints edges and escapes" test $? -eq 0
expect "converge, one-pass SGD" 0 "^verdict: holds" converge small.yaml --levels 4 --set data.batch=online --set data.label_noise=0.3 --set network.gamma0=4 --set network.weight_variance=0.5
orders "orders of one-pass SGD are 1" 0.85 1.15
expect "converge, decay by its part of a step: the edge comes to sigma (1 + sqrt(nu)) e^{-0.05 19} = 0.4668" 0 "^A0_edge +1 +[0-9.]+ .* 0\.466[78]" \
    converge small.yaml --levels 4 --set training.weight_decay=0.05 --set training.steps=20 --set network.weight_variance=0.5
expect "converge, factors and noise on the weights" 0 "^verdict: holds" converge small.yaml --levels 4 --set method=rows --set network.gamma0=2 --set training.steps=12 \
    --set 'network.weight_factor=[0.95, 0.98, 1.03]' --set 'network.injected_variance=[0.05, 0.02, 0.01]'
expect "converge, NTK" 0 "^verdict: holds" converge small.yaml --levels 5 --set network.parameterization=ntk --set network.gamma0=4 --set network.weight_variance=1
orders "orders of NTK are 1" 0.85 1.15
cat >flow.yaml <<'YAML'
model: deep_linear
network: {depth: 2, width_ratio: 0.5, gamma0: 8.48528137423857, weight_variance: 0.25}
data: {sample_ratio: 4.0}
training: {flow: true, time: 0.4, steps: 10}
YAML
cat >rough.yaml <<'YAML'
model: deep_linear
network: {depth: 3, width_ratio: 0.7, gamma0: 4, weight_variance: [0.3, 0.6, 0.2, 0.5]}
data: {sample_ratio: 2.5, label_noise: 0.3}
training: {learning_rate: 0.03, steps: 50, momentum: 0.4, weight_decay: 0.002}
YAML
expect "converge, flow by rows" 0 "^verdict: holds" converge flow.yaml --levels 5 --set method=rows --set outliers.every=100
orders "orders of rows are 2" 1.85 2.15
expect "converge, flow by rows, geometric" 0 "^verdict: holds" converge flow.yaml --levels 5 --set method=rows --set grid.kind=geometric --set training.steps=20 --set outliers.every=100
orders "orders of rows on a geometric grid are 2" 1.85 2.15
expect "converge, flow in the basis" 0 "^verdict: holds" converge flow.yaml --levels 4 --set outliers.every=100
orders "orders of the basis are 4" 3.75 9
expect "converge, adaptive" 0 "^verdict: holds" converge flow.yaml --levels 4 --set training.steps=200 --set grid.kind=adaptive --set grid.tolerance=1e-6
expect "an order that is low" 1 "^verdict: does not hold: [0-9]+ of [0-9]+ orders are low" converge small.yaml --levels 3 --set training.learning_rate=0.03 --set training.steps=15
expect "an order that does not settle is not called low" 0 "^A0_escape_time1 .* -[0-9.]+ +1\.[0-9]+ .* unresolved$" converge rough.yaml --levels 4
holds "and the verdict tells" grep -q "^verdict: holds: 24 orders, .*, 1 unresolved; more --levels tell" out
holds "and the heading what else is halved" grep -q "^4 levels in step: learning_rate 0.03, 0.015, 0.0075, 0.00375; with it weight_decay$" out
expect "nothing to see" 1 "no order was observed" converge small.yaml --levels 3 --set training.steps=1
expect "a level diverges" 3 "level 1 of 3 \(learning_rate 0.1\) diverged at step" converge small.yaml --levels 3 --set training.learning_rate=0.1
expect "converge, series" 0 "^C_v " converge small.yaml --levels 3 --series C_v,A0_outlier1
holds "these series alone" test "$(grep -cE '^(C_|A[0-9])' out)" -eq 3
expect "converge, unknown series" 2 "nearest .* 'C_v'" converge small.yaml --levels 3 --series C_w
expect "converge, quiet" 0 "^verdict" converge small.yaml --levels 3 --quiet
holds "the verdict alone" test "$(wc -l <out)" -eq 1 -a ! -s err
expect "in width" 0 "^C_v bias +1 " converge small.yaml --in width --levels 2 --series C_v,A1_outlier1
expect "in seeds" 0 "^4 levels in seeds: seeds 8, 16, 32, 64$" converge small.yaml --in seeds --set training.steps=5
# Two sets of eight networks joined by hand: sums of squares about the joint mean, root of the mean square over rows.
"$dmft" converge small.yaml --in seeds --levels 2 --set training.steps=5 --series C_v >pooled 2>err
for seed in 1 2; do
    "$dmft" simulate small.yaml --set training.steps=5 --set simulation.seed=$seed -o pool.h5 --force --quiet
    "$dmft" show pool.h5 --csv --series C_v --errors | tail -n +2 >pool$seed.csv
done
joined=$(paste -d, pool1.csv pool2.csv | awk -F, '{ n = 8; s = ($2^2 + $4^2) * n * (n - 1) + ($3 - $1)^2 * n / 2; sum += s / (2 * n - 1) / (2 * n) } END { printf "%.3g", sqrt(sum / NR) }')
holds "networks of two seeds are joined" test "$(awk '$1 == "C_v" { print $5 }' pooled)" = "$joined"
expect "converge dry run" 0 "^time: about" converge small.yaml --dry-run -o study
holds "dry run of all levels" grep -q "for the largest of 6 levels" out
expect "converge, memory" 2 "the largest level takes" converge small.yaml --memory-limit 1K
expect "converge --json" 0 '"order": 1\.|"order": 0\.9' converge small.yaml --levels 3 --json
if command -v python3 >/dev/null; then
    python3 -c 'import json; j = json.load(open("out")); assert j["holds"] and len(j["levels"]) == 3 and len(j["series"][0]["differences"]) == 3 and j["parameters"]["network.depth"] == 2' 2>err
    holds "JSON of a study" test $? -eq 0
fi
expect "--in nonsense" 2 "step, width or seeds" converge small.yaml --in depth
expect "--levels below its domain" 2 "\[3, 16\]" converge small.yaml --levels 2
expect "--levels in width" 2 "\[2, 16\]" converge small.yaml --in width --levels 1
expect "one network" 2 "at least two networks" converge small.yaml --in width --set simulation.seeds=1
expect "too many levels" 2 "training.steps" converge small.yaml --levels 16 --set training.steps=1000
if command -v gnuplot >/dev/null; then
    expect "converge writes" 0 "wrote study.png" converge small.yaml --levels 3 -o study.json --series C_v,C_h1
    holds "JSON and picture" test -s study.json -a "$(head -c 4 study.png | tail -c 3)" = PNG
    expect "converge does not overwrite" 2 "study.json.*--force" converge small.yaml --levels 3 -o study
    expect "converge --force" 0 "wrote study.json" converge small.yaml --levels 3 -o study.png --force
fi
# A script's background ignores INT, which then stays so; env does not.
env --default-signal=INT "$dmft" converge small.yaml --set training.steps=20000 --set training.learning_rate=0.001 -o stopped >out 2>err &
child=$!
sleep 1
kill -s INT $child
wait $child; status=$?
holds "SIGINT stops a study" test $status -eq 130 -a "$(grep -c "converge: stopped by signal 2" err)" -eq 1 -a -z "$(ls -A | grep -E '^stopped|tmp$')"

# ---- completion ----
sh "$source_folder/../tools/man.sh" "$dmft" man "$source_folder/../include/dmft.h" "$source_folder"/../include/dmft/*.h
mkdir names && touch "names/my run.yaml" names/my.h5
# complete WORD..: what the last of these words may become, each in brackets.
complete() { (cd names && bash --norc -c '. ../man/dmft.bash; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _dmft; printf "[%s]" "${COMPREPLY[@]}"' - "$@"); }
while IFS='|' read -r words wanted; do
    eval "set -- $words"
    found=$(complete "$@")
    holds "completion of $words: $wanted" test "$found" = "$wanted"
done <<'LIST'
dmft so|[solve]
dmft solve my|[my run.yaml][my.h5]
dmft solve 'my\ r'|[my run.yaml]
dmft solve '"my r'|[my run.yaml]
dmft solve x -o my.|[my.h5]
dmft solve x --output = my.|[my.h5]
dmft solve --set my|[]
dmft plot x --over my|[]
dmft converge x --in ''|[step][width][seeds]
dmft converge x --in =|[step][width][seeds]
dmft plot x --against ''|[step]
dmft info --blas-core ''|[auto]
dmft init ml|[mlp]
dmft init --q|[--quiet]
LIST
rm -r man names

# ---- an output that is an input ----
printf '1,0,1\n0,1,-1\n' >d.csv
printf 'model: mlp\nnetwork: {depth: 1, activation: tanh, gamma0: 1, weight_variance: 1}\ndata: {file: d.csv}\ntraining: {learning_rate: 0.1, steps: 2}\n' >d.yaml
cp theory.h5 theory.svg; cp theory.h5 theory.html; cp a.yaml a.json; ln -s a.yaml link.yaml
cp kernels.h5 k.h5; mkdir -p inputs
echo targets >d_target.npy
sha256sum a.yaml a.json d.csv d_target.npy theory.svg theory.html k.h5 >sums
while read -r line; do
    expect "${line%% *}: an output that is an input ($line)" 2 "^dmft: ${line%% *}: .* is to be both an input and the output" $line --force
done <<'LIST'
solve a.yaml -o a.yaml
solve link.yaml -o a.yaml
simulate a.yaml -o inputs/../a.yaml
solve d.yaml -o d.csv
solve d.yaml -o d_target.npy --set data.file=d.npy
sweep a.yaml -o a.yaml
sweep d.yaml -o d.csv --set sweep.network.gamma0=[1,2]
converge a.json -o a
show k.h5 --kernel C_v --npy k.h5
report theory.html -o theory.html
LIST
command -v gnuplot >/dev/null && expect "plot: an output that is an input" 2 "is to be both" plot theory.svg -o theory.svg --force
holds "and they are whole" sha256sum -c --quiet sums
rm -r inputs link.yaml

# ---- memory and estimates ----
expect "memory is refused" 2 "memory" solve a.yaml -o huge.h5 --set output.kernels=true --set training.steps=10000000
expect "memory limit" 2 "1 MB are allowed|1e\+03 kB are allowed|100 kB are allowed" solve a.yaml -o huge.h5 --memory-limit 100K
expect "dry run" 0 "^memory: .*" solve a.yaml --dry-run
holds "dry run estimates the time" grep -q "^time: about" out
expect "dry run writes nothing" 0 "^time: about" simulate a.yaml --dry-run -o dry.h5
holds "nothing was written" test ! -e huge.h5 -a ! -e dry.h5

expect "advice that helps: inputs" 2 "allowed: a smaller simulation.input_dim, a smaller data.sample_ratio, or --memory-limit" simulate a.yaml -o huge.h5 --set simulation.input_dim=1000000
expect "advice that helps: width" 2 "allowed: a smaller simulation.input_dim, a smaller network.width_ratio, or --memory-limit" simulate a.yaml -o huge.h5 --set network.width_ratio=1e12
expect "advice that helps: steps and kernels" 2 "allowed: fewer steps, output.kernels false, or" solve a.yaml -o huge.h5 --set output.kernels=true --set training.steps=10000000
expect "networks without kernels" 2 "networks of model deep_linear store none, the theory does" show sample.h5 --kernel C_v --npy x.npy
expect "a ratio of no width" 0 "note: width_ratio x input_dim is 1e-07: networks of width 1" simulate a.yaml -o thin.h5 --set network.width_ratio=1e-9

# ---- outliers from kernels (suite kernel_file has the files themselves) ----
expect "outliers of no file" 2 "cannot read none.h5" outliers none.h5
expect "outliers of a folder" 2 "not a regular file" outliers .
expect "outliers of a text" 2 "a.yaml: not an HDF5 file" outliers a.yaml
expect "outliers of a result" 2 "there is no dataset d" outliers theory.h5
expect "--count outside its domain" 2 "\[1, 1000\]" outliers theory.h5 --count 0
expect "outliers without a file" 2 "KERNELS.h5 is missing" outliers

# ---- divergence and signals ----
expect "divergence" 3 "diverged at step [0-9]+" solve a.yaml -o diverged.h5 --set training.learning_rate=3
"$dmft" show diverged.h5 --csv >out; step=$(grep -oE 'step [0-9]+' err | grep -oE '[0-9]+')
holds "the steps before are kept" test "$(wc -l <out)" -eq $((step + 1))
expect "divergence of samples" 3 "diverged at step [0-9]+" simulate a.yaml -o diverged2.h5 --set training.learning_rate=3
for signal in INT TERM; do
    number=$(kill -l $signal)
    env --default-signal=INT "$dmft" solve a.yaml -o stopped.h5 --set training.steps=200000 --set training.learning_rate=0.002 >out 2>err &
    child=$!
    sleep 1
    kill -s $signal $child
    wait $child; status=$?
    holds "SIG$signal stops a run" test $status -eq $((128 + number)) -a "$(grep -c "stopped by signal $number .* at step" err)" -eq 1
    holds "SIG$signal leaves nothing" test -z "$(ls -A | grep -E '^stopped|tmp$')"
    # The first sleep is past the start of the run, where signals are noted.
    env --ignore-signal=$signal "$dmft" solve a.yaml -o ignored.h5 --set training.steps=200000 --set training.learning_rate=0.002 >out 2>err &
    child=$!
    sleep 0.5
    kill -s $signal $child
    sleep 0.5
    holds "SIG$signal that whoever starts it ignores does not" kill -0 $child
    kill -s HUP $child
    wait $child 2>/dev/null
done

# ---- checkpoints ----
numbers() { "$dmft" show "$1" --json --errors | sed -e '/"seconds"/d' -e '/"command_line"/,/"elapsed_seconds"/d'; }
long="--set training.steps=1600 --set simulation.input_dim=200 --set outliers.every=8 --set training.learning_rate=0.0025"
"$dmft" simulate a.yaml -o whole.h5 $long --quiet --threads 2
numbers whole.h5 >whole.json
# stop COMMAND SIGNAL THREADS MORE..: runs until there is a new checkpoint, then sends the signal; the exit status is in $status.
stop() {
    local command=$1 signal=$2 threads=$3
    shift 3
    [ -e state ] && touch -d '1 hour ago' state
    touch -d '1 minute ago' mark
    env --default-signal=INT "$dmft" "$command" a.yaml -o pieces.h5 $long --threads "$threads" "$@" >out 2>err &
    child=$!
    for ((i = 0; i < 300; i++)); do [ state -nt mark ] && break; sleep 0.02; done
    kill -s "$signal" $child
    wait $child 2>/dev/null; status=$?
}
stop simulate TERM 2 --checkpoint state --every 0.1
holds "SIGTERM, with a checkpoint" test $status -eq 143
holds "the message names the file" test "$(grep -c 'stopped by signal 15 .* --resume state goes on from there' err)" -eq 1
stop simulate KILL 3 --resume state --every 0.05
holds "SIGKILL" test $status -eq 137 -a -s state
rm -f state.*.tmp
stop simulate INT 1 --resume state --every 0.05
holds "SIGINT of a run that was resumed" test $status -eq 130
for threads in 1 2 5; do
    cp state again
    rm -f pieces.h5
    expect "resume with $threads threads" 0 "goes on from again, which has done [0-9]+ of 6400" simulate a.yaml -o pieces.h5 $long --resume again --threads $threads
    numbers pieces.h5 >pieces.json
    holds "as if it had not been stopped ($threads)" cmp -s pieces.json whole.json
done
expect "resume of another problem" 2 "state belongs to another run: network.gamma0 is 8.48528137423857 there and 2 here" simulate a.yaml -o x.h5 $long --resume state --set network.gamma0=2
expect "resume of another command" 2 "a checkpoint of simulate, not of solve" solve a.yaml -o x.h5 $long --resume state
expect "resume of a missing file" 2 "no-such-file: No such file" simulate a.yaml -o x.h5 --resume no-such-file
expect "resume of a result" 2 "whole.h5: not a checkpoint" simulate a.yaml -o x.h5 --resume whole.h5
expect "a checkpoint over something else" 2 "a.yaml exists and is no checkpoint" simulate a.yaml -o x.h5 --checkpoint a.yaml
expect "a checkpoint in a folder that is not there" 2 "No such file" simulate a.yaml -o x.h5 --checkpoint nowhere/state
ln -s . here
expect "a checkpoint where the result goes" 2 "x.h5 is to be both the result and the checkpoint" simulate a.yaml -o x.h5 --checkpoint here/x.h5
expect "going on from where the result goes" 2 "state is to be both the result and the checkpoint" simulate a.yaml -o state --resume ./state --force
rm here
expect "method lazy has no checkpoints" 2 "lazy solves all steps at once and has no checkpoints" solve a.yaml -o x.h5 --set method=lazy --checkpoint lazy.state --quiet
expect "--every without --checkpoint" 2 "needs --checkpoint" simulate a.yaml -o x.h5 --every 5
expect "--every outside the domain" 2 "\[0, 1e\+09\]" simulate a.yaml -o x.h5 --checkpoint state --every -1
size=$(wc -c <state) wrong=0
for part in 0 1 19 24 100 $((size / 2)) $((size - 32)) $((size - 1)); do
    head -c "$part" state >cut
    "$dmft" simulate a.yaml -o x.h5 $long --resume cut >out 2>err
    [ $? -eq 2 ] && [ "$(wc -l <err)" -eq 1 ] && [ ! -e x.h5 ] || wrong=$((wrong + 1))
done
for at in 3 22 60 200 $((size / 2)) $((size - 3)); do
    cp state cut
    printf 'XYZ' | dd of=cut bs=1 seek="$at" conv=notrunc 2>/dev/null
    "$dmft" simulate a.yaml -o x.h5 $long --resume cut >out 2>err
    [ $? -eq 2 ] && [ "$(wc -l <err)" -eq 1 ] && [ ! -e x.h5 ] || wrong=$((wrong + 1))
done
holds "truncated and damaged checkpoints are refused" test $wrong -eq 0
rm -f state pieces.h5 whole.h5
long="--set training.steps=3000 --set training.learning_rate=0.002 --set outliers.every=20 --set output.kernels=true"
"$dmft" solve a.yaml -o whole.h5 $long --quiet --threads 1
stop solve TERM 1 --checkpoint state --every 0.1
holds "solve: SIGTERM, with a checkpoint" test $status -eq 143 -a "$(grep -c 'at step [0-9]* of 3000; .* --resume state goes on' err)" -eq 1
stop solve KILL 1 --resume state --every 0.05
holds "solve: SIGKILL" test $status -eq 137 -a -s state
rm -f state.*.tmp
expect "solve: resume" 0 "goes on from state, which has done [0-9]+ of 3000" solve a.yaml -o pieces.h5 $long --resume state --threads 1
numbers whole.h5 | sed '/"outlier_seconds"/d' >whole.json
numbers pieces.h5 | sed '/"outlier_seconds"/d' >pieces.json
holds "solve: as if it had not been stopped" cmp -s pieces.json whole.json
for file in whole pieces; do "$dmft" show $file.h5 --kernel C_h1 --npy $file.npy; done
holds "solve: and so its kernels" cmp -s whole.npy pieces.npy
expect "solve: resume of another problem" 2 "network.gamma0 is 8.48528137423857 there and 2 here" solve a.yaml -o x.h5 $long --resume state --set network.gamma0=2
long="--set training.steps=400 --set simulation.input_dim=200"
mkdir small
if mount -t tmpfs -o size=64k none small 2>/dev/null; then
    expect "full disk, checkpoint" 1 "small/state: No space left" simulate a.yaml -o x.h5 $long --checkpoint small/state --every 0.01
    holds "full disk, checkpoint: nothing is left" test -z "$(ls -A small)" -a ! -e x.h5
    umount small
else
    skip "full disk, checkpoint" "no tmpfs can be mounted"
fi
rmdir small
holds "no temporary was left behind" test -z "$(ls -A | grep 'tmp$')"

totals
