#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What is reported of a run: by name after prove's own words, and as JUnit: a failure's
# text with its own test, a panic's or a hang's test by name, and those behind it.
# NEEDS: run gcc-debug/tests/images/misbehaving.elf gcc-debug/tests/target/page.elf
. tests/outside/tap.bash

mkdir -p "$work/o/host/x" "$work/logs"
ln -s "$(realpath "$BUILD")/gcc-debug" "$work/o/gcc-debug"

# suite TEST: the report of one test program, to $out.
suite()
{
    env BUILD="$work/o" LOGS="$work/logs" TIMEOUT="${TIMEOUT:-20}" \
        tests/runner/test-one.sh "tests/images/misbehaving@default/$1" >"$work/tap" 2>&1 </dev/null
    status=$?
    cp "$work/logs/tests-images-misbehaving@default-$1.log.xml" "$out"
}

# Every element is closed, in order.
well_formed()
{
    perl -0777 -ne '
        s/<\?.*?\?>//s;
        while (m{<(/?)([a-z]+)((?:\s[a-z]+="[^"<]*")*)\s*(/?)>|([<&](?!\#\d+;))}g) {
            exit 1 if defined $5;
            next if $4;
            if ($1) { exit 1 if !@open || pop @open ne $2 } else { push @open, $2 }
        }
        exit(@open ? 1 : 0)' "$1"
}

# one PATTERN: a single line of $out matches.
one()
{
    [ "$(grep -cE -- "$1" "$out")" = 1 ]
}

case='testcase classname="tests/images/misbehaving@default/[a-z_]+"'
suite good
check "good tests: all there" one '<testsuite name="[^"]*" tests="5" failures="0" errors="0" skipped="1" time="[0-9.]+">'
check "names without numbers, and the time" one "<$case name=\"good_first\" time=\"[0-9]+\.[0-9]+\"></testcase>"
check "a skip is one, and says why" one 'name="good_skip" .*<skipped message="nothing to see"/>'
check "it is XML" well_formed "$out"
suite expect_
check "a failure says why" one 'name="expect_eq_fails" .*<failure message="tests/images/misbehaving.c:[0-9]+: EXPECT_EQ\(two, -17\): 2 and -17">'
check "a failure's text is with its own test" eval \
    'perl -0777 -ne "exit !/name=.expect_truth_fails.[^\0]*?EXPECT_TRUE[^\0]*?EXPECT_FALSE[^\0]*?<\/testcase>[^\0]*?name=.expect_string_fails/" "$out"'
check "quotes and control characters are XML" well_formed "$out"
suite panics
check "a panic is its test's failure" one '<failure message="panic: on purpose">'
check "it is listed by name" grep -qx 'tests/images/misbehaving@default/panics: panics: panic: on purpose' "$work/logs/"*panics.log.failed
TIMEOUT=3 suite hangs
check "a hang is its test's failure" one 'name="hangs" .*<failure message="no end after '
check "a hang says where" one '&#60;[0-9a-f]+&#62;\] test_hangs at tests/images/misbehaving\.c:[0-9]+'
suite ends_early
check "the tests behind the last have entries by name" eval \
    'one "name=\"ends_early_b\" .*<failure" && one "name=\"ends_early_c\" .*<skipped message=\"not run: ends_early_b: "'

# A program of the host that crashes says nothing of itself. Its plan is that of the source.
cat >"$work/o/host/x/page_test" <<END_OF_PROGRAM
#!/bin/bash
printf '1..$(grep -c '^ *cmocka_unit_test' tests/host/kernel/page_test.c)\nok 1 - test_refuses_bad_requests\n'
echo 'ERROR: AddressSanitizer' >&2
kill -SEGV \$\$
END_OF_PROGRAM
chmod +x "$work/o/host/x/page_test"
run env BUILD="$work/o" LOGS="$work/logs" tests/runner/test-one.sh host:page
cp "$work/logs/host-page.log.xml" "$out"
check "a crashing host test is named by its source" one 'name="test_refuses_bad_frees" .*<failure message="ended by signal 11">'
check "with what it said" one 'ERROR: AddressSanitizer'

run env MAKE=true tests/runner/test.sh -r "$work/report.xml" "$work/o" 'page@default/free host:page'
check "a run with failures is red" ended 1
check "its last words name the test" said '^failed: host:page: test_refuses_bad_frees: ended by signal 11$'
check "the report has every program" eval '[ "$(grep -c "<testsuite " "$work/report.xml")" = 2 ]'
check "the report is XML" well_formed "$work/report.xml"
run env MAKE=false tests/runner/test.sh -r "$work/none/report.xml" "$work/o" page@default
check "a report that cannot be written ends with 2, before anything is built" ended 2
check "and says so" said "JUNIT=$work/none/report.xml: the report cannot be written"
run env MAKE=true tests/runner/test.sh -r /dev/full "$work/o" page@default/free
check "a report that could not be written whole ends with 2" ended 2
