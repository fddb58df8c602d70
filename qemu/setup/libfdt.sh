#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# libfdt.sh FOLDER: put an aarch64 libfdt.a and its headers into FOLDER, out of
# Debian's arm64 package. apt works on lists of its own there, so that neither
# root nor a foreign architecture in the system is needed.
set -euo pipefail

folder=$1
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

echo "libfdt: fetching Debian's arm64 libfdt-dev, once"
cd "$work"
if ! { arm64_apt update && arm64_apt download libfdt-dev && dpkg-deb -x libfdt-dev_*.deb unpacked; }; then
    tail -n 20 "$work/log" >&2
    echo "libfdt: failed" >&2
    exit 1
fi
cp unpacked/usr/lib/aarch64-linux-gnu/libfdt.a installed/
cp unpacked/usr/include/{fdt,libfdt,libfdt_env}.h installed/include/
touch installed/.ready
if [ ! -e "$folder/.ready" ]; then
    rm -rf "$folder"
    mv -T installed "$folder"
fi
