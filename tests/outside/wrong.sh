#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Planted mistakes (tests/images/wrong): each is named by its rule and its line, and says the same
# twice; what is right is not reported by any watch; and releases have no ledger.
#
# NEEDS: run gcc-debug/tests/images/wrong/all gcc-release/tests/images/wrong/ledger_early.elf
# NEEDS: gcc-debug/tests/target/vdma.elf
. tests/outside/tap.bash
export LC_ALL=C # the order of names

images=(tests/images/wrong/*.c)

run tests/runner/wrong.sh -l "${images[@]}"
check "the table is of these images" cmp "$out" tests/images/wrong/wrong.tsv
check "there are 40 at least, of which no two have the same story" eval \
    '[ ${#images[@]} -ge 40 ] && [ -z "$(for image in "${images[@]}"; do sed -n "/^ \*$/q; s/^ \* //p" "$image" | tr "\n" " "; echo; done | sort | uniq -d)" ]'

# As many at a time as there are processors, each in its own QEMU.
for image in "${images[@]}"; do
    echo "$image"
done | xargs -P "$(nproc)" -I{} bash -c \
    'tests/runner/wrong.sh -t 2 {} >"$0/$(basename {}).tap" 2>&1' "$work"
for image in "${images[@]}"; do
    cp "$work/$(basename "$image").tap" "$out"
    check "$(basename "$image" .c)" grep -q '^ok 1 ' "$out"
done

# What is right, once under each watch.
for watch in owner owner+rules; do
    for image in vdma; do
        run qemu/run.sh -m el2v3 -t 100 -e "vdma,watch=$watch" "$BUILD/gcc-debug/tests/target/$image.elf"
        check "$image is clean under $watch" eval 'ended 0 && ! said "^(watch|ledger): [WCIL][0-9]"'
    done
done

ledger_symbols()
{
    "${NM:-nm}" "$BUILD/$1" | grep -c IOLedger
}
run ledger_symbols gcc-release/tests/images/wrong/ledger_early.elf
check "a release has no symbol of the ledger" eval '[ "$(cat "$out")" = 0 ]'
run ledger_symbols gcc-debug/tests/images/wrong/ledger_early.elf
check "a debug build has" eval '[ "$(cat "$out")" -gt 20 ]'
