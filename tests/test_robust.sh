#!/usr/bin/env bash
# What happens when things go wrong: disks that are full at any byte, calls that fail, places that cannot be written, inputs that vanish, signals at any time, processes
# that write one file. After each of them the output is the old one byte for byte, or absent, or whole; nothing else is left; the exit status and one line say which.
# usage: test_robust.sh PATH/TO/dmft; prints "ok" and "not ok" lines, exits 1 when one is not ok. DMFT_TEST_LONG=1: every call (300 where there are more) instead of
# some, more moments, more races. Names of parts behind the program: these alone.
. "$(dirname "$0")/program_parts.sh"
fault=$(dirname "$dmft")/../tests/fault.so
trap 'umount "$folder"/*/w/out "$folder"/*/w/locked 2>/dev/null; rm -rf "$folder"' EXIT
if [ "${DMFT_TEST_LONG:-0}" = 1 ]; then calls_tried=300 moments=100 races=40; else calls_tried=4 moments=4 races=4; fi

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
        *.pdf) cmp -s <(sed '/CreationDate/d' "$1") <(sed '/CreationDate/d' "$2") ;;
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
    FAULT_FOLDER=$PWD/w/ FAULT_CALLS=$1 FAULT_AT=$2 FAULT_REST=${3/all/1000000} FAULT_DO=$4 FAULT_LOG=$PWD/log LD_PRELOAD=$fault "$dmft" "${command[@]}" >out 2>err </dev/null
}
# faulty WHAT..: in words.
faulty() {
    case $1 in
        28*) echo "calls fail" ;;
        22*) echo "calls that are not known to the file system" ;;
        5) echo "reads fail" ;;
        "signal 9") echo "killed" ;;
        signal*) echo "signals" ;;
        short*) echo "calls that do a part, or are interrupted" ;;
        cut* | gone) echo "input cut off or removed" ;;
    esac
}
# faults CALLS REST WHAT..: at many calls in turn, each of WHAT in turn; all of the last calls, which give the file its name, are among them.
faults() {
    local kinds=$1 rest=$2 at count step status done=0 first="" why what
    shift 2
    local whats=("$@") title="$label: $(faulty "$*")$([ "$rest" = 0 ] || echo ", and $rest behind")"
    restore
    with "$kinds" 1 all "signal 0" 2>/dev/null
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
    faults w all 28
    faults rw 0 short again
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
    # Without --force the file gets its name by one call or, where file systems lack it, by others.
    label="solve, no --force"; begin solve w/a.yaml -o w/out/o.h5 --quiet; faults w 0 22 38; faults w 1 22; faults w 2 22; faults w all 22; faults rwx 0 "signal 9"
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
read_faults() { faults r 0 5; faults r all 5; faults r 0 cut gone; faults r 0 short again; }

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
    # Of other programs, with links; those to nowhere are left out.
    if /usr/bin/python3 -c 'import h5py, numpy
with h5py.File("w/links.h5", "w") as f:
    f["model/layer/weight"] = numpy.sin(numpy.arange(600.0)**2).reshape(20, 30)
    for name, to in ("alias", "/model/layer/weight"), ("none", "/none"), ("neither", "/model/layer/weight/x"), ("loop", "/loop"): f[name] = h5py.SoftLink(to)
    f["outside"] = h5py.ExternalLink("none.h5", "/x")' 2>/dev/null; then
        label="spectrum: links"; begin spectrum w/links.h5; read_faults
        [ "$(grep -c ' 20 x 30$' out.ref)" -eq 2 ] && ok "spectrum: links that lead somewhere" || bad "spectrum: links: $(grep ' x ' out.ref)"
    else skip "spectrum: links" "no h5py"; fi
    cp "$source_folder/fuzz/corpus/hdf5/kernels.h5" "$source_folder/fuzz/corpus/hdf5/data.h5" w/
    label="outliers: HDF5"; begin outliers w/kernels.h5; read_faults
    sed 's/d.csv, outputs: 1/data.h5/' w/m.yaml >w/h.yaml
    label="solve: HDF5"; begin solve w/h.yaml -o w/out/o.h5 --quiet; read_faults
    sed 's/steps: 6/steps: 200/' w/a.yaml >w/l.yaml
    begin solve w/l.yaml -o w/out/o.h5 --quiet --checkpoint w/state --every 1e-9
    cp w/state w/begun
    label="solve: checkpoint"; begin solve w/l.yaml -o w/out/o.h5 --quiet --resume w/begun --checkpoint w/kept; read_faults
    printf 'sweep: {network.gamma0: [1, 2]}\n' | cat w/a.yaml - >w/s.yaml
    "$dmft" sweep w/s.yaml -o w/whole.h5 --quiet
    label="show: sweep"; begin show w/whole.h5 --csv; read_faults
}

# ---- places ----

# An output of each kind: its ending, and the command that is to write it, with OUT in its place.
outputs() {
    cat <<'LIST'
.h5 solve w/a.yaml -o OUT
.h5 simulate w/a.yaml -o OUT
.h5 sweep w/s.yaml -o OUT
.json converge w/c.yaml --levels 3 --series C_v -o OUT
.npy show w/t.h5 --kernel C_v --npy OUT
.state solve w/a.yaml -o w/out/o.h5 --checkpoint OUT
LIST
    command -v gnuplot >/dev/null && cat <<'LIST'
.png plot w/t.h5 -o OUT
.html report w/t.h5 -o OUT
.svg spectrum w/n.h5 -o OUT
.pdf represent w/m.h5 -o OUT
LIST
}

make_inputs() {
    printf 'sweep: {network.gamma0: [1, 2]}\n' | cat w/a.yaml - >w/s.yaml
    sed 's/0.02, steps: 6/0.01, steps: 20/' w/a.yaml >w/c.yaml
    "$dmft" solve w/a.yaml -o w/t.h5 --quiet --set output.kernels=true
    "$dmft" simulate w/a.yaml -o w/n.h5 --quiet --set output.weights=true
    "$dmft" solve w/m.yaml -o w/m.h5 --quiet
}

part_places() {
    make_inputs
    mkdir w/folder w/locked && echo "the old one" >w/old && mkfifo w/fifo
    mount -t tmpfs -o size=64k none w/locked 2>/dev/null && mount -o remount,ro w/locked || rm -r w/locked
    while read -r ending line; do
        # through NAME TARGET STATUS PATTERN MORE..: the output is a link to the target
        through() {
            local name="${line%% *}, $ending: $1" target=$2 status=$3 pattern=$4
            shift 4
            rm -rf w/out/*
            ln -s "$target" "w/out/x$ending"
            expect "$name" "$status" "$pattern" ${line/OUT/w/out/x$ending} --quiet "$@"
            [ -L "w/out/x$ending" ] && [ -z "$(find w -name '*.tmp')" ] && [ "$(cat w/old)" = "the old one" ] && [ ! -e w/nothing ] || bad "$name: something is left, or gone"
        }
        exists='exists already|exists and is no checkpoint'
        case $ending in .state) forced='is no checkpoint' ;; *) forced= ;; esac
        through "a folder" "$PWD/w/folder" 2 "Is a directory" --force
        through "no such folder" "$PWD/w/nothing/x$ending" 2 "cannot write .*(No such file|a symbolic link to nothing)" --force
        through "a link to nothing" "$PWD/w/nothing" 2 "a symbolic link to nothing"
        through "a link to nothing, forced" "$PWD/w/nothing" 2 "a symbolic link to nothing" --force
        through "a device" /dev/null 2 "not a regular file" --force
        through "a pipe" "$PWD/w/fifo" 2 "not a regular file" --force
        through "a link to a file" "$PWD/w/old" 2 "$exists"
        rm -rf w/out/*
        expect "${line%% *}, $ending: a folder that is not there" 2 "No such file" ${line/OUT/w/nowhere/x$ending} --quiet --force
        [ ! -d w/locked ] || expect "${line%% *}, $ending: a read-only file system" 2 "Read-only file system" ${line/OUT/w/locked/x$ending} --quiet --force
        [ -n "$forced" ] && continue
        echo "another one" >w/out/there
        ln -s "$PWD/w/out/there" "w/out/x$ending"
        expect "${line%% *}, $ending: a link to a file, forced" 0 "" ${line/OUT/w/out/x$ending} --quiet --force
        holds "${line%% *}, $ending: the file is replaced, the link stays" test -L "w/out/x$ending" -a "$(head -c 7 w/out/there | tr -d '\0')" != another
    done < <(outputs)
    "$dmft" solve w/a.yaml -o /dev/stdout --quiet 2>err | cat >out
    holds "standard output is no file" test "${PIPESTATUS[0]}" -eq 2 -a "$(grep -c 'not a regular file' err)" -eq 1 -a ! -s out
    [ ! -d w/locked ] || umount w/locked
    [ -e /dev/full ] || return
    while read -r line; do
        "$dmft" $line >/dev/full 2>err
        holds "${line%% *}: full standard output" test $? -eq 1 -a "$(wc -l <err)" -eq 1 -a "$(grep -c 'standard output: No space' err)" -eq 1
    done <<'LIST'
show w/t.h5 --csv
show w/t.h5 --json
compare w/t.h5 w/t.h5
escape w/t.h5
spectrum w/n.h5
represent w/m.h5
converge w/c.yaml --levels 3 --series C_v --quiet
sweep w/s.yaml --dry-run
init mlp
info
LIST
}

# ---- disks that are full ----

# judge WHAT STATUS: for one run of many.
judge() {
    local why
    why=$(told "$2")
    [ -n "$why" ] || why=$(left "$2")
    [ -z "$why" ] || [ -n "$first" ] || first="$1: status $2: $why"
}
verdict() { tally "$2" "$3"; if [ -z "$first" ]; then ok "$label: $1"; else bad "$label: $first"; fi; }

part_disks() {
    local status size first n
    make_inputs
    while read -r ending line; do
        label=${line%% *} n=0 first=""
        [ $ending != .state ] || continue
        begin ${line/OUT/w/out/o$ending} --quiet --force
        keep_old
        for size in 1 2 3 4 6 8 12 16 24 32 48 64 96 128 256; do
            restore
            (ulimit -f $size; "$dmft" "${command[@]}" >out 2>err </dev/null)
            status=$?
            judge "a limit of $size kB" $status
            n=$((n + 1))
            [ $status -ne 0 ] || break
        done
        [ $status -eq 0 ] || first=${first:-"no size is enough: $(head -c 300 err)"}
        verdict "files of at most 1, 2, .. $size kB" calls $n
        mount -t tmpfs -o size=264k none w/out 2>/dev/null || { skip "$label: full disks" "no tmpfs can be mounted"; continue; }
        n=0 first=""
        for size in 4 8 12 16 20 24 32 40 48 64 96 128 192 256; do
            head -c $((256 - size))k /dev/zero >old/filler
            cp old/filler ref/
            restore 2>/dev/null
            "$dmft" "${command[@]}" >out 2>err </dev/null
            status=$?
            judge "$size kB on the disk" $status
            n=$((n + 1))
            [ $status -ne 0 ] || break
        done
        umount w/out
        [ $status -eq 0 ] || first=${first:-"no disk is large enough: $(head -c 300 err)"}
        verdict "a disk of 4, 8, .. $size kB" calls $n
    done < <(outputs)
}

# ---- signals at any moment ----

# moments SIGNAL..: each in turn, at seeded moments from the start of the process to somewhat after its end. A shell's background ignores INT; env does not.
moments() {
    local first="" n status before after at signal
    before=${EPOCHREALTIME/./}
    "$dmft" "${command[@]}" >out 2>err </dev/null
    after=${EPOCHREALTIME/./}
    for ((n = 0; n < moments; n++)); do
        signal=${@:n % $# + 1:1}
        at=$(((after - before) * 11 / 10 * (RANDOM % 1000) / 1000))
        restore
        env --default-signal=INT "$dmft" "${command[@]}" >out 2>err </dev/null &
        sleep "$((at / 1000000)).$(printf %06d $((at % 1000000)))"
        { kill -s "$signal" $! && wait $!; } 2>/dev/null
        wait $! 2>/dev/null
        status=$?
        judge "SIG$signal after $at us" $status
        [ $status -eq 137 ] || continue
        "$dmft" "${command[@]}" >out 2>err </dev/null
        status=$?
        rm -rf w/out/*.tmp
        judge "the run after SIG$signal after $at us" $status
    done
    verdict "$* at $moments moments" signals $moments
}

part_moments() {
    RANDOM=1
    make_inputs
    sed 's/steps: 6/steps: 300/; s/0.02/0.005/' w/a.yaml >w/l.yaml
    label=solve; begin solve w/l.yaml -o w/out/o.h5 --force --quiet; keep_old; moments TERM INT HUP KILL
    label=simulate; begin simulate w/l.yaml -o w/out/o.h5 --force --quiet --threads 2; moments TERM INT HUP KILL
    label="simulate, checkpoint"; begin simulate w/l.yaml -o w/out/o.h5 --force --quiet --threads 1 --checkpoint w/out/state --every 0.01
    resume=(simulate w/l.yaml --threads 1); moments KILL TERM
    label=sweep; begin sweep w/s.yaml -o w/out/o.h5 --force --quiet --threads 1 --set training.steps=100; keep_old; moments TERM INT HUP KILL
    command -v gnuplot >/dev/null || return
    label=plot; begin plot w/t.h5 -o w/out/f.png --force --quiet; keep_old; moments TERM INT HUP KILL
    label=report; begin report w/t.h5 w/n.h5 -o w/out/r.html --force --quiet; moments TERM INT HUP KILL
}

# ---- two processes, one output ----

# race FIRST SECOND: both at a time; their exit statuses in $one and $two, their words in err1 and err2.
race() {
    rm -rf w/out/*
    "$dmft" $1 --quiet >out1 2>err1 </dev/null &
    local process=$!
    "$dmft" $2 --quiet >out2 2>err2 </dev/null
    two=$?
    wait $process
    one=$?
}
# judge_race FORCED NAME: whole is what one of both writes, ref/1 or ref/2; without --force the other says that the file is there, and of a run where its own result is.
judge_race() {
    local file=w/out/$2 why="" loser
    same "$file" ref/1-$2 || same "$file" ref/2-$2 || why="the file is neither that of the first nor that of the second"
    if [ "$1" = free ] && [ -e "$file.1" ]; then
        loser=1
        [ $two = 0 ] || loser=2
        mv "$file.1" beside.h5
        grep -q "this result is .*/o.h5.1\$" err$loser && same beside.h5 ref/$loser-$2 || why="beside it is not the result of the one that says so: $(cat err1 err2)"
        beside=$((beside + 1))
    fi
    [ "$(ls -A w/out)" = "$2" ] || why="left: $(ls -A w/out | tr '\n' ' ')"
    if [ "$1" = forced ]; then
        [ $one$two = 00 ] || why="statuses $one and $two: $(cat err1 err2)"
    else
        case $one$two in
            02) same "$file" ref/1-$2 || why="the first says that it wrote the file, which is the second's"; grep -q 'exists already' err2 || why="the second says: $(cat err2)" ;;
            20) same "$file" ref/2-$2 || why="the second says that it wrote the file, which is the first's"; grep -q 'exists already' err1 || why="the first says: $(cat err1)" ;;
            *) why="statuses $one and $two: $(cat err1 err2)" ;;
        esac
    fi
    [ -z "$why" ] || [ -n "$first" ] || first="race $n, $1: $why"
}
# races_of NAME FIRST SECOND: with --force and without.
races_of() {
    local name=$1 first="" n beside=0
    rm -rf ref w/out/* && mkdir ref
    "$dmft" $2 --quiet && cp "w/out/$name" "ref/1-$name"
    "$dmft" $3 --quiet --force && cp "w/out/$name" "ref/2-$name"
    same "ref/1-$name" "ref/2-$name" && bad "$label: the two are not to be told from each other"
    for ((n = 0; n < races; n++)); do race "$2" "$3"; judge_race free "$name"; done
    for ((n = 0; n < races; n++)); do race "$2 --force" "$3 --force"; judge_race forced "$name"; done
    verdict "two processes, one file, $((2 * races)) times, $beside results kept beside it" races $((2 * races))
}

part_races() {
    local first n why
    make_inputs
    label=solve; races_of o.h5 "solve w/a.yaml -o w/out/o.h5" "solve w/a.yaml -o w/out/o.h5 --set network.gamma0=2"
    label=show; races_of k.npy "show w/t.h5 --kernel C_v --npy w/out/k.npy" "show w/t.h5 --kernel C_g1 --npy w/out/k.npy"
    if command -v gnuplot >/dev/null; then
        label=plot; races_of f.svg "plot w/t.h5 -o w/out/f.svg" "plot w/n.h5 -o w/out/f.svg"
        label=report; races_of r.html "report w/t.h5 -o w/out/r.html" "report w/n.h5 -o w/out/r.html"
    fi
    # Two runs that are the same keep one checkpoint: each time it is a whole one, and both results are right.
    label="simulate, checkpoint"
    line="simulate w/a.yaml --threads 1 --set training.steps=20"
    begin $line -o w/out/o.h5 --quiet
    resume=($line) first=""
    for ((n = 0; n < races; n++)); do
        race "$line -o w/out/1.h5 --checkpoint w/out/state --every 1e-9" "$line -o w/out/2.h5 --checkpoint w/out/state --every 1e-9"
        [ $one$two = 00 ] && same w/out/1.h5 ref/o.h5 && same w/out/2.h5 ref/o.h5 && same w/out/state "" && [ "$(ls w/out | wc -l)" -eq 3 ] ||
            first=${first:-"race $n: statuses $one and $two: $(cat err1 err2) $(ls w/out | tr '\n' ' ')"}
    done
    verdict "two runs, one checkpoint, $races times" races $races
    expect "$label: what is saved of another run is not overwritten" 2 "network.gamma0 is 8.48.* there and 2 here \(--force overwrites it\)" $line -o w/out/3.h5 --quiet \
        --checkpoint w/out/state --set network.gamma0=2
    expect "$label: nor that of another command" 2 "a checkpoint of simulate, not of solve \(--force overwrites it\)" solve w/a.yaml -o w/out/3.h5 --quiet --checkpoint w/out/state
    expect "$label: that this run is begun anew is said" 0 "warning: w/out/state has [0-9]* of 40 of this run, and will be replaced; --resume" $line -o w/out/3.h5 --quiet \
        --checkpoint w/out/state
    expect "$label: --force overwrites" 0 "" $line -o w/out/3.h5 --quiet --checkpoint w/out/state --set network.gamma0=2 --force
    # One sweep in one folder: one of both puts the points together, the other says what it found, and nothing is left.
    label=sweep
    begin sweep w/s.yaml -o w/out/o.h5 --quiet
    first=""
    for ((n = 0; n < 2 * races; n++)); do
        force=$([ $((n % 2)) -eq 0 ] || echo --force)
        race "sweep w/s.yaml -o w/out/o.h5 --threads 1 $force" "sweep w/s.yaml -o w/out/o.h5 --threads 2 $force"
        case $one$two in 00 | 01 | 02 | 10 | 20) why=$(left 0) ;; *) why="statuses $one and $two" ;; esac
        [ "$(cat err1 err2 | wc -l)" -le 1 ] || why="more than one line"
        [ -z "$why" ] || first=${first:-"race $n: statuses $one and $two: $why: $(cat err1 err2)"}
    done
    verdict "two processes, one sweep, $((2 * races)) times" races $((2 * races))
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
[ -n "$parts" ] || parts="runs figures sweeps inputs places disks moments races"
[ -f "$fault" ] || { parts="places disks races"; echo "# without $fault: no calls that fail"; }
for part in $parts; do
    while [ "$(jobs -pr | wc -l)" -ge 2 ]; do wait -n 2>/dev/null || wait; done
    run_part $part &
done
wait
for part in $parts; do cat "$folder/$part.txt"; done
passed=$(for part in $parts; do cat "$folder/$part.txt"; done | grep -c '^ok ') failed=$(for part in $parts; do cat "$folder/$part.txt"; done | grep -c '^not ok ')
for part in $parts; do cat "$folder/$part/tally"; done | awk -F'\t' '{ n[$1 FS $2] += $3; total[$1] += $3; command[$2] }
    END { for (c in command) printf "# %-12s %6d calls %6d signals %6d races\n", c, n["calls" FS c], n["signals" FS c], n["races" FS c] | "sort"; close("sort")
          printf "# %-12s %6d calls %6d signals %6d races\n", "all", total["calls"], total["signals"], total["races"] }'
totals
