#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# make run REPORT=: the page, its JSON and its picture say what the run was, in a browser too, by
# mouse and keyboard; and of names and failures nothing more than that.
# NEEDS: run debug report gcc-release/tests/images/transfer.elf gcc-release/tests/images/transfer.img
# NEEDS: gcc-debug/tests/images/wrong/owner_write_outgoing.elf
# NEEDS: gcc-debug/tests/target/edu.elf
# NEEDS: gcc-debug/tests/images/inspected.elf gcc-release/tests/images/nolibc.elf
. tests/outside/tap.bash

unset MAKEFLAGS MAKELEVEL MFLAGS FILE OUT DEVICE WAY DRIVER T IMAGE ARGS CORE REPORT EVENTS MACHINE LLVM DEBUG V QEMU_EXTRA
image=$BUILD/gcc-release/tests/images/transfer.elf

# browse PAGE COMMAND...: what browser.pl answers, in $out.
browse()
{
    local page=$1
    shift
    printf '%s\n' "$@" >"$work/commands"
    run timeout -k 5 120 tests/outside/browser.pl "$page" "$work/commands"
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
            my $stack = $open{ $event->{id} // "" } //= [];
            if ($event->{ph} eq "b") {
                push @$stack, $event->{name};
                $spans++ if @$stack == 1;
            } elsif ($event->{ph} eq "e") {
                # The last that has begun is the first to end: phases lie within their request.
                (pop(@$stack) // "") eq $event->{name} or die "$event->{id}: $event->{name} ends out of turn\n";
                $bytes += $event->{args}{moved} // 0 if !@$stack;
            } else {
                $event->{ph} eq "i" or die "what is $event->{ph}?\n";
            }
        }
        my @left = grep { @{ $open{$_} } } keys %open;
        !@left or die "no end: @left\n";
        printf "%d spans, %d bytes\n", $spans // 0, $bytes // 0;' "$1"
    ended 0
}

# A transfer --------------------------------------------------------------------

head -c 2000000 /dev/urandom >"$work/file"
run make -s --no-print-directory O="$BUILD" run MACHINE=default FILE="$work/file" REPORT="$work/page.html"
check "a transfer leaves its report" eval 'ended 0 && [ -s "$work/page.html" ] && [ -s "$work/page.html.json" ] && [ -s "$work/page.html.svg" ] && [ -s "$work/page.html.memory.svg" ]'
check "and nothing else" [ "$(ls "$work" | grep -c "^page")" = 4 ]
# What the run itself says of its first request: entry 3 of the table.
read -r offset virtual bytes address < <(sed -nE '0,/-> table\[  3\]/s/^ *([0-9]+) +(0x[0-9a-f]+) +([0-9]+) +-> table\[  3\] (0x[0-9a-f]+) .*/\1 \2 \3 \4/p' "$out")
segments=$(sed -nE 's/^  source +[0-9]+ requests +([0-9]+) segments.*/\1/p' "$out")
check "every begin has its end, and times rise" judged "$work/page.html.json"
# 2000000 bytes in requests of 256 KiB, of whole sectors.
check "as many requests and bytes as the run had" said '^8 spans, 2000384 bytes$'
cp "$work/page.html" "$out"
check "the page has the same numbers" eval 'said "requests</th><td>8<" && said "bytes moved</th><td>2000384<" && said "status</th><td>0<"'
check "and as many segments as the run counted" said "segments</th><td>$segments, of $((segments + 16)) entries"
check "nothing is lost" eval 'said ", 0 of them lost: the ring has 65536<" && ! said "id=.lost"'
check "nothing in it comes from elsewhere" eval '! said "(src|href)=|@import|url\("'
cp "$work/page.html.svg" "$out"
check "the picture has the same segment" eval 'said ">${offset} .. $((offset + bytes - 1))<" && said ">$virtual<" && said ">$address, $bytes<"'

browse "$work/page.html" 'eval document.querySelectorAll(".span").length' 'click #span-2' \
    'eval document.getElementById("detail").textContent' 'eval document.querySelector("#requests [aria-selected=true]").id' \
    'click #span-0' 'click #segments-3' 'eval document.getElementById("part").textContent' \
    'hover #segments-1' 'eval document.getElementById("part").textContent' \
    'eval [...document.querySelectorAll(".piece.on")].length' 'click #in' 'click #in' 'eval (viewTo - viewFrom) * 15 < run.end' \
    'click #all' 'eval document.querySelectorAll(".span").length' \
    'eval [document.querySelectorAll(".prepared, .waits, .device, .done").length > 31]' \
    'dark' 'eval getComputedStyle(document.body).backgroundColor' 'light' 'eval getComputedStyle(document.body).backgroundColor' errors
check "it draws in a browser" eval 'ended 0 && said "^8$"'
check "a click shows the request that it was on" eval 'said "^request 3: 262144 bytes In, success, 262144 moved" && said "^requests-2$"'
check "a click shows the segment that it was on" said "^bytes $offset to $((offset + bytes)): virtual $virtual, physical 0x[0-9a-f]+ -> table\[3\]: I/O address $address, $bytes bytes"
check "so does the mouse above it, in the picture too" eval 'said "^bytes 0 to [0-9]+: virtual " && said "^3$"'
check "it zooms, and back" eval 'said "^true$" && [ "$(grep -cx 8 "$out")" = 2 ]'
check "each request has its phases" said '^\[true\]$'
check "it is dark and light, as is preferred" eval 'said "^rgb\(22, 24, 28\)$" && said "^rgb\(255, 255, 255\)$"'
check "it complains of nothing, and loads nothing" [ "$(tail -n 1 "$out")" = "" ]

browse "$work/page.html" 'key Tab' focus 'key Tab' focus 'key Tab' focus 'key Tab' focus 'key Tab' focus 'key Tab' focus \
    'key ArrowRight' 'eval document.getElementById("detail").textContent.slice(0, 9)' 'key End' \
    'eval document.getElementById("detail").textContent.slice(0, 9)' 'key Tab' focus 'key ArrowUp' \
    'eval document.getElementById("detail").textContent.slice(0, 9)' 'key Home' 'key Tab' focus \
    'key ArrowDown' 'key ArrowDown' 'key ArrowDown' 'key ArrowDown' 'eval document.getElementById("part").textContent' 'key Tab' tree
grep -v '^done$' "$out" >"$work/order" && mv "$work/order" "$out"
order=$(sed -n 's/^\(button\|listbox\|grid\) .\(.*\). focusable focused$/\1 \2/p' "$out" | tr '\n' ';')
check "the tabulator goes from top to bottom" [ "$order" = "button zoom in;button zoom out;button earlier;button later;button all;listbox Timeline;grid Requests;grid Segments of request 1;" ]
check "the keyboard goes through requests" eval 'said "^request 2$" && said "^request 8$" && said "^request 7$"'
check "and through segments" said "^bytes $offset to $((offset + bytes)): virtual $virtual,"
check "what is seen has its role and its name" eval 'said "^main " && said "^heading .Totals." && said "^table .What each limit did." &&
    said "^rowheader .bytes moved." && said "^option .request 1: 262144 bytes In, success, " && said "^columnheader .I/O address." &&
    said "^toolbar .timeline." && said "^status "'

# A limit, and what it made: pages above it are bounced, and copied to and fro.
run make -s --no-print-directory O="$BUILD" run MACHINE=default FILE="$work/file" DEVICE=virtio-blk,bits=31 REPORT="$work/limited.html"
bounced=$(sed -nE 's/^  bounced: ([0-9]+) bytes.*/\1/p' "$out")
check "the run with a limit bounces" eval 'ended 0 && [ "${bounced:-0}" -gt 0 ]'
cp "$work/limited.html" "$out"
check "the page says how much, by which limit, and what was copied" eval 'said "address bits</th><td>$bounced bytes bounced" &&
    said "alignments</th><td>0 bytes bounced" && said "bounce memory</th><td>$((2 * bounced))<"'
browse "$work/limited.html" 'eval document.querySelectorAll("tr.bounced").length > 0' \
    'eval document.querySelector("tr.bounced").lastChild.textContent' 'eval document.getElementById("timeline").textContent.includes("bounce copies")'
check "and which segments those are" eval 'said "^bounced: above the address bits" && [ "$(grep -c "^true$" "$out")" = 2 ]'

# The same run twice, where the clock is one of instructions alone and no disk of the host's is asked.
for i in 1 2; do
    QEMU_EXTRA='-icount shift=0,sleep=off' run qemu/transfer.sh -m default -i "$work/file" -d fw_cfg -r "$work/same$i" "$image"
done
check "two runs by instructions leave the same bytes" eval 'ended 0 && cmp "$work/same1.json" "$work/same2.json" &&
    cmp "$work/same1" "$work/same2" && cmp "$work/same1.svg" "$work/same2.svg"'
check "which are those of a good trace" judged "$work/same1.json"
check "with all requests" said '^8 spans, 2000000 bytes$'

# A ring that is too small for the run.
QEMU_EXTRA='-icount shift=0,sleep=off' run qemu/transfer.sh -m default -i "$work/file" -d fw_cfg -r "$work/short" -E 512 "$image"
check "a recording may be short" eval 'ended 0 && judged "$work/short.json"'
cp "$work/short" "$out"
check "which the page says, and how long it would have to be" said 'id="lost".*[0-9]+ of [0-9]+ events are lost.*a ring of 512, .*EVENTS=[0-9]+'
for events in 100 1000 0 x 33554432 ''; do
    run qemu/run.sh -R "$work/never" -E "$events" "$BUILD/gcc-release/tests/images/nolibc.elf"
    ended 2 && said 'a power of two from 256 to 16777216' || break
done
check "a ring that cannot be is refused" eval 'ended 2 && said "^run: -E : a power"'

# What watches say, word for word, and when on the timeline: of a rule of the device's, and of a CPU
# that writes what the device is to read, by a clock that does not go on while the host does other things.
wrong=$BUILD/gcc-debug/tests/images/wrong/owner_write_outgoing.elf
run qemu/run.sh -t 60 -m el2v3 -e vdma,watch=owner -R "$work/watched.html" "$wrong" -- -icount shift=0,sleep=off
said_by_it=$(grep -c '^watch: W01' "$out")
record=$(tr -d '\r' <"$out" | sed -n 's/^record: //p' | head -n 1)
check "a watch reports, and the run is told of" eval 'ended 0 && [ "$said_by_it" = 1 ] && judged "$work/watched.html.json"'
browse "$work/watched.html" 'eval document.querySelector("summary").textContent' 'eval document.querySelector(".report pre").textContent' \
    'eval run.rows.filter((row) => row[0] === "watch reports" && row[2]).map((row) => row[1][0][1])' 'eval document.querySelector("details").open' \
    'click summary' 'eval document.querySelector("details").open' errors
check "the page has its words, and its record" eval 'said "^watch: W01: the CPU writes bytes that the device is to read$" && said "^record: $record$" &&
    said "at tests/images/wrong/owner_write_outgoing.c:" && said "^false$" && said "^true$"'
check "on the timeline it is where its request is" said '^\["watch W01 at [0-9.]+ µs: pc=0x'

# What an SMMU has blocked.
run qemu/run.sh -t 60 -m smmu -d tests/target/edu.c -R "$work/blocked.html" "$BUILD/gcc-debug/tests/target/edu.elf"
check "a device behind an SMMU has its report" ended 0
cp "$work/blocked.html" "$out"
check "what was blocked is on the timeline" eval 'said "\[\"SMMU faults\",\[\[[0-9]+,\"smmu_fault at [0-9.]+ µs: stream=0x8 address=0x1123 type=0x10\"" &&
    said "mapped at I/O address 0x"'

# Names and failures ------------------------------------------------------------

nasty='<img src=x onerror=alert(1)>&"'"'"'.elf'
cp "$BUILD/gcc-debug/tests/images/inspected.elf" "$work/$nasty"
run qemu/run.sh -t 20 --report "$work/p &<b>.html" "$work/$nasty"
check "a panic has a report, too, and its own status" eval 'ended 3 && [ -s "$work/p &<b>.html" ] && ! said "\.core"'
check "which is a good trace" judged "$work/p &<b>.html.json"
browse "$work/p &<b>.html" 'eval document.title' 'eval document.querySelector("h1").textContent' \
    'eval document.querySelectorAll("img").length' 'eval document.getElementById("totals").textContent' errors
check "a name is text" eval '[ "$(grep -cxF "dmakit: $nasty" "$out")" = 2 ] && said "^0$" && [ "$(tail -n 1 "$out")" = "" ]'
check "the status is the run's" said '^status3'
run qemu/run.sh -t 20 -R "$work/none/page" "$BUILD/gcc-release/tests/images/nolibc.elf"
check "a place that cannot be written is refused" eval 'ended 2 && said "none/page: cannot be written"'
QEMU=false run qemu/run.sh -R "$work/never" "$BUILD/gcc-release/tests/images/nolibc.elf"
check "what never ran leaves nothing" eval 'ended 2 && ! compgen -G "$work/never*"'
