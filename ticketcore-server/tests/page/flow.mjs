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

/** Drags the map about and measures: milliseconds between frames, and spent in drawing each. */
export async function pan(page, pitch) {
  await inMap(page, (map, wanted) => {
    const { camera, geometry } = map;
    const seat = geometry.nearest((geometry.bounds.left + geometry.bounds.right) / 2, geometry.bounds.bottom, Infinity);
    camera.flyTo(geometry.x[seat], geometry.y[seat] - 30 * geometry.pitch, wanted ? wanted / geometry.pitch : camera.whole);
    map.redraw();
  }, pitch);
  await still(page);
  const visible = await inMap(page, (map) => {
    const { camera, geometry } = map;
    const [left, top] = camera.toWorld(0, 0);
    const [right, bottom] = camera.toWorld(camera.width, camera.height);
    let seats = 0;
    geometry.visit(left, top, right, bottom, () => { seats += 1; });
    const draw = map.painter.draw;
    window.measured = { frames: [], draws: [], last: 0 };
    map.painter.draw = function timed(...given) {
      const start = performance.now();
      draw.apply(this, given);
      window.measured.draws.push(performance.now() - start);
    };
    const frame = (now) => {
      if (!window.measured) return;
      if (window.measured.last) window.measured.frames.push(now - window.measured.last);
      window.measured.last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    return seats;
  });
  const box = await page.locator('#map').boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  for (let step = 1; step <= 90; step += 1) {
    await page.mouse.move(x + 160 * Math.sin(step / 9), y + 90 * Math.sin(step / 6));
    await page.waitForTimeout(8);
  }
  await page.mouse.up();
  const { frames, draws } = await inMap(page, (map) => {
    delete map.painter.draw;
    const found = window.measured;
    delete window.measured;
    return found;
  });
  const at = (list, share) => Math.round([...list].sort((a, b) => a - b)[Math.floor((list.length - 1) * share)] * 10) / 10;
  const result = { pitch, visible, frames: frames.length, median: at(frames, 0.5), p95: at(frames, 0.95), drawMedian: at(draws, 0.5), drawP95: at(draws, 0.95) };
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
