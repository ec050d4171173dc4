import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { Journal, journalLines } from '../../std/journal.js';

function fresh(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'tidegate-journal-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'deep', 'a.jsonl');
}

function linesOf(path: string): string[] {
  const lines: string[] = [];
  Journal.open(path, (line) => lines.push(line)).close();
  return lines;
}

test('what was appended is there when the journal is opened again, with the byte where each line begins', (t) => {
  const path = fresh(t);
  const journal = Journal.open(path, () => assert.fail('a new journal holds nothing'));
  journal.append('{"a":"ü"}');
  journal.append('{"b":2}');
  const found: [string, number][] = [];
  journal.close();
  Journal.open(path, (line, at) => found.push([line, at])).close();
  assert.deepEqual(found, [
    ['{"a":"ü"}', 0],
    ['{"b":2}', 11],
  ]);
  assert.equal(statSync(path).mode & 0o077, 0, 'others may not read it');
});

test('a crash at any byte loses at most the line that was being written, and the next append stands alone', (t) => {
  const path = fresh(t);
  const lines = fc.array(
    fc.string({ minLength: 1, maxLength: 8 }).map((text) => JSON.stringify(text)),
    {
      minLength: 1,
      maxLength: 6,
    },
  );
  fc.assert(
    fc.property(lines, fc.nat(), (given, where) => {
      rmSync(path, { force: true });
      const journal = Journal.open(path, () => undefined);
      for (const line of given) journal.append(line);
      journal.close();
      const whole = readFileSync(path);
      truncateSync(path, where % (whole.length + 1));
      const kept = linesOf(path);
      assert.deepEqual(kept, given.slice(0, kept.length));
      assert.ok(
        kept.length >=
          whole
            .subarray(0, where % (whole.length + 1))
            .toString('utf8')
            .split('\n').length -
            1,
      );
      const again = Journal.open(path, () => undefined);
      again.append('"last"');
      again.close();
      assert.deepEqual(linesOf(path), [...kept, '"last"']);
    }),
    { numRuns: 60 },
  );
});

test('lines longer than what is read at once come out whole, each with its place', (t) => {
  const path = fresh(t);
  const journal = Journal.open(path, () => undefined);
  const lines = ['a', 'b'.repeat(1_048_575), 'ü'.repeat(1_600_000), 'c'.repeat(1_048_576), 'd'];
  for (const line of lines) journal.append(line);
  journal.close();
  const found = [...journalLines(path)];
  assert.deepEqual(
    found.map(({ line }) => line),
    lines,
  );
  const whole = readFileSync(path);
  for (const { line, at_bytes, end_bytes } of found) {
    assert.equal(whole.toString('utf8', at_bytes, end_bytes), `${line}\n`);
  }
});

test('replaced lines stand in the place of all, and appending goes on behind them', (t) => {
  const path = fresh(t);
  const journal = Journal.open(path, () => undefined);
  for (const line of ['1', '2', '3']) journal.append(line);
  journal.replace(['3']);
  journal.append('4');
  assert.equal(journal.size_bytes, statSync(path).size);
  journal.close();
  appendFileSync(path, '5 torn');
  assert.deepEqual(linesOf(path), ['3', '4']);
});
