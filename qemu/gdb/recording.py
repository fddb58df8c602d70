# SPDX-License-Identifier: BSD-2-Clause
"""A run, of the ring of kernel/trace.h and vdma's log in the memory of an image.

Requests are what dma_start begins, with all that is known of them: where their bytes are, the
lists that devices were told, and when they came how far. Everything that shows a run (report_*.py)
is made of this one reading.
"""
import re
import struct
from bisect import bisect_right

import gdb

from image import lookup, number, static

NO_LIMIT = 0xffffffffffffffff
WRITES, OWN = 1, 2
ENTRY = struct.Struct('<IIQQQQ')
STEPS = ('prepared', 'started', 'told', 'doorbell', 'answered', 'ended', 'completed')


def read_ring():
    """(name, names, ...) of kinds, and (event, kind, time, values) of all entries that are whole."""
    table = static('trace.c', 'kinds')
    kinds = [(table[i]['name'].string(), [table[i]['values'][j].string() for j in range(3)])
             for i in range(table.type.range()[1] + 1)]
    size, count = number(static('trace.c', 'size')), number(static('trace.c', 'next'))
    where = number(static('trace.c', 'ring'))
    memory = bytes(gdb.selected_inferior().read_memory(where, size * ENTRY.size)) if count else b''
    events = []
    for event in range(max(0, count - size), count):
        mark, kind, time, *values = ENTRY.unpack_from(memory, event % size * ENTRY.size)
        if mark == (event + 1) & 0xffffffff and kind < len(kinds):
            events.append((event + 1, kind, time, values))
    return kinds, events, size, count


def read_lists():
    """Names of what entries stand in; none where the image has no driver that lists anything."""
    try:
        return [field.name.replace('TRACE_LIST_', '') for field in lookup('enum trace_list').fields()]
    except gdb.error:
        return []


VDMA_EVENTS = {4: 'refused', 5: 'fault', 6: 'late', 7: 'reset', 8: 'failed'}


def read_vdma_log():
    """vdma's log: (tick, what, fields) of what is no part of every request, and when each began."""
    try:
        device = gdb.parse_and_eval("'monitor.c'::device")
        log, first, count = (device[name] for name in ('log', 'log_first', 'log_count'))
        size = log.type.range()[1] + 1
        memory = bytes(gdb.selected_inferior().read_memory(number(log.address), size * 64))
    except gdb.error:
        return [], {}
    found, began = [], {}
    for i in range(number(count)):
        record = struct.unpack_from('<5Q3L3H2BL', memory, (number(first) + i) % size * 64)
        tick, pc, address, length, value, request, _, segment, event, rule = record[:10]
        if request:
            began.setdefault(request, tick)
        if event not in (1, 2, 3, 9, 10):
            found.append((tick, 'vdma ' + VDMA_EVENTS.get(event, 'event %d' % event), {
                'request': request, 'rule': rule, 'segment': segment, 'address': address,
                'length': length, 'value': value, 'pc': pc}))
    return found, began


def record_of(report):
    """The fields of a watch's last line, the values of which are numbers but for the first two."""
    words = re.findall(r'([a-z_]+)=(\S+)', report.rstrip('\n').split('\n')[-1])
    rule = dict(words).get('rule', '?')
    return rule, [(name, int(value, 16)) for name, value in words
                  if re.fullmatch('0x[0-9a-f]+', value)]


class Steps:
    """A list by offset: from each offset on an address that goes along, up to the next."""

    def __init__(self):
        self.offsets, self.addresses = [], []

    def add(self, offset, address):
        self.offsets.append(offset)
        self.addresses.append(address)

    def at(self, offset):
        """The address of this byte; None: nothing is known of it, or it is at home."""
        i = bisect_right(self.offsets, offset) - 1
        if i < 0 or self.addresses[i] == 0:
            return None
        return self.addresses[i] + offset - self.offsets[i]

    def cut(self, offset):
        """Where the next one begins, or None."""
        i = bisect_right(self.offsets, offset)
        return self.offsets[i] if i < len(self.offsets) else None


class Side:
    """One command's bytes in a transfer. A copy has two sides, all else one."""

    def __init__(self, command, direction):
        self.command, self.direction = command, direction
        self.virtual, self.physical, self.bounce = Steps(), Steps(), Steps()
        self.highest = self.longest = self.boundary = NO_LIMIT
        self.alignments, self.mapped, self.lists = 0, None, []

    def segments(self):
        """Each entry of each list: its data cut into what is contiguous for everybody."""
        rows = []
        for index, (offset, _, _, slots) in enumerate(self.lists):
            for address, length, slot, name, flags in slots:
                row = {'list': index, 'slot': slot, 'in': name, 'address': address,
                       'length': length, 'writes': bool(flags & WRITES), 'own': bool(flags & OWN),
                       'parts': [], 'note': ''}
                rows.append(row)
                if row['own']:
                    continue
                row['offset'] = offset
                end = offset + length
                while offset < end:
                    cuts = [each.cut(offset) for each in (self.virtual, self.physical, self.bounce)]
                    stop = min([end] + [cut for cut in cuts if cut is not None])
                    home = self.physical.at(offset)
                    row['parts'].append({
                        'offset': offset, 'length': stop - offset,
                        'virtual': self.virtual.at(offset), 'physical': home,
                        'elsewhere': self.bounce.at(offset)})
                    offset = stop
        self.judge([row for row in rows if not row['own']])
        return rows

    def judge(self, rows):
        """Which limit made what of it."""
        for row, following in zip(rows, rows[1:] + [None]):
            away = sum(part['length'] for part in row['parts'] if part['elsewhere'] is not None)
            row['bounced'] = {'bits': 0, 'alignment': 0}
            for part in row['parts']:
                if part['elsewhere'] is not None:
                    high = (part['physical'] or 0) + part['length'] - 1 > self.highest
                    row['bounced']['bits' if high else 'alignment'] += part['length']
            row['cut'] = ''
            end = row['address'] + row['length']
            if following is not None and end == following['address']:
                row['cut'] = ('longest' if row['length'] == self.longest else
                              'boundary' if self.boundary != NO_LIMIT and
                              end & self.boundary == 0 else
                              'full' if following['list'] != row['list'] else 'alignment')
            row['note'] = '; '.join(filter(None, [
                away and 'bounced: ' + ('above the address bits' if row['bounced']['bits'] else
                                        'misaligned'),
                row['cut'] and 'cut: ' + CUTS[row['cut']]]))


CUTS = {'longest': 'the largest segment', 'boundary': 'a boundary', 'full': 'the list is full',
        'alignment': 'an alignment, or where the other side ends'}


class Request:
    def __init__(self, event, command, size, direction, time):
        self.event, self.command, self.bytes, self.direction = event, command, size, direction
        self.times = dict.fromkeys(STEPS)
        self.times['started'] = time
        self.status = self.moved = self.answer = None
        self.sides = [Side(command, direction)]

    def end(self, last):
        ended = self.times['completed'] or self.times['ended'] or self.times['answered']
        return last if self.status is None or ended is None else ended

    def begin(self):
        return self.times['started'] if self.times['prepared'] is None else self.times['prepared']

    def side(self, command):
        return next((side for side in self.sides if side.command == command), None)

    def segments(self):
        return [(side, side.segments()) for side in self.sides]


class Recording:
    """Times are nanoseconds from the first event on."""

    def __init__(self, name, status, reports=()):
        self.name, self.status, self.reports = name, status, list(reports)
        kinds, events, self.size, self.count = read_ring()
        frequency = number(static('timer.c', 'timers')['frequency']) or 10**9
        origin = events[0][2] if events else 0
        self.lists = read_lists()
        self.take([(event, kinds[kind][0], (time - origin) * 10**9 // frequency,
                    list(zip(kinds[kind][1], values))) for event, kind, time, values in events])
        log, began = read_vdma_log()
        for tick, what, fields in log:
            if tick >= origin:
                self.instants.append((0, what, (tick - origin) * 10**9 // frequency,
                                      list(fields.items())))
        # A watch does not say when; of whose bytes it was, that request's beginning is known.
        for report in self.reports:
            rule, fields = record_of(report)
            tick = began.get(dict(fields).get('request'), 0)
            if tick >= origin and tick:
                self.instants.append((0, 'watch ' + rule, (tick - origin) * 10**9 // frequency,
                                      fields))
        self.instants.sort(key=lambda one: one[2])
        self.end = max([self.end] + [one[2] for one in self.instants])

    def take(self, events):
        """(event, kind, time, [(name, value)]) in their order."""
        self.lost = max(0, self.count - self.size)
        self.end = max([event[2] for event in events] or [0])
        self.requests, self.instants = [], []
        self.orphans = 0  # what belongs to a request whose beginning is lost
        self.current, self.prepared, self.starters, self.ringing = {}, {}, {}, {}
        for event, kind, time, values in events:
            handler = getattr(self, 'on_' + kind, None)
            fields = [value for _, value in values]
            if handler is None or handler(event, time, *fields) is False:
                self.instants.append((event, kind, time, values))
        self.lanes = self.place()

    def place(self):
        """A lane for each request, in which no other one is at the same time."""
        lanes = []
        for request in sorted(self.requests, key=lambda one: (one.begin(), one.event)):
            begin = request.begin()
            lane = next((i for i, free in enumerate(lanes) if free <= begin), len(lanes))
            free = request.end(float('inf'))
            lanes[lane:lane + 1] = [max(free, begin)]
            request.lane = lane
        return len(lanes)

    # What each kind of event says; False: it is shown as an instant of its own, too.

    def request(self, command):
        """The request that a command is in, by its own name or as the other side."""
        command = self.starters.get(command, command)
        found = self.current.get(command)
        self.orphans += found is None
        return found

    def side(self, command):
        request = self.request(command)
        return request.side(command) if request else None

    def on_dma_prepare(self, event, time, command, offset, size):
        self.prepared[command] = time

    def on_dma_start(self, event, time, command, size, direction):
        request = Request(event, command, size, direction, time)
        request.times['prepared'] = self.prepared.pop(command, None)
        self.requests.append(request)
        self.current[command] = request
        self.starters.pop(command, None)

    def on_dma_lent(self, event, time, command, starter, direction):
        request = self.request(starter)
        if request:
            request.sides.append(Side(command, direction))
            self.starters[command] = starter

    def on_dma_limits(self, event, time, command, highest, alignments):
        side = self.side(command)
        if side:
            side.highest, side.alignments = highest, alignments

    def on_dma_cuts(self, event, time, command, longest, boundary):
        side = self.side(command)
        if side:
            side.longest, side.boundary = longest, boundary

    def add_step(self, name, command, offset, address):
        side = self.side(command)
        if side:
            getattr(side, name).add(offset, address)

    def on_dma_virtual(self, event, time, command, offset, address):
        self.add_step('virtual', command, offset, address)

    def on_dma_physical(self, event, time, command, offset, address):
        self.add_step('physical', command, offset, address)

    def on_dma_bounce(self, event, time, command, offset, address):
        self.add_step('bounce', command, offset, address)

    def on_dma_mapped(self, event, time, command, address, size):
        side = self.side(command)
        if side:
            side.mapped = (address, size)

    def on_dma_issue(self, event, time, command, offset, device):
        side, request = self.side(command), self.request(command)
        if side:
            side.lists.append((offset, device, time, []))
            if request.times['told'] is None:
                request.times['told'] = time
                self.ringing.setdefault(device, []).append(request)

    def on_dma_slot(self, event, time, command, address, slot):
        side = self.side(command)
        if side and side.lists:
            name = slot >> 48 & 0xff
            side.lists[-1][3].append((address, slot & 0xffffffff, slot >> 32 & 0xffff,
                                      self.lists[name] if name < len(self.lists) else '?',
                                      slot >> 56))

    def on_doorbell(self, event, time, device, value, queue):
        for request in self.ringing.pop(device, []):
            request.times['doorbell'] = time
        return False

    def on_dma_notify(self, event, time, command, moved, status):
        request = self.request(command)
        if request:
            request.times['answered'] = time
            request.status, request.moved = status & 0xffffffff, moved

    def on_dma_end(self, event, time, command, moved, status):
        request = self.request(command)
        if request and request.times['ended'] is None:
            request.times['ended'] = time
            request.status, request.moved = status & 0xffffffff, moved

    def on_dma_complete(self, event, time, command, size, status):
        self.prepared.pop(command, None)
        request = self.current.get(command)
        if request and request.times['ended'] is not None:
            request.times['completed'] = time
            for side in request.sides:
                self.starters.pop(side.command, None)
            del self.current[command]

    def on_dma_copy(self, event, time, command, size, towards):
        return False

    def on_vdma_answer(self, event, time, command, code, rule):
        request = self.current.get(command)
        if request:
            request.answer = (code, rule)
        return False

    # Totals.

    def totals(self):
        ended = [request for request in self.requests if request.status == 0]
        counts = {}
        for _, kind, _, _ in self.instants:
            counts[kind] = counts.get(kind, 0) + 1
        limits = {'bits': 0, 'alignment': 0, 'longest': 0, 'boundary': 0, 'full': 0, 'other': 0}
        segments = data = 0
        for request in self.requests:
            for _, rows in request.segments():
                for row in rows:
                    segments += 1
                    if not row['own']:
                        data += 1
                        for why, size in row['bounced'].items():
                            limits[why] += size
                        if row['cut']:
                            limits['other' if row['cut'] == 'alignment' else row['cut']] += 1
        copies = sum(dict(values)['bytes'] for _, kind, _, values in self.instants
                     if kind == 'dma_copy')
        return {'requests': len(self.requests), 'good': len(ended),
                'unfinished': sum(request.status is None for request in self.requests),
                'moved': sum(request.moved for request in ended), 'most': self.lanes,
                'entries': segments, 'segments': data, 'copied': copies, 'limits': limits,
                'counts': counts}


def outcome(request):
    if request.status is None:
        return 'unfinished'
    return 'success' if request.status == 0 else '%#010x' % request.status


def direction(number_of_it):
    return {0: 'None', 1: 'In', 2: 'Out', 3: 'OutIn'}.get(number_of_it & 3)
