#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# newlib.sh CROSS FOLDER: build newlib from Debian's newlib-source with the
# compiler CROSSgcc and install it in FOLDER, for toolchains that bring none.
set -euo pipefail

. "${0%/*}/../attended.bash"

cross=$1
folder=$2
tarball=$(find /usr/src/newlib -name 'newlib-*.tar.*' 2>/dev/null | sort | tail -n 1)
[ -n "$tarball" ] || {
    echo "newlib: no source in /usr/src/newlib (Debian package newlib-source)" >&2
    exit 2
}

# Built beside its place and moved there whole, so that an interrupted build leaves nothing.
# Where that has a blank in its name, which its configure refuses, it is built elsewhere.
mkdir -p "$(dirname "$folder")"
folder=$(realpath "$folder")
beside=$(mktemp -d "$folder.XXXXXX")
work=$beside
trap 'rm -rf "$beside" "$work"' EXIT
[[ $work != *[[:space:]]* ]] || work=$(mktemp -d)

step()
{
    echo "newlib: $1"
    shift
    if ! attended "$@" >>"$work/log" 2>&1; then
        tail -n 20 "$work/log" >&2
        echo "newlib: failed" >&2
        exit 1
    fi
}

configure()
{
    cd "$work/build" || return
    # No nano-formatted-io: its printf gets %zu, %llu and %hhx wrong. What assert() says names
    # newlib's own tree, not this folder: the library is installed elsewhere and built twice alike.
    # A compiler of Debian's may have no C library: its preprocessor is tried with newlib's headers.
    "$work"/source/newlib/configure --host=aarch64-none-elf --prefix=/ \
        CC="${cross}gcc" CPP="${cross}gcc -E -isystem $work/source/newlib/libc/include" \
        AR="${cross}ar" AS="${cross}as" RANLIB="${cross}ranlib" READELF="${cross}readelf" \
        CFLAGS="-O2 -ffreestanding -fno-pic -fno-pie -ffunction-sections -fdata-sections \
                -mno-outline-atomics -fno-stack-protector -ffile-prefix-map=$work/source=newlib" \
        --disable-multilib --disable-newlib-supplied-syscalls --disable-nls \
        --enable-newlib-io-c99-formats --enable-newlib-io-long-long
}

# Not part of the make that calls this: it has its own idea of what runs in parallel.
unset MAKEFLAGS MFLAGS MAKELEVEL
# Only a tool for the manual would be compiled for this machine; do without it.
no_manual=(CC_FOR_BUILD=true)
mkdir "$work/source" "$work/build"
set -m
step "unpacking $(basename "$tarball" .tar.xz), to be built once, in about a minute" \
    tar -xf "$tarball" -C "$work/source" --strip-components=1
step "configuring (1 of 2)" configure
step "compiling (2 of 2)" make -C "$work/build" -j"$(nproc)" "${no_manual[@]}"
step "installing" make -C "$work/build" install DESTDIR="$work/installed" "${no_manual[@]}"
cp "$work/source/COPYING.NEWLIB" "$work/installed"
touch "$work/installed/.ready"
[ "$work" = "$beside" ] || mv "$work/installed" "$beside"
if [ ! -e "$folder/.ready" ]; then
    rm -rf "$folder"
    mv -T "$beside/installed" "$folder"
fi
