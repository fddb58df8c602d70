#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# One operation among many costs at most twice what it costs among few: maps of a
# descriptor, borrowers of a map, fragments of a range allocator, mappings for a device,
# volatile memory, pages in use, ranges of a descriptor, commands at work; and booting with 1 TiB,
# which the host need not have, what it costs with 256 MiB. The figures are counted instructions
# (tests/bench/among.c), the same on every host.
# NEEDS: run bench
# NEEDS: gcc-release/tests/bench/among.elf gcc-release/tests/bench/kernel.elf
. tests/outside/tap.bash

table=$work/table.tsv
NO_COLOR=1 run tests/bench/bench.sh -o "$table" "$BUILD/gcc-release/tests/bench/among.elf"
check "the rows are measured" test "$status" -eq 0
while IFS=$'\t' read -r image id _ name unit measured goal _; do
    [ "$image" = among ] || continue
    echo "measured $measured, at most $goal" >"$out"
    check "$name: $measured$unit, at most $goal" test "$measured" -le "$goal"
done <"$table"

# boot [QEMU OPTION]...: instructions from reset to main.
boot()
{
    QEMU_EXTRA="$*" NO_COLOR=1 run tests/bench/bench.sh -n 1 -o "$table" "$BUILD/gcc-release/tests/bench/kernel.elf"
    awk -F '\t' '$1 == "kernel" && $2 == "reset" { print $6 }' "$table"
}
small=$(boot)
large=$(boot -m 1T -machine memory-backend=ram -object memory-backend-ram,id=ram,size=1T,reserve=off)
echo "$small instructions with 256 MiB, $large with 1 TiB" >"$out"
check "with 1 TiB of RAM it boots in at most twice the instructions: $large, with 256 MiB $small" \
    test "${large:-0}" -gt 0 -a "${large:-0}" -le $((2 * ${small:-0}))
