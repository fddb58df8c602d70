#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# compile_commands.json, for editors: every C file of the tree, with its real flags.
# NEEDS: build host
. tests/outside/tap.bash

unset MAKEFLAGS MAKELEVEL MFLAGS O LLVM DEBUG V
export DEPS=${DEPS:-build/deps}
[ ! -d "$DEPS" ] || DEPS=$(realpath "$DEPS")
tree="$work/a tree"
mkdir "$tree"
tar -c --exclude=./build --exclude=./.git --exclude=./compile_commands.json . | tar -x -C "$tree"
run make -s -C "$tree" compile_commands.json
check "make writes it, in a folder with a blank as well" ended 0

# flags_of FILE WORD...: an entry of FILE has all these words in its command.
flags_of()
{
    local file=$1 line word
    shift
    line=$(grep -F "\"file\": \"$file\"" "$tree/compile_commands.json" | head -n 1)
    for word; do
        [[ " $line" == *" $word "* ]] || return 1
    done
}

while read -r file; do
    grep -qF "\"file\": \"$file\"" "$tree/compile_commands.json" || echo "$file"
done < <(tree_files '*.c') >"$out"
check "every C file has an entry" [ ! -s "$out" ]
cp "$tree/compile_commands.json" "$out"
check "a host test has the sanitizers" flags_of tests/host/kernel/page_test.c -fsanitize=address,undefined -Itests/host/sim/shadow
check "what runs before the MMU is aligned" flags_of boot/early_mmu.c -mstrict-align
check "the kernel leaves SIMD alone" flags_of kernel/pmu.c -mgeneral-regs-only -DDEBUG
check "a test image does not" eval '! flags_of tests/target/page.c -mgeneral-regs-only'
command=$(sed -n '/"file": "kernel\/pmu.c"/s/.*"command": "\(.*\)"}.*/\1/p' "$tree/compile_commands.json" | head -n 1)
run bash -c "cd \"\$1\" && ${command//\\\\/} -fsyntax-only -MF /dev/null" - "$tree"
check "a command of it is one" eval 'ended 0 && [ -n "$command" ]'
