#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# test-devices.sh SOURCE.c FOLDER: the QEMU options that a test image asks for
#
# The image's source says so in comment lines at its top:
#
#   // FILE: NAME SIZE PATTERN   make this file; SIZE in bytes or with k, M
#   // QEMU: WORD...             options, split at blanks; $FILES is the folder; a word
#                                that ends in a comma goes on with the next one
#
# PATTERN: zero, or words (little-endian 64-bit words 0, 1, 2 ...). The files are
# made in FOLDER. Prints the options, one word a line. Status 2: wrong lines.
set -euo pipefail

source=$1
folder=$2

die()
{
    echo "test-devices: $source: $*" >&2
    exit 2
}

while read -r name size pattern; do
    bytes=$(numfmt --from=iec "${size^^}") || die "size $size"
    case $pattern in
    zero) truncate -s "$bytes" "$folder/$name" ;;
    words) perl -e 'print pack("Q<*", 0 .. $ARGV[0] / 8 - 1)' "$bytes" >"$folder/$name" ;;
    *) die "pattern $pattern" ;;
    esac
done < <(sed -n 's,^// FILE: ,,p' "$source")

pending=
for word in $(sed -n 's,^// QEMU: ,,p' "$source"); do
    pending+=${word//\$FILES/$folder}
    [[ $word == *, ]] && continue
    printf '%s\n' "$pending"
    pending=
done
