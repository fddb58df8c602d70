#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# vdma's core, from outside: it stands alone; each rule of its data sheet is in
# rules.def, is checked somewhere, and is tested; and a fuzzer finds nothing in it.
#
# NEEDS: build
# NEEDS: fuzz
# NEEDS: host/vdma/vdma_fuzz
. tests/outside/tap.bash

core=qemu/vdma/device
sheet=qemu/vdma/README.md

# Headers of the compiler, and its own.
foreign()
{
    grep -hE '^ *# *include' "$core"/*.[ch] qemu/vdma/wire.h |
        grep -vE '<std(bool|def|int)\.h>|"qemu/vdma/(wire\.h|device/[a-z_]+\.(h|def))"'
}
run foreign
check "includes nothing of the floors and of a libc" eval '[ ! -s "$out" ]'

# What compilers call by themselves is all it may want of others.
wants()
{
    local source
    for source in "$core"/*.c; do
        "$@" -std=gnu11 -O2 -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -I. -c \
            -o "$work/$(basename "$source").o" "$source" || return
    done
    "${NM:-nm}" "$work"/*.o | awk '$2 ~ /[TDBR]/ { defined[$3] } $1 == "U" { wanted[$2] }
        END { for (name in wanted) if (!(name in defined)) print name }' |
        grep -vxE 'mem(cpy|set|move|cmp)'
    rm "$work"/*.o
}
run wants gcc
check "wants nothing of others but mem... (gcc)" eval '[ ! -s "$out" ]'
run wants clang --target=aarch64-none-elf -mgeneral-regs-only -mstrict-align
check "nor as the EL2 door compiles it (clang)" eval '[ ! -s "$out" ]'

writable_data()
{
    local source
    for source in "$core"/*.c; do
        gcc -std=gnu11 -O2 -ffreestanding -fno-pie -I. -c -o "$work/one.o" "$source" &&
            "${NM:-nm}" "$work/one.o" | grep -E ' [BbDdC] '
    done
}
run writable_data
check "has no memory but the device's that it is given" eval '[ ! -s "$out" ]'

# "R01|what|value" of each rule, from the core and from the data sheet.
sed -nE 's/^RULE\((R[0-9]+), "(.*)", "(.*)"\)$/\1|\2|\3/p' "$core/rules.def" >"$work/rules"
sed -nE 's/^\| (R[0-9]+) \| (.*) \| (.*) \|$/\1|\2|\3/p' "$sheet" >"$work/sheet"
run diff "$work/rules" "$work/sheet"
check "the data sheet has the rules of the core" ended 0
run grep -vnE '' "$work/rules"
check "there are at least 40" [ "$(wc -l <"$work/rules")" -ge 40 ]

: >"$out"
number=0
while IFS='|' read -r rule _; do
    number=$((number + 1))
    [ "$rule" = "$(printf 'R%02d' $number)" ] || echo "$rule is the ${number}th"
    grep -qwE "$rule" "$core"/*.c || echo "$rule is not checked"
    grep -qE "^static void ([a-z0-9_]+_)?${rule,,}_" tests/host/vdma/*_test.c || echo "$rule is not tested"
done <"$work/rules" >"$out"
check "each rule has its number, a check and a test" eval '[ ! -s "$out" ]'

# In the tables of the raw tests, or as a test of its own.
on_target()
{
    local rule number
    while IFS='|' read -r rule _; do
        number=$((10#${rule#R}))
        grep -qE "(^RULE(_BEFORE)?\((48, |45, )?|^    \{)$number, |^TEST\(${rule,,}_" tests/target/vdma_rules* ||
            echo "$rule is not tried on a machine"
    done <"$work/rules"
}
run on_target
check "each rule is broken on a machine, too" eval '[ ! -s "$out" ]'

faults()
{
    local kind
    for kind in $(sed -nE 's/^#define VDMA_FAULT_[A-Z_]+ +([0-9]+)u .*/\1/p' qemu/vdma/wire.h); do
        grep -qE "^static void f$(printf %02d "$kind")_" tests/host/vdma/vdma_faults_test.c ||
            echo "fault $kind is not tested"
        grep -qE "^\| $kind \| " "$sheet" || echo "fault $kind is not in the data sheet"
    done
}
run faults
check "each fault is in the data sheet and has a test" eval '[ ! -s "$out" ]'

# The same inputs in every run; `make soak` goes on with others.
run "$BUILD/host/vdma/vdma_fuzz" -seed=1 -runs=40000 -max_len=1000 -artifact_prefix="$BUILD/vdma-"
check "40000 inputs of a fuzzer do no harm" ended 0
