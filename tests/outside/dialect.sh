#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The house's dialect of C: braces always; what decides (a condition, an operand of
# !, && or ||) is not a bare pointer and not a bare bitwise &: `p == NULL`,
# `(flags & X) != 0`. Each source is read with the flags of each of its compilations that may differ.
# NEEDS: host llvm check
. tests/outside/tap.bash

database=$work/compile_commands.json
matchers=$work/matchers
mapfile -t sources < <(tree_files '*.c')

# Where a release may differ: sources that ask whether they are one, and of each header that does one
# that includes it.
differing()
{
    local header
    tree_files '*.c' | xargs grep -lw DEBUG
    while read -r header; do
        tree_files '*.c' | xargs grep -lF "#include \"$header\"" | head -n 1
    done < <(tree_files '*.h' | xargs grep -lw DEBUG)
}

# As JSON, the command lines that the build would run now; what make said goes to $out.
list_compilations()
{
    differing >"$work/differing"
    {
        env -u MAKEFLAGS make -nB LLVM=1 DEBUG=1 all host build/host/vdma/vdma_fuzz build/host/threads/handles \
            build/vdma/vdma-vhost-user \
            build/clang-debug/tests/coverage/counters.c.o build/host/tests/coverage/ends.c.o \
            build/host/tests/host/together.c.o
        env -u MAKEFLAGS make -nB LLVM=1 DEBUG= all |
            awk 'NR == FNR { differs[$1]; next } $NF in differs' "$work/differing" -
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

# A string literal may be an operand: it is the reason in an assertion. One match for all: each is a
# walk over all of a source and what it includes.
cat >"$matchers" <<'END'
set output diag
set bind-root false
let pointer expr(hasType(hasCanonicalType(pointerType())), unless(ignoringParenImpCasts(stringLiteral())))
let bits ignoringParenImpCasts(binaryOperator(hasOperatorName("&")))
let bare expr(anyOf(pointer, bits), unless(isExpansionInSystemHeader())).bind("bare")
let loose stmt(unless(anyOf(compoundStmt(), isExpansionInSystemHeader()))).bind("loose")
match stmt(anyOf(ifStmt(eachOf(hasCondition(bare), hasThen(loose), hasElse(stmt(loose, unless(ifStmt()))))), whileStmt(eachOf(hasCondition(bare), hasBody(loose))), doStmt(eachOf(hasCondition(bare), hasBody(loose))), forStmt(eachOf(hasCondition(bare), hasBody(loose))), conditionalOperator(hasCondition(bare)), unaryOperator(hasOperatorName("!"), hasUnaryOperand(bare)), binaryOperator(hasAnyOperatorName("&&", "||"), eachOf(hasLHS(bare), hasRHS(bare)))))
END

# Some sources at a time: clang-query holds all of a call's at once.
read_sources()
{
    printf '%s\n' "${sources[@]}" |
        xargs -n 64 clang-query -p "$work" --extra-arg=-w -f "$matchers" >"$work/read" 2>&1
}

# judge ASPECT NAME: one test per folder, of the places that the matchers bind this name to.
judge()
{
    local folder
    sed -e "s|$PWD/||g" -e 's|^\./||' "$work/read" |
        grep -E "^[^ :]+:[0-9]+:[0-9]+: note: \"$2\" binds here" | sort -u >"$work/places"
    while read -r folder; do
        grep "^$folder/[^/:]*:" "$work/places" >"$out"
        check "$1: $folder" [ ! -s "$out" ]
    done < <(tree_files '*.[ch]' | xargs dirname | sort -u)
}

list_compilations >"$database"
check "the build compiles every source" all_compiled
if ! command -v clang-query >/dev/null; then
    check "dialect # SKIP no clang-query (Debian's package clang-tools)" true
    exit
fi
read_sources
status=$?
grep 'error: ' "$work/read" | sort -u >"$out"
check "clang-query reads every source" [ "$status" = 0 -a ! -s "$out" ]
judge braces loose
judge conditions bare
