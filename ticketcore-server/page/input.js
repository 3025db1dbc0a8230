// Mouse, touch, wheel and keyboard on the map.

const TAP_PX = 7;
const WHEEL_SPEED = 0.0022;
const PAN_PX = 90;

export class MapInput {
  #pointers = new Map();
  #moved = 0;
  #speed = { x: 0, y: 0, at: 0 };
  #hoverFrame = 0;

  constructor(map, signal) {
    this.map = map;
    const on = (type, handler, options) => map.canvas.addEventListener(type, handler, { signal, ...options });
    on('pointerdown', (event) => this.#down(event));
    on('pointermove', (event) => this.#move(event));
    on('pointerup', (event) => this.#up(event));
    on('pointercancel', (event) => this.#forget(event));
    on('pointerleave', () => this.#hover(null));
    on('wheel', (event) => this.#wheel(event), { passive: false });
    on('keydown', (event) => this.#key(event));
    on('blur', () => {
      map.focus = null;
      map.handlers.hover?.(null);
      map.redraw();
    });
    on('contextmenu', (event) => { if (this.#pointers.size) event.preventDefault(); });
  }

  #point(event) {
    const box = this.map.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  #down(event) {
    if (event.button !== 0) return;
    this.map.canvas.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, this.#point(event));
    this.map.camera.stop();
    if (this.#pointers.size === 1) this.#moved = 0;
    else this.#moved = Infinity;
    this.#speed = { x: 0, y: 0, at: event.timeStamp };
    if (this.map.focus) {
      this.map.focus = null;
      this.map.redraw();
    }
  }

  #move(event) {
    const before = this.#pointers.get(event.pointerId);
    const now = this.#point(event);
    if (!before) return this.#hover(now);
    const { camera } = this.map;
    const [dx, dy] = [now.x - before.x, now.y - before.y];
    if (this.#pointers.size === 1) {
      this.#moved += Math.abs(dx) + Math.abs(dy);
      if (this.#moved < TAP_PX) return;
      this.#hover(null);
      camera.pan(dx, dy);
      const ms = Math.max(1, event.timeStamp - this.#speed.at);
      const keep = Math.exp(-ms / 40);
      this.#speed = {
        x: this.#speed.x * keep + (dx / ms) * (1 - keep),
        y: this.#speed.y * keep + (dy / ms) * (1 - keep),
        at: event.timeStamp,
      };
    } else {
      const other = [...this.#pointers].find(([id]) => id !== event.pointerId)[1];
      const from = Math.hypot(before.x - other.x, before.y - other.y);
      const to = Math.hypot(now.x - other.x, now.y - other.y);
      camera.pan(dx / 2, dy / 2);
      if (from > 0) camera.zoomNow((now.x + other.x) / 2, (now.y + other.y) / 2, to / from);
    }
    this.#pointers.set(event.pointerId, now);
    this.map.redraw();
  }

  #up(event) {
    const point = this.#pointers.get(event.pointerId);
    this.#forget(event);
    if (!point || this.#pointers.size > 0) return;
    if (this.#moved < TAP_PX) {
      this.map.pick(this.map.at(point.x, point.y, event.pointerType === 'touch'));
    } else if (this.#moved < Infinity && event.timeStamp - this.#speed.at < 60) {
      this.map.camera.drift(this.#speed.x, this.#speed.y);
      this.map.redraw();
    }
  }

  #forget(event) {
    this.#pointers.delete(event.pointerId);
  }

  /** One look at what is under the pointer for each frame. */
  #hover(point) {
    this.hovered = point;
    if (this.#hoverFrame) return;
    this.#hoverFrame = requestAnimationFrame(() => {
      this.#hoverFrame = 0;
      const { map } = this;
      const target = this.hovered && map.at(this.hovered.x, this.hovered.y);
      const { painter } = map;
      const [section, area] = [target?.section, target?.area];
      if (painter.hoverSection !== section || painter.hoverArea !== area) {
        Object.assign(painter, { hoverSection: section, hoverArea: area });
        map.redraw();
      }
      map.canvas.classList.toggle('pointing', Boolean(target));
      map.handlers.hover?.(target, this.hovered);
    });
  }

  #wheel(event) {
    event.preventDefault();
    const point = this.#point(event);
    const pixels = event.deltaY * [1, 16, 400][event.deltaMode];
    // A pinch on a trackpad comes as small steps with the control key.
    const speed = event.ctrlKey ? 0.01 : WHEEL_SPEED;
    this.map.camera.zoom(point.x, point.y, Math.exp(-Math.max(-300, Math.min(300, pixels)) * speed));
    this.#hover(null);
    this.map.redraw();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { map } = this;
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const arrow = arrows[event.key];
    if (arrow && event.shiftKey) {
      map.camera.pan(-arrow[0] * PAN_PX, -arrow[1] * PAN_PX);
      map.redraw();
    } else if (arrow) this.#step(arrow);
    else if (event.key === 'Enter' || event.key === ' ') this.#choose();
    else if (event.key === '+' || event.key === '=') map.zoomBy(1.5);
    else if (event.key === '-') map.zoomBy(1 / 1.5);
    else if (event.key === '0' || event.key === 'Escape') {
      if (event.key === 'Escape' && !map.focus && map.camera.scale <= map.camera.whole * 1.01) return;
      map.focus = null;
      map.fit();
    } else return;
    event.preventDefault();
  }

  #choose() {
    const { map } = this;
    if (!map.focus) return this.#step([0, 0]);
    const { seat, section } = map.focus;
    if (seat >= 0) return map.pick({ seat });
    const { geometry } = map;
    const centre = geometry.centres[section];
    const wanted = (each) => geometry.section[each] === section;
    const first = geometry.nearest(centre.x, centre.y, Infinity, (each) => wanted(each) && map.kinds[each] === 0);
    map.showSection(section);
    this.#focusOn({ seat: first >= 0 ? first : geometry.nearest(centre.x, centre.y, Infinity, wanted) });
  }

  /** The next seat or section in a direction; sections from afar, seats from near. */
  #step([dx, dy]) {
    const { map } = this;
    const { geometry, camera } = map;
    const middle = camera.toWorld(camera.width / 2, camera.height / 2);
    if (!map.seatsShown && !(map.focus?.seat >= 0)) {
      const from = map.focus ? [geometry.centres[map.focus.section].x, geometry.centres[map.focus.section].y] : middle;
      const section = this.#best(geometry.centres.map((centre, at) => [at, centre.x, centre.y]), from, [dx, dy], map.focus?.section);
      if (section >= 0) this.#focusOn({ section });
      return;
    }
    const start = map.focus?.seat >= 0 ? [geometry.x[map.focus.seat], geometry.y[map.focus.seat]] : middle;
    if (!(map.focus?.seat >= 0)) return this.#focusOn({ seat: geometry.nearest(...start, Infinity) });
    for (const reach of [2.2, 8, 40]) {
      const near = [];
      const by = reach * geometry.pitch;
      geometry.visit(start[0] - by, start[1] - by, start[0] + by, start[1] + by, (seat) => {
        near.push([seat, geometry.x[seat], geometry.y[seat]]);
      });
      const seat = this.#best(near, start, [dx, dy], map.focus.seat);
      if (seat >= 0) return this.#focusOn({ seat });
    }
  }

  #best(candidates, [fromX, fromY], [dx, dy], not) {
    let best = -1;
    let least = Infinity;
    for (const [which, x, y] of candidates) {
      if (which === not) continue;
      const ahead = (x - fromX) * dx + (y - fromY) * dy;
      const aside = Math.abs((x - fromX) * dy - (y - fromY) * dx);
      const cost = dx || dy ? ahead + 2 * aside : Math.hypot(x - fromX, y - fromY);
      if ((dx || dy) && (ahead <= 0 || aside > ahead * 1.2)) continue;
      if (cost < least) {
        least = cost;
        best = which;
      }
    }
    return best;
  }

  #focusOn(target) {
    const { map } = this;
    map.focus = { seat: target.seat ?? -1, section: target.section ?? -1 };
    if (target.seat >= 0) {
      const [px, py] = map.viewOf(target.seat);
      const { width, height } = map.camera;
      const margin = 60;
      if (!map.seatsShown) map.showSeat(target.seat);
      else if (px < margin || py < margin || px > width - margin || py > height - margin) map.showSeat(target.seat);
    }
    map.handlers.focus?.(target);
    map.redraw();
  }
}
