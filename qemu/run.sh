#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh [OPTION]... IMAGE.elf [-- QEMU-OPTION...]: boot an image in QEMU; once installed,
# its name is dmakit-run
#
# IMAGE may be somebody else's kernel, of any name that does not end in .elf: it keeps its devices
# (-- -initrd FILE), and is kept from the host's files.
#
#   -m, --machine PROFILE   the machine, a file of profiles (default: default)
#   -a, --args BOOTARGS     /chosen/bootargs, which main gets as its arguments: words between
#                           double quotes are one. --help lists an image's options; with
#                           system=on its system() runs the host's commands
#   -D, --disk FILE         a virtio disk with the bytes of FILE, which it may write
#   -r, --rng               a virtio source of random numbers
#   -e, --device NAME[,OPTION=VALUE]...,file=FILE
#                           a device of devices/ (-l lists them) with the bytes of FILE, which it
#                           only reads: the "source" of the image. vdma goes without: at EL2, beneath
#                           the image or any guest, or as a process beside QEMU (vdma/README.md, "Doors")
#   -b, --bios              IMAGE is firmware, for the machine's flash
#   -d SOURCE               with the devices that the QEMU: and FILE: lines of this file name
#   -k, --kvm               the host's own CPU; 2 where there is no KVM for aarch64
#   -t, --timeout SECONDS   give up then, and say where it hangs (default: never)
#   -o, --output FILE       write what the image says there as well
#   -c, --core FILE         if it fails, panics or hangs, leave its memory there: debug.sh -c
#   -R, --report FILE       make a page of what happened: its timeline, and what it moved. The
#                           image is given trace=on; FILE.json is the same for Perfetto,
#                           FILE.svg a picture of the first request, FILE.memory.svg one of
#                           the page tables
#   -E, --events N          of which the last N events are kept, a power of two (65536)
#   -M, --memory SIZE       RAM, as QEMU's -m has it
#   -s                      status 0 if every test of the image was skipped
#   -x, --no-files          let the image exit with a status, but keep it from the host's files
#   -n, --dry-run           print QEMU's command line and do nothing
#   -l, --list              list the profiles and the devices
#   -V, --version           which dmakit this is
#   -h, --help              this text
#
# Addresses that a panic prints as [<address>] are followed by function and line.
# Status: the image's own (0 passed, 1 failed, 3 panic, 77 skipped); 2 when the
# command line is wrong or QEMU could not start; 124 when the time was up; 128 and
# more when a signal has ended it, and QEMU with it.
# Environment: QEMU, QEMU_EXTRA (more options, split at blanks), ADDR2LINE.
set -uo pipefail

here=$(dirname "$(realpath "$0")")
name=$(basename "$0" .sh)

die()
{
    echo "$name: $*" >&2
    exit 2
}

refuse()
{
    die "$@"
}

# shellcheck source=/dev/null
. "$here/locale.bash"
# shellcheck source=/dev/null
. "$here/device.bash"
# shellcheck source=/dev/null
. "$here/virtio.bash"
# shellcheck source=/dev/null
. "$here/vdma.bash"

# In the repository the version is where the library has it; installed, it is a file.
version()
{
    if [ -r "$here/../version" ]; then
        cat "$here/../version"
    else
        "$here/../embed/version.sh" "$here/../kernel/version.h"
    fi
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
core=
report=
events=65536
skipped=77
kvm=
dry=
boots=-kernel
devices=()
disks=0

# Backslashes and commas mean something in what QEMU is given.
disk()
{
    local file=${1//,/,,}
    [ -r "$1" ] || die "cannot read disk $1"
    devices+=(-drive "if=none,format=raw,id=disk$disks,file=$file"
        -device "virtio-blk-device,drive=disk$disks")
    disks=$((disks + 1))
}

device_machine=
plugged_args=
plugged_memory=
door=
limits= # of vdma
plug()
{
    local bootargs='' memory='' word
    device "$1" "$here/devices"
    if [ -n "$device_door" ]; then
        door=$device_door
        limits=$device_limits
    fi
    if [ -z "$device_file" ]; then
        [ -n "$device_machine$device_door" ] || die "$1: file=FILE is missing"
        devices+=("${device_qemu[@]}")
        return
    fi
    [ -r "$device_file" ] || die "cannot read $device_file"
    device_plug "$device_file" source on
    devices+=("${device_qemu[@]}")
    # For an image that declares these options, and nothing to any other.
    for word in $bootargs "transfer.device=$device_kind"; do
        plugged_args+=" ?$word"
    done
    plugged_memory=${memory:-$plugged_memory}
}

# take OPTION: its number of arguments is in $taken, 0 for none.
take()
{
    case $1 in
    -m | --machine | -a | --args | -e | --device | -t | --timeout | -D | --disk | -d | -o | --output | -c | --core | -R | --report | -E | --events | -M | --memory)
        [ $# -ge 2 ] || die "$1 needs an argument; try $name --help"
        ;;
    esac
    taken=2
    case $1 in
    -m | --machine) profile=$2 ;;
    -a | --args) bootargs=$2 ;;
    -t | --timeout) limit=$2 ;;
    -D | --disk) disk "$2" ;;
    -e | --device) plug "$2" ;;
    -d) source=$2 ;;
    -o | --output) log=$2 ;;
    -c | --core) core=$2 ;;
    -R | --report) report=$2 ;;
    -E | --events) events=$2 ;;
    -M | --memory) plugged_memory=$2 ;;
    *)
        taken=1
        case $1 in
        -r | --rng) devices+=(-device virtio-rng-device) ;;
        -b | --bios) boots=-bios ;;
        -k | --kvm) kvm=1 ;;
        -s) skipped=0 ;;
        -x | --no-files) semihosting=gdb ;;
        -n | --dry-run) dry=1 ;;
        -l | --list) profiles && devices "$here/devices" && exit ;;
        -V | --version) echo "dmakit $(version)" && exit ;;
        -h | --help) sed -n '4,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;;
        *) die "what is $1? Try $name --help" ;;
        esac
        ;;
    esac
}

while [[ ${1-} == -?* && $1 != -- ]]; do
    case $1 in
    --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;;
    -[a-zA-Z]?*)
        # -mgicv3, and -xn: what follows is its argument or more options.
        [[ $1 == -[maetdDocREM]* ]] && set -- "${1:0:2}" "${1:2}" "${@:2}" ||
            set -- "${1:0:2}" "-${1:2}" "${@:2}"
        ;;
    esac
    take "$@"
    shift $taken
done
[ $# -ge 1 ] && [ "$1" != -- ] || die "no image given; try $name --help"
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
virtio=mmio
virtio_options=
# shellcheck source=/dev/null
. "$here/profiles/$profile"
device_fits "$machine" "$profile"
vdma_beside=
if [ -n "$door" ]; then
    vdma_door "$door" "$machine" "$profile" "$image" "$limits"
    devices+=(${vdma_words[@]+"${vdma_words[@]}"})
fi
export virtio virtio_options # to devices.sh, for what a source asks for
words=()
for word in ${devices[@]+"${devices[@]}"} "$@"; do
    virtio_word "$word"
    words+=("$virtio_word")
done
memory=${plugged_memory:-$memory}
bootargs+=$plugged_args
bootargs=${bootargs# }
[[ $events =~ ^[1-9][0-9]{2,7}$ ]] && ((events >= 256 && events <= 1 << 24 && (events & (events - 1)) == 0)) ||
    die "-E $events: a power of two from 256 to 16777216, please"
if [ -n "$report" ]; then
    report=$(realpath -m -- "$report")
    for suffix in '' .json .svg .memory.svg; do
        { : >>"$report$suffix"; } 2>/dev/null || die "$report: cannot be written"
        find "$report$suffix" -empty -delete
    done
    core=${core:-$report.core}
    bootargs+="${bootargs:+ }trace=on trace.size=$events"
fi
# Its memory is a file beside FILE, which console.pl makes the core file of.
if [ -n "$core" ]; then
    core=$(realpath -m -- "$core")
    { : >>"$core"; } 2>/dev/null && rm -f "$core" || die "$core: cannot be written"
    backend=memory-backend-file,id=ram,share=on,mem-path=${core//,/,,}.ram
    if [[ $machine == *,memory-backend=ram* ]]; then
        options=("${options[@]/memory-backend-ram,id=ram/$backend}")
    else
        machine+=,memory-backend=ram
        options+=(-object "$backend,size=$memory")
    fi
fi
[ -z "$vdma_beside" ] || vdma_share "$memory"
if [ -n "$kvm" ]; then
    [[ $(uname -m) == aarch64 && -w /dev/kvm ]] || die "there is no KVM for aarch64 on this machine"
    machine+=,gic-version=host,accel=kvm
    cpu=host
fi

# Another's program; what it may ask of the host is how to end.
if [[ $image != *.elf ]]; then
    file=$image
    semihosting=gdb
else
    file=${image%.elf}.$format
fi
if [[ -r $image && ! -e $file && $format != elf ]]; then
    die "machine '$profile' boots $file, which objcopy -O binary makes of $image"
fi
[ -r "$file" ] || die "cannot read image $file"
qemu=${QEMU:-qemu-system-aarch64}
# Firmware's are its own affair.
append=()
[ $boots = -bios ] || append=(-append "$bootargs")
# shellcheck disable=SC2086 # QEMU_EXTRA is a list of words
line=("$qemu" -M "$machine" -cpu "$cpu" -smp "$cpus" -m "$memory"
    -nodefaults -display none -serial stdio -no-reboot
    -semihosting-config enable=on,target=$semihosting
    -global virtio-mmio.force-legacy=false
    ${append[@]+"${append[@]}"} ${options[@]+"${options[@]}"} ${words[@]+"${words[@]}"} ${QEMU_EXTRA-} $boots "$file")
if [ -n "$dry" ]; then
    printf '%q ' "${line[@]}" | sed 's/ $//'
    echo
    exit
fi
command -v "$qemu" >/dev/null || die "$qemu: not found"
[ -z "$vdma_beside" ] || vdma_can "$qemu"
[[ $limit =~ ^[0-9]+$ ]] || die "-t $limit: whole seconds, please"

exec perl "$here/console.pl" "$image" "$limit" "$source" "$log" "$core" "$report" "$skipped" "$vdma_beside" "${line[@]}"
