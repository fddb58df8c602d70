#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# How images end that have a libc (tests/images/exit.c) and that have none (nolibc.c).
# NEEDS: run
# NEEDS: gcc-debug/tests/images/exit.elf
# NEEDS: gcc-debug/tests/images/nolibc.elf
# NEEDS: gcc-release/tests/images/exit.elf
# NEEDS: gcc-release/tests/images/nolibc.elf
# NEEDS: clang-debug/tests/images/exit.elf
# NEEDS: clang-debug/tests/images/nolibc.elf
# NEEDS: clang-release/tests/images/exit.elf
# NEEDS: clang-release/tests/images/nolibc.elf
. tests/outside/tap.bash

# Nothing in $out is a symbol of a libc.
no_libc()
{
    ended 0 && ! said ' [A-V] (_impure_ptr|_malloc_r|_vfprintf_r|__sinit|exit)$'
}

for variant in gcc-debug gcc-release clang-debug clang-release; do
    images=$BUILD/$variant/tests/images

    run qemu/run.sh -t 20 "$images/exit.elf"
    check "$variant: the status of main is QEMU's" ended 42
    check "$variant: exit runs atexit functions and flushes stdio" \
        said 'buffered text without a newline and atexit ran'

    run qemu/run.sh -t 20 -a a=b "$images/nolibc.elf"
    check "$variant: an image without libc boots, sleeps and ends" ended 0
    check "$variant: it has read its device tree" said '^no libc: GICv.*bootargs "a=b"$'
    check "$variant: it names a boot argument that nothing knows" said '^bootargs: nothing here asks for a=b$'
    run "${NM:-nm}" "$images/nolibc.elf"
    check "$variant: nothing of a libc is in it" no_libc
done
