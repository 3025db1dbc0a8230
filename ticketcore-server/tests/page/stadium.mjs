// A stadium of about 80,000 seats and a hall with standing places, for the mock server: the shape of `plan::generate`, not its numbers.

const METRE = 48;
const SEAT_PITCH = 24;
const ROW_PITCH = 0.72 * METRE;
const HALF_AISLE = 27;

const arc = (centre, radius, from, to) => ({ centre, radius, from, to });
const moved = (a, by) => ({ ...a, radius: a.radius + by });
const length = (a) => a.radius * (a.to - a.from);
const piece = (a, start, end) => ({ ...a, from: a.from + (a.to - a.from) * start, to: a.from + (a.to - a.from) * end });
const pieces = (a, count) => Array.from({ length: count }, (_, at) => piece(a, at / count, (at + 1) / count));
const parts = (long, width) => Math.max(1, Math.round(long / width));
const point = (a, share) => {
  const angle = a.from + (a.to - a.from) * share;
  return [a.centre[0] + a.radius * Math.cos(angle), a.centre[1] + a.radius * Math.sin(angle)];
};

function seatsAlong(a) {
  const room = length(a) - 2 * HALF_AISLE;
  if (room < 0) return [];
  const gaps = Math.floor(room / SEAT_PITCH + 1e-9);
  const step = gaps ? room / gaps : 0;
  return Array.from({ length: gaps + 1 }, (_, at) => point(a, (HALF_AISLE + at * step) / length(a)));
}

function oval([x, y], corner, [wide, high]) {
  const [wideRadius, highRadius] = [corner + x / Math.sin(wide), corner + y / Math.sin(high)];
  const [wideCentre, highCentre] = [x / Math.tan(wide) - y, y / Math.tan(high) - x];
  const side = (centre, radius, middle, half) => arc(centre, radius, middle - half, middle + half);
  const half = Math.PI / 2;
  const top = 3 * half;
  return [
    side([0, wideCentre], wideRadius, top, wide), arc([x, -y], corner, top + wide, 4 * half - high),
    side([-highCentre, 0], highRadius, 4 * half, high), arc([x, y], corner, high, half - wide),
    side([0, -wideCentre], wideRadius, half, wide), arc([-x, y], corner, half + wide, 2 * half - high),
    side([highCentre, 0], highRadius, 2 * half, high), arc([-x, -y], corner, 2 * half + high, top - wide),
  ];
}

const rowLabel = (at) => (at < 26 ? String.fromCharCode(65 + at) : `A${String.fromCharCode(65 + at - 26)}`);

/** An empty drawing. */
function blank(categories) {
  return {
    categories, sections: [], areas: [], focalPoint: { x: 0, y: 0 },
    rows: { section: [], label: [], first: [], count: [] },
    seats: { id: [], label: [], x: [], y: [], category: [], accessible: [], companion: [], restrictedView: [], dropped: [] },
  };
}

function addTier(map, curve, { base, offset, rows, accessible }, category) {
  const depth = offset + rows * ROW_PITCH;
  let number = 0;
  for (const side of curve) {
    for (const block of pieces(side, parts(length(moved(side, (offset + depth) / 2)), 15 * METRE))) {
      number += 1;
      const section = map.sections.push(String(base + number)) - 1;
      const stretches = parts(length(moved(block, (offset + depth) / 2)), 8 * METRE);
      for (let row = 0; row < rows; row += 1) {
        const line = moved(block, offset + row * ROW_PITCH);
        addRow(map, section, rowLabel(row), pieces(line, stretches).flatMap(seatsAlong), category(point(line, 0.5)), row + 1 === rows ? accessible : 0);
      }
    }
  }
  return depth;
}

function addRow(map, section, label, points, category, accessible = 0) {
  const { rows, seats } = map;
  rows.section.push(section);
  rows.label.push(label);
  rows.first.push(seats.id.length);
  rows.count.push(points.length);
  points.forEach(([x, y], at) => {
    const seat = seats.id.push(`${map.sections[section]}-${label}-${at + 1}`) - 1;
    seats.label.push(String(at + 1));
    seats.x.push(Math.round(x * 100) / 100);
    seats.y.push(Math.round(y * 100) / 100);
    const last = seats.category.at(-1);
    if (last?.[0] === category) last[1] += 1;
    else seats.category.push([category, 1]);
    if (at < accessible * 2) seats[at % 2 ? 'companion' : 'accessible'].push(seat);
  });
}

/** Three tiers around a pitch; exactly `seats` seats that are not marked as dropped. */
export function stadium(seats = 80_000) {
  const map = blank([
    { name: 'Premium', color: '#d9a400' }, { name: 'Category 1', color: '#d1495b' }, { name: 'Category 2', color: '#8e5aa8' },
    { name: 'Category 3', color: '#2f7fc1' }, { name: 'Category 4', color: '#2a9d8f' },
  ]);
  const curve = oval([46 * METRE, 26 * METRE], 16 * METRE, [0.14, 0.2]);
  const far = ([x, y]) => [64, 92, 108, Infinity].findIndex((metres) => Math.hypot(x, y) / METRE < metres) + 1;
  let depth = addTier(map, curve, { base: 100, offset: 0, rows: 30, accessible: 5 }, far);
  depth = addTier(map, curve, { base: 200, offset: depth + 2.6 * METRE, rows: 16, accessible: 4 }, ([x, y]) => (Math.abs(x) < 36 * METRE ? 0 : far([x, y])));
  addTier(map, curve, { base: 300, offset: depth + 2.6 * METRE, rows: 33, accessible: 0 }, far);
  trim(map, seats);
  return map;
}

/** Drops surplus seats at the ends of the last rows of the upper tier, one a block in turn. */
function trim(map, seats) {
  const { rows, sections } = map;
  const last = rows.first.map((first, row) => ({ first, end: first + rows.count[row] - 1, row }))
    .filter(({ row }) => sections[rows.section[row]].startsWith('3') && rows.section[row] !== rows.section[row + 1]);
  for (let at = 0; map.seats.id.length - map.seats.dropped.length > seats; at += 1) map.seats.dropped.push(last[at % last.length].end--);
  map.seats.dropped.sort((a, b) => a - b);
}

/** A hall: two crescents of seats before a stage, and a floor to stand on. */
export function hall() {
  const map = blank([{ name: 'Floor', color: '#e07a2f' }, { name: 'Category 1', color: '#d1495b' }, { name: 'Category 2', color: '#2f7fc1' }]);
  map.areas.push({ id: 'Floor', category: 0, capacity: 1200, x: -360, y: 140, width: 720, height: 300 });
  for (const [name, from, rows] of [['Stalls', 560, 12], ['Balcony', 1120, 8]]) {
    const section = map.sections.push(name) - 1;
    for (let row = 0; row < rows; row += 1) {
      const line = arc([0, 0], from + row * 40, Math.PI / 2 - 0.75, Math.PI / 2 + 0.75);
      const points = [0.27, 0.73, 1].flatMap((end, at) => seatsAlong(piece(line, [0, 0.27, 0.73][at], end)));
      addRow(map, section, rowLabel(row), points, name === 'Stalls' && row < 7 ? 1 : 2, row + 1 === rows ? 2 : 0);
    }
  }
  return map;
}
