#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# doors.sh DOORS.elf: how fast vdma's doors are as disks (tests/images/doors.c), on this host now
#
# QEMU's disk is a file that is cached by the host, the process's is memory. Printed, and not
# asserted. Environment: that of run.sh; VDMA_PROGRAMS, where the process is.
set -euo pipefail

work=$(mktemp -d)
process=
trap '[ -z "$process" ] || kill "$process" 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

[ -x "$VDMA_PROGRAMS/vdma-vhost-user" ] || { echo "doors: no vdma-vhost-user in $VDMA_PROGRAMS" >&2 && exit 2; }
"$VDMA_PROGRAMS/vdma-vhost-user" --socket "$work/socket" --serial process --size 1 --once >"$work/ready" &
process=$!
until grep -q ready "$work/ready"; do
    kill -0 $process || exit 2
    sleep 0.1
done
head -c 1M /dev/zero >"$work/disk"
qemu/run.sh -m el2v3 -x "$1" -- -m 512M -machine memory-backend=ram \
    -object memory-backend-memfd,id=ram,size=512M,share=on \
    -blockdev "driver=raw,node-name=qemu,file.driver=file,file.filename=${work//,/,,}/disk" \
    -device virtio-blk-device,drive=qemu,serial=qemu \
    -chardev "socket,id=process,path=${work//,/,,}/socket" -device vhost-user-blk,chardev=process
