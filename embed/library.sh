#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# library.sh CROSS LIBRARY.a EXPORTS ABI OBJECT...: make a library of one object that
# defines the names listed in the file EXPORTS, and no others
#
# Whatever the objects define beyond that becomes local, archives among them (libfdt)
# included. Inside, an exported name is bound to its own definition: a program may define
# the same name as something else, and both live, because what is exported is a weak
# second name. The names in the file ABI are those that a compiler or a libc asks for;
# they stay as they are, weak, so that a program's own replace them here as well.
# Environment: LINK, more options for the linker, such as --wrap=NAME.
set -euo pipefail
export LC_ALL=C

cross=$1
library=$2
exports=$3
abi=$4
shift 4

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Every section stays apart, so that --gc-sections can still drop what nobody uses.
objects=()
archives=()
for file; do
    case $file in
    *.a) archives+=("$file") ;;
    *) objects+=("$file") ;;
    esac
done
# shellcheck disable=SC2086 # LINK is a list of words
"${cross}ld" -r --unique ${LINK-} -o "$work/all.o" "${objects[@]}" ${archives[@]+"${archives[@]}"}
"${cross}nm" -g --defined-only "$work/all.o" | awk 'NF == 3 { print $3 }' | sort -u >"$work/defined"
sort -u "$abi" | comm -12 - "$work/defined" >"$work/abi"
sort -u "$exports" | comm -12 - "$work/defined" | comm -23 - "$work/abi" >"$work/names"

sed 's/.*/& dmakit.&/' "$work/names" >"$work/inner"
sed 's/.*/& = dmakit.&;/' "$work/names" >"$work/outer.ld"
sort -u "$work/names" "$work/abi" >"$work/global"

"${cross}objcopy" --redefine-syms="$work/inner" "$work/all.o" "$work/inner.o"
"${cross}ld" -r --unique -o "$work/outer.o" "$work/inner.o" "$work/outer.ld"
object=$work/$(basename "$library" .a | sed 's/^lib//').o
"${cross}objcopy" --keep-global-symbols="$work/global" --weaken-symbols="$work/global" \
    "$work/outer.o" "$object"

mkdir -p "$(dirname "$library")"
rm -f "$library"
"${cross}ar" rcsD "$library" "$object"
