#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# debug.sh [-m PROFILE] IMAGE.elf [GDB-OPTION...]: halt the machine before its
# first instruction and attach gdb
#
# The image starts at physical addresses and goes on at those it is linked for,
# so gdb gets its symbols twice. The image's output appears between gdb's.
# Environment: GDB, and that of run.sh.
set -uo pipefail

here=$(dirname "$(realpath "$0")")
profile=default
[ "${1-}" != -h ] || { sed -n '4,/^[^#]/s/^# \{0,1\}//p' "$0" && exit; }
if [ "${1-}" = -m ]; then
    profile=$2
    shift 2
fi
[ $# -ge 1 ] || { echo "debug: no image given; try $0 -h" >&2 && exit 2; }
image=$1
shift
gdb=${GDB:-$(command -v gdb-multiarch || command -v aarch64-none-elf-gdb || echo gdb)}
command -v "$gdb" >/dev/null || { echo "debug: $gdb: not found" >&2 && exit 2; }

work=$(mktemp -d) || exit 2
trap 'kill "$machine" 2>/dev/null; wait; rm -rf "$work"' EXIT

"$here/run.sh" -m "$profile" "$image" -- -S -pidfile "$work/pid" \
    -gdb "unix:$work/gdb,server=on,wait=off" </dev/null &
machine=$!
for _ in {1..100}; do
    [ ! -S "$work/gdb" ] || break
    kill -0 "$machine" 2>/dev/null || { wait "$machine" && exit 2; exit $?; }
    sleep 0.1
done
machine=$(cat "$work/pid") # QEMU's own

# From a linked address to the physical one: minus the base of the direct map, modulo 2^64.
"$gdb" -q -ex "set confirm off" -ex "file $image" -ex "add-symbol-file $image -o 0x1000000000000" \
    -ex "target remote $work/gdb" "$@"
