// Choosing: seats on the map, the best available, places of areas.

import { h, icon, ICONS } from './dom.js';
import { count, money, plural, sectionName, sells, title } from './format.js';

/** The view before anything is held. */
export function chooseView(panel) {
  const { purchase, state } = panel;
  const { event, geometry } = purchase;
  if (!sells(event.saleState)) return h('p', { class: 'empty' }, 'Nothing can be bought at the moment. The map shows what there is.');
  const tabs = [];
  if (geometry.seats > 0) tabs.push(['seats', 'Seats'], ['best', 'Best available']);
  if (event.areas.length > 0) tabs.push(['areas', 'Standing']);
  const views = { seats: seatsView, best: bestView, areas: areasView };
  return [
    h('div', { class: 'tabs', role: 'tablist', aria: { label: 'How to choose' }, on: { keydown: (key) => switchTab(key, panel, tabs) } },
      tabs.map(([name, text]) => h('button', {
        role: 'tab', id: `tab-${name}`, aria: { selected: state.tab === name, controls: 'tab-view' }, tabIndex: state.tab === name ? 0 : -1,
        on: { click: () => { state.tab = name; panel.render(); } },
      }, text))),
    h('div', { role: 'tabpanel', id: 'tab-view', class: 'tab-view', aria: { labelledby: `tab-${state.tab}` } }, views[state.tab](panel)),
    purchase.count > 0 && summary(panel),
  ];
}

function switchTab(key, panel, tabs) {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[key.key];
  if (!by) return;
  const at = tabs.findIndex(([name]) => name === panel.state.tab);
  panel.state.tab = tabs[(at + by + tabs.length) % tabs.length][0];
  panel.render();
  document.getElementById(`tab-${panel.state.tab}`).focus();
}

function seatsView(panel) {
  const { purchase } = panel;
  if (purchase.chosen.size === 0) {
    return h('div', { class: 'empty' },
      h('h2', {}, 'Choose your seats'),
      h('p', {}, 'Open a section on the map, then click the seats you want.'),
      h('p', { class: 'quiet' }, `Up to ${plural(purchase.event.ticketsPerUserMax, 'ticket')}.`));
  }
  return [h('h2', { class: 'hidden' }, 'Chosen seats'), h('ul', { class: 'lines' }, [...purchase.chosen].map(([seat, type]) => seatLine(panel, seat, type)))];
}

function seatLine(panel, seat, type) {
  const { purchase, go } = panel;
  const { section, row, label } = purchase.geometry.describe(seat);
  const category = purchase.categoryOf(seat);
  const types = purchase.prices.types(category);
  const name = `${sectionName(section)}, row ${row}, seat ${label}`;
  return h('li', { class: 'line' }, dot(purchase.event, category),
    h('button', { class: 'where', title: 'Show on the map', on: { click: () => go.show(seat) } },
      h('b', {}, `Row ${row}, seat ${label}`), h('span', { class: 'quiet' }, `${sectionName(section)} · ${category}`)),
    h('span', { class: 'cost' },
      money(purchase.prices.of(category, type)),
      types.length > 1 && h('select', {
        id: `type-${seat}`, aria: { label: `Ticket type for ${name}` },
        on: { change: (change) => purchase.setType(seat, change.target.value) },
      }, types.map((each) => h('option', { value: each, selected: each === type }, title(each))))),
    removeButton(`Remove ${name}`, () => purchase.toggle(seat, 0)));
}

function bestView(panel) {
  const { purchase, state: { wish } } = panel;
  const { event, geometry } = purchase;
  const field = (label, id, control) => h('div', { class: 'field' }, h('label', { htmlFor: id }, label), control);
  const choice = (name, options) => h('select', { id: `wish-${name}`, on: { change: (change) => { wish[name] = change.target.value; panel.render(); } } },
    options.map(([value, text]) => h('option', { value, selected: wish[name] === value }, text)));
  const priced = event.categories.filter(({ name }) => purchase.prices.of(name, wish.ticketType));
  const submit = (submitted) => {
    submitted.preventDefault();
    const { quantity, category, section, accessible } = wish;
    purchase.holdBest({
      quantity, ...(category && { category }), ...(section && { section }), ...(accessible && { accessible: true }),
    }, wish.ticketType);
  };
  return h('form', { class: 'form', on: { submit } },
    h('h2', {}, 'Best available'),
    h('p', { class: 'quiet' }, 'The best seats side by side, held for you at once.'),
    h('div', { class: 'field across' }, h('span', { id: 'wish-many' }, 'How many'),
      stepper('wish-quantity', 'wish-many', wish.quantity, 1, Math.max(1, purchase.room), (quantity) => { wish.quantity = quantity; panel.render(); })),
    event.ticketTypes.length > 1 && field('Ticket type', 'wish-ticketType', choice('ticketType', event.ticketTypes.map((type) => [type, title(type)]))),
    field('Category', 'wish-category', choice('category', [['', 'Any'], ...priced.map(({ name }) => [name, `${name} · ${money(purchase.prices.of(name, wish.ticketType))}`])])),
    geometry.sections.length > 1 && field('Section', 'wish-section', choice('section', [['', 'Any'], ...geometry.sections.map(({ name }) => [name, name])])),
    h('label', { class: 'check' }, h('input', { type: 'checkbox', id: 'wish-accessible', checked: wish.accessible, on: { change: (change) => { wish.accessible = change.target.checked; } } }), 'Wheelchair places'),
    h('button', { class: 'button wide', id: 'hold-best', disabled: Boolean(purchase.busy) }, purchase.busy === 'hold' ? 'Looking …' : `Find ${plural(wish.quantity, 'seat')}`));
}

function areasView(panel) {
  const { purchase } = panel;
  const { event } = purchase;
  return [h('h2', {}, 'Standing places'), event.areas.map((area) => {
    const left = purchase.geometry.areas.find(({ id }) => id === area.id)?.left;
    return h('section', { class: 'area', id: `area-${area.id}`, tabIndex: -1 },
      h('h3', {}, dot(event, area.category), area.id,
        h('span', { class: 'quiet', data: { areaLeft: area.id } }, left === undefined ? '' : left > 0 ? `${count(left)} left` : 'Sold out')),
      purchase.prices.types(area.category).map((type) => {
        const id = `places-${area.id}-${type}`.replace(/\W+/g, '-');
        const quantity = purchase.places.get(`${area.id}\n${type}`)?.quantity ?? 0;
        return h('div', { class: 'field across' },
          h('span', { id: `${id}-name` }, title(type), h('span', { class: 'quiet' }, ` · ${money(purchase.prices.of(area.category, type))}`)),
          stepper(id, `${id}-name`, quantity, 0, quantity + purchase.room, (wanted) => purchase.setPlaces(area, type, wanted)));
      }));
  })];
}

function summary(panel) {
  const { purchase } = panel;
  const { count: tickets } = purchase;
  return h('div', { class: 'foot' },
    h('p', { class: 'sum' }, h('span', {}, plural(tickets, 'ticket')), h('b', {}, money(purchase.total))),
    h('button', {
      class: 'button wide', id: 'hold', disabled: Boolean(purchase.busy), on: { click: () => purchase.holdChosen() },
    }, purchase.busy === 'hold' ? 'Holding …' : 'Hold and continue'));
}

/** Less, how many, more. */
export function stepper(id, labelledBy, value, min, max, set) {
  const button = (name, path, to) => h('button', {
    type: 'button', id: `${id}-${name}`, class: 'tool small', disabled: to < min || to > max,
    aria: { label: name === 'less' ? 'One less' : 'One more', describedby: labelledBy }, on: { click: () => set(to) },
  }, icon(path, 16));
  return h('span', { class: 'stepper', role: 'group', aria: { labelledby: labelledBy } },
    button('less', ICONS.minus, value - 1), h('output', { id }, String(value)), button('more', ICONS.plus, value + 1));
}

/** The colour of a category. */
export function dot(event, category) {
  const element = h('i', { class: 'dot', aria: { hidden: true } });
  element.style.background = event.categories.find(({ name }) => name === category)?.color ?? 'gray';
  return element;
}

export const removeButton = (label, act) => h('button', { class: 'plain remove', title: 'Remove', aria: { label }, on: { click: act } }, icon(ICONS.close, 16));
