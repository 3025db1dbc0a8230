// A stand-in for the server, for the browser test of the page only: `node mock.mjs [port]`. With `--moving` seats change all the time.

import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { newId, Refused, Shop, showOrder } from './shop.mjs';
import { hall, stadium } from './stadium.mjs';

const PAGE = new URL('../../page/', import.meta.url);
const KINDS = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', svg: 'image/svg+xml' };
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const venues = [{ id: 'ven_0000000000001', name: 'Stadium' }, { id: 'ven_0000000000002', name: 'Hall' }];
const soon = (days) => new Date(Math.floor(Date.now() / 86_400_000 + days) * 86_400_000 + 68_400_000).toISOString();
const shops = [
  new Shop({ id: 'evt_0000000000001', name: 'Cup Final', venueId: venues[0].id, startsAt: soon(40), zone: 'Europe/Berlin', saleState: 'onsale' }, stadium()),
  new Shop({ id: 'evt_0000000000002', name: 'Winter Concert', venueId: venues[1].id, startsAt: soon(19), zone: 'America/New_York', saleState: 'onsale' }, hall()),
  new Shop({ id: 'evt_0000000000003', name: 'Summer Concert', venueId: venues[1].id, startsAt: soon(200), zone: 'Asia/Tokyo', saleState: 'scheduled' }, hall()),
];
shops[0].fillUp(0.55);
shops[1].fillUp(0.4);
shops[1].left[0] = 37;

const users = new Map();
const done = new Map();
let busy = 0;

const shopOf = (id) => shops.find((shop) => shop.summary.id === id) ?? refuse(404, 'unknown_event');
const holder = (id) => shops.find((shop) => shop.holds.has(id)) ?? refuse(404, 'unknown_hold');
const orderer = (user, id) => {
  const shop = shops.find((each) => each.orders.get(id)?.user === user);
  return shop ? [shop, shop.orders.get(id)] : refuse(404, 'unknown_order');
};

function refuse(status, code, members) {
  throw new Refused(status, code, members);
}

/** Answers an order after a payment: confirmed, waiting, or declined. */
function paid(order) {
  if (order.status === 'open') refuse(402, 'payment_declined', { order: showOrder(order), payUntil: new Date(order.deadline).toISOString() });
  return [order.status === 'confirmed' ? 201 : 202, showOrder(order)];
}

const qr = (text) => {
  let seed = [...text].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, 7);
  let path = '';
  for (let at = 0; at < 29 * 29; at += 1) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    if (seed >>> 31) path += `M${4 + (at % 29)} ${4 + Math.floor(at / 29)}h1v1h-1z`;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 37 37"><rect width="37" height="37" fill="#fff"/><path d="${path}"/></svg>`;
};

/** Method and path to an answer: `[status, body]`. Groups of the path are given by place. */
const ROUTES = [
  ['POST', /^\/v1\/sessions$/, () => {
    const token = newId('tok');
    users.set(token, newId('usr'));
    return [201, { token, userId: users.get(token), expiresAt: soon(1) }];
  }],
  ['GET', /^\/v1\/venues$/, () => [200, { items: venues }]],
  ['GET', /^\/v1\/venues\/(\w+)$/, (call, id) => [200, venues.find((venue) => venue.id === id) ?? refuse(404, 'not_found')]],
  ['GET', /^\/v1\/events$/, () => [200, { items: shops.map((shop) => shop.summary) }]],
  ['GET', /^\/v1\/events\/(\w+)$/, (call, id) => [200, shopOf(id).detail()]],
  ['GET', /^\/v1\/events\/(\w+)\/seatmap$/, (call, id) => [200, { eventId: id, seatCount: shopOf(id).states.length, ...shopOf(id).map }, { ETag: '"0"' }]],
  ['GET', /^\/v1\/events\/(\w+)\/availability$/, ({ url }, id) => {
    const shop = shopOf(id);
    if (url.searchParams.get('level') === 'seats') return [200, shop.bitmap(), { ETag: `"${shop.revision}-map"`, 'Content-Type': 'application/octet-stream' }];
    const areas = shop.map.areas.map((area, at) => ({ id: area.id, left: shop.left[at], capacity: area.capacity }));
    return [200, { eventId: id, revision: shop.revision, saleState: shop.summary.saleState, sections: [], areas, categories: [] }];
  }],
  ['POST', /^\/v1\/holds$/, ({ user, body }) => [201, shopOf(body.eventId).place(user, body.items)]],
  ['GET', /^\/v1\/holds\/(\w+)$/, ({ user }, id) => [200, holder(id).show(holder(id).hold(user, id))]],
  ['PATCH', /^\/v1\/holds\/(\w+)$/, ({ user, body, headers }, id) => [200, holder(id).amend(holder(id).hold(user, id), body, headers['if-match'])]],
  ['DELETE', /^\/v1\/holds\/(\w+)$/, ({ user }, id) => { holder(id).release(holder(id).hold(user, id)); return [204]; }],
  ['POST', /^\/v1\/holds\/(\w+)\/extend$/, ({ user }, id) => [200, holder(id).extend(holder(id).hold(user, id))]],
  ['POST', /^\/v1\/orders$/, ({ user, body }) => {
    const shop = holder(body.holdId);
    const order = shop.open(shop.hold(user, body.holdId), body.customer);
    shop.pay(order, body.paymentMethodId);
    return paid(order);
  }],
  ['POST', /^\/v1\/orders\/(\w+)\/payments$/, ({ user, body }, id) => {
    const [shop, order] = orderer(user, id);
    shop.pay(order, body.paymentMethodId);
    return paid(order);
  }],
  ['POST', /^\/v1\/orders\/(\w+)\/cancel$/, ({ user }, id) => { const [shop, order] = orderer(user, id); shop.cancel(order); return [200, showOrder(order)]; }],
  ['GET', /^\/v1\/orders\/(\w+)$/, ({ user }, id) => [200, showOrder(orderer(user, id)[1])]],
  ['GET', /^\/v1\/orders\/(\w+)\/tickets$/, ({ user }, id) => [200, { items: orderer(user, id)[1].tickets ?? [] }]],
  ['GET', /^\/v1\/orders\/(\w+)\/tickets\/(\d+)\/qr\.svg$/, ({ user }, id, index) => [200, qr(orderer(user, id)[1].tickets[index].code), { 'Content-Type': 'image/svg+xml' }]],
  ['GET', /^\/v1\/me\/orders$/, ({ user }) => [200, { items: shops.flatMap((shop) => [...shop.orders.values()]).filter((order) => order.user === user).map(showOrder) }]],
  ['POST', /^\/v1\/sandbox\/actions$/, ({ user, body }) => { const [shop, order] = orderer(user, body.orderId); shop.settle(order, body.outcome === 'succeed'); return [200, {}]; }],
];

function stream(shop, request, response) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  const tell = (id, data) => response.write(`id: ${id}\nevent: change\ndata: ${JSON.stringify(data)}\n\n`);
  tell(shop.revision, { from: shop.revision, to: shop.revision, saleState: shop.summary.saleState, seats: [], areas: [], reload: false });
  shop.listeners.add(tell);
  request.on('close', () => shop.listeners.delete(tell));
}

async function answer(request, url) {
  const { method, headers } = request;
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = chunks.length ? JSON.parse(Buffer.concat(chunks)) : undefined;
  const user = users.get(headers.authorization?.slice(7));
  const route = ROUTES.find(([verb, path]) => verb === method && path.test(url.pathname)) ?? refuse(404, 'not_found');
  if (/holds|orders|sandbox/.test(url.pathname) && !user) refuse(401, 'unauthorized');
  const key = headers['idempotency-key'];
  if (method === 'POST' && !key) refuse(400, 'idempotency_key_missing');
  // Every seventh hold is refused as if the server were busy: the page must come through, once.
  if (method === 'POST' && url.pathname === '/v1/holds' && (busy += 1) % 7 === 1) refuse(503, 'overloaded', { retryAfterMs: 300 });
  const again = key && done.get(`${user} ${key}`);
  if (again) return again;
  const found = route[2]({ user, body, headers, url }, ...route[1].exec(url.pathname).slice(1));
  if (key) done.set(`${user} ${key}`, found);
  return found;
}

async function serve(request, response) {
  const url = new URL(request.url, 'http://mock');
  try {
    const streamed = /^\/v1\/events\/(\w+)\/availability\/stream$/.exec(url.pathname);
    if (streamed) return stream(shopOf(streamed[1]), request, response);
    if (url.pathname === '/' || /^\/page\/[\w.]+$/.test(url.pathname)) {
      const name = url.pathname === '/' ? 'index.html' : url.pathname.slice(6);
      const bytes = await readFile(new URL(name, PAGE)).catch(() => refuse(404, 'not_found'));
      response.writeHead(200, { 'Content-Type': KINDS[name.split('.').at(-1)], 'Content-Security-Policy': CSP, 'Cache-Control': 'no-cache' });
      return response.end(bytes);
    }
    if (url.pathname === '/openapi.json') {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      return response.end(await readFile(new URL('../golden/openapi.json', import.meta.url)));
    }
    if (/^\/docs(\/[\w.]+)?$/.test(url.pathname)) {
      const name = url.pathname.slice(6) || 'index.html';
      const bytes = await readFile(new URL(`docs/${name}`, PAGE)).catch(() => refuse(404, 'not_found'));
      response.writeHead(200, { 'Content-Type': KINDS[name.split('.').at(-1)], 'Content-Security-Policy': CSP, 'Cache-Control': 'no-cache' });
      return response.end(bytes);
    }
    const [status, body, headers] = await answer(request, url);
    const raw = Buffer.isBuffer(body) || typeof body === 'string';
    response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache', ...headers });
    response.end(body === undefined ? undefined : raw ? body : JSON.stringify(body));
  } catch (error) {
    if (!(error instanceof Refused)) console.error(error);
    const { status = 500, code = 'internal', members = {} } = error;
    response.writeHead(status, { 'Content-Type': 'application/problem+json', ...(members.retryAfterMs && { 'Retry-After': '1' }) });
    response.end(JSON.stringify({ type: `urn:ticketcore:problem:${code}`, title: code, status, code, detail: code, serverTime: new Date().toISOString(), ...members }));
  }
}

const port = Number(process.argv.find((each) => /^\d+$/.test(each)) ?? 0);
const server = http.createServer(serve).listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`));
if (process.argv.includes('--moving')) {
  setInterval(() => {
    const [shop] = shops;
    const seats = Array.from({ length: 8 }, () => Math.floor(Math.random() * 80_000)).filter((seat) => shop.states[seat] < 2);
    shop.change(seats.map((seat) => [seat, shop.states[seat] === 0 ? 1 : 0]));
  }, 250);
}
