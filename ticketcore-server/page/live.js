// What is free, held and sold: read once, then kept up to date by the server's stream of changes.

import { get, getRaw } from './api.js';
import { BLOCKED, FREE, HELD, SOLD } from './stamps.js';

const STATES = { free: FREE, held: HELD, sold: SOLD, blocked: BLOCKED };
const REOPEN_MS = 2_000;

export class Live {
  #revision = null;
  #early = [];
  #source = null;
  #timer = 0;
  #loading = false;
  #stop = new AbortController();

  /**
   * `handlers`: `states(bytes)`, `seat(seat, state)`, `area(id, left)`, `sale(state)`,
   * `replaced()`: the seat map is another one, `online(yes)`, `failed(error)`. `tag` is the entity tag of the seat map.
   */
  constructor(eventId, geometry, tag, handlers) {
    const path = `v1/events/${encodeURIComponent(eventId)}`;
    Object.assign(this, { path: `${path}/availability`, mapPath: `${path}/seatmap`, geometry, tag, handlers });
  }

  /** Resolves when everything was read once. */
  async start() {
    this.#open();
    await this.#load();
  }

  close() {
    this.#stop.abort();
    this.#source?.close();
    clearTimeout(this.#timer);
  }

  /** The browser comes back by itself after a break, with `Last-Event-ID`; only if it gives up do we start anew. */
  #open() {
    const source = new EventSource(`${this.path}/stream`);
    this.#source = source;
    source.addEventListener('open', () => this.handlers.online(true));
    source.addEventListener('change', ({ data }) => this.#change(JSON.parse(data)));
    source.addEventListener('reload', () => this.#later(() => this.#again(), 50 + 1_000 * Math.random()));
    source.addEventListener('error', () => {
      this.handlers.online(false);
      if (source.readyState !== EventSource.CLOSED || this.#stop.signal.aborted) return;
      this.#later(() => { this.#open(); this.#load(); }, REOPEN_MS * (1 + Math.random()));
    });
  }

  /** Many are told to come back at once: nobody should do it at once. */
  #later(what, ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(what, ms);
  }

  #reloadSoon(ms) {
    this.#later(() => this.#load(), 50 + Math.random() * ms);
  }

  /** Perhaps what is sold is another: then everything must be read, not only its states. */
  async #again() {
    try {
      const { signal } = this.#stop;
      const drawn = await getRaw(this.mapPath, { signal, cache: 'no-cache' });
      await drawn.body?.cancel();
      if (drawn.headers.get('ETag') !== this.tag) return this.handlers.replaced();
    } catch (error) {
      if (error.name === 'AbortError') return;
    }
    await this.#load();
  }

  async #load() {
    if (this.#loading) return;
    this.#loading = true;
    this.#revision = null;
    const { signal } = this.#stop;
    try {
      const [seats, sections] = await Promise.all([
        getRaw(`${this.path}?level=seats`, { accept: 'application/octet-stream', signal, cache: 'no-cache' }),
        get(this.path, { signal, cache: 'no-cache' }),
      ]);
      const bytes = new Uint8Array(await seats.arrayBuffer());
      this.handlers.states(unpack(bytes, this.geometry.seats));
      for (const area of sections.areas ?? []) this.handlers.area(area.id, area.left);
      this.handlers.sale(sections.saleState);
      // Of two readings the older counts: what came after it is said again, and twice is once.
      this.#revision = Math.min(revisionOf(seats), sections.revision);
      const early = this.#early;
      this.#early = [];
      for (const change of early) this.#change(change);
    } catch (error) {
      if (error.name !== 'AbortError') this.handlers.failed(error);
    } finally {
      this.#loading = false;
    }
  }

  #change(change) {
    if (this.#revision === null) {
      this.#early.push(change);
      return;
    }
    if (change.to <= this.#revision) return;
    if (change.from > this.#revision) {
      this.#early.push(change);
      this.#revision = null;
      this.#reloadSoon(200);
      return;
    }
    for (const [id, state] of change.seats ?? []) {
      const seat = this.geometry.indexes.get(id);
      if (seat !== undefined) this.handlers.seat(seat, STATES[state] ?? BLOCKED);
    }
    for (const { areaId, left } of change.areas ?? []) this.handlers.area(areaId, left);
    if (change.saleState) this.handlers.sale(change.saleState);
    this.#revision = change.to;
  }
}

/** Two bits a seat, the first seat in the lowest bits of the first byte. */
export function unpack(bytes, seats) {
  const states = new Uint8Array(seats);
  for (let seat = 0; seat < seats; seat += 1) states[seat] = (bytes[seat >> 2] >> (2 * (seat & 3))) & 3;
  return states;
}

/** The revision is the first number in the entity tag. */
function revisionOf(response) {
  return Number(/\d+/.exec(response.headers.get('ETag') ?? '')?.[0] ?? 0);
}
