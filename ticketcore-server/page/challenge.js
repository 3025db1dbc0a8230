// Proof of work: what the box office asks for when it takes somebody for a bot. The protocol is ALTCHA's, version 2.

const TRIES_MAX = 1 << 16;
/** Tries that are under way at once: the browser reckons on threads of its own. */
const TOGETHER = 8;

/** Solves a challenge; the text goes back in the header that the problem names. */
export async function solve(challenge) {
  const { nonce, salt, cost, keyLength, keyPrefix } = challenge.parameters;
  const [begin, salted] = [bytes(nonce), bytes(salt)];
  const derive = async (counter) => {
    const password = new Uint8Array(begin.length + 4);
    password.set(begin);
    new DataView(password.buffer).setUint32(begin.length, counter);
    const key = await crypto.subtle.importKey('raw', password, 'PBKDF2', false, ['deriveBits']);
    const how = { name: 'PBKDF2', hash: 'SHA-256', salt: salted, iterations: cost };
    return hex(new Uint8Array(await crypto.subtle.deriveBits(how, key, keyLength * 8)));
  };
  for (let first = 0; first < TRIES_MAX; first += TOGETHER) {
    const counters = Array.from({ length: TOGETHER }, (_, at) => first + at);
    const keys = await Promise.all(counters.map(derive));
    const found = keys.findIndex((key) => key.startsWith(keyPrefix));
    if (found >= 0) {
      const solution = { counter: counters[found], derivedKey: keys[found] };
      return btoa(JSON.stringify({ challenge, solution }));
    }
  }
  throw new Error('The challenge has no solution');
}

const bytes = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
const hex = (list) => Array.from(list, (byte) => byte.toString(16).padStart(2, '0')).join('');
