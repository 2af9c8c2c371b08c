#!/bin/sh
# Installs to a scratch prefix and uses it as a stranger would: the example through pkg-config, shared and static, the header in C and C++,
# the exported names, uninstall. Arguments: make, the absolute build directory. Last line: "N passed, N failed".
set -u
make=$1
build=$2
prefix=$build/stage
passed=0
failed=0
ok()
{
    if [ "$1" -eq 0 ]; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "not ok: $2"
    fi
}

rm -rf "$prefix"
$make --no-print-directory install prefix="$prefix" BUILD="$build" > "$build/install.log" 2>&1
ok $? "make install (see $build/install.log)"
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"

# shellcheck disable=SC2046 # words are meant
cc -std=c11 -Wall -Wextra -Wpedantic -Werror examples/outliers.c -o "$build/outliers" $(pkg-config --cflags --libs dmft)
ok $? "the example compiles against the shared library"
LD_LIBRARY_PATH="$prefix/lib" "$build/outliers" examples/demo.yaml > "$build/outliers.txt"
ok $? "the example runs"
grep -q '^A_1' "$build/outliers.txt"
ok $? "the example prints outliers"
# shellcheck disable=SC2046
cc -std=c11 -Wall -Wextra -Wpedantic -Werror examples/kernels.c -o "$build/kernels" $(pkg-config --cflags --libs dmft)
ok $? "the example of kernels compiles"
LD_LIBRARY_PATH="$prefix/lib" "$build/kernels" | awk '$1 == "outlier" && $2 > 1.5 && $2 == substr($6, 1, length($2)) { n++ } END { exit n != 1 }'
ok $? "its outlier is that of the run"
# shellcheck disable=SC2046
cc -std=c11 -Wall -Wextra -Wpedantic -Werror examples/mlp.c -o "$build/mlp" $(pkg-config --cflags --libs dmft) -lm
ok $? "the example of an activation function compiles"
LD_LIBRARY_PATH="$prefix/lib" OPENBLAS_NUM_THREADS=1 "$build/mlp" | grep -q '^theory and networks agree$'
ok $? "its theory and networks agree"
# shellcheck disable=SC2046
cc -std=c11 -Wall -Wextra -Wpedantic -Werror examples/bulk.c -o "$build/bulk" $(pkg-config --cflags --libs dmft lapacke) -lm
ok $? "the example of spectra compiles"
for seed in 1 2; do
    "$prefix/bin/dmft" simulate examples/demo.yaml -o "$build/bulk$seed.h5" --force --quiet --set output.weights=true --set simulation.input_dim=60 \
        --set simulation.seeds=1 --set simulation.seed=$seed
done
LD_LIBRARY_PATH="$prefix/lib" "$build/bulk" A1 "$build/bulk1.h5" "$build/bulk2.h5" -o "$build/bulk.csv" | grep -q '^shape: area' && [ "$(wc -l < "$build/bulk.csv")" -eq 241 ]
ok $? "it finds distances"
# shellcheck disable=SC2046
cc -std=c11 examples/outliers.c -o "$build/outliers-static" $(pkg-config --cflags dmft) "$prefix/lib/libdmft.a" \
    $(pkg-config --libs $(pkg-config --print-requires-private dmft)) -lm -pthread
ok $? "the example compiles against the static library"
"$build/outliers-static" examples/demo.yaml | cmp -s - "$build/outliers.txt"
ok $? "both print the same"
"$prefix/bin/dmft" --version > /dev/null
ok $? "the installed program runs"

printf '#include <dmft.h>\nint main() { return dmft_version() == nullptr; }\n' > "$build/header.cc"
if command -v c++ > /dev/null; then
    # shellcheck disable=SC2046
    c++ -std=c++17 -Wall -Wextra -Wpedantic -Werror "$build/header.cc" -o "$build/header" $(pkg-config --cflags --libs dmft)
    ok $? "the header is valid C++17"
    for part in "$prefix"/include/dmft/*.h; do
        printf '#include <dmft/%s>\n' "$(basename "$part")" | c++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -I"$prefix/include" -fsyntax-only -x c++ - &&
            printf '#include <dmft/%s>\n' "$(basename "$part")" | cc -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$prefix/include" -fsyntax-only -x c -
        ok $? "dmft/$(basename "$part") stands by itself, in C and C++"
    done
    # shellcheck disable=SC2046
    c++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -x c++ examples/mlp.c -x none -o "$build/mlp-c++" $(pkg-config --cflags --libs dmft) -lm
    ok $? "the example of an activation function is valid C++17 too"
fi

# Every link of a page to a file beside it.
dead=$(cd "$prefix/share/doc/libdmft" && find . -name '*.md' | while read -r page; do
    grep -oE '\]\([^):,]+\)' "$page" | sed -e 's/^](//' -e 's/)$//' -e 's/#.*//' | while read -r to; do
        [ -z "$to" ] || [ -e "$(dirname "$page")/$to" ] || echo "$page: $to"
    done
done)
[ -z "$dead" ] && [ "$(cd "$prefix/share/doc/libdmft" && cat ./*.md | grep -cE '\]\([a-z]+')" -gt 40 ]
ok $? "links of the installed pages lead somewhere: $dead"
wide=$(MANWIDTH=80 man --nj --nh "$prefix/share/man/man3/libdmft.3" 2> /dev/null | awk 'length($0) > 80')
[ -z "$wide" ]
ok $? "libdmft(3) fits 80 columns: $wide"
for page in "$prefix"/share/man/man1/dmft-*.1; do
    grep -q '^\.SH EXIT STATUS' "$page" && sed -n 's/^\.BR dmft.-\([a-z]*\) (1).*/\1/p' "$page" | while read -r other; do [ -e "$prefix/share/man/man1/dmft-$other.1" ] || exit 1; done
    ok $? "$(basename "$page") tells exit statuses, and other pages that are there"
done

foreign=$(nm -D --defined-only "$prefix/lib/libdmft.so" | awk '$2 ~ /[TDBR]/ { print $3 }' | grep -v '^dmft_' || true)
[ -z "$foreign" ]
ok $? "only dmft_ names are exported: $foreign"
differing=$({ nm -D --defined-only "$prefix/lib/libdmft.so" | awk '{ print $3 }'; sed -n 's/^ \(.*\)@Base .*/\1/p' debian/libdmft1.symbols; } | sort | uniq -u)
[ -z "$differing" ]
ok $? "debian/libdmft1.symbols has what is exported; make symbols writes it anew: $differing"
foreign=$(nm -g --defined-only "$prefix/lib/libdmft.a" 2> /dev/null | awk 'NF == 3 { print $3 }' | grep -v '^dmft_' || true)
[ -z "$foreign" ]
ok $? "only dmft_ names are global in the archive: $foreign"

$make --no-print-directory uninstall prefix="$prefix" BUILD="$build" > /dev/null 2>&1
[ -z "$(find "$prefix" -type f -o -type l)" ]
ok $? "uninstall leaves nothing"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
