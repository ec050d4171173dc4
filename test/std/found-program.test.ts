import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TidegateError } from '../../contract/error.js';
import { type ForeignProgram, firstThatRuns, verify, waysTo } from '../../std/found-program.js';

const PROGRAM: ForeignProgram = {
  name: 'thing',
  version: '1.2.3',
  ask: ['--version'],
  answers: /^thing v/,
  wheel: { project: 'thing-bin', sha256: new Set() },
  go: 'example.org/thing',
  hint: 'Say where it is with --thing PATH.',
};

test('a program that cannot be found is an error with everything that was tried, in order, and what to do', async () => {
  const ways = [
    { name: 'first', find: () => Promise.resolve('/nowhere/thing') },
    { name: 'second', find: () => Promise.reject(new Error('no network')) },
    { name: 'third', find: () => Promise.resolve(process.execPath) },
  ];
  await assert.rejects(firstThatRuns(PROGRAM, ways), (thrown) => {
    assert.ok(thrown instanceof TidegateError);
    const reasons =
      /first: not there\n {2}second: no network\n {2}third: .*does not answer as it should\n.*--thing PATH/s;
    assert.match(thrown.message, reasons);
    return true;
  });
});

test('what is named is the only one that is tried; else the PATH comes first and Go last, and slow ways are told', async () => {
  assert.deepEqual(
    waysTo(PROGRAM, '/cache', { by: '--thing', path: '/my/thing' }).map(({ name }) => name),
    ['--thing'],
  );
  const ways = waysTo(PROGRAM, '/cache');
  assert.equal(ways[0].name, 'PATH');
  assert.match(ways.at(-1)?.name ?? '', /^go install/);
  const told: string[] = [];
  const refusing = ways.map((way) => ({ ...way, find: () => Promise.reject(new Error('no')) }));
  await assert.rejects(firstThatRuns(PROGRAM, refusing, (line) => told.push(line)));
  assert.deepEqual(
    told.map((line) => /getting it \((.*)\)/.exec(line)?.[1]),
    ways.filter(({ isSlow }) => isSlow).map(({ name }) => name),
  );
});

test('a download with other bytes than those that are pinned is not used', () => {
  const sha256 = new Set(['2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824']);
  verify(Buffer.from('hello'), sha256, 'a');
  assert.throws(() => verify(Buffer.from('hellO'), sha256, 'a.whl'), /a\.whl has the sha256 .*: it is not used/);
});
