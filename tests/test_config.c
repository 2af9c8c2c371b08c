/* Configurations and problems: every row of the table of settings, syntax, places in messages, canonical text, template, reference page. */
#include <check.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/problem.h"
#include "dmft.h"
#include "folder.h"
#include "io/number.h"
#include "io/settings.h"
#include "runs.h"

/* The models, as messages list them. */
#define MODELS "deep_linear | mlp | extensive_output | noisy_matrix | two_layer_linear_width | low_degree_filter"

Suite *suite_config(void);

static const char *const valid = "model: deep_linear\n"          /* 1 */
                                 "network:\n"                    /* 2 */
                                 "  depth: 2\n"                  /* 3 */
                                 "  width_ratio: 0.5\n"          /* 4 */
                                 "  gamma0: 8.5\n"               /* 5 */
                                 "  weight_variance: 0.25\n"     /* 6 */
                                 "data: {sample_ratio: 4.0}\n"   /* 7 */
                                 "training:\n"                   /* 8 */
                                 "  learning_rate: 0.02\n"       /* 9 */
                                 "  steps: 60\n";                /* 10 */

static const char *const valid_mlp = "model: mlp\n"
                                     "network: {depth: 2, gamma0: 3, weight_variance: 1, activation: tanh}\n"
                                     "data: {gram: [[1, 0.5], [0.5, 1]], target: [1, -1]}\n"
                                     "training: {learning_rate: 0.2, steps: 2}\n";

static dmft_problem *problem_of(const dmft_config *config)
{
    dmft_problem *problem = NULL;
    dmft_error err = {0};
    ck_assert_msg(dmft_problem_create(&problem, config, &err) == 0, "%s", err.text);
    return problem;
}

/* The problem of `valid` with one setting changed. */
static dmft_problem *problem_changed(const char *key, const char *value)
{
    dmft_config *config = config_with(valid, NULL);
    dmft_error err = {0};
    ck_assert_msg(dmft_config_set(config, key, value, &err) == 0, "%s", err.text);
    dmft_problem *problem = problem_of(config);
    dmft_config_free(config);
    return problem;
}

/* Setting ends with this status and a line that begins with "key: ", and changes nothing. */
static void expect_refused(dmft_config *config, const char *key, const char *value, int status)
{
    dmft_error err = {0};
    dmft_problem *before = problem_of(config);
    int got = dmft_config_set(config, key, value, &err);
    ck_assert_msg(got == status, "%s = %s: status %d, not %d (%s)", key, value, got, status, err.text);
    ck_assert_int_eq(err.status, status);
    ck_assert_msg(strncmp(err.text, key, strlen(key)) == 0 && err.text[strlen(key)] == ':', "%s: %s", key, err.text);
    dmft_problem *after = problem_of(config);
    ck_assert_str_eq(dmft_problem_text(before), dmft_problem_text(after));
    dmft_problem_free(before);
    dmft_problem_free(after);
}

static int is_number(const struct setting *row)
{
    return row->type == TYPE_INTEGER || row->type == TYPE_REAL || row->type == TYPE_NUMBERS || row->type == TYPE_REAL_LIST || row->type == TYPE_INTEGER_LIST;
}

/* A configuration of a model that the row can be used with. */
static dmft_config *configuration_for(const struct setting *row)
{
    static const char *const others[] = {
#define MODEL_ENTRY(NAME, name) #name,
        MODEL_TABLE(MODEL_ENTRY)
#undef MODEL_ENTRY
    };
    if (settings_belongs(row, "deep_linear")) return config_with(valid, NULL);
    if (settings_belongs(row, "mlp")) return config_with(valid_mlp, NULL);
    int model = MODEL_MLP + 1;
    while (model < MODEL_COUNT && !settings_belongs(row, others[model])) model++;
    ck_assert_int_lt(model, MODEL_COUNT);
    return config_with(dmft_config_template(others[model]), NULL);
}

static int is_word(const struct setting *row) { return row->type == TYPE_CHOICE || row->type == TYPE_BOOLEAN; }

/* ---- The table ---- */

START_TEST(table_is_sound)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *row = &settings_table[i];
        ck_assert_ptr_eq(settings_find(row->key), row);
        ck_assert_msg((row->need == NEED_NONE) == (*row->value == '\0'), "%s", row->key);
        double value = 0;
        if (row->need != NEED_NONE && is_number(row) && *row->value != '[')
            ck_assert_msg(number_parse(row->value, strlen(row->value), &value) && settings_holds(row, value), "%s", row->key);
        if (row->need != NEED_NONE && is_word(row)) ck_assert_msg(settings_word_index(row, row->value, 0) >= 0, "%s", row->key);
        ck_assert_msg(!is_number(row) || !settings_holds(row, NAN), "%s", row->key);
    }
    for (size_t i = 0; i < settings_section_count; i++)
        ck_assert_int_eq(settings_is_section(settings_sections[i].name), 1);
}
END_TEST

START_TEST(models_are_matched_whole)
{
    const struct setting *row = settings_find("network.width_ratio");
    ck_assert_int_eq(settings_belongs(row, "deep_linear"), 1);
    ck_assert_int_eq(settings_belongs(row, "extensive_output"), 1);
    ck_assert_int_eq(settings_belongs(row, "deep"), 0);
    ck_assert_int_eq(settings_belongs(row, "linear"), 0);
    ck_assert_int_eq(settings_belongs(row, "mlp"), 0);
    ck_assert_int_eq(settings_belongs(settings_find("model"), "mlp"), 1);
}
END_TEST

START_TEST(settings_refuse_wrong_types)
{
    static const char *const wrong[] = {
        "nan", ".nan", "NaN", "inf", ".inf", "-.inf", "-inf", "1e999", "-1e999", "'1'", "\"0.5\"", "", "~", "null",
        "word", "[]", "{}", "[[1]]", "[1, x]", "{a: 1}", "0x10", "0x1p-3", "010", "1_0", "1 2", "1,5", "1e", "e5", ".",
        "1.2.3", "--1", "+-1", "True", "yes", "on", "0o7", "1:30", "5;", "5 x", "[1", "*a", "!!int 1", "1\n---\n1",
        "\x01", "\xff", "\"1\\0\"", "1e5.5", "Infinity"};
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *row = &settings_table[i];
        if (row->type == TYPE_TEXT) continue; /* any word is a text */
        dmft_config *config = configuration_for(row);
        for (size_t j = 0; j < sizeof wrong / sizeof *wrong; j++) {
            int nested = row->type == TYPE_MATRIX || row->type == TYPE_COLUMNS;
            if (!nested || strcmp(wrong[j], "[[1]]") != 0) expect_refused(config, row->key, wrong[j], DMFT_ERROR_CONFIG);
        }
        dmft_config_free(config);
    }
}
END_TEST

START_TEST(texts_are_scalars_that_can_be_printed)
{
    static const char *const wrong[] = {"", "''", "[a]", "{a: b}", "\"a\\nb\"", "\"a\\0\"", "\"\\x7f\"", "*a", "a\n---\nb"};
    dmft_config *config = config_with(valid_mlp, NULL);
    for (size_t j = 0; j < sizeof wrong / sizeof *wrong; j++) expect_refused(config, "data.file", wrong[j], DMFT_ERROR_CONFIG);
    dmft_config_free(config);
}
END_TEST

START_TEST(lists_of_lists_have_rows_of_one_length)
{
    static const char *const wrong[] = {"1", "[1, 2]", "[[1], 2]", "[[1, 2], [3]]", "[[], []]", "[[1, 2], []]", "[[1, x], [1, 2]]", "[[[1]]]", "[[1], {a: 1}]", "[[1], [.nan]]"};
    dmft_config *config = config_with(valid_mlp, NULL);
    for (size_t j = 0; j < sizeof wrong / sizeof *wrong; j++) {
        expect_refused(config, "data.gram", wrong[j], DMFT_ERROR_CONFIG);
        if (j != 1) expect_refused(config, "data.target", wrong[j], DMFT_ERROR_CONFIG);
    }
    dmft_config_free(config);
}
END_TEST

START_TEST(integers_have_one_notation)
{
    static const char *const wrong[] = {"50.5", "5.0", "5.", "+5", "-5", "1e1", "05", "00", "5e0", "[5]", "99999999999999999999999"};
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *row = &settings_table[i];
        if ((row->type != TYPE_INTEGER && row->type != TYPE_INTEGER_LIST)) continue;
        dmft_config *config = configuration_for(row);
        for (size_t j = 0; j < sizeof wrong / sizeof *wrong; j++) {
            char list[64];
            snprintf(list, sizeof list, row->type == TYPE_INTEGER ? "%s" : "[%s]", wrong[j]);
            expect_refused(config, row->key, list, DMFT_ERROR_CONFIG);
        }
        dmft_config_free(config);
    }
}
END_TEST

/* A bound of a domain is taken when it is closed, and what lies beyond is refused. */
static void try_bound(dmft_config *config, const struct setting *row, double bound, int closed, double outwards)
{
    char text[NUMBER_TEXT + 2], number[NUMBER_TEXT];
    int integer = row->type == TYPE_INTEGER || row->type == TYPE_INTEGER_LIST;
    const char *form = row->type == TYPE_REAL_LIST || row->type == TYPE_INTEGER_LIST ? "[%s]" : "%s";
    double beyond = integer ? bound + (outwards > 0 ? 1 : -1) : nextafter(bound, outwards);
    if (!isfinite(bound)) return;
    number_format(number, beyond);
    snprintf(text, sizeof text, form, number);
    expect_refused(config, row->key, text, DMFT_ERROR_CONFIG);
    number_format(number, bound);
    snprintf(text, sizeof text, form, number);
    if (closed)
        ck_assert_msg(dmft_config_set(config, row->key, text, NULL) == 0, "%s: %s", row->key, text);
    else
        expect_refused(config, row->key, text, DMFT_ERROR_CONFIG);
}

START_TEST(settings_keep_to_their_domains)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *row = &settings_table[i];
        double low, high;
        char left, right;
        if (!is_number(row)) continue;
        ck_assert_int_eq(sscanf(row->domain, "%c%lf, %lf%c", &left, &low, &high, &right), 4);
        dmft_config *lower = configuration_for(row), *upper = configuration_for(row);
        try_bound(lower, row, low, left == '[', -INFINITY);
        try_bound(upper, row, high, right == ']', INFINITY);
        dmft_config_free(lower);
        dmft_config_free(upper);
    }
}
END_TEST

START_TEST(choices_take_their_words)
{
    char word[SETTINGS_WORD];
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *row = &settings_table[i];
        if (!is_word(row)) continue;
        dmft_config *config = configuration_for(row);
        for (size_t w = 0; settings_word(row, w, word); w++) {
            ck_assert_int_eq(dmft_config_set(config, row->key, word, NULL), 0);
            if (row->need != NEED_NONE) ck_assert_int_eq(dmft_config_set(config, row->key, row->value, NULL), 0);
        }
        dmft_config_free(config);
    }
}
END_TEST

/* ---- Lines of error ---- */

static const struct {
    const char *text;
    int status;
    const char *line;
} lines[] = {
#define CONFIG DMFT_ERROR_CONFIG
    {"", CONFIG, "run.yaml: is empty; settings are needed"},
    {"\n# nothing\n", CONFIG, "run.yaml: is empty; settings are needed"},
    {"---\n", CONFIG, "run.yaml:2:1: the top level must be a section of settings, got nothing"},
    {"steps", CONFIG, "run.yaml:1:1: the top level must be a section of settings, got steps"},
    {"- 1\n- 2\n", CONFIG, "run.yaml:1:1: the top level must be a section of settings, got a list"},
    {"tolerance: 1e-10\n---\ntolerance: 1e-9\n", CONFIG, "run.yaml:2:1: a second document begins here; one is allowed"},
    {"network: [\n", CONFIG, "run.yaml:2:1: is not YAML: while parsing a flow node, did not find expected node content"},
    {"network:\n\tdepth: 2\n", CONFIG,
     "run.yaml:2:1: is not YAML: while scanning for the next token, found character that cannot start any token"},
    {"tolerance: \"1\n", CONFIG, "run.yaml:2:1: is not YAML: while scanning a quoted scalar, found unexpected end of stream"},
    {"network:\n  depth: \xff\n", CONFIG, "run.yaml:2:10: is not YAML: invalid leading UTF-8 octet"},
    {"network:\n  depth: *two\n", CONFIG, "run.yaml:2:10: is not YAML: found undefined alias"},
    {"network:\n  depth: !!int 2\n", CONFIG, "run.yaml:2:10: tags are not allowed"},
    {"%TAG !e! tag:x\n---\ntolerance: 1e-3\n", CONFIG, "run.yaml:1:1: tags are not allowed"},
    {"network: [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]\n", CONFIG, "run.yaml:1:25: nested too deep"},
    {"model: &m [*m]\n", CONFIG,
     "run.yaml:1:8: model: must be one of " MODELS ", got a list"},
    {"network: &n {depth: 2, <<: *n}\n", CONFIG, "run.yaml:1:24: network.<<: unknown key; the nearest known key is network.bias"},
    {"? [a]\n: 1\n", CONFIG, "run.yaml:1:3: a key must be a word, got a list"},
    {"network:\n  {'': 1}\n", CONFIG, "run.yaml:2:4: network: a key must be a word, got nothing"},
    {"\"model\\0\": mlp\n", CONFIG, "run.yaml:1:1: model?: unknown key; the nearest known key is model"},
    {"network: 3\n", CONFIG, "run.yaml:1:1: network: must be a section of settings, got 3"},
    {"network: [depth, 3]\n", CONFIG, "run.yaml:1:1: network: must be a section of settings, got a list"},
    {"outliers:\n", CONFIG, "run.yaml:1:1: outliers: must be a section of settings, got nothing"},
    {"network:\n  depth:\n    steps: 3\n", CONFIG, "run.yaml:3:5: network.depth: must be an integer in [1, 64], got a section"},
    {"network:\n  depth: 50.5\n", CONFIG, "run.yaml:2:10: network.depth: must be an integer in [1, 64], got 50.5"},
    {"network:\n  depth:\n", CONFIG, "run.yaml:2:9: network.depth: must be an integer in [1, 64], got nothing"},
    {"network: {depth: '2'}\n", CONFIG, "run.yaml:1:18: network.depth: must be an integer in [1, 64], got the quoted text 2"},
    {"network: {gamma0: -1}\n", CONFIG, "run.yaml:1:19: network.gamma0: must be a number in (0, inf), got -1"},
    {"network: {gamma0: a\xc3\xa9}\n", CONFIG, "run.yaml:1:19: network.gamma0: must be a number in (0, inf), got a??"},
    {"network:\n  weight_variance: [0.5,\n    -2]\n", CONFIG,
     "run.yaml:3:5: network.weight_variance: must be a number in [0, inf), or a list of L+1 of them, got -2"},
    {"network:\n  weight_variance: []\n", CONFIG,
     "run.yaml:2:20: network.weight_variance: must be a number in [0, inf), or a list of L+1 of them, got an empty list"},
    {"network: {parameterization: nkt}\n", CONFIG,
     "run.yaml:1:29: network.parameterization: must be one of mup | ntk, got nkt; the nearest is ntk"},
    {"output: {kernels: yes}\n", CONFIG, "run.yaml:1:19: output.kernels: must be one of false | true, got yes"},
    {"output: {kernels: 'true'}\n", CONFIG, "run.yaml:1:19: output.kernels: must be one of false | true, got the quoted text true"},
    {"network:\n  depth: 2\n  gama0: 3\n", CONFIG, "run.yaml:3:3: network.gama0: unknown key; the nearest known key is network.gamma0"},
    {"netwrok:\n  depth: 2\n", CONFIG, "run.yaml:1:1: netwrok: unknown key; the nearest known key is network"},
    {"gamma0: 8.5\n", CONFIG, "run.yaml:1:1: gamma0: unknown key; the nearest known key is network.gamma0"},
    {"data: {learning_rate: 1}\n", CONFIG,
     "run.yaml:1:8: data.learning_rate: unknown key; the nearest known key is training.learning_rate"},
    {"training.steps: 3\n", CONFIG, "run.yaml:1:1: training.steps: unknown key: in a file a key has no dot and stands inside its section"},
    {"network:\n  depth: 2\n  gamma0: 3\n  depth: 2\n", CONFIG, "run.yaml:4:3: network.depth: given twice, first in line 2"},
    {"network: {depth: 2}\ndata: {}\nnetwork: {gamma0: 2}\n", CONFIG, "run.yaml:3:1: network: given twice, first in line 1"},
    {"model: deep_linear\n\"model\": deep_linear\n", CONFIG, "run.yaml:2:1: model: given twice, first in line 1"},
    {"model: deep_liner\n", CONFIG,
     "run.yaml:1:8: model: must be one of " MODELS ", got deep_liner; the nearest is deep_linear"},
    {"tolerance: 1e-3\nmodel: mlp\n", CONFIG, "run.yaml:1:1: tolerance: does not belong to model mlp"},
    {"tolerance: 1e-3\nmodel: two_layer_linear_width\n", CONFIG, "run.yaml:1:1: tolerance: does not belong to model two_layer_linear_width"},
    {"data: {batch: epochs}\n", CONFIG, "run.yaml:1:15: data.batch: must be one of full | online | bernoulli | epoch, got epochs; the nearest is epoch"},
    {"network:\n  residual: 0\n", CONFIG, "run.yaml:2:13: network.residual: must be one of false | true, got 0"},
    {"network:\n  activation: tanh\nmodel: deep_linear\n", CONFIG, "run.yaml:2:3: network.activation: does not belong to model deep_linear"},
    {"network:\n  readout: frozen\nmodel: deep_linear\n", CONFIG, "run.yaml:2:3: network.readout: does not belong to model deep_linear"},
    {"model: deep_linear\ntraining: {momentum: 1}\n", CONFIG, "run.yaml:2:22: training.momentum: must be a number in [0, 1), got 1"},
    {"model: mlp\nnetwork: {residual: true}\n", CONFIG, "run.yaml:2:11: network.residual: does not belong to model mlp"},
    {"model: mlp\ngrid: {kind: uniform}\n", CONFIG, "run.yaml:2:8: grid.kind: does not belong to model mlp"},
    {"probes: {every: 0}\n", CONFIG, "run.yaml:1:17: probes.every: must be an integer in [1, 10000000], got 0"},
    {"model: mlp\ndata: {spectrum: {exponent: 1}}\n", CONFIG, "run.yaml:2:19: data.spectrum.exponent: does not belong to model mlp"},
    {"data: {spectrum: 1}\n", CONFIG, "run.yaml:1:8: data.spectrum: must be a section of settings, got 1"},
    {"tolerance: 1e-3\n", CONFIG,
     "run.yaml: model is missing: one of " MODELS},
    {"model: deep_linear\nnetwork: {depth: 2, width_ratio: 1}\n", CONFIG, "run.yaml: network.gamma0 is missing: a number in (0, inf)"},
};

START_TEST(errors_name_the_place) { expect_no_problem(lines[_i].text, lines[_i].status, lines[_i].line); }
END_TEST

START_TEST(a_nul_byte_is_refused)
{
    static const char text[] = "model: deep\0linear\n";
    dmft_config *config = NULL;
    dmft_error err = {0};
    ck_assert_int_eq(dmft_config_parse(&config, text, sizeof text - 1, "run.yaml", &err), DMFT_ERROR_CONFIG);
    ck_assert_str_eq(err.text, "run.yaml:1:12: is not YAML: control characters are not allowed");
}
END_TEST

START_TEST(each_required_setting_is_missed)
{
    int count = 0;
    for (size_t i = 1; i < SETTING_COUNT; i++) {
        const struct setting *row = &settings_table[i];
        if (!settings_belongs(row, "deep_linear") || row->need != NEED_REQUIRED) continue;
        count++;
        char text[512], line[256], *at;
        strcpy(text, valid);
        at = strstr(text, row->name);
        ck_assert_ptr_nonnull(at);
        if (*(at - 1) == '{') /* the section in one line */
            memset(at, ' ', strcspn(at, "}"));
        else
            memset(at, ' ', strcspn(at, "\n"));
        snprintf(line, sizeof line, "run.yaml: %s is missing: %s", row->key, row->shape);
        expect_no_problem(text, DMFT_ERROR_CONFIG, line);
    }
    ck_assert_int_eq(count, 7);
}
END_TEST

START_TEST(a_list_of_variances_has_one_for_each_matrix)
{
    static const char *const wrong = "network.weight_variance: one number, or a list for "
                                     "A_0 .. A_{L-1} and the readout: L+1 = 3 numbers, got ";
    dmft_config *config = config_with(valid, NULL);
    dmft_problem *problem = NULL;
    dmft_error err = {0};
    char line[256];
    static const char *const lists[] = {"[1]", "[1, 2]", "[1, 2, 3]", "[1, 2, 3, 4]"};
    for (size_t n = 1; n <= 4; n++) {
        ck_assert_int_eq(dmft_config_set(config, "network.weight_variance", lists[n - 1], &err), 0);
        snprintf(line, sizeof line, "%s%zu", wrong, n);
        if (n == 3) continue;
        ck_assert_int_eq(dmft_problem_create(&problem, config, &err), DMFT_ERROR_CONFIG);
        ck_assert_str_eq(err.text, line);
    }
    dmft_config_free(config);
    char *text = strdup(valid), *at = strstr(text, "0.25");
    memcpy(at, "[ 1]", 4);
    snprintf(line, sizeof line, "run.yaml:6:20: %s1", wrong);
    expect_no_problem(text, DMFT_ERROR_CONFIG, line);
    free(text);
}
END_TEST

START_TEST(setting_names_the_key_alone)
{
    static const struct {
        const char *key, *value, *line;
    } cases[] = {
        {"network.gamma0", "0", "network.gamma0: must be a number in (0, inf), got 0"},
        {"network.gamma0", "", "network.gamma0: is empty; a value is needed"},
        {"network.gamma0", "1\n---\n2", "network.gamma0: a second document begins here; one is allowed"},
        {"network.gamma0", "[1", "network.gamma0: is not YAML: while parsing a flow sequence, did not find expected ',' or ']'"},
        {"network.gama0", "1", "network.gama0: unknown key; the nearest known key is network.gamma0"},
        {"network", "1", "network: is a section, not a setting"},
        {"", "1", ": unknown key; the nearest known key is data"},
        {"st\neps", "1", "st?eps: unknown key; the nearest known key is training.steps"},
    };
    dmft_config *config = config_with(valid, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dmft_error err = {0};
        ck_assert_int_eq(dmft_config_set(config, cases[i].key, cases[i].value, &err), DMFT_ERROR_CONFIG);
        ck_assert_str_eq(err.text, cases[i].line);
        ck_assert_int_eq(dmft_config_set(config, cases[i].key, cases[i].value, NULL), DMFT_ERROR_CONFIG);
    }
    dmft_config_free(config);
}
END_TEST

/* Whatever the text, the end is a configuration or one clean line. */
static void expect_clean(const char *text, size_t length)
{
    dmft_config *config = NULL;
    dmft_error err = {0};
    int status = dmft_config_parse(&config, text, length, "run.yaml", &err);
    ck_assert((config != NULL) == (status == 0));
    dmft_config_free(config);
    if (status == 0) return;
    ck_assert(status == DMFT_ERROR_CONFIG || status == DMFT_ERROR_UNAVAILABLE);
    ck_assert_int_eq(strncmp(err.text, "run.yaml:", 9), 0);
    for (const char *c = err.text; *c != '\0'; c++) ck_assert_msg(' ' <= *c && *c <= '~', "%s", err.text);
}

START_TEST(truncated_files_end_cleanly)
{
    const char *template = dmft_config_template("deep_linear");
    size_t length = strlen(valid);
    for (size_t n = 0; n <= length; n++) expect_clean(valid, n);
    for (size_t n = 0; n <= strlen(template); n++) expect_clean(template, n);
}
END_TEST

START_TEST(changed_bytes_end_cleanly)
{
    static const char bytes[] = {'\0', '\xff', '\n', '\t', ' ', ':', '[', '{', '"', '\'', '&', '*', '-', '0', '#', '|', '\x85'};
    size_t length = strlen(valid);
    char *text = malloc(length);
    memcpy(text, valid, length);
    for (size_t n = 0; n < length; n++)
        for (size_t b = 0; b < sizeof bytes; b++) {
            text[n] = bytes[b];
            expect_clean(text, length);
            text[n] = valid[n];
        }
    free(text);
}
END_TEST

START_TEST(hostile_files_are_refused_at_once)
{
    static const char *const pieces[] = {"[", "{a: ", "? ", "- ", "#", "\n", "a: 1\n", "- *a\n", "x", "!!a ", "'", "[1, "};
    enum { BYTES = 1000001 };
    char *text = malloc(BYTES);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        size_t n = strlen(pieces[i]);
        for (size_t j = 0; j < BYTES; j++) text[j] = pieces[i][j % n];
        expect_clean(text, BYTES - 1);
    }
    dmft_config *config = NULL;
    dmft_error err = {0};
    ck_assert_int_eq(dmft_config_parse(&config, text, BYTES, "run.yaml", &err), DMFT_ERROR_CONFIG);
    ck_assert_str_eq(err.text, "run.yaml: is larger than a configuration may be (1000000 bytes)");
    free(text);
}
END_TEST

/* ---- Files ---- */

START_TEST(files_are_read)
{
    make_folder();
    const char *path = in_folder("run.yaml");
    FILE *file = fopen(path, "w");
    ck_assert(file != NULL && fputs(valid, file) >= 0 && fclose(file) == 0);
    dmft_config *config = NULL, *same = config_with(valid, NULL);
    dmft_error err = {0};
    ck_assert_msg(dmft_config_read(&config, path, &err) == 0, "%s", err.text);
    dmft_problem *one = problem_of(config), *two = problem_of(same);
    ck_assert_str_eq(dmft_problem_text(one), dmft_problem_text(two));
    dmft_problem_free(one);
    dmft_problem_free(two);
    dmft_config_free(config);
    dmft_config_free(same);
    remove_folder();
}
END_TEST

START_TEST(unreadable_files_are_named)
{
    dmft_config *config = NULL;
    dmft_error err = {0};
    ck_assert_int_eq(dmft_config_read(&config, "/nowhere/run.yaml", &err), DMFT_ERROR_READ);
    ck_assert_str_eq(err.text, "/nowhere/run.yaml: cannot be read: No such file or directory");
    ck_assert_int_eq(dmft_config_read(&config, "/tmp", &err), DMFT_ERROR_READ);
    ck_assert_str_eq(err.text, "/tmp: cannot be read: Is a directory");
    ck_assert_int_eq(dmft_config_read(&config, "/dev/null", &err), DMFT_ERROR_CONFIG);
    ck_assert_str_eq(err.text, "/dev/null: is empty; settings are needed");
    ck_assert_int_eq(dmft_config_read(&config, "/dev/zero", &err), DMFT_ERROR_CONFIG);
    ck_assert_str_eq(err.text, "/dev/zero: is larger than a configuration may be (1000000 bytes)");
    ck_assert_ptr_null(config);
}
END_TEST

START_TEST(a_long_name_leaves_room_for_the_message)
{
    char name[2001];
    dmft_config *config = NULL;
    dmft_error err = {0};
    memset(name, 'd', 2000);
    strcpy(name + 1992, "run.yaml");
    ck_assert_int_eq(dmft_config_parse(&config, "network: 3", 10, name, &err), DMFT_ERROR_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "run.yaml:1:1: network: must be a section of settings, got 3"));
    ck_assert_int_eq(dmft_config_parse(&config, "network: 3", 10, NULL, &err), DMFT_ERROR_CONFIG);
    ck_assert_str_eq(err.text, "configuration:1:1: network: must be a section of settings, got 3");
}
END_TEST

/* ---- Problems ---- */

START_TEST(a_problem_holds_what_was_given)
{
    dmft_config *config = config_with("model: deep_linear\nmethod: basis\ntolerance: 1e-9\n"
                                 "network: {depth: 3, width_ratio: 0.7, parameterization: ntk, gamma0: 2.385,\n"
                                 "          weight_variance: [0, 0.1, 2, 3e-1]}\n"
                                 "data: {sample_ratio: 1.7, label_noise: 0.3, batch: online}\n"
                                 "training: {learning_rate: 1e-2, steps: 17}\noutliers: {count: 3, every: 64}\noutput: {kernels: true}\n"
                                 "simulation: {input_dim: 64, seeds: 17, seed: 4294967295, engine: dense}\n", NULL);
    dmft_problem *p = problem_of(config);
    dmft_config_free(config);
    ck_assert_str_eq(p->model, "deep_linear");
    ck_assert(p->depth == 3 && dmft_problem_depth(p) == 3 && p->steps == 17 && dmft_problem_steps(p) == 17);
    ck_assert(p->width_ratio == 0.7 && p->gamma0 == 2.385 && p->sample_ratio == 1.7 && p->label_noise == 0.3 && p->learning_rate == 1e-2);
    ck_assert(p->parameterization == PARAMETERIZATION_NTK && p->batch == BATCH_ONLINE && p->tolerance == 1e-9 && p->store_kernels == 1);
    ck_assert(p->weight_variance[0] == 0 && p->weight_variance[1] == 0.1 && p->weight_variance[2] == 2 && p->weight_variance[3] == 0.3);
    ck_assert(p->outlier_count == 3 && p->outlier_every == 64);
    ck_assert(p->simulation.given == 1 && p->simulation.input_dim == 64 && p->simulation.seeds == 17 && p->simulation.seed == 4294967295UL);
    dmft_problem_free(p);
}
END_TEST

START_TEST(a_problem_holds_the_defaults)
{
    dmft_config *config = config_with(valid, NULL);
    dmft_problem *p = problem_of(config);
    dmft_config_free(config);
    ck_assert(p->parameterization == PARAMETERIZATION_MUP && p->batch == BATCH_FULL && p->label_noise == 0 && p->tolerance == 1e-11);
    ck_assert(p->weight_variance[0] == 0.25 && p->weight_variance[1] == 0.25 && p->weight_variance[2] == 0.25);
    ck_assert(p->outlier_count == 2 && p->outlier_every == 1 && p->store_kernels == 0);
    ck_assert(p->simulation.given == 0 && p->simulation.input_dim == 800 && p->simulation.seeds == 8 && p->simulation.seed == 1);
    ck_assert_str_eq(dmft_problem_text(p), "model: deep_linear\nmethod: basis\ntolerance: 1e-11\n"
                                           "network:\n  depth: 2\n  width_ratio: 0.5\n  parameterization: mup\n  gamma0: 8.5\n"
                                           "  weight_variance: 0.25\n  residual: false\n"
                                           "data:\n  sample_ratio: 4\n  label_noise: 0\n  batch: full\n"
                                           "training:\n  learning_rate: 0.02\n  steps: 60\n  momentum: 0\n  weight_decay: 0\n  flow: false\n"
                                           "grid:\n  kind: uniform\n  tolerance: 1e-08\n"
                                           "probes:\n  ntk: false\n  sharpness: false\n  every: 1\n  rows: 40\n"
                                           "outliers:\n  count: 2\n  every: 1\noutput:\n  kernels: false\n  weights: false\n"
                                           "simulation:\n  input_dim: 800\n  seeds: 8\n  seed: 1\n  engine: dense\n");
    dmft_problem_free(p);
    dmft_problem_free(NULL);
    dmft_config_free(NULL);
}
END_TEST

/* `valid` as a gradient flow, with `more` at the end. */
static const char flowing[] = "model: deep_linear\nnetwork: {depth: 2, width_ratio: 0.5, gamma0: 8.5, weight_variance: 0.25}\n"
                              "data: {sample_ratio: 4}\n";

START_TEST(a_flow_has_a_time_and_a_grid)
{
    char text[512];
    (void)snprintf(text, sizeof text, "%straining: {flow: true, time: 10, steps: 200}\n", flowing);
    dmft_config *config = config_with(text, NULL);
    dmft_problem *p = problem_of(config);
    ck_assert(p->flow == 1 && p->time == 10 && p->steps == 200 && p->rows == 201 && dmft_problem_rows(p) == 201 && p->learning_rate == 1);
    ck_assert(p->grid == GRID_UNIFORM && p->grid_tolerance == 1e-8 && p->method == METHOD_BASIS);
    dmft_problem_free(p);
    ck_assert_int_eq(dmft_config_set(config, "grid.kind", "geometric", NULL), 0);
    p = problem_of(config);
    ck_assert(p->grid == GRID_GEOMETRIC && p->grid_first == 0.01);
    dmft_problem_free(p);
    ck_assert_int_eq(dmft_config_set(config, "grid.first", "2e-3", NULL), 0);
    ck_assert_int_eq(dmft_config_set(config, "method", "rows", NULL), 0);
    p = problem_of(config);
    ck_assert(p->grid_first == 2e-3 && p->method == METHOD_ROWS);
    dmft_problem_free(p);
    dmft_config_free(config);
}
END_TEST

static const struct {
    const char *more, *line;
} flow_errors[] = {
    {"training: {flow: true, steps: 200}", "run.yaml: training.time is missing: a number in (0, inf); training.flow needs it"},
    {"training: {flow: true, time: 1, learning_rate: 0.1, steps: 200}",
     "run.yaml:4:48: training.learning_rate: gradient flow has no learning rate; remove it, or training.flow"},
    {"training: {time: 1, learning_rate: 0.1, steps: 200}", "run.yaml:4:18: training.time: belongs to training.flow: true"},
    {"training: {learning_rate: 0.1, steps: 200}\ngrid: {kind: adaptive}",
     "run.yaml:5:14: grid.kind: a grid of time belongs to training.flow: true"},
    {"training: {learning_rate: 0.1, steps: 200}\ngrid: {first: 0.1}", "run.yaml:5:15: grid.first: a grid of time belongs to training.flow: true"},
    {"training: {flow: true, time: 1, steps: 200}\ngrid: {first: 0.001}", "run.yaml:5:15: grid.first: belongs to grid.kind: geometric"},
    {"training: {flow: true, time: 1, steps: 200}\ngrid: {kind: geometric, first: 0.1}",
     "run.yaml:5:32: grid.first: at most training.time/training.steps = 0.005, got 0.1"},
    {"training: {flow: true, time: 1, steps: 200}\ngrid: {kind: adaptive}\nmethod: rows",
     "run.yaml:5:14: grid.kind: method rows takes uniform | geometric; adaptive is for method basis"},
    {"training: {flow: true, time: 1, steps: 200}\ngrid: {kind: adaptive, tolerance: 0}",
     "run.yaml:5:35: grid.tolerance: an adaptive grid goes by the error: a tolerance above 0"},
    {"training: {flow: true, time: 1, steps: 200}\nmethod: lazy",
     "run.yaml:5:9: method: lazy has gradient descent only, no training.flow: basis | rows"},
    {"training: {learning_rate: 0.1, steps: 200}\nmethod: lazy\noutput: {kernels: true}",
     "run.yaml:6:19: output.kernels: method lazy gives responses as series of t - s, no two-time kernels: false"},
    {"training: {steps: 200}", "run.yaml: training.learning_rate is missing: a number in (0, inf)"},
};

START_TEST(flow_and_steps_are_told_apart)
{
    char text[512];
    (void)snprintf(text, sizeof text, "%s%s\n", flowing, flow_errors[_i].more);
    expect_no_problem(text, DMFT_ERROR_CONFIG, flow_errors[_i].line);
}
END_TEST

/* What belongs together in model deep_linear, behind `flowing` (3 lines). */
static const struct {
    const char *more, *line;
} extension_errors[] = {
#define STEPS "training: {learning_rate: 0.1, steps: 3}\n"
#define FLOW(more) "training: {flow: true, time: 1, steps: 3, " more "}\n"
#define LAZY "not with method lazy, which is plain descent on isotropic inputs: basis | rows"
#define DESCENT "belongs to gradient descent, not to training.flow: true"
    {"training: {learning_rate: 0.1, steps: 3, schedule: [1, 1]}", "run.yaml:4:52: training.schedule: one number a step, 3, got 2"},
    {STEPS "DATA, batch_fraction: 0.5}", "run.yaml:3:41: data.batch_fraction: belongs to data.batch: bernoulli | epoch"},
    {STEPS "DATA, batch: online, batch_fraction: 0.5}", "run.yaml:3:56: data.batch_fraction: belongs to data.batch: bernoulli | epoch"},
    {STEPS "DATA, batch: bernoulli}", "run.yaml: data.batch_fraction is missing: a number in (0, 1]; data.batch: bernoulli and epoch need it"},
    {STEPS "DATA, batch: epoch, batch_fraction: 0.3}",
     "run.yaml:3:55: data.batch_fraction: an epoch has a whole number of batches: one of 1, 1/2, 1/3, .., got 0.3"},
    {"method: basis\n" STEPS "DATA, batch: epoch, batch_fraction: 0.5}", "run.yaml:4:9: method: data.batch: epoch is for method rows"},
    {STEPS "DATA, spectrum: {exponent: 1, modes: 3}}",
     "run.yaml: data.spectrum.target_exponent is missing: a number in [0, inf); a spectrum has exponent, target_exponent and modes"},
    {STEPS "DATA, spectrum: {target_exponent: 1, modes: 3}}",
     "run.yaml: data.spectrum.exponent is missing: a number in [0, inf); a spectrum has exponent, target_exponent and modes"},
    {STEPS "DATA, spectrum: {target_exponent: 1, exponent: 3}}",
     "run.yaml: data.spectrum.modes is missing: an integer in [1, 100000]; a spectrum has exponent, target_exponent and modes"},
    {"method: lazy\ntraining: {learning_rate: 0.1, steps: 2, schedule: [1, 1]}", "run.yaml:5:52: training.schedule: " LAZY},
    {"method: lazy\ntraining: {learning_rate: 0.1, steps: 2, momentum: 0.5}", "run.yaml:5:52: training.momentum: " LAZY},
    {"method: lazy\ntraining: {learning_rate: 0.1, steps: 2, weight_decay: 0.5}", "run.yaml:5:56: training.weight_decay: " LAZY},
    {"method: lazy\n" STEPS "DATA, batch: bernoulli, batch_fraction: 0.5}", "run.yaml:3:32: data.batch: " LAZY},
    {"method: lazy\n" STEPS "DATA, spectrum: {target_exponent: 1, exponent: 3, modes: 2}}", "run.yaml:3:66: data.spectrum.exponent: " LAZY},
    {"method: lazy\n" STEPS "RESIDUAL", "run.yaml:2:85: network.residual: " LAZY},
    {"method: lazy\n" STEPS "probes: {ntk: true}", "run.yaml:6:15: probes.ntk: " LAZY},
    {"method: lazy\n" STEPS "probes: {sharpness: true}", "run.yaml:6:21: probes.sharpness: " LAZY},
    {FLOW("schedule: [1, 1, 1]"), "run.yaml:4:53: training.schedule: " DESCENT},
    {FLOW("momentum: 0.5"), "run.yaml:4:53: training.momentum: " DESCENT},
    {FLOW("weight_decay: 0.5"), "run.yaml:4:57: training.weight_decay: " DESCENT},
    {FLOW("") "DATA, batch: bernoulli, batch_fraction: 0.5}", "run.yaml:3:32: data.batch: " DESCENT},
#undef STEPS
#undef FLOW
#undef LAZY
#undef DESCENT
};

/* "DATA .." in the last line stands for more in the section data, RESIDUAL for a network with residual branches: what is replaced was closed before. */
START_TEST(extensions_are_told_apart)
{
    char text[1024];
    const char *more = extension_errors[_i].more, *data = strstr(more, "DATA"), *residual = strstr(more, "RESIDUAL");
    int length = data != NULL ? (int)(data - more) : residual != NULL ? (int)(residual - more) : (int)strlen(more);
    int n = snprintf(text, sizeof text, "model: deep_linear\nnetwork: {depth: 2, width_ratio: 0.5, gamma0: 8.5, weight_variance: 0.25%s}\n",
                     residual != NULL ? ", residual: true" : "");
    n += snprintf(text + n, sizeof text - (size_t)n, "data: {sample_ratio: 4%s\n", data != NULL ? data + 4 : "}");
    (void)snprintf(text + n, sizeof text - (size_t)n, "%.*s\n", length, more);
    expect_no_problem(text, DMFT_ERROR_CONFIG, extension_errors[_i].line);
}
END_TEST

START_TEST(extensions_reach_the_problem)
{
    dmft_config *config = config_with(valid, NULL);
    static const char *const set[][2] = {{"data.batch", "epoch"},       {"data.batch_fraction", "0.25"}, {"data.spectrum.exponent", "1"},
                                         {"data.spectrum.modes", "2"},  {"data.spectrum.target_exponent", "2"},
                                         {"network.residual", "true"},  {"training.momentum", "0.9"},    {"training.weight_decay", "0.01"},
                                         {"training.steps", "2"},       {"training.schedule", "[1, 0.5]"}, {"probes.ntk", "true"},
                                         {"probes.sharpness", "true"},  {"probes.every", "5"},           {"probes.rows", "17"}};
    for (size_t i = 0; i < sizeof set / sizeof *set; i++) ck_assert_int_eq(dmft_config_set(config, set[i][0], set[i][1], NULL), 0);
    dmft_problem *p = problem_of(config);
    ck_assert(p->batch == BATCH_EPOCH && p->batch_fraction == 0.25 && p->method == METHOD_ROWS && p->residual == 1);
    ck_assert(p->momentum == 0.9 && p->weight_decay == 0.01 && p->schedule[0] == 1.0 && p->schedule[1] == 0.5);
    ck_assert(p->probes.ntk == 1 && p->probes.sharpness == 1 && p->probes.every == 5 && p->probes.rows == 17);
    /* lambda ~ 1, 1/2 of mean 1; w*^2 ~ 1, 1/4, with the mean of lambda w*^2 equal to 1: c (4/3 + 1/6)/2 = 1 */
    ck_assert_uint_eq(p->modes, 2);
    ck_assert_double_eq_tol(p->eigenvalue[0], 4.0 / 3.0, 1e-15);
    ck_assert_double_eq_tol(p->eigenvalue[1], 2.0 / 3.0, 1e-15);
    ck_assert_double_eq_tol(p->target_mode[0], sqrt(4.0 / 3.0), 1e-15);
    ck_assert_double_eq_tol(p->target_mode[1], sqrt(1.0 / 3.0), 1e-15);
    ck_assert_ptr_nonnull(strstr(dmft_problem_text(p), "  spectrum: {exponent: 1, target_exponent: 2, modes: 2}\n"));
    dmft_config *again = config_with(dmft_problem_text(p), NULL);
    dmft_problem *same = problem_of(again);
    ck_assert_str_eq(dmft_problem_text(p), dmft_problem_text(same));
    dmft_problem_free(p);
    dmft_problem_free(same);
    dmft_config_free(config);
    dmft_config_free(again);
    ck_assert_int_eq(dmft_config_create(&config, "deep_linear", NULL), 0);
    dmft_config_free(config);
    expect_no_problem("model: deep_linear\nnetwork: {depth: 1, width_ratio: 1, gamma0: 1, weight_variance: 1}\ndata: {sample_ratio: 1}\n"
                "training: {learning_rate: 1, steps: 1}\nsimulation: {engine: revealed}\n",
                DMFT_ERROR_UNAVAILABLE, "run.yaml:5:22: simulation.engine: revealed is not available in this version for model deep_linear");
}
END_TEST

START_TEST(a_configuration_can_be_built_by_setting)
{
    dmft_config *built = NULL;
    dmft_error err = {0};
    ck_assert_int_eq(dmft_config_create(&built, "deep_linear", &err), 0);
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (settings_belongs(&settings_table[i], "deep_linear") && settings_table[i].need == NEED_REQUIRED)
            ck_assert_int_eq(dmft_config_set(built, settings_table[i].key, settings_table[i].value, &err), 0);
    dmft_config *read = config_with(valid, NULL);
    dmft_problem *one = problem_of(built), *two = problem_of(read);
    ck_assert_str_eq(dmft_problem_text(one), dmft_problem_text(two));
    dmft_problem_free(one);
    dmft_problem_free(two);
    dmft_config_free(built);
    dmft_config_free(read);
    ck_assert_int_eq(dmft_config_create(&built, "deep", &err), DMFT_ERROR_CONFIG);
    ck_assert_int_eq(dmft_config_create(&built, NULL, &err), DMFT_ERROR_CONFIG);
    ck_assert_str_eq(err.text, "model: is empty; a value is needed");
}
END_TEST

START_TEST(a_configuration_without_a_file_names_the_missing_key)
{
    dmft_config *config = NULL;
    dmft_problem *problem = NULL;
    dmft_error err = {0};
    ck_assert_int_eq(dmft_config_create(&config, "deep_linear", &err), 0);
    ck_assert_int_eq(dmft_problem_create(&problem, config, &err), DMFT_ERROR_CONFIG);
    ck_assert_str_eq(err.text, "network.depth is missing: an integer in [1, 64]");
    dmft_config_free(config);
}
END_TEST

/* The text of a problem, read again, gives the same text. */
static void expect_stable(const dmft_problem *problem)
{
    dmft_config *config = config_with(dmft_problem_text(problem), NULL);
    dmft_problem *again = problem_of(config);
    ck_assert_str_eq(dmft_problem_text(problem), dmft_problem_text(again));
    ck_assert(problem->gamma0 == again->gamma0);
    dmft_problem_free(again);
    dmft_config_free(config);
}

START_TEST(canonical_text_is_stable)
{
    char text[NUMBER_TEXT + 64];
    unsigned long long state = 1;
    for (int i = 0; i < 300; i++) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        double x = ldexp((double)(state >> 11) + 1, (int)(state % 2000) - 1060);
        snprintf(text, sizeof text, "%.17g", x);
        dmft_problem *problem = problem_changed("network.gamma0", text);
        ck_assert(problem->gamma0 == x);
        expect_stable(problem);
        dmft_problem_free(problem);
    }
    dmft_problem *problem = problem_changed("network.weight_variance", "[0, 1e-300, 0.1]");
    ck_assert_ptr_nonnull(strstr(dmft_problem_text(problem), "  weight_variance: [0, 1e-300, 0.1]\n"));
    expect_stable(problem);
    dmft_problem_free(problem);
}
END_TEST

START_TEST(numbers_have_decimal_notation)
{
    static const struct {
        const char *text;
        double value;
    } good[] = {
        {"1", 1}, {"0", 0}, {"-0", 0}, {"-0.0", 0}, {"1.", 1}, {".5", 0.5}, {"+2.5", 2.5}, {"1e3", 1000}, {"1E+3", 1000}, {"1e-3", 1e-3},
        {"0.1", 0.1}, {"0e0", 0}, {"2.385", 2.385}, {"4.9e-324", 4.9e-324}, {"1e-310", 1e-310}, {"1e-400", 0},
        {"1.7976931348623157e308", DBL_MAX}, {"1e999", INFINITY}};
    static const char *const bad[] = {
        "", "-", "+", ".", "e1", "1e", "1e+", "01", "-01", "00.5", "0x1", "1f", "1 ", " 1", "1_0", "1,5", "nan", "inf",
        "--1", ".e1"};
    double value = 0;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_msg(number_parse(good[i].text, strlen(good[i].text), &value) == 1, "%s", good[i].text);
        ck_assert(value == good[i].value && !signbit(value));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) ck_assert_msg(number_parse(bad[i], strlen(bad[i]), &value) == 0, "%s", bad[i]);
    char shown[NUMBER_TEXT];
    number_format(shown, 0.1);
    ck_assert_str_eq(shown, "0.1");
    number_format(shown, 0.1 + 0.2);
    ck_assert_str_eq(shown, "0.30000000000000004");
}
END_TEST

START_TEST(the_locale_does_not_matter)
{
    static const char *const commas[] = {
        "de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8", "fr_FR.utf8", "it_IT.UTF-8", "pt_BR.UTF-8", "ru_RU.UTF-8"};
    size_t i = 0, n = sizeof commas / sizeof *commas;
    while (i < n && setlocale(LC_NUMERIC, commas[i]) == NULL) i++;
    if (i == n) return; /* no such locale on this machine */
    char comma[16];
    snprintf(comma, sizeof comma, "%.1f", 0.5);
    dmft_problem *problem = problem_changed("network.gamma0", "2.385");
    int good = problem->gamma0 == 2.385 && problem->tolerance == 1e-11 && strstr(dmft_problem_text(problem), "  gamma0: 2.385\n") != NULL;
    expect_stable(problem);
    dmft_problem_free(problem);
    setlocale(LC_NUMERIC, "C");
    ck_assert_str_eq(comma, "0,5");
    ck_assert_int_eq(good, 1);
}
END_TEST

/* ---- Made from the table ---- */

/* The rows of the model and no others. */
static void expect_rows(const char *template, const char *model)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *row = &settings_table[i];
        char line[512];
        if (row->type == TYPE_VALUES) continue; /* no template sweeps */
        snprintf(line, sizeof line, "# %s\n", row->text);
        ck_assert_msg((strstr(template, line) != NULL) == settings_belongs(row, model), "%s: %s", model, row->key);
    }
}

START_TEST(the_templates_run)
{
    const char *template = dmft_config_template("deep_linear"), *other = dmft_config_template("mlp"), *third = dmft_config_template("noisy_matrix");
    dmft_config *filled = config_with(template, NULL), *bare = config_with(valid, NULL), *mlp = config_with(other, NULL), *matrix = config_with(third, NULL);
    dmft_problem *one = problem_of(filled), *two = problem_of(bare), *three = problem_of(mlp), *four = problem_of(matrix);
    ck_assert_str_eq(dmft_problem_text(one), dmft_problem_text(two));
    ck_assert_int_eq(three->kind, MODEL_MLP);
    ck_assert_uint_eq(three->mlp.samples, 3);
    expect_rows(template, "deep_linear");
    expect_rows(other, "mlp");
    ck_assert_int_eq(four->kind, MODEL_NOISY_MATRIX);
    ck_assert_int_eq(four->rows, 41);
    expect_rows(third, "noisy_matrix");
    expect_rows(dmft_config_template("low_degree_filter"), "low_degree_filter");
    expect_rows(dmft_config_template("two_layer_linear_width"), "two_layer_linear_width");
    dmft_problem_free(one);
    dmft_problem_free(two);
    dmft_problem_free(three);
    dmft_problem_free(four);
    dmft_config_free(matrix);
    dmft_config_free(filled);
    dmft_config_free(bare);
    dmft_config_free(mlp);
    ck_assert_ptr_null(dmft_config_template(""));
    ck_assert_ptr_null(dmft_config_template(NULL));
}
END_TEST

START_TEST(the_reference_page_is_up_to_date)
{
    const char *source = getenv("DMFT_SRCDIR");
    char path[4096], *page = NULL;
    size_t length = 0;
    FILE *made = open_memstream(&page, &length);
    settings_page(made);
    ck_assert_int_eq(fclose(made), 0);
    snprintf(path, sizeof path, "%s/doc/config.md", source != NULL ? source : ".");
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s is missing", path);
    char *stored = calloc(1, length + 2);
    size_t stored_length = fread(stored, 1, length + 1, file);
    (void)fclose(file);
    ck_assert_msg(stored_length == length && memcmp(page, stored, length) == 0,
                  "%s is not what the table makes: run tools/settings_page", path);
    free(stored);
    free(page);
}
END_TEST

static TCase *group(Suite *suite, const char *name)
{
    TCase *tests = tcase_create(name);
    suite_add_tcase(suite, tests);
    return tests;
}

Suite *suite_config(void)
{
    Suite *suite = suite_create("config");
    TCase *table = group(suite, "table"), *errors = group(suite, "errors"), *files = group(suite, "files"),
          *problems = group(suite, "problems");
    tcase_add_test(table, table_is_sound);
    tcase_add_test(table, models_are_matched_whole);
    tcase_add_test(table, settings_refuse_wrong_types);
    tcase_add_test(table, integers_have_one_notation);
    tcase_add_test(table, settings_keep_to_their_domains);
    tcase_add_test(table, choices_take_their_words);
    tcase_add_test(table, the_templates_run);
    tcase_add_test(table, texts_are_scalars_that_can_be_printed);
    tcase_add_test(table, lists_of_lists_have_rows_of_one_length);
    tcase_add_test(table, the_reference_page_is_up_to_date);
    tcase_add_loop_test(errors, errors_name_the_place, 0, (int)(sizeof lines / sizeof *lines));
    tcase_add_test(errors, a_nul_byte_is_refused);
    tcase_add_test(errors, each_required_setting_is_missed);
    tcase_add_test(errors, a_list_of_variances_has_one_for_each_matrix);
    tcase_add_test(errors, setting_names_the_key_alone);
    tcase_add_test(errors, truncated_files_end_cleanly);
    tcase_add_test(errors, changed_bytes_end_cleanly);
    tcase_add_test(errors, hostile_files_are_refused_at_once);
    tcase_add_test(files, files_are_read);
    tcase_add_test(files, unreadable_files_are_named);
    tcase_add_test(files, a_long_name_leaves_room_for_the_message);
    tcase_add_test(problems, a_problem_holds_what_was_given);
    tcase_add_test(problems, a_problem_holds_the_defaults);
    tcase_add_test(problems, a_flow_has_a_time_and_a_grid);
    tcase_add_loop_test(problems, flow_and_steps_are_told_apart, 0, sizeof flow_errors / sizeof *flow_errors);
    tcase_add_loop_test(problems, extensions_are_told_apart, 0, sizeof extension_errors / sizeof *extension_errors);
    tcase_add_test(problems, extensions_reach_the_problem);
    tcase_add_test(problems, a_configuration_can_be_built_by_setting);
    tcase_add_test(problems, a_configuration_without_a_file_names_the_missing_key);
    tcase_add_test(problems, canonical_text_is_stable);
    tcase_add_test(problems, numbers_have_decimal_notation);
    tcase_add_test(problems, the_locale_does_not_matter);
    return suite;
}
