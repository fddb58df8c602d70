#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# U-Boot, unchanged, with vdma as its disk: it finds it, reads it, writes it, and the bytes are
# those that the host sees.
#
. tests/outside/tap.bash

firmware=/usr/lib/u-boot/qemu_arm64/u-boot.bin
program=$BUILD/vdma/vdma-vhost-user
serving=
trap '[ -z "$serving" ] || kill "$serving" 2>/dev/null; tap_end' EXIT

# 4 MiB that are all different, and a second disk that is written.
perl -e 'my $x = 1; for (1 .. 1 << 20) { $x = ($x * 1103515245 + 12345) & 0xffffffff; print pack "V", $x }' \
    >"$work/disk"
cp "$work/disk" "$work/before"

# Read all of it, write the first 512 blocks behind the 4096th, and read them from there.
cat >"$work/steps" <<'END'
stop autoboot	
^=> 	virtio scan
^=> 	virtio info
^=> 	virtio read 0x42000000 0 2000
blocks read: OK[\s\S]*^=> 	crc32 0x42000000 0x400000
^=> 	virtio write 0x42000000 1000 200
blocks written: OK[\s\S]*^=> 	virtio read 0x44000000 1000 200
blocks read: OK[\s\S]*^=> 	cmp.b 0x42000000 0x44000000 0x40000
^=> 	virtio read 0x44000000 1fff 1
^=> 	virtio read 0x44000000 1fff 2
^=> 	poweroff
END

# The CRC that gzip writes behind the bytes, as U-Boot prints it.
crc=$(gzip -c "$work/before" | tail -c 8 | head -c 4 | od -An -tx4 | tr -d ' ')

# boot DEVICE...: until it powers off.
boot()
{
    perl tests/guests/converse.pl 100 "$work/steps" \
        "$TESTED_QEMU" -M virt,memory-backend=ram -cpu cortex-a72 -m 256M -nodefaults -display none \
        -object memory-backend-memfd,id=ram,size=256M,share=on -serial stdio -no-reboot \
        -bios "$firmware" -global virtio-mmio.force-legacy=false "$@"
}

for device in vhost-user-blk-pci,disable-legacy=on,num-queues=1 vhost-user-blk,num-queues=1; do
    cp "$work/before" "$work/disk"
    "$program" --socket "$work/socket" --disk "$work/disk" --once >"$work/ready" 2>"$work/said" &
    serving=$!
    for ((tries = 0; tries < 200; tries++)); do
        ! grep -q ready "$work/ready" || break
        sleep 0.05
    done
    run boot -chardev "socket,id=vdma,path=$work/socket" -device "$device,chardev=vdma"
    check "$device: it is found, used and let go" ended 0
    check "$device: its size is right" said '4\.0 MB = 0\.0 GB \(8192 x 512\)'
    check "$device: what was read has the CRC of the file" said "==> $crc"
    check "$device: what was written is read again" said 'Total of 262144 byte\(s\) were the same'
    check "$device: the last block can be read" said '# 8191, count 1 \.\.\. 1 blocks read: OK'
    check "$device: beyond it nothing can" said '# 8191, count 2 \.\.\. -?[0-9]+ blocks read: ERROR'
    wait $serving
    run cat "$work/said"
    check "$device: the process ends with it" [ $? = 0 ]
    { head -c $((4096 * 512)) "$work/before" && head -c 262144 "$work/before" &&
        tail -c +$((4096 * 512 + 262144 + 1)) "$work/before"; } >"$work/expected"
    run cmp "$work/disk" "$work/expected"
    check "$device: the disk has what was written, and nothing else" ended 0
done
