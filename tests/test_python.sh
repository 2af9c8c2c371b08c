#!/usr/bin/env bash
# The reader for Python on results of every kind that the program writes. Skipped, with a line, where there is no python3 with h5py.
# usage: test_python.sh PATH/TO/dmft
. "$(dirname "$0")/program_parts.sh"
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
. "$source_folder/all_results.sh"

# The system's own python3 is the one that the package python3-h5py belongs to.
for python in python3 /usr/bin/python3; do
    "$python" -c 'import h5py, numpy' 2>/dev/null && break
    python=""
done
if [ -z "$python" ]; then
    skip "the reader for Python" "no python3 with h5py (package python3-h5py)"
    totals
    exit
fi
make_results
"$dmft" solve deep_linear.yaml -o rows.h5 --set method=rows --set output.kernels=true --quiet
"$dmft" solve deep_linear.yaml -o lazy.h5 --set method=lazy --quiet
"$dmft" solve deep_linear.yaml -o diverged.h5 --set training.learning_rate=3 --quiet 2>/dev/null
sed 's/learning_rate: [0-9.]*, steps: [0-9]*/flow: true, time: 1, steps: 5/' deep_linear.yaml >flow.yaml
"$dmft" solve flow.yaml -o flow.h5 --quiet
"$dmft" simulate mlp.yaml -o mlp-weights.h5 --set output.weights=true --quiet
cp deep_linear.yaml "$(printf 'r\xe9.yaml')"
"$dmft" solve "$(printf 'r\xe9.yaml')" -o foreign.h5 --quiet
"$python" "$source_folder/test_python.py" "$dmft" ./*.h5
