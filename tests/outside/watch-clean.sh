#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Programs that are right, under each watch: nothing is said of them, and they do what they do
# without.
#
# NEEDS: run gcc-debug/tests/images/transfer.elf
. tests/outside/tap.bash

head -c 40001 "$BUILD/gcc-debug/tests/images/transfer.elf" >"$work/file"

# Of the device's own rings too: where it does not look into the CPU's cache, they are not in it.
for watch in owner coherence init owner+coherence+init+rules; do
    QEMU_EXTRA='-icount shift=0,sleep=off' run qemu/transfer.sh -m el2v3 -i "$work/file" \
        -d vdma,watch=$watch "$BUILD/gcc-debug/tests/images/transfer.elf"
    check "$watch: nothing is said of a file's way through the machine" \
        eval 'ended 0 && said "vdma copied 40001 bytes" && ! said "^(watch|ledger)"'
done
