// The public API: a session, requests, retries that never do a thing twice.

import { solve } from './challenge.js';

const STORED_SESSION = 'ticketcore.session';
const TRIES_MAX = 6;
const WAIT_MS_MAX = 15_000;
/** A second one, if the first was made for less suspicion. */
const CHALLENGES_MAX = 2;
const waiting = new Set();

/** An answer that is not a success: `problem` is its body, `code` its name. */
export class ProblemError extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `HTTP ${status}`);
    this.status = status;
    this.problem = problem;
    this.code = problem.code;
  }
}

/** Calls `handler` with the milliseconds until the next try when the server is busy, and with 0 when it goes on. */
export const onWait = (handler) => waiting.add(handler);

/** Reads JSON. `options`: `auth`, `signal`. */
export const get = async (path, options = {}) => (await fetchAgain('GET', path, options)).json();

/** Reads something else than JSON: the response. */
export const getRaw = (path, options = {}) => fetchAgain('GET', path, options);

const keys = new Map();
let pass = null;

/** The admission that holds and orders carry from now on; none if null. */
export const setPass = (token) => { pass = token; };

/**
 * Writes. What a user does once has one idempotency key, however often it must be sent: the key is kept until
 * there is a final answer, so that a second click after a lost answer asks for the same thing again.
 */
export async function send(method, path, body, options = {}) {
  const action = `${method} ${path} ${JSON.stringify(body ?? null)}`;
  const key = keys.get(action) ?? newKey();
  keys.set(action, key);
  try {
    const response = await fetchAgain(method, path, { auth: true, ...options, body, key });
    keys.delete(action);
    return response.status === 204 ? null : await response.json();
  } catch (error) {
    if (error instanceof ProblemError && error.status < 500) keys.delete(action);
    throw error;
  }
}

/** 128 random bits; `randomUUID` exists only in secure contexts. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function fetchAgain(method, path, options) {
  let renewed = false;
  let [solved, solution] = [0, undefined];
  for (let tried = 1; ; tried += 1) {
    let failure;
    try {
      const response = await once(method, path, { ...options, solution });
      if (response.ok || response.status === 304) return response;
      failure = new ProblemError(response.status, await problemOf(response));
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      failure = error instanceof ProblemError ? error : new ProblemError(0, { code: 'offline', detail: 'No answer' });
    }
    if (failure.status === 401 && options.auth && !renewed) {
      renewed = true;
      forgetSession();
      continue;
    }
    // Only pages from a secure place may derive keys.
    const able = failure.problem.challenge && globalThis.crypto?.subtle && solved < CHALLENGES_MAX;
    if (failure.code === 'challenge_required' && able) {
      solved += 1;
      const given = await once('GET', failure.problem.challenge.url.slice(1), { auth: options.auth, signal: options.signal });
      if (given.ok) {
        solution = { [failure.problem.challenge.header]: await solve(await given.json()) };
        continue;
      }
    }
    const repeatable = method === 'GET' || method === 'DELETE' || options.key !== undefined;
    if (!repeatable || !passing(failure) || tried >= TRIES_MAX) throw failure;
    await pause(delay(failure, tried), options.signal);
  }
}

/** Whether the same request may succeed later, and nothing is known against it. */
const passing = (failure) =>
  failure.status === 0 || failure.status === 429 || failure.status === 503 || failure.status === 502 ||
  failure.code === 'idempotency_in_progress';

/** Never before the server said; then spread, so that all who were refused at once don't return at once. */
function delay(failure, tried) {
  const told = failure.problem.retryAfterMs ?? 0;
  const spread = Math.min(300 * 2 ** tried, 8_000);
  return Math.min(told + Math.random() * Math.max(spread, told / 2), Math.max(WAIT_MS_MAX, told));
}

async function pause(ms, signal) {
  for (const handler of waiting) handler(ms);
  try {
    await new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms);
      signal?.addEventListener('abort', () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
    });
  } finally {
    for (const handler of waiting) handler(0);
  }
}

async function once(method, path, { auth, body, key, ifMatch, accept, signal, cache, solution }) {
  const headers = { Accept: accept ?? 'application/json, application/problem+json', ...solution };
  if (auth) headers.Authorization = `Bearer ${(await session()).token}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (key !== undefined) headers['Idempotency-Key'] = key;
  if (ifMatch !== undefined) headers['If-Match'] = ifMatch;
  if (pass !== null && /^v1\/(holds|orders)/.test(path)) headers['Admission-Token'] = pass;
  return fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal, cache });
}

async function problemOf(response) {
  let problem;
  try {
    problem = await response.json();
  } catch {
    problem = {};
  }
  problem.code ??= response.status >= 500 ? 'unavailable' : 'not_found';
  const told = Number(response.headers.get('Retry-After'));
  if (problem.retryAfterMs === undefined && told > 0) problem.retryAfterMs = told * 1000;
  return problem;
}

let opening = null;

/** The anonymous session of this tab; a new one if there is none yet. */
export function session() {
  const stored = sessionStorage.getItem(STORED_SESSION);
  if (stored) return Promise.resolve(JSON.parse(stored));
  opening ??= openSession().finally(() => { opening = null; });
  return opening;
}

async function openSession() {
  const response = await fetchAgain('POST', 'v1/sessions', { body: {}, key: newKey() });
  const opened = await response.json();
  sessionStorage.setItem(STORED_SESSION, JSON.stringify(opened));
  return opened;
}

function forgetSession() {
  sessionStorage.removeItem(STORED_SESSION);
}

/** What this tab remembers under a name; `undefined` forgets. */
export const memory = {
  get: (name) => JSON.parse(sessionStorage.getItem(`ticketcore.${name}`) ?? 'null'),
  set(name, value) {
    if (value === undefined) sessionStorage.removeItem(`ticketcore.${name}`);
    else sessionStorage.setItem(`ticketcore.${name}`, JSON.stringify(value));
  },
};
