#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What `make install` puts elsewhere works there: the tree is moved after it was
# installed, nothing in it names the clone, and every example is built and run from it.
# NEEDS: build llvm run debug embed
# NEEDS: gcc-release/embed/headers gcc-release/embed/libdmakit.a gcc-release/embed/libdmakit-cxx.a
# NEEDS: gcc-release/embed/libdmakit-nolibc.a gcc-release/embed/libdmakit-harness.a
# NEEDS: gcc-release/embed/libdmakit-descriptors.a gcc-release/embed/libdmakit-port.a
# NEEDS: gcc-release/embed/host/libdmakit-descriptors.a gcc-release/embed/host/libdmakit-port.a
. tests/outside/embed.bash

run find "$work/stage" -type f
check "nothing went beside PREFIX" test ! -s "$out"
run grep -rlF -e "$clone" -e "$work/stage" -e /opt/kit "$home"
check "nothing installed names the clone or the prefix" test ! -s "$out"
run find "$home" -xtype l
check "no link leads nowhere" test ! -s "$out"

run cat CHANGELOG.md
check "the changes of version $version are told" said "^## ${version//./\\.}\$"

# The examples --------------------------------------------------------------

cp -R "$home/share/dmakit/examples" "$work/examples"
cd "$work/examples" || exit

# example NAME WORDS: built and run in a folder of its own.
example()
{
    run make -s -C "$1" run DMAKIT="$home" CROSS="$cross"
    check "example $1 builds and runs" ended 0
    check "example $1 says what it should" said "$2"
}

example hello "^hello from dmakit ${version//./\\.}, half of 3 is 1\.5"
example nolibc '^hello without a libc: 1 call'
example cpp '^hello from C\+\+: 4096 of 8192 bytes, constructors ran'
example class '^abcdefghij in 2 segments, 1 of class Ring'
example test '^ok 1 contiguous_buffer_is_one_segment'
example pci '^12! = 479001600, told by 12 interrupts'
example port '^1808 bytes at 0x80002000'
example picolibc '^hello from picolibc, 8 bytes, 1\.25, errno 34'
check "the smallest port is short" test "$(wc -l <port/port.c)" -lt 150

toolchain=$lib/cmake/dmakit/dmakit-toolchain.cmake
run cmake -S cmake -B cmake/build "-DCMAKE_TOOLCHAIN_FILE=$toolchain"
check "CMake finds the package beside its toolchain file" ended 0
run cmake --build cmake/build
check "example cmake builds" ended 0
run "$home/bin/dmakit-run" cmake/build/example.elf
check "example cmake runs" ended 0
sed 's/dmakit 1 /dmakit 2 /' cmake/CMakeLists.txt >cmake/CMakeLists.2
mkdir refused && mv cmake/CMakeLists.2 refused/CMakeLists.txt && cp cmake/main.c refused
run cmake -S refused -B refused/build "-DCMAKE_TOOLCHAIN_FILE=$toolchain"
check "CMake refuses another major version" eval '[ "$status" != 0 ] && said "version: ${version//./\\.}"'

# Two versions side by side, in a project of two parts that both ask for it.
cp -R "$home" "$work/moved/next"
sed -i "s/\"$version\"/\"2.0.0\"/; s/STREQUAL \"1\"/STREQUAL \"2\"/" "$work/moved/next/lib/cmake/dmakit/dmakitConfigVersion.cmake"
mkdir -p sides/part
cp cmake/main.c sides/part
cat >sides/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.16)
project(sides C)
find_package(dmakit $ENV{WANTED} REQUIRED CONFIG)
message("found ${dmakit_DIR}")
add_subdirectory(part)
END
cat >sides/part/CMakeLists.txt <<'END'
find_package(dmakit $ENV{WANTED} REQUIRED CONFIG)
add_executable(part main.c)
target_link_libraries(part PRIVATE dmakit::dmakit)
END
for wanted in 1 2; do
    side=$home
    [ $wanted = 1 ] || side=$work/moved/next
    run env WANTED=$wanted cmake -S sides -B sides/$wanted -DCMAKE_SYSTEM_NAME=Generic "-DCMAKE_C_COMPILER=${cross}gcc" \
        -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY "-DCMAKE_PREFIX_PATH=../../moved/kit;../../moved/next"
    check "CMake finds version $wanted of two, by a relative path" eval 'ended 0 && said "^found $side/lib/cmake/dmakit"'
    run cmake --build sides/$wanted
    check "and a part of a project links with it" ended 0
done
rm -rf "$work/moved/next"

# A build line of one's own ---------------------------------------------------

cd "$work/own" || exit
cp "$work/examples/hello/main.c" .

run "${cross}gcc" "-B$lib" --specs=dmakit.specs main.c -o short.elf
check "with -B the specs file is found by its name" ended 0
run "$home/bin/dmakit-run" short.elf
check "and what it links runs" ended 0
export PKG_CONFIG_PATH=$lib/pkgconfig
read -ra flags < <(pkg-config --cflags --static --libs dmakit)
for order in before after; do
    words=("${flags[@]}" main.c)
    [ $order = before ] || words=(main.c "${flags[@]}")
    run "${cross}gcc" "${words[@]}" -o $order.elf
    check "pkg-config's line links with its flags $order the source" ended 0
    run "$home/bin/dmakit-run" $order.elf
    check "and runs" ended 0
done
run pkg-config --define-prefix --cflags dmakit
check "pkg-config may find the prefix itself" said "-I($lib/pkgconfig/\.\./\.\.|$home)/include( |\$)"
run pkg-config --modversion dmakit
check "pkg-config knows the version" said "^${version//./\\.}\$"

echo '#include "tests/harness/harness.h"' >none.c
run "${cross}gcc" "--specs=$lib/dmakit.specs" --libc=harness none.c -o none.elf
run "$home/bin/dmakit-run" none.elf
check "an image without a test says that there is none" eval 'ended 2 && said "^harness: there is no TEST in this image"'

# dmakit-run -----------------------------------------------------------------

run "$home/bin/dmakit-run" --version
check "dmakit-run says its version" said "^dmakit ${version//./\\.}\$"
run "$home/bin/dmakit-run" --dry-run --machine=gicv3 -a 'a b' --rng short.elf -- -device edu
check "--dry-run prints QEMU's line" ended 0
check "with the machine, the device and the words of the arguments" \
    said '^qemu-system-aarch64 .*gic-version=3.* -append a\\ b .*virtio-rng-device .*-device edu .*-kernel short\.elf$'
run env -u VDMA_PROGRAMS "$home/bin/dmakit-run" --dry-run --machine=el2 --device vdma short.elf
check "--device vdma is the monitor that was installed" said "loader..file=$home/share/dmakit/qemu/programs/vdma-alone\.elf"
run env -u VDMA_PROGRAMS "$home/bin/dmakit-run" --device vdma,door=process short.elf
check "and the process is, too" ended 0
echo bytes >"disk, one"
run "$home/bin/dmakit-run" --dry-run --disk "disk, one" short.elf
check "a disk's name may have a comma" said 'file=disk\\?,?\\?,'
for words in "--machine=none short.elf" "--what short.elf" "missing.elf" "" "--disk nothing short.elf" \
    "--timeout x short.elf" "--machine"; do
    run "$home/bin/dmakit-run" $words
    check "wrong usage is refused: '$words'" ended 2
done
printf 'int main(void) { for (;;) { } }\n' >hang.c
run "${gcc[@]}" hang.c -o hang.elf
run "$home/bin/dmakit-run" --timeout 2 hang.elf
check "an image that does not end has status 124" ended 124
printf '#include "kernel/panic.h"\nint main(void) { panic("on purpose"); }\n' >panic.c
run "${gcc[@]}" -g panic.c -o panic.elf
run "$home/bin/dmakit-run" panic.elf
check "a panic has status 3" ended 3
check "and names the function of the program" said 'main at .*panic\.c:2'
run "$home/bin/dmakit-run" --core left panic.elf
check "and leaves its memory, where that is asked for" eval 'ended 3 && [ -s left ]'
run timeout --foreground -k 5 60 "$home/share/dmakit/qemu/debug.sh" -c left panic.elf -batch -ex crash
check "at which gdb's commands look" said '\] main.* at .*panic\.c:2$'
# A signal ends it, and QEMU with it.
for signal in TERM INT HUP; do
    # A shell lets what it starts in the background ignore SIGINT.
    QEMU_EXTRA="-name $work/$signal" env --default-signal=INT "$home/bin/dmakit-run" --timeout 60 hang.elf \
        >"$out" 2>&1 </dev/null &
    started=$!
    for _ in $(seq 100); do
        ! pgrep -f -- "-name $work/$signal" >/dev/null || break
        sleep 0.1
    done
    kill -$signal $started
    wait $started
    status=$?
    check "SIG$signal ends it with status 128 and more" test $status -gt 128
    check "and QEMU with it" eval '! pgrep -f -- "-name $work/$signal" >/dev/null'
done
run "$home/bin/dmakit-run" --help
check "--help tells each option" eval 'ended 0 && said "--timeout SECONDS" && said "--dry-run" && said "^Status: "'
run "$home/bin/dmakit-run" --list
check "--list tells the machines" eval 'ended 0 && said "^gicv3 "'
cd "$clone" || exit

# Other folders ----------------------------------------------------------------

for libdir in lib/aarch64-linux-gnu /usr/lib64; do
    run make -s O="$BUILD" install PREFIX=/usr LIBDIR=$libdir DESTDIR="$work/else"
    check "it installs with LIBDIR=$libdir" ended 0
    at=$work/else/usr/${libdir#/usr/}
    run "${cross}gcc" "--specs=$at/dmakit.specs" "$work/own/main.c" -o "$work/own/else.elf"
    check "and links from there" ended 0
    # shellcheck disable=SC2046 # words
    run env PKG_CONFIG_PATH="$at/pkgconfig" sh -c \
        "'${cross}gcc' '$work/own/main.c' \$(pkg-config --cflags --libs dmakit) -o '$work/own/else.elf'"
    check "by pkg-config too" ended 0
    run env -u PKG_CONFIG_PATH PKG_CONFIG_LIBDIR="$at/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$work/else" sh -c \
        "'${cross}gcc' '$work/own/main.c' \$(pkg-config --cflags --libs dmakit) -o '$work/own/else.elf'"
    check "and as a sysroot" ended 0
    rm -rf "$work/else"
done

# A prefix may be called anything that make's variables can hold.
run make -s O="$BUILD" install PREFIX="/opt/my kit" DESTDIR="$work/else"
check "it installs into a prefix with a blank" ended 0
at="$work/else/opt/my kit"
run make -s -C "$work/examples/hello" clean run DMAKIT="$at" CROSS="$cross"
check "and an example builds and runs from there" eval 'ended 0 && said "^hello from dmakit"'
eval "flags=($(PKG_CONFIG_PATH=$at/lib/pkgconfig pkg-config --cflags --libs dmakit))"
run "${cross}gcc" "$work/own/main.c" "${flags[@]}" -o "$work/own/else.elf"
check "with pkg-config" ended 0
eval "flags=($(PKG_CONFIG_PATH=$at/lib/pkgconfig pkg-config --cflags --libs dmakit-clang))"
run clang "$work/own/main.c" "${flags[@]}" -o "$work/own/else.elf"
check "and clang" ended 0
run cmake -S "$work/examples/cmake" -B "$work/examples/blank" \
    "-DCMAKE_TOOLCHAIN_FILE=$at/lib/cmake/dmakit/dmakit-toolchain.cmake"
run cmake --build "$work/examples/blank"
check "with CMake" ended 0

# Over an older one, whose parts lay elsewhere; what is not the installation's stays.
run make -s O="$BUILD" install PREFIX="/opt/my kit" DESTDIR="$work/else" LIBDIR=lib64
touch "$at/include/dmakit/kernel/old.h" "$at/lib64/libdmakit-old.a" "$at/lib64/other.a"
echo ../../lib64/libdmakit-old.a >>"$at/share/dmakit/installed"
umask 077
run make -s O="$BUILD" install PREFIX="/opt/my kit" DESTDIR="$work/else"
umask 022
check "it installs over an older one" ended 0
run find "$at/include" "$at/lib" "$at/share" "$at/bin" ! -type l ! -perm -o=r -o -type d ! -perm -o=x
check "for everybody to read, whatever the umask" test ! -s "$out"
diff <({ cd "$home" && find . ! -type d && echo ./lib64/other.a; } | sort) <(cd "$at" && find . ! -type d | sort) >"$out"
check "and nothing of that is left" test ! -s "$out"
run make -s uninstall PREFIX="/opt/my kit" DESTDIR="$work/else"
check "uninstall says nothing" eval 'ended 0 && [ ! -s "$out" ]'
run find "$work/else" ! -type d
check "and leaves what is somebody else's" eval '[ "$(cat "$out")" = "$at/lib64/other.a" ]'
run make -s uninstall PREFIX="/opt/my kit" DESTDIR="$work/else"
check "a second time there is nothing to do" ended 0
for part in dmakit newlib libfdt libgcc; do
    check "the terms of $part are there" test -s "$home/share/dmakit/licenses/$part"
done
check "those of newlib and libfdt in full" eval \
    'grep -qi redistribution "$home/share/dmakit/licenses/newlib" && grep -qi redistribution "$home/share/dmakit/licenses/libfdt"'

run make -s O="$BUILD" install PREFIX=relative DESTDIR="$work/else"
check "a relative PREFIX is refused" eval '[ "$status" != 0 ] && said "not absolute"'
