// Solves the server's challenge with `altcha-lib`, which has nothing in common with the crate that the server uses, and goes shopping with it.
//
// BASE is a server that demands a challenge for every hold after a buyer's first; ALTCHA_LIB is the folder of the package.
import { pathToFileURL } from "node:url";
import process from "node:process";
import assert from "node:assert/strict";

const { BASE, ALTCHA_LIB } = process.env;
const from = (file) => import(pathToFileURL(`${ALTCHA_LIB}/dist/esm/v2/${file}`));
const { solveChallenge } = await from("index.js");
const { deriveKey } = await from("algorithms/pbkdf2.js");

async function ask(method, path, { token, key, headers = {}, body } = {}) {
    const all = { "content-type": "application/json", ...headers };
    if (token) all.authorization = `Bearer ${token}`;
    if (key) all["idempotency-key"] = key;
    const response = await fetch(BASE + path, { method, headers: all, body: body && JSON.stringify(body) });
    return { status: response.status, headers: response.headers, json: await response.json() };
}

const { json: { token } } = await ask("POST", "/v1/sessions", { body: {} });
const { json: { items: [{ id: eventId }] } } = await ask("GET", "/v1/events");
const places = (quantity) => ({ eventId, items: [{ bestAvailable: { quantity } }] });
const hold = (key, headers, more) => ask("POST", "/v1/holds", { token, key, headers, body: { ...places(1), ...more } });

const first = await hold("first");
assert.equal(first.status, 201);
const demanded = await hold("second");
assert.deepEqual([demanded.status, demanded.json.code], [403, "challenge_required"]);

async function solved() {
    const { json: challenge } = await ask("GET", demanded.json.challenge.url, { token });
    const solution = await solveChallenge({ challenge, deriveKey });
    assert.ok(solution, "it can be solved");
    return { cost: challenge.parameters.cost, text: btoa(JSON.stringify({ challenge, solution })) };
}

const { cost, text } = await solved();
const header = demanded.json.challenge.header;
assert.equal((await hold("second", { [header]: text })).status, 201);
assert.equal((await hold("third", { [header]: text })).json.code, "challenge_required", "a solution is good once");
assert.equal((await hold("third", {}, { challenge: (await solved()).text })).status, 201, "in the body, too");
console.log(`challenge: altcha-lib solved two of cost ${cost}, each was good once`);
