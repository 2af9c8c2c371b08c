/* Every public function that allocates, with each of its allocations failing in turn: DMFT_ERROR_MEMORY in one line, no output, no block left behind, and
 * the same call succeeds when it is made again. Functions of more than MOST allocations are tried at the first MOST/2 and at as many places behind. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "allocation.h"
#include "dmft.h"
#include "folder.h"
#include "suites.h"

enum { MOST = 120 };

/* ---- problems ---- */

#define DEEP "model: deep_linear\nnetwork: {depth: 2, width_ratio: 0.5, gamma0: 8.5, weight_variance: 0.25}\ndata: {sample_ratio: 4.0}\n"
#define SHALLOW "model: deep_linear\nnetwork: {depth: 1, width_ratio: 0.5, gamma0: 8.5, weight_variance: 0.25}\ndata: {sample_ratio: 4.0}\n"
#define DEEP_END "simulation: {input_dim: 24, seeds: 2}\n"
#define MLP_END "simulation: {width: 12, seeds: 2}\n"
#define STEPS "training: {learning_rate: 0.1, steps: 5}\n"
#define MLP(activation) \
    "model: mlp\nnetwork: {depth: 2, activation: " activation ", gamma0: 1.5, weight_variance: 1.0}\n" \
    "data: {gram: [[1, 0.2], [0.2, 1]], target: [1, -1], test_gram: [[0.1, 0.3, 1]], test_target: [1]}\n" \
    "sampling: {sites: 32, replicas: 2}\n"

static const char basis[] = DEEP STEPS DEEP_END "output: {kernels: true}\n";
static const char weights[] = DEEP STEPS DEEP_END "output: {weights: true}\n";
static const char probes[] = DEEP STEPS DEEP_END "probes: {ntk: true, sharpness: true, every: 2, rows: 6}\n";
/* Fresh batches: every step meets new directions, and storage grows. */
static const char online[] =
    "model: deep_linear\nnetwork: {depth: 2, width_ratio: 0.5, gamma0: 8.5, weight_variance: 0.25}\ndata: {sample_ratio: 4.0, batch: online}\n"
    "training: {learning_rate: 0.02, steps: 36}\n" DEEP_END;
static const char rows[] = DEEP STEPS DEEP_END "method: rows\n";
static const char lazy[] = DEEP STEPS DEEP_END "method: lazy\n";
static const char flow[] = SHALLOW "training: {flow: true, time: 0.05, steps: 2}\n" DEEP_END;
static const char flow_rows[] = SHALLOW "training: {flow: true, time: 0.05, steps: 2}\nmethod: rows\n" DEEP_END;
static const char adaptive[] = SHALLOW "training: {flow: true, time: 0.05, steps: 20}\ngrid: {kind: adaptive, tolerance: 1e-4}\n" DEEP_END;
static const char mixed[] =
    "model: deep_linear\nnetwork: {depth: 2, width_ratio: 0.5, gamma0: 8.5, weight_variance: 0.25, residual: true}\n"
    "data: {sample_ratio: 4.0, batch: epoch, batch_fraction: 0.5, spectrum: {exponent: 1, target_exponent: 1, modes: 4}}\n"
    "training: {learning_rate: 0.05, steps: 4, momentum: 0.5, weight_decay: 0.01, schedule: [1, 1, 0.5, 0.5]}\nmethod: rows\n" DEEP_END;
static const char exact[] = MLP("linear") STEPS MLP_END "outliers: {count: 1}\n";
static const char revealed[] = MLP("tanh") STEPS MLP_END "output: {kernels: true, representations: 1}\n";
static const char response[] = MLP("tanh") STEPS MLP_END "solver: response\n";
static const char engine[] = MLP("relu") STEPS "simulation: {width: 12, seeds: 2, engine: revealed}\n";
static const char frozen[] =
    "model: extensive_output\nnetwork: {readout: frozen, width_ratio: 1.5, output_ratio: 0.25, weight_variance: 0.25}\n"
    "data: {teacher_variance: 16.0}\ntraining: {times: [0, 1]}\noutput: {quantiles: 3}\nsimulation: {input_dim: 20, seeds: 2}\n";
static const char trained[] =
    "model: extensive_output\nnetwork: {readout: trained, width: infinite, width_ratio: 4, first_layer_gram: 0.25, readout_gram: 0.25}\n"
    "data: {teacher_ratio: 0.5, teacher_variance: 1.0}\ntraining: {times: [0, 1]}\nsimulation: {input_dim: 12, seeds: 2}\n";
static const char matrix[] =
    "model: noisy_matrix\nnetwork: {width_ratio: 0.5, weight_variance: 1.0}\ndata: {teacher_strength: 2.0, sample_ratio: 2, label_noise: 0.5}\n"
    "training: {learning_rate: 0.1, steps: 4, gradient_noise: 1.0}\noutput: {kernels: true}\nsimulation: {input_dim: 40, seeds: 2}\n";
static const char filter[] =
    "model: low_degree_filter\nnetwork: {depth: 1, kept: 2, features: 20, activation: relu}\n"
    "data: {samples: 12, input_dim: 4, target_function: product, directions: 2, test_samples: 8}\n"
    "training: {permutations: 3, folds: 2, penalties: 3}\nsimulation: {seeds: 1}\n";
static const char linear_width[] =
    "model: two_layer_linear_width\nnetwork: {width_ratio: 0.85, activation: softplus, readout: trained, readout_variance: 1.7, readout_scale: small}\n"
    "data: {sample_ratio: 2.7, label_noise: 0.3, teacher: relu}\ntraining: {learning_rate: 0.7, steps: 2}\n"
    "simulation: {input_dim: 7, seeds: 2}\nspectra: {nulls: 2, every: 2}\n";
static const char swept[] = DEEP STEPS DEEP_END "sweep:\n  training.learning_rate: [0.1, 0.2]\n  network.parameterization: [mup, ntk]\n";

/* ---- what the functions work on, and what they make ---- */

/* There before, of the problem of a case. */
static dmft_config *given_config;
static dmft_problem *given_problem;
static dmft_trajectory *given_theory, *given_sample;

/* Made by the call. */
static struct made {
    dmft_config *config;
    dmft_problem *problem;
    dmft_trajectory *trajectory;
    dmft_solver *solver;
    dmft_sweep *sweep;
    dmft_law *law;
    dmft_outliers *outliers;
    dmft_outlier_path *path;
    dmft_spectrum *spectrum, *other_spectrum;
    dmft_comparison *comparison;
    dmft_representation *representation, *other_representation;
} made;

static void free_made(void)
{
    dmft_config_free(made.config);
    dmft_problem_free(made.problem);
    dmft_trajectory_free(made.trajectory);
    dmft_solver_free(made.solver);
    dmft_sweep_free(made.sweep);
    dmft_law_free(made.law);
    dmft_outliers_free(made.outliers);
    dmft_outlier_path_free(made.path);
    dmft_spectrum_free(made.spectrum);
    dmft_spectrum_free(made.other_spectrum);
    dmft_comparison_free(made.comparison);
    dmft_representation_free(made.representation);
    dmft_representation_free(made.other_representation);
    made = (struct made){0};
}

/* ---- configurations and problems ---- */

static const char *yaml; /* of the case */

static int config_create(dmft_error *err) { return dmft_config_create(&made.config, "mlp", err); }
static int config_parse(dmft_error *err) { return dmft_config_parse(&made.config, yaml, strlen(yaml), "text", err); }
static int config_read(dmft_error *err) { return dmft_config_read(&made.config, in_folder("given.yaml"), err); }
static int config_set(dmft_error *err) { return dmft_config_set(made.config, "network.weight_variance", "[0.5, 0.25, 1]", err); }
static int config_point(dmft_error *err) { return dmft_config_point(&made.config, given_config, 3, err); }
static int problem_create(dmft_error *err) { return dmft_problem_create(&made.problem, given_config, err); }

static void square(void *user, size_t n, const double *h, double *value, double *slope, double *curvature)
{
    (void)user;
    for (size_t i = 0; i < n; i++) {
        value[i] = h[i] * h[i];
        if (slope != NULL) slope[i] = 2.0 * h[i];
        if (curvature != NULL) curvature[i] = 2.0;
    }
}

static int set_activation(dmft_error *err)
{
    const dmft_activation a = {.name = "square", .apply = square, .smooth = 1};
    return dmft_problem_set_activation(made.problem, &a, err);
}

/* ---- runs ---- */

static int solve(dmft_error *err) { return dmft_solve(given_problem, NULL, &made.trajectory, err); }
static int simulate(dmft_error *err) { return dmft_simulate(given_problem, NULL, &made.trajectory, err); }
static int solver_create(dmft_error *err) { return dmft_solver_create(&made.solver, given_problem, NULL, err); }
static int solver_step(dmft_error *err)
{
    int status = DMFT_OK;
    while (status == DMFT_OK && !dmft_solver_ended(made.solver)) status = dmft_solver_step(made.solver, err);
    return status;
}
static int stepped(dmft_error *err)
{
    int status = solver_create(err);
    return status == DMFT_OK ? solver_step(err) : status;
}
static int solver_save(dmft_error *err) { return dmft_solver_save(made.solver, in_folder("state"), err); }
static int solver_finish(dmft_error *err) { return dmft_solver_finish(made.solver, &made.trajectory, err); }
static int solver_resume(dmft_error *err)
{
    const dmft_run_options options = {.resume = in_folder("stopped")};
    return dmft_solver_create(&made.solver, given_problem, &options, err);
}

static int stop_soon(void *user, const dmft_progress *progress)
{
    return (void)user, (void)progress, 1;
}

static int run_until(int simulated, const char *checkpoint, dmft_error *err)
{
    const dmft_run_options options = {.progress = stop_soon, .checkpoint = checkpoint};
    return simulated ? dmft_simulate(given_problem, &options, &made.trajectory, err) : dmft_solve(given_problem, &options, &made.trajectory, err);
}
static int solve_stopped(dmft_error *err) { return run_until(0, in_folder("state"), err); }
static int simulate_stopped(dmft_error *err) { return run_until(1, in_folder("state"), err); }

static int resume(int simulated, dmft_error *err)
{
    const dmft_run_options options = {.resume = in_folder("stopped")};
    return simulated ? dmft_simulate(given_problem, &options, &made.trajectory, err) : dmft_solve(given_problem, &options, &made.trajectory, err);
}
static int solve_resumed(dmft_error *err) { return resume(0, err); }
static int simulate_resumed(dmft_error *err) { return resume(1, err); }

/* ---- trajectories and sweeps ---- */

static int trajectory_copy(dmft_error *err) { return dmft_trajectory_read(&made.trajectory, in_folder("given.h5"), err); }
static int trajectory_write(dmft_error *err) { return dmft_trajectory_write(given_theory, in_folder("out.h5"), 1, err); }
static int trajectory_read_csv(dmft_error *err) { return dmft_trajectory_read_csv(&made.trajectory, in_folder("given.csv"), err); }
static int trajectory_set_text(dmft_error *err) { return dmft_trajectory_set_text(made.trajectory, "command", "dmft solve", err); }
static int sweep_create(dmft_error *err) { return dmft_sweep_create(&made.sweep, given_config, err); }
static int sweep_enter(dmft_error *err) { return dmft_sweep_enter(made.sweep, 1, given_theory, err); }
static int sweep_fail(dmft_error *err) { return dmft_sweep_fail(made.sweep, 2, DMFT_POINT_FAILED, "no reason", err); }
static int sweep_set_text(dmft_error *err) { return dmft_sweep_set_text(made.sweep, "command", "dmft sweep", err); }
static int sweep_write(dmft_error *err) { return dmft_sweep_write(made.sweep, in_folder("out.h5"), 1, err); }
static int sweep_read(dmft_error *err) { return dmft_sweep_read(&made.sweep, in_folder("sweep.h5"), err); }
static int sweep_full(dmft_error *err)
{
    int status = sweep_create(err);
    if (status == DMFT_OK) status = sweep_enter(err);
    return status == DMFT_OK ? sweep_fail(err) : status;
}
static int compare(dmft_error *err) { return dmft_compare(given_theory, given_sample, NULL, &made.comparison, err); }

/* ---- spectra, outliers, representations ---- */

static int law_create(dmft_error *err)
{
    static const double tau[] = {1.0, 3.0}, weight[] = {0.5, 0.5}, band[2][2] = {{1.0, 1.0}, {3.0, 3.0}};
    const dmft_population p = {.ratio = 0.5, .nodes = 2, .tau = tau, .weight = weight, .bands = 2, .band = band};
    return dmft_law_create(&made.law, &p, err);
}

static int tracy_widom(dmft_error *err)
{
    double tail;
    return dmft_tracy_widom(-0.5, &tail, err);
}

static int tracy_widom_quantile(dmft_error *err)
{
    double s;
    return dmft_tracy_widom_quantile(0.05, &s, err);
}

static int spikes(dmft_error *err)
{
    const dmft_spikes s = {.psi = 0.5, .sigma2 = 1.0, .rank_ratio = 0.1, .strength = 3.0};
    double edges[4], x;
    size_t bands;
    int status = dmft_spikes_edges(&s, edges, &bands, err);
    if (status == DMFT_OK) status = dmft_spikes_density(&s, 1.0, &x, err);
    if (status == DMFT_OK) status = dmft_spikes_part(&s, 1.0, &x, err);
    return status == DMFT_OK ? dmft_spikes_critical(0.5, 1.0, 0.1, &x, err) : status;
}

enum { EVENTS = 3 };
static const double one[EVENTS * EVENTS] = {1, 0, 0, 0.2, 1, 0, 0.1, 0.2, 1}, none[EVENTS * EVENTS], events[EVENTS] = {3, 2, 1}, part[EVENTS] = {0.5, 0.2, 0.1};
static const dmft_kernels kernels = {.count = EVENTS, .stride = EVENTS, .C_phi = one, .R_phi = none, .C_g = one, .R_g = none, .weight = events, .target = part,
                                     .sigma2 = 1.0, .psi = 0.5};
static int outliers_create(dmft_error *err) { return dmft_outliers_create(&made.outliers, &kernels, 2, err); }
static int outliers_change(dmft_error *err)
{
    double change[2];
    return dmft_outliers_change(&kernels, 0, 2.5, 2, change, err);
}
static int outlier_path(dmft_error *err)
{
    static const double time[] = {0, 1, 2, 3, 4}, root[] = {1.5, 2, 2.5, 3, 3.5}, growth[] = {0.3, 0.27, 0.2, 0.17, 0.15};
    return dmft_outlier_path_create(&made.path, 5, time, root, growth, 1.0, 1.0, err);
}

enum { HIGH = 84, WIDE = 90 };
static double entries[HIGH * WIDE];

static int spectrum_with(dmft_spectrum **out, dmft_spectrum_options options, dmft_error *err)
{
    unsigned long x = 1;
    for (size_t i = 0; i < HIGH * WIDE; i++) { /* uniform numbers do: the sizes matter here */
        x = x * 6364136223846793005UL + 1442695040888963407UL;
        entries[i] = (double)(x >> 11) * 0x1p-53 - 0.5 + (i % WIDE == i / WIDE ? 4.0 : 0.0) * (i < 3 * WIDE);
    }
    return dmft_spectrum_create(out, entries, HIGH, WIDE, &options, err);
}
static int spectrum_whole(dmft_error *err) { return spectrum_with(&made.spectrum, (dmft_spectrum_options){.level = 0.01, .vectors = 2}, err); }
static int spectrum_top(dmft_error *err) { return spectrum_with(&made.spectrum, (dmft_spectrum_options){.level = 0.01, .top = 6, .vectors = 2}, err); }
static int spectrum_two(dmft_error *err)
{
    int status = spectrum_top(err);
    return status == DMFT_OK ? spectrum_with(&made.other_spectrum, (dmft_spectrum_options){.level = 0.01, .vectors = 2, .quick = 1}, err) : status;
}
static int spectrum_overlap(dmft_error *err)
{
    double left[4], right[4];
    return dmft_spectrum_overlap(made.spectrum, made.other_spectrum, 2, left, right, err);
}

static int relaxation(dmft_error *err)
{
    static const double time[] = {0, 1, 2, 3, 4, 5}, progress[] = {0, 0.05, 0.1, 0.6, 0.9, 1};
    double covariance[36] = {0};
    dmft_relaxation found;
    for (size_t i = 0; i < 6; i++) covariance[7 * i] = 1e-4;
    return dmft_relaxation_test(time, progress, covariance, 6, 8, &found, err);
}
static int representation(dmft_error *err) { return dmft_representation_create(&made.representation, given_theory, 1, err); }
static int representation_two(dmft_error *err)
{
    int status = representation(err);
    return status == DMFT_OK ? dmft_representation_create(&made.other_representation, given_sample, 1, err) : status;
}
static int representation_align(dmft_error *err) { return dmft_representation_align(made.representation, made.other_representation, err); }

static int converge(dmft_error *err)
{
    static const double value[] = {1.0, 1.25, 1.3125, 1.328}, error[] = {0.4, 0.1, 0.025, 0.006};
    dmft_convergence found;
    int status = dmft_converge_values(value, 4, 1, 2.0, 0.0, &found, err);
    return status == DMFT_OK ? dmft_converge_errors(error, NULL, 4, 2.0, &found, err) : status;
}

/* ---- the table ---- */

enum need { CONFIG = 1, PROBLEM = 2, THEORY = 4, SAMPLE = 8, STOPPED = 16, STOPPED_SAMPLE = 32, FILES = 64, SWEEP_FILE = 128 };

/* `open` is made without failures, `act` with them, and again after each: `once` where the object can then only be freed. */
static const struct function {
    const char *name, *yaml;
    int need;
    int (*open)(dmft_error *err), (*act)(dmft_error *err);
    int once;
} function[] = {
    {"dmft_config_create", basis, 0, NULL, config_create, 0},
    {"dmft_config_parse", swept, 0, NULL, config_parse, 0},
    {"dmft_config_read", mixed, FILES, NULL, config_read, 0},
    {"dmft_config_set", basis, 0, config_parse, config_set, 0},
    {"dmft_config_point", swept, CONFIG, NULL, config_point, 0},
    {"dmft_problem_create, deep_linear", mixed, CONFIG, NULL, problem_create, 0},
    {"dmft_problem_create, mlp", revealed, CONFIG, NULL, problem_create, 0},
    {"dmft_problem_create, extensive_output", frozen, CONFIG, NULL, problem_create, 0},
    {"dmft_problem_create, noisy_matrix", matrix, CONFIG, NULL, problem_create, 0},
    {"dmft_problem_create, low_degree_filter", filter, CONFIG, NULL, problem_create, 0},
    {"dmft_problem_create, two_layer_linear_width", linear_width, CONFIG, NULL, problem_create, 0},
    {"dmft_problem_set_activation", revealed, CONFIG, problem_create, set_activation, 0},
    {"dmft_solver_create", basis, PROBLEM, NULL, solver_create, 0},
    {"dmft_solver_create, probes", probes, PROBLEM, NULL, solver_create, 0},
    {"dmft_solver_create, rows", rows, PROBLEM, NULL, solver_create, 0},
    {"dmft_solver_create, resume", basis, PROBLEM | STOPPED, NULL, solver_resume, 0},
    {"dmft_solver_step", online, PROBLEM, solver_create, solver_step, 0},
    {"dmft_solver_step, probes", probes, PROBLEM, solver_create, solver_step, 0},
    {"dmft_solver_step, rows", rows, PROBLEM, solver_create, solver_step, 0},
    {"dmft_solver_step, mixed rows", mixed, PROBLEM, solver_create, solver_step, 0},
    {"dmft_solver_step, flow", flow, PROBLEM, solver_create, solver_step, 0},
    {"dmft_solver_step, adaptive flow", adaptive, PROBLEM, solver_create, solver_step, 0},
    {"dmft_solver_save", basis, PROBLEM, stepped, solver_save, 0},
    {"dmft_solver_finish", basis, PROBLEM, stepped, solver_finish, 1},
    {"dmft_solver_finish, rows", rows, PROBLEM, stepped, solver_finish, 1},
    {"dmft_solve, basis", basis, PROBLEM, NULL, solve, 0},
    {"dmft_solve, rows", rows, PROBLEM, NULL, solve, 0},
    {"dmft_solve, rows in flow", flow_rows, PROBLEM, NULL, solve, 0},
    {"dmft_solve, lazy", lazy, PROBLEM, NULL, solve, 0},
    {"dmft_solve, exact", exact, PROBLEM, NULL, solve, 0},
    {"dmft_solve, revealed", revealed, PROBLEM, NULL, solve, 0},
    {"dmft_solve, response", response, PROBLEM, NULL, solve, 0},
    {"dmft_solve, extensive_output", frozen, PROBLEM, NULL, solve, 0},
    {"dmft_solve, extensive_output trained", trained, PROBLEM, NULL, solve, 0},
    {"dmft_solve, noisy_matrix", matrix, PROBLEM, NULL, solve, 0},
    {"dmft_solve, low_degree_filter", filter, PROBLEM, NULL, solve, 0},
    {"dmft_solve, checkpoint", revealed, PROBLEM, NULL, solve_stopped, 0},
    {"dmft_solve, resume", revealed, PROBLEM | STOPPED, NULL, solve_resumed, 0},
    {"dmft_simulate, deep_linear", weights, PROBLEM, NULL, simulate, 0},
    {"dmft_simulate, probes", probes, PROBLEM, NULL, simulate, 0},
    {"dmft_simulate, mixed", mixed, PROBLEM, NULL, simulate, 0},
    {"dmft_simulate, flow", flow, PROBLEM, NULL, simulate, 0},
    {"dmft_simulate, mlp", revealed, PROBLEM, NULL, simulate, 0},
    {"dmft_simulate, engine revealed", engine, PROBLEM, NULL, simulate, 0},
    {"dmft_simulate, extensive_output", frozen, PROBLEM, NULL, simulate, 0},
    {"dmft_simulate, extensive_output trained", trained, PROBLEM, NULL, simulate, 0},
    {"dmft_simulate, noisy_matrix", matrix, PROBLEM, NULL, simulate, 0},
    {"dmft_simulate, low_degree_filter", filter, PROBLEM, NULL, simulate, 0},
    {"dmft_simulate, two_layer_linear_width", linear_width, PROBLEM, NULL, simulate, 0},
    {"dmft_simulate, checkpoint", weights, PROBLEM, NULL, simulate_stopped, 0},
    {"dmft_simulate, resume", weights, PROBLEM | STOPPED_SAMPLE, NULL, simulate_resumed, 0},
    {"dmft_trajectory_read", basis, PROBLEM | THEORY | FILES, NULL, trajectory_copy, 0},
    {"dmft_trajectory_read_csv", basis, FILES, NULL, trajectory_read_csv, 0},
    {"dmft_trajectory_write", basis, PROBLEM | THEORY, NULL, trajectory_write, 0},
    {"dmft_trajectory_set_text", basis, PROBLEM | THEORY | FILES, trajectory_copy, trajectory_set_text, 0},
    {"dmft_sweep_create", swept, CONFIG, NULL, sweep_create, 0},
    {"dmft_sweep_enter", swept, CONFIG | THEORY, sweep_create, sweep_enter, 0},
    {"dmft_sweep_fail", swept, CONFIG, sweep_create, sweep_fail, 0},
    {"dmft_sweep_set_text", swept, CONFIG, sweep_create, sweep_set_text, 0},
    {"dmft_sweep_write", swept, CONFIG | THEORY, sweep_full, sweep_write, 0},
    {"dmft_sweep_read", swept, CONFIG | THEORY | SWEEP_FILE, NULL, sweep_read, 0},
    {"dmft_compare", basis, PROBLEM | THEORY | SAMPLE, NULL, compare, 0},
    {"dmft_law_create", basis, 0, NULL, law_create, 0},
    {"dmft_spikes_edges, _density, _part, _critical", basis, 0, NULL, spikes, 0},
    {"dmft_tracy_widom", basis, 0, NULL, tracy_widom, 0},
    {"dmft_tracy_widom_quantile", basis, 0, NULL, tracy_widom_quantile, 0},
    {"dmft_outliers_create", basis, 0, NULL, outliers_create, 0},
    {"dmft_outliers_change", basis, 0, NULL, outliers_change, 0},
    {"dmft_outlier_path_create", basis, 0, NULL, outlier_path, 0},
    {"dmft_spectrum_create", basis, 0, NULL, spectrum_whole, 0},
    {"dmft_spectrum_create, top", basis, 0, NULL, spectrum_top, 0},
    {"dmft_spectrum_overlap", basis, 0, spectrum_two, spectrum_overlap, 0},
    {"dmft_relaxation_test", basis, 0, NULL, relaxation, 0},
    {"dmft_representation_create", revealed, PROBLEM | THEORY, NULL, representation, 0},
    {"dmft_representation_align", revealed, PROBLEM | THEORY | SAMPLE, representation_two, representation_align, 0},
    {"dmft_converge_values, _errors", basis, 0, NULL, converge, 0},
};

/* ---- fixtures ---- */

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "w");
    ck_assert(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void expect(int status, int wanted, const dmft_error *err) { ck_assert_msg(status == wanted, "%d: %s", status, err->text); }

static void prepare_runs(int need)
{
    dmft_error err = {.text = ""};
    if (need & THEORY) expect(dmft_solve(given_problem, NULL, &given_theory, &err), DMFT_OK, &err);
    if (need & SAMPLE) expect(dmft_simulate(given_problem, NULL, &given_sample, &err), DMFT_OK, &err);
    if (need & STOPPED) expect(run_until(0, in_folder("stopped"), &err), DMFT_STOPPED, &err);
    if (need & STOPPED_SAMPLE) expect(run_until(1, in_folder("stopped"), &err), DMFT_STOPPED, &err);
    if ((need & FILES) && (need & THEORY)) expect(dmft_trajectory_write(given_theory, in_folder("given.h5"), 0, &err), DMFT_OK, &err);
    if (!(need & SWEEP_FILE)) return;
    expect(sweep_full(&err), DMFT_OK, &err);
    expect(dmft_sweep_write(made.sweep, in_folder("sweep.h5"), 0, &err), DMFT_OK, &err);
    free_made();
}

static void prepare(const struct function *f)
{
    dmft_error err = {.text = ""};
    make_folder();
    yaml = f->yaml;
    if (f->need & FILES) {
        write_file("given.yaml", yaml);
        write_file("given.csv", "# a table\nstep,C_v,C_v_se\n0,1,0.1\n1,0.9,0.1\n2,0.8,0.2\n");
    }
    if (f->need & (CONFIG | PROBLEM)) expect(dmft_config_parse(&given_config, yaml, strlen(yaml), "text", &err), DMFT_OK, &err);
    if (f->need & PROBLEM) expect(dmft_problem_create(&given_problem, given_config, &err), DMFT_OK, &err);
    if ((f->need & (PROBLEM | THEORY)) == THEORY) { /* of the first point of a sweep */
        dmft_config *point = NULL;
        expect(dmft_config_point(&point, given_config, 0, &err), DMFT_OK, &err);
        expect(dmft_problem_create(&given_problem, point, &err), DMFT_OK, &err);
        dmft_config_free(point);
    }
    prepare_runs(f->need);
}

static void clean_up(void)
{
    dmft_trajectory_free(given_theory);
    dmft_trajectory_free(given_sample);
    dmft_problem_free(given_problem);
    dmft_config_free(given_config);
    given_theory = given_sample = NULL;
    given_problem = NULL;
    given_config = NULL;
    remove_folder();
}

/* ---- the test ---- */

static long *injected; /* shared with the children that Check forks */

static void share_count(void)
{
    injected = mmap(NULL, sizeof *injected, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (injected == MAP_FAILED) abort();
}

static void print_count(void)
{
    if (*injected > 0) printf("%ld allocations failed in %zu public functions\n", *injected, sizeof function / sizeof *function);
    (void)munmap(injected, sizeof *injected);
}

static void open_it(const struct function *f)
{
    dmft_error err = {.text = ""};
    if (f->open != NULL) expect(f->open(&err), DMFT_OK, &err);
}

/* The call with its n-th allocation failing; n = 0: none, and the number it makes is returned. */
static long try_it(const struct function *f, long n)
{
    dmft_error err = {.text = ""};
    allocation_watch(1);
    open_it(f);
    struct made before = made;
    allocation_fail_at(n);
    int status = f->act(&err), failed = allocation_failed();
    long count = allocation_count();
    allocation_fail_at(0);
    ck_assert_int_eq(failed, n > 0);
    if (failed) {
        ck_assert_msg(status == DMFT_ERROR_MEMORY, "%s, allocation %ld: status %d (%s)", f->name, n, status, err.text);
        ck_assert_msg(err.status == status && err.text[0] != '\0' && strchr(err.text, '\n') == NULL, "%s, allocation %ld: '%s'", f->name, n, err.text);
        ck_assert_msg(memcmp(&before, &made, sizeof made) == 0, "%s, allocation %ld: an output was touched", f->name, n);
        if (!f->once) status = f->act(&err);
    }
    if (!failed || !f->once) ck_assert_msg(status >= 0, "%s, after allocation %ld: %s", f->name, n, err.text);
    free_made();
    ck_assert_msg(allocation_live() == 0, "%s, allocation %ld: %zu blocks are not freed", f->name, n, allocation_live());
    allocation_watch(0);
    return count;
}

START_TEST(allocations_fail)
{
    const struct function *f = &function[_i];
    prepare(f);
    (void)try_it(f, 0); /* the first call may find no file yet where the others do */
    long all = try_it(f, 0), tried = 0, far = all > MOST ? (all - MOST / 2 + MOST / 2 - 1) / (MOST / 2) : 1;
    for (long n = 1; n <= all; n += n < MOST / 2 ? 1 : far, tried++) (void)try_it(f, n);
    printf("%s: %ld of %ld allocations failed\n", f->name, tried, all);
    *injected += tried;
    clean_up();
}
END_TEST

Suite *suite_allocation(void)
{
    Suite *suite = suite_create("allocation");
    TCase *all = tcase_create("failures");
    tcase_add_unchecked_fixture(all, share_count, print_count);
    tcase_add_loop_test(all, allocations_fail, 0, (int)(sizeof function / sizeof *function));
    suite_add_tcase(suite, all);
    return suite;
}
