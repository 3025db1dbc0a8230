// The screen of one event: the map on one side, the purchase on the other.

import { get, getRaw } from './api.js';
import { announce, fill, h, icon, ICONS } from './dom.js';
import { count, money, plural, roundMoney, saleState, sectionName, start } from './format.js';
import { Geometry } from './geometry.js';
import { Live } from './live.js';
import { SeatMap } from './map.js';
import { Panel } from './panel.js';
import { words } from './problems.js';
import { Purchase } from './purchase.js';
import { standBefore } from './room.js';
import { ACCESSIBLE, COMPANION, RESTRICTED, columnsOf } from './seatmap.js';

const KIND_WORDS = ['Free', 'Held by somebody', 'Sold', 'Not for sale', 'Chosen by you', 'Yours'];

export async function eventScreen(root, signal, id) {
  const path = `v1/events/${encodeURIComponent(id)}`;
  fill(root, h('p', { class: 'lone loading' }, 'Reading the seat map …'));
  const [event, mapAnswer] = await Promise.all([get(path, { signal }), getRaw(`${path}/seatmap`, { signal, cache: 'no-cache' })]);
  const seatmap = await mapAnswer.json();
  if (signal.aborted) return;
  document.title = `${event.name} · Box office`;
  const venue = event.venueId ? await get(`v1/venues/${event.venueId}`, { signal }).catch(() => null) : null;
  if (signal.aborted) return;
  const geometry = new Geometry(columnsOf(seatmap));
  const purchase = new Purchase(event, geometry);
  const stage = stageOf(event, geometry);
  const panel = new Panel(purchase, {
    show: (seat) => map.showSeat(seat),
    section: (name) => showSection(name),
  });
  let head = heading(event, venue);
  fill(root, h('div', { class: 'event' }, stage.element,
    h('aside', { class: 'side', aria: { label: 'Your tickets' } }, head, panel.element)));

  const map = new SeatMap(stage.canvas, geometry, event.categories, {
    seat: (seat) => {
      purchase.toggle(seat, map.states[seat]);
      stage.say(map.kinds[seat] >= 4 ? `Chosen: ${tell(seat)}` : tell(seat));
    },
    area: (at) => {
      const { id: areaId, category } = geometry.areas[at];
      const usual = purchase.prices.usual(event.categories[category].name);
      if (purchase.stage === 'held' && usual) purchase.addPlaces(areaId, usual.ticketType, 1);
      else panel.openArea(areaId);
    },
    hover: (target, point) => stage.tip(target && tipOf(target), point),
    focus: (target) => {
      stage.say(tipOf(target).join(', '));
      stage.tip(tipOf(target), pointOf(target));
    },
    moved: (moved) => {
      stage.moved(moved);
      if (moved.focus) stage.tip(tipOf(moved.focus), pointOf(moved.focus));
    },
    inset: () => stage.inset(),
  });
  // What consoles and browser tests may look at.
  stage.canvas.map = map;
  stage.connect(map, showSection);

  function showSection(name) {
    const at = geometry.sections.findIndex((section) => section.name === name);
    if (at >= 0) map.showSection(at);
  }

  function tell(seat) {
    const { section, row, label } = geometry.describe(seat);
    return `${sectionName(section)}, row ${row}, seat ${label}`;
  }

  function pointOf(target) {
    const [x, y] = target.seat >= 0 ? map.viewOf(target.seat) : map.camera.toView(geometry.centres[target.section].x, geometry.centres[target.section].y);
    return { x, y };
  }

  /** Two lines about what is at a place. */
  function tipOf(target) {
    if (target.seat >= 0) {
      const category = event.categories[geometry.category[target.seat]];
      const usual = purchase.prices.usual(category.name);
      const flags = geometry.flags[target.seat];
      const extra = [flags & ACCESSIBLE && 'wheelchair place', flags & COMPANION && 'companion seat', flags & RESTRICTED && 'restricted view'].filter(Boolean);
      return [tell(target.seat), [KIND_WORDS[map.kinds[target.seat]], category.name, usual && money(usual.price), ...extra].filter(Boolean).join(' · ')];
    }
    if (target.section >= 0) {
      const { capacity } = geometry.centres[target.section];
      return [sectionName(geometry.sections[target.section].name), `${count(map.leftOf(target.section))} of ${plural(capacity, 'seat')} left`];
    }
    const area = geometry.areas[target.area];
    return [area.id, area.left === undefined ? 'Standing' : `Standing · ${count(area.left)} left`];
  }

  let shownHold = null;
  purchase.addEventListener('change', () => {
    const { mine, hold } = purchase;
    map.setOwn(purchase.chosen.keys(), mine);
    const lines = [...(hold?.lines ?? []), ...purchase.places.values()];
    for (const area of geometry.areas) area.mine = lines.some((line) => line.areaId === area.id);
    // What was found for the buyer must be seen.
    if (hold && hold.holdId !== shownHold && mine.length > 0 && !map.sees(mine[0])) map.showSeat(mine[Math.floor(mine.length / 2)]);
    shownHold = hold?.holdId ?? null;
    panel.render();
  });
  const live = new Live(id, geometry, mapAnswer.headers.get('ETag'), {
    states: (states) => {
      map.setStates(states);
      for (const seat of purchase.chosen.keys()) if (states[seat] !== 0) purchase.taken(seat);
      stage.ready();
    },
    seat: (seat, state) => {
      map.setState(seat, state);
      if (state !== 0) purchase.taken(seat);
    },
    area: (areaId, left) => {
      const area = geometry.areas.find((each) => each.id === areaId);
      if (!area) return;
      area.left = left;
      panel.areaLeft(areaId, left);
      map.redraw();
    },
    sale: (state) => {
      if (state === event.saleState) return;
      event.saleState = state;
      head.replaceWith(head = heading(event, venue));
      announce(saleState(state).text);
      panel.render();
    },
    replaced: () => dispatchEvent(new HashChangeEvent('hashchange')),
    online: (yes) => stage.online(yes),
    failed: (error) => { purchase.notice = { text: words(error) }; panel.render(); },
  });
  signal.addEventListener('abort', () => {
    live.close();
    map.close();
    panel.close();
    purchase.close();
  });
  panel.render();
  await Promise.all([live.start(), purchase.resume(), standBefore(stage.element, id, signal)]);
}

function heading(event, venue) {
  const at = start(event);
  const state = saleState(event.saleState);
  return h('header', { class: 'head' },
    h('a', { class: 'back', href: '#/' }, icon(ICONS.back, 16), 'All events'),
    h('h1', {}, event.name),
    h('p', { class: 'quiet' }, h('time', { dateTime: event.startsAt }, `${at.date}, ${at.time}`), venue && ` · ${venue.name}`),
    event.saleState !== 'onsale' && h('p', {}, h('span', { class: `pill ${state.tone}` }, state.text)));
}

/** The map with what lies over it. */
function stageOf(event, geometry) {
  const canvas = h('canvas', {
    class: 'map', id: 'map', tabIndex: 0, role: 'application',
    aria: { label: `Seat map of ${event.name}, ${plural(geometry.seats, 'seat')}`, describedby: 'map-help' },
  });
  const tip = h('div', { class: 'tip', hidden: true, aria: { hidden: true } });
  const lamp = h('span', { class: 'lamp wait', title: 'Connecting' }, 'Connecting');
  const veil = h('p', { class: 'veil' }, 'Reading which seats are free …');
  const tool = (name, path, act) => h('button', { class: 'tool', title: name, aria: { label: name }, on: { click: act } }, icon(path));
  const tools = h('div', { class: 'tools' });
  const here = h('span', { class: 'lamp plain-lamp', hidden: true, aria: { hidden: true } });
  const jump = h('select', { class: 'jump', aria: { label: 'Go to a section' } },
    h('option', { value: '' }, 'Go to section …'), geometry.sections.map(({ name }) => h('option', { value: name }, name)));
  const legend = h('ul', { class: 'legend', aria: { label: 'Colours of the map' } },
    event.categories.map((category) => {
      const swatch = h('i', { class: 'dot' });
      swatch.style.background = category.color;
      const prices = category.prices.map(({ price }) => price).sort((a, b) => a.amount - b.amount);
      return h('li', {}, swatch, h('span', {}, category.name), prices.length > 0 && h('b', {}, `${prices.length > 1 ? 'from ' : ''}${roundMoney(prices[0])}`));
    }),
    h('li', { class: 'state' }, h('i', { class: 'dot held' }), 'Held'),
    h('li', { class: 'state' }, h('i', { class: 'dot sold' }), 'Sold'),
    h('li', { class: 'state' }, h('i', { class: 'dot mine' }), 'Yours'));
  const element = h('section', { class: 'stage', aria: { label: 'Seat map' } },
    canvas, tip, veil, h('div', { class: 'over' }, geometry.sections.length > 1 && jump, lamp, here), tools, legend,
    h('p', { class: 'hidden', id: 'map-help' },
      'Arrow keys move from section to section, or from seat to seat when zoomed in; shift and arrow keys move the map. ',
      'Enter opens a section or chooses a seat. Plus and minus zoom, zero shows everything. ',
      'Best available, beside the map, needs no map at all.'));
  return {
    element, canvas,
    connect(map, showSection) {
      tools.append(tool('Zoom in', ICONS.plus, () => map.zoomBy(1.8)), tool('Zoom out', ICONS.minus, () => map.zoomBy(1 / 1.8)), tool('Show everything', ICONS.fit, () => map.fit()));
      jump.addEventListener('change', () => { showSection(jump.value); jump.value = ''; });
    },
    ready: () => { veil.hidden = true; },
    online(yes) {
      lamp.className = `lamp ${yes ? 'live' : 'wait'}`;
      lamp.textContent = yes ? 'Live' : 'Reconnecting';
      lamp.title = yes ? 'Changes are shown as they happen' : 'The map may be out of date';
    },
    say: (text) => announce(text),
    inset: () => ({ top: 8, bottom: legend.offsetHeight + 20 }),
    /** From near the names of sections are not on the map: the one in the middle is named beside it. */
    moved(map) {
      const near = map.seatsShown;
      element.classList.toggle('near', near);
      const { camera } = map;
      const seat = near ? geometry.nearest(...camera.toWorld(camera.width / 2, camera.height / 2), 12 * geometry.pitch) : -1;
      here.hidden = seat < 0;
      if (seat >= 0) here.textContent = sectionName(geometry.describe(seat).section);
    },
    tip(lines, point) {
      tip.hidden = !lines || !point;
      if (tip.hidden) return;
      fill(tip, h('b', {}, lines[0]), h('span', {}, lines[1]));
      const x = Math.min(canvas.clientWidth - tip.offsetWidth - 8, Math.max(8, point.x - tip.offsetWidth / 2));
      const y = point.y - tip.offsetHeight - 18;
      tip.style.transform = `translate(${Math.round(x)}px, ${Math.round(y < 8 ? point.y + 22 : y)}px)`;
    },
  };
}
