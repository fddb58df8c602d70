#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# pictures.sh FOLDER IMAGES: the pictures of docs/pictures, made anew in FOLDER
#
# IMAGES is where the images of the tour are (build/.../tests/images). The states of a command and
# the classes come from the tables that the code is compiled from, the others from the memory that
# the images of the tour leave: each has to end with status 0, and its request to be as it was.
# Status 1: something could not be made.
set -uo pipefail

folder=$1 images=$2
root=$(dirname "$(realpath "$0")")/..
cc=${HOST_CC:-gcc}
status=0

failed()
{
    echo "pictures: $*" >&2
    status=1
}

# table HEADER LINES PICTURE: what the compiler makes of LINES behind HEADER.
table()
{
    printf '#include "%s"\n%s\n' "$1" "$2" | $cc -E -P -I"$root" -xc - 2>/dev/null |
        sed -n 's/^.*PICTURE: *\(.*\)$/\1/p' | tr ';' '\n' | "$root/docs/diagrams.pl" "$3" >"$folder/$3.svg" ||
        failed "$3.svg: no table in $1"
}

mkdir -p "$folder" || exit 1
table descriptors/IOClasses.h '#define PICK(Of, Class, member, Parent) Class Parent ;
PICTURE: OSOBJECT_FAMILY(PICK, )' classes
table descriptors/dma/IODMACommand_private.h '#define PICK(from, event, to) from event to ;
PICTURE: IODMACOMMAND_TRANSITIONS(PICK)' states

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
for source in "$root"/tests/images/tour_*.c; do
    name=$(basename "$source" .c)
    machine=$(sed -n 's/.*(MACHINE=\([a-z0-9]*\)).*/\1/p' "$source" | head -n 1)
    DMAKIT_PICTURE=names "$root/qemu/run.sh" -t 60 -m "${machine:-default}" -d "$source" -R "$work/page" \
        "$images/$name.elf" >"$work/said" 2>&1 || failed "$name: status $?: $(tail -n 3 "$work/said")"
    mv "$work/page.svg" "$folder/$name.svg" || failed "$name: no report"
    [ "$name" != tour_1_segment ] || mv "$work/page.memory.svg" "$folder/memory.svg"
done
exit "$status"
