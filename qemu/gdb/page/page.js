// SPDX-License-Identifier: BSD-2-Clause
// Draws what is in sight, of the data in the page. Every word of the run's goes in as text.
'use strict';
const run = JSON.parse(document.getElementById('data').textContent);
const byId = (id) => document.getElementById(id);
const svgName = 'http://www.w3.org/2000/svg';

function make(name, attributes, ...children) {
  const element = svg.has(name) ? document.createElementNS(svgName, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
const svg = new Set(['svg', 'g', 'rect', 'text', 'line', 'title']);
const micro = (time) => (time / 1000).toFixed(3) + ' µs';

// Rows that are made when they are seen: a table of any length costs what fits on the screen.
class Rows {
  constructor(box, table, count, cells, chosen) {
    Object.assign(this, {box, table, cells, chosen, at: -1, from: -1});
    this.body = table.tBodies[0];
    this.height = 20;
    box.addEventListener('scroll', () => this.draw());
    table.addEventListener('keydown', (event) => this.key(event));
    table.addEventListener('click', (event) => {
      const row = event.target.closest('tr[data-row]');
      if (row) this.choose(Number(row.dataset.row));
    });
    table.addEventListener('mouseover', (event) => {
      const row = event.target.closest('tr[data-row]');
      if (row && this.hovered) this.hovered(Number(row.dataset.row));
    });
    this.fill(count);
  }
  fill(count) {
    this.count = count;
    this.at = this.from = -1;
    this.table.setAttribute('aria-rowcount', count + 1);
    this.table.removeAttribute('aria-activedescendant');
    this.box.scrollTop = 0;
    this.draw(true);
  }
  draw(anew) {
    const first = Math.max(0, Math.floor(this.box.scrollTop / this.height) - 10);
    if (first === this.from && !anew) return;
    this.from = first;
    const last = Math.min(this.count, first + 60);
    const gap = (rows) => {
      const row = make('tr', {'aria-hidden': 'true'}, make('td', {style: 'padding:0;height:' + rows * this.height + 'px'}));
      return rows > 0 ? [row] : [];
    };
    const rows = gap(first);
    for (let i = first; i < last; i++) {
      const row = make('tr', {id: this.table.id + '-' + i, 'data-row': i, 'aria-rowindex': i + 2, role: 'row',
        'aria-selected': String(i === this.at)});
      for (const text of this.cells(i, row)) row.append(make('td', {role: 'gridcell'}, text));
      rows.push(row);
    }
    this.body.replaceChildren(...rows, ...gap(this.count - last));
  }
  choose(row, silent) {
    if (row < 0 || row >= this.count) return;
    this.at = row;
    const top = row * this.height;
    if (top < this.box.scrollTop || top > this.box.scrollTop + this.box.clientHeight - 2 * this.height) {
      this.box.scrollTop = Math.max(0, top - this.box.clientHeight / 2);
    }
    this.draw(true);
    this.table.setAttribute('aria-activedescendant', this.table.id + '-' + row);
    if (!silent) this.chosen(row);
  }
  key(event) {
    const steps = {ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -this.count, End: this.count};
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.choose(Math.min(this.count - 1, Math.max(0, this.at + steps[event.key])));
  }
}

// --- One request --------------------------------------------------------------------------------

let current = -1, parts = [];
const detail = byId('detail');

function describe(request, i) {
  const times = run.steps.map((name, step) => request.times[step] === null ? null : name + ' ' + micro(request.times[step]));
  return 'request ' + (i + 1) + ': ' + request.bytes + ' bytes ' + request.direction + ', ' + request.outcome +
    (request.moved === null ? '' : ', ' + request.moved + ' moved') + '\ncommand ' + request.command + '; ' +
    times.filter((text) => text !== null).join(', ') + (request.answer ? '\nvdma: ' + request.answer : '') +
    request.sides.map((side) => '\n' + side.text).join('');
}

function partsOf(request) {
  const found = [];
  request.sides.forEach((side, number) => side.rows.forEach((row, index) => {
    const [own, list, where, address, length, writes, note, pieces] = row;
    const common = {side: number, index, where, address, length, writes, note, own};
    if (own) found.push({...common, offset: null, bytes: length});
    pieces.forEach(([offset, bytes, virtual, physical, elsewhere], piece) =>
      found.push({...common, offset, bytes, virtual, physical, elsewhere, first: piece === 0}));
  }));
  return found;
}

function cellsOfPart(i, row) {
  const part = parts[i];
  if (part.elsewhere) row.className = 'bounced';
  return [part.offset === null ? '' : part.offset, part.virtual || '', part.physical || '', part.bytes,
    part.elsewhere || '', part.first || part.own ? part.address : '″', part.first || part.own ? part.length : '″',
    part.first || part.own ? part.where : '″', (part.writes ? 'written' : 'read') + (part.own ? ', the driver’s own' : ''),
    part.first ? part.note : ''];
}
const segments = new Rows(byId('segment-box'), byId('segments'), 0, cellsOfPart, (row) => markPiece(row));
segments.hovered = (row) => markPiece(row);

// The descriptor's bytes from left to right: ranges, pages, segments.
function drawStrip() {
  const box = byId('strip'), data = parts.filter((part) => part.offset !== null);
  const from = Math.min(...data.map((part) => part.offset)), to = Math.max(...data.map((part) => part.offset + part.bytes));
  const picture = make('svg', {width: 1000, height: 62, viewBox: '0 0 1000 62', role: 'img',
    'aria-label': data.length + ' pieces of the descriptor, from byte ' + from + ' to ' + to});
  const x = (offset) => 80 + 910 * (offset - from) / Math.max(1, to - from);
  ['virtual', 'physical', 'segments'].forEach((name, line) => picture.append(make('text', {x: 0, y: 14 + 20 * line}, name)));
  parts.forEach((part, i) => {
    if (part.offset === null || x(part.offset + part.bytes) - x(part.offset) < 0.3) return;
    [part.virtual, part.physical, part.address].forEach((address, line) => {
      const parity = line === 2 ? part.index % 2 : i % 2;
      const piece = make('rect', {x: x(part.offset), y: 2 + 20 * line, height: 16, 'data-part': i,
        width: Math.max(0.5, x(part.offset + part.bytes) - x(part.offset)),
        class: 'piece' + (parity ? ' odd' : '') + (part.elsewhere && line === 2 ? ' away' : '')},
        make('title', {}, 'bytes ' + part.offset + ' to ' + (part.offset + part.bytes) + ' at ' + address));
      piece.addEventListener('click', () => segments.choose(i));
      piece.addEventListener('mouseenter', () => markPiece(i));
      picture.append(piece);
    });
  });
  box.replaceChildren(...(data.length ? [picture] : []));
}

function markPiece(row) {
  for (const old of document.querySelectorAll('.piece.on')) old.classList.remove('on');
  for (const piece of document.querySelectorAll('[data-part="' + row + '"]')) piece.classList.add('on');
  const part = parts[row];
  byId('part').textContent = part.offset === null ? 'a driver’s own ' + part.length + ' bytes at ' + part.address :
    'bytes ' + part.offset + ' to ' + (part.offset + part.bytes) + ': virtual ' + part.virtual + ', physical ' + part.physical +
    (part.elsewhere ? ', for the device at ' + part.elsewhere : '') + ' -> ' + part.where + ': I/O address ' + part.address +
    ', ' + part.length + ' bytes' + (part.note ? '; ' + part.note : '');
}

function show(i, from) {
  if (i < 0 || i >= run.requests.length) return;
  current = i;
  const request = run.requests[i];
  detail.textContent = describe(request, i);
  parts = partsOf(request);
  byId('part').textContent = '';
  byId('segment-head').textContent = 'Segments of request ' + (i + 1);
  segments.fill(parts.length);
  drawStrip();
  if (from !== requests) requests.choose(i, true);
  const moves = from !== timeline && reveal(request);
  const old = timeline.querySelector('[aria-selected=true]'), mark = byId('span-' + i);
  if (moves || !mark) return drawTimeline();
  if (old) old.setAttribute('aria-selected', 'false');
  mark.setAttribute('aria-selected', 'true');
  timeline.setAttribute('aria-activedescendant', mark.id);
}

const requests = new Rows(byId('request-box'), byId('requests'), run.requests.length, (i) => {
  const request = run.requests[i];
  return [i + 1, request.bytes, request.direction, micro(request.begin), micro(request.end - request.begin),
    request.segments, request.outcome];
}, (row) => show(row, requests));

// --- The timeline -------------------------------------------------------------------------------

const timeline = byId('timeline'), left = 90, width = 1000, lane = 16;
let viewFrom = 0, viewTo = Math.max(1, run.end);

function reveal(request) {
  if (request.end >= viewFrom && request.begin <= viewTo) return false;
  const half = (viewTo - viewFrom) / 2, middle = (request.begin + request.end) / 2;
  move(middle - half, middle + half);
  return true;
}

function move(from, to) {
  const length = Math.min(Math.max(to - from, 10), Math.max(1, run.end));
  viewFrom = Math.max(0, Math.min(from, run.end - length));
  viewTo = viewFrom + length;
}

const x = (time) => left + (width - left - 10) * (time - viewFrom) / (viewTo - viewFrom);

// As many marks as there are pixels, and each says how many it stands for.
function drawRow(name, marks, y, bad) {
  timeline.append(make('text', {x: 0, y: y + 11}, name));
  let last = null;
  for (const [time, text] of marks) {
    if (time < viewFrom || time > viewTo) continue;
    const at = Math.round(x(time));
    if (last !== null && last.at === at) {
      last.count++;
      last.mark.firstChild.textContent = last.text + '\n... ' + last.count + ' here';
      continue;
    }
    const mark = make('rect', {x: at, y, width: 2, height: 13, class: 'instant' + (bad ? ' bad' : '')}, make('title', {}, text));
    last = {at, mark, text, count: 1};
    mark.addEventListener('click', () => {
      for (const old of document.querySelectorAll('.instant.on')) old.classList.remove('on');
      mark.classList.add('on');
      detail.textContent = mark.firstChild.textContent;
    });
    timeline.append(mark);
  }
}

// Where more are in sight than can be told apart, one stands for those that begin near it.
function drawSpan(request, i, top, drawn, near) {
  if (request.end < viewFrom || request.begin > viewTo) return;
  const from = Math.max(left, x(request.begin)), to = Math.min(width - 10, Math.max(from + 1, x(request.end)));
  const key = request.lane + ':' + Math.floor(from / near);
  if (to - from < near && drawn.has(key) && i !== current) {
    drawn.get(key).count++;
    return;
  }
  const y = top + lane * request.lane;
  const label = 'request ' + (i + 1) + ': ' + request.bytes + ' bytes ' + request.direction + ', ' + request.outcome + ', ' +
    micro(request.begin) + ' to ' + micro(request.end);
  const span = make('g', {id: 'span-' + i, class: 'span' + (request.good ? '' : ' bad'), role: 'option', 'data-span': i,
    'aria-selected': String(i === current), 'aria-label': label}, make('title', {}, label));
  const [prepared, started, told, doorbell, answered, ended, completed] = request.times;
  const phases = [['prepared', prepared, started], ['waits', started, doorbell ?? told ?? answered ?? request.end],
    ['device', doorbell ?? told, answered ?? ended ?? request.end], ['done', answered ?? ended, completed ?? ended]];
  for (const [name, begin, end] of to - from < near ? [['device', request.begin, request.end]] : phases) {
    if (begin === null || begin === undefined || end === null || end < viewFrom || begin > viewTo) continue;
    const a = Math.max(left, x(begin)), b = Math.min(width - 10, x(end));
    span.append(make('rect', {x: a, y: y + 1, width: Math.max(0.7, b - a), height: lane - 4, class: name}));
  }
  span.append(make('rect', {x: from, y: y + 1, width: to - from, height: lane - 4, class: 'frame', 'pointer-events': 'all'}));
  span.addEventListener('click', () => show(i, timeline));
  span.addEventListener('mouseenter', () => { if (i !== current) byId('hover').textContent = label; });
  drawn.set(key, {count: 1, span, label});
  timeline.append(span);
}

function drawTimeline() {
  timeline.replaceChildren();
  let y = 4;
  for (const [name, marks, bad] of run.rows) {
    drawRow(name, marks, y, bad);
    y += 17;
  }
  timeline.append(make('text', {x: 0, y: y + 11}, 'requests'), make('line', {x1: left, x2: width, y1: y - 2, y2: y - 2, class: 'grid'}));
  const drawn = new Map(), near = Math.max(1.5, width * run.lanes / 2000);
  run.requests.forEach((request, i) => drawSpan(request, i, y, drawn, near));
  for (const {count, span, label} of drawn.values()) {
    if (count > 1) span.querySelector('title').textContent = label + '\n... ' + count + ' requests here: zoom in';
  }
  const height = y + lane * Math.max(1, run.lanes) + 22;
  for (let i = 0; i <= 4; i++) {
    const time = viewFrom + (viewTo - viewFrom) * i / 4;
    timeline.append(make('text', {x: Math.min(x(time), width - 70), y: height - 6}, micro(time)));
  }
  timeline.setAttribute('height', height);
  timeline.setAttribute('viewBox', '0 0 ' + width + ' ' + height);
  const mark = byId('span-' + current);
  if (mark) timeline.setAttribute('aria-activedescendant', mark.id);
  else timeline.removeAttribute('aria-activedescendant');
}

function zoom(factor) {
  const request = run.requests[current];
  const middle = request && request.end >= viewFrom && request.begin <= viewTo ?
    (request.begin + request.end) / 2 : (viewFrom + viewTo) / 2;
  const half = (viewTo - viewFrom) / factor / 2;
  move(middle - half, middle + half);
  drawTimeline();
}
function pan(part) {
  const by = (viewTo - viewFrom) * part;
  move(viewFrom + by, viewTo + by);
  drawTimeline();
}

byId('in').addEventListener('click', () => zoom(4));
byId('out').addEventListener('click', () => zoom(0.25));
byId('earlier').addEventListener('click', () => pan(-0.5));
byId('later').addEventListener('click', () => pan(0.5));
byId('all').addEventListener('click', () => { move(0, run.end); drawTimeline(); });
timeline.addEventListener('keydown', (event) => {
  const last = run.requests.length - 1;
  const actions = {ArrowRight: () => show(Math.min(last, current + 1)), ArrowLeft: () => show(Math.max(0, current - 1)),
    Home: () => show(0), End: () => show(last), '+': () => zoom(4), '=': () => zoom(4), '-': () => zoom(0.25),
    PageUp: () => pan(-0.5), PageDown: () => pan(0.5), Enter: () => byId('segments').focus()};
  if (!(event.key in actions)) return;
  event.preventDefault();
  actions[event.key]();
});
if (run.requests.length) show(0);
else drawTimeline();
document.documentElement.dataset.drawn = Math.round(performance.now());
