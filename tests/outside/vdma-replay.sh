#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# vdma does the same again: with the same seed its log, times and PCs included, is the same
# in every run, byte by byte, whatever the host is busy with.
#
# NEEDS: run gcc-debug/tests/images/vdma_replay.elf
. tests/outside/tap.bash

image=$BUILD/gcc-debug/tests/images/vdma_replay.elf

# replay MACHINE SEED FILE
replay()
{
    qemu/run.sh -m "$1" -t 60 -a "seed=$2" "$image" -- -icount shift=0,sleep=off >"$3" 2>&1
}

same()
{
    local number
    for number in 2 3 4 5 6 7 8 9 10; do
        replay "$1" 7 "$work/again" || return
        cmp "$work/first" "$work/again" || return
    done
}

# Every event of the data sheet but those that a request alone cannot bring about, every fault.
complete()
{
    local event kind
    for event in 1 2 3 5 6 7 8 9 10; do
        grep -q " event $event rule" "$work/first" || echo "no event $event"
    done
    for kind in $(seq 1 18); do
        grep -q " event 5 rule $kind " "$work/first" || echo "no fault $kind"
    done
}

for machine in el2 el2v3; do
    run replay $machine 7 "$work/first"
    check "$machine: a run with a seed ends well" ended 0
    run complete
    check "$machine: it has everything that a log can have" eval '[ ! -s "$out" ]'
    run awk '$3 == "event" && $4 == 9 && ($1 == 0 || $2 == "0")' "$work/first"
    check "$machine: each doorbell has its time and its PC" eval '[ ! -s "$out" ]'
    run same $machine
    check "$machine: ten of ten runs are the same" ended 0
    run replay $machine 8 "$work/other"
    check "$machine: so does one with another seed" ended 0
    run cmp "$work/first" "$work/other"
    check "$machine: which is another" ended 1
done
run qemu/run.sh -m default -t 60 "$image"
check "without EL2 it is skipped, and says why" eval 'ended 77 && said "there is no vdma"'
