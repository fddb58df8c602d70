#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What T= stands for: each form of it is understood, what is not known is refused
# before anything is built, and only what is going to run is built.
# NEEDS: host/kernel/page_test
. tests/outside/tap.bash

unset MAKEFLAGS MAKELEVEL MFLAGS T JUNIT

# A make that only takes notes: it is asked to build, and says no; with GO_ON, not before it
# comes to clang.
cat >"$work/make" <<'END_OF_MAKE'
#!/bin/bash
for word; do
    [[ $word == -* || $word == O=* ]] || echo "${word#"$O/"}"
done >>"$0.asked"
[ -z "${GO_ON-}" ] || [[ " $* " != *" LLVM= "* ]] || exit 0
exit 9
END_OF_MAKE
chmod +x "$work/make"

# chosen SELECTION: the names that it stands for go to $out.
chosen()
{
    run make -s --no-print-directory list O="$work/o" T="$1"
}

# lists LINE...: these lines and no others.
lists()
{
    diff <(printf '%s\n' "$@") "$out" >/dev/null
}

# is NAME...: these names and no others.
is()
{
    ended 0 && lists "$@"
}

# asked SELECTION: what make would be asked to build goes to $out.
asked()
{
    rm -f "$work/make.asked"
    O=$work/o MAKE=$work/make run tests/runner/test.sh "$work/o" "$1"
    { sort "$work/make.asked" || true; } >"$out" 2>/dev/null
}

chosen page@gicv3
check "an image on a machine" is page@gicv3
chosen page@default:clang-debug
check "a variant of it" is page@default:clang-debug
chosen virtio_dma
check "an image: each machine once" eval \
    'ended 0 && ! said "[^@]*:" &&
     [ "$(sort -u "$out" | wc -l)" = "$(grep -LE "^images=" qemu/profiles/* | cat - \
         <(grep -lE "^images=.*[\" ]virtio_dma[\" ]" qemu/profiles/*) | sort -u | wc -l)" ]'
chosen page
check "without virtio devices not where they are on another bus" eval \
    'said "^page@gicv3$" && ! said "^page@(pci|packed)"'
chosen cursor
check "an image that names its machines: on those" eval \
    'said "^cursor@max$" && ! said "^cursor@a76$"'
chosen cursor@a76
check "and on another that is asked for" is cursor@a76
chosen @a76
check "not as one of a machine" eval 'said "^page@a76$" && ! said "^cursor@"'
check "every machine that an image names is there" eval \
    '! grep -hE "^// MACHINES: " tests/target/*.c | cut -d" " -f3- | tr " " "\n" | sort -u |
         comm -23 - <(ls qemu/profiles) | grep .'
chosen @el2v3:gcc-debug-monitored
check "an image that names its builds: in those" eval \
    'said "^page@" && said "^driver_devices@" && ! said "^(engines_mixed|vdma_dma)@"'
chosen engines_mixed@el2:gcc-debug-watched
check "and in another that is asked for" is engines_mixed@el2:gcc-debug-watched
run tests/runner/test.sh -l "$work/o"
check "every build that an image names is there" eval \
    '! grep -hE "^// BUILDS: " tests/target/*.c | cut -d" " -f3- | tr " " "\n" | sort -u |
         comm -23 - <(sed -n "s/^[^@]*@\(.*:\)/\1/p" "$out" | sort -u) | grep .'
chosen tests/target/page.c
check "an image by its source" said '^page@el3$'
chosen @el2
check "a machine: each image once that does not leave it out" eval \
    'ended 0 && ! said "@[^e]" &&
     [ "$(grep -c "@el2$" "$out")" = "$(grep -LE "^// MACHINES: " tests/target/*.c | cat - \
         <(grep -lE "^// MACHINES:.* el2( |$)" tests/target/*.c) | sort -u | wc -l)" ]'
chosen @pcismmu
check "a machine that names its images: those" eval \
    'said "^virtio_rng@pcismmu$" && ! said "^(page|virtio_core)@"'
chosen host
check "host: each program once" eval \
    'ended 0 && [ "$(sort -u "$out" | wc -l)" = "$(ls tests/host/*/*_test.c | wc -l)" ] && ! said "@"'
chosen host:page
check "a host program" is host:page
chosen tests/host/kernel/page_test.c/pin
check "a host program by its source, some tests of it" is host:page/pin
chosen page@max/free
check "some tests of an image" is page@max/free
chosen format
check "a script by its name" is tests/outside/format.sh
chosen tests/outside/format.sh
check "a script as prove prints it" is tests/outside/format.sh
chosen "format  page@max
host:page"
check "several at once" is tests/outside/format.sh page@max host:page
chosen ''
check "nothing: everything" eval '! said "^cursor@a76$" && said "^page@max$" && said "^host:page$" && said "^tests/outside/format.sh$"'

for unknown in nonsense page@nonsense @nonsense host:nonsense page/nonsense page@max/nonsense \
    host:page/not_there format/nonsense 'pa.e' 'page@default:' '*' 'page/' '$(touch x)' "';'" '-l'; do
    run make -s --no-print-directory test O="$work/o" T="$unknown"
    check "T=$unknown ends with 2" ended 2
    check "T=$unknown is named" grep -qF "'${unknown%% *}" "$out"
    asked "page@max $unknown"
    check "T=$unknown: nothing is built, though the word before it is known" [ ! -s "$out" -a ! -e x ]
done
check "nothing was built in any of these" [ ! -e "$work/o" ]

asked page@gicv3
check "one image: one build of it" lists DEBUG=1 LLVM= gcc-debug/tests/target/page.{elf,img}
asked page@smmu:clang-release/free
check "an image by clang" lists DEBUG= LLVM=1 clang-release/tests/target/page.{elf,img}
asked 'tests/outside/format.sh host:page'
check "a host program, and a script that needs nothing" lists DEBUG=1 LLVM= host/kernel/page_test
asked panics
check "a script that boots an image" lists DEBUG=1 LLVM= gcc-debug/tests/images/panics.elf
GO_ON=1 asked ''
check "everything, and what several scripts install" eval \
    'said "^all$" && said "^host$" && said "^gcc-release/embed/libdmakit.a$"'

run env BUILD="$BUILD" LOGS="$work" tests/runner/test-one.sh host:page/the_cache
check "a host program runs only the tests selected" eval 'ended 0 && said "^ok 1 - test_the_cache" && ! said "^ok 2 "'
