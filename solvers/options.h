/* The command line: one table of subcommands and one of options, from which parsing and --help are made. */
#ifndef DMFT_OPTIONS_H
#define DMFT_OPTIONS_H

#include <stddef.h>
#include <stdio.h>

/* name, function, usage, smallest and largest number of arguments (0: any), what is asked for, what it does */
#define COMMAND_TABLE(X)                                                                                                                  \
    X(solve, command_solve, "CONFIG -o OUT.h5", 1, 1, "CONFIG", "solves the theory: losses, kernels, outliers")                          \
    X(simulate, command_simulate, "CONFIG -o OUT.h5", 1, 1, "CONFIG", "trains sampled networks with the same parameters")                 \
    X(compare, command_compare, "THEORY.h5 SIM.h5|DATA.csv", 2, 2, "THEORY.h5 and SIM.h5 or DATA.csv",                                    \
      "holds samples against theory: a table and a verdict")                                                                             \
    X(converge, command_converge, "CONFIG", 1, 1, "CONFIG",                                                                              \
      "halves the step, or doubles width or seeds: observed orders, errors, extrapolated values and a verdict")                               \
    X(sweep, command_sweep, "CONFIG -o OUT.h5", 1, 1, "CONFIG", "runs a grid of problems (section sweep) and writes all results as one file")  \
    X(show, command_show, "FILE.h5", 1, 1, "FILE.h5", "prints a result as a table, CSV or JSON; a matrix as .npy")                        \
    X(plot, command_plot, "FILE... -o FIG.png|svg|pdf", 1, 0, "FILE", "draws losses, traces and outliers of results over each other")     \
    X(escape, command_escape, "FILE.h5", 1, 1, "FILE.h5", "prints the steps and times at which outliers leave the bulk")                  \
    X(represent, command_represent, "FILE.h5 [SAMPLED.h5]", 1, 2, "FILE.h5",                                                              \
      "tells how representations of the samples change: eigenvalues, bands, course, coordinates")                                        \
    X(outliers, command_outliers, "KERNELS.h5", 1, 1, "KERNELS.h5", "prints outliers and overlaps of a matrix from its kernels, as CSV")        \
    X(spectrum, command_spectrum, "FILE.npy|.h5...", 1, 0, "FILE.npy or FILE.h5",                                                         \
      "finds bulk and outliers of any weight matrices, and overlaps between snapshots")                                                         \
    X(report, command_report, "FILE... -o OUT.html", 1, 0, "FILE",                                                                        \
      "writes one page on results: settings, provenance, tables, pictures, verdicts, warnings")                                           \
    X(init, command_init, "MODEL", 1, 1, "MODEL (deep_linear, mlp, noisy_matrix, ..)", "prints a commented configuration with every default")               \
    X(info, command_info, "", 0, 0, "", "prints versions, the BLAS core and its rate")

enum command_id {
#define COMMAND_ID(name, function, usage, least, most, asked, text) COMMAND_##name,
    COMMAND_TABLE(COMMAND_ID)
#undef COMMAND_ID
    COMMAND_COUNT
};

#define IN(name) (1u << COMMAND_##name)
#define IN_RUNS (IN(solve) | IN(simulate))
#define IN_CONFIG (IN_RUNS | IN(converge) | IN(sweep))
#define IN_ALL ((1u << COMMAND_COUNT) - 1u)
#define IN_THREADED (IN_CONFIG | IN(outliers) | IN(spectrum) | IN(info)) /* elsewhere --threads is taken, does nothing, and is not in --help */

/* name, letter, argument (NULL: a flag), subcommands, text with the default */
#define OPTION_TABLE(X)                                                                                                                   \
    X(output, 'o', "FILE", IN_CONFIG | IN(plot) | IN(represent) | IN(spectrum) | IN(report),                                                                 \
      "the file to write, whole or not at all (converge: NAME of NAME.json and NAME.png)")                                               \
    X(force, 0, NULL, IN_CONFIG | IN(plot) | IN(show) | IN(represent) | IN(spectrum) | IN(report), "overwrite an existing file (default: refuse)")  \
    X(set, 0, "KEY.SUB=VALUE", IN_CONFIG, "set one setting of the configuration; may be given many times")                                  \
    X(dry_run, 0, NULL, IN_CONFIG, "print memory and time that the run would take, and run nothing")                                        \
    X(memory_limit, 0, "BYTES", IN_CONFIG, "refuse to take more; K, M, G, T for powers of 1000 (default: 3/4 of the memory)")                   \
    X(checkpoint, 0, "FILE", IN_RUNS | IN(sweep), "keep the state of the run there, for --resume (default: none; sweep: OUT.h5.points, a folder)") \
    X(every, 0, "SECONDS", IN_RUNS, "seconds between two checkpoints; 0: only when a signal stops the run (default: 600)")                \
    X(resume, 0, "FILE", IN_RUNS | IN(sweep), "go on from this checkpoint, and keep it up unless --checkpoint names another")               \
    X(simulate, 0, NULL, IN(sweep), "sampled networks at each point (default: theory)")                                                      \
    X(part, 0, "I/N", IN(sweep), "run points i with i mod N = I-1 and keep them; without it the same command assembles (default: all)")      \
    X(threads, 0, "N", IN_ALL, "threads, of BLAS or of networks at a time (default: all cores)")                              \
    X(blas_core, 0, "auto|NAME", IN_CONFIG | IN(outliers) | IN(spectrum) | IN(info),                                               \
      "OpenBLAS kernels: those for this processor, or NAME (default: its choice)") \
    X(quiet, 0, NULL, IN_ALL, "no progress line, no summary; compare and converge keep their verdict (default: both)")  \
    X(csv, 0, NULL, IN(show) | IN(represent) | IN(spectrum), "print CSV, 12 digits (default: an aligned table)")                           \
    X(json, 0, NULL, IN(show) | IN(converge) | IN(represent) | IN(spectrum), "print JSON, with the settings (show: and numbers and texts of the run)") \
    X(series, 0, "A,B,C", IN(show) | IN(compare) | IN(converge) | IN(plot),                                                              \
      "these series, of a sweep its numbers too (default: the default columns; converge in step: all)")                                  \
    X(step, 0, "N", IN(show) | IN(plot), "of a sweep: series at step N (default: the last step of each point)")                         \
    X(minimum, 0, "KEY", IN(show), "of a sweep: where along KEY a series is least, for each of the other axes (default: test_loss)")      \
    X(over, 0, "KEY", IN(plot), "of a sweep: the axis to draw over (default: training.learning_rate, or the first)")                      \
    X(against, 0, "step", IN(plot), "of a sweep: draw against the step, a curve a point (default: against an axis)")                      \
    X(range, 0, "LOW:HIGH", IN(plot), "of a sweep: the range of the ordinate (default: that of the numbers)")                             \
    X(map, 0, NULL, IN(plot), "of a sweep: a heat map over two axes of one series, or of `diverged` (default: curves)")                   \
    X(spectra, 0, NULL, IN(plot), "of two_layer_linear_width: spectra of weights and kernels before and after training (default: series)")    \
    X(errors, 0, NULL, IN(show), "a column NAME_se with the standard error behind each NAME (default: none)")                             \
    X(kernel, 0, "NAME", IN(show), "the two-time kernel to write; needs --npy")                                                           \
    X(matrix, 0, "NAME", IN(show), "the weight matrix to write, as A1_last; needs --npy")                                                 \
    X(npy, 0, "FILE", IN(show), "where the kernel or matrix goes, as an array of numpy")                                                  \
    X(allowance, 0, "C", IN(compare), "allow C |theory|/D for kernels and C/N for outliers (default: 20)")                                \
    X(levels, 0, "N", IN(converge), "levels, each with half the step or twice the size (default: 6; in width 3, in seeds 4)")             \
    X(in, 0, "step|width|seeds", IN(converge),                                                                                           \
      "what changes; step: at level i learning_rate, weight_decay, 1 - weight_factor, injected_variance over 2^i (default: step)")                 \
    X(layer, 0, "L", IN(represent), "this hidden layer, from 1 (default: all)")                                                          \
    X(count, 0, "N", IN(outliers), "at most so many outliers, the largest (default: 16)")                                                 \
    X(variance, 0, "V", IN(spectrum), "variance of an entry of the bulk (default: fitted)")                                               \
    X(top, 0, "K", IN(spectrum), "only the K largest singular values, and K directions of snapshots (default: all; 5 directions)")        \
    X(level, 0, "P", IN(spectrum), "false-positive rate: the probability of any outlier in a matrix without spikes (default: 0.01)")      \
    X(dataset, 0, "A,B,C", IN(spectrum), "these datasets of the HDF5 files (default: all of two to five dimensions)")                      \
    X(help, 'h', NULL, IN_ALL, "print this help")                                                                                         \
    X(version, 0, NULL, IN_ALL, "print the version")

enum option_id {
#define OPTION_ID(name, letter, argument, commands, text) OPTION_##name,
    OPTION_TABLE(OPTION_ID)
#undef OPTION_ID
    OPTION_COUNT
};

typedef struct options {
    enum command_id command;
    const char *value[OPTION_COUNT]; /* NULL: not given; "" of a flag */
    const char **argument, **set;    /* arguments; the KEY=VALUEs of --set in order */
    size_t arguments, sets;
    char *line;                      /* the command line, as it was given */
    FILE *picture;                   /* of the program itself: where figures go, as SVG, in place of a file of their own; else NULL */
} options;

/* Reads the command line. Returns -1 when the subcommand is to be run, else the exit status (help was printed, or an error line). */
int options_read(options *out, int argc, char **argv);
void options_free(options *o);

int options_given(const options *o, enum option_id id);

/* The name of the subcommand. */
const char *options_command(const options *o);

/* Reads a number of an option that was given: its domain is [least, most], `what` says it. Returns 0, or the exit status. */
int options_number(const options *o, enum option_id id, double least, double most, int integer, double *out);

/* The same with an ending K, M, G or T. */
int options_bytes(const options *o, enum option_id id, double *out);

#endif
