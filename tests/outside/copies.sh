#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The main job's second half: what was read is copied from memory to memory by vdma, through
# narrow devices too, and the comparison with the device's log and with the file is a real one.
# NEEDS: run gcc-release/tests/images/transfer.elf gcc-release/tests/images/transfer.img
. tests/outside/tap.bash

unset MAKEFLAGS MAKELEVEL MFLAGS FILE OUT DEVICE WAY DRIVER T IMAGE LLVM DEBUG V MACHINE ARGS
image=$BUILD/gcc-release/tests/images/transfer.elf

# transfer VARIABLE=VALUE...
transfer()
{
    run make -s --no-print-directory O="$BUILD" run "$@"
}

# copied BYTES: all of them, and the device's log says the same.
copied()
{
    ended 0 && said "^verified: vdma copied $1 bytes in " && said "^copied by vdma: $1 bytes"
}

# one LINE: a refusal before anything is booted.
refused()
{
    ended 2 && said "$1" && ! said '^verified'
}

for length in 0 1 511 513 65537 1000003; do
    seq 3000000 | head -c "$length" >"$work/$length"
    transfer FILE="$work/$length"
    check "$length bytes are copied" copied $length
done
check "and no byte by the CPU" said 'copied by the CPU: 0 bytes'
seq 4000000 | head -c 20000000 >"$work/20M"
transfer FILE="$work/20M"
check "of a long file the first 16 MiB" copied 16777216
transfer FILE="$work/20M" DEVICE=vdma,most=17000001
check "or more, if asked for" copied 17000001
transfer FILE="$work/1000003" DEVICE=vdma,most=65535
check "or fewer" copied 65535
transfer FILE="$work/1000003" WAY=cursor
check "beside the cursor's way" copied 1000003
transfer FILE="$work/1000003" DEVICE=fw_cfg
check "whatever the file comes from" copied 1000003

for limits in open narrow31 sata prp xhci adma2 single fpga8 isa24 narrow28; do
    transfer FILE="$work/1000003" DEVICE=vdma,limits=$limits
    check "$limits: copied" copied 1000003
    check "$limits: by name" said "^copied by vdma: .* limits $limits\$"
    case $limits in
    narrow31 | sata | adma2) check "$limits: what is above is bounced" said 'bounced: R01, above the address bits$' ;;
    prp | fpga8) check "$limits: what is misaligned is bounced" said 'bounced: R05 to R08, misaligned$' ;;
    single) check "$limits: cut" said 'cut: R03, the most segments$' ;;
    isa24) check "$limits: cut" said ' [1-9][0-9]* at a boundary \(R09\)' ;;&
    open | xhci | isa24 | narrow28)
        check "$limits: nothing bounced" said 'bounced: 0 bytes above the address bits \(R01\), 0 misaligned'
        ;;
    esac
done
transfer FILE="$work/1000003" DEVICE=vdma,limits=narrow31
check "narrow31 leaves memory below where it is" said '0x[4-7][0-9a-f]{7} +[0-9]+ WRITE$'
for limits in isa24 narrow28; do
    run qemu/transfer.sh -d vdma,limits=$limits,table=off -i "$work/513" "$image"
    check "$limits without its table reaches nothing, which a line explains" eval \
        'ended 1 && said "failed: kIOReturnNoResources" && said "RAM begins at 0x40000000"'
done
for profile in qemu/profiles/*; do
    profile=${profile##*/}
    transfer FILE="$work/65537" MACHINE="$profile"
    if grep -q virtualization=on "qemu/profiles/$profile"; then
        check "$profile copies" copied 65537
    else
        check "$profile has no EL2, says one line, and moves the file" eval \
            'ended 0 && said "^no vdma: this machine does not start at EL2" && ! said "copied by vdma" &&
             said "^verified: what arrived"'
    fi
done

transfer FILE="$work/513" DEVICE=vdma,limits=wide
check "unknown limits" refused 'vdma, limits=wide: one of open narrow31 '
transfer FILE="$work/513" DEVICE=vdma,most=much
check "most that is no number" refused 'vdma, most=much: how much of the file'
transfer FILE="$work/513" DEVICE=vdma,table=on
check "a table that cannot be asked for" refused 'vdma, table=on: off is the choice'
transfer FILE="$work/513" DEVICE=vdma,bits=31
check "an option of another device" refused "vdma has no option 'bits'; there are: limits=PROFILE most=BYTES table=off"
run qemu/run.sh -m el2 -x -e "vdma,limits=nonsense,file=$work/513" "$image"
check "run.sh knows them as well" refused 'vdma, limits=nonsense'
run qemu/run.sh -m el2 -x -e "vdma,limits=prp,file=$work/513" "$image"
check "and plugs it in" eval 'ended 0 && said "^copied by vdma: 1024 bytes, limits prp"'
run qemu/run.sh -m el2 -x -a transfer.vdma=nonsense -e "virtio-blk,file=$work/513" "$image"
check "limits that the image does not know" eval "ended 2 && said \"what are the limits 'nonsense'\\? There are: open \""

# The comparison finds what is changed, in the file, in the ring's records or in the device's.
truncate -s 8M "$work/journal"
run qemu/run.sh -m el2 -x -a "transfer.length=65537" -e "vdma,file=$work/65537" "$image" -- \
    -blockdev "driver=raw,node-name=journal,file.driver=file,file.filename=$work/journal" \
    -device virtio-blk-device,drive=journal,serial=journal
compare()
{
    run qemu/transfer_check.pl "${1:-$work/65537}" "${2:-$work/journal}" "${3:-65537}"
}
compare
check "a journal says what was" eval 'ended 0 && said "^verified: vdma copied 65537 bytes in 2 requests"'
# damage EVENT FIELD: XOR the field's first byte in the first record of this event.
damage()
{
    perl -e 'my ($event, $at, $from, $to) = @ARGV;
        open my $in, "<:raw", $from or die; local $/; my $all = <$in>;
        for (my $i = 0; $i < length $all; $i += 64) {
            next if unpack("v", substr $all, $i + 52, 2) != $event;
            substr($all, $i + $at, 1) ^= "\1"; last }
        open my $out, ">:raw", $to or die; print $out $all' "$1" "$2" "$work/journal" "$work/damaged"
    compare "" "$work/damaged"
}
found()
{
    ended 1 && said '^run: vdma: ' && ! said '^verified'
}
for field in "1 44 type" "1 48 count" "1 16 tag" "2 16 address" "2 24 length" "2 59 direction" \
    "3 59 status" "3 24 moved" "257 16 tag" "257 32 place" "257 24 length" "258 16 address" \
    "258 24 length" "259 32 number"; do
    read -r event at what <<<"$field"
    damage "$event" "$at"
    check "event $event: another $what is found" found
done
damage 1 60
check "lost records are found" found
sed 1s/1/2/ "$work/65537" >"$work/changed"
compare "$work/changed"
check "another byte in the file is found" found
compare "" "" 65536
check "too many sums are found" found
head -c 4096 "$work/journal" >"$work/cut"
compare "" "$work/cut"
check "a journal without its end is found" found
