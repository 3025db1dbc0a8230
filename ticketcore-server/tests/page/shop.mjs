// What the mock server sells: seats, holds, orders. In memory, with the shapes of the API and little of its rules.

import { randomBytes } from 'node:crypto';

export const STATES = ['free', 'held', 'sold', 'blocked'];
const HOLD_MS = 480_000;

/** A problem to be answered. */
export class Refused extends Error {
  constructor(status, code, members = {}) {
    super(code);
    Object.assign(this, { status, code, members });
  }
}

export const newId = (prefix) => `${prefix}_${randomBytes(7).toString('hex').slice(0, 13)}`;
const iso = (ms) => new Date(ms).toISOString();

export class Shop {
  listeners = new Set();
  holds = new Map();
  orders = new Map();
  revision = 1;

  constructor(summary, map, maxTickets = 10) {
    Object.assign(this, { summary, map, maxTickets });
    this.states = new Uint8Array(map.seats.id.length);
    for (const seat of map.seats.dropped) this.states[seat] = 3;
    this.indexes = new Map(map.seats.id.map((id, seat) => [id, seat]));
    this.category = map.seats.category.flatMap(([which, many]) => Array(many).fill(which));
    this.rowOf = map.rows.first.flatMap((_, row) => Array(map.rows.count[row]).fill(row));
    this.left = map.areas.map(({ capacity }) => capacity);
    this.prices = map.categories.map((_, at) => ({ adult: 12_000 - at * 1_900, child: 6_000 - at * 900 }));
  }

  /** Sells part of it, the better seats more. */
  fillUp(share) {
    let seed = 7;
    const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
    const { rows } = this.map;
    rows.first.forEach((first, row) => {
      const popular = share * (0.35 + 1.3 * Math.abs(Math.sin(rows.section[row] * 1.7)));
      for (let at = 0; at < rows.count[row];) {
        const group = 1 + Math.floor(random() * 5);
        const state = random() < popular ? (random() < 0.06 ? 1 : 2) : 0;
        for (let seat = first + at; seat < Math.min(first + at + group, first + rows.count[row]); seat += 1) if (this.states[seat] === 0) this.states[seat] = state;
        at += group;
      }
    });
  }

  detail() {
    const { currency = 'EUR' } = this;
    return {
      ...this.summary, currency, ticketTypes: ['adult', 'child'], ticketsPerUserMax: this.maxTickets, holdTtlMs: HOLD_MS, serverTime: iso(Date.now()),
      categories: this.map.categories.map((category, at) => ({
        ...category, prices: ['adult', 'child'].map((ticketType) => ({ ticketType, price: { amount: this.prices[at][ticketType], currency } })),
      })),
      areas: this.map.areas.map(({ id, category, capacity }) => ({ id, capacity, category: this.map.categories[category].name })),
    };
  }

  bitmap() {
    const bytes = Buffer.alloc(Math.ceil(this.states.length / 32) * 8);
    this.states.forEach((state, seat) => { bytes[seat >> 2] |= state << (2 * (seat & 3)); });
    return bytes;
  }

  change(seats, areas = []) {
    const from = this.revision;
    this.revision += 1;
    for (const [seat, state] of seats) this.states[seat] = state;
    const data = {
      from, to: this.revision, saleState: this.summary.saleState, reload: false,
      seats: seats.map(([seat, state]) => [this.map.seats.id[seat], STATES[state]]),
      areas: areas.map((at) => ({ areaId: this.map.areas[at].id, left: this.left[at] })),
    };
    for (const tell of this.listeners) tell(this.revision, data);
  }

  #price(category, ticketType) {
    return { amount: this.prices[category][ticketType], currency: 'EUR' };
  }

  #seatLine(seat, ticketType) {
    const { map } = this;
    const row = this.rowOf[seat];
    const category = this.category[seat];
    return {
      seatId: map.seats.id[seat], section: map.sections[map.rows.section[row]], row: map.rows.label[row], label: map.seats.label[seat],
      category: map.categories[category].name, ticketType, price: this.#price(category, ticketType),
    };
  }

  /** Seats side by side, in the first row that has them. */
  #best({ quantity, section, category }) {
    const { rows, sections, categories } = this.map;
    for (let row = 0; row < rows.first.length; row += 1) {
      if (section && sections[rows.section[row]] !== section) continue;
      let run = [];
      for (let seat = rows.first[row]; seat < rows.first[row] + rows.count[row]; seat += 1) {
        const fits = this.states[seat] === 0 && (!category || categories[this.category[seat]].name === category);
        run = fits ? [...run, seat] : [];
        if (run.length === quantity) return run;
      }
    }
    throw new Refused(409, 'best_available_miss', { asked: quantity, matching: 0, largestAdjacent: 0 });
  }

  #take(user, items, had = 0) {
    const lines = [];
    const seats = [];
    const areas = [];
    for (const item of items) {
      if (item.areaId) {
        const at = this.map.areas.findIndex(({ id }) => id === item.areaId);
        if (at < 0) throw new Refused(404, 'unknown_area');
        if (this.left[at] < item.quantity) throw new Refused(409, 'area_exhausted', { areaId: item.areaId, left: this.left[at] });
        areas.push([at, item.quantity]);
        const { category } = this.map.areas[at];
        lines.push({ areaId: item.areaId, quantity: item.quantity, category: this.map.categories[category].name, ticketType: item.ticketType, price: this.#price(category, item.ticketType) });
      } else {
        const named = item.bestAvailable ? this.#best(item.bestAvailable) : item.seatIds.map((id) => this.indexes.get(id));
        if (named.includes(undefined)) throw new Refused(404, 'unknown_seats', { seatIds: item.seatIds.filter((id) => !this.indexes.has(id)) });
        seats.push(...named);
        lines.push(...named.map((seat) => this.#seatLine(seat, item.ticketType)));
      }
    }
    const asked = seats.length + areas.reduce((sum, [, many]) => sum + many, 0);
    if (asked + had > this.maxTickets) throw new Refused(409, 'user_limit', { max: this.maxTickets, used: had, asked });
    const taken = seats.filter((seat) => this.states[seat] !== 0);
    if (taken.length) {
      throw new Refused(409, 'seats_unavailable', {
        conflicts: taken.map((seat) => ({ seatId: this.map.seats.id[seat], state: STATES[this.states[seat]], freeAtLatest: this.states[seat] === 1 ? iso(Date.now() + 420_000) : null })),
      });
    }
    for (const [at, many] of areas) this.left[at] -= many;
    this.change(seats.map((seat) => [seat, 1]), areas.map(([at]) => at));
    return lines;
  }

  #free(lines) {
    const places = lines.filter((line) => line.areaId);
    for (const line of places) this.left[this.map.areas.findIndex(({ id }) => id === line.areaId)] += line.quantity;
    this.change(lines.filter((line) => line.seatId).map((line) => [this.indexes.get(line.seatId), 0]), places.map((line) => this.map.areas.findIndex(({ id }) => id === line.areaId)));
  }

  place(user, items) {
    const lines = this.#take(user, items);
    const hold = { holdId: newId('hld'), user, lines, version: 1, expires: Date.now() + HOLD_MS, extensionsLeft: 2 };
    this.holds.set(hold.holdId, hold);
    return this.show(hold);
  }

  hold(user, id) {
    const hold = this.holds.get(id);
    if (!hold || hold.user !== user) throw new Refused(404, 'unknown_hold');
    return hold;
  }

  show({ holdId, lines, version, expires, extensionsLeft }) {
    return {
      holdId, eventId: this.summary.id, version, revision: this.revision, extensionsLeft, lines, total: total(lines),
      expiresAt: iso(expires), expiresInMs: Math.max(0, expires - Date.now()), serverTime: iso(Date.now()),
    };
  }

  amend(hold, change, ifMatch) {
    if (ifMatch !== `"${hold.version}"`) throw new Refused(412, 'stale_hold', { version: hold.version });
    const gone = hold.lines.filter((line) => change.removeSeatIds?.includes(line.seatId) || change.removePlaces?.some((each) => each.areaId === line.areaId && each.ticketType === line.ticketType));
    const kept = hold.lines.filter((line) => !gone.includes(line));
    const added = change.addItems ? this.#take(hold.user, change.addItems, kept.length) : [];
    if (gone.length) this.#free(gone);
    Object.assign(hold, { lines: [...kept, ...added], version: hold.version + 1 });
    return this.show(hold);
  }

  extend(hold) {
    if (hold.extensionsLeft === 0) throw new Refused(409, 'no_extension_left', { lifetimeEnd: iso(hold.expires) });
    Object.assign(hold, { extensionsLeft: hold.extensionsLeft - 1, expires: Date.now() + HOLD_MS });
    return this.show(hold);
  }

  release(hold) {
    this.holds.delete(hold.holdId);
    this.#free(hold.lines);
  }

  /** An order from a hold, not paid yet. */
  open(hold, customer) {
    this.holds.delete(hold.holdId);
    const count = hold.lines.reduce((sum, line) => sum + (line.quantity ?? 1), 0);
    const order = { orderId: newId('ord'), eventId: this.summary.id, user: hold.user, status: 'open', lines: hold.lines, total: total(hold.lines), payments: [], ticketCount: count, deadline: Date.now() + 900_000, customer };
    this.orders.set(order.orderId, order);
    return order;
  }

  /** A payment: at once, later, asked for, or declined. */
  pay(order, method) {
    if (order.status !== 'open') throw new Refused(409, 'order_state', { orderStatus: order.status });
    const [name, ms] = method.split(':');
    const payment = { number: order.payments.length + 1, status: 'pending', amount: order.total };
    order.payments.push(payment);
    order.status = 'paying';
    order.nextAction = undefined;
    if (name === 'pm_requires_action') order.nextAction = { type: 'sandbox' };
    else if (name === 'pm_slow') setTimeout(() => this.settle(order, true), Number(ms ?? 2_000));
    else this.settle(order, name === 'pm_ok', { pm_declined: 'card_declined', pm_insufficient_funds: 'insufficient_funds' }[name]);
  }

  settle(order, good, code = 'authentication_failed') {
    const payment = order.payments.at(-1);
    order.nextAction = undefined;
    Object.assign(payment, good ? { status: 'captured' } : { status: 'declined', code });
    order.status = good ? 'confirmed' : 'open';
    if (good) {
      order.tickets = order.lines.flatMap((line) => Array.from({ length: line.quantity ?? 1 }, () => line)).map((line, index) => {
        const { quantity, seatId, category, ...shown } = line;
        return { ticketId: newId('tkt'), index, status: 'valid', code: randomBytes(40).toString('base64url'), ...shown };
      });
      this.change(order.lines.filter((line) => line.seatId).map((line) => [this.indexes.get(line.seatId), 2]));
    }
  }

  cancel(order) {
    if (order.status === 'confirmed') throw new Refused(409, 'order_state', { orderStatus: order.status });
    order.status = 'cancelled';
    this.#free(order.lines);
  }
}

export function showOrder(order) {
  const { user, customer, deadline, tickets, ...shown } = order;
  return { ...shown, paymentDeadline: iso(deadline), serverTime: iso(Date.now()) };
}

const total = (lines) => ({ amount: lines.reduce((sum, line) => sum + line.price.amount * (line.quantity ?? 1), 0), currency: 'EUR' });
