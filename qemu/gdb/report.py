# SPDX-License-Identifier: BSD-2-Clause
"""What happened, as a page for people and as Chrome-trace JSON for Perfetto.

One list of events, read once from the ring of kernel/trace.h in the memory of an image, and
two writers of it. Requests are spans, from dma_start to the dma_end of the same command; what
has no end in the ring is said to be unfinished. All else is an instant. Nothing in the page is
loaded from elsewhere, and every word of the image's is text.
"""
import html
import json

from image import number, static
from machine import trace_events

SPAN_COLOURS = 6


class Run:
    """Events with times in nanoseconds from the first one, and the spans among them."""

    def __init__(self, name, status):
        self.name, self.status = name, status
        self.size = static('trace.c', 'ring').type.range()[1] + 1
        self.count = number(static('trace.c', 'next'))
        frequency = number(static('timer.c', 'frequency')) or 10**9
        events = [event for event in trace_events() if event[1] is not None]
        first = events[0][4] if events else 0
        self.events = [(event, kind, list(zip(names, values)), (time - first) * 10**9 // frequency)
                       for event, kind, names, values, time in events]
        self.lost = max(0, self.count - self.size)
        self.end = max([event[3] for event in self.events] or [0])
        self.pair()

    def pair(self):
        """Each dma_start with the next end of its command."""
        self.spans, open_spans = [], {}
        for event, kind, values, time in self.events:
            values = dict(values)
            if kind == 'dma_start':
                span = {'number': event, 'command': values['command'], 'bytes': values['bytes'],
                        'direction': values['direction'], 'start': time, 'end': self.end,
                        'status': None, 'moved': None}
                self.spans.append(span)
                open_spans[values['command']] = span
            elif kind == 'dma_end' and values['command'] in open_spans:
                span = open_spans.pop(values['command'])
                span.update(end=time, status=values['status'] & 0xffffffff, moved=values['bytes'])
        lanes = []
        for span in self.spans:
            lane = next((i for i, free in enumerate(lanes) if free <= span['start']), len(lanes))
            lanes[lane:lane + 1] = [span['end'] if span['status'] is not None else float('inf')]
            span['lane'] = lane
        self.lanes = len(lanes)


def words(values):
    return ' '.join('%s=%#x' % pair for pair in values)


def outcome(span):
    if span['status'] is None:
        return 'unfinished'
    return 'success' if span['status'] == 0 else '%#010x' % span['status']


def direction(span):
    return {1: 'In', 2: 'Out'}.get(span['direction'], str(span['direction']))


def chrome(run):
    """The JSON object of the Trace Event Format; times in microseconds, in order."""
    out = [{'ph': 'M', 'pid': 1, 'name': 'process_name', 'args': {'name': run.name}},
           {'ph': 'M', 'pid': 1, 'tid': 1, 'name': 'thread_name', 'args': {'name': 'CPU'}}]
    timed = []
    for event, kind, values, time in run.events:
        if kind not in ('dma_start', 'dma_end'):
            timed.append((time, event, {
                'ph': 'i', 's': 't', 'pid': 1, 'tid': 1, 'name': kind, 'cat': 'kernel',
                'args': {name: '%#x' % value for name, value in values}}))
    for span in run.spans:
        name = '%d bytes %s' % (span['bytes'], direction(span))
        common = {'pid': 1, 'tid': 1, 'cat': 'dma', 'id': span['number'], 'name': name}
        timed.append((span['start'], span['number'], dict(common, ph='b', args={
            'command': '%#x' % span['command'], 'bytes': span['bytes']})))
        timed.append((span['end'], float('inf'), dict(common, ph='e', args={
            'outcome': outcome(span), 'moved': span['moved']})))
    for time, _, entry in sorted(timed, key=lambda one: one[:2]):
        entry['ts'] = time / 1000
        out.append(entry)
    return {'displayTimeUnit': 'ns', 'traceEvents': out,
            'otherData': {'status': run.status, 'events': run.count, 'lost': run.lost}}


STYLE = '''
:root { color-scheme: light dark; --back: #fff; --text: #1b1b1b; --line: #bbb; --soft: #f0f0f0; }
@media (prefers-color-scheme: dark) {
  :root { --back: #16181c; --text: #e6e6e6; --line: #555; --soft: #24272d; }
}
body { background: var(--back); color: var(--text); font: 15px/1.5 sans-serif; margin: 2em; }
h1 { font-size: 1.4em } h2 { font-size: 1.1em; margin-top: 2em }
.scroll { overflow-x: auto; border: 1px solid var(--line); max-width: 100% }
svg text { fill: var(--text); font: 11px sans-serif }
.span { stroke: var(--back) } .bad { stroke: #d33; stroke-width: 2 }
.instant { stroke: #888; stroke-width: 1.5 } .interrupt { stroke: #d33 }
.span:focus, .span.on, .instant:focus { outline: none; stroke: var(--text); stroke-width: 3 }
table { border-collapse: collapse } td, th { padding: .15em .8em; text-align: right }
th { border-bottom: 1px solid var(--line) } td:last-child, th:last-child { text-align: left }
tr:nth-child(even) td { background: var(--soft) } tr.on td { font-weight: bold }
#detail { min-height: 3em; font-family: monospace; white-space: pre-wrap; margin: .5em 0 }
button { font: inherit; padding: 0 .8em }
'''

# Details come from attributes of the page itself, and go into it as text.
SCRIPT = '''
const timeline = document.getElementById('timeline'), detail = document.getElementById('detail');
let zoom = 1;
function show(mark) {
  detail.textContent = mark.getAttribute('aria-label');
  for (const old of document.querySelectorAll('.on')) old.classList.remove('on');
  const row = mark.dataset.row && document.getElementById(mark.dataset.row);
  mark.classList.add('on');
  if (row) row.classList.add('on');
}
for (const mark of document.querySelectorAll('[data-mark]')) {
  mark.addEventListener('click', () => show(mark));
  mark.addEventListener('focus', () => show(mark));
}
function scale(factor) {
  zoom = Math.min(64, Math.max(1, zoom * factor));
  timeline.setAttribute('width', 1000 * zoom);
}
document.getElementById('in').addEventListener('click', () => scale(2));
document.getElementById('out').addEventListener('click', () => scale(0.5));
'''


def time_text(nanoseconds):
    return '%.3f µs' % (nanoseconds / 1000)


def timeline(run):
    """The SVG: instants above, a lane for each request in flight."""
    lane_height, top = 18, 34
    height = top + lane_height * max(1, run.lanes) + 8

    def x(time):
        return 10 + 980 * time / max(1, run.end)

    out = ['<svg id="timeline" role="group" aria-label="timeline" width="1000" height="%d" '
           'viewBox="0 0 1000 %d" preserveAspectRatio="none" xmlns="http://www.w3.org/2000/svg">'
           % (height, height)]
    for event, kind, values, time in run.events:
        if kind in ('dma_start', 'dma_end'):
            continue
        label = html.escape('%d %s at %s: %s' % (event, kind, time_text(time), words(values)))
        out.append('<line class="instant %s" data-mark tabindex="0" role="img" aria-label="%s" '
                   'x1="%.2f" x2="%.2f" y1="8" y2="%d"><title>%s</title></line>'
                   % (html.escape(kind), label, x(time), x(time), top - 8, label))
    for i, span in enumerate(run.spans):
        label = html.escape('request %d: %d bytes %s, %s to %s, %s; command %#x' % (
            i + 1, span['bytes'], direction(span), time_text(span['start']),
            time_text(span['end']), outcome(span), span['command']))
        out.append('<rect class="span%s" data-mark data-row="r%d" tabindex="0" role="img" '
                   'aria-label="%s" x="%.2f" y="%d" width="%.2f" height="%d" '
                   'fill="hsl(%d 60%% 50%%)"><title>%s</title></rect>' % (
                       '' if span['status'] == 0 else ' bad', i + 1, label, x(span['start']),
                       top + lane_height * span['lane'],
                       max(1.0, x(span['end']) - x(span['start'])), lane_height - 2,
                       200 + 25 * (i % SPAN_COLOURS), label))
    return '\n'.join(out + ['</svg>'])


def totals(run):
    ended = [span for span in run.spans if span['status'] == 0]
    kinds = {}
    for _, kind, _, _ in run.events:
        kinds[kind] = kinds.get(kind, 0) + 1
    rows = [('status', str(run.status)), ('requests', str(len(run.spans))),
            ('of them ended well', str(len(ended))),
            ('bytes moved', str(sum(span['moved'] for span in ended))),
            ('at once, at most', str(run.lanes)),
            ('events', '%d, %d of them lost: the ring has %d' % (run.count, run.lost, run.size)),
            ('by kind', ', '.join('%s %d' % pair for pair in sorted(kinds.items())))]
    return '<table id="totals">' + ''.join(
        '<tr><td>%s</td><td>%s</td></tr>' % (html.escape(name), html.escape(value))
        for name, value in rows) + '</table>'


def requests(run):
    out = ['<table id="requests"><tr><th>request</th><th>bytes</th><th>direction</th><th>start</th>'
           '<th>took</th><th>outcome</th></tr>']
    for i, span in enumerate(run.spans):
        out.append('<tr id="r%d"><td>%d</td><td>%d</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td>'
                   '</tr>' % (i + 1, i + 1, span['bytes'], html.escape(direction(span)),
                              time_text(span['start']), time_text(span['end'] - span['start']),
                              html.escape(outcome(span))))
    return '\n'.join(out + ['</table>'])


def page(run):
    title = html.escape('dmakit: ' + run.name)
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n<title>%s</title>\n'
            '<style>%s</style></head>\n<body>\n<main>\n<h1>%s</h1>\n<h2>Totals</h2>\n%s\n'
            '<h2>Timeline</h2>\n<p>Requests in flight below, all else above; click, or step with '
            'the tabulator key. <button id="in">zoom in</button> <button id="out">zoom out</button>'
            '</p>\n<div class="scroll">\n%s\n</div>\n<div id="detail" role="status" '
            'aria-live="polite"></div>\n<h2>Requests</h2>\n%s\n</main>\n<script>%s</script>\n'
            '</body></html>\n' % (title, STYLE, title, totals(run), timeline(run), requests(run),
                                  SCRIPT))


def write(path, name, status):
    run = Run(name, status)
    with open(path + '.json', 'w', encoding='utf-8') as out:
        json.dump(chrome(run), out, indent=1)
        out.write('\n')
    with open(path, 'w', encoding='utf-8') as out:
        out.write(page(run))
