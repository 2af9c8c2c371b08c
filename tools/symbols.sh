#!/bin/sh
# Writes debian/libdmft1.symbols: what the library exports, each name with the version that first had it, which dpkg-gensymbols takes from the file as it is.
# A name that is gone is dropped here; `make abi` tells of it, and after a release it takes a new SOVERSION. Arguments: the shared library, its version.
set -eu
library=$1 version=$2
command -v dpkg-gensymbols > /dev/null || {
    echo "symbols: dpkg-gensymbols is missing: apt-get install dpkg-dev" >&2
    exit 1
}
new=$(mktemp)
trap 'rm -f "$new"' EXIT
dpkg-gensymbols -plibdmft1 -v"$version" -e"$library" -q -c0 -O > "$new"
grep -v '^#MISSING' "$new" > debian/libdmft1.symbols
echo "debian/libdmft1.symbols: $(grep -c '^ ' debian/libdmft1.symbols) symbols"
