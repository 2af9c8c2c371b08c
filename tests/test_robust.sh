#!/usr/bin/env bash
# What happens when things go wrong: disks that are full at any byte, calls that fail, places that cannot be written, inputs that vanish, signals at any time, processes
# that write one file. After each of them the output is the old one byte for byte, or absent, or whole; nothing else is left; the exit status and one line say which.
# usage: test_robust.sh PATH/TO/dmft; prints "ok" and "not ok" lines, exits 1 when one is not ok. DMFT_TEST_LONG=1: every call instead of some, more moments, more races.
set -u
dmft=$(realpath "${1:?usage: test_robust.sh PATH/TO/dmft}")
fault=$(dirname "$dmft")/../tests/fault.so
source_folder=$(realpath "$(dirname "$0")")
folder=$(mktemp -d)
trap 'umount "$folder"/*/small 2>/dev/null; rm -rf "$folder"' EXIT
export LC_ALL=C OPENBLAS_NUM_THREADS=1
. "$source_folder/program_parts.sh"
if [ "${DMFT_TEST_LONG:-0}" = 1 ]; then calls_tried=100000 moments=100 races=40; else calls_tried=7 moments=6 races=5; fi

# What was done, for the table at the end: a line "kind command count".
tally() {
    local kind=calls
    case $1 in *signal*) kind=signals ;; races) kind=races ;; esac
    printf '%s\t%s\t%d\n' $kind "${label%%[,:]*}" "$2" >>tally
}

# ---- what a good outcome is ----
# Each part works in a folder of its own: inputs in w/, outputs in w/out/. old/ is what lies in w/out/ before a run, ref/ what a run leaves that nothing disturbs.

# numbers FILE: all that a result says, but when and where it was made.
anywhere() { sed -e '/seconds"/d' -e '/"command_line"/,/"elapsed_seconds"/d'; }
numbers() { "$dmft" show "$1" --json --errors 2>&1 | anywhere; }
# A checkpoint is whole when the run goes on from it to the same numbers; $resume are the arguments.
same() {
    case $1 in
        *.h5) [ -e "ref/numbers-${2##*/}" ] || numbers "$2" >"ref/numbers-${2##*/}"; numbers "$1" | cmp -s - "ref/numbers-${2##*/}" ;;
        *state) "$dmft" "${resume[@]}" -o resumed.h5 --force --quiet --resume "$1" 2>/dev/null && same resumed.h5 ref/o.h5 ;;
        *.json) cmp -s <(anywhere <"$1") <(anywhere <"$2") ;;
        *) cmp -s "$1" "$2" ;;
    esac
}
# restore: the outputs as they were. (The folder stays: it is the mount point of a small disk.)
restore() { rm -rf w/out/* && cp -a old/. w/out/ && cp -p in/* w/; }
# left STATUS: complains of what lies in w/out after a run that ended so.
left() {
    local status=$1 file name
    for file in w/out/*; do
        name=${file##*/}
        case $name in
            \*) ;;
            *.points.*.tmp) [ "$status" -eq 137 ] || { echo "$name is left"; return; } ;;
            *.points) [ "$status" -ne 0 ] || { echo "$name is left"; return; }
                ls "$file" | grep -q 'tmp$' && [ "$status" -ne 137 ] && { echo "a temporary is left in $name"; return; } ;;
            *.tmp) [ "$status" -eq 137 ] || { echo "$name is left"; return; } ;;
            *) [ -e "old/$name" ] && [ "$status" -ne 0 ] && cmp -s "$file" "old/$name" && continue
                [ -e "ref/$name" ] || { echo "$name is left"; return; }
                same "$file" "ref/$name" || { echo "$name is neither the old one nor whole"; return; } ;;
        esac
    done
    for file in old/*; do [ "$file" = 'old/*' ] || [ -e "w/out/${file##*/}" ] || { echo "${file##*/} is lost"; return; }; done
    [ "$status" -eq 0 ] || return
    for file in ref/*; do case ${file##*/} in numbers-* | \*) ;; *) [ -e "w/out/${file##*/}" ] || { echo "status 0 without ${file##*/}"; return; } ;; esac; done
}
# told STATUS: complains of a failure that is not told as it should be; $named is what the line has to name.
told() {
    case $1 in
        0) ;;
        1 | 2) [ "$(grep -vc '^dmft: warning' err)" -eq 1 ] && grep -q '^dmft: ' err && grep -qE -e "$named" err || echo "not one line that names $named: $(head -c 300 err)" ;;
        129 | 130 | 137 | 143) ;;
        *) echo "exit status $1" ;;
    esac
}

# ---- calls that fail, and signals at calls ----

# begin COMMAND ARGUMENTS..: what is run from here on, undisturbed once for ref/.
begin() {
    command=("$@") resume=("$@") named='w/|standard output|gnuplot|temporary file'
    rm -rf old ref in w/out
    mkdir -p old ref in w/out
    find w -maxdepth 1 -type f -exec cp -p {} in/ \;
    "$dmft" "${command[@]}" >out.ref 2>err
    normal=$?
    cp -a w/out/. ref/
    [ $normal -eq 0 ] || bad "$label: undisturbed, status $normal: $(head -c 300 err)"
}
# with CALLS AT REST WHAT: the command with that fault; its exit status. What happened stands in log.
with() {
    : >log
    FAULT_FOLDER=$PWD/w/ FAULT_CALLS=$1 FAULT_AT=$2 FAULT_REST=$3 FAULT_DO=$4 FAULT_LOG=$PWD/log LD_PRELOAD=$fault "$dmft" "${command[@]}" >out 2>err </dev/null
}
# faults CALLS REST WHAT..: at many calls in turn, each of WHAT in turn; all of the last calls, which give the file its name, are among them.
faults() {
    local kinds=$1 rest=$2 at count step status done=0 first="" why what
    shift 2
    local whats=("$@") title="$label: $(printf '%s' "${1/28/a full disk}" | sed 's/signal.*/signals/; s/^5$/reads fail/')$([ "$rest" = 1 ] && echo ' for good')"
    restore
    with "$kinds" 1 1 "signal 0" 2>/dev/null
    count=$(wc -l <log) step=$(($(wc -l <log) / calls_tried + 1))
    for ((at = 1; at <= count; at++)); do
        [ $((at % step)) -eq 0 ] || [ $at -le 2 ] || [ $at -gt $((count - 4)) ] || continue
        what=${whats[done % ${#whats[@]}]}
        restore
        { with "$kinds" $at "$rest" "$what"; } 2>/dev/null
        status=$?
        [ -s log ] || continue # fewer calls than before, as when a clock decides
        done=$((done + 1))
        why=$(told $status)
        [ -n "$why" ] || why=$(left $status)
        [ -n "$why" ] || [ $status -ne 0 ] || cmp -s out out.ref || why="another output"
        # After a kill, and where points of a sweep are kept, the next one goes through and clears up.
        if [ -z "$why" ] && { [ $status -eq 137 ] || [ -d w/out/o.h5.points ]; } && [ ! -e w/out/o.h5 -o -e old/o.h5 ]; then
            "$dmft" "${command[@]}" >out 2>err </dev/null || why="the next run: status $?: $(head -c 300 err)"
            [ -n "$why" ] || { rm -rf w/out/*.tmp; why=$(left 0); }
        fi
        [ -z "$why" ] || [ -n "$first" ] || first="call $at of $count, $what, $(head -1 log): status $status: $why"
    done
    tally "${whats[*]}" $done
    if [ -z "$first" ]; then ok "$title, at $done of $count calls"; else bad "$title: $first"; fi
}
# ENOSPC, EIO, EROFS, EDQUOT: first with nothing there, then with an old file that stays
disk="28 5 30 122"
written() {
    faults w 0 $disk
    faults w 1 28
    faults rw 0 short
    faults rw 0 again
    for ((i = 0; i < ${#command[@]}; i++)); do [ "${command[i]}" != --force ] || { keep_old; faults w 0 $disk; return; }; done
}
# An old file of each name, which is to be whole or untouched.
keep_old() { for file in ref/*; do case ${file##*/} in numbers-* | \*) ;; *state) cp "$file" old/ ;; *) echo "the old one" >"old/${file##*/}" ;; esac; done; }
signalled() {
    faults rwx 0 "signal 15" "signal 2" "signal 1"
    faults rwx 0 "signal 9"
}

configurations() {
    cat >w/a.yaml <<'YAML'
model: deep_linear
network: {depth: 2, width_ratio: 0.5, gamma0: 8.48528137423857, weight_variance: 0.25}
data: {sample_ratio: 4.0}
training: {learning_rate: 0.02, steps: 6}
outliers: {count: 1}
simulation: {input_dim: 20, seeds: 2, seed: 1}
YAML
    cat >w/m.yaml <<'YAML'
model: mlp
network: {depth: 2, activation: tanh, gamma0: 3, weight_variance: 1}
data: {file: d.csv, outputs: 1}
training: {learning_rate: 0.2, steps: 3}
sampling: {sites: 32, replicas: 2}
output: {representations: 1}
outliers: {count: 1}
simulation: {width: 16, seeds: 2}
YAML
    printf '1,0,0.5,1\n0,1,0.25,1\n0.5,-1,0,-1\n' >w/d.csv
}

part_runs() {
    label=solve; begin solve w/a.yaml -o w/out/o.h5 --force --quiet; written; signalled
    label=simulate; begin simulate w/a.yaml -o w/out/o.h5 --force --quiet --threads 1; written; signalled
    label="solve, checkpoint"; begin solve w/a.yaml -o w/out/o.h5 --force --quiet --checkpoint w/out/state --every 1e-9 --set training.steps=3
    resume=(solve w/a.yaml --set training.steps=3); written; signalled
    label="simulate, checkpoint"; begin simulate w/a.yaml -o w/out/o.h5 --force --quiet --threads 1 --checkpoint w/out/state --every 1e-9 --set training.steps=2
    resume=(simulate w/a.yaml --threads 1 --set training.steps=2); written; signalled
}

part_sweeps() {
    sed -e '/simulation/d' w/a.yaml >w/s.yaml
    echo 'sweep: {network.gamma0: [1, 2]}' >>w/s.yaml
    label=sweep; begin sweep w/s.yaml -o w/out/o.h5 --force --quiet --threads 1; written; signalled
    label=converge; begin converge w/a.yaml -o w/out/o --force --quiet --levels 3 --series C_v,C_h1 --threads 1 --set training.learning_rate=0.01 --set training.steps=20; written; signalled
}

part_figures() {
    "$dmft" solve w/a.yaml -o w/t.h5 --quiet --set output.kernels=true
    "$dmft" simulate w/a.yaml -o w/n.h5 --quiet --set output.weights=true
    "$dmft" solve w/m.yaml -o w/m.h5 --quiet
    label=show; begin show w/t.h5 --kernel C_v --npy w/out/k.npy --force; written; signalled
    label="show, matrix"; begin show w/n.h5 --matrix A0_last --npy w/out/k.npy --force; written
    command -v gnuplot >/dev/null || { skip figures "no gnuplot"; return; }
    label=plot; begin plot w/t.h5 w/n.h5 -o w/out/f.png --force --quiet; written; signalled
    label=report; begin report w/t.h5 w/n.h5 -o w/out/r.html --force --quiet; written; signalled
    label=spectrum; begin spectrum w/n.h5 -o w/out/f.svg --force --quiet; written; signalled
    label=represent; begin represent w/m.h5 -o w/out/f.svg --force --quiet; written; signalled
}

# ---- inputs ----

# read_faults: reads that fail, or give no more bytes; the output is the same, or there is none and a line says why.
read_faults() { faults r 0 5; faults r 1 5; faults r 0 cut gone; faults r 0 short; faults r 0 again; }

part_inputs() {
    "$dmft" solve w/a.yaml -o w/t.h5 --quiet --set output.kernels=true
    "$dmft" simulate w/a.yaml -o w/n.h5 --quiet --set output.weights=true
    "$dmft" show w/t.h5 --csv >w/t.csv
    "$dmft" show w/n.h5 --matrix A0_last --npy w/a.npy
    cut -d, -f1-3 w/d.csv | perl -e '@n = map { split /,/ } <>; my $h = "{\x27descr\x27: \x27<f8\x27, \x27fortran_order\x27: False, \x27shape\x27: (3, 3), }"; $h .= " " x (117 - length $h) . "\n";
        print "\x93NUMPY\x01\x00", pack("v", length $h), $h, pack("d<*", @n)' >w/d.npy
    perl -e 'my $h = "{\x27descr\x27: \x27<f8\x27, \x27fortran_order\x27: False, \x27shape\x27: (3,), }"; $h .= " " x (117 - length $h) . "\n"; print "\x93NUMPY\x01\x00", pack("v", length $h), $h, pack("d<*", 1, 1, -1)' >w/d_target.npy
    label="show: result"; begin show w/t.h5 --csv; read_faults
    label="compare: table"; begin compare w/t.h5 w/t.csv --allowance 1; read_faults
    label="solve: configuration and CSV"; begin solve w/m.yaml -o w/out/o.h5 --quiet; read_faults
    sed 's/d.csv, outputs: 1/d.npy/' w/m.yaml >w/n.yaml
    label="solve: npy"; begin solve w/n.yaml -o w/out/o.h5 --quiet; read_faults
    label="spectrum: npy"; begin spectrum w/a.npy; read_faults
    label="spectrum: HDF5"; begin spectrum w/n.h5; read_faults
    sed 's/steps: 6/steps: 200/' w/a.yaml >w/l.yaml
    begin solve w/l.yaml -o w/out/o.h5 --quiet --checkpoint w/state --every 1e-9
    cp w/state w/begun
    label="solve: checkpoint"; begin solve w/l.yaml -o w/out/o.h5 --quiet --resume w/begun --checkpoint w/kept; read_faults
    printf 'sweep: {network.gamma0: [1, 2]}\n' | cat w/a.yaml - >w/s.yaml
    "$dmft" sweep w/s.yaml -o w/whole.h5 --quiet
    label="show: sweep"; begin show w/whole.h5 --csv; read_faults
}

# ---- all ----

# Parts have nothing of each other; two run at a time.
run_part() (
    mkdir -p "$folder/$1/w/out" && cd "$folder/$1" || exit 1
    touch tally
    configurations
    "part_$1" >"$folder/$1.txt"
)
parts=${*:2}
[ -n "$parts" ] || parts="runs figures sweeps inputs"
for part in $parts; do
    while [ "$(jobs -pr | wc -l)" -ge 2 ]; do wait -n; done
    run_part $part &
done
wait
for part in $parts; do cat "$folder/$part.txt"; done
passed=$(for part in $parts; do cat "$folder/$part.txt"; done | grep -c '^ok ') failed=$(for part in $parts; do cat "$folder/$part.txt"; done | grep -c '^not ok ')
for part in $parts; do cat "$folder/$part/tally"; done | awk -F'\t' '{ n[$1 FS $2] += $3; total[$1] += $3; command[$2] }
    END { for (c in command) printf "# %-12s %6d calls %6d signals %6d races\n", c, n["calls" FS c], n["signals" FS c], n["races" FS c] | "sort"; close("sort")
          printf "# %-12s %6d calls %6d signals %6d races\n", "all", total["calls"], total["signals"], total["races"] }'
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
