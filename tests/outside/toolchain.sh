#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A bare-metal toolchain, which brings its own newlib: here a stand-in of that prefix made
# of the one that is installed. What such a build would take from Debian's is seen, and
# so is libfdt from a folder, and a build that may ask the network for nothing.
# NEEDS: build run gcc-release/libdmakit.a
# NEEDS: gcc-release/embed/libdmakit-descriptors.a gcc-release/embed/host/libdmakit-descriptors.a
. tests/outside/tap.bash

unset MAKEFLAGS MFLAGS MAKELEVEL CROSS_COMPILE
real=
for prefix in aarch64-linux-gnu- aarch64-none-elf- aarch64-elf-; do
    [ -n "$real" ] || ! command -v "${prefix}gcc" >/dev/null || real=$prefix
done
deps=${DEPS:-build/deps}
sysroot=$work/toolchain/aarch64-none-elf
mkdir -p "$work/bin" "$sysroot" "$work/empty"
newlib=$(realpath "$deps/newlib/aarch64-none-elf" 2>/dev/null)
[ -d "$newlib" ] || newlib=$("${real}gcc" -print-sysroot)
cp -R "$newlib/include" "$newlib/lib" "$sysroot"

# Asked where things are, it answers as such a toolchain does.
cat >"$work/bin/aarch64-none-elf-gcc" <<END
#!/bin/bash
case "\$*" in
-dumpmachine) echo aarch64-none-elf ;;
-print-sysroot) echo "$sysroot" ;;
-print-file-name=libc.a) echo "$sysroot/lib/libc.a" ;;
*) exec "$(command -v "${real}gcc")" "\$@" ;;
esac
END
for tool in ar ld nm objcopy objdump readelf size ranlib as addr2line; do
    ln -s "$(command -v "$real$tool")" "$work/bin/aarch64-none-elf-$tool"
done
# Nothing may be fetched or installed.
for tool in apt-get sudo wget curl git; do
    printf '#!/bin/bash\necho "$0 $*" >>%q\nexit 1\n' "$work/asked" >"$work/bin/$tool"
done
chmod +x "$work"/bin/*

offline()
{
    run env PATH="$work/bin:$PATH" CROSS_COMPILE=aarch64-none-elf- make -s O="$work/o" \
        DEPS="$work/empty" LIBFDT="$(realpath "$deps/libfdt")" "$@"
}

# The classes and drivers take of a libc what the kernel does, which is built here.
lend "$work/o" gcc-release/{descriptors,drivers} gcc-release/embed/{port,host}
offline "$work/o/gcc-release/tests/images/nolibc.elf" "$work/o/gcc-release/tests/images/exit.elf"
check "a toolchain with its own newlib builds images" ended 0
run ls -A "$work/empty"
check "and nothing is fetched or built for it" test ! -s "$out"
run cat "$work/asked"
check "nor is apt, or anybody else, asked" test ! -e "$work/asked"
run qemu/run.sh "$work/o/gcc-release/tests/images/nolibc.elf"
check "the image runs" eval 'ended 0 && said "no libc: .* Hz"'
offline install PREFIX=/opt/kit DESTDIR="$work/stage" HOST_CC="${HOST_CC:-gcc}"
check "it installs, with that newlib" eval 'ended 0 &&
    cmp -s "$sysroot/lib/libc.a" "$work/stage/opt/kit/lib/dmakit.specs.d/newlib/lib/libc.a"'
run env PATH="$work/bin:$PATH" make -C embed/examples/hello -s run O= DMAKIT="$work/stage/opt/kit" CROSS=aarch64-none-elf-
check "and a program is built from there" ended 0
rm -f embed/examples/hello/hello.elf

# A libfdt from the source of dtc: the smallest that has what is asked for.
mkdir -p "$work/dtc/libfdt"
cp "$deps"/libfdt/include/*.h "$work/dtc/libfdt"
printf '#include "libfdt.h"\nint fdt_check_header(const void *fdt) { return fdt != 0 ? 0 : -1; }\n' >"$work/dtc/libfdt/fdt.c"
tar -C "$work" -cf "$work/dtc.tar" dtc
for source in dtc dtc.tar; do
    rm -rf "$work/libfdt"
    run env PATH="$work/bin:$PATH" LIBFDT_SOURCE="$work/$source" qemu/setup/libfdt.sh "$work/libfdt" "$real"
    check "libfdt from $source, offline" eval 'ended 0 && [ -e "$work/libfdt/.ready" ] &&
        "${real}nm" "$work/libfdt/libfdt.a" | grep -q " T fdt_check_header"'
done
printf 'broken\n' >"$work/dtc/libfdt/fdt.c"
rm -rf "$work/libfdt"
run env LIBFDT_SOURCE="$work/dtc" qemu/setup/libfdt.sh "$work/libfdt" "$real"
check "a source that does not build leaves nothing" eval '[ "$status" = 1 ] && [ ! -e "$work/libfdt" ] && said "LIBFDT_SOURCE"'
