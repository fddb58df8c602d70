#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Every check that the classes have to pass has a test that names it, and every name is a check's.
# tests/outside/checks.tsv lists them: ID, what it is about and, while no test names it,
# "pending"; a mark that is not needed any more is an error.
#
# A test names MD-14 by a function md_14_..., or by MD-14 in the text of its file
# (below the first #include: what a file says of itself at its head is no test).
. tests/outside/tap.bash

named=$work/named
find tests/host tests/target tests/lib -name '*.[ch]' -exec awk '
    FNR == 1 { body = 0 }
    /^#include/ { body = 1 }
    body {
        rest = $0
        while (match(rest, /(^|[^A-Za-z0-9_])(om|md|bm|cd|mm|mc|al|ra|OM|MD|BM|CD|MM|MC|AL|RA)[-_][0-9]+/)) {
            id = toupper(substr(rest, RSTART, RLENGTH))
            gsub(/^[^A-Z]+/, "", id)
            sub(/_/, "-", id)
            print id
            rest = substr(rest, RSTART + RLENGTH)
        }
    }' {} + | sort -u >"$named"

listed=$work/listed
cut -f1 tests/outside/checks.tsv | sort >"$listed"

is_named()
{
    grep -qxF "$1" "$named"
}

pending=0
: >"$out"
while IFS=$'\t' read -r id about mark; do
    if [ "$mark" = pending ]; then
        pending=$((pending + 1))
        ! is_named "$id" || check "$id has a test: no longer pending" false
    else
        check "$id: $about" is_named "$id"
    fi
done <tests/outside/checks.tsv
comm -13 <(uniq "$listed") "$named" >"$out"
check "tests name only checks that are listed" test ! -s "$out"
uniq -d "$listed" >"$out"
check "every check is listed once" test ! -s "$out"
echo "# $pending checks are pending"
