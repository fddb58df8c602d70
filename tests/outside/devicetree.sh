#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Images on trees that QEMU does not make: with reserved memory, and with the devices
# below a bus that moves their addresses.
# NEEDS: run host/outside/edit_tree gcc-debug/tests/images/reserved.elf
# NEEDS: gcc-debug/tests/target/page.elf gcc-debug/tests/target/devicetree.elf
. tests/outside/tap.bash

images=$BUILD/gcc-debug/tests
edit_tree=$BUILD/host/outside/edit_tree
run "${QEMU:-qemu-system-aarch64}" -machine "virt,dumpdtb=$work/virt.dtb" -cpu cortex-a72 -m 256M \
    -display none -nic none
check "QEMU writes its tree" test -s "$work/virt.dtb"

run "$edit_tree" reserve "$work/virt.dtb" "$work/reserve.dtb"
check "areas are reserved" ended 0
run qemu/run.sh -t 20 "$images/images/reserved.elf" -- -dtb "$work/reserve.dtb"
check "reserved memory is not given, and no-map memory is not mapped" ended 0
run qemu/run.sh -t 60 "$images/target/page.elf" -- -dtb "$work/reserve.dtb"
check "pages come and go around it" ended 0

run "$edit_tree" bus "$work/virt.dtb" "$work/bus.dtb"
check "devices are moved to a bus" ended 0
run qemu/run.sh -t 20 -a test=slots "$images/target/devicetree.elf" -- -dtb "$work/bus.dtb"
check "their addresses are the root's, and their interrupts are found" ended 0
