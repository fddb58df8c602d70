#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Debian's Linux, unchanged, with vdma as its disk: its driver scans, reads and writes it, and
# the bytes are those that the host sees. By the process on mmio and PCI, on one CPU and on two,
# and by the monitor at EL2 beside it, where two boots with late answers say the same at the same
# times.
. tests/outside/tap.bash
. tests/guests/doors.bash

linux=${DEPS:-build/deps}/linux
[ -e "$linux/.ready" ] || qemu/setup/linux.sh "$linux" >&2
mkdir "$work/root"
cp tests/guests/init "$work/root/"
{ cat "$linux/initrd" && perl qemu/setup/cpio.pl "$work/root" | gzip; } >"$work/initrd"
blob $((4 << 20))

# What init writes, done by the host.
cp "$work/before" "$work/expected"
dd if="$work/before" of="$work/expected" bs=4096 count=64 seek=512 conv=notrunc 2>/dev/null
for ((at = 0; at < 100; at++)); do
    dd if="$work/expected" of="$work/expected" bs=512 count=1 skip=$((at * 7)) seek=$((6000 + at * 11)) \
        conv=notrunc 2>/dev/null
done

# boot MACHINE KERNEL-OPTION QEMU-OPTION...
boot()
{
    timeout -k 5 400 "$TESTED_QEMU" -M "virt,dtb-randomness=off,$1" -cpu cortex-a72 -m 512M -nodefaults \
        -display none -serial stdio -no-reboot -kernel "$linux/vmlinuz" -initrd "$work/initrd" \
        -append "console=ttyAMA0 panic=-1 $2" -global virtio-mmio.force-legacy=false "${@:3}"
}

# told WHAT: what init has said.
told()
{
    check "$1: Linux ends" eval 'ended 0 && said "^guest: serial vdma" && said "^guest: sectors 8192"'
    check "$1: what it read is the file" said "^guest: sum $(sha256sum <"$work/before")"
    check "$1: and, after it has written, that" said "^guest: sum $(sha256sum <"$work/expected")"
    check "$1: by interrupts" said '^guest: interrupts [1-9]'
}

# by_process CPUS DEVICE QUEUES
by_process()
{
    cp "$work/before" "$work/disk"
    serve "$3"
    run boot memory-backend=ram,gic-version=3 quiet -smp "$1" \
        -object memory-backend-memfd,id=ram,size=512M,share=on \
        -chardev "socket,id=vdma,path=$work/socket" -device "$2,chardev=vdma,num-queues=$3"
    told "$2, $1 CPUs"
    wait $serving
    run cmp "$work/disk" "$work/expected"
    check "$2, $1 CPUs: the disk has what was written, and nothing else" ended 0
}

by_process 1 vhost-user-blk 1
by_process 2 vhost-user-blk-pci,disable-legacy=on 2

cp "$work/before" "$work/disk"
for gic in 2 3; do
    beside
    run boot virtualization=on,gic-version=$gic quiet "${plugged[@]}"
    told "EL2, GICv$gic"
done
# together WHAT: what init has said of two CPUs.
together()
{
    check "$1: both CPUs read what the host sees" eval '[ "$(grep -c "^guest: together" "$out")" = 2 ] &&
        ! grep "^guest: together" "$out" | grep -qv "$(sha256sum <"$work/expected" | cut -d" " -f1)"'
    check "$1: one goes and comes again" said '^guest: cpus 2'
}

for late in 0 62500; do
    beside $late
    run boot virtualization=on,gic-version=3 quiet -smp 2 "${plugged[@]}"
    told "EL2, two CPUs, $late"
    together "EL2, two CPUs, $late"
done
beside
run boot virtualization=on,gic-version=2 quiet -smp 2 "${plugged[@]}"
check "EL2: a second CPU is refused with a GICv2, and why" eval 'ended 0 && said "one CPU, please" && [ "$(grep -c el2: "$out")" = 1 ]'
run boot virtualization=on,gic-version=2 quiet -smp 2 -semihosting "${plugged[@]}"
check "EL2: with semihosting by status as well" eval 'ended 3 && said "one CPU, please"'

# Its driver is watched: nothing is found, by either watch. (U-Boot's is one of which something is.)
beside
run boot virtualization=on,gic-version=3 quiet "${plugged[@]}" \
    -fw_cfg name=opt/dmakit/watch,string=owner+rules
told "EL2, watched"
check "its driver leaves the device's memory alone, and breaks no rule" eval '! said "^watch: "'

VDMA_PROGRAMS=$(dirname "$monitor") run timeout -k 5 400 qemu/run.sh -m el2v3 -M 512M --device vdma \
    -a "console=ttyAMA0 panic=-1 quiet" "$linux/vmlinuz" -- -initrd "$work/initrd"
check "run.sh puts the monitor beneath it" eval 'ended 0 && said "^guest: serial vdma" && said "^guest: sectors 4096"'

# 10 ms a request. What is said has its time in front, in microseconds of the guest's.
beside 625000
for gic in 2 3; do
    for turn in 1 2; do
        run boot virtualization=on,gic-version=$gic printk.time=1 "${plugged[@]}" -icount shift=1,sleep=off \
            -rtc base=2024-01-01,clock=vm
        told "EL2, GICv$gic, late, boot $turn"
        cp "$out" "$work/boot$turn"
    done
    check "GICv$gic: two boots say the same at the same times" cmp "$work/boot1" "$work/boot2"
done
