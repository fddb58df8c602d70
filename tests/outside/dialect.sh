#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The house's dialect of C: braces always; what decides (a condition, an operand of
# !, && or ||) is not a bare pointer and not a bare bitwise &: `p == NULL`,
# `(flags & X) != 0`. Each source is read with the flags of each of its compilations.
# NEEDS: host llvm check
. tests/outside/tap.bash

database=$work/compile_commands.json
matchers=$work/matchers
mapfile -t sources < <(tree_files '*.c')

# As JSON, the command lines that the build would run now; what make said goes to $out.
list_compilations()
{
    {
        env -u MAKEFLAGS make -nB LLVM=1 DEBUG=1 all host build/host/vdma/vdma_fuzz build/host/threads/handles \
            build/vdma/vdma-vhost-user \
            build/clang-debug/tests/coverage/counters.c.o build/host/tests/coverage/ends.c.o \
            build/host/tests/host/together.c.o
        env -u MAKEFLAGS make -nB LLVM=1 DEBUG= all
    } 2>"$out" | awk -v folder="$PWD" -f tests/runner/compilations.awk
}

all_compiled()
{
    local source missing=0
    for source in "${sources[@]}"; do
        grep -qF "\"file\": \"$source\"" "$database" || { echo "$source" >>"$out" && missing=1; }
    done
    return $missing
}

# A string literal may be an operand: it is the reason in an assertion.
cat >"$matchers" <<'END'
set output diag
set bind-root false
let pointer expr(hasType(hasCanonicalType(pointerType())), unless(ignoringParenImpCasts(stringLiteral())))
let bits ignoringParenImpCasts(binaryOperator(hasOperatorName("&")))
let bare expr(anyOf(pointer, bits), unless(isExpansionInSystemHeader())).bind("bare")
match stmt(anyOf(ifStmt(hasCondition(bare)), whileStmt(hasCondition(bare)), doStmt(hasCondition(bare)), forStmt(hasCondition(bare)), conditionalOperator(hasCondition(bare)), unaryOperator(hasOperatorName("!"), hasUnaryOperand(bare))))
match binaryOperator(hasAnyOperatorName("&&", "||"), eachOf(hasLHS(bare), hasRHS(bare)))
END

# Some sources at a time: clang-query holds all of a call's at once.
read_conditions()
{
    printf '%s\n' "${sources[@]}" |
        xargs -n 64 clang-query -p "$work" --extra-arg=-w -f "$matchers" >"$work/conditions" 2>&1
}

read_braces()
{
    clang-tidy -quiet -p "$work" --extra-arg=-w --header-filter='.*' \
        -checks='-*,readability-braces-around-statements' "${sources[@]}" >"$work/braces" 2>&1
}

# places ASPECT PATTERN: the places that the reader named, each once.
places()
{
    sed -e "s|$PWD/||g" -e 's|^\./||' "$work/$1" | grep -E "^[^ :]+:[0-9]+:[0-9]+: $2" | sort -u
}

# judge ASPECT TOOL PACKAGE PATTERN: one test per folder, of what TOOL finds.
judge()
{
    local aspect=$1 tool=$2 package=$3 pattern=$4 folder
    if ! command -v "$tool" >/dev/null; then
        check "$aspect # SKIP no $tool (Debian's package $package)" true
        return
    fi
    "read_$aspect"
    status=$?
    grep 'error: ' "$work/$aspect" | sort -u >"$out"
    check "$aspect: $tool reads every source" [ "$status" = 0 -a ! -s "$out" ]
    places "$aspect" "$pattern" >"$work/places"
    while read -r folder; do
        grep "^$folder/[^/:]*:" "$work/places" >"$out"
        check "$aspect: $folder" [ ! -s "$out" ]
    done < <(tree_files '*.[ch]' | xargs dirname | sort -u)
}

list_compilations >"$database"
check "the build compiles every source" all_compiled
judge braces clang-tidy clang-tidy 'warning: '
judge conditions clang-query clang-tools 'note: "bare" binds here'
