// The orders of this session, and one of them.

import { get, memory } from './api.js';
import { fill, h, icon, ICONS } from './dom.js';
import { everything } from './events.js';
import { money, place, plural } from './format.js';
import { ticketList } from './tickets.js';

const STATUS = {
  open: ['To be paid', 'wait'], paying: ['Being paid', 'wait'], in_review: ['Being looked at', 'wait'], authorized: ['Being paid', 'wait'],
  captured: ['Paid', 'wait'], confirmed: ['Confirmed', 'live'], cancelled: ['Cancelled', 'quiet'], expired: ['Expired', 'quiet'],
};

const pill = (status) => {
  const [text, tone] = STATUS[status] ?? [status, 'quiet'];
  return h('span', { class: `pill ${tone}` }, text);
};

export async function ordersScreen(root, signal) {
  document.title = 'My tickets · Box office';
  fill(root, h('div', { class: 'column' }, h('h1', {}, 'My tickets'), h('p', { class: 'loading' }, 'Looking …')));
  const [orders, events] = await Promise.all([everything('v1/me/orders', signal, true), everything('v1/events', signal)]);
  if (signal.aborted) return;
  const names = new Map(events.map((event) => [event.id, event.name]));
  fill(root, h('div', { class: 'column' }, h('h1', {}, 'My tickets'),
    orders.length === 0
      ? h('div', { class: 'empty' }, h('p', {}, 'Nothing was bought in this tab yet.'), h('a', { class: 'button', href: '#/' }, 'See events'))
      : h('ul', { class: 'events' }, orders.map((order) => h('li', {}, h('a', { class: 'event-card', href: `#/orders/${encodeURIComponent(order.orderId)}` },
        h('span', { class: 'what' },
          h('b', { class: 'name' }, names.get(order.eventId) ?? 'Order'),
          h('span', { class: 'quiet' }, [order.ticketCount && plural(order.ticketCount, 'ticket'), order.total && money(order.total)].filter(Boolean).join(' · '))),
        pill(order.status), icon(ICONS.next)))))));
}

export async function orderScreen(root, signal, id) {
  document.title = 'Order · Box office';
  const order = await get(`v1/orders/${encodeURIComponent(id)}`, { auth: true, signal });
  const event = order.eventId ? await get(`v1/events/${order.eventId}`, { signal }).catch(() => null) : null;
  if (signal.aborted) return;
  const unpaid = !['confirmed', 'cancelled', 'expired'].includes(order.status);
  fill(root, h('div', { class: 'column' },
    h('a', { class: 'back', href: '#/orders' }, icon(ICONS.back, 16), 'My tickets'),
    h('div', { class: 'lead' }, h('h1', {}, event?.name ?? 'Order'), pill(order.status)),
    h('p', { class: 'quiet' }, [order.total && money(order.total), 'Order '].filter(Boolean).join(' · '), h('code', {}, order.orderId)),
    order.status === 'confirmed' ? ticketList(order.orderId, event, true) : h('ul', { class: 'lines' }, (order.lines ?? []).map((line) => {
      const { main, sub } = place(line);
      return h('li', { class: 'line' }, h('span', { class: 'where' }, h('b', {}, main), h('span', { class: 'quiet' }, sub)), h('span', { class: 'cost' }, money(line.price)));
    })),
    unpaid && order.eventId && h('p', {}, h('a', {
      class: 'button', href: `#/events/${encodeURIComponent(order.eventId)}`, on: { click: () => memory.set(`order.${order.eventId}`, order.orderId) },
    }, 'Go on'))));
}
