#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# test-one.sh NAME: run one program of test.sh as prove sees it, TAP on stdout
#
# The output is kept in LOGS (see record.pl); what went wrong is repeated on stderr.
# Status: 0 if it passed or was skipped; prove takes anything else, and a plan
# that does not fit, as a failure.
# NAME may end in /TEST, which selects tests by a part of their names.
# Environment: BUILD, LOGS (default BUILD/logs), TIMEOUT.
set -uo pipefail

here=$(dirname "$(realpath "$0")")
name=$1
limit=${TIMEOUT:-120}
log=${LOGS:-$BUILD/logs}/${name//[\/:]/-}.log
grace=5 # run.sh says where an image hangs, which takes its time

case $name in
host:*)
    [[ $name =~ ^host:([^/]+)/?(.*)$ ]] || exit 2
    export CMOCKA_MESSAGE_OUTPUT=TAP TEST_NAME=${BASH_REMATCH[2]}
    source=$(ls tests/host/*/"${BASH_REMATCH[1]}_test.c")
    program=("$BUILD"/host/*/"${BASH_REMATCH[1]}_test")
    ;;
tests/outside/*.sh)
    limit=$((limit * 5))
    source=
    program=("$name")
    ;;
*)
    [[ $name =~ ^([^@]+)@([^:/]+)(:([^/]+))?(/(.*))?$ ]] || exit 2
    image=${BASH_REMATCH[1]}
    test=${BASH_REMATCH[6]}
    [[ $image == */* ]] || image=tests/target/$image
    source=$image.c
    program=("$here/../../qemu/run.sh" -m "${BASH_REMATCH[2]}" -t "$limit" -d "$source"
        -a "${test:+test=$test}" "$BUILD/${BASH_REMATCH[4]:-gcc-debug}/$image.elf")
    limit=$((limit + grace))
    ;;
esac
exec perl "$here/record.pl" "$name" "$log" "$limit" "$source" "${program[@]}"
