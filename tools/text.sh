#!/bin/sh
# Next-word prediction as a data set of model mlp: text.sh SAMPLES CLASSES OUT.csv [TEXT]
#
# A sample is a place in TEXT (the GPL as Debian ships it, unless given): its inputs say which two words stand before it, a 1 in a column for each word at
# each of the two distances; its target says which word stands there, a 1 in the column of its class. Words are runs of letters, without case. The words
# that are to be predicted are numbered as they first come; word i is of class i mod CLASSES, or, with CLASSES 0, of a class of its own. So data sets with
# few and with many outputs have the same inputs. Prints the number of classes, which is data.outputs.
set -eu
if [ $# -lt 3 ] || [ $# -gt 4 ]; then
    echo "usage: text.sh SAMPLES CLASSES OUT.csv [TEXT]" >&2
    exit 2
fi
samples=$1 classes=$2 out=$3 text=${4:-/usr/share/common-licenses/GPL-3}
for number in "$samples" "$classes"; do
    case $number in *[!0-9]* | '') echo "text.sh: not a whole number: '$number'" >&2 && exit 2 ;; esac
done
if [ "$samples" -lt 2 ] || [ "$classes" -eq 1 ]; then
    echo "text.sh: at least 2 samples, and 2 or more classes (0: every word its own), got $samples and $classes" >&2
    exit 2
fi
if [ ! -r "$text" ]; then
    echo "text.sh: cannot read $text: name a text as the fourth argument (Debian has this one in its package base-files)" >&2
    exit 2
fi
trap 'rm -f "$out.tmp"' EXIT
LC_ALL=C tr -cs 'A-Za-z' '\n' < "$text" | LC_ALL=C awk -v samples="$samples" -v classes="$classes" -v out="$out.tmp" '
NF && count < samples + 2 { word[++count] = tolower($1) }
END {
    if (count < samples + 2) {
        printf "text.sh: the text has %d words, %d samples take %d\n", count, samples, samples + 2 > "/dev/stderr"
        exit 2
    }
    for (i = 3; i <= count; i++) {
        if (!(word[i] in target)) target[word[i]] = targets++
        for (j = 1; j <= 2; j++)
            if (!(word[i - j] in context)) context[word[i - j]] = contexts++
    }
    K = classes == 0 || classes > targets ? targets : classes
    for (i = 3; i <= count; i++) {
        line = ""
        for (j = 1; j <= 2; j++)
            for (c = 0; c < contexts; c++) line = line (c == context[word[i - j]] ? "1," : "0,")
        for (k = 0; k < K; k++) line = line (k == target[word[i]] % K ? "1" : "0") (k < K - 1 ? "," : "\n")
        printf "%s", line > out
    }
    print K
}'
mv "$out.tmp" "$out"
