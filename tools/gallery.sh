#!/bin/sh
# The pictures of doc/gallery.md, each from a file in examples/gallery. Called by `make gallery` with the program, the folder of the parameter files,
# a folder for results and one for pictures.
set -eu
dmft=$1 from=$2 work=$3 to=$4
mkdir -p "$work" "$to"

# sweep NAME FILE [options]: results that are there already from the same parameters are kept.
sweep()
{
    name=$1 file=$from/$2
    shift 2
    if [ -f "$work/$name.h5" ] && [ "$work/$name.h5" -nt "$file" ] && [ "$work/$name.h5" -nt "$dmft" ]; then return; fi
    "$dmft" sweep "$file" -o "$work/$name.h5" --force "$@"
}

# both NAME FILE [options]: theory and sampled networks.
both()
{
    name=$1 file=$2
    shift 2
    sweep "$name" "$file" "$@"
    sweep "$name-networks" "$file" --simulate "$@"
}

# picture NAME RESULTS.. OPTIONS
picture()
{
    name=$1
    shift
    "$dmft" plot "$@" -o "$to/$name.png" --force --quiet
    echo "$to/$name.png"
}

for what in gamma0 width variance; do
    both escape_$what escape_$what.yaml
    picture escape_$what "$work/escape_$what.h5" "$work/escape_$what-networks.h5" --against step --series A1_outlier1
done

for scaling in mup ntk; do
    both collapse_$scaling collapse.yaml --set network.parameterization=$scaling
    picture collapse_$scaling "$work/collapse_$scaling.h5" "$work/collapse_$scaling-networks.h5" --against step --series test_loss
    sweep transfer_$scaling transfer.yaml --set network.parameterization=$scaling
    sweep transfer_$scaling-networks transfer.yaml --simulate --set network.parameterization=$scaling --set 'sweep.training.learning_rate={log: [0.05, 0.4, 7]}'
    picture transfer_$scaling "$work/transfer_$scaling.h5" "$work/transfer_$scaling-networks.h5"
    "$dmft" show "$work/transfer_$scaling.h5" --minimum training.learning_rate
    both stability_$scaling stability.yaml --set network.parameterization=$scaling
    picture stability_$scaling "$work/stability_$scaling.h5" "$work/stability_$scaling-networks.h5" --against step --series eta_sharpness
done

sweep phase phase.yaml
picture phase "$work/phase.h5" --map --series A1_outlier1
sweep divergence divergence.yaml
picture divergence "$work/divergence.h5" --map --series diverged
