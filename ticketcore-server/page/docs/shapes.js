// What an OpenAPI 3.1 document says of shapes, in words and as examples. Nothing here touches the page.

const DEPTH_MAX = 8;

/** The name at the end of a reference. */
export const named = (reference) => reference.split('/').pop();

/** The shape itself: a reference is followed, once. */
export function shapeOf(document, schema) {
  return schema?.$ref ? document.components.schemas[named(schema.$ref)] : schema;
}

/** What is there besides `null`. */
const present = (options) => options.filter((option) => option.type !== 'null');

/** A type in pieces: texts, and `{name}` for a schema that has a place of its own. */
export function typeOf(schema) {
  if (!schema || schema === true) return ['anything'];
  if (schema.$ref) return [{ name: named(schema.$ref) }];
  const options = schema.oneOf ?? schema.anyOf;
  if (options) return present(options).flatMap((option, at) => (at ? [' or ', ...typeOf(option)] : typeOf(option)));
  if (schema.allOf) return schema.allOf.flatMap((part, at) => (at ? [' and ', ...typeOf(part)] : typeOf(part)));
  if (schema.enum) return schema.enum.flatMap((word, at) => (at ? [' | ', { word }] : [{ word }]));
  const types = [schema.type].flat().filter((type) => type && type !== 'null');
  return types.flatMap((type, at) => [...(at ? [' or '] : []), ...kindOf(schema, type)]);
}

function kindOf(schema, type) {
  if (type === 'array') return ['list of ', ...typeOf(schema.items)];
  if (type === 'object' && schema.additionalProperties) return ['map to ', ...typeOf(schema.additionalProperties)];
  const bounds = [];
  if (schema.minimum !== undefined) bounds.push(`from ${schema.minimum}`);
  if (schema.maximum !== undefined) bounds.push(`to ${schema.maximum}`);
  return [[type, schema.format && `(${schema.format})`, ...bounds].filter(Boolean).join(' ')];
}

/** The members of a shape, those of its parts too: `[{name, schema, required}]`. */
export function membersOf(document, schema, depth = 0) {
  const shape = shapeOf(document, schema);
  if (!shape || depth > DEPTH_MAX) return [];
  const required = shape.required ?? [];
  const own = Object.entries(shape.properties ?? {}).map(([name, member]) => ({ name, schema: member, required: required.includes(name) }));
  return [...(shape.allOf ?? []).flatMap((part) => membersOf(document, part, depth + 1)), ...own];
}

/** Something that fits a schema: its own example if it has one. */
export function exampleOf(document, schema, depth = 0) {
  if (!schema || schema === true || depth > DEPTH_MAX) return null;
  if (schema.example !== undefined) return schema.example;
  if (schema.examples?.length) return schema.examples[0];
  if (schema.$ref) return exampleOf(document, shapeOf(document, schema), depth + 1);
  if (schema.enum) return schema.enum[0];
  const options = schema.oneOf ?? schema.anyOf;
  if (options) return exampleOf(document, present(options)[0], depth + 1);
  if (schema.allOf || schema.properties) {
    return Object.fromEntries(membersOf(document, schema).map((member) => [member.name, exampleOf(document, member.schema, depth + 1)]));
  }
  const type = [schema.type].flat().find((each) => each !== 'null');
  switch (type) {
    case 'array': return [exampleOf(document, schema.items, depth + 1)];
    case 'object': return schema.additionalProperties ? { name: exampleOf(document, schema.additionalProperties, depth + 1) } : {};
    case 'integer': case 'number': return schema.minimum ?? 1;
    case 'boolean': return false;
    case 'string': return 'text';
    default: return null;
  }
}

/** Every operation: `[{path, method, operation}]`, as the document has them. */
export function operationsOf(document) {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })));
}

/** Who may call, in words. */
export function callersOf(operation) {
  const ways = (operation.security ?? []).map((way) => {
    const [[scheme, scopes] = []] = Object.entries(way);
    if (!scheme) return 'anybody';
    return scheme === 'buyer' ? 'a buyer' : `an API key${scopes.length ? ` with ${scopes.join(', ')}` : ''}`;
  });
  return ways.includes('anybody') ? 'Anybody' : ways.join(', or ').replace(/^./, (letter) => letter.toUpperCase());
}
