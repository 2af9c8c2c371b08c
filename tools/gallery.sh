#!/bin/sh
# The pictures of doc/gallery.md, each from a file in examples/gallery. Called by `make gallery` with the program, the folder of the parameter files,
# a folder for results and one for pictures.
set -eu
dmft=$1 from=$2 work=$3 to=$4
mkdir -p "$work" "$to"

# sweep NAME FILE [options]: results that are there already, newer than the program and the parameters, are kept.
sweep()
{
    result=$work/$1.h5 parameters=$from/$2
    shift 2
    if [ -f "$result" ] && [ "$result" -nt "$parameters" ] && [ "$result" -nt "$dmft" ]; then return; fi
    "$dmft" sweep "$parameters" -o "$result" --force "$@"
}

# both NAME FILE [options]: theory and sampled networks.
both()
{
    sweep "$@"
    networks=$1-networks
    shift
    sweep "$networks" "$@" --simulate
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
    picture collapse_$scaling "$work/collapse_$scaling.h5" "$work/collapse_$scaling-networks.h5" --against step --series test_loss --range 0.001:0.6
    sweep transfer_$scaling transfer.yaml --set network.parameterization=$scaling
    sweep transfer_$scaling-networks transfer.yaml --simulate --set network.parameterization=$scaling --set 'sweep.training.learning_rate={log: [0.05, 0.4, 13]}'
    picture transfer_$scaling "$work/transfer_$scaling.h5" "$work/transfer_$scaling-networks.h5"
    "$dmft" show "$work/transfer_$scaling.h5" --minimum training.learning_rate
done
both stability_mup stability.yaml
both stability_ntk stability.yaml --set network.parameterization=ntk --set training.learning_rate=0.1
for scaling in mup ntk; do
    picture stability_$scaling "$work/stability_$scaling.h5" "$work/stability_$scaling-networks.h5" --against step --series eta_sharpness --range 0:2.6
done

sweep phase phase.yaml
picture phase "$work/phase.h5" --map --series A1_outlier1
for scaling in mup ntk; do
    sweep divergence_$scaling divergence.yaml --set network.parameterization=$scaling
    picture divergence_$scaling "$work/divergence_$scaling.h5" --map --series diverged
done

# Spectra of two-layer networks before and after training, one optimizer after the other.
optimizer()
{
    result=$work/linear_width_$1.h5 parameters=$from/linear_width.yaml
    if [ ! -f "$result" ] || [ "$parameters" -nt "$result" ] || [ "$dmft" -nt "$result" ]; then
        shift
        "$dmft" simulate "$parameters" -o "$result" --force "$@"
    fi
}
optimizer gd
optimizer sgd --set training.optimizer=sgd --set data.batch_fraction=0.1 --set training.learning_rate=3
optimizer adam --set training.optimizer=adam --set training.learning_rate=5
"$dmft" solve "$from/linear_width.yaml" -o "$work/linear_width.h5" --force --quiet
picture linear_width "$work/linear_width.h5" "$work/linear_width_gd.h5" "$work/linear_width_sgd.h5" "$work/linear_width_adam.h5" --spectra
both linear_width_step linear_width_step.yaml
picture linear_width_step "$work/linear_width_step.h5" "$work/linear_width_step-networks.h5" --series A0_outlier1 --step 1
