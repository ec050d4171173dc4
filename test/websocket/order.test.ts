import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OrderBuffer } from '../../runtime/websocket/order.js';

test('whatever the order in which places are filled, items leave in the order of places, each once, as early as possible', () => {
  const permutation = fc
    .integer({ min: 0, max: 60 })
    .chain((size) => fc.shuffledSubarray([...Array(size).keys()], { minLength: size, maxLength: size }));
  fc.assert(
    fc.property(permutation, (filling) => {
      const order = new OrderBuffer<string>();
      for (const _ of filling) order.take();
      const left: string[] = [];
      const filled = new Set<number>();
      for (const place of filling) {
        filled.add(place);
        const waits = order.waits(place);
        let before = left.length;
        order.fill(place, `item ${place}`, (item, waited) => {
          assert.equal(waited, item !== `item ${place}`);
          left.push(item);
        });
        assert.equal(waits, left.length === before);
        before = 0;
        while (filled.has(before)) before++;
        assert.equal(left.length, before);
        assert.equal(order.open, filling.length - left.length);
      }
      assert.deepEqual(
        left,
        filling.map((_, place) => `item ${place}`),
      );
    }),
  );
});
