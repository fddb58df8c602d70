#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Boot tests/images/panics.c once for each line of panics.tsv: it must say the
# words there and end with status 3 at once.
# NEEDS: run gcc-debug/tests/images/panics.elf
. tests/outside/tap.bash

# panic NAME: boot the image for it.
panic()
{
    run qemu/run.sh -t 20 -a "panic=$1" "$BUILD/gcc-debug/tests/images/panics.elf"
}

while IFS=$'\t' read -r name words; do
    panic "$name"
    check "panic $name ends with 3" ended 3
    check "panic $name says: $words" grep -qF -- "$words" "$out"
done <tests/outside/panics.tsv

# Without semihosting the way out is the firmware's, which the tree has named at start-up.
run qemu/run.sh -t 20 -a panic=tree "$BUILD/gcc-debug/tests/images/panics.elf" -- \
    -semihosting-config enable=off
check "a panic without semihosting and without a tree switches the machine off" ended 0
check "it prints its status first" said '^exit status 3'

panic none
check "a name that is no panic ends with 2" ended 2
