#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# exports.sh COMPILER... -- HEADER...: the functions and variables that these headers
# declare, one a line, as the linker calls them: what a library that belongs to them exports.
# COMPILER is a gcc with its options.
set -euo pipefail
export LC_ALL=C

compiler=()
while [ "$1" != -- ]; do
    compiler+=("$1")
    shift
done
shift

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '#include "%s"\n' "$@" >"$work/all.c"
printf '%s\n' "$@" >"$work/headers"

# Functions as the compiler understood them; inline ones are static.
"${compiler[@]}" -w -fsyntax-only -aux-info "$work/prototypes" "$work/all.c"
# Variables as they are written.
"${compiler[@]}" -w -E "$work/all.c" >"$work/text"

{
    awk 'NR == FNR { ours[$1] = 1; next }
        {
            file = $2
            sub(/^\.\//, "", file)
            sub(/:.*/, "", file)
        }
        file in ours && $4 == "extern" && match($0, /[A-Za-z_0-9]+ \(/) {
            print substr($0, RSTART, RLENGTH - 2)
        }' "$work/headers" "$work/prototypes"
    awk 'NR == FNR { ours[$1] = 1; next }
        /^# [0-9]+ "/ { file = $3; gsub(/^"(\.\/)?|"$/, "", file); next }
        file in ours { text = text " " $0 }
        END {
            while (match(text, /extern [^;(){}]*(__asm__\([^()]*\))?;/)) {
                one = substr(text, RSTART, RLENGTH - 1)
                text = substr(text, RSTART + RLENGTH)
                sub(/ *__asm__\(.*/, "", one)
                sub(/\[[^]]*\]$/, "", one)
                sub(/.*[ *]/, "", one)
                print one
            }
        }' "$work/headers" "$work/text"
} | sort -u >"$work/names"

# Some are called otherwise to the linker; who takes their address asks for them by that name.
sed 's/.*/const void *const use_& = (const void *)\&&;/' "$work/names" >>"$work/all.c"
"${compiler[@]}" -w -c -o "$work/all.o" "$work/all.c"
"${compiler[0]%gcc}nm" -u "$work/all.o" | awk '{ print $2 }' | sort -u
