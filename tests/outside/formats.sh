#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# kprintf and the compiler's format check mean the same formats: whatever the check
# lets pass either does not compile (floating point), or prints what the host's libc
# prints. All letters, lengths, flags and kinds of arguments are tried, and what the
# check says of each is asked of it, not listed here.
# NEEDS: host
. tests/outside/tap.bash

cc=${HOST_CC:-gcc}
flags=(-std=gnu11 -O0 -I tests/host/sim/shadow -I .)

# A candidate is a format, a tab, and its arguments with a comma before each.
letters()
{
    perl -e '
        my @values = ("", "(int)-42", "42u", "-42l", "42ul", "L\x27\\u20ac\x27", "\"text\"",
                      "L\"t\\u00e9xt\"", "(void *)0x1234", "1.5", "1.5L", "&n", "&ln", "&sn", "&cn", "0");
        for my $letter ("a" .. "z", "A" .. "Z", "%") {
            for my $length ("", qw(hh h l ll L q j z Z t)) {
                print "<%$length$letter>\t", ($_ eq "" ? "" : ", $_"), "\n" for @values;
            }
        }'
}

# with_fields FILE: the same with every flag, width and precision.
with_fields()
{
    perl -ne '
        BEGIN { @fields = ("", "#", "#12", "-#12", "012", "#012", "+", " ", "+-9", ".0", ".1", "9.3",
                           "-9.2", "\x27", "I", "#.7", "010.4", "+012") }
        for my $field (@fields) { my $line = $_; $line =~ s/^<%/<%$field/; print $line; }' "$1"
    cat <<'END'
<%*d>	, 7, 42
<%*d>	, -7, 42
<%.*d>	, 3, 7
<%.*d>	, -3, 7
<%*.*s>	, 6, 2, "text"
<%2$s %1$d>	, 7, "text"
<%1$d %1$x %1$d>	, 42
<%3$*1$.*2$s>	, 7, 3, "text"
<%2$*1$hhd>	, 5, 300
<%d %s %d %s %d %s %d %s %d %s>	, 1, "a", 2, "b", 3, "c", 4, "d", 5, "e"
<%#x %s>	, 10, "text"
<%hhd %hu>	, 300, 70000
<%-12m>	
<%.3m>	
END
}

# source FUNCTION FILE: one call a line, so that a diagnostic names its candidate.
source_of()
{
    perl -e '
        my ($function, $file) = @ARGV;
        open my $in, "<", $file or die;
        my @calls = map { chomp; my ($format, $rest) = split /\t/, $_, 2; qq($function(text, 1000, "$format"$rest);) } <$in>;
        print "#include \"tests/outside/formats.h\"\n";
        my $line = 2;
        for my $call (@calls) { print "void test_$line(void) { $call }\n"; $line++; }
        ' "$1" "$2"
}

# passing FUNCTION FILE: those of its lines of which the compiler says nothing.
passing()
{
    source_of "$1" "$2" >"$work/asked.c"
    "$cc" "${flags[@]}" -Wall -Wextra -fno-diagnostics-show-caret -fmax-errors=0 -fsyntax-only -x c "$work/asked.c" 2>"$work/said"
    sed -nE "s,^$work/asked.c:([0-9]+):.*,\1,p; s,^.*from $work/asked.c:([0-9]+).*,\1,p" "$work/said" | sort -nu >"$work/bad"
    awk 'NR == FNR { bad[$1] = 1; next } !((FNR + 1) in bad)' "$work/bad" "$2"
}

letters >"$work/letters"
passing checked_like_printf "$work/letters" >"$work/known"
with_fields "$work/known" >"$work/fielded"
passing checked_like_printf "$work/fielded" >"$work/passed"
passing ksnprintf "$work/passed" >"$work/printed"
grep -vxFf "$work/printed" "$work/passed" >"$work/refused"

cp "$work/refused" "$out"
check "the check lets hundreds pass" test "$(wc -l <"$work/printed")" -gt 500
check "only floating point does not compile" eval '! grep -v "1\.5" "$work/refused"'
check "floating point does not compile" eval '! grep "1\.5" "$work/printed" && grep -q "1\.5" "$work/refused"'

# Both functions on each, side by side.
{
    source_of compare "$work/printed"
    echo "int main(void) { begin();"
    awk '{ print "test_" NR + 1 "();" }' "$work/printed"
    echo "return failures != 0; }"
} >"$work/run.c"
run "$cc" "${flags[@]}" -w -o "$work/run" "$work/run.c" kernel/console/print*.c
check "the formatter builds on the host" ended 0
run "$work/run"
check "$(wc -l <"$work/printed") formats print what libc prints" ended 0
