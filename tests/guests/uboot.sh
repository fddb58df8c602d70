#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# U-Boot, unchanged, with vdma as its disk: it finds it, reads it, writes it, and the bytes are
# those that the host sees. By the process on PCI and mmio, and by the monitor at EL2 beside it.
. tests/outside/tap.bash
. tests/guests/doors.bash

firmware=/usr/lib/u-boot/qemu_arm64/u-boot.bin
blob $((4 << 20))

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

# boot MACHINE QEMU-OPTION...: until it powers off.
boot()
{
    perl tests/guests/converse.pl 150 "$work/steps" \
        "$TESTED_QEMU" -M "$1" -cpu cortex-a72 -m 256M -nodefaults -display none -serial stdio -no-reboot \
        -bios "$firmware" -global virtio-mmio.force-legacy=false "${@:2}"
}

# talked WHAT: what it has said.
talked()
{
    check "$1: it is found, used and let go" ended 0
    check "$1: its size is right" said '4\.0 MB = 0\.0 GB \(8192 x 512\)'
    check "$1: what was read has the CRC of the file" said "==> $crc"
    check "$1: what was written is read again" said 'Total of 262144 byte\(s\) were the same'
    check "$1: the last block can be read" said '# 8191, count 1 \.\.\. 1 blocks read: OK'
    check "$1: beyond it nothing can" said '# 8191, count 2 \.\.\. -?[0-9]+ blocks read: ERROR'
}

for device in vhost-user-blk-pci,disable-legacy=on,num-queues=1 vhost-user-blk,num-queues=1; do
    cp "$work/before" "$work/disk"
    serve 1
    run boot virt,memory-backend=ram -object memory-backend-memfd,id=ram,size=256M,share=on \
        -chardev "socket,id=vdma,path=$work/socket" -device "$device,chardev=vdma"
    talked "$device"
    wait $serving
    status=$?
    check "$device: the process ends with it" [ $status = 0 ]
    { head -c $((4096 * 512)) "$work/before" && head -c 262144 "$work/before" &&
        tail -c +$((4096 * 512 + 262144 + 1)) "$work/before"; } >"$work/expected"
    run cmp "$work/disk" "$work/expected"
    check "$device: the disk has what was written, and nothing else" ended 0
done

cp "$work/before" "$work/disk"
for gic in 2 3; do
    beside
    run boot virt,virtualization=on,gic-version=$gic "${plugged[@]}"
    talked "EL2, GICv$gic"
    # 20 ms a request: it is served by the timer's interrupt, for U-Boot only looks at its ring.
    beside 1250000
    run boot virt,virtualization=on,gic-version=$gic "${plugged[@]}"
    talked "EL2, GICv$gic, late"
done

# What the driver does to the device's memory is watched as well: nothing is found. Of what it asks,
# two things are, which says that somebody looks: DRIVER without ACKNOWLEDGE, and beyond the end.
beside
run boot virt,virtualization=on,gic-version=3 "${plugged[@]}" \
    -fw_cfg name=opt/dmakit/watch,string=owner+rules
check "EL2, watched: it is found, used and let go" eval 'ended 0 && said "==> $crc"'
check "its driver leaves the device's memory alone" eval '! said "watch: W[0-9]+"'
check "it leaves out ACKNOWLEDGE, and asks for sectors that are not there, and that is all" eval \
    'said "watch: R63: " && said "watch: R40: " && ! grep -oE "watch: [A-Z][0-9]+" "$out" | grep -qvE "R63|R40"'

cat >"$work/steps" <<'END'
stop autoboot	
^=> 	virtio scan
^=> 	virtio info
^=> 	poweroff
END
VDMA_PROGRAMS=$(dirname "$monitor") run perl tests/guests/converse.pl 150 "$work/steps" \
    qemu/run.sh -m el2v3 --device vdma --bios "$firmware"
check "run.sh puts the monitor beneath it" eval 'ended 0 && said "Device 0: VDMA VirtIO Block Device"'
