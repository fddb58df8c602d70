# SPDX-License-Identifier: BSD-2-Clause
"""gdb's view of a dmakit image, on a machine that runs or on memory that one left behind.

`source dmakit.py` adds the commands below (`help dmakit` lists them). They only read: no
function of the image is called, so they work on a core file (run.sh --core) as well, and
while the image is in whatever state.

    md OBJECT       a memory descriptor or map: class, ranges, state, pages, maps, parts
    dma COMMAND     a DMA command: limits, what is prepared, its segments and what is bounced
    ring [QUEUE]    a virtqueue, or all: indices, and the chains that the device holds
    mappings [X]    what a mapper, or that of a device, translates; of all mappers
    vm [TASK]       the ranges of an address space; the kernel's without a task
    pages           RAM: what is free, and whose the rest is
    trace           the events of kernel/trace.h, oldest first
    report [FILE]   the same as a page, FILE.json for Perfetto, pictures
    memory          what the kernel's page tables map
    crash           where the image was when it panicked
"""
import os
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True  # the folder may be somebody else's

from descriptors import show_command, show_descriptor, show_map  # noqa: E402
from devices import mapper_of, show_mapper, show_queue  # noqa: E402
from image import argument, at, chain, classes, head, number, say, static  # noqa: E402
from memory_map import show_memory  # noqa: E402
from report import write as write_report  # noqa: E402
from machine import show_crash, show_pages, show_task, show_trace  # noqa: E402


class Command(gdb.Command):
    def __init__(self, name, what, run):
        self.__doc__ = what
        self.run = run
        super().__init__(name, gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, text, from_tty):
        try:
            self.run(text)
        except gdb.MemoryError as fault:
            raise gdb.GdbError('that leads to no memory: %s' % fault)
        except gdb.GdbError:
            raise
        except gdb.error as fault:
            raise gdb.GdbError(str(fault))


def run_md(text):
    pointer = argument(text, 'descriptor')
    if 'IOMemoryMap' in classes(pointer):
        head(pointer, classes(pointer), 0)
        each = at(pointer, 'struct IOMemoryMap')
        show_map(each, 1)
        if number(each['memory']):
            show_descriptor(each['memory'], 1)
        return
    show_descriptor(pointer)


def run_ring(text):
    if text.strip():
        show_queue(argument(text, 'queue'))
        return
    queues = [queue.address for queue in chain(static('queue_create.c', 'queues'), 'next')]
    for queue in queues:
        show_queue(queue)
    if not queues:
        say('there is no virtqueue')


def run_mappings(text):
    if text.strip():
        show_mapper(mapper_of(argument(text, 'device or mapper')))
        return
    mappers = [mapper.address for mapper in chain(static('IOMapper_start.c', 'started'), 'next')]
    system = gdb.parse_and_eval('IOMapper_gSystem')
    if number(system) and number(system) not in [number(mapper) for mapper in mappers]:
        mappers.append(system)
    for mapper in mappers:
        show_mapper(mapper)
    if not mappers:
        say('no mapper has been started under an identity, and none is the system\'s')


def run_vm(text):
    task = argument(text or 'kernel_task', 'task')
    show_task(at(task, 'struct task'))


def run_report(text):
    """run.sh says by the environment what it wants: the page, the image and its status."""
    asked = os.environ.get('DMAKIT_REPORT', '').split('\n')
    path = text.strip() or asked[0]
    if not path:
        raise gdb.GdbError('which file?')
    name, status = asked[1:] if len(asked) == 3 else (gdb.current_progspace().filename, 'none')
    try:
        write_report(path, os.path.basename(name), status)
    except OSError as fault:
        raise gdb.GdbError(str(fault))


COMMANDS = [
    ('md', 'md OBJECT: a memory descriptor or a map, and all below it.',
     run_md),
    ('dma', 'dma COMMAND: an IODMACommand: its limits, memory, segments and bounce memory.',
     lambda text: show_command(argument(text, 'command'))),
    ('ring', 'ring [QUEUE]: a virtqueue and the chains in flight; without one, all queues.',
     run_ring),
    ('mappings', 'mappings [DEVICE or MAPPER]: I/O addresses that are translated.',
     run_mappings),
    ('vm', 'vm [TASK]: the ranges of an address space; without a task the kernel\'s.',
     run_vm),
    ('pages', 'pages: RAM by owner.',
     lambda text: show_pages()),
    ('trace', 'trace: the events of kernel/trace.h that the ring holds.',
     lambda text: show_trace()),
    ('report', 'report FILE: what happened, as a page; FILE.json is the same for Perfetto, FILE.svg and FILE.memory.svg pictures.',
     run_report),
    ('memory', 'memory: what the page tables of the kernel map, and how.',
     lambda text: show_memory()),
    ('crash', 'crash: the backtrace of the panic that ended the image.',
     lambda text: show_crash()),
]


def show_help(text):
    for _, what, _ in COMMANDS:
        say(what)


for command in COMMANDS:
    Command(*command)
Command('dmakit', 'dmakit: list the commands that know a dmakit image.', show_help)
