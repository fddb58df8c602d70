#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# For test scripts of what `make install` makes: TAP, and an installation that was moved
# after it was made, in $home; its libraries in $lib, its GCC with options in gcc.
. tests/outside/tap.bash

unset MAKEFLAGS MFLAGS MAKELEVEL CDPATH
cross=
for prefix in ${CROSS_COMPILE:-aarch64-none-elf- aarch64-elf- aarch64-linux-gnu-}; do
    [ -n "$cross" ] || ! command -v "${prefix}gcc" >/dev/null || cross=$prefix
done
clone=$PWD
home=$work/moved/kit
lib=$home/lib
gcc=("${cross}gcc" "--specs=$lib/dmakit.specs" -O2 -Wall -Wextra -Werror)
version=$(embed/version.sh kernel/version.h)

run make -s O="$BUILD" install PREFIX=/opt/kit DESTDIR="$work/stage"
check "it installs into DESTDIR" ended 0
mkdir -p "$work/moved" "$work/own"
mv "$work/stage/opt/kit" "$home"
