// Colours of the map, from the style sheet's and the categories'.

/** `#rrggbb` as numbers. */
export function rgb(color) {
  const hex = /^#([0-9a-f]{6})$/i.exec(color.trim())?.[1] ?? '888888';
  return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** Between two colours. */
export const mix = (one, two, share) => one.map((value, at) => Math.round(value + (two[at] - value) * share));

export const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;

const NAMES = ['map-back', 'map-floor', 'map-line', 'map-text', 'map-faint', 'map-sold', 'map-blocked', 'map-mine', 'map-on-mine', 'map-focus'];

/** What the style sheet says now, in light or dark. */
export function readPalette(element) {
  const style = getComputedStyle(element);
  const palette = {};
  for (const name of NAMES) palette[name.slice(4)] = rgb(style.getPropertyValue(`--${name}`));
  palette.font = style.fontFamily;
  palette.dark = palette.back[0] < 128;
  return palette;
}

/** A category's colour as it is drawn: a little lighter on dark ground. */
export const tuned = (color, palette) => (palette.dark ? mix(color, [255, 255, 255], 0.12) : color);

/** Black or white, whichever can be read on a colour. */
export function ink([r, g, b]) {
  return 0.299 * r + 0.587 * g + 0.114 * b > 150 ? '#14161a' : '#ffffff';
}
