#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The tour of docs/tour.md: its images do what they say, and its pictures are what they do; the
# pictures of states, classes and memory are those of the code.
# NEEDS: run debug gcc-release/tests/images/tour_1_segment.elf gcc-release/tests/images/tour_2_scatter.elf
# NEEDS: gcc-release/tests/images/tour_3_limits.elf gcc-release/tests/images/tour_4_iommu.elf
# NEEDS: gcc-release/tests/images/tour_5_wrong.elf
. tests/outside/tap.bash

unset QEMU_EXTRA
run docs/pictures.sh "$work/pictures" "$BUILD/gcc-release/tests/images"
check "every image of the tour ends well, and every picture can be made" eval 'ended 0 && [ ! -s "$out" ]'
for picture in docs/pictures/*.svg "$work"/pictures/*.svg; do
    basename "$picture"
done | sort -u >"$work/names"
while read -r name; do
    # A change that is meant: make pictures.
    run diff -u "docs/pictures/$name" "$work/pictures/$name"
    check "$name is as it would be made now; if it should not be: make pictures" ended 0
    run grep -cF "](pictures/$name)" docs/tour.md
    check "$name is shown on the tour, once" said '^1$'
done <"$work/names"
for source in tests/images/tour_*.c; do
    run grep -cF "\`$source\`" docs/tour.md
    check "$source is a stop of it" said '^1$'
done

# The last stop's report names the line that started it, as it says there.
run qemu/run.sh -t 60 -m el2 -e vdma,watch=rules "$BUILD/gcc-release/tests/images/tour_5_wrong.elf"
check "a watch names the rule, and who broke it" eval 'ended 0 && said "^watch: R05: the first segment.s address is not aligned" &&
    said "called from .* sum at tests/images/tour_5_wrong\.c:[0-9]+"'
line=$(sed -nE 's/.* sum at (tests\/images\/tour_5_wrong\.c:[0-9]+)/\1/p' "$out" | tr -d '\r' | head -n 1)
run grep -cF " sum at $line" docs/tour.md
check "the tour quotes it" said '^1$'

# A table that is none makes no picture.
run docs/diagrams.pl states
check "an empty table is no picture" eval '! ended 0 && said "the table is empty"'
echo 'A B' | docs/diagrams.pl classes >"$out" 2>&1
status=$?
check "nor is a class without its parent" eval '! ended 0 && said "without its parent"'
