#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# libfdt.sh FOLDER [CROSS]: put an aarch64 libfdt.a and its headers into FOLDER
#
# Out of Debian's arm64 package: apt works on lists of its own there, so that neither
# root nor a foreign architecture in the system is needed. Where the mirror has no arm64,
# out of the source package of dtc, built with CROSSgcc. LIBFDT_SOURCE=PATH names that
# source instead, a folder or a tar file, and then nothing is asked for anywhere.
set -euo pipefail

. "${0%/*}/../attended.bash"

folder=$1
cross=${2-aarch64-linux-gnu-}
source=${LIBFDT_SOURCE:+$(realpath "$LIBFDT_SOURCE")}
mkdir -p "$(dirname "$folder")"
folder=$(realpath "$folder")
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/installed/include"

arm64_apt()
{
    apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 \
        -o APT::Sandbox::User="$(id -un)" -o Dir::State::Lists="$work/lists" \
        -o Dir::State::status=/dev/null -o Dir::Cache="$work/cache" "$@" >>"$work/log" 2>&1
}

from_package()
{
    arm64_apt update && arm64_apt download libfdt-dev && dpkg-deb -x libfdt-dev_*.deb unpacked || return
    cp unpacked/usr/lib/aarch64-linux-gnu/libfdt.a installed/
    cp unpacked/usr/include/{fdt,libfdt,libfdt_env}.h installed/include/
    cp unpacked/usr/share/doc/libfdt-dev/copyright installed/
}

# As the distribution's own sources are listed, with "deb-src" where "deb" was.
fetch_source()
{
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | sed -n 's/^deb /deb-src /p' >sources.list
    mkdir -p parts
    cp /etc/apt/sources.list.d/*.sources parts/ 2>/dev/null && sed -i 's/^Types:.*/Types: deb-src/' parts/*.sources
    local own=(-q -o "Dir::Etc::SourceList=$work/sources.list" -o "Dir::Etc::SourceParts=$work/parts"
        -o "Dir::State::Lists=$work/lists" -o "APT::Sandbox::User=$(id -un)" -o "Dir::Cache=$work/cache")
    apt-get "${own[@]}" update >>"$work/log" 2>&1 &&
        apt-get "${own[@]}" source --download-only device-tree-compiler >>"$work/log" 2>&1 &&
        source=$(find "$work" -maxdepth 1 -name 'device-tree-compiler_*.orig.tar.*' ! -name '*.asc' | head -n 1) &&
        [ -n "$source" ]
}

from_source()
{
    local top file
    if [ -f "$source" ]; then
        mkdir -p source && tar -xf "$source" -C source || return
        source=$work/source
    fi
    top=$(find "$source" -name libfdt.h -printf '%h\n' | head -n 1)
    [ -n "$top" ] || { echo "no libfdt.h in $source" && return 1; }
    for file in "$top"/fdt*.c; do
        "${cross}gcc" -O2 -ffunction-sections -fdata-sections -fno-pie -mgeneral-regs-only -mno-outline-atomics \
            -fno-stack-protector -ffile-prefix-map="$top"=libfdt -I"$top" -c -o "$(basename "$file" .c).o" "$file" ||
            return
    done
    "${cross}ar" rcsD installed/libfdt.a fdt*.o
    cp "$top"/{fdt,libfdt,libfdt_env}.h installed/include/
    ! file=$(grep -ls 'Redistribution and use' "$top"/../BSD-2-Clause "$top"/../README.license "$top/fdt.h") ||
        cp "${file%%$'\n'*}" installed/copyright
}

build_package()
{
    fetch_source && from_source
}

fail()
{
    tail -n 20 "$work/log" >&2
    echo "libfdt: failed; LIBFDT_SOURCE names the source of dtc, LIBFDT a folder with libfdt.a" >&2
    exit 1
}

cd "$work"
set -m
if [ -n "$source" ]; then
    echo "libfdt: building it from $source"
    attended from_source >>"$work/log" 2>&1 || fail
else
    echo "libfdt: fetching Debian's arm64 libfdt-dev, once"
    if ! attended from_package; then
        echo "libfdt: not to be had; building it from its source package"
        attended build_package >>"$work/log" 2>&1 || fail
    fi
fi
touch installed/.ready
if [ ! -e "$folder/.ready" ]; then
    rm -rf "$folder"
    mv -T installed "$folder"
fi
