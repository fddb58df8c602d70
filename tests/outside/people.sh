#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Scripts among people: names with everything in them, full disks, an interrupt at any
# time, two runs at once, a source tree that cannot be written.
# NEEDS: build run debug gcc-debug/tests/images/misbehaving.elf gcc-debug/tests/target/page.elf
# NEEDS: gcc-release/tests/images/transfer.elf gcc-release/tests/images/nolibc.elf
# NEEDS: gcc-release/tests/images/transfer.img gcc-release/tests/images/nolibc.img
# NEEDS: bench gcc-release/tests/bench/among.elf
# NEEDS: gcc-release/tests/target/virtio_blk.elf gcc-release/tests/target/virtio_blk.img
. tests/outside/tap.bash

unset MAKEFLAGS MAKELEVEL MFLAGS FILE OUT DEVICE WAY DRIVER T IMAGE ARGS LLVM DEBUG V
top=$PWD
image=$BUILD/gcc-release/tests/images/transfer.elf
export DEPS=${DEPS:-build/deps}
[ ! -d "$DEPS" ] || DEPS=$(realpath "$DEPS")

in_tree()
{
    run make -s --no-print-directory O="$BUILD" "$@"
}

is_printed()
{
    ended 0 && [ "$(<"$out")" = "$1" ]
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
for name in '' "it's" '"$HOME"' '$(touch x)' 'a b' '`touch x`' $'a\nb' '../bench/among' '%'; do
    in_tree profile NAME="$name" ROW=reset
    check "profile knows no ${name//$'\n'/ }" eval 'ended 2 && said "no benchmark is called"'
done
row="it's\$HOME\$(id>x);\\a"
in_tree profile NAME=among ROW="$row"
check "ROW reaches the benchmark as it is" eval 'ended 2 && grep -qF "has no row \"$row\"" "$out"'
in_tree profile NAME=among ROW=$'a\nb'
check "also of two lines" eval 'ended 2 && said "has no row"'
in_tree profile NAME=among
check "and none is refused" eval 'ended 2 && said "which row"'
for folder in 'a b' '$(touch x)' "it's" 'a;b' 'a%b'; do
    run make -s --no-print-directory O="$folder" list
    check "O=$folder is refused" eval 'ended 2 && said "make takes only letters, digits"'
done
for folder in . .. "$top" / "${top%/*}" tests tests/host docs/; do
    run make -s --no-print-directory O="$folder" -n clean
    check "O=$folder, which is not a build's alone, is refused" eval 'ended 2 && said "a folder of its own, please"'
done
run make -s --no-print-directory O= DEPS= LIBFDT= HOST_CC= -nB distclean build/host/outside/edit_tree
check "no folder is the one that is meant without saying" eval 'ended 0 && said "^rm -rf .* build/host" &&
    said "^rm -rf build/deps/newlib build/deps/libfdt$" && said "^gcc .* -isystem build/deps/libfdt/include " && ! said "[ =]/(host|deps|libfdt)"'
check "nothing of all that has run" [ ! -e x ]

# What is mistyped, or belongs to another goal, is not left aside: all tests would run, or
# another device. (-n: were it taken, nothing would run.)
for typed in t=page DEVCE=nvme MACHNE=gicv3 "it's\$(touch x)=1" list=prp; do
    in_tree -n run "$typed"
    check "no variable is called ${typed%%=*}" eval 'ended 2 && said "no variable is called"'
done
for typed in DEBUG=no LLVM=-14 TRACE=off CHECK=yes; do
    in_tree -n all "$typed"
    check "$typed is neither on nor off" eval 'ended 2 && said "1 turns it on, 0 or nothing off"'
done
for typed in 'test IMAGE=page' 'list MACHINE=gicv3' 'run T=page' 'run IMAGE=page FILE=x' 'debug IMAGE=page WAY=cursor'; do
    # shellcheck disable=SC2086 # goal and variables
    in_tree -n $typed
    check "$typed: the variable is another's" eval 'ended 2 && said "= is of"'
done
in_tree -n LLVM=0 DEBUG=0 TRACE=0 V=0 "$BUILD/gcc-release-notrace/libdmakit-nolibc.a"
check "0 turns off as nothing does" eval 'ended 0 && said DMAKIT_TRACE=0 && ! said "(clang|-DDEBUG)"'
in_tree list T=page@max LDFLAGS= WARNINGS=-w AM_UPDATE_INFO_DIR=no
check "what the makefile has of its own may be given" is_printed page@max
MAKELEVEL=1 in_tree list T=page@max BOARD=mine
check "another project's make may hand down its variables" is_printed page@max
MACHINE=gicv3 DEBUG=1 in_tree list T=page@max
check "and the environment what another goal wants" is_printed page@max

# Locales ------------------------------------------------------------------------

# In the one a range a-z is without the i, in the other a number has a comma.
mkdir "$work/locales"
for locale in tr_TR de_DE; do
    localedef -i $locale -f UTF-8 "$work/locales/$locale.UTF-8" >/dev/null 2>&1 || {
        check "in $locale # SKIP there is no such locale here" true
        continue
    }
    export LOCPATH=$work/locales
    LANG=$locale.UTF-8 in_tree run MACHINE=el2 DEVICE=virtio-blk,bits=31
    check "in $locale a file is moved" eval 'ended 0 && said "^verified: vdma copied"'
    LC_ALL=$locale.UTF-8 in_tree list T=page/splitting
    check "in $locale tests are chosen" eval 'ended 2 && said "page.c has no test of that name"'
    LC_ALL=$locale.UTF-8 in_tree list T=page@gicv3/distinct
    check "in $locale tests are chosen by their names" is_printed page@gicv3/distinct
    unset LOCPATH
done

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
[[ \$1 == *-version || \$1 == -help ]] || echo \$\$ >>"$work/pids"
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
    kill "-$signal" "$pid" 2>>"$out" || echo "did not end by a signal" >>"$out"
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
    interrupted $signal env QEMU_EXTRA='-append test=hangs' \
        qemu/transfer.sh -i "$work/big" -o "$work/outs/out" "$hangs"
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

# The same image as a benchmark, measured and traced.
export QEMU_EXTRA='-append test=hangs'
for signal in TERM INT; do
    interrupted $signal tests/bench/bench.sh -o "$work/outs/table" "$hangs"
    check "$signal to bench.sh ends its QEMU" ended_with_all
    interrupted $signal tests/bench/bench.sh -p reset "$hangs"
    check "$signal to bench.sh with a trace ends its QEMU" ended_with_all
done
# A benchmark refuses what it does not know and ends: a machine that is never started does not.
QEMU_EXTRA=-S interrupted TERM make -s O="$BUILD" profile NAME=among ROW=reset
check "TERM to make profile ends its QEMU" ended_with_all
unset QEMU_EXTRA

# What is set up: an apt and a compiler that take their time.
mkdir "$work/slow" "$work/few"
for tool in bash cat env head ln sed sleep sort; do
    ln -s "$(command -v $tool)" "$work/few"
done
printf '#!/bin/bash\necho 0\n' >"$work/slow/id"
for tool in apt-get slow-gcc; do
    cat >"$work/slow/$tool" <<END_OF_TOOL
#!/bin/bash
echo \$\$ >>"$work/pids"
exec sleep 100
END_OF_TOOL
done
chmod +x "$work/slow"/*
for signal in TERM INT; do
    interrupted $signal env PATH="$work/slow:$work/few" DEPS="$work/none" bash qemu/setup/setup.sh run
    check "$signal to setup.sh ends its apt" ended_with_all
    interrupted $signal env PATH="$work/slow:$PATH" qemu/setup/libfdt.sh "$work/outs/libfdt"
    check "$signal to libfdt.sh ends its apt" ended_with_all
    compgen -G '/usr/src/newlib/newlib-*.tar.*' >/dev/null || continue
    interrupted $signal env PATH="$work/slow:$PATH" qemu/setup/newlib.sh slow- "$work/outs/newlib"
    check "$signal to newlib.sh ends its compiler" ended_with_all
done

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
# An image is built with what it asks for.
printf '#include "tests/harness/harness.h"\n' >"$work/a tree/tests/target/asks_nothing.c"
printf '#include "asks.h"\n' >"$work/a tree/tests/target/asks.c"
for image in asks_nothing asks; do
    run make -sn -C "$work/a tree" V=1 O="$work/elsewhere" DEBUG=1 "$work/elsewhere/gcc-debug/tests/target/$image.elf"
    [[ $image = asks ]] && more='all of' || more='none of'
    check "$image is built with $more the tests' library, drivers and monitor" eval 'ended 0 &&
        for part in tests/lib/mover.c tests/drivers/vdma.c boot/el2/el2_start.c; do
            said " $part\$" && found=all || found=none
            [ "$more" = "$found of" ] || break
        done && [ "$more" = "$found of" ]'
    rm "$work/a tree/tests/target/$image.c"
done
touch "$work/stamp"
find "$work/a tree" | sort >"$work/before"
run make -s -C "$work/a tree" O="$work/elsewhere" DEBUG=1 "$work/elsewhere/gcc-debug/libdmakit-nolibc.a" list
check "a tree without .git builds elsewhere" eval 'ended 0 && said "^page@default$"'
check "and nothing in it was written" eval \
    'find "$work/a tree" | sort | cmp - "$work/before" && [ -z "$(find "$work/a tree" -newer "$work/stamp" -type f)" ]'

for name in 'page (copy)' 'a$b' "it's" 'a@b'; do
    echo 'int nothing;' >"$work/a tree/tests/target/$name.c"
    run make -s -C "$work/a tree" list T=page@max
    check "a source is not called $name" eval 'ended 2 && said "^Makefile:.* tests/target/.* a source.s name has no blank in it"'
    rm "$work/a tree/tests/target/$name.c"
done

# Neither root nor its like may write to this mount.
read_only()
{
    run unshare ${namespace-} -m bash -c 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 99
        exec "${@:2}"' - "$work/a tree" "$@"
}
read_only true
[ "$status" = 0 ] || { namespace=-r && read_only true; }
if [ "$status" != 0 ]; then
    check "a tree that is mounted read-only # SKIP no mount may be made here" true
else
    read_only touch "$work/a tree/mine"
    check "a tree that is mounted read-only cannot be written" [ "$status" = 1 ]
    # The classes and drivers are many, and built as the rest is, which is enough of each kind.
    lend "$work/elsewhere" gcc-debug/{descriptors,drivers} host/{descriptors,drivers}
    read_only make -s -C "$work/a tree" O="$work/elsewhere" JUNIT="$work/report" test T='page@default/free host:page/free'
    check "its tests are built and run elsewhere" eval 'ended 0 && said "Result: PASS" && [ -s "$work/report" ]'
    read_only make -s -C "$work/a tree" O="$work/elsewhere" DEBUG=1 run IMAGE=page ARGS=test=free
    check "and its images run" eval 'ended 0 && said "^ok "'
    read_only make -s -C "$work/a tree" O="$work/elsewhere" distclean DEPS="$work/elsewhere/none"
    check "and what was built goes away again" eval 'ended 0 && [ ! -e "$work/elsewhere" ]'
fi
run make -s -C "$work/a tree" DEBUG=1 O=build DEPS="$DEPS" build/gcc-debug/libdmakit-nolibc.a
check "it builds inside" eval 'ended 0 && [ -e "$work/a tree/build" ]'
mkdir -p "$work/a tree/build/logs" "$work/deps"
run make -s -C "$work/a tree" distclean DEPS="$work/deps"
check "distclean leaves nothing" eval 'ended 0 && find "$work/a tree" | sort | cmp - "$work/before"'
mkdir -p "$work/lent/newlib" "$work/lent/libfdt" "$work/lent/mine" "$work/ours/logs" "$work/ours/logs.2" "$work/ours/logs-mine"
run make -s -C "$work/a tree" O="$work/ours" DEPS="$work/lent" distclean
check "distclean removes from the folders that it is lent what it put there" eval \
    'ended 0 && [ "$(ls "$work/lent" "$work/ours" | sort | xargs)" = "$(echo "$work/lent:" "$work/ours:" logs-mine mine | xargs -n 1 | sort | xargs)" ]'
