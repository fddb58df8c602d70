#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# vdma as a process beside QEMU: the transfer by its disks, on mmio and PCI, over the deaths
# of the process; what it says to wrong command lines; that it ends and leaves nothing.
#
# NEEDS: run
# NEEDS: host
# NEEDS: gcc-debug/tests/images/transfer.elf
# NEEDS: vdma/vdma-vhost-user
. tests/outside/tap.bash

program=$BUILD/vdma/vdma-vhost-user
image=$BUILD/gcc-debug/tests/images/transfer.elf
processes=()
trap '[ ${#processes[@]} = 0 ] || kill "${processes[@]}" 2>/dev/null; tap_end' EXIT

run "$program"
check "without a socket's name it says how" eval 'ended 2 && said "try --help"'
run "$program" --help
check "--help is its manual" eval 'ended 0 && said "^usage: " && said "--disk FILE"'
for wrong in "--queues 5" "--queues 0" "--queues x" "--size 0" "--limits none" "--queue-size 100" \
    "--serial 123456789012345678901" "--nonsense" "beside" "--size 99999999999999999999"; do
    # shellcheck disable=SC2086
    run "$program" --socket "$work/s" $wrong
    check "refused: $wrong" eval 'ended 2 && [ "$(wc -l <"$out")" -le 2 ]'
done
run "$program" --socket "$work/s" --disk "$work/none"
check "a disk that is not there" eval 'ended 1 && said "none: No such file"'
head -c 700 /dev/zero >"$work/odd"
run "$program" --socket "$work/s" --disk "$work/odd"
check "a disk that is no whole sectors" eval 'ended 1 && said "whole sectors"'
run "$program" --socket "$(printf '%0200d' 0)"
check "a socket's name that is too long" eval 'ended 2 && said "too long"'
run "$program" --socket "$work/odd"
check "something else in the socket's place stays" eval 'ended 1 && [ -s "$work/odd" ]'

# serve NAME OPTION...: a process with this serial number and socket, once it listens.
serve()
{
    local name=$1
    shift
    "$program" --socket "$work/$name.socket" --serial "$name" "$@" >"$work/$name.ready" 2>"$work/$name.said" &
    processes+=($!)
    served=$!
    for ((tries = 0; tries < 200; tries++)); do
        grep -q ready "$work/$name.ready" && return
        sleep 0.05
    done
    return 1
}

# boot MACHINE DEVICE[,OPTION...] CHARDEV-OPTIONS: the transfer, by two processes.
boot()
{
    local plug=()
    for name in source target; do
        plug+=(-chardev "socket,id=$name,path=$work/$name.socket$3" -device "$2,chardev=$name")
    done
    qemu/run.sh -x -t 100 -m "$1" "$image" -- -machine memory-backend=ram \
        -object memory-backend-memfd,id=ram,size=256M,share=on "${plug[@]}"
}

# A file of no whole sectors is a disk's to fill up.
seq 300000 | head -c 2000000 >"$work/file"
truncate -s 2000384 "$work/file"
sum=$(cksum <"$work/file")
sum=${sum%% *}

ends()
{
    kill -TERM "$served"
    wait "$served"
    [ $? = 0 ] && [ ! -e "$work/source.socket" ]
}

# By I/O addresses that it has to ask QEMU for, where an SMMU is in front of it.
for machine in default gicv3 pcismmu; do
    device=vhost-user-blk
    [ $machine != pcismmu ] || device=vhost-user-blk-pci,disable-legacy=on,iommu_platform=on
    truncate -s 0 "$work/copy"
    truncate -s 2000384 "$work/copy"
    serve target --disk "$work/copy" --once
    serve source --disk "$work/file"
    run boot $machine $device ""
    check "$machine: the file comes from one process and goes to another" \
        eval 'ended 0 && said "cksum $sum 2000384"'
    [ $machine != pcismmu ] ||
        check "$machine: by addresses that are not physical ones" \
            said '-> table\[  1\] 0x[0-9a-f]{4,6} +[0-9]+ WRITE NEXT  physical 0x[4-9a-f][0-9a-f]{7}'
    check "$machine: and is the same there" cmp "$work/file" "$work/copy"
    wait "${processes[-2]}"
    check "$machine: --once ends with its front end" eval '[ $? = 0 ] && [ ! -e "$work/target.socket" ]'
    run true
    check "$machine: a signal ends the other one, and its socket is gone" ends
done

# Killed again and again with requests under way; QEMU connects to the next one.
truncate -s 0 "$work/copy"
truncate -s 2000384 "$work/copy"
serve target --disk "$work/copy"
serve source --disk "$work/file" --latency 1000
boot default vhost-user-blk ,reconnect=1 >"$work/boot" 2>&1 </dev/null &
machine=$!
for death in 1 2 3; do
    sleep 1.5
    kill -KILL "$served"
    wait "$served" 2>/dev/null
    cat "$work/source.said" >>"$work/lives"
    serve source --disk "$work/file" --latency 1000
done
wait $machine
status=$?
cp "$work/boot" "$out"
check "over $death deaths of a process every byte arrives" \
    eval '[ $status = 0 ] && said "cksum $sum 2000384"'
check "and is written" cmp "$work/file" "$work/copy"
cat "$work/source.said" "$work/lives" >"$out"
check "requests were under way, and done again" said "queue 0: [0-9]+ requests are done again"
