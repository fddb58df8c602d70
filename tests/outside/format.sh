#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every C file is laid out as .clang-format says.
# NEEDS: check
. tests/outside/tap.bash

# Each version of clang-format has a mind of its own.
version=14
found=$(clang-format --version | sed -n 's/.*version \([0-9]*\).*/\1/p')
if [ "$found" != $version ]; then
    check "layout # SKIP clang-format is version ${found:-unknown}, the tree is laid out by $version" true
    exit
fi

# By a few calls for all: a call for each costs several times what the reading does.
tree_files '*.[ch]' | xargs -n 200 -P 2 clang-format --dry-run -Werror >"$work/said" 2>&1
status=$?
declare -A wrong=()
while IFS=: read -r file _; do
    wrong[$file]=1
done <"$work/said"
while read -r file; do
    : >"$out"
    [ -z "${wrong[$file]-}" ] || grep -F "$file:" "$work/said" >"$out"
    check "$file" [ -z "${wrong[$file]-}" ]
done < <(tree_files '*.[ch]')
cp "$work/said" "$out"
check "and nothing else is said" [ "$status" = 0 ]
