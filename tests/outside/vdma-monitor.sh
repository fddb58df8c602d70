#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The monitor at EL2 from outside: an image that does not ask for it has nothing of it, and
# with it beneath an access to a register that no hypervisor could decode is seen.
#
# NEEDS: run gcc-debug/tests/target/page.elf gcc-debug-watched/tests/target/page.elf
# NEEDS: gcc-debug/tests/target/vdma.elf gcc-debug/tests/target/vdma_monitor.elf
# NEEDS: gcc-release/tests/bench/kernel.elf gcc-release/tests/bench/virtio.elf
# NEEDS: gcc-debug-watched/tests/images/misbehaving.elf gcc-debug-monitored/tests/images/misbehaving.elf
. tests/outside/tap.bash

count()
{
    "${NM:-nm}" "$BUILD/$1" | grep -cE ' (el2_|vdma_)'
}
run count gcc-debug/tests/target/page.elf
check "an image without it has no symbol of it" eval '[ "$(cat "$out")" = 0 ]'
run count gcc-debug/tests/target/vdma.elf
check "one with it has" eval '[ "$(cat "$out")" -gt 20 ]'
# Every instruction of EL1 that these count is there with and without the monitor's sources.
for image in kernel virtio; do
    run count gcc-release/tests/bench/$image.elf
    check "the benchmark $image has none, and starts at EL1" eval '[ "$(cat "$out")" = 0 ]'
done

watched=$BUILD/gcc-debug-watched/tests/images/misbehaving.elf
for machine in el2 el2v3; do
    run qemu/run.sh -m $machine -t 20 -a test=undecodable_access "$watched"
    check "$machine: an access that cannot be decoded ends the machine" ended 3
    check "$machine: it says which code made it" \
        said '^el2: a register is not accessed by one plain load or store, but by \[<[0-9a-f]{16}>\] test_undecodable_access at .*misbehaving\.c:[0-9]+'
    check "$machine: and where" said '^el2: its address is 0000000009000fe0'
    run qemu/run.sh -m $machine -t 20 -a test=good_first "$watched"
    check "$machine: plain ones pass" ended 0
    run qemu/run.sh -m $machine -t 20 -a test=good_access_to_nothing "$watched"
    check "$machine: where nothing is they end in an abort, as without" ended 0
    run qemu/run.sh -m $machine -t 20 -a test=undecodable_access \
        "$BUILD/gcc-debug-monitored/tests/images/misbehaving.elf"
    check "$machine: a monitor that does not watch lets it pass" ended 0
done
# Other CPUs than the profiles' own, and firmware at EL3, above which there is no monitor.
for cpu in cortex-a57 cortex-a76 max; do
    for machine in el2 el2v3; do
        for image in vdma_monitor vdma; do # it is there; and its timer works
            run qemu/run.sh -m $machine -t 60 "$BUILD/gcc-debug/tests/target/$image.elf" -- -cpu $cpu
            check "$machine: $image on $cpu" ended 0
        done
    done
done
for version in 2 3; do
    run qemu/run.sh -m default -t 60 "$BUILD/gcc-debug/tests/target/vdma_monitor.elf" -- \
        -M secure=on,virtualization=on,gic-version=$version
    check "entered at EL3, GICv$version: an image is without its monitor, and runs" ended 0
done
# RAM that EL2 does not look at is no memory of less rights, and the host need not have it.
for size in 255 256 1025; do
    run qemu/run.sh -m el2 -t 60 "$BUILD/gcc-debug/tests/target/vdma_monitor.elf" -- -M memory-backend=ram \
        -object "memory-backend-ram,id=ram,size=${size}G,reserve=off" -m "${size}G"
    if [ $size = 255 ]; then
        check "with $size GiB the image runs" ended 0
    else
        check "with $size GiB the monitor says what is too much" eval \
            'ended 3 && said "^el2: .* 255 GiB at the most; there is RAM at 0000004000000000" && ! said "panic"'
    fi
done
run qemu/run.sh -m default -t 20 -a test=undecodable_access "$watched"
check "so does a machine without EL2" ended 0
run qemu/run.sh -m default -t 20 -a test=good_access_to_nothing "$watched"
check "and there an access to nothing is an abort, too" ended 0
