# SPDX-License-Identifier: BSD-2-Clause
"""The kernel: address spaces, pages, the ring of events, and where it has panicked."""
import gdb

from image import at, lookup, number, plural, say, symbol, task_name
from recording import read_ring

# --- vm ---------------------------------------------------------------------------------------

MEMORIES = ['', ' write-through', ' non-cached', ' device', ' device-nGnRE', ' device-nGRE',
            ' device-GRE']


def show_task(task):
    where = number(task['map'])
    if where == 0:
        say('the task is dead')
        return
    ranges = at(where, 'struct vm_map')['ranges']
    node = ranges['ranges']['root']
    while number(node) and number(node.dereference()['left']):
        node = node.dereference()['left']
    say('%s: address space %#x, %s' % (task_name(task.address), where,
                                       plural(number(ranges['count']), 'range')))
    entry_type = lookup('struct vm_entry').pointer()
    last = number(ranges['last'].address)
    while number(node) and number(node) != last:
        entry = node.cast(entry_type).dereference()
        show_range(entry)
        node = entry['node']['next']


def show_range(entry):
    one = entry['range']
    access = number(one['access'])
    text = '%#018x-%#018x %s' % (number(entry['node']['start']), number(entry['node']['end']),
                                 ''.join(letter if access & bit else '-'
                                         for bit, letter in ((1, 'r'), (2, 'w'), (4, 'x'))))
    target = number(one['object'])
    if target == 0:
        say(text + ' reserved', 1)
        return
    thing = at(target, 'struct vm_object')
    offset = number(one['offset'])
    if thing['physical']:
        text += ' physical %#x' % (number(thing['base']['value']) + offset)
    else:
        text += ' object %#x + %#x, %d of %d pages resident' % (
            target, offset, number(thing['resident']), number(thing['pages']))
    say(text + MEMORIES[number(one['memory'])] + (' blocked' if entry['blocked'] else ''), 1)


# --- pages ------------------------------------------------------------------------------------


def show_pages():
    pool = gdb.parse_and_eval('page_pool')
    owners = [field.name for field in lookup('enum page_owner').fields()][:-1]
    owned = [0] * len(owners)
    allocated = [number(gdb.parse_and_eval('RECORD_ALLOCATED')),
                 number(gdb.parse_and_eval('RECORD_BLOCK'))]
    ready = number(gdb.parse_and_eval('SECTION_READY'))
    inferior = gdb.selected_inferior()
    sections = bytes(inferior.read_memory(number(pool['sections']), number(pool['section_count'])))
    for section, state in enumerate(sections):
        if state == ready:
            records = bytes(inferior.read_memory(number(pool['records']) + section * 32768, 32768))
            for state_at in range(1, 32768, 32):
                if records[state_at] in allocated:
                    owned[records[state_at - 1]] += 1
    total, reserved = number(pool['total']), number(pool['reserved'])
    say('%d pages: %d reserved, %d allocated, %d free' % (
        total, reserved, sum(owned), total - reserved - sum(owned)))
    for name, count in zip(owners[1:], owned[1:]):
        if count:
            say('%8d  %s' % (count, name.replace('PAGE_OWNER_', '').lower()), 1)
    say('%s, %d in quarantine; %s refused' % (plural(number(pool['pins']), 'pin'),
                                              number(pool['quarantined']),
                                              plural(number(pool['failures']), 'request')))


# --- trace ------------------------------------------------------------------------------------


def show_trace():
    kinds, events, size, count = read_ring()
    say('trace: %d events, %d of them lost' % (count, max(0, count - size)))
    whole = {event: (kind, values) for event, kind, _, values in events}
    for event in range(max(0, count - size) + 1, count + 1):
        if event not in whole:
            say('  %d was being written' % event)
            continue
        kind, values = whole[event]
        name, names = kinds[kind]
        say('  %d %s %s' % (event, name, ' '.join('%s=%#x' % pair for pair in zip(names, values))))


# --- crash ------------------------------------------------------------------------------------


def place(address):
    found = gdb.find_pc_line(address)
    text = '  [<%016x>] %s' % (address, symbol(address))
    if found.symtab is not None:
        text += ' at %s:%d' % (found.symtab.filename, found.line)
    return text


def show_crash():
    origin = gdb.parse_and_eval('backtrace_origin')
    pc, link, frame = (number(origin[name]) for name in ('pc', 'link', 'frame'))
    if pc == 0:
        raise gdb.GdbError('this image has not panicked')
    say(place(pc))
    words = lookup('unsigned long').pointer()
    shown = set()
    for _ in range(32):
        if frame in shown or frame % 8:
            return
        shown.add(frame)
        try:
            record = gdb.Value(frame).cast(words)
            caller, back = number(record[0]), number(record[1])
        except gdb.MemoryError:
            return
        if len(shown) == 1 and link and back != link and symbol(link) != '%#x' % link:
            say(place(link - 4))
        if back == 0:
            return
        say(place(back - 4))
        frame = caller
