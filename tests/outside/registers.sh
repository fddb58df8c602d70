#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Device registers are reached by single plain loads and stores, in the sources and in
# every object that images are linked of; what emulation forgives (registers that reset leaves
# unknown, maintenance of caches and TLB, entries that hardware changes) is done.
#
# volatile.tsv: the other volatile accesses of the sources, as FILE, TEXT and what memory
# that is. instructions.tsv: what must be found in a function, as FUNCTION, a pattern and
# what breaks without it.
# NEEDS: gcc-release/tests/target/irq.elf clang-release/tests/target/irq.elf
# NEEDS: gcc-debug/tests/target/irq.elf clang-debug/tests/target/irq.elf
. tests/outside/tap.bash

# The build names its own toolchain by ADDR2LINE; a disassembler of another machine reads nothing.
objdump=${OBJDUMP:-${ADDR2LINE%addr2line}objdump}
command -v "$objdump" >/dev/null || objdump=llvm-objdump

# --- Sources ------------------------------------------------------------------------------------

# A volatile object, or a pointer to one that is dereferenced; a pointer that is only handed on
# says nothing.
grep -nE '\*\((const )?volatile|volatile (const )?(u?int[0-9]*_t|bool|int|unsigned|char|pte_t)\b' \
    boot/*.[ch] kernel/*.[ch] kernel/*/*.[ch] descriptors/*.[ch] descriptors/*/*.[ch] \
    drivers/*/*.[ch] | grep -vE '^boot/mmio\.h:|volatile char \*\)[a-z_]+( \+|\()' |
    sed -E 's/^([^:]+):([0-9]+): */\1\t\2\t/' >"$work/volatile"

: >"$out"
while IFS=$'\t' read -r file line text; do
    while IFS=$'\t' read -r known words reason; do
        [[ $file != "$known" || $text != *"$words"* ]] || continue 2
    done <tests/outside/volatile.tsv
    echo "$file:$line: $text" >>"$out"
done <"$work/volatile"
check "no source has a volatile access that kernel/mmio.h does not make" test ! -s "$out"

: >"$out"
while IFS=$'\t' read -r known words reason; do
    grep -qF -- "$words" "$known" || echo "$known has no more: $words" >>"$out"
done <tests/outside/volatile.tsv
check "the list of the others has no line too many" test ! -s "$out"

# --- Objects ------------------------------------------------------------------------------------

# The accesses that mmio.h makes, by the line table: "INSTRUCTION OPERANDS". They are those of its
# lines with __asm__: what an operand's line has is how a compiler gets at the address, and may be
# a pair of loads out of a structure.
mapfile -t made < <(grep -n __asm__ boot/mmio.h | cut -d: -f1)
accesses()
{
    "$objdump" -dl --no-show-raw-insn "$@" | awk -v made=" ${made[*]} " '
        /^[^ \t].*:[0-9]+/ {
            line = $0
            sub(/ .*/, "", line)
            ours = sub(/.*mmio\.h:/, "", line) && index(made, " " line " ") > 0
        }
        ours && /^ *[0-9a-f]+:/ {
            sub(/^ *[0-9a-f]+:[ \t]*/, "")
            sub(/[ \t]*(\/\/|<).*/, "")
            # What is spilled on the way is no register: none is found by the stack pointer.
            if ($1 ~ /^(ld|st|cas|swp|prfm)/ && !/\[sp/) {
                print
            }
        }'
}

# Plain: one general register, and an address that is not written back.
plain='^(ldr|str|ldur|stur)[bh]?[ 	]+(w[0-9]+|x[0-9]+|wzr|xzr), \[[^]]*\]$'

for variant in {gcc,clang}-{debug,release}; do
    for room in boot kernel drivers qemu tests; do
        # Of the last two a part may be built, of an image.
        mapfile -t objects < <(find "$BUILD/$variant/$room" -name '*.c.o' 2>/dev/null)
        [ ${#objects[@]} != 0 ] || [[ $room != @(qemu|tests) ]] || continue
        accesses "${objects[@]}" >"$work/accesses"
        grep -vE "$plain" "$work/accesses" >"$out"
        check "$variant/$room: $(wc -l <"$work/accesses") register accesses are plain" \
            eval '[[ -s $work/accesses || $room == @(qemu|tests) ]] && test ! -s "$out"'
    done
done

# --- Instructions -------------------------------------------------------------------------------

# gcc's debug build calls what the others inline, and has its blocks in another order; the
# sources are theirs.
for variant in gcc-release clang-debug clang-release; do
    "$objdump" -d --no-show-raw-insn "$BUILD/$variant/tests/target/irq.elf" >"$work/code"
    while IFS=$'\t' read -r function pattern reason; do
        awk -v start="<$function>:" '
            /^[0-9a-f]+ <.*>:$/ { ours = index($0, start) > 0 }
            ours { gsub(/[ \t]+/, " "); print }' "$work/code" >"$out"
        check "$variant: $function: $reason" eval 'tr "\n" ";" <"$out" | grep -qE -- "$pattern"'
    done <tests/outside/instructions.tsv
done
