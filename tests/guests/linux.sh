#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Debian's Linux, unchanged, with vdma as its disk: its driver scans, reads and writes it, and
# the bytes are those that the host sees. On one CPU and on two, on mmio and PCI.
. tests/outside/tap.bash

linux=${DEPS:-build/deps}/linux
program=$BUILD/vdma/vdma-vhost-user
serving=
trap '[ -z "$serving" ] || kill "$serving" 2>/dev/null; tap_end' EXIT

[ -e "$linux/.ready" ] || qemu/setup/linux.sh "$linux" >&2
mkdir "$work/root"
cp tests/guests/init "$work/root/"
{ cat "$linux/initrd" && perl qemu/setup/cpio.pl "$work/root" | gzip; } >"$work/initrd"

# 4 MiB that are all different.
perl -e 'my $x = 7; for (1 .. 1 << 20) { $x = ($x * 1103515245 + 12345) & 0xffffffff; print pack "V", $x }' \
    >"$work/before"

# What init writes, done by the host.
cp "$work/before" "$work/expected"
dd if="$work/before" of="$work/expected" bs=4096 count=64 seek=512 conv=notrunc 2>/dev/null
for ((at = 0; at < 100; at++)); do
    dd if="$work/expected" of="$work/expected" bs=512 count=1 skip=$((at * 7)) seek=$((6000 + at * 11)) \
        conv=notrunc 2>/dev/null
done

boot()
{
    timeout -k 5 200 "$TESTED_QEMU" -M virt,memory-backend=ram,gic-version=3 -cpu cortex-a72 -m 512M -nodefaults \
        -display none -object memory-backend-memfd,id=ram,size=512M,share=on -serial stdio -no-reboot \
        -kernel "$linux/vmlinuz" -initrd "$work/initrd" -append 'console=ttyAMA0 quiet panic=-1' \
        -global virtio-mmio.force-legacy=false "$@"
}

# try CPUS DEVICE QUEUES
try()
{
    local what="$2, $1 CPUs" tries
    cp "$work/before" "$work/disk"
    "$program" --socket "$work/socket" --disk "$work/disk" --queues "$3" --once >"$work/ready" 2>"$work/said" &
    serving=$!
    for ((tries = 0; tries < 200; tries++)); do
        ! grep -q ready "$work/ready" || break
        sleep 0.05
    done
    run boot -smp "$1" -chardev "socket,id=vdma,path=$work/socket" -device "$2,chardev=vdma,num-queues=$3"
    check "$what: Linux ends" eval 'ended 0 && said "^guest: serial vdma" && said "^guest: sectors 8192"'
    check "$what: what it read is the file" said "^guest: sum $(sha256sum <"$work/before")"
    check "$what: and, after it has written, that" said "^guest: sum $(sha256sum <"$work/expected")"
    check "$what: by interrupts" said '^guest: interrupts [1-9]'
    wait $serving
    run cmp "$work/disk" "$work/expected"
    check "$what: the disk has what was written, and nothing else" ended 0
}

try 1 vhost-user-blk 1
try 2 vhost-user-blk-pci,disable-legacy=on 2
