import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isMap, parseDocument } from 'yaml';
import { z } from 'zod';
import { WS_PATH } from '../../contract/ws-address.js';
import { WS_MESSAGES } from '../../contract/ws-message.js';

/** Run this test with UPDATE_ASYNCAPI=1 to write the schemas into the document after a change of contract/ws-message.ts. */
const FILE = fileURLToPath(new URL('../../../docs/asyncapi.yaml', import.meta.url));

type Json = Readonly<Record<string, unknown>>;

function wireSchemas(): Record<string, Json> {
  const schemas = Object.entries(WS_MESSAGES).map(([name, schema]): [string, Json] => {
    const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', target: 'draft-7' });
    assert.equal(typeof $schema, 'string');
    return [name, rest];
  });
  return Object.fromEntries(schemas);
}

function resolve(document: unknown, reference: string): unknown {
  return reference
    .slice(2)
    .split('/')
    .reduce((node: unknown, key) => (isObject(node) ? node[key] : undefined), document);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}

function references(node: unknown): string[] {
  if (!isObject(node)) return [];
  const own = typeof node['$ref'] === 'string' ? [node['$ref']] : [];
  return [...own, ...Object.values(node).flatMap(references)];
}

test('docs/asyncapi.yaml describes exactly the messages that the server reads and writes', () => {
  const parsed = parseDocument(readFileSync(FILE, 'utf8'));
  assert.deepEqual(parsed.errors, []);
  if (process.env['UPDATE_ASYNCAPI'] === '1') {
    parsed.setIn(['components', 'schemas'], parsed.createNode(wireSchemas()));
    writeFileSync(FILE, parsed.toString({ lineWidth: 120 }));
  }
  assert.ok(isMap(parsed.contents));
  const document: unknown = parsed.toJS();
  assert.equal(resolve(document, '#/asyncapi'), '3.0.0');
  assert.equal(resolve(document, '#/channels/streaming/address'), WS_PATH);
  assert.deepEqual(resolve(document, '#/components/schemas'), wireSchemas());

  for (const reference of references(document)) {
    assert.ok(resolve(document, reference) !== undefined, `${reference} leads nowhere`);
  }
  const channel = resolve(document, '#/channels/streaming/messages');
  assert.deepEqual(isObject(channel) && Object.keys(channel), Object.keys(WS_MESSAGES));
  const operations = references(resolve(document, '#/operations')).filter((one) => one.includes('/messages/'));
  const inOperations = operations.map((one) => one.split('/').at(-1)).sort();
  assert.deepEqual(inOperations, Object.keys(WS_MESSAGES).sort(), 'each message belongs to one operation');
});
