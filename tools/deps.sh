#!/bin/sh
# Installs the Debian packages that libdmft needs and that are missing, or Homebrew's. Does nothing, at once, where all is there.
set -eu
packages="gcc make binutils libc6-dev pkg-config libgsl-dev libfftw3-dev libopenblas-dev liblapacke-dev libhdf5-dev libyaml-dev check gnuplot-nox libopenmpi-dev openmpi-bin python3-h5py"

if [ "$(uname -s)" = Darwin ] && command -v brew > /dev/null; then
    missing=""
    for formula in gsl fftw openblas hdf5 libyaml check gnuplot open-mpi pkgconf; do
        brew list --formula --versions $formula > /dev/null 2>&1 || missing="$missing $formula"
    done
    [ -z "$missing" ] && exit 0
    echo "deps: installing$missing"
    # shellcheck disable=SC2086 # a list of words is meant
    exec brew install --quiet $missing
fi

if ! command -v dpkg-query > /dev/null; then
    for tool in cc make pkg-config gnuplot; do command -v $tool > /dev/null || missing="${missing:-} $tool"; done
    if command -v pkg-config > /dev/null; then
        for module in gsl fftw3 openblas yaml-0.1 check; do pkg-config --exists $module || missing="${missing:-} $module"; done
        pkg-config --exists hdf5-serial || pkg-config --exists hdf5 || missing="${missing:-} hdf5"
    fi
    [ -z "${missing:-}" ] && exit 0
    echo "deps: this is no Debian system; please install what stands for: $packages (missing here:$missing)" >&2
    exit 1
fi

missing=""
for package in $packages; do
    # What matters of a compiler or of gnuplot is the command, whatever package it came from.
    case $package in
        gcc) command -v cc > /dev/null && continue ;;
        make) continue ;;
        pkg-config) command -v pkg-config > /dev/null && continue ;;
        gnuplot-nox) command -v gnuplot > /dev/null && continue ;;
    esac
    state=$(dpkg-query -W -f '${Status}' "$package" 2> /dev/null || true)
    [ "$state" = "install ok installed" ] || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

become=""
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo > /dev/null; then
        echo "deps: these packages are missing, and neither root nor sudo is at hand to install them:$missing" >&2
        exit 1
    fi
    become=sudo
fi
echo "deps: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # a list of words is meant
if ! { $become apt-get update -q && $become env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing; } > "$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "deps: apt-get could not install:$missing" >&2
    exit 1
fi
