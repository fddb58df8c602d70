#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# vdma's doors as people ask for them: DEVICE=vdma,door=process, the main job by the
# process beside QEMU, on mmio and PCI; what cannot be is one line; whoever ends first, nothing
# is left. And --device vdma, the monitor beside a guest that knows nothing of it.
#
# NEEDS: run
# NEEDS: host
# NEEDS: gcc-debug/tests/images/transfer.elf
# NEEDS: gcc-debug/tests/target/vdma_rules.img gcc-debug/tests/target/vdma_dma.elf
# NEEDS: gcc-debug/tests/target/vdma_timing.elf gcc-debug/tests/target/vdma_driver.elf
# NEEDS: gcc-debug/tests/images/misbehaving.elf
# NEEDS: vdma/vdma-vhost-user vdma/vdma-alone.elf
. tests/outside/tap.bash

export VDMA_PROGRAMS=$BUILD/vdma
image=$BUILD/gcc-debug/tests/images/transfer.elf
seq 200000 | head -c 1000003 >"$work/file"

# transfer DEVICE [OPTION...]
transfer()
{
    run qemu/transfer.sh -d "$1" -i "$work/file" "${@:2}" "$image"
}

# copied LIMITS: by the process, and the copy's bytes and the device's log are right.
copied()
{
    ended 0 && said "^copied by vdma: 1000003 bytes, limits $1, by a process beside QEMU" &&
        said '^verified: vdma copied 1000003 bytes' && said 'copied by the CPU: 0 bytes'
}

# refused WORDS: a line with these words and no other.
refused()
{
    ended 2 && said "$1" && [ "$(wc -l <"$out")" = 1 ]
}

transfer vdma,door=process -o "$work/copy"
check "the file is copied" copied open
check "and comes out" cmp "$work/file" "$work/copy"
transfer vdma,limits=isa24 -m pciv3
check "on a machine without EL2 by itself, on PCI, through the device's own table" \
    eval 'ended 0 && said "limits isa24, by a process" && said "^verified: vdma copied"'
transfer vdma,door=process,limits=prp -m pcismmu
check "where an SMMU is in front of others" eval 'ended 0 && said "limits prp, by a process" && said "^verified: vdma copied"'
transfer vdma,door=process -m el2
check "on a machine that has the other one as well" copied open
transfer vdma -m el2
check "which is what is taken there" eval 'ended 0 && said "^copied by vdma: 1000003 bytes, limits open$"'
transfer virtio-blk -m default
check "who does not ask has none" eval 'ended 0 && said "^no vdma: .* DEVICE=vdma"'

transfer vdma,door=window
check "an unknown door" refused 'vdma, door=window: el2, .*; process, '
transfer vdma,door=el2 -m default
check "EL2 where it is not" refused "machine 'default' does not start at EL2; el2 and el2v3 do"
transfer vdma,door=process,watch=owner
check "watching by the process" refused 'only the door at EL2 sees what the CPU does'
VDMA_PROGRAMS=$work transfer vdma,door=process
check "a program that is not there" refused "no program vdma-vhost-user in $work"
cat >"$work/without-memfd" <<'END'
#!/bin/bash
[ "$1 $2" != "-object help" ] || { "$TESTED_QEMU" -object help | grep -v memfd; exit; }
exec "$TESTED_QEMU" "$@"
END
chmod +x "$work/without-memfd"
QEMU=$work/without-memfd transfer vdma,door=process
check "a QEMU without memfd" refused 'without-memfd has no memory-backend-memfd, by which'
QEMU=/none transfer vdma,door=process
check "a QEMU that is not there" eval 'ended 2 && said "/none: not found" && ! said memfd'

# A program in the place of the process, which says what it is, and is it.
mkdir "$work/programs"
cat >"$work/programs/vdma-vhost-user" <<END
#!/bin/bash
echo \$\$ >$work/process
[ ! -e $work/fails ] || { echo "it cannot be" >&2; exit 1; }
exec $BUILD/vdma/vdma-vhost-user "\$@"
END
chmod +x "$work/programs/vdma-vhost-user"
export VDMA_PROGRAMS=$work/programs
# gone: the process that was there is not.
gone()
{
    ! kill -0 "$(cat "$work/process")" 2>/dev/null
}

touch "$work/fails"
transfer vdma,door=process
check "a process that fails" eval 'ended 2 && said "it cannot be" && said "vdma-vhost-user ended with status 1"'
rm "$work/fails"
transfer vdma,door=process
check "after a run it has gone" eval 'copied open && gone'

# hang: an image that never ends, in the background, when it speaks; its number is in $hanging.
hang()
{
    rm -f "$work/process"
    qemu/run.sh -e vdma,door=process -a test=hangs "$BUILD/gcc-debug/tests/images/misbehaving.elf" \
        >"$out" 2>&1 </dev/null &
    hanging=$!
    until [ -s "$work/process" ] && said '^# start'; do
        kill -0 $hanging 2>/dev/null || return
        sleep 0.1
    done
}

hang
kill -TERM $hanging
wait $hanging
status=$?
check "a signal ends QEMU, and with it the process" eval '[ $status = 143 ] && gone'
hang
kill -KILL "$(cat "$work/process")"
wait $hanging
status=$?
check "whose death ends QEMU" eval 'ended 2 && said "vdma-vhost-user was ended by signal 9" && gone'

# nameless IMAGE.elf COPY.elf: it has lost the names by which it would be known to bring a monitor.
nameless()
{
    cp "$1" "$2"
    perl -e 'local $/; open my $file, "+<:raw", $ARGV[0] or die; my $bytes = <$file>;
        $bytes =~ s/vdma_monitor_setup/another_other_name/g; seek $file, 0, 0; print $file $bytes' "$2"
}

export VDMA_PROGRAMS=$BUILD/vdma
nameless "$image" "$work/guest.elf"
run qemu/run.sh -m el2 -n -e vdma,limits=prp "$work/guest.elf"
check "beneath a guest without it the monitor is loaded, with its limits" \
    said "loader..file=[^ ]*/vdma-alone.elf..cpu-num=0 -device loader..addr=0x45fff010..data=3..data-len=8"
run qemu/run.sh -m el2 -n -e vdma,limits=prp "$image"
check "beneath one that brings it along it is not" eval 'ended 0 && ! said vdma-alone'
# Which of the two it is: there is a disk of 4096 sectors, and not of 8.
for machine in el2 el2v3; do
    run qemu/run.sh -m $machine -x -t 100 -e "vdma,file=$work/file" "$work/guest.elf"
    check "$machine: and copies" eval 'ended 0 && said "^copied by vdma: 1000448 bytes, limits open$" &&
        said "^cksum [0-9]+ 1000448"'
done
# On a GICv2 every interrupt passes the monitor: at once and late, lost and taken back; a line that
# stays high while it is disabled, which a driver at EL0 makes it do; and who ends in between.
for name in dma timing driver; do
    nameless "$BUILD/gcc-debug/tests/target/vdma_$name.elf" "$work/$name.elf"
    run qemu/run.sh -m el2 -t 100 -e vdma -d tests/target/vdma_$name.c "$work/$name.elf"
    check "vdma_$name passes above it" eval 'ended 0 && said "^ok 3" && ! said "SKIP|no vdma"'
done
cp "$BUILD/gcc-debug/tests/target/vdma_rules.img" "$work/Image"
run qemu/run.sh -m el2 -n -e vdma -a 'a b' "$work/Image" -- -initrd "$work/file"
check "a kernel may have any name, and is kept from the host's files" eval \
    'said "target=gdb|target.=gdb" && said "-append a.* b .*vdma-alone.* -initrd [^ ]*/file -kernel [^ ]*/Image"'
run qemu/run.sh -m el2 -t 100 -e vdma -a test=r42_to_r47_lists "$work/Image"
check "and is entered as one" eval 'ended 0 && said "# R47, case " && said "^ok 1"'
run qemu/run.sh -m el2 -n -e vdma --bios "$work/Image"
check "firmware goes into flash, and is told nothing" eval 'said " -bios [^ ]*/Image" && ! said "-append"'
VDMA_PROGRAMS=$work/none run qemu/run.sh -m el2 -e vdma "$work/Image"
check "a monitor that is not there" refused "door=el2: there is no program vdma-alone.elf in $work/none"
