# SPDX-License-Identifier: BSD-2-Clause
"""The kernel's half of the address space, of the page tables themselves, as lines and as a picture."""
import html

import gdb

from image import DIRECT_MAP, number, say
from picture import STYLE

MEMORIES = ('normal', 'write-through', 'non-cached', 'device', 'device-nGnRE', 'device-nGRE',
            'device-GRE', '?')
# Where the linker has put what, in its order (linker/virt.ld): the last name at or below counts.
MARKS = (('__image_start', 'code'), ('__rodata_start', 'constants'), ('__data_start', 'data'),
         ('__monitor_base', 'vdma, at EL2'), ('__monitor_end', 'data'), ('__bss_start', 'data'),
         ('__last_stack_guard', 'guard of the last stack'), ('__last_stack_bottom', 'last stack'),
         ('__emergency_stack_guard', 'guard of the emergency stack'),
         ('__emergency_stack_bottom', 'emergency stack'), ('__stack_guard', 'guard of the stack'),
         ('__stack_bottom', 'stack'), ('__image_end', 'free memory'))


def entries(table):
    memory = bytes(gdb.selected_inferior().read_memory(DIRECT_MAP + table, 4096))
    return memoryview(memory).cast('Q')


def leaves(table, level, base):
    """(address, size, physical, access, memory) of what is mapped, in order."""
    size = 1 << (39 - 9 * level)
    for index, entry in enumerate(entries(table)):
        at = base + index * size
        if not entry & 1:
            continue
        physical = entry & 0x0000fffffffff000
        if entry & 2 and level < 3:
            yield from leaves(physical, level + 1, at)
            continue
        # AP[2] says read-only, PXN that EL1 does not execute, AttrIndx which memory (Arm ARM D8.3).
        access = 'r' + ('-' if entry & 1 << 7 else 'w') + ('-' if entry & 1 << 53 else 'x')
        yield at, size, physical & ~(size - 1), access, entry >> 2 & 7


def address_of(name):
    found = gdb.lookup_minimal_symbol(name) if hasattr(gdb, 'lookup_minimal_symbol') else None
    try:
        return number(found.value().address if found else gdb.parse_and_eval('(long)&%s' % name))
    except gdb.error:
        return None


def marks():
    found = [(address_of(name), text) for name, text in MARKS]
    return sorted([mark for mark in found if mark[0] is not None], key=lambda mark: mark[0])


def name_of(start, memory, known):
    if memory >= 3:
        return 'registers of devices'
    name = 'memory before the image'
    for address, text in known:
        if address <= start:
            name = text
    return name


def read():
    """(start, end, physical, access, memory, name), runs of equal pages; cut where another part begins."""
    root = number(gdb.parse_and_eval('mmu_kernel->root.value'))
    known, runs = marks(), []
    for start, size, physical, access, memory in leaves(root, 0, DIRECT_MAP):
        cuts = [start] + [at for at, _ in known if start < at < start + size] + [start + size]
        for begin, end in zip(cuts, cuts[1:]):
            one = [begin, end, physical + begin - start, access, memory,
                   name_of(begin, memory, known)]
            last = runs[-1] if runs else None
            if last and last[1] == begin and last[3:] == one[3:]:
                last[1] = end
            else:
                runs.append(one)
    return runs


def show_memory():
    for start, end, physical, access, memory, name in read():
        say('%016x-%016x -> %012x %s %s, %s' % (start, end - 1, physical, access,
                                                MEMORIES[memory], name))


def size_text(size):
    for unit, text in ((1 << 30, 'GiB'), (1 << 20, 'MiB'), (1 << 10, 'KiB')):
        if size % unit == 0:
            return '%d %s' % (size // unit, text)
    return '%d bytes' % size


COLOURS = {'rwx': 'away', 'r-x': 'code', 'r--': 'home', 'rw-': 'box'}


def picture(plain=False):
    """Lowest addresses first. Plain: what lies in what order with what rights, and nothing of sizes."""
    out, y, last = [], 60, None
    for start, end, physical, access, memory, name in read():
        if plain and last is not None and last[3:] == [access, memory, name]:
            continue  # only where it lies tells it from the one before
        if last is not None and last[1] != start:
            out.append('<text class="small" x="300" y="%d">nothing is mapped</text>' % (y + 8))
            y += 18
        last = [start, end, physical, access, memory, name]
        out.append('<rect class="%s" x="250" y="%d" width="330" height="24" rx="3"/>' % (
            COLOURS.get(access, 'box'), y))
        out.append('<text x="258" y="%d">%s  %s</text>' % (y + 16, access, html.escape(name)))
        if not plain:
            out.append('<text x="10" y="%d">%016x</text><text x="590" y="%d">%s, %s</text>' % (
                y + 16, start, y + 16, size_text(end - start), MEMORIES[memory]))
        else:
            out.append('<text x="590" y="%d">%s</text>' % (y + 16, MEMORIES[memory]))
        y += 28
    title = 'the kernel\'s memory, of its page tables'
    style = STYLE + 'rect.code { fill: #dcefdc; stroke: #4c8a52 }\n' \
        '@media (prefers-color-scheme: dark) { rect.code { fill: #24402a } }\n'
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="800" height="%d" viewBox="0 0 800 %d" '
            'role="img" aria-labelledby="title">\n<title id="title">%s</title>\n<style>%s</style>\n'
            '<rect class="back" width="800" height="%d"/>\n<text x="10" y="20">%s</text>\n'
            '<text class="small" x="10" y="44">r may be read, w written, x executed; never w and x'
            '</text>\n%s\n</svg>\n' % (y + 10, y + 10, title, style, y + 10, title,
                                       '\n'.join(out)))
