# SPDX-License-Identifier: BSD-2-Clause
"""A run as Chrome-trace JSON, for Perfetto: each request an async track, all else instants."""
from recording import direction, outcome


def phases(request, last):
    """(name, begin, end) of what a request went through, each from where the last one ended."""
    times, end = request.times, request.end(last)
    device = times['doorbell'] if times['doorbell'] is not None else times['told']
    marks = [('prepared', times['prepared']), ('submitted', times['started']),
             ('device', device), ('completed', times['answered'])]
    marks = [(name, time) for name, time in marks if time is not None]
    for (name, begin), (_, stop) in zip(marks, marks[1:] + [('', end)]):
        yield name, begin, max(begin, stop)


def chrome(run):
    """The JSON object of the Trace Event Format; times in microseconds, in order."""
    out = [{'ph': 'M', 'pid': 1, 'name': 'process_name', 'args': {'name': run.name}},
           {'ph': 'M', 'pid': 1, 'tid': 1, 'name': 'thread_name', 'args': {'name': 'CPU'}}]
    timed = []

    def add(time, order, entry):
        timed.append((time, order, len(timed), dict(entry, ts=time / 1000, pid=1, tid=1)))

    for _, kind, time, values in run.instants:
        add(time, 1, {'ph': 'i', 's': 't', 'name': kind, 'cat': 'kernel',
                      'args': {name: '%#x' % value for name, value in values}})
    for request in run.requests:
        common = {'cat': 'dma', 'id': request.event,
                  'name': '%d bytes %s' % (request.bytes, direction(request.direction))}
        add(request.begin(), 1, dict(common, ph='b', args={
            'command': '%#x' % request.command, 'bytes': request.bytes}))
        for name, begin, end in phases(request, run.end):
            add(begin, 1, dict(common, ph='b', name=name))
            add(end, 1, dict(common, ph='e', name=name))
        add(request.end(run.end), 1, dict(common, ph='e', args={
            'outcome': outcome(request), 'moved': request.moved}))
    timed.sort(key=lambda one: (one[0], one[2]))
    return {'displayTimeUnit': 'ns', 'traceEvents': out + [entry for _, _, _, entry in timed],
            'otherData': {'status': run.status, 'events': run.count, 'lost': run.lost,
                          'reports': run.reports}}
