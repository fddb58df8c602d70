# SPDX-License-Identifier: BSD-2-Clause
#
# By which door vdma (vdma/README.md) is there, for run.sh:
#
#   el2       the machine starts at EL2: beneath the image, which brings it along (VDMA_MONITOR), or
#             beneath any guest, by an ELF that QEMU's loader adds
#   process   a process beside QEMU, on the machine's virtio bus: for all that do not start there
#
# Its programs are in the folder VDMA_PROGRAMS, or where they are built or installed.
#
# The caller has a function refuse MESSAGE, which does not return.

# By their numbers, and where the monitor beside any guest looks for that (alone/alone.h).
vdma_limits=(open narrow31 sata prp xhci adma2 single fpga8 isa24 narrow28)
vdma_alone_limits=0x45fff010

# vdma_program NAME DOOR: where it is, in $vdma_program.
vdma_program()
{
    local folder=${VDMA_PROGRAMS-}
    if [ -z "$folder" ]; then
        folder=$here/programs
        [ -d "$folder" ] || folder=$(realpath -m "$here/../build/vdma")
    fi
    vdma_program=$folder/$1
    [ -r "$vdma_program" ] ||
        refuse "vdma, door=$2: there is no program $1 in $folder; 'make build/vdma/$1' makes it"
}

# vdma_default_door MACHINE
vdma_default_door()
{
    if [[ ",$1," == *,virtualization=on,* ]]; then
        echo el2
    else
        echo process
    fi
}

# vdma_door DOOR MACHINE PROFILE IMAGE LIMITS: QEMU's words into $vdma_words; into $vdma_beside a
# program that is to run beside it, with its options, one a line. That has the machine's memory in
# common with QEMU. DOOR may be any; LIMITS is a profile's name, or nothing.
vdma_door()
{
    local door=$1 limits
    [ "$door" != any ] || door=$(vdma_default_door "$2")
    vdma_words=()
    vdma_beside=
    if [ "$door" = el2 ]; then
        [ "$(vdma_default_door "$2")" = el2 ] ||
            refuse "vdma, door=el2: machine '$3' does not start at EL2; el2 and el2v3 do"
        # By the name of what an image brings it along with; a guest that has lost its names has two.
        ! grep -qa vdma_monitor_setup "$4" || return 0
        vdma_program vdma-alone.elf el2
        vdma_words=(-device "loader,file=${vdma_program//,/,,},cpu-num=0")
        for limits in "${!vdma_limits[@]}"; do
            [ "${vdma_limits[limits]}" != "$5" ] ||
                vdma_words+=(-device "loader,addr=$vdma_alone_limits,data=$limits,data-len=8")
        done
        return
    fi
    vdma_program vdma-vhost-user process
    vdma_beside=$vdma_program$'\n--vendor\n--queue-size\n256'${5:+$'\n--limits\n'$5}
    # Not behind an SMMU, if there is one: what it may reach is for its own table to say.
    vdma_words=(-device vhost-user-blk,chardev=vdma,num-queues=1,queue-size=256)
}

# vdma_can QEMU: refuse one that cannot share memory with a process.
vdma_can()
{
    ! command -v "$1" >/dev/null || [[ $("$1" -object help 2>&1) == *memory-backend-memfd* ]] ||
        refuse "vdma, door=process: $1 has no memory-backend-memfd, by which it shares memory with a process"
}

# vdma_share SIZE: make the memory in $machine and $options one that others can have, too.
vdma_share()
{
    local i
    if [[ ,$machine, != *,memory-backend=ram,* ]]; then
        machine+=,memory-backend=ram
        options+=(-object "memory-backend-memfd,id=ram,size=$1,share=on")
        return
    fi
    for i in "${!options[@]}"; do
        [[ ${options[i]} != memory-backend-ram,* ]] ||
            options[i]=memory-backend-memfd,share=on,${options[i]#*,}
    done
}
