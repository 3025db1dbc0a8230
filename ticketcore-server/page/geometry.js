// Where seats are: columns of numbers, a grid to find seats by place, and blocks to draw from afar.

import { DROPPED } from './seatmap.js';

const CELL_PITCHES = 10;

/**
 * `columns`: `seats` many seats with `x`, `y` (Float32Array), `section`, `row`, `category` (numbers into the
 * lists beside them), `flags`, `ids`, `labels`; `sections: [{name}]`, `rows: [{label, section, from, to}]`,
 * `areas: [{id, category, capacity, x, y, width, height}]`, `focal: {x, y}` or null: where everybody looks.
 */
export class Geometry {
  constructor(columns) {
    Object.assign(this, columns);
    this.pitch = seatPitch(this);
    this.radius = this.pitch * 0.41;
    this.bounds = boundsOf(this);
    this.indexes = new Map(this.ids.map((id, seat) => [id, seat]));
    this.#makeGrid();
    this.blocks = [];
    this.blockOf = new Uint16Array(this.seats);
    for (const section of this.sections.keys()) this.#makeBlocks(section);
    this.centres = this.sections.map((_, section) => this.#centre(section));
  }

  /** A seat in words. */
  describe(seat) {
    const row = this.rows[this.row[seat]];
    return { section: this.sections[this.section[seat]].name, row: row.label, label: this.labels[seat] };
  }

  /** Calls `visit(seat)` for the seats of all cells that touch a rectangle. */
  visit(left, top, right, bottom, visit) {
    const { cell, columns, lines, cellStart, cellSeats, bounds } = this;
    const fromX = Math.max(0, Math.floor((left - bounds.left) / cell));
    const toX = Math.min(columns - 1, Math.floor((right - bounds.left) / cell));
    const fromY = Math.max(0, Math.floor((top - bounds.top) / cell));
    const toY = Math.min(lines - 1, Math.floor((bottom - bounds.top) / cell));
    for (let y = fromY; y <= toY; y += 1) {
      const end = cellStart[y * columns + toX + 1];
      for (let at = cellStart[y * columns + fromX]; at < end; at += 1) visit(cellSeats[at]);
    }
  }

  /** The seat nearest to a point, no further than `reach`; -1 if there is none. */
  nearest(x, y, reach, wanted = () => true) {
    let best = -1;
    let distance = reach * reach;
    this.visit(x - reach, y - reach, x + reach, y + reach, (seat) => {
      const away = (this.x[seat] - x) ** 2 + (this.y[seat] - y) ** 2;
      if (away <= distance && wanted(seat)) {
        distance = away;
        best = seat;
      }
    });
    return best;
  }

  /** The area at a point, or -1. */
  areaAt(x, y) {
    return this.areas.findIndex((area) => x >= area.x && y >= area.y && x <= area.x + area.width && y <= area.y + area.height);
  }

  /** Seats sorted by the cell they are in, and where each cell starts: two arrays, whatever the number of cells. */
  #makeGrid() {
    const { bounds, seats } = this;
    this.cell = this.pitch * CELL_PITCHES;
    this.columns = Math.max(1, Math.ceil((bounds.right - bounds.left) / this.cell));
    this.lines = Math.max(1, Math.ceil((bounds.bottom - bounds.top) / this.cell));
    const cellOf = (seat) =>
      Math.min(this.lines - 1, Math.floor((this.y[seat] - bounds.top) / this.cell)) * this.columns +
      Math.min(this.columns - 1, Math.floor((this.x[seat] - bounds.left) / this.cell));
    const start = new Uint32Array(this.columns * this.lines + 1);
    // What is dropped is not in the grid: it is neither drawn nor found.
    const real = (seat) => (this.flags[seat] & DROPPED) === 0;
    for (let seat = 0; seat < seats; seat += 1) if (real(seat)) start[cellOf(seat) + 1] += 1;
    for (let at = 1; at < start.length; at += 1) start[at] += start[at - 1];
    this.cellStart = start;
    this.cellSeats = new Uint32Array(start.at(-1));
    const next = start.slice();
    for (let seat = 0; seat < seats; seat += 1) if (real(seat)) this.cellSeats[next[cellOf(seat)]++] = seat;
  }

  /**
   * Neighbouring rows with the same pattern of categories make blocks, one for each stretch of a category:
   * so a block has one colour and a simple outline, also where a section is a long crescent.
   */
  #makeBlocks(section) {
    let open = [];
    let pattern = '';
    const close = () => {
      for (const stretches of open) this.#addBlock(section, stretches);
      open = [];
    };
    for (const row of this.rows) {
      if (row.section !== section || row.to <= row.from) continue;
      const stretches = [];
      for (let seat = row.from; seat < row.to; seat += 1) {
        const last = stretches.at(-1);
        if (last && this.category[last.from] === this.category[seat]) last.to = seat + 1;
        else stretches.push({ from: seat, to: seat + 1 });
      }
      const found = stretches.map(({ from }) => this.category[from]).join();
      const above = open[0]?.at(-1).from;
      const far = above !== undefined && Math.hypot(this.x[above] - this.x[row.from], this.y[above] - this.y[row.from]) > 9 * this.pitch;
      if (found !== pattern || far) close();
      pattern = found;
      if (open.length === 0) open = stretches.map(() => []);
      stretches.forEach((stretch, at) => open[at].push(stretch));
    }
    close();
  }

  #addBlock(section, stretches) {
    const number = this.blocks.length;
    let capacity = 0;
    for (const { from, to } of stretches) {
      this.blockOf.fill(number, from, to);
      for (let seat = from; seat < to; seat += 1) if ((this.flags[seat] & DROPPED) === 0) capacity += 1;
    }
    const points = outline(this, stretches);
    const xs = points.map(([x]) => x);
    const ys = points.map(([, y]) => y);
    this.blocks.push({
      section, capacity, points, category: this.category[stretches[0].from],
      left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys),
    });
  }

  #centre(section) {
    const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity, capacity: 0, x: 0, y: 0 };
    let seats = 0;
    for (const row of this.rows) {
      if (row.section !== section) continue;
      for (let seat = row.from; seat < row.to; seat += 1) {
        grow(box, this.x[seat], this.y[seat]);
        box.x += this.x[seat];
        box.y += this.y[seat];
        if ((this.flags[seat] & DROPPED) === 0) box.capacity += 1;
        seats += 1;
      }
    }
    box.x /= seats || 1;
    box.y /= seats || 1;
    return box;
  }
}

/** The usual distance of two seats side by side. */
function seatPitch({ x, y, rows }) {
  const gaps = [];
  for (let at = 0; at < rows.length && gaps.length < 4_000; at += 1 + Math.floor(rows.length / 300)) {
    for (let seat = rows[at].from + 1; seat < rows[at].to; seat += 1) {
      gaps.push(Math.hypot(x[seat] - x[seat - 1], y[seat] - y[seat - 1]));
    }
  }
  gaps.sort((a, b) => a - b);
  return gaps[Math.floor(gaps.length / 2)] || 24;
}

function grow(box, x, y) {
  box.left = Math.min(box.left, x);
  box.right = Math.max(box.right, x);
  box.top = Math.min(box.top, y);
  box.bottom = Math.max(box.bottom, y);
}

function boundsOf({ seats, x, y, areas, pitch }) {
  const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (let seat = 0; seat < seats; seat += 1) grow(box, x[seat], y[seat]);
  for (const shape of areas) {
    grow(box, shape.x, shape.y);
    grow(box, shape.x + shape.width, shape.y + shape.height);
  }
  if (box.left > box.right) return { left: 0, top: 0, right: 1, bottom: 1 };
  return { left: box.left - pitch, top: box.top - pitch, right: box.right + pitch, bottom: box.bottom + pitch };
}

/** First row forwards, right ends down, last row backwards, left ends up; then pushed out by most of half a pitch. */
function outline(geometry, stretches) {
  const { x, y, pitch } = geometry;
  const point = (seat) => [x[seat], y[seat]];
  const along = ({ from, to }) => {
    const count = Math.min(to - from, 4 + Math.ceil((to - from) / 8));
    return Array.from({ length: count }, (_, at) => point(from + Math.round((at * (to - 1 - from)) / Math.max(1, count - 1))));
  };
  const first = stretches[0];
  const last = stretches.at(-1);
  const step = Math.max(1, Math.ceil(stretches.length / 8));
  const inner = stretches.slice(1, -1).filter((_, at) => at % step === 0);
  const ring = [
    ...along(first),
    ...inner.map(({ to }) => point(to - 1)),
    ...(stretches.length > 1 ? along(last).reverse() : []),
    ...inner.reverse().map(({ from }) => point(from)),
  ];
  return pushed(ring, pitch * 0.62);
}

/** A closed line further out by `by`; of a single row or seat too. */
function pushed(ring, by) {
  const area = ring.reduce((sum, [x, y], at) => {
    const [nextX, nextY] = ring[(at + 1) % ring.length];
    return sum + x * nextY - nextX * y;
  }, 0);
  if (ring.length < 3 || Math.abs(area) < by * by) return band(ring, by);
  const side = area > 0 ? 1 : -1;
  return ring.map(([x, y], at) => {
    const before = ring[(at + ring.length - 1) % ring.length];
    const after = ring[(at + 1) % ring.length];
    const one = normal(before, [x, y], side);
    const two = normal([x, y], after, side);
    const [nx, ny] = [one[0] + two[0], one[1] + two[1]];
    const sharp = Math.max(0.5, (nx * nx + ny * ny) / 2);
    return [x + (nx / sharp) * by, y + (ny / sharp) * by];
  });
}

function normal([x, y], [toX, toY], side) {
  const length = Math.hypot(toX - x, toY - y) || 1;
  return [(side * (toY - y)) / length, (-side * (toX - x)) / length];
}

/** A line with a width: there and back again. */
function band(line, by) {
  const [ax, ay] = line[0];
  const [bx, by2] = line.at(-1);
  const length = Math.hypot(bx - ax, by2 - ay);
  const [ux, uy] = length ? [(bx - ax) / length, (by2 - ay) / length] : [1, 0];
  const off = (x, y, forward, across) => [x + (ux * forward - uy * across) * by, y + (uy * forward + ux * across) * by];
  const there = line.map(([x, y]) => off(x, y, 0, -1));
  const back = line.map(([x, y]) => off(x, y, 0, 1)).reverse();
  return [off(ax, ay, -1, -1), ...there, off(bx, by2, 1, -1), off(bx, by2, 1, 1), ...back, off(ax, ay, -1, 1)];
}
