/* Parts of a page of HTML: text, cells, pictures. The page asks for nothing from elsewhere, and runs nothing. */
#include "html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gnuplot.h"

/* ---- text ---- */

/* One character as it is, or what stands for it; returns the bytes that it took. */
static size_t put_character(FILE *out, const char *text, size_t length)
{
    size_t bytes = text_character(text, length);
    int none = bytes == 3 && (memcmp(text, "\xef\xbf\xbe", 3) == 0 || memcmp(text, "\xef\xbf\xbf", 3) == 0); /* U+FFFE, U+FFFF */
    int control = bytes == 1 && ((unsigned char)*text < ' ' || *text == 0x7f) && *text != '\n' && *text != '\t';
    if (bytes == 0 || none || control)
        (void)fputs("\xef\xbf\xbd", out);
    else
        (void)fwrite(text, 1, bytes, out);
    return bytes > 0 ? bytes : 1;
}

void html_bytes(FILE *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        const char *name = text[i] == '&' ? "&amp;" : text[i] == '<' ? "&lt;" : text[i] == '>' ? "&gt;" : text[i] == '"' ? "&quot;" : NULL;
        if (name != NULL) (void)fputs(name, out);
        i += name != NULL ? 1 : put_character(out, text + i, length - i);
    }
}

void html_text(FILE *out, const char *text) { html_bytes(out, text, strlen(text)); }

/* ---- cells ---- */

void html_cell(FILE *out, int head, const char *text)
{
    (void)fprintf(out, "<t%c>", head ? 'h' : 'd');
    html_text(out, text);
    (void)fprintf(out, "</t%c>", head ? 'h' : 'd');
}

void html_number(FILE *out, double value, double error)
{
    (void)fputs("<td class=\"number\">", out);
    if (isnan(value))
        (void)fputs("\xe2\x80\x93", out); /* a dash */
    else
        (void)fprintf(out, "%.6g", value);
    if (!isnan(value) && !isnan(error)) (void)fprintf(out, "<span class=\"error\"> \xc2\xb1 %.2g</span>", error);
    (void)fputs("</td>", out);
}

/* ---- pictures ---- */

/* Inside of a tag: names get a prefix where they are given and where they are used; those of gnuplot's groups, which are not unique and which nothing uses,
 * are left out. Returns the bytes that were taken; 0 when no name begins here. */
static size_t put_name(FILE *out, const char *at, size_t number)
{
    static const char *const given[] = {" id=\"", " id='"}, *const used[] = {"href=\"#", "href='#", "url(#"};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        size_t length = strlen(given[i]);
        if (strncmp(at, given[i], length) != 0) continue;
        if (strncmp(at + length, "gnuplot_", 8) == 0) {
            size_t name = strcspn(at + length, "\"'>");
            return length + name + (at[length + name] == at[length - 1]);
        }
        (void)fprintf(out, "%sp%zu-", given[i], number);
        return length;
    }
    for (size_t i = 0; i < sizeof used / sizeof *used; i++)
        if (strncmp(at, used[i], strlen(used[i])) == 0) {
            (void)fprintf(out, "%sp%zu-", used[i], number);
            return strlen(used[i]);
        }
    return 0;
}

int html_picture(FILE *out, FILE *picture, size_t number, const char *label)
{
    size_t length = 0;
    char *text = gnuplot_read(picture, &length);
    const char *begin = text != NULL ? strstr(text, "<svg") : NULL; /* behind the prologue of XML */
    if (begin != NULL) {
        (void)fputs("<svg role=\"img\" aria-label=\"", out);
        html_text(out, label);
        (void)fputc('"', out);
        int tag = 1;
        for (const char *at = begin + strlen("<svg"); at < text + length;) {
            size_t taken = tag ? put_name(out, at, number) : *at == '>'; /* gnuplot leaves '>' in texts as it is; "]]>" must not stand there */
            if (!tag && taken > 0) (void)fputs("&gt;", out);
            tag = tag ? taken > 0 || *at != '>' : *at == '<';
            at += taken > 0 ? taken : put_character(out, at, (size_t)(text + length - at));
        }
    }
    free(text);
    return begin != NULL ? 0 : -1;
}

/* ---- the page ---- */

static const char style[] =
    "body{font:15px/1.5 'DejaVu Sans',Verdana,sans-serif;color:#222;background:#fff;max-width:1120px;margin:0 auto;padding:24px 20px 60px}\n"
    "h1{font-size:26px;margin:0 0 4px}h2{font-size:20px;margin:44px 0 10px;padding-top:14px;border-top:2px solid #0072b2}\n"
    "h3{font-size:16px;margin:28px 0 6px}h4{font-size:14px;margin:18px 0 4px;color:#444}p{margin:6px 0}\n"
    ".about{color:#666;margin-bottom:18px}code{font-family:'DejaVu Sans Mono',Consolas,monospace;font-size:13px;overflow-wrap:anywhere}\n"
    ".scroll{overflow-x:auto;margin:6px 0 12px}table{border-collapse:collapse;font-size:13px}\n"
    "th,td{padding:3px 12px 3px 0;text-align:left;vertical-align:top;border-bottom:1px solid #e4e4e4;overflow-wrap:anywhere}\n"
    "th{font-weight:600}tbody th{white-space:nowrap}thead th{border-bottom:1px solid #888;white-space:nowrap}\n"
    "thead th.number,td.number{text-align:right;white-space:nowrap}\n"
    "table.points td{overflow-wrap:normal}table.points td.outcome{min-width:140px}\n"
    "td.number{font-variant-numeric:tabular-nums}.error{color:#777}\n"
    ".warnings{border-left:4px solid #e69f00;background:#fff7e3;padding:8px 16px;margin:14px 0}.warnings ul{margin:4px 0;padding-left:20px}\n"
    ".holds,.fails,.none{display:inline-block;padding:1px 10px;border-radius:10px;color:#fff;font-weight:600;font-size:13px}\n"
    ".holds{background:#00795a}.fails{background:#b3321a}.none{background:#777}\n"
    "figure{margin:12px 0}figure svg{max-width:100%;height:auto;display:block}\n"
    "figcaption{color:#666;font-size:13px}summary{cursor:pointer;color:#0072b2;margin:8px 0}\n"
    "@media print{body{max-width:none;padding:0}h2,h3,h4{break-after:avoid}figure,tr{break-inside:avoid}.scroll{overflow:visible}}\n";

void html_begin(FILE *out, const char *title)
{
    (void)fputs("<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>",
                out);
    html_text(out, title);
    (void)fprintf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>", style);
    html_text(out, title);
    (void)fputs("</h1>\n", out);
}

void html_end(FILE *out) { (void)fputs("</body>\n</html>\n", out); }
