#!/bin/sh
# What programs that were linked against the last tagged version would meet: names that are gone or new and, where abidiff (abigail-tools) is there, types that
# changed. Exit status 1 when something that was there is gone or different, and the soname is the same: with another one programs are linked anew, and what
# changed is only told. Arguments: make, the absolute build directory, the shared library.
set -eu
make=$1 build=$2 library=$3
[ -f "$library" ] || {
    echo "abi: there is no $library" >&2
    exit 1
}
tag=$(git describe --tags --abbrev=0 2> /dev/null) || {
    echo "abi: there is no git tag yet, hence nothing to compare with; the library exports $(nm -D --defined-only "$library" | grep -c ' dmft_') symbols"
    exit 0
}
old=$build/abi
rm -rf "$old"
mkdir -p "$old/source"
git archive "$tag" | tar -x -C "$old/source"
echo "abi: building $tag (log: $old/build.log)"
$make --no-print-directory -C "$old/source" all WERROR= BUILD="$old/source/build" > "$old/build.log" 2>&1 || {
    tail -n 5 "$old/build.log" >&2
    exit 1
}
before=$(find "$old/source/build/lib" -name 'libdmft.so.*' -type f)
names() { nm -D --defined-only "$1" | awk '{ print $3 }' | sort; }
names "$before" > "$old/before"
names "$library" > "$old/now"
echo "abi: $(comm -12 "$old/before" "$old/now" | wc -l) symbols of $tag are there, $(comm -13 "$old/before" "$old/now" | wc -l) are new"
gone=$(comm -23 "$old/before" "$old/now")
status=0
if [ -n "$gone" ]; then
    echo "abi: gone since $tag:"
    echo "$gone"
    status=1
fi
if command -v abidiff > /dev/null; then
    # abidiff's status is a set of bits: 1 an error, 2 usage, 4 a change, 8 one that breaks programs for certain.
    abidiff --no-added-syms --headers-dir1 "$old/source/include" --headers-dir2 include "$before" "$library" && echo "abi: no type has changed" || status=1
else
    echo "abi: abidiff is not installed (apt-get install abigail-tools): names were compared, types were not"
fi
soname() { objdump -p "$1" | awk '$1 == "SONAME" { print $2 }'; }
if [ "$(soname "$before")" != "$(soname "$library")" ]; then
    echo "abi: $(soname "$before") has become $(soname "$library"): programs are linked anew"
    status=0
fi
exit $status
