#!/usr/bin/env bash
# The manual, word for word: every block ```sh of doc/manual.md and doc/manual/*.md is run, in order, in an empty folder a page. Each has to
# end with status 0, and what a block ```text behind it states has to be printed: its lines in order, words as they are, numbers within 2 %, "..." for any lines.
# Blocks ```sh sources run in the folder of the sources. Links and names of files of the sources must lead somewhere.
# usage: test_manual.sh PATH/TO/dmft
. "$(dirname "$0")/program_parts.sh"
sources=$(dirname "$source_folder")

# Home is a scratch folder: the first page installs to it, and the others have the environment that it leaves.
export HOME=$folder/home SOURCES=$sources BUILD=${BUILD:-$(dirname "$(dirname "$dmft")")}
mkdir -p "$HOME/bin"
python=$(for p in python3 /usr/bin/python3; do "$p" -c 'import h5py, numpy' 2> /dev/null && command -v "$p" && break; done)
[ -n "$python" ] && printf '#!/bin/sh\nexec %s "$@"\n' "$python" > "$HOME/bin/python3" && chmod +x "$HOME/bin/python3"
export PATH=$HOME/bin:$PATH PYTHONDONTWRITEBYTECODE=1

# blocks PAGE FOLDER: the n-th block of commands as n.sh (or n.sources), what is stated of it as n.text.
blocks() {
    awk -v to="$2" '
        /^```/ && inside { inside = 0; close(file); next }
        /^```sh/ { n++; file = sprintf("%s/%02d.%s", to, n, $0 ~ /sources/ ? "sources" : "sh"); inside = 1; printf "" > file; next }
        /^```text/ { file = sprintf("%s/%02d.text", to, n); inside = 1; printf "" > file; next }
        /^```/ { file = "/dev/null"; inside = 1; next }
        inside { print > file }' "$1"
}

# stated TEXT OUTPUT: prints the first line of TEXT that OUTPUT does not have behind the ones before.
stated() {
    awk 'function number(x) { return x ~ /^[-+(]*[0-9]+([.][0-9]*)?(e[-+]?[0-9]+)?[),;:]*$/ }
        function value(x) { gsub(/[(),;:]/, "", x); return x + 0 }
        function same(a, b,   n, m, i, x, y, d) {
            n = split(a, x); m = split(b, y)
            if (n != m) return 0
            for (i = 1; i <= n; i++) {
                if (x[i] == y[i]) continue
                if (!number(x[i]) || !number(y[i])) return 0
                d = value(x[i]) - value(y[i]); if (d < 0) d = -d
                if (d > 0.02 * (value(x[i]) < 0 ? -value(x[i]) : value(x[i]))) return 0
            }
            return 1
        }
        NR == FNR { if ($0 !~ /^(\.\.\.)?$/) want[++n] = $0; next }
        at < n && same(want[at + 1], $0) { at++ }
        END { if (at < n) print want[at + 1] }' "$1" "$2"
}

# run NAME FILE: a page runs in one shell, so that what a block sets or where it goes holds in the next.
run() {
    local file=$2 work=$folder/$1 n block
    mkdir -p "$work/blocks" "$work/run"
    blocks "$file" "$work/blocks"
    {
        [ -f "$folder/first/environment" ] && echo ". '$folder/first/environment'"
        echo "set -e; trap \"export -p > '$work/environment'\" EXIT; cd '$work/run'"
        for block in "$work"/blocks/*.sh "$work"/blocks/*.sources; do
            [ -f "$block" ] && echo "$block"
        done | sort | while read -r block; do
            n=$(basename "${block%.*}")
            printf 'echo %s > "%s/at"\n' "$n" "$work"
            case $block in
                *.sources) printf '( cd "$SOURCES"\n%s\n) > "%s" 2>&1 < /dev/null\n' "$(cat "$block")" "$work/blocks/$n.out" ;;
                *) printf '{\n%s\n} > "%s" 2>&1 < /dev/null\n' "$(cat "$block")" "$work/blocks/$n.out" ;;
            esac
        done
        echo "echo end > '$work/at'"
    } > "$work/page.sh"
    bash "$work/page.sh"
}

# judge NAME: whether all of it ran, and printed what is stated.
judge() {
    local name=$1 work=$folder/$1 n block missing
    n=$(cat "$work/at")
    if [ "$n" = end ]; then ok "$name: commands"; else bad "$name: block $n failed: $(tail -n 3 "$work/blocks/$n.out")"; fi
    for block in "$work"/blocks/*.text; do
        [ -f "$block" ] || continue
        n=$(basename "$block" .text)
        [ -f "$work/blocks/$n.out" ] || { bad "$name: block $n was not run"; continue; }
        missing=$(stated "$block" "$work/blocks/$n.out")
        if [ -z "$missing" ]; then ok "$name: output $n"; else bad "$name: output $n has no line like '$missing'"; fi
    done
}

# Links are relative to the page; names in backquotes that begin with a room of the sources are files or folders there.
names() {
    local page=$1 missing
    missing=$({ grep -oE '\]\([^)#:]+' "$page" | sed "s|^](|$(dirname "$page")/|"
        grep -oE '`(lib|solvers|tests|tools|examples|include|doc|python|debian)/[A-Za-z0-9_./-]+`' "$page" | tr -d '`' | grep -v NAME | sed "s|^|$sources/|"
    } | sort -u | while read -r path; do [ -e "$path" ] || echo "$path"; done)
    if [ -z "$missing" ]; then ok "$(basename "$page"): links and files"; else bad "$(basename "$page"): there is no $missing"; fi
}

run first "$sources/doc/manual.md"
judge first
for file in "$sources"/doc/manual.md "$sources"/doc/manual/*.md; do names "$file"; done
# The other pages have nothing of each other, and run at the same time.
for file in "$sources"/doc/manual/*.md; do
    if ! grep -q python3 "$file" || [ -n "$python" ]; then run "$(basename "$file" .md)" "$file" & fi
done
wait
for file in "$sources"/doc/manual/*.md; do
    name=$(basename "$file" .md)
    if [ -d "$folder/$name" ]; then judge "$name"; else skip "$name" "no python3 with h5py and numpy"; fi
done

totals
