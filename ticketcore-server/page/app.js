// The page: which screen is shown for an address.

import { onWait } from './api.js';
import { fill, h } from './dom.js';
import { eventScreen } from './event.js';
import { eventsScreen } from './events.js';
import { orderScreen, ordersScreen } from './orders.js';
import { words } from './problems.js';

const SCREENS = [
  [/^#\/events\/([^/]+)$/, eventScreen],
  [/^#\/orders\/([^/]+)$/, orderScreen],
  [/^#\/orders$/, ordersScreen],
  [/^/, eventsScreen],
];

const main = document.getElementById('main');
let leave = () => {};
let first = true;

/** A screen gets the element it fills, a signal that ends with it, and what its address names. */
async function show() {
  leave();
  const end = new AbortController();
  leave = () => end.abort();
  const [pattern, screen] = SCREENS.find(([each]) => each.test(location.hash));
  const [, id] = pattern.exec(location.hash);
  document.body.dataset.screen = screen.name;
  for (const link of document.querySelectorAll('.top nav a')) {
    if (link.getAttribute('href') === location.hash) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  const root = h('div', { class: 'screen' });
  fill(main, root);
  if (!first) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
  first = false;
  try {
    await screen(root, end.signal, id && decodeURIComponent(id));
  } catch (error) {
    if (end.signal.aborted) return;
    fill(root, h('div', { class: 'lone' },
      h('h1', {}, 'That did not work'), h('p', {}, words(error)),
      h('p', {}, h('button', { class: 'button', on: { click: show } }, 'Try again'))));
    if (!error.problem) console.error(error);
  }
}

const waiting = document.getElementById('waiting');
onWait((ms) => {
  waiting.hidden = ms === 0;
  if (ms > 0) waiting.textContent = `Busy. Trying again in ${Math.ceil(ms / 1000)} s`;
});

addEventListener('hashchange', () => { if (location.hash !== '#main') show(); });
show();
