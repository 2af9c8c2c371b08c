#!/usr/bin/env bash
# `dmft spectrum` from outside: text, CSV, JSON and figure of matrices with spikes that are known, snapshots, HDF5 files, and every input that is refused.
# usage: test_spectrum.sh PATH/TO/dmft
. "$(dirname "$0")/program_parts.sh"

# npy TYPE SHAPE FORTRAN LETTERS: an .npy file on stdout with the numbers of stdin, packed by perl's letters.
npy() {
    perl -e 'my ($type, $shape, $fortran, $letters) = @ARGV; binmode STDOUT; my $h = sprintf("{\x27descr\x27: \x27%s\x27, \x27fortran_order\x27: %s, \x27shape\x27: (%s), }", $type, $fortran, $shape);
        $h .= " " x (117 - length $h) . "\n"; print "\x93NUMPY\x01\x00", pack("v", length $h), $h; while (<STDIN>) { print pack($letters, $_) for split }' "$1" "$2" "$3" "$4"
}
# noise SEED ROWS COLUMNS SPIKE..: Gaussian numbers with spikes of these strengths along coordinates, row by row.
noise() {
    perl -e 'my ($seed, $M, $N, @spike) = @ARGV; srand($seed); for my $i (0 .. $M - 1) { for my $j (0 .. $N - 1) {
        my $g = sqrt(-2 * log(1 - rand)) * cos(6.283185307179586 * rand); $g += $spike[$i] if $i == $j && $i < @spike; printf "%.17g ", $g } print "\n" }' "$@"
}

noise 1 60 90 >plain.txt
noise 1 60 90 30 22 >spikes.txt
npy "<f8" "60, 90" False "d<" <plain.txt >plain.npy
npy "<f8" "60, 90" False "d<" <spikes.txt >spikes.npy
npy "<f4" "60, 90" False "f<" <spikes.txt >single.npy
npy ">f8" "60, 90" False "d>" <spikes.txt >big.npy
npy "<f8" "90, 60" True "d<" <spikes.txt >turned.npy # the transpose, column by column
npy "<f4" "60, 10, 3, 3" False "f<" <spikes.txt >kernel.npy

# ---- what is found ----
expect "noise has no outliers" 0 "outliers  0 at a false-positive rate of 0.01" spectrum plain.npy
grep -q "the bulk is that of independent entries" out; holds "noise fits" test $? -eq 0
expect "spikes are found" 0 "outliers  2 at" spectrum spikes.npy
expect "the variance may be given" 0 "variance 1 \(given\)" spectrum spikes.npy --variance 1
expect "only the largest of a small matrix: all are taken" 0 "Kolmogorov-Smirnov" spectrum spikes.npy --top 3
expect "another level" 0 "rate of 1e-06 a matrix" spectrum plain.npy --level 1e-6
expect "a kernel of a convolution is reshaped" 0 "60 x 90 \(60 x 10 x 3 x 3: the first by all others\)" spectrum kernel.npy
"$dmft" spectrum spikes.npy --csv | cut -d, -f3- >all.txt
holds "CSV has a row a singular value" test "$(wc -l <all.txt)" -eq 61
holds "CSV tells outliers" test "$(cut -d, -f3 all.txt | grep -c '^1$')" -eq 2
for file in big single turned; do
    "$dmft" spectrum $file.npy --csv | cut -d, -f3- | cut -c1-9 >other.txt
    cut -c1-9 all.txt | cmp -s - other.txt
    holds "$file.npy has the same singular values" test $? -eq 0
done
expect "JSON" 0 '"outliers": \[\{"z": ' spectrum spikes.npy --json
if command -v python3 >/dev/null; then python3 -c 'import json, sys; d = json.load(open("out")); sys.exit(len(d["matrices"][0]["outliers"]) != 2 or len(d["matrices"][0]["singular_values"]) != 60)'
    holds "JSON is read by others" test $? -eq 0
fi
expect "--quiet says nothing" 0 "" spectrum spikes.npy --quiet
holds "--quiet: no line" test ! -s out -a ! -s err

# ---- snapshots ----
expect "snapshots" 0 "left singular vectors: .* of the subspace shared \(by chance 0.0833" spectrum plain.npy spikes.npy
expect "a matrix and itself" 0 "right singular vectors: 1.0000 of the subspace shared" spectrum spikes.npy spikes.npy --top 2
expect "other shapes have no overlaps" 0 "^no overlaps" spectrum spikes.npy turned.npy
cp plain.npy "$(printf 'r\xe9.npy')"
expect "a name that is no UTF-8 in JSON" 0 '"r\\\\xe9.npy"' spectrum "$(printf 'r\xe9.npy')" --json
expect "overlaps as JSON" 0 '"left_chance_sd"' spectrum spikes.npy plain.npy --json

# ---- HDF5 ----
cat >a.yaml <<'YAML'
model: deep_linear
network: {depth: 1, width_ratio: 0.5, gamma0: 2.0, weight_variance: 0.25}
data: {sample_ratio: 4.0}
training: {learning_rate: 0.02, steps: 20}
output: {kernels: true}
YAML
"$dmft" solve a.yaml -o theory.h5 --quiet
expect "all datasets of an HDF5 file" 0 "theory.h5: kernels/C_v: 20 x 20" spectrum theory.h5
holds "each has its part" test "$(grep -c '^theory.h5: kernels/' out)" -ge 4
expect "one of them" 0 "theory.h5: kernels/C_v: 20 x 20" spectrum theory.h5 --dataset kernels/C_v
holds "one of them: no other" test "$(grep -c '^theory.h5: ' out)" -eq 1
expect "two of them" 0 "kernels/C_h1: 20 x 20" spectrum theory.h5 --dataset kernels/C_v,kernels/C_h1
expect "an empty name" 2 "there is no dataset" spectrum theory.h5 --dataset kernels/C_v,
expect "no such dataset" 2 "there is no dataset kernels/C_w" spectrum theory.h5 --dataset kernels/C_w
expect "a series is no matrix" 2 "series/step has 1 dimension" spectrum theory.h5 --dataset series/step
expect "a dataset of .npy" 2 "has no datasets" spectrum plain.npy --dataset a

# ---- figures ----
if command -v gnuplot >/dev/null; then
    expect "a figure" 0 "wrote a.png" spectrum spikes.npy plain.npy -o a.png
    holds "it is a PNG" test "$(head -c 4 a.png | tail -c 3)" = PNG
    expect "an existing figure is kept" 2 "force" spectrum spikes.npy -o a.png
    expect "a figure of all formats" 0 "wrote a.svg" spectrum spikes.npy -o a.svg --variance 0.5
fi
expect "another ending" 2 "must end in .png, .svg or .pdf" spectrum spikes.npy -o a.jpg
expect "too many panels" 2 "at most 12 matrices, got 13" spectrum $(yes plain.npy | head -n 13) -o b.png

# ---- special matrices ----
yes 0 | head -n 50 | npy "<f8" "5, 10" False "d<" >zero.npy
yes 2.5 | head -n 200 | npy "<f8" "10, 20" False "d<" >constant.npy
noise 3 1 50 | npy "<f8" "1, 50" False "d<" >row.npy
expect "zeros" 0 "outliers +0|outliers  not told" spectrum zero.npy
expect "a constant: one outlier of strength 2.5 sqrt(200)" 0 "1 +35.3553 +< 1e-290 +35.3553 +1.0000 +1.0000" spectrum constant.npy
expect "one row" 0 "the variance must be given" spectrum row.npy
expect "one row with a variance" 0 "outliers  0" spectrum row.npy --variance 1
noise 4 40 30 | awk 'NR == 7 { gsub(/[^ ]+/, "0") } 1' | npy "<f8" "40, 30" False "d<" >dead.npy
expect "dead rows are left out" 0 "40 x 30, 39 x 30 without rows and columns of zeros" spectrum dead.npy

# ---- what is refused ----
head -c 1000 plain.npy >cut.npy
head -c 60 plain.npy >header.npy
noise 5 2 3 | npy "<f8" "6," False "d<" >vector.npy
printf '' | npy "<f8" "0, 4" False "d<" >empty.npy
echo 1 2 3 nan | npy "<f8" "2, 2" False "d<" >nan.npy
echo 1 inf 3 4 | npy "<f4" "2, 2" False "f<" >inf.npy
echo 1 2 3 4 | npy "<i4" "2, 2" False "l<" >integers.npy
echo 1 2 3 4 | npy "<c16" "2, 1" False "d<" >complex.npy
echo 1 2 3 4 | npy "<f8" "4000000, 4000000" False "d<" >huge.npy
echo nonsense >text.npy
expect "cut off" 2 "cut.npy: is truncated" spectrum cut.npy
expect "cut off in the header" 2 "header.npy: is truncated" spectrum header.npy
expect "one dimension" 2 "vector.npy: has 1 dimension" spectrum vector.npy
expect "no rows" 2 "empty.npy: is empty: 0 x 4" spectrum empty.npy
expect "nan" 2 "nan.npy: the entry at row 1, column 1 \(from 0\) is nan" spectrum nan.npy
expect "infinity" 2 "inf.npy: the entry at row 0, column 1 \(from 0\) is infinite" spectrum inf.npy
expect "integers" 2 "floating-point numbers \(f2, f4, f8\)" spectrum integers.npy
expect "complex numbers" 2 "floating-point numbers" spectrum complex.npy
expect "a huge shape" 2 "too large, or damaged" spectrum huge.npy
expect "no array" 2 "is not an .npy file" spectrum text.npy
expect "no file" 2 "cannot read none.npy" spectrum none.npy
expect "a folder" 2 "not a regular file" spectrum .
expect "neither npy nor HDF5" 2 "a.yaml: is not an .npy or HDF5 file" spectrum a.yaml
expect "the good with the bad" 2 "nan.npy" spectrum plain.npy nan.npy
holds "nothing is said before" test ! -s out
expect "no file named" 2 "FILE.npy or FILE.h5 is missing" spectrum
expect "a variance of 0" 2 "variance must be a number" spectrum plain.npy --variance 0
expect "a level of 1" 2 "\[1e-12, 0.5\], got '1'" spectrum plain.npy --level 1
expect "--top 0" 2 "\[1, 10000\], got '0'" spectrum plain.npy --top 0
expect "CSV and JSON" 2 "exclude each other" spectrum plain.npy --csv --json
"$dmft" spectrum plain.npy --csv >/dev/full 2>err; holds "a full disk" test $? -eq 1

totals
