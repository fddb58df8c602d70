#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Arguments of images: what main gets of them, --help, and what an image refuses that has options.
# NEEDS: run
# NEEDS: gcc-debug/tests/images/nolibc.elf
# NEEDS: gcc-debug/tests/target/trace.elf
# NEEDS: gcc-release/tests/images/transfer.elf
# NEEDS: gcc-release/tests/images/transfer.img
. tests/outside/tap.bash

unset MAKEFLAGS MAKELEVEL MFLAGS FILE OUT DEVICE WAY DRIVER T IMAGE ARGS LLVM DEBUG V
nolibc=$BUILD/gcc-debug/tests/images/nolibc.elf
tests=$BUILD/gcc-debug/tests/target/trace.elf
transfer=$BUILD/gcc-release/tests/images/transfer.elf

# arguments WORD...: are they main's, and no more?
arguments()
{
    local i=0 word
    for word in image "$@"; do
        grep -qxF "no libc: argv[$i] is $word." "$out" || return
        i=$((i + 1))
    done
    grep -qxF "no libc: argv[$i] is NULL" "$out"
}

run qemu/run.sh -t 20 "$nolibc"
check "no arguments: argv[0] alone" eval 'ended 0 && arguments'
run qemu/run.sh -t 20 -a '-v "two words" na"me=a "b trace=on "" --help' "$nolibc"
check "words are main's, quoted ones as one, but for the runtime's" \
    eval 'ended 0 && arguments -v "two words" "name=a b" "" --help'
check "an argument that nobody can misspell is not doubted" eval '! said "asks for [^n]"'
run qemu/run.sh -t 20 -a 'one "two' "$nolibc"
check "an open quote is refused" eval 'ended 2 && said "^bootargs: a double quote is not closed" && ! said "no libc:.*argv"'
run qemu/run.sh -t 20 -a "$(seq -s ' ' 256)" "$nolibc"
check "too many words are" eval 'ended 2 && said "too many words \(at most 255 words, 4096 bytes"'
run qemu/run.sh -t 20 -a "$(printf '%4096s' | tr ' ' x)" "$nolibc"
check "and too long ones" eval 'ended 2 && said "they are too long"'

run qemu/run.sh -t 20 -a "$(printf 'test=%4000s' | tr ' ' x)" "$tests"
check "an option is not cut" eval 'ended 2 && said "no test is called \"x{4000}\"; there are:$"'
check "and tests are named where none has the name" said '^  [a-z_]+$'
run qemu/run.sh -t 20 -a 'tset=ring' "$tests"
check "tests refuse an unknown option, and name what there is" \
    eval 'ended 2 && said "^tests: unknown option \"tset=ring\"; there are test=NAME " && ! said "^TAP"'
run qemu/run.sh -t 20 -a --help "$tests"
check "they list their options" eval 'ended 0 && said "^  test=NAME  +the test of that name" && said "^  trace=on  +record" && ! said "^TAP"'
seq 1000 >"$work/file"
run qemu/run.sh -t 20 -e "virtio-blk,bits=40,file=$work/file" -n "$tests"
check "a device that is plugged in tells of itself" said '\\\?transfer\.device=virtio-blk'
run qemu/run.sh -t 60 -e "virtio-blk,bits=40,file=$work/file" "$tests" -- -m 256M
check "which is nothing to an image that does not ask" eval 'ended 0 && said "^ok 1 "'
run qemu/run.sh -t 60 -e "virtio-blk,bits=40,file=$work/file" "$transfer"
check "and heard by the one that does" eval 'ended 0 && said "^cksum .* 4096"'

in_tree()
{
    run make -s --no-print-directory O="$BUILD" "$@"
}
in_tree run ARGS=--help
check "make run lists the options of the transfer" eval 'ended 0 && said "^  transfer\.way=WAY " && ! said "^totals"'
in_tree run ARGS=transfer.wya=cursor
check "and refuses others" eval '! ended 0 && said "unknown option \"transfer.wya=cursor\"" && said "status 2$"'
