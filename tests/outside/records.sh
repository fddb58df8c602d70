#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What fills the slots of class records. A function that does nothing but answer
# "unsupported" may stand in a record only where tests/outside/refusals.tsv says so:
# CLASS, METHOD, and the rule that leaves the class no other answer. A line that is not
# needed any more is an error.
. tests/outside/tap.bash

# Functions whose whole body is to refuse, whatever they call their arguments.
refusing=$work/refusing
cat descriptors/*/*.c | awk '
    /^[A-Za-z].*\(/ && !/;$/ { head = $0; body = ""; open = 0 }
    head != "" && !open && /^\{/ { open = 1; next }
    open && /^\}/ {
        gsub(/\(void\)[a-zA-Z]+[,;]?[ \n]*/, "", body)
        if (body ~ /^[ \n]*(IOMemory_fail\(kIOReturnUnsupported\);[ \n]*return (false|NULL|0);|return (IOMemory_fail\()?kIOReturnUnsupported\)?;)[ \n]*$/) {
            sub(/\(.*/, "", head); sub(/.*[ *]/, "", head); print head
        }
        head = ""; open = 0
    }
    open { body = body $0 "\n" }' | sort -u >"$refusing"

# Slots: "CLASS METHOD FUNCTION", of what the preprocessor leaves of each record.
slots=$work/slots
for source in $(grep -lE '^const [A-Za-z]+Class [A-Za-z]+_class = \{' descriptors/*/*.c); do
    "${HOST_CC:-gcc}" -E -P -I. -Itests/host/sim/shadow "$source"
done | tr '\n' ' ' | grep -oE 'const [A-Za-z]+Class [A-Za-z]+_class = \{[^;]*\};' | awk '{
    class = $3; sub(/_class$/, "", class)
    rest = $0
    while (match(rest, /\.[A-Za-z]+ = [A-Za-z_]+/)) {
        split(substr(rest, RSTART + 1, RLENGTH - 1), pair, / = /)
        print class, pair[1], pair[2]
        rest = substr(rest, RSTART + RLENGTH)
    }
}' | sort -u >"$slots"

found=$work/found
awk 'NR == FNR { refusing[$1] = 1; next } $3 in refusing { print $1 "\t" $2 }' \
    "$refusing" "$slots" | sort >"$found"
cut -f1,2 tests/outside/refusals.tsv | sort >"$work/listed"

test -s "$refusing" && test "$(wc -l <"$slots")" -ge 100
check "records and refusing functions are found at all" test $? -eq 0
comm -23 "$found" "$work/listed" >"$out"
check "a method is refused only by a rule" test ! -s "$out"
comm -13 "$found" "$work/listed" >"$out"
check "every rule of a refusal is needed" test ! -s "$out"
awk -F'\t' 'NF != 3 || $3 == ""' tests/outside/refusals.tsv >"$out"
check "every refusal names its rule" test ! -s "$out"

# The test that looks for holes knows every kind of record.
grep -hoE '^OS_CLASS\([A-Za-z]+' descriptors/*.h descriptors/*/*.[ch] | sed 's/.*(//' | sort -u |
    while read -r kind; do
        grep -q "NO_HOLE.*$kind" tests/host/machine/records_test.c || echo "$kind"
    done >"$out"
check "every kind of record is searched for holes" test ! -s "$out"
