#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# newlib.sh CROSS FOLDER: build newlib from Debian's newlib-source with the
# compiler CROSSgcc and install it in FOLDER, for toolchains that bring none.
set -euo pipefail

cross=$1
folder=$2
tarball=$(find /usr/src/newlib -name 'newlib-*.tar.*' 2>/dev/null | sort | tail -n 1)
[ -n "$tarball" ] || {
    echo "newlib: no source in /usr/src/newlib (Debian package newlib-source)" >&2
    exit 2
}

# Built beside its place and moved there whole, so that an interrupted build leaves nothing.
mkdir -p "$(dirname "$folder")"
folder=$(realpath "$folder")
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT

step()
{
    printf ' %s' "$1"
    shift
    if ! "$@" >>"$work/log" 2>&1; then
        printf ': failed\n'
        tail -n 20 "$work/log" >&2
        exit 1
    fi
}

configure()
{
    mkdir "$work/build"
    cd "$work/build"
    # No nano-formatted-io: its printf gets %zu, %llu and %hhx wrong.
    "$work"/source/newlib/configure --host=aarch64-none-elf --prefix=/ \
        CC="${cross}gcc" AR="${cross}ar" AS="${cross}as" RANLIB="${cross}ranlib" \
        READELF="${cross}readelf" \
        CFLAGS="-O2 -ffreestanding -fno-pic -fno-pie -ffunction-sections -fdata-sections \
                -mno-outline-atomics -fno-stack-protector" \
        --disable-multilib --disable-newlib-supplied-syscalls --disable-nls \
        --enable-newlib-io-c99-formats --enable-newlib-io-long-long
}

# Not part of the make that calls this: it has its own idea of what runs in parallel.
unset MAKEFLAGS MFLAGS MAKELEVEL
printf 'newlib: building %s, once, about a minute:' "$(basename "$tarball" .tar.xz)"
mkdir "$work/source"
step unpack tar -xf "$tarball" -C "$work/source" --strip-components=1
step configure configure
step compile make -C "$work/build" -j"$(nproc)"
step install make -C "$work/build" install DESTDIR="$work/installed"
touch "$work/installed/.ready"
if [ ! -e "$folder/.ready" ]; then
    rm -rf "$folder"
    mv -T "$work/installed" "$folder"
fi
printf ': done\n'
