#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# panics.sh [IMAGE [PROFILE]]: TAP. Boot tests/images/panics.c once for each panic
# in panics.tsv; it must say the words there and end with status 3 at once.
set -uo pipefail

here=$(dirname "$(realpath "$0")")
image=${1:-$BUILD/gcc-debug/tests/images/panics.elf}
profile=${2:-default}
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

echo "TAP version 13"
echo "1..$(($(wc -l <"$here/panics.tsv") + 1))"
while IFS=$'\t' read -r name words; do
    "$here/../qemu/run.sh" -m "$profile" -t 20 -a "panic=$name" "$image" >"$log" 2>&1 </dev/null
    status=$?
    [ $status = 3 ] && grep -qF -- "$words" "$log"
    report $? "panic $name: status $status"
done <"$here/panics.tsv"

# The test can tell: a name that is no panic ends with another status.
"$here/../qemu/run.sh" -m "$profile" -t 20 -a panic=none "$image" >"$log" 2>&1 </dev/null
status=$?
[ $status = 2 ]
report $? "unknown name: status $status"
exit $failed
