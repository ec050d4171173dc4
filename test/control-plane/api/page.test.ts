import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { TidegateError } from '../../../contract/error.js';
import { IdempotencyStore } from '../../../control-plane/api/idempotency-store.js';
import { Operations } from '../../../control-plane/api/operations.js';
import { Cursors, pageOf } from '../../../control-plane/api/page.js';

const KEY = Buffer.alloc(32, 7);
const isInvalid = (error: unknown) => error instanceof TidegateError && error.code === 'INVALID_PARAMETER';

test('pages of any size show each item once, in order, also when items come in front meanwhile', () => {
  const cursors = new Cursors(KEY, z.int());
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(1000)), fc.integer({ min: 1, max: 9 }), fc.nat(3), (items, limit, more) => {
      let sorted = items.toSorted((a, b) => b - a);
      const wanted = sorted;
      const seen: number[] = [];
      let cursor: string | undefined;
      do {
        const behind = cursors.read('list', {}, cursor);
        const page = pageOf(
          sorted,
          limit,
          (item) => behind === undefined || item < behind,
          (last) => cursors.write('list', {}, last),
        );
        seen.push(...page.items);
        cursor = page.next_cursor ?? undefined;
        sorted = [...Array.from({ length: more }, (_, n) => (sorted[0] ?? 0) + more - n), ...sorted];
      } while (cursor !== undefined);
      assert.deepEqual(seen, wanted);
    }),
  );
});

test('a cursor that was changed anywhere, or is of another list, filter or key, is refused', () => {
  const cursors = new Cursors(KEY, z.string());
  const text = cursors.write('audit', { who: 'ada' }, 'x'.repeat(20));
  assert.equal(cursors.read('audit', { who: 'ada' }, text), 'x'.repeat(20));
  assert.throws(() => cursors.read('operations', { who: 'ada' }, text), isInvalid);
  assert.throws(() => cursors.read('audit', { who: 'bob' }, text), isInvalid);
  assert.throws(() => new Cursors(Buffer.alloc(32, 8), z.string()).read('audit', { who: 'ada' }, text), isInvalid);
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.constantFrom(...'ABCxyz019-_=+ '), (at, put) => {
      const changed = text.slice(0, at) + put + text.slice(at + 1);
      fc.pre(changed !== text);
      assert.throws(() => cursors.read('audit', { who: 'ada' }, changed), isInvalid);
    }),
  );
  for (const nonsense of ['', 'x', '%', text + text])
    assert.throws(() => cursors.read('audit', { who: 'ada' }, nonsense), isInvalid);
});

test('a damaged file of keys or operations is named, with what moving it away forgets', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tidegate-damaged-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'file.jsonl');
  appendFileSync(path, '{"kind":"what"}\n');
  const isDamage = (lost: string) => (error: unknown) =>
    error instanceof TidegateError && error.code === 'INVALID_CONFIG' && error.message.includes(lost);
  assert.throws(() => new IdempotencyStore(path, 0), isDamage('requests of the last day'));
  assert.throws(
    () =>
      new Operations(
        path,
        () => 0,
        () => undefined,
      ),
    isDamage('how long work ended'),
  );
});
