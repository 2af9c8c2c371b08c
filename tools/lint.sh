#!/bin/sh
# Rules that a compiler does not check. One line for each breach; the last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/.." || exit 1
passed=0
failed=0
verdict()
{
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf '%s:\n%s\n' "$1" "$2"
    fi
}

# Which room may include which (doc/design.md).
rooms='base:base
limit:base limit
kernel:base kernel
spectrum:base spectrum
outlier:base limit kernel spectrum outlier
ensemble:base spectrum ensemble
model:base limit kernel spectrum outlier ensemble model
network:base spectrum ensemble network
run:base model network run
io:base io'
breaches=$(echo "$rooms" | while IFS=: read -r room allowed; do
    grep -HnoE '#include "[a-z]+/' lib/"$room"/*.[ch] 2> /dev/null | while IFS=: read -r file line include; do
        target=$(echo "$include" | sed 's/.*"\([a-z]*\)\//\1/')
        case " $allowed " in *" $target "*) ;; *) echo "$file:$line: $room may not include $target" ;; esac
    done
done)
verdict "arrows between the rooms" "$breaches"

unlisted=$(for directory in lib/*/; do
    room=$(basename "$directory")
    echo "$rooms" | grep -q "^$room:" || echo "lib/$room is not in the list of rooms"
    grep -q "class=\"name\".*>$room<" doc/design.svg || echo "lib/$room is not in doc/design.svg"
done)
verdict "rooms" "$unlisted"

breaches=$(grep -rnoE '#include "\.\./[^"]*"|#include "(solvers|tests)/' lib || true)
verdict "lib includes nothing of solvers" "$breaches"

tags=$(grep -rhoE '\((C|L|B|O|Z|P|K|S|G|F|M|N|R|Y|W|X|E|V|Q|KN|RM|LA|XT|NM|LW|LF|TW)[0-9]+'"'"'?\)' lib solvers include tests bench 2> /dev/null | sort -u | while read -r tag; do
    grep -qF "$tag" doc/theory.md || echo "$tag is cited, doc/theory.md does not have it"
done)
verdict "equation tags" "$tags"

bare=$(awk '/^DMFT_(API|FALLIBLE)/ { if (before !~ /\*\/[ \t]*$/) print FILENAME ":" FNR ": no comment above " $0 } NF { before = $0 }' include/dmft/*.h)
verdict "comments of the public header" "$bare"

# The header's parts: all are under the umbrella, each is one Doxygen module of its own name.
breaches=$(for part in include/dmft/*.h; do
    name=$(basename "$part" .h)
    grep -qx "#include \"dmft/$name.h\"" include/dmft.h || echo "$part: include/dmft.h does not include it"
    [ "$(grep -c "^/\*\* .defgroup $name " "$part")" -eq 1 ] && [ "$(grep -c '@{ \*/$' "$part")" -eq 1 ] && [ "$(grep -c '^/\*\* @} \*/$' "$part")" -eq 1 ] ||
        echo "$part: is not one module, \\defgroup $name .. @{ .. @}"
    [ "$(grep -c '^extern "C" {$' "$part")" -eq 1 ] || echo "$part: extern \"C\" is not there once"
done)
verdict "parts of the public header" "$breaches"

long=$(awk 'length($0) > 160 { print FILENAME ":" FNR ": " length($0) " characters" }' lib/*/*.[ch] solvers/*.[ch] include/*.h include/dmft/*.h)
verdict "lines of at most 160 characters" "$long"

unfinished=$(grep -rnE '\b(TODO|FIXME|XXX)\b' lib solvers include tests/*.[ch] bench || true)
verdict "nothing left to do" "$unfinished"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
