import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FailureLimit } from '../../../control-plane/access/failure-limit.js';

test('ten refusals at once, then one every six seconds', () => {
  const limit = new FailureLimit();
  for (let n = 0; n < 10; n++) assert.equal(limit.failed('192.0.2.1', 0), 0);
  assert.equal(limit.failed('192.0.2.1', 0), 6000);
  assert.equal(limit.failed('192.0.2.1', 3000), 3000);
  assert.equal(limit.failed('192.0.2.1', 6000), 0);
  assert.equal(limit.failed('192.0.2.2', 6000), 0, 'another address has a limit of its own');
});

test('addresses of one IPv6 network share a limit, however they are written', () => {
  const limit = new FailureLimit();
  const network = ['2001:db8::1', '2001:0db8:0:0:ffff::2', '2001:DB8:0:0:1:2:3:4'];
  for (let n = 0; n < 10; n++) limit.failed(network[n % network.length], 0);
  for (const address of network) assert.notEqual(limit.failed(address, 0), 0, address);
  assert.equal(limit.failed('2001:db8:0:1::1', 0), 0);
  for (let n = 0; n < 10; n++) limit.failed('::ffff:192.0.2.9', 0);
  assert.notEqual(limit.failed('192.0.2.9', 0), 0);
});

test('no crowd of addresses fills the memory, and the limited one is remembered through its own attempts', () => {
  const limit = new FailureLimit();
  for (let n = 0; n < 11; n++) limit.failed('192.0.2.1', 0);
  for (let n = 0; n < 20_000; n++) {
    limit.failed(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, 0);
    if (n % 5000 === 0) assert.notEqual(limit.failed('192.0.2.1', 0), 0);
  }
  assert.equal(limit.addresses, 10_000);
});

test('within any span the refusals that pass are at most ten and one for every six seconds', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20_000), { maxLength: 100 }), (gaps) => {
      const limit = new FailureLimit();
      let now = 0;
      let passed = 0;
      for (const gap of gaps) {
        now += gap;
        if (limit.failed('a', now) === 0) passed++;
      }
      assert.ok(passed <= 10 + Math.ceil(now / 6000));
    }),
  );
});
