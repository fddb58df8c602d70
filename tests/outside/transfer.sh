#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The main job as people start it: files of every kind of length arrive, on every
# machine, and whatever is wrong with the command line is one clear line.
# NEEDS: run gcc-release/tests/images/transfer.elf gcc-release/tests/images/transfer.img
# NEEDS: gcc-release/tests/drivers/vdma.driver gcc-release/tests/drivers/misbehaving.driver
# NEEDS: clang-release/tests/images/transfer.elf clang-release/tests/images/transfer.img
. tests/outside/tap.bash

unset MAKEFLAGS MAKELEVEL MFLAGS FILE OUT DEVICE WAY DRIVER T IMAGE LLVM DEBUG V

# transfer VARIABLE=VALUE...
transfer()
{
    run make -s --no-print-directory O="$BUILD" run "$@"
}

arrived()
{
    ended 0 && said '^verified: what arrived '
}

# refused STATUS "words": a line with these words, and nothing was booted.
refused()
{
    ended "$1" && said "$2" && ! said '^verified'
}

# sample LENGTH: a file of that length, different at every place.
sample()
{
    seq 3000000 | head -c "$1" >"$work/file $1,x"
    echo "$work/file $1,x"
}

for length in 0 1 511 512 513 4095 4097 1000003 20000000; do
    file=$(sample $length)
    cp "$file" "$work/copy"
    chmod a-w "$file"
    transfer FILE="$file" OUT="$work/out $length"
    check "$length bytes arrive" arrived
    check "$length bytes come out" cmp "$file" "$work/out $length"
    check "$length bytes are left alone" cmp "$file" "$work/copy"
    check "$length bytes: no CPU copied one" eval \
        '[ "$length" = 0 ] || said "copied by the CPU.* 0( |$)|(^| )0 bytes copied"'
done
for profile in qemu/profiles/*; do
    profile=${profile##*/}
    transfer MACHINE="$profile" FILE="$work/file 1000003,x" OUT="$work/$profile"
    check "$profile moves a file" arrived
    check "$profile writes it" cmp "$work/file 1000003,x" "$work/$profile"
done
for device in fw_cfg fw_cfg,bits=32 virtio-blk,bits=31 nvme nvme,list=prp sdhci sdhci,list=sdma ahci; do
    for length in 0 1 513 1000003; do
        file="$work/file $length,x"
        [ -e "$file" ] || sample $length >/dev/null
        transfer DEVICE=$device FILE="$file" OUT="$work/$device $length"
        check "$device: $length bytes arrive" arrived
        check "$device: $length bytes come out" cmp "$file" "$work/$device $length"
    done
done
transfer DEVICE=nvme,list=prp FILE="$work/file 1000003,x"
check "pages are bounced where they are not whole, and it is said" eval \
    'said "list.* 4096  bounced: misaligned" && said "bounced: [1-9][0-9]* bytes, misaligned$"'
transfer DEVICE=virtio-blk,bits=31 FILE="$work/file 1000003,x"
check "bits=31 bounces, and says what for" eval \
    'said "bounced: above the address bits" && said "bounced: [1-9][0-9]* bytes, above what 31 address bits"'
check "bits=31 leaves memory below where it is" said '0x[4-7][0-9a-f]{7} +[0-9]+ WRITE NEXT$'
transfer DEVICE=virtio-blk,bits=33 FILE="$work/file 1000003,x"
check "bits=33 reaches everything" eval 'arrived && said "bounced: 0 bytes$" && said "copied by the CPU: 0 bytes"'
run qemu/transfer.sh -d virtio-blk,bits=30 -i "$work/file 513,x" "$BUILD/gcc-release/tests/images/transfer.elf"
check "bits=30 reaches no RAM, which a line explains" eval \
    'ended 1 && said "failed: kIOReturnNoResources" && said "RAM begins at 0x40000000; 30 address bits end at 0x40000000"'
transfer DEVICE=nvme FILE="$work/file 1000003,x"
check "pieces are told where they are" eval 'arrived && said "list\[  7\]" && said "copied by the CPU: 0 bytes"'
for device in nvme nvme,list=prp ahci sdhci,list=sdma; do
    transfer MACHINE=smmu DEVICE=$device FILE="$work/file 1000003,x"
    check "$device behind an SMMU: I/O addresses beside physical ones" eval \
        'arrived && said "-> .* 0x[1-9a-f][0-9a-f]{3,5} +[0-9]+  physical 0x[4-9a-f][0-9a-f]{7}"'
done
transfer MACHINE=nvme FILE="$work/file 1000003,x"
check "a machine that is there for NVMe moves by it, without being told" eval \
    'arrived && said "-> list.* 0x[1-9a-f][0-9a-f]{3,5} +[0-9]+  physical 0x[0-9a-f]+"'
transfer DEVICE=nvme,list=chain
check "what is no list is refused" refused 2 "nvme, list=chain: how it is told of memory: sgl"
for mode in smmu high none; do
    transfer DEVICE=edu,mapper=$mode,most=5000 FILE="$work/file 1000003,x" OUT="$work/edu"
    check "edu, mapper=$mode: the bytes go there and back" eval \
        'arrived && said "^copied by edu: 5000 bytes, there and back in ([0-9]+) pieces with \1 interrupts$"'
    case $mode in
    smmu) addresses='0x[1-9a-f][0-9a-f]{3}' ;;
    high) addresses='0xe00[0-9a-f]{4}' ;;
    none) addresses='0x4[0-9a-f]{7}' ;;
    esac
    check "edu, mapper=$mode: by such addresses" said \
        "^ +4095 +0x[4-9a-f][0-9a-f]+ +$addresses +[0-9]+  (->|<-) 0x40000$"
    check "edu, mapper=$mode: and on to a disk" cmp "$work/file 1000003,x" "$work/edu"
done
run qemu/run.sh -a transfer.edu=smmu -d tests/images/transfer.c "$BUILD/gcc-release/tests/images/transfer.elf"
check "an edu that is not there" eval 'ended 2 && said "there is no edu device; start QEMU with -device edu"'
transfer WAY=cursor FILE="$work/file 1000003,x" OUT="$work/cursor"
check "the cursor moves a file" eval 'arrived && ! said "^  bounced"'
check "the cursor writes it" cmp "$work/file 1000003,x" "$work/cursor"
run qemu/run.sh -x -e "fw_cfg,bits=31,file=$work/file 513,x" "$BUILD/gcc-release/tests/images/transfer.elf"
check "run.sh plugs a device in" eval \
    'ended 0 && said "^cksum $(cksum <"$work/file 513,x")"'
transfer
check "without FILE there is a sample" arrived
check "without FILE it says so" said '^no FILE given: moving a sample of [0-9]+ bytes$'
check "and first of all which dmakit this is" said "^dmakit $(embed/version.sh kernel/version.h | sed 's/\./\\./g')\$"
transfer MACHINE=el2 DRIVER=vdma FILE="$work/file 1000003,x" OUT="$work/driver"
check "a driver at EL0 copies the file, by the processor's own word at EL0" eval \
    'arrived && said "^copied by driver vdma at EL0 \(saved program status (0|0x[0-9a-f]*0)\): 1000003 bytes$"'
check "by messages, and no byte of the data by the CPU" said \
    '^  1 processes, [1-9][0-9]+ messages, 0 refused, 0 faults, 0 data bytes copied by the CPU$'
check "its device's log is the table" said '-> table\[  1\] 0x[1-9a-f][0-9a-f]* +131072 READ'
check "and the file goes on to a disk" cmp "$work/file 1000003,x" "$work/driver"
transfer MACHINE=el2 DRIVER="$BUILD/gcc-release/tests/drivers/vdma.driver" DEVICE=fw_cfg FILE="$work/file 0,x"
check "a driver is any file, and may have nothing to do" arrived
transfer MACHINE=el2 DRIVER=misbehaving FILE="$work/file 513,x"
check "a driver that copies nothing moves no file" eval \
    'ended 2 && said "the driver misbehaving .*: status" && said "the image ended with status 1"'
transfer DRIVER=nonsense
check "an unknown DRIVER" refused 2 "no driver is called 'nonsense'; there are: .*vdma"
transfer MACHINE=el2 DRIVER=/etc/passwd FILE="$work/file 513,x"
check "a DRIVER that is no program" eval 'ended 2 && said "passwd cannot be loaded as a driver: kIOReturnBadArgument"'
transfer DRIVER=vdma MACHINE=default FILE="$work/file 513,x"
check "a DRIVER where its device is not" eval 'ended 2 && said "no vdma for the driver vdma: .*MACHINE=el2"'
transfer LLVM=1 FILE="$work/file 4097,x"
check "clang's build moves a file" arrived

good="$work/file 513,x"
transfer FILE="$work/none"
check "a missing FILE" refused 2 "$work/none: no such file"
transfer FILE="$work"
check "a FILE that is a directory" refused 2 "$work: is a directory"
transfer FILE=/dev/zero
check "a FILE that has no length" refused 2 '/dev/zero: not a regular file'
transfer FILE="$good" OUT="$good"
check "OUT that is FILE" refused 2 'OUT is FILE itself'
ln "$good" "$work/link"
transfer FILE="$good" OUT="$work/link"
check "OUT that is another name of FILE" refused 2 'OUT is FILE itself'
transfer FILE="$good" OUT="$work/none/out"
check "OUT where there is no folder" refused 2 "$work/none/out: cannot be written"
transfer FILE="$good" OUT="$work"
check "OUT that is a directory" refused 2 "$work: is a directory"
transfer FILE="$good" OUT=/dev/null
check "OUT that is a device" refused 2 '/dev/null: not a regular file'
transfer FILE="$good" MACHINE=nonsense
check "an unknown MACHINE" refused 2 "unknown machine 'nonsense'; there are: .*default"
transfer FILE="$good" QEMU=/none
check "a QEMU that is not there" refused 2 'QEMU=/none: not found'
transfer FILE="$good" QEMU_EXTRA=-nonsense
check "an option that QEMU does not know" refused 2 'could not start'
transfer FILE="$good" DEVICE=nonsense
check "an unknown DEVICE" refused 2 "unknown device 'nonsense'; there are: ahci edu fw_cfg nvme sdhci vdma virtio-blk"
transfer FILE="$good" DEVICE=../profiles/default
check "a DEVICE that is a path" refused 2 "unknown device '../profiles/default'; there are: "
transfer FILE="$good" DEVICE=fw_cfg,colour=red
check "an option that a DEVICE does not have" refused 2 "fw_cfg has no option 'colour'; there are: bits=N"
for bits in 11 65 x '' '31 ' 0x20 -31; do
    transfer FILE="$good" DEVICE="virtio-blk,bits=$bits"
    check "bits=$bits" refused 2 "virtio-blk, bits=$bits: .* 12 to 64"
done
transfer FILE="$good" DEVICE="fw_cfg,file=$good"
check "a file of its own for DEVICE" refused 2 'the file of fw_cfg is FILE'
transfer FILE="$good" WAY=nonsense
check "an unknown WAY" refused 2 'WAY=nonsense: of virtio-blk there are: command cursor'
transfer FILE="$good" WAY=cursor DEVICE=fw_cfg
check "a WAY that a DEVICE does not have" refused 2 'WAY=cursor: of fw_cfg there are: command'
run qemu/run.sh -e virtio-blk "$BUILD/gcc-release/tests/images/transfer.elf"
check "run.sh wants a file for a device" eval 'ended 2 && said "virtio-blk: file=FILE is missing"'
run qemu/run.sh -e nothing,file=x "$BUILD/gcc-release/tests/images/transfer.elf"
check "and knows the devices" eval "ended 2 && said \"unknown device 'nothing'; there are: ahci edu fw_cfg nvme sdhci vdma virtio-blk\""
transfer IMAGE=nonsense
check "an unknown IMAGE" refused 2 "no image is called 'nonsense'"

# The comparison is a real one: an image that lies about what it saw, and a QEMU
# that hands out another file than FILE.
cat >"$work/other-file" <<'END'
#!/bin/bash
arguments=("$@")
for i in "${!arguments[@]}"; do
    arguments[i]=${arguments[i]/filename=*file 513,,x/filename="$OTHER"}
done
exec "$TESTED_QEMU" "${arguments[@]}"
END
chmod +x "$work/other-file"
sample 513 >/dev/null
head -c 512 "$good" >"$work/other"
printf x >>"$work/other"
echo old >"$work/kept"
run env OTHER="$work/other" QEMU="$work/other-file" \
    qemu/transfer.sh -i "$good" -o "$work/kept" "$BUILD/gcc-release/tests/images/transfer.elf"
check "one wrong byte is found" refused 1 'WRONG BYTES'
check "and OUT is left as it was" eval '[ "$(cat "$work/kept")" = old ]'
check "and nothing is left beside it" eval '! compgen -G "$work/kept.*"'
