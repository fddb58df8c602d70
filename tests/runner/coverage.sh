#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# coverage.sh BUILD-FOLDER: run the host tests that were built there with COVERAGE=1, and
# say what of descriptors/, drivers/ and kernel/ they reach
#
# Writes BUILD-FOLDER/report.txt (lines), branches.tsv (each branch that nothing takes: file,
# line, branch) and html/index.html; prints the sums. What only runs on the target is not in
# it. Status: 0, 1 if a test failed (the report is written all the same).
set -uo pipefail

build=$1
status=0
folders=(-f 'descriptors/' -f 'drivers/' -f 'kernel/')
common=(-r . --object-directory "$build/host" "${folders[@]}" -j "$(nproc)")

# Counts of an earlier run would be added to.
find "$build/host" -name '*.gcda' -delete
for test in "$build"/host/*/*_test; do
    [ -x "$test" ] || continue
    timeout 300 "$test" >"$build/test.log" 2>&1 || {
        echo "coverage: ${test##*/} failed; the end of its output:" >&2
        tail -n 5 "$build/test.log" >&2
        status=1
    }
done

mkdir -p "$build/html"
gcovr "${common[@]}" --txt "$build/report.txt" --html-details "$build/html/index.html" \
    --json "$build/coverage.json" -s "$build/host" || exit 2
perl -MJSON::PP -0777 -ne '
    for my $file (@{ decode_json($_)->{files} }) {
        for my $line (@{ $file->{lines} }) {
            my $n = 0;
            for my $branch (@{ $line->{branches} }) {
                print "$file->{file}\t$line->{line_number}\t$n\n" unless $branch->{count};
                $n++;
            }
        }
    }' "$build/coverage.json" | sort -t$'\t' -k1,1 -k2,2n >"$build/branches.tsv"
echo "coverage: $(wc -l <"$build/branches.tsv") branches are not taken, listed in $build/branches.tsv;" \
    "lines in $build/report.txt, pages in $build/html/index.html"
exit $status
