#!/bin/sh
# Runs all tests and prints their totals as its last line. Called by `make check` with DMFT_BUILD and DMFT_SRCDIR set.
set -u
log=$(mktemp)
trap 'rm -f "$log"' EXIT
broken=0

# Each part ends with a line "N passed, N failed"; one that does not counts as failed.
part()
{
    title=$1
    shift
    printf '\n== %s\n' "$title"
    part_log=$(mktemp)
    "$@" > "$part_log" 2>&1
    status=$?
    cat "$part_log"
    totals=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$part_log" | tail -n 1)
    if [ -z "$totals" ]; then
        totals="0 passed, 1 failed"
    elif [ $status -ne 0 ]; then
        case $totals in *", 0 failed"*) broken=$((broken + 1)) ;; esac
    fi
    echo "$totals" >> "$log"
    rm -f "$part_log"
}

part "unit tests" "$DMFT_BUILD/tests/run"
part "the program" bash "$DMFT_SRCDIR/tests/test_program.sh" "$DMFT_BUILD/bin/dmft"
part "sweeps" bash "$DMFT_SRCDIR/tests/test_sweep.sh" "$DMFT_BUILD/bin/dmft"
part "spectra of weights" bash "$DMFT_SRCDIR/tests/test_spectrum.sh" "$DMFT_BUILD/bin/dmft"
part "the manual" bash "$DMFT_SRCDIR/tests/test_manual.sh" "$DMFT_BUILD/bin/dmft"
part "reports" bash "$DMFT_SRCDIR/tests/test_report.sh" "$DMFT_BUILD/bin/dmft"
part "the reader for Python" bash "$DMFT_SRCDIR/tests/test_python.sh" "$DMFT_BUILD/bin/dmft"
part "robustness" bash "$DMFT_SRCDIR/tests/test_robust.sh" "$DMFT_BUILD/bin/dmft"
part "theory against sampled networks" "$DMFT_BUILD/tests/agreement"
part "theory against sampled nonlinear networks" "$DMFT_BUILD/tests/agreement_mlp"
part "installation" "$MAKE" --no-print-directory installcheck BUILD="$BUILD"
part "rules of the code" "$MAKE" --no-print-directory lint

printf '\n'
awk -v broken="$broken" '{ passed += $1; failed += $3 } END { printf "%d passed, %d failed\n", passed, failed + broken; exit failed + broken > 0 }' "$log"
