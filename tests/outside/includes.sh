#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The floors of the house: each include runs down (image, drivers, descriptors, kernel,
# boot), a private header stays in its room, and a public one compiles alone.
# NEEDS: build
. tests/outside/tap.bash

# A tree of one rule each: a source that includes a header, and whether it may.
rules()
{
    cat <<'END_OF_RULES'
boot/a.c kernel/types.h no
kernel/a.h descriptors/IOTypes.h no
kernel/page/a.c drivers/virtio/blk.h no
descriptors/map/a.c drivers/virtio/blk.h no
drivers/virtio/a.c tests/harness/harness.h no
drivers/virtio/a.c qemu/vdma/wire.h no
descriptors/dma/a.c qemu/vdma/wire.h no
drivers/vdma/a.c qemu/vdma/device/core.h no
descriptors/map/a.c kernel/vm_map.h no
descriptors/a.h kernel/mmu.h no
descriptors/map/a.c boot/boot_info.h no
descriptors/platform/a.c boot/boot_info.h no
drivers/smmuv3/a.c kernel/panic/semihost.h no
drivers/virtio/a.c descriptors/segments/IOSegmentSink.h no
kernel/heap/a.c kernel/page/page_private.h no
descriptors/buffer/a.c descriptors/map/IOMemoryMap_private.h no
drivers/nvme/a.c drivers/virtio/queue_private.h no
qemu/vdma/device/a.c kernel/types.h no
qemu/vdma/device/a.c qemu/vdma/monitor/trap.h no
qemu/vdma/monitor/a.c kernel/types.h no
qemu/vdma/watch/a.c boot/el2/el2.h no
qemu/vdma/vhost_user/a.c qemu/vdma/monitor/trap.h no
kernel/page/a.c page_private.h no
boot/a.S boot/boot_info.h yes
kernel/a.h boot/boot_info.h yes
kernel/startup.c drivers/virtio/blk.h yes
kernel/page/a.c kernel/page/page_private.h yes
kernel/heap/a.c kernel/page/page_record.h yes
descriptors/map/a.c descriptors/segments/IOSegmentSink.h yes
descriptors/object/a.c kernel/kern_return.h yes
descriptors/a.h kernel/types.h yes
descriptors/malloc/a.c kernel/tree.h yes
descriptors/platform/a.c kernel/vm_map.h yes
descriptors/platform_lock.h kernel/lock.h yes
descriptors/platform_trace.h kernel/trace.h yes
descriptors/driverkit/a.c kernel/console.h no
descriptors/driverkit/user/a.c kernel/console.h yes
descriptors/driverkit/user/a.c drivers/virtio/blk.h no
drivers/virtio/a.c descriptors/IOTypes.h yes
drivers/smmuv3/a.c drivers/pci/pci.h yes
drivers/vdma/a.c qemu/vdma/wire.h yes
qemu/vdma/monitor/a.c boot/el2/el2.h yes
qemu/vdma/alone/a.c boot/mmio.h yes
qemu/vdma/alone/a.c kernel/types.h no
qemu/vdma/monitor/a.c qemu/vdma/device/core.h yes
qemu/vdma/watch/a.c qemu/vdma/device/core.h yes
qemu/vdma/device/a.c qemu/vdma/wire.h yes
qemu/vdma/vhost_user/a.c qemu/vdma/device/core.h yes
tests/host/page/a.c kernel/page/page_private.h yes
END_OF_RULES
}

# judged SOURCE HEADER: what is said of a tree in which SOURCE includes HEADER.
judged()
{
    rm -rf "$work/tree"
    mkdir -p "$work/tree/$(dirname "$1")" "$work/tree/$(dirname "$2")"
    touch "$work/tree/$2"
    printf '#include "%s"\n' "$2" >>"$work/tree/$1"
    run tests/outside/includes.pl "$work/tree"
}

while read -r source header allowed; do
    [[ $header == */* ]] || header=kernel/page/../page/$header # not from the top of the tree
    judged "$source" "$header"
    case $allowed in
    yes) check "$source may include $header" eval 'ended 0 && [ ! -s "$out" ]' ;;
    no) check "$source may not include $header" eval 'ended 0 && said "^$source:1: "' ;;
    esac
done < <(rules)

run tests/outside/includes.pl .
check "every include of the tree keeps to this" eval 'ended 0 && [ ! -s "$out" ]'

# The build's own command for a source of the image, but for the language and what it is to do.
command=$(make -nB --no-print-directory LLVM= DEBUG=1 V=1 O="$work/o" "$work/o/gcc-debug/kernel/pmu.c.o" 2>"$out" |
    grep -E -- ' -c -o .*pmu\.c$' | sed -E 's/ -c -o .*//; s/ -std=[^ ]+//; s/ -MMD -MP//')
check "the build compiles kernel/pmu.c" [ -n "$command" ]

# C17 is C11 but for what __STDC_VERSION__ says.
mapfile -t public < <(printf '%s\n' boot/*.h kernel/*.h descriptors/*.h drivers/*/*.h tests/harness/harness.h |
    grep -v '_private\.h$')
grep -n __STDC_VERSION__ "${public[@]}" >"$out"
check "no header asks which standard it is compiled in" test ! -s "$out"
for header in "${public[@]}"; do
    printf '#include "%s"\nextern int something;\n' "$header" >"$work/alone.c"
    run bash -c "$command -std=c11 -Wpedantic -fsyntax-only $work/alone.c"
    check "$header compiles alone in C11 and C17" eval 'ended 0 && [ ! -s "$out" ]'
done
