import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TidegateError } from '../../../contract/error.js';
import { firstK6, verify, waysToK6 } from '../../../loadtest/k6/find-k6.js';

test('a k6 that cannot be found is an error with everything that was tried, in order', async () => {
  const ways = [
    { name: 'first', find: () => Promise.resolve('/nowhere/k6') },
    { name: 'second', find: () => Promise.reject(new Error('no network')) },
    { name: 'third', find: () => Promise.resolve(process.execPath) },
  ];
  await assert.rejects(firstK6(ways), (thrown) => {
    assert.ok(thrown instanceof TidegateError);
    assert.match(thrown.message, /first: not there\n {2}second: no network\n {2}third: .+\n.*--k6 PATH/s);
    return true;
  });
});

test('a k6 that is named is the only one that is tried; else the PATH comes first and Go last', () => {
  assert.deepEqual(
    waysToK6('/my/k6', '/cache').map(({ name }) => name),
    ['--k6'],
  );
  const names = waysToK6(undefined, '/cache').map(({ name }) => name);
  assert.equal(names[0], 'PATH');
  assert.match(names.at(-1) ?? '', /^go install/);
});

test('a download with other bytes than those that are pinned is not used', () => {
  const sha256 = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
  verify(Buffer.from('hello'), sha256, 'a');
  assert.throws(() => verify(Buffer.from('hellO'), sha256, 'a.whl'), /a\.whl has the sha256 .*: it is not used/);
});
