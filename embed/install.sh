#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# install.sh BUILT HEADERS: copy what was built for embedding into DESTDIR and PREFIX
#
# BUILT is the folder of the libraries, HEADERS the file that lists the headers.
# Environment: PREFIX (absolute), DESTDIR, LIBDIR (in PREFIX, or absolute), LIBC_INCLUDE,
# LIBC_FOLDER, GCC_DEBUG (1: the libraries are of a debug build).
set -euo pipefail

built=$1
headers=$2
prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-lib}
[[ $libdir == /* ]] || libdir=$prefix/$libdir
for folder in "$prefix" "$libdir"; do
    [[ $folder == /* ]] || { echo "install: PREFIX=$folder is not absolute" >&2 && exit 2; }
done
root=${DESTDIR-}
include=$root$prefix/include/dmakit
lib=$root$libdir
parts=$lib/dmakit.specs.d
share=$root$prefix/share/dmakit
version=$(embed/version.sh kernel/version.h)

relative() # TO FROM
{
    realpath -sm --relative-to="$2" "$1"
}

# fill TEMPLATE FILE [NAME=TEXT]...: with each @NAME@ replaced.
fill()
{
    local template=$1 file=$2 text pair
    shift 2
    text=$(cat "$template")
    for pair in "VERSION=$version" "MAJOR=${version%%.*}" "$@"; do
        text=${text//@${pair%%=*}@/${pair#*=}}
    done
    mkdir -p "$(dirname "$file")"
    printf '%s\n\n' "$text" >"$file"
}

# As C++ wants a header: between each block of includes and the next, C linkage. And the
# layout of objects depends on how the library was built, not on the user's own DEBUG.
header()
{
    mkdir -p "$(dirname "$2")"
    awk -v debug="${GCC_DEBUG:-0}" '
        function linkage(what) {
            printf "#ifdef __cplusplus\n%s\n#endif\n\n", what
            open = !open
        }
        { sub(/^#ifdef DEBUG$/, "#if " debug); lines[NR] = $0 }
        END {
            for (i = 1; i <= NR; i++) {
                if (lines[i] ~ /^#include/) {
                    last = i
                }
                if (lines[i] ~ /^#define [A-Z_0-9]+_H$/ && guard == 0) {
                    guard = i
                }
                if (lines[i] ~ /^#endif/) {
                    end = i
                }
            }
            for (i = 1; i <= NR; i++) {
                if (open && (i == end || lines[i] ~ /^#include/)) {
                    linkage("}")
                }
                print lines[i]
                if (!open && i >= guard && i < end && lines[i] !~ /^#include/) {
                    for (next_line = i + 1; lines[next_line] == ""; next_line++) {
                    }
                    if (next_line < end && lines[next_line] !~ /^#include/ &&
                        (i == guard || lines[i] == "")) {
                        if (lines[i] != "") {
                            print ""
                        }
                        linkage("extern \"C\" {")
                    }
                }
            }
        }' "$1" >"$2"
}

rm -rf "$include" "$parts" "$share"
mkdir -p "$lib" "$parts" "$share" "$root$prefix/bin"

while read -r file; do
    header "$file" "$include/$file"
done <"$headers"
header embed/port/descriptors/platform_lock.h "$include/port/descriptors/platform_lock.h"
printf '%s\n' '/* SPDX-License-Identifier: BSD-2-Clause */' \
    '/* Which dmakit this is. */' '#include "kernel/version.h"' >"$include/version.h"

install -m 644 "$built"/*.a "$lib"
if [ -d "$built/host" ]; then
    mkdir -p "$lib/dmakit-host"
    install -m 644 "$built"/host/*.a "$lib/dmakit-host"
fi
install -m 644 linker/virt.ld "$parts/dmakit.ld"
mkdir -p "$parts/newlib/lib"
cp -R "$LIBC_INCLUDE" "$parts/newlib/include"
rm -f "$parts/newlib/include/stdatomic.h" # gcc's own is the one that works
install -m 644 "$LIBC_FOLDER/libc.a" "$LIBC_FOLDER/libm.a" "$parts/newlib/lib"

fill embed/dmakit.specs "$lib/dmakit.specs" "INCLUDE=$(relative "$prefix/include" "$libdir/dmakit.specs.d")"
up=$(relative "$prefix" "$libdir/pkgconfig")
fill embed/dmakit.pc "$lib/pkgconfig/dmakit.pc" "PREFIX=$up"
fill embed/dmakit-descriptors.pc "$lib/pkgconfig/dmakit-descriptors.pc" \
    "PREFIX=$up" SUFFIX= FOLDER= MACHINE=aarch64
[ ! -d "$built/host" ] ||
    fill embed/dmakit-descriptors.pc "$lib/pkgconfig/dmakit-descriptors-host.pc" \
        "PREFIX=$up" SUFFIX=-host FOLDER=/dmakit-host "MACHINE=the machine that built it"
for file in dmakitConfig dmakitConfigVersion dmakit-toolchain; do
    fill embed/$file.cmake "$lib/cmake/dmakit/$file.cmake" \
        "INCLUDE=$(relative "$prefix/include" "$libdir/cmake/dmakit")"
done

mkdir -p "$share/qemu"
cp -R qemu/profiles "$share/qemu/profiles"
cp -R qemu/devices "$share/qemu/devices"
install -m 755 qemu/run.sh qemu/debug.sh qemu/devices.sh qemu/console.pl "$share/qemu"
install -m 644 qemu/device.bash "$share/qemu"
cp -R embed/examples "$share/examples"
install -m 644 LICENSE CHANGELOG.md embed/README.md "$share"
printf '%s\n' "$version" >"$share/version"
ln -sfn "$(relative "$prefix/share/dmakit/qemu/run.sh" "$prefix/bin")" "$root$prefix/bin/dmakit-run"
