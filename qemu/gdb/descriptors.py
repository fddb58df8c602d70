# SPDX-License-Identifier: BSD-2-Clause
"""Memory descriptors, maps and DMA commands."""
from image import (DIRECTIONS, at, bits, chain, classes, head, identify, number, plural, say,
                   symbol, task_name)

# --- Runs of addresses -----------------------------------------------------------------------


def show_runs(runs, depth, most=64):
    """struct memory_runs: offset, address, bytes."""
    count = number(runs['count'])
    start = 0
    for i in range(min(count, most)):
        run = runs['list'][i]
        end = number(run['end'])
        say('%8d  %#014x  %8d' % (start, number(run['address']), end - start), depth)
        start = end
    if count > most:
        say('... and %d more' % (count - most), depth)


def count_pages(runs):
    """struct memory_runs: pages that each run touches."""
    count = start = 0
    for i in range(number(runs['count'])):
        run = runs['list'][i]
        address, end = number(run['address']), number(run['end'])
        count += (address + end - start + 4095 >> 12) - (address >> 12)
        start = end
    return count


# --- md ---------------------------------------------------------------------------------------

FLAGS = [(0x4000, 'Redirected'), (0x8000, 'PreparedReadOnly'), (0x100000, 'ThreadSafe')]


def show_maps(base, depth):
    maps = list(chain(base['mappings'], 'next'))
    if maps:
        say('maps: %d' % len(maps), depth)
    for each in maps:
        show_map(each, depth + 1)


def show_map(each, depth):
    state = 'mapped at' if each['mapped'] else 'wants to be at'
    notes = [name for name in ('recorded', 'blocked', 'outlived') if each[name]]
    say('IOMemoryMap %#x: bytes [%d, +%d) %s %#x of %s, options %#x, cache mode %d%s' % (
        number(each.address), number(each['offset']), number(each['length']), state,
        number(each['address']), task_name(each['task']), number(each['options']),
        number(each['cache']), ''.join(', ' + note for note in notes)), depth)


def show_general(pointer, depth):
    self = at(pointer, 'struct IOGeneralMemoryDescriptor')
    is_physical = number(self['super']['flags']) & 0xf0 == 0x20
    where = 'physical' if is_physical else task_name(self['task'])
    say('ranges (%s): %d' % (where, number(self['rangeCount'])), depth)
    for i in range(min(number(self['rangeCount']), 64)):
        one = self['ranges'][i]
        say('%#018x  %8d' % (number(one['address']), number(one['length'])), depth + 1)
    if number(self['resident']) == 0:
        say('pages: not prepared', depth)
        return
    runs = self['resident'].dereference()
    say('pages: %d pinned, %s' % (count_pages(self['wired']),
                                  plural(number(runs['count']), 'physical run')), depth)
    show_runs(runs, depth + 1)


def show_composite(pointer, depth):
    self = at(pointer, 'struct IOCompositeMemory')
    start = 0
    say('parts: %d' % number(self['count']), depth)
    for i in range(min(number(self['count']), 64)):
        part = self['parts'][i]
        end = number(part['end'])
        say('[%d, %d): from byte %d of' % (start, end, number(part['start'])), depth + 1)
        show_descriptor(part['memory'], depth + 2)
        start = end


def show_descriptor(pointer, depth=0):
    names = identify(pointer, 'IOMemoryDescriptor')
    base = at(pointer, 'struct IOMemoryDescriptor')
    flags = number(base['flags'])
    head(pointer, names, depth)
    say('%s, direction %s, options %#x (%s)' % (
        plural(number(base['length']), 'byte'), DIRECTIONS[flags & 3], flags,
        bits(flags & 0x10c000, FLAGS)), depth + 1)
    say('prepared %s, DMA active %d, tag %d' % (
        plural(number(base['wireCount']), 'time'), number(base['dmaActive']),
        number(base['tag'])), depth + 1)
    if 'IOBufferMemoryDescriptor' in names:
        buffer = at(pointer, 'struct IOBufferMemoryDescriptor')
        say('capacity %d' % number(buffer['capacity']), depth + 1)
    if 'IOGeneralMemoryDescriptor' in names:
        show_general(pointer, depth + 1)
    elif {'IOSubMemoryDescriptor', 'IOMultiMemoryDescriptor',
          'IOInterleavedMemoryDescriptor'} & set(names):
        show_composite(pointer, depth + 1)
    show_maps(base, depth + 1)


# --- dma --------------------------------------------------------------------------------------

NO_LIMIT = 0xffffffffffffffff


def limit(value):
    return 'any' if value == NO_LIMIT else '%d' % value


def show_limits(limits, depth):
    highest = number(limits['highest'])
    say('address up to %s, segment up to %s bytes, transfer up to %s bytes' % (
        'any' if highest == NO_LIMIT else '%#x' % highest, limit(number(limits['longest'])),
        limit(number(limits['transfer']))), depth)
    boundary = number(limits['boundaryMask'])
    say('alignment: first %d, others %d, length %d, ends %d; boundary %s' % (
        number(limits['firstMask']) + 1, number(limits['startMask']) + 1,
        number(limits['lengthMask']) + 1, number(limits['endMask']) + 1,
        'none' if boundary == NO_LIMIT else '%d' % (boundary + 1)), depth)


def show_command(pointer):
    head(pointer, identify(pointer, 'IODMACommand'), 0)
    self = at(pointer, 'struct IODMACommand')
    spec = self['spec']
    if number(spec['output']) == 0:
        say('no specification', 1)
    else:
        say('segments by %s, %s address bits, options %#x' % (
            symbol(spec['output']), number(spec['addressBits']) or 'any',
            number(spec['options'])), 1)
        show_limits(spec['limits'], 1)
    mapper = number(spec['mapper'])
    say('mapper: %s' % ('%s %#x' % (classes(mapper)[0], mapper) if mapper else
                        'none, addresses are physical'), 1)
    if number(self['memory']) == 0:
        say('memory: none', 1)
        return
    say('memory:', 1)
    show_descriptor(self['memory'], 2)
    if number(self['active']) == 0:
        say('not prepared', 1)
        return
    owner = str(self['owner']).replace('kIODMAOwner', '')
    say('prepared %s: bytes [%d, +%d), direction %s, owner: %s' % (
        plural(number(self['active']), 'time'), number(self['offset']), number(self['length']),
        DIRECTIONS.get(number(self['direction']) & 3), owner), 1)
    if number(self['map']['fMapper']):
        say('mapped at I/O address %#x, %d bytes' % (
            number(self['map']['fAlloc']), number(self['map']['fAllocLength'])), 1)
    if self['hasRuns']:
        say('the device sees (offset in the prepared range, I/O address, bytes):', 1)
        show_runs(self['runs'], 2)
    else:
        say('the device sees the pages of the memory itself', 1)
    bounce = self['bounce']
    if number(self['copy']):
        say('all of it is a copy, in', 1)
        show_descriptor(self['copy'], 2)
    say('bounced: %s in %s' % (plural(number(bounce['bytes']), 'byte'),
                               plural(number(bounce['count']), 'piece')), 1)
    for i in range(min(number(bounce['count']), 64)):
        island = bounce['islands'][i]
        say('[%d, %d) at %#x' % (number(island['start']), number(island['end']),
                                 number(island['address'])), 2)
