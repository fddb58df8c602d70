#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh [OPTION]... IMAGE.elf [-- QEMU-OPTION...]: boot an image in QEMU
#
#   -m PROFILE   the machine, a file of qemu/profiles (default: default)
#   -a BOOTARGS  /chosen/bootargs; system=on lets system() run commands of the host
#   -t SECONDS   give up then, and say where it hangs (default: never)
#   -d SOURCE    with the devices that the QEMU: and FILE: lines of this file name
#   -o FILE      write what the image says there as well
#   -s           status 0 if every test of the image was skipped
#   -x           let the image exit with a status, but keep it from the host's files
#   -l           list the profiles
#   -h           this text
#
# Addresses that a panic prints as [<address>] are followed by function and line.
# Status: the image's own (0 passed, 1 failed, 3 panic, 77 skipped); 2 when the
# command line is wrong or QEMU could not start; 124 when the time was up; 128 and
# more when a signal has ended it, and QEMU with it.
# Environment: QEMU, QEMU_EXTRA (more options, split at blanks), ADDR2LINE.
set -uo pipefail

here=$(dirname "$(realpath "$0")")

die()
{
    echo "run: $*" >&2
    exit 2
}

profiles()
{
    local file
    for file in "$here"/profiles/*; do
        printf '%-10s %s\n' "$(basename "$file")" "$(sed -n '1s/^# //p' "$file")"
    done
}

profile=default
bootargs=
limit=0
# Semihosting carries the exit status, and it can open any file of the host. With
# target=gdb and no gdb only the exit works.
semihosting=native
source=
log=
skipped=77
while getopts m:a:t:d:o:sxlh option; do
    case $option in
    m) profile=$OPTARG ;;
    a) bootargs=$OPTARG ;;
    t) limit=$OPTARG ;;
    d) source=$OPTARG ;;
    o) log=$OPTARG ;;
    s) skipped=0 ;;
    x) semihosting=gdb ;;
    l) profiles && exit ;;
    h) sed -n '4,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;;
    *) die "try $0 -h" ;;
    esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] || die "no image given; try $0 -h"
image=$1
shift
[ "${1-}" != -- ] || shift

[[ $profile =~ ^[a-z0-9]+$ && -f $here/profiles/$profile ]] ||
    die "unknown machine '$profile'; there are: $(ls "$here/profiles" | tr '\n' ' ')"

# What a profile may change.
machine=virt,dtb-randomness=off
cpu=cortex-a72
cpus=1
memory=256M
format=elf
options=()
# shellcheck source=/dev/null
. "$here/profiles/$profile"

file=${image%.elf}.$format
[ -r "$file" ] || die "cannot read image $file"
qemu=${QEMU:-qemu-system-aarch64}
command -v "$qemu" >/dev/null || die "$qemu: not found"
[[ $limit =~ ^[0-9]+$ ]] || die "-t $limit: whole seconds, please"

# shellcheck disable=SC2086 # QEMU_EXTRA is a list of words
exec perl "$here/console.pl" "$image" "$limit" "$source" "$log" "$skipped" "$qemu" \
    -M "$machine" -cpu "$cpu" -smp "$cpus" -m "$memory" \
    -nodefaults -display none -serial stdio -no-reboot \
    -semihosting-config enable=on,target=$semihosting \
    -global virtio-mmio.force-legacy=false \
    -append "$bootargs" "${options[@]}" "$@" ${QEMU_EXTRA-} -kernel "$file"
