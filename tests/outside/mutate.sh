#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What `make mutate` changes: every room that it is about, by every rule, and what its
# tables name is there.
. tests/outside/tap.bash

run tests/runner/mutate.pl -l .
check "the changes are counted" ended 0
cp "$out" "$work/counted"

counts()
{
    run tests/runner/mutate.pl -l -r "$1" .
    awk -v least="$2" -v most="$3" '{ count += $1 } END { exit !(count >= least && count <= most) }' "$out"
}
line=$(grep -n 'if (' descriptors/object/OSObject.c | head -1 | cut -d: -f1)
check "a room may be a file" counts descriptors/object/OSObject.c 20 2000
check "or a line of it" counts "descriptors/object/OSObject.c:$line" 1 15
check "or several of both" counts "descriptors/object/OSObject.c:$line kernel/page/" 200 5000
check "and nothing else" counts nowhere 0 0
line=$(grep -n 'return a < b ? a : b;' descriptors/dma/IODMALimits.c | cut -d: -f1)
check "of two equals either may be chosen" counts "descriptors/dma/IODMALimits.c:$line" 1 1

# A room without a change would be one that nobody asks about.
for room in descriptors/*/ kernel/vm/ kernel/page/ kernel/mmu/ drivers/*/; do
    ls "$room"*.c >/dev/null 2>&1 || continue
    check "$room has some" awk -v room="$room" '
        index($2, room) == 1 { count += $1 } END { exit !count }' "$work/counted"
done

# An area's tests: at least one of them exists.
grep -v '^#' tests/runner/areas.tsv | while IFS=$'\t' read -r folder hosts images; do
    [ -d "$folder" ] || echo "$folder: no folder"
    found=
    for host in $hosts; do
        ! compgen -G "tests/host/${host}_test.c" >/dev/null || found=1
    done
    [ -n "$found" ] || echo "$folder: no host test"
    for image in $images; do
        [ -f "tests/target/${image%%@*}.c" ] || echo "$folder: no image $image"
    done
done >"$out"
check "the areas have their tests" [ ! -s "$out" ]

# An explanation of what is there no more explains nothing.
grep -v '^#' tests/runner/equivalent.tsv | while IFS=$'\t' read -r file rule line why; do
    grep -qF -- "$line" "$file" || echo "$file: no such line: $line"
    grep -q "^$rule"$'\t' tests/runner/mutations.tsv || echo "$file: no such mutation: $rule"
    [ -n "$why" ] || echo "$file: why? $line"
done >"$out"
check "what is equivalent is there, and says why" [ ! -s "$out" ]
