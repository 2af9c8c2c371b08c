#!/usr/bin/env bash
# `dmft report` from outside: pages of every model, sweeps and tables are whole, well-formed and self-contained; warnings, verdicts, bad input; and what a browser makes of them.
# usage: test_report.sh PATH/TO/dmft
. "$(dirname "$0")/program_parts.sh"
. "$source_folder/all_results.sh"

# A page is XML as well as HTML, so that a strict reader can look at it.
if command -v xmllint >/dev/null; then
    reader=xmllint
    well_formed() { xmllint --noout --nonet "$1" 2>err; }
elif python3 -c 'import xml.dom.minidom' 2>/dev/null; then
    reader=python3
    well_formed() { python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$1" 2>err; }
else
    reader=grep
    well_formed() { tail -n 1 "$1" | grep -q '^</html>$' && [ "$(grep -o '<table' "$1" | wc -l)" = "$(grep -o '</table>' "$1" | wc -l)" ]; }
fi
echo "# pages are read by $reader"

count() { grep -o -e "$2" "$1" | wc -l; }
# Nothing from elsewhere, nothing that runs, no name twice.
self_contained() {
    ! grep -qE '<script|<link|<iframe|<object|@import| on[a-z]+=' "$1" && ! grep -oE '(src|href)=["'"'"'][^"'"'"']*' "$1" | grep -qvE '=.#' &&
        [ -z "$(grep -oE ' id=["'"'"'][^"'"'"']*' "$1" | sed "s/.*=.//" | sort | uniq -d)" ]
}
# page NAME PICTURES FILE..: the report NAME.html of the files has so many pictures.
page() {
    local name=$1 pictures=$2
    shift 2
    expect "$name" 0 "^wrote $name.html" report "$@" -o "$name.html"
    holds "$name: well-formed" well_formed "$name.html"
    holds "$name: self-contained" self_contained "$name.html"
    holds "$name: $pictures pictures" test "$(count "$name.html" '<svg ')" -eq "$pictures" -a "$(count "$name.html" '<figure>')" -eq "$pictures"
    holds "$name: a table of each kind" test "$(count "$name.html" 'class="provenance"')" -eq $# -a "$(count "$name.html" 'class="settings"')" -ge 1
}
warns() { holds "warns: $2" grep -qE "<li><code>$1</code>: $2" warnings.html; }

# ---- every model ----
make_results
for model in $models; do
    page $model 1 $model-theory.h5 $model-networks.h5
    holds "$model: a verdict" grep -qE 'class="verdict".*class="(holds|fails)">(holds|does not hold)</span> [0-9]+ numbers' $model.html
    # The verdict is that of `dmft compare`.
    "$dmft" compare $model-theory.h5 $model-networks.h5 >out 2>/dev/null
    holds "$model: the same verdict as compare" grep -q ">$(sed -n 's/^verdict: //p' out)</span> $(sed -n 's/^compared: \([0-9]*\) numbers, \([0-9]*\) outside.*/\1 numbers, \2 outside/p' out);" $model.html
    # The last number of the last default column stands in the table.
    column=$("$dmft" show $model-theory.h5 --csv | awk -F, 'NR == 1 { split($0, name, ",") } { for (i = 1; i <= NF; i++) if (NR > 1 && $i != "nan" && name[i] != "step" && name[i] != "time") { last = name[i] " " $i } } END { print last }')
    holds "$model: ${column% *} to six digits" grep -qE "<th>${column% *}</th>.*>$(printf '%.6g' "${column#* }" | sed 's/[.+]/\\&/g')<" $model.html
    holds "$model: provenance" grep -qF "solve $model.yaml" $model.html
done
page sweeps 3 sweep-theory.h5 sweep-networks.h5
holds "sweeps: points by outcome" grep -q '<td>diverged</td><td class="number">[1-9]' sweeps.html
holds "sweeps: all points" test "$(grep -c 'class="outcome"' sweeps.html)" -eq 24
for model in deep_linear mlp; do all="${all:-} $model-theory.h5 $model-networks.h5"; done
page together 5 $all sweep-theory.h5 sweep-networks.h5
holds "together: a section a problem" test "$(count together.html '<section')" -eq 3
holds "escapes" grep -q '<tr><td>A_1</td><td class="number">1</td><td class="number">[0-9]' deep_linear.html
holds "a setting in which files differ" grep -qE '<th>simulation.seeds</th><td><code>8</code></td><td><code>9</code></td>' deep_linear.html
holds "no warning without a reason" test "$(count deep_linear.html 'class="warnings"')" -eq 0

# ---- warnings ----
"$dmft" solve deep_linear.yaml -o margin.h5 --set training.learning_rate=0.031 --set probes.sharpness=true --quiet
"$dmft" solve deep_linear.yaml -o diverged.h5 --set training.learning_rate=3 --quiet 2>/dev/null
sed 's/learning_rate: [0-9.]*, steps: [0-9]*/flow: true, time: 10, steps: 3/' deep_linear.yaml >flow.yaml
"$dmft" solve flow.yaml -o flow.h5 --set tolerance=1e-3 --quiet
"$dmft" solve mlp.yaml -o sites.h5 --set sampling.sites=32 --set sampling.replicas=8 --quiet
"$dmft" simulate deep_linear.yaml -o seeds.h5 --set simulation.seeds=3 --quiet
"$dmft" simulate deep_linear.yaml -o seed.h5 --set simulation.seeds=1 --quiet
cat >failing.yaml <<'YAML'
model: deep_linear
network: {depth: 2, width_ratio: 0.5, gamma0: 2.0, weight_variance: 0.5}
data: {sample_ratio: 3.0}
training: {learning_rate: 0.02, steps: 4}
sweep: {network.residual: [false, true], method: [basis, lazy]}
YAML
"$dmft" sweep failing.yaml -o failing.h5 --quiet 2>/dev/null
printf 'step,C_v,test_loss\n0,1,0.5\n1,3,0.5\n' >data.csv
"$dmft" report deep_linear-theory.h5 margin.h5 diverged.h5 flow.h5 sites.h5 seeds.h5 seed.h5 data.csv failing.h5 -o warnings.html --quiet
holds "warnings: well-formed" well_formed warnings.html
warns margin.h5 "near divergence: the stability margin .* comes down to 0\.1"
warns diverged.h5 "diverged at step [0-9]"
warns flow.h5 "coarse grid: between the times 0 and 3.333"
warns flow.h5 "tolerance is 0.001"
warns sites.h5 "[0-9]+ directions of 32 sites"
warns seeds.h5 "3 networks only: .* uncertain by 50 %"
warns seed.h5 "standard errors are missing in [0-9]+ series"
warns failing.h5 "points refused: 1 of 4, the first: .*network.residual: not with method lazy"
warns data.csv "standard errors are missing in 2 series \(C_v"
holds "few networks test little" grep -q '; samples of 3 seeds test little</p>' warnings.html
holds "a network alone is not compared" grep -q 'seed.h5</code>: <span class="none">not compared' warnings.html
expect "a table" 0 "wrote table.html" report deep_linear-theory.h5 data.csv -o table.html
holds "the row that does not hold" grep -qE '<tr><td>C_v</td><td class="number">1</td><td class="number">[0-9.]+</td><td class="number">3<' table.html
expect "a table alone" 0 "" report data.csv -o alone.html --quiet
holds "quiet says nothing" test ! -s out -a ! -s err
printf 'step,C_v\n0,nan\n' >none.csv
expect "nothing to draw" 0 "wrote none.html" report none.csv -o none.html
holds "is said on the page" grep -q "Nothing to draw" none.html

# ---- names that are no HTML ----
for name in 'a<b>&"'"'"'.h5' '<script>alert(1)<' 'n]]>.h5' $'bad\xff\xc3name\x01.h5'; do cp deep_linear-theory.h5 "$name"; done
expect "names" 0 "wrote names.html" report 'a<b>&"'"'"'.h5' '<script>alert(1)<' 'n]]>.h5' $'bad\xff\xc3name\x01.h5' -o names.html
holds "names: well-formed" well_formed names.html
holds "names: no script" test "$(count names.html '<script')" -eq 0
holds "names: escaped" grep -q "<code>a&lt;b&gt;&amp;&quot;'.h5</code>" names.html

# ---- bad input ----
expect "no output" 2 "-o OUT.html is missing" report deep_linear-theory.h5
expect "no file" 2 "FILE is missing" report -o x.html
expect "another ending" 2 "must end in .html or .htm, got 'deep_linear-theory.h5'" report deep_linear-theory.h5 -o deep_linear-theory.h5 --force
expect "a file that is not there" 2 "cannot read absent.h5" report deep_linear-theory.h5 absent.h5 -o x.html
expect "no result" 2 "mlp.yaml: not an HDF5 file" report mlp.yaml -o x.html
expect "a folder that is not there" 2 "cannot write none/x.html" report deep_linear-theory.h5 -o none/x.html
head -c 3000 deep_linear-theory.h5 >cut.h5
expect "a truncated result" 2 "cut.h5" report cut.h5 -o x.html
holds "nothing was written" test ! -e x.html
cp table.html before.html
expect "an existing page" 2 "exists already \(--force" report data.csv -o table.html
holds "is kept" cmp -s table.html before.html
expect "--force" 0 "wrote table.html" report data.csv -o table.html --force
mkdir bin && printf '#!/bin/sh\nexit 3\n' >bin/gnuplot && chmod +x bin/gnuplot
(PATH="$folder/bin:$PATH" "$dmft" report deep_linear-theory.h5 -o x.html >out 2>err); holds "gnuplot fails: status 1" test $? -eq 1 -a "$(wc -l <err)" -eq 1
holds "gnuplot fails: no page" test ! -e x.html -a -z "$(find . -name '*.tmp')"

# ---- in a browser ----
# The page runs nothing; a script is put behind it that writes down the sizes of what was laid out.
browser=""
for name in chromium chromium-browser google-chrome; do [ -z "$browser" ] && browser=$(command -v $name); done
measure='<script>document.title = [].map.call(document.querySelectorAll("svg,table"), function (e) { var b = e.getBoundingClientRect();
  return e.tagName.toLowerCase() + " " + Math.round(b.width) + " " + Math.round(b.height) + " " + e.querySelectorAll("path,tr").length + ";"; }).join("");</script>'
if [ -z "$browser" ]; then
    skip "pages in a browser" "no Chromium is installed"
else
    sed "s|^</body>|$(printf '%s' "$measure" | tr '\n' ' ' | sed 's/[&|]/\\&/g')</body>|; s/<details>/<details open=\"open\">/" together.html >measured.html
    timeout 120 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$folder/profile" --window-size=1200,1000 --dump-dom "file://$folder/measured.html" >dom 2>browser.log
    sed -n 's/.*<title>\(.*\)<\/title>.*/\1/p' dom | head -n 1 | tr ';' '\n' | sed '/^$/d' >sizes
    holds "browser: all tables" test "$(grep -c '^table' sizes)" -eq "$(count together.html '<table')"
    holds "browser: all pictures" test "$(grep -c '^svg' sizes)" -eq 5
    holds "browser: pictures have a size, and are drawn" test "$(awk '$1 == "svg" && $2 > 500 && $3 > 400 && $4 > 20' sizes | wc -l)" -eq 5
    holds "browser: tables have a size, and rows" test "$(awk '$1 == "table" && $2 > 50 && $3 > 15 && $4 >= 1' sizes | wc -l)" -eq "$(count together.html '<table')"
fi

totals
