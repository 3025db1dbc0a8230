// What part of the drawing is seen: a scale and an offset, and how they move.

const FLY_MS = 420;

export class Camera {
  scale = 1;
  x = 0;
  y = 0;
  #flight = null;
  #zoom = null;
  #drift = null;

  /** `still()` says whether moves should jump. */
  constructor(still) {
    this.still = still;
  }

  /** The size of the view and of what there is to see; `pitch` is the distance of two seats; `inset`: what lies over the view's edges. */
  frame(width, height, bounds, pitch, inset) {
    const whole = this.width === undefined || Math.abs(this.scale / this.whole - 1) < 0.01;
    Object.assign(this, { width, height, bounds, inset });
    const [wide, high] = [width - 24, height - inset.top - inset.bottom - 16];
    this.whole = Math.min(wide / (bounds.right - bounds.left), high / (bounds.bottom - bounds.top));
    this.scaleMin = this.whole * 0.8;
    this.scaleMax = Math.max(this.whole, 46 / pitch);
    if (whole) this.#place(this.#middle(), this.whole);
    else this.#clamp();
  }

  toWorld = (px, py) => [(px - this.x) / this.scale, (py - this.y) / this.scale];

  toView = (x, y) => [x * this.scale + this.x, y * this.scale + this.y];

  stop() {
    this.#flight = this.#zoom = this.#drift = null;
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.#clamp();
  }

  /** Goes on moving after a drag, in pixels a millisecond. */
  drift(vx, vy) {
    if (!this.still() && Math.hypot(vx, vy) > 0.05) this.#drift = { vx, vy };
  }

  /** Zooms so that what is under a point stays there. */
  zoomNow(px, py, factor) {
    const scale = Math.min(this.scaleMax, Math.max(this.scaleMin, this.scale * factor));
    const by = scale / this.scale;
    this.x = px - (px - this.x) * by;
    this.y = py - (py - this.y) * by;
    this.scale = scale;
    this.#clamp();
  }

  /** The same, eased over the next frames. */
  zoom(px, py, factor) {
    if (this.still()) return this.zoomNow(px, py, factor);
    this.#flight = this.#drift = null;
    const goal = (this.#zoom?.goal ?? this.scale) * factor;
    this.#zoom = { px, py, goal: Math.min(this.scaleMax, Math.max(this.scaleMin, goal)) };
  }

  /** Moves so that a point of the drawing is in the middle at a scale. */
  flyTo(x, y, scale) {
    this.stop();
    const to = { x, y, scale: Math.min(this.scaleMax, Math.max(this.scaleMin, scale)) };
    if (this.still()) return this.#place([to.x, to.y], to.scale);
    const [fromX, fromY] = this.toWorld(this.width / 2, this.height / 2);
    this.#flight = { from: { x: fromX, y: fromY, scale: this.scale }, to, ms: 0 };
  }

  fit() {
    this.flyTo(...this.#middle(), this.whole);
  }

  /** Shows a box of the drawing, with room around it. */
  show(box, scaleMax = this.scaleMax) {
    const scale = Math.min(this.width / (box.right - box.left || 1), this.height / (box.bottom - box.top || 1)) * 0.82;
    this.flyTo((box.left + box.right) / 2, (box.top + box.bottom) / 2, Math.min(scale, scaleMax));
  }

  /** Moves on by `ms`; whether it is still moving. */
  step(ms) {
    if (this.#flight) this.#fly(ms);
    if (this.#zoom) {
      const { px, py, goal } = this.#zoom;
      const rest = Math.log(goal / this.scale);
      const near = Math.abs(rest) < 0.002;
      this.zoomNow(px, py, Math.exp(near ? rest : rest * (1 - Math.exp(-ms / 70))));
      if (near || Math.abs(Math.log(goal / this.scale)) < 0.002) this.#zoom = null;
    }
    if (this.#drift) {
      this.pan(this.#drift.vx * ms, this.#drift.vy * ms);
      const slower = Math.exp(-ms / 180);
      this.#drift.vx *= slower;
      this.#drift.vy *= slower;
      if (Math.hypot(this.#drift.vx, this.#drift.vy) < 0.02) this.#drift = null;
    }
    return Boolean(this.#flight || this.#zoom || this.#drift);
  }

  #fly(ms) {
    const flight = this.#flight;
    flight.ms += Math.min(ms, 50);
    const part = Math.min(1, flight.ms / FLY_MS);
    const eased = part < 0.5 ? 4 * part ** 3 : 1 - (2 - 2 * part) ** 3 / 2;
    const { from, to } = flight;
    const scale = from.scale * (to.scale / from.scale) ** eased;
    // The middle moves with the share of the way that the zoom has made, so that the goal never leaves the view.
    const way = Math.abs(to.scale - from.scale) < 1e-9 ? eased : (1 / from.scale - 1 / scale) / (1 / from.scale - 1 / to.scale);
    this.#place([from.x + (to.x - from.x) * way, from.y + (to.y - from.y) * way], scale);
    if (part >= 1) this.#flight = null;
  }

  /** Where the middle of the view must be so that all is between the insets. */
  #middle() {
    const lower = (this.inset.bottom - this.inset.top) / 2 / this.whole;
    return [(this.bounds.left + this.bounds.right) / 2, (this.bounds.top + this.bounds.bottom) / 2 + lower];
  }

  #place([x, y], scale) {
    this.scale = scale;
    this.x = this.width / 2 - x * scale;
    this.y = this.height / 2 - y * scale;
    this.#clamp();
  }

  /** The middle of the view stays over the drawing. */
  #clamp() {
    const { bounds, scale, width, height } = this;
    const clamp = (value, low, high) => (low > high ? (low + high) / 2 : Math.min(high, Math.max(low, value)));
    this.x = clamp(this.x, width / 2 - bounds.right * scale, width / 2 - bounds.left * scale);
    this.y = clamp(this.y, height / 2 - bounds.bottom * scale, height / 2 - bounds.top * scale);
  }
}
