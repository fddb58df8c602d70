#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# devices.sh SOURCE.c FOLDER: the QEMU options that an image's source asks for
#
# The image's source says so in comment lines at its top:
#
#   // FILE: NAME SIZE PATTERN   make this file; SIZE in bytes or with k, M
#   // QEMU: WORD...             options, split at blanks; $FILES is the folder, as the
#                                value in a list of commas; a word that ends in a
#                                comma goes on with the next one
#
# PATTERN: zero, or words (little-endian 64-bit words 0, 1, 2 ...). The files are
# made in FOLDER. Prints the options, each with a zero byte behind it. Status 2: wrong lines.
# Environment: virtio, virtio_options (virtio.bash).
set -euo pipefail

# shellcheck source=/dev/null
. "$(dirname "$(realpath "$0")")/virtio.bash"

source=$1
folder=$2

die()
{
    echo "devices: $source: $*" >&2
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
read -rd '' -a words < <(sed -n 's,^// QEMU: ,,p' "$source") || true
for word in ${words[@]+"${words[@]}"}; do
    pending+=${word//\$FILES/"${folder//,/,,}"}
    [[ $word == *, ]] && continue
    virtio_word "$pending"
    printf '%s\0' "$virtio_word"
    pending=
done
