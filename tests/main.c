/* Runs all suites. Exit status 0 when every test passed; the last line is "N passed, N failed". */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>

#include "suites.h"

#define SUITE_MADE(name) suite_##name,
static Suite *(*const suites[])(void) = {SUITES(SUITE_MADE)};
#undef SUITE_MADE

int main(void)
{
    int run = 0, failed = 0;
    openblas_set_num_threads(1); /* a threaded OpenBLAS can hang in the children that Check forks */
    (void)setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* nothing is left in the buffer when Check forks */
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
        SRunner *runner = srunner_create(suites[i]());
        srunner_run_all(runner, CK_NORMAL);
        run += srunner_ntests_run(runner);
        failed += srunner_ntests_failed(runner);
        srunner_free(runner);
    }
    printf("%d passed, %d failed\n", run - failed, failed);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
