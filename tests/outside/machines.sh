#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Machines that are no profile: each interrupt controller under each way to start, CPUs
# that promise another one than there is, an SMMU whose lines are in the midst of those that
# a GICv2 has for messages, and a hypervisor that forbids DC ZVA.
# NEEDS: run debug gcc-debug/tests/target/irq.elf gcc-debug/tests/target/page.elf
# NEEDS: gcc-debug/tests/target/msi.elf gcc-debug/tests/target/pci_interrupts.elf
. tests/outside/tap.bash

images=$BUILD/gcc-debug/tests/target

for cpu in cortex-a72 a64fx; do
    for start in virtualization=off virtualization=on secure=on secure=on,virtualization=on; do
        for version in 2 3 4; do
            # QEMU makes a GICv4 only for a machine with EL2.
            [[ $version != 4 || $start == *virtualization=on* ]] || continue
            run qemu/run.sh -t 60 "$images/irq.elf" -- -M "$start,gic-version=$version" \
                -cpu "$cpu" -smp 2
            check "$cpu, $start, gic-version=$version" ended 0
        done
    done
done

for test in msi/every_one_arrives msi/until_none_is_left pci_interrupts/two_of_65_vectors; do
    image=${test%/*}
    run qemu/run.sh -t 60 -d "tests/target/$image.c" -a "test=${test#*/}" "$images/$image.elf" -- -M iommu=smmuv3
    check "an SMMU and messages by a GICv2m: $test" eval 'ended 0 && said "^ok 1 "'
done

# HCR_EL2.TDZ (bit 28) traps DC ZVA from EL1, and DCZID_EL0 says so there (DZP). Nobody can
# ask QEMU for it, so gdb sets the bit in what is about to be written.
open_el2=$("${NM:-nm}" "$images/page.elf" | sed -n 's/^ffff\(.*\) T early_open_el2$/0x\1/p')
cat >"$work/commands" <<END
hbreak *$open_el2
continue
delete
while (*(unsigned int *)\$pc & 0xffffffe0) != 0xd51c1100
  stepi
end
set \$x2 = \$x2 | (1 << 28)
printf "HCR_EL2.TDZ is %d\\n", (\$x2 >> 28) & 1
continue
END
run timeout -k 5 120 qemu/debug.sh -m el2 "$images/page.elf" -batch -x "$work/commands"
check "DC ZVA is trapped" said '^HCR_EL2.TDZ is 1$'
check "memory is cleared without it" eval 'said "^ok 5 zeroed_runs_are_zero" && ! said "not ok|exception"'
