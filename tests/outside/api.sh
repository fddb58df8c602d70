#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Every name of the documented classes is a line of tests/outside/api-symbols.tsv. It is
# declared in a public header of descriptors/, under a comment, and defined in the
# library; a constant has the value that the line gives. The columns:
#
#   SYMBOL  KIND  SUBJECT  VALUE  pending:ROOM
#
# KIND: function and object (in the library), inline, macro and type (declared only),
# constant (a macro or an enumerator of that VALUE; "-" for all others). pending: the
# room of descriptors/ that is still to bring it; a line that says so of a name that is
# there is an error, so that the marks go. tests/outside/api-absent.tsv has the documented
# names that are none here: NAME, REASON.
# NEEDS: gcc-debug/libdmakit.a
. tests/outside/tap.bash

library=$BUILD/gcc-debug/libdmakit.a
headers=()
for header in descriptors/*.h; do
    case $header in
    *_private.h | descriptors/platform*) ;;
    *) headers+=("$header") ;;
    esac
done

# What is declared: "KIND SYMBOL" for each name in a paragraph that has a comment.
# A comment of the whole file, before the include guard, is none of its symbols'.
declarations()
{
    awk -v RS= '
    !/\/\*/ || /SPDX/ { next }
    {
        text = $0
        gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, " ", text)
        rest = text
        while (match(rest, /#define [A-Za-z_0-9]+/)) {
            print "macro", substr(rest, RSTART + 8, RLENGTH - 8)
            rest = substr(rest, RSTART + RLENGTH)
        }
        gsub(/#define[^\n]*(\\\n[^\n]*)*/, "", text)
        rest = text
        while (match(rest, /enum[^{;]*\{[^}]*\}/)) {
            count = split(substr(rest, RSTART, RLENGTH), words, /[{,]/)
            for (i = 2; i <= count; i++) {
                if (match(words[i], /[A-Za-z_][A-Za-z_0-9]*/)) {
                    print "enumerator", substr(words[i], RSTART, RLENGTH)
                }
            }
            rest = substr(rest, index(rest, "}") + 1)
        }
        while (gsub(/\{[^{}]*\}/, "", text)) { }
        kind = text ~ /static inline/ ? "inline" : "function"
        rest = text
        while (match(rest, /[A-Za-z_0-9]+\(/)) {
            print kind, substr(rest, RSTART, RLENGTH - 1)
            rest = substr(rest, RSTART + RLENGTH)
        }
        rest = text
        while (match(rest, /extern [^;(]*;/)) {
            count = split(substr(rest, RSTART, RLENGTH - 1), words, /[ *]+/)
            print "object", words[count]
            rest = substr(rest, RSTART + RLENGTH)
        }
        if (text ~ /typedef/) {
            rest = text
            while (match(rest, /(\(\*)?[A-Za-z_0-9]+(\)\([^;]*)?;/)) {
                name = substr(rest, RSTART, RLENGTH)
                gsub(/^\(\*|\).*|;/, "", name)
                print "type", name
                rest = substr(rest, RSTART + RLENGTH)
            }
        }
    }' "${headers[@]}"
}

declare -A declared defined
while read -r kind symbol; do
    declared[$kind $symbol]=1
done < <(declarations)
while read -r symbol; do
    defined[$symbol]=1
done < <("${NM:-nm}" "$library" | awk 'NF == 3 && $2 ~ /[TRDBVW]/ { print $3 }')

for symbol in "${!declared[@]}"; do # a constant is either of the two
    [[ $symbol != @(macro|enumerator)\ * ]] || declared[constant ${symbol#* }]=1
done

# The values, judged by the compiler: names whose assertion fails, or that are no constant.
table=tests/outside/api-symbols.tsv
{
    printf '#include "%s"\n' "${headers[@]}"
    awk -F'\t' '$2 == "constant" && $5 == "" {
        printf "_Static_assert((uint64_t)(%s) == %s || (uint32_t)(%s) == (uint64_t)%s, \"value of %s:\");\n",
               $1, $4, $1, $4, $1
    }' "$table"
} >"$work/values.c"
declare -A wrong
while read -r symbol; do
    wrong[$symbol]=1
done < <("${HOST_CC:-gcc}" -w -fmax-errors=0 -fsyntax-only -I. "$work/values.c" 2>&1 |
    tee "$work/values.log" | sed -nE 's/.*static assertion failed: "value of ([^:]*):.*/\1/p')
! grep -q 'error:' "$work/values.log" || grep -q 'static assertion failed' "$work/values.log"
compiled=$?

# there KIND SYMBOL: it is declared, defined where its kind can be, and of the right value.
there()
{
    [[ ${declared[$1 $2]-} ]] && [[ $1 != @(function|object) || ${defined[$2]-} ]] &&
        [[ ! ${wrong[$2]-} ]]
}

# The state of a symbol on $out, for a check that fails.
state()
{
    {
        [[ ${declared[$1 $2]-} ]] || echo "not declared under a comment in a public header"
        [[ $1 != @(function|object) || ${defined[$2]-} ]] || echo "not defined in $library"
        [[ ! ${wrong[$2]-} ]] || echo "its value is not $3"
    } >"$out"
}

declare -A pending
while IFS=$'\t' read -r symbol kind subject value mark; do
    state "$kind" "$symbol" "$value"
    if [[ $mark == pending:* ]]; then
        room=${mark#pending:}
        pending[$room]=$((${pending[$room]:-0} + 1))
        for kind in function object inline macro type constant; do
            ! there "$kind" "$symbol" || check "$symbol is there: no longer pending" false
        done
    else
        check "$symbol ($subject)" there "$kind" "$symbol"
    fi
done <"$table"
for room in "${!pending[@]}"; do
    echo "# ${pending[$room]} names are pending until descriptors/$room brings them"
done

# What a subclass written elsewhere includes leads to no header that is private to a room.
for header in descriptors/*_class.h; do
    "${HOST_CC:-gcc}" -M -I. -x c "$header" | tr ' ' '\n' | grep _private >"$out"
    check "$header needs no private header" test ! -s "$out"
done

cp "$work/values.log" "$out"
check "the public headers compile, with every value asserted" test "$compiled" -eq 0
awk -F'\t' 'NF < 4 || NF > 5 || (NF == 5 && $5 !~ /^pending:[a-z]+$/) ||
    ($2 == "constant") != ($4 != "-")' "$table" >"$out"
check "every line has its columns" test ! -s "$out"
cut -f1 "$table" tests/outside/api-absent.tsv | sort | uniq -d >"$out"
check "every name is listed once" test ! -s "$out"
awk -F'\t' 'NF != 2 || $2 == ""' tests/outside/api-absent.tsv >"$out"
check "every absent name has its reason" test ! -s "$out"
while IFS=$'\t' read -r symbol reason; do
    [[ ! ${declared[function $symbol]-} ]]
    check "$symbol is none here: $reason" test $? -eq 0
done <tests/outside/api-absent.tsv

# The page that people look names up in is made of the same table.
run tests/outside/api-page.pl
cp "$out" "$work/page"
diff descriptors/README.md "$work/page" >"$out"
check "descriptors/README.md is what make names makes of the tables" test $? -eq 0
