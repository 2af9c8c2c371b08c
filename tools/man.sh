#!/bin/sh
# Manual pages and the completion of bash, from what the program and the header say of themselves: dmft.1, dmft-COMMAND.1, libdmft.3 and dmft.bash.
# Arguments: the program, the folder to write to, the header, its parts.
set -eu
dmft=$1 to=$2 header=$3
shift 3
mkdir -p "$to"
version=$("$dmft" --version | awk '{ print $2; exit }')
commands=$("$dmft" --help | awk '$1 == "dmft" { print $2 }')

head_of() # NAME SECTION TITLE
{
    printf '.TH %s %s "" "libdmft %s" "%s"\n' "$1" "$2" "$version" "$3"
}

# Text of troff: no line begins with a dot or a quote, and '-' and '\' are what they look like.
troff() { sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^\([.']\)/\\\\\&\1/"; }

exit_status()
{
    printf '.SH EXIT STATUS\n'
    "$dmft" --help | sed -n '/^Exit status:/,$p' | sed 's/^Exit status: //' | troff
}

# The commands that one will want next.
related() # COMMAND
{
    case $1 in
        solve) echo "simulate compare show plot escape init" ;;
        simulate) echo "solve compare show plot represent spectrum init" ;;
        compare) echo "solve simulate converge report" ;;
        init) echo "solve simulate sweep" ;;
        sweep) echo "solve simulate show plot" ;;
        converge) echo "solve simulate compare" ;;
        escape | represent) echo "solve simulate show" ;;
        outliers) echo "escape spectrum" ;;
        spectrum) echo "simulate outliers" ;;
        *) echo "solve simulate" ;;
    esac
}

{
    head_of DMFT 1 "User Commands"
    printf '.SH NAME\ndmft \\- mean-field theory of the training of wide networks, and sampled networks beside it\n'
    printf '.SH SYNOPSIS\n.B dmft\n.I COMMAND\n[arguments] [options]\n.SH COMMANDS\n'
    "$dmft" --help | awk '$1 == "dmft" { name = $2; $1 = $2 = ""; sub(/^ +/, ""); print name "\t" $0 }' | while IFS='	' read -r name text; do
        printf '.TP\n.BR dmft\\-%s (1)\n' "$name"
        printf '%s\n' "$text" | troff
    done
    exit_status
    printf '.SH CONFIGURATION\nOne YAML file; \\fBdmft init\\fR \\fIMODEL\\fR prints it with every setting and its default.\n'
    printf '.SH SEE ALSO\n.BR libdmft (3),\nthe manual in the folder of the documentation (manual.md)\n'
} > "$to/dmft.1"

for command in $commands; do
    {
        head_of "$(printf 'DMFT-%s' "$command" | tr '[:lower:]' '[:upper:]')" 1 "User Commands"
        "$dmft" "$command" --help | awk -v command="$command" '
            NR == 1 { sub(/^usage: /, ""); usage = $0 }
            NR == 3 { sub(command " ", ""); sub(/\.$/, ""); print ".SH NAME\ndmft\\-" command " \\- " $0; print ".SH SYNOPSIS\n" usage; print ".SH OPTIONS" }
            /^ +-/ { left = substr($0, 1, 28); text = substr($0, 31); if (length($0) > 30 && left !~ / $/) { n = index(substr($0, 3), "   "); left = $0; sub(/  +[^ ].*$/, "", left) }
                     sub(/^ +/, "", left); sub(/ +$/, "", left); gsub(/-/, "\\-", left); gsub(/-/, "\\-", text); print ".TP\n.B " left "\n" text }'
        exit_status
        printf '.SH SEE ALSO\n.BR dmft (1)'
        for other in $(related "$command"); do printf ',\n.BR dmft\\-%s (1)' "$other"; done
        printf '\n'
    } > "$to/dmft-$command.1"
done

{
    head_of LIBDMFT 3 "Library Functions"
    printf '.SH NAME\nlibdmft \\- mean-field theory of the training of wide networks\n.SH SYNOPSIS\n.nf\n.B #include <dmft.h>\n\ncc ... $(pkg-config \\-\\-cflags \\-\\-libs dmft)\n.fi\n'
    printf '.SH CONVENTIONS\n'
    sed -n '/^ \* - Way of data/,/^ \*\//p' "$header" | sed -e '/^ \*\//d' -e 's/^ \* *//' | troff | sed 's/^\\- /.IP \\(bu 2\n/'
    printf '.SH FUNCTIONS\nThe header has the meaning, ownership and errors of each.\n.nf\n'
    awk '/^DMFT_(API|FALLIBLE)/ { line = $0; while (line !~ /;/) { getline more; sub(/^ +/, " ", more); line = line more }
         sub(/^DMFT_(API|FALLIBLE) /, "", line)
         while (length(line) > 72) { # the page is indented by 7: parameters that do not fit go to the next line
             for (at = 72; at > 8 && substr(line, at - 1, 2) != ", "; at--) { }
             cut = at > 8 ? at - 1 : index(line, "(") # the last character that stays
             if (cut == 0) break
             print substr(line, 1, cut); line = substr(line, cut + 1); sub(/^ */, "    ", line) }
         print line }' "$@" | troff
    printf '.fi\n.SH SEE ALSO\n.BR dmft (1)\n'
} > "$to/libdmft.3"

# Of a word: what the option before it takes (files; some words; else nothing), options, or files. Names with blanks are one word each, which readline quotes.
{
    cat << 'BASH'
# Completion of dmft for bash.
_dmft_files()
{
    local word=${1//\\/}
    compopt -o filenames 2> /dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "${word#[\"\']}")
}
_dmft()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} options=
    COMPREPLY=()
    if [ "$word" = = ]; then
        word=
    elif [ "$before" = = ]; then
        before=${COMP_WORDS[COMP_CWORD-2]}
    fi
BASH
    printf '    if [ "$COMP_CWORD" -eq 1 ]; then\n        mapfile -t COMPREPLY < <(compgen -W "%s --help --version" -- "$word")\n        return\n    fi\n    case $command in\n' "$(echo $commands)"
    for command in $commands; do
        printf '        %s) options="%s" ;;\n' "$command" "$("$dmft" "$command" --help | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -e '--[a-z-]+' | tr '\n' ' ')"
    done
    takes=$(for command in $commands; do "$dmft" "$command" --help; done | sed -nE 's/^ +(-., )?(--[a-z-]+) ([^ ]+) .*/\2 \3/p' | sort -u)
    files=$(echo "$takes" | sed -n 's/ FILE$//p') some=$(echo "$takes" | grep -E ' (.*\||)[a-z]+(\||$)') others=$(echo "$takes" | grep -vE ' FILE$| (.*\||)[a-z]+(\||$)')
    printf '    esac\n    case $before in\n        -o%s) _dmft_files "$word" ;;\n' "$(printf ' | %s' $files)"
    echo "$some" | while read -r option words; do
        printf '        %s) mapfile -t COMPREPLY < <(compgen -W "%s" -- "$word") ;;\n' "$option" "$(echo "$words" | tr '|' '\n' | grep -x '[a-z]*' | paste -sd ' ')"
    done
    printf '        %s) ;;\n' "$(echo "$others" | sed 's/ .*//' | paste -sd '|')"
    models=$("$dmft" init . 2>&1 | sed -n 's/.*one of //p' | sed 's/ | / /g')
    cat << BASH
        *)
            if [ "\${word#-}" != "\$word" ]; then
                mapfile -t COMPREPLY < <(compgen -W "\$options" -- "\$word")
            elif [ "\$command" = init ]; then
                mapfile -t COMPREPLY < <(compgen -W "$models" -- "\$word")
            else
                _dmft_files "\$word"
            fi ;;
    esac
}
complete -F _dmft dmft
BASH
} > "$to/dmft.bash"
