/* The settings that figures name. */
#include "title.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct title_setting title_settings[] = {{"model", "", NULL},
                                               {"network.activation", "", NULL},
                                               {"network.depth", "L = ", NULL},
                                               {"network.width_ratio", "ν = ", NULL},
                                               {"network.kept", "k = ", NULL},
                                               {"network.features", "p = ", NULL},
                                               {"data.samples", "n = ", NULL},
                                               {"data.target_function", "", NULL},
                                               {"network.output_ratio", "K/N = ", NULL},
                                               {"data.teacher_ratio", "K/D = ", NULL},
                                               {"data.sample_ratio", "α = ", NULL},
                                               {"data.label_noise", "σε = ", "0"},
                                               {"data.teacher_strength", "s = ", "1"},
                                               {"network.gamma0", "γ₀ = ", NULL},
                                               {"network.weight_variance", "σ² = ", NULL},
                                               {"network.weight_factor", "f = ", NULL},
                                               {"network.injected_variance", "I = ", NULL},
                                               {"training.learning_rate", "η = ", NULL},
                                               {"training.momentum", "μ = ", "0"},
                                               {"training.weight_decay", "ω = ", "0"},
                                               {"training.gradient_noise", "S = ", "0"},
                                               {"training.batch_size", "B = ", NULL},
                                               {NULL, NULL, NULL}};

int title_names(const struct title_setting *setting, const char *value)
{
    char *end;
    double x = strtod(value, &end);
    return setting->plain == NULL || end == value || *end != '\0' || x != strtod(setting->plain, NULL);
}

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
