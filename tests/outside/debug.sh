#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# make debug: gdb knows where it is before the MMU goes on, and after.
# NEEDS: run debug gcc-release/tests/images/exit.elf clang-release/tests/images/exit.elf
. tests/outside/tap.bash

unset MAKEFLAGS MAKELEVEL MFLAGS T IMAGE MACHINE LLVM DEBUG V

cat >"$work/commands" <<'END'
info symbol $pc
hbreak main
continue
info symbol $pc
printf "SCTLR.M is %d\n", $SCTLR & 1
backtrace
detach
END

for variables in MACHINE=default MACHINE=el2 MACHINE=gicv3 LLVM=1; do
    run timeout --foreground -k 5 60 make -s --no-print-directory O="$BUILD" debug IMAGE=exit $variables \
        GDB_OPTIONS="-batch -x $work/commands"
    check "$variables: halted before the first instruction" said '^_start in section \.text'
    check "$variables: stops in main" said '^main( \+ [0-9]+)? in section \.text'
    check "$variables: with the MMU on" said '^SCTLR\.M is 1$'
    check "$variables: knows the line" said '^#0 +main \(.*\) at (\./)?tests/images/exit\.c:[0-9]+$'
done

# As it is, with whatever is in its path; by each gdb.
odd="$work/an \"odd\" \\ image's.elf"
cp "$BUILD/gcc-release/tests/images/exit.elf" "$odd"
run timeout --foreground -k 5 60 qemu/debug.sh "$odd" -batch -x "$work/commands"
check "an image by a path that must be quoted" said '^main( \+ [0-9]+)? in section \.text'

run make -s --no-print-directory O="$BUILD" debug IMAGE=nonsense
check "an unknown image is refused" eval 'ended 2 && said "no image is called .nonsense."'
