#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# debug.sh [-m PROFILE] [-a BOOTARGS] [-d SOURCE] IMAGE.elf [GDB-OPTION...]: halt the
# machine before its first instruction and attach gdb
# debug.sh -c CORE IMAGE.elf [GDB-OPTION...]: look at the memory that run.sh -c has left
#
# gdb has the commands of gdb/dmakit.py; `dmakit` lists them. The other options are those of
# run.sh. The image starts at physical addresses and goes on at
# those it is linked for, so gdb gets its symbols twice. The image's output appears
# between gdb's.
# Environment: GDB, GDB_OPTIONS (more options, split at blanks), and that of run.sh.
set -uo pipefail

here=$(dirname "$(realpath "$0")")
die()
{
    echo "debug: $*" >&2
    exit 2
}

options=()
core=
while getopts m:a:d:c:h option; do
    case $option in
    [mad]) options+=("-$option" "$OPTARG") ;;
    c) core=$OPTARG ;;
    h) sed -n '4,/^[^#]/s/^# \{0,1\}//p' "$0" && exit ;;
    *) die "try $0 -h" ;;
    esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] || die "no image given; try $0 -h"
image=$1
shift
[ -r "$image" ] || die "cannot read image $image"

# Any that knows the machine; the last is a guess.
gdb=${GDB:-$(command -v gdb-multiarch || command -v aarch64-none-elf-gdb || command -v aarch64-elf-gdb || echo gdb)}
command -v "$gdb" >/dev/null || die "$gdb: not found"

commands=()
[ ! -r "$here/gdb/dmakit.py" ] || commands=(-ex "source $here/gdb/dmakit.py")
if [ -n "$core" ]; then
    [ -r "$core" ] || die "cannot read $core"
    # By a name without blanks or quotes: gdb 13 takes a word of its own as it is, gdb 16 takes it apart.
    exec 9<"$core"
    # shellcheck disable=SC2086 # GDB_OPTIONS is a list of words
    exec "$gdb" -q -ex "set confirm off" "${commands[@]}" -ex "core-file /dev/fd/9" "$image" ${GDB_OPTIONS-} "$@"
fi

# The path of a socket must be short, and gdb and QEMU must agree how it is written.
work=$(TMPDIR=/tmp mktemp -d) || exit 2
machine=
debugger=
trap 'kill $machine $debugger 2>/dev/null; wait; rm -rf "$work"' EXIT
trap 'exit 143' TERM HUP

# In a session of its own: an interrupt from the keyboard is for gdb.
setsid "$here/run.sh" "${options[@]}" "$image" -- -S \
    -chardev "socket,id=gdb,path=$work/gdb,server=on,wait=off" -gdb chardev:gdb </dev/null &
machine=$!
for _ in {1..100}; do
    [ ! -S "$work/gdb" ] || break
    kill -0 "$machine" 2>/dev/null || { wait "$machine" && exit 2; exit $?; }
    sleep 0.1
done

# As gdb quotes: a path may have blanks, quotes and backslashes.
named=${image//\\/\\\\}
named=\"${named//\"/\\\"}\"

# From a linked address to the physical one: minus the base of the direct map, modulo 2^64.
# Behind this script, which thereby hears a signal at once; an interrupt is gdb's own.
# shellcheck disable=SC2086 # GDB_OPTIONS is a list of words
"$gdb" -q -ex "set confirm off" -ex "file $named" -ex "add-symbol-file $named -o 0x1000000000000" \
    -ex "target remote $work/gdb" ${commands[@]+"${commands[@]}"} ${GDB_OPTIONS-} "$@" <&0 &
debugger=$!
trap : INT
while kill -0 "$debugger" 2>/dev/null; do
    wait "$debugger"
    status=$?
done
debugger=
exit $status
