// Reads `GET /v1/events/{eventId}/seatmap` into the columns that `Geometry` works with.

/** Bits of `flags`. */
export const ACCESSIBLE = 1;
export const COMPANION = 2;
export const RESTRICTED = 4;
export const DROPPED = 8;

export function columnsOf(seatmap) {
  const { seats: from, rows, seatCount: seats } = seatmap;
  const section = new Uint16Array(seats);
  const row = new Uint32Array(seats);
  const category = new Uint8Array(seats);
  const flags = new Uint8Array(seats);
  const lists = [[from.accessible, ACCESSIBLE], [from.companion, COMPANION], [from.restrictedView, RESTRICTED], [from.dropped, DROPPED]];
  for (const [list, bit] of lists) for (const seat of list ?? []) flags[seat] |= bit;
  let at = 0;
  for (const [which, many] of from.category) {
    category.fill(which, at, at + many);
    at += many;
  }
  rows.first.forEach((first, number) => {
    section.fill(rows.section[number], first, first + rows.count[number]);
    row.fill(number, first, first + rows.count[number]);
  });
  return {
    seats, section, row, category, flags,
    ids: from.id,
    labels: from.label,
    x: Float32Array.from(from.x),
    y: Float32Array.from(from.y),
    sections: seatmap.sections.map((name) => ({ name })),
    rows: rows.first.map((first, number) => ({ label: rows.label[number], section: rows.section[number], from: first, to: first + rows.count[number] })),
    areas: seatmap.areas.map((area) => ({ ...area })),
    focal: seatmap.focalPoint ?? null,
  };
}
