import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { murmur3 } from '../../contract/murmur3.js';
import { type RouteEntry, route, routeTable } from '../../contract/routing.js';
import { CHECKOUT } from '../harness/checkout.js';

const entry = (version: number, weight: number, role: RouteEntry['role'] = 'champion'): RouteEntry => ({
  version,
  weight,
  role,
  routes: [],
});
const KEYS = Array.from({ length: 20_000 }, (_, index) => `user-${index}`);
function sent(entries: readonly RouteEntry[], keys = KEYS, model = 'iris'): readonly number[] {
  const table = routeTable(model, entries);
  return keys.map((key) => {
    const choice = route(table, { key, draw: 0 });
    assert.equal(choice.kind, 'chosen');
    return choice.kind === 'chosen' ? choice.version : 0;
  });
}
/** Six standard deviations: one honest run in a thousand million leaves them. */
function assertShare(count: number, of: number, share: number): void {
  const spread = 6 * Math.sqrt(of * share * (1 - share)) + 1;
  assert.ok(Math.abs(count - of * share) <= spread, `${count} of ${of} is not ${share}`);
}

test('the hash is MurmurHash3 x86 32: vectors of its reference implementation', () => {
  const hash = (text: string, seed: number) => murmur3(new TextEncoder().encode(text), seed);
  assert.equal(hash('', 0), 0);
  assert.equal(hash('', 1), 0x514e28b7);
  assert.equal(hash('', 0xffffffff), 0x81f16f39);
  assert.equal(hash('\0\0\0\0', 0), 0x2362f9de);
  assert.equal(hash('a', 0x9747b28c), 0x7fa09ea6);
  assert.equal(hash('aa', 0x9747b28c), 0x5d211726);
  assert.equal(hash('aaa', 0x9747b28c), 0x283e0130);
  assert.equal(hash('aaaa', 0x9747b28c), 0x5a97808a);
  assert.equal(hash('abc', 0), 0xb3dd93fa);
  assert.equal(hash('Hello, world!', 0x9747b28c), 0x24884cba);
  assert.equal(hash('The quick brown fox jumps over the lazy dog', 0x9747b28c), 0x2fa826cd);
  assert.equal(murmur3(Uint8Array.of(0xff, 0xff, 0xff, 0xff), 0), 0x76293b50);
  assert.equal(murmur3(Uint8Array.of(0x21, 0x43, 0x65, 0x87), 0x5082edee), 0x2362f9de);
});

test('the vectors of docs/routing.md come out as they are published', () => {
  const text = readFileSync(join(CHECKOUT, 'docs/routing.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `([^`]*)` \| `([^`]*)` \| ([\d:, ]+) \| (\d+) \|$/gm)];
  assert.ok(rows.length >= 12, 'the table is there');
  for (const [line, model, key, weights, version] of rows) {
    const entries = weights.split(', ').map((pair) => {
      const [number, weight] = pair.split(':').map(Number);
      return entry(number, weight);
    });
    assert.deepEqual(sent(entries, [key], model), [Number(version)], line);
  }
});

const weights = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 2, maxLength: 5 });

test('each version gets its share, with keys and without', () => {
  fc.assert(
    fc.property(weights, (list) => {
      const entries = list.map((weight, index) => entry(index + 1, weight));
      const total = list.reduce((sum, weight) => sum + weight, 0);
      const table = routeTable('iris', entries);
      const drawn = KEYS.map((_, index) => route(table, { draw: index / KEYS.length }));
      const keyed = sent(entries);
      for (const { version, weight } of entries) {
        assertShare(keyed.filter((each) => each === version).length, KEYS.length, weight / total);
        const share = drawn.filter((each) => each.kind === 'chosen' && each.version === version).length;
        assert.ok(Math.abs(share - (KEYS.length * weight) / total) <= 2);
      }
    }),
    { numRuns: 20 },
  );
});

test('a canary that grows from 5 to 10 % takes exactly what it gains, and nobody else moves', () => {
  const [before, after] = [sent([entry(1, 95), entry(2, 5, 'canary')]), sent([entry(1, 90), entry(2, 10, 'canary')])];
  const moved = KEYS.filter((_, index) => before[index] !== after[index]);
  assertShare(moved.length, KEYS.length, 0.05);
  assert.ok(before.every((version, index) => version === 1 || after[index] === 2));
});

test('when one weight grows, keys only ever move to that version; when one version goes, only its keys move', () => {
  const some = KEYS.slice(0, 2_000);
  fc.assert(
    fc.property(weights, fc.nat(), fc.integer({ min: 1, max: 100 }), (list, pick, more) => {
      const entries = list.map((weight, index) => entry(index + 1, weight));
      const grown = entries[pick % entries.length];
      const before = sent(entries, some);
      const after = sent(
        entries.map((each) => (each === grown ? { ...each, weight: each.weight + more } : each)),
        some,
      );
      assert.ok(before.every((version, index) => after[index] === version || after[index] === grown.version));
      const without = sent(
        entries.filter((each) => each !== grown),
        some,
      );
      assert.ok(before.every((version, index) => version === grown.version || without[index] === version));
      assert.deepEqual(sent(entries.toReversed(), some), before);
    }),
    { numRuns: 50 },
  );
});

test('keys of any length and script stay where they are, short ones between long ones too', () => {
  const entries = [entry(1, 50), entry(2, 50)];
  const keys = ['a', 'é'.repeat(255), '漢'.repeat(256), '漢'.repeat(257), '\u{1f600}'.repeat(300), ''];
  const alone = keys.map((key) => sent(entries, [key])[0]);
  assert.deepEqual(sent(entries, [...keys, ...keys.toReversed()]), [...alone, ...alone.toReversed()]);
});

test('what is forced is obeyed or refused, and shadows answer only who names them', () => {
  const table = routeTable('iris', [
    { ...entry(1, 100), routes: ['stable'] },
    { ...entry(2, 0, 'canary'), routes: ['beta'] },
    entry(3, 100, 'shadow'),
  ]);
  assert.deepEqual(route(table, { version: 3, draw: 0 }), { kind: 'chosen', version: 3, by: 'version' });
  assert.deepEqual(route(table, { route: 'beta', key: 'a', draw: 0 }), { kind: 'chosen', version: 2, by: 'route' });
  assert.deepEqual(route(table, { version: 9, route: 'beta', draw: 0 }), { kind: 'unknown-version' });
  assert.deepEqual(route(table, { route: 'gamma', draw: 0 }), { kind: 'unknown-route' });
  assert.deepEqual(route(table, { draw: 0.999999 }), { kind: 'chosen', version: 1, by: 'weight' });
  assert.deepEqual(route(routeTable('iris', []), { key: 'a', draw: 0 }), { kind: 'nothing-serves' });
  assert.deepEqual(table.shadows, [3]);
});
