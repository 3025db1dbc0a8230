// Draws the map: blocks from afar, seats from near, and a soft change between the two.

import { css, ink, mix, readPalette, rgb, tuned } from './palette.js';
import { ACCESSIBLE, RESTRICTED } from './seatmap.js';
import { BLOCKED, CHOSEN, FREE, HELD, KINDS, MINE, SHAPES, SOLD, Stamps } from './stamps.js';

/** Distance of two seats on the screen from which on seats are shown, not blocks; and how long the change takes. */
const SEATS_FROM = 4.6;
const FADE_MS = 200;
/** From this radius in device pixels on seats are pictures with labels, not stamps. */
const PICTURE_RADIUS = 7.5;
const LABEL_PITCH = 23;
const ROW_LABEL_PITCH = 11;
/** Pictures of names that are kept: a few sizes of those of a stadium. */
const NAMES_MAX = 1_500;

export class Painter {
  #stamps = new Stamps();
  #pictures = new Map();
  #names = new Map();
  #pictureScale = 0;
  /** 0: blocks, 1: seats. */
  #near = 0;

  /** `kinds[seat]` is what a seat is to who looks; `left[block]` how many of a block's seats are free. */
  constructor(canvas, geometry, categories, kinds, left) {
    Object.assign(this, { canvas, geometry, categories, kinds, left });
    this.context = canvas.getContext('2d', { alpha: false });
    this.restyle();
  }

  /** Reads colours again: light or dark. */
  restyle() {
    const palette = readPalette(this.canvas);
    this.palette = palette;
    this.colors = this.categories.map(({ color }) => tuned(rgb(color), palette));
    this.fills = this.colors.flatMap((color) => {
      const kinds = [];
      kinds[FREE] = color;
      kinds[HELD] = mix(color, palette.floor, 0.45);
      kinds[SOLD] = palette.sold;
      kinds[BLOCKED] = palette.blocked;
      kinds[CHOSEN] = kinds[MINE] = palette.mine;
      return kinds;
    });
    this.words = Uint32Array.from(this.fills, ([r, g, b]) => r | (g << 8) | (b << 16));
    this.#pictures.clear();
  }

  /** Whether single seats can be told apart at a scale. */
  seatsShown(scale) {
    return this.geometry.pitch * scale >= SEATS_FROM;
  }

  /**
   * One frame, `ms` after the one before. `focus`: the seat or section that the keyboard is at; `own`: the buyer's
   * seats. Whether there must be another frame, for the change between blocks and seats goes on.
   */
  draw(camera, ratio, focus, own, ms) {
    const { context, geometry, palette } = this;
    const pitch = geometry.pitch * camera.scale;
    const goal = this.seatsShown(camera.scale) ? 1 : 0;
    const step = ms / FADE_MS;
    this.#near = camera.still() ? goal : Math.min(1, Math.max(0, this.#near + (goal ? step : -step)));
    const near = this.#near;
    // Whole device pixels: what stands still to each other must not shimmer while it moves.
    const offset = [Math.round(camera.x * ratio), Math.round(camera.y * ratio)];
    const scale = camera.scale * ratio;
    const view = {
      left: -offset[0] / scale, top: -offset[1] / scale,
      right: (this.canvas.width - offset[0]) / scale, bottom: (this.canvas.height - offset[1]) / scale,
    };
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = css(palette.back);
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    context.setTransform(scale, 0, 0, scale, offset[0], offset[1]);
    if (geometry.focal) this.#drawFocal(geometry.focal, camera.scale);
    this.#drawAreas(camera.scale);
    this.#drawBlocks(view, near, camera.scale);
    context.setTransform(1, 0, 0, 1, 0, 0);
    if (near > 0) {
      const radius = geometry.radius * scale;
      context.globalAlpha = near;
      if (radius < PICTURE_RADIUS) this.#stampSeats(view, scale, offset, radius);
      else this.#drawSeats(view, scale, offset, radius, pitch);
      context.globalAlpha = 1;
      if (pitch >= ROW_LABEL_PITCH) this.#labelRows(view, scale, offset, ratio, pitch);
    }
    if (near < 1) this.#labelSections(view, scale, offset, ratio, 1 - near);
    if (near < 1) this.#pinOwn(own, scale, offset, ratio);
    if (focus) this.#drawFocus(focus, scale, offset, ratio);
    return near !== goal;
  }

  /** Where everybody looks: rings that fade, so that it is plain which way the seats face. */
  #drawFocal({ x, y }, scale) {
    const { context, geometry, palette } = this;
    context.lineWidth = 1.25 / scale;
    for (let ring = 1; ring <= 4; ring += 1) {
      context.strokeStyle = css(mix(palette.line, palette.back, (ring - 1) / 4));
      context.beginPath();
      context.arc(x, y, ring * 16 * geometry.pitch, 0, 2 * Math.PI);
      context.stroke();
    }
    context.fillStyle = css(palette.line);
    context.beginPath();
    context.arc(x, y, 3.5 / scale, 0, 2 * Math.PI);
    context.fill();
  }

  #drawAreas(scale) {
    const { context, geometry, palette } = this;
    geometry.areas.forEach((area, at) => {
      const share = area.capacity > 0 ? Math.min(1, (area.left ?? area.capacity) / area.capacity) : 0;
      const color = share === 0 ? palette.sold : mix(palette.sold, this.colors[area.category], 0.45 + 0.55 * share);
      context.fillStyle = css(color);
      context.beginPath();
      context.roundRect(area.x, area.y, area.width, area.height, geometry.pitch);
      context.fill();
      if (area.mine || at === this.hoverArea) {
        context.lineWidth = 3 / scale;
        context.strokeStyle = css(palette.mine);
        context.stroke();
      }
      const told = area.left === undefined ? area.id : `${area.id} · ${area.left > 0 ? `${area.left.toLocaleString()} left` : 'sold out'}`;
      this.#write(told, area, scale, ink(color));
    });
  }

  #write(text, { x, y, width, height }, scale, color) {
    if (!text || width * scale < 40) return;
    const size = Math.min(height * 0.3, (width * 0.82) / (text.length * 0.55), 20 / scale);
    if (size * scale < 8) return;
    const { context } = this;
    context.fillStyle = color;
    context.font = `600 ${size}px ${this.palette.font}`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillText(text, x + width / 2, y + height / 2);
  }

  /** From afar a block has its category's colour, the greyer the less is left; from near it is the floor. */
  #drawBlocks(view, near, scale) {
    const { context, geometry, palette, left, colors } = this;
    geometry.blocks.forEach((block, at) => {
      if (block.right < view.left || block.left > view.right || block.bottom < view.top || block.top > view.bottom) return;
      const share = block.capacity > 0 ? left[at] / block.capacity : 0;
      const far = share === 0 ? palette.sold : mix(palette.sold, colors[block.category], 0.22 + 0.78 * share);
      context.fillStyle = css(near === 0 ? far : mix(far, palette.floor, near));
      context.beginPath();
      for (const [x, y] of block.points) context.lineTo(x, y);
      context.closePath();
      context.fill();
      if (near < 1 && this.hoverSection === block.section) {
        context.lineWidth = 2 / scale;
        context.strokeStyle = css(palette.mine);
        context.stroke();
      }
    });
  }

  #stampSeats(view, scale, [offsetX, offsetY], radius) {
    const { context, geometry, kinds, words } = this;
    const { x, y, category } = geometry;
    const stamps = this.#stamps;
    stamps.start(this.canvas.width, this.canvas.height, Math.max(radius, 0.9));
    const reach = geometry.pitch;
    geometry.visit(view.left - reach, view.top - reach, view.right + reach, view.bottom + reach, (seat) => {
      const kind = kinds[seat];
      stamps.put(x[seat] * scale + offsetX, y[seat] * scale + offsetY, kind, words[category[seat] * KINDS + kind]);
    });
    context.drawImage(stamps.finish(), 0, 0);
  }

  #drawSeats(view, scale, [offsetX, offsetY], radius, pitch) {
    const { context, geometry, kinds } = this;
    const { x, y, category, labels, flags } = geometry;
    if (this.#pictureScale !== radius) {
      this.#pictures.clear();
      this.#pictureScale = radius;
    }
    const half = Math.ceil(radius * 1.3) + 1;
    const reach = geometry.pitch;
    const labelled = pitch >= LABEL_PITCH;
    geometry.visit(view.left - reach, view.top - reach, view.right + reach, view.bottom + reach, (seat) => {
      const kind = kinds[seat];
      const mark = flags[seat] & ACCESSIBLE ? '♿' : '';
      const label = kind === FREE && (labelled || mark) ? mark || labels[seat] : '';
      const name = `${category[seat]}/${kind}/${label}/${flags[seat] & RESTRICTED}`;
      let picture = this.#pictures.get(name);
      if (!picture) {
        picture = this.#picture(category[seat], kind, label, flags[seat] & RESTRICTED, radius, half);
        this.#pictures.set(name, picture);
      }
      context.drawImage(picture, Math.round(x[seat] * scale + offsetX) - half, Math.round(y[seat] * scale + offsetY) - half);
    });
  }

  /** One seat as it is seen from near; drawn once for all that look the same. */
  #picture(category, kind, label, restricted, radius, half) {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 2 * half;
    const context = canvas.getContext('2d');
    const fill = this.fills[category * KINDS + kind];
    const [outer, hole] = SHAPES[kind];
    context.translate(half, half);
    context.beginPath();
    context.arc(0, 0, radius * (hole > 0 ? (outer + hole) / 2 : outer), 0, 2 * Math.PI);
    if (hole > 0) {
      context.lineWidth = radius * (outer - hole);
      context.strokeStyle = css(fill);
      context.stroke();
    } else {
      context.fillStyle = css(fill);
      context.fill();
    }
    if (kind === CHOSEN || kind === MINE) {
      context.beginPath();
      context.moveTo(-0.45 * radius, 0.03 * radius);
      context.lineTo(-0.12 * radius, 0.37 * radius);
      context.lineTo(0.48 * radius, -0.33 * radius);
      context.lineWidth = Math.max(1.5, radius * 0.22);
      context.lineCap = context.lineJoin = 'round';
      context.strokeStyle = css(this.palette['on-mine']);
      context.stroke();
    }
    if (restricted && kind === FREE) {
      context.beginPath();
      context.arc(0, 0, radius * 0.72, 0.15 * Math.PI, 0.85 * Math.PI);
      context.lineWidth = Math.max(1, radius * 0.14);
      context.strokeStyle = ink(fill);
      context.stroke();
    }
    if (label) {
      context.fillStyle = ink(fill);
      context.font = `600 ${radius * (label.length > 2 ? 0.72 : 0.92)}px ${this.palette.font}`;
      context.textAlign = 'center';
      context.textBaseline = 'middle';
      context.fillText(label, 0, radius * 0.06);
    }
    return canvas;
  }

  #labelRows(view, scale, [offsetX, offsetY], ratio, pitch) {
    const { context, geometry, palette } = this;
    const { x, y, rows } = geometry;
    context.fillStyle = css(palette.faint);
    context.font = `600 ${Math.min(13, pitch * 0.6) * ratio}px ${palette.font}`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    for (const row of rows) {
      if (row.to <= row.from) continue;
      // At one end only: at the other is often the neighbour's.
      const end = row.from;
      const inner = Math.min(end + 1, row.to - 1);
      const outX = x[end] + (end === inner ? -geometry.pitch : x[end] - x[inner]);
      const outY = y[end] + (end === inner ? 0 : y[end] - y[inner]);
      if (outX < view.left || outX > view.right || outY < view.top || outY > view.bottom) continue;
      context.fillText(row.label, outX * scale + offsetX, outY * scale + offsetY);
    }
  }

  #labelSections(view, scale, [offsetX, offsetY], ratio, alpha) {
    const { context, geometry } = this;
    context.globalAlpha = alpha;
    geometry.centres.forEach((centre, section) => {
      const room = Math.min(centre.right - centre.left, centre.bottom - centre.top) * scale / ratio;
      const name = geometry.sections[section].name;
      const size = Math.min(15, room * 0.3, (centre.right - centre.left) * scale / ratio / (name.length * 0.7));
      if (size < 7 || centre.x < view.left || centre.x > view.right || centre.y < view.top || centre.y > view.bottom) return;
      const picture = this.#name(name, Math.round(size) * ratio, ratio);
      context.drawImage(picture, Math.round(centre.x * scale + offsetX - picture.width / 2), Math.round(centre.y * scale + offsetY - picture.height / 2));
    });
    context.globalAlpha = 1;
  }

  /** A section's name with a soft edge, which is too slow to be drawn anew in every frame. */
  #name(text, size, ratio) {
    const key = `${size}/${text}`;
    const known = this.#names.get(key);
    if (known) return known;
    const canvas = document.createElement('canvas');
    const context = canvas.getContext('2d');
    const font = `650 ${size}px ${this.palette.font}`;
    context.font = font;
    canvas.width = Math.ceil(context.measureText(text).width + 6 * ratio);
    canvas.height = Math.ceil(size * 1.3 + 6 * ratio);
    Object.assign(context, { font, textAlign: 'center', textBaseline: 'middle', lineWidth: 3 * ratio, lineJoin: 'round' });
    context.strokeStyle = 'rgb(20 22 26 / 0.32)';
    context.fillStyle = '#ffffff';
    context.strokeText(text, canvas.width / 2, canvas.height / 2);
    context.fillText(text, canvas.width / 2, canvas.height / 2);
    if (this.#names.size > NAMES_MAX) this.#names.clear();
    this.#names.set(key, canvas);
    return canvas;
  }

  /** From afar the buyer's seats would be too small to be found. */
  #pinOwn(own, scale, [offsetX, offsetY], ratio) {
    const { context, geometry, palette } = this;
    context.lineWidth = 2 * ratio;
    context.strokeStyle = css(palette['on-mine']);
    context.fillStyle = css(palette.mine);
    for (const seat of own.keys()) {
      context.beginPath();
      context.arc(geometry.x[seat] * scale + offsetX, geometry.y[seat] * scale + offsetY, 5.5 * ratio, 0, 2 * Math.PI);
      context.stroke();
      context.fill();
    }
  }

  #drawFocus({ seat, section }, scale, [offsetX, offsetY], ratio) {
    const { context, geometry, palette } = this;
    context.lineWidth = 2.5 * ratio;
    context.strokeStyle = css(palette.focus);
    context.beginPath();
    if (seat >= 0) {
      context.arc(geometry.x[seat] * scale + offsetX, geometry.y[seat] * scale + offsetY, Math.max(6 * ratio, geometry.radius * scale * 1.45), 0, 2 * Math.PI);
    } else if (section >= 0) {
      const box = geometry.centres[section];
      const room = geometry.pitch * scale;
      context.roundRect(
        box.left * scale + offsetX - room, box.top * scale + offsetY - room,
        (box.right - box.left) * scale + 2 * room, (box.bottom - box.top) * scale + 2 * room, 6 * ratio,
      );
    }
    context.stroke();
  }
}
