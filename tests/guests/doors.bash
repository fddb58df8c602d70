# SPDX-License-Identifier: BSD-2-Clause
#
# For the scripts of this folder: vdma's disk behind either door, with the bytes of $work/disk
#
#   serve QUEUES          start the process; $serving is its number
#   beside [LATENCY]      $plugged: QEMU's options for the monitor at EL2, and how it finds the disk
#   blob BYTES            $work/before: so many bytes that are all different

program=$BUILD/vdma/vdma-vhost-user
monitor=$BUILD/gcc-debug/vdma-alone.elf
serving=
trap '[ -z "$serving" ] || kill "$serving" 2>/dev/null; tap_end' EXIT

serve()
{
    local tries
    "$program" --socket "$work/socket" --disk "$work/disk" --queues "$1" --once >"$work/ready" 2>"$work/said" &
    serving=$!
    for ((tries = 0; tries < 200; tries++)); do
        ! grep -q ready "$work/ready" || return
        sleep 0.05
    done
    return 1
}

beside()
{
    plugged=(-device "loader,file=$monitor,cpu-num=0"
        -device "loader,addr=0x45fff008,data=$(($(stat -c %s "$work/disk") / 512)),data-len=8"
        -device "loader,addr=0x45fff018,data=${1-0},data-len=8"
        -device "loader,file=$work/disk,addr=0x46800000,force-raw=on")
}

blob()
{
    perl -e 'my $x = 1; for (1 .. shift() / 4) { $x = ($x * 1103515245 + 12345) & 0xffffffff; print pack "V", $x }' \
        "$1" >"$work/before"
}
