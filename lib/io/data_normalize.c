/* Inputs about their mean, of mean square 1: what data.normalize asks for. The numbers are those of the training inputs; test inputs take the same. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/data.h"

static void subtract(struct data_table *table, const double *row)
{
    for (size_t i = 0; i < table->rows; i++)
        for (size_t d = 0; d < table->inputs; d++) table->input[i * table->inputs + d] -= row[d];
}

static void divide(struct data_table *table, double by)
{
    for (size_t i = 0; i < table->rows * table->inputs; i++) table->input[i] /= by;
}

/* The first row is subtracted before the mean of what is left: inputs that are all the same become zeros, without rounding errors. */
static void centre(struct data_table *train, struct data_table *test, double *row)
{
    size_t D = train->inputs;
    memcpy(row, train->input, D * sizeof *row);
    subtract(train, row);
    subtract(test, row);
    memset(row, 0, D * sizeof *row);
    for (size_t i = 0; i < train->rows; i++)
        for (size_t d = 0; d < D; d++) row[d] += train->input[i * D + d] / (double)train->rows;
    subtract(train, row);
    subtract(test, row);
}

static double largest(const struct data_table *table)
{
    double most = 0.0;
    for (size_t i = 0; i < table->rows * table->inputs; i++) most = fmax(most, fabs(table->input[i]));
    return most;
}

static double mean_square(const struct data_table *table)
{
    size_t count = table->rows * table->inputs;
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) sum += table->input[i] * table->input[i];
    return sum / (double)count;
}

int data_normalize(struct data_table *train, struct data_table *test, const char *path, dmft_error *err)
{
    double *row = memory_doubles(train->inputs);
    if (row == NULL) return error_memory(err, 8.0 * (double)train->inputs);
    centre(train, test, row);
    free(row);
    double most = largest(train);
    if (most == 0.0) return data_error(err, path, "data.normalize: all training inputs are the same, nothing is left about their mean");
    divide(train, most); /* so that no square is too large or too small */
    divide(test, most);
    double root = sqrt(mean_square(train));
    divide(train, root);
    divide(test, root);
    return 0;
}
