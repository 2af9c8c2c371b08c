/* What is told of the outliers of one matrix, in the basis or from kernels. */
#ifndef DMFT_OUTLIER_STATE_H
#define DMFT_OUTLIER_STATE_H

/* What is known of the matrix at one step. */
struct outlier_state {
    const double *z;       /* `count` outlier singular values in falling order; nan where there is none */
    double target_overlap; /* cos^2 of the first right singular vector with the target; nan without outlier or target */
    double left_overlap;   /* (g.A)^2/M of the first outlier with the newest g; nan without outlier */
    double right_overlap;  /* (phi.B)^2/N with the newest phi */
    double drift;          /* (g.A)(phi.B)/N with the newest g and phi, signed: dz a unit of weight (O6) */
};

struct outlier_escape {
    long step;   /* the first step seen with this outlier; -1: none */
    double time; /* where it passes the edge between that step and the one before: (B9) in the basis, (O11) from kernels; nan where that was not seen */
};

#endif
