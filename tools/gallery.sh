#!/bin/sh
# The pictures of doc/gallery.md, each from a file in examples/gallery. Called by `make gallery` with the program, the folder of the parameter files,
# a folder for results and one for pictures, and the folder of the programs of examples/bulk.c and examples/spikes.c.
set -eu
dmft=$1 from=$2 work=$3 to=$4 examples=$5
tools=$(dirname "$0")
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

# one COMMAND NAME FILE [options]: the result of one run, likewise.
one()
{
    command=$1 result=$work/$2.h5 parameters=$from/$3
    shift 3
    if [ -f "$result" ] && [ "$result" -nt "$parameters" ] && [ "$result" -nt "$dmft" ]; then return; fi
    "$dmft" "$command" "$parameters" -o "$result" --force "$@"
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

# The weights of a network, as anyone has them.
one simulate spectrum spectrum.yaml
"$dmft" spectrum "$work/spectrum.h5" --dataset arrays/A0_first,arrays/A0_last,arrays/A1_first,arrays/A1_last -o "$to/spectrum.png" --force
echo "$to/spectrum.png"

one solve noise noise.yaml --set outliers.every=1
one simulate noise-networks noise.yaml
picture noise "$work/noise.h5" "$work/noise-networks.h5"

sweep noisy_matrix noisy_matrix.yaml
picture noisy_matrix "$work/noisy_matrix.h5" --map --series overlap2_left
both noisy_matrix_steps noisy_matrix_steps.yaml
picture noisy_matrix_steps "$work/noisy_matrix_steps.h5" "$work/noisy_matrix_steps-networks.h5" --against step --series isolated,overlap2_right

one solve represent represent.yaml
one simulate represent-networks represent.yaml
"$dmft" represent "$work/represent.h5" "$work/represent-networks.h5" -o "$to/represent.png" --force --quiet
echo "$to/represent.png"

one solve filter low_degree_filter.yaml
one simulate filter-networks low_degree_filter.yaml
picture low_degree_filter "$work/filter.h5" "$work/filter-networks.h5"
both filter_kept low_degree_filter_kept.yaml
picture low_degree_filter_kept "$work/filter_kept.h5" "$work/filter_kept-networks.h5" --against step --series kernel_test_error

# words CLASSES RATE: networks that predict the next word of a text, one of so many classes (0: every word its own); four of them, two at a time.
words()
{
    outputs=$(sh "$tools/text.sh" 1000 "$1" "$work/words_$1.csv")
    for pair in 1 3; do
        started=
        for seed in $pair $((pair + 1)); do
            result=$work/words_$1_$seed.h5
            if [ -f "$result" ] && [ "$result" -nt "$from/many_outputs.yaml" ] && [ "$result" -nt "$dmft" ]; then continue; fi
            "$dmft" simulate "$from/many_outputs.yaml" -o "$result" --force --quiet --threads 1 --set data.file="$work/words_$1.csv" \
                --set data.outputs="$outputs" --set training.learning_rate="$2" --set simulation.seed=$seed &
            started="$started $!"
        done
        for process in $started; do wait "$process"; done
    done
    echo "A_1 with $outputs outputs:"
    "$examples/bulk" A1 "$work/words_$1"_[1-4].h5 -o "$work/words_$1_table.csv"
}
words 3 1.7
words 30 7.1
words 0 32
gnuplot -c "$tools/bulk.gp" "$to/many_outputs.png" "$work/words_3_table.csv" "3 outputs" "$work/words_30_table.csv" "30 outputs" \
    "$work/words_0_table.csv" "345 outputs, every word its own"
echo "$to/many_outputs.png"

one solve linear_width linear_width.yaml
one simulate linear_width_gd linear_width.yaml
one simulate linear_width_sgd linear_width.yaml --set training.optimizer=sgd --set data.batch_fraction=0.1 --set training.learning_rate=3
one simulate linear_width_adam linear_width.yaml --set training.optimizer=adam --set training.learning_rate=5
picture linear_width "$work/linear_width.h5" "$work/linear_width_gd.h5" "$work/linear_width_sgd.h5" "$work/linear_width_adam.h5" --spectra
both linear_width_step linear_width_step.yaml
picture linear_width_step "$work/linear_width_step.h5" "$work/linear_width_step-networks.h5" --series A0_outlier1 --step 1

for what in extensive_output extensive_wide; do
    one solve $what $what.yaml
    one simulate $what-networks $what.yaml
    "$dmft" compare "$work/$what.h5" "$work/$what-networks.h5" > "$work/$what-compare.txt"
    picture $what "$work/$what.h5" "$work/$what-networks.h5"
done

"$examples/spikes" > "$work/spikes.txt"
gnuplot -c "$tools/spikes.gp" "$to/spikes.png" "$work/spikes.txt"
echo "$to/spikes.png"
