/* What would make a run smaller. */
#ifndef DMFT_ADVICE_H
#define DMFT_ADVICE_H

#include "dmft.h"

enum { ADVICE = 320 };

/* Settings that save a tenth of the memory and more when they are halved or switched off, each with ", " behind it; perhaps none. */
void advice_smaller(char out[ADVICE], const dmft_problem *problem, dmft_estimate (*estimate)(const dmft_problem *problem, int threads));

#endif
