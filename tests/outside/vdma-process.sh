#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# vdma by the door beside QEMU, as people ask for it (DEVICE=vdma,door=process): the main job and
# our own tests, on mmio and PCI; what cannot be is one line; whoever ends first, nothing is left.
#
# NEEDS: run
# NEEDS: host
# NEEDS: gcc-debug/tests/images/transfer.elf
# NEEDS: gcc-debug/tests/target/vdma_lists.elf gcc-debug/tests/target/vdma_profiles.elf
# NEEDS: gcc-debug/tests/target/vdma_rules.elf gcc-debug/tests/images/misbehaving.elf
# NEEDS: vdma/vdma-vhost-user
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
for room in lists profiles rules; do
    run qemu/run.sh -t 100 -m gicv3 -e vdma,door=process "$BUILD/gcc-debug/tests/target/vdma_$room.elf"
    check "vdma_$room passes, and is not skipped" eval 'ended 0 && said "^ok 2" && ! said "SKIP"'
done

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
