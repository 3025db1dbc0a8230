// Draws the OpenAPI document of this server: operations by tag, schemas, examples. Text is always text: nothing here reads markup.

import { callersOf, exampleOf, membersOf, operationsOf, typeOf } from './shapes.js';

function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name === 'class') element.className = value;
    else element.setAttribute(name, value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== undefined && child !== null && child !== false) element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** A text with `code` in it. */
const told = (text) => (text ?? '').split('`').map((part, at) => (at % 2 ? h('code', null, part) : part));

const type = (schema) => h('span', { class: 'type' }, typeOf(schema).map((piece) => {
  if (piece.word !== undefined) return h('code', null, piece.word);
  return piece.name ? h('a', { href: `#schema/${piece.name}` }, piece.name) : piece;
}));

function table(heads, rows) {
  const head = h('tr', null, heads.map((text) => h('th', { scope: 'col' }, text)));
  return h('div', { class: 'wide' }, h('table', null, h('thead', null, head), h('tbody', null, rows)));
}

const members = (described, schema) => table(['Member', 'Type', ''], membersOf(described, schema).map((member) =>
  h('tr', null,
    h('th', { scope: 'row' }, h('code', null, member.name), member.required ? null : h('small', null, ' optional')),
    h('td', null, type(member.schema)),
    h('td', null, told(member.schema.description)))));

function example(described, schema, summary) {
  const text = JSON.stringify(exampleOf(described, schema), null, 2);
  return h('details', { class: 'example' }, h('summary', null, summary), h('pre', null, text));
}

function parameters(operation) {
  const rows = (operation.parameters ?? []).map((parameter) => h('tr', null,
    h('th', { scope: 'row' }, h('code', null, parameter.name), h('small', null, ` ${parameter.in}${parameter.required ? '' : ', optional'}`)),
    h('td', null, type(parameter.schema)),
    h('td', null, told(parameter.description))));
  return rows.length ? [h('h4', null, 'Parameters'), table(['Name', 'Type', ''], rows)] : [];
}

function body(described, operation) {
  const content = Object.entries(operation.requestBody?.content ?? {});
  return content.map(([kind, { schema }]) => [
    h('h4', null, 'Body'),
    h('p', null, h('code', null, kind), ' ', type(schema), operation.requestBody.required ? null : ' (may be left out)', ' ', told(operation.requestBody.description)),
    kind === 'application/json' && schema ? example(described, schema, 'Example') : null,
  ]);
}

function answers(described, operation) {
  const rows = Object.entries(operation.responses).map(([status, answer]) => {
    const content = Object.entries(answer.content ?? {});
    return h('tr', { class: /^[45]/.test(status) ? 'refusal' : '' },
      h('th', { scope: 'row' }, h('code', null, status)),
      h('td', null, content.map(([kind, { schema }], at) => [at ? h('br') : null, schema ? type(schema) : null, ' ', h('small', null, kind)])),
      h('td', null, told(answer.description),
        content.filter(([kind]) => kind === 'application/json').map(([, { schema }]) => schema && example(described, schema, 'Example'))));
  });
  return [h('h4', null, 'Answers'), table(['Status', 'Body', ''], rows)];
}

function operation(described, { path, method, operation: each }) {
  const words = [path, method, each.operationId, each.summary, each.description].join(' ').toLowerCase();
  return h('section', { class: 'operation', id: `operation/${each.operationId}`, 'data-words': words },
    h('h3', null, h('span', { class: `method ${method.toLowerCase()}` }, method), ' ', h('code', null, path)),
    h('p', { class: 'summary' }, told([each.summary, each.description].filter(Boolean).join(' '))),
    h('p', { class: 'callers' }, callersOf(each)),
    parameters(each), body(described, each), answers(described, each));
}

function schema(described, [name, shape]) {
  const known = membersOf(described, shape);
  return h('section', { class: 'schema', id: `schema/${name}`, 'data-words': `${name} ${shape.description ?? ''}`.toLowerCase() },
    h('h3', null, h('code', null, name)),
    h('p', null, told(shape.description)),
    known.length ? members(described, shape) : h('p', null, type(shape)),
    known.length ? example(described, shape, 'Example') : null);
}

function contents(described) {
  const operations = operationsOf(described);
  const tags = [...new Set(operations.map((each) => each.operation.tags?.[0] ?? 'other'))];
  const of = (tag) => operations.filter((each) => (each.operation.tags?.[0] ?? 'other') === tag);
  const schemas = Object.entries(described.components.schemas).sort(([a], [b]) => a.localeCompare(b));
  const link = (to, ...text) => h('li', { 'data-for': to }, h('a', { href: `#${to}` }, text));
  const nav = tags.map((tag) => [h('h2', null, tag), h('ul', null, of(tag).map((each) =>
    link(`operation/${each.operation.operationId}`, h('span', { class: 'method' }, each.method), ' ', each.path.replace(/^\/v1/, ''))))]);
  return {
    nav: [nav, h('h2', null, 'schemas'), h('ul', null, schemas.map(([name]) => link(`schema/${name}`, name)))],
    main: [
      h('p', null, told(described.info.description), ' Version ', described.info.version, '. The document itself: ', h('a', { href: 'openapi.json' }, 'openapi.json'), '.'),
      Object.entries(described.components.securitySchemes ?? {}).map(([name, way]) => h('p', null, h('strong', null, name), ': ', told(way.description))),
      tags.map((tag) => [h('h2', null, tag), of(tag).map((each) => operation(described, each))]),
      h('h2', null, 'schemas'), schemas.map((each) => schema(described, each)),
    ],
  };
}

/** Shows what has all the words that are looked for. */
function find(text) {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const section of document.querySelectorAll('section[data-words]')) {
    const hidden = !wanted.every((word) => section.dataset.words.includes(word));
    section.hidden = hidden;
    const item = document.querySelector(`[data-for="${CSS.escape(section.id)}"]`);
    if (item) item.hidden = hidden;
  }
}

/** The browser has looked for the place before it was there. */
function go() {
  const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (place) place.scrollIntoView();
}

async function draw() {
  const main = document.getElementById('main');
  try {
    const answer = await fetch('openapi.json');
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    const described = await answer.json();
    const drawn = contents(described);
    document.title = `${described.info.title}: the HTTP interface`;
    document.getElementById('title').textContent = document.title;
    document.getElementById('contents').replaceChildren(...drawn.nav.flat(Infinity));
    main.replaceChildren(...drawn.main.flat(Infinity));
  } catch (error) {
    document.getElementById('state').textContent = `The document can't be read: ${error.message}`;
    throw error;
  }
  const box = document.getElementById('find');
  box.addEventListener('input', () => find(box.value));
  find(box.value);
  go();
}

await draw();
