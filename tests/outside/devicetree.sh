#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Images on trees that QEMU does not make: with reserved memory, and with the devices
# below a bus that moves their addresses.
. tests/outside/tap.bash

images=$BUILD/gcc-debug/tests
run "${HOST_CC:-gcc}" -O1 -Wall -Wextra -Werror -o "$work/edit_tree" tests/outside/edit_tree.c -lfdt
check "the editor of trees builds" ended 0
run "${QEMU:-qemu-system-aarch64}" -machine "virt,dumpdtb=$work/virt.dtb" -cpu cortex-a72 -m 256M \
    -display none -nic none
check "QEMU writes its tree" test -s "$work/virt.dtb"

run "$work/edit_tree" reserve "$work/virt.dtb" "$work/reserve.dtb"
check "areas are reserved" ended 0
run qemu/run.sh -t 20 "$images/images/reserved.elf" -- -dtb "$work/reserve.dtb"
check "reserved memory is not given, and no-map memory is not mapped" ended 0
run qemu/run.sh -t 60 "$images/target/page.elf" -- -dtb "$work/reserve.dtb"
check "pages come and go around it" ended 0

run "$work/edit_tree" bus "$work/virt.dtb" "$work/bus.dtb"
check "devices are moved to a bus" ended 0
run qemu/run.sh -t 20 -a test=slots "$images/target/devicetree.elf" -- -dtb "$work/bus.dtb"
check "their addresses are the root's, and their interrupts are found" ended 0
