#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The harness itself: whatever goes wrong in an image, or in starting it, is red,
# with the status that is documented, and what is right is green.
# NEEDS: run gcc-debug/tests/images/misbehaving.elf gcc-release/tests/images/misbehaving.elf
. tests/outside/tap.bash

image=$BUILD/gcc-debug/tests/images/misbehaving.elf

# image NAME: boot it with only the tests of this name.
image()
{
    run qemu/run.sh -t 20 -a "test=$1" "$image"
}

# as_prove NAME: the same as `make test` runs it; TIMEOUT and QEMU may be set before.
as_prove()
{
    run env BUILD="$work" TIMEOUT="${TIMEOUT:-20}" \
        prove --exec tests/runner/test-one.sh "tests/images/misbehaving@default/$1"
}
mkdir -p "$work/logs"
ln -s "$(realpath "$BUILD")/gcc-debug" "$work/gcc-debug"

green()
{
    [ "$status" = 0 ] && said '^Result: PASS'
}

red()
{
    [ "$status" != 0 ] && said '^Result: FAIL'
}

# failure NAME STATUS LINE...: the test of this name fails so and says these lines.
failure()
{
    local name=$1 wanted=$2 line
    shift 2
    image "$name"
    check "$name ends with $wanted" ended "$wanted"
    for line; do
        check "$name says: $line" said "$line"
    done
    as_prove "$name"
    check "$name is red" red
}

image good
check "good tests end with 0" ended 0
check "the plan is counted" said '^1\.\.5$'
check "a start is announced" said '^# start good_first$'
check "a test may print" said '^a test may print$'
check "tests run in the order of the file" said '^ok 1 good_first$'
check "what a test expects to be refused is not explained" eval 'said "^ok 2 good_refused$" && ! said "capacity is 0"'
check "a skip says why" said '^ok 3 good_skip # SKIP nothing to see$'
check "what is kept on purpose is no leak" said '^ok 4 good_keeps$'
as_prove good
check "good tests are green" green
image good_skip
check "all skipped ends with 77" ended 77
as_prove good_skip
check "all skipped is green" green
image good_sk
check "a part of a name selects" said '^ok 1 good_skip '
image nonsense
check "no test of a name ends with 2" ended 2
as_prove nonsense
check "no test of a name is red" red

file=tests/images/misbehaving.c
failure expect_eq_fails 1 "$file:[0-9]+: EXPECT_EQ\(two, -17\): 2 and -17$" '^# went on$' \
    '^not ok 1 expect_eq_fails$'
failure expect_relations_fail 1 'EXPECT_NE.*: 2 and 2$' 'EXPECT_LT.*: 0 and -1$' \
    'EXPECT_LE.*: 18446744073709551615 \(0xffffffffffffffff\) and -1$' 'EXPECT_GT.*: 2 and 2$' \
    'EXPECT_GE.*: 2 and 300 \(0x12c\)$'
failure expect_truth_fails 1 'EXPECT_TRUE\(two == 3\): false$' 'EXPECT_FALSE\(two == 2\): true$'
failure expect_status_fails 1 \
    'EXPECT_EQ\(kIOReturnNoMemory, kIOReturnSuccess\): kIOReturnNoMemory \(0xe00002bd\) and kIOReturnSuccess \(0x00000000\)$' \
    ': kIOReturnBadArgument \(0xe00002c2\) and kIOReturnBusy \(0xe00002d5\)$' 'EXPECT_EQ\(WRITTEN, 3\): 2 and 3$'
failure refused 1 'EXPECT_EQ.*: 0 and 4$' \
    '^# refused: IOMemoryDescriptor_readBytes: offset 50 \+ length 51 is beyond the descriptor.s 100 bytes$'
check "only once, and not what was expected before" eval '[ "$(grep -c "# refused: " "$out")" = 1 ]'
failure expect_string_fails 1 ': "tab\\x09" and NULL$'
failure expect_memory_fails 1 ': at offset 3 of 6: 64 65 66 and 78 79 7a$'
failure assert_leaves 1 'ASSERT_EQ\(two, 3\): 2 and 3$'
image assert_leaves
check "assert_leaves has left" eval '! said "went on"'

failure leak_page 1 'out of balance: [0-9]+ image pages before the test, [0-9]+ after it$'
failure leak_pin 1 'out of balance: [0-9]+ pins '
failure leak_heap_block 1 'out of balance: [0-9]+ heap blocks ' 'left over: heap block .*, 100 bytes$' \
    'made by \[<[0-9a-f]+>\] test_leak_heap_block at .*misbehaving\.c:[0-9]+$'
failure leak_object 1 'out of balance: 0 IOBufferMemoryDescriptor before the test, 1 after it$' \
    'left over: IOBufferMemoryDescriptor ' 'called by \[<[0-9a-f]+>\] make_buffer at .*misbehaving\.c:[0-9]+$'
failure leak_mapping 1 'out of balance: [0-9]+ mapped pages '
failure leak_thing 1 'out of balance: 0 things before the test, 1 after it$'
failure leaves_interrupts_masked 1 'interrupts were left masked$'

# Of a freed object: its class, who made it and who freed it; in every build.
for variant in gcc-debug gcc-release; do
    image=$BUILD/$variant/tests/images/misbehaving.elf
    for misuse in released_twice retained_after_free changed_after_free changed_after_free_among_many; do
        failure $misuse 1 '^# IOBufferMemoryDescriptor 0x[0-9a-f]+ was released, retained or written to after it was freed' \
            '^#   made by \[<.*>\] .* at ' 'called by \[<.*>\] (make|freed)_buffer at .*misbehaving\.c:[0-9]+$' \
            '^#   freed by \[<.*>\] .* at ' "^not ok 1 $misuse$"
    done
    failure called_after_free 3 '^panic: ' 'run_test at .*:[0-9]+$' \
        'the object freed last is IOBufferMemoryDescriptor '
done
image=$BUILD/gcc-debug/tests/images/misbehaving.elf

failure panics 3 '^panic: on purpose' '\[<[0-9a-f]{16}>\] test_panics at .*misbehaving\.c:[0-9]+$'
failure passes_but_panics_at_exit 3 '^ok 1 ' '^panic: after the last test'
failure faults 3 'data abort' 'test_faults at .*misbehaving\.c:[0-9]+$'
failure ends_early 0 '^1\.\.3$' '^ok 1 '

run qemu/run.sh -t 3 -a test=hangs "$image"
check "a hang ends with 124" ended 124
check "a hang says where" eval 'said "^hang: CPU 0 was here:" && said "\[<[0-9a-f]+>\] test_hangs at .*misbehaving\.c:[0-9]+" &&
    said "\[<[0-9a-f]+>\] main at "'
TIMEOUT=3 as_prove hangs
check "a hang is red" red
check "a hang says so" said 'no end after 3 seconds'

# A log that stops in the middle, though QEMU says that all is well.
cat >"$work/truncating-qemu" <<'END'
#!/bin/bash
"$TESTED_QEMU" "$@" | head -n 6
exit 0
END
chmod +x "$work/truncating-qemu"
QEMU=$work/truncating-qemu as_prove good
check "a truncated log is red" red

for qemu in /bin/false /bin/true "$work/there-is-none" "$work"; do
    QEMU=$qemu as_prove good
    check "QEMU=$(basename "$qemu") is red" red
done
for qemu in /bin/false "$work/there-is-none" "$work"; do
    QEMU=$qemu image good
    check "QEMU=$(basename "$qemu") ends with 2" ended 2
done
QEMU_EXTRA=-nonsense image good
check "an option that QEMU does not know ends with 2" ended 2
run qemu/run.sh -m nonsense "$image"
check "an unknown machine ends with 2" ended 2
check "an unknown machine lists the known" said "unknown machine 'nonsense'; there are: .*default .*el2 .*gicv3"
run qemu/run.sh "$work/none.elf"
check "an image that is not there ends with 2" ended 2
