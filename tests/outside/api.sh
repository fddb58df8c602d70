#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Every symbol of tests/outside/api-symbols.tsv is declared in a public header of
# descriptors/, under a comment, and defined in the library. Its lines are
# SYMBOL, KIND, SUBJECT and, while a symbol is still to be built, "pending";
# one that is marked so and yet there is an error, so that the marks go.
#
# KIND: function and object (in the library), inline, macro and type (declared only).
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

# there KIND SYMBOL: it is declared, and defined where its kind can be.
there()
{
    [[ ${declared[$1 $2]-} ]] && [[ $1 != @(function|object) || ${defined[$2]-} ]]
}

# The state of a symbol on $out, for a check that fails.
state()
{
    {
        [[ ${declared[$1 $2]-} ]] || echo "not declared under a comment in a public header"
        [[ $1 != @(function|object) || ${defined[$2]-} ]] || echo "not defined in $library"
    } >"$out"
}

pending=0
while IFS=$'\t' read -r symbol kind subject mark; do
    state "$kind" "$symbol"
    if [ "$mark" = pending ]; then
        pending=$((pending + 1))
        ! there "$kind" "$symbol" || check "$symbol is there: no longer pending" false
    else
        check "$symbol ($subject)" there "$kind" "$symbol"
    fi
done <tests/outside/api-symbols.tsv
echo "# $pending symbols of the classes are pending"
