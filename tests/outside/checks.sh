#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Every check that the classes have to pass has a test that is called by its ID, and every
# such name is a check's. tests/outside/checks.tsv lists them: ID, what it is about and,
# while no test is called so, "pending" and perhaps what for; a mark that is not needed any
# more is an error.
#
# A test is called so where it is declared, as md_14_segments_are_the_bytes, or mc_3_4_...
# for two: static void md_14_...(void **state) on the host, TEST(md_14_...) on the target.
# What is said of MD-14 elsewhere, in comments and the like, is no test.
. tests/outside/tap.bash

prefixes=$(cut -f1 tests/outside/checks.tsv | sed 's/-.*//' | sort -u | tr A-Z a-z | paste -sd'|')

declared=$work/declared
grep -rhoE "^(static void|TEST\() ?($prefixes)_[0-9]+(_[0-9]+)*_?[a-z0-9_]*( ?\(void \*\*state\)|\))" \
    --include='*.c' tests/host tests/target |
    sed -E 's/^(static void|TEST\() ?//' |
    awk -F_ '{ for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) print toupper($1) "-" $i }' |
    sort -u >"$declared"

listed=$work/listed
cut -f1 tests/outside/checks.tsv | sort >"$listed"

is_declared()
{
    grep -qxF "$1" "$declared"
}

pending=0
: >"$out"
while IFS=$'\t' read -r id about mark why; do
    if [ "$mark" = pending ]; then
        pending=$((pending + 1))
        [ -z "$why" ] || echo "# $id is pending: $why"
        ! is_declared "$id" || check "$id has a test: no longer pending" false
    else
        check "$id: $about" is_declared "$id"
    fi
done <tests/outside/checks.tsv
comm -13 <(uniq "$listed") "$declared" >"$out"
check "tests are called by checks that are listed" test ! -s "$out"
uniq -d "$listed" >"$out"
check "every check is listed once" test ! -s "$out"
echo "# $pending checks are pending"

# What implementations before this one are known to do wrong: tests/outside/pitfalls.tsv has
# the rule that they break and the tests that fail on what they do, or "none: why".
tests=$work/tests
grep -rhoE '^(static void |TEST\()[a-z0-9_]+' --include='*.c' tests/host tests/target |
    sed -E 's/^(static void |TEST\()//' | sort -u >"$tests"
without=0
: >"$out"
while IFS=$'\t' read -r id rule names; do
    if [[ $names == none:* ]]; then
        without=$((without + 1))
        echo "# $id, $rule: ${names}"
        continue
    fi
    for name in $names; do
        grep -qxF "$name" "$tests" || echo "$id: no test is called $name" >>"$out"
    done
    [ -n "$names" ] || echo "$id: no test" >>"$out"
done <tests/outside/pitfalls.tsv
check "every pitfall has tests that exist" test ! -s "$out"
echo "# $without pitfalls are without a test"
