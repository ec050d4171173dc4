import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { TidegateError } from '../../../contract/error.js';
import { AuditJournal, headPath, readHead } from '../../../control-plane/audit/audit-journal.js';
import { verifyChain } from '../../../control-plane/audit/chain.js';
import { canonical, type NewFact } from '../../../control-plane/audit/entry.js';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const WHO = { name: 'ada', token: '0123456789ab', role: 'admin' };

function pathIn(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'tidegate-audit-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'audit.jsonl');
}

function fact(n: number): NewFact {
  if (n % 3 === 2) return { kind: 'answered', of: n - 1, status: 201, outcome: 'done', etag: `"${n}"` };
  if (n % 3 === 0) {
    return {
      kind: 'refused',
      who: WHO,
      from: '::1',
      method: 'PUT',
      path: '/v1/x',
      code: 'FORBIDDEN',
      detail: `no ü ${n}`,
    };
  }
  return { kind: 'asked', who: WHO, from: '::1', method: 'POST', path: `/v1/models/m${n}`, what: 'make a version' };
}

function written(path: string, count: number): string[] {
  let now = NOW;
  const log = new AuditJournal(path, () => now++);
  for (let n = 1; n <= count; n++) log.append(fact(n));
  log.close();
  return readFileSync(path, 'utf8').trimEnd().split('\n');
}

const isDamage = (pattern: RegExp) => (error: unknown) =>
  error instanceof TidegateError && error.code === 'INVALID_CONFIG' && pattern.test(error.message);

test('entries are chained, survive a restart, and are read newest first page by page', (t) => {
  const path = pathIn(t);
  written(path, 200);
  const log = new AuditJournal(path, () => NOW);
  t.after(() => log.close());
  assert.equal(log.head.n, 200);
  log.append(fact(1));
  const seen: number[] = [];
  for (let before = 300; ; ) {
    const page = log.page(before, 37);
    if (page.length === 0) break;
    seen.push(...page.map(({ n }) => n));
    before = page[page.length - 1].n;
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 201 }, (_, n) => 201 - n),
  );
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  assert.deepEqual(verifyChain(lines, log.head), { head: log.head });
});

/** What somebody with an editor may do to the lines of a log; undefined: it would be no change. */
const tampering = (count: number) =>
  fc.oneof(
    fc
      .record({
        kind: fc.constant('edit' as const),
        at: fc.nat(count - 1),
        where: fc.nat(),
        byte: fc.integer({ min: 32, max: 126 }),
      })
      .map(({ at, where, byte }) => (lines: readonly string[]) => {
        const line = lines[at];
        const place = where % line.length;
        const edited = line.slice(0, place) + String.fromCharCode(byte) + line.slice(place + 1);
        return edited === line ? undefined : lines.with(at, edited);
      }),
    fc.record({ at: fc.nat(count - 1) }).map(
      ({ at }) =>
        (lines: readonly string[]) =>
          lines.toSpliced(at, 1),
    ),
    fc.record({ at: fc.nat(count - 1), to: fc.nat(count - 1) }).map(
      ({ at, to }) =>
        (lines: readonly string[]) =>
          at === to ? undefined : lines.with(at, lines[to]).with(to, lines[at]),
    ),
    fc.record({ at: fc.nat(count - 1), to: fc.nat(count) }).map(
      ({ at, to }) =>
        (lines: readonly string[]) =>
          lines.toSpliced(to, 0, lines[at]),
    ),
    fc.integer({ min: 1, max: count }).map((gone) => (lines: readonly string[]) => lines.slice(0, count - gone)),
  );

test('every edit, deletion, reordering, repetition and truncation is found', (t) => {
  const path = pathIn(t);
  const lines = written(path, 12);
  const known = readHead(headPath(path));
  fc.assert(
    fc.property(tampering(12), (tamper) => {
      const changed = tamper(lines);
      if (changed === undefined) return;
      const { broken, head } = verifyChain(changed, known);
      assert.ok(broken !== undefined, changed.join('\n'));
      assert.ok(head.n < 12 || changed.length > 12);
      writeFileSync(path, changed.map((line) => `${line}\n`).join(''));
      assert.throws(() => new AuditJournal(path, () => NOW), isDamage(/was damaged/));
    }),
    { numRuns: 300 },
  );
});

test('an entry that was made to fit by counting its hash again breaks the one behind it, or the head', (t) => {
  const path = pathIn(t);
  const lines = written(path, 5);
  const known = readHead(headPath(path));
  const other = pathIn(t);
  const log = new AuditJournal(other, () => NOW + 7);
  for (let n = 1; n <= 5; n++) log.append(fact(n + 3));
  log.close();
  const forged = readFileSync(other, 'utf8').trimEnd().split('\n');
  assert.match(verifyChain(forged, known).broken?.problem ?? '', /entry 5 is not the one that was known/);
  assert.match(verifyChain([...forged.slice(0, 4), lines[4]], known).broken?.problem ?? '', /does not follow/);
});

test('a line that a crash cut short is dropped, and the log goes on; what was acknowledged is all there', (t) => {
  const path = pathIn(t);
  const lines = written(path, 4);
  appendFileSync(path, '{"at":"2026-03-01T12:0');
  const log = new AuditJournal(path, () => NOW);
  assert.equal(log.append(fact(1)).n, 5);
  log.close();
  assert.equal(verifyChain(readFileSync(path, 'utf8').trimEnd().split('\n')).head.n, 5);
  truncateSync(path, lines.join('\n').length);
  assert.throws(() => new AuditJournal(path, () => NOW), isDamage(/ends with entry 3, and there were 5/));
});

test('a head that a crash left behind the log is caught up', (t) => {
  const path = pathIn(t);
  written(path, 3);
  const before = readFileSync(headPath(path));
  const log = new AuditJournal(path, () => NOW);
  log.append(fact(1));
  log.close();
  writeFileSync(headPath(path), before);
  new AuditJournal(path, () => NOW).close();
  assert.equal(readHead(headPath(path)).n, 4);
});

test('one value has one text, whatever the order of its members', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const turned = Object.fromEntries(Object.entries(value).reverse());
      assert.equal(canonical(turned), canonical(value));
      assert.deepEqual(JSON.parse(canonical(value)), JSON.parse(JSON.stringify(value)));
    }),
  );
});
