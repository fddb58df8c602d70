#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A report of events that no run of ours has: requests without an end, at the same time, by the
# same command again, hostile words, and more of all than fits on a screen.
# NEEDS: run debug report
. tests/outside/tap.bash

cat >"$work/made.py" <<'END'
import json, os, sys, time
import chrome_trace, page, picture, recording

def made(events, name='x', count=None, size=65536):
    run = recording.Recording.__new__(recording.Recording)
    run.name, run.status, run.size, run.count = name, '0', size, count or len(events)
    run.reports = ['watch: W01: <b>bold</b>\nrecord: watch=owner rule=W01 pc=0x12 request=0x1'] if name != 'x' else []
    run.lists = ['ring', 'table']
    run.take([(i + 1, kind, time, values) for i, (kind, time, values) in enumerate(events)])
    return run

def start(command, time, bytes=10):
    return 'dma_start', time, [('command', command), ('bytes', bytes), ('direction', 1)]

def end(command, time, status=0, bytes=10):
    return 'dma_end', time, [('command', command), ('bytes', bytes), ('status', status)]

def other(kind, time, *values):
    return kind, time, list(zip('abc', values))

def spans(run):
    trace = chrome_trace.chrome(run)['traceEvents']
    return sum(one['ph'] == 'b' and one['name'].endswith('In') for one in trace), sum(
        one['ph'] == 'e' and one['name'].endswith('In') for one in trace)

folder = os.environ['WORK']
run = made([start(7, 0), start(8, 10), end(7, 20), start(7, 30), end(7, 40, 0xe00002ca), end(9, 45), end(7, 50)])
for request in run.requests:
    print(request.event, request.begin(), request.end(50), request.lane, recording.outcome(request))
print(*spans(run))

# Two lists, the second of which begins where the first one ends; one byte of the memory is elsewhere.
events = [start(5, 0, 300)]
for kind, steps in (('dma_virtual', ((1000, 0xffff000040001000),)), ('dma_physical', ((1000, 0x40001000), (1100, 0x40009000))),
                    ('dma_bounce', ((1200, 0x80000000), (1201, 0)))):
    events += [other(kind, 1, 5, offset, address) for offset, address in steps]
events += [other('dma_limits', 1, 5, 0xffff, 0), other('dma_cuts', 1, 5, 50, 2**64 - 1), other('dma_issue', 2, 5, 1000, 99)]
slot = lambda length, index, flags=0: length | index << 32 | 1 << 48 | flags << 56
events += [other('dma_slot', 3, 5, 0x1, slot(16, 0, 2)), other('dma_slot', 3, 5, 0x40001000, slot(50, 1)),
           other('dma_slot', 3, 5, 0x40001032, slot(50, 2)), other('dma_slot', 3, 5, 0x40009000, slot(100, 3)),
           other('dma_issue', 4, 5, 1200, 99), other('dma_slot', 5, 5, 0x80000000, slot(1, 0)),
           other('dma_slot', 5, 5, 0x40009065, slot(99, 1)), other('doorbell', 7, 99, 0, 0), end(5, 9, 0, 300)]
run = made(events)
for row in run.requests[0].sides[0].segments():
    print(row['list'], row['slot'], row['own'], [(part['offset'], part['length'], hex(part['physical']), part['elsewhere'])
                                                 for part in row['parts']], row['note'])
print(run.totals()['limits'], run.requests[0].times['doorbell'])
print(picture.picture(run, plain=True).count('b1+0x0'), '0x40001000' in picture.picture(run, plain=True))

# Ten thousand requests of eight segments, 32 in flight, many at the same time.
events = []
for i in range(10000):
    command = 0x1000 + i % 32
    if i >= 32:
        events.append(end(command, i // 4, 0 if i % 100 else 0xe00002eb))
    events += [start(command, i // 4, 8 * 512), other('dma_virtual', i // 4, command, 0, 0x10000), other('dma_issue', i // 4, command, 0, 1)]
    events += [other('dma_slot', i // 4, command, 0x40000000 + 1024 * s, slot(512, s)) for s in range(8)]
run = made(events, '</script><script>document.title="gone"</script>')
print(len(run.requests), *spans(run), sum(request.status is None for request in run.requests), run.lanes)
for name, text in (('large.html', page.page(run)), ('large.json', json.dumps(chrome_trace.chrome(run)))):
    with open(os.path.join(folder, name), 'w') as out:
        out.write(text)
# Other commands' remains, whose beginning was lost.
run = made([end(1, 0), other('dma_slot', 1, 2, 3, 4), other('dma_physical', 1, 2, 3, 4), start(2, 3)], count=70000, size=4)
print(len(run.requests), run.orphans, run.lost, 'id="lost"' in page.page(run))
run = made([])
print(len(run.requests), 'no request was started' in picture.picture(run), len(page.page(run)) > 1000)
END
WORK=$work run gdb-multiarch -batch -ex "source qemu/gdb/dmakit.py" -ex "source $work/made.py"
check "requests are paired by their commands" eval 'said "^1 0 20 0 success$" && said "^4 30 40 0 0xe00002ca$"'
check "one without an end is said to be unfinished" said '^2 10 50 1 unfinished$'
check "and none is lost or merged" said '^3 3$'
check "an entry is cut into what is contiguous for everybody" eval 'said "^0 0 True \[\] $" && said "^0 1 False \[\(1000, 50, .0x40001000., None\)\] cut: the largest segment$" &&
    said "^0 2 False \[\(1050, 50, .0x40001032., None\)\] $" && said "^1 1 False \[\(1201, 99, .0x40009065., None\)\] "'
check "and what is elsewhere is told from what is at home" said '^1 0 False \[\(1200, 1, .0x40009064., 2147483648\)\] bounced: above the address bits$'
check "each limit has its share, and the doorbell its request" said "^\{.bits.: 1, .alignment.: 0, .longest.: 1, .boundary.: 0, .full.: 0, .other.: 0\} 7$"
check "a picture without addresses has names for them" said '^1 False$'
check "ten thousand requests are ten thousand spans" said '^10000 10000 10000 32 32$'
check "what belongs to no beginning is counted, and what is lost is said" said '^1 3 69996 True$'
check "nothing at all is a page, too" said '^0 True True$'

printf '%s\n' 'eval document.title' cpu \
    'eval document.querySelectorAll("*").length < 15000' \
    'eval show(7000)' cpu \
    'eval document.getElementById("detail").textContent.split(":")[0]' 'eval document.querySelector("#requests [aria-selected=true]").id' \
    'click #requests' 'key End' 'eval document.getElementById("detail").textContent.split(",")[1]' \
    'eval document.querySelectorAll("#requests tbody tr").length < 100' errors >"$work/commands"
run timeout -k 5 110 tests/outside/browser.pl "$work/large.html" "$work/commands"
mapfile -t spent < <(grep -E '^[0-9]+\.[0-9]+$' "$out")
check "all of it opens in two seconds" awk -v spent="${spent[0]-9}" 'BEGIN { exit !(spent > 0 && spent < 2) }'
check "a click takes a tenth of one" awk -v before="${spent[0]-0}" -v after="${spent[1]-9}" 'BEGIN { exit !(after - before < 0.1) }'
check "only what is seen is made" eval 'ended 0 && [ "$(grep -cx true "$out")" = 2 ]'
check "a name cannot end the data" said '^dmakit: </script><script>document.title="gone"</script>$'
check "any of them is at hand" eval 'said "^request 7001$" && said "^requests-7000$" && said "^ unfinished$"'
check "without a complaint" [ "$(tail -n 1 "$out")" = "" ]
