#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The device's memory watched from EL2: planted mistakes are named, the same way each time; the
# machine ends there if that is asked for; and wrong options are refused.
#
# NEEDS: run
# NEEDS: gcc-debug/tests/images/wrong/owner_write_outgoing.elf gcc-debug/tests/images/wrong/owner_read_incoming.elf
# NEEDS: gcc-debug/tests/images/maintained.elf gcc-debug/tests/images/wrong/coherence_uncleaned_source.elf
# NEEDS: gcc-debug/tests/images/wrong/coherence_dirty_target.elf gcc-debug/tests/images/wrong/coherence_stale_target.elf
# NEEDS: gcc-debug/tests/images/wrong/coherence_neighbour_stored.elf gcc-debug/tests/images/wrong/coherence_neighbour_lost.elf
# NEEDS: gcc-debug/tests/images/wrong/coherence_ring_types.elf gcc-debug/tests/images/wrong/coherence_buffer_types.elf
# NEEDS: gcc-debug/tests/images/wrong/init_unwritten_tail.elf gcc-debug/tests/images/wrong/init_unwritten_copy.elf
# NEEDS: gcc-debug/tests/images/wrong/init_short_target.elf
# NEEDS: gcc-debug/tests/images/wrong/owner_clear_incoming.elf gcc-debug/tests/images/wrong/owner_count_incoming.elf
. tests/outside/tap.bash

image=$BUILD/gcc-debug/tests/images/wrong/owner_write_outgoing.elf

run tests/runner/wrong.sh -t 10 tests/images/wrong/owner_write_outgoing.c
check "it is named, and ten runs say the same" ended 0
run tests/runner/wrong.sh tests/images/wrong/owner_{read_incoming,clear_incoming,count_incoming}.c
check "so are these" ended 0

run tests/runner/wrong.sh -t 10 tests/images/wrong/coherence_dirty_target.c
check "so is a cache's dirty line, ten times" ended 0
run tests/runner/wrong.sh tests/images/wrong/coherence_{uncleaned_source,stale_target,neighbour_stored,neighbour_lost,ring_types,buffer_types}.c
check "and the other mistakes of a cache" ended 0
# They are right where memory is coherent, and wrong where it is not.
ends()
{
    local name
    for name in dirty_target ring_types buffer_types; do
        qemu/run.sh -m el2 -t 30 ${2:+-e "$2"} "$BUILD/gcc-debug/tests/images/wrong/coherence_$name.elf" -- \
            -icount shift=0,sleep=off
        [ $? = "$1" ] || echo "$name ends otherwise"
    done | grep otherwise
}
run ends 0 ""
check "those with public reports pass in plain emulation" eval '[ ! -s "$out" ]'
run ends 1 vdma,watch=coherence
check "and fail here" eval '[ ! -s "$out" ]'
for machine in el2; do
    for watch in owner coherence init owner+coherence+init+rules; do
        run qemu/run.sh -m $machine -t 60 -e vdma,watch=$watch,hold=20000 "$BUILD/gcc-debug/tests/images/maintained.elf" -- \
            -icount shift=0,sleep=off
        check "$machine, $watch: nothing is said of a program that is right" eval 'ended 0 && said right && ! said "^watch"'
    done
done

run tests/runner/wrong.sh -t 10 tests/images/wrong/init_short_target.c
check "so are bytes that nobody wrote, ten times" ended 0
run tests/runner/wrong.sh tests/images/wrong/init_unwritten_{tail,copy}.c
check "and copies of them" ended 0

watched()
{
    qemu/run.sh -m el2 -t 30 "$@" "$image" -- -icount shift=0,sleep=off
}
run watched -e vdma,watch=owner
check "on a GICv2, too" eval 'ended 0 && said "^watch: W01: "'
run watched -e vdma,watch=owner,then=stop
check "it stops if it is told to" eval 'ended 3 && said "^  now  +the machine ends"'
run watched -e vdma,watch=owner,then=go,hold=0
check "without a time in which they are the device's nothing is wrong" eval 'ended 0 && ! said "^watch"'
run watched -e vdma,watch=rules
check "another watch has nothing to say of it" eval 'ended 0 && ! said "^watch"'
run watched
check "nor has none" eval 'ended 0 && [ ! -s "$out" ]'

for word in watch=owners watch= watch=owner+ then=on hold=1ms; do
    run watched -e "vdma,$word"
    check "$word is refused, and what there is is said" eval 'ended 2 && said "^run: vdma, '"${word/+/\\+}"': "'
done
run qemu/run.sh -m gicv3 -e vdma,watch=owner "$image"
check "a machine without EL2 is refused" eval 'ended 2 && said "el2 and el2v3 have it"'
run qemu/run.sh -m el2 -t 20 "$image" -- -fw_cfg name=opt/dmakit/watch,string=owner+nobody
check "the monitor itself refuses what it does not know" eval 'ended 3 && said "^watch: there is no watch .nobody"'
