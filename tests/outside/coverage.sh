#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What `make coverage` stands on, with one image: it counts, leaves its counters with the
# host, also when it panics, and they become what gcov reads. Other builds have none of it.
# NEEDS: run coverage gcc-debug/tests/images/panics.elf
. tests/outside/tap.bash

run perl tests/coverage/sums.pl -c
check "what is said of branches that no test takes is said of lines that are there" ended 0
run tests/runner/test.sh -l "$BUILD" "$(tests/coverage/coverage.sh -l "$BUILD")"
check "what make coverage runs is there" eval 'ended 0 && [ "$(wc -l <"$out")" -gt 150 ]'

unset MAKEFLAGS MAKELEVEL MFLAGS
cross=${ADDR2LINE%addr2line}
built=$work/o
image=$built/gcc-debug/tests/images/panics.elf

run "${cross}nm" "$BUILD/gcc-debug/tests/images/panics.elf"
check "an ordinary image counts nothing" eval 'ended 0 && ! said gcov'
# What does not count is as it is in any build.
lend "$built" gcc-debug/{boot,qemu,user} gcc-debug/tests/{harness,lib,bench,drivers}
run make -s --no-print-directory COVERAGE=1 DEBUG=1 O="$built" "$image"
check "an image that counts is built" ended 0
mkdir "$built/counters"
run qemu/run.sh -a panic=plain "$image"
check "it ends as it would" [ "$status" != 0 ]
run qemu/run.sh -x -a panic=plain "$image"
check "also where it can write no file" [ "$status" != 0 ]
run ls "$built/counters"
check "the first run left its counters, the second nothing" [ "$(wc -l <"$out")" = 1 ]
cp "$built"/counters/* "$work/whole"
cp "$work/whole" "$built/counters/again"
run tests/coverage/counters.pl "$built/counters"
check "runs are added" eval 'ended 0 && said "2 runs"'
run bash -c 'cd "$1" && "$2gcov" -b "$3"/gcc-debug/kernel/panic/panic.c.gcda' - "$work" "$cross" "$built"
check "what panicked has been through panic.c" eval 'ended 0 && said "panic/panic.c"'
check "twice" grep -qE '^ +2: +[0-9]+:.*void\(panic\)|^ +2: +[0-9]+:.*panic\(const char' "$work/panic.c.gcov"
head -c 1000 "$work/whole" >"$built/counters/torn"
run tests/coverage/counters.pl "$built/counters"
check "a run that was cut short is named and left out" eval 'ended 1 && said "torn is not whole" && said "2 runs"'
run tests/coverage/counters.pl "$work/none"
check "no run at all is an error" ended 1
