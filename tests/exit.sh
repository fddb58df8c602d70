#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# exit.sh: TAP. How images end that have a libc (tests/images/exit.c) and that
# have none (tests/images/nolibc.c). BUILD is the folder of the variants.
set -uo pipefail

here=$(dirname "$(realpath "$0")")
images=$BUILD/gcc-debug/tests/images
log=$(mktemp)
trap 'rm -f "$log"' EXIT
number=0
failed=0

report()
{
    number=$((number + 1))
    if [ "$1" = 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        sed 's/^/# /' "$log"
        failed=1
    fi
}

boot()
{
    "$here/../qemu/run.sh" -t 20 "$1" >"$log" 2>&1 </dev/null
}

echo "TAP version 13"
echo "1..4"

boot "$images/exit.elf"
status=$?
[ $status = 42 ]
report $? "the status of main is QEMU's: $status"
grep -qF "buffered text without a newline and atexit ran" "$log"
report $? "exit runs atexit functions and flushes stdio"

boot "$images/nolibc.elf" && grep -q "^no libc: GICv" "$log"
report $? "an image without libc boots, sleeps and ends"

"${NM:-nm}" "$images/nolibc.elf" >"$log"
! grep -E ' (_impure_ptr|__errno|_malloc_r|_vfprintf_r|exit)$' "$log"
report $? "and nothing of a libc is in it"
exit $failed
