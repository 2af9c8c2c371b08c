/* dmft init: a configuration to begin with. */
#include <stdio.h>

#include "program.h"

int command_init(const options *o)
{
    const char *text = dmft_config_template(o->argument[0]);
    if (text == NULL) return program_error(STATUS_USAGE, "init: unknown model '%s'; there are deep_linear and mlp", o->argument[0]);
    (void)fputs(text, stdout);
    return STATUS_DONE;
}
