/* What the BLAS does on this machine. */
#ifndef DMFT_BLAS_H
#define DMFT_BLAS_H

#include <stddef.h>

/* Multiplications and additions a second: of a product of two matrices of order n, and of a matrix with a vector (best of three). 0 when
 * there is no memory for it. */
double blas_gemm_rate(size_t n);
double blas_gemv_rate(size_t n);

/* Largest difference between dgemm and dgemv and plain loops on small matrices, over the largest number; about 1e-15 when all is well. */
double blas_self_test(void);

/* The value of OPENBLAS_CORETYPE that this processor deserves when the core in use does without its vector units; else NULL. */
const char *blas_better_core(const char *core);

/* Does what `--blas-core WANTED` asks: "auto", or the name of a core of OpenBLAS; NULL asks for nothing. OpenBLAS chooses when the program is loaded, so
 * that another core takes OPENBLAS_CORETYPE in the environment and the program once more from its beginning: then this does not return.
 * What the user has set in OPENBLAS_CORETYPE is never changed. Returns STATUS_DONE, or the exit status after an error line. */
int blas_choose_core(const char *wanted, char **argv);

#endif
