// Held: the time that is left, what is held, and who pays how.

import { dot, removeButton } from './choose.js';
import { h } from './dom.js';
import { money, place, plural, title } from './format.js';

const METHODS = [
  ['pm_ok', 'Card', 'is accepted at once'],
  ['pm_requires_action', 'Card with 3-D Secure', 'asks your bank first'],
  ['pm_slow:6000', 'Slow bank', 'answers after 6 seconds'],
  ['pm_declined', 'Declined card', 'is refused'],
  ['pm_insufficient_funds', 'Empty account', 'is refused: no money'],
];

/** The view while places are held. */
export function heldView(panel) {
  const { purchase } = panel;
  const { hold, busy } = purchase;
  return [
    h('div', { class: 'timer' },
      h('h2', {}, 'Held for you'),
      h('p', { class: 'time', role: 'timer', aria: { label: 'Time left' }, data: { left: '' } }),
      h('div', { class: 'track', aria: { hidden: true } }, h('i', { data: { share: '' } })),
      h('p', { class: 'row' },
        h('button', { class: 'link', id: 'extend', disabled: Boolean(busy) || hold.extensionsLeft === 0, on: { click: () => purchase.extend() } },
          hold.extensionsLeft === 0 ? 'No more time to be had' : `More time (${hold.extensionsLeft} left)`),
        h('button', { class: 'link', id: 'release', disabled: Boolean(busy), on: { click: () => purchase.release() } }, 'Release'))),
    lines(panel, hold.lines, true),
    h('p', { class: 'sum' }, h('span', {}, plural(purchase.count, 'ticket')), h('b', { id: 'total' }, money(hold.total))),
    purchase.room > 0 && purchase.geometry.seats > 0 && h('p', { class: 'quiet small' }, 'Click free seats on the map to add them, yours to take them out.'),
    payForm(panel),
  ];
}

/** What is held or bought, line by line. */
export function lines(panel, list, removable = false) {
  const { purchase, go } = panel;
  return h('ul', { class: 'lines' }, list.map((line) => {
    const { main, sub } = place(line);
    const seat = purchase.geometry.indexes.get(line.seatId);
    const many = line.quantity > 1 ? `${line.quantity} × ` : '';
    return h('li', { class: 'line' }, dot(purchase.event, line.category),
      h('button', { class: 'where', disabled: seat === undefined, title: 'Show on the map', on: { click: () => go.show(seat) } },
        h('b', {}, many + main), h('span', { class: 'quiet' }, [sub, line.category, title(line.ticketType)].filter(Boolean).join(' · '))),
      h('span', { class: 'cost' }, money({ ...line.price, amount: line.price.amount * (line.quantity ?? 1) })),
      removable && removeButton(`Take out ${main}, ${sub}`, () => purchase.remove(line)));
  }));
}

function payForm(panel) {
  const { purchase } = panel;
  const { form, busy } = purchase;
  const keep = (name) => ({ input: (input) => { form[name] = input.target.value; } });
  const field = (label, id, props) => h('div', { class: 'field' }, h('label', { htmlFor: id }, label), h('input', { id, required: true, ...props }));
  const submit = (submitted) => {
    submitted.preventDefault();
    purchase.pay({ ...form });
  };
  return h('form', { class: 'form pay', on: { submit } },
    h('h3', {}, 'Pay'),
    field('Name', 'name', { value: form.name, autocomplete: 'name', maxLength: 200, on: keep('name') }),
    field('E-mail', 'email', { type: 'email', value: form.email, autocomplete: 'email', maxLength: 254, on: keep('email') }),
    methods(form),
    h('div', { class: 'foot' },
      h('button', { class: 'button wide', id: 'pay', disabled: Boolean(busy) }, busy === 'pay' ? 'Paying …' : `Pay ${money(purchase.hold.total)}`),
      h('p', { class: 'quiet small' }, 'A demonstration: no money moves.')));
}

/** The ways to pay of the sandbox. */
export function methods(form) {
  return h('fieldset', { class: 'methods' }, h('legend', {}, 'Payment (sandbox)'), h('div', {},
    METHODS.map(([id, name, what]) => h('label', {},
      h('input', { type: 'radio', name: 'method', id: `method-${id.replace(/\W/g, '-')}`, value: id, checked: form.method === id, on: { change: () => { form.method = id; } } }),
      h('span', {}, h('b', {}, name), h('span', { class: 'quiet' }, what))))));
}
