#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# transfer.sh [-m PROFILE] [-d DEVICE] [-w WAY] [-b DRIVER] [-i FILE] [-o OUT] [-a BOOTARGS] [-r REPORT] [-E EVENTS] IMAGE.elf: move a file by DMA
#
# Boots IMAGE with FILE (any size, only ever read) on a device, and compares the
# checksum of what arrived in the machine with that of the file. With OUT the
# machine also writes the bytes to a second disk, which becomes OUT if they are
# the same. Without FILE a sample is made.
#
# Where the machine starts at EL2, as el2 does, which is the PROFILE if none is given, vdma
# (vdma/README.md) copies what has arrived from memory to memory and sums it, 16 MiB of it
# unless DEVICE says otherwise; transfer_check.pl compares that with FILE. DEVICE=vdma is this on
# other machines as well, by a process beside QEMU.
#
# DEVICE is NAME[,OPTION=VALUE]..., of those that -l lists (default: virtio-blk, or what PROFILE
# says that it moves by). WAY is
# command, the bytes moved by DMA commands (the default), or cursor, with virtio-blk.
# DRIVER is the file of a program for EL0 (../descriptors/driverkit/user/driver.h): loaded when the
# machine runs, it does the copying by vdma, and what it has written is what is compared.
# BOOTARGS are more options of the image, which -a --help lists. REPORT is a page of what
# happened (run.sh --report), of which it has the last EVENTS.
#
# Status 0: everything arrived; 1: it did not; 2: wrong command line, or QEMU
# could not start; else the image's own (see run.sh).
set -uo pipefail

here=$(dirname "$(realpath "$0")")
sector=512

die()
{
    local status=$1
    shift
    echo "run: $*" >&2
    exit "$status"
}

refuse()
{
    die 2 "$@"
}

# shellcheck source=/dev/null
. "$here/locale.bash"
# shellcheck source=/dev/null
. "$here/device.bash"
# shellcheck source=/dev/null
. "$here/vdma.bash"
profile=
wanted=
way=command
driver=
input=
output=
bootargs=
report=
events=
while getopts m:d:w:b:i:o:a:r:E:lh option; do
    case $option in
    m) profile=$OPTARG ;;
    d) wanted=$OPTARG ;;
    w) way=${OPTARG:-command} ;;
    b) driver=$OPTARG ;;
    l) devices "$here/devices" && exit ;;
    i) input=$OPTARG ;;
    o) output=$OPTARG ;;
    a) bootargs=$OPTARG ;;
    r) report=$OPTARG ;;
    E) events=$OPTARG ;;
    h) sed -n '4,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;;
    *) die 2 "try $0 -h" ;;
    esac
done
shift $((OPTIND - 1))
[ $# = 1 ] || die 2 "one image, please; try $0 -h"
image=$1

# Nothing is moved then.
[[ " $bootargs " != *" --help "* ]] || exec "$here/run.sh" -x -m "${profile:-el2}" -a --help "$image"

# A machine may be there for one kind of device.
if [ -z "$wanted" ]; then
    wanted=$(sed -n 's/^moves=//p' "$here/profiles/${profile:-el2}" 2>/dev/null)
    wanted=${wanted:-virtio-blk}
fi

memory=
vdma_most=$((16 << 20))
device "$wanted" "$here/devices"
[ -z "$device_file" ] || die 2 "the file of $device_name is FILE"
[[ " ${device_ways[*]} " == *" $way "* ]] ||
    die 2 "WAY=$way: of $device_name there are: ${device_ways[*]}"
[ "$way" = command ] || bootargs+=" transfer.way=$way"

if [ "$device_door" = process ]; then
    profile=${profile:-default}
fi
door=${device_door:+vdma,door=$device_door}
# What the profile says is its machine, or that of el2 if there is none.
starts=$(sed -n 's/^machine+=//p' "$here/profiles/${profile:-el2}" 2>/dev/null)
if [ -z "$profile" ] || [ -f "$here/profiles/$profile" ]; then
    device_fits "$starts" "${profile:-el2}"
    # run.sh does it; here nothing has been said yet.
    [ -z "$door" ] || vdma_door "$device_door" "$starts" "${profile:-el2}" "$image" ''
    [ -z "${vdma_beside-}" ] || vdma_can "${QEMU:-qemu-system-aarch64}"
fi

work=$(mktemp -d) || exit 2
target= # OUT while it is being written, beside it
machine= # run.sh
trap '[ -z "$machine" ] || { kill "$machine"; wait "$machine"; } 2>/dev/null
      rm -rf "$work" ${target:+"$target"}' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

if [ -z "$input" ]; then
    input=$work/sample
    seq 500000 >"$input"
    echo "no FILE given: moving a sample of $(stat -c %s "$input") bytes"
fi
[ -e "$input" ] || die 2 "$input: no such file"
[ ! -d "$input" ] || die 2 "$input: is a directory"
[ -f "$input" ] || die 2 "$input: not a regular file"
[ -r "$input" ] || die 2 "$input: cannot be read"
# Not by $(...), which would cut a name that ends in a newline.
IFS= read -rd '' input < <(realpath -z -- "$input")
length=$(stat -c %s -- "$input")

bootargs+=" transfer.device=$device_kind transfer.length=$length"
if [ -t 1 ]; then
    bootargs+=" transfer.progress=1"
fi
device_plug "$input" source on

if [ -n "$driver" ]; then
    [ -f "$driver" ] && [ -r "$driver" ] || die 2 "$driver: no file that can be read"
    name=${driver##*/}
    name=${name%.driver}
    [[ $name =~ ^[A-Za-z0-9_.+-]+$ ]] || die 2 "$driver: letters, digits and _.+- are good for the name of a driver"
    bootargs+=" transfer.driver=$name"
    device_qemu+=(-fw_cfg "name=opt/driver,file=${driver//,/,,}")
fi

# What vdma does, for transfer_check.pl. Sparse: a copy of two segments makes some 500 bytes of it.
copied=$((length < vdma_most ? length : vdma_most))
truncate -s $((copied * 2 + (64 << 20))) "$work/journal" || die 2 "no room for the journal"
device_qemu+=(-blockdev "driver=raw,node-name=journal,file.driver=file,file.filename=${work//,/,,}/journal"
    -device virtio-blk-device,drive=journal,serial=journal)

if [ -n "$output" ]; then
    IFS= read -rd '' output < <(realpath -mz -- "$output")
    [ ! -d "$output" ] || die 2 "$output: is a directory"
    [ ! -e "$output" ] || [ -f "$output" ] || die 2 "$output: not a regular file"
    [ ! "$output" -ef "$input" ] || die 2 "OUT is FILE itself"
    [ ! -e "$output" ] || [ -w "$output" ] || die 2 "$output: cannot be written"
    target=$(mktemp "$output.XXXXXX" 2>/dev/null) || die 2 "$output: cannot be written"
    room=$(df --output=avail -B1 -- "$target" | tail -n 1)
    bytes=$(((length + sector - 1) / sector * sector))
    [ "$bytes" -le "$room" ] || die 2 "$output: no room for $length bytes, there are $room"
    truncate -s "$bytes" "$target" || die 2 "$output: no room for $length bytes"
    # Where the file system can, the room is taken now.
    [ "$bytes" = 0 ] || fallocate -l "$bytes" "$target" 2>/dev/null || true
    options=("${device_qemu[@]}")
    device virtio-blk "$here/devices"
    device_plug "$target" target off
    device_qemu=("${options[@]}" "${device_qemu[@]}")
fi

if [ -z "$profile" ]; then
    profile=el2
elif grep -q '^memory=' "$here/profiles/$profile" 2>/dev/null; then
    memory= # its own
fi
# No access to the host's files for this image (-x): what it reads is not ours to trust.
"$here/run.sh" -x -o "$work/log" -m "$profile" -a "${bootargs# }" ${memory:+-M "$memory"} \
    ${report:+-R "$report"} ${events:+-E "$events"} ${door:+-e "$door"} "$image" -- "${device_qemu[@]}" <&0 &
machine=$!
wait "$machine"
status=$?
machine=
[ "$status" = 0 ] || die "$status" "the image ended with status $status"

arrived=$(tr '\r' '\n' <"$work/log" | sed -n 's/^cksum \([0-9]* [0-9]*\)$/\1/p' | tail -n 1)
expected=$(cksum <"$input")
[ "$arrived" = "$expected" ] ||
    die 1 "WRONG BYTES: the machine saw checksum and length ${arrived:-(none)}, the file has $expected"
echo "verified: what arrived has the checksum of the file ($expected)"
if tr '\r' '\n' <"$work/log" | grep -q '^copied by vdma: '; then
    "$here/transfer_check.pl" "$input" "$work/journal" "$copied" || exit
fi

if [ -n "$output" ]; then
    truncate -s "$length" "$target" || die 1 "$output: cannot be written"
    cmp "$input" "$target" || die 1 "WRONG BYTES: what the machine wrote is not the file; $output is untouched"
    if [ -e "$output" ]; then
        chmod --reference="$output" "$target"
    else
        chmod "$(printf %o $((0666 & ~$(umask))))" "$target"
    fi
    mv -f "$target" "$output" || die 1 "$output: cannot be written"
    target=
    echo "verified: $output is equal to the file ($length bytes)"
fi
