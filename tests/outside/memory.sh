#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Memory in many pieces, of odd sizes, and a great deal of it: all of it is used.
# NEEDS: run host/outside/edit_tree gcc-debug/tests/target/heap.elf gcc-debug/tests/target/vm.elf
# NEEDS: gcc-debug/tests/target/page.elf
. tests/outside/tap.bash

images=$BUILD/gcc-debug/tests/target
qemu=${QEMU:-qemu-system-aarch64}

# bare IMAGE OPTION...: QEMU with nothing but these options, as profiles have one memory.
bare()
{
    local image=$1
    shift
    timeout -k 5 120 "$qemu" -nodefaults -display none -serial stdio -no-reboot \
        -semihosting-config enable=on "$@" -kernel "$image"
}

# nodes COUNT KIB: so many NUMA nodes of this size.
nodes()
{
    local options=() i
    for ((i = 0; i < $1; i++)); do
        options+=(-object "memory-backend-ram,id=m$i,size=$2K,reserve=off"
            -numa "node,nodeid=$i,memdev=m$i")
    done
    bare "$images/heap.elf" -M virt -cpu max -m "$(($1 * $2))K" "${options[@]}"
}

for sizes in "6 524292" "16 2052" "20 16388" "20 65540"; do
    # shellcheck disable=SC2086 # two words
    run nodes $sizes
    check "${sizes% *} NUMA nodes of ${sizes#* } KiB" eval 'ended 0 && ! said "not used"'
done

for size in 3145760K 5T; do
    run bare "$images/heap.elf" -M virt,memory-backend=ram -cpu max -m "$size" \
        -object "memory-backend-ram,id=ram,size=$size,reserve=off"
    check "one bank of $size" eval 'ended 0 && ! said "not used"'
done

run "$qemu" -machine "virt,dumpdtb=$work/virt.dtb" -cpu cortex-a72 -m 256M -display none -nic none
run "$BUILD/host/outside/edit_tree" pieces "$work/virt.dtb" "$work/pieces.dtb"
check "memory is cut" ended 0
for image in heap vm page; do
    run qemu/run.sh -t 60 "$images/$image.elf" -- -dtb "$work/pieces.dtb"
    check "$image runs on memory with 28 holes" eval 'ended 0 && ! said "not used"'
done

run "$BUILD/host/outside/edit_tree" banks "$work/virt.dtb" "$work/banks.dtb"
check "memory is said in a muddle" ended 0
for image in heap vm page; do
    run qemu/run.sh -t 60 "$images/$image.elf" -- -dtb "$work/banks.dtb"
    check "$image runs on banks that overlap and end within pages" eval 'ended 0 && ! said "not used"'
done
