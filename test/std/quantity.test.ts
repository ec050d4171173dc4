import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseQuantity, quantityText, unitNames } from '../../std/quantity.js';

const READ: readonly [text: string, name: string, value: number][] = [
  ['64MiB', 'max_body_bytes', 64 * 1024 * 1024],
  ['64 mib', 'max_body_bytes', 64 * 1024 * 1024],
  ['1.5KiB', 'max_body_bytes', 1536],
  ['2MB', 'max_body_bytes', 2_000_000],
  ['512', 'max_body_bytes', 512],
  ['30s', 'drain_timeout_ms', 30_000],
  ['2m', 'drain_timeout_ms', 120_000],
  ['1.1s', 'drain_timeout_ms', 1100],
  ['1ms', 'poll_us', 1000],
  ['8080', 'port', 8080],
  ['0.5', 'port', 0.5],
];
for (const [text, name, value] of READ) {
  test(`'${text}' of ${name} is ${value}`, () => assert.equal(parseQuantity(text, name), value));
}

for (const [text, name] of [
  ['', 'port'],
  ['-1', 'port'],
  ['0x10', 'port'],
  ['1e3', 'port'],
  ['30s', 'port'],
  ['30s', 'max_body_bytes'],
  ['64MiB', 'drain_timeout_ms'],
  ['MiB', 'max_body_bytes'],
  ['1 2', 'max_body_bytes'],
  ['Infinity', 'max_body_bytes'],
  ['5constructor', 'max_body_bytes'],
] as const) {
  test(`'${text}' is no value of ${name}`, () => assert.ok(Number.isNaN(parseQuantity(text, name))));
}

test('what is shown reads back as the same value', () => {
  const name = fc.constantFrom('max_body_bytes', 'drain_timeout_ms', 'poll_us', 'port');
  fc.assert(
    fc.property(
      name,
      fc.integer({ min: 0, max: 2 ** 40 }),
      fc.constantFrom(1, 1000, 1024, 60_000),
      (setting, value, factor) => {
        assert.equal(parseQuantity(quantityText(value * factor, setting), setting), value * factor);
      },
    ),
  );
  assert.equal(quantityText(64 * 1024 * 1024, 'max_body_bytes'), '64MiB');
  assert.equal(quantityText('net', 'socket'), 'net');
});

test('the units are named, and none where there is none', () => {
  assert.match(unitNames('max_body_bytes'), /mib/);
  assert.equal(unitNames('port'), '');
});
