#!/bin/sh
# Puts the errors of tests/mutations.txt into the physics, one at a time, and demands that the suites named there fail. Works on a copy of the checkout.
# Arguments: the folder for that copy; a make to build with. Environment: CC; ONLY, a file whose errors alone are
# tried; BASELINE=no where the suites are known to pass without errors, which is looked at first.
# A suite that does not end within ten minutes has failed. Last line: "caught N of M"; exit status 0 when all are.
set -u
cd "$(dirname "$0")/.." || exit 1
tree=$1 make=$2
tab=$(printf '\t')
list=$PWD/tests/mutations.txt
mkdir -p "$tree"
rm -rf "${tree:?}/lib" "${tree:?}/tests"
cp -Rp Makefile include lib solvers tests examples "$tree" || exit 1
cd "$tree" || exit 1
# What an interrupted run may have left with an error in it.
for file in $(grep -v '^#' "$list" | cut -f 1 | sort -u); do rm -f "build/${file%.c}.o"; done
export DMFT_SRCDIR="$PWD" DMFT_BUILD="$PWD/build" OPENBLAS_NUM_THREADS=1 CK_TIMEOUT_MULTIPLIER=10

built() (IFS=' ' && $make --no-print-directory BUILD=build CC="${CC:-cc}" CFLAGS=-O1 WERROR= build/tests/run > make.log 2>&1)
# Of a suite, or of one case of it, suite:case. What has no tests of that name has not passed.
passes()
{
    case $1 in *:*) CK_RUN_SUITE=${1%%:*} CK_RUN_CASE=${1#*:} timeout 600 build/tests/run ;; *) CK_RUN_SUITE=$1 timeout 600 build/tests/run ;; esac > suite.log 2>&1 &&
        ! grep -q '^0 passed, 0 failed' suite.log
}

echo "building"
built || { tail -n 5 make.log; exit 1; }
IFS='
'
for suite in $(grep -v '^#' "$list" | cut -f 4 | tr ',' '\n' | sort -u); do
    [ "${BASELINE:-yes}" = no ] || passes "$suite" || { echo "suite $suite fails without any error put in:"; tail -n 5 suite.log; exit 1; }
done

caught=0 all=0
while IFS="$tab" read -r file old new suites; do
    case $file in '#'* | '') continue ;; esac
    [ -n "${ONLY:-}" ] && [ "$ONLY" != "$file" ] && continue
    all=$((all + 1))
    object=build/${file%.c}.o
    cp -p "$file" original.c
    cp -p "$object" original.o
    # awk reads neither text as a pattern.
    if ! OLD=$old NEW=$new awk 'BEGIN { RS = "\001" } { at = index($0, ENVIRON["OLD"]); n = length(ENVIRON["OLD"]); rest = substr($0, at + n)
        if (at == 0 || index(rest, ENVIRON["OLD"]) > 0) exit 1
        printf "%s%s%s", substr($0, 1, at - 1), ENVIRON["NEW"], rest }' original.c > "$file"; then
        echo "$file: not there exactly once: $old"
        exit 1
    fi
    built || { echo "$file: does not compile: $new"; tail -n 5 make.log; exit 1; }
    failing=
    for suite in $(echo "$suites" | tr ',' '\n'); do passes "$suite" || failing="$failing $suite"; done
    if [ -n "$failing" ]; then
        caught=$((caught + 1))
        echo "caught by$failing: $file: $new"
    else
        echo "NOT CAUGHT by $suites: $file: $new"
    fi
    cp -p original.c "$file" # with their times, so that make takes them for what they are
    cp -p original.o "$object"
done < "$list"
echo "caught $caught of $all"
[ $all -gt 0 ] && [ "$caught" -eq "$all" ]
