#!/bin/sh
# Debian packages of the files that git knows, as they are in the working tree, with lintian's verdict; then they are unpacked into an empty folder, where the
# program runs, the example is built against the library, and Python reads a result. Argument: the absolute build directory.
# Last line: "N passed, N failed".
set -eu
build=$1
work=$build/deb root=$build/deb/root
for tool in dpkg-buildpackage dh lintian dh_python3; do
    command -v $tool > /dev/null || {
        echo "deb: $tool is missing: apt-get install debhelper dh-python dpkg-dev lintian" >&2
        exit 1
    }
done
rm -rf "$work"
mkdir -p "$work/libdmft" "$root"
git ls-files -z | xargs -0 cp --parents -t "$work/libdmft"
(cd "$work/libdmft" && dpkg-buildpackage -us -uc -b) > "$work/build.log" 2>&1 || {
    tail -n 20 "$work/build.log" >&2
    exit 1
}
passed=0 failed=0
ok()
{
    if [ "$1" -eq 0 ]; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "not ok: $2"
    fi
}
set +e
lintian --allow-root --fail-on error,warning "$work"/libdmft1_*.deb "$work"/libdmft-dev_*.deb "$work"/dmft_*.deb "$work"/python3-dmft_*.deb
ok $? "lintian"
for package in libdmft1 libdmft-dev dmft python3-dmft; do
    dpkg-deb -x "$work/${package}"_*.deb "$root"
    ok $? "$package is there"
done
lib=$(dirname "$(find "$root/usr/lib" -name 'libdmft.so.*' | head -n 1)")
LD_LIBRARY_PATH=$lib "$root/usr/bin/dmft" --version
ok $? "the program runs"
export PKG_CONFIG_PATH="$lib/pkgconfig"
# shellcheck disable=SC2046 # words are meant
cc -std=c11 examples/outliers.c -o "$work/outliers" -I"$root/usr/include" -L"$lib" $(pkg-config --libs-only-l dmft)
ok $? "the example is built against libdmft-dev"
LD_LIBRARY_PATH=$lib "$work/outliers" examples/demo.yaml | grep -q '^A_1'
ok $? "the example runs"
LD_LIBRARY_PATH=$lib "$root/usr/bin/dmft" solve examples/demo.yaml -o "$work/theory.h5" --quiet
PYTHONPATH=$root/usr/lib/python3/dist-packages /usr/bin/python3 -c "import dmft, sys; run = dmft.load(sys.argv[1]); assert run['C_v'][0] > 0; print(run)" "$work/theory.h5"
ok $? "Python reads its result (needs python3-h5py)"
man -l "$root/usr/share/man/man1/dmft.1.gz" > /dev/null 2>&1 || ! command -v man > /dev/null
ok $? "the manual page is there"
ls "$work"/*.deb
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
