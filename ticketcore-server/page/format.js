// Money, times and counts, as people read them.

const locale = navigator.language || 'en';
const moneyFormats = new Map();

/** `{amount, currency}` in minor units, as text. */
export function money({ amount, currency }) {
  let format = moneyFormats.get(currency);
  if (!format) {
    format = new Intl.NumberFormat(locale, { style: 'currency', currency });
    moneyFormats.set(currency, format);
  }
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

/** The same without cents where there are none: for lists of prices. */
export const roundMoney = (price) => {
  const text = money(price);
  const format = moneyFormats.get(price.currency);
  const digits = format.resolvedOptions().maximumFractionDigits;
  if (digits === 0 || price.amount % 10 ** digits !== 0) return text;
  return new Intl.NumberFormat(locale, { style: 'currency', currency: price.currency, maximumFractionDigits: 0 }).format(price.amount / 10 ** digits);
};

/** 80000 as `80,000`. */
export const count = (number) => number.toLocaleString(locale);

/** `1 seat`, `2 seats`. */
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** When an event starts, in the time zone of its venue. */
export function start(event) {
  const at = new Date(event.startsAt);
  const part = (options) => new Intl.DateTimeFormat(locale, { timeZone: event.zone, ...options }).format(at);
  return {
    day: part({ day: 'numeric' }),
    month: part({ month: 'short' }),
    date: part({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' }),
    time: `${part({ hour: 'numeric', minute: '2-digit' })}, ${event.zone.includes('/') ? `${event.zone.split('/').at(-1).replaceAll('_', ' ')} time` : event.zone}`,
  };
}

/** Milliseconds as `7:05`. */
export function clock(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** Milliseconds in words. */
export function span(ms) {
  const seconds = Math.max(1, Math.round(ms / 1000));
  return seconds < 90 ? plural(seconds, 'second') : plural(Math.round(seconds / 60), 'minute');
}

/** Milliseconds between two instants of the server: its clock and ours need not agree. */
export const between = (from, to) => Date.parse(to) - Date.parse(from);

const SALE_STATES = {
  draft: ['Not announced', 'quiet'],
  scheduled: ['On sale soon', 'quiet'],
  presale: ['Presale', 'live'],
  onsale: ['On sale', 'live'],
  paused: ['Paused', 'wait'],
  closed: ['Sale closed', 'quiet'],
  cancelled: ['Cancelled', 'bad'],
};

/** A sale state's name for people and its tone. */
export function saleState(state) {
  const [text, tone] = SALE_STATES[state] ?? [state, 'quiet'];
  return { text, tone };
}

/** Whether places can be held in a sale state. */
export const sells = (state) => state === 'onsale' || state === 'presale';

/** A ticket type as a label: `adult` is `Adult`. */
export const title = (name) => name.charAt(0).toLocaleUpperCase(locale) + name.slice(1);

/** A section in words: `101` is `Section 101`, `Balcony` speaks for itself. */
export const sectionName = (name) => (/^\d|^.$/.test(name) ? `Section ${name}` : name);

/** A line of a hold, an order or a ticket: where it is. */
export function place(line) {
  if (line.areaId !== undefined && line.areaId !== null) return { main: line.areaId, sub: 'Standing' };
  return { main: `Row ${line.row}, seat ${line.label}`, sub: sectionName(line.section) };
}
