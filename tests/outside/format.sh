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

while read -r file; do
    run clang-format --dry-run -Werror "$file"
    check "$file" ended 0
done < <(tree_files '*.[ch]')
