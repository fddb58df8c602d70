#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# docs.sh FOLDER [HEADER...]: the manual of these headers (default: all public ones) as HTML
#
# FOLDER/html/index.html is where it begins. Status 1: something in a header is not
# documented, or Doxygen does not understand it; it is named.
set -uo pipefail

[ $# -ge 1 ] || { echo "docs: which folder?" >&2 && exit 2; }
folder=$1
shift

# What people include. The others are for subclasses written elsewhere (X_class.h), for a room
# of its own, or how something public is made.
public()
{
    printf '%s\n' kernel/*.h descriptors/*.h drivers/*/*.h tests/harness/harness.h |
        grep -vE '_(private|class|inline|format)\.h$' |
        grep -vE '/(startup|print_check|IOClasses|bus_memory)\.h$'
}

[ $# -gt 0 ] || mapfile -t headers < <(public)
mkdir -p "$folder" || exit 2
settings()
{
    cat docs/Doxyfile
    printf 'OUTPUT_DIRECTORY = "%s"\n' "$folder"
    printf 'PROJECT_NUMBER = %s\n' "$(embed/version.sh kernel/version.h)"
    printf 'INPUT = %s\n' docs/README.md
    printf 'INPUT += "%s"\n' "${headers[@]:-$@}"
}
settings "$@" >"$folder/Doxyfile"
doxygen "$folder/Doxyfile" >"$folder/warnings" 2>&1
status=$?
if [ -s "$folder/warnings" ] || [ $status != 0 ]; then
    sed "s,^$PWD/,," "$folder/warnings" >&2
    exit 1
fi
