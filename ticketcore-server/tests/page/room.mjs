// The waiting room in a browser: `node room.mjs BASE_URL SCREENSHOT_DIR` against a demo with a crowd that was just started.

import { createRequire } from 'node:module';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { LAUNCH, check, watch } from './flow.mjs';

const [base, shots] = process.argv.slice(2);
const require = createRequire(path.resolve(process.env.PLAYWRIGHT ?? 'target/page-test', 'package.json'));
const { chromium } = require('playwright-core');
mkdirSync(shots, { recursive: true });
const browser = await chromium.launch(LAUNCH);
const errors = [];
try {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  watch(page, errors);
  await page.goto(base);
  await page.locator('.event-card').first().click();
  const room = page.locator('.room');
  await room.locator('.room-join').click();
  await room.locator('.room-place').waitFor({ timeout: 30_000 });
  check((await room.innerText()).includes('You are in'), 'who joins the lottery is told that he is in');
  await room.locator('summary').click();
  check(await room.locator('dd').first().innerText().then((text) => text.length === 64), 'the hash of the key is shown');
  await page.screenshot({ path: `${shots}/room-lottery.png` });
  await page.locator('.room-place', { hasText: 'your place' }).waitFor({ timeout: 90_000 });
  const text = await room.innerText();
  check(/people before you/.test(text), 'the place and who is before are told');
  await page.screenshot({ path: `${shots}/room-place.png` });
  // The page may be redrawn between the click and the answer; the result stays.
  await room.locator('.room-check').click();
  await page.locator('.room-proof', { hasText: 'Checked' }).waitFor({ timeout: 30_000 });
  check(true, 'the draw is checked in the browser, and fits');
  await page.screenshot({ path: `${shots}/room-checked.png` });
  await page.reload();
  await room.locator('.room-place').waitFor({ timeout: 30_000 });
  check(true, 'a refresh keeps the place');
  await room.waitFor({ state: 'detached', timeout: 120_000 });
  check(true, 'who is called comes in by himself');
  await page.screenshot({ path: `${shots}/room-inside.png` });
  // A browser calls it an error that a challenge is asked for.
  const others = errors.filter((error) => !/status of 403 .*waiting-room\/join/.test(error));
  check(others.length === 0, `no other error in the console: ${others.join('; ')}`);
} finally {
  await browser.close();
}
