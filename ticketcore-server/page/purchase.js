// One purchase: what is chosen, held, ordered and paid. Asks the server, and tells whoever shows it.

import { get, memory, ProblemError, send } from './api.js';
import { deadline } from './countdown.js';
import { announce } from './dom.js';
import { between, sectionName } from './format.js';
import { Prices } from './prices.js';
import { conflicts, words } from './problems.js';
import { SOLD } from './stamps.js';

const POLL_MS = 400;
const POLL_MS_MAX = 4_000;
const UNDER_WAY = ['paying', 'in_review', 'authorized', 'captured'];

export class Purchase extends EventTarget {
  hold = null;
  order = null;
  busy = null;
  notice = null;
  chosen = new Map();
  places = new Map();
  form = { name: '', email: '', method: 'pm_ok' };
  #tail = Promise.resolve();
  #closed = false;
  #poll = 0;

  constructor(event, geometry) {
    super();
    Object.assign(this, { event, geometry, prices: new Prices(event) });
    this.seatName = (id) => {
      const seat = geometry.indexes.get(id);
      if (seat === undefined) return id;
      const { section, row, label } = geometry.describe(seat);
      return `${sectionName(section)}, row ${row}, seat ${label}`;
    };
  }

  /** Goes on with what this tab began before it was reloaded. */
  async resume() {
    const orderId = memory.get(`order.${this.event.id}`);
    const holdId = memory.get(`hold.${this.event.id}`);
    try {
      if (orderId) this.#adoptOrder(await get(`v1/orders/${orderId}`, { auth: true }));
      else if (holdId) await this.#readHold(holdId);
    } catch {
      this.#remember();
    }
    this.#tell();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#poll);
  }

  get stage() {
    if (this.order) return this.order.status === 'confirmed' ? 'tickets' : 'order';
    return this.hold ? 'held' : 'choose';
  }

  /** Tickets chosen or held. */
  get count() {
    if (this.hold) return this.hold.lines.reduce((sum, line) => sum + (line.quantity ?? 1), 0);
    return this.chosen.size + [...this.places.values()].reduce((sum, { quantity }) => sum + quantity, 0);
  }

  get room() {
    return this.event.ticketsPerUserMax - this.count;
  }

  /** The buyer's seats in a hold or a living order. */
  get mine() {
    const dead = this.order && ['cancelled', 'expired'].includes(this.order.status);
    const lines = dead ? [] : (this.order ?? this.hold)?.lines ?? [];
    return lines.map((line) => this.geometry.indexes.get(line.seatId)).filter((seat) => seat !== undefined);
  }

  get total() {
    if (this.hold) return this.hold.total;
    const seats = [...this.chosen].map(([seat, type]) => this.prices.of(this.categoryOf(seat), type));
    const places = [...this.places.values()].map((each) => {
      const price = this.prices.of(each.category, each.ticketType);
      return price && { amount: price.amount * each.quantity };
    });
    return this.prices.sum([...seats, ...places]);
  }

  categoryOf(seat) {
    return this.event.categories[this.geometry.category[seat]].name;
  }

  /** A click on a seat. */
  toggle(seat, state) {
    const id = this.geometry.ids[seat];
    if (this.stage === 'order' || this.stage === 'tickets') return;
    if (this.hold) {
      if (this.mine.includes(seat)) return this.remove({ seatId: id });
      if (state === 0 && this.#roomFor(1)) this.#amend({ addItems: [{ seatIds: [id], ticketType: this.prices.usual(this.categoryOf(seat))?.ticketType }] });
      return;
    }
    if (this.chosen.delete(seat)) return this.#changed();
    if (state !== 0) return this.#say({ text: `This seat is ${state === SOLD ? 'sold' : state === 1 ? 'held by somebody' : 'not for sale'}.` });
    const usual = this.prices.usual(this.categoryOf(seat));
    if (!usual) return this.#say({ text: words({ problem: { code: 'not_sold' } }) });
    if (!this.#roomFor(1)) return;
    this.chosen.set(seat, usual.ticketType);
    this.#changed();
  }

  setType(seat, ticketType) {
    this.chosen.set(seat, ticketType);
    this.#changed();
  }

  /** So many places of an area for a ticket type. */
  setPlaces(area, ticketType, quantity) {
    const key = `${area.id}\n${ticketType}`;
    const before = this.places.get(key)?.quantity ?? 0;
    if (quantity > before && !this.#roomFor(quantity - before)) return;
    if (quantity > 0) this.places.set(key, { areaId: area.id, category: area.category, ticketType, quantity });
    else this.places.delete(key);
    this.#changed();
  }

  /** Somebody else took a seat that was only chosen. */
  taken(seat) {
    if (this.busy || this.hold || !this.chosen.delete(seat)) return;
    this.#say({ text: `Just taken by somebody else: ${this.seatName(this.geometry.ids[seat])}.`, urgent: true });
  }

  /** Holds what is chosen. */
  holdChosen() {
    const byType = new Map();
    for (const [seat, type] of this.chosen) byType.set(type, [...(byType.get(type) ?? []), this.geometry.ids[seat]]);
    const items = [...byType].map(([ticketType, seatIds]) => ({ seatIds, ticketType }));
    for (const { areaId, quantity, ticketType } of this.places.values()) items.push({ areaId, quantity, ticketType });
    return this.#place(items);
  }

  /** Holds the best seats there are; `wish` as in the API. */
  holdBest(wish, ticketType) {
    return this.#place([{ bestAvailable: wish, ticketType }]);
  }

  #place(items) {
    return this.#do('hold', async () => {
      const sentAt = performance.now();
      const hold = await send('POST', 'v1/holds', { eventId: this.event.id, items });
      this.#adoptHold(hold, sentAt);
      this.chosen.clear();
      this.places.clear();
    });
  }

  extend() {
    return this.#do('extend', async () => {
      const sentAt = performance.now();
      const extended = await send('POST', `v1/holds/${this.hold.holdId}/extend`, {});
      if (extended?.lines) this.#adoptHold(extended, sentAt);
      else await this.#readHold(this.hold.holdId);
    });
  }

  release() {
    return this.#do('release', async () => {
      await send('DELETE', `v1/holds/${this.hold.holdId}`);
      this.#dropHold();
    });
  }

  /** Takes one line out of the hold; the last one releases it. */
  remove(line) {
    if (this.count <= (line.quantity ?? 1)) return this.release();
    if (line.seatId) return this.#amend({ removeSeatIds: [line.seatId] });
    return this.#amend({ removePlaces: [{ areaId: line.areaId, ticketType: line.ticketType, quantity: line.quantity }] });
  }

  /** More places of an area for the hold. */
  addPlaces(areaId, ticketType, quantity) {
    if (this.#roomFor(quantity)) this.#amend({ addItems: [{ areaId, quantity, ticketType }] });
  }

  #amend(change) {
    return this.#do('amend', async () => {
      const { holdId, version } = this.hold;
      const sentAt = performance.now();
      try {
        this.#adoptHold(await send('PATCH', `v1/holds/${holdId}`, change, { ifMatch: `"${version}"` }), sentAt);
      } catch (error) {
        if (error.code !== 'stale_hold' && error.code !== 'precondition_failed') throw error;
        await this.#readHold(holdId);
        throw error;
      }
    });
  }

  /** The time of the hold is over, by our clock: the server's word counts. */
  async holdOver() {
    const seats = this.mine;
    try {
      await this.#readHold(this.hold.holdId);
      if (this.hold.deadline > performance.now() + 500) return this.#tell();
    } catch {
      // It is gone, as expected.
    }
    this.#dropHold();
    for (const seat of seats) this.chosen.set(seat, this.prices.usual(this.categoryOf(seat))?.ticketType);
    this.#say({ text: `${words({ problem: { code: 'hold_expired' } })} They are still chosen below: hold them again if they are free.`, urgent: true });
  }

  /** Opens the order and pays it. */
  pay(form) {
    this.form = form;
    const body = {
      holdId: this.hold.holdId, paymentMethodId: form.method,
      customer: { email: form.email, name: form.name, locale: navigator.language || 'en' },
    };
    return this.#do('pay', () => this.#payment('v1/orders', body));
  }

  /** Pays again, after a payment failed. */
  payAgain(method) {
    this.form.method = method;
    return this.#do('pay', () => this.#payment(`v1/orders/${this.order.orderId}/payments`, { paymentMethodId: method }));
  }

  async #payment(path, body) {
    try {
      this.#adoptOrder(await send('POST', path, body));
    } catch (error) {
      // A decline is a state of the order; the answer says what became of the seats.
      const problem = error instanceof ProblemError && error.code === 'payment_declined' ? error.problem : null;
      if (!problem) throw error;
      const given = problem.order ?? problem.orderId;
      const order = given?.orderId ? given : await get(`v1/orders/${given ?? this.order?.orderId}`, { auth: true });
      this.#adoptOrder({ serverTime: problem.serverTime, ...order, payUntil: problem.payUntil });
      // The order's view says the same in its place: here it is only spoken.
      announce(words(error), true);
    }
  }

  /** Plays the buyer's bank: `succeed` or `fail`. */
  act(outcome) {
    return this.#do('act', async () => {
      await send('POST', 'v1/sandbox/actions', { orderId: this.order.orderId, outcome });
      this.#adoptOrder(await get(`v1/orders/${this.order.orderId}`, { auth: true }));
    });
  }

  cancel() {
    return this.#do('cancel', async () => {
      const order = await send('POST', `v1/orders/${this.order.orderId}/cancel`, {});
      this.#adoptOrder(order?.orderId ? order : await get(`v1/orders/${this.order.orderId}`, { auth: true }));
    });
  }

  /** The next purchase. */
  again() {
    clearTimeout(this.#poll);
    this.order = null;
    this.#dropHold();
    this.#changed();
  }

  /** Asks what became of the order now. */
  async look() {
    try {
      this.#adoptOrder(await get(`v1/orders/${this.order.orderId}`, { auth: true }));
    } catch (error) {
      this.notice = { text: words(error, this.seatName) };
    }
    this.#tell();
  }

  #adoptHold(hold, sentAt) {
    this.hold = { ...hold, deadline: deadline(hold.expiresInMs, sentAt), whole: Math.max(hold.expiresInMs, this.hold?.whole ?? 0) };
    this.#remember();
  }

  async #readHold(holdId) {
    const sentAt = performance.now();
    this.#adoptHold(await get(`v1/holds/${holdId}`, { auth: true }), sentAt);
  }

  #dropHold() {
    this.hold = null;
    this.#remember();
  }

  #adoptOrder(order) {
    const before = this.order?.orderId === order.orderId ? this.order : null;
    this.order = order;
    this.hold = null;
    const until = order.payUntil ?? order.paymentDeadline;
    order.deadline = until ? deadline(between(order.serverTime ?? new Date().toISOString(), until)) : null;
    order.whole = Math.max(before?.whole ?? 0, order.deadline - performance.now());
    this.#remember();
    clearTimeout(this.#poll);
    if (UNDER_WAY.includes(order.status)) this.#pollSoon(order.nextAction ? POLL_MS_MAX : POLL_MS);
  }

  /** Asks again, ever less often. */
  #pollSoon(ms) {
    this.#poll = setTimeout(async () => {
      if (this.#closed || !this.order) return;
      const before = this.order;
      await this.look();
      if (this.order === before || (this.order && UNDER_WAY.includes(this.order.status))) {
        clearTimeout(this.#poll);
        this.#pollSoon(Math.min(ms * 1.6, POLL_MS_MAX));
      }
    }, ms * (0.8 + 0.4 * Math.random()));
  }

  #remember() {
    memory.set(`hold.${this.event.id}`, this.hold?.holdId);
    memory.set(`order.${this.event.id}`, this.order?.orderId);
  }

  #roomFor(more) {
    if (this.room >= more) return true;
    this.#say({ text: `${this.event.ticketsPerUserMax} tickets a buyer at most.` });
    return false;
  }

  /** One thing after the other: a second click waits for the first. */
  #do(what, action) {
    this.#tail = this.#tail.then(async () => {
      this.busy = what;
      this.notice = null;
      this.#tell();
      try {
        await action();
      } catch (error) {
        this.#failed(error);
      }
      this.busy = null;
      this.#tell();
    });
    return this.#tail;
  }

  #failed(error) {
    for (const { seatId } of error.problem?.conflicts ?? []) this.chosen.delete(this.geometry.indexes.get(seatId));
    if (['unknown_hold', 'hold_expired'].includes(error.code)) this.#dropHold();
    this.notice = { text: words(error, this.seatName), details: conflicts(error, this.seatName), urgent: true };
    if (!(error instanceof ProblemError)) console.error(error);
  }

  #changed() {
    this.notice = null;
    this.#tell();
  }

  #say(notice) {
    this.notice = notice;
    this.#tell();
  }

  #tell() {
    if (!this.#closed) this.dispatchEvent(new Event('change'));
  }
}
