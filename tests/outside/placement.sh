#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Where an image may be: it runs where its header says, and anywhere else it says so and
# ends; so it does where memory is too small, and when its last words fail.
# NEEDS: run debug host/outside/edit_tree
# NEEDS: gcc-debug/tests/images/exit.elf gcc-debug/tests/images/exit.img
# NEEDS: clang-release/tests/images/exit.elf clang-release/tests/images/exit.img
. tests/outside/tap.bash

qemu=${QEMU:-qemu-system-aarch64}
levels="virtualization=off virtualization=on secure=on secure=on,virtualization=on"

# bare MACHINE OPTION...: QEMU with nothing but these options.
bare()
{
    timeout -k 5 60 "$qemu" -M "virt,$1" -cpu cortex-a72 -m 256M -nodefaults -display none \
        -serial stdio -no-reboot -semihosting-config enable=on "${@:2}"
}

# field OFFSET: 64 bits of the header of $image, little-endian as everywhere here.
field()
{
    od -An -tu8 -j "$1" -N 8 "$image" | tr -d ' '
}

for variant in gcc-debug clang-release; do
    image=$BUILD/$variant/tests/images/exit.img
    elf=${image%.img}.elf

    run field 8
    check "$variant: it says 2 MiB above the base of memory" grep -qx 2097152 "$out"
    run field 24
    check "$variant: and nowhere else" grep -qx 2 "$out"
    end=$("${NM:-nm}" "$elf" | sed -n 's/^ffff\(.*\) . __image_end$/0x\1/p')
    run field 16
    check "$variant: and how large it is" grep -qx "$((end - 0x40200000))" "$out"

    for level in $levels; do
        run bare "$level" -kernel "$image"
        check "$variant, $level: an Image runs where QEMU puts it" ended 42
        run bare "$level" -device "loader,file=$image,addr=0x40200000,force-raw=on,cpu-num=0"
        check "$variant, $level: and where a loader puts it right" ended 42
        run bare "$level" -device "loader,file=$elf,cpu-num=0"
        check "$variant, $level: an ELF, which names its place" ended 42
        for place in 0x40400000 0x48000000 0x4fe00000 0x40200800 0x40300004; do
            run bare "$level" -device "loader,file=$image,addr=$place,force-raw=on,cpu-num=0"
            check "$variant, $level: refused at $place" eval \
                'ended 3 && said "^boot: this image runs at 0x0000000040200000 only, but was loaded at 0x00000000${place#0x} "'
        done
        run bare "$level" -bios "$image"
        check "$variant, $level: refused as firmware, in memory that cannot be written" eval \
            'ended 3 && said "^boot: .* was loaded at 0x0000000000000000 "'
        run bare "$level" -m 5M -kernel "$elf"
        check "$variant, $level: refused where memory is too small" eval \
            'ended 3 && said "^boot: memory ends before the image.s stack does"'
    done
done

run "$qemu" -machine "virt,dumpdtb=$work/virt.dtb" -cpu cortex-a72 -m 256M -display none -nic none
for size in large huge; do
    run "$BUILD/host/outside/edit_tree" "$size" "$work/virt.dtb" "$work/$size.dtb"
    check "a tree is made $size" ended 0
    run bare virtualization=off -dtb "$work/$size.dtb" -kernel "$image"
    check "an Image has its $size tree" ended 42
    run bare virtualization=off -dtb "$work/$size.dtb" -kernel "$elf"
    check "an ELF, to which QEMU gives none then, says so" eval \
        'ended 2 && said "^boot: no device tree, neither in x0 nor at the base of RAM .*start the .img"'
done

# The first C runs into an undefined instruction; its report into a UART that is not there,
# whenever it comes to it.
image=$BUILD/gcc-debug/tests/images/exit.elf
physical()
{
    "${NM:-nm}" "$image" | sed -n "s/^ffff\(.*\) [tT] $1\$/0x\1/p"
}
cat >"$work/commands" <<END
hbreak *$(physical early_start)
continue
delete
set *(int *)\$pc = 0
hbreak *$(physical pl011_write)
commands
silent
set \$x0 = 0xdead00000000
continue
end
continue
END
for machine in default el2 el3; do
    # QEMU may be gone before gdb has heard how it ended: then it is asked again.
    for _ in {1..20}; do
        run timeout -k 5 60 qemu/debug.sh -m $machine "$image" -batch -x "$work/commands"
        said 'Remote communication error' || break
    done
    check "$machine: a report that faults itself ends the image" said 'exited with code 03'
done
