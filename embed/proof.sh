#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# proof.sh FOLDER [SUITE [MIRROR]]: what a person does on a fresh Debian, in a chroot
#
# Makes FOLDER a minimal Debian (SUITE: bookworm) with git and make, and in it clones this
# repository, runs it, adds a test, installs it into an empty prefix, renames the clone,
# and builds and runs each example from there. Needs root and debootstrap. A FOLDER that
# holds a Debian already is taken as it is. Prints each command, as it would be typed, with
# its seconds; ends with the number of commands and keystrokes.
# Status: 0, or that of the first command that failed.
set -uo pipefail

folder=${1:?give a folder}
suite=${2:-bookworm}
mirror=${3:-} # empty: where debootstrap looks by itself
top=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)

if [ ! -x "$folder/bin/bash" ]; then
    # Beside its place first: half of one shall not be taken for a whole.
    rm -rf --one-file-system "$folder.new"
    debootstrap --variant=minbase --include=git,make,ca-certificates "$suite" "$folder.new" ${mirror:+"$mirror"} >"$folder.log" 2>&1 ||
        { tail -n 5 "$folder.log" >&2 && exit 1; }
    rm -rf --one-file-system "$folder" && mv -T "$folder.new" "$folder" || exit
fi
cp /etc/resolv.conf "$folder/etc/resolv.conf"
mounted=()
trap 'for at in "${mounted[@]}"; do umount "$at"; done' EXIT
for at in proc dev; do
    mountpoint -q "$folder/$at" || { mount --bind "/$at" "$folder/$at" && mounted+=("$folder/$at"); }
done
rm -rf "$folder/srv/dmakit.git" "$folder/root/work"
git clone -q --bare "$top" "$folder/srv/dmakit.git"
mkdir "$folder/root/work"

commands=0
keys=0
type_in() # COMMAND: as a person would, in a shell in the work folder
{
    local start=$SECONDS status
    echo "\$ $1"
    chroot "$folder" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
        bash -c "cd /root/work && $1" >"$folder.out" 2>&1 </dev/null
    status=$?
    tail -n "${2:-2}" "$folder.out" | sed 's/^/    /'
    echo "  ($((SECONDS - start)) s, status $status)"
    commands=$((commands + 1))
    keys=$((keys + ${#1} + 1))
    [ $status = 0 ] || { tail -n 30 "$folder.out" >&2 && exit $status; }
}

type_in 'git clone -q /srv/dmakit.git dmakit'
type_in 'make -C dmakit run'
type_in 'cp dmakit/embed/examples/test/mine.c dmakit/tests/target/'
type_in 'make -C dmakit test T=mine@default'
type_in 'make -C dmakit install PREFIX=/opt/kit'
type_in 'mv dmakit elsewhere'
type_in 'apt-get install -y --no-install-recommends g++-aarch64-linux-gnu picolibc-aarch64-linux-gnu cmake pkg-config gcc libc6-dev'
type_in 'mv /opt/kit /opt/dmakit && cp -r /opt/dmakit/share/dmakit/examples .'
for example in hello nolibc picolibc cpp class pci test port; do
    type_in "make -C examples/$example run DMAKIT=/opt/dmakit"
done
type_in 'cmake -S examples/cmake -B build -DCMAKE_TOOLCHAIN_FILE=/opt/dmakit/lib/cmake/dmakit/dmakit-toolchain.cmake'
type_in 'cmake --build build'
type_in '/opt/dmakit/bin/dmakit-run build/example.elf'
echo "$commands commands, $keys keystrokes"
