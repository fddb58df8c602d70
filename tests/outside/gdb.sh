#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# gdb's commands (qemu/gdb/dmakit.py): what they say of an image is what it says of itself, on a
# machine that runs and on the memory that it leaves, in debug and in release builds.
# NEEDS: run debug gcc-debug/tests/images/inspected.elf gcc-release/tests/images/inspected.elf
# NEEDS: gcc-debug/tests/images/inspected.img clang-debug/tests/images/inspected.elf
# NEEDS: gcc-debug/tests/images/exit.elf gcc-debug/tests/target/nvme.elf
. tests/outside/tap.bash

unset MAKEFLAGS MAKELEVEL MFLAGS T IMAGE MACHINE CORE LLVM DEBUG V GDB_OPTIONS

# What gdb says goes into a file of its own: in what is printed the image's lines, which come by
# another process, may stand in the middle of it. What is refused does not end a list of commands.
cat >"$work/log" <<END
set logging file $work/gdb
set logging overwrite on
set logging redirect on
set logging enabled on
END
cat >"$work/commands" <<'END'
python
for line in """md inspected_memory
md inspected_whole
md inspected_map
dma inspected_command
dma inspected_mapped
ring
ring inspected_queue
mappings inspected_device
mappings &inspected_mapper->super
vm inspected_task
vm
pages
trace
md 0
md inspected_queue
md 0x10
md
md nonsense
dma inspected_memory
ring 8
mappings inspected_memory
dmakit""".split("\n"):
    print("> " + line)
    try:
        gdb.execute(line)
    except gdb.error as error:
        print("error: %s" % error)
print("> end")
end
set logging enabled off
END

# answers: what the commands said.
answers()
{
    sed -n '/^> md inspected_memory/,/^> end/p' "$work/gdb"
    rm "$work/gdb"
}

# after COMMAND PATTERN...: each is a line of its answer.
after()
{
    local command=$1 pattern
    shift
    awk -v command="> $command" '/^> / { on = $0 == command } on' "$work/answers" >"$work/answer"
    for pattern; do
        grep -qE "$pattern" "$work/answer" || { echo "# no line $pattern" && cat "$work/answer" && return 1; }
    done
}

# value NAME: what the image printed behind it.
value()
{
    sed -n "s/^$1: //p" "$work/said" | tr -d '\r' | head -n 1
}

# judge WHAT: is it all there in $work/answers, as $work/said has it?
judge()
{
    local what=$1 first other total reserved allocated
    first=$(sed -nE 's/^memory: .* at (0x[0-9a-f]+), .*/\1/p' "$work/said")
    other=$(sed -nE 's/^memory: .*\+4096\) at (0x[0-9a-f]+).*/\1/p' "$work/said")
    read -r total reserved allocated < <(value pages | tr -dc '0-9 \n')
    first=$(printf '%#014x' "$first")
    other=$(printf '%#014x' "$other")
    check "$what: md shows class, ranges, state, pages and maps" after 'md inspected_memory' \
        '^IOGeneralMemoryDescriptor .*IOMemoryDescriptor < OSObject' '4196 bytes, direction Out' 'prepared 1 time' \
        "^ +0  $first +100$" "^ +100  $other +4096$" "mapped at $(value map) of the kernel"
    check "$what: md goes into the parts" after 'md inspected_whole' '^IOMultiMemoryDescriptor' \
        '12388 bytes' '\[0, 4196\): from byte 0' "^ +100  $other +4096$" '\[4196, 12388\)' 'IOBufferMemoryDescriptor .*' 'capacity 8192'
    check "$what: md takes a map" after 'md inspected_map' "bytes \[100, \+4096\) mapped at $(value map)"
    check "$what: dma shows limits, segments and what is bounced" after 'dma inspected_command' \
        'segments by IODMACommand_OutputHost64, 40 address bits' 'segment up to 2048 bytes' 'first 64, others 64' \
        "^ +56  $(printf '%#014x' $((first + 56))) +44$" "^ +100  $other +4096$" 'bounced: 56 bytes in 1 piece' \
        '\[0, 56\) at 0x' 'owner: Prepared'
    check "$what: dma shows I/O addresses" after 'dma inspected_mapped' 'mapper: TestMapper' \
        "^ +0  0x0000010000$(printf %02x $((first & 255))) +100$" 'mapped at I/O address 0x10000'
    for command in ring 'ring inspected_queue'; do
        check "$what: $command shows indices and chains" after "$command" 'queue 3: 8 entries' 'in flight: 1 chain' \
            "token $(value token), 513 writable" '\[  0\] 0x000048000000 +16  NEXT 1' \
            '\[  1\] 0x000048001000 +512  NEXT WRITE 2' '\[  2\] 0x000048002000 +1  WRITE'
    done
    for command in 'mappings inspected_device' 'mappings &inspected_mapper->super'; do
        check "$what: $command" after "$command" '^TestMapper' "0x0001000000 -> $(printf '%#014x' $((first & ~4095))) +4096  r$" \
            "0x0001001000 -> $other +4096  r$" '2 pages translated'
    done
    check "$what: vm shows a task's ranges" after 'vm inspected_task' '2 ranges' \
        '0x0+10000-0x0+14000 rw- object .*, 1 of 4 pages resident' '0x0+14000-0x0+15000 --- reserved'
    check "$what: and the kernel's" after vm "$(printf '0x%016x' "$(value map)")-.* r-- physical $(printf '%#x' "$other")"
    check "$what: pages are counted by owner" after pages \
        "^$total pages: $reserved reserved, $allocated allocated, $((total - reserved - allocated)) free" \
        "^ +$(value 'image pages')  image$"
    check "$what: trace shows the ring" after trace "^trace: $(value events) events, 0 of them lost" \
        '^  1 wire start=0x' "^  $(value events) enter start=0x14000 size=0x1000 access=0x0"
    check "$what: what is none is refused" eval 'after "md 0" "^error: 0 is NULL" &&
        after "md inspected_queue" "^error: 0x[0-9a-f]+: no object is there" && after "md 0x10" "^error: .*no object is there" &&
        after md "^error: which descriptor" && after "md nonsense" "^error: No symbol .nonsense" &&
        after "dma inspected_memory" "^error: .*is a IOGeneralMemoryDescriptor, no IODMACommand" &&
        after "ring 8" "^error: that leads to no memory" &&
        after "mappings inspected_memory" "^error: .*neither a device nor a mapper"'
    check "$what: dmakit lists them all" after dmakit '^md ' '^dma ' '^ring ' '^mappings ' '^vm ' '^pages' '^trace' '^crash'
}

printf 'hbreak panic\ncontinue\n' >"$work/to-panic"
for variant in gcc-debug gcc-release clang-debug; do
    image=$BUILD/$variant/tests/images/inspected.elf
    run timeout --foreground -k 5 60 qemu/debug.sh "$image" -batch -x "$work/log" -x "$work/to-panic" -x "$work/commands"
    cp "$out" "$work/said"
    answers >"$work/answers"
    judge "$variant, alive"
    cp "$work/answers" "$work/alive"

    run qemu/run.sh -t 20 -c "$work/a core" "$image"
    cp "$out" "$work/said"
    check "$variant: a panic leaves its memory" eval 'ended 3 && [ -s "$work/a core" ] && said "debug.sh -c"'
    check "$variant: and nothing else" [ ! -e "$work/a core.ram" ]
    run timeout --foreground -k 5 60 qemu/debug.sh -c "$work/a core" "$image" -batch -x "$work/log" -x "$work/commands" -ex crash
    cp "$out" "$work/crash"
    answers >"$work/answers"
    check "$variant: where it was is still there" said '^  \[<[0-9a-f]{16}>\] end_here.* at (\./)?tests/images/inspected\.c:[0-9]+$'
    judge "$variant, left"
    run diff "$work/alive" "$work/answers"
    check "$variant: both say the same" ended 0
done

# A stream behind an SMMU, whose tables are hardware's: what a command is told of is in them, and
# leads to where its memory is.
cat >"$work/at-start" <<'END'
hbreak nvme_start
continue
mappings queue->controller->mapper
dma transfer->command
END
run timeout --foreground -k 5 120 qemu/debug.sh -m smmu -d tests/target/nvme.c \
    "$BUILD/gcc-debug/tests/target/nvme.elf" -batch -x "$work/at-start"
told=$(sed -nE 's/^ +0  0x(0+)([0-9a-f]+) +4096$/\2/p' "$out" | head -n 1)
lies=$(awk '/ all of it is a copy/ { on = 1 } on' "$out" | sed -nE 's/^ +0  0x([0-9a-f]{12}) +4096$/\1/p' | head -n 1)
check "mappings shows what an SMMU translates" eval 'said "^SMMUv3Stream .*IOMapper" &&
    said "^ +0x0008090000 -> 0x000008090000 +4096  rw$" && said "^ +[0-9]+ pages translated$"'
check "and where a command's memory is" eval '[ -n "$told" ] && said "^ +0x0*$told -> 0x$lies +4096  rw$"'

# When memory is left, and when not.
run qemu/run.sh -t 20 -c "$work/none" -a exit=0 "$BUILD/gcc-debug/tests/images/exit.elf"
check "a success leaves none" eval 'ended 0 && ! compgen -G "$work/none*"'
run qemu/run.sh -t 20 --core="$work/failed" "$BUILD/gcc-debug/tests/images/exit.elf"
check "a failure does" eval 'ended 42 && [ -s "$work/failed" ]'
run qemu/run.sh -t 20 -c "$work/nowhere/core" "$BUILD/gcc-debug/tests/images/exit.elf"
check "a place that cannot be written is refused" eval 'ended 2 && said "nowhere/core: cannot be written"'
run qemu/run.sh -t 30 -m ram64g -c "$work/large" "$BUILD/gcc-debug/tests/images/inspected.elf"
check "64 GiB are mostly holes" eval 'ended 3 && [ "$(du -m "$work/large" | cut -f 1)" -lt 200 ]'
run timeout --foreground -k 5 60 qemu/debug.sh -c "$work/large" "$BUILD/gcc-debug/tests/images/inspected.elf" -batch -ex 'ring'
check "and can be looked at" said 'queue 3: 8 entries'
run qemu/debug.sh -c "$work/nowhere" "$BUILD/gcc-debug/tests/images/inspected.elf"
check "a core that is not there is refused" eval 'ended 2 && said "cannot read .*nowhere"'
run make -s --no-print-directory O="$BUILD" DEBUG=1 run IMAGE=inspected CORE="$work/made"
check "make run leaves it too" eval '! ended 0 && [ -s "$work/made" ]'
run make -s --no-print-directory O="$BUILD" DEBUG=1 debug IMAGE=inspected CORE="$work/made" GDB_OPTIONS='-batch -ex crash'
check "make debug looks at it" said '^  \[<[0-9a-f]{16}>\] end_here'
