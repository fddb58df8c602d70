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

last='buffered text without a newline, the last first and atexit ran, then destructors, then this, then by priority'

# ended_as STATUS: as itself if the host can tell it, else as a failure that is named.
ended_as()
{
    if [ "$1" = 255 ]; then
        ended 255
    else
        ended 1 && said "^exit status $1 is none of 0 to 255: a failure$"
    fi
}

# Nothing in $out is a symbol of a libc.
no_libc()
{
    ended 0 && ! said ' [A-V] (_impure_ptr|_malloc_r|_vfprintf_r|__sinit|exit)$'
}

for variant in gcc-debug gcc-release clang-debug clang-release; do
    images=$BUILD/$variant/tests/images

    run qemu/run.sh -t 20 "$images/exit.elf"
    check "$variant: the status of main is QEMU's" ended 42
    check "$variant: exit runs atexit functions, then destructors, and flushes stdio" said "^$last$"
    run qemu/run.sh -t 20 -a exit=call:7 "$images/exit.elf"
    check "$variant: so it does when it is called" eval 'ended 7 && said "^$last$"'
    for wanted in 255 256 -1 512 65536 2147483647 -2147483648; do
        run qemu/run.sh -t 20 -a "exit=$wanted" "$images/exit.elf"
        check "$variant: $wanted is $([ $wanted = 255 ] && echo a status || echo a failure)" \
            ended_as $wanted
    done

    run qemu/run.sh -t 20 -a a=b "$images/nolibc.elf"
    check "$variant: an image without libc boots, sleeps and ends" ended 0
    check "$variant: its destructors run" said '^no libc: destroyed after main$'
    check "$variant: it has read its device tree" said '^no libc: GICv.*bootargs "a=b"$'
    check "$variant: and its arguments" said '^no libc: argv\[1\] is a=b\.$'
    check "$variant: it names a boot argument that nothing knows" said '^bootargs: nothing here asks for a=b$'
    run qemu/run.sh -t 20 -a status=256 "$images/nolibc.elf"
    check "$variant: without libc 256 is a failure too" ended_as 256
    run "${NM:-nm}" "$images/nolibc.elf"
    check "$variant: nothing of a libc is in it" no_libc
done
