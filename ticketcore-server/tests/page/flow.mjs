// What the browser test does with a page: one function for each thing a buyer does.

export const LAUNCH = {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
  ],
};

/** Statuses that are answers to a buyer; the browser reports them as errors, they are none. */
const ANSWERS = /status of (402|404|409|410|412|503)/;

/** Console errors of a page, as they come. */
export function watch(page, errors) {
  page.on('console', (message) => {
    if (message.type() === 'error' && !ANSWERS.test(message.text())) errors.push(`${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => errors.push(error.stack));
}

export function check(condition, what) {
  if (!condition) throw new Error(`not so: ${what}`);
  console.log(`ok    ${what}`);
}

/** Opens an event from the list, by a part of its card's text. */
export async function open(page, base, text) {
  await page.goto(base);
  await page.locator('.event-card').first().waitFor();
  const wanted = page.locator('.event-card', { hasText: text });
  await ((await wanted.count()) > 0 ? wanted.first() : page.locator('.event-card').first()).click();
  await ready(page);
}

/** Waits until the map shows what is free. */
export async function ready(page) {
  await page.locator('.veil').waitFor({ state: 'hidden', timeout: 60_000 });
  await page.locator('.lamp.live').waitFor({ timeout: 15_000 });
}

/** Runs in the page with its map: `await inMap(page, (map, argument) => ..)`. */
export const inMap = (page, action, argument) =>
  page.evaluate(`(${action})(document.querySelector('#map').map, ${JSON.stringify(argument ?? null)})`);

/** So many free seats side by side, in a section if one is named: their numbers. */
export const freeSeats = (page, many, section) => inMap(page, (map, [count, name]) => {
  for (const row of map.geometry.rows) {
    if (name && map.geometry.sections[row.section].name !== name) continue;
    for (let from = row.from; from + count <= row.to; from += 1) {
      const seats = Array.from({ length: count }, (_, at) => from + at);
      if (seats.every((seat) => map.kinds[seat] === 0 && map.geometry.flags[seat] === 0)) return seats;
    }
  }
  return null;
}, [many, section]);

/** Clicks seats on the canvas where they are drawn. */
export async function clickSeats(page, seats, touch = false) {
  await inMap(page, (map, seat) => { map.showSeat(seat); }, seats[0]);
  await still(page);
  const box = await page.locator('#map').boundingBox();
  for (const seat of seats) {
    const [x, y] = await inMap(page, (map, which) => map.viewOf(which), seat);
    if (touch) await page.touchscreen.tap(box.x + x, box.y + y);
    else await page.mouse.click(box.x + x, box.y + y);
  }
}

/** Waits until the map stands still. */
export async function still(page) {
  const where = () => inMap(page, (map) => [map.camera.x, map.camera.y, map.camera.scale].join());
  for (let before = ''; ;) {
    const now = await where();
    if (now === before) return;
    before = now;
    await page.waitForTimeout(120);
  }
}

/** Drags the map with the mouse; whether it followed. */
export async function drag(page) {
  const box = await page.locator('#map').boundingBox();
  const where = () => inMap(page, (map) => [map.camera.x, map.camera.y]);
  const before = await where();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2 + 60, box.y + box.height / 2 + 40, { steps: 6 });
  await page.mouse.up();
  await still(page);
  const after = await where();
  return Math.hypot(after[0] - before[0], after[1] - before[1]) > 40;
}

/**
 * Pans the map a little in every frame, for 150 frames, with seats so many pixels apart (0: all of the stadium),
 * and measures: milliseconds from frame to frame, and spent in drawing each.
 */
export async function pan(page, pitch) {
  await inMap(page, (map, wanted) => {
    const { camera, geometry } = map;
    const seat = geometry.nearest((geometry.bounds.left + geometry.bounds.right) / 2, geometry.bounds.bottom, Infinity);
    camera.flyTo(geometry.x[seat], geometry.y[seat] - 45 * geometry.pitch, wanted ? wanted / geometry.pitch : camera.whole);
    map.redraw();
  }, pitch);
  await still(page);
  const found = await inMap(page, (map) => new Promise((resolve) => {
    const { camera, geometry, painter } = map;
    const [left, top] = camera.toWorld(0, 0);
    const [right, bottom] = camera.toWorld(camera.width, camera.height);
    let visible = 0;
    geometry.visit(left, top, right, bottom, () => { visible += 1; });
    const frames = [];
    const draws = [];
    const draw = painter.draw;
    painter.draw = function timed(...given) {
      const start = performance.now();
      const more = draw.apply(this, given);
      draws.push(performance.now() - start);
      return more;
    };
    let last = 0;
    const frame = (now) => {
      if (last) frames.push(now - last);
      last = now;
      if (frames.length === 150) {
        delete painter.draw;
        resolve({ visible, frames, draws });
        return;
      }
      camera.pan(9 * Math.sin(frames.length / 12), 6 * Math.cos(frames.length / 9));
      map.redraw();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }));
  const at = (list, share) => Math.round([...list].sort((a, b) => a - b)[Math.floor((list.length - 1) * share)] * 10) / 10;
  const { visible, frames, draws } = found;
  const result = { pitch, visible, drawn: draws.length, median: at(frames, 0.5), p95: at(frames, 0.95), drawMedian: at(draws, 0.5), drawP95: at(draws, 0.95) };
  console.log(`pan   ${JSON.stringify(result)}`);
  return result;
}

/** Fills in who buys, picks how, and pays. */
export async function pay(page, method) {
  await page.fill('#name', 'Test Buyer');
  await page.fill('#email', 'buyer@example.com');
  await page.check(`input[name=method][value="${method}"]`);
  await page.click('#pay');
}

/** Waits for tickets whose codes are pictures that were really drawn. */
export async function tickets(page, many) {
  await page.locator('.panel[data-stage=tickets]').waitFor({ timeout: 30_000 });
  await page.waitForFunction((count) => {
    const images = [...document.querySelectorAll('.ticket .qr img')];
    return images.length === count && images.every((image) => image.complete && image.naturalWidth > 0);
  }, many, { timeout: 15_000 });
}
