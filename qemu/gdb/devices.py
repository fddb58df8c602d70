# SPDX-License-Identifier: BSD-2-Clause
"""What devices are told: virtqueues, and the translations of mappers."""
import struct

import gdb

from image import (Bad, DIRECT_MAP, PAGE, at, bits, chain, classes, head, identify, lookup,
                   number, plural, say)

# --- ring -------------------------------------------------------------------------------------


def swap_free(value):
    """drivers/shared.h wraps what a device writes in a structure of one member."""
    while value.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        value = value[value.type.fields()[0]]
    return number(value)


def show_entry(entry, i, depth):
    rest = number(entry['rest'])
    length, flags, following = rest & 0xffffffff, rest >> 32 & 0xffff, rest >> 48
    words = bits(flags, [(1, 'NEXT'), (2, 'WRITE'), (4, 'INDIRECT')])
    say('[%3d] %#014x  %8d  %s%s' % (i, number(entry['address']), length,
                                     '' if words == 'none' else words,
                                     ' %d' % following if flags & 1 else ''), depth)
    return flags, following


def show_chain(queue, slot, depth):
    ring_id = slot << number(queue['id_shift'])
    entries, i = queue['desc'], ring_id
    flags = number(entries[i]['rest']) >> 32 & 0xffff
    if flags & 4:
        show_entry(entries[i], i, depth)
        entries, i, depth = at(DIRECT_MAP + number(entries[i]['address']),
                               'struct virtq_desc').address, 0, depth + 1
    for _ in range(number(queue['mask']) + 2):
        flags, i = show_entry(entries[i], i, depth)
        if not flags & 1:
            return
    say('... a loop', depth)


# In the order of enum virtq_tables.
CHAINS = ['chains in the ring', 'tables', 'packed, tables', 'packed, chains in the ring']


def show_queue(pointer):
    queue = at(pointer, 'struct virtq')
    size = number(queue['mask']) + 1
    held = [slot for slot in range(number(queue['slot_mask']) + 1)
            if number(queue['slots'][slot]['token'])]
    say('virtq %#x, queue %d: %d entries, %s%s' % (
        number(pointer), number(queue['index']), size,
        CHAINS[number(queue['tables'])],
        ', event index' if queue['event_index'] else ''))
    if number(queue['broken']):
        say('BROKEN: %s' % queue['broken'].string(), 1)
    say('avail: %d submitted, %d published, the device is told %d' % (
        number(queue['avail_index']) & 0xffff, number(queue['published']) & 0xffff,
        number(queue['avail']['index'])), 1)
    say('used: %d taken, the device says %d' % (
        number(queue['used_index']), swap_free(queue['used']['index'])), 1)
    say('in flight: %s' % plural(len(held), 'chain'), 1)
    for slot in held:
        say('slot %d, token %#x, %d writable bytes' % (
            slot, number(queue['slots'][slot]['token']),
            number(queue['slots'][slot]['writable'])), 1)
        show_chain(queue, slot, 2)


# --- mappings ---------------------------------------------------------------------------------


def test_mapper_entries(pointer):
    """The mapper without hardware of tests/lib/portable."""
    self = at(pointer, 'struct test_mapper')
    low, high = self['tables'].type.range()
    for i in range(low, high + 1):
        table = self['tables'][i]
        if not number(table):
            continue
        entries = table.dereference()['entries']
        for j in range(512):
            word = number(entries[j]['physical'])
            if word:
                yield (i * 512 + j) * PAGE, word & ~(PAGE - 1), word & (PAGE - 1), PAGE


def smmu_table(table, base, size):
    """What the unit finds in a table whose entries span `size` bytes each."""
    words = struct.unpack('<512Q', gdb.selected_inferior().read_memory(table, PAGE))
    for i, word in enumerate(words):
        target = word & 0xfffffffff000
        if word & 1 and size > PAGE and word & 2:
            yield from smmu_table(DIRECT_MAP + target, base + i * size, size >> 9)
        elif word & 1:
            yield base + i * size, target, 1 if word & 0x80 else 3, size


def smmu_entries(pointer):
    """The tables of a stream, three levels of them, as the SMMUv3 walks them."""
    root = at(pointer, 'struct smmu_domain')['space']['root']
    return smmu_table(number(root['entries']), 0, 1 << 30)


# By class of mapper: (I/O address, physical address, access, bytes) of each entry, in order.
MAPPERS = {'TestMapper': test_mapper_entries, 'SMMUv3Stream': smmu_entries}


def joined(entries):
    """Neighbours that continue each other, as one."""
    run = None
    for address, target, access, size in entries:
        if run and run[0] + run[3] == address and run[1] + run[3] == target and run[2] == access:
            run[3] += size
            continue
        if run:
            yield run
        run = [address, target, access, size]
    if run:
        yield run


def show_mapper(pointer):
    names = identify(pointer, 'IOMapper')
    self = at(pointer, 'struct IOMapper')
    head(pointer, names, 0)
    say('pages of %d bytes%s%s' % (number(self['pageSize']),
                                   ', the system mapper' if self['fIsSystem'] else '',
                                   '' if number(self['provider']) else ', not started'), 1)
    walk = next((MAPPERS[name] for name in names if name in MAPPERS), None)
    if walk is None:
        say('how a %s keeps its translations is not known here' % names[0], 1)
        return
    count = 0
    for address, target, access, size in joined(walk(pointer)):
        say('%#012x -> %#014x  %8d  %s' % (address, target, size,
                                           ''.join(letter for bit, letter in ((1, 'r'), (2, 'w'))
                                                   if access & bit)), 1)
        count += size // PAGE
    say('%s translated' % plural(count, 'page'), 1)


def mapper_of(pointer):
    """Of a device the mapper that was named for it; a mapper is its own."""
    names = classes(pointer)
    if 'IOMapper' in names:
        return pointer
    if 'IOService' not in names:
        raise Bad('%#x is a %s, neither a device nor a mapper' % (number(pointer), names[0]))
    for entry in chain(at(pointer, 'struct IOService')['entries'], 'next'):
        if entry['text'].address.cast(lookup('char').pointer()).string() == 'iommu-parent' and number(entry['object']):
            return entry['object']
    system = gdb.parse_and_eval('IOMapper_gSystem')
    if not number(system):
        raise Bad('no mapper is in front of this device')
    return system
