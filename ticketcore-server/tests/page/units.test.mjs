// What of the page can be checked without a browser.

import assert from 'node:assert/strict';
import { pbkdf2Sync } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';

globalThis.document ??= { getElementById: () => null };
globalThis.navigator ??= { language: 'en-GB' };
const page = new URL('../../page/', import.meta.url);
const { CODES, conflicts, words } = await import(new URL('problems.js', page));
const { solve } = await import(new URL('challenge.js', page));
const { checkDraw, eventNumber } = await import(new URL('drawn.js', page));
const { Geometry } = await import(new URL('geometry.js', page));
const { columnsOf } = await import(new URL('seatmap.js', page));
const { hall, stadium } = await import('./stadium.mjs');

const drawn = (map) => new Geometry(columnsOf({ seatCount: map.seats.id.length, ...map }));

test('a challenge is solved as the protocol has it', async () => {
  const parameters = {
    nonce: '000102030405060708090a0b0c0d0e0f', salt: 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff', cost: 3, keyLength: 32, keyPrefix: '00',
  };
  const { challenge, solution } = JSON.parse(atob(await solve({ parameters, signature: 'kept' })));
  assert.deepEqual(challenge, { parameters, signature: 'kept' });
  const password = Buffer.alloc(20);
  Buffer.from(parameters.nonce, 'hex').copy(password);
  password.writeUInt32BE(solution.counter, 16);
  const key = pbkdf2Sync(password, Buffer.from(parameters.salt, 'hex'), 3, 32, 'sha256').toString('hex');
  assert.equal(solution.derivedKey, key);
  assert.ok(key.startsWith('00'));
});

// The same that `DrawRecord` says, for an event with one entrant and one with five.
test('a draw is checked as the documentation has it', async () => {
  const draws = JSON.parse(readFileSync(new URL('../golden/draws.json', import.meta.url), 'utf8'));
  assert.equal(eventNumber('evt_000000000001a'), 42n);
  for (const { draw, proofs } of draws) {
    for (const { proof, place } of proofs) {
      assert.deepEqual(await checkDraw(draw, proof), { place });
      assert.ok((await checkDraw({ ...draw, entrants: draw.entrants + 1 }, proof)).fault);
      assert.ok((await checkDraw({ ...draw, key: '00'.repeat(32) }, proof)).fault);
      assert.ok((await checkDraw(draw, { ...proof, entrant: '00'.repeat(16) })).fault);
    }
  }
});

test('every problem code of the server has a message', () => {
  const source = readFileSync(new URL('../../src/http/code.rs', import.meta.url), 'utf8');
  const codes = [...source.matchAll(/^ {4}\w+ "(\w+)" \d{3} "/gm)].map(([, code]) => code);
  assert.ok(codes.length > 60);
  assert.deepEqual(codes.filter((code) => !CODES.includes(code)), []);
});

test('a refused hold says which seats and until when', () => {
  const error = { code: 'seats_unavailable', problem: {
    code: 'seats_unavailable', serverTime: '2030-01-01T00:00:00.000Z',
    conflicts: [{ seatId: 'A-1', state: 'held', freeAtLatest: '2030-01-01T00:05:00.000Z' }, { seatId: 'A-2', state: 'sold', freeAtLatest: null }],
  } };
  assert.match(words(error), /2 seats you chose are taken/);
  assert.deepEqual(conflicts(error, (id) => `seat ${id}`), ['seat A-1: held by somebody, perhaps free again within 5 minutes', 'seat A-2: sold']);
});

test('seats are found by place, and blocks count every seat once', () => {
  for (const geometry of [drawn(stadium()), drawn(hall())]) {
    for (let seat = 0; seat < geometry.seats; seat += 997) {
      if ((geometry.flags[seat] & 8) === 0) assert.equal(geometry.nearest(geometry.x[seat] + 1, geometry.y[seat] - 1, geometry.pitch), seat);
    }
    const real = geometry.cellSeats.length;
    assert.equal(geometry.blocks.reduce((sum, { capacity }) => sum + capacity, 0), real);
    assert.equal(geometry.centres.reduce((sum, { capacity }) => sum + capacity, 0), real);
  }
});

test('the server embeds what is there, and nothing reaches outside', () => {
  const docs = readdirSync(new URL('docs/', page)).map((name) => `docs/${name}`);
  const files = [...readdirSync(page).filter((name) => name !== 'docs'), ...docs];
  for (const name of files) {
    const source = readFileSync(new URL(name, page), 'utf8');
    assert.ok(source.split('\n').length <= 400, `${name} is too long`);
    assert.doesNotMatch(source.replaceAll('http://www.w3.org/', ''), /https?:\/\//, name);
    assert.doesNotMatch(source, /\beval\(|new Function|innerHTML|\sstyle="|\son\w+="/, name);
    for (const [, from] of source.matchAll(/from '\.\/([\w.]+)'/g)) assert.ok(readdirSync(new URL('.', new URL(name, page))).includes(from), `${name}: ${from}`);
  }
});

test('every shape of the interface has a type and an example', async () => {
  const { callersOf, exampleOf, membersOf, operationsOf, typeOf } = await import(new URL('docs/shapes.js', page));
  const described = JSON.parse(readFileSync(new URL('../golden/openapi.json', import.meta.url), 'utf8'));
  const text = (schema) => typeOf(schema).map((piece) => piece.word ?? piece.name ?? piece).join('');
  const operations = operationsOf(described);
  assert.ok(operations.length > 40);
  for (const { operation } of operations) assert.match(callersOf(operation), /^(Anybody|A buyer|An API key)/, operation.operationId);
  for (const [name, schema] of Object.entries(described.components.schemas)) {
    for (const member of membersOf(described, schema)) assert.ok(text(member.schema), `${name}.${member.name}`);
    assert.notEqual(JSON.stringify(exampleOf(described, schema)), undefined, name);
  }
  assert.equal(text({ type: ['array', 'null'], items: { $ref: '#/components/schemas/Item' } }), 'list of Item');
  assert.equal(text({ type: ['string', 'null'] }), 'string');
  assert.equal(text({ type: 'integer', minimum: 1, maximum: 20 }), 'integer from 1 to 20');
  assert.equal(text({ oneOf: [{ type: 'null' }, { enum: ['a', 'b'] }] }), 'a | b');
  const hold = exampleOf(described, { $ref: '#/components/schemas/PlaceHold' });
  assert.ok(Array.isArray(hold.items) && typeof hold.eventId === 'string');
  // A shape that has itself in it ends.
  const round = { components: { schemas: { Round: { type: 'object', properties: { more: { $ref: '#/components/schemas/Round' } } } } } };
  assert.ok(JSON.stringify(exampleOf(round, { $ref: '#/components/schemas/Round' })).length < 500);
});
