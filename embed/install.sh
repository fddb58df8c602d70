#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# install.sh BUILT HEADERS: copy what was built for embedding into DESTDIR and PREFIX
#
# BUILT is the folder of the libraries, HEADERS the file that lists the headers.
# What an older one has put into this prefix goes first, wherever its LIBDIR was. Environment:
# PREFIX (absolute), DESTDIR, LIBDIR (in PREFIX, or absolute), LIBC_INCLUDE, LIBC_FOLDER,
# LIBFDT, LIBGCC, GCC_DEBUG (1: the libraries are of a debug build), VDMA_PROGRAMS (the folder of
# vdma's doors, as many as could be built).
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

# As C++ wants a header: between each block of includes and the next, C linkage, in which
# casts are those of C, and a function may be called like a structure. And the layout of
# objects depends on how the library was built, not on the user's own DEBUG.
header()
{
    mkdir -p "$(dirname "$2")"
    awk -v debug="${GCC_DEBUG:-0}" '
        function linkage(what) {
            printf "#ifdef __cplusplus\n%s\n#endif\n\n", what
            open = !open
        }
        BEGIN {
            begin = "extern \"C\" {\n#pragma GCC diagnostic push"
            begin = begin "\n#pragma GCC diagnostic ignored \"-Wshadow\""
            begin = begin "\n#pragma GCC diagnostic ignored \"-Wold-style-cast\""
            end_of_it = "#pragma GCC diagnostic pop\n}"
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
                    linkage(end_of_it)
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
                        linkage(begin)
                    }
                }
            }
        }' "$1" >"$2"
}

umask 022
embed/uninstall.sh
rm -rf "$include" "$parts" "$share" # of one that did not come to its end
mkdir -p "$lib" "$parts" "$share" "$root$prefix/bin"

while read -r file; do
    header "$file" "$include/$file"
done <"$headers"
header embed/port/descriptors/platform_lock.h "$include/port/descriptors/platform_lock.h"
header embed/port/descriptors/platform_trace.h "$include/port/descriptors/platform_trace.h"
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

install -m 644 "$LIBGCC" "$parts/libgcc.a"

fill embed/dmakit.specs "$lib/dmakit.specs" "INCLUDE=$(relative "$prefix/include" "$libdir/dmakit.specs.d")"
up=$(relative "$prefix" "$libdir/pkgconfig")
fill embed/dmakit.pc "$lib/pkgconfig/dmakit.pc" "PREFIX=$up"
fill embed/dmakit-clang.pc "$lib/pkgconfig/dmakit-clang.pc" "PREFIX=$up"
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
cp -R qemu/gdb "$share/qemu/gdb"
rm -rf "$share/qemu/gdb/__pycache__"
install -m 755 qemu/run.sh qemu/debug.sh qemu/devices.sh qemu/console.pl qemu/core.pl "$share/qemu"
install -m 644 qemu/locale.bash qemu/device.bash qemu/virtio.bash qemu/vdma.bash "$share/qemu"
mkdir "$share/qemu/programs"
for program in vdma-alone.elf vdma-vhost-user; do
    [ ! -e "$VDMA_PROGRAMS/$program" ] || install -m 755 "$VDMA_PROGRAMS/$program" "$share/qemu/programs"
done
cp -R embed/examples "$share/examples"
install -m 644 LICENSE CHANGELOG.md embed/README.md "$share"
printf '%s\n' "$version" >"$share/version"

# What came from others has its terms beside it. The first of FILES that is there; at
# worst WHERE, which says whom to ask.
terms() # NAME WHERE FILE...
{
    local name=$1 where=$2 file
    shift 2
    for file; do
        [ ! -r "$file" ] || { install -m 644 "$file" "$share/licenses/$name" && return; }
    done
    echo "$where" >"$share/licenses/$name"
}
mkdir "$share/licenses"
install -m 644 LICENSE "$share/licenses/dmakit"
terms newlib "The licences of newlib come with the toolchain that brought it." \
    "$LIBC_FOLDER"/../../COPYING.NEWLIB "$LIBC_FOLDER"/../../share/doc/newlib/COPYING.NEWLIB \
    /usr/share/doc/newlib-source/copyright
terms libfdt "$(sed -n '/^\/\*/,/\*\//p;/^#/q' "$LIBFDT/include/libfdt.h")" \
    "$LIBFDT/copyright" /usr/share/doc/libfdt-dev/copyright
terms libgcc "GPL-3.0-or-later WITH GCC-exception-3.1; the texts come with GCC." \
    /usr/share/doc/libgcc-*-dev-arm64-cross/copyright
ln -sfn "$(relative "$prefix/share/dmakit/qemu/run.sh" "$prefix/bin")" "$root$prefix/bin/dmakit-run"

# For uninstall.sh: all that is not in a folder of its own, and these folders.
for path in "$lib"/libdmakit{,-nolibc,-harness,-cxx,-descriptors,-port}.a "$lib/dmakit.specs" "$lib"/dmakit{.specs.d,-host} \
    "$lib"/pkgconfig/dmakit{,-clang,-descriptors,-descriptors-host}.pc "$lib/cmake/dmakit" \
    "$include" "$root$prefix/bin/dmakit-run" "$share"; do
    relative "$path" "$share"
done >"$share/installed"
# For everybody to read: what is copied may have come by somebody's umask.
chmod -R u+rwX,go+rX "$include" "$parts" "$share"
