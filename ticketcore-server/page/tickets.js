// Tickets with their QR codes.

import { get, getRaw } from './api.js';
import { fill, h, icon, ICONS } from './dom.js';
import { money, place, plural, title } from './format.js';
import { words } from './problems.js';

const kept = new Map();

/** The view of a confirmed order. */
export function ticketsView(panel) {
  const { order, event } = panel.purchase;
  return [
    h('div', { class: 'done' }, h('span', { class: 'seal', aria: { hidden: true } }, icon(ICONS.check, 22)),
      h('h2', {}, `${plural(order.ticketCount ?? order.lines.length, 'ticket')} for ${event.name}`),
      h('p', { class: 'quiet' }, order.total && `${money(order.total)} paid · `, 'Order ', h('code', {}, order.orderId))),
    ticketList(order.orderId, event),
    h('p', {}, h('button', { class: 'link', id: 'again', on: { click: () => panel.purchase.again() } }, 'Buy more tickets')),
  ];
}

/** The tickets of an order; read once, however often they are shown, unless they must be `fresh`. */
export function ticketList(orderId, event, fresh = false) {
  if (!fresh && kept.has(orderId)) return kept.get(orderId);
  const list = h('ul', { class: 'tickets' }, h('li', { class: 'quiet' }, 'Printing …'));
  kept.set(orderId, list);
  get(`v1/orders/${encodeURIComponent(orderId)}/tickets`, { auth: true })
    .then(({ items }) => fill(list, items.map((ticket) => card(orderId, ticket, event))))
    .catch((error) => {
      kept.delete(orderId);
      fill(list, h('li', {}, words(error)));
    });
  return list;
}

const STATUS = { valid: 'Valid', used: 'Used', refunded: 'Refunded', exchanged: 'Exchanged', void: 'Void' };

function card(orderId, ticket, event) {
  const { main, sub } = place(ticket);
  const where = `${sub}, ${main}`;
  const qr = h('div', { class: 'qr' });
  code(orderId, ticket, where, qr);
  return h('li', { class: 'ticket' }, qr,
    h('div', { class: 'stub' },
      event && h('span', { class: 'quiet' }, event.name),
      h('b', {}, main), h('span', {}, sub),
      h('span', { class: 'quiet' }, [title(ticket.ticketType), ticket.price && money(ticket.price), STATUS[ticket.status] ?? ticket.status].filter(Boolean).join(' · ')),
      h('code', { class: 'ticket-id' }, ticket.ticketId)));
}

/** An image can not carry the buyer's token: its bytes are fetched, and shown from memory. */
async function code(orderId, ticket, where, into) {
  try {
    const response = await getRaw(`v1/orders/${encodeURIComponent(orderId)}/tickets/${ticket.index}/qr.svg`, { auth: true, accept: 'image/svg+xml' });
    const url = URL.createObjectURL(new Blob([await response.arrayBuffer()], { type: 'image/svg+xml' }));
    const image = h('img', { alt: `QR code of the ticket for ${where}`, width: 148, height: 148, on: { load: () => URL.revokeObjectURL(url) } });
    image.src = url;
    fill(into, image);
  } catch (error) {
    fill(into, h('p', { class: 'small' }, words(error)));
  }
}
