// The list of events.

import { get } from './api.js';
import { fill, h, icon, ICONS } from './dom.js';
import { saleState, start } from './format.js';

export async function eventsScreen(root, signal) {
  document.title = 'Events · Box office';
  fill(root, h('div', { class: 'column' }, h('h1', {}, 'Events'), h('p', { class: 'loading' }, 'Reading what is on …')));
  const [events, venues] = await Promise.all([everything('v1/events', signal), everything('v1/venues', signal)]);
  if (signal.aborted) return;
  const names = new Map(venues.map(({ id, name }) => [id, name]));
  fill(root, h('div', { class: 'column' },
    h('h1', {}, 'Events'),
    events.length === 0
      ? h('p', { class: 'empty' }, 'Nothing is announced at the moment.')
      : h('ul', { class: 'events' }, events.map((event) => h('li', {}, card(event, names.get(event.venueId)))))));
}

function card(event, venue) {
  const at = start(event);
  const state = saleState(event.saleState);
  return h('a', { class: 'event-card', href: `#/events/${encodeURIComponent(event.id)}` },
    h('span', { class: 'date', aria: { hidden: true } }, h('b', {}, at.day), at.month),
    h('span', { class: 'what' },
      h('b', { class: 'name' }, event.name),
      h('span', { class: 'quiet' }, h('time', { dateTime: event.startsAt }, `${at.date}, ${at.time}`)),
      venue && h('span', { class: 'quiet' }, venue)),
    h('span', { class: `pill ${state.tone}` }, state.text),
    icon(ICONS.next));
}

/** All pages of a list. */
export async function everything(path, signal, auth = false) {
  const items = [];
  let cursor;
  do {
    const page = await get(cursor ? `${path}?cursor=${encodeURIComponent(cursor)}` : path, { signal, auth });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor);
  return items;
}
