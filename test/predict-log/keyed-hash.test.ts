import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { hashKeyOf, KeyedHash } from '../../runtime/predict-log/keyed-hash.js';
import { temporaryFolder } from '../harness/checkout.js';

test('a data folder makes its key once, for its owner alone, and a damaged key is an error', async (t) => {
  const folder = join(await temporaryFolder(t, 'key'), 'data');
  const key = hashKeyOf(folder);
  assert.match(key, /^[0-9a-f]{64}$/);
  assert.equal(hashKeyOf(folder), key);
  const path = join(folder, 'log-hash.key');
  assert.equal(readFileSync(path, 'utf8').trim(), key);
  if (process.platform !== 'win32') assert.equal(statSync(path).mode & 0o777, 0o600);
  writeFileSync(path, 'short');
  assert.throws(() => hashKeyOf(folder), { code: 'INVALID_CONFIG', message: /holds no key/ });
  writeFileSync(join(folder, 'file'), '');
  assert.throws(() => hashKeyOf(join(folder, 'file')), { code: 'INVALID_CONFIG', message: /set log_hash_key/ });
});

test('equal values have equal hashes with one key, and others with another', () => {
  const one = new KeyedHash('one');
  assert.equal(one.text('a'), new KeyedHash('one').text('a'));
  assert.notEqual(one.text('a'), one.text('b'));
  assert.notEqual(one.text('a'), new KeyedHash('other').text('a'));
  assert.match(one.text(''), /^[0-9a-f]{32}$/);
  // More values than are remembered: what was forgotten is made again.
  for (let value = 0; value < 10_001; value++) one.text(String(value));
  assert.equal(one.text('a'), new KeyedHash('one').text('a'));
});
