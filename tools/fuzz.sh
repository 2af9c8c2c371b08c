#!/bin/sh
# Runs the fuzzers one after the other. Arguments: the folder they were built in, seconds for each, their names. A fuzzer begins from the files of
# tests/fuzz/corpus/NAME; what it finds worth keeping goes to the build folder. Last line: "N passed, N failed".
set -u
build=$1 seconds=$2
shift 2
passed=0 failed=0
for name in "$@"; do
    mkdir -p "$build/corpus/$name" "$build/found"
    log=$build/fuzz_$name.log
    if ASAN_OPTIONS=detect_leaks=$([ "$name" = hdf5 ] && echo 0 || echo 1):allocator_may_return_null=1 "$build/fuzz_$name" -max_total_time="$seconds" -rss_limit_mb=4096 \
        -malloc_limit_mb=0 -timeout=20 -max_len=65536 -print_final_stats=1 -artifact_prefix="$build/found/${name}_" "$build/corpus/$name" "tests/fuzz/corpus/$name" > "$log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        grep -E 'ERROR|SUMMARY|Test unit written' "$log" | head -n 5
    fi
    awk -v name="$name" '/^#/ { for (i = 1; i < NF; i++) if ($i == "cov:") cov = $(i + 1) } /number_of_executed_units/ { n = $2 }
        END { printf "%s: %d executions, %d edges covered\n", name, n, cov }' "$log"
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
