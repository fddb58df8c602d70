# SPDX-License-Identifier: BSD-2-Clause
"""The page of a run: page/page.html with its data. Nothing in it is loaded from elsewhere."""
import html
import json
import os
import string

from recording import NO_LIMIT, STEPS, direction, outcome

FOLDER = os.path.join(os.path.dirname(os.path.realpath(__file__)), 'page')

# Rows of the timeline above the requests: name, kinds, whether they are bad news.
ROWS = [('doorbells', ('doorbell',), False), ('interrupts', ('interrupt',), False),
        ('bounce copies', ('dma_copy',), False), ('SMMU faults', ('smmu_fault',), True),
        ('vdma', ('vdma_answer',), False)]

LIMITS = [('bits', 'address bits', '%d bytes bounced'), ('alignment', 'alignments', '%d bytes bounced'),
          ('longest', 'largest segment', '%d cuts'), ('boundary', 'boundary', '%d cuts'),
          ('full', 'most segments of a list', '%d cuts'),
          ('other', 'alignments, or the other side of a copy', '%d cuts')]


def hexadecimal(value):
    return None if value is None else '%#x' % value


def words(values):
    return ' '.join('%s=%#x' % pair for pair in values)


def limits_text(side):
    said = []
    if side.highest != NO_LIMIT:
        said.append('addresses up to %#x' % side.highest)
    if side.longest < 0xffffffff:  # which is all that an entry's length can say
        said.append('segments up to %d bytes' % side.longest)
    if side.boundary != NO_LIMIT:
        said.append('no crossing of %d' % (side.boundary + 1))
    units = [1 << (side.alignments >> 8 * i & 0xff) for i in range(4)]
    said += ['%s a multiple of %d' % (name, unit) for name, unit in zip(
        ('first address', 'other addresses', 'lengths', 'ends'), units) if unit > 1]
    return ', '.join(said) or 'none'


def side_text(side):
    text = '%s of command %#x: %d lists; limits: %s' % (
        {1: 'target', 2: 'source'}.get(side.direction & 3, 'bytes'), side.command, len(side.lists),
        limits_text(side))
    if side.mapped:
        text += '; mapped at I/O address %#x, %d bytes' % side.mapped
    return text


def rows_of(rows):
    return [[int(row['own']), row['list'], '%s[%d]' % (row['in'], row['slot']),
             hexadecimal(row['address']), row['length'], int(row['writes']), row['note'],
             [[part['offset'], part['length'], hexadecimal(part['virtual']),
               hexadecimal(part['physical']), hexadecimal(part['elsewhere'])]
              for part in row['parts']]] for row in rows]


def answer_text(answer):
    if answer is None:
        return None
    code, rule = answer
    return 'code %d' % code + (', refused by rule R%02d' % rule if rule else '')


def data(run):
    requests = []
    for request in run.requests:
        sides = request.segments()
        requests.append({
            'command': hexadecimal(request.command), 'bytes': request.bytes,
            'direction': direction(request.direction), 'outcome': outcome(request),
            'good': int(request.status == 0), 'moved': request.moved,
            'begin': request.begin(), 'end': request.end(run.end), 'lane': request.lane,
            'times': [request.times[step] for step in STEPS],
            'answer': answer_text(request.answer),
            'segments': sum(not row['own'] for _, rows in sides for row in rows),
            'sides': [{'text': side_text(side), 'rows': rows_of(rows)} for side, rows in sides]})
    named = {kind for _, kinds, _ in ROWS for kind in kinds}

    def marks(wanted):
        return [[time, '%s at %.3f µs: %s' % (kind, time / 1000, words(values))]
                for _, kind, time, values in run.instants if wanted(kind)]

    rows = [[name, marks(lambda kind, kinds=kinds: kind in kinds), int(bad)]
            for name, kinds, bad in ROWS]
    rows.append(['vdma’s log', marks(lambda kind: kind.startswith('vdma ')), 1])
    rows.append(['watch reports', marks(lambda kind: kind.startswith('watch ')), 1])
    rows.append(['CPU', marks(lambda kind: kind not in named and ' ' not in kind), 0])
    return {'requests': requests, 'rows': [row for row in rows if row[1]], 'end': run.end,
            'lanes': run.lanes, 'steps': STEPS}


def table(rows):
    return ''.join('<tr><th scope="row">%s</th><td>%s</td></tr>' % (
        html.escape(name), html.escape(value)) for name, value in rows)


def reports_text(run):
    if not run.reports:
        return ''
    out = ['<h2>What watches report</h2>']
    for report in run.reports:
        first, _, rest = report.partition('\n')
        out.append('<details class="report"><summary>%s</summary><pre>%s</pre></details>' % (
            html.escape(first), html.escape(rest)))
    return '\n'.join(out)


def page(run):
    totals = run.totals()
    facts = [('status', str(run.status)), ('requests', str(totals['requests'])),
             ('of them ended well', str(totals['good'])),
             ('unfinished', str(totals['unfinished'])), ('bytes moved', str(totals['moved'])),
             ('at once, at most', str(totals['most'])),
             ('segments', '%d, of %d entries of lists' % (totals['segments'], totals['entries'])),
             ('bytes copied to and from bounce memory', str(totals['copied'])),
             ('events', '%d, %d of them lost: the ring has %d' % (run.count, run.lost, run.size)),
             ('events of requests whose beginning is lost', str(run.orphans)),
             ('reports of watches', str(len(run.reports))),
             ('by kind', ', '.join('%s %d' % pair for pair in sorted(totals['counts'].items())))]
    lost = ''
    if run.lost:
        lost = ('<p id="lost" role="note"><strong>%d of %d events are lost</strong>: the recording '
                'is a ring of %d, and this is its end. A larger one: EVENTS=%d.</p>' % (
                    run.lost, run.count, run.size, 1 << run.count.bit_length()))

    def part(name):
        with open(os.path.join(FOLDER, name), encoding='utf-8') as file:
            return file.read()

    text = json.dumps(data(run), separators=(',', ':'), ensure_ascii=False)
    return string.Template(part('page.html')).substitute(
        title=html.escape('dmakit: ' + run.name), style=part('page.css'), lost=lost, reports=reports_text(run),
        totals=table(facts), limits=table([(name, form % totals['limits'][key])
                                           for key, name, form in LIMITS]),
        # A '<' would be the one way out of the script element.
        data=text.replace('<', '\\u003c'), script=part('page.js'))
