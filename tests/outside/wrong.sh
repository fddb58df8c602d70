#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Planted mistakes (tests/images/wrong): each is named by its rule and its line, and says the same
# twice; the page of mistakes shows them as they are; and releases have no ledger.
#
# NEEDS: run gcc-debug/tests/images/wrong/all gcc-release/tests/images/wrong/ledger_early.elf
. tests/outside/tap.bash
export LC_ALL=C # the order of names

images=(tests/images/wrong/*.c)

run tests/runner/wrong.sh -l "${images[@]}"
check "the table is of these images" cmp "$out" tests/images/wrong/wrong.tsv
check "there are 40 at least, of which no two have the same story" eval \
    '[ ${#images[@]} -ge 40 ] && [ -z "$(for image in "${images[@]}"; do sed -n "/^ \*$/q; s/^ \* //p" "$image" | tr "\n" " "; echo; done | sort | uniq -d)" ]'

mkdir "$work/entries"
# As many at a time as there are processors, each in its own QEMU.
for image in "${images[@]}"; do
    echo "$image"
done | xargs -P "$(nproc)" -I{} bash -c \
    'tests/runner/wrong.sh -t 2 -e "$0/entries" {} >"$0/$(basename {}).tap" 2>&1' "$work"
for image in "${images[@]}"; do
    cp "$work/$(basename "$image").tap" "$out"
    check "$(basename "$image" .c)" grep -q '^ok 1 ' "$out"
done

# The page that shows them: what it quotes is what they have been told now.
page=qemu/vdma/mistakes.md
tests/runner/wrong.sh -m "$work/entries" >"$work/page"
# In which of its lines a caller is, is a matter of the compiler: the page is GCC 12's.
lines()
{
    if "${READELF:-readelf}" -p .comment "$BUILD/gcc-debug/tests/images/wrong/ledger_early.elf" | grep -q 'GCC: .* 12\.'; then
        cat "$1"
    else
        sed -E 's/^(        [a-z_0-9]+ at [a-z_0-9]+\.c):[0-9]+$/\1/' "$1"
    fi
}
run diff <(lines "$page") <(lines "$work/page")
check "the page of mistakes is what make mistakes writes" ended 0
# numbered FILE PATTERN: numbers of rules.
numbered()
{
    grep -oE "$2" "$1" | grep -oE '[LRW][0-9]+' | sort -u
}
{
    numbered qemu/vdma/watch/rules.def 'WATCH_RULE\(W[0-9]+,'
    numbered descriptors/ledger/IOLedger.h '/\* L[0-9]+:'
    numbered qemu/vdma/device/rules.def 'RULE\(R[0-9]+,'
} >"$work/known"
{
    numbered "$page" '^### [^a-z]*'
    sed -n '/^## Rules without/,$p' "$page" | grep -oE 'R[0-9]+'
} | sort -u >"$work/shown"
run comm -3 <(sort -u "$work/known") "$work/shown"
check "every number of a rule is on it" eval 'ended 0 && [ ! -s "$out" ] && [ "$(wc -l <"$work/known")" -ge 92 ]'

ledger_symbols()
{
    "${NM:-nm}" "$BUILD/$1" | grep -c IOLedger
}
run ledger_symbols gcc-release/tests/images/wrong/ledger_early.elf
check "a release has no symbol of the ledger" eval '[ "$(cat "$out")" = 0 ]'
run ledger_symbols gcc-debug/tests/images/wrong/ledger_early.elf
check "a debug build has" eval '[ "$(cat "$out")" -gt 20 ]'
