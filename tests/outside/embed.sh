#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What `make install` puts elsewhere works there: the tree is moved after it was
# installed, nothing in it names the clone, and every example is built and run from it.
# NEEDS: build run llvm embed gcc-release/embed/headers gcc-release/embed/libdmakit.a
# NEEDS: gcc-release/embed/libdmakit-nolibc.a gcc-release/embed/libdmakit-harness.a
# NEEDS: gcc-release/embed/libdmakit-descriptors.a gcc-release/embed/libdmakit-port.a
# NEEDS: gcc-release/embed/host/libdmakit-descriptors.a gcc-release/embed/host/libdmakit-port.a
. tests/outside/tap.bash

unset MAKEFLAGS MFLAGS MAKELEVEL CDPATH
cross=
for prefix in ${CROSS_COMPILE:-aarch64-none-elf- aarch64-elf- aarch64-linux-gnu-}; do
    [ -n "$cross" ] || ! command -v "${prefix}gcc" >/dev/null || cross=$prefix
done
clone=$PWD
home=$work/moved/kit
lib=$home/lib
gcc=("${cross}gcc" "--specs=$lib/dmakit.specs" -O2 -Wall -Wextra -Werror)

run make -s O="$BUILD" install PREFIX=/opt/kit DESTDIR="$work/stage"
check "it installs into DESTDIR" ended 0
mkdir -p "$work/moved"
mv "$work/stage/opt/kit" "$home"
run find "$work/stage" -type f
check "nothing went beside PREFIX" test ! -s "$out"
run grep -rlF -e "$clone" -e "$work/stage" -e /opt/kit "$home"
check "nothing installed names the clone or the prefix" test ! -s "$out"
run find "$home" -xtype l
check "no link leads nowhere" test ! -s "$out"

version=$(embed/version.sh kernel/version.h)
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
example test '^ok 1 contiguous_buffer_is_one_segment'
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

# A build line of one's own ---------------------------------------------------

mkdir "$work/own"
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
run pkg-config --modversion dmakit
check "pkg-config knows the version" said "^${version//./\\.}\$"

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

# Names ----------------------------------------------------------------------

headers=$work/headers
(cd "$home/include/dmakit" && find kernel descriptors drivers boot tests -name '*.h' ! -name '*_private.h' | sort) >"$headers"
include=(-I"$home/include/dmakit")

# names LIBRARY: "TYPE NAME" of what it exports.
names()
{
    "${cross}nm" -g --defined-only "$1" | awk 'NF == 3 { print $2, $3 }' | sort -u
}

names "$lib/libdmakit.a" >"$work/runtime"
names "$lib/libdmakit-descriptors.a" >"$work/classes"
grep -v '^[WV] ' "$work/runtime" "$work/classes" >"$out"
check "every exported name gives way to a program's" test ! -s "$out"

# A name that is not declared does not compile. Those of libc_*.c are newlib's to declare.
libc='^(_.*|malloc|free|calloc|realloc|memalign|aligned_alloc|posix_memalign|malloc_usable_size|system)$'
declared()
{
    {
        sed 's/.*/#include "&"/' "$headers"
        cut -d' ' -f2 "$1" | grep -vE "$libc" | sed 's/.*/const void *const use_& = \&&;/'
    } >"$work/names.c"
    run "${gcc[@]}" "${include[@]}" -Wno-pedantic -Wno-discarded-qualifiers -fsyntax-only "$work/names.c"
    [ "$status" = 0 ] && [ "$(wc -l <"$work/names.c")" -gt 300 ]
}
# The descriptor classes' records go by another name in C than to the linker.
check "the runtime exports what its headers declare" declared "$work/runtime"
check "the classes export what their headers declare" declared "$work/classes"
cut -d' ' -f2 "$work/classes" | grep -vE '^g?(IO|OS)' | while read -r name; do
    grep -qw "$name" "$home"/include/dmakit/descriptors/*_class.h || echo "$name"
done >"$out"
# A record of a class written elsewhere names its base's methods (X_class.h).
check "the classes export IOKit's names, and what subclasses need" test ! -s "$out"
cd "$clone" || exit
xargs embed/exports.sh "${cross}gcc" "--specs=$lib/dmakit.specs" -I"$home/include/dmakit" -- \
    < <(sed "s,^,$home/include/dmakit/," "$headers" | grep -v '/descriptors/platform\|/tests/') >"$work/declared"
cut -d' ' -f2 "$work/runtime" | sort | comm -13 - "$work/declared" >"$out"
check "what the headers declare is exported" eval '[ ! -s "$out" ] && [ -s "$work/declared" ]'

# Headers --------------------------------------------------------------------

cd "$work/own" || exit
# compiles WHAT COMPILER...: each header alone, each twice, all in both orders.
compiles()
{
    local what=$1 header failed=0
    shift
    : >"$out"
    while read -r header; do
        printf '#include "%s"\n#include "%s"\nextern int unused;\n' "$header" "$header" >one.c
        "$@" -fsyntax-only one.c >>"$out" 2>&1 || failed=1
    done <"$headers"
    for order in cat tac; do
        {
            echo '#define IN 1'
            echo '#define OUT 2'
            echo '#define min(a, b) ((a) < (b) ? (a) : (b))'
            $order "$headers" | sed 's/.*/#include "&"/'
            echo 'extern int unused;'
        } >all.c
        "$@" -fsyntax-only all.c >>"$out" 2>&1 || failed=1
    done
    status=$failed
    check "the headers compile: $what" test $failed = 0
}

strict=(-Wall -Wextra -Wpedantic -Werror "${include[@]}")
compiles "C11, pedantic" "${cross}gcc" "--specs=$lib/dmakit.specs" -std=c11 "${strict[@]}"
compiles "gnu17 with an eye on C++" "${cross}gcc" "--specs=$lib/dmakit.specs" -std=gnu17 -Wc++-compat "${strict[@]}"
compiles "C++17, pedantic" "${cross}g++" "--specs=$lib/dmakit.specs" -x c++ -std=c++17 "${strict[@]}"
compiles "C++20 by clang" clang++ --target=aarch64-none-elf -x c++ -std=c++20 "${strict[@]}" -Wno-c99-extensions \
    -nostdinc -isystem "$("${cross}gcc" -print-file-name=include)" -isystem "$lib/dmakit.specs.d/newlib/include"

# Layouts are the library's, whatever a program calls its own debug build.
for debug in "" -DDEBUG; do
    printf '#include "descriptors/IOMapper_class.h"\n#include "kernel/lock.h"\nchar size[sizeof(struct mutex) + sizeof(struct IOMapper)];\n' >size.c
    "${cross}gcc" "--specs=$lib/dmakit.specs" $debug -c size.c -o size.o
    "${cross}nm" -S size.o | awk '$4 == "size" { print $2 }'
done | sort -u >"$out"
check "-DDEBUG changes no layout" test "$(wc -l <"$out")" = 1

# Every documented function, called from C++ with a pointer to a subclass.
calls()
{
    sed 's/.*/#include "&"/' "$headers" >protos.c
    "${cross}gcc" "--specs=$lib/dmakit.specs" "${include[@]}" -fsyntax-only -aux-info protos.txt protos.c
    sed 's/.*/#include "&"/' "$headers"
    cat <<'END'
template <class T> T any();
template <class T> struct argument { static T give(); };
#define SUBCLASS(Base, Leaf) \
    template <> struct argument<Base##Ref> { static Leaf *give(); }; \
    template <> struct argument<Base##ConstRef> { static const Leaf *give(); };
SUBCLASS(OSObject, IOBufferMemoryDescriptor)
SUBCLASS(IOMemoryDescriptor, IOBufferMemoryDescriptor)
SUBCLASS(IOMemoryCursor, IONaturalMemoryCursor)
SUBCLASS(IOMapper, IOMapper)
SUBCLASS(IOCommand, IODMACommand)
END
    awk -F'\t' 'NR == FNR { if ($2 == "function" && $5 == "") wanted[$1] = 1; next }
        match($0, /[A-Za-z_0-9]+ \(/) && / extern / {
            name = substr($0, RSTART, RLENGTH - 2)
            if (!(name in wanted) || done[name]++) next
            rest = substr($0, RSTART + RLENGTH)
            sub(/\);.*/, "", rest)
            depth = 0; one = ""; list = ""; dots = 0
            for (i = 1; i <= length(rest) + 1; i++) {
                c = substr(rest, i, 1)
                if (c == "(") depth++
                if (c == ")") depth--
                if ((c == "," && depth == 0) || c == "") {
                    gsub(/^ +| +$/, "", one)
                    if (one != "..." && one != "void") list = list (list == "" ? "" : ", ") "argument<" one ">::give()"
                    one = ""
                } else one = one c
            }
            printf "void call_%s() { %s(%s); }\n", name, name, list
        }' "$clone/tests/outside/api-symbols.tsv" protos.txt
}
calls >calls.cpp 2>"$out"
run "${cross}g++" "--specs=$lib/dmakit.specs" "${include[@]}" -std=c++17 -Wall -Wextra -Werror -O0 -c calls.cpp -o calls.o
check "C++ calls every function with a subclass" ended 0
wanted=$(awk -F'\t' '$2 == "function" && $5 == ""' "$clone/tests/outside/api-symbols.tsv" | wc -l)
run grep -c '^void call_' calls.cpp
check "all $wanted of them" said "^$wanted\$"
"${cross}nm" -u calls.o | awk '{ print $2 }' | grep -v '^_Z' | sort -u >called
cut -d' ' -f2 "$work/runtime" | sort | comm -13 - called >"$out"
check "by names that the library has" eval '[ ! -s "$out" ] && [ "$(wc -l <called)" -ge "$wanted" ]'
printf '#include "descriptors/IOMemoryCursor.h"\nvoid f(IONaturalMemoryCursor *c) { IOMemoryDescriptor_getLength(c); }\n' >wrong.cpp
run "${cross}g++" "--specs=$lib/dmakit.specs" "${include[@]}" -std=c++17 -fsyntax-only wrong.cpp
check "an unrelated class does not compile" eval '[ "$status" != 0 ] && said "wrong\.cpp:2"'

# dmakit-run -----------------------------------------------------------------

run "$home/bin/dmakit-run" --version
check "dmakit-run says its version" said "^dmakit ${version//./\\.}\$"
run "$home/bin/dmakit-run" --dry-run --machine=gicv3 -a 'a b' --rng short.elf -- -device edu
check "--dry-run prints QEMU's line" ended 0
check "with the machine, the device and the words of the arguments" \
    said '^qemu-system-aarch64 .*gic-version=3.* -append a\\ b .*virtio-rng-device .*-device edu .*-kernel short\.elf$'
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
    rm -rf "$work/else"
done
run make -s O="$BUILD" install PREFIX=relative DESTDIR="$work/else"
check "a relative PREFIX is refused" eval '[ "$status" != 0 ] && said "not absolute"'
