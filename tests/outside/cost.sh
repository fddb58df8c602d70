#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# One operation among many costs at most twice what it costs among few: maps of a
# descriptor, borrowers of a map, fragments of a range allocator, mappings for a device,
# volatile memory, and pages in use. The figures are counted instructions
# (tests/bench/among.c), the same on every host.
# NEEDS: run bench
# NEEDS: gcc-release/tests/bench/among.elf
. tests/outside/tap.bash

table=$work/table.tsv
NO_COLOR=1 run tests/bench/bench.sh -o "$table" "$BUILD/gcc-release/tests/bench/among.elf"
check "the rows are measured" test "$status" -eq 0
while IFS=$'\t' read -r image id _ name unit measured goal _; do
    [ "$image" = among ] || continue
    echo "measured $measured, at most $goal" >"$out"
    check "$name: $measured$unit, at most $goal" test "$measured" -le "$goal"
done <"$table"
