# SPDX-License-Identifier: BSD-2-Clause
"""One request as an SVG picture: descriptor, pages, segments, slots, from left to right.

With names in place of addresses the picture is the same as long as the request is: pages that
follow each other have one name, p1, p2, ... in the order in which they are used.
"""
import html

from page import answer_text, limits_text
from recording import direction, outcome

ROW, MOST = 30, 18
COLUMNS = [(10, 150, 'bytes of the descriptor'), (180, 170, 'virtual address'),
           (370, 170, 'physical address'), (560, 190, 'segment'), (770, 170, 'slot')]

STYLE = '''
svg { font: 12px monospace; color-scheme: light dark }
.back { fill: #fff } text { fill: #1b1b1b } .small { font: 11px sans-serif }
rect.box { fill: #e8eef7; stroke: #55677d } rect.own { fill: none; stroke: #999; stroke-dasharray: 3 3 }
rect.away { fill: #f8d7e3; stroke: #c2185b } rect.home { fill: none; stroke: #55677d; stroke-dasharray: 4 3 }
line { stroke: #55677d } line.away { stroke: #c2185b; stroke-dasharray: 5 3 } .note { fill: #c2185b }
@media (prefers-color-scheme: dark) {
  .back { fill: #16181c } text { fill: #e6e6e6 } rect.box { fill: #27364a; stroke: #8fa5c0 }
  rect.away { fill: #4a2233; stroke: #f06292 } rect.home { stroke: #8fa5c0 } line { stroke: #8fa5c0 }
  .note { fill: #f06292 }
}
'''


class Addresses:
    """As they are."""

    def __call__(self, kind, address):
        return '%#x' % address


class Names:
    """p1+0x0cb and the like, for a picture that says nothing of where an image happened to lie."""

    def __init__(self, used):
        self.runs = {}
        for kind, start, length in used:
            pages = self.runs.setdefault(kind, [])
            pages += range(start >> 12, (start + length - 1 >> 12) + 1)
        for kind, pages in self.runs.items():
            known, order = set(pages), []
            for page in pages:
                while page - 1 in known:
                    page -= 1
                if page not in order:
                    order.append(page)
            self.runs[kind] = (known, order)

    def __call__(self, kind, address):
        known, order = self.runs[kind]
        page = address >> 12
        while page - 1 in known:
            page -= 1
        return '%s%d+%#x' % (kind, order.index(page) + 1, address - (page << 12))


def names_for(sides, plain):
    if not plain:
        return Addresses()
    used = []
    for side, rows in sides:
        for row in rows:
            for part in row['parts']:
                used.append(('v', part['virtual'] or 0, part['length']))
                used.append(('p', part['physical'] or 0, part['length']))
                if part['elsewhere'] is not None:
                    used.append(('b', part['elsewhere'], part['length']))
            used.append((kind_of(side, row), row['address'], row['length']))
    return Names(used)


def kind_of(side, row):
    """Whose address a segment's is."""
    if side.mapped:
        return 'io'
    if row['own']:
        return 'd'
    return 'b' if row['parts'] and row['parts'][0]['elsewhere'] is not None else 'p'


class Canvas:
    def __init__(self):
        self.out = []

    def box(self, column, y, height, text, style='box', small=''):
        x, width, _ = COLUMNS[column]
        self.out.append('<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="3"/>' % (
            style, x, y, width, height))
        middle = y + height // 2 + 4
        if small:
            self.text(x + 6, middle + 7, small, 'small')
            middle -= 5
        self.text(x + 6, middle, text)

    def text(self, x, y, text, style=''):
        self.out.append('<text x="%d" y="%d"%s>%s</text>' % (
            x, y, ' class="%s"' % style if style else '', html.escape(text)))

    def join(self, column, y, style=''):
        x, width, _ = COLUMNS[column]
        self.out.append('<line x1="%d" y1="%d" x2="%d" y2="%d"%s/>' % (
            x + width, y, COLUMNS[column + 1][0], y, ' class="%s"' % style if style else ''))


def draw_row(canvas, side, row, y, name):
    """One entry of a list, and what it is made of; the y behind it."""
    height = ROW * max(1, len(row['parts']))
    start = y
    for part in row['parts']:
        away = part['elsewhere'] is not None
        inner, middle = ROW - 6, y + (ROW - 6) // 2
        canvas.box(0, y, inner, '%d .. %d' % (part['offset'], part['offset'] + part['length'] - 1))
        canvas.box(1, y, inner, name('v', part['virtual'] or 0))
        canvas.box(2, y, inner, name('p', part['physical'] or 0), 'home' if away else 'box')
        for column in (0, 1, 2):
            canvas.join(column, middle, 'away' if away and column == 2 else '')
        y += ROW
    if not row['parts']:
        canvas.text(COLUMNS[0][0] + 6, y + 16, 'a header or status of the driver\'s own', 'small')
        y += ROW
    away = any(part['elsewhere'] is not None for part in row['parts'])
    style = 'own' if row['own'] else 'away' if away else 'box'
    canvas.box(3, start, height - 6, '%s, %d' % (
        name(kind_of(side, row), row['address']), row['length']), style)
    canvas.join(3, start + 12)
    canvas.box(4, start, height - 6, '%s[%d] %s' % (
        row['in'], row['slot'], 'WRITE' if row['writes'] else 'READ'), 'own' if row['own'] else 'box')
    if row['note']:
        canvas.text(COLUMNS[3][0], y + 6, row['note'], 'small note')
        y += 14
    return y


def draw_request(canvas, run, request, plain, y):
    sides = request.segments()
    name = names_for(sides, plain)
    for side, rows in sides:
        said = limits_text(side)
        canvas.text(10, y, '%s; limits: %s' % (
            {1: 'what the device writes', 2: 'what the device reads'}.get(
                side.direction & 3, 'what the device moves'), said), 'small')
        y += 12
        shown = 0
        for row in rows:
            if shown >= MOST:
                canvas.text(10, y + 14, '... and %d more entries' % (len(rows) - rows.index(row)),
                            'small')
                y += 24
                break
            y = draw_row(canvas, side, row, y, name)
            shown += max(1, len(row['parts']))
        y += 14
    return y


def picture(run, index=0, plain=False):
    """The request of this index, from 0 on; of none, a picture that says so."""
    canvas = Canvas()
    if index >= len(run.requests):
        title, y = 'no request was started', 40
    else:
        request = run.requests[index]
        title = '%d bytes %s: %s' % (request.bytes, direction(request.direction), outcome(request))
        answer = answer_text(request.answer)
        if answer:
            title += '; vdma: ' + answer
        for x, _, text in COLUMNS:
            canvas.text(x, 44, text, 'small')
        y = draw_request(canvas, run, request, plain, 66)
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="950" height="%d" viewBox="0 0 950 %d" '
            'role="img" aria-labelledby="title">\n<title id="title">%s</title>\n<style>%s</style>\n'
            '<rect class="back" width="950" height="%d"/>\n<text x="10" y="20">%s</text>\n%s\n'
            '</svg>\n' % (y, y, html.escape(title), STYLE, y, html.escape(title),
                          '\n'.join(canvas.out)))
