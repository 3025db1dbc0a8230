// Small seats, by the ten thousand: written into pixels as stamps, with soft edges at a quarter of a pixel.

const PHASES = 4;

/** What a seat is to who looks at it; the first four are the server's. */
export const FREE = 0;
export const HELD = 1;
export const SOLD = 2;
export const BLOCKED = 3;
export const CHOSEN = 4;
export const MINE = 5;
export const KINDS = 6;

/** Radius and hole of each kind, as shares of a seat's radius. */
export const SHAPES = [[1, 0], [0.95, 0.5], [0.6, 0], [0.42, 0], [1.22, 0], [1.22, 0]];

export class Stamps {
  #radius = 0;
  #masks = [];

  constructor() {
    this.canvas = document.createElement('canvas');
    this.context = this.canvas.getContext('2d', { willReadFrequently: true });
  }

  /** An empty sheet of so many pixels, for seats with a radius in pixels. */
  start(width, height, radius) {
    if (this.canvas.width !== width || this.canvas.height !== height || !this.image) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.image = this.context.createImageData(width, height);
      this.pixels = new Uint32Array(this.image.data.buffer);
      this.top = 0;
      this.bottom = height;
    }
    this.pixels.fill(0, this.top * width, this.bottom * width);
    this.top = height;
    this.bottom = 0;
    if (Math.abs(radius - this.#radius) > 0.01) this.#cut(radius);
  }

  /** Writes one seat; `color` is `0x00bbggrr`. */
  put(x, y, kind, color) {
    const { pixels, image: { width, height } } = this;
    const left = Math.floor(x);
    const top = Math.floor(y);
    const mask = this.#masks[kind][(Math.floor((y - top) * PHASES) * PHASES) + Math.floor((x - left) * PHASES)];
    const size = mask.size;
    const fromX = left - mask.reach;
    const fromY = top - mask.reach;
    if (fromX < 0 || fromY < 0 || fromX + size > width || fromY + size > height) return this.#putClipped(mask, fromX, fromY, color);
    if (fromY < this.top) this.top = fromY;
    if (fromY + size > this.bottom) this.bottom = fromY + size;
    const { cover } = mask;
    let at = 0;
    for (let line = 0; line < size; line += 1) {
      let pixel = (fromY + line) * width + fromX;
      for (let column = 0; column < size; column += 1, at += 1, pixel += 1) {
        const alpha = cover[at];
        if (alpha > pixels[pixel] >>> 24) pixels[pixel] = ((alpha << 24) | color) >>> 0;
      }
    }
  }

  /** The sheet as an image. */
  finish() {
    const { width } = this.image;
    const height = this.canvas.height;
    this.context.clearRect(0, 0, width, height);
    if (this.bottom > this.top) {
      this.context.putImageData(this.image, 0, 0, 0, this.top, width, this.bottom - this.top);
    } else {
      this.top = this.bottom = 0;
    }
    return this.canvas;
  }

  #putClipped(mask, fromX, fromY, color) {
    const { pixels, image: { width, height } } = this;
    const { size, cover } = mask;
    this.top = Math.max(0, Math.min(this.top, fromY));
    this.bottom = Math.min(height, Math.max(this.bottom, fromY + size));
    for (let line = Math.max(0, -fromY); line < Math.min(size, height - fromY); line += 1) {
      for (let column = Math.max(0, -fromX); column < Math.min(size, width - fromX); column += 1) {
        const pixel = (fromY + line) * width + fromX + column;
        const alpha = cover[line * size + column];
        if (alpha > pixels[pixel] >>> 24) pixels[pixel] = ((alpha << 24) | color) >>> 0;
      }
    }
  }

  #cut(radius) {
    this.#radius = radius;
    this.#masks = SHAPES.map(([outer, hole]) => {
      const masks = [];
      for (let phase = 0; phase < PHASES * PHASES; phase += 1) {
        const x = ((phase % PHASES) + 0.5) / PHASES;
        const y = (Math.floor(phase / PHASES) + 0.5) / PHASES;
        masks.push(disc(radius * outer, radius * hole, x, y));
      }
      return masks;
    });
  }
}

/** How much of each pixel a ring covers, 0 to 255. */
function disc(outer, hole, x, y) {
  const reach = Math.ceil(outer + 0.5);
  const size = 2 * reach + 1;
  const cover = new Uint8Array(size * size);
  const soft = (edge) => Math.min(1, Math.max(0, edge + 0.5));
  for (let line = 0; line < size; line += 1) {
    for (let column = 0; column < size; column += 1) {
      const away = Math.hypot(column - reach + 0.5 - x, line - reach + 0.5 - y);
      const inside = soft(outer - away) * (hole > 0 ? soft(away - hole) : 1);
      cover[line * size + column] = Math.round(255 * inside);
    }
  }
  return { size, reach, cover };
}
