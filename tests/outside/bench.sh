#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Each benchmark runs to its end and prints rows, and stored counts are held: one that rises, or
# is there no more, is an error, and those of another compiler are compared with nothing.
# NEEDS: run bench
# NEEDS: gcc-release/tests/bench/among.elf gcc-release/tests/bench/command.elf gcc-release/tests/bench/command_disk.elf
# NEEDS: gcc-release/tests/bench/cursor.elf gcc-release/tests/bench/descriptor.elf
# NEEDS: gcc-release/tests/bench/driverkit.elf gcc-release/tests/bench/its.elf
# NEEDS: gcc-release/tests/bench/kernel.elf gcc-release/tests/bench/memory.elf
# NEEDS: gcc-release/tests/bench/movers.elf gcc-release/tests/bench/nvme.elf
# NEEDS: gcc-release/tests/bench/pci.elf gcc-release/tests/bench/smmu.elf
# NEEDS: gcc-release/tests/bench/traps.elf gcc-release/tests/bench/vdma.elf
# NEEDS: gcc-release/tests/bench/virtio.elf gcc-release/tests/bench/vm.elf
# NEEDS: gcc-release/tests/bench/watched.elf
. tests/outside/tap.bash

export NO_COLOR=1
images=()
for source in tests/bench/*.c; do
    image=$(basename "$source" .c)
    [ "$image" = bench ] || images+=("$BUILD/gcc-release/tests/bench/$image.elf")
done
# Stored, so that no goal that is missed is followed by its profile: for all of them these take
# several times what the counts take.
run tests/bench/bench.sh -n 1 -o "$work/table" -w "$work/all" "${images[@]}"
check "all of them run to their ends" test "$status" = 0
for image in "${images[@]}"; do
    name=$(basename "$image" .elf)
    check "$name has rows" grep -qE "^$name	[^	]+	[^	]*	[^	]+	[^	]+	[0-9.]+	" "$work/table"
done

# Of an image that misses few goals, they are.
read -r name row < <(awk -F '\t' '$10 == "MISSED" && $1 != "host" { missed[$1]++; row[$1] = $2 }
    END {
        for (name in missed) if (best == "" || missed[name] < missed[best]) best = name
        print best, row[best]
    }' "$work/table")
if [ -z "$name" ]; then
    check "a goal that is missed is followed by its profile # SKIP none is" true
else
    run tests/bench/bench.sh -n 1 "$BUILD/gcc-release/tests/bench/$name.elf"
    check "a goal that is missed is followed by its profile" eval \
        'ended 0 && said "^  profile of $row: [0-9]+ instructions" && said "^ +[0-9]+ +[0-9.]+ %  [a-z_]"'
fi

# counted OPTION...: one image whose counts depend on no device.
counted()
{
    run tests/bench/bench.sh -n 1 "$@" "$BUILD/gcc-release/tests/bench/cursor.elf"
}
stored=$work/stored
counted -w "$stored"
check "counts are stored, with their compiler" eval \
    'ended 0 && grep -qE "^# counted in what [A-Za-z]+ [0-9.]+ makes$" "$stored" && grep -q "^cursor	" "$stored"'
counted -c "$stored"
check "and are met by what was stored" eval 'ended 0 && said ": 0 above the stored counts, 0 below, 0 new, 0 gone$"'
awk -F '\t' -v OFS='\t' '!/^#/ && !done { $3 -= 1; done = 1 } 1' "$stored" >"$work/lower"
counted -c "$work/lower"
check "one above its count is an error, and named" eval 'ended 1 && said "^cursor .*: ABOVE$" && said ": 1 above"'
awk -F '\t' -v OFS='\t' '!/^#/ && !done { $3 += 1; done = 1 } 1' "$stored" >"$work/higher"
counted -c "$work/higher"
check "one below it as well, until it is stored" eval 'ended 1 && said "^cursor .*: below$" && said "STORE=1"'
{ cat "$stored" && printf 'cursor\tlost\t7\n'; } >"$work/more"
counted -c "$work/more"
check "one that is there no more is an error" eval 'ended 1 && said "^cursor lost: is there no more$"'
sed '1s/what .* makes/what tcc 0.9 makes/' "$stored" >"$work/other"
counted -c "$work/other"
check "those of another compiler are compared with nothing" eval 'ended 77 && said "of tcc 0.9,"'
grep -v '^#' "$stored" >"$work/nameless"
counted -c "$work/nameless"
check "those of no compiler neither" eval 'ended 2 && said "does not say which compiler"'
counted -c "$work/none"
check "a file that is not there" ended 2
counted -n 0
check "no number of runs" eval 'ended 2 && said "not .0.$"'
