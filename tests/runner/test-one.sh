#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# test-one.sh NAME: run one program of test.sh as prove sees it, TAP on stdout
#
# The output is kept in LOGS; what went wrong is repeated on stderr.
# Status: 0 if it passed or was skipped; prove takes anything else, and a plan
# that does not fit, as a failure.
# NAME may end in /TEST, which selects tests by a part of their names.
# Environment: BUILD, LOGS (default BUILD/logs), TIMEOUT.
set -uo pipefail

here=$(dirname "$(realpath "$0")")
name=$1
limit=${TIMEOUT:-120}
log=${LOGS:-$BUILD/logs}/$(tr '/:' '--' <<<"$name").log

case $name in
host:*)
    [[ $name =~ ^host:([^/]+)/?(.*)$ ]] || exit 2
    export CMOCKA_MESSAGE_OUTPUT=TAP TEST_NAME=${BASH_REMATCH[2]}
    program=(timeout -k 5 "$limit" "$BUILD"/host/*/"${BASH_REMATCH[1]}_test")
    ;;
tests/outside/*.sh)
    program=(timeout -k 5 $((limit * 5)) "$name")
    ;;
*)
    [[ $name =~ ^([^@]+)@([^:/]+)(:([^/]+))?(/(.*))?$ ]] || exit 2
    image=${BASH_REMATCH[1]}
    test=${BASH_REMATCH[6]}
    [[ $image == */* ]] || image=tests/target/$image
    program=("$here/../../qemu/run.sh" -m "${BASH_REMATCH[2]}" -t "$limit"
        -a "${test:+test=$test}" "$BUILD/${BASH_REMATCH[4]:-gcc-debug}/$image.elf" --)
    if grep -q '^// QEMU: ' "$image.c" 2>/dev/null; then
        files=$(mktemp -d) || exit 2
        trap 'rm -rf "$files"' EXIT
        options=$("$here/test-devices.sh" "$image.c" "$files") || exit 2
        mapfile -t -O ${#program[@]} program <<<"$options"
    fi
    ;;
esac

# What goes to stderr (QEMU's complaints, sanitizers) would land inside the TAP's
# lines, so it follows them.
"${program[@]}" 2>"$log.stderr" </dev/null | tr -d '\r' | tee "$log"
status=${PIPESTATUS[0]}
sed 's/^/# /' "$log.stderr" | tee -a "$log"
rm -f "$log.stderr"
case $status in
0) ;;
77) status=0 ;; # all skipped, which the TAP says as well
124 | 137)
    echo "$name: no end after $limit seconds" >&2
    ;;
esac
if [ "$status" != 0 ]; then
    {
        echo "$name: status $status; the end of $log:"
        grep -v '^ok ' "$log" | tail -n 40 | sed 's/^/    /'
    } >&2
fi
exit "$status"
