/* The settings that figures name. */
#include "title.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct title_setting title_settings[] = {{"model", ""},
                                               {"network.activation", ""},
                                               {"network.depth", "L = "},
                                               {"network.width_ratio", "ν = "},
                                               {"network.kept", "k = "},
                                               {"network.features", "p = "},
                                               {"data.samples", "n = "},
                                               {"data.target_function", ""},
                                               {"network.output_ratio", "K/N = "},
                                               {"data.teacher_ratio", "K/D = "},
                                               {"data.sample_ratio", "α = "},
                                               {"network.gamma0", "γ₀ = "},
                                               {"network.weight_variance", "σ² = "},
                                               {"network.weight_factor", "f = "},
                                               {"network.injected_variance", "I = "},
                                               {"training.learning_rate", "η = "},
                                               {"training.gradient_noise", "S = "},
                                               {NULL, NULL}};

void title_value(char *out, size_t bytes, const char *key, const char *value)
{
    const struct title_setting *s = title_settings;
    const char *dot = strrchr(key, '.'), *name = dot != NULL ? dot + 1 : key;
    while (s->key != NULL && strcmp(s->key, key) != 0) s++;
    char *end = NULL, number[32];
    double x = strtod(value, &end);
    if (end != value && *end == '\0') (void)snprintf(number, sizeof number, "%.4g", x);
    if (end != value && *end == '\0') value = number;
    if (s->key != NULL)
        (void)snprintf(out, bytes, "%s%s", s->symbol, value);
    else
        (void)snprintf(out, bytes, "%s = %s", name, value);
}
