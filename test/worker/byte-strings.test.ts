import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SlabViews } from '../../runtime/codec/slab-views.js';
import { decodeStrings, encodedStringsLength, encodeStrings } from '../../runtime/worker/byte-strings.js';

function wire(elements: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    elements.flatMap((element) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(element.length);
      return [length, element];
    }),
  );
}

function decoded(elements: readonly Uint8Array[]): string[] {
  const bytes = wire(elements);
  const views = new SlabViews(new SharedArrayBuffer(8 * Math.ceil((bytes.length + 8) / 8)));
  views.u8.set(bytes, 8);
  return decodeStrings([{ views, offset: 8, bytes: bytes.length, rows: 1 }]);
}

const element = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.string({ unit: 'grapheme' }).map((text) => Buffer.from(text)),
  fc.constantFrom('\u{10FFF0}', '\u{10FFF0}00', 'a\u0000b').map((text) => Buffer.from(text)),
);

test('any bytes come back as they were, and what crosses the model is text without NUL', () => {
  fc.assert(
    fc.property(fc.array(element, { maxLength: 8 }), (elements) => {
      const strings = decoded(elements);
      for (const text of strings) assert.ok(!text.includes('\u0000') && Buffer.from(text).toString() === text);
      const target = Buffer.alloc(encodedStringsLength(strings));
      encodeStrings(strings, target, 0);
      assert.equal(target.toString('hex'), wire(elements).toString('hex'));
    }),
  );
});

test('ordinary text reaches the model as it is', () => {
  assert.deepEqual(decoded(['', 'héllo 日本 🦊', 'tab\t'].map((text) => Buffer.from(text))), [
    '',
    'héllo 日本 🦊',
    'tab\t',
  ]);
});
