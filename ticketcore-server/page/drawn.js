// Checks a draw in the browser, from what is published alone: docs/ADMISSION.md says how.

const ROUNDS = 16;
const text = (words) => new TextEncoder().encode(words);
const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hex = (list) => Array.from(list, (byte) => byte.toString(16).padStart(2, '0')).join('');
const sha = async (...parts) => new Uint8Array(await crypto.subtle.digest('SHA-256', join(parts)));

function join(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function eight(value) {
  const list = new Uint8Array(8);
  new DataView(list.buffer).setBigUint64(0, BigInt(value));
  return list;
}

function four(value) {
  const list = new Uint8Array(4);
  new DataView(list.buffer).setUint32(0, value);
  return list;
}

async function mac(key) {
  const ready = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return async (...parts) => new Uint8Array(await crypto.subtle.sign('HMAC', ready, join(parts)));
}

/** The number that an event's id stands for. */
export function eventNumber(id) {
  const digits = '0123456789abcdefghjkmnpqrstvwxyz';
  return Array.from(id.slice(4)).reduce((sum, digit) => sum * 32n + BigInt(digits.indexOf(digit)), 0n);
}

/** The place of one number below `n`. */
export async function placeOf(key, n, number) {
  const sign = await mac(key);
  const a = Math.ceil(Math.sqrt(n));
  const b = Math.ceil(n / a);
  const shift = async (round, value, modulus) => {
    const tag = await sign(text('ticketcore permutation v1'), [round], four(value));
    return Number(new DataView(tag.buffer).getBigUint64(0) % BigInt(modulus));
  };
  let x = number;
  do {
    let [l, r] = [Math.floor(x / b), x % b];
    for (let round = 0; round < ROUNDS; round += 1) {
      if (round % 2 === 0) l = (l + await shift(round, r, a)) % a;
      else r = (r + await shift(round, l, b)) % b;
    }
    x = l * b + r;
  } while (x >= n);
  return x;
}

/** The root that a path leads to from a leaf: RFC 9162, section 2.1.3.2. */
async function rootOf(leaf, number, entrants, path) {
  let [at, last, found] = [number, entrants - 1, leaf];
  for (const step of path.map(bytes)) {
    if (at % 2 === 1 || at === last) {
      found = await sha([1], step, found);
      while (at % 2 === 0 && at !== 0) [at, last] = [at >> 1, last >> 1];
    } else {
      found = await sha([1], found, step);
    }
    [at, last] = [at >> 1, last >> 1];
  }
  return last === 0 ? found : null;
}

/** `place`, from 0, of the entry that a proof is of; or `fault`. */
export async function checkDraw(draw, proof) {
  if (hex(await sha(bytes(draw.key))) !== draw.commitment) return { fault: 'The key is not the one that was promised!' };
  const leaf = await sha([0], eight(proof.number), bytes(proof.entrant));
  const tree = await rootOf(leaf, proof.number, draw.entrants, proof.path);
  if (!tree || hex(await sha([2], eight(draw.entrants), tree)) !== draw.root) return { fault: 'The entry is not in the log!' };
  const sign = await mac(bytes(draw.key));
  const key = await sign(
    text('ticketcore draw v1'), eight(eventNumber(draw.eventId)), eight(draw.entrants), bytes(draw.root),
    await sha(text(draw.entropySource)), await sha(text(draw.entropy)),
  );
  return { place: await placeOf(key, draw.entrants, proof.number) };
}
