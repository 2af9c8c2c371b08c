#!/bin/sh
# Installs the Debian packages of `make deb` into a Debian of their own (debootstrap, as root) with apt, as a stranger would, and uses them there: the program, the manual
# page, the example built against libdmft-dev by pkg-config and by CMake, a result read by Python. Argument: the absolute build directory. Last line: "N passed, N failed".
set -eu
# shellcheck disable=SC2016 # words are expanded over there
build=$1 root=$1/deb/debian
if [ "$(id -u)" != 0 ] || ! command -v debootstrap > /dev/null; then
    echo "debcheck: needs root and debootstrap" >&2
    exit 1
fi
rm -rf "$root"
debootstrap --variant=minbase "${SUITE:-bookworm}" "$root" "${MIRROR:-http://deb.debian.org/debian}" > "$build/deb/debootstrap.log" 2>&1 || {
    tail -n 5 "$build/deb/debootstrap.log" >&2
    exit 1
}
trap 'umount "$root/proc"' EXIT
mount -t proc proc "$root/proc"
cp "$build"/deb/*.deb examples/outliers.c examples/demo.yaml "$root/root"
cat > "$root/root/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.16)
project(outliers C)
find_package(dmft REQUIRED)
add_executable(outliers-cmake outliers.c)
target_link_libraries(outliers-cmake dmft::dmft)
CMAKE
passed=0 failed=0
there() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 chroot "$root" sh -c "cd /root && { $1; }" > "$build/deb/there.log" 2>&1; }
ok() # NAME COMMAND: done in the new Debian
{
    if there "$2"; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "not ok: $1"
        tail -n 5 "$build/deb/there.log"
    fi
}
set +e
ok "the program's package installs" "apt-get update -q && apt-get install -q -y --no-install-recommends ./libdmft1_*.deb ./dmft_*.deb"
ok "the program runs" "dmft --version"
cat "$build/deb/there.log"
ok "theory and networks agree" "dmft solve demo.yaml -o theory.h5 --quiet && dmft simulate demo.yaml -o networks.h5 --quiet && dmft compare theory.h5 networks.h5"
ok "a picture is drawn" "dmft plot theory.h5 networks.h5 -o demo.png && test -s demo.png"
ok "the other packages install" "apt-get install -q -y --no-install-recommends ./libdmft-dev_*.deb ./python3-dmft_*.deb gcc libc6-dev pkg-config cmake make man-db"
ok "the example is built against libdmft-dev" 'cc -std=c11 outliers.c -o outliers $(pkg-config --cflags --libs dmft) && ./outliers demo.yaml > shared.txt && grep -q ^A_1 shared.txt'
ok "it is built against the static library" 'cc -std=c11 outliers.c -o static $(pkg-config --cflags dmft) -l:libdmft.a $(pkg-config --libs $(pkg-config --print-requires-private dmft)) -lm -pthread && ./static demo.yaml | cmp - shared.txt'
ok "it is built by CMake" "cmake -S . -B cmake && make -C cmake && cmake/outliers-cmake demo.yaml | cmp - shared.txt"
ok "Python reads the result" "python3 -c 'import dmft; run = dmft.load(\"theory.h5\"); assert run[\"C_v\"][0] > 0; print(run)'"
ok "the manual pages are there" "test -s /usr/share/man/man1/dmft-solve.1.gz && test -s /usr/share/man/man3/libdmft.3.gz"
ok "all is removed again" "apt-get purge -q -y dmft libdmft1 libdmft-dev python3-dmft && ! find / -xdev -path /root -prune -o -path /proc -prune -o -name '*dmft*' -print | grep ."
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
