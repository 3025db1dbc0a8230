// Clicks the whole way through the page of a running server, in a real browser:
// `node run.mjs BASE_URL [SCREENSHOT_DIR]`; `PLAYWRIGHT` names the folder that playwright-core is installed in.

import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { check, clickSeats, drag, freeSeats, inMap, LAUNCH, open, pan, pay, ready, still, tickets, watch } from './flow.mjs';

const [base, shots = 'target/page-shots'] = process.argv.slice(2);
const require = createRequire(path.resolve(process.env.PLAYWRIGHT ?? 'target/page-test', 'package.json'));
const { chromium } = require('playwright-core');
mkdirSync(shots, { recursive: true });

/** Loose: a busy machine without a graphics card must pass, a page that draws everything each time must not. */
const FRAME_MS_MAX = 150;

const errors = [];
const browser = await chromium.launch(LAUNCH);

async function person(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 860 }, locale: 'en-GB', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  watch(page, errors);
  page.shot = (name) => page.screenshot({ path: path.join(shots, `${name}.png`) });
  return page;
}

async function browse(one) {
  await one.goto(base);
  await one.locator('.event-card').first().waitFor();
  check((await one.locator('.event-card').count()) >= 2, 'events are listed');
  await one.shot('1-events');
  await open(one, base, 'Stadium');
  check((await inMap(one, (map) => map.geometry.seats)) >= 80_000, 'the stadium has 80,000 seats');
  await one.shot('2-stadium');
  const results = [await pan(one, 0), await pan(one, 5), await pan(one, 7), await pan(one, 14), await pan(one, 26)];
  for (const { pitch, p95 } of results) check(p95 <= FRAME_MS_MAX, `panning is smooth enough at ${pitch || 'whole'} (p95 ${p95} ms)`);
  check(await drag(one), 'the map is dragged');
  await inMap(one, (map) => { map.fit(); });
  await still(one);
  const box = await one.locator('#map').boundingBox();
  await one.mouse.move(box.x + box.width / 2, box.y + box.height * 0.78);
  for (let step = 0; step < 9; step += 1) await one.mouse.wheel(0, -240);
  await still(one);
  check(await inMap(one, (map) => map.seatsShown), 'the wheel zooms to seats');
}

/** Two seats, held, declined, then paid; `two` sees them go. */
async function buy(one, two) {
  await one.selectOption('.jump', { index: 12 });
  await still(one);
  await one.shot('3-section');
  const seats = await freeSeats(one, 2);
  await clickSeats(one, seats);
  check((await one.locator('.panel .line').count()) === 2, 'two seats are chosen by clicks');
  await one.mouse.move(5, 300);
  await one.shot('4-chosen');
  await one.click('#hold');
  await one.locator('.panel[data-stage=held]').waitFor();
  check(/^\d+:\d\d$/.test(await one.locator('.time').textContent()), 'the time left is counted down');
  await one.shot('5-held');
  await two.waitForFunction((list) => list.every((seat) => document.querySelector('#map').map.states[seat] === 1), seats, { timeout: 10_000 });
  check(true, 'another page sees the seats held, live');
  const before = await one.locator('.time').textContent();
  await one.waitForTimeout(2_200);
  await one.click('#extend');
  await one.waitForFunction((text) => document.querySelector('.time').textContent !== text && document.querySelector('#extend').disabled === false, before);
  const [third] = await freeSeats(one, 1);
  await clickSeats(one, [third]);
  await one.waitForFunction(() => document.querySelectorAll('.panel .line').length === 3);
  await one.locator('.panel .line .remove').last().click();
  await one.waitForFunction(() => document.querySelectorAll('.panel .line').length === 2);
  check(true, 'a seat is added to the hold and taken out again');
  await one.reload();
  await ready(one);
  await one.locator('.panel[data-stage=held]').waitFor();
  check(true, 'the hold survives a reload');
  await pay(one, 'pm_declined');
  await one.locator('#pay-again').waitFor();
  check(/declined/i.test(await one.locator('.panel').textContent()), 'a declined card is told, and the seats are kept');
  await one.shot('6-declined');
  await one.check('input[name=method][value=pm_ok]');
  await one.click('#pay-again');
  await tickets(one, 2);
  check(true, 'paid after all: two tickets with QR codes');
  await one.shot('7-tickets');
  await two.waitForFunction((list) => list.every((seat) => document.querySelector('#map').map.states[seat] === 2), seats, { timeout: 10_000 });
  check(true, 'another page sees the seats sold, live');
  await one.click('.top nav a[href="#/orders"]');
  await one.locator('.event-card').first().click();
  await one.locator('.ticket img').first().waitFor();
  await one.shot('8-order');
}

/** Best available with 3-D Secure, then a slow bank. */
async function ways(two) {
  await two.click('#tab-best');
  await two.click('#wish-quantity-more');
  await two.shot('9-best');
  await two.click('#hold-best');
  await two.locator('.panel[data-stage=held]').waitFor();
  check((await two.locator('.panel .line').count()) === 3, 'three best seats are held');
  await pay(two, 'pm_requires_action');
  await two.locator('#confirm-payment').waitFor();
  await two.shot('10-bank');
  await two.click('#confirm-payment');
  await tickets(two, 3);
  check(true, '3-D Secure: confirmed, then tickets');
  await two.click('#again');
  await two.click('#tab-best');
  await two.click('#hold-best');
  await two.locator('.panel[data-stage=held]').waitFor();
  await pay(two, 'pm_slow:6000');
  await two.locator('.endless').waitFor();
  await two.shot('11-slow');
  await tickets(two, 3);
  check(true, 'a slow bank: polled until there are tickets');
}

/** Seats by keyboard alone, and refused because somebody was faster. */
async function refused(one) {
  const late = await person();
  // Never answered: an answer, even none, would have the page read everything again.
  await late.route('**/availability/stream', () => {});
  await late.goto(base);
  await late.locator('.event-card', { hasText: 'Stadium' }).first().click();
  await late.locator('.veil').waitFor({ state: 'hidden', timeout: 60_000 });
  await late.focus('#map');
  await late.keyboard.press('ArrowUp');
  await late.keyboard.press('ArrowLeft');
  await late.keyboard.press('Enter');
  await still(late);
  await late.keyboard.press('Enter');
  check((await late.locator('.panel .line').count()) === 1, 'a seat is chosen by keyboard');
  await late.shot('12-keyboard');
  const [seat] = await inMap(late, (map) => [...map.own.keys()]);
  await open(one, base, 'Stadium');
  await one.locator('.panel').waitFor();
  if (await one.locator('#again').count()) await one.click('#again');
  await clickSeats(one, [seat]);
  await one.click('#hold');
  await one.locator('.panel[data-stage=held]').waitFor();
  await late.click('#hold');
  await late.locator('.notice li').waitFor();
  check(/held by somebody/.test(await late.locator('.notice').textContent()), 'a refused hold says which seats, and until when');
  await late.shot('13-refused');
  await one.click('#release');
  await one.locator('.panel[data-stage=choose]').waitFor();
  check(true, 'a hold is released');
  await late.context().close();
}

async function places(small) {
  await small.click('#tab-areas');
  await small.locator('.area button[id$=-more]').first().click();
  await small.shot('17-phone-standing');
  await small.click('#hold');
  await small.locator('.panel[data-stage=held]').waitFor();
  await small.click('#release');
  check(true, 'places to stand are held and released');
}

/** A phone in the dark; places of an area if there are any. */
async function phone() {
  const small = await person({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true, colorScheme: 'dark', reducedMotion: 'reduce' });
  await small.goto(base);
  await small.locator('.event-card').first().waitFor();
  await small.shot('14-phone-events');
  await open(small, base, 'Stadium');
  await small.shot('15-phone-stadium');
  await clickSeats(small, await freeSeats(small, 2), true);
  check((await small.locator('.panel .line').count()) === 2, 'seats are chosen by touch');
  await small.shot('16-phone-chosen');
  check(await small.evaluate('document.documentElement.scrollWidth <= innerWidth'), 'nothing is wider than a phone');
  await small.click('.brand');
  await small.locator('.event-card').first().waitFor();
  const cards = small.locator('.event-card');
  for (let at = 0; at < (await cards.count()); at += 1) {
    if (!/on sale$/i.test(await cards.nth(at).textContent())) continue;
    await cards.nth(at).click();
    await ready(small);
    if (await small.locator('#tab-areas').count()) {
      await places(small);
      break;
    }
    await small.click('.brand');
    await cards.first().waitFor();
  }
  await small.context().close();
}

/** The page about the interface: everything that the document has, and links that lead there. */
async function docs(one) {
  const described = await (await fetch(new URL('openapi.json', base))).json();
  const names = Object.values(described.paths).flatMap((methods) => Object.values(methods).map((each) => each.operationId));
  const schemas = Object.keys(described.components.schemas);
  const asked = [];
  one.on('request', (request) => asked.push(request.url()));
  await one.goto(new URL('docs', base).href);
  await one.locator('.operation').first().waitFor();
  const ids = (selector) => one.locator(selector).evaluateAll((all) => all.map((each) => each.id.replace(/^.*\//, '')));
  check(JSON.stringify((await ids('.operation')).sort()) === JSON.stringify([...names].sort()), `${names.length} operations are described`);
  check(JSON.stringify((await ids('.schema')).sort()) === JSON.stringify([...schemas].sort()), `${schemas.length} schemas are described`);
  check(asked.every((url) => url.startsWith(new URL('.', base).href)), 'the page about the interface asks nobody else');
  const dead = await one.locator('a[href^="#"]').evaluateAll((all) => all.map((each) => each.hash.slice(1)).filter((id) => id !== 'main' && !document.getElementById(decodeURIComponent(id))));
  check(dead.length === 0, `every link leads somewhere${dead.join(' ')}`);
  await one.shot('18-docs');
  await one.locator('[id="operation/place_hold"] .example summary').first().click();
  const example = JSON.parse(await one.locator('[id="operation/place_hold"] .example pre').first().textContent());
  check('eventId' in example && Array.isArray(example.items), 'a body has an example');
  check(/free/.test(await one.locator('[id="schema/OrderStatus"], [id="schema/SeatState"]').first().textContent()) || /confirmed/.test(await one.locator('[id="schema/OrderStatus"]').textContent()), 'closed sets list their words');
  await one.fill('#find', 'waiting list');
  const left = await one.locator('.operation:visible').count();
  check(left > 0 && left < names.length, `what is looked for is found (${left} of ${names.length})`);
  await one.fill('#find', '');
  check((await one.locator('.operation:visible').count()) === names.length, 'and all is there again');
}

try {
  const [one, two] = [await person(), await person()];
  await open(two, base, 'Stadium');
  await browse(one);
  await buy(one, two);
  await ways(two);
  await refused(one);
  await phone();
  await docs(await person());
  check(errors.length === 0, `no console errors${errors.map((error) => `\n      ${error}`).join('')}`);
  console.log('passed');
} catch (error) {
  console.error(error);
  for (const context of browser.contexts()) for (const page of context.pages()) await page.shot?.(`failed-${Date.now()}`).catch(() => {});
  console.error(errors.join('\n'));
  process.exitCode = 1;
} finally {
  await browser.close();
}
