#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# uninstall.sh: remove from PREFIX (and DESTDIR) what install.sh has put there, and the
# folders that are empty then, but not PREFIX. Silent where nothing is installed.
set -euo pipefail

root=${DESTDIR-}${PREFIX:-/usr/local}
[[ $root == /* ]] || { echo "uninstall: PREFIX=${PREFIX-} is not absolute" >&2 && exit 2; }
share=$root/share/dmakit
[ -r "$share/installed" ] || exit 0

# Names as install.sh wrote them, seen from the folder of the list, which goes last.
mapfile -t paths <"$share/installed"
for path in "${paths[@]}"; do
    [[ ${path##*/} == *dmakit* || $path == . ]] || { echo "uninstall: $share/installed names $path" >&2 && exit 1; }
    path=$(realpath -sm "$share/$path")
    rm -rf "$path"
    folder=$(dirname "$path")
    while [[ $folder == "$root"/* ]] && rmdir "$folder" 2>/dev/null; do
        folder=$(dirname "$folder")
    done
done
