#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# make run REPORT=: the page and its JSON say what the run was, in a browser too; and of names
# and failures nothing more than that.
# NEEDS: run debug report gcc-release/tests/images/transfer.elf gcc-release/tests/images/transfer.img
# NEEDS: gcc-debug/tests/images/inspected.elf gcc-release/tests/images/nolibc.elf
. tests/outside/tap.bash

unset MAKEFLAGS MAKELEVEL MFLAGS FILE OUT DEVICE WAY DRIVER T IMAGE ARGS CORE REPORT MACHINE LLVM DEBUG V QEMU_EXTRA
image=$BUILD/gcc-release/tests/images/transfer.elf

# in_browser PAGE: what becomes of it, as text, in $out.
in_browser()
{
    run timeout -k 5 60 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$work/browser" \
        --virtual-time-budget=2000 --dump-dom "file://$1"
}

# judged JSON: is it a trace in which every begin has its end, and times rise? SPANS BYTES on $out.
judged()
{
    run perl -MJSON::PP -e '
        local $/;
        open my $in, "<", $ARGV[0] or die "$ARGV[0]: $!\n";
        my (%open, $spans, $bytes);
        my $last = 0;
        for my $event (@{ decode_json(<$in>)->{traceEvents} }) {
            next if $event->{ph} eq "M";
            $event->{ts} >= $last or die "time goes back at $event->{name}\n";
            $last = $event->{ts};
            if ($event->{ph} eq "b") {
                !$open{ $event->{id} }++ or die "$event->{id} begins twice\n";
                $spans++;
            } elsif ($event->{ph} eq "e") {
                delete $open{ $event->{id} } or die "$event->{id} ends without a beginning\n";
                $bytes += $event->{args}{moved} // 0;
            } else {
                $event->{ph} eq "i" or die "what is $event->{ph}?\n";
            }
        }
        !%open or die "no end: ", join(" ", sort keys %open), "\n";
        print "$spans spans, $bytes bytes\n";' "$1"
    ended 0
}

# A transfer --------------------------------------------------------------------

head -c 2000000 /dev/urandom >"$work/file"
run make -s --no-print-directory O="$BUILD" run MACHINE=default FILE="$work/file" REPORT="$work/page.html"
check "a transfer leaves its report" eval 'ended 0 && [ -s "$work/page.html" ] && [ -s "$work/page.html.json" ]'
check "and nothing else" [ "$(ls "$work" | grep -c "^page")" = 2 ]
check "every begin has its end, and times rise" judged "$work/page.html.json"
# 2000000 bytes in requests of 256 KiB, of whole sectors.
check "as many requests and bytes as the run had" said '^8 spans, 2000384 bytes$'
cp "$work/page.html" "$out"
check "the page has the same numbers" eval 'said "requests</td><td>8<" && said "bytes moved</td><td>2000384<" && said "status</td><td>0<"'
check "nothing in it comes from elsewhere" eval '! said "(src|href)=|@import|url\("'
sed 's,</body>,<script>document.querySelectorAll(".span")[2].dispatchEvent(new MouseEvent("click"))</script>&,' \
    "$work/page.html" >"$work/clicked.html"
in_browser "$work/clicked.html"
check "it draws in a browser" eval 'ended 0 && [ "$(grep -c "<rect class=\"span" "$out")" = 8 ]'
check "a click shows the request that it was on" said 'id="detail".*>request 3: 262144 bytes In, '
check "and marks its row" eval 'said "id=\"r3\" class=\"on\"" && [ "$(grep -c "class=\"on\"" "$out")" = 1 ]'
sed 's,</body>,<script>scale(4);document.querySelectorAll(".instant")[0].focus()</script>&,' "$work/page.html" >"$work/focused.html"
in_browser "$work/focused.html"
check "it zooms, and goes by the keyboard" eval 'said "id=\"timeline\".* width=\"4000\"" && said "id=\"detail\".*>[0-9]+ wire at"'

# The same run twice, where the clock is one of instructions alone and no disk of the host's is asked.
for i in 1 2; do
    QEMU_EXTRA='-icount shift=0,sleep=off' run qemu/transfer.sh -m default -i "$work/file" -d fw_cfg -r "$work/same$i" "$image"
done
check "two runs by instructions leave the same bytes" eval 'ended 0 && cmp "$work/same1.json" "$work/same2.json"'
check "which are those of a good trace" judged "$work/same1.json"
check "with all requests" said '^8 spans, 2000000 bytes$'

# Names and failures ------------------------------------------------------------

nasty='<img src=x onerror=alert(1)>&"'"'"'.elf'
cp "$BUILD/gcc-debug/tests/images/inspected.elf" "$work/$nasty"
run qemu/run.sh -t 20 --report "$work/p &<b>.html" "$work/$nasty"
check "a panic has a report, too, and its own status" eval 'ended 3 && [ -s "$work/p &<b>.html" ] && ! said "\.core"'
check "which is a good trace" judged "$work/p &<b>.html.json"
in_browser "$work/p &<b>.html"
check "a name is text" eval 'said "<h1>dmakit: &lt;img src=x onerror=alert\(1\)&gt;&amp;" && ! said "<img"'
check "the status is the run's" said 'status</td><td>3<'
run qemu/run.sh -t 20 -R "$work/none/page" "$BUILD/gcc-release/tests/images/nolibc.elf"
check "a place that cannot be written is refused" eval 'ended 2 && said "none/page: cannot be written"'
QEMU=false run qemu/run.sh -R "$work/never" "$BUILD/gcc-release/tests/images/nolibc.elf"
check "what never ran leaves nothing" eval 'ended 2 && ! compgen -G "$work/never*"'

# Requests that never end, overlap, and take the same command again.
cat >"$work/spans.py" <<'END'
import report
run = report.Run.__new__(report.Run)
run.name, run.status, run.size, run.count, run.lost = 'x', '0', 256, 7, 0
start = lambda event, command, time: (event, 'dma_start', [('command', command), ('bytes', 10), ('direction', 1)], time)
end = lambda event, command, time, status: (event, 'dma_end', [('command', command), ('bytes', 10), ('status', status)], time)
run.events = [start(1, 7, 0), start(2, 8, 10), end(3, 7, 20, 0), start(4, 7, 30), end(5, 7, 40, 0xe00002ca), end(6, 9, 45, 0),
              end(7, 7, 50, 0)]
run.end = 50
run.pair()
for span in run.spans:
    print(span['number'], span['start'], span['end'], span['lane'], report.outcome(span))
trace = report.chrome(run)['traceEvents']
print(sum(event['ph'] == 'b' for event in trace), sum(event['ph'] == 'e' for event in trace))
END
run gdb-multiarch -batch -ex "source qemu/gdb/dmakit.py" -ex "source $work/spans.py"
check "requests are paired by their commands" eval 'said "^1 0 20 0 success$" && said "^4 30 40 0 0xe00002ca$"'
check "one without an end is said to be unfinished" said '^2 10 50 1 unfinished$'
check "and none is lost or merged" said '^3 3$'
