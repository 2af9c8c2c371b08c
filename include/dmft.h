/** \mainpage libdmft: dynamical mean-field theory of training, and the outliers of trained weights
 *
 * Copyright (C) 2026 the libdmft authors. SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `#include <dmft.h>` has all parts; each may be included by itself, as `<dmft/run.h>`. The manual, doc/manual.md, begins with a first run.
 *
 * Conventions that bind every function:
 *
 * - Way of data: configuration -> problem (validated, immutable) -> solver or simulator -> trajectory (read-only result) -> file, table.
 *   Theory and simulation return the same type, so one function compares any two.
 * - Ownership: dmft_x_create(&x, ...) and every function with an `out` argument hand over a new object; dmft_x_free(x) frees it and takes
 *   NULL. Inputs are copied. A pointer returned by a query belongs to the object it was asked of and lives as long as that.
 * - Failure: A function that can fail returns an int: 0 done; < 0 an error, and then no output was touched; > 0 an outcome:
 *   DMFT_DIVERGED with valid outputs; DMFT_STOPPED, the caller's own wish, with none (dmft_solve and dmft_simulate hand over no
 *   result). The last argument, `err`, may be NULL; else it receives one line of text with the numbers.
 * - Threads: `const` is the contract: a const object may be shared by threads, a non-const one belongs to one thread at a time. There
 *   are no mutable globals. The library never sets the BLAS thread count, GSL's error handler or the locale. The HDF5 library
 *   is not re-entrant on most systems: call the functions that read or write files from one thread at a time.
 * - Layout: Two-time matrices are row-major with the later time as the row and an explicit stride, so that the history up to t is
 *   the leading block. Index l of a weight matrix A_l runs from 0; hidden layers run from 1 (doc/theory.md, section 1).
 * - Units: All kernels are per site (averages over neurons, samples or input components) and of order 1; time is the step number.
 */
#ifndef DMFT_H
#define DMFT_H

#include "dmft/base.h"
#include "dmft/problem.h"
#include "dmft/trajectory.h"
#include "dmft/run.h"
#include "dmft/sweep.h"
#include "dmft/compare.h"
#include "dmft/outliers.h"
#include "dmft/spectrum.h"
#include "dmft/law.h"
#include "dmft/tail.h"
#include "dmft/representation.h"
#include "dmft/convergence.h"

#endif
