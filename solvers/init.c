/* dmft init: a configuration to begin with. */
#include <stdio.h>
#include <string.h>

#include "base/problem.h"
#include "program.h"

static const char *const name[MODEL_COUNT] = {
#define MODEL_ENTRY(NAME, name) #name,
    MODEL_TABLE(MODEL_ENTRY)
#undef MODEL_ENTRY
};

int command_init(const options *o)
{
    const char *text = dmft_config_template(o->argument[0]);
    if (text == NULL) {
        char models[256] = "";
        for (int i = 0; i < MODEL_COUNT; i++)
            if (dmft_config_template(name[i]) != NULL)
                (void)snprintf(models + strlen(models), sizeof models - strlen(models), "%s%s", *models != '\0' ? " | " : "", name[i]);
        return program_error(STATUS_USAGE, "init: unknown model '%s'; one of %s", o->argument[0], models);
    }
    (void)fputs(text, stdout);
    return STATUS_DONE;
}
