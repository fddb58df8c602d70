#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Programs of others that are built with what `make install` installs: with names that the
# library has as well, at every level of optimising, by clang, in C++, with hooks and without
# semihosting. What cannot be had is refused by name.
# NEEDS: build llvm run embed
# NEEDS: gcc-release/embed/headers gcc-release/embed/libdmakit.a gcc-release/embed/libdmakit-cxx.a
# NEEDS: gcc-release/embed/libdmakit-nolibc.a gcc-release/embed/libdmakit-harness.a
# NEEDS: gcc-release/embed/libdmakit-descriptors.a gcc-release/embed/libdmakit-port.a
# NEEDS: gcc-release/embed/host/libdmakit-descriptors.a gcc-release/embed/host/libdmakit-port.a
. tests/outside/embed.bash

cd "$work/own" || exit
cp "$home/share/dmakit/examples/hello/main.c" .

# What a program calls its own, the library may have as well, as something else.
cat >own.c <<'END'
#include <stdio.h>
int init = 1;
char trace[3] = "t";
double page_alloc = 2.5;
struct pair { int a, b; } list_add(int a);
struct pair list_add(int a) { return (struct pair){a, a}; }
long panic(int a) { return a + 4; }
static int mine;
void *heap_alloc(void) { return &mine; }
char *current_task = "mine";
int general_prepare, composite_prepare, main_thread, assert_failed, fdt_check_header;
int main(void)
{
    void *block = heap_alloc();
    printf("%d %s %.1f %d %ld %d %s\n", init, trace, page_alloc, list_add(3).b, panic(1),
           block == (void *)&mine, current_task);
    return 0;
}
END
for flags in "" -flto; do
    run "${gcc[@]}" -w $flags own.c -o own.elf
    check "names of a program's own link${flags:+ with $flags}" ended 0
    run "$home/bin/dmakit-run" own.elf
    check "and both definitions live" said '^1 t 2\.5 3 5 1 mine'
done
cat >malloc.c <<'END'
#include <stdio.h>
#include <stdlib.h>
static char pool[4096];
static size_t used;
void *malloc(size_t size) { used += size; return &pool[used - size]; }
void free(void *block) { (void)block; }
int main(void)
{
    char *block = malloc(10);
    printf("%s\n", block >= pool && block < pool + sizeof(pool) ? "own" : "library's");
    return 0;
}
END
run "${gcc[@]}" -fno-builtin malloc.c -o malloc.elf
check "a program may bring its malloc" ended 0
run "$home/bin/dmakit-run" malloc.elf
check "which is the one that is called" said '^own'

# Hooks: what the libc asks of a system is the program's to answer.
cat >hooks.c <<'END'
#include <stdio.h>
#include <sys/time.h>
#include <time.h>
#include "kernel/console.h"
#include "kernel/exit.h"
int _write(int file, const void *bytes, size_t length);
int _write(int file, const void *bytes, size_t length)
{
    kprintf("<%d:%.*s>", file, (int)length, (const char *)bytes);
    return (int)length;
}
int _gettimeofday(struct timeval *now, void *zone);
int _gettimeofday(struct timeval *now, void *zone)
{
    (void)zone;
    now->tv_sec = 86400;
    now->tv_usec = 0;
    return 0;
}
void _exit(int status)
{
    kprintf("leaving with %d\n", status);
    kernel_exit(status + 40);
}
int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    printf("day %d", (int)(time(NULL) / 86400));
    return 2;
}
END
run "${gcc[@]}" hooks.c -o hooks.elf
check "a program answers the libc itself" ended 0
run "$home/bin/dmakit-run" hooks.elf
check "and is asked" eval 'ended 42 && said "^<1:day 1>leaving with 2"'

# Nobody behind HLT: the end is PSCI's, and the status is said.
run "${gcc[@]}" main.c -o main.elf
"$home/bin/dmakit-run" --dry-run main.elf | sed -E 's/-semihosting-config [^ ]+//' >line.sh
run timeout 60 bash line.sh
check "without semihosting an image ends by PSCI" eval 'ended 0 && said "^hello from dmakit" && said "^exit status 0"'

# Options ---------------------------------------------------------------------

for options in -O0 -Os -O3 "-O3 -flto" "-fPIE -fstack-protector-strong" "-D_FORTIFY_SOURCE=2 -ffast-math" \
    "-march=armv8-a+crc -moutline-atomics" "-std=c11 -pedantic -g3 -fno-omit-frame-pointer"; do
    # shellcheck disable=SC2086 # words
    run "${gcc[@]}" $options main.c -o options.elf
    check "it links with $options" ended 0
    run "$home/bin/dmakit-run" options.elf
    check "and runs" eval 'ended 0 && said "half of 3 is 1\.5"'
done
printf 'int other(void);\nint other(void) { return 3; }\n' >other.c
run "${gcc[@]}" -r main.c other.c -o both.o
check "-r makes an object" ended 0
run "${gcc[@]}" both.o -o both.elf
check "that links" ended 0
while read -r option words; do
    run "${gcc[@]}" "$option" main.c -o refused.elf
    check "$option is refused by name" eval '[ "$status" != 0 ] && said "dmakit: .*$words"'
done <<'END'
-static-pie fixed address
-pie fixed address
-shared no shared library
-nostdlib --libc=none
-nodefaultlibs --libc=none
-nolibc --libc=none
-fexceptions no C\+\+ library
END

# C++ -------------------------------------------------------------------------

cat >plus.cpp <<'END'
#include "kernel/console.h"
struct alignas(64) Line { char bytes[64]; };
struct Base {
    virtual ~Base() {}
    virtual int value() = 0;
};
struct Leaf : Base {
    explicit Leaf(int value) : held(value) {}
    ~Leaf() override { kprintf("gone %d\n", held); }
    int value() override { return held; }
    int held;
};
static Leaf global(7);
static Leaf &local()
{
    static Leaf leaf(9);
    return leaf;
}
int main()
{
    Base *const leaf = new Leaf(3);
    int *const zeros = new int[4]();
    Line *const line = new Line;
    const bool aligned = (reinterpret_cast<unsigned long>(line) & 63) == 0;
    kprintf("%d %d %d %d\n", leaf->value(), local().value(), zeros[2], aligned);
    delete leaf;
    delete[] zeros;
    delete line;
    return 0;
}
END
gxx=("${cross}g++" "--specs=$lib/dmakit.specs" -Wall -Wextra -Werror)
for options in -O0 "-O2 -flto -fthreadsafe-statics -std=c++20" --libc=none; do
    # shellcheck disable=SC2086 # words
    run "${gxx[@]}" $options plus.cpp -o plus.elf
    check "C++ without a library of its own links with $options" ended 0
    run "$home/bin/dmakit-run" plus.elf
    check "objects are made" eval 'ended 0 && said "^3 9 0 1" && said "^gone 3"'
    [ "$options" = --libc=none ] || check "and destroyed" eval 'said "^gone 9" && said "^gone 7"'
done

# clang -----------------------------------------------------------------------

export PKG_CONFIG_PATH=$lib/pkgconfig
read -ra compile < <(pkg-config --cflags dmakit-clang)
read -ra link < <(pkg-config --libs dmakit-clang)
for options in -O0 -O2 -Os; do
    run clang $options -Wall -Wextra -Werror "${compile[@]}" main.c "${link[@]}" -o clang.elf
    check "clang and lld link with $options" ended 0
    run "$home/bin/dmakit-run" clang.elf
    check "and it runs" eval 'ended 0 && said "half of 3 is 1\.5"'
done
run clang++ -fno-exceptions -fno-rtti "${compile[@]}" plus.cpp "${link[@]}" -o clang.elf
check "clang++ links" ended 0
run "$home/bin/dmakit-run" clang.elf
check "objects of clang++ are made and destroyed" eval 'ended 0 && said "^3 9 0 1" && said "^gone 7"'
run cmake -S "$home/share/dmakit/examples/cmake" -B cmake -DDMAKIT_LLVM=ON \
    "-DCMAKE_TOOLCHAIN_FILE=$lib/cmake/dmakit/dmakit-toolchain.cmake"
check "CMake takes clang" ended 0
run cmake --build cmake
check "and builds with it" ended 0
run "$home/bin/dmakit-run" cmake/example.elf
check "what runs" eval 'ended 0 && said "half of 3 is 1\.5"'
cd "$clone" || exit
