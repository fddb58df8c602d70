#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every C file is laid out as .clang-format says.
# NEEDS: check
. tests/outside/tap.bash

while read -r file; do
    run clang-format --dry-run -Werror "$file"
    check "$file" ended 0
done < <(tree_files '*.[ch]')
