#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Scripts among people: names with everything in them, full disks, an interrupt at any
# time, two runs at once, a source tree that cannot be written.
# NEEDS: build run debug gcc-debug/tests/images/misbehaving.elf gcc-debug/tests/target/page.elf
# NEEDS: gcc-release/tests/images/transfer.elf gcc-release/tests/images/nolibc.elf
# NEEDS: gcc-release/tests/images/transfer.img gcc-release/tests/images/nolibc.img
# NEEDS: gcc-release/tests/target/virtio_blk.elf gcc-release/tests/target/virtio_blk.img
. tests/outside/tap.bash

unset MAKEFLAGS MAKELEVEL MFLAGS FILE OUT DEVICE WAY T IMAGE ARGS LLVM DEBUG V
top=$PWD
image=$BUILD/gcc-release/tests/images/transfer.elf
export DEPS=${DEPS:-build/deps}
[ ! -d "$DEPS" ] || DEPS=$(realpath "$DEPS")

in_tree()
{
    run make -s --no-print-directory O="$BUILD" "$@"
}

# Names and words --------------------------------------------------------------

nasty="$work/it's \"a\" \$HOME \$(touch x) \`touch x\`; a,b #%"$'\n'"line"
mkdir "$nasty"
seq 100 >"$nasty/file"
in_tree run FILE="$nasty/file" OUT="$nasty/out"
check "any name will do for FILE and OUT" eval 'ended 0 && cmp "$nasty/file" "$nasty/out"'
FILE="$nasty/file" OUT="$nasty/out2" run make -s --no-print-directory O="$BUILD" run
check "and from the environment" eval 'ended 0 && cmp "$nasty/file" "$nasty/out2"'
mv "$nasty/out" "$nasty/-x"
run bash -c 'cd "$1" && "$2/qemu/transfer.sh" -i -x -o -y "$3"' - "$nasty" "$top" "$(realpath "$image")"
check "a name may begin with a dash" eval 'ended 0 && cmp "$nasty/file" "$nasty/-y"'
TMPDIR=$nasty in_tree run
check "any name will do for TMPDIR" ended 0
TMPDIR=$nasty in_tree run IMAGE=virtio_blk
check "and for the disks that a test's lines name" eval 'ended 0 && said "^ok "'
in_tree run IMAGE=nolibc ARGS="it's=\"\$HOME\" \$(touch x);a"
check "ARGS reaches the image as it is" eval "ended 0 && grep -qF 'bootargs \"it'\''s=\"\$HOME\" \$(touch x);a\"' \"\$out\""
in_tree run IMAGE="$nasty/none.elf"
check "IMAGE too" eval 'ended 2 && said "cannot read image .*a,b"'
for folder in 'a b' '$(touch x)' "it's" 'a;b' 'a%b'; do
    run make -s --no-print-directory O="$folder" list
    check "O=$folder is refused" eval 'ended 2 && said "make takes only letters, digits"'
done
check "nothing of all that has run" [ ! -e x ]

# Disks ------------------------------------------------------------------------

truncate -s 1000T "$work/huge" 2>/dev/null || truncate -s 8T "$work/huge"
in_tree run FILE="$work/huge" OUT="$work/huge.out"
check "OUT without room is refused first" eval 'ended 2 && said "no room for [0-9]+ bytes" && ! said "DMA|totals"'
check "and nothing is left of it" eval '! compgen -G "$work/huge.out*"'

# A QEMU whose disk NODE fails at EVENT with ERRNO, as a full or broken one of the host.
cat >"$work/broken-disk" <<'END_OF_QEMU'
#!/bin/bash
arguments=("$@")
for i in "${!arguments[@]}"; do
    [[ ${arguments[i]} == *node-name=$NODE,* ]] || continue
    arguments[i]=${arguments[i]/file.driver=file,file.filename=/file.driver=blkdebug,file.inject-error.0.event=$EVENT,file.inject-error.0.errno=$ERRNO,file.image.driver=file,file.image.filename=}
done
exec "$TESTED_QEMU" "${arguments[@]}"
END_OF_QEMU
chmod +x "$work/broken-disk"
for broken in 'target write_aio 28 written' 'source read_aio 5 read'; do
    read -r node event errno what <<<"$broken"
    NODE=$node EVENT=$event ERRNO=$errno run env QEMU="$work/broken-disk" timeout --foreground 60 \
        qemu/transfer.sh -i "$nasty/file" -o "$work/never" "$image"
    check "a disk that cannot be $what ends the run" ended 1
    check "with a line that says so: $what" said 'kIOReturnIOError|I/O error'
    check "and OUT is not there: $what" eval '! compgen -G "$work/never*"'
done

# Interrupts -------------------------------------------------------------------

# A QEMU that leaves its process number, once it has a machine.
cat >"$work/noted-qemu" <<END_OF_QEMU
#!/bin/bash
[ "\$1" = --version ] || echo \$\$ >>"$work/pids"
exec "\$TESTED_QEMU" "\$@"
END_OF_QEMU
chmod +x "$work/noted-qemu"
mkdir "$work/o" "$work/tmp" "$work/logs" "$work/outs"
ln -s "$(realpath "$BUILD")/gcc-debug" "$work/o/gcc-debug"

# interrupted SIGNAL COMMAND...: start it, send it the signal when its QEMU runs, and see
# that both end and no temporary file stays.
interrupted()
{
    local signal=$1 pid i
    shift
    rm -f "$work/pids"
    # A job of bash's would ignore INT.
    TMPDIR=$work/tmp QEMU=$work/noted-qemu perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' \
        "$@" >"$out" 2>&1 </dev/null &
    pid=$!
    for i in {1..600}; do
        [ ! -s "$work/pids" ] || break
        sleep 0.1
    done
    sleep 0.5
    kill "-$signal" "$pid"
    for i in {1..300}; do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    ! kill -0 "$pid" 2>/dev/null || { kill -9 "$pid"; echo "did not end" >>"$out"; }
    wait "$pid" 2>/dev/null
    status=$?
    # make does not wait for whom it has told to end.
    for i in {1..100}; do
        ! nothing_left || break
        sleep 0.1
    done
}

nothing_left()
{
    ! kill -0 $(cat "$work/pids") 2>/dev/null && ! find "$work/tmp" "$work/outs" -mindepth 1 | grep . >>"$out"
}

ended_with_all()
{
    ! said 'did not end' && [ "$status" != 0 ] && [ -s "$work/pids" ] && nothing_left
}

hangs=$BUILD/gcc-debug/tests/images/misbehaving.elf
seq 9000000 >"$work/big"
for signal in TERM INT; do
    interrupted $signal qemu/run.sh -d tests/target/virtio_blk.c -a test=hangs "$hangs"
    check "$signal to run.sh ends its QEMU" ended_with_all
    interrupted $signal qemu/transfer.sh -i "$work/big" -o "$work/outs/out" "$hangs"
    check "$signal to transfer.sh ends its QEMU" ended_with_all
    interrupted $signal env BUILD="$work/o" LOGS="$work/logs" tests/runner/test-one.sh \
        tests/images/misbehaving@default/hangs
    check "$signal to test-one.sh ends its QEMU" ended_with_all
done
# (INT to make alone is not what a keyboard does: make waits for who got it as well.)
interrupted TERM make -s O="$BUILD" DEBUG=1 run IMAGE=misbehaving ARGS=test=hangs
check "TERM to make run ends its QEMU" ended_with_all
interrupted TERM env GDB_OPTIONS='-batch -ex continue' qemu/debug.sh -a test=hangs "$hangs"
check "TERM to debug.sh ends its QEMU" ended_with_all

# A whole run: a make that builds nothing, and an image that hangs for a page test.
mkdir -p "$work/o2/gcc-debug/tests/target"
ln -s "$(realpath "$hangs")" "$work/o2/gcc-debug/tests/target/page.elf"
for signal in TERM INT; do
    interrupted $signal env MAKE=true QEMU_EXTRA='-append test=hangs' tests/runner/test.sh "$work/o2" page@default
    check "$signal to test.sh ends its QEMU" ended_with_all
done

# Two at once, and where nothing may be written --------------------------------

mkdir "$work/o/logs"
echo kept >"$work/o/logs/kept"
run flock "$work/o/logs.lock" env MAKE=true tests/runner/test.sh "$work/o" page@default/free
check "a second run in a tree passes" ended 0
check "it leaves the first one's logs alone" [ -e "$work/o/logs/kept" -a -e "$work/o/logs.2/page@default-free.log" ]

mkdir "$work/a tree"
tar -c --exclude=./build --exclude=./.git --exclude=./compile_commands.json . | tar -x -C "$work/a tree"
touch "$work/stamp"
find "$work/a tree" | sort >"$work/before"
run make -s -C "$work/a tree" O="$work/elsewhere" DEBUG=1 "$work/elsewhere/gcc-debug/libdmakit-nolibc.a" list
check "a tree without .git builds elsewhere" eval 'ended 0 && said "^page@default$"'
check "and nothing in it was written" eval \
    'find "$work/a tree" | sort | cmp - "$work/before" && [ -z "$(find "$work/a tree" -newer "$work/stamp" -type f)" ]'
run make -s -C "$work/a tree" DEBUG=1 O=build DEPS="$DEPS" build/gcc-debug/libdmakit-nolibc.a
check "it builds inside" eval 'ended 0 && [ -e "$work/a tree/build" ]'
mkdir -p "$work/a tree/build/logs" "$work/deps"
run make -s -C "$work/a tree" distclean DEPS="$work/deps"
check "distclean leaves nothing" eval 'ended 0 && find "$work/a tree" | sort | cmp - "$work/before"'
