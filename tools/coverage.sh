#!/bin/sh
# Lines and branches of lib/ that the tests reach, a room a row and in total, from what a build with --coverage has left. Arguments: the folder it was built
# in, the targets of lines and branches in percent. Counted by gcov: every line and every branch of every file of lib/, nothing is left out; branches that
# no C statement has (those of exceptions) do not come up in C. Last line: "N passed, N failed", a pass a target.
set -u
build=$1 lines=$2 branches=$3
cd "$(dirname "$0")/.." || exit 1
work=$build/gcov
rm -rf "$work"
mkdir -p "$work"
for source in lib/*/*.c; do
    name=$(echo "${source%.c}" | tr / _)
    ${GCOV:-gcov} --branch-counts --branch-probabilities --stdout --object-file "$build/${source%.c}.o" "$source" > "$work/$name" 2> "$work/$name.errors"
    # What headers of lib/ define is counted with the file that includes it, once a file.
    awk -v file="$source" '
        $0 ~ /^ *-: *0:Source:/ { sub(/.*Source:/, ""); own = $0 ~ /^lib\// }
        !own { next }
        /^branch/ { branches++; if ($0 !~ /never executed|taken 0($|[^0-9])/) taken++ }
        /^ *([0-9]+\*?|#####|=====): *[0-9]+:/ { split($0, part, ":"); lines++; if (part[1] ~ /[0-9]/) reached++ }
        END { printf "%s %d %d %d %d\n", file, reached, lines, taken, branches }' "$work/$name"
done > "$build/coverage.txt"
awk -v lines="$lines" -v branches="$branches" '
    function part(a, b) { return b > 0 ? 100 * a / b : 100 }
    function row(name, r, l, t, b) { printf "  %-12s %6d of %6d lines  %6.2f %%   %6d of %6d branches  %6.2f %%\n", name, r, l, part(r, l), t, b, part(t, b) }
    { split($1, path, "/"); room = path[2]; if (!(room in L)) order[++rooms] = room
      R[room] += $2; L[room] += $3; T[room] += $4; B[room] += $5; r += $2; l += $3; t += $4; b += $5
      printf "  %6.2f %% lines  %6.2f %% branches  %s\n", part($2, $3), part($4, $5), $1 > "/dev/stderr" }
    END { for (i = 1; i <= rooms; i++) row(order[i], R[order[i]], L[order[i]], T[order[i]], B[order[i]])
          row("lib", r, l, t, b)
          good = (part(r, l) > lines) + (part(t, b) > branches)
          printf "%d passed, %d failed\n", good, 2 - good; exit good < 2 }' "$build/coverage.txt" 2> "$build/files.txt"
