#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The names of what `make install` installs: a library exports what its headers declare,
# and these compile in C and C++, alone and together, whatever warnings and macros the
# program around them has. C++ calls every function with a subclass.
# NEEDS: build llvm embed
# NEEDS: gcc-release/embed/headers gcc-release/embed/libdmakit.a gcc-release/embed/libdmakit-cxx.a
# NEEDS: gcc-release/embed/libdmakit-nolibc.a gcc-release/embed/libdmakit-harness.a
# NEEDS: gcc-release/embed/libdmakit-descriptors.a gcc-release/embed/libdmakit-port.a
# NEEDS: gcc-release/embed/host/libdmakit-descriptors.a gcc-release/embed/host/libdmakit-port.a
. tests/outside/embed.bash

# Names ----------------------------------------------------------------------

headers=$work/headers
(cd "$home/include/dmakit" && find kernel descriptors drivers boot tests -name '*.h' ! -name '*_private.h' | sort) >"$headers"
# A copy: the compiler does not warn of a folder that is a system's.
cp -R "$home/include/dmakit" "$work/include"
include=(-I"$work/include")

# names LIBRARY: "TYPE NAME" of what it exports.
names()
{
    "${cross}nm" -g --defined-only "$1" | awk 'NF == 3 { print $2, $3 }' | sort -u
}

names "$lib/libdmakit.a" >"$work/runtime"
names "$lib/libdmakit-descriptors.a" >"$work/classes"
names "$lib/dmakit-host/libdmakit-descriptors.a" >"$work/host"
grep -v '^[WV] ' "$work/runtime" "$work/classes" "$work/host" >"$out"
check "every exported name gives way to a program's" test ! -s "$out"
diff "$work/classes" "$work/host" >"$out"
check "the classes for this machine export the same" test ! -s "$out"

# What a class inherits is Class.method to the linker (descriptors/OSObject_class.h).
(cd "$home/include/dmakit" && xargs cat <"$headers") | tr '\n' ' ' | grep -oE 'OS_METHOD\([A-Za-z]+, *[A-Za-z]+\)' |
    sed -E 's/OS_METHOD\(([A-Za-z]+), */\1./; s/\)$//' | grep -v '^Class\.' | sort >"$work/inherited"
# A name that is not declared does not compile. Those of libc_*.c are newlib's to declare.
libc='^(_.*|fopen|malloc|free|calloc|realloc|memalign|aligned_alloc|posix_memalign|malloc_usable_size|system)$'
declared()
{
    {
        sed 's/.*/#include "&"/' "$headers"
        cut -d' ' -f2 "$1" | grep -vF . | grep -vE "$libc" | sed 's/.*/const void *const use_& = \&&;/'
    } >"$work/names.c"
    run "${gcc[@]}" "${include[@]}" -Wno-pedantic -Wno-discarded-qualifiers -fsyntax-only "$work/names.c"
    [ "$status" = 0 ] && [ "$(wc -l <"$work/names.c")" -gt 300 ] &&
        [ -z "$(cut -d' ' -f2 "$1" | grep -F . | sort | comm -23 - "$work/inherited")" ]
}
# The descriptor classes' records go by another name in C than to the linker.
check "the runtime exports what its headers declare" declared "$work/runtime"
check "the classes export what their headers declare" declared "$work/classes"
cut -d' ' -f2 "$work/classes" | grep -vE '^g?(IO|OS)' >"$out"
check "the classes export IOKit's names alone" test ! -s "$out"
uniq -d "$work/inherited" >"$out"
check "no two inherited methods have one name" eval '[ ! -s "$out" ] && [ "$(wc -l <"$work/inherited")" -gt 50 ]'
awk -F'\t' '($2 == "function" || $2 == "object") && $5 == "" { print $1 }' tests/outside/api-symbols.tsv | sort |
    comm -23 - <(cut -d' ' -f2 "$work/classes" | sort) >"$out"
check "every documented one is among them" test ! -s "$out"
xargs embed/exports.sh "${cross}gcc" "--specs=$lib/dmakit.specs" -I"$home/include/dmakit" -- \
    < <(sed "s,^,$home/include/dmakit/," "$headers" | grep -v '/descriptors/platform\|/descriptors/.*/\|/tests/') >"$work/declared"
cut -d' ' -f2 "$work/runtime" | sort | comm -13 - "$work/declared" >"$out"
check "what the headers declare is exported" eval '[ ! -s "$out" ] && [ -s "$work/declared" ]'

# Headers --------------------------------------------------------------------

cd "$work/own" || exit
# What others call their macros.
cat >others.h <<'END'
#define IN 1
#define OUT 2
#define BIT(n) (1u << (n))
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define ASSERT(x) ((void)(x))
#define CHECK(x) ((void)(x))
#define page_size 4096
#define PAGE_SHIFT 12
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define ALIGN(x, to) (((x) + (to) - 1) & ~((to) - 1))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) ((type *)(p))
#define likely(x) __builtin_expect(!!(x), 1)
#define barrier() __asm__ volatile("" ::: "memory")
#define READ 0
#define WRITE 1
#define TRUE 1
#define FALSE 0
#define PACKED __attribute__((packed))
#define WEAK __attribute__((weak))
#define UNUSED(x) ((void)(x))
#define STRINGIFY(x) #x
#define readl(address) (*(volatile unsigned *)(address))
END
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
            cat others.h
            $order "$headers" | sed 's/.*/#include "&"/'
            echo 'extern int unused;'
        } >all.c
        "$@" -fsyntax-only all.c >>"$out" 2>&1 || failed=1
    done
    status=$failed
    check "the headers compile: $what" test $failed = 0
}

strict=(-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Werror "${include[@]}")
compiles "C11, pedantic" "${cross}gcc" "--specs=$lib/dmakit.specs" -std=c11 "${strict[@]}"
compiles "gnu17 with an eye on C++" "${cross}gcc" "--specs=$lib/dmakit.specs" -std=gnu17 -Wc++-compat "${strict[@]}"
printf '#define PAGE_SHIFT 16\n#include "kernel/types.h"\n' >pages.c
run "${cross}gcc" "--specs=$lib/dmakit.specs" "${include[@]}" -fsyntax-only pages.c
check "pages of another size are refused" eval '[ "$status" != 0 ] && said "pages have 4096 bytes"'
compiles "C++17, pedantic" "${cross}g++" "--specs=$lib/dmakit.specs" -x c++ -std=c++17 -Wold-style-cast "${strict[@]}"
compiles "C++20 by clang" clang++ --target=aarch64-none-elf -x c++ -std=c++20 -Wold-style-cast "${strict[@]}" -Wno-c99-extensions \
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
