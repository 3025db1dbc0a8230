// An order that is not finished: failed payments, the buyer's bank, waiting.

import { h } from './dom.js';
import { money, plural } from './format.js';
import { lines, methods } from './held.js';
import { declined } from './problems.js';

/** The view of an order until there are tickets. */
export function orderView(panel) {
  const { purchase } = panel;
  const { order } = purchase;
  return [
    state(panel),
    lines(panel, order.lines ?? []),
    order.total && h('p', { class: 'sum' }, h('span', {}, plural(order.ticketCount ?? order.lines?.length ?? 0, 'ticket')), h('b', {}, money(order.total))),
    h('p', { class: 'quiet small' }, 'Order ', h('code', {}, order.orderId)),
  ];
}

function state(panel) {
  const { order } = panel.purchase;
  if (order.status === 'open') return openView(panel);
  if (order.status === 'cancelled' || order.status === 'expired') return overView(panel);
  if (order.nextAction) return actionView(panel);
  return [h('div', { class: 'timer' }, h('h2', {}, order.status === 'in_review' ? 'The payment is being looked at' : 'Waiting for the bank'),
    h('div', { class: 'endless', role: 'progressbar', aria: { label: 'Waiting for the bank' } }, h('i')),
    h('p', { class: 'quiet' }, 'This can take a moment. Your seats are yours until it is decided; you need not stay.'))];
}

const timer = (heading, text) => h('div', { class: 'timer' },
  h('h2', {}, heading),
  h('p', { class: 'time', role: 'timer', aria: { label: 'Time left to pay' }, data: { left: '' } }),
  h('div', { class: 'track', aria: { hidden: true } }, h('i', { data: { share: '' } })),
  h('p', { class: 'quiet' }, text));

function openView(panel) {
  const { purchase } = panel;
  const { order, form, busy } = purchase;
  const failed = order.payments?.at(-1);
  const submit = (submitted) => {
    submitted.preventDefault();
    purchase.payAgain(form.method);
  };
  return [
    timer(failed ? 'Not paid yet' : 'Ready to pay', failed ? `${declined(failed.code)} Your seats are still yours: choose another way to pay.` : 'Your seats are yours until the time is over.'),
    h('form', { class: 'form pay', on: { submit } }, methods(form),
      h('div', { class: 'foot' },
        h('button', { class: 'button wide', id: 'pay-again', disabled: Boolean(busy) }, busy === 'pay' ? 'Paying …' : `Pay ${money(order.total)}`),
        cancelButton(purchase))),
  ];
}

function actionView(panel) {
  const { purchase } = panel;
  const { busy } = purchase;
  return [
    timer('Your bank asks for you', 'Here your bank would ask you to confirm. This is the sandbox: decide what it says.'),
    h('div', { class: 'foot' },
      h('button', { class: 'button wide', id: 'confirm-payment', disabled: Boolean(busy), on: { click: () => purchase.act('succeed') } }, 'Confirm the payment'),
      h('button', { class: 'button wide second', id: 'refuse-payment', disabled: Boolean(busy), on: { click: () => purchase.act('fail') } }, 'Refuse it'),
      cancelButton(purchase)),
  ];
}

function overView(panel) {
  const { purchase } = panel;
  const expired = purchase.order.status === 'expired';
  return h('div', { class: 'empty' },
    h('h2', {}, expired ? 'The time to pay is over' : 'The order is cancelled'),
    h('p', {}, expired ? 'Your seats went back on sale. If money was taken it goes back.' : 'Your seats went back on sale.'),
    h('button', { class: 'button', id: 'again', on: { click: () => purchase.again() } }, 'Choose again'));
}

const cancelButton = (purchase) => h('button', {
  type: 'button', class: 'link', id: 'cancel-order', disabled: Boolean(purchase.busy), on: { click: () => purchase.cancel() },
}, 'Cancel the order');
