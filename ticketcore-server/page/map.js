// The seat map: what each seat is, what is seen of it, and when it is drawn again.

import { Camera } from './camera.js';
import { Painter } from './draw.js';
import { MapInput } from './input.js';
import { CHOSEN, FREE, MINE } from './stamps.js';

const NEAR_PITCH = 15;
/** With frames as long as that, fewer pixels are drawn while the map moves. */
const SLOW_MS = 45;
const RATIO_MAX = 2.5;
const RATIO_COARSE = 1;
const SHARP_AFTER_MS = 160;

export class SeatMap {
  #frame = 0;
  #drawnAt = 0;
  #view = 0;
  #usual = 16;
  #coarse = false;
  #sharpen = 0;
  #stop = new AbortController();

  /** `handlers`: `seat(seat)`, `area(index)`, `hover(target, point)`, `moved(map)`, `inset()`: pixels covered at the top and the bottom. */
  constructor(canvas, geometry, categories, handlers) {
    Object.assign(this, { canvas, geometry, handlers });
    this.states = new Uint8Array(geometry.seats);
    this.kinds = new Uint8Array(geometry.seats);
    this.own = new Map();
    this.left = Uint32Array.from(geometry.blocks, ({ capacity }) => capacity);
    this.calm = matchMedia('(prefers-reduced-motion: reduce)');
    this.camera = new Camera(() => this.calm.matches);
    this.painter = new Painter(canvas, geometry, categories, this.kinds, this.left);
    this.focus = null;
    this.input = new MapInput(this, this.#stop.signal);
    this.sizes = new ResizeObserver(() => this.#resize());
    this.sizes.observe(canvas);
    const restyle = () => { this.painter.restyle(); this.redraw(); };
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', restyle, { signal: this.#stop.signal });
    this.#resize();
  }

  /** Forgets everything; the canvas may go. */
  close() {
    this.sizes.disconnect();
    this.#stop.abort();
    clearTimeout(this.#sharpen);
    cancelAnimationFrame(this.#frame);
    this.#frame = -1;
  }

  /** Draws once before the next frame is shown, however often it is asked for. */
  redraw() {
    if (this.#frame === 0) this.#frame = requestAnimationFrame((now) => this.#draw(now));
  }

  #draw(now) {
    this.#frame = 0;
    const since = now - this.#drawnAt;
    this.#drawnAt = now;
    const flowing = since < 200;
    const { camera } = this;
    const ms = flowing ? Math.min(64, since) : 16;
    const moving = camera.step(ms);
    const view = camera.x + camera.y * 1e3 + camera.scale * 1e6;
    if (flowing && view !== this.#view) this.#pace(since);
    this.#view = view;
    const fading = this.painter.draw(camera, this.ratio, this.focus, this.own, ms);
    if (moving || fading) this.redraw();
    this.handlers.moved?.(this);
  }

  /** Smooth goes before sharp while the map moves, and it is sharp again when it stands still. */
  #pace(ms) {
    this.#usual += (ms - this.#usual) * 0.15;
    if (this.#usual > SLOW_MS) this.#coarse = true;
    if (!this.#coarse || devicePixelRatio <= RATIO_COARSE) return;
    this.#sharpness(RATIO_COARSE);
    clearTimeout(this.#sharpen);
    this.#sharpen = setTimeout(() => {
      this.#usual = 16;
      this.#coarse = false;
      this.#sharpness(Math.min(devicePixelRatio, RATIO_MAX));
      this.#drawnAt = 0;
      this.redraw();
    }, SHARP_AFTER_MS);
  }

  #sharpness(ratio) {
    if (this.ratio === ratio) return;
    this.ratio = ratio;
    this.canvas.width = Math.round(this.canvas.clientWidth * ratio);
    this.canvas.height = Math.round(this.canvas.clientHeight * ratio);
  }

  #resize() {
    const { clientWidth, clientHeight } = this.canvas;
    if (!clientWidth || !clientHeight) return;
    this.ratio = 0;
    this.#sharpness(Math.min(devicePixelRatio || 1, RATIO_MAX));
    this.camera.frame(clientWidth, clientHeight, this.geometry.bounds, this.geometry.pitch, this.handlers.inset());
    this.#drawnAt = 0;
    this.#draw(performance.now());
  }

  /** Takes over what the server says of every seat: an array of states. */
  setStates(states) {
    this.states.set(states);
    this.left.fill(0);
    const { blockOf } = this.geometry;
    for (let seat = 0; seat < states.length; seat += 1) if (states[seat] === FREE) this.left[blockOf[seat]] += 1;
    this.kinds.set(states);
    for (const [seat, kind] of this.own) this.kinds[seat] = kind;
    this.redraw();
  }

  /** What the server says of one seat. */
  setState(seat, state) {
    const before = this.states[seat];
    if (before === state) return;
    const block = this.geometry.blockOf[seat];
    if (before === FREE) this.left[block] -= 1;
    if (state === FREE) this.left[block] += 1;
    this.states[seat] = state;
    if (!this.own.has(seat)) this.kinds[seat] = state;
    this.redraw();
  }

  /** The seats that are the buyer's: chosen, and held or bought. */
  setOwn(chosen, mine) {
    for (const seat of this.own.keys()) this.kinds[seat] = this.states[seat];
    this.own = new Map([...[...chosen].map((seat) => [seat, CHOSEN]), ...[...mine].map((seat) => [seat, MINE])]);
    for (const [seat, kind] of this.own) this.kinds[seat] = kind;
    this.redraw();
  }

  get seatsShown() {
    return this.painter.seatsShown(this.camera.scale);
  }

  /** What is at a point of the view: `{seat}`, `{section}`, `{area}` or null. */
  at(px, py, finger = false) {
    const { geometry, camera } = this;
    const [x, y] = camera.toWorld(px, py);
    if (this.seatsShown) {
      const reach = Math.max(geometry.pitch * 0.55, (finger ? 14 : 5) / camera.scale);
      const seat = geometry.nearest(x, y, Math.min(reach, geometry.pitch * 1.2));
      if (seat >= 0) return { seat };
    } else {
      const seat = geometry.nearest(x, y, geometry.pitch * 2.5);
      if (seat >= 0) return { section: geometry.section[seat] };
    }
    const area = geometry.areaAt(x, y);
    return area >= 0 ? { area } : null;
  }

  /** Acts on what is at a point, as a click does. */
  pick(target) {
    if (!target) return;
    if (target.seat >= 0) this.handlers.seat(target.seat);
    else if (target.section >= 0) this.showSection(target.section);
    else if (target.area >= 0) this.handlers.area(target.area);
  }

  /** Goes to a section. */
  showSection(section) {
    const { geometry, camera } = this;
    const box = geometry.centres[section];
    const scale = NEAR_PITCH / geometry.pitch;
    camera.show({ left: box.left - geometry.pitch, top: box.top - geometry.pitch, right: box.right + geometry.pitch, bottom: box.bottom + geometry.pitch });
    // A section too large for the view is entered, not shown whole: its seats must be seen.
    const fits = Math.min(camera.width / (box.right - box.left), camera.height / (box.bottom - box.top)) * geometry.pitch;
    if (fits < 7) {
      const seat = geometry.nearest(box.x, box.y, Infinity, (each) => geometry.section[each] === section);
      camera.flyTo(geometry.x[seat], geometry.y[seat], scale);
    }
    this.redraw();
  }

  /** Goes to a seat, near enough to see its neighbours. */
  showSeat(seat) {
    const { geometry, camera } = this;
    camera.flyTo(geometry.x[seat], geometry.y[seat], Math.max(camera.scale, NEAR_PITCH / geometry.pitch));
    this.redraw();
  }

  zoomBy(factor) {
    this.camera.zoom(this.camera.width / 2, this.camera.height / 2, factor);
    this.redraw();
  }

  fit() {
    this.camera.fit();
    this.redraw();
  }

  /** Free seats of a section. */
  leftOf(section) {
    return this.geometry.blocks.reduce((sum, block, at) => sum + (block.section === section ? this.left[at] : 0), 0);
  }

  /** Whether a seat can be told from its neighbours now. */
  sees(seat) {
    const [x, y] = this.viewOf(seat);
    return this.seatsShown && x > 0 && y > 0 && x < this.camera.width && y < this.camera.height;
  }

  /** Where a seat is in the view, in CSS pixels. */
  viewOf(seat) {
    return this.camera.toView(this.geometry.x[seat], this.geometry.y[seat]);
  }
}
