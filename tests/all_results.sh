# Results of every model, theory and networks, and of sweeps, small: for tests of what reads them. $dmft is the program; files go to the present folder.
models="deep_linear mlp extensive_output noisy_matrix low_degree_filter two_layer_linear_width"

make_configurations() {
    cat >deep_linear.yaml <<'YAML'
model: deep_linear
network: {depth: 2, width_ratio: 0.5, gamma0: 8.48528137423857, weight_variance: 0.25}
data: {sample_ratio: 4.0}
training: {learning_rate: 0.02, steps: 20}
simulation: {input_dim: 60, seeds: 8, seed: 1}
YAML
    cat >mlp.yaml <<'YAML'
model: mlp
network: {depth: 2, gamma0: 3, weight_variance: 1, activation: tanh}
data: {gram: [[1, 0.4, -0.2], [0.4, 1, 0.3], [-0.2, 0.3, 1]], target: [1, 1, -1]}
training: {learning_rate: 0.2, steps: 8}
sampling: {sites: 256, replicas: 8}
output: {kernels: true, representations: 2}
simulation: {width: 64, seeds: 8}
YAML
    cat >extensive_output.yaml <<'YAML'
model: extensive_output
network: {readout: frozen, width_ratio: 1.5, output_ratio: 0.266666666667, weight_variance: 0.25}
data: {teacher_variance: 16.0}
training: {times: [0, 0.1, 0.2, 0.5, 1, 2]}
output: {quantiles: 15}
simulation: {input_dim: 60, seeds: 8}
YAML
    cat >noisy_matrix.yaml <<'YAML'
model: noisy_matrix
network: {width_ratio: 0.5, weight_variance: 1.0}
data: {teacher_strength: 1.0}
training: {learning_rate: 0.1, steps: 20, gradient_noise: 4.0, batch_size: 1}
output: {kernels: true}
simulation: {input_dim: 60, seeds: 8}
YAML
    cat >low_degree_filter.yaml <<'YAML'
model: low_degree_filter
network: {depth: 2, kept: 4, features: 64, activation: relu}
data: {samples: 60, input_dim: 20, target_function: product, directions: 2, test_samples: 50}
training: {permutations: 19}
simulation: {seeds: 8}
YAML
    cat >two_layer_linear_width.yaml <<'YAML'
model: two_layer_linear_width
network: {width_ratio: 1.5, activation: tanh, readout: frozen, readout_scale: small}
data: {sample_ratio: 3, teacher: tanh}
training: {learning_rate: 0.5, steps: 6}
spectra: {every: 3, nulls: 19}
simulation: {input_dim: 40, seeds: 8}
YAML
    sed -e 's/learning_rate: 0.02, //' -e 's/width_ratio: 0.5, //' deep_linear.yaml >sweep.yaml
    cat >>sweep.yaml <<'YAML'
sweep:
  network.width_ratio: [0.25, 1, 4]
  training.learning_rate: {log: [1e-2, 10, 4]}
YAML
}

# MODEL-theory.h5, MODEL-networks.h5 (9 networks of deep_linear, which keeps the weights), sweep-theory.h5, sweep-networks.h5
make_results() {
    make_configurations
    for model in $models; do
        "$dmft" solve $model.yaml -o $model-theory.h5 --quiet
        case $model in
            deep_linear) "$dmft" simulate $model.yaml -o $model-networks.h5 --quiet --set simulation.seeds=9 --set output.weights=true ;;
            *) "$dmft" simulate $model.yaml -o $model-networks.h5 --quiet ;;
        esac
    done
    "$dmft" sweep sweep.yaml -o sweep-theory.h5 --quiet
    "$dmft" sweep sweep.yaml --simulate -o sweep-networks.h5 --quiet
}
