# SPDX-License-Identifier: BSD-2-Clause
"""Reading an image: values, types, addresses, objects and their classes."""
import gdb

PAGE = 4096
DIRECT_MAP = 0xffff000000000000


def say(text, depth=0):
    gdb.write('    ' * depth + text + '\n')


def number(value):
    return int(value) & 0xffffffffffffffff


def lookup(name):
    """A type by name, with all its members."""
    return gdb.lookup_type(name)


def static(source, name):
    """A variable that is private to a source."""
    try:
        return gdb.parse_and_eval("'%s'::%s" % (source, name))
    except gdb.error:
        raise gdb.GdbError('%s of %s is not in this image' % (name, source))


def at(address, kind):
    return gdb.Value(number(address)).cast(lookup(kind).pointer()).dereference()


def argument(text, what):
    if not text.strip():
        raise gdb.GdbError('which %s? An expression, please' % what)
    value = gdb.parse_and_eval(text)
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_UNION:
        value = value[value.type.fields()[0].name]
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        value = value.address
    if number(value) == 0:
        raise gdb.GdbError('%s is NULL' % text)
    return value


def physical(address):
    """A kernel pointer as a physical address, or None."""
    address = number(address)
    return address - DIRECT_MAP if DIRECT_MAP <= address < DIRECT_MAP + (1 << 46) else None


def symbol(address):
    """The variable or function there, or its address."""
    address = number(address)
    text = gdb.execute('info symbol %#x' % address, to_string=True)
    return text.split(' in section')[0].strip() if ' in section' in text else '%#x' % address


def bits(value, names):
    """Flags by name; what has none in hexadecimal."""
    said = []
    for mask, name in names:
        if value & mask == mask:
            said.append(name)
            value &= ~mask
    if value:
        said.append('%#x' % value)
    return ' '.join(said) or 'none'


def plural(count, one, many=None):
    return '%d %s' % (count, one if count == 1 else many or one + 's')


def chain(first, following):
    while number(first):
        yield first.dereference()
        first = first.dereference()[following]

# --- Objects ---------------------------------------------------------------------------------


class Bad(gdb.GdbError):
    pass


def classes(pointer):
    """Names of the class of an object and of those above it, as its records say."""
    address = number(pointer)
    names = []
    try:
        record = at(address, 'struct OSObject')['metaClass']
        while number(record) and len(names) < 16:
            names.append(record.dereference()['name'].string('latin-1', length=64).split('\0')[0])
            record = record.dereference()['super']
    except gdb.error:
        names = []
    if not names or names[-1] != 'OSObject':
        raise Bad('%#x: no object is there (or it has been freed)' % address)
    return names


def identify(pointer, wanted):
    """The same, of an object that has to be of a class."""
    names = classes(pointer)
    if wanted not in names:
        raise Bad('%#x is a %s, no %s' % (number(pointer), names[0], wanted))
    return names


def references(pointer):
    return number(at(pointer, 'struct OSObject')['references'])


def head(pointer, names, depth):
    say('%s %#x (%s), %s' % (names[0], number(pointer), ' < '.join(names[1:]),
                             plural(references(pointer), 'reference')), depth)


def task_name(task):
    if number(task) == 0:
        return 'no task'
    if number(task) == number(gdb.parse_and_eval('kernel_task')):
        return 'the kernel'
    return 'task %#x' % number(task)


DIRECTIONS = {0: 'None', 1: 'In', 2: 'Out', 3: 'OutIn'}
