#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# An image without any libc links, holds nothing of one, and runs.
. tests/harness/tap.bash

for variant in gcc-debug gcc-release clang-debug clang-release; do
    image=$BUILD/$variant/tests/images/nolibc.elf
    run qemu/run.sh -t 20 -a "a=b" "$image"
    check "$variant runs" ended 0
    check "$variant has come to its end" said '^no libc: .*bootargs "a=b"$'
    run nm "$image"
    check "$variant holds none of newlib" eval 'ended 0 && ! said " (_impure_ptr|_malloc_r|__sinit|printf)$"'
done
