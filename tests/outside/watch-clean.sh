#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Programs that are right, under each watch: nothing is said of them, and they do what they do
# without. With WATCH_ALL=1, as `make test-watch` has it, more of them.
#
# Not here are programs that are right only while memory is coherent, or while the device answers
# at once: those that lay the ring by hand (coherence), vdma_timing and vdma_many, which look at
# bytes of commands that stay prepared (coherence) and count interrupts (owner); and those in which
# the device is asked for what it refuses (rules).
#
# NEEDS: run host/outside/edit_tree
# NEEDS: gcc-debug/tests/images/transfer.elf gcc-debug/tests/images/maintained.elf
# NEEDS: gcc-debug/tests/images/tour_1_segment.elf gcc-debug/tests/images/tour_2_scatter.elf
# NEEDS: gcc-debug/tests/images/tour_3_limits.elf gcc-debug/tests/target/vdma_dma.elf
# NEEDS: gcc-debug/tests/target/vdma.elf
# NEEDS: gcc-debug/tests/target/vdma_table.elf gcc-debug/tests/target/vdma_timing.elf
# NEEDS: gcc-debug/tests/target/vdma_lists.elf gcc-debug/tests/target/vdma_profiles.elf
. tests/outside/tap.bash

images=$BUILD/gcc-debug/tests
head -c 40001 "$images/images/transfer.elf" >"$work/file"

silent()
{
    ! said '^(watch|ledger): [A-Z][0-9]+: '
}

# Of the device's own rings too: where it does not look into the CPU's cache, they are not in it.
for watch in owner coherence init owner+coherence+init+rules; do
    QEMU_EXTRA='-icount shift=0,sleep=off' run qemu/transfer.sh -m el2v3 -i "$work/file" \
        -d vdma,watch=$watch "$images/images/transfer.elf"
    check "$watch: nothing is said of a file's way through the machine" \
        eval 'ended 0 && said "vdma copied 40001 bytes" && silent'
done

# right WATCH IMAGE [TEST]: of its tests those with TEST in their names.
dtb=()
right()
{
    run qemu/run.sh -m el2v3 -t 110 -e "vdma,watch=$1,hold=20000" ${3:+-a "test=$3"} \
        "$images/$2.elf" -- -icount shift=0,sleep=off ${dtb[@]+"${dtb[@]}"}
    check "$1: nothing is said of ${2##*/}${3:+/$3}" \
        eval 'ended 0 && silent && { [[ '"$2"' != target/* ]] || said "^ok 1 "; }'
}

for tour in 1_segment 2_scatter 3_limits; do
    right owner+coherence+init+rules "images/tour_$tour"
done
# Where the machine says of all its devices that they look there, which QEMU 10 does.
run "${QEMU:-qemu-system-aarch64}" -machine "virt,virtualization=on,gic-version=3,dumpdtb=$work/virt.dtb" \
    -cpu cortex-a72 -m 256M -display none -nic none
run "$BUILD/host/outside/edit_tree" coherent "$work/virt.dtb" "$work/coherent.dtb"
check "a tree says that of the root" ended 0
dtb=(-dtb "$work/coherent.dtb")
right owner+coherence+init+rules images/tour_1_segment
dtb=()
right owner+coherence+init+rules target/vdma_dma a_part_of
right owner+coherence+init+rules target/vdma_dma fills_sums
right owner+coherence+init+rules target/vdma_table on_and_off
right owner+coherence+init+rules target/vdma_table every_byte
right owner+init target/vdma_lists a_format
[ -n "${WATCH_ALL:-}" ] || exit

for watch in owner coherence init owner+coherence+init+rules; do
    right $watch images/maintained
    for test in starts_that it_is_there new_limits pages_are_inserted; do
        case $test in
        starts_that) right $watch target/vdma_dma $test ;;
        *) right $watch target/vdma_table $test ;;
        esac
    done
done
right owner target/vdma
for watch in owner init; do
    for image in vdma_dma vdma_table vdma_timing vdma_lists; do
        right $watch target/$image
    done
done
right init target/vdma_profiles
