#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# linux.sh FOLDER: put Debian's arm64 Linux and a first file system for it into FOLDER
#
# FOLDER/vmlinuz is the kernel as it is; FOLDER/initrd has a static busybox and the modules of
# virtio; who uses it appends an archive with an /init. Out of Debian's packages, by lists of their own, so that neither
# root nor a foreign architecture in the system is needed.
set -euo pipefail

. "${0%/*}/../attended.bash"

folder=$1
archive=$(realpath "${0%/*}/cpio.pl")
mkdir -p "$(dirname "$folder")"
folder=$(realpath "$folder")
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/root/bin" "$work/root/modules" \
    "$work/installed"

own=(-q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o "APT::Sandbox::User=$(id -un)"
    -o "Dir::State::Lists=$work/lists" -o Dir::State::status=/dev/null -o "Dir::Cache=$work/cache")

fetch()
{
    local kernel
    apt-get "${own[@]}" update &&
        kernel=$(apt-cache "${own[@]}" depends linux-image-arm64 | sed -n 's/^ *Depends: \(linux-image\)/\1/p') &&
        apt-get "${own[@]}" download "$kernel" busybox-static &&
        dpkg-deb --fsys-tarfile linux-image-*.deb |
        tar -x --wildcards './boot/vmlinuz*' '*/drivers/virtio/*.ko' '*/block/virtio_blk.ko' &&
        dpkg-deb --fsys-tarfile busybox-static_*.deb | tar -x --wildcards '*/busybox'
}

fail()
{
    tail -n 20 "$work/log" >&2
    echo "linux: failed; the mirror of this system has to have arm64" >&2
    exit 1
}

echo "linux: fetching Debian's arm64 kernel (60 MB) and busybox, once"
cd "$work"
set -m
attended fetch >>"$work/log" 2>&1 || fail
cp boot/vmlinuz* installed/vmlinuz
find . -name busybox -type f -exec cp {} root/bin/busybox \;
find lib -name '*.ko' -exec cp {} root/modules/ \;
chmod +x root/bin/busybox
perl "$archive" root | gzip >installed/initrd
touch installed/.ready
rm -rf "$folder"
mv -T installed "$folder"
